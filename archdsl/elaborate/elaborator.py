"""Elaboration: from the syntax tree to the hierarchy of modules.

A block is worked out once for each distinct set of arguments and input types; a repeat until its output has the type
of its input. So a billion equal layers cost one. What is wrong with a part goes into the report, its result is
unknown, and what depends on it stays silent.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from archdsl.algebra.symbolic import Assumptions, FormulaTooLarge
from archdsl.algebra.tensors import TensorType
from archdsl.algebra.traced import traced_type
from archdsl.base.collector import collector_paused
from archdsl.base.faults import LimitPassed
from archdsl.base.limits import LARGEST
from archdsl.base.settings import is_whole
from archdsl.base.suggest import nearest
from archdsl.base.text import Place, Span
from archdsl.elaborate import faults
from archdsl.elaborate.chains import Chains, Tensors
from archdsl.elaborate.evaluate import Evaluator, Stop
from archdsl.elaborate.open_sizes import Example
from archdsl.elaborate.program import Program, Programs
from archdsl.elaborate.requirements import Requirement
from archdsl.elaborate.values import (
    UNKNOWN,
    Scope,
    Shared,
    Template,
    Unknown,
    Value,
    settled_arguments,
    signature,
    traced_argument,
)
from archdsl.graph.arguments import Partial
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.module import Init, Module
from archdsl.ops.faults import NoShorthand, WrongCount
from archdsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Generator

    from archdsl.elaborate.library import Library

_MOST_AXES = 4


@dataclass(eq=False)
class Body:
    """The statements of one block or net while they are worked out. `current` is what the next chain goes on from."""

    builder: Builder
    scope: Scope
    current: Tensors
    is_network: bool
    outputs: list[tuple[str, Tensor]] = field(default_factory=list[tuple[str, Tensor]])
    training: list[tuple[str, Tensor]] = field(default_factory=list[tuple[str, Tensor]])
    init: Init = Init.DEFAULT
    failed: bool = False
    requirements: list[Requirement] = field(default_factory=list[Requirement])


class Elaborator(Chains):
    """Works out blocks and networks. One serves one run: it remembers every module that it made.

    size: the type that replaces the one that the network's input declares. example: of the sizes that are left open.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        library: Library,
        size: TensorType | None = None,
        *,
        tracing: bool = False,
        example: Example | None = None,
    ) -> None:
        super().__init__(evaluator, tracing=tracing)
        self.programs = Programs(evaluator, library)
        self.size = size
        self.example = example or Example()
        self.as_written = size is None and not self.example.opens_all
        evaluator.known_block = self.known_block
        self._blocks: dict[tuple[Any, ...], Module | None] = {}
        self._active: list[Template] = []
        self._reached: set[tree.Definition] = set()
        self._circular: set[tree.Definition] = set()

    # --- networks ---------------------------------------------------------------------------------------------------

    def network(self, template: Template, name: str) -> Module | None:
        """The root module of a net; None where something is wrong with it."""
        if self.programs.cut_short:
            return None
        try:
            with collector_paused():
                return self._network(template, name)
        except Stop:
            return None
        except FormulaTooLarge as error:
            fault = LimitPassed("a size has too many terms", error.size, self.evaluator.limits.terms, "terms")
            self.evaluator.report.add(fault, error.place)
            return None

    def _network(self, template: Template, name: str) -> Module | None:
        doc = template.scope.source.doc_above(template.definition.span.start)
        hyperparameters: dict[str, Value] = {}
        if template.definition in self._circular:
            return None
        seen = {template.definition: template.definition.name.text}
        scope = self._net_scope(template, {}, hyperparameters)
        while scope and (inner := self._instance_of(template, scope, seen)):
            if len(seen) > self.evaluator.limits.nesting:
                span = template.definition.name.span
                self.evaluator.limit("networks are instances of others too deeply", len(seen), "nesting", scope, span)
            template, given = inner
            scope = self._net_scope(template, given, hyperparameters)
        if scope is None:
            return None
        if scope.free or template.scope.free:
            hyperparameters |= self.evaluator.settings
        self._reached.update(seen)
        definition = template.definition
        builder = Builder(name, scope.place(definition.name.span), indexed=False)
        doc = doc or scope.source.doc_above(definition.span.start)
        body = Body(builder, scope, (), is_network=True)
        return self._finished(body, definition, hyperparameters, doc)

    def _instance_of(
        self, template: Template, scope: Scope, seen: dict[tree.Definition, str]
    ) -> tuple[Template, dict[str, Value]] | None:
        """The net that a net is an instance of, with its arguments: `net resnet18 = resnet(basic, [2, 2, 2, 2])`."""
        match template.definition.body:
            case (tree.Run(_, tree.Chain(_, (tree.Element(_, tree.Mention() as node, None, None, None, None),))),):
                value = scope.find(node.name.text)
            case _:
                return None
        if not isinstance(value, Template) or not value.definition.is_net:
            return None
        if value.definition in seen:
            self._circular.update(seen)
            path = (*list(seen.values())[list(seen).index(value.definition) :], value.definition.name.text)
            self.evaluator.fault(faults.Recursion(path, "network"), scope, node.name.span)
            raise Stop
        seen[value.definition] = value.definition.name.text
        given = self._given(value, node, scope)
        return None if given is None else (value, given)

    def _net_scope(
        self, template: Template, given: dict[str, Value], hyperparameters: dict[str, Value]
    ) -> Scope | None:
        """The scope of a net: its parameters from what is given, else from the settings, else their defaults.

        Those that are not given are hyper-parameters.
        """
        scope = Scope(template.scope.source, template.scope, free=template.scope.free)
        complete = True
        for parameter in template.definition.parameters:
            name = parameter.name.text
            if not self.programs.define(parameter.name, scope):
                complete = False
                continue
            if name in given:
                scope.names[name] = given[name]
                continue
            if name in self.evaluator.settings or parameter.default is None:
                value = self.evaluator.setting(name, scope, parameter.name.span)
                self.as_written &= parameter.default is None
            else:
                self.evaluator.used.add(name)
                value = self.evaluator.value(parameter.default, scope)
            hyperparameters[name] = value
            scope.names[name] = self._argument(name, value)
        return scope if complete else None

    def check(self, program: Program) -> None:
        """Look for faults in what no network reached: each such definition on an unknown input."""
        if self.programs.cut_short:
            return
        for template in (*program.blocks.values(), *program.nets.values()):
            definition = template.definition
            if definition in self._reached:
                continue
            scope = Scope(template.scope.source, template.scope, incoming=UNKNOWN)
            scope.names.update((each.name.text, UNKNOWN) for each in definition.parameters)
            body = Body(Builder("unreached", scope.place(definition.span), indexed=False), scope, None, is_network=True)
            try:
                for statement in definition.body:
                    self._statement(statement, body)
            except Stop:
                return

    # --- statements -------------------------------------------------------------------------------------------------

    def _finished(
        self, body: Body, definition: tree.Definition, arguments: dict[str, Value], doc: str
    ) -> Module | None:
        """The module of a definition whose body starts from `body`."""
        errors = len(self.evaluator.report.errors)
        for statement in definition.body:
            self._statement(statement, body)
        if body.failed or body.current is None or len(self.evaluator.report.errors) > errors:
            return None
        if not body.current and not body.outputs:
            fault = faults.Misplaced(f"`{definition.name.text}` gives nothing back", "end it with a chain or `output`")
            self.evaluator.fault(fault, body.scope, definition.name.span)
            return None
        module = self._module(body, body.current, definition, arguments, doc)
        for requirement in body.requirements:
            requirement.check_whole(module, self.evaluator)
        return module if len(self.evaluator.report.errors) == errors else None

    def _module(
        self,
        body: Body,
        ends: tuple[Tensor, ...],
        definition: tree.Definition,
        arguments: dict[str, Value],
        doc: str,
    ) -> Module:
        """The module of a definition whose statements are worked out. ends: what it gives back if it does not say."""
        outputs = body.outputs or [("", tensor) for tensor in ends]
        return body.builder.finish(
            tuple(tensor for _, tensor in (*outputs, *body.training)),
            arguments=settled_arguments(arguments),
            is_block=True,
            is_network=body.is_network,
            output_names=tuple(name for name, _ in (*outputs, *body.training)),
            train_outputs=len(body.training),
            doc=doc,
            defaults=settled_arguments(self._defaults(definition, arguments, is_network=body.is_network)),
            init=body.init,
        )

    def _statement(self, statement: tree.Statement, body: Body) -> None:
        scope = body.scope
        if self.programs.statement(statement, scope):
            return
        match statement:
            case tree.Run(_, chain):
                body.current = self.chain(chain, scope, body.builder, body.current)
                body.failed |= body.current is None
            case tree.Binding():
                self._binding(statement, body)
            case tree.Share(_, name, _):
                if self.programs.define(name, scope):
                    scope.names[name.text] = Shared(statement, scope, body.builder)
                    body.builder.taken[name.text] = scope.place(name.span)
            case tree.Input(_, name, shape):
                self._input(name, shape, statement, body)
            case tree.Output():
                self._output(statement, body)
            case tree.Init(span, method):
                self._init(span, method, body)
            case tree.Require():
                self._require(statement, body)
            case tree.Definition(_, _, name):
                reason = f"`{name.text}` is defined inside another definition"
                fault = faults.Misplaced(reason, "definitions stand at the top of a file")
                self.evaluator.fault(fault, scope, name.span)
            case _:
                raise AssertionError(statement)

    def _binding(self, statement: tree.Binding, body: Body) -> None:
        result = self.chain(statement.chain, body.scope, body.builder, body.current)
        body.current = result
        body.failed |= result is None
        names = statement.names
        if result is not None and len(result) != len(names):
            self.evaluator.fault(faults.Unpacked(len(names), len(result)), body.scope, statement.chain.span)
            result = None
        for name, value in zip(names, result or (UNKNOWN,) * len(names), strict=True):
            if self.programs.define(name, body.scope):
                body.scope.names[name.text] = value
            if isinstance(value, Tensor) and value.home is body.builder:
                body.builder.bindings[value.wire] = name.text

    def _input(
        self, name: tree.Word | None, shape: tree.ShapeExpression, node: tree.Input | tree.InputElement, body: Body
    ) -> None:
        if not body.is_network:
            # a net that is used as a block starts from what comes in
            tensor: Value = body.current[0] if body.current else UNKNOWN
        else:
            made = self._declared(shape, name.text if name else "", node.span, body.scope, body.builder)
            tensor = made or UNKNOWN
            body.current = (made,) if made else None
            body.failed |= made is None
            if body.scope.incoming is None:
                body.scope.incoming = made or UNKNOWN
        if name is not None and self.programs.define(name, body.scope):
            body.scope.names[name.text] = tensor

    def _declared(
        self, shape: tree.ShapeExpression, name: str, span: Span, scope: Scope, builder: Builder
    ) -> Tensor | None:
        """A new input of the network, of the size that it states or that was set from outside."""
        if isinstance(shape, tree.Axes):
            self._open(shape, scope)
        sizes = self.sizes(shape, scope) if self.size is None else self._size_given(self.size, scope, span)
        if self.size is not None and builder.inputs:
            fault = faults.InputSize("one input size was given, and the network has several inputs")
            self.evaluator.fault(fault, scope, span)
        if sizes is None:
            return None
        if name in builder.input_names:
            self.evaluator.fault(faults.DefinedTwice(name), scope, span)
            return None
        number = len(builder.inputs) + 1
        while not name:
            free = "x" if number == 1 else f"x{number}"
            name, number = ("" if free in builder.input_names else free), number + 1
        return builder.add_input(self._opened(sizes, name), name)

    def _size_given(self, size: TensorType, scope: Scope, span: Span) -> TensorType | None:
        """The size that was set from outside, if it is one."""
        if 1 <= len(size.shape) <= _MOST_AXES and all(1 <= each <= LARGEST for each in size.shape):
            return size
        shown = ", ".join(f"{each}" if abs(each) <= LARGEST else "a number that is too large" for each in size.shape)
        self.evaluator.fault(faults.InputSize(f"({shown[:80]}) is no size: one to four sizes from 1 on"), scope, span)
        return None

    def _open(self, shape: tree.Axes, scope: Scope) -> None:
        """Give the names in a shape that mean nothing yet a meaning: sizes that are left open, or those that were set
        from outside."""
        for axis, node in enumerate(shape.sizes):
            if not isinstance(node, tree.Name) or scope.find(node.text) is not None:
                continue
            name = node.text
            if name in self.evaluator.settings and any(each.free for each in scope.outward()):
                continue
            if self.programs.define(tree.Word(node.span, name), scope):
                given = self.size.shape if self.size and len(self.size.shape) == len(shape.sizes) else None
                if given is None:
                    scope.names[name] = self.example.opened(name, self._open_sizes())
                else:
                    scope.names[name] = given[axis]

    def _opened(self, kind: TensorType, name: str) -> TensorType:
        """The type of an input, with its grid left open where that is wanted."""
        return self.example.opened_type(kind, name, self._open_sizes()) if self.example.opens_all else kind

    def _open_sizes(self) -> Assumptions:
        if self.evaluator.open_sizes is None:
            self.evaluator.open_sizes = Assumptions(self.evaluator.limits.terms)
        return self.evaluator.open_sizes

    @override
    def declare(self, node: tree.InputElement, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        if incoming is None:
            return None
        if incoming or builder.indexed or self._active:
            advice = "an input starts a network; write `input name: 32x32x3` for a second one"
            self.evaluator.fault(faults.Misplaced("an input in the middle of a chain", advice), scope, node.span)
            return None
        made = self._declared(node.shape, "", node.span, scope, builder)
        if made is None:
            return None
        if scope.incoming is None:
            scope.incoming = made
        return (made,)

    def _output(self, statement: tree.Output, body: Body) -> None:
        mode = statement.mode
        if mode is not None and mode.text != "train":
            fault = faults.WrongValue("`train`", f"`{mode.text}`")
            self.evaluator.fault(fault, body.scope, mode.span)
        for name in statement.names:
            value = body.scope.find(name.text)
            if isinstance(value, Tensor) and value.home is body.builder:
                (body.outputs if mode is None else body.training).append((name.text, value))
            elif value is None:
                known = tuple(sorted(body.scope.known()))
                self.evaluator.fault(faults.UnknownName(name.text, known), body.scope, name.span)
            elif not isinstance(value, Unknown):
                fault = faults.WrongValue("a tensor of this block", str(value)[:40])
                self.evaluator.fault(fault, body.scope, name.span)

    def _init(self, span: Span, method: tree.Word, body: Body) -> None:
        inside = self._active[-1].definition if self._active else None
        if inside is not None and not inside.is_net:
            fault = faults.Misplaced("`init` in a block", "the network says how its weights start")
            self.evaluator.fault(fault, body.scope, span)
        elif method.text not in set(Init):
            self.evaluator.fault(faults.UnknownName(method.text, tuple(Init)), body.scope, method.span)
        else:
            body.init = Init(method.text)

    def _require(self, statement: tree.Require, body: Body) -> None:
        requirement = Requirement(statement, body.scope)
        if not requirement.facts:
            if requirement.check(self.evaluator) is False:
                # what follows would be blamed for the same
                raise Stop
        elif body.is_network:
            body.requirements.append(requirement)
        else:
            fault = faults.Misplaced(f"`{requirement.facts[0]}` in a block", "only a network is known as a whole")
            self.evaluator.fault(fault, body.scope, statement.span)

    # --- calls of blocks --------------------------------------------------------------------------------------------

    @override
    def call(
        self, template: Template, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors, label: str
    ) -> Tensors:
        for part, name in ((node.width, "width"), (node.stride, "stride")):
            if part is not None:
                text = scope.source.text[node.name.span.start : part.span.end]
                self.evaluator.fault(NoShorthand(node.name.text, name, text), scope, part.span)
                return None
        if node.branches is not None:
            fault = WrongCount(node.name.text, "one tensor, without braces", len(node.branches.chains))
            self.evaluator.fault(fault, scope, node.branches.span)
            return None
        given = self._bound(template, node, scope)
        x = self.one(incoming, node, scope)
        if given is None or x is None or any(isinstance(value, Unknown) for value in given.values()):
            return None
        reached = [self.reached(value, builder) for value in given.values() if isinstance(value, Tensor)]
        tensors = tuple(each for each in reached if each is not None)
        if len(tensors) != len(reached):
            self.evaluator.fault(faults.OutsideTensor(node.name.text), scope, node.span)
            return None
        module = self._block(template, given, x, node, scope)
        if module is None:
            return None
        inputs = (x, *tensors)
        types = self.leaving(module, tuple(each.type for each in inputs), given)
        plain = settled_arguments({name: value for name, value in given.items() if not isinstance(value, Tensor)})
        return builder.add(module, inputs, types, scope.place(node.span), name=label, arguments=plain)

    def _block(
        self, template: Template, given: dict[str, Value], x: Tensor, node: tree.Mention, scope: Scope
    ) -> Module | None:
        """The module of a block with these arguments on an input of this type: made once."""
        self.evaluator.count(sum(map(self.evaluator.size, given.values())), scope, node.span)
        key = (id(template.definition), x.type, tuple((name, _identity(value)) for name, value in given.items()))
        if key not in self._blocks:
            self.count_step(scope, node.name.span)
            with self._entered(template, node, scope) as entered:
                self._blocks[key] = self._worked_out(template, given, x.type) if entered else None
        return self._blocks[key]

    @contextmanager
    def _entered(self, template: Template, node: tree.Mention, scope: Scope) -> Generator[bool]:
        """Inside a block's call; False where it would never end."""
        active = [each.definition for each in self._active]
        place = scope.place(node.span)
        if template.definition in active:
            first = active.index(template.definition)
            path = (*(each.name.text for each in active[first:]), template.definition.name.text)
            self.evaluator.fault(faults.Recursion(path), scope, node.name.span)
            yield False
            return
        self._active.append(template)
        self.evaluator.calls.append((place, node.name.text))
        try:
            yield True
        finally:
            self._active.pop()
            self.evaluator.calls.pop()

    def _worked_out(self, template: Template, given: dict[str, Value], kind: TensorType) -> Module | None:
        definition = template.definition
        self._reached.add(definition)
        scope = Scope(template.scope.source, template.scope)
        is_row = definition.is_group and not any(isinstance(each, Tensor) for each in given.values())
        builder = Builder(definition.name.text, scope.place(definition.name.span), indexed=is_row)
        entry = "x"
        while isinstance(given.get(entry), Tensor):
            entry += "_"
        x = builder.add_input(self.entering(kind), entry)
        scope.incoming = x
        # every parameter is looked at, so that each wrong name is said
        definable = [self.programs.define(each.name, scope) for each in definition.parameters]
        if not all(definable):
            return None
        plain: dict[str, Value] = {}
        for name, value in given.items():
            if isinstance(value, Tensor):
                entering = traced_type(value.type, name) if self.tracing else value.type
                scope.names[name] = builder.add_input(entering, name)
            else:
                scope.names[name] = plain[name] = self._argument(name, value)
        body = Body(builder, scope, (x,), is_network=False)
        module = self._finished(body, definition, plain, scope.source.doc_above(definition.span.start))
        return module if module is None or self.is_counted(module, scope) else None

    def _argument(self, name: str, value: Value) -> Value:
        """The value of a parameter inside its block."""
        return traced_argument(name, value) if self.tracing else value

    def _given(self, template: Template, node: tree.Mention, scope: Scope) -> dict[str, Value] | None:
        """The arguments that a call states, by parameter; None where one does not fit."""
        names = [each.name.text for each in template.definition.parameters]
        given: dict[str, Value] = dict(template.arguments)
        complete = True
        known = set(names)
        free = (name for name in names if name not in given)
        for argument in node.arguments.items if node.arguments else ():
            value = self.evaluator.value(argument.value, scope)
            name = argument.name.text if argument.name else next(free, "")
            reason = ""
            if name not in known:
                reason = f"has no parameter `{name}`" if name else "gets more arguments than it has parameters"
            elif name in given:
                reason = f"gets `{name}` twice"
            if reason:
                self._misfit(template, reason, argument.span, scope, nearest(name, names) if name else None)
                complete = False
            given[name] = value
        return given if complete else None

    def _bound(self, template: Template, node: tree.Mention, scope: Scope) -> dict[str, Value] | None:
        """The arguments of a call with those that have defaults, in the order of the parameters; None where they do not
        fit."""
        definition = template.definition
        given = self._given(template, node, scope)
        if given is None:
            return None
        complete = True
        inner = Scope(template.scope.source, template.scope, names={**given})
        for parameter in definition.parameters:
            name = parameter.name.text
            if name in given:
                continue
            if parameter.default is not None:
                given[name] = inner.names[name] = self.evaluator.value(parameter.default, inner)
            elif not definition.is_net:
                self._misfit(template, f"has no value for `{name}`", node.name.span, scope)
                complete = False
        names = [each.name.text for each in definition.parameters]
        return {name: given[name] for name in names if name in given} if complete else None

    def _misfit(self, template: Template, reason: str, span: Span, scope: Scope, near: str | None = None) -> None:
        definition = template.definition
        head = signature(definition, template.scope)
        defined = (Place(template.scope.source, definition.name.span), "defined here")
        fault = faults.BlockArguments(definition.name.text, reason, head, near)
        self.evaluator.fault(fault, scope, span, (defined,))

    def _defaults(
        self, definition: tree.Definition, arguments: dict[str, Value], *, is_network: bool
    ) -> dict[str, Value]:
        """The values that parameters have if they are not given; a network's are those it was compiled with."""
        if is_network:
            kept = (float, tuple)
            return {name: each for name, each in arguments.items() if is_whole(each) or isinstance(each, kept)}
        found: dict[str, Value] = {}
        for parameter in definition.parameters:
            match parameter.default:
                case tree.Number(_, value) | tree.Text(_, value):
                    found[parameter.name.text] = value
                case tree.Name(_, "true" | "false" as word):
                    found[parameter.name.text] = word == "true"
                case tree.Name(_, text) if text.lower() in self.evaluator.operators:
                    found[parameter.name.text] = Partial(self.evaluator.operators[text.lower()])
                case _:
                    pass
        return found

    @override
    def known_block(self, word: str) -> Template | None:
        return self.programs.prelude().blocks.get(word.lower())

    @override
    def known_words(self, scope: Scope) -> tuple[str, ...]:
        blocks = self.programs.prelude().blocks
        return tuple(sorted({*self.evaluator.operators, *scope.known(), *blocks, "residual"}))


def _identity(value: Value) -> object:
    """What tells a value from others, also in lists and among arguments: 1, 1.0 and true are equal in Python."""
    match value:
        case Tensor():
            return value.type
        case tuple():
            return tuple(map(_identity, value))
        case Template(what) | Partial(what):
            return (what, tuple((name, _identity(each)) for name, each in value.arguments))
        case _:
            return (type(value), value)
