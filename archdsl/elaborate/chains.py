"""Chains: elements one after the other, with groups, repeats, comprehensions, labels and words.

What comes in is unknown (None) where something before it failed, and nothing at all (an empty tuple) before the first
input. An element that fails ends nothing else: what follows it is worked out too.
"""

from __future__ import annotations

import re
from functools import partial
from typing import assert_never

from archdsl.algebra.symbolic import fixed
from archdsl.algebra.tensors import Kind
from archdsl.base.settings import is_whole
from archdsl.elaborate import faults
from archdsl.elaborate.blocks import Blocks
from archdsl.elaborate.branches import merging, residual
from archdsl.elaborate.evaluate import INCOMING
from archdsl.elaborate.frame import Frame, Incoming, Run, Tensors
from archdsl.elaborate.groups import grouped, repeated, shared
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.program import Programs
from archdsl.elaborate.shapes import Inputs, check_shape
from archdsl.elaborate.values import Shared, Template, Unknown, is_true, kind_of
from archdsl.elaborate.words import Reading, Words, switch
from archdsl.graph.arguments import Partial
from archdsl.graph.build import Tensor
from archdsl.graph.module import StepRole
from archdsl.graph.reserved import is_reserved
from archdsl.ops.faults import WrongCount
from archdsl.syntax import tree

_HOLE = re.compile(r"\{(\w*)\}")
_LAYER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}|[0-9]{1,18}")


class Chains:
    """Works out chains."""

    def __init__(self, run: Run, programs: Programs, inputs: Inputs, blocks: Blocks) -> None:
        self._run = run
        self._programs = programs
        self._inputs = inputs
        self._blocks = blocks
        self._words = Words(run.evaluator.operators)

    def chain(self, node: tree.Chain, frame: Frame, incoming: Incoming) -> Tensors:
        """What comes out of elements one after the other."""
        ledger, recovery, recorder = self._run.evaluator.ledger, self._run.recovery, self._run.evaluator.recorder
        ledger.count(len(node.elements), frame.scope, node.span)
        ledger.enter(frame.scope, node.span)
        try:
            for index, element in enumerate(node.elements):
                with frame.asked_by(element.span, needed=False):
                    began = recovery.begin(frame)
                    # called from here, since a deep text leaves little room on Python's stack
                    try:
                        result = self._element(element, frame, incoming, is_first=index == 0)
                    except Failed:
                        result = None
                    incoming = recovery.element(element, frame, incoming, result, began)
                if recorder is not None and incoming:
                    recorder.tensors(frame.place(element.span), incoming)
        finally:
            ledger.depth -= 1
        return _known(incoming)

    def _element(self, node: tree.Element, frame: Frame, incoming: Incoming, *, is_first: bool) -> Tensors:
        if node.optional and not self._switched_on(node, frame):
            return _known(incoming)
        if node.count is None and node.label is None:
            result = self._item(node, frame, incoming, is_first=is_first)
        else:
            make = partial(self._item, node, is_first=is_first)
            count = 1 if node.count is None else attempted(self._count, node.count, frame)
            label = attempted(self._label, node.label, frame) if node.label else ""
            if count == 0:
                return _known(incoming)
            if count is None or label is None:
                return self._run.recovery.uncounted(frame, make)
            if node.count is not None:
                result = repeated(count, label, node.span, frame, incoming, make)
            elif isinstance(node.item, tree.Group | tree.Comprehension):
                result = grouped(label, node.span, frame, incoming, make)
            else:
                result = make(frame, incoming, label)
        if node.shape is not None and result and self._run.as_written:
            check_shape(node.shape, result, frame)
        return result

    def _item(
        self, node: tree.Element, frame: Frame, incoming: Incoming, label: str = "", *, is_first: bool
    ) -> Tensors:
        match node.item:
            case tree.Mention() as mention:
                return self._mention(mention, frame, incoming, label, is_first=is_first)
            case tree.Group() as group:
                return self._group(group, frame, incoming)
            case tree.Comprehension() as comprehension:
                return self._comprehension(comprehension, frame, incoming)
            case tree.InputElement() as element:
                return self._inputs.element(element, frame, incoming)
            case tree.Gap(span):
                raise frame.fault(faults.LeftOut(), span)
            case _:
                assert_never(node.item)

    def _group(self, node: tree.Group, frame: Frame, incoming: Incoming) -> Tensors:
        if node.condition is None or is_true(frame.known(node.condition)):
            return self.chain(node.chain, frame, incoming)
        return self.chain(node.otherwise, frame, incoming) if node.otherwise else _known(incoming)

    def _comprehension(self, node: tree.Comprehension, frame: Frame, incoming: Incoming) -> Tensors:
        for scope in self._run.evaluator.iterations(node.loops, node.condition, frame.scope):
            frame.count_step(node.span)
            incoming = attempted(self.chain, node.chain, frame.within(scope), incoming)
        return _known(incoming)

    def _switched_on(self, node: tree.Element, frame: Frame) -> bool:
        if not isinstance(node.item, tree.Mention):
            frame.fault(faults.NoName(), node.optional or node.span)
            return True
        evaluator = self._run.evaluator
        name = switch(node.item, evaluator.operators)
        evaluator.switches.add(name)
        value = frame.scope.find(name)
        if value is None or isinstance(value, Template):
            value = evaluator.settings.get(name, True)
        return is_true(value)

    def _count(self, node: tree.Expression, frame: Frame) -> int:
        value = frame.known(node)
        if is_whole(value) and value >= 0:
            return fixed(value)
        raise frame.fault(faults.BadCount(kind_of(value)), node.span)

    def _label(self, label: tree.Word, frame: Frame) -> str:
        """The name that a label gives, with `{i}` filled in."""
        parts: dict[str, str] = {}
        for hole in _HOLE.findall(label.text):
            value = self._run.evaluator.name(hole, frame.scope, label.span)
            if isinstance(value, Unknown):
                raise Failed
            if not isinstance(value, int | str):
                wants = "a whole number or text for a name"
                raise frame.fault(faults.WrongValue(wants, kind_of(value)), label.span)
            parts[hole] = str(value)
        text = _HOLE.sub(lambda found: parts[found[1]], label.text)
        if not _LAYER_NAME.fullmatch(text):
            raise frame.fault(faults.NotAName(text), label.span)
        if is_reserved(text):
            raise frame.fault(faults.ReservedName(text), label.span)
        if text in frame.builder.taken:
            also = ((frame.builder.taken[text], "the first of that name"),)
            raise frame.fault(faults.NameTaken(text), label.span, also)
        return text

    # --- words ------------------------------------------------------------------------------------------------------

    def _mention(self, node: tree.Mention, frame: Frame, incoming: Incoming, label: str, *, is_first: bool) -> Tensors:
        word, scope = node.name.text, frame.scope
        if self._run.recovery.goes_on and incoming and node.branches is None:
            starts = is_first and (word == INCOMING or isinstance(scope.find(word), Tensor))
            if not starts and not all(each.type.is_known for each in incoming):
                work = partial(self._mention, node, frame, None, "", is_first=False)
                return self._run.recovery.depending(node, frame, incoming, label, work)
        value = self._run.evaluator.name(word, scope, node.name.span) if word == INCOMING else scope.find(word)
        if node.branches is not None and word.lower() == "residual":
            return frame.of_its_own(node, incoming, label, partial(residual, node))
        if value is None and (found := self._words.split(word)) is not None:
            return self._operator(node, *found, frame, incoming, label)
        value = self._programs.known_block(word) if value is None else value
        match value:
            case Template():
                return self._blocks.call(value, node, frame, incoming, label)
            case Tensor():
                return _start(value, node, frame, is_first=is_first)
            case Shared():
                return shared(value, node, frame, incoming)
            case Partial():
                return self._operator(node, value, "", frame, incoming, label)
            case Unknown():
                raise Failed
            case None:
                raise frame.fault(faults.UnknownElement(word, self._programs.known_words(scope)), node.name.span)
            case _:
                raise frame.fault(faults.WrongValue("an operator or block", kind_of(value)), node.name.span)

    def _operator(
        self, node: tree.Mention, found: Partial, digits: str, frame: Frame, incoming: Incoming, label: str
    ) -> Tensors:
        if found.operator.variadic:
            return merging(self._words.read(node, found, digits, frame).operator, node, frame, incoming, label)
        reading = attempted(self._words.read, node, found, digits, frame)
        if node.branches is not None:
            fault = WrongCount(found.operator.word, "one tensor, without braces", len(node.branches.chains))
            raise frame.fault(fault, node.branches.span)
        if reading is None:
            raise Failed
        x = frame.one(incoming, node)
        if found.operator.flattens and x.type.kind is Kind.IMAGE:
            x = frame.apply(frame.made("flatten"), (x,), node, reading.spans, role=StepRole.FLATTEN)[0]
        if label and reading.followers:
            # a labelled layer with its norm and activation is one `nn.Sequential`
            return grouped(label, node.span, frame, (x,), partial(_decorated, node, reading))
        return _applied(node, reading, x, frame, label)


