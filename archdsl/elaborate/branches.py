"""Forms with braces: branches that meet in an operator, and residuals with their projections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.elaborate import faults
from archdsl.elaborate.frame import Frame, Incoming, Tensors
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.values import Value, kind_of
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.module import PROJECTION, Module, Step, StepRole
from archdsl.ops.faults import CannotMerge, Reject, UnknownArgument, WrongCount
from archdsl.ops.operator import Operator
from archdsl.syntax import tree

_RESIDUAL_ARGUMENTS = {"project": bool, "drop": int | float}


def merging(operator: Operator[Any], node: tree.Mention, frame: Frame, incoming: Incoming, label: str) -> Tensors:
    """`add { a | b }`: the branches start from what comes in, and meet in an operator."""
    branches = node.branches.chains if node.branches else ()
    if len(branches) < 2:
        fault = WrongCount(operator.word, "two or more branches: `{ a | b }`", len(branches))
        raise frame.fault(fault, node.branches.span if node.branches else node.name.span)

    def merge(frame: Frame, incoming: Incoming) -> Tensors:
        ends = [_branch(branch, node, frame, incoming) for branch in branches]
        return _merged(operator, ends, node, frame)

    return frame.of_its_own(node, incoming, label, merge)


def _branch(branch: tree.Chain | None, node: tree.Mention, frame: Frame, incoming: Incoming) -> Tensor | None:
    """The end of a branch, which starts from the incoming tensor, or None where it failed; an empty one is the
    identity."""
    try:
        return frame.one(frame.chain(branch, incoming) if branch else incoming, node)
    except Failed:
        return None


def _merged(
    operator: Operator[Any],
    ends: list[Tensor | None],
    node: tree.Mention,
    frame: Frame,
    role: StepRole = StepRole.NONE,
) -> Tensors:
    """What comes out where branches meet."""
    tensors = tuple(end for end in ends if end is not None and end.type.is_known)
    met = attempted(_met, operator, tensors, node, frame, role) if len(tensors) == len(ends) else None
    return met or frame.run.recovery.unmerged(operator, ends, node, frame, role)


def _met(operator: Operator[Any], tensors: Tensors, node: tree.Mention, frame: Frame, role: StepRole) -> Tensors:
    frame.count_step(node.name.span)
    assert node.branches is not None
    spans = [branch.span if branch else node.branches.span for branch in node.branches.chains]
    also = tuple((frame.place(span), str(each.type)) for span, each in zip(spans, tensors, strict=False))
    try:
        with frame.asked_by(node.name.span, also):
            output = operator.result(tuple(each.type for each in tensors))
    except Reject as reject:
        frame.refused()
        raise frame.fault(reject.fault, node.name.span, also if isinstance(reject.fault, CannotMerge) else ()) from None
    return frame.builder.add(operator, tensors, (output,), frame.place(node.span), role=role)


# --- residuals ----------------------------------------------------------------------------------------------------


def residual(node: tree.Mention, frame: Frame, incoming: Incoming) -> Tensors:
    """`residual { body }`, `residual(project=false, drop=0.1) { body }` or `residual { body | shortcut }`."""
    given = _residual_arguments(node, frame)
    branches = node.branches.chains if node.branches else ()
    inner = branches[0] if branches else None
    if inner is None or len(branches) > 2:
        fault = WrongCount("residual", "a body, and a shortcut if wanted: `{ body | shortcut }`", len(branches))
        raise frame.fault(fault, node.name.span)
    builder, before = frame.builder, len(frame.builder.steps)
    body = _branch(inner, node, frame, incoming)
    is_bare = given.get("project") is False and len(branches) == 1
    if is_bare and body and incoming and incoming[0].type != body.type:
        builder.mark(body.wire, StepRole.ALONE)
        return (body,)
    role = StepRole.SHORTCUT if is_bare else StepRole.RESIDUAL if len(branches) == 1 else StepRole.NONE
    if body and "drop" in given:
        part = StepRole.SHORTCUT if is_bare else StepRole.NONE
        body = attempted(_dropped, given["drop"], body, node, frame, part)
    add = frame.made("add")
    if len(branches) == 2:
        return _merged(add, [body, _branch(branches[1], node, frame, incoming)], node, frame, role)
    if body is None:
        raise Failed
    x = frame.one(incoming, node)
    try:
        shortcut = _projected(x, body.type, builder.steps[before:], node, frame)
    except Failed:
        return frame.run.recovery.unmerged(add, [body, x], node, frame, role)
    return _merged(add, [body, shortcut], node, frame, role)


def _residual_arguments(node: tree.Mention, frame: Frame) -> dict[str, Value]:
    """What `residual(...) { ... }` is given."""
    given: dict[str, Value] = {}
    for argument in node.arguments.items if node.arguments else ():
        if argument.name is None:
            raise frame.fault(faults.WrongValue("a named argument of `residual`", "a plain one"), argument.span)
        if (name := argument.name.text) not in _RESIDUAL_ARGUMENTS:
            raise frame.fault(UnknownArgument("residual", name, tuple(_RESIDUAL_ARGUMENTS)), argument.span)
        value = frame.known(argument.value)
        if not isinstance(value, _RESIDUAL_ARGUMENTS[name]) or (name == "drop" and isinstance(value, bool)):
            wants = "`true` or `false`" if name == "project" else "a number"
            raise frame.fault(faults.WrongValue(wants, kind_of(value)), argument.value.span)
        given[name] = value
    return given


def _dropped(p: Value, body: Tensor, node: tree.Mention, frame: Frame, role: StepRole) -> Tensor:
    """The body of a `residual` with stochastic depth."""
    try:
        drop = frame.made("drop_path", p=p)
    except Reject as reject:
        raise frame.fault(reject.fault, node.name.span) from None
    return frame.apply(drop, (body,), node, role=role)[0]


def _projected(x: Tensor, wanted: TensorType, body: Sequence[Step], node: tree.Mention, frame: Frame) -> Tensor:
    """The shortcut: the incoming tensor, or where shapes differ a 1x1 convolution of it, with a batch norm if the body
    has one."""
    if x.type == wanted or not (x.type.is_known and wanted.is_known):
        return x
    operator = _projection(x.type, wanted, frame)
    if operator is None:
        raise frame.fault(faults.NoProjection(x.type, wanted), node.name.span)
    builder, place = frame.builder, frame.place(node.span)
    name = PROJECTION if PROJECTION not in builder.taken else builder.free_name(PROJECTION)
    inner = Builder(PROJECTION, place, indexed=True)
    inside = Frame(frame.run, frame.scope, inner)
    tensors: Tensors = (inner.add_input(x.type, "x"),)
    for each in (operator, *_last_norm(body)):
        tensors = inside.apply(each, tensors[:1], node)
    module = frame.run.interned(inner.finish(tensors[:1]))
    return builder.add(module, (x,), module.output_types, place, name=name, role=StepRole.DOWNSAMPLE)[0]


def _projection(before: TensorType, after: TensorType, frame: Frame) -> Operator[Any] | None:
    """The operator that takes one type to the other: a 1x1 convolution with a stride, or a linear map."""
    if before.kind is not after.kind or before.rank != after.rank or before.kind is Kind.TOKENS:
        return None
    if before.kind is not Kind.IMAGE:
        return frame.made("fc", width=after.channels) if before.grid == after.grid else None
    strides = tuple(-(-was // now) for was, now in zip(before.grid, after.grid, strict=True))
    reached = tuple((was - 1) // by + 1 for was, by in zip(before.grid, strides, strict=True))
    if reached != after.grid:
        return None
    stride = strides[0] if len(set(strides)) == 1 else strides
    return frame.made("conv", width=after.channels, window=1, stride=stride)


def _last_norm(steps: Sequence[Step]) -> tuple[Operator[Any], ...]:
    """The last norm of some steps, wherever it stands: in a repeat, a group or a block it is one of theirs too."""
    waiting = list(steps)
    known = set[int]()
    while waiting:
        what = waiting.pop().what
        if isinstance(what, Module):
            # a module without a norm has none the second time
            waiting.extend(() if id(what) in known else what.steps)
            known.add(id(what))
        elif what.absorbs_bias:
            return (what,)
    return ()
