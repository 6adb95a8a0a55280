"""Activations: each number by itself, but for the softmax family, which works along the channels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import choice, integer, number
from archdsl.ops.faults import BadArgument, Reject
from archdsl.ops.operator import Style, Unary, require_features
from archdsl.ops.storage import Kept
from archdsl.ops.torchcall import Apply, Layer, X, changed


class Activation(Unary):
    """An operator that keeps the type of its input. `shown` is its name in pictures, `module` torch's class.

    inverts: whether torch works its derivative out from what came out, not from what went in.
    """

    style = Style.ACTIVATION
    is_layer = True
    shown: ClassVar[str]
    module: ClassVar[str]
    inverts: ClassVar[bool] = False
    elementwise = True

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(output=True) if self.inverts else Kept(inputs=(0,))

    @override
    def label(self, x: TensorType) -> str:
        return self.shown


class Plain(Activation):
    """An activation without arguments."""

    @final
    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module)


@final
@record
class Relu(Plain):
    """Rectified linear unit: max(x, 0)."""

    word = "relu"
    source = "Nair, Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines"
    shown = "ReLU"
    module = "nn.ReLU"
    inverts = True
    overwrites = True


@final
@record
class Relu6(Plain):
    """Rectified linear unit capped at 6: min(max(x, 0), 6)."""

    word = "relu6"
    layer_name = "relu"
    source = "Howard et al. 2017, MobileNets, arXiv:1704.04861"
    shown = "ReLU6"
    module = "nn.ReLU6"
    overwrites = True
    copies = True


@final
@record
class LeakyRelu(Activation):
    """Rectified linear unit with a small slope below zero."""

    word = "leaky_relu"
    aliases = ("leakyrelu",)
    layer_name = "relu"
    source = "Maas, Hannun, Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models"
    shown = "leaky ReLU"
    module = "nn.LeakyReLU"
    overwrites = True

    slope: float = number("slope below zero", 0.01)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module, *(() if self.slope == 0.01 else (self.slope,)))


@final
@record
class Prelu(Activation):
    """Rectified linear unit whose slope below zero is learned: one for all channels, or one for each."""

    word = "prelu"
    source = "He et al. 2015, Delving Deep into Rectifiers, arXiv:1502.01852"
    shown = "PReLU"
    module = "nn.PReLU"
    elementwise = False

    slopes: int = integer("1 for all channels, or the number of channels", 1)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        # an open number of channels is compared, since no set would find it
        if self.slopes != 1 and (self.slopes != x.channels or x.kind not in {Kind.IMAGE, Kind.VECTOR}):
            raise Reject(BadArgument("slopes", f"{self.slopes} slopes for {x.channels} channels"), "slopes")
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return {"weight": (self.slopes,)}

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module, *(() if self.slopes == 1 else (self.slopes,)))


@final
@record
class Elu(Activation):
    """Exponential linear unit: x above zero, alpha*(exp(x) - 1) below."""

    word = "elu"
    source = "Clevert, Unterthiner, Hochreiter 2015, arXiv:1511.07289"
    shown = "ELU"
    module = "nn.ELU"

    alpha: float = number("scale below zero", 1.0)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module, *(() if self.alpha == 1 else (self.alpha,)))


@final
@record
class Selu(Plain):
    """Scaled exponential linear unit, which keeps mean 0 and variance 1 through layers."""

    word = "selu"
    source = "Klambauer et al. 2017, Self-Normalizing Neural Networks, arXiv:1706.02515"
    shown = "SELU"
    module = "nn.SELU"


@final
@record
class Gelu(Activation):
    """Gaussian error linear unit: x times the probability that a normal variable is below x."""

    word = "gelu"
    source = "Hendrycks, Gimpel 2016, arXiv:1606.08415"
    shown = "GELU"
    module = "nn.GELU"

    approximate: str = choice("`tanh` for the approximation of GPT-2", ("none", "tanh"), "none")

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module, **changed(approximate=(self.approximate, "none")))


@final
@record
class Silu(Plain):
    """Sigmoid linear unit, also called swish: x * sigmoid(x)."""

    word = "silu"
    aliases = ("swish",)
    source = "Ramachandran, Zoph, Le 2017, Searching for Activation Functions, arXiv:1710.05941"
    shown = "SiLU"
    module = "nn.SiLU"


@final
@record
class Mish(Plain):
    """x * tanh(softplus(x))."""

    word = "mish"
    source = "Misra 2019, arXiv:1908.08681"
    shown = "Mish"
    module = "nn.Mish"


@final
@record
class HardSwish(Plain):
    """Swish made of straight lines: x * relu6(x + 3) / 6."""

    word = "hardswish"
    aliases = ("hswish",)
    source = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"
    shown = "hard swish"
    module = "nn.Hardswish"


@final
@record
class HardSigmoid(Plain):
    """Sigmoid made of straight lines: relu6(x + 3) / 6."""

    word = "hardsigmoid"
    aliases = ("hsigmoid",)
    source = "Howard et al. 2019, Searching for MobileNetV3, arXiv:1905.02244"
    shown = "hard sigmoid"
    module = "nn.Hardsigmoid"


@final
@record
class Sigmoid(Plain):
    """1 / (1 + exp(-x))."""

    word = "sigmoid"
    shown = "sigmoid"
    module = "nn.Sigmoid"
    inverts = True


@final
@record
class Tanh(Plain):
    """Hyperbolic tangent."""

    word = "tanh"
    shown = "tanh"
    module = "nn.Tanh"
    inverts = True


@final
@record
class Softplus(Plain):
    """log(1 + exp(x)), a smooth rectifier."""

    word = "softplus"
    shown = "softplus"
    module = "nn.Softplus"


class AlongChannels(Activation):
    """An activation that works along the channels of each position."""

    across_channels = True
    elementwise = False
    always_named = True

    @final
    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of(self.module, dim=1 if x.kind is Kind.IMAGE else -1)


@final
@record
class Softmax(AlongChannels):
    """Exponentials that sum to 1 along the channels."""

    word = "softmax"
    shown = "softmax"
    module = "nn.Softmax"
    inverts = True


@final
@record
class LogSoftmax(AlongChannels):
    """The logarithm of the softmax along the channels."""

    word = "log_softmax"
    aliases = ("logsoftmax",)
    shown = "log softmax"
    module = "nn.LogSoftmax"
    inverts = True


@final
@record
class Scale(Unary):
    """Multiplies by a number that is not learned, as the Transformer its embeddings by the root of their width."""

    word = "scale"
    style = Style.OTHER
    is_layer = True
    source = "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762"
    elementwise = True

    factor: float = number("the number")

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of("*", X, self.factor, layer=Layer.of("Scale", self.factor, copied="scale"))

    @override
    def label(self, x: TensorType) -> str:
        return f"times {self.factor:.4g}"
