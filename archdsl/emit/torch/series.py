"""Rows of layers that one element of the text made and that differ only in numbers that go on evenly: they are written
as one loop, `DenseLayer(64 + 32 * i, 32) for i in range(6)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import assert_never

from archdsl.algebra.traced import difference
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.emit.torch.program import (
    Argument,
    Call,
    Choice,
    Formula,
    Hole,
    Items,
    Keyword,
    Label,
    Literal,
    Node,
    Reference,
    Rows,
    holes,
    skeleton,
)

_FEWEST = 3
_LONGEST_BODY = 8


@record(slots=True)
class _Item:
    """An item of a row: the place of the element that made it, how it looks without its numbers, and the numbers."""

    node: Node
    place: Place
    look: object
    numbers: tuple[int | float, ...]
    is_loop: bool

    @staticmethod
    def of(node: Node, place: Place) -> _Item:
        found = tuple(holes(node))
        numbers = tuple(hole.value for hole in found)
        return _Item(node, place, skeleton(node), numbers, any(hole.steps for hole in found))


def looped(items: Sequence[tuple[Node, Place]], index: str) -> list[Node]:
    """The items of a row with loops for those that can be one. The place is that of the element that made an item."""
    row = [_Item.of(node, place) for node, place in items]
    made: list[Node] = []
    position = 0
    while position < len(row):
        length, count = _longest(row, position)
        if count:
            body = [item.node for item in row[position : position + length * count]]
            made.append(_loop(body, length, count, index))
        else:
            made.append(row[position].node)
        position += max(length * count, 1)
    return made


def _longest(row: Sequence[_Item], start: int) -> tuple[int, int]:
    """The length of the body and the number of rounds of the longest loop that starts here; no rounds if there is
    none."""
    found = [(length, _rounds(row, start, length)) for length in range(1, _LONGEST_BODY + 1)]
    loops = [(length, count) for length, count in found if count >= _FEWEST]
    return max(loops, key=lambda loop: (loop[0] * loop[1], -loop[0]), default=(1, 0))


def _rounds(row: Sequence[_Item], start: int, length: int) -> int:
    """How often a body of this length is gone through from here on, with numbers that go on evenly."""
    first = row[start : start + length]
    before: list[int | float] | None = None
    step: list[int | float] | None = None
    count = 0
    for position in range(start, len(row) - length + 1, length):
        body = row[position : position + length]
        pairs = zip(body, first, strict=True)
        if any(item.is_loop or (item.place, item.look) != (one.place, one.look) for item, one in pairs):
            break
        numbers = [number for item in body for number in item.numbers]
        if before is not None:
            now = [after - number for number, after in zip(before, numbers, strict=True)]
            if not _is_whole(now) or step not in (None, now):
                break
            step = now
        before = numbers
        count += 1
    return count


def _is_whole(step: list[int | float]) -> bool:
    """Whether it is exact to add the steps up: those of fractions are not."""
    return not any(isinstance(each, float) and each for each in step)


def _loop(items: list[Node], length: int, count: int, index: str) -> Node:
    following = (hole for node in items[length : 2 * length] for hole in holes(node))
    body = tuple(_with_steps(node, following, index) for node in items[:length])
    uses = any(hole.steps for node in body for hole in holes(node))
    return Rows(body, Hole(count), index if uses else "_")


def _with_steps(node: Node, following: Iterator[Hole], index: str) -> Node:
    """An item of the first round, whose numbers go on with the index; `following` are those of the next round."""

    def stepped(each: Node) -> Node:
        return _with_steps(each, following, index)

    match node:
        case Hole():
            return _hole(node, following, index)
        case Label(parts):
            return Label(tuple(_hole(part, following, index) if isinstance(part, Hole) else part for part in parts))
        case Items(items):
            return replace(node, items=tuple(map(stepped, items)))
        case Call(_, args, keywords):
            made = tuple(map(stepped, args))
            named = tuple(Keyword(each.name, stepped(each.value), each.default) for each in keywords)
            return replace(node, args=made, keywords=named)
        case Rows(body, Hole() as count):
            made = tuple(map(stepped, body))
            return replace(node, body=made, count=_hole(count, following, index))
        case Literal() | Reference() | Argument():
            return node
        case Formula() | Choice() | Rows():
            raise AssertionError(node)
        case _:
            assert_never(node)


def _hole(hole: Hole, following: Iterator[Hole], index: str) -> Hole:
    after = next(following).value
    if isinstance(after, float) or isinstance(hole.value, float):
        return hole
    step = difference(after, hole.value)
    return Hole(hole.value, ((index, step),) if step else ())
