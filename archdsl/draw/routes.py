"""The routes through a level: which tensors are shortcuts, and which parts stand on the straight line.

Where branches meet, they come from one part on which all of them depend: the fork. A branch that another one goes on
from is a shortcut: the identity of a residual, a dense connection, a skip of a U-Net.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import assert_never

from archdsl.base.records import record
from archdsl.draw.levels import Level, Part
from archdsl.draw.model import Role
from archdsl.graph.module import INPUT, Wire
from archdsl.ops.traits import Joining

NO_POINT = -(10**9)
_MANY = 5_000


@record(slots=True)
class Routes:
    """roles: of each input of each part, by their indices, where it is not the path itself. aside: the parts on a
    shortcut. spine: the parts on the straight line from an input to an output. entry: the input of the level
    where the line starts, None where several meet. exit: the output where it ends."""

    roles: Mapping[tuple[int, int], Role]
    aside: frozenset[int]
    spine: frozenset[int]
    entry: int | None
    exit: int


def routes(level: Level, skips: frozenset[int]) -> Routes:
    """The routes of a level. `skips` are the inputs of the level that come from far back."""
    forks = _Forks(level)
    far = _far(level, skips)
    roles: dict[tuple[int, int], Role] = {}
    aside: set[int] = set()
    for index, part in enumerate(level.parts):
        for place, wire in enumerate(part.inputs):
            if wire.step == INPUT and wire.port in skips:
                roles[index, place] = Role.SKIP
        if part.is_merge and len(part.inputs) > 1:
            _merge_roles(level, index, forks, roles, aside)
        elif len(part.inputs) > 1:
            late = [place for place, wire in enumerate(part.inputs) if place and _is_late(level, forks, wire, part)]
            roles.update(dict.fromkeys(((index, place) for place in late), Role.SKIP))
    outputs = enumerate(level.outputs)
    end = next((index for index, wire in outputs if not forks.is_passed(wire, level.outputs)), 0)
    spine = _spine(level, end, forks, roles, far)
    entry = next((-1 - point for point in spine if NO_POINT < point < 0), None)
    return Routes(roles, frozenset(aside), frozenset(point for point in spine if point >= 0), entry, end)


def _is_late(level: Level, forks: _Forks, wire: Wire, part: Part) -> bool:
    """Whether a tensor that a part takes besides comes from further back on the path of the first, or with it out of
    one block."""
    first = part.inputs[0]
    if wire.step == first.step:
        return wire.step != INPUT and level.parts[wire.step].operator is None
    point = _point(first)
    while point >= 0 and point != _point(wire):
        before = level.parts[point]
        point = forks.common(before.inputs if before.is_merge else before.inputs[:1])
    return point == _point(wire)


def _merge_roles(level: Level, index: int, forks: _Forks, roles: dict[tuple[int, int], Role], aside: set[int]) -> None:
    part = level.parts[index]
    assert part.operator is not None
    fork = forks.common(part.inputs)
    direct = [place for place, wire in enumerate(part.inputs) if forks.is_passed(wire, part.inputs)]
    match part.operator.joins:
        case Joining.SUM:
            # what came past the block around it is added here
            direct += [place for place in range(len(part.inputs)) if roles.get((index, place)) is Role.SKIP]
            roles.update(dict.fromkeys(((index, place) for place in direct), Role.RESIDUAL))
            if not direct and len(part.inputs) == 2 and fork != NO_POINT:
                _shortcut_roles(level, index, fork, roles, aside)
        case Joining.PRODUCT:
            pass
        case Joining.CONCATENATION | Joining.OTHER:
            roles.update(dict.fromkeys(((index, place) for place in direct), Role.SKIP))
        case _:
            assert_never(part.operator.joins)


def _shortcut_roles(level: Level, index: int, fork: int, roles: dict[tuple[int, int], Role], aside: set[int]) -> None:
    """A sum of two branches of which one is a projection: it only makes the shapes agree."""
    branches = [_row(level, wire, fork) for wire in level.parts[index].inputs]
    projects = [branch is not None and all(_only_projects(level.parts[each]) for each in branch) for branch in branches]
    if sum(projects) != 1:
        return
    place = projects.index(True)
    branch = branches[place] or []
    roles.update(dict.fromkeys([(index, place), *((each, 0) for each in branch)], Role.RESIDUAL))
    aside.update(branch)


def _row(level: Level, wire: Wire, fork: int) -> list[int] | None:
    """The parts in a row from the fork to a wire; None where the branch is no plain row."""
    row: list[int] = []
    while _point(wire) != fork:
        part = level.parts[wire.step]
        if len(part.inputs) != 1 or level.readers[wire] != 1:
            return None
        row.append(wire.step)
        (wire,) = part.inputs
    return row


def _only_projects(part: Part) -> bool:
    """Whether a part mixes no positions: a 1×1 convolution, a pooling of 1×1, channels of zeros."""
    operator = part.operator
    if part.aside:
        return True
    if operator is None or part.count > 1:
        return False
    windows = operator.windows(operator.operand(part.step.input_types))
    sizes = [axis.size for axis in operator.sees(part.step.input_types, 0)]
    return {*sizes, *(window.extent for window in windows)} <= {1}


def _far(level: Level, skips: frozenset[int]) -> frozenset[int]:
    """The points that depend on nothing but what comes from far back, or is learned."""
    far = {-1 - port for port in skips}
    for index, part in enumerate(level.parts):
        if all(_point(wire) in far for wire in part.inputs):
            far.add(index)
    return frozenset(far)


def _spine(
    level: Level, end: int, forks: _Forks, roles: Mapping[tuple[int, int], Role], far: frozenset[int]
) -> list[int]:
    """The points from an output, the first that no other goes on from, back to an input, past what lies between a fork
    and where its branches meet."""
    spine = [_point(level.outputs[end]) if level.outputs else NO_POINT]
    while spine[-1] >= 0:
        point = spine[-1]
        inputs = level.parts[point].inputs
        straight = [wire for place, wire in enumerate(inputs) if (point, place) not in roles]
        if straight and not level.parts[point].is_merge:
            # what a layer reads besides, such as a mask, comes from the side
            spine.append(_point(straight[0]))
            continue
        near = [wire for wire in straight if _point(wire) not in far]
        if 0 < len(near) < len(straight):
            inputs, straight = tuple(near), near
        fork = forks.common(inputs)
        passes = any(_point(wire) == fork for wire in straight)
        # of an odd number of branches the one in the middle goes straight on
        spine.append(fork if passes or len(straight) % 2 == 0 else _point(straight[len(straight) // 2]))
    return spine


class _Forks:
    """What the parts of a level depend on: in any case, which is the nearest fork (the immediate dominator), and on
    any way at all."""

    def __init__(self, level: Level) -> None:
        self._level = level
        self._above: dict[int, int] = {}
        self._depth: dict[int, int] = {NO_POINT: 0}
        for port in range(len(level.inputs)):
            self._above[_point(Wire(INPUT, port))] = NO_POINT
            self._depth[_point(Wire(INPUT, port))] = 1
        for index, part in enumerate(level.parts):
            fork = self.common(part.inputs)
            self._above[index] = fork
            self._depth[index] = self._depth[fork] + 1

    def common(self, wires: tuple[Wire, ...]) -> int:
        """The last point on which all of these depend."""
        if not wires:
            return NO_POINT
        first, *others = map(_point, wires)
        for each in others:
            other = each
            while first != other:
                if self._depth[first] >= self._depth[other]:
                    first = self._above[first]
                else:
                    other = self._above[other]
        return first

    @cached_property
    def _before(self) -> list[int]:
        """For each part what comes before it on any way, as bits: first the inputs of the level, then its parts."""
        before: list[int] = []
        for part in self._level.parts:
            bits = 0
            for wire in part.inputs:
                bits |= 1 << self._bit(wire)
                if wire.step != INPUT:
                    bits |= before[wire.step]
            before.append(bits)
        return before

    def _bit(self, wire: Wire) -> int:
        return wire.port if wire.step == INPUT else len(self._level.inputs) + wire.step

    def is_passed(self, wire: Wire, others: tuple[Wire, ...]) -> bool:
        """Whether another tensor goes on from this one. In a level of very many parts only the fork counts."""
        if len(self._level.parts) > _MANY:
            point = _point(wire)
            return point == self.common(others) != NO_POINT and any(_point(other) != point for other in others)
        bit = self._bit(wire)
        return any(other.step != INPUT and self._before[other.step] >> bit & 1 for other in others)


def _point(wire: Wire) -> int:
    """A part by its index, an input of the level by a negative number."""
    return -1 - wire.port if wire.step == INPUT else wire.step
