"""Fully connected layers, and the step from a map to a vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar, final

from typing_extensions import override

from archdsl.algebra.fields import Channels, Field
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import flag, width
from archdsl.ops.conv import Conv
from archdsl.ops.faults import Reject, WrongTensor
from archdsl.ops.operator import Style, Unary, require_samples
from archdsl.ops.torchcall import Apply, Layer, X, changed
from archdsl.ops.traits import Matrix


@final
@record
class FullyConnected(Unary):
    """Fully connected layer: each output is a weighted sum of all features.

    An image is flattened first, by a step of its own; on a sequence it works on each position. It has a bias unless its
    output goes only into a batch norm.
    """

    word = "fc"
    aliases = ("linear", "dense")
    style = Style.LINEAR
    is_layer = True
    decorated: ClassVar[bool] = True
    flattens: ClassVar[bool] = True
    matrix = Matrix()
    chooses_channels = True
    overwritable = True

    width: int = width("output features")
    bias: bool | None = flag("whether a bias is added; if not given, unless a batch norm follows", None)

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind not in {Kind.VECTOR, Kind.SEQUENCE}:
            raise Reject(WrongTensor(self.word, "a vector or a sequence", x))
        return x.with_channels(self.width)

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        weight = (self.width, x.channels)
        return {"weight": weight} if self.bias is False else {"weight": weight, "bias": (self.width,)}

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def on_map(self, grid: Shape) -> Conv:
        return Conv(width=self.width, window=grid, p=0, bias=self.bias)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.Linear", x.channels, self.width, **changed(bias=(self.bias is not False, True)))

    @override
    def label(self, x: TensorType) -> str:
        return f"linear, {self.width}"


@final
@record
class Flatten(Unary):
    """All numbers of a tensor as one vector, in torch's order: channels first."""

    word = "flatten"
    style = Style.OTHER
    is_layer = True
    is_view = True
    sees_all = True
    is_flattening = True

    @override
    def output(self, x: TensorType) -> TensorType:
        require_samples(self, x)
        return TensorType.vector(x.size)

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(replace(each, channels=Channels(even=False)) for each in super().sees(xs, index))

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of("torch.flatten", X, 1, layer=Layer.of("nn.Flatten"))

    @override
    def label(self, x: TensorType) -> str:
        return "flatten"
