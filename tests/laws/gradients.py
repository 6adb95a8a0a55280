"""The support of a gradient: which positions of the input one position of a map really depends on.

Weights are positive and the maximum of a window is its sum, so that nothing cancels and every position that could be the
largest counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import count
from itertools import product as every
from math import ceil, floor
from operator import add
from random import Random
from typing import Any

import torch
from laws.reference import Reference
from torch import Tensor, nn
from typing_extensions import override

from archdsl import Network
from archdsl.algebra.fields import Field, Status
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.algebra.windows import Window
from archdsl.facts.receptive import NOTHING, ReceptiveFields, Seen, start
from archdsl.graph.module import Module, Step
from archdsl.ops.norm import LayerNorm
from archdsl.ops.operator import Operator, Style


class Sums(nn.Module):
    """The sum over the windows of a max pool, which sees what the maximum could come from."""

    def __init__(self, windows: tuple[Window, ...]) -> None:
        super().__init__()
        self.windows = windows

    def forward(self, x: Tensor) -> Tensor:
        for axis, window in enumerate(self.windows, start=2):
            positions = [
                [
                    i
                    for k in range(window.size)
                    if 0 <= (i := o * window.stride - window.padding + k * window.dilation) < x.shape[axis]
                ]
                for o in range(window.slide(x.shape[axis]))
            ]
            x = torch.stack([x.index_select(axis, torch.tensor(each)).sum(axis) for each in positions], axis)
        return x


def positive(net: Network) -> nn.Module:
    """The network's module with positive weights, each filter's about 1 together, and sums for maxima."""
    model = net.to_torch(dtype=torch.float64).eval()
    spread(model.parameters())
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d):
            model.set_submodule(name, Sums(windows_of(module)))
    return model


def spread(weights: Iterable[Tensor]) -> None:
    """Positive numbers for weights, each filter's about 1 together."""
    for weight in weights:
        each = 1 / weight[0].numel()
        nn.init.uniform_(weight, 0.5 * each, 1.5 * each)


def windows_of(pool: Any) -> tuple[Window, ...]:
    """The windows of torch's max pool, one for each axis."""
    rank = int(type(pool).__name__[-2])
    given = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    columns = ([each] * rank if isinstance(each, int) else each for each in given)
    return tuple(Window(*sizes, pool.ceil_mode) for sizes in zip(*columns, strict=True))


