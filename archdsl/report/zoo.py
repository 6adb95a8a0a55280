"""The table of the networks that come along."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from archdsl.base.figures import short_number
from archdsl.base.text import Source
from archdsl.graph.module import Module
from archdsl.report.terminal import Ink, cells, cut, padded, paint

FORMAT = "archdsl.zoo"
VERSION = 1
_GAP = "  "
_TITLES = ("network", "parameters", "MACs", "input", "paper")
_RIGHT = (False, True, True, False, False)
_DIGITS = re.compile(r"(\d+)")
_YEAR = re.compile(r"^(.*?)\s+((?:19|20)\d\d)\b")


@dataclass(frozen=True, slots=True)
class Entry:
    """One network. params, macs: at inference. paper: the citation that opens its file."""

    name: str
    input: str
    params: int
    macs: int
    paper: str
    doc: str

    @staticmethod
    def of(name: str, module: Module, source: Source) -> Entry:
        """The entry of a network, its paper taken from the heading of its file."""
        paper = " ".join(source.heading().split("\n\n")[0].split())
        kinds = Counter(map(str, module.inputs))
        inputs = ", ".join(kind if count == 1 else f"{count} × {kind}" for kind, count in kinds.items())
        return Entry(name, inputs, module.inference_params, module.macs, paper.rstrip("."), module.doc)

    @property
    def authors(self) -> str:
        """Authors and year: `He et al. 2015`."""
        if (found := _YEAR.match(self.paper)) is None:
            return self.paper
        names = [name.strip() for name in found[1].split(",")]
        return f"{', '.join(names) if len(names) < 3 else f'{names[0]} et al.'} {found[2]}"

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        return self.name, f"{self.params:,}", short_number(self.macs).replace(" ", ""), self.input, self.authors


def by_name(names: Iterable[str]) -> list[str]:
    """Names in the order in which people count: `resnet18` before `resnet101`."""
    return sorted(names, key=lambda name: [int(part) if part.isdigit() else part for part in _DIGITS.split(name)])


def text(entries: list[Entry], width: int, *, colour: bool = False) -> str:
    """The table for the screen."""
    rows = [_TITLES, *(entry.cells() for entry in entries)]
    widths = [max(cells(row[index]) for row in rows) for index in range(len(_TITLES))]
    lines: list[str] = []
    for row in rows:
        parts = zip(row, widths, _RIGHT, strict=True)
        line = _GAP.join(padded(value, size, right=right) for value, size, right in parts)
        lines.append(cut(line.rstrip(), width))
    head, *body = lines
    rule = "─" * min(width, sum(widths) + len(_GAP) * (len(widths) - 1))
    top = (paint(head, Ink.STRONG, colour=colour), paint(rule, Ink.FAINT, colour=colour))
    return "\n".join((*top, *body, ""))


def to_json(entries: list[Entry]) -> str:
    """The table as JSON."""
    rows = [
        {
            "name": entry.name,
            "input": entry.input,
            "params": entry.params,
            "macs": entry.macs,
            "paper": entry.paper,
            "doc": entry.doc,
        }
        for entry in entries
    ]
    return json.dumps({"format": FORMAT, "version": VERSION, "networks": rows}, indent=1) + "\n"
