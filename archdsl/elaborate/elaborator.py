"""Elaboration: from the syntax tree to the hierarchy of modules.

A block is worked out once for each distinct set of arguments and input types; a repeat until its output has the type
of its input. So a billion equal layers cost one. What is wrong with a part goes into the report, its result is
unknown, and what depends on it stays silent.
"""

from __future__ import annotations

from archdsl.algebra.symbolic import FormulaTooLarge
from archdsl.algebra.tensors import TensorType
from archdsl.base.collector import collector_paused
from archdsl.base.faults import LimitPassed
from archdsl.elaborate import faults
from archdsl.elaborate.blocks import Blocks, arguments_of
from archdsl.elaborate.chains import Chains
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.frame import Frame, Recovery, Run
from archdsl.elaborate.ledger import Failed, Stop, attempted
from archdsl.elaborate.library import Library
from archdsl.elaborate.open_sizes import Example
from archdsl.elaborate.program import Program, Programs
from archdsl.elaborate.shapes import Inputs
from archdsl.elaborate.statements import Body, Statements
from archdsl.elaborate.values import UNKNOWN, Scope, Template, Value
from archdsl.graph.build import Builder
from archdsl.graph.module import Module
from archdsl.syntax import tree


class Elaborator:
    """Works out networks. One serves one run: it remembers every module that it made.

    size: the type that replaces the one that the network's input declares. example: of the sizes that are left open.
    recovery: what is done where something fails.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        library: Library,
        size: TensorType | None = None,
        *,
        tracing: bool = False,
        example: Example | None = None,
        recovery: Recovery | None = None,
    ) -> None:
        example = example or Example()
        as_written = size is None and not example.opens_all
        self.evaluator = evaluator
        self.programs = Programs(evaluator, library)
        self._run = run = Run(evaluator, recovery or Recovery(), size, tracing, as_written)
        inputs = Inputs(run, self.programs, example)
        self._statements = Statements(run, self.programs, inputs)
        run.chain = Chains(run, self.programs, inputs, Blocks(run, self.programs, self._statements)).chain
        self._circular: set[tree.Definition] = set()

    def network(self, template: Template, name: str) -> Module | None:
        """The root module of a net; None where something is wrong with it."""
        if self.programs.cut_short:
            return None
        try:
            with collector_paused():
                return self._network(template, name)
        except (Failed, Stop):
            return None
        except FormulaTooLarge as error:
            ledger = self.evaluator.ledger
            fault = LimitPassed("a size has too many terms", error.size, ledger.limits.terms, "terms")
            ledger.report.add(fault, error.place)
            return None

    def _network(self, template: Template, name: str) -> Module:
        doc = template.scope.source.doc_above(template.definition.span.start)
        hyperparameters: dict[str, Value] = {}
        if template.definition in self._circular:
            raise Failed
        seen = {template.definition: template.definition.name.text}
        frame = self._frame(template, name, {}, hyperparameters)
        while inner := self._instance_of(template, frame, seen):
            if len(seen) > (ledger := self.evaluator.ledger).limits.nesting:
                span = template.definition.name.span
                ledger.limit("networks are instances of others too deeply", len(seen), "nesting", frame.scope, span)
            template, given = inner
            frame = self._frame(template, name, given, hyperparameters)
        if frame.scope.free or template.scope.free:
            hyperparameters |= self.evaluator.settings
        self._run.reached.update(seen)
        doc = doc or frame.scope.source.doc_above(template.definition.span.start)
        return self._statements.module(Body(frame, (), is_network=True), template.definition, hyperparameters, doc)

    def _instance_of(
        self, template: Template, frame: Frame, seen: dict[tree.Definition, str]
    ) -> tuple[Template, dict[str, Value]] | None:
        """The net that a net is an instance of, with its arguments: `net resnet18 = resnet(basic, [2, 2, 2, 2])`."""
        match template.definition.body:
            case (tree.Run(_, tree.Chain(_, (tree.Element(_, tree.Mention() as node, None, None, None, None),))),):
                value = frame.scope.find(node.name.text)
            case _:
                return None
        if not isinstance(value, Template) or not value.definition.is_net:
            return None
        if value.definition in seen:
            self._circular.update(seen)
            path = (*list(seen.values())[list(seen).index(value.definition) :], value.definition.name.text)
            raise frame.fault(faults.Recursion(path, "network"), node.name.span)
        seen[value.definition] = value.definition.name.text
        given = attempted(arguments_of, value, node, frame)
        return None if given is None else (value, given)

    def _frame(
        self, template: Template, name: str, given: dict[str, Value], hyperparameters: dict[str, Value]
    ) -> Frame:
        """The frame of a net: its parameters from what is given, else from the settings, else their defaults.

        Those that are not given are hyper-parameters.
        """
        run, evaluator, definition = self._run, self.evaluator, template.definition
        scope = Scope(template.scope.source, template.scope, free=template.scope.free)
        frame = Frame(run, scope, Builder(name, scope.place(definition.name.span), indexed=False))
        complete = True
        for parameter in definition.parameters:
            word = parameter.name.text
            if not self.programs.define(parameter.name, scope):
                complete = False
                continue
            if word in given:
                scope.names[word] = given[word]
                continue
            if word in evaluator.settings or parameter.default is None:
                value = evaluator.setting(word, scope, parameter.name.span)
                run.as_written &= parameter.default is None
            else:
                evaluator.used.add(word)
                value = frame.value(parameter.default)
            hyperparameters[word] = value
            scope.names[word] = run.argument(word, value)
        if not complete:
            raise Failed
        return frame

    def check(self, program: Program) -> None:
        """Look for faults in what no network reached: each such definition on an unknown input."""
        if self.programs.cut_short:
            return
        for template in (*program.blocks.values(), *program.nets.values()):
            definition = template.definition
            if definition in self._run.reached:
                continue
            scope = Scope(template.scope.source, template.scope, incoming=UNKNOWN)
            scope.names.update((each.name.text, UNKNOWN) for each in definition.parameters)
            builder = Builder("unreached", scope.place(definition.span), indexed=False)
            body = Body(Frame(self._run, scope, builder), None, is_network=True)
            try:
                for statement in definition.body:
                    self._statements.statement(statement, body)
            except Stop:
                return
