"""Sets of whole sizes that repeat: which sizes of an open axis are meant, and how a person writes them.

The sizes that meet a condition on one symbol are, for each remainder modulo a period, an interval or a few.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from math import lcm
from typing import Final

from archdsl.base.records import record

# sizes are looked at up to here: what holds so far counts as true for all sizes
FARTHEST: Final = 10**9
LONGEST_PERIOD: Final = 10_000
_LISTED = 6
_LISTED_POINTS = 1000
_LOOKED_AT = 10_000

Interval = tuple[int, int]


@record
class Sizes:
    """Whole numbers from 1 on: for each remainder modulo `period` some intervals, in order and apart.

    An interval that reaches `FARTHEST` has no end.
    """

    period: int
    intervals: tuple[tuple[Interval, ...], ...]

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
        """The least of the sizes."""
        starts = ((each[0][0], rest) for rest, each in enumerate(self.intervals) if each)
        return min(first_from(low, rest, self.period) for low, rest in starts)

    def intersection(self, other: Sizes) -> Sizes | None:
        """The sizes in both; None where they repeat too seldom to be told."""
        period = lcm(self.period, other.period)
        if period > LONGEST_PERIOD:
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
        runs = joined([(size, size) for size in range(1, last + (tail is None)) if size in self])
        return tuple(joined([*runs, *([(start, FARTHEST)] if tail else [])]))

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
            runs = joined([(size, size) for size in looked_at if size in self])
        steps = {after[0] - before[0] for before, after in pairwise(runs)}
        if len(runs) > _LISTED and len(steps) == 1 and all(low == high for low, high in runs):
            return f"{runs[0][0]:,}, {runs[1][0]:,}, ... {runs[-1][0]:,}"
        shown = [f"{low:,}" if low == high else f"{low:,} to {high:,}" for low, high in runs[:_LISTED]]
        return ", ".join(shown) + (", ..." if len(runs) > _LISTED else "")


# a period, and the remainders modulo it that are meant
_Rule = tuple[int, frozenset[int]]
_ANY: Final[_Rule] = (1, frozenset({0}))


@record
class Comparison:
    """Sizes from `low` to `high`, or without end, that keep to a rule; only those without a bound have one."""

    low: int
    high: int | None
    rule: _Rule

    def shown(self, name: str) -> str:
        """The comparison as the language writes it: `H >= 33`, `224 <= H <= 255`, `H == 14`, `H % 16 == 0`."""
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


def first_from(low: int, rest: int, period: int) -> int:
    """The first size from `low` on that leaves this rest."""
    return low + (rest - low) % period


def last_to(high: int, rest: int, period: int) -> int:
    """The last size up to `high` that leaves this rest."""
    return high - (high - rest) % period


def _common(first: tuple[Interval, ...], second: tuple[Interval, ...], rest: int, period: int) -> Iterator[Interval]:
    """What intervals have in common, drawn in to sizes that leave this rest."""
    for low, high in first:
        for other_low, other_high in second:
            start = first_from(max(low, other_low), rest, period)
            end = last_to(min(high, other_high), rest, period)
            if start <= end:
                yield start, end


def _ends(sizes: Sizes, size: int, *, up: bool) -> Iterator[int]:
    for rest, intervals in enumerate(sizes.intervals):
        for low, high in intervals:
            if up and high >= size:
                found = first_from(max(low, size), rest, sizes.period)
                if found <= high:
                    yield found
            elif not up and low <= size:
                found = last_to(min(high, size), rest, sizes.period)
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


def joined(runs: list[Interval]) -> list[Interval]:
    """Intervals in order, with those as one that touch."""
    found: list[Interval] = []
    for low, high in runs:
        if found and found[-1][1] == low - 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return found
