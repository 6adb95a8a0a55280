"""What flows along an edge: the type of a tensor, without its batch.

Sizes are stored in torch's order. An image is channels, then a grid of one to three axes; a sequence is a grid, mostly
of one axis, then features; a vector is features alone. The word *channels* means the axis that a layer's weights run
over in each of them, so that one rule serves a 1x1 convolution and a fully connected layer.
"""

from __future__ import annotations

from enum import StrEnum
from math import prod
from typing import Self

from archdsl.algebra.symbolic import formula_of, is_open
from archdsl.base.records import record

Shape = tuple[int, ...]


class Kind(StrEnum):
    """What the axes of a tensor mean.

    A state is that of a recurrent layer: layers and directions, then features; torch puts the batch between them. A
    mask says of each position whether it is padding. Of a tensor that could not be worked out nothing is known: it is
    in sketches alone.
    """

    IMAGE = "image"
    SEQUENCE = "sequence"
    VECTOR = "vector"
    TOKENS = "tokens"
    STATE = "state"
    MASK = "mask"
    UNKNOWN = "unknown"


@record(slots=True)
class TensorType:
    """The sizes of a tensor in torch's order, without the batch, and what its axes mean."""

    shape: Shape
    kind: Kind

    @classmethod
    def image(cls, channels: int, *grid: int) -> Self:
        """Channels, then one to three axes of positions."""
        return cls((channels, *grid), Kind.IMAGE)

    @classmethod
    def sequence(cls, length: int, features: int) -> Self:
        """A row of vectors."""
        return cls((length, features), Kind.SEQUENCE)

    @classmethod
    def vector(cls, features: int) -> Self:
        """One vector."""
        return cls((features,), Kind.VECTOR)

    @classmethod
    def of(cls, shape: Shape) -> Self:
        """The type of a bare tuple of sizes: D, or T and D, or C, H and W, or C, D, H and W."""
        kinds = {1: Kind.VECTOR, 2: Kind.SEQUENCE}
        return cls(shape, kinds.get(len(shape), Kind.IMAGE))

    @property
    def is_known(self) -> bool:
        """Whether it could be worked out."""
        return self.kind is not Kind.UNKNOWN

    @property
    def channels(self) -> int:
        """The size of the axis that weights run over."""
        return self.shape[0] if self.kind is Kind.IMAGE else self.shape[-1]

    @property
    def grid(self) -> Shape:
        """The sizes of the axes of positions."""
        return self.shape[1:] if self.kind is Kind.IMAGE else self.shape[:-1]

    @property
    def rank(self) -> int:
        """How many axes of positions it has."""
        return len(self.shape) - 1

    @property
    def size(self) -> int:
        """How many numbers it holds, for one sample."""
        return prod(self.shape)

    @property
    def positions(self) -> int:
        """How many positions its grid has; a vector is a grid of one position."""
        return prod(self.grid)

    def with_channels(self, channels: int) -> TensorType:
        """A type with this grid and another number of channels."""
        return self.replace(channels, self.grid)

    def replace(self, channels: int, grid: Shape) -> TensorType:
        """A type of the same kind with these channels and this grid."""
        shape = (channels, *grid) if self.kind is Kind.IMAGE else (*grid, channels)
        return TensorType(shape, self.kind)

    @property
    def paper(self) -> str:
        """The shape as papers write it, channels last: `56x56x64`."""
        if not self.is_known:
            return "unknown"
        if self.kind in {Kind.TOKENS, Kind.MASK}:
            return f"{self.shape[0]} {'tokens' if self.kind is Kind.TOKENS else 'flags'}"
        return "x".join(map(_factor, (*self.grid, self.channels)))

    def __str__(self) -> str:
        return self.paper


def _factor(size: int) -> str:
    """A size between crosses: a formula of several parts stands in brackets."""
    shown = f"{size}"
    return shown if not is_open(size) or formula_of(size).is_atom else f"({shown})"
