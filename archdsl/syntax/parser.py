"""Text to syntax tree, with every syntax fault of the text in one run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from archdsl.base.collector import collector_paused
from archdsl.base.diagnostics import Report
from archdsl.base.limits import Limits
from archdsl.base.text import Place, Source, Span
from archdsl.syntax import faults, tables
from archdsl.syntax.brackets import BRACKETS, CLOSER
from archdsl.syntax.build import Builder, Rejected
from archdsl.syntax.tree import Binding, Definition, File, Input, Output, Run, Share, Statement

_MOST_FAULTS = 20
# a text is read once more after each fault; a long one only so often that this stays a matter of seconds
_MOST_READ = 400_000
# trees of the texts that were read last, of which none may be long
_MOST_KEPT = 16
_LONGEST_KEPT = 50_000
_LINE = 200
_WORD_BEFORE = re.compile(r"([\w\-/]+)[ \t]+\Z")
_NAMES = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_DEFINES = re.compile(r"\s*(use|let|default|block|net)\b")
_FORBIDDEN = re.compile("[\x00\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHOWN = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "LABEL": "a name",
    "SIZES": "a shape",
    "_NL": "a new line",
    "$END": "the end of the text",
    "PATH": "a file",
    "BODY_OPEN": "`{`",
    "BRANCH_OPEN": "`{`",
    "RBRACE": "`}`",
    "RPAR": "`)`",
    "LPAR": "`(`",
    "RSQB": "`]`",
    "LSQB": "`[`",
    "OPTIONAL": "`?`",
    "COMPARE": "a comparison",
    "ELLIPSIS": "`...`",
    "MINUS": "`-`",
    "NOT": "`not`",
    "IN": "`in`",
}
_FIRST = ("`->`", "a name", "a number", "`)`", "`]`", "`}`", "`|`", "`,`", "`=`", "a shape")


def parse(source: Source, report: Report, limits: Limits, *, gaps: bool = False) -> File:
    """The syntax tree of a text. What cannot be read is reported; the tree then holds what could.

    gaps: whether a line of a chain that cannot be read is read as `...`, and what it stands in kept.
    """
    if len(source.text) > limits.text:
        report.add(faults.TextTooLong(len(source.text), limits.text), Place(source, Span(0, 0)))
        return _unread(source)
    if found := _FORBIDDEN.search(source.text):
        offset = len(source.text[: found.start()].encode())
        what = _forbidden(found[0])
        report.add(faults.UnreadableText(what, offset), Place(source, Span(*found.span())))
        return _unread(source)
    if not _brackets_match(source, report, limits):
        return _unread(source)
    return _file(source, report, gaps=gaps)


def _forbidden(character: str) -> str:
    if character == "\0":
        return "a NUL byte"
    kind = "half of a surrogate pair" if "\ud800" <= character <= "\udfff" else "the invisible character"
    return f"{kind} U+{ord(character):04X}"


def decode(data: bytes, name: str, report: Report) -> str:
    """The text that bytes hold, without a byte-order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = Source(name, data.decode("utf-8", "replace"))
        at = len(data[: error.start].decode("utf-8", "replace"))
        report.add(faults.UnreadableText("invalid UTF-8", error.start), Place(shown, Span(at, at + 1)))
        return ""


