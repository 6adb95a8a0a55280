"""The receptive field: what an output position sees of the network's input, composed module by module.

Along one axis a position i sees the inputs from low + i*jump to high + i*jump (`base.windows.Field`). A module is a
map from the fields of its inputs to those of its outputs; n equal blocks are the n-th power of that map.
"""

from __future__ import annotations

from functools import reduce

from archdsl.base.tensors import TensorType
from archdsl.base.windows import SAME, WHOLE, Field
from archdsl.graph.module import INPUT, Module, Step
from archdsl.ops.operator import Operator

Seen = tuple[Field, ...]
_SOON = 16


def start(kind: TensorType) -> Seen:
    """What the positions of the input itself see: each itself."""
    return tuple(SAME for _ in kind.grid)


class ReceptiveFields:
    """Receptive fields within one network. What a module does to a field is worked out once."""

    def __init__(self) -> None:
        self._maps: dict[tuple[int, int], tuple[Seen | None, ...]] = {}

    def after_steps(self, module: Module, inputs: tuple[Seen, ...]) -> list[tuple[Seen, ...]]:
        """What the outputs of each step of a module see, given what its inputs see. For repeats, after the last."""
        seen: list[tuple[Seen, ...]] = []
        for step in module.steps:
            given = tuple(
                inputs[wire.port] if wire.step == INPUT else seen[wire.step][wire.port] for wire in step.inputs
            )
            seen.append(self.step(step, given))
        return seen

    def step(self, step: Step, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """What the outputs of a step see after all its repetitions."""
        if step.count == 1:
            return self._once(step, given)
        if len(given) != 1:
            return self._until_settled(step, given)
        kind = step.input_types[0]
        own = self._once(step, (start(kind),))[0]
        if len(own) != len(given[0]):
            return tuple(tuple(WHOLE for _ in given[0]) for _ in step.outputs)
        powers = (field.power(step.count) for field in own)
        return (tuple(before.then(power) for before, power in zip(given[0], powers, strict=True)),)

    def _until_settled(self, step: Step, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """What a repeat sees that takes other tensors besides the one that goes through it: worked out step by step
        until nothing changes, as after the first attention; everything where that does not happen soon."""
        before = given[0]
        for _ in range(min(step.count, _SOON)):
            after = self._once(step, (before, *given[1:]))[0]
            if after == before:
                return (after,)
            before = after
        return (before if step.count <= _SOON else tuple(WHOLE for _ in before),)

    def _once(self, step: Step, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        if isinstance(step.what, Module):
            return self.module(step.what, given)
        if step.what.sees_all:
            return tuple(tuple(WHOLE for _ in kind.grid or given[0]) for kind in step.outputs)
        reads_first = len(given) == 1 or step.what.sized_like
        seen = step.what.sees(step.input_types, given[0]) if reads_first else _union(given)
        return tuple(seen for _ in step.outputs)

    def module(self, module: Module, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """What the outputs of a module see, given what its inputs see."""
        if not given:
            return tuple(() for _ in module.outputs)
        ends: list[list[Seen]] = [[] for _ in module.outputs]
        for port, before in enumerate(given):
            for end, own in zip(ends, self._own(module, port), strict=True):
                if own is not None:
                    end.append(_after(before, own))
        return tuple(_union(tuple(end)) if end else () for end in ends)

    def _own(self, module: Module, port: int) -> tuple[Seen | None, ...]:
        """What each output of a module sees of one of its inputs; None where it does not depend on it."""
        key = (id(module), port)
        if key not in self._maps:
            self._maps[key] = self._worked_out(module, port)
        return self._maps[key]

    def _worked_out(self, module: Module, port: int) -> tuple[Seen | None, ...]:
        seen: list[tuple[Seen | None, ...]] = []
        entry = start(module.inputs[port])
        for step in module.steps:
            given: list[Seen | None] = []
            for wire in step.inputs:
                if wire.step == INPUT:
                    given.append(entry if wire.port == port else None)
                else:
                    given.append(seen[wire.step][wire.port])
            seen.append(self._partly(step, given))
        return tuple(
            (entry if wire.port == port else None) if wire.step == INPUT else seen[wire.step][wire.port]
            for wire in module.outputs
        )

    def _partly(self, step: Step, given: list[Seen | None]) -> tuple[Seen | None, ...]:
        """A step, with its repetitions, of whose inputs only some depend on the input in question."""
        if step.count == 1 or len(given) == 1:
            return self._partly_once(step, given)
        before = given[0]
        for _ in range(min(step.count, _SOON)):
            after = self._partly_once(step, [before, *given[1:]])[0]
            if after == before:
                return (after,)
            before = after
        if before is None or step.count <= _SOON:
            return (before,)
        return (tuple(WHOLE for _ in before),)

    def _partly_once(self, step: Step, given: list[Seen | None]) -> tuple[Seen | None, ...]:
        if isinstance(step.what, Operator) and step.what.sized_like:
            given = given[:1]
        known = tuple(each for each in given if each is not None)
        if not known:
            return tuple(None for _ in step.outputs)
        if len(given) == 1:
            return self.step(step, known)
        if isinstance(step.what, Operator):
            return self._once(step, known) if step.what.sees_all else tuple(_union(known) for _ in step.outputs)
        ends: list[list[Seen]] = [[] for _ in step.outputs]
        for port, before in enumerate(given):
            if before is None:
                continue
            for end, own in zip(ends, self._own(step.what, port), strict=True):
                if own is not None:
                    end.append(_after(before, own))
        return tuple(_union(tuple(end)) if end else None for end in ends)


def _after(before: Seen, own: Seen) -> Seen:
    """A module's own field, seen from further back. Where the axes changed in between, everything is seen."""
    if len(before) != len(own):
        return tuple(WHOLE for _ in before)
    return tuple(first.then(second) for first, second in zip(before, own, strict=True))


def _union(seen: tuple[Seen, ...]) -> Seen:
    """What is seen by what reads all of these."""
    axes = max(seen, key=len)
    same = [each for each in seen if len(each) == len(axes)]
    return tuple(reduce(Field.union, (each[axis] for each in same)) for axis in range(len(axes)))
