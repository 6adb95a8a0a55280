"""The parts of an instantiated module: layers, modules, and rows of them, however long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field

from archdsl.base.records import record
from archdsl.emit.torch.unreadable import Unreadable

MOST = 200_000


@record(slots=True)
class Part:
    """Something that a constructor builds: a layer, a module of the file, or a row.

    term: what it is, in normal form. length, names, members: of a row, the labels with their positions.
    outputs: how many tensors a module of the file gives, in evaluation and in training. is_list: whether `forward`
    calls its members one by one. overwrites: whether it writes
    over what comes in. is_fresh: whether what it gives may be written over. is_stateless: whether it is a layer without
    numbers of its own.
    """

    term: int
    length: int = 0
    names: Mapping[str, int] = field(default_factory=dict[str, int])
    members: tuple[Member, ...] = ()
    outputs: tuple[int, int] | None = None
    is_identity: bool = False
    is_list: bool = False
    overwrites: bool = False
    is_fresh: bool = False
    is_stateless: bool = False


@record(slots=True)
class Run:
    """Members of a row that come `count` times over. stride: how far their names go on, where they have some."""

    count: int
    members: Sequence[Member]
    stride: int = 0


Member = Part | tuple[str, Part] | Run
"""A member of a row: a part, one with its name, or a run of them."""


def listed(members: Sequence[Member]) -> Iterator[Part]:
    """The members of a row one by one."""
    for each in members:
        if isinstance(each, Run):
            if each.count > MOST:
                raise Unreadable("too many layers of a list")
            for _ in range(each.count):
                yield from listed(each.members)
        else:
            yield each[1] if isinstance(each, tuple) else each


def at(members: Sequence[Member], wanted: int) -> Part | None:
    """The member of a row at a position."""
    position, waiting = 0, list(members)
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, Run):
            if position == wanted:
                return each[1] if isinstance(each, tuple) else each
            position += 1
            continue
        size = _size(each.members)
        if position <= wanted < position + size * each.count:
            position += (wanted - position) // size * size
            waiting = list(each.members)
        else:
            position += size * each.count
    return None


def _size(members: Sequence[Member]) -> int:
    """How many members there are, rounds of loops written out."""
    return sum(_size(each.members) * each.count if isinstance(each, Run) else 1 for each in members)