class Supports:
    """What the map at a path of a network depends on; of its output without a path."""

    def __init__(self, net: Network, path: str = "") -> None:
        torch.manual_seed(0)
        (kind,) = net.inputs.values()
        self.x = torch.rand(1, *kind.shape, dtype=torch.float64).add_(0.5).requires_grad_()
        model, found = positive(net), []
        if path:
            model.get_submodule(path).register_forward_hook(lambda *each: found.append(each[2]))
        result = model(self.x)
        self.map: Tensor = found[0] if path else result

    def of(self, *position: int) -> tuple[set[int], ...]:
        """The positions along each axis of the input that a position of the map depends on, all channels together."""
        unit = self.map[(0, slice(None), *position)].sum()
        (gradient,) = torch.autograd.grad(unit, self.x, retain_graph=True)
        touched = gradient[0].abs().sum(0).nonzero()
        return tuple(set(touched[:, axis].tolist()) for axis in range(touched.shape[1]))

    def positions(self, many: int) -> list[tuple[int, ...]]:
        """Some positions about the middle."""
        around = ({min(length // 2 + by, length - 1) for by in range(many)} for length in self.map.shape[2:])
        return list(every(*around))


def check(field: Field, at: int, touched: set[int], *, covers_ends: bool = False) -> None:
    """Whether what one position depends on is what its field says. covers_ends: whether no row of the input is dropped,
    so that an end in the padding means that all is seen up to that end of the input."""
    assert field.part is not None
    (low, high), (begin, end) = (field.low + at * field.jump, field.high + at * field.jump), field.part
    first, last = max(ceil(low), ceil(begin)), min(floor(high), floor(end))
    if _is_outside(field, at):
        assert not touched, (field, at)
        return
    assert touched <= set(range(first, last + 1)), (field, at, min(touched), max(touched))
    if field.status is Status.BOUND:
        return
    # all positions together leave out none, up to the first and the last that is let through
    sure_of_ends = field.gapless and (covers_ends or not field.jump)
    if low >= begin or sure_of_ends:
        assert min(touched) == first, (field, at)
    if high <= end or sure_of_ends:
        assert max(touched) == last, (field, at)
    if field.gapless and (sure_of_ends or (low >= begin and high <= end)):
        assert touched == set(range(first, last + 1)), (field, at)
    if not field.jump or (low >= begin and high <= end):
        assert field.size == last - first + 1


# --- networks of any kind -----------------------------------------------------------------------------------------------


class Positive(Reference):
    """A network step by step in which nothing cancels: positive weights, sums for maxima, activations left out.

    Tokens are numbers that are added to their vectors, so that there is a gradient with respect to them; a mask is the
    numbers of its tokens, which are added to all that attends by it. The gradient of each tensor is scaled on its way
    back, since thousands of means make it less than any number that is not zero.

    in_padding: the calls of windows of which, since it was cleared, all that was asked for lies in their padding.
    """

    in_padding: set[int]

    def __init__(self, root: Module) -> None:
        super().__init__(root)
        self.in_padding = set()
        self._calls = count()
        spread(self.parameters().values())
        for path, layer in self.layers.items():
            name = type(layer).__name__
            if name.startswith("MaxPool"):
                self.layers[path] = Sums(windows_of(layer))
            elif name.startswith("AdaptiveMaxPool"):
                self.layers[path] = getattr(nn, name.replace("Max", "Avg"))(layer.output_size)

    @override
    def operator(self, step: Step, path: str, around: str, xs: list[Tensor]) -> Sequence[Tensor]:
        assert isinstance(step.what, Operator)
        windows = step.what.windows(step.what.operand(step.input_types))
        if any(isinstance(each, Window) and each.padded for each in windows) and xs[0].requires_grad:
            (x,) = xs = [xs[0].view_as(xs[0])]
            (result,) = self._linear(step, path, around, xs)
            self._watch(x, result)
            return [result]
        results = self._linear(step, path, around, xs)
        for each in results:
            if each.requires_grad:
                each.register_hook(_scaled)
        return results

    def _watch(self, x: Tensor, result: Tensor) -> None:
        """Scale the gradient of what a window with padding gives, and note where none of it reaches what goes in."""
        call = next(self._calls)

        def enters(gradient: Tensor | None) -> Tensor | None:
            if gradient is not None and gradient.any():
                self.in_padding.add(call)
            return _scaled(gradient)

        def leaves(gradient: Tensor | None) -> None:
            if gradient is not None and gradient.any():
                self.in_padding.discard(call)

        result.register_hook(enters)
        x.register_hook(leaves)

    def _linear(self, step: Step, path: str, around: str, xs: list[Tensor]) -> Sequence[Tensor]:
        assert isinstance(step.what, Operator)
        if step.what.style is Style.ACTIVATION and "softmax" not in step.what.word:
            return xs[:1]
        if isinstance(step.what, LayerNorm) and step.input_types[0].channels == 1:
            # whatever a single number is, its norm is 0
            return xs[:1]
        if step.what.word == "mul":
            # a row of gates makes powers, which no number holds
            return [reduce(add, xs)]
        if step.what.word == "gmp":
            (x,), kept = xs, len(step.outputs[0].shape) > 1
            return [x.mean(tuple(range(2, x.dim())), keepdim=kept)]
        if step.what.style is Style.RECURRENT:
            # the gates of large numbers are 0 or 1, whatever these are
            xs = [x / max(1.0, float(x.detach().abs().max())) for x in xs]
        masks = [index for index, kind in enumerate(step.input_types) if kind.kind is Kind.MASK]
        if masks and step.outputs[0].kind is not Kind.MASK:
            seen = sum(xs[index].sum(1)[:, None, None] for index in masks)
            xs = [torch.zeros(x.shape, dtype=torch.bool) if index in masks else x for index, x in enumerate(xs)]
            return [x + seen * torch.linspace(0.7, 1.3, x.shape[-1]) for x in super().operator(step, path, around, xs)]
        if step.input_types and step.input_types[0].kind is Kind.TOKENS:
            (x,) = xs
            if step.outputs[0].kind is Kind.MASK:
                return [x]
            vectors = super().operator(step, path, around, [torch.ones_like(x).long()])
            # not as much to each feature, since a norm takes away what all have in common
            return [made + x[..., None] * torch.linspace(0.7, 1.3, made.shape[-1]) for made in vectors]
        return super().operator(step, path, around, xs)


def _scaled(gradient: Tensor | None) -> Tensor | None:
    """A gradient whose largest number is about 1, if there is one. By a power of two, which rounds nothing.

    It lies in order: of one that does not, as that of a map with its channels last, the backward pass of a batch norm
    makes another in PyTorch 2.13 where there is a single sample.
    """
    if gradient is None:
        return None
    largest = gradient.abs().max()
    return (torch.ldexp(gradient, -torch.frexp(largest).exponent) if largest else gradient).contiguous()


def hold_fields(root: Module, seed: int) -> int:
    """Compare what a position of each output of a network is said to see of each input with what it depends on; how
    many were compared."""
    torch.manual_seed(0)
    random, compared = Random(seed), 0
    xs = [torch.rand(1, *kind.shape, dtype=torch.float64).add_(0.5).requires_grad_() for kind in root.inputs]
    network = Positive(root)
    outputs = network(*xs)
    for port, (x, kind) in enumerate(zip(xs, root.inputs, strict=True)):
        given = tuple(start(kind) if index == port else NOTHING for index in range(len(xs)))
        seen = ReceptiveFields().module(root, given)
        for fields, made, result in zip(seen, outputs, root.output_types, strict=False):
            if not start(kind) or result.kind not in {Kind.IMAGE, Kind.SEQUENCE, Kind.VECTOR}:
                continue
            position = tuple(random.randrange(length) for length in result.grid)
            network.in_padding.clear()
            touched = _touched(x, kind, made, result, position)
            # a field is that on an endless line, where the padding of a map on the way has fields of its own
            known = tuple(each.at_most() for each in fields) if network.in_padding else fields
            _hold(known, position, touched)
            compared += 1
    return compared


def _touched(
    x: Tensor, kind: TensorType, made: Tensor, result: TensorType, position: tuple[int, ...]
) -> list[set[int]]:
    """The positions along each axis of an input that a position of an output depends on, all channels together."""
    if not made.requires_grad:
        return [set() for _ in start(kind)]
    unit = made[(0, slice(None), *position)] if result.kind is Kind.IMAGE else made[(0, *position)]
    total = (unit * torch.linspace(0.7, 1.3, unit.numel(), dtype=unit.dtype)).sum()
    (gradient,) = torch.autograd.grad(total, x, retain_graph=True, allow_unused=True)
    if gradient is None:
        return [set() for _ in start(kind)]
    channels = {Kind.IMAGE: 0, Kind.SEQUENCE: -1}.get(kind.kind)
    touched = (gradient[0] if channels is None else gradient[0].abs().sum(channels)).nonzero()
    return [set(touched[:, axis].tolist()) for axis in range(touched.shape[1])]


def _hold(fields: Seen, position: tuple[int, ...], touched: list[set[int]]) -> None:
    if not fields:
        assert not any(touched), f"nothing is said to be seen of {touched}"
        return
    along = position if len(position) == len(fields) else (0,) * len(fields)
    for field, at, found in zip(fields, along, touched, strict=True):
        if field.loose:
            check(field.together(field.loose).at_most(), 0, found)
        elif found or _is_outside(field, at):
            check(field, at, found)
        else:
            assert field.status is Status.BOUND, f"{field} sees nothing"


def _is_outside(field: Field, at: int) -> bool:
    """Whether a field lies in the padding at a position, or in another part of what the map was joined with."""
    assert field.part is not None
    return field.high + at * field.jump < field.part[0] or field.low + at * field.jump > field.part[1]
