"""The form in which two networks are compared: the steps of a module as nodes, alike however the text wrote them.

A body of a repeat that is not repeated is its steps; equal steps in a row, one after the other, are one node with a
count. Keys say what is equal: a key is a small number, the same for equal things of both networks.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.fact import Fact
from archdsl.facts.table import counts
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator

SHORT: Final = 64


@record(eq=False)
class Node:
    """One step of a module, or equal steps in a row as one.

    name: what it is called in its module, nothing where its position is its name. position: of the first of its
    repetitions in an indexed module. owner, index: where the step stands.
    """

    step: Step
    name: str
    position: int
    count: int
    inputs: tuple[Wire, ...]
    owner: Module
    index: int
    again: bool = False

    @property
    def what(self) -> Operator[Any] | Module:
        """The operator or module."""
        return self.step.what

    @property
    def slots(self) -> int:
        """Positions that it takes in an indexed module."""
        return self.step.slots // self.step.count * self.count

    @property
    def label(self) -> str:
        """The name that the text gives it; nothing where its kind and number, or its position, are its name."""
        what = self.what
        kind = what.name if isinstance(what, Module) else what.kind()
        number = self.name.removeprefix(kind)
        is_counted = number != self.name and number.isdecimal()
        return "" if is_counted or self.name == self.step.role or _is_repeat(self.name) else self.name

    @property
    def counts(self) -> dict[Fact[int], int]:
        """Each fact that adds up, such as parameters and MACs, over all repetitions."""
        sums = ((fact, fact.summed) for fact in counts())
        return {fact: each.of(self.step, self.count, again=self.again) for fact, each in sums if each}


def _is_repeat(name: str) -> bool:
    return name.startswith("repeat") and name.removeprefix("repeat").isdecimal()


@record(eq=False)
class Body:
    """What is in a module, or in a part of it. outputs: with each whether it exists in training mode only."""

    inputs: tuple[TensorType, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[tuple[Wire, bool], ...]

    @cached_property
    def readers(self) -> dict[Wire, int]:
        """How many read each tensor."""
        found: dict[Wire, int] = {}
        for wire in (*(wire for node in self.nodes for wire in node.inputs), *(wire for wire, _ in self.outputs)):
            found[wire] = found.get(wire, 0) + 1
        return found

    @property
    def has_repeats(self) -> bool:
        """Whether a step, or a row of several, is repeated."""
        return any(node.count > 1 for node in self.nodes)

    def unrolled(self) -> Body:
        """The body with a node for each of a few repetitions."""
        nodes: list[Node] = []
        made: list[tuple[Wire, ...]] = []
        for node in self.nodes:
            inputs = tuple(wire if wire.step == INPUT else made[wire.step][wire.port] for wire in node.inputs)
            single = replace(node, inputs=inputs)
            if 1 < node.count <= SHORT:
                single = replace(single, count=1)
                for repetition in range(node.count - 1):
                    nodes.append(replace(single, position=node.position + repetition * single.slots))
                    single = replace(single, inputs=(Wire(len(nodes) - 1), *inputs[1:]))
                single = replace(single, position=node.position + (node.count - 1) * single.slots)
            nodes.append(single)
            made.append(tuple(Wire(len(nodes) - 1, port) for port in range(len(node.step.outputs))))
        outputs = ((wire if wire.step == INPUT else made[wire.step][wire.port], only) for wire, only in self.outputs)
        return Body(self.inputs, tuple(nodes), tuple(outputs))

    def part(self, begin: int, end: int) -> Body:
        """The nodes from `begin` to `end` as if they were a module: what they read from outside comes in."""
        entering: dict[Wire, int] = {}

        def moved(wire: Wire) -> Wire:
            if wire.step != INPUT and begin <= wire.step < end:
                return Wire(wire.step - begin, wire.port)
            return Wire(INPUT, entering.setdefault(wire, len(entering)))

        nodes = tuple(replace(node, inputs=tuple(map(moved, node.inputs))) for node in self.nodes[begin:end])
        left = {wire for node in self.nodes[end:] for wire in node.inputs} | {wire for wire, _ in self.outputs}
        leaving = sorted(wire for wire in left if wire.step != INPUT and begin <= wire.step < end)
        types = tuple(self._type_of(wire) for wire in entering)
        return Body(types, nodes, tuple((moved(wire), False) for wire in leaving))

    def _type_of(self, wire: Wire) -> TensorType:
        return self.inputs[wire.port] if wire.step == INPUT else self.nodes[wire.step].step.outputs[wire.port]


class Forms:
    """The bodies of modules, and their keys, of two networks. Each distinct module is gone through once."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._bodies: dict[tuple[int, bool], Body] = {}
        self._units: dict[tuple[int, bool], int] = {}
        self._keys: dict[tuple[int, bool, bool], int] = {}

    def prepare(self, root: Module) -> None:
        """Work out the keys of a network, children before parents."""
        for module in root.distinct():
            for named, shaped in ((True, True), (False, True), (False, False)):
                self._key_of_module(module, named=named, shaped=shaped)

    def body(self, module: Module, *, written_out: bool = False) -> Body:
        """What is in a module; written out, a row of steps that is repeated a few times is these steps."""
        if (found := self._bodies.get((id(module), written_out))) is None:
            found = self._bodies[id(module), written_out] = _folded(self, _spliced(module, written_out=written_out))
        return found

    def number(self, thing: Hashable) -> int:
        """The number of a thing; equal things have one."""
        return self._numbers.setdefault(thing, len(self._numbers))

    def unit(self, node: Node, *, named: bool = True, shaped: bool = True) -> int:
        """The key of one repetition of a node.

        named: whether the names of layers inside count. shaped: whether shapes do; without them what is left is what
        the text says.
        """
        what = node.what
        if isinstance(what, Module):
            return self._key_of_module(what, named=named, shaped=shaped)
        # an operator is hashed field by field, and asked for again and again
        place = (id(node.step), shaped)
        if (found := self._units.get(place)) is None:
            found = self._units[place] = self.number((type(what), what, node.step.input_types if shaped else ()))
        return found

    def node(self, node: Node, *, named: bool = True, shaped: bool = True) -> int:
        """The key of a node without its wires."""
        own = (node.name, node.step.shared) if named else ("", node.step.shared)
        return self.number((*own, node.count, self.unit(node, named=named, shaped=shaped)))

    def same(self, one: Module, other: Module) -> bool:
        """Whether two modules are equal in everything, weights' names among it."""
        return self._key_of_module(one, named=True, shaped=True) == self._key_of_module(other, named=True, shaped=True)

    def _key_of_module(self, module: Module, *, named: bool, shaped: bool) -> int:
        place = (id(module), named, shaped)
        if (found := self._keys.get(place)) is None:
            body = self.body(module, written_out=True)
            nodes = tuple((self.node(each, named=named, shaped=shaped), each.inputs) for each in body.nodes)
            kinds = body.inputs if shaped else len(body.inputs)
            shape = (module.indexed, module.transparent) if named else ()
            found = self._keys[place] = self.number((shape, kinds, nodes, body.outputs))
        return found


