"""Conditions on sizes that are left open, and the sizes that meet them.

A condition compares a formula with 0. Along one symbol a formula is a polynomial for each remainder modulo its period,
so the sizes that meet conditions on one symbol are found exactly: an interval for each remainder, or a few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from math import comb, gcd, lcm
from typing import Final

from archdsl.algebra.formulas import Floor, Formula, Grid, constant, symbol

# sizes are looked at up to here: what holds so far counts as true for all sizes
FARTHEST: Final = 10**9
_LONGEST_PERIOD = 10_000
_LISTED = 6
_LISTED_POINTS = 1000
_LOOKED_AT = 10_000
_SHORT_PERIOD = 1024

Interval = tuple[int, int]


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


@dataclass(frozen=True)
class Condition:
    """`formula` compared with 0. Two conditions that say the same in other words are mostly the same object."""

    formula: Formula
    relation: Relation

    @classmethod
    def of(cls, formula: Formula, relation: Relation) -> Condition:
        """The condition in normal form: divided by what all coefficients share, with the larger side first."""
        shared = gcd(*(value for _, value in formula.terms))
        if shared > 1 and relation is not Relation.POSITIVE:
            formula = formula // shared
        elif relation is Relation.POSITIVE:
            # n*f + c > 0 is f > floor(-c/n), for whole numbers
            rest = formula - constant(formula.constant)
            if (shared := gcd(*(value for _, value in rest.terms))) > 1:
                formula = rest // shared - constant(-formula.constant // shared)
        if relation is not Relation.POSITIVE and formula.terms and formula.terms[0][1] < 0:
            formula *= constant(-1)
        return cls(formula, relation)

    @property
    def negated(self) -> Condition:
        """What holds where this does not."""
        match self.relation:
            case Relation.ZERO:
                return Condition(self.formula, Relation.NOT_ZERO)
            case Relation.NOT_ZERO:
                return Condition(self.formula, Relation.ZERO)
            case Relation.POSITIVE:
                return Condition.of(constant(1) - self.formula, Relation.POSITIVE)

    @property
    def symbols(self) -> frozenset[str]:
        """The names of the sizes that it speaks of."""
        return self.formula.symbols

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it holds at some sizes."""
        return self.relation.holds(self.formula.at(sizes))

    @cached_property
    def sizes(self) -> Sizes | None:
        """The sizes of its one symbol that meet it; None where they repeat too seldom to be told."""
        return _where(self)

    def put(self, given: Mapping[str, Formula]) -> Condition:
        """The condition with formulas put for some symbols."""
        if not self.symbols & given.keys():
            return self
        return Condition.of(self.formula.put(given), self.relation)

    @cached_property
    def is_certain(self) -> bool:
        """Whether it holds for all sizes, as far as can be told."""
        if self.formula.is_constant:
            return self.relation.holds(self.formula.constant)
        if self.relation is not Relation.ZERO:
            signs = (1, -1) if self.relation is Relation.NOT_ZERO else (1,)
            bounds = ((self.formula * constant(sign)).never_below() for sign in signs)
            if any(bound is not None and bound > 0 for bound in bounds):
                return True
        if len(self.symbols) == 1:
            return self.sizes is not None and self.sizes.is_everything
        return False

    def __str__(self) -> str:
        return self.shown

    @cached_property
    def shown(self) -> str:
        """As a person writes it: the sizes themselves where one comparison tells them, else both sides."""
        if len(self.symbols) == 1 and self.sizes is not None and self.sizes.period <= _SHORT_PERIOD:
            (name,) = self.symbols
            if (short := self.sizes.comparison) is not None:
                return short.shown(name)
        left, right = _sides(self.formula)
        if self.relation is Relation.POSITIVE and right.is_constant:
            return f"{left} >= {right + constant(1)}"
        if self.relation is Relation.POSITIVE and left.is_constant:
            return f"{right} <= {left - constant(1)}"
        return f"{left} {self.relation.value} {right}"


