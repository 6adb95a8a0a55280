"""What an operator is, in the words of those who do not know its class: passes, pictures, facts and back ends ask for
these instead of a list of classes."""

from __future__ import annotations

from enum import StrEnum

from archdsl.base.records import record


class Style(StrEnum):
    """The family of an operator: its colour in pictures, and the heading that it stands under in lists."""

    CONV = "conv"
    PROJECTION = "projection"
    LINEAR = "linear"
    NORM = "norm"
    ACTIVATION = "activation"
    POOL = "pool"
    ATTENTION = "attention"
    EMBEDDING = "embedding"
    RECURRENT = "recurrent"
    MERGE = "merge"
    OTHER = "other"

    @property
    def is_passing(self) -> bool:
        """Whether a textbook reckons it to the layer beside it: a norm or an activation."""
        return self in {Style.NORM, Style.ACTIVATION}

    @property
    def is_weighing(self) -> bool:
        """Whether it is one of the layers that a network is counted by: convolutions, and what does their work."""
        return self in {Style.CONV, Style.PROJECTION, Style.LINEAR}

    @property
    def is_quiet(self) -> bool:
        """Whether a table and a row of volumes hold it back beside the others."""
        return self.is_passing or self is Style.OTHER


class Joining(StrEnum):
    """How an operator makes one tensor of several. OTHER: in a way of its own, or it takes only one."""

    SUM = "sum"
    PRODUCT = "product"
    CONCATENATION = "concatenation"
    OTHER = "other"


class Positions(StrEnum):
    """What becomes of the positions of a tensor. KEPT: each stays at its place, as far as what comes out has as many.
    IN_ROWS: those of a grid follow each other, row by row. MOVED: they come to stand elsewhere."""

    KEPT = "kept"
    IN_ROWS = "in rows"
    MOVED = "moved"


@record(slots=True)
class Matrix:
    """A layer whose output channels are weighted sums of what comes in, each with a bias of its own that may be left
    out: `weight` and `bias`, and an argument `bias`. outputs, inputs: the axes of `weight` along which these channels
    lie; where it has groups, those of one group along the second axis."""

    outputs: int = 0
    inputs: int = 1


@record(slots=True)
class Rescaling:
    """What a norm does to each channel at inference, if it is (x - mean)/sqrt(variance + eps)*gain + shift: the names
    of these tensors in its state. Gain and shift may not be there."""

    eps: float
    mean: str
    variance: str
    gain: str
    shift: str
