"""Whole numbers that remember how they were worked out.

The PyTorch back end elaborates a network a second time with the parameters of its blocks traced. `4*c` is then the
number 256 everywhere, and its trace is `4 * c`, which is what a careful programmer would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record

_APPLY: Final[Mapping[str, Callable[[int, int], int]]] = {
    "+": int.__add__,
    "-": int.__sub__,
    "*": int.__mul__,
    "//": int.__floordiv__,
    "%": int.__mod__,
}
_RANK: Final = {"+": 1, "-": 1, "*": 2, "//": 2, "%": 2}
_ATOM: Final = 3
_LARGEST: Final = 60
_GRID_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


@record(slots=True)
class Named:
    """A constructor argument."""

    name: str


@record(slots=True)
class Derived:
    """An operation on two expressions."""

    sign: str
    left: Expression
    right: Expression
    size: int


Expression = int | float | Named | Derived


class Traced(int):
    """A whole number with the expression that it comes from. Everywhere else it is that number."""

    expression: Expression

    def __new__(cls, value: int, expression: Expression) -> Self:
        made = super().__new__(cls, value)
        made.expression = expression
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[int, Expression]]:
        return type(self), (int(self), self.expression)

    def __add__(self, other: int) -> int:
        return _derived("+", self, other)

    def __radd__(self, other: int) -> int:
        return _derived("+", other, self)

    def __sub__(self, other: int) -> int:
        return _derived("-", self, other)

    def __rsub__(self, other: int) -> int:
        return _derived("-", other, self)

    def __mul__(self, other: int) -> int:
        return _derived("*", self, other)

    def __rmul__(self, other: int) -> int:
        return _derived("*", other, self)

    def __floordiv__(self, other: int) -> int:
        return _derived("//", self, other)

    def __rfloordiv__(self, other: int) -> int:
        return _derived("//", other, self)

    def __mod__(self, other: int) -> int:
        return _derived("%", self, other)

    def __rmod__(self, other: int) -> int:
        return _derived("%", other, self)


def _derived(sign: str, left: int, right: int) -> int:
    if not isinstance(right, int) or not isinstance(left, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        return NotImplemented
    value = _APPLY[sign](int(left), int(right))
    return _made(value, sign, expression_of(left), expression_of(right))


def _made(value: int, sign: str, left: Expression, right: Expression) -> int:
    """The traced number of an operation, without the operations that change nothing. Nobody would write a very long
    expression, so the trace of one is dropped; this also bounds the depth of every walk over expressions."""
    if isinstance(left, int) and isinstance(right, int):
        return value
    if sign == "*" and 0 in (left, right):
        return value
    if (sign in "+-" and right == 0) or (sign in {"*", "//"} and right == 1):
        return Traced(value, left)
    if (sign == "+" and left == 0) or (sign == "*" and left == 1):
        return Traced(value, right)
    if sign in "+-" and (total := _total(sign, left, right)) is not None:
        return value if isinstance(total, int | float) else Traced(value, total)
    if sign == "*" and isinstance(left, Derived) and left.sign == "*" and isinstance(left.right, int):
        if isinstance(right, int):
            return _made(value, "*", left.left, left.right * right)
    elif sign == "//" and (term := _divided(left, right)) is not None:
        return value if isinstance(term, int | float) else Traced(value, term)
    size = _size(left) + _size(right) + 1
    return Traced(value, Derived(sign, left, right, size)) if size <= _LARGEST else value


def _total(sign: str, left: Expression, right: Expression) -> Expression | None:
    """A sum or difference in which terms that are alike are one, and those that cancel are none; None where all terms
    are different, or nothing positive is left to begin with."""
    one, other = _terms(left, 1), _terms(right, 1 if sign == "+" else -1)
    if one.keys().isdisjoint(other.keys()):
        return None
    for term, factor in other.items():
        one[term] = one.get(term, 0) + factor
    # plain numbers stand last
    found = sorted(
        ((term, factor) for term, factor in one.items() if factor), key=lambda each: isinstance(each[0], int)
    )
    head = next((index for index, (_, factor) in enumerate(found) if factor > 0), None)
    if head is None:
        return 0 if not found else None
    total = _times(*found.pop(head))
    for term, factor in found:
        part = _times(term, abs(factor))
        total = Derived("+" if factor > 0 else "-", total, part, _size(total) + _size(part) + 1)
    return total


def _times(term: Expression, factor: int) -> Expression:
    """A term so often."""
    if isinstance(term, int):
        return factor
    return term if factor == 1 else Derived("*", factor, term, _size(term) + 2)


def _divided(product: Expression, divisor: Expression) -> Expression | None:
    """What is left of a product divided by a factor that goes into it: `c` of `2 * c // 2`, and 2 of `2 * c // c`."""
    match product, divisor:
        case Derived("*", one, other, _), Named() | Derived() if divisor in {one, other}:
            return other if one == divisor else one
        case ((Derived("*", int(factor), term, _) | Derived("*", term, int(factor), _)), int(by)) if (
            by and not factor % by
        ):
            return term if factor == by else Derived("*", factor // by, term, _size(term) + 2)
        case _:
            return None


def difference(one: int, other: int) -> int:
    """`one - other`, whose trace has no terms that both have: `in_channels + 2 * k` and `in_channels + k` differ by
    `k`."""
    terms = _terms(expression_of(one), 1)
    for term, factor in _terms(expression_of(other), -1).items():
        terms[term] = terms.get(term, 0) + factor
    value = int(one) - int(other)
    left = {term: factor for term, factor in terms.items() if factor}
    match list(left.items()):
        case [(Named() | Derived() as term, int(factor))] if factor > 0:
            return Traced(value, _times(term, factor))
        case _:
            return value


def _terms(expression: Expression, factor: int) -> dict[Expression, int]:
    """The terms of a sum with their factors; that of the plain numbers is 1."""
    match expression:
        case Derived("+" | "-" as sign, left, right, _):
            terms = _terms(left, factor)
            for term, times in _terms(right, factor if sign == "+" else -factor).items():
                terms[term] = terms.get(term, 0) + times
            return terms
        case Derived("*", int(number), term, _) | Derived("*", term, int(number), _):
            return {term: factor * number}
        case int(number):
            return {1: factor * number}
        case _:
            return {expression: factor}


def _size(expression: Expression) -> int:
    return expression.size if isinstance(expression, Derived) else 1


def expression_of(value: float) -> Expression:
    """The expression of a number: its trace, or itself."""
    return value.expression if isinstance(value, Traced) else plain(value)


def plain(value: float) -> int | float:
    """A number without its trace."""
    return int(value) if isinstance(value, int) else value


def progression(start: Expression, step: Expression, index: str) -> Expression:
    """`start + step * index`, written as short as it goes."""
    times = -step if isinstance(step, int) and step < 0 and start != 0 else step
    terms = Named(index) if times == 1 else Derived("*", times, Named(index), _size(times) + 2)
    if start == 0:
        return terms
    if times != step:
        return Derived("-", start, terms, _size(start) + _size(terms) + 1)
    if step == 1 and isinstance(start, int):
        return Derived("+", terms, start, 3)
    return Derived("+", start, terms, _size(start) + _size(terms) + 1)


def names_in(expression: Expression) -> frozenset[str]:
    """The constructor arguments that an expression uses."""
    match expression:
        case Named(name):
            return frozenset((name,))
        case Derived(_, left, right, _):
            return names_in(left) | names_in(right)
        case _:
            return frozenset()


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """The value of an expression, or None where a name has none or a division by zero stands in the way."""
    match expression:
        case Named(name):
            return values.get(name)
        case Derived(sign, left, right, _):
            first, second = evaluate(left, values), evaluate(right, values)
            if first is None or second is None or (second == 0 and sign in {"//", "%"}):
                return None
            return _APPLY[sign](first, second)
        case _:
            return plain(expression)


def substituted(value: int, given: Mapping[str, int]) -> int:
    """A traced number of a block in the terms of its caller, who gave the block's names these values."""
    if not isinstance(value, Traced):
        return value
    return _substituted(value.expression, given, value)


