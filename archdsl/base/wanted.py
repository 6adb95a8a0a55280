"""What callers give and what they ask for: of the type that is wanted and possible here, or refused in words."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from importlib.util import find_spec
from os import PathLike, fsencode
from typing import Final, cast

from typing_extensions import override


class Refusal(Exception):
    """What cannot be done as it was asked for, through no fault of a text. The message says why, and what to do."""


class WrongType(Refusal, TypeError):
    """An argument of another type than is wanted."""


class WrongValue(Refusal, ValueError):
    """An argument of the right type that cannot be used."""


class WrongKey(Refusal, KeyError):
    """A name under which a mapping has nothing."""

    @override
    def __str__(self) -> str:
        # a KeyError shows what it was given as Python writes it
        return Exception.__str__(self)


class ReadOnly(Refusal, AttributeError):
    """An attribute of something that does not change."""


class Missing(Refusal, ImportError):
    """A package that comes along with an extra of archdsl, and is not installed."""


# the packages that archdsl can do without, by the extra that brings them along; `onnx` brings those of `torch` too
_EXTRAS: Final = {
    "draw": {"pygraphviz"},
    "torch": {"torch", "safetensors"},
    "onnx": {"numpy", "onnx", "onnxscript", "onnxruntime"},
}


def missing(*packages: str) -> Missing | None:
    """What there is to say of those among some packages that an extra brings along, and that are not installed."""
    optional = {name for brought in _EXTRAS.values() for name in brought}
    absent = [name for name in packages if name in optional and find_spec(name) is None]
    if not absent:
        return None
    *_, extra = (extra for extra, brought in _EXTRAS.items() if not brought.isdisjoint(absent))
    *others, last = absent
    told = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    return Missing(f"{told} missing: `pip install archdsl[{extra}]` brings what is needed")


def need(*packages: str) -> None:
    """Refuse what needs some packages where one of them is missing."""
    if (found := missing(*packages)) is not None:
        raise found


class Choice(StrEnum):
    """One of a few words. What is none of them is refused with all of them."""

    @classmethod
    @override
    def _missing_(cls, value: object) -> None:
        noun, words = cls.__name__.lower(), ", ".join(cls)
        if not isinstance(value, str):
            raise WrongType(f"the {noun} is one of {words}, not {given(value)}")
        raise WrongValue(f"{value[:40]!a} is no {noun}: it is one of {words}")


def require(wanted: type | tuple[type, ...], words: str, **values: object) -> None:
    """Refuse what is not of the type that is wanted, said in words. A truth value is no number."""
    for name, value in values.items():
        kinds = wanted if isinstance(wanted, tuple) else (wanted,)
        is_number = int in kinds and isinstance(value, bool)
        if not isinstance(value, kinds) or is_number:
            raise WrongType(f"`{name}` is {words}, not {given(value)}")


def require_file(words: str, **paths: object) -> None:
    """Refuse what is no name of a file, said in words, and what no file can be called."""
    for name, path in paths.items():
        require((str, PathLike), words, **{name: path})
        try:
            # half a character, and what ends a name for the system
            is_name = b"\0" not in fsencode(cast("str | PathLike[str]", path))
        except UnicodeEncodeError:
            is_name = False
        if not is_name:
            raise WrongValue(f"`{name}` is {words}, and no file can be called {ascii(path)[:60]}")


def texts(name: str, values: object, words: str) -> tuple[str, ...]:
    """Several texts as a tuple. A single one is refused: it would be taken for its letters."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise WrongType(f"`{name}` is a list of {words}, not {given(values)}")
    found = tuple(cast("Iterable[object]", values))
    for each in found:
        if not isinstance(each, str):
            raise WrongType(f"`{name}` is a list of {words}, and one of them is {given(each)}")
    return cast("tuple[str, ...]", found)


def given(value: object) -> str:
    """What was given in place of what is wanted, in a few words."""
    if value is None or isinstance(value, bool):
        return repr(value)
    if isinstance(value, str | int | float) and len(shown := ascii(value)[:60]) < 60:
        return f"{type(value).__name__} {shown}"
    return type(value).__name__
