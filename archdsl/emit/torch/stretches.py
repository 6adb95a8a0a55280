"""Stretches: layers in a row that differ in nothing but their channels, written as one call of a function.

`conv3-256 -> conv3-256 -> conv3-256` with an activation after each is `*conv_relu(128, 256, 256, 256)` in the row, and
`conv_relu` a function of the file. Done where it makes the file shorter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import assert_never

from archdsl.algebra.traced import Named, plain
from archdsl.base.python_text import INDENT
from archdsl.base.records import record
from archdsl.emit.torch.print import laid_out
from archdsl.emit.torch.program import (
    Argument,
    Call,
    Choice,
    Formula,
    Function,
    Hole,
    Items,
    Keyword,
    Label,
    Literal,
    Node,
    Reference,
    Rows,
    as_number,
    holes,
    skeleton,
)

NEEDS = "from itertools import pairwise"
_BEFORE, _AFTER = "before", "after"
_AROUND = 4  # lines that a function takes besides its own: two of space, an import, and the space around that


@record
class _Unit:
    """Layers at a place of a row, of which the first goes from some channels to others."""

    start: int
    layers: tuple[Call, ...]

    @property
    def before(self) -> Hole:
        hole = self.layers[0].args[0]
        assert isinstance(hole, Hole)
        return hole

    @property
    def after(self) -> Hole:
        hole = self.layers[0].args[1]
        assert isinstance(hole, Hole)
        return hole

    @property
    def end(self) -> int:
        return self.start + len(self.layers)


Functions = Mapping[str, Function]


def folded(node: Node, functions: Functions, taken: set[str]) -> tuple[Node, Functions]:
    """An expression with the stretches of its rows written as calls, and the functions of the file with those that it
    calls.

    functions: those that the file already has. taken: names that a function cannot have.
    """
    match node:
        case Call(Reference("nn.Sequential"), args, (), True):
            return _folded_row(args, functions, taken)
        case _:
            return node, functions


def _folded_row(items: tuple[Node, ...], functions: Functions, taken: set[str]) -> tuple[Node, Functions]:
    parts: list[Node] = []
    for item in items:
        inner, functions = folded(item, functions, taken)
        parts.append(inner)
    for units in _alike(tuple(parts)):
        stretches = list(_stretches(units))
        function = _function(units, functions, taken)
        saved = sum(len(unit.layers) for unit in units) - len(stretches)
        if saved > len(lines(function)) + _AROUND:
            for first, last, channels in reversed(stretches):
                parts[first:last] = [Call(Reference(f"*{function.name}"), channels)]
            functions = {**functions, function.name: function}
            break
    return Call(Reference("nn.Sequential"), tuple(parts), wide=True), functions


def _alike(items: tuple[Node, ...]) -> list[list[_Unit]]:
    """The units of a row by what they are but for their channels, the most frequent first."""
    leaders = [at for at, item in enumerate(items) if _leads(item)]
    groups: dict[object, list[int]] = {}
    for at in leaders:
        leader = items[at]
        fixed = tuple(map(as_number, list(holes(leader))[2:]))
        groups.setdefault((skeleton(leader), fixed), []).append(at)
    found: list[list[_Unit]] = []
    for starts in groups.values():
        length = 1
        while _goes_on(items, starts, length):
            length += 1
        calls = [items[at : at + length] for at in starts]
        units = zip(starts, calls, strict=True)
        found.append([_Unit(at, tuple(each for each in call if isinstance(each, Call))) for at, call in units])
    return sorted(found, key=len, reverse=True)


def _leads(item: Node) -> bool:
    """Whether a layer goes from one number of channels to another."""
    if not isinstance(item, Call) or item.wide or not _target(item).startswith("nn."):
        return False
    return len(item.args) > 1 and all(isinstance(arg, Hole) and isinstance(arg.value, int) for arg in item.args[:2])


def _goes_on(items: tuple[Node, ...], starts: list[int], length: int) -> bool:
    """Whether after `length` layers each unit has one more that is the same in all, but for the channels."""
    nexts = [items[at + length] if at + length < len(items) else None for at in starts]
    if any(not isinstance(each, Call) or each.wide or _leads(each) for each in nexts):
        return False
    calls = [each for each in nexts if isinstance(each, Call) and isinstance(each.target, Reference)]
    if len(calls) < len(nexts):
        return False
    if len(set(map(skeleton, calls))) > 1:
        return False
    columns = zip(*(list(holes(call)) for call in calls), strict=True)
    after = [_Unit(at, (leader,)).after for at in starts if isinstance(leader := items[at], Call)]
    return all(_is_constant(column) or _same(column, after) for column in columns)


def _is_constant(column: tuple[Hole, ...]) -> bool:
    return len(set(map(as_number, column))) == 1


def _same(column: tuple[Hole, ...], others: list[Hole]) -> bool:
    return all(as_number(one) == as_number(other) for one, other in zip(column, others, strict=True))


def _stretches(units: list[_Unit]) -> Iterator[tuple[int, int, tuple[Hole, ...]]]:
    """Units that follow each other, each of which takes the channels that the one before gives: the first place, the
    place after the last, and the channels on the way."""
    waiting = list(units)
    while waiting:
        run = [waiting.pop(0)]
        while waiting and waiting[0].start == run[-1].end and _same((waiting[0].before,), [run[-1].after]):
            run.append(waiting.pop(0))
        yield run[0].start, run[-1].end, (run[0].before, *(unit.after for unit in run))


def _function(units: list[_Unit], functions: Functions, taken: set[str]) -> Function:
    """The function that makes such layers: one that the file has, or a new one."""
    kinds = (re.sub(r"\dd$", "", _target(each).rpartition(".")[2]).lower() for each in units[0].layers)
    layers = Items(tuple(_general(units, index) for index in range(len(units[0].layers))))
    wanted = name = "_".join(kinds)
    number = 1
    while name in taken or functions.get(name, Function(name, layers)) != Function(name, layers):
        number += 1
        name = f"{wanted}{number}"
    return Function(name, layers)


def lines(function: Function) -> list[str]:
    """The text of a function."""
    return [
        f"def {function.name}(*channels: int) -> list[nn.Module]:",
        f'{INDENT}"""Layers from each number of channels to the next."""',
        f"{INDENT}return [",
        f"{INDENT * 2}layer",
        f"{INDENT * 2}for {_BEFORE}, {_AFTER} in pairwise(channels)",
        *laid_out(function.layers, "for layer in ", INDENT * 2),
        f"{INDENT}]",
    ]


def _target(call: Call) -> str:
    return call.target.name


def _general(units: list[_Unit], index: int) -> Node:
    """A layer of a unit with names for the channels."""
    columns = list(zip(*(list(holes(unit.layers[index])) for unit in units), strict=True))
    after = [unit.after for unit in units]
    names = {
        position: _AFTER
        for position, column in enumerate(columns)
        if _same(column, after) and not (index and _is_constant(column))
    }
    if index == 0:
        names = {0: _BEFORE, 1: _AFTER}
    return _named(units[0].layers[index], iter(range(len(columns))), names)


def _named(node: Node, positions: Iterator[int], names: dict[int, str]) -> Node:
    """An expression with some of its holes traced to names, by their position in the text."""
    match node:
        case Hole(value):
            name = names.get(next(positions))
            return Formula(Named(name) if name else plain(value))
        case Call(_, args, keywords):
            arguments = tuple(_named(arg, positions, names) for arg in args)
            named = tuple(Keyword(each.name, _named(each.value, positions, names), each.default) for each in keywords)
            return replace(node, args=arguments, keywords=named)
        case Items(items):
            return replace(node, items=tuple(_named(item, positions, names) for item in items))
        case Formula() | Literal() | Reference() | Argument() | Label() | Rows() | Choice():
            return node
        case _:
            assert_never(node)
