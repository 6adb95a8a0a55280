"""What a class has under a condition: the projection or the shortcut of a `residual`, where some of its modules go
without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archdsl.algebra.traced import Expression, Traced, python
from archdsl.emit.torch.program import Call, Compared, Condition, Hole, Joined, Keyword, Node
from archdsl.emit.torch.residuals import (
    before_projection,
    end_of_body,
    end_of_residual,
    joins,
    projects,
    stride_of_projection,
)
from archdsl.emit.torch.solve import Arguments, Rejected


def projection(given: Arguments) -> tuple[Condition, Expression]:
    """The condition under which a `residual` projects: its stride is not 1, or its channels change. And its stride."""
    modules = given.modules
    projecting = list(map(projects, modules))
    after = [end_of_residual(module).outputs[0].channels for module in modules]
    before = [before_projection(module).channels for module in modules]
    strides = list(map(stride_of_projection, modules))
    strides_differ = len(set(map(int, strides))) > 1
    stride = given.number(strides, projecting) if strides_differ else int(strides[0])
    one, other = given.number(before, projecting), given.number(after, projecting)
    channels_change = python(one) != python(other)
    parts: list[Compared] = []
    if strides_differ:
        parts.append(Compared(stride, "!=", 1))
    if channels_change:
        parts.append(Compared(one, "!=", other))
    holds = [
        (strides_differ and int(by) != 1) or (channels_change and int(a) != int(b))
        for by, a, b in zip(strides, before, after, strict=True)
    ]
    return _joined("or", parts) if holds == projecting else _told_by(given, projecting), stride


def shortcut(given: Arguments) -> Condition:
    """The condition under which a `residual` without projections has its shortcut: nothing changes the shape."""
    joined = [bool(joins(module)) for module in given.modules]
    ends = list(map(end_of_body, given.modules))
    starts = [module.inputs[0] for module in given.modules]
    strides = [
        max((-(-int(was) // int(now)) for was, now in zip(start.grid, end.grid, strict=True)), default=1)
        for start, end in zip(starts, ends, strict=True)
    ]
    before = given.number([each.channels for each in starts], joined)
    after = given.number([each.channels for each in ends], joined)
    parts: list[Compared] = []
    holds = [True] * len(joined)
    if len(set(strides)) > 1:
        by = _found(given, strides)
        if by is None:
            return _told_by(given, joined)
        parts.append(Compared(by, "==", 1))
        holds = [stride == 1 for stride in strides]
    if before != after:
        parts.append(Compared(before, "==", after))
        pairs = zip(holds, starts, ends, strict=True)
        holds = [held and int(start.channels) == int(end.channels) for held, start, end in pairs]
    return _joined("and", parts) if parts and holds == joined else _told_by(given, joined)


def with_stride(node: Node, stride: Expression) -> Node:
    """A projection whose stride is written as the expression that the condition has, not as its value."""
    match node:
        case Call(_, args, keywords):
            named = tuple(
                Keyword(each.name, Hole(Traced(int(each.value.value), stride)), each.default)
                if each.name == "stride" and isinstance(each.value, Hole)
                else each
                for each in keywords
            )
            return replace(node, args=tuple(with_stride(arg, stride) for arg in args), keywords=named)
        case _:
            return node


def _joined(sign: str, parts: Sequence[Compared]) -> Condition:
    return parts[0] if len(parts) == 1 else Joined(sign, tuple(parts))


def _told_by(given: Arguments, truths: list[bool]) -> Condition:
    """The condition over a single argument that holds in some modules; Rejected where there is none."""
    condition = given.condition(truths)
    if condition is None:
        raise given.rejected(truths)
    return condition


def _found(given: Arguments, numbers: list[int]) -> Expression | None:
    try:
        return given.number(numbers)
    except Rejected:
        return None