def _sides(formula: Formula) -> tuple[Formula, Formula]:
    left = Formula(tuple((term, value) for term, value in formula.terms if value > 0))
    right = Formula(tuple((term, -value) for term, value in formula.terms if value < 0))
    if len(left.terms) > 1 and left.constant and not right.constant:
        left, right = left - constant(left.constant), right - constant(left.constant)
    return left, right


# --- the sizes that meet conditions -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sizes:
    """Whole numbers from 1 on: for each remainder modulo `period` some intervals, in order and apart.

    An interval that reaches `FARTHEST` has no end.
    """

    period: int
    intervals: tuple[tuple[Interval, ...], ...]

    @classmethod
    def meeting(cls, conditions: Iterable[Condition]) -> Sizes | None:
        """The sizes that meet all of some conditions on one symbol; None where they repeat too seldom to be told."""
        found: Sizes | None = EVERYTHING
        for each in conditions:
            if found is None or each.sizes is None:
                return None
            found = found.intersection(each.sizes)
        return found

    def __contains__(self, size: int) -> bool:
        return any(low <= size <= high for low, high in self.intervals[size % self.period])

    @property
    def is_everything(self) -> bool:
        """Whether all sizes are in it."""
        return self == EVERYTHING or all(
            each and each[0][0] <= self.period and each[0][1] >= FARTHEST - self.period for each in self.intervals
        )

    @property
    def is_open_ended(self) -> bool:
        """Whether it is all sizes from some size on."""
        tail, start = self._tail()
        return tail == _ANY and self.smallest == start

    @property
    def is_empty(self) -> bool:
        """Whether no size is in it."""
        return not any(self.intervals)

    @property
    def smallest(self) -> int:
        """Its least size."""
        starts = ((each[0][0], rest) for rest, each in enumerate(self.intervals) if each)
        return min(_first_from(low, rest, self.period) for low, rest in starts)

    def intersection(self, other: Sizes) -> Sizes | None:
        """The sizes in both; None where they repeat too seldom to be told."""
        period = lcm(self.period, other.period)
        if period > _LONGEST_PERIOD:
            return None
        rows = (
            tuple(_common(self.intervals[rest % self.period], other.intervals[rest % other.period], rest, period))
            for rest in range(period)
        )
        return Sizes(period, tuple(rows))

    def as_intervals(self) -> tuple[Interval, ...] | None:
        """The same sizes as intervals of whole numbers one after the other; None where these would be many."""
        if self.period == 1:
            return self.intervals[0]
        tail, start = self._tail()
        last = start if tail else max((each[-1][1] for each in self.intervals if each), default=0)
        if tail not in {None, _ANY} or last > _LISTED_POINTS:
            return None
        runs = _joined([(size, size) for size in range(1, last + (tail is None)) if size in self])
        return tuple(_joined([*runs, *([(start, FARTHEST)] if tail else [])]))

    def __le__(self, other: Sizes) -> bool:
        common = self.intersection(other)
        if common is None:
            return False
        longer = Sizes(common.period, tuple(self.intervals[rest % self.period] for rest in range(common.period)))
        return common == EVERYTHING.intersection(longer)

    def nearest(self, size: int) -> tuple[int, ...]:
        """The nearest sizes in it, one below or equal and one above."""
        below = max(_ends(self, size, up=False), default=None)
        if below == size:
            return (size,)
        above = min(_ends(self, size, up=True), default=None)
        return tuple(each for each in (below, above) if each is not None)

    def __str__(self) -> str:
        return self.shown("")

    def shown(self, name: str) -> str:
        """In words: `from 33 on`, `224 to 255`, `from 16 on, H % 16 == 0`."""
        name = name or "size"
        if self.is_empty:
            return "none"
        if self.is_everything:
            return "all"
        tail, start = self._tail()
        finite = self._listed(start if tail else FARTHEST + 1)
        parts = [finite] if finite else []
        if tail:
            rule = "" if tail == _ANY else f", {_ruled(name, tail)}"
            parts.append(f"from {_first_in(start, tail):,} on{rule}")
        return " and ".join(parts)

    @cached_property
    def comparison(self) -> Comparison | None:
        """The one comparison that tells it; None where it takes more."""
        if self.is_empty or self.is_everything:
            return None
        tail, start = self._tail()
        if tail is None:
            low, high = self.smallest, max(each[-1][1] for each in self.intervals if each)
            whole = self.intervals == (((low, high),),) or (
                high - low < _LOOKED_AT and all(size in self for size in range(low, high + 1))
            )
            return Comparison(low, high, _ANY) if whole else None
        if self.smallest != _first_in(start, tail):
            return None
        if tail == _ANY:
            return Comparison(start, None, _ANY)
        return Comparison(1, None, tail) if self.smallest == _first_in(1, tail) else None

    def stated(self, name: str) -> str | None:
        """A comparison that the language can write and that lets only sizes of these through; None where there is none
        that is simple."""
        found = self.comparison
        if found is not None and len(found.rule[1]) in {1, found.rule[0] - 1}:
            return found.shown(name).replace(",", "")
        multiples = self.intervals[0]
        if not multiples or multiples[-1][1] < FARTHEST - self.period:
            return None
        first, every = multiples[-1][0], self.period
        parts = [f"{name} % {every} == 0"] * (every > 1) + [f"{name} >= {first}"] * (first > every)
        return " and ".join(parts) or None

    def _tail(self) -> tuple[_Rule | None, int]:
        """The rule that holds without end, and from where on; None where the sizes end."""
        endless = [bool(each) and each[-1][1] >= FARTHEST - self.period for each in self.intervals]
        if not any(endless):
            return None, 0
        starts = [each[-1][0] if each and end else 1 for each, end in zip(self.intervals, endless, strict=True)]
        ends = [each[-1][1] + 1 for each, end in zip(self.intervals, endless, strict=True) if each and not end]
        start = max((*starts, *ends))
        rule = _shortened([rest for rest, end in enumerate(endless) if end], self.period)
        while start > 1 and ((start - 1) in self) is ((start - 1) % rule[0] in rule[1]):
            start -= 1
        return rule, start

    def _listed(self, stop: int) -> str:
        """The sizes below `stop`: runs, or the first of many."""
        last = max((each[-1][1] for each in self.intervals if each), default=0)
        if self.period == 1:
            runs = [(low, min(high, stop - 1)) for low, high in self.intervals[0] if low < stop]
        else:
            looked_at = range(1, min(stop, last + 1, _LOOKED_AT))
            runs = _joined([(size, size) for size in looked_at if size in self])
        steps = {after[0] - before[0] for before, after in pairwise(runs)}
        if len(runs) > _LISTED and len(steps) == 1 and all(low == high for low, high in runs):
            return f"{runs[0][0]:,}, {runs[1][0]:,}, ... {runs[-1][0]:,}"
        shown = [f"{low:,}" if low == high else f"{low:,} to {high:,}" for low, high in runs[:_LISTED]]
        return ", ".join(shown) + (", ..." if len(runs) > _LISTED else "")


