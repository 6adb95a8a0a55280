"""The statements of a definition, one after the other, and the module that they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import assert_never

from archdsl.base.settings import is_whole
from archdsl.base.text import Span
from archdsl.elaborate import faults
from archdsl.elaborate.frame import Frame, Incoming, Run
from archdsl.elaborate.ledger import Failed, Stop, attempted
from archdsl.elaborate.program import Programs
from archdsl.elaborate.requirements import Requirement
from archdsl.elaborate.shapes import Inputs
from archdsl.elaborate.values import UNKNOWN, Shared, Unknown, Value, settled_arguments
from archdsl.graph.arguments import Partial
from archdsl.graph.build import Tensor
from archdsl.graph.module import Init, Module, Wire
from archdsl.ops import Operators
from archdsl.syntax import tree


@dataclass(eq=False)
class Body:
    """The statements of one block or net while they are worked out. `current` is what the next chain goes on from."""

    frame: Frame
    current: Incoming
    is_network: bool
    outputs: list[tuple[str, Tensor]] = field(default_factory=list[tuple[str, Tensor]])
    training: list[tuple[str, Tensor]] = field(default_factory=list[tuple[str, Tensor]])
    init: Init = Init.DEFAULT
    failed: bool = False
    requirements: list[Requirement] = field(default_factory=list[Requirement])


class Statements:
    """Works out the bodies of definitions."""

    def __init__(self, run: Run, programs: Programs, inputs: Inputs) -> None:
        self._run = run
        self._programs = programs
        self._inputs = inputs

    def module(self, body: Body, definition: tree.Definition, arguments: Mapping[str, Value], doc: str) -> Module:
        """The module of a definition whose body starts from `body`."""
        run, builder = self._run, body.frame.builder
        report, goes_on = run.evaluator.ledger.report, run.recovery.goes_on
        errors = len(report.errors)
        try:
            for statement in definition.body:
                self.statement(statement, body)
        except Stop:
            if not goes_on:
                raise
            if builder.steps:
                last = len(builder.steps) - 1
                body.current = (Tensor(builder, Wire(last), builder.steps[last].outputs[0]),)
        if not goes_on and (body.failed or body.current is None or len(report.errors) > errors):
            raise Failed
        if not body.current and not body.outputs:
            if not goes_on:
                reason = f"`{definition.name.text}` gives nothing back"
                body.frame.fault(faults.Misplaced(reason, "end it with a chain or `output`"), definition.name.span)
            raise Failed
        module = _finished(body, definition, arguments, doc, run.evaluator.operators)
        for requirement in body.requirements:
            requirement.check_whole(module, run.evaluator)
        if not goes_on and len(report.errors) > errors:
            raise Failed
        return module

    def statement(self, statement: tree.Statement, body: Body) -> None:
        """Work out one statement. What fails in it is remembered in `body`."""
        frame = body.frame
        scope, builder = frame.scope, frame.builder
        match statement:
            case tree.Use() | tree.Let() | tree.Function() | tree.Default():
                self._programs.statement(statement, scope)
            case tree.Run(_, chain):
                _chain(chain, body)
            case tree.Binding():
                said = self._run.evaluator.ledger.report.mark()
                _chain(statement.chain, body)
                self._bind(statement, body, said)
            case tree.Share(_, name, _):
                if self._programs.define(name, scope):
                    scope.names[name.text] = Shared(statement, scope, builder)
                    builder.taken[name.text] = frame.place(name.span)
            case tree.Input():
                self._input(statement, body)
            case tree.Output():
                _output(statement, body)
            case tree.Init(span, method):
                self._init(span, method, body)
            case tree.Require():
                self._require(statement, body)
            case tree.Definition(_, _, name):
                reason = f"`{name.text}` is defined inside another definition"
                frame.fault(faults.Misplaced(reason, "definitions stand at the top of a file"), name.span)
            case _:
                assert_never(statement)

    def _bind(self, statement: tree.Binding, body: Body, said: int) -> None:
        """Give names to what the chain of a statement gave. said: how much the report had said before it."""
        frame, names = body.frame, statement.names
        values: tuple[Value, ...] = (UNKNOWN,) * len(names)
        if body.current is not None:
            if len(body.current) == len(names):
                values = body.current
            else:
                frame.fault(faults.Unpacked(len(names), len(body.current)), statement.chain.span)
        for name, value in zip(names, values, strict=True):
            if self._programs.define(name, frame.scope):
                frame.scope.names[name.text] = value
            if isinstance(value, Tensor) and value.home is frame.builder:
                frame.builder.bindings[value.wire] = name.text
        body.current = self._run.recovery.unbound(statement, frame, body.current, said)

    def _input(self, node: tree.Input, body: Body) -> None:
        frame, name = body.frame, node.name
        said = self._run.evaluator.ledger.report.mark()
        if not body.is_network:
            # a net that is used as a block starts from what comes in
            tensor: Value = body.current[0] if body.current else UNKNOWN
        else:
            word = name.text if name else ""
            made = attempted(self._inputs.declared, node.shape, word, node.span, frame)
            tensor = made or UNKNOWN
            body.current = (made,) if made else None
            body.failed |= made is None
            if frame.scope.incoming is None:
                frame.scope.incoming = tensor
        if name is not None and self._programs.define(name, frame.scope):
            frame.scope.names[name.text] = tensor
        if body.current is None:
            body.current = self._run.recovery.failed(node.span, frame, said)

    def _init(self, span: Span, method: tree.Word, body: Body) -> None:
        inside = self._run.active[-1].definition if self._run.active else None
        if inside is not None and not inside.is_net:
            fault = faults.Misplaced("`init` in a block", "the network says how its weights start")
            body.frame.fault(fault, span)
        elif method.text not in set(Init):
            body.frame.fault(faults.UnknownName(method.text, tuple(Init)), method.span)
        else:
            body.init = Init(method.text)

    def _require(self, statement: tree.Require, body: Body) -> None:
        if self._run.recovery.goes_on:
            return  # what is required changes nothing that is made
        requirement = Requirement(statement, body.frame.scope)
        if not requirement.facts:
            if requirement.check(self._run.evaluator) is False:
                # what follows would be blamed for the same
                raise Stop
        elif body.is_network:
            body.requirements.append(requirement)
        else:
            fault = faults.Misplaced(f"`{requirement.facts[0]}` in a block", "only a network is known as a whole")
            body.frame.fault(fault, statement.span)


def _chain(chain: tree.Chain, body: Body) -> None:
    """Go on with a chain from what the statement above gave."""
    # blocks stand in blocks as deep as the limits allow, and each call between two of them takes of Python's stack
    try:
        body.current = body.frame.run.chain(chain, body.frame, body.current)
    except Failed:
        body.current, body.failed = None, True


def _output(statement: tree.Output, body: Body) -> None:
    mode, frame = statement.mode, body.frame
    if mode is not None and mode.text != "train":
        frame.fault(faults.WrongValue("`train`", f"`{mode.text}`"), mode.span)
    for name in statement.names:
        value = frame.scope.find(name.text)
        if isinstance(value, Tensor) and value.home is frame.builder:
            (body.outputs if mode is None else body.training).append((name.text, value))
        elif value is None:
            frame.fault(faults.UnknownName(name.text, tuple(sorted(frame.scope.known()))), name.span)
        elif not isinstance(value, Unknown):
            frame.fault(faults.WrongValue("a tensor of this block", str(value)[:40]), name.span)


def _finished(
    body: Body, definition: tree.Definition, arguments: Mapping[str, Value], doc: str, operators: Operators
) -> Module:
    """The module of a definition whose statements are worked out."""
    outputs = body.outputs or [("", tensor) for tensor in body.current or ()]
    return body.frame.builder.finish(
        tuple(tensor for _, tensor in (*outputs, *body.training)),
        arguments=settled_arguments(arguments),
        is_block=True,
        is_network=body.is_network,
        output_names=tuple(name for name, _ in (*outputs, *body.training)),
        train_outputs=len(body.training),
        doc=doc,
        defaults=settled_arguments(_own(arguments) if body.is_network else _defaults(definition, operators)),
        init=body.init,
    )


def _own(arguments: Mapping[str, Value]) -> dict[str, Value]:
    """The values that parameters of a network have if they are not given: those it was compiled with."""
    return {name: each for name, each in arguments.items() if is_whole(each) or isinstance(each, float | tuple)}


def _defaults(definition: tree.Definition, operators: Operators) -> dict[str, Value]:
    """The values that parameters of a block have if they are not given."""
    found: dict[str, Value] = {}
    for parameter in definition.parameters:
        match parameter.default:
            case tree.Number(_, value) | tree.Text(_, value):
                found[parameter.name.text] = value
            case tree.Name(_, "true" | "false" as word):
                found[parameter.name.text] = word == "true"
            case tree.Name(_, text) if text.lower() in operators:
                found[parameter.name.text] = Partial(operators[text.lower()])
            case _:
                pass
    return found
