"""The difference of two networks as a table: a sign, the layer, what became of it, and what that costs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final, assert_never, cast

from archdsl.algebra.figures import short_number
from archdsl.base.records import record
from archdsl.facts.fact import Fact
from archdsl.facts.table import counts
from archdsl.report.columns import painted
from archdsl.report.diff.model import FORMAT, VERSION, About, Aspect, Change, Kind, Side, Whole
from archdsl.report.structure import plain
from archdsl.report.terminal import Ink, Shown, cells, cut, padded, paint, visible
from archdsl.report.walk import times

_ALL: Final = 10**9
_GAP: Final = "  "
_NARROWEST: Final = 24
_SHOWN_NAMES: Final = 6
_SIGN: Final = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~", Kind.WRAPPED: "~", Kind.UNWRAPPED: "~"}
_INK: Final = {"+": Ink.ADDED, "-": Ink.REMOVED, "~": Ink.CHANGED}
_TITLES: Final = ("layer", "change", "output")


@record(slots=True)
class Diff:
    """The difference of two networks: true where there is one. See `Change`.

    changes: the steps with what became of them, in the order of the second network; those of which everything is as
    it was are not there. aspects: what is different about the networks themselves. names: the paths that weights had,
    with those that they have now; what is below them moved with them.
    """

    old: Whole
    new: Whole
    changes: tuple[Change, ...]
    aspects: tuple[Aspect, ...] = ()
    names: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.changes or self.aspects or self.names)

    def __str__(self) -> str:
        return self.text()

    def walk(self) -> Iterator[tuple[int, Change]]:
        """Every change, also those inside others, with its depth."""
        return (each for change in self.changes for each in change.walk())

    @property
    def authored(self) -> tuple[Change, ...]:
        """What somebody changed, wherever it is."""
        return tuple(change for _, change in self.walk() if change.is_authored)

    def text(self, width: int | None = 80, *, colour: bool = False, everything: bool = False) -> Shown:
        """The table for the screen, with `everything` also what only follows from other changes."""
        return _text(self, width, colour=colour, everything=everything)

    def to_json(self) -> Shown:
        """The difference as JSON: the same bytes for the same networks."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "equal": not self,
            "old": self.old.record(),
            "new": self.new.record(),
            "aspects": [each.record() for each in self.aspects],
            "names": [{"old": old, "new": new} for old, new in self.names],
            "changes": [each.record() for each in self.changes],
        }
        return Shown.json(document)


@record(slots=True)
class _Row:
    """A line of the table. extra: what stands on lines of its own below the change."""

    sign: str
    layer: str
    change: str
    output: str = ""
    counts: tuple[int, ...] = ()
    extra: tuple[str, ...] = ()
    ink: Ink | None = None


def _text(diff: Diff, width: int | None, *, colour: bool = False, everything: bool = False) -> Shown:
    """The table for the screen, within a width where that is possible. everything: also what only follows."""
    title = Shown.filled("{} -> {}", visible(diff.old.name), visible(diff.new.name))
    if not diff:
        return Shown.filled("{}: no difference\n", paint(title, Ink.STRONG, colour=colour))
    lines: list[tuple[str, Ink | None]] = [(title, Ink.STRONG), ("", None)]
    rows = [*_of_networks(diff), *_rows(diff, everything=everything)]
    if rows:
        lines += [*_table(rows, width or _ALL), ("", None)]
    lines += [*_totals(diff), *_notes(diff, width or _ALL, everything=everything)]
    return painted(((line.rstrip(), ink) for line, ink in lines), colour=colour)


# --- rows -------------------------------------------------------------------------------------------------------------


def _of_networks(diff: Diff) -> Iterator[_Row]:
    for aspect in diff.aspects:
        yield _Row("~", aspect.name, _of_aspect(aspect, named=False), ink=Ink.CHANGED)


def _rows(diff: Diff, *, everything: bool) -> Iterator[_Row]:
    for depth, change in diff.walk():
        if everything or change.is_authored or _holds_authored(change):
            yield _row(depth, change)


def _holds_authored(change: Change) -> bool:
    return change.kind is Kind.KEPT or any(each.is_authored for _, each in change.walk())


