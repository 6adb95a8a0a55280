"""Calls of blocks. A block is worked out once for each distinct set of arguments and input types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from archdsl.algebra.tensors import TensorType
from archdsl.base.suggest import nearest
from archdsl.elaborate import faults
from archdsl.elaborate.evaluate import TOO_MANY
from archdsl.elaborate.frame import Frame, Incoming, Run, Tensors
from archdsl.elaborate.groups import check_labels
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.program import Programs
from archdsl.elaborate.statements import Body, Statements
from archdsl.elaborate.values import Scope, Template, Unknown, Value, settled_arguments
from archdsl.graph.arguments import Partial
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.identity import exact
from archdsl.graph.module import Module
from archdsl.ops.faults import NoShorthand, WrongCount
from archdsl.syntax import tree


class Blocks:
    """The blocks of one run, which remembers each that it made."""

    def __init__(self, run: Run, programs: Programs, statements: Statements) -> None:
        self._run = run
        self._programs = programs
        self._statements = statements
        self._made: dict[tuple[Any, ...], Module | None] = {}

    def call(self, template: Template, node: tree.Mention, frame: Frame, incoming: Incoming, label: str) -> Tensors:
        """What comes out of a block."""
        for part, name in ((node.width, "width"), (node.stride, "stride")):
            if part is not None:
                text = frame.text(node.name.span.to(part.span))
                raise frame.fault(NoShorthand(node.name.text, name, text), part.span)
        if node.branches is not None:
            fault = WrongCount(node.name.text, "one tensor, without braces", len(node.branches.chains))
            raise frame.fault(fault, node.branches.span)
        given = attempted(_bound, template, node, frame)
        x = frame.one(incoming, node)
        if given is None or any(isinstance(value, Unknown) for value in given.values()):
            raise Failed
        reached = [frame.reached(value) for value in given.values() if isinstance(value, Tensor)]
        tensors = tuple(each for each in reached if each is not None)
        if len(tensors) != len(reached):
            raise frame.fault(faults.OutsideTensor(node.name.text), node.span)
        module = self._module(template, given, x, node, frame)
        xs = (x, *tensors)
        types = self._run.leaving(module, xs, given)
        plain = settled_arguments({name: value for name, value in given.items() if not isinstance(value, Tensor)})
        return frame.builder.add(module, xs, types, frame.place(node.span), name=label, arguments=plain)

    def _module(
        self, template: Template, given: Mapping[str, Value], x: Tensor, node: tree.Mention, frame: Frame
    ) -> Module:
        """The module of a block with these arguments on an input of this type: made once."""
        evaluator = self._run.evaluator
        evaluator.ledger.count(sum(map(evaluator.measures.size, given.values())), frame.scope, node.span)
        key = (id(template.definition), x.type, tuple((name, _identity(value)) for name, value in given.items()))
        if key not in self._made:
            frame.count_step(node.name.span)
            try:
                self._made[key] = self._called(template, given, x, node, frame)
            except Failed:
                self._made[key] = None
        if (module := self._made[key]) is None:
            raise Failed
        return module

    def _called(
        self, template: Template, given: Mapping[str, Value], x: Tensor, node: tree.Mention, frame: Frame
    ) -> Module:
        """The module of a block, unless it is called inside itself, which would never end."""
        definition, calls = template.definition, self._run.evaluator.ledger.calls
        active = [each.definition for each in self._run.active]
        if definition in active:
            path = (*(each.name.text for each in active[active.index(definition) :]), definition.name.text)
            raise frame.fault(faults.Recursion(path), node.name.span)
        self._run.active.append(template)
        calls.append((frame.place(node.span), node.name.text))
        try:
            return self._worked_out(template, given, x.type)
        finally:
            self._run.active.pop()
            calls.pop()

    def _worked_out(self, template: Template, given: Mapping[str, Value], kind: TensorType) -> Module:
        run, definition = self._run, template.definition
        run.reached.add(definition)
        scope = Scope(template.scope.source, template.scope)
        is_row = definition.is_group and not any(isinstance(each, Tensor) for each in given.values())
        builder = Builder(definition.name.text, scope.place(definition.name.span), indexed=is_row)
        entry = "x"
        while isinstance(given.get(entry), Tensor):
            entry += "_"
        x = builder.add_input(run.entering(kind), entry)
        scope.incoming = x
        # every parameter is looked at, so that each wrong name is said
        definable = [self._programs.define(each.name, scope) for each in definition.parameters]
        if not all(definable):
            raise Failed
        plain: dict[str, Value] = {}
        for name, value in given.items():
            if isinstance(value, Tensor):
                scope.names[name] = builder.add_input(run.entering(value.type, name), name)
            else:
                scope.names[name] = plain[name] = run.argument(name, value)
        frame = Frame(run, scope, builder)
        doc = scope.source.doc_above(definition.span.start)
        module = self._statements.module(Body(frame, (x,), is_network=False), definition, plain, doc)
        check_labels(module, frame)
        return module


def arguments_of(template: Template, node: tree.Mention, frame: Frame) -> dict[str, Value]:
    """The arguments that a call states, by parameter."""
    misfit = frame.run.evaluator.misfit
    names = [each.name.text for each in template.definition.parameters]
    given: dict[str, Value] = dict(template.arguments)
    complete = True
    known = set(names)
    free = (name for name in names if name not in given)
    for argument in node.arguments.items if node.arguments else ():
        value = frame.value(argument.value)
        name = argument.name.text if argument.name else next(free, "")
        reason = ""
        if name not in known:
            reason = f"has no parameter `{name}`" if name else TOO_MANY
        elif name in given:
            reason = f"gets `{name}` twice"
        if reason:
            near = nearest(name, names) if name else None
            misfit(template.definition, template.scope, reason, argument.span, frame.scope, near)
            complete = False
        given[name] = value
    if not complete:
        raise Failed
    return given


def _bound(template: Template, node: tree.Mention, frame: Frame) -> dict[str, Value]:
    """The arguments of a call with those that have defaults, in the order of the parameters."""
    definition, misfit = template.definition, frame.run.evaluator.misfit
    given = arguments_of(template, node, frame)
    complete = True
    inner = frame.within(Scope(template.scope.source, template.scope, names={**given}))
    for parameter in definition.parameters:
        name = parameter.name.text
        if name in given:
            continue
        if parameter.default is not None:
            given[name] = inner.scope.names[name] = inner.value(parameter.default)
        elif not definition.is_net:
            misfit(definition, template.scope, f"has no value for `{name}`", node.name.span, frame.scope)
            complete = False
    if not complete:
        raise Failed
    names = [each.name.text for each in definition.parameters]
    return {name: given[name] for name in names if name in given}


def _identity(value: Value) -> object:
    """What tells a value from others, also in lists and among arguments: 1, 1.0 and true are equal in Python, and so
    are zeros of both signs."""
    match value:
        case Tensor():
            return value.type
        case tuple():
            return tuple(map(_identity, value))
        case Template(what) | Partial(what):
            return (what, tuple((name, _identity(each)) for name, each in value.arguments))
        case float():
            return exact(value)
        case _:
            return (type(value), value)
