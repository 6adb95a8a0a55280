"""Rearranging numbers without changing them."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from typing_extensions import override

from archdsl.algebra.fields import SAME, Channels, Field, everything
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.algebra.windows import Window
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, axes, integer
from archdsl.ops.faults import BadArgument, GroupsDoNotDivide, Reject, WrongTensor
from archdsl.ops.operator import (
    Style,
    Unary,
    by_axes,
    per_axis,
    require_features,
    require_grid,
    require_samples,
    require_sequence,
)
from archdsl.ops.storage import Own
from archdsl.ops.torchcall import Apply, Layer, X, changed
from archdsl.ops.traits import Positions

_MOST_CHUNKS = 4


@final
@record
class Slice(Unary):
    """The channels from `start` to before `stop`; `slice(64)` leaves out the first 64.

    Two of them split a tensor: `concat { slice(0, 32) | slice(32) -> body }` works on all but the first 32 channels.
    """

    word = "slice"
    style = Style.OTHER
    is_layer = True
    is_view = True

    start: int = integer("first channel", low=0)
    stop: int | None = integer("channel after the last; all that follow if not given", None)

    def _range(self, x: TensorType) -> tuple[int, int]:
        return self.start, x.channels if self.stop is None else self.stop

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        start, stop = self._range(x)
        if stop > x.channels:
            raise Reject(BadArgument("stop", f"{stop} is beyond the {x.channels} channels"), "stop")
        if start >= stop:
            reason = (
                f"{start} leaves nothing of {stop} channels" if self.stop is None else f"{start} is not below {stop}"
            )
            raise Reject(BadArgument("start", reason), "start")
        return x.with_channels(stop - start)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return _picked(super().sees(xs, index))

    @override
    def for_channels(self, before: int, after: int) -> Slice:
        stop = None if self.stop is None else self.stop * after // before
        return replace(self, start=self.start * after // before, stop=stop)

    @override
    def torch(self, x: TensorType) -> Apply:
        start, stop = self._range(x)
        is_image = x.kind is Kind.IMAGE
        dim = 1 if is_image else -1
        layer = Layer.of("Slice", start, stop, copied="slice", **changed(dim=(dim, 1)))
        size = stop - start
        chunks, rest = divmod(x.channels, size)
        if not rest and not start % size and 1 < chunks <= _MOST_CHUNKS:
            # one of a few equal parts reads the same whatever the number of channels
            return Apply.of("[]", Apply.of(".chunk", X, chunks, dim=dim), start // size, layer=layer)
        span = slice(start or None, self.stop)
        return Apply.of("[]", X, slice(None) if is_image else ..., span, layer=layer)

    @override
    def label(self, x: TensorType) -> str:
        start, stop = self._range(x)
        return f"channels {start} to {stop - 1}"


@final
@record
class ChannelShuffle(Unary):
    """Channel shuffle: deals the channels of `groups` equal groups out in turn, so that what follows sees all groups.

    Channel 0 of each group comes first, then channel 1 of each.
    """

    word = "channel_shuffle"
    style = Style.OTHER
    is_layer = True
    across_channels = True
    source = "Zhang, Zhou, Lin, Sun 2017, ShuffleNet, arXiv:1707.01083"

    groups: int = integer("groups of channels that are mixed")

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        if x.channels % self.groups:
            raise Reject(GroupsDoNotDivide(x.channels, self.groups, "channels"), "groups")
        return x

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.ChannelShuffle", self.groups)

    @override
    def label(self, x: TensorType) -> str:
        return f"channel shuffle, {self.groups}"


@final
@record
class Split(Unary):
    """Equal parts of the channels, side by side: `q, k, v = ... -> split(3)`."""

    word = "split"
    style = Style.OTHER
    is_view = True

    parts: int = integer("how many parts", low=2, high=1000)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        if x.channels % self.parts:
            raise Reject(BadArgument("parts", f"{x.channels} channels do not split into {self.parts}"), "parts")
        return x.with_channels(x.channels // self.parts)

    @override
    def also(self, x: TensorType) -> tuple[TensorType, ...]:
        return (self.output(x),) * (self.parts - 1)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return _picked(super().sees(xs, index))

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of(".chunk", X, self.parts, dim=1 if x.kind is Kind.IMAGE else -1)

    @override
    def label(self, x: TensorType) -> str:
        return f"split, {self.parts}"


@final
@record
class ChannelsLast(Unary):
    """A map with its channels as the last axis: a grid of vectors, on whose features `fc` and `ln` work."""

    word = "channels_last"
    style = Style.OTHER
    is_layer = True
    is_view = True

    @override
    def output(self, x: TensorType) -> TensorType:
        require_grid(self, x)
        return TensorType((*x.grid, x.channels), Kind.SEQUENCE)

    @override
    def torch(self, x: TensorType) -> Apply:
        return _permuted((0, *range(2, x.rank + 2), 1))

    @override
    def label(self, x: TensorType) -> str:
        return "channels last"


@final
@record
class ChannelsFirst(Unary):
    """A grid of vectors as a map, with its channels before the grid, as convolutions want it."""

    word = "channels_first"
    style = Style.OTHER
    is_layer = True
    is_view = True

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind is not Kind.SEQUENCE:
            raise Reject(WrongTensor(self.word, "a sequence or a grid of vectors", x))
        return TensorType.image(x.channels, *x.grid)

    @override
    def torch(self, x: TensorType) -> Apply:
        return _permuted((0, x.rank + 1, *range(1, x.rank + 1)))

    @override
    def label(self, x: TensorType) -> str:
        return "channels first"


@final
@record
class ToSequence(Unary):
    """The positions of a map or grid of vectors in a row, each with its channels as features: patches as tokens."""

    word = "to_sequence"
    style = Style.OTHER
    is_layer = True
    is_view = True
    source = "Dosovitskiy et al. 2020, An Image Is Worth 16x16 Words, arXiv:2010.11929"
    positions = Positions.IN_ROWS

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind not in {Kind.IMAGE, Kind.SEQUENCE}:
            raise Reject(WrongTensor(self.word, "a map or a grid of vectors", x))
        return TensorType.sequence(x.positions, x.channels)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        # the field of a position stays, but positions go row by row, so they move along neither axis
        grid = xs[0].grid
        return tuple(Field(loose=length) for length in grid) if len(grid) > 1 else (SAME,)

    @override
    def torch(self, x: TensorType) -> Apply:
        if x.kind is Kind.SEQUENCE:
            return Apply.of("torch.flatten", X, 1, -2, layer=Layer.of("nn.Flatten", 1, -2))
        rows = Apply.of("torch.flatten", X, 2)
        layer = Layer.of("nn.Sequential", Layer.of("nn.Flatten", 2), _transposition((0, 2, 1)))
        return Apply.of(".transpose", rows, 1, 2, layer=layer)

    @override
    def label(self, x: TensorType) -> str:
        return "to sequence"


@final
@record
class ToImage(Unary):
    """A sequence as a map of `height` rows, its features as channels: the way back from `to_sequence`."""

    word = "to_image"
    style = Style.OTHER
    is_layer = True
    is_view = True
    positions = Positions.MOVED

    height: int = integer("rows of the map")

    @override
    def output(self, x: TensorType) -> TensorType:
        require_sequence(self, x)
        width, rest = divmod(x.grid[0], self.height)
        if rest:
            reason = f"{x.grid[0]} positions do not make {self.height} rows"
            raise Reject(BadArgument("height", reason), "height")
        return TensorType.image(x.channels, self.height, width)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return (Field(loose=xs[0].grid[0]),)

    @override
    def torch(self, x: TensorType) -> Apply:
        size = (self.height, x.grid[0] // self.height)
        layer = Layer.of("nn.Sequential", _transposition((0, 2, 1)), Layer.of("nn.Unflatten", 2, size))
        return Apply.of(".unflatten", Apply.of(".transpose", X, 1, 2), 2, size, layer=layer)

    @override
    def label(self, x: TensorType) -> str:
        return f"to image, {self.height}×{x.grid[0] // self.height}"


@final
@record
class Transpose(Unary):
    """A sequence with its positions and its features exchanged, so that `fc` mixes positions."""

    word = "transpose"
    style = Style.OTHER
    is_layer = True
    is_view = True
    source = "Tolstikhin et al. 2021, MLP-Mixer, arXiv:2105.01601"
    positions = Positions.MOVED

    @override
    def output(self, x: TensorType) -> TensorType:
        require_sequence(self, x)
        return TensorType.sequence(x.channels, x.grid[0])

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        # what was a position is a feature of each
        return (replace(everything(xs[0].grid[0]), channels=Channels(even=False, picks=True)),)

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of(".transpose", X, 1, 2, layer=_transposition((0, 2, 1)))

    @override
    def label(self, x: TensorType) -> str:
        return "transpose"


@final
@record
class Reshape(Unary):
    """The same numbers with other sizes, in torch's order: `fc-8192 -> reshape((512, 4, 4))` makes a map."""

    word = "reshape"
    style = Style.OTHER
    is_layer = True
    is_view = True
    sees_all = True
    positions = Positions.MOVED

    shape: Axes = axes("sizes in torch's order, without the batch", low=1, typical=(64, 8, 8))

    def _shape(self) -> tuple[int, ...]:
        return (self.shape,) if isinstance(self.shape, int) else self.shape

    @override
    def output(self, x: TensorType) -> TensorType:
        require_samples(self, x)
        if len(self._shape()) > 4:
            raise Reject(BadArgument("shape", f"{len(self._shape())} sizes are more than four"), "shape")
        made = TensorType.of(self._shape())
        if made.size != x.size:
            raise Reject(BadArgument("shape", f"it holds {made.size:,} numbers, and {x.size:,} come in"), "shape")
        return made

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        seen = _picked(super().sees(xs, index))
        return tuple(each.at_most() for each in seen) if xs[0].grid else seen

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("Reshape", self._shape(), copied="reshape")

    @override
    def label(self, x: TensorType) -> str:
        return f"reshape to {self.output(x)}"


