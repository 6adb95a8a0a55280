"""The same program in other words: repeats written out, and each call of a block one of a block of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from archdsl.base.diagnostics import Report
from archdsl.base.limits import DEFAULT_LIMITS
from archdsl.base.text import Source, Span
from archdsl.syntax import tree
from archdsl.syntax.parser import parse

_COPIES = 60


@lru_cache(8)
def read(text: str) -> tree.File:
    """The syntax tree of a text that is right."""
    report = Report()
    file = parse(Source("read.arch", text), report, DEFAULT_LIMITS)
    report.raise_errors()
    return file


def unrolled(text: str) -> str:
    """Every repeat with a number for its count as that many elements in a row."""
    found = {
        each.span: each
        for each in tree.walk(read(text).statements)
        if isinstance(each, tree.Element) and isinstance(each.count, tree.Number) and each.optional is None
    }

    def written_out(span: Span) -> str:
        each = found[span]
        assert isinstance(each.count, tree.Number)
        item, count = _put(text, each.item.span, found, written_out), each.count.value
        row = " -> ".join([item] * int(count)) if count else f"{item} if false"
        return f"[{row}]{text[each.count.span.end : span.end]}"

    return _put(text, Span(0, len(text)), found, written_out)


def apart(text: str) -> str:
    """Each mention of a block as one of a copy that nothing else mentions; of very many copies the last ones are
    mentioned more often."""
    statements = read(text).statements
    blocks = {each.name.text: each for each in statements if isinstance(each, tree.Definition) and not each.is_net}
    mentions = {
        _name(each).span: _name(each).text
        for each in tree.walk(statements)
        if isinstance(each, tree.Mention | tree.Name) and _name(each).text in blocks
    }
    copies: list[str] = []
    last: dict[str, str] = {}

    def copied(span: Span) -> str:
        word = mentions[span]
        if len(copies) >= _COPIES and word in last:
            return last[word]
        block = blocks[word]
        name = last[word] = f"{word}_{len(copies)}_"
        place = len(copies)
        copies.append("")
        begin, end = block.name.span.start, block.name.span.end
        rest = _put(text, Span(end, block.span.end), mentions, copied)
        copies[place] = f"{text[block.span.start : begin]}{name}{rest}"
        return name

    dropped = {each.span: each for each in blocks.values()}
    used = {span: word for span, word in mentions.items() if not any(_within(span, each) for each in dropped)}
    whole = _put(text, Span(0, len(text)), {**dropped, **used}, lambda span: "" if span in dropped else copied(span))
    return "\n".join([whole, *copies, ""])


def _name(each: tree.Mention | tree.Name) -> tree.Word | tree.Name:
    return each.name if isinstance(each, tree.Mention) else each


def _within(span: Span, around: Span) -> bool:
    return around.start <= span.start and span.end <= around.end


def _put(text: str, whole: Span, found: dict[Span, object] | dict[Span, str], put: Callable[[Span], str]) -> str:
    """A part of a text with others in the places of the outermost spans in it."""
    parts: list[str] = []
    at = whole.start
    for span in _outermost(whole, found):
        parts += [text[at : span.start], put(span)]
        at = span.end
    return "".join([*parts, text[at : whole.end]])


def _outermost(whole: Span, found: dict[Span, object] | dict[Span, str]) -> Iterator[Span]:
    end = whole.start
    for span in sorted(found, key=lambda each: (each.start, -each.end)):
        if span.start >= end and _within(span, whole):
            yield span
            end = span.end