# a period, and the remainders modulo it that are meant
_Rule = tuple[int, frozenset[int]]
_ANY: Final[_Rule] = (1, frozenset({0}))


@dataclass(frozen=True)
class Comparison:
    """Sizes from `low` to `high`, or without end, that keep to a rule; only those without a bound have one."""

    low: int
    high: int | None
    rule: _Rule

    def shown(self, name: str) -> str:
        """As the language writes it: `H >= 33`, `224 <= H <= 255`, `H == 14`, `H % 16 == 0`."""
        if self.rule != _ANY:
            return _ruled(name, self.rule)
        if self.high is None:
            return f"{name} >= {self.low:,}"
        return f"{name} == {self.low:,}" if self.low == self.high else f"{self.low:,} <= {name} <= {self.high:,}"

    def in_words(self, name: str) -> str:
        """`H must be even`, `H must be a multiple of 16`, `H must be from 224 to 255`."""
        period, rests = self.rule
        if self.rule != _ANY and len(rests) > 1:
            return f"`{self.shown(name)}` must hold"
        if self.rule != _ANY:
            (rest,) = rests
            if period == 2:
                return f"{name} must be {'odd' if rest else 'even'}"
            return f"{name} must {f'leave {rest} when divided by' if rest else 'be a multiple of'} {period}"
        if self.high is None:
            return f"{name} must be at least {self.low:,}"
        return f"{name} must be {f'{self.low:,}' if self.low == self.high else f'from {self.low:,} to {self.high:,}'}"


