"""What a picture of a network marks: by the paths of layers, which were added or changed, and what is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum

from archdsl.base.records import record


class Mark(StrEnum):
    """What became of a step since another network; or, of a text that is wrong, that a step is, or depends on it."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    WRONG = "wrong"
    UNKNOWN = "unknown"


@record(slots=True)
class Marked:
    """The mark of a step. old: what it was called in its box, where that is no longer so. note: what else changed."""

    mark: Mark
    old: str = ""
    note: str = ""


@record(slots=True)
class Gone:
    """Steps in a row that are no longer there. parent: the path of the module that they were in. after, before: the
    paths of the steps that they stood between, nothing for the ends of the module."""

    label: str
    parent: str
    after: str
    before: str


@record
class Marks:
    """The marks of a network. of: by path and whether a module stands there. inside: of modules, how many changes are
    in them. opened: the modules that have to be open for each different change to be seen once."""

    since: str
    of: Mapping[tuple[str, bool], Marked] = field(default_factory=dict[tuple[str, bool], Marked])
    inside: Mapping[str, str] = field(default_factory=dict[str, str])
    gone: tuple[Gone, ...] = ()
    opened: frozenset[str] = frozenset()

    def at(self, path: str, *, is_module: bool) -> Marked | None:
        """The mark of a step: its own, or that of what was added around it."""
        if (own := self.of.get((path, is_module))) is not None:
            return own
        around = (self.of.get((prefix, True)) for prefix in prefixes(path) if prefix != path)
        return next((each for each in around if each is not None and each.mark is Mark.ADDED), None)


def prefixes(path: str) -> Iterator[str]:
    """The paths of the modules around a layer, from outside to inside, and its own."""
    names = path.split(".")
    return (".".join(names[:end]) for end in range(1, len(names) + 1))
