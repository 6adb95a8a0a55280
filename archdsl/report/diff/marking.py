"""The difference of two networks as marks for a picture of the second one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from archdsl.graph.marks import Gone, Mark, Marked, Marks
from archdsl.report.diff.model import Change, Kind
from archdsl.report.diff.table import Diff, hidden_aspects
from archdsl.report.walk import times

_SIGNS: Final = {Mark.ADDED: "+", Mark.REMOVED: "−", Mark.CHANGED: "~"}
_LINES: Final = 4


def marks(diff: Diff) -> Marks:
    """What a picture of the second network marks. The difference has to be one that tells every place."""
    of: dict[tuple[str, bool], Marked] = {}
    inside: dict[str, Counter[Mark]] = {}
    gone: dict[tuple[str, str, str], list[Change]] = {}
    opened: set[str] = set()
    for change, parents, is_first in _visited(diff):
        mark = _mark(change)
        of.update({(side.path, side.is_module): mark for side in change.others if change.kind is Kind.UNWRAPPED})
        for parent in parents:
            inside.setdefault(parent, Counter())[mark.mark] += 1
        opened.update(parents if is_first else ())
        if change.new is not None:
            of[change.new.path, change.new.is_module] = mark
        elif change.kind is Kind.REMOVED:
            gone.setdefault((parents[-1] if parents else "", *change.between), []).append(change)
    notes = {path: " ".join(f"{_SIGNS[mark]}{count}" for mark, count in each.items()) for path, each in inside.items()}
    rows = (Gone(_gone(changes), *place) for place, changes in gone.items())
    return Marks(diff.old.name, of, notes, tuple(rows), frozenset(opened))


def _visited(diff: Diff) -> Iterator[tuple[Change, tuple[str, ...], bool]]:
    """Each change of an author, with the paths of the modules around it, and whether the same was not told before."""
    waiting: list[tuple[Change, tuple[str, ...], bool]] = [(each, (), True) for each in reversed(diff.changes)]
    while waiting:
        change, parents, is_first = waiting.pop()
        if change.is_authored:
            yield change, parents, is_first
        if change.inside:
            inner = parents if change.new is None else (*parents, change.new.path)
            first = is_first and not change.is_told
            waiting.extend((each, inner, first) for each in reversed(change.inside))


def _mark(change: Change) -> Marked:
    if change.kind is Kind.ADDED:
        return Marked(Mark.ADDED)
    old, new = change.old, change.new
    if new is None:
        assert old is not None
        return Marked(Mark.CHANGED, note=f"was in {old.label}") if change.others else Marked(Mark.REMOVED)
    if old is None:
        return Marked(Mark.CHANGED, note=f"now around {len(change.others)} step{'s' * (len(change.others) != 1)}")
    before, after = (side.label.removesuffix(times(side.count)) for side in (old, new))
    notes = [text.replace(" -> ", " → ") for text in hidden_aspects(change)]
    if before != after and (old.is_module or new.is_module):
        notes.insert(0, f"was {before}")
    if old.count != new.count:
        notes.insert(0, f"was{times(old.count) or ' ×1'}")
    is_box = before != after and not old.is_module and not new.is_module
    return Marked(Mark.CHANGED, before if is_box else "", ", ".join(notes))


def _gone(changes: list[Change]) -> str:
    """What is gone from between two steps, without what a textbook gives no box."""
    told = [each for each in changes if not each.side.is_quiet] or changes
    labels = Counter(each.side.label for each in told)
    shown = [f"{label} ×{count}" if count > 1 else label for label, count in labels.items()]
    if len(shown) > _LINES:
        shown[_LINES - 1 :] = [f"and {len(shown) - _LINES + 1} more"]
    return "\n".join(shown)
