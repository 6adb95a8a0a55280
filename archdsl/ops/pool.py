"""Pooling: over windows, to a given size, and over the whole map."""

from __future__ import annotations

from fractions import Fraction
from typing import final

from typing_extensions import override

from archdsl.algebra.fields import Field, everything
from archdsl.algebra.tensors import TensorType
from archdsl.algebra.windows import Window
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, axes, flag, stride, window
from archdsl.ops.faults import BadArgument, Reject
from archdsl.ops.operator import (
    Style,
    Unary,
    by_axes,
    compact,
    per_axis,
    require_grid,
    slide,
    window_label,
)
from archdsl.ops.storage import INDEX, NOTHING, Kept, Own
from archdsl.ops.torchcall import Apply, Layer, X, changed


def _windows(op: MaxPool | AveragePool, x: TensorType, dilation: Axes) -> tuple[Window, ...]:
    rank = x.rank
    sizes = per_axis(op.window, rank, "window")
    strides = sizes if op.stride is None else per_axis(op.stride, rank, "stride")
    paddings = per_axis(op.p, rank, "p")
    for size, padding in zip(sizes, paddings, strict=True):
        if padding > size // 2:
            raise Reject(BadArgument("p", f"{padding} is more than half of the window {size}"), "p")
    dilations = per_axis(dilation, rank, "dilation")
    return tuple(Window(*each, op.ceil) for each in zip(sizes, strides, paddings, dilations, strict=True))


def _layer(name: str, windows: tuple[Window, ...], **more: tuple[object, object]) -> Layer:
    sizes = compact(tuple(each.size for each in windows))
    optional = changed(
        stride=(compact(tuple(each.stride for each in windows)), sizes),
        padding=(compact(tuple(each.padding for each in windows)), 0),
        ceil_mode=(windows[0].ceil, False),
        **more,
    )
    return Layer.of(f"nn.{name}Pool{len(windows)}d", sizes, **optional)


@final
@record
class MaxPool(Unary):
    """Max pooling: the largest value of each window. `pool` alone is 2×2 with stride 2.

    The stride is the window's size unless given.
    """

    word = "pool"
    aliases = ("maxpool",)
    style = Style.POOL
    is_layer = True

    window: Axes = window(default=2)
    stride: Axes | None = stride("stride; the window's size if not given", None)
    p: Axes = axes("padding at each end, at most half of the window", 0, low=0)
    dilation: Axes = axes("distance between the positions of the window", 1, low=1)
    ceil: bool = flag("round the number of windows up, so that the last may hang over the end", False)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return _windows(self, x, self.dilation)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        return TensorType.image(x.channels, *slide(self, x, self.windows(x)))

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=self.working(x))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(self.output(x).size, itemsize=INDEX),)  # where each maximum was

    @override
    def torch(self, x: TensorType) -> Layer:
        windows = self.windows(x)
        return _layer("Max", windows, dilation=(compact(tuple(each.dilation for each in windows)), 1))

    @override
    def label(self, x: TensorType) -> str:
        return window_label("max pool", self.windows(x))


@final
@record
class AveragePool(Unary):
    """Average pooling: the mean of each window. `avgpool` alone is 2×2 with stride 2.

    The stride is the window's size unless given. Padding counts as zeros unless `count_include_pad=false`.
    """

    word = "avgpool"
    style = Style.POOL
    is_layer = True

    window: Axes = window(default=2)
    stride: Axes | None = stride("stride; the window's size if not given", None)
    p: Axes = axes("padding at each end, at most half of the window", 0, low=0)
    ceil: bool = flag("round the number of windows up, so that the last may hang over the end", False)
    count_include_pad: bool = flag("whether padding counts as zeros in the mean", True)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return _windows(self, x, 1)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        windows = self.windows(x)
        if x.rank == 3:
            # in three dimensions torch wants the window to fit without its padding
            slide(self, x, tuple(Window(each.size) for each in windows))
        return TensorType.image(x.channels, *slide(self, x, windows))

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,))

    @override
    def torch(self, x: TensorType) -> Layer:
        return _layer("Avg", self.windows(x), count_include_pad=(self.count_include_pad, True))

    @override
    def label(self, x: TensorType) -> str:
        return window_label("avg pool", self.windows(x))


def _adaptive(op: AdaptiveAveragePool | AdaptiveMaxPool, x: TensorType) -> tuple[int, ...]:
    require_grid(op, x)
    return per_axis(op.size, x.rank, "size")