def _spliced(module: Module, *, written_out: bool) -> Body:
    """The steps of a module as nodes, the bodies of repeats in their place where they stand once, or a few times."""
    nodes: list[Node] = []
    made: list[tuple[Wire, ...]] = []
    owned = {index for index, _ in module.owned_with_index()}
    position = 0
    for index, step in enumerate(module.steps):
        inputs = tuple(wire if wire.step == INPUT else made[wire.step][wire.port] for wire in step.inputs)
        what = step.what
        times = step.count
        if isinstance(what, Module) and what.transparent:
            small = times == 1 or (written_out and times * _length(what) <= SHORT)
            if small:
                made.append(_written(what, inputs, times, position, nodes, written_out=written_out))
                position += step.slots
                continue
        nodes.append(Node(step, step.name, position, times, inputs, module, index, again=index not in owned))
        made.append(tuple(Wire(len(nodes) - 1, port) for port in range(len(step.outputs))))
        position += step.slots
    border = len(module.outputs) - module.train_outputs
    outputs = (wire if wire.step == INPUT else made[wire.step][wire.port] for wire in module.outputs)
    return Body(module.inputs, tuple(nodes), tuple((wire, at >= border) for at, wire in enumerate(outputs)))


def _length(row: Module) -> int:
    """The steps of a row with the rows inside it written out."""
    return sum(
        _length(step.what) * step.count if isinstance(step.what, Module) and step.what.transparent else 1
        for step in row.steps
    )


def _written(
    row: Module, inputs: tuple[Wire, ...], times: int, position: int, nodes: list[Node], *, written_out: bool
) -> tuple[Wire, ...]:
    """Add the nodes of a row to those of the module around it, so many times; the wires of what comes out at last."""
    body = _spliced(row, written_out=written_out)
    for _ in range(times):
        offset = len(nodes)

        def outward(wire: Wire, offset: int = offset, inputs: tuple[Wire, ...] = inputs) -> Wire:
            return inputs[wire.port] if wire.step == INPUT else Wire(wire.step + offset, wire.port)

        nodes.extend(
            replace(node, inputs=tuple(map(outward, node.inputs)), position=node.position + position)
            for node in body.nodes
        )
        inputs = (*(outward(wire) for wire, _ in body.outputs), *inputs[len(body.outputs) :])
        position += row.slots
    return inputs[: len(body.outputs)]


def _folded(forms: Forms, body: Body) -> Body:
    """A body in which equal nodes without names, each fed by the one before it alone, are one."""
    kept: list[Node] = []
    where: dict[Wire, Wire] = {}
    for index, node in enumerate(body.nodes):
        node = replace(node, inputs=tuple(where.get(wire, wire) for wire in node.inputs))  # noqa: PLW2901 - as wired now
        before = kept[-1] if kept else None
        if before is not None and _goes_on(forms, before, node, len(kept) - 1, body.readers.get(Wire(index - 1), 0)):
            kept[-1] = replace(before, count=before.count + node.count)
        else:
            kept.append(node)
        where.update({Wire(index, port): Wire(len(kept) - 1, port) for port in range(len(node.step.outputs))})
    if len(kept) == len(body.nodes):
        return body
    return Body(body.inputs, tuple(kept), tuple((where.get(wire, wire), only) for wire, only in body.outputs))


def _goes_on(forms: Forms, before: Node, node: Node, index: int, readers: int) -> bool:
    if before.name or node.name or before.step.shared or node.step.shared or readers != 1:
        return False
    return node.inputs == (Wire(index),) and len(before.step.outputs) == 1 and forms.unit(before) == forms.unit(node)
