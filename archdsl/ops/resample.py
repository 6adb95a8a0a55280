"""Changing the size of maps without weights: upsampling, resizing, cropping, padding."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, ClassVar, final

from typing_extensions import override

from archdsl.algebra.fields import POINT, SAME, Channels, Field
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.algebra.windows import Spread, Window
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, axes, choice, flag, integer, window
from archdsl.ops.faults import BadArgument, MissingArgument, Reject, WrongCount, WrongTensor
from archdsl.ops.operator import Style, Unary, Variadic, by_axes, compact, for_axes, per_axis, require_grid
from archdsl.ops.torchcall import Apply, Grid, Layer, X, changed

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
_MODES = ("nearest", "linear", "bilinear", "bicubic")


def _resampled(operator: Upsample | Resize, before: Shape, after: Shape) -> tuple[Field, ...]:
    """What is seen by the positions of a map that was brought from one grid to another."""
    return tuple(_interpolated(operator, was, now) for was, now in zip(before, after, strict=True))


def _interpolated(operator: Upsample | Resize, before: int, after: int) -> Field:
    """What a position sees along an axis that goes from one length to another, as torch interpolates: position o lies
    at (o + 1/2)*before/after - 1/2 and sees one neighbour on each side, or two in the bicubic mode."""
    mode, align_corners = operator.mode, operator.align_corners and operator.mode != "nearest"
    if before == 1:
        return POINT
    if before == after or (align_corners and after == 1):
        return SAME
    jump, at, grain = Fraction(before, after), Fraction(before - after, 2 * after), Fraction(1, 2 * after)
    if mode == "nearest":
        return Field(Fraction(1, jump.denominator) - 1, Fraction(0), jump, bound=True)
    if align_corners:
        jump, at, grain = Fraction(before - 1, after - 1), Fraction(0), Fraction(1, after - 1)
    wider = mode == "bicubic"
    return Field(at - 1 - wider + grain, at + 1 + wider, jump, bound=True)


def _torch_mode(mode: str, rank: int) -> str:
    """What torch calls a mode on this many axes; Reject where it has none."""
    if mode in {"bilinear", "bicubic"} and rank != 2:
        raise Reject(BadArgument("mode", f"`{mode}` is for images of two axes"), "mode")
    return _LINEAR[rank] if mode == "linear" else mode


@final
@record
class Upsample(Unary):
    """Enlarges a map by a factor (`upsample2`) or to a size (`upsample(size=(64, 64))`).

    `nearest` repeats positions; `linear` interpolates on each axis (bilinear on an image); `bicubic` is for images.
    """

    word = "upsample"
    style = Style.POOL
    is_layer = True

    factor: Axes | None = window("factor, one or one for each axis", None)
    size: Axes | None = axes("size of the map that comes out, instead of a factor", None, low=1)
    mode: str = choice("how new positions are filled", _MODES, "nearest")
    align_corners: bool = flag("whether the corners of both maps coincide", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        if (self.factor is None) == (self.size is None):
            raise Reject(BadArgument("factor", "give either a factor or a size"), "factor")
        rank = x.rank
        _torch_mode(self.mode, rank)
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
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return _resampled(self, xs[0].grid, self.output(xs[0]).grid)

    @override
    def torch(self, x: TensorType) -> Layer:
        rank = x.rank
        optional = changed(mode=(_torch_mode(self.mode, rank), "nearest"))
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
        return f"{self.mode} upsample, ×{for_axes(per_axis(self.factor or 1, rank, 'factor'))}"


Types = tuple[TensorType, ...]


def _pair(operator: Resize | Crop, xs: Types) -> tuple[TensorType, TensorType]:
    """The map and the one whose size it is to have."""
    if len(xs) != 2:
        raise Reject(WrongCount(operator.word, "a map and one of the wanted size: `{ a | b }`", len(xs)))
    x, like = xs
    for each in xs:
        if each.kind is not Kind.IMAGE or not 1 <= each.rank <= 3:
            raise Reject(WrongTensor(operator.word, "images", each))
    if x.rank != like.rank:
        raise Reject(WrongTensor(operator.word, f"two images of {x.rank} ax{'is' if x.rank == 1 else 'es'}", like))
    return x, like


@final
@record
class Resize(Variadic):
    """Brings a map to the size of another: `resize { a | b }` is `a` on the grid of `b`.

    Of `b` only the size matters, and the PyTorch code follows it, whatever the size of the input. `nearest` repeats or
    skips positions; `linear` interpolates on each axis (bilinear on an image); `bicubic` is for images.
    """

    word = "resize"
    style = Style.POOL
    source = "Long, Shelhamer, Darrell 2015, Fully Convolutional Networks, arXiv:1411.4038"
    variadic: ClassVar[bool] = True
    sized_like: ClassVar[bool] = True

    mode: str = choice("how new positions are filled", _MODES, "nearest")
    align_corners: bool = flag("whether the corners of both maps coincide", False)

    @override
    def output(self, x: Types) -> TensorType:
        first, like = _pair(self, x)
        _torch_mode(self.mode, first.rank)
        return TensorType.image(first.channels, *like.grid)

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        return () if index else _resampled(self, xs[0].grid, xs[1].grid)

    @override
    def torch(self, x: Types) -> Apply:
        mode = _torch_mode(self.mode, x[0].rank)
        aligned: dict[str, Any] = {"align_corners": True} if self.align_corners and self.mode != "nearest" else {}
        return Apply.of("nn.functional.interpolate", X, size=Grid(1), mode=mode, **aligned)

    @override
    def label(self, x: Types) -> str:
        return f"{self.mode} resize to {by_axes(x[1].grid)}"


@final
@record
class Crop(Variadic):
    """Cuts a map down to the size of another: `crop { a | b }` is the part of `a` that is as large as `b`.

    The part begins at `offset` on each axis; without one it is the centre. Of `b` only the size matters, and the
    PyTorch code follows it, whatever the size of the input.
    """

    word = "crop"
    style = Style.OTHER
    is_layer = True
    is_view = True
    source = "Ronneberger, Fischer, Brox 2015, U-Net, arXiv:1505.04597"
    variadic: ClassVar[bool] = True
    sized_like: ClassVar[bool] = True

    offset: int | None = integer("where the part begins on each axis; the centre if not given", None, low=0)

    @override
    def output(self, x: Types) -> TensorType:
        first, like = _pair(self, x)
        begins = self.offset or 0
        for length, wanted in zip(first.grid, like.grid, strict=True):
            if begins + wanted > length:
                where = f" from {begins} on" if begins else ""
                raise Reject(BadArgument("crop", f"{length} positions have no part of {wanted}{where}"))
        return TensorType.image(first.channels, *like.grid)

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        if index:
            return ()
        centres = ((length - wanted) // 2 for length, wanted in zip(xs[0].grid, xs[1].grid, strict=True))
        starts = (int(centre if self.offset is None else self.offset) for centre in centres)
        return tuple(Field(start, start) for start in starts)

    @override
    def torch(self, x: Types) -> Layer:
        return Layer.of("Crop", copied="crop", **changed(offset=(self.offset, None), rank=(x[0].rank, 2)))

    @override
    def label(self, x: Types) -> str:
        return f"crop to {by_axes(x[1].grid)}"


@final
@record
class Pad(Unary):
    """Adds a border of zeros around a map (`pad(2)`), or at one end only (`pad(before=2)`).

    In front of a convolution it makes that one causal: `pad(before=2) -> conv3-64(p=0)` sees no later position.
    """

    word = "pad"
    style = Style.OTHER
    is_layer = True

    p: Axes | None = axes("positions added at each end", None, low=0)
    before: Axes | None = axes("positions added before; `p`, or none, if not given", None, low=0)
    after: Axes | None = axes("positions added after; `p`, or none, if not given", None, low=0)

    def ends(self, rank: int) -> tuple[tuple[int, int], ...]:
        """How many positions are added before and after, on each axis."""
        p = per_axis(self.p or 0, rank, "p")
        before = p if self.before is None else per_axis(self.before, rank, "before")
        after = p if self.after is None else per_axis(self.after, rank, "after")
        return tuple(zip(before, after, strict=True))

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        ends = self.ends(x.rank)
        return tuple(Window(1, padding=a, after=None if a == b else b) for a, b in ends)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        if (self.p, self.before, self.after) == (None, None, None):
            raise Reject(MissingArgument(self.word, "p", "positions to add", self.usage("p")), "p")
        grid = (each.slide(length) for each, length in zip(self.windows(x), x.grid, strict=True))
        return TensorType.image(x.channels, *grid)

    @override
    def torch(self, x: TensorType) -> Layer:
        # torch wants both ends of each axis, the last axis first
        ends = tuple(p for axis in reversed(self.ends(x.rank)) for p in axis)
        return Layer.of(f"nn.ZeroPad{x.rank}d", compact(ends))

    @override
    def label(self, x: TensorType) -> str:
        before, after = zip(*self.ends(x.rank), strict=True)
        if before == after:
            return f"pad, {by_axes(before)}"
        return f"pad, {by_axes(before)} before, {by_axes(after)} after"


@final
@record
class PadChannels(Unary):
    """Adds channels of zeros, as the parameter-free shortcut of ResNet does (its option A)."""

    word = "pad_channels"
    style = Style.PROJECTION
    is_layer = True
    source = "He et al. 2015, Deep Residual Learning, arXiv:1512.03385"
    overwritable = True

    before: int = integer("channels of zeros before", 0, low=0)
    after: int = integer("channels of zeros after", 0, low=0)

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind != "image":
            raise Reject(WrongTensor(self.word, "an image", x))
        return x.with_channels(x.channels + self.before + self.after)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(replace(each, channels=Channels(even=False)) for each in super().sees(xs, index))

    @override
    def for_channels(self, before: int, after: int) -> PadChannels:
        return replace(self, before=self.before * after // before, after=self.after * after // before)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("PadChannels", self.before, self.after, copied="pad_channels", **changed(rank=(x.rank, 2)))

    @override
    def label(self, x: TensorType) -> str:
        return f"+{self.before + self.after} zero channels"
