"""What signs and functions make of numbers. Halves, exact division and powers are as people expect them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final

Number = int | float


def _divide(left: Number, right: Number) -> Number:
    """Exact division stays whole, so that `in.channels/4` is a width."""
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def _floor_divide(left: Number, right: Number) -> Number:
    return left // right


def _power(left: Number, right: Number) -> Number:
    # priced before it is worked out: 9**9**9 has 369 million digits
    if isinstance(left, int) and abs(left) > 1 and right * math.log10(abs(left)) > 18:
        raise OverflowError
    result = left**right
    if isinstance(result, complex):
        raise ValueError  # noqa: TRY004 - the numbers are at fault, not their type
    return result


def _round(value: Number) -> int:
    """Halves away from zero, as people round; Python's own rounds them to even."""
    return math.floor(abs(value) + 0.5) * (1 if value >= 0 else -1)


# Python's own take a single argument for a list of numbers
def _sum(*values: Number) -> Number:
    return sum(values)


def _largest(*values: Number) -> Number:
    return max(values)


def _smallest(*values: Number) -> Number:
    return min(values)


COMPARISONS: Final[dict[str, Callable[[Number, Number], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ARITHMETIC: Final[dict[str, Callable[[Number, Number], Number]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": _divide,
    "//": _floor_divide,
    "%": operator.mod,
    "**": _power,
}
FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "abs": abs,
    "ceil": math.ceil,
    "floor": math.floor,
    "len": len,
    "max": _largest,
    "min": _smallest,
    "range": len,
    "round": _round,
    "sum": _sum,
}
# how many numbers each takes
ARITY: Final = {
    "abs": (1, 1),
    "ceil": (1, 1),
    "floor": (1, 1),
    "round": (1, 1),
    "max": (1, 9**9),
    "min": (1, 9**9),
    "sum": (0, 9**9),
}
