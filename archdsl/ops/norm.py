"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import flag, integer, number, numbers
from archdsl.ops.faults import BadArgument, GroupsDoNotDivide, Reject, WrongTensor
from archdsl.ops.operator import Style, Unary, require_features, require_samples
from archdsl.ops.storage import INDEX, Buffer, Kept, Own
from archdsl.ops.torchcall import Layer, changed
from archdsl.ops.traits import Rescaling


def _affine(channels: int, *, learned: bool) -> Mapping[str, Shape]:
    return {"weight": (channels,), "bias": (channels,)} if learned else {}


@final
@record
class BatchNorm(Unary):
    """Batch normalisation: each channel to mean 0 and variance 1 over the batch, then a learned scale and shift.

    In training it needs more than one value of each channel: on a vector or a map of one position, two samples.
    """

    word = "bn"
    aliases = ("batchnorm",)
    style = Style.NORM
    is_layer = True
    source = "Ioffe, Szegedy 2015, Batch Normalization, arXiv:1502.03167"
    absorbs_bias: ClassVar[bool] = True
    overwritable = True

    eps: float = number("added to the variance", 1e-5, low=0)
    momentum: float = number("weight of a new batch in the running statistics", 0.1, low=0, high=1)
    affine: bool = flag("whether scale and shift are learned", True)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_samples(self, x)
        if x.kind is Kind.SEQUENCE:
            raise Reject(WrongTensor(self.word, "an image or a vector", x))
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return _affine(x.channels, learned=self.affine)

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=(Own(fixed=2 * x.channels),))  # mean and deviation of each channel

    @override
    def buffers(self, x: TensorType) -> Mapping[str, Buffer]:
        statistic = Buffer((x.channels,))
        return {
            "running_mean": statistic,
            "running_var": statistic,
            "num_batches_tracked": Buffer((), itemsize=INDEX),
        }

    @property
    @override
    def rescaling(self) -> Rescaling:
        return Rescaling(self.eps, mean="running_mean", variance="running_var", gain="weight", shift="bias")

    @override
    def torch(self, x: TensorType) -> Layer:
        optional = changed(eps=(self.eps, 1e-5), momentum=(self.momentum, 0.1), affine=(self.affine, True))
        return Layer.of(f"nn.BatchNorm{max(x.rank, 1)}d", x.channels, **optional)

    @override
    def label(self, x: TensorType) -> str:
        return "batch norm"


@final
@record
class LayerNorm(Unary):
    """Layer normalisation: the features of each position to mean 0 and variance 1, then a learned scale and shift.

    On an image it works on the channels of each position, as ConvNeXt does.
    """

    word = "ln"
    aliases = ("layernorm",)
    style = Style.NORM
    is_layer = True
    across_channels = True
    source = "Ba, Kiros, Hinton 2016, Layer Normalization, arXiv:1607.06450"
    overwritable = True

    eps: float = number("added to the variance", 1e-5, low=0)
    affine: bool = flag("whether scale and shift are learned", True)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return _affine(x.channels, learned=self.affine)

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=self.working(x))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(2 * x.positions),)  # mean and deviation of each position

    @override
    def torch(self, x: TensorType) -> Layer:
        optional = changed(eps=(self.eps, 1e-5), elementwise_affine=(self.affine, True))
        if x.kind is Kind.IMAGE:
            return Layer.of("ChannelNorm", x.channels, copied="channel_norm", **optional)
        return Layer.of("nn.LayerNorm", x.channels, **optional)

    @override
    def label(self, x: TensorType) -> str:
        return "layer norm"


