"""Making maps larger without weights, and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from typing_extensions import override

from archdsl.base.tensors import TensorType
from archdsl.base.windows import Spread, Window
from archdsl.ops.arguments import Axes, axes, choice, flag, integer, window
from archdsl.ops.faults import BadArgument, Reject, WrongTensor
from archdsl.ops.operator import Style, Unary, by_axes, compact, per_axis, require_grid
from archdsl.ops.torchcall import Layer, changed

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@final
@dataclass(frozen=True)
class Upsample(Unary):
    """Enlarges a map by a factor (`upsample2`) or to a size (`upsample(size=(64, 64))`).

    `nearest` repeats positions; `linear` interpolates on each axis (bilinear on an image); `bicubic` is for images.
    """

    word = "upsample"
    style = Style.POOL

    factor: Axes | None = window("factor, one or one for each axis", None)
    size: Axes | None = axes("size of the map that comes out, instead of a factor", None, low=1)
    mode: str = choice("how new positions are filled", ("nearest", "linear", "bilinear", "bicubic"), "nearest")
    align_corners: bool = flag("whether the corners of both maps coincide", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        if (self.factor is None) == (self.size is None):
            raise Reject(BadArgument("factor", "give either a factor or a size"), "factor")
        rank = x.rank
        if self.mode in {"bilinear", "bicubic"} and rank != 2:
            raise Reject(BadArgument("mode", f"`{self.mode}` is for images of two axes"), "mode")
        if self.size is not None:
            return TensorType.image(x.channels, *per_axis(self.size, rank, "size"))
        factors = per_axis(self.factor or 1, rank, "factor")
        grid = (length * factor for length, factor in zip(x.grid, factors, strict=True))
        return TensorType.image(x.channels, *grid)

    @override
    def windows(self, x: TensorType) -> tuple[Spread, ...]:
        if self.factor is None or self.mode != "nearest":
            return ()
        factors = per_axis(self.factor, x.rank, "factor")
        return tuple(Spread(factor, factor) for factor in factors)

    @override
    def torch(self, x: TensorType) -> Layer:
        rank = x.rank
        mode = _LINEAR[rank] if self.mode == "linear" else self.mode
        optional = changed(mode=(mode, "nearest"))
        if self.mode != "nearest":
            optional |= changed(align_corners=(self.align_corners, None))
        if self.size is not None:
            return Layer.of("nn.Upsample", per_axis(self.size, rank, "size"), **optional)
        return Layer.of("nn.Upsample", scale_factor=compact(per_axis(self.factor or 1, rank, "factor")), **optional)

    @override
    def label(self, x: TensorType) -> str:
        rank = x.rank
        if self.size is not None:
            return f"{self.mode} upsample to {by_axes(per_axis(self.size, rank, 'size'))}"
        factors = per_axis(self.factor or 1, rank, "factor")
        by = compact(factors)
        return f"{self.mode} upsample, ×{by if isinstance(by, int) else by_axes(factors)}"


@final
@dataclass(frozen=True)
class Pad(Unary):
    """Adds a border of zeros around a map (`pad(2)`)."""

    word = "pad"
    style = Style.OTHER

    p: Axes = axes("positions added at each end", low=0)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return tuple(Window(1, padding=p) for p in per_axis(self.p, x.rank, "p"))

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        grid = (each.slide(length) for each, length in zip(self.windows(x), x.grid, strict=True))
        return TensorType.image(x.channels, *grid)

    @override
    def torch(self, x: TensorType) -> Layer:
        paddings = per_axis(self.p, x.rank, "p")
        # torch wants both ends of each axis, the last axis first
        ends = compact(paddings)
        if not isinstance(ends, int):
            ends = tuple(p for each in reversed(paddings) for p in (each, each))
        return Layer.of(f"nn.ZeroPad{len(paddings)}d", ends)

    @override
    def label(self, x: TensorType) -> str:
        return f"pad, {by_axes(per_axis(self.p, x.rank, 'p'))}"


@final
@dataclass(frozen=True)
class PadChannels(Unary):
    """Adds channels of zeros, as the parameter-free shortcut of ResNet does (its option A)."""

    word = "pad_channels"
    style = Style.PROJECTION
    source = "He et al. 2015, Deep Residual Learning, arXiv:1512.03385"

    before: int = integer("channels of zeros before", 0, low=0)
    after: int = integer("channels of zeros after", 0, low=0)

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind != "image":
            raise Reject(WrongTensor(self.word, "an image", x))
        return x.with_channels(x.channels + self.before + self.after)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("PadChannels", self.before, self.after, copied="pad_channels", **changed(rank=(x.rank, 2)))

    @override
    def label(self, x: TensorType) -> str:
        return f"+{self.before + self.after} zero channels"