def _share(before: int, after: int) -> Field:
    """What a position sees along an axis that is brought to a length: o the positions from floor(o*before/after) to
    before ceil((o + 1)*before/after), which are equally many only where the length divides."""
    if after == 1:
        return everything(before)
    jump, uneven = Fraction(before, after), Fraction(after - 1, after) if before % after else Fraction(0)
    return Field(-uneven, jump - 1 + uneven, jump, int(before > after), bound=bool(uneven))


@final
@record
class AdaptiveAveragePool(Unary):
    """Average pooling to a map of a given size, whatever comes in."""

    word = "adaptiveavgpool"
    layer_name = "avgpool"
    style = Style.POOL
    is_layer = True

    size: Axes = axes("size of the map that comes out", low=1)

    @override
    def output(self, x: TensorType) -> TensorType:
        return TensorType.image(x.channels, *_adaptive(self, x))

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(map(_share, xs[0].grid, _adaptive(self, xs[0])))

    @override
    def keeps(self, x: TensorType) -> Kept:
        # the mean of a whole map is torch's mean, which needs nothing
        return Kept(inputs=(0,)) if self.output(x).positions > 1 else NOTHING

    @override
    def torch(self, x: TensorType) -> Layer:
        sizes = _adaptive(self, x)
        return Layer.of(f"nn.AdaptiveAvgPool{len(sizes)}d", compact(sizes))

    @override
    def label(self, x: TensorType) -> str:
        return f"avg pool to {by_axes(_adaptive(self, x))}"


@final
@record
class AdaptiveMaxPool(Unary):
    """Max pooling to a map of a given size, whatever comes in."""

    word = "adaptivemaxpool"
    layer_name = "maxpool"
    style = Style.POOL
    is_layer = True

    size: Axes = axes("size of the map that comes out", low=1)

    @override
    def output(self, x: TensorType) -> TensorType:
        return TensorType.image(x.channels, *_adaptive(self, x))

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(map(_share, xs[0].grid, _adaptive(self, xs[0])))

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=self.working(x))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(self.output(x).size, itemsize=INDEX),)  # where each maximum was

    @override
    def torch(self, x: TensorType) -> Layer:
        sizes = _adaptive(self, x)
        return Layer.of(f"nn.AdaptiveMaxPool{len(sizes)}d", compact(sizes))

    @override
    def label(self, x: TensorType) -> str:
        return f"max pool to {by_axes(_adaptive(self, x))}"


@final
@record
class GlobalAveragePool(Unary):
    """Global average pooling: the mean of each channel over the whole map, as a vector.

    `keep=true` keeps a map of one position, which a convolution can go on from.
    """

    word = "gap"
    style = Style.POOL
    is_layer = True
    source = "Lin, Chen, Yan 2013, Network in Network, arXiv:1312.4400"
    sees_all = True

    keep: bool = flag("keep a map of one position instead of a vector", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        channels = x.channels
        return TensorType.image(channels, *(1 for _ in x.grid)) if self.keep else TensorType.vector(channels)

    @override
    def torch(self, x: TensorType) -> Layer | Apply:
        rank = x.rank
        pool = Layer.of(f"nn.AdaptiveAvgPool{rank}d", 1)
        if self.keep:
            return pool
        dims = 2 if rank == 1 else tuple(range(2, 2 + rank))
        return Apply.of("torch.mean", X, dim=dims, layer=Layer.of("nn.Sequential", pool, Layer.of("nn.Flatten")))

    @override
    def label(self, x: TensorType) -> str:
        return "global avg pool"


@final
@record
class GlobalMaxPool(Unary):
    """Global max pooling: the largest value of each channel over the whole map, as a vector.

    `keep=true` keeps a map of one position, which a convolution can go on from.
    """

    word = "gmp"
    style = Style.POOL
    is_layer = True
    sees_all = True

    keep: bool = flag("keep a map of one position instead of a vector", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        channels = x.channels
        return TensorType.image(channels, *(1 for _ in x.grid)) if self.keep else TensorType.vector(channels)

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), output=not self.keep, own=self.working(x))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(x.channels, itemsize=INDEX),) if self.keep else ()

    @override
    def torch(self, x: TensorType) -> Layer | Apply:
        rank = x.rank
        pool = Layer.of(f"nn.AdaptiveMaxPool{rank}d", 1)
        if self.keep:
            return pool
        dims = 2 if rank == 1 else tuple(range(2, 2 + rank))
        return Apply.of("torch.amax", X, dim=dims, layer=Layer.of("nn.Sequential", pool, Layer.of("nn.Flatten")))

    @override
    def label(self, x: TensorType) -> str:
        return "global max pool"
