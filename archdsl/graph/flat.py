"""The flat graph: every layer a node, every repeat written out. Made on demand, priced before it is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.algebra.tensors import Shape
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.faults import LimitPassed
from archdsl.base.limits import Limits
from archdsl.graph.module import INPUT, Module, Step
from archdsl.ops.operator import Operator

if TYPE_CHECKING:
    import networkx as nx


class Layer(NamedTuple):
    """An operator at its place in the flat network. `path` is the name of its module in PyTorch."""

    path: str
    step: Step
    training_only: bool

    @property
    def weights(self) -> dict[str, Shape]:
        """Shapes of its learned tensors by their full names. A tensor that is the layer itself has the layer's."""
        found = self.step.facts.weights.items()
        return {full_name(self.path, name): shape for name, shape in found}


def full_name(path: str, tensor: str) -> str:
    """The name of a layer's tensor in the state dictionary of the network."""
    return f"{path}.{tensor}" if tensor else path


def require_layers(module: Module, limits: Limits, what: str) -> None:
    """Refuse to write out more layers than the host allows."""
    if module.layers > limits.layers:
        fault = LimitPassed(f"{what} would have too many layers", module.layers, limits.layers, "layers")
        raise ArchError([Diagnostic(fault, module.place)])


def layers(module: Module, prefix: str = "", start: int = 0, *, training_only: bool = False) -> Iterator[Layer]:
    """Every operator step with its path, repeats written out, in the order of the text.

    start: the position that the first step of an indexed module has.
    """
    for offset, index, step in _written_out(module, start):
        path = f"{prefix}{step.name or offset}"
        only = training_only or index in module.train_only
        if isinstance(step.what, Operator):
            yield Layer(path, step, only)
        elif step.what.transparent:
            yield from layers(step.what, prefix, offset, training_only=only)
        else:
            yield from layers(step.what, f"{path}.", training_only=only)


def _written_out(module: Module, start: int) -> Iterator[tuple[int, int, Step]]:
    """Each repetition of each step with its position in an indexed module, and the step's index."""
    offset = start
    for index, step in enumerate(module.steps):
        width = step.slots // step.count
        for _ in range(step.count):
            yield offset, index, step
            offset += width


def flat_graph(module: Module, limits: Limits) -> nx.MultiDiGraph[str]:
    """The flat graph of a network, a node for each input, layer and output, an edge for each tensor.

    Node attributes: `kind` (`input`, `operator`, `output`), and of an operator `operator` (its word), `arguments`,
    `label`, `shape` (of its output, in torch's order without the batch), `params`, `macs`, `line` (of the text),
    `training_only`. Edge attributes: `shape`. A node's name is the path of the layer; layers that share weights and
    steps without a module of their own get a suffix `@2`, `@3`.
    """
    import networkx as nx

    require_layers(module, limits, "the flat graph")
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(name=module.name)
    inputs: list[str] = []
    for name, kind in zip(module.input_names, module.inputs, strict=True):
        inputs.append(f"input:{name}")
        graph.add_node(inputs[-1], kind="input", shape=kind.shape)
    outputs = _Flattener(graph).module(module, "", inputs, 0, training_only=False)
    results = zip(outputs, module.result_names, module.output_types, strict=True)
    for index, (node, name, kind) in enumerate(results):
        training = index >= len(outputs) - module.train_outputs
        graph.add_node(f"output:{name}", kind="output", shape=kind.shape, training_only=training)
        graph.add_edge(node, f"output:{name}", shape=kind.shape)
    return graph


class _Flattener:
    def __init__(self, graph: nx.MultiDiGraph[str]) -> None:
        self.graph = graph
        self.times: dict[str, int] = {}

    def module(self, module: Module, prefix: str, inputs: list[str], start: int, *, training_only: bool) -> list[str]:
        """Add the layers of a module; the nodes that its outputs come from."""
        made: list[list[str]] = []
        position = start
        for index, step in enumerate(module.steps):
            sources = [inputs[wire.port] if wire.step == INPUT else made[wire.step][wire.port] for wire in step.inputs]
            only = training_only or index in module.train_only
            width = step.slots // step.count
            results = sources
            for _ in range(step.count):
                results = self._step(step, prefix, [*results[:1], *sources[1:]], position, only=only)
                position += width
            made.append(results)
        return [inputs[wire.port] if wire.step == INPUT else made[wire.step][wire.port] for wire in module.outputs]

    def _step(self, step: Step, prefix: str, sources: list[str], position: int, *, only: bool) -> list[str]:
        path = f"{prefix}{step.name or position}"
        if isinstance(step.what, Operator):
            return [self._layer(step, step.what, path, sources, only=only)] * len(step.outputs)
        if step.what.transparent:
            return self.module(step.what, prefix, sources, position, training_only=only)
        return self.module(step.what, f"{path}.", sources, 0, training_only=only)

    def _layer(self, step: Step, operator: Operator[Any], path: str, sources: list[str], *, only: bool) -> str:
        self.times[path] = self.times.get(path, 0) + 1
        node = path if self.times[path] == 1 else f"{path}@{self.times[path]}"
        self.graph.add_node(
            node,
            kind="operator",
            operator=operator.word,
            arguments=dict(operator.arguments()),
            label=operator.label(operator.operand(step.input_types)),
            shape=step.outputs[0].shape,
            params=step.facts.params if self.times[path] == 1 else 0,
            macs=step.facts.macs,
            line=step.place.line,
            training_only=only,
        )
        for source, kind in zip(sources, step.input_types, strict=True):
            self.graph.add_edge(source, node, shape=kind.shape)
        return node
