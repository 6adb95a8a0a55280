"""One module while it is being built: its steps so far, the names that are taken, and what it shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.base.tensors import TensorType
from archdsl.base.text import Place
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.graph.values import Tensor, Value
from archdsl.ops.operator import Operator


@dataclass(eq=False)
class Builder:
    """A module in the making. `indexed` says that its steps stand in a row, as in `nn.Sequential`."""

    name: str
    place: Place
    indexed: bool
    transparent: bool = False
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
        return Tensor(self, INPUT, len(self.inputs) - 1, kind)

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
        place: Place,
        *,
        name: str = "",
        count: int = 1,
        shared: bool = False,
        role: str = "",
        arguments: Mapping[str, Value] | None = None,
    ) -> tuple[Tensor, ...]:
        """One more step; the tensors that come out of it. Without a name it is named by its kind and number."""
        if not name and not self.indexed:
            name = self.free_name(what.name if isinstance(what, Module) else what.kind())
        if name:
            self.taken.setdefault(name, place)
        wires = tuple([Wire(each.step, each.port) for each in inputs])
        types = tuple([each.type for each in inputs])
        given = tuple(arguments.items()) if arguments else ()
        self.steps.append(Step(name, what, wires, types, outputs, place, count, shared, role, given))
        index = len(self.steps) - 1
        return tuple([Tensor(self, index, port, kind) for port, kind in enumerate(outputs)])

    def finish(
        self,
        outputs: tuple[Tensor, ...],
        *,
        arguments: Mapping[str, Value] | None = None,
        is_block: bool = False,
        is_network: bool = False,
        output_names: tuple[str, ...] = (),
        train_outputs: int = 0,
        doc: str = "",
        defaults: Mapping[str, Value] | None = None,
    ) -> Module:
        """The module."""
        wires = tuple(Wire(each.step, each.port) for each in outputs)
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
        )

    def _with_biases(self, outputs: tuple[Wire, ...]) -> tuple[Step, ...]:
        """The steps with the biases decided that the text leaves open: none where only batch norms read the output."""
        if not any(getattr(step.what, "bias", True) is None for step in self.steps):
            return tuple(self.steps)
        readers: dict[int, list[int]] = {}
        for index, step in enumerate(self.steps):
            for wire in step.inputs:
                readers.setdefault(wire.step, []).append(index)
        given_back = {wire.step for wire in outputs}
        decided: list[Step] = []
        for index, step in enumerate(self.steps):
            what = step.what
            if isinstance(what, Operator) and getattr(what, "bias", True) is None:
                absorbed = index not in given_back and all(
                    isinstance(after := self.steps[reader].what, Operator) and after.absorbs_bias
                    for reader in readers.get(index, ())
                )
                has_bias = not (absorbed and readers.get(index)) or step.count > 1
                what = _changed(what, bias=has_bias)
            decided.append(step if what is step.what else _changed(step, what=what))
        return tuple(decided)


def _changed(thing: Any, **values: Any) -> Any:
    """A frozen thing with other values in some fields: `dataclasses.replace` without its checks."""
    return type(thing)(**{**vars(thing), **values})
