"""What an operator holds in memory besides the tensors that go in and come out, as data: what its backward pass needs,
and what it makes on the way. Figures are those of PyTorch's own operators on a CPU."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True, slots=True)
class Own:
    """A tensor that an operator makes for itself.

    numbers: how many it holds for each sample; `fixed` whatever the batch. itemsize: the bytes of one of them; None for
    those of the activations.
    """

    numbers: int = 0
    fixed: int = 0
    itemsize: int | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What autograd keeps of an operator for the backward pass, besides weights.

    inputs: the inputs, by their positions. output: whether what comes out is needed. own: what it makes besides.
    """

    inputs: tuple[int, ...] = ()
    output: bool = False
    own: tuple[Own, ...] = ()


@dataclass(frozen=True, slots=True)
class Buffer:
    """A tensor that a layer holds besides what is learned.

    itemsize: the bytes of one of its numbers; None for those of the weights. persistent: whether it is part of the
    state dictionary; what is not is worked out anew when the layer is made.
    """

    shape: tuple[int, ...]
    itemsize: int | None = None
    persistent: bool = True

    @property
    def own(self) -> Own:
        """The memory that it takes."""
        return Own(fixed=prod(self.shape), itemsize=self.itemsize)


NOTHING = Kept()
INDEX = 8  # bytes of a position in a tensor
