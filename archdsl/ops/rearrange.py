"""Rearranging numbers without changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from typing_extensions import override

from archdsl.base.tensors import Kind, TensorType
from archdsl.ops.arguments import integer
from archdsl.ops.faults import BadArgument, GroupsDoNotDivide, Reject
from archdsl.ops.operator import Style, Unary, require_features, require_grid
from archdsl.ops.torchcall import Apply, Layer, X, changed

_MOST_CHUNKS = 4


@final
@dataclass(frozen=True)
class Slice(Unary):
    """The channels from `start` to before `stop`; `slice(64)` leaves out the first 64.

    Two of them split a tensor: `concat { slice(0, 32) | slice(32) -> body }` works on all but the first 32 channels.
    """

    word = "slice"
    style = Style.OTHER

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
@dataclass(frozen=True)
class ChannelShuffle(Unary):
    """Channel shuffle: deals the channels of `groups` equal groups out in turn, so that what follows sees all groups.

    Channel 0 of each group comes first, then channel 1 of each.
    """

    word = "channel_shuffle"
    style = Style.OTHER
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
