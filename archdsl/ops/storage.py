"""What an operator holds in memory besides the tensors that go in and come out, as data: what its backward pass needs,
and what it makes on the way. Figures are those of PyTorch's own operators on a CPU."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archdsl.base.records import record


@record(slots=True)
class Own:
    """A tensor that an operator makes for itself.

    numbers: how many it holds for each sample; `fixed` whatever the batch. itemsize: the bytes of one of them; None for
    those of the activations.
    """

    numbers: int = 0
    fixed: int = 0
    itemsize: int | None = None


@record(slots=True)
class Kept:
    """What autograd keeps of an operator for the backward pass, besides weights.

    inputs: the inputs, by their positions. output: whether what comes out is needed. own: what it makes besides.
    factors: whether the inputs are multiplied, one after the other, and `own` are the products on the way: each of them
    is needed for the gradient of what it is multiplied by.
    """

    inputs: tuple[int, ...] = ()
    output: bool = False
    own: tuple[Own, ...] = ()
    factors: bool = False

    def given(self, learns: Sequence[bool]) -> Kept:
        """What is kept where weights stand before some of the inputs."""
        if not self.factors:
            return self
        inputs = tuple(index for index in self.inputs if any(learns[:index] if index else learns[1:2]))
        own = tuple(product for product, learned in zip(self.own, learns[2:], strict=True) if learned)
        return Kept(inputs, own=own)


@record(slots=True)
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
