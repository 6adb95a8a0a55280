"""What stands in a hierarchy for elements of a text that could not be worked out, so that the others can be drawn."""

from __future__ import annotations

from typing import Final, NoReturn, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.records import record
from archdsl.ops.operator import Operator, Style

NOT_KNOWN: Final = TensorType((), Kind.UNKNOWN)


@record
class Blank(Operator[tuple[TensorType, ...]]):
    """An element that could not be worked out.

    text: its words. fault: what is wrong with it; nothing where it only depends on something that is.
    """

    word = "blank"
    style = Style.OTHER

    text: str
    fault: str = ""

    @override
    def operand(self, xs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return xs

    @override
    def label(self, x: tuple[TensorType, ...]) -> str:
        return self.text

    @override
    def output(self, x: tuple[TensorType, ...]) -> TensorType:
        return NOT_KNOWN

    @override
    def torch(self, x: tuple[TensorType, ...]) -> NoReturn:
        raise TypeError("a blank is in no program")


@final
@record
class BlankMerge(Blank):
    """The place where branches meet that could not be worked out."""

    variadic = True
