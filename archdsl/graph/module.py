"""The hierarchy of modules: what a network is, with everything that repeats held once.

A module is a block with its arguments and input types worked out. It holds a small graph of steps: operator calls and
calls of other modules. The same block with the same arguments and the same input types is the same object, and a
repeat is one step with a count, so every fact here is worked out once for each distinct module and combined. Cost
follows the text, not the depth of the network.

A *named* module is a class in Python: its steps have names (`conv1`, `downsample`). An *indexed* module is an
`nn.Sequential`: its steps stand in a row and are `0, 1, 2, ...`. A *transparent* module is the body of a repeat inside
an indexed module: it opens no scope, its steps go on with the counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from archdsl.algebra.tensors import Shape, TensorType
from archdsl.base.records import record
from archdsl.base.text import NOWHERE, Place
from archdsl.graph.arguments import PlainValue
from archdsl.graph.sums import LAYERS, MACS, PARAMS, Sum
from archdsl.ops.operator import Facts, Operator

if TYPE_CHECKING:
    import networkx as nx

_Made = TypeVar("_Made")

INPUT = -1
# the name of the layer that projects a shortcut
PROJECTION = "downsample"


class Init(StrEnum):
    """How the weights of a network start: as torch does it, or by a published rule."""

    DEFAULT = "default"
    KAIMING = "kaiming"
    XAVIER = "xavier"


class StepRole(StrEnum):
    """What a step is in the form of the text that it comes from.

    RESIDUAL: the sum of a `residual` whose shortcut is not written. DOWNSAMPLE: the projection that it added. SHORTCUT:
    what a `residual` without projections does where shapes agree; ALONE: the last step of its body where they do not.
    FLATTEN: what stands before a fully connected layer.
    """

    NONE = ""
    RESIDUAL = "residual"
    DOWNSAMPLE = "downsample"
    SHORTCUT = "shortcut"
    ALONE = "alone"
    FLATTEN = "flatten"


class Wire(NamedTuple):
    """Where a tensor comes from: an output of a step, or an input of the module where `step` is INPUT."""

    step: int
    port: int = 0


@record(eq=False)
class Step:
    """One step of a module: an operator or a module, and what it is given.

    name: its name in a named module; in an indexed one the label, or nothing where its position is its name.
    count: how often it stands in a row; more than once only where its output is of its input's type.
    shared: whether other steps of the same name use the same weights. place: the element of the text.
    role: what it is in the form that it comes from. arguments: what a block is called with, as the caller has it.
    """

    name: str
    what: Operator[Any] | Module
    inputs: tuple[Wire, ...]
    input_types: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    place: Place = NOWHERE
    count: int = 1
    shared: bool = False
    role: StepRole = StepRole.NONE
    arguments: tuple[tuple[str, PlainValue], ...] = ()

    @cached_property
    def facts(self) -> Facts:
        """The facts of an operator step."""
        assert isinstance(self.what, Operator)
        return self.what.facts(self.input_types, self.outputs[0])

    @cached_property
    def state(self) -> Mapping[str, Shape]:
        """The tensors of an operator step by torch's names, learned or not, with their shapes."""
        assert isinstance(self.what, Operator)
        return self.what.state(self.input_types)

    def once(self, make: Callable[[Step], _Made]) -> _Made:
        """What somebody makes of the step alone, such as a back end, made once."""
        if make not in self._made:
            self._made[make] = make(self)
        return self._made[make]

    @cached_property
    def _made(self) -> dict[Callable[[Step], Any], Any]:
        return {}

    def total(self, summed: Sum, *, training: bool | None = None) -> int:
        """What one repetition has of a number that adds up. training: as in `Module.total`."""
        what = self.what
        return what.total(summed, training=training) if isinstance(what, Module) else summed.each(self)

    @property
    def params(self) -> int:
        """Parameters of one repetition."""
        return self.total(PARAMS)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one repetition, for one sample."""
        return self.total(MACS)

    @property
    def inference_params(self) -> int:
        """Parameters of one repetition without those that training alone needs."""
        return self.total(PARAMS, training=False)

    @property
    def train_macs(self) -> int:
        """Multiply-accumulates of one repetition in training mode, for one sample."""
        return self.total(MACS, training=True)

    @property
    def slots(self) -> int:
        """Positions that it takes in an indexed module."""
        inside = self.what.slots if isinstance(self.what, Module) and self.what.transparent else 1
        return inside * self.count


@record(eq=False)
class Module:
    """A block, net, group or repeat with everything worked out. See the docstring of this file.

    name: the word of the text that it comes from, such as `bottleneck`. arguments: the block's arguments.
    outputs: what it gives back; the last `train_outputs` of them exist in training mode only. bindings: the names that
    the text gives to tensors. defaults: the values that parameters have if they are not given.
    init: how the weights of a network start.
    """

    name: str
    inputs: tuple[TensorType, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Wire, ...]
    place: Place = NOWHERE
    arguments: Mapping[str, PlainValue] = field(default_factory=dict[str, PlainValue])
    indexed: bool = False
    transparent: bool = False
    is_block: bool = False
    is_network: bool = False
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    train_outputs: int = 0
    doc: str = ""
    bindings: Mapping[Wire, str] = field(default_factory=dict[Wire, str])
    defaults: Mapping[str, PlainValue] = field(default_factory=dict[str, PlainValue])
    init: Init = Init.DEFAULT

    def type_of(self, wire: Wire) -> TensorType:
        """The type of the tensor that comes along a wire."""
        return self.inputs[wire.port] if wire.step == INPUT else self.steps[wire.step].outputs[wire.port]

    @cached_property
    def output_types(self) -> tuple[TensorType, ...]:
        """The types of what it gives back."""
        return tuple(map(self.type_of, self.outputs))

    @property
    def result_names(self) -> tuple[str, ...]:
        """The names of what it gives back: those of the text, else `y`, or `y1`, `y2`, ... of several at inference."""
        given = self.output_names or ("",) * len(self.outputs)
        single = len(self.outputs) - self.train_outputs == 1
        return tuple(name or ("y" if single else f"y{index + 1}") for index, name in enumerate(given))

    @property
    def named_inputs(self) -> dict[str, TensorType]:
        """The types of what it takes, by name."""
        return dict(zip(self.input_names, self.inputs, strict=True))

    @property
    def named_outputs(self) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
        """The types of what it gives back, by name: at inference, and in training only."""
        pairs = list(zip(self.result_names, self.output_types, strict=True))
        border = len(pairs) - self.train_outputs
        return dict(pairs[:border]), dict(pairs[border:])

    @cached_property
    def slots(self) -> int:
        """Positions that its steps take if it is indexed."""
        return sum(step.slots for step in self.steps)

    @cached_property
    def reads(self) -> Counter[Wire]:
        """How many inputs of its steps each tensor goes into."""
        return Counter(wire for step in self.steps for wire in step.inputs)

    @cached_property
    def reaches(self) -> frozenset[int]:
        """The inputs that the layers of a row take besides the tensor that goes through: none, where an `nn.Sequential`
        can hold it. The first input may be among them."""
        return frozenset(wire.port for step in self.steps for wire in step.inputs[1:]) if self.indexed else frozenset()

    @cached_property
    def is_list(self) -> bool:
        """Whether it is a row that no `nn.Sequential` can hold: its layers, or those of a row in it, take other tensors
        besides the one that goes through."""
        inner = (step.what for step in self.steps if isinstance(step.what, Module))
        reaches = len(self.inputs) > 1 or bool(self.reaches)
        return self.indexed and (reaches or any(each.is_list and not each.is_named for each in inner))

    @property
    def is_named(self) -> bool:
        """Whether it has a name to speak of: that of a block, or the word of a form with branches."""
        return self.is_block or not self.indexed

    # --- facts ------------------------------------------------------------------------------------------------------

    @cached_property
    def _totals(self) -> dict[tuple[Sum, bool], int]:
        """The sums that were asked for."""
        return {}

    def total(self, summed: Sum, *, training: bool | None = None) -> int:
        """The total of a number that adds up, worked out once. training: whether with what training alone needs; None
        for as the number itself says."""
        training = summed.training if training is None else training
        key = (summed, training)
        if key not in self._totals:
            steps = self.counted(once=summed.once, training=training)
            self._totals[key] = sum([step.total(summed, training=training) * step.count for step in steps])
        return self._totals[key]

    def counted(self, *, once: bool, training: bool) -> list[Step]:
        """The steps that a sum is over. once: of those that share weights one, if any is to be counted. training:
        whether with those that training alone needs."""
        steps = self.owned_with_index() if once else enumerate(self.steps)
        if training or not self.train_only:
            return [step for _, step in steps]
        needed = [step for index, step in enumerate(self.steps) if index not in self.train_only]
        shared = {step.name for step in needed if step.shared} if once else ()
        return [step for index, step in steps if index not in self.train_only or step.name in shared]

    @property
    def params(self) -> int:
        """Learned numbers, weights that several steps share counted once. What training alone needs is included."""
        return self.total(PARAMS)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass at inference, for one sample."""
        return self.total(MACS)

    @property
    def inference_params(self) -> int:
        """Learned numbers without those that training alone needs."""
        return self.total(PARAMS, training=False)

    @property
    def train_macs(self) -> int:
        """Multiply-accumulates of one forward pass in training mode, for one sample."""
        return self.total(MACS, training=True)

    @property
    def layers(self) -> int:
        """Operator steps when every repeat is written out."""
        return self.total(LAYERS)

    @cached_property
    def train_only(self) -> frozenset[int]:
        """The steps whose results reach nothing but outputs that exist in training mode only."""
        if not self.train_outputs:
            return frozenset()
        return frozenset(range(len(self.steps))) - self.needed_for(self.outputs[: -self.train_outputs])

    @cached_property
    def dead(self) -> frozenset[int]:
        """The steps whose results reach no output."""
        return frozenset(range(len(self.steps))) - self.needed_for(self.outputs)

    def needed_for(self, wires: tuple[Wire, ...]) -> frozenset[int]:
        """The steps that the tensors on some wires depend on."""
        needed: set[int] = set()
        waiting = [wire.step for wire in wires]
        while waiting:
            step = waiting.pop()
            if step != INPUT and step not in needed:
                needed.add(step)
                waiting.extend(wire.step for wire in self.steps[step].inputs)
        return frozenset(needed)

    def owned_with_index(self) -> Iterator[tuple[int, Step]]:
        """The steps with their indices, of those that share weights only the first."""
        said: set[str] = set()
        for index, step in enumerate(self.steps):
            if not step.shared:
                yield index, step
            elif step.name not in said:
                said.add(step.name)
                yield index, step

    def owned(self) -> Iterator[Step]:
        """The steps, of those that share weights only the first."""
        return (step for _, step in self.owned_with_index())

    @cached_property
    def weight_signature(self) -> tuple[Any, ...]:
        """Names and shapes of all tensors, folded as the module is: equal for modules that can share weights."""
        parts: list[tuple[Any, ...]] = []
        for index, step in enumerate(self.owned()):
            name = index if self.indexed and not step.name else step.name
            if isinstance(step.what, Module):
                parts.append((name, step.count, step.what.weight_signature))
            elif step.state:
                parts.append((name, step.count, tuple(step.state.items())))
        return tuple(parts)

    @cached_property
    def identity(self) -> tuple[object, ...]:
        """The hierarchy as a value: equal for hierarchies that are the same, whatever they were made from."""
        from archdsl.graph.identity import identity

        return identity(self)

    # --- views ------------------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """The name of each step inside this module: what was given or, in an indexed module, its position."""
        return tuple(step.name or str(at) for step, at in zip(self.steps, self.positions, strict=True))

    @cached_property
    def positions(self) -> tuple[int, ...]:
        """Where each step begins, counted as an indexed module counts."""
        return tuple(accumulate((step.slots for step in self.steps[:-1]), initial=0)) if self.steps else ()

    def distinct(self) -> tuple[Module, ...]:
        """This module and every module in it, each once, children before parents."""
        found: dict[int, Module] = {}
        waiting: list[tuple[Module, bool]] = [(self, False)]
        while waiting:
            module, ready = waiting.pop()
            if id(module) in found:
                continue
            if ready:
                found[id(module)] = module
                continue
            waiting.append((module, True))
            waiting.extend((step.what, False) for step in module.steps if isinstance(step.what, Module))
        return tuple(found.values())

    @cached_property
    def graph(self) -> nx.MultiDiGraph[str]:
        """This module's own steps as a networkx graph: a node for each input, step and output, an edge a tensor.

        Node attributes: `kind` (`input`, `operator`, `module`, `output`), `step`, `type`; edge attributes: `type`.
        """
        import networkx as nx

        graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=self.name)
        inputs = [f"in:{index}" for index in range(len(self.inputs))]
        for node, kind in zip(inputs, self.inputs, strict=True):
            graph.add_node(node, kind="input", type=kind)
        names = self._unique_names()
        for name, step in zip(names, self.steps, strict=True):
            kind = "module" if isinstance(step.what, Module) else "operator"
            graph.add_node(name, kind=kind, step=step, type=step.outputs[0])
            for wire in step.inputs:
                source = inputs[wire.port] if wire.step == INPUT else names[wire.step]
                graph.add_edge(source, name, type=self.type_of(wire))
        for index, wire in enumerate(self.outputs):
            node = f"out:{index}"
            graph.add_node(node, kind="output", type=self.type_of(wire))
            source = inputs[wire.port] if wire.step == INPUT else names[wire.step]
            graph.add_edge(source, node, type=self.type_of(wire))
        return graph

    def _unique_names(self) -> list[str]:
        times: dict[str, int] = {}
        unique: list[str] = []
        for name in self.names():
            times[name] = times.get(name, 0) + 1
            unique.append(name if times[name] == 1 else f"{name}@{times[name]}")
        return unique
