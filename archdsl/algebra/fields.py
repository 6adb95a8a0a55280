"""What positions see: the receptive field along one axis, as an affine map, and its algebra.

Position i sees the inputs from low + i*jump to high + i*jump: the extent, from the first to the last that it depends
on, whatever lies between, and on an endless line, so that at the ends of a map part of it is padding. Composition
(`then`) and union are closed, so a block is one such map and n equal blocks are its n-th power.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from functools import reduce
from typing import Final

from archdsl.base.records import record

Number = int | Fraction
"""A place along an axis. Whole numbers, but where positions lie closer than those of the input."""

Part = tuple[Number, Number]
"""A first place and a last one."""


class Status(StrEnum):
    """What is known of a receptive field along one axis.

    EXACT: its first and its last position are seen. WHOLE: it is all of the input, from the first to the last position,
    for each position, because of a step that looks at a whole map. BOUND: it lies within. NONE: there is none, since
    nothing of the input is seen or the input has no axis.
    """

    EXACT = "exact"
    WHOLE = "whole"
    BOUND = "bound"
    NONE = "not applicable"


@record(slots=True)
class Channels:
    """How the channels of a position share in its field.

    even: whether each sees as much as all together, where those of the input do. mixes: whether each depends on all of
    the input's, as after a convolution. picks: whether it looks at only some of the input's, so that its field is exact
    only where those are even.
    """

    even: bool = True
    mixes: bool = False
    picks: bool = False

    def then(self, after: Channels) -> Channels:
        """The channels of what reads these, `after` being its own."""
        return Channels(
            after.even and (self.even or after.mixes),
            self.mixes or after.mixes,
            self.picks or (after.picks and not self.mixes),
        )

    def side_by_side(self, other: Channels, *, alike: bool) -> Channels:
        """The channels of two parts joined in one tensor. alike: whether their fields are the same."""
        return Channels(alike and self.even and other.even, self.mixes and other.mixes, self.picks or other.picks)


_EVEN: Final = Channels()


@record(slots=True)
class Field:
    """What positions see along one axis of an input. See the docstring of this file.

    gap: no two neighbours of the positions seen are farther apart; 0 where only one is seen. bound: it lies within, and
    may be less. loose: 0 where positions move along this axis; else how many places there are along it whose fields
    start at low, low + jump, ..., while positions go through them in an order of their own, as those of a flattened map
    do. length: positions of the input along this axis; 0 where that is open. channels: how these share in it.
    part: the first and the last position of the input that a map lets through to those that look at it: a crop lets
    through what it leaves, a window what its stride does not leave over; None for all. What is seen beyond is padding.
    """

    low: Number = 0
    high: Number = 0
    jump: Number = 1
    gap: Number = 0
    bound: bool = False
    loose: int = 0
    length: int = 0
    channels: Channels = _EVEN
    part: Part | None = None

    @property
    def size(self) -> int:
        """How many positions of the input lie in it."""
        low, high = self.ends
        return int(high - low) + 1

    @property
    def ends(self) -> Part:
        """The first and the last position that position 0 sees, without padding where all positions see the same."""
        whole = (self.low, self.high)
        return whole if self.jump or self.loose else _common(whole, self.part) or whole

    @property
    def status(self) -> Status:
        """How exact it is."""
        if self.bound:
            return Status.BOUND
        return Status.WHOLE if self.covers else Status.EXACT

    @property
    def covers(self) -> bool:
        """Whether it is the same for all positions, and reaches from the first position of the input to the last."""
        low, high = self.ends
        return not self.jump and bool(self.length) and low <= 0 and high >= self.length - 1

    @property
    def gapless(self) -> bool:
        """Whether everything between its ends is certain to be seen."""
        return not self.bound and self.gap <= 1

    def then(self, after: Field) -> Field:
        """What is seen when `after` looks at the positions of this. Associative, so n equal blocks are a power."""
        if after is SAME:
            return self
        return Field(
            self.low + self.jump * after.low,
            self.high + self.jump * after.high,
            self.jump * after.jump,
            max(self.gap, self.jump * after.gap - (self.high - self.low)),
            self.bound or after.bound or self.loses(after.channels),
            after.loose if self.jump else 0,
            self.length,
            self.channels.then(after.channels),
            _common(self.part, self._behind(after.part)),
        )

    def _behind(self, part: Part | None) -> Part | None:
        """What positions see from the first to the last of a part of them."""
        return part and (self.low + self.jump * part[0], self.high + self.jump * part[1])

    def of(self, positions: int) -> Field:
        """The field of a map of so many positions, which lets nothing through that none of them sees."""
        return replace(self, part=_common(self.part, self._behind((0, positions - 1))))

    @property
    def sees_nothing(self) -> bool:
        """Whether all that is seen is padding, or another part of what it was joined with."""
        low, high = self.ends
        return low > high or (self.part is not None and self.part[0] > self.part[1])

    def loses(self, after: Channels) -> bool:
        """Whether what looks at it so may see less than all channels together do."""
        return after.picks and not self.channels.even

    def power(self, count: int) -> Field:
        """What is seen through `count` equal layers: repeated squaring, so a billion cost thirty steps."""
        result, square = SAME, self
        while count:
            if count & 1:
                result = result.then(square)
            square = square.then(square)
            count >>= 1
        return result

    def together(self, positions: int) -> Field:
        """What so many positions see together, and each that looks at all of them."""
        span = (positions - 1) * self.jump
        gap = max(self.gap, self.jump - (self.high - self.low)) if positions > 1 else self.gap
        return replace(self, high=self.high + span, jump=0, gap=gap, loose=0)

    def at_most(self) -> Field:
        """This field as an upper bound: less may be seen."""
        return replace(self, bound=True)


SAME: Final = Field()
POINT: Final = Field(jump=0)
"""What is seen of what has no axis, such as a vector: itself."""


def everything(length: int, *, bound: bool = False) -> Field:
    """What is seen by what looks at all positions of an axis, or at some that nobody follows (`bound`)."""
    length = int(length)
    return replace(SAME.together(length), bound=bound, length=length, part=(0, length - 1))


def union(fields: Iterable[Field], positions: int, *, side_by_side: bool = False) -> Field:
    """What is seen by what looks at all of these, at each of so many positions. side_by_side: whether their channels
    stay apart.

    An end is exact where one that has it is. Where they move differently there is no affine map but for the one that
    holds all others at the first position and at the last, and so between them; else a bound is given that holds them.
    """
    if not side_by_side:
        return reduce(lambda one, other: _both(one, other, positions), fields)

    def apart(one: Field, other: Field) -> Field:
        alike = (one.low, one.high, one.jump) == (other.low, other.high, other.jump)
        return replace(_both(one, other, positions), channels=one.channels.side_by_side(other.channels, alike=alike))

    return reduce(apart, fields)


def _both(one: Field, other: Field, positions: int) -> Field:
    if one.jump and other.jump and one.loose != other.loose:
        one, other = (each.together(each.loose or positions).at_most() for each in (one, other))
    length, last = max(one.length, other.length), max(one.loose or other.loose or positions, 1) - 1
    one, other = sorted((one, other), key=lambda each: (each.jump, each.gap))
    for a, b in ((one, other), (other, one)):
        if _holds(a, b, last) and not a.bound:
            return replace(a, length=length)
    channels = one.channels.side_by_side(other.channels, alike=True)
    part = one.part and other.part and (min(one.part[0], other.part[0]), max(one.part[1], other.part[1]))
    if one.jump == other.jump:
        low, high = min(one.low, other.low), max(one.high, other.high)
        known = [each for each in (one, other) if not each.bound]
        exact = any(each.low == low and _end(each.part, 0) == _end(part, 0) for each in known) and any(
            each.high == high and _end(each.part, 1) == _end(part, 1) for each in known
        )
        apart = max(one.low, other.low) - min(one.high, other.high)
        gap = max(one.gap, other.gap, apart)
        return Field(low, high, one.jump, gap, not exact, one.loose, length, channels, part)
    jump = min(one.jump, other.jump)
    shifts = [(each, at * (each.jump - jump)) for each in (one, other) for at in (0, last)]
    low, high = min(each.low + by for each, by in shifts), max(each.high + by for each, by in shifts)
    loose = (one.loose or other.loose) if jump else 0
    return Field(low, high, jump, 0, True, loose, length, channels, part)  # noqa: FBT003


def _holds(one: Field, other: Field, last: int) -> bool:
    # what lies beyond the ends of the input is padding, and no part of it
    if one.covers:
        return one.length >= other.length
    if not one.jump:
        first, end = one.ends
        low, high = _common((other.low, other.high + last * other.jump), other.part) or one.ends
        return first <= low and high <= end
    return _common(one.part, other.part) == other.part and all(
        one.low + at * one.jump <= other.low + at * other.jump
        and one.high + at * one.jump >= other.high + at * other.jump
        for at in (0, last)
    )


def _common(one: Part | None, other: Part | None) -> Part | None:
    """What two parts have in common."""
    return (max(one[0], other[0]), min(one[1], other[1])) if one and other else one or other


def _end(part: Part | None, index: int) -> Number | None:
    return part and part[index]