def _substituted(expression: Expression, given: Mapping[str, int], value: int) -> int:
    match expression:
        case Named(name):
            found = given.get(name)
            return int(value) if found is None or found != value else found
        case Derived(sign, left, right, _):
            made = _derived_of(sign, left, right, given)
            return made if made is not None and made == value else int(value)
        case _:
            return int(expression)


def _derived_of(sign: str, left: Expression, right: Expression, given: Mapping[str, int]) -> int | None:
    plain = {name: int(number) for name, number in given.items()}
    first, second = evaluate(left, plain), evaluate(right, plain)
    if first is None or second is None:
        return None
    one, two = _substituted(left, given, first), _substituted(right, given, second)
    if sign in {"//", "%"} and two == 0:
        return None
    return _derived(sign, one, two) if isinstance(one, Traced) or isinstance(two, Traced) else _APPLY[sign](one, two)


def python(expression: Expression) -> str:
    """An expression as Python writes it."""
    return _python(expression)[0]


def _python(expression: Expression) -> tuple[str, int]:
    match expression:
        case Named(name):
            return name, _ATOM
        case Derived(sign, left, right, _):
            rank = _RANK[sign]
            first, first_rank = _python(left)
            second, second_rank = _python(right)
            first = first if first_rank >= rank else f"({first})"
            # a - (b - c), and a * (b // c), keep their brackets
            second = second if second_rank > rank or (second_rank == rank and sign == "+") else f"({second})"
            return f"{first} {sign} {second}", rank
        case _:
            return str(plain(expression)), _ATOM


def dimension_names(kind: TensorType, prefix: str) -> tuple[str, ...]:
    """The names of a tensor's sizes as constructor arguments, in the order of its shape: `in_channels`, `in_height`."""
    channels = f"{prefix}_channels" if kind.kind == "image" else f"{prefix}_features"
    grid = tuple(f"{prefix}_{axis}" for axis in _GRID_NAMES.get(len(kind.grid), ()))
    return (channels, *grid) if kind.kind == "image" else (*grid, channels)


def traced_type(kind: TensorType, prefix: str) -> TensorType:
    """A type whose sizes are traced to constructor arguments."""
    names = dimension_names(kind, prefix)
    sizes = (Traced(int(size), Named(name)) for size, name in zip(kind.shape, names, strict=True))
    return TensorType(tuple(sizes), kind.kind)
