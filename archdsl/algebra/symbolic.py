"""Whole numbers that are formulas: sizes that are left open, worked with as if they were numbers.

A `Symbolic` is a whole number (its value at one choice of the open sizes, the *example*) with the formula that it is
for all choices. Arithmetic works out both. A comparison is decided by the example, and what was decided is kept as a
condition, so that the formulas hold for every choice that meets the conditions (concolic execution: Godefroid,
Klarlund, Sen 2005, DART). So no rule of shapes has to know that sizes can be open.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from archdsl.algebra.conditions import Condition
from archdsl.algebra.formulas import Formula, constant, symbol
from archdsl.algebra.solutions import Relation
from archdsl.base.records import record

if TYPE_CHECKING:
    from collections.abc import Generator

    from archdsl.base.text import Place

Number = TypeVar("Number", int, float)


@record
class Asking:
    """Why something is decided.

    place: the element of the text. also: places that belong to it, with a label each. needed: whether an operator
    cannot work without it; else something merely depends on it, as on `if in.height > 64`. weights: whether it is the
    size of a learned tensor.
    """

    place: Place | None = None
    also: tuple[tuple[Place, str], ...] = ()
    needed: bool = False
    weights: bool = False


_UNASKED: Final = Asking()


class FormulaTooLarge(Exception):
    """A size is a formula of too many terms to go on with: strides and enlargements that do not cancel each other
    double it each time."""

    def __init__(self, size: int, place: Place | None) -> None:
        super().__init__(size)
        self.size = size
        self.place = place


@record
class Decision:
    """A condition that the example met, and why it was asked."""

    condition: Condition
    asking: Asking


@dataclass(eq=False)
class Assumptions:
    """What is known of the open sizes: the example, and everything that was decided by it.

    stated: the conditions that the text itself states with `require`. wanted: what the example should have met, where
    an operator refused its inputs. largest: how many terms a size may have.
    """

    largest: int = 500
    example: dict[str, int] = field(default_factory=dict[str, int])
    decisions: dict[Condition, Decision] = field(default_factory=dict[Condition, Decision])
    stated: list[Condition] = field(default_factory=list[Condition])
    wanted: Decision | None = None
    closed: bool = False
    _asking: Asking = _UNASKED
    _trail: list[Condition] = field(default_factory=list[Condition])

    def open(self, name: str, example: int) -> int:
        """The size that a name stands for."""
        self.example.setdefault(name, example)
        return Symbolic(self.example[name], symbol(name), self)

    def bounded(self, formula: Formula) -> Formula:
        """A formula of a size. FormulaTooLarge where it has too many terms."""
        if formula.size > self.largest and not self.closed:
            raise FormulaTooLarge(formula.size, self._asking.place)
        return formula

    def decide(self, formula: Formula, relation: Relation) -> bool:
        """Whether a formula compares so with 0 at the example. What depends on the example is kept."""
        condition = Condition.of(formula, relation)
        truth = condition.holds(self.example)
        if not self.closed and not formula.is_constant:
            met = condition if truth else condition.negated
            self._trail.append(met)
            known = self.decisions.get(met)
            if known is None or (self._asking.needed and not known.asking.needed):
                self.decisions[met] = Decision(met, self._asking)
        return truth

    @contextmanager
    def asked_by(self, asking: Asking) -> Generator[None]:
        """Inside it, decisions are recorded with `asking` as their reason."""
        before, self._asking, self._trail = self._asking, asking, []
        try:
            yield
        finally:
            self._asking = before

    @contextmanager
    def apart(self) -> Generator[dict[Condition, Decision]]:
        """Inside it, decisions go into a mapping of their own, which it gives."""
        before, self.decisions = self.decisions, {}
        try:
            yield self.decisions
        finally:
            self.decisions = before

    def refused(self, condition: Condition | None = None, place: Place | None = None) -> None:
        """A condition that the example met made the text refuse it, the one that was decided last if none is given: at
        another example it would be otherwise."""
        condition = condition or (self._trail[-1] if self._trail else None)
        if condition is not None and self.wanted is None:
            known = self.decisions.pop(condition, None)
            asking = known.asking if known else Asking(place, needed=True)
            self.wanted = Decision(condition.negated, asking)


class Symbolic(int):
    """A whole number with the formula that it is. See the docstring of this file."""

    formula: Formula
    assumptions: Assumptions

    def __new__(cls, value: int, formula: Formula, assumptions: Assumptions) -> Self:
        made = super().__new__(cls, value)
        made.formula = formula
        made.assumptions = assumptions
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (int(self), self.formula, Assumptions(example=self.assumptions.example, closed=True))

    def _made(self, formula: Formula) -> int:
        if formula.is_constant:
            return formula.constant
        return Symbolic(formula.at(self.assumptions.example), formula, self.assumptions)

    # --- arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: int) -> int:
        return self._made(self.formula + formula_of(other)) if _is_whole(other) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> int:
        return self._made(self.formula - formula_of(other)) if _is_whole(other) else NotImplemented

    def __rsub__(self, other: int) -> int:
        return self._made(formula_of(other) - self.formula) if _is_whole(other) else NotImplemented

    def __mul__(self, other: int) -> int:
        return self._made(self.formula * formula_of(other)) if _is_whole(other) else NotImplemented

    __rmul__ = __mul__

    def __neg__(self) -> int:
        return self * -1

    def __pos__(self) -> int:
        return self

    def __abs__(self) -> int:
        return -self if self < 0 else self

    def __pow__(self, power: int, modulus: None = None) -> int:  # type: ignore[override]
        if isinstance(power, Symbolic) or not 0 <= power <= _HIGHEST_POWER:
            return fixed(self) ** fixed(power)
        result = 1
        for _ in range(power):
            result = self * result
        return result

    def __floordiv__(self, by: int) -> int:
        if not _is_whole(by):
            return NotImplemented
        if isinstance(by, Symbolic):
            return _quotient(self, by)
        if by < 0:
            return (-self) // -by
        if not by:
            raise ZeroDivisionError
        return self._made(self.assumptions.bounded(self.formula // by))

    def __rfloordiv__(self, top: int) -> int:
        return _quotient(top, self)

    def __mod__(self, by: int) -> int:
        return self - (self // by) * by if _is_whole(by) else NotImplemented

    def __rmod__(self, top: int) -> int:
        return top - (top // self) * self

    def __divmod__(self, by: int) -> tuple[int, int]:
        return self // by, self % by

    def __rdivmod__(self, top: int) -> tuple[int, int]:
        return top // self, top % self

    def __truediv__(self, by: float) -> float:
        return fixed(self) / by

    def __rtruediv__(self, top: float) -> float:
        return top / fixed(self)

    def __rpow__(self, base: int, modulus: int | None = None) -> int:
        return base ** fixed(self)

    def __round__(self, digits: int = 0) -> int:  # type: ignore[override]
        return self

    def __floor__(self) -> int:
        return self

    def __ceil__(self) -> int:
        return self

    def __trunc__(self) -> int:
        return self

    # --- comparisons ------------------------------------------------------------------------------------------------

    def _compared(self, other: object, relation: Relation, sign: int = 1, offset: int = 0) -> bool:
        """Whether sign*(self - other) + offset compares so with 0."""
        if isinstance(other, float) and other.is_integer():
            other = int(other)
        if not isinstance(other, int):
            return NotImplemented
        if isinstance(other, Symbolic) and other.assumptions.example.keys() != self.assumptions.example.keys():
            # of a text with other sizes: no example has both, so they are equal where the formulas are
            apart = 0 if self.formula == other.formula else int(self) - int(other) or 1
            return relation.holds(sign * apart + offset)
        difference = (self.formula - formula_of(other)) * constant(sign) + constant(offset)
        return self.assumptions.decide(difference, relation)

    def __eq__(self, other: object) -> bool:
        return self._compared(other, Relation.ZERO)

    def __ne__(self, other: object) -> bool:
        return self._compared(other, Relation.NOT_ZERO)

    def __gt__(self, other: int) -> bool:
        return self._compared(other, Relation.POSITIVE)

    def __ge__(self, other: int) -> bool:
        return self._compared(other, Relation.POSITIVE, offset=1)

    def __lt__(self, other: int) -> bool:
        return self._compared(other, Relation.POSITIVE, sign=-1)

    def __le__(self, other: int) -> bool:
        return self._compared(other, Relation.POSITIVE, sign=-1, offset=1)

    def __bool__(self) -> bool:
        return self != 0

    def __hash__(self) -> int:
        # of the formula: sizes that are equal at the example alone do not meet in a dictionary, and decide nothing
        return hash(self.formula)

    # --- words ------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"{self.formula}"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(f"{self.formula}", spec.replace(",", ""))


_HIGHEST_POWER = 8


def _is_whole(value: object) -> bool:
    return isinstance(value, int)


def formula_of(value: int) -> Formula:
    """The formula that a whole number is."""
    return value.formula if isinstance(value, Symbolic) else constant(int(value))


def fixed(value: int) -> int:
    """A plain number: what works with it depends on this very value."""
    if not isinstance(value, Symbolic):
        return value
    plain = at_example(value)
    value.assumptions.decide(value.formula - constant(plain), Relation.ZERO)
    return plain


def at_example(value: Number) -> Number:
    """A number as it is at the example; nothing is decided."""
    return value.__int__() if isinstance(value, Symbolic) else value


def _quotient(top: int, by: int) -> int:
    """A quotient by an open size, which is a plain number: it depends on lying between two multiples."""
    quotient = at_example(top) // at_example(by)
    if not quotient * by <= top < (quotient + 1) * by:
        raise ArithmeticError("a quotient by a size that is not positive")
    return quotient


def is_open(value: int) -> bool:
    """Whether a whole number depends on sizes that are left open."""
    return isinstance(value, Symbolic)


def same(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether sizes are equal for all choices; nothing is decided."""
    return tuple(map(formula_of, one)) == tuple(map(formula_of, other))
