"""The alignment of two sequences: which item of one is which of the other, at the least cost.

Gotoh 1982, An improved algorithm for matching biological sequences: a gap costs more to open than to go on, so that
what was inserted together comes out together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import inf
from typing import Final

Pairs = list[tuple[int | None, int | None]]
Cost = Callable[[int, int], float]
Same = Callable[[int, int], bool]

CELLS: Final = 60_000
OPEN: Final = 0.2
GAP: Final = 1.0
_NARROWEST: Final = 8
_PAIR, _DROP, _INSERT = range(3)


def align(rows: int, columns: int, cost: Cost, same: Same) -> Pairs:
    """The pairs of two sequences by their indices, with None for what has no partner, in the order of both.

    cost: of a pair, `inf` where two items are never one. same: whether two items cannot be told apart. The work is
    bounded by `CELLS`: longer sequences lose what is the same at their ends, and what is then still too long is aligned
    within a band around the diagonal.
    """
    if rows * columns <= CELLS:
        return list(_aligned(0, rows, 0, columns, cost))
    most = min(rows, columns)
    head = next((index for index in range(most) if not same(index, index)), most)
    left = most - head
    tail = next((index for index in range(left) if not same(rows - 1 - index, columns - 1 - index)), left)
    inner = _aligned(head, rows - tail, head, columns - tail, cost)
    ends = ((rows - tail + index, columns - tail + index) for index in range(tail))
    return [*((index, index) for index in range(head)), *inner, *ends]


def _aligned(top: int, bottom: int, left: int, right: int, cost: Cost) -> Iterator[tuple[int | None, int | None]]:
    """The alignment of what lies between two indices in each sequence."""
    rows, columns = bottom - top, right - left
    if not rows or not columns:
        yield from ((row, None) for row in range(top, bottom))
        yield from ((None, column) for column in range(left, right))
        return
    ways = _ways(rows, columns, lambda row, column: cost(top + row, left + column))
    for row, column in reversed(ways):
        yield (None if row is None else top + row, None if column is None else left + column)


def _ways(rows: int, columns: int, cost: Cost) -> Pairs:
    """The best way through the table of costs, from its end to its beginning."""
    band = columns if rows * columns <= CELLS else max(_NARROWEST, CELLS // (2 * rows))
    start = {column: (inf, inf, OPEN + GAP * column) for column in range(1, columns + 1)}
    before: dict[int, tuple[float, float, float]] = {0: (0.0, inf, inf), **start}
    came: list[dict[int, tuple[int, int, int]]] = [dict.fromkeys(range(columns + 1), (_PAIR, _PAIR, _INSERT))]
    came[0][1] = (_PAIR, _PAIR, _PAIR)
    for row in range(1, rows + 1):
        middle = row * columns // rows
        now: dict[int, tuple[float, float, float]] = {}
        steps: dict[int, tuple[int, int, int]] = {}
        for column in range(max(0, middle - band), min(columns, middle + band) + 1):
            now[column], steps[column] = _cell(row, column, before, now, cost)
        before = now
        came.append(steps)
    return _back(rows, columns, before[columns], came)


_NOWHERE = (inf, inf, inf)


def _cell(
    row: int,
    column: int,
    before: dict[int, tuple[float, float, float]],
    now: dict[int, tuple[float, float, float]],
    cost: Cost,
) -> tuple[tuple[float, float, float], tuple[int, int, int]]:
    """The least costs of ending here with a pair, a dropped row or an inserted column, and what came before each."""
    above, beside = before.get(column, _NOWHERE), now.get(column - 1, _NOWHERE)
    pair, from_pair = inf, _PAIR
    if column and (corner := before.get(column - 1, _NOWHERE)) != _NOWHERE and (own := cost(row - 1, column - 1)) < inf:
        pair, from_pair = _least(corner)
        pair += own
    drops = (above[0] + OPEN + GAP, above[1] + GAP, above[2] + OPEN + GAP)
    inserts = (beside[0] + OPEN + GAP, beside[1] + OPEN + GAP, beside[2] + GAP)
    (drop, from_drop), (insert, from_insert) = _least(drops), _least(inserts)
    return (pair, drop, insert), (from_pair, from_drop, from_insert)


def _least(costs: tuple[float, float, float]) -> tuple[float, int]:
    """The least of three costs and where it stands. Of equal ones the last, so that what was added to a row of equal
    items is added at its end."""
    least = min(costs)
    return least, 2 if costs[2] == least else 1 if costs[1] == least else 0


def _back(
    rows: int, columns: int, last: tuple[float, float, float], came: list[dict[int, tuple[int, int, int]]]
) -> Pairs:
    row, column, state = rows, columns, _least(last)[1]
    found: Pairs = []
    while row or column:
        before = came[row][column][state]
        match state:
            case 0:
                row, column = row - 1, column - 1
                found.append((row, column))
            case 1:
                row -= 1
                found.append((row, None))
            case _:
                column -= 1
                found.append((None, column))
        state = before
    return found
