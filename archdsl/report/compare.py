"""Several networks side by side: one line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from archdsl.algebra.fields import Status
from archdsl.algebra.figures import short_number
from archdsl.algebra.tensors import TensorType
from archdsl.base.wanted import Choice
from archdsl.facts.receptive import Seen
from archdsl.graph.module import Module
from archdsl.report.columns import listed, listed_width
from archdsl.report.structure import kinds_of
from archdsl.report.terminal import Shown, visible
from archdsl.report.walk import Spot, Tour, count_shown, field_of
from archdsl.report.zoo import counted, kinds_shown

FORMAT: Final = "archdsl.compare"
VERSION: Final = 1
_ALL: Final = 10**9


class Sort(Choice):
    """What networks are sorted by."""

    PARAMS = "params"
    MACS = "macs"
    NAME = "name"
    RECEPTIVE_FIELD = "receptive-field"


@dataclass(frozen=True, slots=True)
class Entry:
    """One network. params, macs: at inference. layers: operators, repeats written out. seen: what a position of its
    last map sees of the input; nothing where no layer gives a map."""

    name: str
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    params: int
    macs: int
    layers: int
    seen: Seen

    @property
    def field(self) -> str:
        """Its receptive field in short."""
        return field_of(self.seen)

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "inputs": kinds_of(self.inputs),
            "outputs": kinds_of(self.outputs),
            "params": self.params,
            "macs": self.macs,
            "layers": self.layers,
            "receptive_field": self.field,
        }


@dataclass(frozen=True, slots=True)
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
    seen = _last_field(Tour(module))
    return Entry(name, inputs, outputs, module.inference_params, int(module.macs), module.layers, seen)


def comparison(entries: Iterable[Entry], sort: Sort | str | None = None) -> Comparison:
    """Networks side by side, in their order or sorted, the smallest first."""
    found = list(entries)
    if sort is not None:
        found.sort(key=_KEYS[Sort(sort)])
    return Comparison(tuple(found))


def _last_field(tour: Tour) -> Seen:
    """What a position sees of the last map that is computed at inference, before a head takes it all together."""
    waiting = [list(tour.spots())]
    while waiting:
        spots = [spot for spot in waiting.pop() if not spot.training_only]
        if (last := next((spot for spot in reversed(spots) if _is_map(spot)), None)) is not None:
            return last.after[0]
        waiting.extend(list(tour.below(spot)) for spot in spots if isinstance(spot.step.what, Module))
    return ()


def _is_map(spot: Spot) -> bool:
    return spot.step.outputs[0].rank > 0 and spot.step.outputs[0].positions > 1 and bool(spot.after[0])


def _size_seen(entry: Entry) -> tuple[bool, int]:
    whole = [axis.status is Status.WHOLE for axis in entry.seen]
    sizes = (axis.size or 0 for axis, all_of_it in zip(entry.seen, whole, strict=True) if not all_of_it)
    return any(whole), max(sizes, default=0)


_KEYS: Final[Mapping[Sort, Callable[[Entry], Any]]] = {
    Sort.PARAMS: lambda entry: entry.params,
    Sort.MACS: lambda entry: entry.macs,
    Sort.NAME: lambda entry: counted(entry.name),
    Sort.RECEPTIVE_FIELD: _size_seen,
}


# --- the table --------------------------------------------------------------------------------------------------------


_TITLES: Final = ("network", "input", "output", "parameters", "MACs", "layers", "sees")
_RIGHT: Final = (False, False, False, True, True, True, True)

# the columns that go first where there is no room
_LEANER: Final = ("output", "sees", "layers", "input")


def _text(entries: tuple[Entry, ...], width: int, *, colour: bool) -> Shown:
    exact = [_TITLES, *map(_cells, entries)]
    short = list(map(_shortened, exact))
    ways = [(exact, 0), (exact, 1), *((short, gone) for gone in range(len(_LEANER)))]
    fitting = ((rows, kept) for rows, gone in ways if listed_width(_only(rows, kept := _kept(gone))) <= width)
    rows, kept = next(fitting, (short, _kept(len(_LEANER))))
    return listed(_only(rows, kept), [_RIGHT[index] for index in kept], width, colour=colour)


def _kept(gone: int) -> list[int]:
    """The columns but for some that go."""
    return [index for index, title in enumerate(_TITLES) if title not in _LEANER[:gone]]


def _only(rows: list[tuple[str, ...]], columns: list[int]) -> list[list[str]]:
    return [[row[index] for index in columns] for row in rows]


def _cells(entry: Entry) -> tuple[str, ...]:
    kinds = kinds_shown(entry.inputs.values()), kinds_shown(entry.outputs.values())
    numbers = f"{entry.params:,}", f"{entry.macs:,}", count_shown(entry.layers)
    return visible(entry.name), *kinds, *numbers, entry.field


def _shortened(row: tuple[str, ...]) -> tuple[str, ...]:
    """The same row with its numbers to three digits."""
    numbers = (short_number(int(each.replace(",", ""))) if each[:1].isdigit() else each for each in row[3:5])
    return (*row[:3], *numbers, *row[5:])
