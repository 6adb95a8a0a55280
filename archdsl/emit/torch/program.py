"""An emitted file as data: classes, what their constructors build, and the expressions for it.

An expression of one module is a *draft*: its numbers are holes that remember where they come from. `merge` makes of the
drafts of several modules one expression, in which each number is a formula over the constructor's arguments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Any, assert_never

from archdsl.algebra.traced import Expression, plain
from archdsl.base.records import record
from archdsl.emit.torch.forward import Forward
from archdsl.graph.module import Module

Steps = tuple[tuple[str, int], ...]


@record(slots=True)
class Hole:
    """A number of a draft; a whole one may remember the expression that it comes from.

    steps: inside loops, by how much it goes on with the index of each, which counts from 0.
    """

    value: int | float
    steps: Steps = ()


@record(slots=True)
class Formula:
    """A number as an expression over the constructor's arguments and the indices of loops."""

    expression: Expression


@record(slots=True)
class Literal:
    """A value that is no finite number: true, false, none, a word, an infinity."""

    value: Any


@record(slots=True)
class Reference:
    """The name of a class or function that stands as it is."""

    name: str


@record(slots=True)
class Argument:
    """A constructor argument that stands as it is: a flag, a word, a list, the class of an activation or block."""

    name: str


@record(slots=True)
class Label:
    """`"layer1"`: a string whose numbers are holes or formulas, and which is an f-string where they are not plain."""

    parts: tuple[str | Hole | Formula, ...]

    @staticmethod
    def of(name: str) -> Label:
        """The label of a name."""
        parts = re.findall(r"[1-9][0-9]*|0(?![0-9])|[^0-9]+|0", name)
        return Label(tuple(Hole(int(part)) if part.isdigit() else part for part in parts))


@record(slots=True)
class Items:
    """`(a, b)`, or `[a, b]` where `is_list`."""

    items: tuple[Node, ...]
    is_list: bool = False

    @property
    def brackets(self) -> str:
        """The opening and the closing bracket."""
        return "[]" if self.is_list else "()"


@record(slots=True)
class Keyword:
    """`name=value`; left out where the value is `default` in every instance."""

    name: str
    value: Node
    default: Node | None = None


@record(slots=True)
class Call:
    """`target(a, b, name=c)`. A wide call stands on several lines however short it is, as a row of layers does.

    copied: the file of `ops/modules` that the class called comes from.
    """

    target: Reference | Argument
    args: tuple[Node, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    wide: bool = False
    copied: str = ""


@record(slots=True)
class Rows:
    """`*(...)`: modules made `count` times over, inside a call, of which they may be the only argument.

    index: what the loop counts with, from 0.
    """

    body: tuple[Node, ...]
    count: Node
    index: str = "_"
    alone: bool = False

    @property
    def brackets(self) -> tuple[str, str]:
        """What stands around the loop."""
        return ("", "") if self.alone else ("*(", ")")


@record(slots=True)
class Choice:
    """`a if condition else b`."""

    condition: Condition
    then: Node
    otherwise: Node


Node = Hole | Formula | Literal | Reference | Argument | Label | Items | Call | Rows | Choice


@record(slots=True)
class Compared:
    """`s != 1`."""

    left: Expression
    sign: str
    right: Expression


@record(slots=True)
class Given:
    """A constructor argument as a condition: a flag, or with `word` whether it is that word."""

    name: str
    is_on: bool = True
    word: str | None = None


@record(slots=True)
class Joined:
    """Conditions of which all must hold (`and`), or any (`or`)."""

    sign: str
    parts: tuple[Compared | Given, ...]


Condition = Compared | Given | Joined


@record(slots=True)
class Field:
    """What a constructor sets: a child or parameter, perhaps only under a condition. What is a learned tensor is a
    parameter of the class."""

    name: str
    node: Node | Condition
    condition: Condition | None = None


@record
class Parameter:
    """A constructor argument: its name, its type as an annotation has it, and its default; None where it must be
    given."""

    name: str
    kind: str
    default: Node | None = None


@record
class Class:
    """A class of the file: its name, its constructor's arguments, what it sets, and the lines of `forward`.

    module: one of its instances. base: of `nn`, `Module`, or `Sequential` or `ModuleList` where its fields are the
    members of a row.
    """

    name: str
    module: Module
    base: str
    parameters: tuple[Parameter, ...]
    fields: tuple[Field, ...]
    forward: Forward


@record(slots=True)
class Function:
    """A function of the file that makes the layers of a stretch: what it makes of each two channels that follow each
    other, which it calls `before` and `after`."""

    name: str
    layers: Items


@record
class Program:
    """The classes of a network, those that others use first, its own last, and the functions that this one calls.

    layered: the steps of a module, by its identity, that are layers although `forward` could write an expression.
    """

    classes: tuple[Class, ...]
    functions: tuple[Function, ...] = ()
    layered: Mapping[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])

    @property
    def root(self) -> Class:
        """The class of the network."""
        return self.classes[-1]

    def calls(self) -> Iterator[Call]:
        """Every call in the constructors and functions."""
        for function in self.functions:
            yield from calls(function.layers)
        for made in self.classes:
            for each in made.fields:
                if isinstance(each.node, Node):
                    yield from calls(each.node)


def children(node: Node) -> tuple[Node, ...]:
    """The expressions that an expression is made of, in the order of the text."""
    match node:
        case Items(items):
            return items
        case Call(_, args, keywords):
            return (*args, *(each.value for each in keywords))
        case Rows(body, count):
            return (*body, count)
        case Label(parts):
            return tuple(part for part in parts if not isinstance(part, str))
        case Choice(_, then, otherwise):
            return (then, otherwise)
        case Hole() | Formula() | Literal() | Reference() | Argument():
            return ()
        case _:
            assert_never(node)


def walk(node: Node) -> Iterator[Node]:
    """An expression and every expression in it."""
    yield node
    for each in children(node):
        yield from walk(each)


def holes(node: Node) -> Iterator[Hole]:
    """Every hole, in the order of the text."""
    if isinstance(node, Hole):
        yield node
    for each in children(node):
        yield from holes(each)


def calls(node: Node) -> Iterator[Call]:
    """Every call."""
    return (each for each in walk(node) if isinstance(each, Call))


def skeleton(node: Node) -> object:
    """An expression without its numbers: two of one skeleton differ in numbers alone."""
    match node:
        case Hole(_, steps):
            return ("#", *(name for name, _ in steps))
        case Label(parts):
            return ("label", *(each if isinstance(each, str) else skeleton(each) for each in parts))
        case Items(items, is_list):
            return ("items", is_list, *map(skeleton, items))
        case Call(target, args, keywords, wide):
            named = tuple((each.name, skeleton(each.value)) for each in keywords)
            return (target, tuple(map(skeleton, args)), named, wide)
        case Rows(body, _, index, alone):
            return ("rows", index, alone, tuple(map(skeleton, body)))
        case Literal(value):
            return ("literal", type(value).__name__, repr(value))
        case Formula() | Reference() | Argument() | Choice():
            return node
        case _:
            assert_never(node)


def as_number(hole: Hole) -> str:
    """A hole as the plain number in it."""
    return str(plain(hole.value))
