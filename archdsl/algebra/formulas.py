"""Formulas over sizes that are left open: polynomials with whole coefficients, whose atoms are symbols and floors.

Every formula is kept in a normal form, so that most formulas that are equal for all sizes are equal as objects:
nested floors of divisions become one, `floor((floor(H/2) + 1)/2)` is `floor((H + 2)/4)`, and what can leave a floor
leaves it. All symbols stand for whole numbers of at least 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from itertools import chain
from math import gcd, lcm, prod
from typing import Any, Final

from archdsl.base.records import record


@record(slots=True)
class Symbol:
    """A size that is left open, such as `H`."""

    name: str

    def __str__(self) -> str:
        return self.name


@record
class Floor:
    """`floor(top/by)`. In normal form the coefficients of `top` are as near to 0 as they can be, the first positive."""

    top: Formula
    by: int

    def __str__(self) -> str:
        return self.shown

    @cached_property
    def shown(self) -> str:
        """`ceil(H/32)` where that says it, else `floor((H + 3)/32)`."""
        rest = self.top - constant(self.top.constant)
        if self.top.constant == self.by - 1:
            return f"ceil({_bracketed(rest)}/{self.by})"
        return f"floor({_bracketed(self.top)}/{self.by})"


@record
class Grid:
    """`floor((size + shift)/by)` for the sizes from 1 on: its values are points, counted from 1."""

    by: int
    shift: int

    @property
    def first(self) -> int:
        """What the division comes to at size 1: 0 or 1."""
        return (1 + self.shift) // self.by

    def start(self, point: int) -> int:
        """The least size of a point."""
        return max(1, (point - 1 + self.first) * self.by - self.shift)

    def end(self, point: int) -> int:
        """The greatest size of a point."""
        return (point + self.first) * self.by - self.shift - 1

    def point(self, size: int) -> int:
        """The point of a size."""
        return (size + self.shift) // self.by - self.first + 1


Atom = Symbol | Floor
Monomial = tuple[tuple[Atom, int], ...]


@record
class Formula:
    """A sum of products of atoms, each with a whole coefficient that is not 0, in a fixed order."""

    terms: tuple[tuple[Monomial, int], ...]

    # --- arithmetic -------------------------------------------------------------------------------------------------

    def __add__(self, other: Formula) -> Formula:
        return _summed((*self.terms, *other.terms))

    def __sub__(self, other: Formula) -> Formula:
        return self + other * constant(-1)

    def __mul__(self, other: Formula) -> Formula:
        return _summed((_times(one, two), a * b) for one, a in self.terms for two, b in other.terms)

    def __floordiv__(self, by: int) -> Formula:
        """Division by a positive whole number, rounded down."""
        return _floor(self, by)

    def __mod__(self, by: int) -> Formula:
        return self - (self // by) * constant(by)

    # --- facts ------------------------------------------------------------------------------------------------------

    @cached_property
    def constant(self) -> int:
        """The coefficient of the term without atoms."""
        return next((value for monomial, value in self.terms if not monomial), 0)

    @property
    def is_constant(self) -> bool:
        """Whether no symbol stands in it."""
        return all(not monomial for monomial, _ in self.terms)

    @property
    def is_atom(self) -> bool:
        """Whether it is one symbol or one floor."""
        return len(self.terms) == 1 and self.terms[0][1] == 1 and [power for _, power in self.terms[0][0]] == [1]

    @cached_property
    def atoms(self) -> tuple[Atom, ...]:
        """The atoms of its terms, each once."""
        return tuple(dict.fromkeys(atom for monomial, _ in self.terms for atom, _ in monomial))

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it, those inside floors included."""
        found = ({atom.name} if isinstance(atom, Symbol) else atom.top.symbols for atom in self.atoms)
        return frozenset(chain.from_iterable(found))

    @cached_property
    def size(self) -> int:
        """How many terms it has, those inside floors included each time they stand there."""
        inside = (atom.top.size for monomial, _ in self.terms for atom, _ in monomial if isinstance(atom, Floor))
        return len(self.terms) + sum(inside)

    @cached_property
    def degree(self) -> int:
        """The highest degree of a term."""
        return max((sum(power * _degree(atom) for atom, power in monomial) for monomial, _ in self.terms), default=0)

    @cached_property
    def period(self) -> int:
        """For sizes with the same remainders modulo this it is a polynomial."""
        floors = (atom for atom in self.atoms if isinstance(atom, Floor))
        return lcm(*(atom.by * atom.top.period for atom in floors))

    @cached_property
    def grid(self) -> Grid | None:
        """The division of its one symbol that all of it is a formula of; None where there is none.

        `ceil(H/4096) - ceil(H/8192)` is `x - ceil(x/2)` of `x = ceil(H/4096)`.
        """
        floors = [(atom.by, *_shift(atom)) for atom in self.atoms if isinstance(atom, Floor)]
        if len(floors) != len(self.atoms) or len(self.symbols) != 1 or not all(alone for *_, alone in floors):
            return None
        by = gcd(*(each for each, *_ in floors))
        shifts = {shift % by for _, shift, _ in floors}
        return Grid(by, shifts.pop()) if by > 1 and len(shifts) == 1 else None

    def on(self, grid: Grid) -> Formula:
        """The formula over the points of its grid, the first of which is 1."""
        (name,) = self.symbols
        total = constant(0)
        for monomial, value in self.terms:
            product = constant(value)
            for atom, power in monomial:
                assert isinstance(atom, Floor)
                shift, _ = _shift(atom)
                point = symbol(name) + constant((shift - grid.shift) // grid.by + grid.first - 1)
                for _ in range(power):
                    product *= point // (atom.by // grid.by)
            total += product
        return total

    def at(self, sizes: Mapping[str, int]) -> int:
        """The value of the formula at some sizes, which name every symbol."""
        return sum(value * prod(_at(atom, sizes) ** power for atom, power in term) for term, value in self.terms)

    def put(self, given: Mapping[str, Formula]) -> Formula:
        """The formula with formulas put for some of its symbols."""
        if not self.symbols & given.keys():
            return self
        total = constant(0)
        for monomial, value in self.terms:
            product = constant(value)
            for atom, power in monomial:
                put = _put(atom, given)
                for _ in range(power):
                    product *= put
            total += product
        return total

    def never_below(self) -> Fraction | None:
        """A bound that it is never below, whatever the sizes; None where this simple way finds none.

        Each floor of a linear formula lies within less than 1 below the quotient.
        """
        if self.degree > 1:
            rising = all(value >= 0 for monomial, value in self.terms if monomial)
            return Fraction(self.constant) if rising and all(map(_is_not_negative, self.atoms)) else None
        slopes, offset = _relaxed(self, lower=True)
        if any(slope < 0 for slope in slopes.values()):
            return None
        return offset + sum(slopes.values())

    # --- words ------------------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        return self.shown

    @cached_property
    def shown(self) -> str:
        """The formula as a person writes it: `512*ceil(H/32)*ceil(W/32) + 1`."""
        if not self.terms:
            return "0"
        text = ""
        for monomial, value in self.terms:
            sign = " - " if value < 0 else " + "
            text += (sign if text else sign.strip(" +")) + _product(monomial, abs(value))
        return text


def constant(value: int) -> Formula:
    """A number as a formula."""
    return Formula((((), int(value)),) if value else ())


def symbol(name: str) -> Formula:
    """A size that is left open."""
    return Formula(((((Symbol(name), 1),), 1),))


ONE: Final = constant(1)


# --- normal form ------------------------------------------------------------------------------------------------------


def _summed(terms: Iterable[tuple[Monomial, int]]) -> Formula:
    found: dict[Monomial, int] = {}
    for monomial, value in terms:
        found[monomial] = found.get(monomial, 0) + value
    return Formula(tuple(sorted(((key, value) for key, value in found.items() if value), key=_order)))


def _order(term: tuple[Monomial, int]) -> tuple[Any, ...]:
    """Higher degrees first, what is added before what is taken away, then finer grids before coarser ones."""
    monomial, value = term
    return -sum(power for _, power in monomial), value < 0, *(_rank(atom) for atom, _ in monomial)


def _times(one: Monomial, two: Monomial) -> Monomial:
    powers = dict(one)
    for atom, power in two:
        powers[atom] = powers.get(atom, 0) + power
    return tuple(sorted(powers.items(), key=lambda each: _rank(each[0])))


def _rank(atom: Atom) -> tuple[list[str], int, str]:
    """The order of factors: by the symbols in them, then by their divisors, then as they are written."""
    return ([atom.name], 1, "") if isinstance(atom, Symbol) else (sorted(atom.top.symbols), atom.by, str(atom))


def _floor(top: Formula, by: int) -> Formula:
    """`floor(top/by)` in normal form."""
    if by == 1 or top.is_constant:
        return _summed((monomial, value // by) for monomial, value in top.terms)
    whole = _summed((monomial, _whole(value, by) if monomial else value // by) for monomial, value in top.terms)
    top -= whole * constant(by)
    if not top.terms or top.is_constant:
        return whole + constant(top.constant // by)
    if next(value for monomial, value in top.terms if monomial) < 0:
        # rounding -x/4 down is rounding x/4 up, and that is rounding (x + 3)/4 down
        return whole - _floor(constant(by - 1) - top, by)
    shared = gcd(by, *(value for monomial, value in top.terms if monomial))
    if shared > 1:
        # the rest of the constant cannot carry: floor((2H + 1)/4) is floor(H/2)
        rest = _summed((monomial, value // shared) for monomial, value in top.terms)
        return whole + _floor(rest, by // shared)
    floors = [atom for atom in top.atoms if isinstance(atom, Floor)]
    if len(floors) == 1 and _stands_alone(floors[0], top):
        # a floor in a floor: (floor(A/m) + B)/n and (A + m*B)/(m*n) are the same, rounded down
        (inner,) = floors
        others = top - Formula(((((inner, 1),), 1),))
        return whole + _floor(inner.top + others * constant(inner.by), inner.by * by)
    return whole + Formula(((((Floor(top, by), 1),), 1),))


def _whole(value: int, by: int) -> int:
    """How often `by` is taken out of a coefficient, so that what is left is nearest to 0; a half keeps its sign."""
    sign = -1 if value < 0 else 1
    return sign * ((2 * abs(value) + by - 1) // (2 * by))


def _stands_alone(atom: Floor, top: Formula) -> bool:
    return (((atom, 1),), 1) in top.terms


def _is_not_negative(atom: Atom) -> bool:
    if isinstance(atom, Symbol):
        return True
    bound = atom.top.never_below()
    return bound is not None and bound >= 0


def _shift(atom: Floor) -> tuple[int, bool]:
    """What is added to the size before it is divided, and whether nothing but a size stands there besides."""
    rest = atom.top - constant(atom.top.constant)
    return atom.top.constant, rest.is_atom and isinstance(rest.atoms[0], Symbol)


def _degree(atom: Atom) -> int:
    return 1 if isinstance(atom, Symbol) else atom.top.degree


def _at(atom: Atom, sizes: Mapping[str, int]) -> int:
    return sizes[atom.name] if isinstance(atom, Symbol) else atom.top.at(sizes) // atom.by


def _put(atom: Atom, given: Mapping[str, Formula]) -> Formula:
    if isinstance(atom, Symbol):
        return given.get(atom.name, Formula(((((atom, 1),), 1),)))
    return atom.top.put(given) // atom.by


def _relaxed(formula: Formula, *, lower: bool) -> tuple[dict[str, Fraction], Fraction]:
    """A linear function, without floors, that a formula of degree 1 is never below (or never above)."""
    slopes: dict[str, Fraction] = {}
    offset = Fraction(formula.constant)
    for monomial, value in formula.terms:
        if not monomial:
            continue
        ((atom, _),) = monomial
        if isinstance(atom, Symbol):
            slopes[atom.name] = slopes.get(atom.name, Fraction(0)) + value
            continue
        downwards = lower is (value > 0)
        inner, start = _relaxed(atom.top, lower=downwards)
        for name, slope in inner.items():
            slopes[name] = slopes.get(name, Fraction(0)) + slope * Fraction(value, atom.by)
        offset += (start - (atom.by - 1 if downwards else 0)) * Fraction(value, atom.by)
    return slopes, offset


# --- words ------------------------------------------------------------------------------------------------------------


def _product(monomial: Monomial, value: int) -> str:
    factors = [f"{atom}" if power == 1 else f"{atom}^{power}" for atom, power in monomial]
    if value != 1 or not factors:
        factors.insert(0, f"{value:,}")
    return "*".join(factors)


def _bracketed(formula: Formula) -> str:
    is_single = len(formula.terms) == 1 and formula.terms[0][1] == 1
    return f"{formula}" if is_single else f"({formula})"
