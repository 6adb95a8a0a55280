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
    "//": lambda left, right: left // right,
    "%": operator.mod,
    "**": _power,
}
# with the least and the most numbers that each takes; Python's own take a single argument for a list of them
FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int, int]]] = {
    "abs": (abs, 1, 1),
    "ceil": (math.ceil, 1, 1),
    "floor": (math.floor, 1, 1),
    "len": (len, 1, 1),
    "max": (lambda *values: max(values), 1, 9**9),
    "min": (lambda *values: min(values), 1, 9**9),
    "range": (range, 1, 3),
    "round": (_round, 1, 1),
    "sum": (lambda *values: sum(values), 0, 9**9),
}
