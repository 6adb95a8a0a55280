"""Changing a network: every distinct module is made anew once, with the types worked out again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from archdsl.base.tensors import TensorType
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.regular import Identity


class Visit(NamedTuple):
    """An operator step that is looked at: the step, the module it stands in, and the types that now come in."""

    step: Step
    module: Module
    types: tuple[TensorType, ...]

    @property
    def kept(self) -> Operator[Any]:
        """The operator as it is."""
        assert isinstance(self.step.what, Operator)
        return self.step.what


Change = Callable[[Visit], Operator[Any] | None]


class Misfit(Exception):
    """A change after which a repeat no longer fits onto itself."""


def rewritten(root: Module, change: Change) -> Module:
    """The network with each operator that `change` gives another one for replaced by it.

    change: gives the operator that takes the place of a step's, or None to leave the step out. In a row of modules a
    place that is left out is filled with the identity, so that the names of the layers after it stay.
    """
    return _Rewriter(change).module(root, root.inputs)


class _Rewriter:
    def __init__(self, change: Change) -> None:
        self.change = change
        self._made: dict[tuple[int, tuple[TensorType, ...]], Module] = {}

    def module(self, module: Module, inputs: tuple[TensorType, ...]) -> Module:
        key = (id(module), inputs)
        if key not in self._made:
            self._made[key] = self._rewritten(module, inputs)
        return self._made[key]

    def _rewritten(self, module: Module, inputs: tuple[TensorType, ...]) -> Module:
        steps: list[Step] = []
        moved: dict[Wire, Wire] = {}

        def wire_of(wire: Wire) -> Wire:
            return wire if wire.step == INPUT else moved[wire]

        def type_of(wire: Wire) -> TensorType:
            return inputs[wire.port] if wire.step == INPUT else steps[wire.step].outputs[wire.port]

        for index, step in enumerate(module.steps):
            wires = tuple(map(wire_of, step.inputs))
            types = tuple(map(type_of, wires))
            what, outputs = self._what(step, module, types)
            if what is None:
                moved[Wire(index)] = wires[0]
                continue
            if step.count > 1 and outputs != types[:1]:
                raise Misfit(step.name)
            steps.append(replace(step, what=what, inputs=wires, input_types=types, outputs=outputs))
            moved |= {Wire(index, port): Wire(len(steps) - 1, port) for port in range(len(outputs))}
        outputs = tuple(map(wire_of, module.outputs))
        bindings = {moved[wire]: name for wire, name in module.bindings.items() if wire in moved}
        return replace(module, inputs=inputs, steps=tuple(steps), outputs=outputs, bindings=bindings)

    def _what(
        self, step: Step, module: Module, types: tuple[TensorType, ...]
    ) -> tuple[Operator[Any] | Module | None, tuple[TensorType, ...]]:
        if isinstance(step.what, Module):
            made = self.module(step.what, types)
            return made, made.output_types
        changed = self.change(Visit(step, module, types))
        if changed is None and module.indexed:
            changed = Identity()
        if changed is None:
            return None, types
        return changed, (changed.output(changed.operand(types)), *changed.also(changed.operand(types)))
