"""Modules that were put around steps, or taken away from around them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from archdsl.graph.module import Module
from archdsl.report.diff.alignment import Pairs
from archdsl.report.diff.form import Body
from archdsl.report.diff.likeness import Likeness

_MOST_WRAPPED: Final = 40


class Wraps:
    """The modules of one network around steps that the other has without them, each in one gap of the alignment.

    near: for steps of the first network that are wrapped or unwrapped, what they are now in, or what was in them."""

    def __init__(self, likeness: Likeness, before: Body, after: Body, pairs: Pairs) -> None:
        self._of: dict[tuple[int | None, int | None], Any] = {}
        self.near: dict[int, int] = {}
        for rows, columns in _gaps(pairs):
            if rows and columns and len(rows) + len(columns) <= _MOST_WRAPPED:
                self._search(likeness, before, rows, after, columns, is_new=True)
                self._search(likeness, after, columns, before, rows, is_new=False)

    def _search(
        self, likeness: Likeness, body: Body, free: list[int], around: Body, modules: list[int], *, is_new: bool
    ) -> None:
        for at in modules:
            node = around.nodes[at]
            own = (None, at) if is_new else (at, None)
            if own in self._of or not isinstance(node.what, Module) or node.count > 1:
                continue
            left = [each for each in free if ((each, None) if is_new else (None, each)) not in self._of]
            stretches = (likeness.stretch_like(node.what, body, each) for each in _stretches(left))
            if (found := next((each for each in stretches if each is not None), None)) is None:
                continue
            part = body.part(*found)
            self._of[own] = (part, node) if is_new else (node, part)
            self.near.update(dict.fromkeys(range(*found), at) if is_new else {at: found[0]})
            for each in range(*found):
                self._of[(each, None) if is_new else (None, each)] = (None, None)

    def around(self, row: int | None, column: int | None) -> Any:
        """For a module that wraps, a pair: wrapped part and wrapping node, the one of the first network first; (None,
        None) for a wrapped step; None for all else."""
        return self._of.get((row, column))


def _gaps(pairs: Pairs) -> Iterator[tuple[list[int], list[int]]]:
    rows: list[int] = []
    columns: list[int] = []
    for row, column in (*pairs, (0, 0)):
        if row is not None and column is not None:
            if rows or columns:
                yield rows, columns
            rows, columns = [], []
        elif row is not None:
            rows.append(row)
        elif column is not None:
            columns.append(column)


def _stretches(numbers: list[int]) -> list[list[int]]:
    """The numbers without gaps between them."""
    found: list[list[int]] = []
    for each in numbers:
        if found and each == found[-1][-1] + 1:
            found[-1].append(each)
        else:
            found.append([each])
    return found
