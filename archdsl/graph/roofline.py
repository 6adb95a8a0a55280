"""The roofline: how long the steps of a network take at least on a device, from their arithmetic and their memory.

A step of W floating-point operations that moves Q bytes takes at least max(W/peak, Q/bandwidth) (Williams, Waterman,
Patterson 2009, Roofline, CACM 52(4)). A step moves what it reads, its weights and what it writes, each once. Steps run
one after another, so that times add up; that of n equal blocks is n times that of one. All counts are whole numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from archdsl.base.devices import Device
from archdsl.base.dtypes import Dtype
from archdsl.graph.memory import Sizes
from archdsl.graph.module import Module, Step

_PER_MAC = 2


@dataclass(frozen=True, slots=True)
class Work:
    """What some steps do. flops, moved: operations, and bytes between memory and processor. calculating: the operations
    of the steps that arithmetic bounds; moving: the bytes of those that memory bounds."""

    flops: int = 0
    moved: int = 0
    calculating: int = 0
    moving: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.flops + other.flops,
            self.moved + other.moved,
            self.calculating + other.calculating,
            self.moving + other.moving,
        )

    def times(self, count: int) -> Work:
        """The work of so many repetitions."""
        return Work(self.flops * count, self.moved * count, self.calculating * count, self.moving * count)


class Roofline:
    """What steps do at inference, and what bounds them. A module is worked out once."""

    def __init__(self, device: Device, dtype: Dtype, batch: int) -> None:
        self.device = device
        self.peak = device.peak[dtype]
        self.sizes = Sizes(batch, dtype.itemsize)
        self._known: dict[int, Work] = {}

    def of(self, root: Module) -> Work:
        """One forward pass of a module."""
        for module in root.distinct():
            if id(module) not in self._known:
                run = (step for index, step in enumerate(module.steps) if index not in module.train_only)
                self._known[id(module)] = sum((self.step(step, module) for step in run), Work())
        return self._known[id(root)]

    def step(self, step: Step, module: Module) -> Work:
        """All repetitions of a step."""
        one = self.of(step.what) if isinstance(step.what, Module) else self._operator(step, module)
        return one.times(step.count)

    def _operator(self, step: Step, module: Module) -> Work:
        what = step.what
        assert not isinstance(what, Module)
        operand = what.operand(step.input_types)
        if what.shares(operand, training=False):
            return Work()
        flops = _PER_MAC * step.facts.macs * self.sizes.batch
        read = dict.fromkeys(step.inputs[:1] if what.sized_like else step.inputs)
        moved = sum(self.sizes.of(module.type_of(wire)) for wire in read)
        moved += what.reads(operand) * self.sizes.itemsize
        moved += sum(map(self.sizes.of, step.outputs))
        if flops * self.device.bandwidth >= moved * self.peak:
            return Work(flops, moved, calculating=flops)
        return Work(flops, moved, moving=moved)
