"""Text and places in it. A place is a pair of offsets; line and column are worked out only for display."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Final, NamedTuple

from archdsl.base.records import record

# a string that is not closed ends with its line, so that no text makes the search start over and over
_COMMENT_OR_STRING = re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?|#[^\n]*')


class Span(NamedTuple):
    """Offsets of a piece of text: from `start` up to, not including, `end`."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.start, max(self.end, other.end))


class Comment(NamedTuple):
    """A comment: its span and whether it documents the definition below it (`##`)."""

    span: Span
    text: str
    doc: bool


@record(eq=False)
class Source:
    """A text with a name, as diagnostics show it. `path` is None for text that came from no file.

    along: texts by name that came with it, which `use` finds before files. settings, shape, passes: hyper-parameters,
    the input's shape and the passes that belong to it, where it came out of something that was compiled before.
    """

    name: str
    text: str
    path: str | None = None
    along: Mapping[str, str] = field(default_factory=dict[str, str])
    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    shape: tuple[int, ...] | None = None
    passes: tuple[str, ...] = ()

    @cached_property
    def _lines(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def line_column(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number`, counted from 1, without its newline."""
        start = self._lines[number - 1]
        end = self._lines[number] - 1 if number < len(self._lines) else len(self.text)
        return self.text[start:end].rstrip("\r")

    @cached_property
    def comments(self) -> tuple[Comment, ...]:
        """Every comment, in order. Work done only for who asks: the parser does not need them."""
        return tuple(
            Comment(Span(*found.span()), found[0].lstrip("#").strip(), found[0].startswith("##"))
            for found in _COMMENT_OR_STRING.finditer(self.text)
            if found[0].startswith("#")
        )

    def doc_above(self, offset: int) -> str:
        """The `##` comment that ends on the line above the one of `offset`, its lines joined by newlines."""
        line = self.line_column(offset)[0]
        return self._block_ending_at(line - 1)

    def _block_ending_at(self, line: int) -> str:
        lines: list[str] = []
        while line >= 1 and (text := self.line(line).strip()).startswith("##"):
            lines.append(text.lstrip("#").strip())
            line -= 1
        return "\n".join(reversed(lines))

    def heading(self) -> str:
        """The comment that opens the file, its lines joined by newlines."""
        lines: list[str] = []
        for number in range(1, len(self._lines) + 1):
            text = self.line(number).strip()
            if not text.startswith("#"):
                break
            lines.append(text.lstrip("#").strip())
        return "\n".join(lines).strip()


class Place(NamedTuple):
    """A span of a source."""

    source: Source
    span: Span

    @property
    def text(self) -> str:
        """The text that stands there."""
        return self.source.text[self.span.start : self.span.end]

    @property
    def line_column(self) -> tuple[int, int]:
        """Line and column of its start, both counted from 1."""
        return self.source.line_column(self.span.start)

    @property
    def line(self) -> int | None:
        """The line of its start, counted from 1; None where there is no text."""
        return self.line_column[0] if self.source.text else None


NOWHERE: Final = Place(Source("", ""), Span(0, 0))
"""The place of what comes from no text."""
