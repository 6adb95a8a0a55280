"""The syntax tree: what a text says, part by part, each part with its span. A closed set of nodes.

A node compares by identity, so that it can key what elaboration remembers about it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast

from archdsl.base.records import record
from archdsl.base.text import Source, Span


@record(eq=False, slots=True)
class Word:
    """A word as it stands in the text."""

    span: Span
    text: str


# --- expressions ---------------------------------------------------------------------------------------------------


@record(eq=False, slots=True)
class Number:
    """`64`, `0.5`."""

    span: Span
    value: int | float


@record(eq=False, slots=True)
class Text:
    """`"bilinear"`."""

    span: Span
    value: str


@record(eq=False, slots=True)
class Name:
    """`widths`."""

    span: Span
    text: str


@record(eq=False, slots=True)
class Incoming:
    """`in`, the tensor that enters the block."""

    span: Span


@record(eq=False, slots=True)
class Sequence:
    """`[a, b]` or `(a, b)`."""

    span: Span
    items: tuple[Expression, ...]


@record(eq=False, slots=True)
class Loop:
    """`for a, b in table`."""

    span: Span
    names: tuple[Word, ...]
    source: Expression


@record(eq=False, slots=True)
class SequenceComprehension:
    """`[2*i for i in range(3) if i > 0]`."""

    span: Span
    item: Expression
    loops: tuple[Loop, ...]
    condition: Expression | None


@record(eq=False, slots=True)
class Operation:
    """`a + b - c`, `a < b <= c`, `a and b`: a first operand, then signs with operands, of one precedence."""

    span: Span
    first: Expression
    rest: tuple[tuple[str, Expression], ...]


@record(eq=False, slots=True)
class Prefix:
    """`-a` or `not a`; `times` counts the signs."""

    span: Span
    sign: str
    times: int
    operand: Expression


@record(eq=False, slots=True)
class Conditional:
    """`a if c else b if d else e`: values with conditions, then the last value."""

    span: Span
    cases: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression


@record(eq=False, slots=True)
class Attribute:
    """`in.channels`."""

    span: Span
    value: Expression
    name: Word


@record(eq=False, slots=True)
class Item:
    """`widths[0]`."""

    span: Span
    value: Expression
    index: Expression


@record(eq=False, slots=True)
class Call:
    """`max(a, b)`."""

    span: Span
    function: Expression
    arguments: Arguments


Leaf = Number | Text | Name | Incoming
Compound = Sequence | SequenceComprehension | Operation | Prefix | Conditional | Attribute | Item | Call
Expression = Leaf | Compound


@record(eq=False, slots=True)
class Argument:
    """`s=2` or `64`."""

    span: Span
    name: Word | None
    value: Expression


@record(eq=False, slots=True)
class Arguments:
    """`(64, s=2)`."""

    span: Span
    items: tuple[Argument, ...]


# --- chains --------------------------------------------------------------------------------------------------------


@record(eq=False, slots=True)
class Sizes:
    """`224x224x3`: sizes as papers write them, channels last."""

    span: Span
    sizes: tuple[int, ...]


@record(eq=False, slots=True)
class Axes:
    """`(3, H, W)` or `tokens(S)`: sizes in torch's order; `kind` says what they mean where a word stands before."""

    span: Span
    kind: Word | None
    sizes: tuple[Expression, ...]


ShapeExpression = Sizes | Axes


@record(eq=False, slots=True)
class Mention:
    """An operator, a block or a bound tensor with its shorthand: `conv3-64/2(groups=2)`, `concat { a | b }`."""

    span: Span
    name: Word
    width: Expression | None
    stride: Expression | None
    arguments: Arguments | None
    branches: Branches | None


@record(eq=False, slots=True)
class Branches:
    """`{ a | b }`; None is an empty branch, the identity."""

    span: Span
    chains: tuple[Chain | None, ...]


@record(eq=False, slots=True)
class InputElement:
    """`INPUT[32x32x3]`."""

    span: Span
    shape: ShapeExpression