@final
@record
class GroupNorm(Unary):
    """Group normalisation: groups of channels to mean 0 and variance 1 over the map, then a learned scale and shift."""

    word = "gn"
    aliases = ("groupnorm",)
    style = Style.NORM
    is_layer = True
    across_channels = True
    source = "Wu, He 2018, Group Normalization, arXiv:1803.08494"
    sees_all = True
    overwritable = True

    groups: int = integer("groups of channels, each normalised together", 32)
    eps: float = number("added to the variance", 1e-5, low=0)
    affine: bool = flag("whether scale and shift are learned", True)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_samples(self, x)
        if x.kind is Kind.SEQUENCE:
            raise Reject(WrongTensor(self.word, "an image or a vector", x))
        if x.channels % self.groups:
            raise Reject(GroupsDoNotDivide(x.channels, self.groups, "channels"), "groups")
        if x.channels == self.groups and all(size == 1 for size in x.grid):
            # torch refuses it for one sample, and for more it gives the bias, whatever comes in
            reason = f"each of {self.groups} groups has one number of {x}, and a norm leaves nothing of a single one"
            raise Reject(BadArgument("groups", reason), "groups")
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return _affine(x.channels, learned=self.affine)

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=self.working(x))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(2 * self.groups),)  # mean and deviation of each group

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(
            "nn.GroupNorm", self.groups, x.channels, **changed(eps=(self.eps, 1e-5), affine=(self.affine, True))
        )

    @override
    def label(self, x: TensorType) -> str:
        return f"group norm, {self.groups}"


@final
@record
class LocalResponseNorm(Unary):
    """Local response normalisation: each activation is divided by those of neighbouring channels.

    `alpha` is divided by `size`, as torch and Caffe do.
    """

    word = "lrn"
    style = Style.NORM
    is_layer = True
    across_channels = True
    source = "Krizhevsky, Sutskever, Hinton 2012, ImageNet Classification with Deep Convolutional Neural Networks"
    always_named = True

    size: int = integer("neighbouring channels that take part", 5)
    alpha: float = number("scale of the sum of squares", 1e-4)
    beta: float = number("exponent", 0.75)
    k: float = number("added to the sum", 1.0)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        if x.kind is not Kind.IMAGE:
            raise Reject(WrongTensor(self.word, "an image", x))
        return x

    def _padded(self, x: TensorType) -> int:
        return (x.channels + self.size - 1) * x.positions

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,), own=(Own(self._padded(x)), Own(2 * x.size)))  # squares, their mean, its power

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(max(self._padded(x), 2 * x.size)),)

    @override
    def torch(self, x: TensorType) -> Layer:
        optional = changed(alpha=(self.alpha, 1e-4), beta=(self.beta, 0.75), k=(self.k, 1.0))
        return Layer.of("nn.LocalResponseNorm", self.size, **optional)

    @override
    def label(self, x: TensorType) -> str:
        return "local response norm"


@final
@record
class Normalize(Unary):
    """Normalisation of the input by a fixed mean and standard deviation for each channel, kept as buffers."""

    word = "normalize"
    style = Style.NORM
    is_layer = True
    always_named = True
    overwritable = True

    mean: tuple[float, ...] = numbers("mean of each channel", (0.485, 0.456, 0.406))
    std: tuple[float, ...] = numbers("standard deviation of each channel", (0.229, 0.224, 0.225))

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        for argument, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != x.channels:
                reason = f"{len(values)} numbers for {x.channels} channels"
                raise Reject(BadArgument(argument, reason), argument)
        if not all(self.std):
            raise Reject(BadArgument("std", "0 cannot be divided by"), "std")
        return x

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(x.size),)

    @override
    def buffers(self, x: TensorType) -> Mapping[str, Buffer]:
        values = Buffer(self._shape(x), persistent=False)
        return {"mean": values, "std": values}

    def _shape(self, x: TensorType) -> Shape:
        """A number for each channel, with the axes of what comes in."""
        return (x.channels, *(1 for _ in x.grid)) if x.kind is Kind.IMAGE else (x.channels,)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("Normalize", self.mean, self.std, self._shape(x), copied="normalize")

    @override
    def label(self, x: TensorType) -> str:
        return "normalize"
