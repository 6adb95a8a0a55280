"""One module while it is being built: its steps so far, the names that are taken, and what it shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.base.text import NOWHERE, Place
from archdsl.graph.arguments import PlainValue
from archdsl.graph.biases import cancelled_biases
from archdsl.graph.module import INPUT, Init, Module, Step, StepRole, Wire
from archdsl.ops.operator import Operator

_Frozen = TypeVar("_Frozen", bound=Step | Module | Operator[Any])


@record(slots=True)
class Tensor:
    """A tensor inside the module that is being built: an output of one of its steps, or one of its inputs."""

    home: Builder
    wire: Wire
    type: TensorType

    def __str__(self) -> str:
        return f"tensor {self.type}"


@dataclass(eq=False)
class Builder:
    """A module in the making. `indexed` says that its steps stand in a row, as in `nn.Sequential`.

    parent: the module whose tensors it may use, each of which becomes an input of its own. captured: those tensors.
    """

    name: str
    place: Place = NOWHERE
    indexed: bool = False
    transparent: bool = False
    parent: Builder | None = None
    captured: list[Tensor] = field(default_factory=list[Tensor])
    inputs: list[TensorType] = field(default_factory=list[TensorType])
    input_names: list[str] = field(default_factory=list[str])
    steps: list[Step] = field(default_factory=list[Step])
    taken: dict[str, Place] = field(default_factory=dict[str, Place])
    shared: dict[str, Step] = field(default_factory=dict[str, Step])
    bindings: dict[Wire, str] = field(default_factory=dict[Wire, str])
    _numbers: dict[str, int] = field(default_factory=dict[str, int])

    def add_input(self, kind: TensorType, name: str) -> Tensor:
        """One more input; the tensor that comes in there."""
        self.inputs.append(kind)
        self.input_names.append(name)
        return Tensor(self, Wire(INPUT, len(self.inputs) - 1), kind)

    def name_of(self, tensor: Tensor) -> str:
        """What the text calls a tensor of this module, else a name for it that is free among inputs."""
        wire = tensor.wire
        if wire.step == INPUT:
            return self.input_names[wire.port]
        return self.bindings.get(wire, "side")

    def free_name(self, kind: str) -> str:
        """The next name for a layer of this kind: `conv1`, `conv2`, ..."""
        while True:
            number = self._numbers.get(kind, 0) + 1
            self._numbers[kind] = number
            if (name := f"{kind}{number}") not in self.taken:
                return name

    def add(
        self,
        what: Operator[Any] | Module,
        inputs: tuple[Tensor, ...],
        outputs: tuple[TensorType, ...],
        place: Place = NOWHERE,
        *,
        name: str = "",
        count: int = 1,
        shared: bool = False,
        role: StepRole = StepRole.NONE,
        arguments: Mapping[str, PlainValue] | None = None,
    ) -> tuple[Tensor, ...]:
        """One more step; the tensors that come out of it. Without a name it is named by its kind and number."""
        if not name and not self.indexed:
            name = self.free_name(what.name if isinstance(what, Module) else what.kind())
        if name:
            self.taken.setdefault(name, place)
        wires = tuple([each.wire for each in inputs])
        types = tuple([each.type for each in inputs])
        given = tuple(arguments.items()) if arguments else ()
        index = len(self.steps)
        self.steps.append(Step(name, what, wires, types, outputs, place, count, shared, role, given))
        return tuple([Tensor(self, Wire(index, port), kind) for port, kind in enumerate(outputs)])

    def apply(self, operator: Operator[Any], *inputs: Tensor, name: str = "") -> Tensor:
        """What an operator makes of some tensors, the first of what comes out. Rejects what it cannot work on."""
        return self.add(operator, inputs, operator.results(tuple(each.type for each in inputs)), name=name)[0]

    def call(self, module: Module, *inputs: Tensor, name: str = "", count: int = 1) -> Tensor:
        """What a module makes of some tensors, the first of what comes out; several times one after the other."""
        return self.add(module, inputs, module.output_types, name=name, count=count)[0]

    def so_far(self) -> tuple[int, int]:
        """How much of it there is."""
        return len(self.steps), len(self.taken)

    def back_to(self, so_far: tuple[int, int]) -> None:
        """Take back what was added since."""
        steps, names = so_far
        del self.steps[steps:]
        while len(self.taken) > names:
            self.taken.popitem()
        self.bindings = {wire: name for wire, name in self.bindings.items() if wire.step < steps}

    def mark(self, wire: Wire, role: StepRole) -> None:
        """Give the step that a tensor comes from a role, if it is one of this module and has none."""
        if wire.step != INPUT and not self.steps[wire.step].role:
            self.steps[wire.step] = _changed(self.steps[wire.step], role=role)

    def finish(
        self,
        outputs: tuple[Tensor, ...],
        *,
        arguments: Mapping[str, PlainValue] | None = None,
        is_block: bool = False,
        is_network: bool = False,
        output_names: tuple[str, ...] = (),
        train_outputs: int = 0,
        doc: str = "",
        defaults: Mapping[str, PlainValue] | None = None,
        init: Init = Init.DEFAULT,
    ) -> Module:
        """The module."""
        wires = tuple([each.wire for each in outputs])
        return Module(
            name=self.name,
            inputs=tuple(self.inputs),
            steps=self._with_biases(wires),
            outputs=wires,
            place=self.place,
            arguments=arguments or {},
            indexed=self.indexed,
            transparent=self.transparent,
            is_block=is_block,
            is_network=is_network,
            input_names=tuple(self.input_names),
            output_names=output_names,
            train_outputs=train_outputs,
            doc=doc,
            bindings=self.bindings,
            defaults=defaults or {},
            init=init,
        )

    def _with_biases(self, outputs: tuple[Wire, ...]) -> tuple[Step, ...]:
        """The steps with the biases decided that the text leaves open: none where only batch norms read the output."""
        steps = list(self.steps)
        undecided = [index for index, step in enumerate(steps) if getattr(step.what, "bias", True) is None]
        if not undecided:
            return tuple(steps)
        cancelled = cancelled_biases(steps, outputs)
        for index in undecided:
            step = steps[index]
            steps[index] = _changed(step, what=_changed(step.what, bias=index not in cancelled))
        return tuple(steps)


def _changed(thing: _Frozen, **values: Any) -> _Frozen:
    """A frozen thing with other values in some fields: `dataclasses.replace` without its checks."""
    made = object.__new__(type(thing))
    vars(made).update(vars(thing), **values)
    return made
