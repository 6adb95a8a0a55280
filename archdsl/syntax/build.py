"""From what lark recognises to the syntax tree: one method a rule, called as the rule is recognised.

Nothing here walks a tree, so the depth of a text costs no stack.
"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from math import isinf
from typing import Any

from lark import Token, Transformer

from archdsl.base.text import Span
from archdsl.syntax import faults, tree

_DIGITS = 18
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_ESCAPES = {"n": "\n", "t": "\t"}

Children = list[Any]


class Rejected(Exception):
    """A piece of text that the grammar takes and the language does not."""

    def __init__(self, fault: faults.SyntaxFault, span: Span) -> None:
        super().__init__(fault)
        self.fault = fault
        self.span = span


def _span(first: Any, last: Any = None) -> Span:
    last = first if last is None else last
    start = first.start_pos if isinstance(first, Token) else first.span.start
    end = last.end_pos if isinstance(last, Token) else last.span.end
    return Span(start or 0, end or 0)


def _word(token: Token) -> tree.Word:
    span = _span(token)
    if len(token) > faults.LONGEST_NAME:
        raise Rejected(faults.NameTooLong(len(token)), span)
    return tree.Word(span, str(token))


def _integer(text: str, span: Span) -> int:
    if len(text) > _DIGITS:
        raise Rejected(faults.NumberTooLong(len(text)), span)
    return int(text)


class Builder(Transformer[Token, Any]):
    """Holds no state: one serves every parse, also at the same time."""

    # --- statements -------------------------------------------------------------------------------------------------

    def start(self, c: Children) -> tuple[tree.Statement, ...]:
        return _joined(c)

    def use(self, c: Children) -> tree.Use:
        keyword, path, opening, names, closing = c
        return tree.Use(_span(keyword, closing or path), _word(path), names if opening else None)

    def let(self, c: Children) -> tree.Let:
        keyword, names, value = c
        return tree.Let(_span(keyword, value), names, value)

    def function(self, c: Children) -> tree.Function:
        keyword, name, parameters, value = c
        return tree.Function(_span(keyword, value), _word(name), parameters, value)

    def default(self, c: Children) -> tree.Default:
        keyword, name, arguments = c
        return tree.Default(_span(keyword, arguments), _word(name), arguments)

    def init(self, c: Children) -> tree.Init:
        keyword, method = c
        return tree.Init(_span(keyword, method), _word(method))

    def require(self, c: Children) -> tree.Require:
        keyword, condition = c
        return tree.Require(_span(keyword, condition), condition)

    def share(self, c: Children) -> tree.Share:
        keyword, name, chain = c
        return tree.Share(_span(keyword, chain), _word(name), chain)

    def block(self, c: Children) -> tree.Definition:
        return _definition(c, is_net=False)

    def net(self, c: Children) -> tree.Definition:
        return _definition(c, is_net=True)

    def input(self, c: Children) -> tree.Input:
        keyword, name, shape = c
        return tree.Input(_span(keyword, shape), _word(name) if name else None, shape)

    def output(self, c: Children) -> tree.Output:
        keyword, names, _, mode, closing = c
        return tree.Output(_span(keyword, closing or names[-1]), names, _word(mode) if mode else None)

    def binding(self, c: Children) -> tree.Binding:
        names, chain = c
        return tree.Binding(_span(names[0], chain), names, chain)

    def run(self, c: Children) -> tree.Run:
        return tree.Run(c[0].span, c[0])

    def going_on(self, c: Children) -> _GoingOn:
        return _GoingOn(c[0])

    def names(self, c: Children) -> tuple[tree.Word, ...]:
        return tuple(map(_word, c))

    def parameters(self, c: Children) -> tuple[tree.Parameter, ...]:
        return tuple(c[:-1])

    def parameter(self, c: Children) -> tree.Parameter:
        name, default = c
        return tree.Parameter(_span(name, default), _word(name), default)

    def body(self, c: Children) -> _Body:
        return _Body(_span(c[0], c[-1]), _joined(c[1:-1]))

    # --- chains -----------------------------------------------------------------------------------------------------

    def chain(self, c: Children) -> tree.Chain:
        return tree.Chain(_span(c[0], c[-1]), tuple(c))

    def element(self, c: Children) -> tree.Element:
        item, count, optional, label, shape = c
        last = next(part for part in (shape, label, optional, count, item) if part is not None)
        mark = _span(optional) if optional else None
        many = count.value if isinstance(count, _Enclosed) else count
        return tree.Element(_span(item, last), item, many, mark, _word(label) if label else None, shape)

    def word(self, c: Children) -> tree.Mention:
        name, width, stride, arguments, branches = c
        last = next(part for part in (branches, arguments, stride, width, name) if part is not None)
        width, stride = (each.value if isinstance(each, _Enclosed) else each for each in (width, stride))
        return tree.Mention(_span(name, last), _word(name), width, stride, arguments, branches)

    def source(self, c: Children) -> tree.InputElement:
        return tree.InputElement(_span(c[0], c[-1]), c[2])

    def gap(self, c: Children) -> tree.Gap:
        return tree.Gap(_span(c[0]))

    def group(self, c: Children) -> tree.Group:
        opening, chain, otherwise, closing = c
        condition, other = otherwise or (None, None)
        return tree.Group(_span(opening, closing), chain, condition, other)

    def otherwise(self, c: Children) -> tuple[tree.Expression, tree.Chain | None]:
        return c[0], c[1]

    def comprehension(self, c: Children) -> tree.Comprehension:
        opening, chain, *loops, condition, closing = c
        return tree.Comprehension(_span(opening, closing), chain, tuple(loops), condition)

    def loop(self, c: Children) -> tree.Loop:
        names, source = c
        return tree.Loop(_span(names[0], source), names, source)

    def branches(self, c: Children) -> tree.Branches:
        return tree.Branches(_span(c[0], c[-1]), tuple(c[1:-1]))

    def branch(self, c: Children) -> tree.Chain | None:
        return c[0] if c else None

    def enclosed(self, c: Children) -> _Enclosed:
        return _Enclosed(_span(c[0], c[-1]), c[1])

    def count(self, c: Children) -> tree.Expression | _Enclosed:
        if len(c) == 1:
            return c[0]
        sign, number = c
        return number if sign is None else tree.Prefix(_span(sign, number), "-", 1, number)

    def sizes(self, c: Children) -> tree.Sizes:
        span = _span(c[0])
        for index, character in enumerate(c[0]):
            if not character.isdigit() and character != "x":
                # `1.5` and `5k` are numbers, and no sizes
                raise Rejected(faults.UnexpectedCharacter(character), Span(span.start + index, span.start + index + 1))
        return tree.Sizes(span, tuple(_integer(part, span) for part in c[0].split("x")))

    def axes(self, c: Children) -> tree.Axes:
        kind = _word(c[0]) if c[0].type == "NAME" else None
        start = 2 if kind else 1
        return tree.Axes(_span(c[0], c[-1]), kind, tuple(c[start:-1]))

    # --- expressions ------------------------------------------------------------------------------------------------

    def conditional(self, c: Children) -> tree.Expression:
        cases = tuple(zip(c[0:-1:2], c[1::2], strict=True))
        return tree.Conditional(_span(c[0], c[-1]), cases, c[-1])

    def disjunction(self, c: Children) -> tree.Expression:
        return _same_sign("or", c)

    def conjunction(self, c: Children) -> tree.Expression:
        return _same_sign("and", c)

    def negation(self, c: Children) -> tree.Expression:
        return tree.Prefix(_span(c[0], c[-1]), "not", len(c) - 1, c[-1])

    def comparison(self, c: Children) -> tree.Expression:
        return _signed(c)

    def sum(self, c: Children) -> tree.Expression:
        return _signed(c)

    def product(self, c: Children) -> tree.Expression:
        return _signed(c)

    def signed(self, c: Children) -> tree.Expression:
        return tree.Prefix(_span(c[0], c[-1]), "-", len(c) - 1, c[-1])

    def power(self, c: Children) -> tree.Expression:
        return _same_sign("**", c)

    def attribute(self, c: Children) -> tree.Expression:
        return tree.Attribute(_span(c[0], c[1]), c[0], _word(c[1]))

    def item(self, c: Children) -> tree.Expression:
        return tree.Item(_span(c[0], c[2]), c[0], c[1])

    def call(self, c: Children) -> tree.Expression:
        return tree.Call(_span(c[0], c[1]), c[0], c[1])

    def text(self, c: Children) -> tree.Expression:
        return tree.Text(_span(c[0]), _unescaped(c[0][1:-1]))

    def incoming(self, c: Children) -> tree.Expression:
        return tree.Incoming(_span(c[0]))

    def tuple(self, c: Children) -> tree.Expression:
        return tree.Sequence(_span(c[0], c[-1]), tuple(c[1:-1]))

    list = tuple

    def list_comprehension(self, c: Children) -> tree.Expression:
        opening, item, *loops, condition, closing = c
        return tree.SequenceComprehension(_span(opening, closing), item, tuple(loops), condition)

    def enclosed_value(self, c: Children) -> tree.Expression:
        value = c[1]
        # a name stays itself, so that another one can take its place
        return value if isinstance(value, tree.Leaf) else replace(value, span=_span(c[0], c[-1]))

    def number(self, c: Children) -> tree.Number:
        span, text = _span(c[0]), str(c[0])
        if text.isdigit():
            return tree.Number(span, _integer(text, span))
        if (unit := _UNITS.get(text[-1])) is not None:
            value = Fraction(text[:-1]) * unit
            if value > 10**_DIGITS:
                raise Rejected(faults.NumberTooLarge(), span)
            return tree.Number(span, int(value) if value.denominator == 1 else float(value))
        if isinf(value := float(text)):
            raise Rejected(faults.NumberTooLarge(), span)
        return tree.Number(span, value)

    def name(self, c: Children) -> tree.Name:
        word = _word(c[0])
        return tree.Name(word.span, word.text)

    def arguments(self, c: Children) -> tree.Arguments:
        return tree.Arguments(_span(c[0], c[-1]), tuple(c[1:-1]))

    def named(self, c: Children) -> tree.Argument:
        return tree.Argument(_span(c[0], c[1]), _word(c[0]), c[1])

    def positional(self, c: Children) -> tree.Argument:
        return tree.Argument(c[0].span, None, c[0])


class _Enclosed:
    """A width, stride or count in parentheses, with which the element goes on to the second one."""

    def __init__(self, span: Span, value: tree.Expression) -> None:
        self.span = span
        self.value = value


class _GoingOn:
    """A line that starts with `->`; it ends up in the statement above."""

    def __init__(self, chain: tree.Chain) -> None:
        self.chain = chain
        self.span = chain.span


class _Body:
    def __init__(self, span: Span, statements: tuple[tree.Statement, ...]) -> None:
        self.span = span
        self.statements = statements


def _definition(c: Children, *, is_net: bool) -> tree.Definition:
    keyword, name, parameters, body = c
    statements = body.statements if isinstance(body, _Body) else (tree.Run(body.span, body),)
    return tree.Definition(_span(keyword, body), is_net, _word(name), parameters or (), statements)


def _joined(parts: Children) -> tuple[tree.Statement, ...]:
    """The statements, with the lines that go on joined to those above."""
    statements: list[tree.Statement] = []
    for part in parts:
        if not isinstance(part, _GoingOn):
            statements.append(part)
        elif statements and isinstance(statements[-1], tree.Input):
            statements.append(tree.Run(part.span, part.chain))
        elif statements and (longer := _continued(statements[-1], part.chain)):
            statements[-1] = longer
        else:
            raise Rejected(faults.NothingToContinue(), part.span)
    return tuple(statements)


def _continued(statement: tree.Statement, more: tree.Chain) -> tree.Statement | None:
    """The statement with `more` at the end of its chain, or None where it has none to go on with."""
    match statement:
        case tree.Run(span, chain):
            return tree.Run(span.to(more.span), _extended(chain, more))
        case tree.Binding(span, names, chain):
            return tree.Binding(span.to(more.span), names, _extended(chain, more))
        case tree.Share(span, name, chain):
            return tree.Share(span.to(more.span), name, _extended(chain, more))
        case tree.Definition(span, is_net, name, parameters, (tree.Run(_, chain),)) if span.end == chain.span.end:
            longer = _extended(chain, more)
            return tree.Definition(span.to(more.span), is_net, name, parameters, (tree.Run(longer.span, longer),))
        case _:
            return None


def _extended(chain: tree.Chain, more: tree.Chain) -> tree.Chain:
    return tree.Chain(chain.span.to(more.span), chain.elements + more.elements)


def _signed(c: Children) -> tree.Expression:
    rest = tuple((str(sign), operand) for sign, operand in zip(c[1::2], c[2::2], strict=True))
    return tree.Operation(_span(c[0], c[-1]), c[0], rest)


def _same_sign(sign: str, c: Children) -> tree.Expression:
    return tree.Operation(_span(c[0], c[-1]), c[0], tuple((sign, operand) for operand in c[1:]))


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text)
