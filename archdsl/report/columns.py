"""Tables in columns, for the screen and for pipes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.base.records import record
from archdsl.report.terminal import Ink, Shown, cells, cut, padded, paint, visible, wrapped

GAP = "  "


@record(slots=True)
class Column:
    """A column of a table. `gap` stands before it."""

    title: str
    values: tuple[str, ...]
    right: bool = False
    gap: str = GAP

    @property
    def width(self) -> int:
        """Cells that its values take, without the gap."""
        return max(map(cells, (self.title, *self.values)))


def width_of(columns: Sequence[Column]) -> int:
    """Cells that a table takes."""
    return sum(column.width + len(column.gap) for column in columns)


def printed(
    columns: Sequence[Column],
    inks: Sequence[Ink | None],
    head: Sequence[str],
    foot: Sequence[str],
    width: int | None,
    *,
    colour: bool,
) -> Shown:
    """A table with what stands above and below it, in lines of a width. Of both the first is what the eye looks for."""
    widths = [column.width for column in columns]

    def line(values: Sequence[str]) -> str:
        parts = zip(values, columns, widths, strict=True)
        return "".join(column.gap + padded(value, size, right=column.right) for value, column, size in parts).rstrip()

    def around(paragraphs: Sequence[str], hanging: int) -> list[tuple[str, Ink | None]]:
        return [
            (each, Ink.FAINT if index else Ink.STRONG)
            for index, text in enumerate(paragraphs)
            for each in wrapped(text, width, hanging)
        ]

    rule = "─" * width_of(columns)
    lines: list[tuple[str, Ink | None]] = [
        *around(head, 0),
        ("", None),
        (line([column.title for column in columns]), Ink.STRONG),
        (rule, Ink.FAINT),
        *((line([column.values[index] for column in columns]), ink) for index, ink in enumerate(inks)),
        ("", None),
        *around(foot, 2),
    ]
    return painted(lines, colour=colour)


def painted(lines: Iterable[tuple[str, Ink | None]], *, colour: bool) -> Shown:
    """Lines, each in its colour."""
    shown = (paint(visible(text), ink, colour=colour) for text, ink in lines)
    return Shown.joined(Shown.filled("{}\n", line) for line in shown)


def listed_width(rows: Sequence[Sequence[str]]) -> int:
    """Cells that a list takes."""
    return sum(_widths(rows)) + len(GAP) * (len(rows[0]) - 1)


def listed(rows: Sequence[Sequence[str]], right: Sequence[bool], width: int, *, colour: bool) -> Shown:
    """A list under its titles, which are the first row; lines are cut to a width."""
    widths = _widths(rows)

    def line(row: Sequence[str]) -> str:
        parts = zip(row, widths, right, strict=True)
        return cut(GAP.join(padded(value, size, right=is_right) for value, size, is_right in parts).rstrip(), width)

    head, *body = map(line, rows)
    rule = "─" * min(width, listed_width(rows))
    return painted([(head, Ink.STRONG), (rule, Ink.FAINT), *((each, None) for each in body)], colour=colour)


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(cells, column)) for column in zip(*rows, strict=True)]
