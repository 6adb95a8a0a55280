"""Rows of layers that one element of the text made and that differ only in numbers that go on evenly: they are written
as one loop, `DenseLayer(64 + 32 * i, 32) for i in range(6)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from archdsl.base.text import Place
from archdsl.base.traced import difference
from archdsl.emit.torch.nodes import Argument, Call, Hole, Items, Keyword, Label, Node, Rows, holes, skeleton

_FEWEST = 3
_LONGEST_BODY = 8


def folded(items: Sequence[tuple[Node, Place]], index: str) -> list[Node]:
    """The items of a row with loops for those that can be one. The place is that of the element that made an item."""
    made: list[Node] = []
    position = 0
    while position < len(items):
        length, count = _longest(items, position)
        if count:
            made.append(_loop([node for node, _ in items[position : position + length * count]], length, count, index))
        else:
            made.append(items[position][0])
        position += max(length * count, 1)
    return made


def _longest(items: Sequence[tuple[Node, Place]], start: int) -> tuple[int, int]:
    """The length of the body and the number of rounds of the longest loop that starts here; no rounds if there is
    none."""
    found = [(length, _rounds(items, start, length)) for length in range(1, _LONGEST_BODY + 1)]
    loops = [(length, count) for length, count in found if count >= _FEWEST]
    return max(loops, key=lambda loop: (loop[0] * loop[1], -loop[0]), default=(1, 0))


def _rounds(items: Sequence[tuple[Node, Place]], start: int, length: int) -> int:
    """How often a body of this length is gone through from here on, with numbers that go on evenly."""
    bodies = list(_bodies(items, start, length))
    if len(bodies) < _FEWEST:
        return 0
    numbers = [[hole.value for node in body for hole in holes(node)] for body in bodies]
    steps = [[after - before for before, after in zip(one, two, strict=True)] for one, two in pairwise(numbers)]
    return 1 + next((count for count, step in enumerate(steps) if step != steps[0] or not _is_whole(step)), len(steps))


def _is_whole(step: list[int | float]) -> bool:
    """Whether it is exact to add the steps up: those of fractions are not."""
    return not any(isinstance(each, float) and each for each in step)


def _bodies(items: Sequence[tuple[Node, Place]], start: int, length: int) -> Iterator[list[Node]]:
    """The bodies from here on that are equal but for their numbers, and come from the same elements."""
    first: object = None
    while start + length <= len(items):
        body = items[start : start + length]
        if any(hole.step for node, _ in body for hole in holes(node)):
            return
        looks = [(place, skeleton(node)) for node, place in body]
        first = first or looks
        if looks != first:
            return
        yield [node for node, _ in body]
        start += length


def _loop(items: list[Node], length: int, count: int, index: str) -> Node:
    following = (hole for node in items[length : 2 * length] for hole in holes(node))
    body = tuple(_with_steps(node, following) for node in items[:length])
    uses = any(hole.step for node in body for hole in holes(node))
    return Rows(body, Hole(count), index if uses else "_")


def _with_steps(node: Node, following: Iterator[Hole]) -> Node:
    """An item of the first round, whose numbers go on with the index; `following` are those of the next round."""
    match node:
        case Hole():
            return _hole(node, following)
        case Label(parts):
            return Label(tuple(_hole(part, following) if isinstance(part, Hole) else part for part in parts))
        case Items(items, is_list):
            return Items(tuple(_with_steps(each, following) for each in items), is_list)
        case Call(target, args, keywords, wide):
            made = tuple(_with_steps(each, following) for each in args)
            named = tuple(Keyword(each.name, _with_steps(each.value, following), each.default) for each in keywords)
            return Call(target, made, named, wide)
        case Rows(body, count, index, alone):
            made = tuple(_with_steps(each, following) for each in body)
            return Rows(made, _hole(count, following), index, alone)
        case str() | Argument():
            return node


def _hole(hole: Hole, following: Iterator[Hole]) -> Hole:
    after = next(following).value
    if isinstance(after, float) or isinstance(hole.value, float):
        return hole
    return Hole(hole.value, difference(after, hole.value))
