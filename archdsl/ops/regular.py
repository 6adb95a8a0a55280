"""Layers that do nothing at inference, the scale of a residual branch, and the identity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import flag, number
from archdsl.ops.faults import CannotMerge, Reject, WrongCount
from archdsl.ops.operator import Style, Unary, Variadic, require_features, require_samples
from archdsl.ops.storage import NOTHING, Kept, Own
from archdsl.ops.torchcall import Layer, Learned, changed


@final
@record
class Dropout(Unary):
    """Sets numbers to zero at random while training, and scales the others up. Does nothing at inference.

    `channels=true` drops whole channels of an image.
    """

    word = "dropout"
    style = Style.OTHER
    is_layer = True
    source = "Srivastava et al. 2014, Dropout"
    inert = True
    elementwise = True
    drops = True

    p: float = number("probability of a zero", 0.5, low=0, high=1)
    channels: bool = flag("drop whole channels", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def keeps(self, x: TensorType) -> Kept:
        if self.p == 0:
            return NOTHING
        channels = x.shape[0] if x.rank else 1  # the first axis after the batch, as torch counts
        return Kept(own=(Own(channels if self.channels else x.size),))

    @override
    def shares(self, x: TensorType, *, training: bool) -> bool:
        return not training or self.p == 0

    @override
    def torch(self, x: TensorType) -> Layer:
        rank = f"{max(x.rank, 1)}d" if self.channels else ""
        # scripted code takes no whole number there; one with a trace must stay what it is
        p = float(self.p) if type(self.p) is int else self.p
        return Layer.of(f"nn.Dropout{rank}", **changed(p=(p, 0.5)))

    @override
    def label(self, x: TensorType) -> str:
        return f"dropout, {self.p:g}"


@final
@record
class DropPath(Unary):
    """Stochastic depth: sets whole samples to zero at random while training, and scales the others up, so that a
    residual connection goes without its body. Does nothing at inference."""

    word = "drop_path"
    style = Style.OTHER
    is_layer = True
    source = "Huang, Sun, Liu, Sedra, Weinberger 2016, Deep Networks with Stochastic Depth, arXiv:1603.09382"
    inert = True
    elementwise = True

    p: float = number("probability of a sample of zeros", 0.1, low=0, high=1)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_samples(self, x)
        return x

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(own=() if self.p == 0 else (Own(1),))

    @override
    def shares(self, x: TensorType, *, training: bool) -> bool:
        return not training or self.p == 0

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("DropPath", self.p, copied="drop_path")

    @override
    def label(self, x: TensorType) -> str:
        return f"drop path, {self.p:.3g}"


@final
@record
class Sample(Variadic):
    """Draws each number from a normal distribution: `sample { mean | log_variance }`, as variational autoencoders do.

    The noise is outside of the way of the gradients, which reach both. At inference it gives the mean.
    """

    word = "sample"
    style = Style.OTHER
    is_layer = True
    source = "Kingma, Welling 2013, Auto-Encoding Variational Bayes, arXiv:1312.6114"
    variadic: ClassVar[bool] = True

    @override
    def output(self, x: tuple[TensorType, ...]) -> TensorType:
        if len(x) != 2:
            raise Reject(WrongCount(self.word, "means and logarithms of variances: `{ a | b }`", len(x)))
        if x[0] != x[1]:
            raise Reject(CannotMerge("sample from", x))
        require_features(self, x[0])
        return x[0]

    @override
    def keeps(self, x: tuple[TensorType, ...]) -> Kept:
        return Kept(own=(Own(2 * x[0].size),))  # the deviation, and the noise

    @override
    def shares(self, x: tuple[TensorType, ...], *, training: bool) -> bool:
        return not training

    @override
    def torch(self, x: tuple[TensorType, ...]) -> Layer:
        return Layer.of("Sample", copied="sample")

    @override
    def label(self, x: tuple[TensorType, ...]) -> str:
        return "sample"


@final
@record
class LayerScale(Unary):
    """Multiplies each channel by a learned factor, which starts near zero.

    The factors are a parameter of the block that it stands in, under the name of the layer.
    """

    word = "layer_scale"
    style = Style.OTHER
    source = "Touvron et al. 2021, Going Deeper with Image Transformers, arXiv:2103.17239"

    init: float = number("what the factors start from", 1e-6)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return {"": (x.channels, *(1 for _ in x.grid)) if x.kind is Kind.IMAGE else (x.channels,)}

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        return 0  # a factor for each number, as in a batch norm, is no product of matrices

    @override
    def torch(self, x: TensorType) -> Learned:
        (shape,) = self.weights(x).values()
        return Learned("*", shape, self.init)

    @override
    def label(self, x: TensorType) -> str:
        return "layer scale"


@final
@record
class Identity(Unary):
    """Gives back what it gets."""

    word = "identity"
    style = Style.OTHER
    is_layer = True
    is_view = True
    inert = True
    elementwise = True

    @override
    def output(self, x: TensorType) -> TensorType:
        return x

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.Identity")

    @override
    def label(self, x: TensorType) -> str:
        return "identity"