EVERYTHING: Final = Sizes(1, (((1, FARTHEST),),))
NOTHING: Final = Sizes(1, ((),))


def _first_from(low: int, rest: int, period: int) -> int:
    """The first size from `low` on that leaves this rest."""
    return low + (rest - low) % period


def _last_to(high: int, rest: int, period: int) -> int:
    return high - (high - rest) % period


def _common(first: tuple[Interval, ...], second: tuple[Interval, ...], rest: int, period: int) -> Iterator[Interval]:
    """What intervals have in common, drawn in to sizes that leave this rest."""
    for low, high in first:
        for other_low, other_high in second:
            start = _first_from(max(low, other_low), rest, period)
            end = _last_to(min(high, other_high), rest, period)
            if start <= end:
                yield start, end


def _ends(sizes: Sizes, size: int, *, up: bool) -> Iterator[int]:
    for rest, intervals in enumerate(sizes.intervals):
        for low, high in intervals:
            if up and high >= size:
                found = _first_from(max(low, size), rest, sizes.period)
                if found <= high:
                    yield found
            elif not up and low <= size:
                found = _last_to(min(high, size), rest, sizes.period)
                if found >= low:
                    yield found


def _shortened(rests: list[int], period: int) -> _Rule:
    """The same remainders with the shortest period that tells them."""
    found = frozenset(rests)
    for shorter in (each for each in range(1, period) if period % each == 0):
        if all(((rest + shorter) % period in found) is (rest in found) for rest in range(period)):
            return shorter, frozenset(rest % shorter for rest in found)
    return period, found


def _first_in(start: int, rule: _Rule) -> int:
    period, rests = rule
    return next(size for size in range(start, start + period + 1) if size % period in rests)


def _ruled(name: str, rule: _Rule) -> str:
    """A rule as a comparison: `H % 16 == 0`."""
    period, rests = rule
    if len(rests) == 1:
        return f"{name} % {period} == {next(iter(rests))}"
    missing = set(range(period)) - rests
    if len(missing) == 1:
        return f"{name} % {period} != {next(iter(missing))}"
    shown = ", ".join(map(str, sorted(rests)[:_LISTED])) + (", ..." if len(rests) > _LISTED else "")
    return f"{name} % {period} in {{{shown}}}"


def _where(condition: Condition) -> Sizes | None:
    """The sizes that meet a condition on one symbol; None where they repeat too seldom to be told."""
    grid = condition.formula.grid
    if grid is None:
        return _by_remainders(condition) if condition.formula.period <= _LONGEST_PERIOD else None
    points = Condition(condition.formula.on(grid), condition.relation)
    if points.formula.is_constant:
        return EVERYTHING if points.relation.holds(points.formula.constant) else NOTHING
    return None if points.sizes is None else _spread(points.sizes, grid)


def _by_remainders(condition: Condition) -> Sizes:
    """The sizes that meet a condition, looked for among those of each remainder by itself."""
    (name,) = condition.symbols or ("",)
    period = condition.formula.period
    rows: list[tuple[Interval, ...]] = []
    for rest in range(period):
        first = rest or period
        last = (FARTHEST - first) // period
        values = [condition.formula.at({name: first + period * k}) for k in range(condition.formula.degree + 1)]
        runs = _runs(_Polynomial.through(values), condition.relation, 0, last)
        rows.append(tuple((first + period * low, first + period * high) for low, high in runs))
    return Sizes(period, tuple(rows))