def _file(source: Source, report: Report, *, gaps: bool) -> File:
    """The tree of a text; a line with a fault is left out and the rest is read again, for the next fault."""
    text = source.text
    holes: list[Span] = []
    for _ in range(min(_MOST_FAULTS, 1 + _MOST_READ // (len(text) + 1))):
        try:
            statements = _kept_statements(text) if len(text) <= _LONGEST_KEPT else _statements(text)
            return File(source, statements) if gaps else _without_holes(source, statements, holes)
        except UnexpectedToken as error:
            fault, span = _unexpected(error, text)
        except UnexpectedCharacters as error:
            span = Span(error.pos_in_stream or 0, (error.pos_in_stream or 0) + 1)
            character = text[span.start]
            fault = faults.UnfinishedText() if character == '"' else faults.UnexpectedCharacter(character)
        except VisitError as error:
            if not isinstance(error.orig_exc, Rejected):
                raise
            fault, span = error.orig_exc.fault, error.orig_exc.span
        except Rejected as error:
            fault, span = error.fault, error.span
        report.add(fault, Place(source, span))
        hole = _lines_of(text, span)
        if made := _with_gap(text, span, hole, holes) if gaps else None:
            text, hole = made
        else:
            text = text[: hole.start] + re.sub(r"[^\n]", " ", text[hole.start : hole.end]) + text[hole.end :]
        holes.append(hole)
        if not _balanced(text):
            break
    return _unread(source)


def _with_gap(text: str, fault: Span, lines: Span, tried: list[Span]) -> tuple[str, Span] | None:
    """The text with a gap in some lines, and what was changed; None where they are no chain."""
    # only pictures of texts that are wrong need it
    from archdsl.syntax.mending import with_gap

    return None if _DEFINES.match(text[lines.start : lines.end]) else with_gap(text, fault, lines, tried)


def _without_holes(source: Source, statements: tuple[Statement, ...], holes: list[Span]) -> File:
    """The file without the statements that lines were left out of, and the names that went with them: what remains can
    be looked at without blaming it for what is lost."""
    whole: list[Statement] = []
    names: set[str] = set()
    chain_lost = False
    for hole in holes:
        text = source.text[hole.start : hole.end]
        names |= _names(text)
        outside = not any(isinstance(each, Definition) and _overlap(each.span, hole) for each in statements)
        chain_lost |= outside and not _DEFINES.match(text)
    for each in statements:
        if isinstance(each, Definition) and any(_overlap(each.span, hole) for hole in holes):
            names.add(each.name.text)
        elif not (chain_lost and isinstance(each, Run | Binding | Input | Output | Share)):
            whole.append(each)
    return File(source, tuple(whole), frozenset(names))


def _unread(source: Source) -> File:
    """The file of which nothing could be read: whatever it may define is lost."""
    return File(source, (), _names(source.text))


def _names(text: str) -> frozenset[str]:
    return frozenset(name for name in _NAMES.findall(text) if len(name) <= faults.LONGEST_NAME)


def _overlap(one: Span, other: Span) -> bool:
    return one.start < other.end and other.start < one.end


def _statements(text: str) -> tuple[Statement, ...]:
    """The statements of a text that can be read as a whole."""
    with collector_paused():
        return cast("tuple[Statement, ...]", cast("Any", _lark()).parse(text))


# a text that is compiled with one setting is soon compiled with another
_kept_statements = lru_cache(maxsize=_MOST_KEPT)(_statements)


@cache
def _lark() -> Lark:
    return tables.parser(Builder())


def _unexpected(error: UnexpectedToken, text: str) -> tuple[faults.SyntaxFault, Span]:
    token: Token = error.token
    expected = _expected(error.accepts or error.expected)
    if token.type == "$END":
        end = len(text.rstrip())
        return faults.UnexpectedWord("end of the text", expected), Span(max(end - 1, 0), end)
    start = token.start_pos or 0
    if token.type == "_NL":
        return faults.UnexpectedWord("end of the line", expected), Span(max(start - 1, 0), start)
    # where no arrow can stand, the lexer sees a minus and takes only half of it
    if str(token) == ">" and text[:start].endswith("-"):
        start -= 1
    span = Span(start, start + 2) if text.startswith("->", start) else Span(start, token.end_pos or start)
    advice = _advice(token, text[max(0, start - _LINE) : start], expected)
    return faults.UnexpectedWord(f"`{text[span.start : span.end][:40]}`", expected, advice), span


def _advice(token: Token, before: str, expected: tuple[str, ...]) -> str | None:
    """What was most likely meant by a word or number that follows another without an arrow or hyphen between."""
    word = _WORD_BEFORE.search(before)
    if "`->`" not in expected or word is None or not token[0].isalnum():
        return None
    if token.isdigit():
        window = "" if word[1][-1].isdigit() else f"a window is part of the name, `{word[1]}{token[:20]}`; "
        return f"{window}a width follows a hyphen, `{word[1]}-{token[:20]}`"
    return f"layers are joined by `->`: `{word[1]} -> {token[:40]}`"


def _expected(names: Iterable[str]) -> tuple[str, ...]:
    """A few of the things that could stand there, the most telling first, in an order that no hash seed changes."""
    patterns = {terminal.name: terminal.pattern.value for terminal in _lark().terminals}
    shown = {_SHOWN.get(name) or f"`{patterns.get(name, name).split('(')[0]}`" for name in names}
    ranked = sorted(shown, key=lambda word: (_FIRST.index(word) if word in _FIRST else len(_FIRST), word))
    return tuple(ranked[:4])


def _lines_of(text: str, span: Span) -> Span:
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", max(span.end - 1, start))
    return Span(start, len(text) if end < 0 else end)


def _balanced(text: str) -> bool:
    return _brackets_match(Source("", text), Report(), Limits(nesting=len(text)))


def _brackets_match(source: Source, report: Report, limits: Limits) -> bool:
    """Whether brackets pair up, and no deeper than allowed. One clear fault beats what a parser makes of it."""
    opened: list[int] = []
    text = source.text
    for found in BRACKETS.finditer(text):
        character, at = found[0], found.start()
        if character in CLOSER:
            opened.append(at)
            if len(opened) > limits.nesting:
                report.add(faults.TooDeep(limits.nesting), Place(source, Span(at, at + 1)))
                return False
        elif character in ")]}":
            if not opened or CLOSER[text[opened[-1]]] != character:
                last = text[opened[-1]] if opened else None
                report.add(faults.StrayBracket(character, last), Place(source, Span(at, at + 1)))
                return False
            opened.pop()
        elif character[0] == '"' and found["end"] is None:
            report.add(faults.UnfinishedText(), Place(source, Span(at, at + 1)))
            return False
    if opened:
        report.add(faults.UnclosedBracket(text[opened[-1]]), Place(source, Span(opened[-1], opened[-1] + 1)))
        return False
    return True
