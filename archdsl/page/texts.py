"""The texts that a network was compiled from, cut where a step begins or ends, so that a step can point at its own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from archdsl.base.escaped import Markup
from archdsl.base.text import Place, Source
from archdsl.report.terminal import visible


class Stretch(NamedTuple):
    """The pieces of a text that a step stands in: from `start` up to, not including, `end`; and its text and line."""

    start: int
    end: int
    text: int
    line: int


class Texts:
    """The texts that some places are in, the given one first."""

    def __init__(self, main: Source, places: Sequence[Place]) -> None:
        self.sources = [main]
        spans: dict[int, set[int]] = {id(main): set()}
        for source, span in places:
            if id(source) not in spans:
                spans[id(source)] = set()
                self.sources.append(source)
            spans[id(source)] |= {span.start, span.end}
        self._pieces: dict[int, dict[int, int]] = {}
        count = 0
        for source in self.sources:
            cuts = sorted({0, len(source.text), *spans[id(source)]})
            self._pieces[id(source)] = {cut: count + index for index, cut in enumerate(cuts)}
            count += len(cuts)

    def stretch(self, place: Place) -> Stretch:
        """Where a place is."""
        pieces = self._pieces[id(place.source)]
        return Stretch(
            pieces[place.span.start],
            pieces[place.span.end],
            next(index for index, source in enumerate(self.sources) if source is place.source),
            place.line_column[0],
        )

    def html(self) -> list[tuple[Markup, Markup]]:
        """Each text: its name and its lines, pieces marked by their number."""
        texts = enumerate(self.sources)
        return [(Markup.of(visible(source.name)), self._lines(index, source)) for index, source in texts]

    def _lines(self, index: int, source: Source) -> Markup:
        lines: list[list[Markup]] = [[]]
        for (start, piece), (end, _) in pairwise(self._pieces[id(source)].items()):
            for number, part in enumerate(source.text[start:end].split("\n")):
                if number:
                    lines.append([])
                if part:
                    shown = Markup.of(visible(part.removesuffix("\r").expandtabs(4)))
                    lines[-1].append(Markup.filled('<span data-piece="{}">{}</span>', piece, shown))
        if lines[-1:] == [[]]:
            lines.pop()
        row = '<span class="line" id="text{}-{}">{}\n</span>'
        numbered = enumerate(lines, start=1)
        return Markup.joined(Markup.filled(row, index, number, Markup.joined(line)) for number, line in numbered)
