"""Reading one word of a chain: which operator it means, and what its shorthand and arguments give."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from archdsl.base.diagnostics import Edit
from archdsl.base.suggest import nearest
from archdsl.base.text import Span
from archdsl.graph import faults
from archdsl.graph.evaluate import Evaluator
from archdsl.graph.scope import Scope
from archdsl.graph.values import Nothing, Partial, Unknown, Value, kind_of
from archdsl.ops import OperatorClass, Operators
from archdsl.ops.arguments import ArgumentKind, Role, arguments, bind
from archdsl.ops.faults import MissingArgument, NoShorthand, OperatorFault, Reject, TwiceGiven, UnknownArgument
from archdsl.ops.operator import Operator
from archdsl.syntax import tree

_WINDOW = re.compile(r"([a-z_]\w*?)(\d+(?:x\d+)*)")
DECORATIONS = ("norm", "act")
_SHORTHAND = {Role.WINDOW: "window", Role.WIDTH: "width", Role.STRIDE: "stride"}


@dataclass(frozen=True)
class Reading:
    """An operator as a text asks for it: with its arguments, and with the norm and activation that follow it.

    spans: where each argument stands, for messages.
    """

    operator: Operator[Any]
    followers: tuple[Operator[Any], ...]
    spans: dict[str, Span]


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
    """Reads words; what is wrong with one goes into the report."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self._bare: dict[tuple[int, OperatorClass], Reading | None] = {}
        self._splits: dict[str, tuple[OperatorClass, str] | None] = {}

    def split(self, word: str) -> tuple[OperatorClass, str] | None:
        """The operator that a word means, and the window digits at its end."""
        if word not in self._splits:
            self._splits[word] = split(word, self.evaluator.operators)
        return self._splits[word]

    def read(self, node: tree.Mention, found: Partial, digits: str, scope: Scope) -> Reading | None:
        """The operator of a word with everything that the text gives it, or None where something is wrong."""
        operator = found.operator
        defaults = scope.default_arguments(operator)
        if node.width or node.stride or node.arguments or found.arguments or defaults:
            return self._read(node, found, digits, scope, defaults)
        # a bare word says the same wherever its block is worked out
        key = (id(node), operator)
        if key not in self._bare:
            self._bare[key] = self._read(node, found, digits, scope, defaults)
        return self._bare[key]

    def _read(
        self, node: tree.Mention, found: Partial, digits: str, scope: Scope, defaults: dict[str, Value]
    ) -> Reading | None:
        operator = found.operator
        given = _Given(dict(found.arguments), {})
        complete = self._shorthand(node, operator, digits, given, scope)
        decorations = self._named_and_positional(node, operator, given, scope)
        if decorations is None or not complete:
            return None
        for name, value in defaults.items():
            (decorations if name in DECORATIONS else given.values).setdefault(name, value)
        if any(isinstance(value, Unknown) for value in (*given.values.values(), *decorations.values())):
            return None
        given.values = {name: value for name, value in given.values.items() if not isinstance(value, Nothing)}
        made = self._bound(node, operator, given, scope)
        followers = [self._follower(node, name, decorations.get(name), scope) for name in DECORATIONS]
        if made is None or any(each is False for each in followers):
            return None
        return Reading(made, tuple(each for each in followers if isinstance(each, Operator)), given.spans)

    def reject(self, reject: Reject, node: tree.Mention, spans: dict[str, Span], scope: Scope) -> None:
        """Report what an operator refuses, at the argument at fault or at the word."""
        span = spans.get(reject.argument or "", node.name.span)
        self.evaluator.fault(reject.fault, scope, span)

    def _shorthand(self, node: tree.Mention, operator: OperatorClass, digits: str, given: _Given, scope: Scope) -> bool:
        complete = True
        name = node.name
        if digits:
            start = name.span.end - len(digits)
            sizes = tuple(map(int, digits.split("x")))
            window: Value = sizes[0] if len(sizes) == 1 else sizes
            complete &= self._by_role(
                Role.WINDOW, window, operator, name.text, Span(start, name.span.end), given, scope
            )
        for role, expression in ((Role.WIDTH, node.width), (Role.STRIDE, node.stride)):
            if expression is None:
                continue
            value = self.evaluator.value(expression, scope)
            text = scope.source.text[name.span.start : expression.span.end]
            complete &= self._by_role(role, value, operator, text, expression.span, given, scope)
        return complete

    def _by_role(
        self, role: Role, value: Value, operator: OperatorClass, text: str, span: Span, given: _Given, scope: Scope
    ) -> bool:
        argument = operator.by_role(role)
        if argument is None:
            self.evaluator.fault(NoShorthand(operator.word, _SHORTHAND[role], text), scope, span)
            return False
        given.values[argument] = value
        given.spans[argument] = span
        return True

    def _named_and_positional(
        self, node: tree.Mention, operator: OperatorClass, given: _Given, scope: Scope
    ) -> dict[str, Value] | None:
        """Put the arguments in parentheses into `given`; the decorations among them, or None where one is wrong."""
        decorations: dict[str, Value] = {}
        complete = True
        declared = arguments(operator)
        for argument in node.arguments.items if node.arguments else ():
            value = self.evaluator.value(argument.value, scope)
            name = argument.name.text if argument.name else self._next_positional(operator, given)
            span = argument.name.span if argument.name else argument.span
            if name in DECORATIONS and operator.decorated:
                decorations[name] = value
            elif name is None or name in given.spans:
                self.evaluator.fault(TwiceGiven(operator.word, name), scope, span)
                complete = False
            elif name not in declared:
                known = (*declared, *(DECORATIONS if operator.decorated else ()))
                self._unknown(UnknownArgument(operator.word, name, known), scope, span)
                complete = False
            else:
                if declared[name].kind is ArgumentKind.CHOICE and isinstance(value, Partial):
                    value = value.operator.word
                given.values[name] = value
                given.spans[name] = argument.value.span
        return decorations if complete else None

    def _unknown(self, fault: UnknownArgument, scope: Scope, span: Span) -> None:
        near = nearest(fault.argument, fault.known)
        self.evaluator.fault(fault, scope, span, edit=Edit(scope.place(span), near) if near else None)

    def _next_positional(self, operator: OperatorClass, given: _Given) -> str | None:
        return next((name for name in arguments(operator) if name not in given.spans), None)

    def _bound(self, node: tree.Mention, operator: OperatorClass, given: _Given, scope: Scope) -> Operator[Any] | None:
        try:
            return bind(operator, given.values)
        except Reject as reject:
            if isinstance(reject.fault, MissingArgument):
                self.evaluator.fault(self._missing(node, reject.fault), scope, node.name.span)
            else:
                self.reject(reject, node, given.spans, scope)
            return None

    def _missing(self, node: tree.Mention, fault: MissingArgument) -> OperatorFault:
        """The same fault with what was written as the start of the example: `CONV3` makes `CONV3-64`."""
        written = node.name.text
        if fault.argument == "width" and written[-1].isdigit():
            return MissingArgument(fault.operator, fault.argument, fault.doc, f"{written}-64")
        return fault

    def _follower(
        self, node: tree.Mention, name: str, value: Value | None, scope: Scope
    ) -> Operator[Any] | bool | None:
        """The norm or activation after an operator; None for none, False where it is wrong."""
        if value is None or value is False or isinstance(value, Nothing):
            return None
        span = node.arguments.span if node.arguments else node.name.span
        if not isinstance(value, Partial):
            wants = "an activation such as `relu`" if name == "act" else "a norm such as `bn`"
            self.evaluator.fault(faults.WrongValue(wants, kind_of(value)), scope, span)
            return False
        try:
            return bind(value.operator, dict(value.arguments))
        except Reject as reject:
            self.evaluator.fault(reject.fault, scope, span)
            return False