def _row(depth: int, change: Change) -> _Row:
    sign = _SIGN.get(change.kind, " ") if change.is_authored else " "
    old, new = change.old, change.new
    side = change.side
    layer = side.name if old is None or new is None or old.name == new.name else f"{old.name} -> {new.name}"
    said, extra = _change(change)
    before, after = ("" if each is None else ", ".join(map(str, each.outputs)) for each in (old, new))
    output = f"{before} -> {after}" if old and new and before != after else after or before
    ink = _INK.get(sign) or (Ink.FAINT if change.kind is not Kind.KEPT else None)
    if change.also:
        extra = (*extra, f"the same in {', '.join(change.also)}")
    return _Row(
        sign,
        visible("  " * depth + layer),
        visible(said),
        output,
        tuple(_difference(change, fact) for fact in counts()),
        tuple(map(visible, extra)),
        ink,
    )


def _difference(change: Change, fact: Fact[int]) -> int:
    others = sum(each.facts[fact] for each in change.others)
    new = change.new.facts[fact] if change.new else others if change.kind is Kind.UNWRAPPED else 0
    old = change.old.facts[fact] if change.old else others if change.kind is Kind.WRAPPED else 0
    return new - old


def _change(change: Change) -> tuple[str, tuple[str, ...]]:
    """What became of a step in a few words, and what does not fit in there."""
    old, new = change.old, change.new
    if change.kind in {Kind.WRAPPED, Kind.UNWRAPPED}:
        gone = "gone from " if change.kind is Kind.UNWRAPPED else ""
        return f"{change.side.label}, {gone}around {_few([each.name for each in change.others])}", ()
    if old is None or new is None:
        return f"{change.side.label}{', follows' if change.implied else ''}", ()
    told, hidden = _labels(old, new), hidden_aspects(change)
    if len(hidden) == 1 and old.label == new.label:
        return f"{told}: {hidden[0]}", ()
    return told, hidden


def hidden_aspects(change: Change) -> tuple[str, ...]:
    """What is different about a step that its labels do not tell, in words."""
    old, new = change.old, change.new
    if old is None or new is None:
        return ()
    hidden = [aspect for aspect in change.aspects if _is_hidden(aspect, old, new)]
    if change.kind is Kind.FOLLOWS:
        hidden += [aspect for aspect in change.follows if old.label == new.label]
    return tuple(map(_of_aspect, hidden))


