"""A text that cannot be read, mended so far that the rest of it can be drawn.

What is mended is no text that anybody wrote: messages are those of the text as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from archdsl.base.text import Span
from archdsl.syntax.brackets import BRACKETS, CLOSER, masked

GAP = "..."
_CHAIN = re.compile(r"\s*(?:[\w ,]+=(?!=)|->)?[ \t]*(.*?)[ \t]*(?:->)?\s*")
_OPENING = re.compile(rf"{BRACKETS.pattern}|^(?:block|net)\b", re.MULTILINE)
_DANGLING = re.compile(r"->\s*\Z")


def mended(text: str) -> str:
    """A text whose brackets pair up: one that was never opened is left out, one that was never closed is closed, that
    of arguments at the end of its element, another where what is around it ends. A string ends with its line."""
    changes: list[tuple[int, int, str]] = []
    opened: list[tuple[str, int]] = []
    plain = masked(text)

    def close(bracket: str, start: int, at: int, behind: str = "") -> None:
        ends = (found for mark in ("->", "\n") if (found := plain.find(mark, start, at)) >= 0)
        end = min(ends, default=at) if bracket == "(" else at
        # nor must it become part of a comment
        end = len(plain[:end].rstrip(" ")) if bracket == "(" else end
        changes.append((end, end, CLOSER[bracket] + (behind if end == at else "")))

    for found in _OPENING.finditer(text):
        character, at = found[0], found.start()
        if character.isalpha():
            # nothing is open where a definition begins
            while opened:
                close(*opened.pop(), at, "\n")
        elif character[0] == '"' and found["end"] is None:
            changes.append((found.end(), found.end(), '"'))
        elif character in CLOSER:
            opened.append((character, at))
        elif character in ")]}":
            if all(CLOSER[bracket] != character for bracket, _ in opened):
                changes.append((at, at + 1, " "))
                continue
            while CLOSER[opened[-1][0]] != character:
                close(*opened.pop(), at)
            opened.pop()
    while opened:
        close(*opened.pop(), len(text))
    pieces: list[str] = []
    last = 0
    for start, end, put in sorted(changes, key=lambda change: change[0]):
        pieces += [text[last:start], "\n" if start == len(text) and put in CLOSER.values() else "", put]
        last = end
    return "".join((*pieces, text[last:]))


def with_gap(text: str, fault: Span, lines: Span, tried: Collection[Span]) -> tuple[str, Span] | None:
    """A text of the same length in which some lines of a chain can be read: without an arrow that leads nowhere, with
    `...` for the element that a fault is in, or for all of the chain; and what was changed, which must not have been
    tried. None of lines that are no chain."""
    plain = masked(text)
    chain = _CHAIN.fullmatch(plain, lines.start, lines.end)
    arrow = _DANGLING.search(plain[: fault.start])
    spans: list[tuple[Span, str]] = []
    if arrow and plain[fault.start : fault.start + 1] in ")]}|":
        spans.append((Span(arrow.start(), arrow.start() + 2), ""))
    if chain:
        spans += [(element_around(plain, fault, Span(*chain.span(1))), GAP), (Span(*chain.span(1)), GAP)]
    for span, words in spans:
        made = f"{text[: span.start]}{words:{span.end - span.start}}{text[span.end :]}"
        if span not in tried and len(made) == len(text) and mended(made) == made:
            return made, span
    return None


def element_around(plain: str, fault: Span, chain: Span) -> Span:
    """The element of a chain that a fault is in, given a text without comments and strings."""
    start, inside, depth = fault.start, 0, 0
    while start > chain.start:
        before = plain[start - 1]
        if not depth and (plain[start - 2 : start] == "->" or before in "[{|"):
            break
        inside += before == "(" and not depth
        depth += (before in ")]}") - (before in "([{" and depth > 0)
        start -= 1
    # an arrow that comes too early ends the element before it
    end, depth = (fault.start if plain[start : fault.start].strip() else fault.end), 0
    while end < chain.end:
        after = plain[end]
        if not depth and not inside and (plain.startswith("->", end) or after in "]}|"):
            break
        if after == ")" and not depth:
            if not inside:
                break
            inside -= 1
        depth += (after in "([{") - (after in ")]}" and depth > 0)
        end += 1
    return Span(min(start, end), end)
