"""The sizes of one symbol at which a formula compares so with 0, found exactly.

Along one symbol a formula is a polynomial for each remainder modulo its period, so between two changes of direction it
only rises or only falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from math import comb

from archdsl.algebra.formulas import Formula, Grid
from archdsl.algebra.sizes import (
    EVERYTHING,
    FARTHEST,
    LONGEST_PERIOD,
    NOTHING,
    Interval,
    Sizes,
    first_from,
    joined,
    last_to,
)
from archdsl.base.records import record


class Relation(StrEnum):
    """How a formula is compared with 0."""

    ZERO = "=="
    NOT_ZERO = "!="
    POSITIVE = ">"

    def holds(self, value: int) -> bool:
        """Whether a number compares so."""
        match self:
            case Relation.ZERO:
                return value == 0
            case Relation.NOT_ZERO:
                return value != 0
            case Relation.POSITIVE:
                return value > 0


def solutions(formula: Formula, relation: Relation) -> Sizes | None:
    """The sizes of the symbol of a formula at which it compares so; None where they repeat too seldom to be told."""
    if (grid := formula.grid) is None:
        return _by_remainders(formula, relation) if formula.period <= LONGEST_PERIOD else None
    points = formula.on(grid)
    if points.is_constant:
        return EVERYTHING if relation.holds(points.constant) else NOTHING
    found = solutions(points, relation)
    return None if found is None else _spread(found, grid)


def _by_remainders(formula: Formula, relation: Relation) -> Sizes:
    """The sizes at which a formula compares so, looked for among those of each remainder by itself."""
    (name,) = formula.symbols or ("",)
    period = formula.period
    rows: list[tuple[Interval, ...]] = []
    for rest in range(period):
        first = rest or period
        last = (FARTHEST - first) // period
        values = [formula.at({name: first + period * k}) for k in range(formula.degree + 1)]
        runs = _runs(_Polynomial.through(values), relation, 0, last)
        rows.append(tuple((first + period * low, first + period * high) for low, high in runs))
    return Sizes(period, tuple(rows))


def _spread(points: Sizes, grid: Grid) -> Sizes | None:
    """The sizes of points of a grid; None where they repeat too seldom to be told."""
    whole = points.as_intervals()
    if whole is not None:
        return Sizes(1, (tuple(_sizes_of(each, grid) for each in whole),))
    period = points.period * grid.by
    if period > LONGEST_PERIOD:
        return None
    rows: list[tuple[Interval, ...]] = []
    for rest in range(period):
        own = points.intervals[grid.point(rest) % points.period]
        spread = (_sizes_of(each, grid) for each in own)
        inside = ((first_from(low, rest, period), last_to(high, rest, period)) for low, high in spread)
        rows.append(tuple((low, high) for low, high in inside if low <= high))
    return Sizes(period, tuple(rows))


def _sizes_of(points: Interval, grid: Grid) -> Interval:
    low, high = points
    return min(grid.start(low), FARTHEST), min(grid.end(high), FARTHEST)


@record
class _Polynomial:
    """A polynomial that is whole at whole numbers, by its differences at 0: it is sum(d[i] * C(k, i))."""

    differences: tuple[int, ...]

    @classmethod
    def through(cls, values: list[int]) -> _Polynomial:
        """The polynomial with these values at 0, 1, 2, ..."""
        found: list[int] = []
        while values:
            found.append(values[0])
            values = [after - before for before, after in pairwise(values)]
        while found and not found[-1]:
            found.pop()
        return cls(tuple(found))

    @property
    def step(self) -> _Polynomial:
        """By how much it grows from k to k + 1."""
        return _Polynomial(self.differences[1:])

    def at(self, k: int) -> int:
        return sum(value * comb(k, index) for index, value in enumerate(self.differences))


def _runs(polynomial: _Polynomial, relation: Relation, low: int, high: int) -> list[Interval]:
    """The intervals of low..high in which a polynomial compares so with 0."""
    if relation is Relation.POSITIVE:
        return joined([run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) > 0])
    zeros = [run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) == 0]
    if relation is Relation.ZERO:
        return joined(zeros)
    return joined([run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) != 0])


def _signed(polynomial: _Polynomial, low: int, high: int) -> list[Interval]:
    """low..high cut into intervals in which a polynomial is positive, zero or negative throughout."""
    if low > high:
        return []
    if len(polynomial.differences) <= 1:
        return [(low, high)]
    found: list[Interval] = []
    # between two changes of direction it only rises or only falls
    borders = [low - 1, *(end for _, end in _signed(polynomial.step, low, high - 1)), high]
    for begin, end in pairwise(borders):
        found += _monotone(polynomial, begin + 1, end)
    return found


def _monotone(polynomial: _Polynomial, low: int, high: int) -> Iterator[Interval]:
    while low <= high:
        sign = _sign(polynomial.at(low))
        inside, outside = low, high + 1
        if _sign(polynomial.at(high)) == sign:
            inside = high
        while inside + 1 < outside and inside < high:
            middle = (inside + outside) // 2
            if _sign(polynomial.at(middle)) == sign:
                inside = middle
            else:
                outside = middle
        yield low, inside
        low = inside + 1


def _sign(value: int) -> int:
    return (value > 0) - (value < 0)
