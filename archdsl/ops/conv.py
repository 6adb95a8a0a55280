"""Convolutions: full, depthwise and transposed; 1-D, 2-D or 3-D by the rank of what comes in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import Any, ClassVar, Self, cast, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape, TensorType
from archdsl.algebra.windows import Spread, Window
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, axes, flag, integer, stride, width, window
from archdsl.ops.faults import BadArgument, GroupsDoNotDivide, Reject
from archdsl.ops.operator import (
    Style,
    Unary,
    compact,
    per_axis,
    require_grid,
    slide,
    window_label,
)
from archdsl.ops.torchcall import Layer, changed
from archdsl.ops.traits import Matrix


def _padding(p: Axes | None, window: tuple[int, ...], dilation: tuple[int, ...]) -> tuple[int, ...]:
    """The padding given, or half of an odd window, which keeps the size at stride 1."""
    if p is not None:
        return per_axis(p, len(window), "p")
    return tuple([d * ((f - 1) // 2) if f % 2 else 0 for f, d in zip(window, dilation, strict=True)])


def _windows(op: Conv | DepthwiseConv, x: TensorType) -> tuple[Window, ...]:
    rank = x.rank
    sizes = per_axis(op.window, rank, "window")
    strides = per_axis(op.stride, rank, "stride")
    dilations = per_axis(op.dilation, rank, "dilation")
    paddings = _padding(op.p, sizes, dilations)
    return tuple(map(Window, sizes, strides, paddings, dilations))


def _conv_layer(x: TensorType, channels: int, windows: tuple[Window, ...], groups: int, *, bias: bool) -> Layer:
    optional = changed(
        stride=(compact(tuple(each.stride for each in windows)), 1),
        padding=(compact(tuple(each.padding for each in windows)), 0),
        dilation=(compact(tuple(each.dilation for each in windows)), 1),
        groups=(groups, 1),
        bias=(bias, True),
    )
    sizes = compact(tuple(each.size for each in windows))
    return Layer.of(f"nn.Conv{len(windows)}d", x.channels, channels, sizes, **optional)


class _Grouped(Unary):
    """A convolution whose channels may lie in groups that do not see each other."""

    width: int
    groups: int

    def _require_groups(self, x: TensorType) -> None:
        """Refuse channels that groups of the same size do not hold."""
        for channels, which in ((x.channels, "input channels"), (self.width, "output channels")):
            if channels % self.groups:
                raise Reject(GroupsDoNotDivide(channels, self.groups, which), "groups")

    @property
    @override
    def mixes(self) -> bool:
        return self.groups == 1

    @override
    def is_depthwise(self, channels: int) -> bool:
        return 1 < self.groups == channels

    @override
    def for_channels(self, before: int, after: int) -> Self:
        if not self.is_depthwise(before):
            return self
        return replace(cast("Any", self), width=self.width // before * after, groups=after)


@final
@record
class Conv(_Grouped):
    """Convolution: each output channel is a weighted sum over a window of all the input's channels.

    An odd window pads by half of itself unless `p` says otherwise, so that `conv3-64` keeps the size of the map. It has
    a bias unless its output goes only into a batch norm, which would cancel it.
    """

    word = "conv"
    style = Style.CONV
    is_layer = True
    source = "LeCun et al. 1989, Backpropagation Applied to Handwritten Zip Code Recognition"
    decorated: ClassVar[bool] = True
    matrix = Matrix()
    chooses_channels = True
    overwritable = True

    width: int = width()
    window: Axes = window()
    stride: Axes = stride()
    p: Axes | None = axes("padding at each end; half of an odd window if not given", None, low=0)
    dilation: Axes = axes("distance between the positions of the window", 1, low=1)
    groups: int = integer("groups of channels that do not see each other", 1)
    bias: bool | None = flag("whether a bias is added; if not given, unless a batch norm follows", None)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return _windows(self, x)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        self._require_groups(x)
        return TensorType.image(self.width, *slide(self, x, self.windows(x)))

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        sizes = per_axis(self.window, x.rank, "window")
        weight = (self.width, x.channels // self.groups, *sizes)
        return {"weight": weight} if self.bias is False else {"weight": weight, "bias": (self.width,)}

    @override
    def torch(self, x: TensorType) -> Layer:
        return _conv_layer(x, self.width, self.windows(x), self.groups, bias=self.bias is not False)

    @override
    def label(self, x: TensorType) -> str:
        return window_label("conv", self.windows(x), self.width, self.groups)


@final
@record
class DepthwiseConv(Unary):
    """Depthwise convolution: each channel has a window of its own, and channels do not mix.

    `multiplier` output channels come from each input channel.
    """

    word = "dwconv"
    layer_name = "conv"
    style = Style.PROJECTION
    is_layer = True
    source = "Howard et al. 2017, MobileNets, arXiv:1704.04861"
    decorated: ClassVar[bool] = True
    matrix = Matrix()
    overwritable = True

    window: Axes = window()
    stride: Axes = stride()
    p: Axes | None = axes("padding at each end; half of an odd window if not given", None, low=0)
    dilation: Axes = axes("distance between the positions of the window", 1, low=1)
    multiplier: int = integer("output channels for each input channel", 1)
    bias: bool | None = flag("whether a bias is added; if not given, unless a batch norm follows", None)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return _windows(self, x)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        return TensorType.image(x.channels * self.multiplier, *slide(self, x, self.windows(x)))

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        sizes = per_axis(self.window, x.rank, "window")
        channels = x.channels * self.multiplier
        weight = (channels, 1, *sizes)
        return {"weight": weight} if self.bias is False else {"weight": weight, "bias": (channels,)}

    @override
    def is_depthwise(self, channels: int) -> bool:
        return True

    @override
    def torch(self, x: TensorType) -> Layer:
        channels = x.channels
        return _conv_layer(x, channels * self.multiplier, self.windows(x), channels, bias=self.bias is not False)

    @override
    def label(self, x: TensorType) -> str:
        return window_label("dwconv", self.windows(x))


@final
@record
class Deconv(_Grouped):
    """Transposed convolution: spreads each input position over a window, so that the map grows by its stride.

    The output has (W - 1)*S - 2P + F + output_padding positions on each axis.
    """

    word = "deconv"
    aliases = ("convt",)
    style = Style.CONV
    is_layer = True
    source = "Long, Shelhamer, Darrell 2015, Fully Convolutional Networks, arXiv:1411.4038"
    decorated: ClassVar[bool] = True
    matrix = Matrix(outputs=1, inputs=0)
    chooses_channels = True
    overwritable = True

    width: int = width()
    window: Axes = window()
    stride: Axes = stride()
    p: Axes = axes("padding, which trims the output at each end", 0, low=0)
    output_padding: Axes = axes("positions added at the end of the output; below stride or dilation", 0, low=0)
    dilation: Axes = axes("distance between the positions of the window", 1, low=1)
    groups: int = integer("groups of channels that do not see each other", 1)
    bias: bool | None = flag("whether a bias is added; if not given, unless a batch norm follows", None)

    @override
    def windows(self, x: TensorType) -> tuple[Spread, ...]:
        given = (self.window, self.stride, self.p, self.dilation, self.output_padding)
        names = ("window", "stride", "p", "dilation", "output_padding")
        rank = x.rank
        columns = (per_axis(value, rank, name) for value, name in zip(given, names, strict=True))
        return tuple(map(Spread, *columns))

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        self._require_groups(x)
        windows = self.windows(x)
        for each in windows:
            if each.extra >= max(each.stride, each.dilation):
                reason = f"{each.extra} is not below the stride {each.stride} or the dilation {each.dilation}"
                raise Reject(BadArgument("output_padding", reason), "output_padding")
        return TensorType.image(self.width, *slide(self, x, windows))

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        sizes = per_axis(self.window, x.rank, "window")
        weight = (x.channels, self.width // self.groups, *sizes)
        return {"weight": weight} if self.bias is False else {"weight": weight, "bias": (self.width,)}

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        # each weight meets each input position, not each output position
        return prod(weights["weight"]) * prod(x.grid)

    @override
    def torch(self, x: TensorType) -> Layer:
        windows = self.windows(x)
        optional = changed(
            stride=(compact(tuple(each.stride for each in windows)), 1),
            padding=(compact(tuple(each.padding for each in windows)), 0),
            output_padding=(compact(tuple(each.extra for each in windows)), 0),
            groups=(self.groups, 1),
            bias=(self.bias is not False, True),
            dilation=(compact(tuple(each.dilation for each in windows)), 1),
        )
        sizes = compact(tuple(each.size for each in windows))
        return Layer.of(f"nn.ConvTranspose{len(windows)}d", x.channels, self.width, sizes, **optional)

    @override
    def label(self, x: TensorType) -> str:
        return window_label("deconv", self.windows(x), self.width, self.groups, by="×")
