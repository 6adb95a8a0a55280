"""What callers in Python give: of the type that is wanted, or a TypeError that says which that is."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import cast

from typing_extensions import override


class Choice(StrEnum):
    """One of a few words. What is none of them is refused with all of them."""

    @classmethod
    @override
    def _missing_(cls, value: object) -> None:
        noun, words = cls.__name__.lower(), ", ".join(cls)
        if not isinstance(value, str):
            raise TypeError(f"the {noun} is one of {words}, not {given(value)}")
        raise ValueError(f"{value[:40]!r} is no {noun}: it is one of {words}")


def require(wanted: type | tuple[type, ...], words: str, **values: object) -> None:
    """Refuse what is not of the type that is wanted, said in words. A truth value is no number."""
    for name, value in values.items():
        is_number = wanted is int and isinstance(value, bool)
        if not isinstance(value, wanted) or is_number:
            raise TypeError(f"`{name}` is {words}, not {given(value)}")


def texts(name: str, values: object, words: str) -> tuple[str, ...]:
    """Several texts as a tuple. A single one is refused: it would be taken for its letters."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise TypeError(f"`{name}` is a list of {words}, not {given(values)}")
    found = tuple(cast("Iterable[object]", values))
    for each in found:
        if not isinstance(each, str):
            raise TypeError(f"`{name}` is a list of {words}, and one of them is {given(each)}")
    return cast("tuple[str, ...]", found)


def given(value: object) -> str:
    """What was given in place of what is wanted, in a few words."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str | int | float) and len(shown := ascii(value)[:60]) < 60:
        return f"{type(value).__name__} {shown}"
    return type(value).__name__
