"""Shapes in a text: those that it states after an element, and those of the inputs that it declares."""

from __future__ import annotations

from typing import assert_never

from archdsl.algebra.symbolic import Assumptions
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.limits import LARGEST
from archdsl.base.text import Span
from archdsl.elaborate import faults
from archdsl.elaborate.frame import Frame, Incoming, Run, Tensors
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.open_sizes import Example
from archdsl.elaborate.program import Programs
from archdsl.graph.build import Tensor
from archdsl.syntax import tree

_MOST_AXES = 4
# how many sizes each kind of tensor has
_SIZES = {"image": (2, 4), "sequence": (2, 4), "vector": (1, 1), "tokens": (1, 1)}


def check_shape(node: tree.ShapeExpression, result: Tensors, frame: Frame) -> None:
    """Compare a stated shape with the one that came out, where both are known."""
    actual = result[0].type
    if not actual.is_known:
        return
    if (sizes := attempted(type_of, node, frame)) is None:
        return
    with frame.asked_by(node.span):
        agree = sizes.shape == actual.shape if isinstance(node, tree.Axes) else sizes.paper == actual.paper
    if not agree:
        frame.refused()
        frame.fault(faults.ShapeDiffers(frame.text(node.span), actual), node.span)


def type_of(node: tree.ShapeExpression, frame: Frame) -> TensorType:
    """The type that a shape in the text means."""
    match node:
        case tree.Sizes(_, sizes):
            *grid, channels = sizes
            found = TensorType.image(channels, *grid) if grid else TensorType.vector(channels)
        case tree.Axes(_, kind, expressions):
            worked_out = [frame.run.evaluator.integer(each, frame.scope) for each in expressions]
            shape = tuple(size for size in worked_out if size is not None)
            if len(shape) != len(worked_out):
                raise Failed
            found = _of_kind(kind, shape, frame) if kind else TensorType.of(shape)
        case _:
            assert_never(node)
    if not all(size > 0 for size in found.shape) or not 1 <= len(found.shape) <= _MOST_AXES:
        wants = "a shape of one to four positive sizes"
        raise frame.fault(faults.WrongValue(wants, f"`{frame.text(node.span)[:40]}`"), node.span)
    return found


def _of_kind(kind: tree.Word, shape: tuple[int, ...], frame: Frame) -> TensorType:
    if kind.text not in _SIZES:
        raise frame.fault(faults.UnknownName(kind.text, tuple(_SIZES)), kind.span)
    low, high = _SIZES[kind.text]
    if not low <= len(shape) <= high:
        sizes = f"{low} sizes" if low == high else f"{low} to {high} sizes"
        raise frame.fault(faults.WrongValue(f"{sizes} of a {kind.text}", f"{len(shape)}"), kind.span)
    return TensorType(shape, Kind(kind.text))


class Inputs:
    """Declares the inputs of a network. example: of the sizes that are left open."""

    def __init__(self, run: Run, programs: Programs, example: Example) -> None:
        self._run = run
        self._programs = programs
        self._example = example

    def element(self, node: tree.InputElement, frame: Frame, incoming: Incoming) -> Tensors:
        """The tensor of an input that is declared inside a chain."""
        if incoming is None:
            raise Failed
        if incoming or frame.builder.indexed or self._run.active:
            advice = "an input starts a network; write `input name: 32x32x3` for a second one"
            raise frame.fault(faults.Misplaced("an input in the middle of a chain", advice), node.span)
        made = self.declared(node.shape, "", node.span, frame)
        if frame.scope.incoming is None:
            frame.scope.incoming = made
        return (made,)

    def declared(self, shape: tree.ShapeExpression, name: str, span: Span, frame: Frame) -> Tensor:
        """A new input of the network, of the size that it states or that was set from outside."""
        builder, size = frame.builder, self._run.size
        if isinstance(shape, tree.Axes):
            self._open(shape, frame)
        kind = type_of(shape, frame) if size is None else _given(size, frame, span)
        if size is not None and builder.inputs:
            frame.fault(faults.InputSize("one input size was given, and the network has several inputs"), span)
        if name in builder.input_names:
            raise frame.fault(faults.DefinedTwice(name), span)
        number = len(builder.inputs) + 1
        while not name:
            free = "x" if number == 1 else f"x{number}"
            name, number = ("" if free in builder.input_names else free), number + 1
        if self._example.opens_all:
            kind = self._example.opened_type(kind, name, self._open_sizes())
        return builder.add_input(kind, name)

    def _open(self, shape: tree.Axes, frame: Frame) -> None:
        """Give the names in a shape that mean nothing yet a meaning: sizes that are left open, or those that were set
        from outside."""
        scope, size = frame.scope, self._run.size
        for axis, node in enumerate(shape.sizes):
            if not isinstance(node, tree.Name) or scope.find(node.text) is not None:
                continue
            name = node.text
            if name in self._run.evaluator.settings and any(each.free for each in scope.outward()):
                continue
            if self._programs.define(tree.Word(node.span, name), scope):
                if size and len(size.shape) == len(shape.sizes):
                    scope.names[name] = size.shape[axis]
                else:
                    scope.names[name] = self._example.opened(name, self._open_sizes())

    def _open_sizes(self) -> Assumptions:
        evaluator = self._run.evaluator
        if evaluator.open_sizes is None:
            evaluator.open_sizes = Assumptions(evaluator.ledger.limits.terms)
        return evaluator.open_sizes


def _given(size: TensorType, frame: Frame, span: Span) -> TensorType:
    """The size that was set from outside, if it is one."""
    if 1 <= len(size.shape) <= _MOST_AXES and all(1 <= each <= LARGEST for each in size.shape):
        return size
    shown = ", ".join(f"{each}" if abs(each) <= LARGEST else "a number that is too large" for each in size.shape)
    raise frame.fault(faults.InputSize(f"({shown[:80]}) is no size: one to four sizes from 1 on"), span)
