"""What a block is called with: numbers, words, switches and lists of them, operators and blocks by their names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from archdsl.base.text import Place
from archdsl.ops import OperatorClass


@dataclass(frozen=True, slots=True)
class Nothing:
    """`none`: an argument of this value counts as not given."""

    def __str__(self) -> str:
        return "`none`"


NOTHING: Final = Nothing()


@dataclass(frozen=True, slots=True)
class Partial:
    """An operator as a value, with some of its arguments: `leaky_relu(0.1)`."""

    operator: OperatorClass
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"operator {self.operator.word}"


@dataclass(frozen=True, slots=True)
class Definition:
    """What a text defines, as a value: its kind, `block`, `net`, `function` or `shared`; its name; where it is defined,
    if there is a text; and the arguments that it was given already."""

    kind: str
    name: str
    place: Place | None = None
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def is_block(self) -> bool:
        """Whether it makes a module."""
        return self.kind in {"block", "net"}


Plain = int | float | str | bool | tuple["Plain", ...] | Partial | Definition | Nothing


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)