def _start(value: Tensor, node: tree.Mention, frame: Frame, *, is_first: bool) -> Tensors:
    """A bound tensor, from which a chain starts."""
    name = node.name
    if not is_first:
        reason = f"`{name.text}` is a tensor, and a tensor can only start a chain"
        advice = "begin a new chain with it, or join both with `add { ... }` or `concat { ... }`"
        raise frame.fault(faults.Misplaced(reason, advice), name.span)
    if frame.builder.indexed and value.home is not frame.builder:
        raise frame.fault(faults.OutsideTensor(name.text), name.span)
    if (found := frame.reached(value)) is None:
        raise frame.fault(faults.OutsideTensor(name.text), name.span)
    return (found,)


def _applied(node: tree.Mention, reading: Reading, x: Tensor, frame: Frame, label: str) -> Tensors:
    """What an operator makes of a tensor, with the norm and activation that follow it."""
    operands = [frame.reached(each) for each in reading.operands]
    layers = reading.operator.borrowed().values()
    if (outside := next((each for each in layers if each.name not in frame.builder.shared), None)) is not None:
        # another class has the weights
        raise frame.fault(faults.OutsideTensor(outside.name), node.name.span)
    if None in operands:
        raise frame.fault(faults.OutsideTensor(node.name.text), node.name.span)
    xs = (x, *(each for each in operands if each is not None))
    results = frame.apply(reading.operator, xs, node, reading.spans, label)
    for each in reading.followers:
        results = frame.apply(each, results[:1], node, reading.spans)
    return results


def _decorated(node: tree.Mention, reading: Reading, frame: Frame, incoming: Incoming) -> Tensors:
    results = incoming or ()
    for each in (reading.operator, *reading.followers):
        results = frame.apply(each, results[:1], node, reading.spans)[:1]
    return results


def _known(incoming: Incoming) -> Tensors:
    if incoming is None:
        raise Failed
    return incoming
