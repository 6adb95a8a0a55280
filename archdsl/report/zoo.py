"""The table of the networks that come along."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.base.text import Source
from archdsl.facts.counts import MACS, PARAMS
from archdsl.facts.table import totals
from archdsl.graph.module import Module
from archdsl.report.columns import listed
from archdsl.report.terminal import Shown

FORMAT = "archdsl.zoo"
VERSION = 1
_DIGITS = re.compile(r"(\d+)")
_ALL = 10**9
_YEAR = re.compile(r"^(.*?)\s+((?:19|20)\d\d)\b")


@record(slots=True)
class Entry:
    """One network. facts: what it comes to at inference, by the names of `facts.table.totals`. paper: the citation that
    opens its file."""

    name: str
    input: str
    facts: Mapping[str, int]
    paper: str
    doc: str

    @staticmethod
    def of(name: str, module: Module, source: Source) -> Entry:
        """The entry of a network, its paper taken from the heading of its file."""
        paper = " ".join(source.heading().split("\n\n")[0].split())
        facts = {fact.name: fact.over(module).line for fact in totals()}
        return Entry(name, kinds_shown(module.inputs), facts, paper.rstrip("."), module.doc)

    @property
    def params(self) -> int:
        """Learned numbers, at inference."""
        return self.facts[PARAMS.name]

    @property
    def macs(self) -> int:
        """Multiply-accumulates at inference, for one sample."""
        return self.facts[MACS.name]

    @property
    def authors(self) -> str:
        """Authors and year: `He et al. 2015`."""
        if (found := _YEAR.match(self.paper)) is None:
            return self.paper
        names = [name.strip() for name in found[1].split(",")]
        return f"{', '.join(names) if len(names) < 3 else f'{names[0]} et al.'} {found[2]}"

    def cells(self) -> tuple[str, ...]:
        """The row of the table."""
        numbers = (fact.shown(self.facts[fact.name], short=not fact.exact).replace(" ", "") for fact in totals())
        return self.name, *numbers, self.input, self.authors


@record(slots=True)
class Zoo:
    """The networks that come along: `str()` prints a line for each, `.names` are what `archdsl.load` takes, `.entries`
    what there is to say of each, `.to_json()` is for tools."""

    entries: tuple[Entry, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the networks, in the order in which people count."""
        return tuple(entry.name for entry in self.entries)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = 80, *, colour: bool = False) -> Shown:
        """The table for the screen, within a width where that is possible."""
        titles = ("network", *(fact.title for fact in totals()), "input", "paper")
        right = (False, *(True for _ in totals()), False, False)
        return listed([titles, *(entry.cells() for entry in self.entries)], right, width or _ALL, colour=colour)

    def to_json(self) -> Shown:
        """The table as JSON."""
        rows = [
            {
                "name": entry.name,
                "input": entry.input,
                **entry.facts,
                "paper": entry.paper,
                "doc": entry.doc,
            }
            for entry in self.entries
        ]
        return Shown.json({"format": FORMAT, "version": VERSION, "networks": rows})


def by_name(names: Iterable[str]) -> list[str]:
    """Names in the order in which people count: `resnet18` before `resnet101`."""
    return sorted(names, key=counted)


def counted(name: str) -> list[str | int]:
    """A name as a key for that order."""
    return [int(part) if index % 2 else part for index, part in enumerate(_DIGITS.split(name))]


def kinds_shown(kinds: Iterable[TensorType]) -> str:
    """Types of tensors, equal ones once: `2 × 32x32x3`."""
    counts = Counter(map(str, kinds))
    return ", ".join(kind if count == 1 else f"{count} × {kind}" for kind, count in counts.items())