@record(eq=False, slots=True)
class Gap:
    """`...`, which stands for something that was not written."""

    span: Span


@record(eq=False, slots=True)
class Group:
    """`[a -> b]`, `[a if c]`, `[a if c else b]`."""

    span: Span
    chain: Chain
    condition: Expression | None
    otherwise: Chain | None


@record(eq=False, slots=True)
class Comprehension:
    """`[block(c) for c in widths]`."""

    span: Span
    chain: Chain
    loops: tuple[Loop, ...]
    condition: Expression | None


@record(eq=False, slots=True)
class Element:
    """One element of a chain with what follows it: `*3`, `?`, `as name`, `: shape`."""

    span: Span
    item: Mention | InputElement | Gap | Group | Comprehension
    count: Expression | None
    optional: Span | None
    label: Word | None
    shape: ShapeExpression | None


@record(eq=False, slots=True)
class Chain:
    """`a -> b -> c`."""

    span: Span
    elements: tuple[Element, ...]


# --- statements ----------------------------------------------------------------------------------------------------


@record(eq=False, slots=True)
class Use:
    """`use resnet (basic, bottleneck)`."""

    span: Span
    path: Word
    names: tuple[Word, ...] | None


@record(eq=False, slots=True)
class Let:
    """`let a, b = 1, 2`."""

    span: Span
    names: tuple[Word, ...]
    value: Expression


@record(eq=False, slots=True)
class Default:
    """`default conv(act=relu)`."""

    span: Span
    name: Word
    arguments: Arguments


@record(eq=False, slots=True)
class Init:
    """`init kaiming`."""

    span: Span
    method: Word


@record(eq=False, slots=True)
class Require:
    """`require H % 32 == 0`."""

    span: Span
    condition: Expression


@record(eq=False, slots=True)
class Share:
    """`share head = conv3-256 -> relu`."""

    span: Span
    name: Word
    chain: Chain


@record(eq=False, slots=True)
class Parameter:
    """`s=1`."""

    span: Span
    name: Word
    default: Expression | None


@record(eq=False, slots=True)
class Function:
    """`let half(x) = x // 2`."""

    span: Span
    name: Word
    parameters: tuple[Parameter, ...]
    value: Expression


@record(eq=False, slots=True)
class Definition:
    """`block b(c) = ...`, `net n(classes=1000) { ... }`. A body that is one chain is a body of one statement."""

    span: Span
    is_net: bool
    name: Word
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]

    @property
    def is_group(self) -> bool:
        """Whether it is `=` one pair of brackets: such a block is a row of layers, as a labelled group is."""
        match self.body:
            case (Run(span, Chain(_, (Element(_, Group() | Comprehension(), None, None, None, None),))),):
                return span.end == self.span.end  # braces would end behind it
            case _:
                return False


@record(eq=False, slots=True)
class Input:
    """`input 224x224x3`, `input src: tokens(S)`."""

    span: Span
    name: Word | None
    shape: ShapeExpression


@record(eq=False, slots=True)
class Output:
    """`output scores`, `output aux (train)`."""

    span: Span
    names: tuple[Word, ...]
    mode: Word | None


@record(eq=False, slots=True)
class Binding:
    """`x = chain`, `a, b = chain`."""

    span: Span
    names: tuple[Word, ...]
    chain: Chain


@record(eq=False, slots=True)
class Run:
    """A chain that stands as a statement: it goes on from the statement above, or starts at a bound name."""

    span: Span
    chain: Chain


Statement = Use | Let | Function | Default | Init | Require | Share | Definition | Input | Output | Binding | Run


@record(eq=False, slots=True)
class File:
    """A whole text. `lost` are the names in lines that could not be read: nothing is known about them."""

    source: Source
    statements: tuple[Statement, ...]
    lost: frozenset[str] = frozenset()


def walk(node: object) -> Iterator[object]:
    """A node, or each of a tuple of nodes, with every node below it."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting.extend(cast("tuple[Any, ...]", each))
        elif is_dataclass(each) and not isinstance(each, type):
            yield each
            waiting.extend(getattr(each, part.name) for part in fields(each))
