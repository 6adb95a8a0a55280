"""Settings: the values of hyper-parameters, as Python, a command line or a file gives them."""

from __future__ import annotations

from typing import TypeGuard, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.faults import LimitPassed, Uncomputable
from archdsl.base.limits import DEFAULT_LIMITS, LARGEST, Limits
from archdsl.base.wanted import WrongType

Setting = int | float | str | bool | tuple["Setting", ...]


def of_python(value: object, limits: Limits = DEFAULT_LIMITS) -> Setting:
    """What a value of Python is worth in the language: numbers, strings, booleans, and lists or tuples of them.
    ArchError where it passes a limit, as a list that is an item of itself does."""
    _require_bounded(value, limits)
    return _of_python(value)


def _require_bounded(value: object, limits: Limits) -> None:
    """Refuse lists that are too deep or too long, before anything goes down into them."""
    waiting, items = [(value, 0)], 0
    while waiting:
        each, depth = waiting.pop()
        if not isinstance(each, list | tuple):
            continue
        inside = cast("list[object]", each)
        items += len(inside)
        for figure, most, name, what in (
            (depth + 1, limits.nesting, "nesting", "a hyper-parameter is a list that is nested too deeply"),
            (items, limits.items, "items", "a hyper-parameter has too many items"),
        ):
            if figure > most:
                raise ArchError([Diagnostic(LimitPassed(what, figure, most, name))])
        waiting += [(item, depth + 1) for item in inside]


def _of_python(value: object) -> Setting:
    match value:
        case bool() | str():
            return value
        case int() | float() if -LARGEST <= value <= LARGEST:
            return value
        case int() | float():
            raise ArchError([Diagnostic(Uncomputable("a hyper-parameter is too large a number, or none"))])
        case list() | tuple():
            return tuple(map(_of_python, cast("list[object]", value)))
        case _:
            raise WrongType(f"a hyper-parameter is a number, text, boolean or list of them, not {type(value).__name__}")


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool)
