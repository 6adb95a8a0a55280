"""Conditions on sizes that are left open: a formula compared with 0, what conditions prove, and how they are told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from math import gcd
from typing import Final

from archdsl.algebra.formulas import Floor, Formula, constant, symbol
from archdsl.algebra.sizes import EVERYTHING, NOTHING, Sizes
from archdsl.algebra.solutions import Relation, solutions
from archdsl.base.records import record

_SHORT_PERIOD: Final = 1024


@record
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
        return solutions(self.formula, self.relation)

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
        """The condition as a person writes it: the sizes where one comparison tells them, else both sides."""
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


# --- several of them -------------------------------------------------------------------------------------------------


def meeting(conditions: Iterable[Condition]) -> Sizes | None:
    """The sizes that meet all of some conditions on one symbol; None where they repeat too seldom to be told."""
    found: Sizes | None = EVERYTHING
    for each in conditions:
        if found is None or each.sizes is None:
            return None
        found = found.intersection(each.sizes)
    return found


def together(conditions: Iterable[Condition], name: str, others: Mapping[str, int]) -> Sizes | None:
    """The sizes of one symbol that meet all conditions, while the other symbols have given sizes."""
    given = {other: constant(size) for other, size in others.items() if other != name}
    put = [each.put(given) for each in conditions]
    if any(each.formula.is_constant and not each.is_certain for each in put):
        return NOTHING
    return meeting(each for each in put if not each.formula.is_constant)


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
    allowed = meeting(each for each in known if each.symbols == wanted.symbols)
    return allowed is not None and wanted.sizes is not None and allowed <= wanted.sizes


def told(conditions: list[Condition]) -> tuple[str, str | None]:
    """What conditions on the same sizes come to, in words; and what the language can state that is enough for them."""
    written = " and ".join(map(str, conditions))
    if len(conditions[0].symbols) > 1:
        can_be_stated = not any(isinstance(atom, Floor) for each in conditions for atom in each.formula.atoms)
        return f"`{written}` must hold", written.replace(",", "") if can_be_stated else None
    (name,) = conditions[0].symbols
    found = meeting(conditions)
    if found is None or found.is_empty:
        return f"`{written}` must hold", None
    return found.comparison.in_words(name) if found.comparison else f"`{written}` must hold", found.stated(name)
