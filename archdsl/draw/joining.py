"""Parts that become one: a layer with its norm and activation, equal neighbours, equal branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from archdsl.algebra.tensors import Kind
from archdsl.draw.levels import Level, Part
from archdsl.graph.module import INPUT, StepRole, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.traits import Joining, Style


def taken_in(level: Level) -> Level:
    """A level in which layers take in what a textbook does not name: norm and activation, flattening, and what does
    nothing at inference."""
    gates = _gates(level)
    return _joined(level, lambda first, second, last: _taken_in(first, second, is_gate=last in gates))


def neighbours_folded(level: Level) -> Level:
    """A level in which parts in a row that are drawn the same are one, with a count."""
    return _joined(level, lambda first, second, _: _folded(first, second))


# --- neighbours that become one ---------------------------------------------------------------------------------------

Join = Callable[[Part, Part, int], Part | None]


def _joined(level: Level, join: Join) -> Level:
    """A level in which each part is joined with the one before it where `join` makes one of both. It is told the index
    that the second of them, or the last part in it, has in the level."""
    parts: list[Part | None] = []
    ends: list[int] = []
    where: dict[Wire, Wire] = {}
    for index, part in enumerate(level.parts):
        at = len(parts)
        parts.append(_reading(part, tuple(where.get(wire, wire) for wire in part.inputs)))
        ends.append(index)
        while (before := _feeder(parts[at])) is not None and _is_read_once(level, ends[before], parts[before]):
            first, second = parts[before], parts[at]
            assert first is not None
            assert second is not None
            if (one := join(first, second, index)) is None:
                break
            parts[at], parts[before], ends[before], at = None, one, index, before
        for port in range(len(part.outputs)):
            where[Wire(index, port)] = Wire(at, port)
    return _compacted(level, parts, where)


def _reading(part: Part, inputs: tuple[Wire, ...]) -> Part:
    """A part with other inputs; most keep theirs, and a part is dear to copy."""
    return part if inputs == part.inputs else replace(part, inputs=inputs)


def _feeder(part: Part | None) -> int | None:
    """The part that alone feeds another, by its only output."""
    if part is None or len(part.inputs) != 1 or part.inputs[0].step == INPUT:
        return None
    return part.inputs[0].step


def _is_read_once(level: Level, index: int, part: Part | None) -> bool:
    """Whether what reads the first output of a part is all that reads the part."""
    count = len(part.outputs) if part is not None else 0
    return [level.readers[Wire(index, port)] for port in range(count)] == [1, *[0] * (count - 1)]


def _compacted(level: Level, parts: list[Part | None], where: dict[Wire, Wire]) -> Level:
    kept = [index for index, part in enumerate(parts) if part is not None]
    index_of = {old: new for new, old in enumerate(kept)}

    def moved(wire: Wire) -> Wire:
        return wire if wire.step == INPUT else Wire(index_of[wire.step], wire.port)

    moved_parts = tuple(_reading(part, tuple(map(moved, part.inputs))) for part in parts if part is not None)
    outputs = tuple(moved(where.get(wire, wire)) for wire in level.outputs)
    return Level(level.inputs, moved_parts, outputs)


def _gates(level: Level) -> set[int]:
    """The parts that only products read."""
    multiplied: set[int] = set()
    others: set[int] = set()
    for part in level.parts:
        is_product = part.operator is not None and part.operator.joins is Joining.PRODUCT
        (multiplied if is_product else others).update(wire.step for wire in part.inputs)
    return multiplied - others


def _folded(first: Part, second: Part) -> Part | None:
    """Two parts in a row that are drawn the same, as one with a count."""
    # a count would say that each of them has weights of its own
    if len(first.outputs) != 1 or first.is_merge or first.shared or first.key != second.key:
        return None
    # open blocks show what is in each of them, which differs where their inputs do
    if first.inside is not None and not first.costs.is_alike(first.count, second.costs, second.count):
        return None
    return replace(first, count=first.count + second.count, costs=first.costs + second.costs)


def _taken_in(first: Part, second: Part, *, is_gate: bool) -> Part | None:
    """A layer and what it takes in: norm and activation after it or before it, flattening, and what does nothing at
    inference. is_gate: whether only products read the second."""
    before, after = first.operator, second.operator
    if before is not None and before.is_flattening and len(first.members) == 1 and second.count >= first.count == 1:
        return _unflattened(first, second)
    if (before is None and first.inside is not None) or after is None or first.count > 1 or second.count > 1:
        return None
    if (first.training, first.aside) != (second.training, second.aside):
        return None
    if after.inert and second.mark in {None, first.mark}:
        return _together(first, second, first.lead)
    if before is None:
        return None
    if _follows(before, second) and not is_gate and second.mark in {None, first.mark}:
        return _together(first, second, first.lead)
    if len(first.members) == 1 and _leads_to(first, after) and first.mark in {None, second.mark}:
        return _together(first, second, len(first.members) + second.lead)
    return None


def _unflattened(flatten: Part, part: Part) -> Part | None:
    """A linear layer with the flattening before it; a block without the one that is not in the text."""
    if part.operator is not None:
        linear = part.operator.style is Style.LINEAR and flatten.training == part.training and flatten.mark is None
        return _together(flatten, part, 1 + part.lead) if linear else None
    if flatten.step.role != StepRole.FLATTEN:
        return None
    return replace(part, inputs=flatten.inputs, input_types=flatten.input_types)


def _follows(layer: Operator[Any], part: Part) -> bool:
    """Whether a norm or activation belongs to the layer before it. On a sequence it does not: the papers on attention
    draw each."""
    passing = part.operator
    if passing is None or not _is_passing(passing) or part.input_types[0].kind is Kind.SEQUENCE:
        return False
    return layer.decorated or (layer.joins is Joining.SUM and passing.style is Style.ACTIVATION)


def _leads_to(part: Part, layer: Operator[Any]) -> bool:
    """Whether a norm or activation belongs to the layer after it, as in networks with pre-activation, or what does
    nothing at inference."""
    passing = part.operator
    if passing is None or not layer.decorated:
        return False
    return passing.inert or (_is_passing(passing) and part.input_types[0].kind is not Kind.SEQUENCE)


def _is_passing(operator: Operator[Any]) -> bool:
    """Whether the operator, a norm or activation, gets no box of its own beside a layer."""
    return operator.style.is_passing and not operator.always_named


def _together(first: Part, second: Part, lead: int) -> Part:
    return replace(
        first,
        members=first.members + second.members,
        count=second.count,
        lead=lead,
        outputs=second.outputs,
        mark=second.mark if lead >= len(first.members) else first.mark,
        costs=first.costs + second.costs,
    )


# --- branches that become one -----------------------------------------------------------------------------------------


def branches_folded(level: Level) -> Level:
    """A level in which equal branches that stand side by side are one, with the number of its copies."""
    parts: list[Part | None] = list(level.parts)
    for index, merge in enumerate(level.parts):
        if not merge.is_merge:
            continue
        branches = [_branch(level, wire) for wire in merge.inputs]
        kept = _runs(level, branches)
        if len(kept) == len(branches):
            continue
        places = [place for place, _ in kept]
        for place, (_, branch) in enumerate(branches):
            if place not in places:
                for each in branch:
                    parts[each] = None
        for place, copies in kept:
            if copies > 1:
                _with_copies(level, parts, branches[place][1], copies)
        parts[index] = replace(
            merge,
            inputs=tuple(merge.inputs[place] for place in places),
            input_types=tuple(merge.input_types[place] for place in places),
        )
    return _compacted(level, parts, {}) if parts != list(level.parts) else level


Branch = tuple[Wire, list[int]]


def _runs(level: Level, branches: list[Branch]) -> list[tuple[int, int]]:
    """The first of each run of equal branches, by its place, and how many they are."""
    keys = [(begin, *((level.parts[each].key, level.parts[each].count) for each in row)) for begin, row in branches]
    runs: list[tuple[int, int]] = []
    for place, key in enumerate(keys):
        if runs and branches[place][1] and key == keys[runs[-1][0]]:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return runs


def _with_copies(level: Level, parts: list[Part | None], row: list[int], copies: int) -> None:
    """Put the parts of a branch into one that stands for its copies: the box itself, or a block without a name."""
    first, last = level.parts[row[0]], level.parts[row[-1]]
    if len(row) == 1:
        parts[row[0]] = replace(first, copies=copies)
        return
    inside = tuple(
        replace(level.parts[each], inputs=(Wire(place - 1) if place else Wire(INPUT),))
        for place, each in enumerate(row)
    )
    member = first.members[0]
    parts[row[-1]] = replace(
        first,
        members=(replace(member, path=f"{member.path}:row"),),
        lead=0,
        title="",
        count=1,
        copies=copies,
        outputs=last.outputs,
        inside=Level(first.input_types, inside, (Wire(len(row) - 1),)),
    )
    for each in row[:-1]:
        parts[each] = None


def _branch(level: Level, wire: Wire) -> Branch:
    """The parts in a row that end at a wire, the first of them first, and the wire that they start from."""
    parts: list[int] = []
    while wire.step != INPUT and level.readers[wire] == 1:
        part = level.parts[wire.step]
        # what gives several tensors stands at the beginning of several branches
        if len(part.inputs) != 1 or len(part.outputs) != 1:
            break
        parts.append(wire.step)
        (wire,) = part.inputs
    return wire, parts[::-1]