@final
@record
class Roll(Unary):
    """Moves all positions of a map or grid; what leaves at one end comes in at the other."""

    word = "roll"
    style = Style.OTHER
    is_layer = True
    positions = Positions.MOVED

    by: Axes = axes("positions, one number or one for each axis; negative ones move to the start")

    def _by(self, x: TensorType) -> tuple[int, ...]:
        return per_axis(self.by, x.rank, "by")

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind not in {Kind.IMAGE, Kind.SEQUENCE}:
            raise Reject(WrongTensor(self.word, "a map, a sequence or a grid of vectors", x))
        self._by(x)
        return x

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        # what comes in at the other end is not beside what it comes to
        moves = zip(xs[0].grid, self._by(xs[0]), strict=True)
        return tuple(everything(length, bound=True) if by % length else SAME for length, by in moves)

    @override
    def torch(self, x: TensorType) -> Layer:
        first = 2 if x.kind is Kind.IMAGE else 1
        return Layer.of("Roll", self._by(x), tuple(range(first, first + x.rank)), copied="roll")

    @override
    def label(self, x: TensorType) -> str:
        return f"roll by {', '.join(map(str, self._by(x)))}"


@final
@record
class Select(Unary):
    """The vector at one position of a sequence: `select(0)` is the class token, `select(-1)` the last output."""

    word = "select"
    style = Style.OTHER
    is_layer = True
    is_view = True

    position: int = integer("the position, from 0 on, or from the end, from -1 on", low=None)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_sequence(self, x)
        if not -x.grid[0] <= self.position < x.grid[0]:
            reason = f"the sequence has {x.grid[0]} positions, and {self.position} is asked for"
            raise Reject(BadArgument("position", reason), "position")
        return TensorType.vector(x.channels)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        position = int(self.position % xs[0].grid[0])
        return (Field(position, position, 0),)

    @override
    def torch(self, x: TensorType) -> Apply:
        layer = Layer.of("SelectPosition", self.position, copied="select_position")
        return Apply.of("[]", X, slice(None), self.position, layer=layer)

    @override
    def label(self, x: TensorType) -> str:
        return f"position {self.position}"


