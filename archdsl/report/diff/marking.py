"""The difference of two networks as marks for a picture of the second one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from archdsl.graph.marks import Gone, Mark, Marked, Marks
from archdsl.report.diff.model import Change, Diff, Kind
from archdsl.report.diff.table import hidden_aspects
from archdsl.report.walk import times

MOST: Final = 5_000
_SIGNS: Final = {Mark.ADDED: "+", Mark.REMOVED: "−", Mark.CHANGED: "~"}

# how the path of a change becomes that of the same change elsewhere: prefixes to replace, from inside to outside
_Place = tuple[tuple[str, str], ...]


def marks(diff: Diff) -> Marks:
    """What a picture of the second network marks, in each place where the same was changed; the first 5,000 of them."""
    of: dict[tuple[str, bool], Marked] = {}
    inside: dict[str, Counter[Mark]] = {}
    gone: list[Gone] = []
    opened: set[str] = set()
    for change, parents, places in _visited(diff):
        mark = _mark(change)
        for number, place in enumerate(places):
            around = [_moved(parent, place) for parent in parents]
            for parent in dict.fromkeys(around):
                inside.setdefault(parent, Counter())[mark.mark] += 1
                if not number:
                    opened.add(parent)
            if change.new is not None:
                of[_moved(change.new.path, place), change.new.is_module] = mark
            elif change.old is not None:
                after, before = (each and _moved(each, place) for each in change.between)
                gone.append(Gone(change.old.label, around[-1] if around else "", after, before))
        if len(of) + len(gone) > MOST:
            break
    notes = {path: " ".join(f"{_SIGNS[mark]}{count}" for mark, count in each.items()) for path, each in inside.items()}
    return Marks(diff.old.name, of, notes, tuple(_in_rows(gone)), frozenset(opened))


def _visited(diff: Diff) -> Iterator[tuple[Change, tuple[str, ...], list[_Place]]]:
    """Each change of an author, with the paths of the modules around it, and every place where it was made."""
    waiting: list[tuple[Change, tuple[str, ...], list[_Place]]] = [(each, (), [()]) for each in reversed(diff.changes)]
    while waiting:
        change, parents, places = waiting.pop()
        if change.is_authored and not _is_noise(change):
            yield change, parents, places
        if change.new is not None and change.inside:
            own = change.new.path
            moves = [(), *(((own, _first(path)),) for path in change.also)]
            here = [(*move, *place) for place in places for move in moves][:MOST]
            waiting.extend((each, (*parents, own), here) for each in reversed(change.inside))


def _is_noise(change: Change) -> bool:
    """Whether it is but a step that a textbook gives no box, and that is gone."""
    return change.kind is Kind.UNWRAPPED


def _mark(change: Change) -> Marked:
    if change.kind is Kind.ADDED:
        return Marked(Mark.ADDED)
    old, new = change.old, change.new
    if new is None:
        return Marked(Mark.REMOVED)
    if old is None:
        return Marked(Mark.CHANGED, note=f"now around {len(change.others)} steps")
    before, after = (side.label.removesuffix(times(side.count)) for side in (old, new))
    counted = "" if old.count == new.count else f"{times(old.count) or ' ×1'} → {(times(new.count) or ' ×1').strip()}"
    notes = [counted.strip(), *(text.replace(" -> ", " → ") for text in hidden_aspects(change))]
    return Marked(Mark.CHANGED, before if before != after else "", ", ".join(filter(None, notes)))


def _moved(path: str, place: _Place) -> str:
    for old, new in place:
        if path == old or path.startswith(f"{old}."):
            path = new + path[len(old) :]
    return path


def _first(span: str) -> str:
    """The first path of several: `layer1.1` of `layer1.1-2`."""
    before, _, name = span.rpartition(".")
    first = name.partition("-")[0]
    return f"{before}.{first}" if before else first


def _in_rows(gone: list[Gone]) -> Iterator[Gone]:
    """What is gone between the same two steps as one."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for each in gone:
        rows.setdefault((each.parent, each.after, each.before), []).append(each.label)
    for (parent, after, before), labels in rows.items():
        counts = Counter(labels)
        shown = [f"{label} ×{count}" if count > 1 else label for label, count in counts.items()]
        yield Gone(
            "\n".join(shown if len(shown) < 5 else [*shown[:3], f"and {len(shown) - 3} more"]), parent, after, before
        )
