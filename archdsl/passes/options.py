"""The options of passes: declared as the fields of a pass, read from words and checked here, once for all passes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, cast

from archdsl.base.records import record

_WHOLE = re.compile(r"-?[0-9]{1,30}")
_NUMBER = re.compile(r"-?([0-9]{1,30}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?")
_WORD = re.compile(r"[A-Za-z0-9_.]+")


class OptionKind(StrEnum):
    """What an option takes, in the words of the messages."""

    WHOLE = "a whole number"
    NUMBER = "a number"
    CHOICE = "one of its words"
    PATHS = "paths of layers, such as `layer4`"


class BadOption(ValueError):
    """An option of a pass that cannot be used. The message says why."""


@record(slots=True)
class Option:
    """One option: what it takes and within which bounds, both inclusive."""

    name: str
    kind: OptionKind
    low: float = 0
    high: float = 0
    choices: tuple[str, ...] = ()

    @property
    def takes_rest(self) -> bool:
        """Whether it takes all words that are left."""
        return self.kind is OptionKind.PATHS

    def read(self, words: Sequence[str]) -> object:
        """The value that words on the command line mean."""
        if self.takes_rest:
            return self.accept(tuple(words))
        (word,) = words
        match self.kind:
            case OptionKind.WHOLE if _WHOLE.fullmatch(word):
                return self.accept(int(word))
            case OptionKind.NUMBER if _NUMBER.fullmatch(word):
                return self.accept(float(word))
            case OptionKind.CHOICE:
                return self.accept(word)
            case _:
                raise BadOption(f"`{self.name}` is {self.kind}, and `{quoted(word)}` is none")

    def accept(self, value: object) -> object:
        """The value as the pass holds it; BadOption where it is of the wrong kind or out of bounds."""
        match self.kind:
            case OptionKind.WHOLE if isinstance(value, int) and not isinstance(value, bool):
                self._require_within_bounds(value)
                return value
            case OptionKind.NUMBER if isinstance(value, (int, float)) and not isinstance(value, bool):
                self._require_within_bounds(value)
                return float(value)
            case OptionKind.CHOICE if isinstance(value, str):
                if value not in self.choices:
                    known = ", ".join(f"`{each}`" for each in self.choices)
                    raise BadOption(f"`{self.name}` is one of {known}, and not `{quoted(value)}`")
                return value
            case OptionKind.PATHS if isinstance(value, tuple):
                return self._paths(cast("tuple[object, ...]", value))
            case _:
                raise BadOption(f"`{self.name}` is {self.kind}")

    def _paths(self, values: tuple[object, ...]) -> tuple[str, ...]:
        paths = tuple(str(each) for each in values)
        if not paths:
            raise BadOption(f"`{self.name}` is not given: {self.kind}")
        for path in paths:
            if not _WORD.fullmatch(path):
                raise BadOption(f"`{self.name}` is {self.kind}, and `{quoted(path)}` is none")
            if paths.count(path) > 1:
                raise BadOption(f"`{path[:40]}` is given {paths.count(path)} times")
        return paths

    def _require_within_bounds(self, value: float) -> None:
        if math.isnan(value) or not self.low <= value <= self.high:
            raise BadOption(f"`{self.name}` is from {self.low:,} to {self.high:,}, and {_shown(value)} is not")


def quoted(word: str) -> str:
    """A word that is no option, for a message: without what would end the quotation or cannot be seen."""
    return "".join(each if each.isprintable() and each != "`" else "?" for each in word[:40])


def _shown(value: float) -> str:
    if math.isnan(value):
        return "what is no number"
    if math.isinf(value):
        return "what is without end"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def whole(low: int, high: int) -> Any:
    """An option that takes a whole number."""
    return _declared(Option("", OptionKind.WHOLE, low, high))


def number(low: float, high: float) -> Any:
    """An option that takes a number."""
    return _declared(Option("", OptionKind.NUMBER, low, high))


def choice(*choices: str) -> Any:
    """An option that takes one of some words."""
    return _declared(Option("", OptionKind.CHOICE, choices=choices))


def paths() -> Any:
    """An option that takes paths of layers."""
    return _declared(Option("", OptionKind.PATHS))


def _declared(option: Option) -> Any:
    return field(default=cast("Any", MISSING), metadata={"option": option})


@cache
def options(kind: type) -> Mapping[str, Option]:
    """The declared options of a pass, by name, in their order."""
    return {each.name: _named(each) for each in fields(cast("Any", kind)) if "option" in each.metadata}


def _named(each: Field[Any]) -> Option:
    made = cast("Option", each.metadata["option"])
    return Option(each.name, made.kind, made.low, made.high, made.choices)


def read(kind: type, words: Sequence[str]) -> dict[str, object]:
    """The values of a pass's options, by name, from words; BadOption where they do not fit it."""
    declared = tuple(options(kind).values())
    if len(words) > len(declared) and not any(each.takes_rest for each in declared):
        what = f"{len(declared)} option{'' if len(declared) == 1 else 's'}" if declared else "no options"
        raise BadOption(f"it takes {what}, and {len(words)} {'is' if len(words) == 1 else 'are'} given")
    found: dict[str, object] = {}
    for index, each in enumerate(declared):
        given = words[index:] if each.takes_rest else words[index : index + 1]
        if not given:
            raise BadOption(f"`{each.name}` is not given: {each.kind}")
        found[each.name] = each.read(given)
    return found


def written(value: object) -> str:
    """An option as it is read."""
    if isinstance(value, tuple):
        return ", ".join(map(written, cast("tuple[object, ...]", value)))
    return f"{int(value)}" if isinstance(value, float) and value.is_integer() else f"{value}"
