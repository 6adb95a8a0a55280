"""What an explanation is made of: titled lines of arithmetic, each under a word; and how numbers stand in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import cast

from archdsl.algebra.symbolic import formula_of, is_open
from archdsl.base.records import record
from archdsl.ops.operator import AXIS_NAMES
from archdsl.report.terminal import Shown, lines, visible, wrapped

WIDTH = 80
_SAME = 4
Lines = Iterator[tuple[str, str]]


@record
class Explanation:
    """One step: a title, and lines of arithmetic, each under a word."""

    title: str
    lines: tuple[tuple[str, str], ...]
    same: list[str] = field(default_factory=list[str])

    def text(self, width: int = WIDTH) -> Shown:
        """The page as text, the words aligned, in lines of a width."""
        told = [*self.lines, *([("also at", listed(self.same))] if self.same else [])]
        indent = max((len(word) for word, _ in told), default=0) + 4
        rows = wrapped(visible(self.title), width)
        for word, line in told:
            first, *rest = wrapped(visible(line), width - indent, hanging=0) or [""]
            rows.append(f"  {word:<{indent - 2}}{first}".rstrip())
            rows += (" " * indent + each for each in rest)
        return lines(rows)


def listed(paths: list[str]) -> str:
    """The first few of some paths, and how many more there are."""
    more = f" and {len(paths) - _SAME} more" if len(paths) > _SAME else ""
    return ", ".join(paths[:_SAME]) + more


def by_axis(sums: list[str], word: str = "") -> Lines:
    """One line for all axes where they agree, else one for each. Without a word, under the names of the axes."""
    names = AXIS_NAMES.get(len(sums), tuple(f"axis {index + 1}" for index in range(len(sums))))
    if len(set(sums)) == 1:
        yield word or ", ".join(names), sums[0]
        return
    for name, line in zip(names, sums, strict=True):
        yield (word, f"{name}: {line}") if word else (name, line)


def product(sizes: Iterable[int]) -> str:
    """Numbers with signs of multiplication between them."""
    return "*".join(map(_factor, sizes))


def _factor(size: int) -> str:
    """A number; a sum of parts that are left open in brackets."""
    return f"({size})" if is_open(size) and len(formula_of(size).terms) > 1 else f"{size}"


def equal(calculation: str, result: object) -> str:
    """A calculation with its result, or the result alone where they read the same."""
    shown = f"{result:,}" if isinstance(result, int) else f"{result}"
    return shown if calculation.replace(",", "") == shown.replace(",", "") else f"{calculation} = {shown}"


def literal(value: object) -> str:
    """A value as the language writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return f"({', '.join(map(literal, cast('tuple[object, ...]', value)))})"
        case _:
            return str(value)
