"""The arithmetic of one operator: its sizes, its weights, its multiply-accumulates."""

from __future__ import annotations

from math import prod
from typing import Any

from archdsl.algebra.tensors import Shape
from archdsl.graph.module import Step
from archdsl.ops.operator import Operator
from archdsl.ops.traits import Joining
from archdsl.report.explain.page import Lines, by_axis, equal, product
from archdsl.report.explain.sees import operator_sees
from archdsl.report.walk import Spot, operand


def operator_lines(spot: Spot, operator: Operator[Any]) -> Lines:
    """The lines about an operator, for one repetition."""
    step = spot.step
    yield "shape", f"{', '.join(map(str, step.input_types))} -> {', '.join(map(str, step.outputs))}"
    yield from _sizes(step, operator)
    yield from _weights(spot, operator)
    yield from _macs(step, operator)
    yield from operator_sees(spot, operator)


def _sizes(step: Step, operator: Operator[Any]) -> Lines:
    """The arithmetic of the output's shape, where there is any."""
    x, out = step.input_types[0], step.outputs[0]
    windows = operator.windows(operand(step))
    if windows:
        sums = (window.arithmetic(length) for window, length in zip(windows, x.grid, strict=True))
        yield from by_axis(list(sums))
    elif operator.joins is Joining.CONCATENATION:
        in_rows = operator.in_turn
        joined = [kind.positions if in_rows else kind.channels for kind in step.input_types]
        along = "positions" if in_rows else "channels"
        yield along, equal(" + ".join(map(str, joined)), out.positions if in_rows else out.channels)
    elif out.positions == 1 and out.channels == x.size != x.channels:
        yield "features", equal(product((*x.grid, x.channels)), out.channels)
    elif operator.sees_all and out.positions == 1 < x.positions:
        yield "positions", f"{equal(product(x.grid), x.positions)} of each channel become one"


def _weights(spot: Spot, operator: Operator[Any]) -> Lines:
    step = spot.step
    weights = operator.weights(operand(step))
    if not weights:
        return
    terms = " + ".join(_tensor(shape) for shape in weights.values())
    remark = ", counted before" if spot.again else _without_bias(spot, operator)
    yield "weights", equal(terms, step.params) + remark


def _tensor(shape: Shape) -> str:
    """How many numbers a learned tensor has: `64*(7*7*3)`, filters times the numbers of each."""
    first, *rest = shape
    if len(rest) < 2:
        return product(shape)
    channels, *window = rest
    return f"{first}*({product((*window, channels))})"


def _without_bias(spot: Spot, operator: Operator[Any]) -> str:
    if getattr(operator, "bias", None) is not False:
        return ""
    readers = [step.what for step in spot.module.steps if any(wire.step == spot.index for wire in step.inputs)]
    cancelled = readers and all(isinstance(each, Operator) and each.absorbs_bias for each in readers)
    return " (no bias: a norm follows)" if cancelled else " (no bias)"


def _macs(step: Step, operator: Operator[Any]) -> Lines:
    macs = step.macs
    if not macs:
        return
    matrices = sum(prod(shape) for shape in operator.weights(operand(step)).values() if len(shape) > 1)
    x, out = step.input_types[0], step.outputs[0]
    for kind, word in ((out, "positions"), (x, "input positions")):
        if macs == matrices * kind.positions:
            if kind.positions == 1:
                yield "MACs", f"{macs:,}, each weight of the matrix once"
            else:
                yield "MACs", equal(f"{product(kind.grid)} {word} * {matrices:,} weights", macs)
            return
    yield "MACs", f"{macs:,}"
