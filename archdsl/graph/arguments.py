"""What a block is called with: numbers, words, switches and lists of them, operators and blocks by their names."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.ops import OperatorClass


@record(slots=True)
class Nothing:
    """`none`: an argument of this value counts as not given."""

    def __str__(self) -> str:
        return "`none`"


NOTHING: Final = Nothing()


@record(slots=True)
class Partial:
    """An operator as a value, with some of its arguments: `leaky_relu(0.1)`. In elaboration these may be any values."""

    operator: OperatorClass
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"operator {self.operator.word}"


class DefinedKind(StrEnum):
    """What a definition of a text defines."""

    BLOCK = "block"
    NET = "net"
    FUNCTION = "function"
    SHARED = "shared"


@record(slots=True)
class Defined:
    """A block, net, function or shared layer as a value: its name, where it is defined if there is a text, and the
    arguments that it was given already."""

    kind: DefinedKind
    name: str
    place: Place | None = None
    arguments: tuple[tuple[str, PlainValue], ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_block(self) -> bool:
        """Whether it makes a module."""
        return self.kind in {DefinedKind.BLOCK, DefinedKind.NET}


PlainValue = int | float | str | bool | tuple["PlainValue", ...] | Partial | Defined | Nothing