@final
@record
class SpaceToDepth(Unary):
    """Squares of positions as one position with all their channels: half as high and wide, four times as many channels.

    On a map the channels are in the order of `nn.PixelUnshuffle`; on a grid of vectors column by column, as Swin merges
    its patches, and a grid that does not divide is padded.
    """

    word = "space_to_depth"
    style = Style.POOL
    is_layer = True
    source = "Shi et al. 2016, Efficient Sub-Pixel Convolutional Neural Network, arXiv:1609.05158"

    factor: int = integer("size of the squares", 2, low=2)

    @override
    def windows(self, x: TensorType) -> tuple[Window, ...]:
        return (Window(self.factor, self.factor, ceil=x.kind is Kind.SEQUENCE),) * x.rank

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind not in {Kind.IMAGE, Kind.SEQUENCE} or x.rank != 2:
            raise Reject(WrongTensor(self.word, "a map or a grid of vectors, of two axes", x))
        if x.kind is Kind.IMAGE and any(length % self.factor for length in x.grid):
            raise Reject(BadArgument("factor", f"{by_axes(x.grid)} positions do not split into squares"), "factor")
        grid = tuple(-(-length // self.factor) for length in x.grid)
        return x.replace(x.channels * self.factor**2, grid)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(replace(each, channels=Channels(even=False)) for each in super().sees(xs, index))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(self.output(x).size),) if x.kind is Kind.SEQUENCE else ()  # its squares, padded

    @override
    def torch(self, x: TensorType) -> Layer:
        if x.kind is Kind.IMAGE:
            return Layer.of("nn.PixelUnshuffle", self.factor)
        return Layer.of("SpaceToDepth", self.factor, copied="space_to_depth")

    @override
    def label(self, x: TensorType) -> str:
        return f"space to depth, /{self.factor}"


def _picked(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    return tuple(replace(each, channels=Channels(picks=True)) for each in fields)


def _transposition(axes: tuple[int, ...]) -> Layer:
    return Layer.of("Permute", axes, copied="permute")


def _permuted(axes: tuple[int, ...]) -> Apply:
    return Apply.of("torch.permute", X, axes, layer=_transposition(axes))
