"""The roofline: how long the steps of a network take at least on a device, from their arithmetic and their memory.

A step of W floating-point operations that moves Q bytes takes at least max(W/peak, Q/bandwidth) (Williams, Waterman,
Patterson 2009, Roofline, CACM 52(4)). A step moves what it reads, its weights and what it writes, each once. Steps run
one after another, so that times add up; that of n equal blocks is n times that of one. All counts are whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable

from archdsl.base.dtypes import Dtype
from archdsl.base.records import record
from archdsl.facts.devices import Device
from archdsl.facts.fact import Standing
from archdsl.facts.memory import Sizes
from archdsl.graph.module import INPUT, Module, Step, Wire

_PER_MAC = 2


@record(slots=True)
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


@record(slots=True)
class CallWork:
    """What one call of something does. steps: the work of each step inside, all its repetitions; none in an operator.

    gives: for each result the input that it is, or a number from that of inputs on, the same where it is one tensor.
    """

    work: Work
    steps: tuple[Work, ...]
    gives: tuple[int, ...]


# which tensor each input is: the position of the first that is the same
Given = tuple[int, ...]


class Roofline:
    """What steps do at inference, and what bounds them. A module is worked out once for each way in which some of its
    inputs are one tensor, which a step reads once."""

    def __init__(self, device: Device, dtype: Dtype, batch: int) -> None:
        self.device = device
        self.peak = device.peak[dtype]
        self.sizes = Sizes(batch, dtype.itemsize)
        self._known: dict[tuple[int, Given], CallWork] = {}
        self._first: dict[int, CallWork] = {}

    def of(self, root: Module) -> Work:
        """The work of one forward pass of a network."""
        return self._module(root, tuple(range(len(root.inputs)))).work

    def step(self, index: int, module: Module) -> Work:
        """The work of all repetitions of a step, in the first call of its module."""
        called = self._first.get(id(module))
        return called.steps[index] if called else Work()

    def _module(self, module: Module, given: Given) -> CallWork:
        key = id(module), given
        if key not in self._known:
            self._known[key] = self._steps(module, given)
            self._first.setdefault(id(module), self._known[key])
        return self._known[key]

    def _steps(self, module: Module, given: Given) -> CallWork:
        tensors = {Wire(INPUT, port): number for port, number in enumerate(given)}
        fresh = len(given)
        works: list[Work] = []
        for index, step in enumerate(module.steps):
            read = [tensors[wire] for wire in step.inputs]
            work, gives = self._repeated(step, read)
            works.append(Work() if index in module.train_only else work)
            for port, number in enumerate(gives):
                tensors[Wire(index, port)] = read[number] if number < len(read) else fresh + number
            fresh += len(read) + len(gives)
        outputs = [tensors[wire] for wire in module.outputs]
        made = len(given)
        gives = (number if number < made else made + outputs.index(number) for number in outputs)
        return CallWork(sum(works, Work()), tuple(works), tuple(gives))

    def _repeated(self, step: Step, read: list[int]) -> tuple[Work, tuple[int, ...]]:
        """The work of all repetitions of a step, and its results as `CallWork.gives` has them.

        Each repetition reads what the one before gives, and what else the first one reads.
        """
        first = self._once(step, read)
        if step.count == 1:
            return first.work, first.gives
        result = first.gives[0]
        passed_on = read[result] if result < len(read) else -1
        other = self._once(step, [passed_on, *read[1:]])
        return first.work + other.work.times(step.count - 1), first.gives

    def _once(self, step: Step, read: list[int]) -> CallWork:
        given = tuple(map(read.index, read))
        return self._module(step.what, given) if isinstance(step.what, Module) else self._operator(step, given)

    def _operator(self, step: Step, given: Given) -> CallWork:
        what = step.what
        assert not isinstance(what, Module)
        gives = tuple(range(len(given), len(given) + len(step.outputs)))
        operand = what.operand(step.input_types)
        if what.shares(operand, training=False):
            return CallWork(Work(), (), gives)
        flops = _PER_MAC * step.facts.macs * self.sizes.batch
        read = sorted(set(given[:1] if what.sized_like else given))
        moved = sum(self.sizes.of(step.input_types[port]) for port in read)
        moved += what.reads(operand) * self.sizes.itemsize
        moved += sum(map(self.sizes.of, step.outputs))
        if flops * self.device.bandwidth >= moved * self.peak:
            return CallWork(Work(flops, moved, calculating=flops), (), gives)
        return CallWork(Work(flops, moved, moving=moved), (), gives)


class Works:
    """What the steps of one network do; what runs in training only does nothing. Steps in a block that is called in
    several ways are those of its first call. They are asked for with all repetitions, of which the first may
    read other tensors than the rest."""

    def __init__(self, root: Module, roofline: Roofline) -> None:
        self._roofline = roofline
        self._whole = roofline.of(root)

    @property
    def whole(self) -> Work:
        """The work of the network."""
        return self._whole

    def of(self, places: Iterable[Standing]) -> Work:
        """The work of some steps, all repetitions: a row of a table."""
        steps = (self._roofline.step(place.index, place.module) for place in places if not place.training_only)
        return sum(steps, Work())
