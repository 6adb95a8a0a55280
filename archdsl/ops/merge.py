"""Operators in which branches meet."""

from __future__ import annotations

from functools import reduce
from typing import ClassVar, final

from typing_extensions import override

from archdsl.algebra.fields import POINT, SAME, Field
from archdsl.algebra.symbolic import at_example, is_open
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import choice
from archdsl.ops.faults import CannotMerge, Reject
from archdsl.ops.operator import Style, Variadic, require_features
from archdsl.ops.storage import Kept, Own
from archdsl.ops.torchcall import ALL, Apply
from archdsl.ops.traits import Joining

Types = tuple[TensorType, ...]


@final
@record
class Add(Variadic):
    """The sum of its branches, whose shapes must be equal."""

    word = "add"
    style = Style.MERGE
    variadic: ClassVar[bool] = True
    joins = Joining.SUM
    overwritable = True

    @override
    def output(self, x: Types) -> TensorType:
        require_features(self, x[0])
        if any(each != x[0] for each in x):
            raise Reject(CannotMerge("add", x))
        return x[0]

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        return (Own(x[0].size),) if len(x) > 2 else ()  # the sum so far

    @override
    def torch(self, x: Types) -> Apply:
        return Apply.of("+", ALL)

    @override
    def label(self, x: Types) -> str:
        return "+"


@final
@record
class Mul(Variadic):
    """The product of its branches. A size of 1 stretches, so that a gate can weigh whole channels."""

    word = "mul"
    style = Style.MERGE
    variadic: ClassVar[bool] = True
    joins = Joining.PRODUCT
    overwritable = True

    @override
    def output(self, x: Types) -> TensorType:
        require_features(self, x[0])

        def stretched(one: TensorType, other: TensorType) -> TensorType:
            if one.kind is not other.kind or len(one.shape) != len(other.shape):
                raise Reject(CannotMerge("multiply", x))
            sizes = zip(one.shape, other.shape, strict=True)
            return TensorType(tuple(stretched_size(a, b) for a, b in sizes), one.kind)

        def stretched_size(a: int, b: int) -> int:
            # what is 1 whatever the open sizes are stretches; what is 1 by what they happen to be does where it must
            equal = at_example(a) == at_example(b)
            for size, other in ((a, b), (b, a)):
                if at_example(size) == 1 and not (is_open(size) and equal) and size == 1:
                    return other
            if a != b:
                raise Reject(CannotMerge("multiply", x))
            return a

        return reduce(stretched, x)

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        grid = self.output(xs).grid
        stretched = (was == 1 < now for was, now in zip(xs[index].grid, grid, strict=True))
        return tuple(POINT if each else SAME for each in stretched) or (POINT,)

    @override
    def keeps(self, x: Types) -> Kept:
        return Kept(tuple(range(len(x))), own=self._partial(x), factors=True) if len(x) > 1 else Kept()

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        return self._partial(x)[-1:]

    def _partial(self, x: Types) -> tuple[Own, ...]:
        """The products on the way to that of all."""
        return tuple(Own(self.output(x[:count]).size) for count in range(2, len(x)))

    @override
    def torch(self, x: Types) -> Apply:
        return Apply.of("*", ALL)

    @override
    def label(self, x: Types) -> str:
        return "×"


@final
@record
class Concat(Variadic):
    """Its branches side by side, along the channels. All other sizes must be equal.

    `concat("positions")` puts sequences one after the other instead, as a class token before the patches.
    """

    word = "concat"
    style = Style.MERGE
    variadic: ClassVar[bool] = True
    joins = Joining.CONCATENATION
    overwritable = True

    along: str = choice("what comes one after the other", ("channels", "positions"), "channels")

    @override
    def output(self, x: Types) -> TensorType:
        first = x[0]
        require_features(self, first)
        if self.along == "positions":
            if any(each.kind is not Kind.SEQUENCE or each.rank != 1 or each.channels != first.channels for each in x):
                raise Reject(CannotMerge("concatenate", x))
            return TensorType.sequence(sum(each.grid[0] for each in x), first.channels)
        if any(each.kind is not first.kind or each.grid != first.grid for each in x):
            raise Reject(CannotMerge("concatenate", x))
        return first.with_channels(sum(each.channels for each in x))

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        if self.along == "channels":
            return super().sees(xs, index)
        before = -sum(int(each.grid[0]) for each in xs[:index])
        return (Field(before, before),)

    @property
    @override
    def in_turn(self) -> bool:
        return self.along == "positions"

    @property
    @override
    def side_by_side(self) -> bool:
        return self.along == "channels"

    @override
    def torch(self, x: Types) -> Apply:
        return Apply.of("torch.cat", ALL, dim=1 if x[0].kind == "image" or self.along == "positions" else -1)

    @override
    def label(self, x: Types) -> str:
        return "concat"
