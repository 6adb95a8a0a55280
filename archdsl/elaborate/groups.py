"""Modules of their own around parts of a chain: labelled groups, repeats, and weights that are shared."""

from __future__ import annotations

from functools import partial
from typing import Any

from archdsl.algebra.symbolic import same
from archdsl.algebra.tensors import TensorType
from archdsl.algebra.traced import Traced
from archdsl.base.text import Span
from archdsl.elaborate import faults
from archdsl.elaborate.frame import Frame, Incoming, Make, Tensors
from archdsl.elaborate.values import Shared
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.module import Module, Step, StepRole
from archdsl.ops.faults import WrongCount
from archdsl.ops.operator import Operator
from archdsl.syntax import tree


def grouped(name: str, span: Span, frame: Frame, incoming: Incoming, make: Make) -> Tensors:
    """A labelled group: an `nn.Sequential` of its own."""
    if not incoming:
        return make(frame, incoming)
    if len(incoming) != 1:
        raise frame.fault(WrongCount(name, "one tensor", len(incoming)), span)
    (x,) = incoming
    outer, place = frame.builder, frame.place(span)
    inner = Builder("group", place, indexed=True, parent=outer)
    entry = inner.add_input(x.type, "x")
    end = _single(make(frame.inside(inner, x, entry), (entry,)), frame, span)
    if inner.steps and inner.steps[0].role == StepRole.FLATTEN:
        # the step that a fully connected layer adds stands before its group, so that the layer itself comes first
        flatten, first = frame.made("flatten"), inner.steps[0]
        flat = outer.add(flatten, (x,), first.outputs, first.place, role=StepRole.FLATTEN)
        return grouped(name, span, frame, flat, make)
    module = frame.run.interned(inner.finish((end,)))
    check_labels(module, frame)
    return outer.add(module, (x, *inner.captured), module.output_types, place, name=name)


def check_labels(module: Module, frame: Frame) -> None:
    """Refuse a row in which a step has a label that is the position of an unlabelled one, which is that one's name."""
    taken = _taken_position(module) if module.indexed else None
    if taken is not None:
        raise frame.fault(faults.NameTaken(taken.name), taken.place.span)


def repeated(count: int, name: str, span: Span, frame: Frame, incoming: Incoming, make: Make) -> Tensors:
    """A repeat: a row inside a row goes on with the counting, any other is an `nn.Sequential` of its own."""
    if not incoming:
        return make(frame, incoming)
    row = partial(_row, count, span, make)
    if frame.builder.indexed and not name:
        return row(frame, incoming)
    return grouped(name or frame.builder.free_name("repeat"), span, frame, incoming, row)


def _row(count: int, span: Span, make: Make, frame: Frame, incoming: Incoming) -> Tensors:
    """`count` times the same in a row: written out until the output is of the input's type, then one step."""
    builder, place = frame.builder, frame.place(span)
    while count and incoming:
        x = incoming[0]
        frame.count_step(span)
        inner = Builder("repeat", place, indexed=True, transparent=True, parent=builder)
        entry = inner.add_input(x.type, "x")
        # `in` is what came into the block, in each round the same
        inside = frame.inside(inner, x, entry) if count == 1 else Frame(frame.run, frame.scope, inner)
        end = _single(make(inside, (entry,)), frame, span)
        body = inner.finish((end,))
        if not body.steps:
            return incoming
        xs = (x, *inner.captured)
        if count > 1 and inner.taken:
            name, taken = next(iter(inner.taken.items()))
            raise frame.fault(faults.NameTaken(name), taken.span)
        # a count that is an argument of the block stays one, so that all its values make one class in Python
        single = count == 1 and (not isinstance(count, Traced) or bool(inner.taken))
        is_same = end.type.kind is x.type.kind and same(end.type.shape, x.type.shape)
        reaches = 0 in body.reaches or (bool(inner.captured) and len(body.steps) > 1)
        if single or not is_same or reaches:
            incoming, count = (_spliced(body, xs, builder),), count - 1
        elif len(body.steps) == 1:
            (only,) = body.steps
            total = count * only.count
            given = tuple(xs[wire.port] for wire in only.inputs)
            return builder.add(only.what, given, only.outputs, only.place, count=total, arguments=dict(only.arguments))
        else:
            module = frame.run.interned(body)
            return builder.add(module, (x,), module.output_types, place, count=count)
    return incoming or ()


def _spliced(body: Module, xs: Tensors, builder: Builder) -> Tensor:
    """The steps of a body added to another row."""
    x = xs[0]
    for step in body.steps:
        made = builder.add(
            step.what,
            (x, *(xs[wire.port] for wire in step.inputs[1:])),
            step.outputs,
            step.place,
            name=step.name,
            count=step.count,
            role=step.role,
            arguments=dict(step.arguments),
        )
        x = made[0]
    return x


def shared(value: Shared, node: tree.Mention, frame: Frame, incoming: Incoming) -> Tensors:
    """A use of shared weights."""
    statement, builder = value.statement, frame.builder
    name = statement.name.text
    if value.home is not builder:
        raise frame.fault(faults.OutsideTensor(name), node.name.span)
    x = frame.one(incoming, node)
    inner = Builder("group", value.scope.place(statement.span), indexed=True)
    entry = inner.add_input(x.type, "x")
    inside = frame.within(value.scope).inside(inner, x, entry)
    end = _single(inside.chain(statement.chain, (entry,)), frame, node.span)
    module = frame.run.interned(inner.finish((end,)))
    only = module.steps[0] if len(module.steps) == 1 and module.steps[0].count == 1 else None
    what, given = (only.what, dict(only.arguments)) if only else (module, {})
    place = frame.place(node.span)
    made = builder.add(what, (x,), module.output_types, place, name=name, shared=True, arguments=given)
    _check_shared(name, node, frame)
    return made


def _check_shared(name: str, node: tree.Mention, frame: Frame) -> None:
    """Refuse the newest step if it cannot share its weights with the first of its name."""
    newest = frame.builder.steps[-1]
    first = frame.builder.shared.setdefault(name, newest)
    if first is newest:
        return
    with frame.asked_by(node.span, weights=True):
        if _weights(first.what, first.input_types) == _weights(newest.what, newest.input_types):
            return
    also = ((first.place, f"on {first.input_types[0]} here"),)
    raise frame.fault(faults.SharedDiffers(name), node.name.span, also)


def _single(result: Tensors, frame: Frame, span: Span) -> Tensor:
    if len(result) != 1:
        raise frame.fault(WrongCount("a group", "one tensor", len(result)), span)
    return result[0]


def _taken_position(module: Module) -> Step | None:
    """The step of a row whose label is the position of an unlabelled one, which is that one's name."""
    rows: list[range] = []
    start = 0
    for step in module.steps:
        if not step.name:
            rows.append(range(start, start + step.slots))
        start += step.slots
    numbered = (step for step in module.steps if step.name.isdigit() and str(int(step.name)) == step.name)
    return next((step for step in numbered if any(int(step.name) in row for row in rows)), None)


def _weights(what: Operator[Any] | Module, types: tuple[TensorType, ...]) -> object:
    return what.weight_signature if isinstance(what, Module) else what.weights(what.operand(types))
