"""What a page knows of each step of a network: the rows of the table, and what pictures show besides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from archdsl.algebra.fields import Field
from archdsl.algebra.symbolic import is_open
from archdsl.base.records import record
from archdsl.facts.fact import Fact, Known, View
from archdsl.facts.receptive import ReceptiveField, described, number_of
from archdsl.facts.table import shown_in
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator, axes_of
from archdsl.report.explain import explained
from archdsl.report.manual import in_torch
from archdsl.report.structure import plain
from archdsl.report.summary import share
from archdsl.report.terminal import visible
from archdsl.report.walk import Spot, Tour, label

MOST: Final = 2_000
ROW: Final = ":row"


@record(slots=True)
class Entry:
    """A step at its place.

    key: its path, made unique. parent: the index of the block that it is in, None in the network itself. same_as: the
    index of the entry under which its block is opened, if that is another one. row: the index of the row of the table
    that tells of it.
    """

    key: str
    spot: Spot
    parent: int | None
    same_as: int | None
    row: int


class Steps:
    """The steps of a network: first those of its table, each distinct block opened once; then those that a picture
    shows at another place. known: the facts of the network; facts: those that are told of each step. more: how many
    rows the table would have besides."""

    def __init__(self, root: Module, known: Known | None = None, facts: Sequence[Fact[Any]] | None = None) -> None:
        self.root = root
        self.known = known or Known(root)
        self.facts = shown_in(View.TABLE) if facts is None else facts
        self.entries: list[Entry] = []
        self._tour = Tour(root)
        self._index: dict[str, int] = {}
        self._opened: set[int] = set()
        walk = self._tour.folded()
        above: list[int] = []
        for spot, opened in islice(walk, MOST):
            del above[spot.depth :]
            parent = above[-1] if above else None
            above.append(self._add(spot, parent, opened))
            if parent is not None:
                self._opened.add(parent)
        self.rows = len(self.entries)
        self.more = sum(1 for _ in walk)

    def at(self, path: str) -> int | None:
        """The entry at a path that a picture shows, also inside a block that the table opens elsewhere."""
        found = self._index.get(path)
        parts = path.removesuffix(ROW).split(".")
        for length in range(1, len(parts)):
            if found is not None:
                break
            around = self._index.get(".".join(parts[:length]))
            if around is not None and around not in self._opened:
                self._open(around)
            found = self._index.get(path)
        return found

    def children(self, index: int) -> Iterator[int]:
        """The steps inside a block of the table."""
        return (each for each, entry in enumerate(self.entries) if entry.parent == index)

    def records(self) -> list[dict[str, Any]]:
        """The entries as data for the script of the page."""
        return [self._record(entry) for entry in self.entries]

    def _add(self, spot: Spot, parent: int | None, opened: str = "", row: int | None = None) -> int:
        what = spot.step.what
        path = f"{spot.path}{ROW}" if isinstance(what, Module) and what.transparent else spot.path
        key, times = path, 1
        while key in self._index:
            # steps that share weights have one path
            key, times = f"{path}@{times + 1}", times + 1
        index = self._index[key] = len(self.entries)
        same_as = self._index[f"{opened}{path.removeprefix(spot.path)}"] if opened else None
        self.entries.append(Entry(key, spot, parent, same_as, index if row is None else row))
        return index

    def _open(self, index: int) -> None:
        """Add what is inside a block that the table opens elsewhere."""
        waiting = [index]
        while waiting:
            around = waiting.pop()
            self._opened.add(around)
            entry = self.entries[around]
            if not isinstance(entry.spot.step.what, Module):
                continue
            twin = self.entries[entry.row].same_as
            twins = list(self.children(entry.row if twin is None else twin))
            for place, spot in enumerate(self._tour.below(entry.spot)):
                row = self.entries[twins[place]].row if place < len(twins) else entry.row
                made = self._add(spot, around, row=row)
                if isinstance(spot.step.what, Module) and spot.step.what.transparent:
                    waiting.append(made)

    def _figures(self, fact: Fact[Any], spot: Spot) -> Iterator[tuple[str, str]]:
        """What is known of a step in words, with the part that it has of the whole."""
        figures = self.known[fact]
        value = figures.of((spot,))
        yield fact.name, fact.text(value)
        if fact.shares:
            yield share_name(fact), share(value, figures.training)

    def _record(self, entry: Entry) -> dict[str, Any]:
        spot = entry.spot
        step, what = spot.step, spot.step.what
        made = explained(spot)
        return {
            "key": entry.key,
            "path": spot.path,
            "last": spot.last,
            "label": visible(label(step)),
            "title": visible(made.title.partition(": ")[2]),
            "block": isinstance(what, Module),
            "parent": entry.parent,
            "same": "" if entry.same_as is None else self.entries[entry.same_as].spot.path,
            "opens": entry.same_as,
            "row": entry.row,
            "count": plain(step.count),
            "output": visible(", ".join(map(str, step.outputs))),
            **{name: value for fact in self.facts for name, value in self._figures(fact, spot)},
            "field": _field(spot, self.root),
            "lines": [[word, visible(line)] for word, line in made.lines],
            "call": _call(what, spot),
            "training": spot.training_only,
            "again": spot.again,
        }


def share_name(fact: Fact[Any]) -> str:
    """The name of a step's part of the whole."""
    return f"{fact.name}Share"


def _call(what: Operator[Any] | Module, spot: Spot) -> str:
    """The PyTorch call of a step; nothing for a block, which is a class of its own."""
    return "" if isinstance(what, Module) else spot.step.once(in_torch)


def _field(spot: Spot, root: Module) -> dict[str, Any] | None:
    """What a position of the output sees on the input's grid, after all repetitions: along each axis position i sees
    from low + i*jump to high + i*jump. low and high are None where positions are not along the axis any more. None
    where there are no positions to speak of."""
    seen = spot.after[0] if spot.after else ()
    axes = described(seen, root.inputs)
    if not seen or any(axis.size is None for axis in axes):
        return None
    named = zip(root.input_names, map(axes_of, root.inputs), strict=True)
    looked_at = [(name, lengths) for name, lengths in named if len(lengths) == len(axes)]
    sizes = looked_at[0][1]
    grid = axes_of(spot.step.outputs[0])
    return {
        "input": looked_at[0][0] if len(looked_at) == 1 else "",
        "sizes": [plain(size) if is_open(size) else axis.length for size, axis in zip(sizes, axes, strict=True)],
        "grid": [plain(size) for size in grid] if len(grid) == len(axes) else [1] * len(axes),
        "axes": [_along(axis, own) for axis, own in zip(axes, seen, strict=True)],
    }


def _along(axis: ReceptiveField, own: Field) -> dict[str, Any]:
    """A receptive field along an axis. One that does not move ends within the input."""
    high = own.high if axis.stride else None
    if axis.start is not None and axis.size and not axis.stride:
        high = axis.start + axis.size - 1
    return {
        "low": number_of(axis.start),
        "high": number_of(high),
        "jump": number_of(axis.stride),
        "size": axis.size,
        "length": axis.length,
        "status": str(axis.status),
        "gapless": axis.gapless,
    }
