"""Several networks side by side: one line each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.counts import LAYERS, MACS, PARAMS
from archdsl.facts.fact import Fact, Known, View
from archdsl.facts.seen import RECEPTIVE_FIELD
from archdsl.facts.table import by_name, shown_in, sort_fact
from archdsl.graph.module import Module
from archdsl.report.columns import listed, listed_width
from archdsl.report.structure import kinds_of
from archdsl.report.terminal import Shown, visible
from archdsl.report.zoo import counted, kinds_shown

FORMAT: Final = "archdsl.compare"
VERSION: Final = 1
_ALL: Final = 10**9
_V = TypeVar("_V")


@record(slots=True)
class Entry:
    """One network, with its facts."""

    name: str
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    known: Known = dataclasses.field(repr=False, compare=False)

    def value(self, fact: Fact[_V]) -> _V:
        """What is known of it, in a line: at inference, where that is told apart."""
        return self.known[fact].line

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it, in a line, by the names of facts."""
        return by_name(self.value)

    @property
    def params(self) -> int:
        """Learned numbers, at inference."""
        return self.value(PARAMS)

    @property
    def macs(self) -> int:
        """Multiply-accumulates at inference, for one sample."""
        return int(self.value(MACS))

    @property
    def layers(self) -> int:
        """Operators, repeats written out."""
        return self.value(LAYERS)

    @property
    def field(self) -> str:
        """What a position of its last map sees of the input, in short; nothing where no layer gives a map."""
        return RECEPTIVE_FIELD.text(self.value(RECEPTIVE_FIELD))

    def record(self) -> dict[str, Any]:
        """The entry as JSON has it."""
        return {
            "name": self.name,
            "inputs": kinds_of(self.inputs),
            "outputs": kinds_of(self.outputs),
            **{fact.name: _plain(fact, self.value(fact)) for fact in shown_in(View.COMPARISON)},
        }


@record(slots=True)
class Comparison:
    """Networks side by side: `str()` prints the table, `.entries` are its data, `.to_json()` is for tools."""

    entries: tuple[Entry, ...]

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = 80, *, colour: bool = False) -> Shown:
        """The table for the screen, within a width where that is possible."""
        return _text(self.entries, width or _ALL, colour=colour)

    def to_json(self) -> Shown:
        """The table as JSON."""
        rows = [entry.record() for entry in self.entries]
        return Shown.json({"format": FORMAT, "version": VERSION, "networks": rows})


def entry_of(module: Module, name: str, inputs: Mapping[str, TensorType], outputs: Mapping[str, TensorType]) -> Entry:
    """The line of a network."""
    return Entry(name, inputs, outputs, Known(module))


def comparison(entries: Iterable[Entry], sort: str | None = None) -> Comparison:
    """Networks side by side, in their order or sorted, the smallest first."""
    found = list(entries)
    if sort is not None:
        found.sort(key=partial(_rank, sort_fact(sort)))
    return Comparison(tuple(found))


def _rank(fact: Fact[Any] | None, entry: Entry) -> Any:
    """What an entry is sorted by: a fact, or else its name."""
    return counted(entry.name) if fact is None or fact.sort is None else fact.sort(entry.value(fact))


def _plain(fact: Fact[Any], value: object) -> Any:
    """A fact in a line of JSON: a number as it is, anything else in short."""
    return int(value) if isinstance(value, int) else fact.text(value)


# --- the table --------------------------------------------------------------------------------------------------------

_KINDS: Final = ("network", "input", "output")


def _text(entries: tuple[Entry, ...], width: int, *, colour: bool) -> Shown:
    facts = shown_in(View.COMPARISON)
    titles = (*_KINDS, *(fact.title for fact in facts))
    leaner = _leaner(facts)
    exact, short = ([titles, *(_cells(entry, facts, short=short) for entry in entries)] for short in (False, True))
    ways = [(exact, 0), (exact, 1), *((short, gone) for gone in range(len(leaner)))]
    kept = [
        [index for index, title in enumerate(titles) if title not in leaner[:gone]] for gone in range(len(leaner) + 1)
    ]
    fitting = ((rows, kept[gone]) for rows, gone in ways if listed_width(_only(rows, kept[gone])) <= width)
    rows, columns = next(fitting, (short, kept[-1]))
    return listed(_only(rows, columns), [index >= len(_KINDS) for index in columns], width, colour=colour)


def _leaner(facts: Sequence[Fact[Any]]) -> list[str]:
    """The titles of the columns that go where there is no room, the first one first: at last the sizes and totals
    stay."""
    yielding = [fact.title for fact in facts if fact.yields]
    others = [fact.title for fact in facts if not fact.yields and not fact.shares]
    return ["output", *yielding, *others, "input"]


def _only(rows: list[tuple[str, ...]], columns: list[int]) -> list[list[str]]:
    return [[row[index] for index in columns] for row in rows]


def _cells(entry: Entry, facts: Iterable[Fact[Any]], *, short: bool) -> tuple[str, ...]:
    kinds = kinds_shown(entry.inputs.values()), kinds_shown(entry.outputs.values())
    return visible(entry.name), *kinds, *(_cell(fact, entry.value(fact), short=short) for fact in facts)


def _cell(fact: Fact[Any], value: object, *, short: bool) -> str:
    """A fact of a network; here nothing is a number too."""
    return fact.shown(value, short=short) or ("0" if isinstance(value, int) else "")