def _spread(points: Sizes, grid: Grid) -> Sizes | None:
    """The sizes of points of a grid; None where they repeat too seldom to be told."""
    whole = points.as_intervals()
    if whole is not None:
        return Sizes(1, (tuple(_sizes_of(each, grid) for each in whole),))
    period = points.period * grid.by
    if period > _LONGEST_PERIOD:
        return None
    rows: list[tuple[Interval, ...]] = []
    for rest in range(period):
        own = points.intervals[grid.point(rest) % points.period]
        spread = (_sizes_of(each, grid) for each in own)
        inside = ((_first_from(low, rest, period), _last_to(high, rest, period)) for low, high in spread)
        rows.append(tuple((low, high) for low, high in inside if low <= high))
    return Sizes(period, tuple(rows))


def _sizes_of(points: Interval, grid: Grid) -> Interval:
    low, high = points
    return min(grid.start(low), FARTHEST), min(grid.end(high), FARTHEST)


@dataclass(frozen=True)
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
        return _joined([run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) > 0])
    zeros = [run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) == 0]
    if relation is Relation.ZERO:
        return _joined(zeros)
    return _joined([run for run in _signed(polynomial, low, high) if polynomial.at(run[0]) != 0])


def _joined(runs: list[Interval]) -> list[Interval]:
    joined: list[Interval] = []
    for low, high in runs:
        if joined and joined[-1][1] == low - 1:
            joined[-1] = (joined[-1][0], high)
        else:
            joined.append((low, high))
    return joined


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


def together(conditions: Iterable[Condition], name: str, others: Mapping[str, int]) -> Sizes | None:
    """The sizes of one symbol that meet all conditions, while the other symbols have given sizes."""
    given = {other: constant(size) for other, size in others.items() if other != name}
    put = [each.put(given) for each in conditions]
    if any(each.formula.is_constant and not each.is_certain for each in put):
        return NOTHING
    return Sizes.meeting(each for each in put if not each.formula.is_constant)


def equalities(conditions: Iterable[Condition]) -> dict[str, Formula]:
    """Symbols that conditions make equal to others, `H == W`, with what they are equal to."""
    found: dict[str, Formula] = {}
    for each in conditions:
        condition = each.put(found)
        if condition.relation is Relation.ZERO and len(condition.symbols) == 2:
            one, other = sorted(condition.symbols)
            if condition.formula in {symbol(one) - symbol(other), symbol(other) - symbol(one)}:
                found = {name: formula.put({other: symbol(one)}) for name, formula in found.items()}
                found[other] = symbol(one)
    return found


def implied(condition: Condition, stated: Iterable[Condition]) -> bool:
    """Whether conditions that are stated prove another."""
    stated = list(stated)
    same = equalities(stated)
    wanted = condition.put(same)
    known = [each.put(same) for each in stated]
    if wanted.is_certain or wanted in known:
        return True
    if len(wanted.symbols) != 1:
        return False
    allowed = Sizes.meeting(each for each in known if each.symbols == wanted.symbols)
    meeting = Sizes.meeting([wanted])
    return allowed is not None and meeting is not None and allowed <= meeting


def told(conditions: list[Condition]) -> tuple[str, str | None]:
    """What conditions on the same sizes come to, in words; and what the language can state that is enough for them."""
    written = " and ".join(map(str, conditions))
    if len(conditions[0].symbols) > 1:
        can_be_stated = not any(isinstance(atom, Floor) for each in conditions for atom in each.formula.atoms)
        return f"`{written}` must hold", written.replace(",", "") if can_be_stated else None
    (name,) = conditions[0].symbols
    found = Sizes.meeting(conditions)
    if found is None or found.is_empty:
        return f"`{written}` must hold", None
    return found.comparison.in_words(name) if found.comparison else f"`{written}` must hold", found.stated(name)
