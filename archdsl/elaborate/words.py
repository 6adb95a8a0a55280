"""Reading one word of a chain: which operator it means, and what its shorthand and arguments give."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from archdsl.base.diagnostics import Edit
from archdsl.base.records import record
from archdsl.base.suggest import nearest
from archdsl.base.text import Span
from archdsl.elaborate import faults
from archdsl.elaborate.frame import Frame
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.values import Shared, Unknown, Value, kind_of
from archdsl.graph.arguments import Nothing, Partial
from archdsl.graph.build import Tensor
from archdsl.ops import OperatorClass, Operators
from archdsl.ops.arguments import ArgumentKind, Role, SharedLayer, arguments, bind
from archdsl.ops.faults import MissingArgument, NoShorthand, OperatorFault, Reject, TwiceGiven, UnknownArgument
from archdsl.ops.operator import Operator
from archdsl.syntax import tree

_WINDOW = re.compile(r"([a-z_]\w*?)(\d+(?:x\d+)*)")
DECORATIONS = ("norm", "act")


@record
class Reading:
    """An operator as a text asks for it: with its arguments, and with the norm and activation that follow it.

    spans: where each argument stands, for messages. operands: the tensors that it is given besides.
    """

    operator: Operator[Any]
    followers: tuple[Operator[Any], ...]
    spans: dict[str, Span]
    operands: tuple[Tensor, ...] = ()


@dataclass
class _Given:
    """Arguments as they are collected: values and where they stand."""

    values: dict[str, Value] = field(default_factory=dict[str, Value])
    spans: dict[str, Span] = field(default_factory=dict[str, Span])


def split(word: str, operators: Operators) -> tuple[OperatorClass, str] | None:
    """The operator that a word means, and the window digits at its end: `conv1x7` is conv and `1x7`."""
    lower = word.lower()
    if lower in operators:
        return operators[lower], ""
    found = _WINDOW.fullmatch(lower)
    if found and found[1] in operators:
        return operators[found[1]], found[2]
    return None


def switch(node: tree.Mention, operators: Operators) -> str:
    """The hyper-parameter that leaves an optional layer out: `POOL?` is switched by `pool`."""
    found = split(node.name.text, operators)
    return found[0].word if found else node.name.text


class Words:
    """Reads words. A fault in one is reported, and with it what else is wrong with its arguments."""

    def __init__(self, operators: Operators) -> None:
        self.operators = operators
        self._bare: dict[tuple[int, OperatorClass], Reading | None] = {}
        self._splits: dict[str, tuple[Partial, str] | None] = {}

    def split(self, word: str) -> tuple[Partial, str] | None:
        """The operator that a word means, and the window digits at its end."""
        if word not in self._splits:
            found = split(word, self.operators)
            self._splits[word] = found and (Partial(found[0]), found[1])
        return self._splits[word]

    def read(self, node: tree.Mention, found: Partial, digits: str, frame: Frame) -> Reading:
        """The operator of a word with everything that the text gives it."""
        operator = found.operator
        defaults = frame.scope.defaults.get(operator)
        if node.width or node.stride or node.arguments or found.arguments or defaults:
            return _read(node, found, digits, frame, defaults)
        # a bare word says the same wherever its block is worked out
        key = (id(node), operator)
        if key not in self._bare:
            self._bare[key] = attempted(_read, node, found, digits, frame, defaults)
        if (reading := self._bare[key]) is None:
            raise Failed
        return reading


def _read(
    node: tree.Mention, found: Partial, digits: str, frame: Frame, defaults: Mapping[str, Value] | None
) -> Reading:
    operator = found.operator
    given = _Given(dict(found.arguments))
    complete = _shorthand(node, operator, digits, given, frame)
    if node.arguments is not None:
        complete &= _named_and_positional(node.arguments, operator, given, frame)
    values: dict[str, Value] = {}
    layers: dict[str, SharedLayer] = {}
    for name, value in {**(defaults or {}), **given.values}.items():
        if isinstance(value, Unknown):
            raise Failed
        if isinstance(value, Shared):
            layers[name] = _layer(value, given.spans.get(name, node.name.span), frame)
        elif not isinstance(value, Nothing):
            values[name] = value
    if not complete:
        raise Failed
    operands = _operands(operator, values, given.spans, frame, node)
    decorations = {name: values.pop(name) for name in DECORATIONS if name in values and operator.decorated}
    made = attempted(_bound, node, operator, {**values, **layers}, frozenset(operands), given.spans, frame)
    followers = _followers(node, decorations, given.spans, frame) if decorations else ()
    if made is None:
        raise Failed
    return Reading(made, followers, given.spans, tuple(operands.values()))


def _layer(value: Shared, span: Span, frame: Frame) -> SharedLayer:
    """A shared layer as an argument: it must have been used before, so that its weights are known."""
    name = value.statement.name.text
    first = value.home.shared.get(name)
    if first is None or not isinstance(first.what, Operator):
        raise frame.fault(faults.WrongValue("a shared layer that is used before", f"`{name}`, which is not"), span)
    return SharedLayer(name, tuple(first.facts.weights.items()))


def _operands(
    operator: OperatorClass, values: dict[str, Value], spans: dict[str, Span], frame: Frame, node: tree.Mention
) -> dict[str, Tensor]:
    """The tensors among the arguments, taken out of them, in the order in which the operator declares them."""
    found: dict[str, Tensor] = {}
    for each in operator.operands:
        if each.name not in values:
            continue
        value = values.pop(each.name)
        if not isinstance(value, Tensor):
            raise frame.fault(faults.WrongValue("a tensor", kind_of(value)), spans.get(each.name, node.name.span))
        found[each.name] = value
    return found


def _shorthand(node: tree.Mention, operator: OperatorClass, digits: str, given: _Given, frame: Frame) -> bool:
    """Put what the word itself says into `given`; whether the operator takes all of it."""
    said: list[tuple[Role, Value, Span]] = []
    if digits:
        end = node.name.span.end
        sizes = tuple(map(int, digits.split("x")))
        said.append((Role.WINDOW, sizes[0] if len(sizes) == 1 else sizes, Span(end - len(digits), end)))
    if node.width is not None:
        said.append((Role.WIDTH, frame.value(node.width), node.width.span))
    if node.stride is not None:
        said.append((Role.STRIDE, frame.value(node.stride), node.stride.span))
    complete = True
    for role, value, span in said:
        if (argument := operator.by_role(role)) is not None:
            given.values[argument] = value
            given.spans[argument] = span
        else:
            text = frame.text(Span(node.name.span.start, span.end))
            frame.fault(NoShorthand(operator.word, role.value, text), span)
            complete = False
    return complete


def _named_and_positional(stated: tree.Arguments, operator: OperatorClass, given: _Given, frame: Frame) -> bool:
    """Put the arguments in parentheses into `given`; whether all of them are right."""
    complete = True
    declared = arguments(operator)
    operands = tuple(each.name for each in operator.operands)
    for argument in stated.items:
        value = frame.value(argument.value)
        name = argument.name.text if argument.name else _next_positional(operator, given, value)
        span = argument.name.span if argument.name else argument.span
        if name is None or name in given.spans:
            frame.fault(TwiceGiven(operator.word, name), span)
            complete = False
        elif name in DECORATIONS and operator.decorated:
            given.values[name] = value
            given.spans[name] = argument.value.span
        elif name not in declared and name not in operands:
            known = (*declared, *operands, *(DECORATIONS if operator.decorated else ()))
            near = nearest(name, known)
            edit = Edit(frame.place(span), near) if near else None
            frame.fault(UnknownArgument(operator.word, name, known), span, edit=edit)
            complete = False
        else:
            if name in declared and declared[name].kind is ArgumentKind.CHOICE and isinstance(value, Partial):
                value = value.operator.word
            given.values[name] = value
            given.spans[name] = argument.value.span
    return complete


def _next_positional(operator: OperatorClass, given: _Given, value: Value) -> str | None:
    """The argument that a value without a name is for: a tensor is an operand."""
    operands = (each.name for each in operator.operands)
    names = operands if isinstance(value, Tensor) else arguments(operator)
    return next((name for name in names if name not in given.spans), None)


def _bound(
    node: tree.Mention,
    operator: OperatorClass,
    values: Mapping[str, object],
    operands: frozenset[str],
    spans: dict[str, Span],
    frame: Frame,
) -> Operator[Any]:
    try:
        return bind(operator, values, operands)
    except Reject as reject:
        if isinstance(reject.fault, MissingArgument):
            raise frame.fault(_missing(node, reject.fault, frame), node.name.span) from None
        raise frame.fault(reject.fault, spans.get(reject.argument or "", node.name.span)) from None


def _missing(node: tree.Mention, fault: MissingArgument, frame: Frame) -> OperatorFault:
    """The same fault with what was written in the example: `CONV3` makes `CONV3-64`, `CONV-16` makes `CONV3-16`."""
    written, how = node.name.text, fault.how
    if fault.argument == "width" and written[-1].isdigit():
        how = f"{written}-64"
    elif fault.argument == "window" and node.width is not None:
        how = f"{written}3{frame.text(Span(node.name.span.end, node.width.span.end))}"
    return MissingArgument(fault.operator, fault.argument, fault.doc, how)


def _followers(
    node: tree.Mention, decorations: dict[str, Value], spans: dict[str, Span], frame: Frame
) -> tuple[Operator[Any], ...]:
    """The norm and the activation after an operator. `act=false` is none."""
    wanted = {name: value for name, value in decorations.items() if value is not False}
    followers: list[Operator[Any]] = []
    for name, value in wanted.items():
        span = spans.get(name, node.name.span)
        if not isinstance(value, Partial):
            wants = "an activation such as `relu`" if name == "act" else "a norm such as `bn`"
            frame.fault(faults.WrongValue(wants, kind_of(value)), span)
            continue
        try:
            followers.append(bind(value.operator, dict(value.arguments)))
        except Reject as reject:
            frame.fault(reject.fault, span)
    if len(followers) != len(wanted):
        raise Failed
    return tuple(followers)