def _few(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{', '.join(names[:2])}, ..., {names[-1]} ({len(names)} steps)"


def _labels(old: Side, new: Side) -> str:
    if old.label == new.label:
        return new.label
    one, other = (side.label.removesuffix(times(side.count)) for side in (old, new))
    if one == other:
        return f"{one}{times(old.count) or ' ×1'} ->{times(new.count) or ' ×1'}"
    return f"{old.label} -> {new.label}"


def _is_hidden(aspect: Aspect, old: Side, new: Side) -> bool:
    """Whether the labels do not tell it."""
    match aspect.about:
        case About.COUNT | About.OPERATOR:
            return old.label == new.label
        case About.ARGUMENT:
            return new.is_module or old.label == new.label
        case About.NAME:
            return False
        case About.INPUT | About.OUTPUT | About.SHARING:
            return True
        case _:
            assert_never(aspect.about)


def _of_aspect(aspect: Aspect, *, named: bool = True) -> str:
    old, new = map(_written, (aspect.old, aspect.new))
    name = f"{aspect.name} " if named else ""
    if aspect.old is None:
        return f"{name}{new}, new"
    if aspect.new is None:
        return f"{name}{old}, gone"
    return f"{name}{old} -> {new}"


def _written(value: object) -> str:
    match plain(value):
        case bool() as truth:
            return str(truth).lower()
        case float() as number:
            return f"{number:.3g}"
        case list():
            return f"({', '.join(map(_written, cast('tuple[object, ...]', value)))})"
        case other:
            return str(other)


# --- lines ------------------------------------------------------------------------------------------------------------


def _table(rows: list[_Row], width: int) -> Iterator[tuple[str, Ink | None]]:
    titles = (*_TITLES, *(fact.title for fact in counts()))
    for short, outputs in ((False, True), (False, False), (True, False)):
        values = [_values(row, short=short, outputs=outputs) for row in rows]
        widths = [max(cells(row[column]) for row in (titles, *values)) for column in range(len(titles))]
        widths = [0 if not any(row[column] for row in values) else each for column, each in enumerate(widths)]
        if (excess := _width(widths) - width) <= 0:
            break
    for column in (1, 0):
        less = min(max(excess, 0), max(widths[column] - _NARROWEST, 0))
        widths[column] -= less
        excess -= less
    yield f"   {_line(titles, widths)}", Ink.STRONG
    yield "─" * min(_width(widths), width), Ink.FAINT
    for row, own in zip(rows, values, strict=True):
        first, *others = textwrap.wrap(own[1], widths[1], break_on_hyphens=False) or [""]
        yield f"{row.sign}  {_line((own[0], first, *own[2:]), widths)}", row.ink
        indent = " " * (3 + widths[0] + len(_GAP) + 2)
        yield from ((f"{indent}{each}", row.ink) for each in others)
        room = max(min(width, _width(widths)) - len(indent), _NARROWEST)
        for extra in row.extra:
            lines = textwrap.wrap(extra, room, break_on_hyphens=False)
            yield from ((f"{indent}{line}", row.ink or Ink.FAINT) for line in lines)


def _values(row: _Row, *, short: bool, outputs: bool) -> tuple[str, ...]:
    numbers = row.counts or (0,) * len(counts())
    return row.layer, row.change, row.output if outputs else "", *(_signed(each, short) for each in numbers)


def _width(widths: list[int]) -> int:
    return 3 + sum(widths) + len(_GAP) * (sum(map(bool, widths)) - 1)


def _line(values: tuple[str, ...], widths: list[int]) -> str:
    parts = [
        padded(cut(value, size), size, right=column > 2)
        for column, (value, size) in enumerate(zip(values, widths, strict=True))
        if size
    ]
    return _GAP.join(parts)


def _signed(value: int, short: bool) -> str:  # noqa: FBT001 - how a number is written
    if not value:
        return ""
    return f"{'+' if value > 0 else '-'}{short_number(abs(value)) if short else f'{abs(value):,}'}"


def _totals(diff: Diff) -> Iterator[tuple[str, Ink | None]]:
    old, new = diff.old, diff.new
    facts: list[tuple[str, int, int]] = []
    for fact in counts():
        inference = old.facts[fact], new.facts[fact]
        facts.append((fact.title, *inference))
        if fact in new.held and (old.held[fact], new.held[fact]) != inference:
            facts.append(("  in training", old.held[fact], new.held[fact]))
    facts.append(("layers", old.layers, new.layers))
    rows = [(name, f"{one:,}", f"{other:,}", _signed(other - one, short=False)) for name, one, other in facts]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for (name, one, other, change), (_, before, after) in zip(rows, facts, strict=True):
        line = f"{name.ljust(widths[0])}  {one.rjust(widths[1])} -> {other.rjust(widths[2])}  {change.rjust(widths[3])}"
        share = _share(after - before, before)
        yield f"{line}{share and f'  {share}'}", Ink.STRONG if change else None


def _share(change: int, whole: int) -> str:
    if not change or not whole:
        return ""
    percent = 100 * change / whole
    return f"{percent:+.1f}%" if abs(percent) < 9.95 else f"{percent:+.0f}%"


def _notes(diff: Diff, width: int, *, everything: bool) -> Iterator[tuple[str, Ink | None]]:
    notes: list[str] = []
    if diff.names:
        count = len(diff.names)
        pairs = [f"{old} -> {new}" for old, new in diff.names]
        shown = pairs if everything or count <= _SHOWN_NAMES else [*pairs[: _SHOWN_NAMES - 1], "..."]
        notes.append(f"weights have other names: {', '.join(shown)}{f' ({count:,} in all)' if shown != pairs else ''}")
    quiet = sum(1 for _, change in diff.walk() if not change.is_authored and not _holds_authored(change))
    if quiet and not everything:
        what = "1 step differs" if quiet == 1 else f"{quiet:,} steps differ"
        notes.append(f"{what} only as a consequence: --all shows {'it' if quiet == 1 else 'them'}")
    if notes:
        yield "", None
    for note in notes:
        yield from ((line, Ink.FAINT) for line in textwrap.wrap(visible(note), width, break_on_hyphens=False))
