"""The support of a gradient: which positions of the input one position of a map really depends on.

Weights are positive and the maximum of a window is its sum, so that nothing cancels and every position that could be the
largest counts.
"""

from __future__ import annotations

from itertools import product as every
from math import ceil, floor
from typing import Any

import torch
from torch import Tensor, nn

from archdsl import Network
from archdsl.base.fields import Field, Status
from archdsl.base.windows import Window


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
    for weight in model.parameters():
        each = 1 / weight[0].numel()
        nn.init.uniform_(weight, 0.5 * each, 1.5 * each)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d):
            model.set_submodule(name, Sums(windows_of(module)))
    return model


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
    low, high = field.low + at * field.jump, field.high + at * field.jump
    first, last = max(ceil(low), 0), min(floor(high), field.length - 1)
    assert touched <= set(range(first, last + 1)), (field, at, min(touched), max(touched))
    if field.status is Status.BOUND:
        return
    sure_of_ends = covers_ends and field.gapless
    if low >= 0 or sure_of_ends:
        assert min(touched) == first, (field, at)
    if high < field.length or sure_of_ends:
        assert max(touched) == last, (field, at)
    if field.gapless and (sure_of_ends or (low >= 0 and high < field.length)):
        assert touched == set(range(first, last + 1)), (field, at)
    if low >= 0 and high < field.length:
        assert field.size == max(touched) - min(touched) + 1
