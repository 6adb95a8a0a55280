"""Layers that do nothing at inference, and the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from typing_extensions import override

from archdsl.base.tensors import TensorType
from archdsl.ops.arguments import flag, number
from archdsl.ops.operator import Style, Unary, require_features
from archdsl.ops.torchcall import Layer, changed


@final
@dataclass(frozen=True)
class Dropout(Unary):
    """Sets numbers to zero at random while training, and scales the others up. Does nothing at inference.

    `channels=true` drops whole channels of an image.
    """

    word = "dropout"
    style = Style.OTHER
    source = "Srivastava et al. 2014, Dropout"

    p: float = number("probability of a zero", 0.5, low=0, high=1)
    channels: bool = flag("drop whole channels", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        return x

    @override
    def torch(self, x: TensorType) -> Layer:
        rank = f"{max(x.rank, 1)}d" if self.channels else ""
        return Layer.of(f"nn.Dropout{rank}", **changed(p=(self.p, 0.5)))

    @override
    def label(self, x: TensorType) -> str:
        return f"dropout, {self.p:g}"


@final
@dataclass(frozen=True)
class Identity(Unary):
    """Gives back what it gets."""

    word = "identity"
    style = Style.OTHER

    @override
    def output(self, x: TensorType) -> TensorType:
        return x

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.Identity")

    @override
    def label(self, x: TensorType) -> str:
        return "identity"
