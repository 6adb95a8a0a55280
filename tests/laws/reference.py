"""A network run step by step from its hierarchy of modules: what an emitted file is held to.

Nothing of the PyTorch back end is used. The hierarchy says which layers there are, and this file says what Python makes
of them: a module registers its own tensors first and then its layers, in the order of the text; a repeat is written out;
what shares weights is one layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from zlib import crc32

import torch
from laws.interpreter import applied, called, learned, module
from torch import Tensor, nn
from typing_extensions import override

from archdsl.emit.torch.calls import call_of
from archdsl.graph.module import INPUT, Module, Step
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Apply, Layer, Learned, Weight

T = TypeVar("T")

SAMPLES = 3
"""A batch norm of a vector needs more than two to be more than a sign."""

_RANDOM = {"DropPath", "Sample", "Attention", "DotAttention"}


class Place(NamedTuple):
    """An operator step where it stands in the network: its path, and the path of the class around it with a dot."""

    path: str
    around: str
    step: Step


def prepared(path: str, layer: nn.Module, xs: Iterable[Any]) -> tuple[Any, ...]:
    """What a layer gets before it is called: inputs that lie in memory as they are counted, since the order of sums and
    of what is drawn follows that; and a seed, so that what it draws depends on nothing but its path."""
    if isinstance(layer, (nn.modules.dropout._DropoutNd, nn.RNNBase)) or type(layer).__name__ in _RANDOM:
        torch.manual_seed(crc32(path.encode()))
    if isinstance(layer, nn.GroupNorm) and not any(x.requires_grad for x in xs):
        # the backward pass of PyTorch 2.13 ends the process where such a tensor lies channels last
        return tuple(x.clone(memory_format=torch.contiguous_format) for x in xs)
    return tuple(x.contiguous() if isinstance(x, Tensor) else x for x in xs)


class Walk(ABC, Generic[T]):
    """A network gone through step by step, repeats written out, with something in the place of each tensor."""

    def __init__(self, root: Module) -> None:
        self.root = root
        self.training = False

    def __call__(self, *xs: T) -> tuple[T, ...]:
        return tuple(self._run(self.root, "", list(xs)))

    @abstractmethod
    def operator(self, step: Step, path: str, around: str, xs: list[T]) -> Sequence[T]:
        """What an operator step gives; `around` is the path of the class that it stands in, with a dot."""

    def _run(self, owner: Module, around: str, xs: Sequence[T], start: int = 0) -> list[T]:
        made: list[Sequence[T]] = []
        position = start
        # what reaches no output is there all the same, and its norms keep statistics
        idle = frozenset[int]() if self.training else owner.train_only
        for index, step in enumerate(owner.steps):
            width = step.slots // step.count
            results: Sequence[T] = ()
            if index not in idle:
                given = [xs[wire.port] if wire.step == INPUT else made[wire.step][wire.port] for wire in step.inputs]
                for round_ in range(step.count):
                    results = self._step(step, around, given, position + round_ * width)
                    given = [*results[:1], *given[1:]]
            made.append(results)
            position += step.slots
        count = len(owner.outputs) - (0 if self.training else owner.train_outputs)
        return [xs[wire.port] if wire.step == INPUT else made[wire.step][wire.port] for wire in owner.outputs[:count]]

    def _step(self, step: Step, around: str, xs: list[T], position: int) -> Sequence[T]:
        path = f"{around}{step.name or position}"
        if not isinstance(step.what, Module):
            return self.operator(step, path, around, xs)
        if step.what.transparent:
            return self._run(step.what, around, xs, position)
        return self._run(step.what, f"{path}.", xs)


class Reference(Walk[Tensor]):
    """A network in float64. `layers` and `tensors` are its modules and its own learned tensors, by path."""

    def __init__(self, root: Module) -> None:
        super().__init__(root)
        self.layers: dict[str, nn.Module] = {}
        self.tensors: dict[str, nn.Parameter] = {}
        self.names: tuple[str, ...] = tuple(self._registered(root, ""))

    # --- what there is ------------------------------------------------------------------------------------------------

    def _registered(self, owner: Module, around: str, start: int = 0) -> Iterator[str]:
        """Make what a module holds; the names of its tensors in the order in which `nn.Module` lists them."""
        places = list(_owned(owner, around, start))
        for path, _, step in places:
            if isinstance(call := call_of(step), Learned):
                made = torch.full(call.shape, float(call.fill), dtype=torch.float64)
                self.tensors[path] = nn.Parameter(made)
                yield path
        for path, _, step in places:
            if isinstance(step.what, Module):
                yield from self._registered(step.what, f"{path}.")
            elif isinstance(call := call_of(step), Layer):
                # the layer as it stands in a class; in a row it may be another one with the same tensors
                self.layers[path] = module(call).double()
                yield from (f"{path}.{name}" for name in self.layers[path].state_dict())

    def state(self) -> dict[str, Tensor]:
        """All tensors by name, in order."""
        found: dict[str, Tensor] = {path: each.detach() for path, each in self.tensors.items()}
        for path, layer in self.layers.items():
            found |= {f"{path}.{name}": each for name, each in layer.state_dict().items()}
        return {name: found[name] for name in self.names}

    def load(self, state: dict[str, Tensor]) -> None:
        """Take the values of all tensors."""
        with torch.no_grad():
            for name, value in self.state().items():
                value.copy_(state[name])

    def parameters(self) -> dict[str, nn.Parameter]:
        """What is learned, by name."""
        found = dict(self.tensors)
        for path, layer in self.layers.items():
            found |= {f"{path}.{name}": each for name, each in layer.named_parameters()}
        return found

    def fresh(self) -> dict[str, float]:
        """What each learned tensor that starts from one number starts from."""
        return {
            path: float(call.fill)
            for path, _, step in everything(self.root)
            if isinstance(call := call_of(step), Learned) and not call.deviation
        }

    # --- what it computes ---------------------------------------------------------------------------------------------

    def train(self, mode: bool) -> None:
        """Go into training mode, or out of it."""
        self.training = mode
        for layer in self.layers.values():
            layer.train(mode)

    @override
    def operator(self, step: Step, path: str, around: str, xs: list[Tensor]) -> Sequence[Tensor]:
        match call_of(step):
            case Layer() as call:
                layer = self.layers[path]
                return called(layer, call, [*prepared(path, layer, xs)])
            case Learned() as call:
                return (learned(call, xs, self.tensors[path]),)
            case Apply() as call:
                result = applied(call, xs, self._beside(around) if reads_weights(call) else None)
                return result if isinstance(result, tuple) else (result,)
            case None:
                raise AssertionError(path)

    def _beside(self, around: str) -> dict[str, Tensor]:
        """What is learned in a class, by the names that it has there."""
        return {path.removeprefix(around): each for path, each in self.parameters().items() if path.startswith(around)}


def reads_weights(call: Apply) -> bool:
    """Whether an expression reads weights of other layers of its class."""
    return any(isinstance(each, Weight) for each in call.args)


def _owned(owner: Module, around: str, start: int = 0) -> Iterator[Place]:
    """The steps that a module holds, those of the repeats in it written out, of those that share weights the first."""
    position = start
    said: set[str] = set()
    for step in owner.steps:
        width = step.slots // step.count
        for round_ in range(step.count):
            path = f"{around}{step.name or position + round_ * width}"
            if step.shared and path in said:
                continue
            said.add(path)
            if isinstance(step.what, Module) and step.what.transparent:
                yield from _owned(step.what, around, position + round_ * width)
            else:
                yield Place(path, around, step)
        position += step.slots


def everything(owner: Module, around: str = "") -> Iterator[Place]:
    """Every operator step of a network, by path."""
    for place in _owned(owner, around):
        if isinstance(place.step.what, Module):
            yield from everything(place.step.what, f"{place.path}.")
        else:
            assert isinstance(place.step.what, Operator)
            yield place


def inputs_of(root: Module, draw: torch.Generator) -> tuple[Tensor, ...]:
    """Random numbers for each input; tokens below 5, of which the first of each row is no padding."""
    found: list[Any] = []
    for kind in root.inputs:
        if kind.kind == "tokens":
            tokens = torch.randint(0, 5, (SAMPLES, *kind.shape), generator=draw)
            tokens[:, 0] = 1
            found.append(tokens)
        else:
            found.append(torch.randn(SAMPLES, *kind.shape, dtype=torch.float64, generator=draw))
    return tuple(found)


def scattered(state: dict[str, Tensor], draw: torch.Generator) -> dict[str, Tensor]:
    """Random values for all numbers, so that a tensor in another's place is seen; whole numbers stay as they are."""
    return {name: _random(name, value, draw) for name, value in state.items()}


def _random(name: str, value: Tensor, draw: torch.Generator) -> Tensor:
    if not value.is_floating_point():
        return value.clone()
    if name.endswith("running_var"):
        return torch.rand(value.shape, dtype=value.dtype, generator=draw) + 0.5
    made = torch.randn(value.shape, dtype=value.dtype, generator=draw)
    return made * (value[0].numel() ** -0.5) if value.dim() > 1 else 0.6 * made + 0.3
