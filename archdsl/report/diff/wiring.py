"""Where tensors come from in two networks, and what is different about that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import zip_longest

from archdsl.graph.module import INPUT, Wire
from archdsl.report.diff.alignment import Pairs
from archdsl.report.diff.form import Body, Node
from archdsl.report.diff.model import About, Aspect


class Wiring:
    """Whether what comes in comes from where it came from. What was added or removed on the way does not count: it is
    told for itself."""

    def __init__(self, before: Body, after: Body, pairs: Pairs) -> None:
        self._before, self._after = before, after
        self._new_of = {row: column for row, column in pairs if row is not None and column is not None}
        self._kept = set(self._new_of.values())
        self.near: Mapping[int, int] = {}
        self._known: tuple[dict[Wire, frozenset[Wire]], dict[Wire, frozenset[Wire]]] = ({}, {})
        for side, body in enumerate((before, after)):
            for index, node in enumerate(body.nodes):
                for port in range(len(node.step.outputs)):
                    self._known[side][Wire(index, port)] = self._origin(side, Wire(index, port), node)

    def _origin(self, side: int, wire: Wire, node: Node) -> frozenset[Wire]:
        """Where a tensor comes from, past what only one of the networks has: tensors of the second network."""
        index = self._new_of.get(wire.step) if side == 0 else wire.step if wire.step in self._kept else None
        if index is not None:
            return frozenset((Wire(index, wire.port),))
        return frozenset(origin for each in node.inputs for origin in self._from(side, each))

    def _from(self, side: int, wire: Wire) -> frozenset[Wire]:
        return frozenset((wire,)) if wire.step == INPUT else self._known[side][wire]

    def inputs(self, row: int, column: int) -> tuple[Aspect, ...]:
        """What is different about the inputs of two nodes that belong together."""
        old, new = self._before.nodes[row].inputs, self._after.nodes[column].inputs
        return tuple(self._different(About.INPUT, "input", old, new))

    def around(self, row: int) -> tuple[Node | None, Node | None]:
        """The nodes of the second network before and after one that is gone; None for the ends of the module."""
        before = self._nearest(row, lambda at: (wire.step for wire in self._before.nodes[at].inputs))
        return before, self._nearest(row, lambda at: self._readers.get(at, ()))

    def _nearest(self, row: int, next_to: Callable[[int], Iterable[int]]) -> Node | None:
        """The node of the second network that is reached first from a node that is gone."""
        waiting, reached = [row], {INPUT, row}
        for here in waiting:
            if (found := self._new_of.get(here, self.near.get(here))) is not None:
                return self._after.nodes[found]
            later = [index for index in next_to(here) if index not in reached]
            reached.update(later)
            waiting.extend(later)
        return None

    @cached_property
    def _readers(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for index, node in enumerate(self._before.nodes):
            for wire in node.inputs:
                found.setdefault(wire.step, []).append(index)
        return found

    def outputs(self) -> tuple[Aspect, ...]:
        """What is different about the outputs of the modules."""
        found: list[Aspect] = []
        for name, training in (("output", False), ("output in training", True)):
            old, new = (
                tuple(wire for wire, only in body.outputs if only == training) for body in (self._before, self._after)
            )
            found.extend(self._different(About.OUTPUT, name, old, new))
        return tuple(found)

    def _different(self, about: About, name: str, old: tuple[Wire, ...], new: tuple[Wire, ...]) -> Iterator[Aspect]:
        """What is left over of two rows of tensors when those that come from one place are taken out, in order."""
        left, right = list(old), list(new)
        place = 0
        gone: list[Wire] = []
        while left:
            wire = left.pop(0)
            origins = self._from(0, wire)
            found = next((at for at in range(place, len(right)) if self._meets(origins, right[at])), None)
            if found is None:
                gone.append(wire)
            else:
                del right[found]
                place = found
        gone = [wire for wire in gone if len(old) == len(new) or not self._is_alone(0, wire)]
        come = [wire for wire in right if len(old) == len(new) or not self._is_alone(1, wire)]
        one, other = (
            [self._name(body, wire) for wire in wires] for body, wires in ((self._before, gone), (self._after, come))
        )
        if one and sorted(one) == sorted(other):
            before, after = (
                ", ".join(self._name(body, wire) for wire in wires)
                for body, wires in ((self._before, old), (self._after, new))
            )
            yield Aspect(about, f"order of {about}s", before, after)
            return
        yield from (Aspect(about, name, *each) for each in zip_longest(one, other))

    def _meets(self, origins: frozenset[Wire], wire: Wire) -> bool:
        others = self._from(1, wire)
        return bool(origins & others) or (not origins and not others)

    def _is_alone(self, side: int, wire: Wire) -> bool:
        """Whether the step that a tensor comes from is in one of the networks only."""
        return wire.step != INPUT and wire.step not in (self._new_of if side == 0 else self._kept)

    @staticmethod
    def _name(body: Body, wire: Wire) -> str:
        if wire.step == INPUT:
            return "the input" if len(body.inputs) == 1 else f"input {wire.port + 1}"
        node = body.nodes[wire.step]
        name = node.name or str(node.position + node.slots - 1)
        return name if len(node.step.outputs) == 1 else f"{name}, output {wire.port + 1}"
