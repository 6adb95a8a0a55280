"""Where something is worked out: in which run, with which names, for which module. The context of all that works out
chains and statements, in one value.

What cannot be worked out raises `Failed` after its fault was reported. It is caught for each element of a chain, each
branch and each statement, so that one run finds all that is wrong, and a result is a result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from archdsl.algebra.symbolic import Asking
from archdsl.algebra.tensors import TensorType
from archdsl.algebra.traced import Traced, dimension_names, substituted, traced_type
from archdsl.base.diagnostics import Edit, Fault
from archdsl.base.records import record
from archdsl.base.text import Place, Span
from archdsl.elaborate import faults
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.ledger import Failed
from archdsl.elaborate.values import Scope, Template, Unknown, Value, traced_argument
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.identity import exact
from archdsl.graph.module import INPUT, Module, StepRole, Wire
from archdsl.ops.arguments import bind
from archdsl.ops.faults import Reject, WrongCount
from archdsl.ops.operator import Operator
from archdsl.syntax import tree

Tensors = tuple[Tensor, ...]
# what comes into a part: nothing at all before the first input, and None where it is unknown because something failed
Incoming = Tensors | None
Make = Callable[["Frame", Incoming], Tensors]

_NOBODY: Final = nullcontext()
_NOWHERE_ELSE: Final[Mapping[str, Span]] = {}


class Began(NamedTuple):
    """Where an element of a chain begins. said: how much the report had said; so_far: how much of the module there was;
    around: how much the report had said where the element around it began."""

    said: int
    so_far: tuple[int, int]
    around: int


_ANYWHERE: Final = Began(0, (0, 0), 0)


class Recovery:
    """What is done where something fails. Here: it was reported, nothing goes on from it, and no network is made.

    goes_on: whether something takes its place, and a network is made all the same.
    """

    goes_on = False

    def begin(self, frame: Frame) -> Began:
        """Where the element that comes now begins."""
        return _ANYWHERE

    def element(
        self, element: tree.Element, frame: Frame, incoming: Incoming, result: Incoming, began: Began
    ) -> Incoming:
        """What goes on from an element of a chain. result: what came out of it, None where it failed."""
        return result

    def failed(self, span: Span, frame: Frame, said: int) -> Incoming:
        """What goes on from a statement that failed. said: how much the report had said before it."""
        return None

    def uncounted(self, frame: Frame, make: Make) -> Tensors:
        """What goes on from an element of which the count or label failed: what else is wrong with it is said."""
        return make(frame, None)

    def unbound(self, statement: tree.Binding, frame: Frame, current: Incoming, said: int) -> Incoming:
        """What goes on from a binding, where names of it may have got no tensor."""
        return current

    def unmerged(
        self, operator: Operator[Any], ends: list[Tensor | None], node: tree.Mention, frame: Frame, role: StepRole
    ) -> Tensors:
        """What comes out where branches should meet and did not."""
        raise Failed

    def unknown(self, operator: Operator[Any], xs: Tensors, node: tree.Mention, frame: Frame, name: str) -> Tensors:
        """What an operator makes of tensors of which one is unknown."""
        raise Failed

    def depending(
        self, node: tree.Mention, frame: Frame, incoming: Tensors, label: str, work: Callable[[], object]
    ) -> Tensors:
        """What a word makes of tensors of which one is unknown. work: finds what is wrong with the word itself."""
        raise Failed


@dataclass(eq=False)
class Run:
    """One elaboration: what it is told, and what it remembers of every module that it made.

    size: the type that replaces the one that the network's input declares. tracing: whether numbers remember the
    arguments that they come from, as the PyTorch back end wants it. as_written: whether the network has the input and
    hyper-parameters of the text, and so the shapes that it states. chain: works out a chain inside an element of
    another. active: the blocks that are being worked out, the outermost first. reached: the definitions that were.
    """

    evaluator: Evaluator
    recovery: Recovery
    size: TensorType | None
    tracing: bool
    as_written: bool
    chain: Callable[[tree.Chain, Frame, Incoming], Tensors] = field(init=False)
    active: list[Template] = field(default_factory=list[Template])
    reached: set[tree.Definition] = field(default_factory=set[tree.Definition])
    _modules: dict[tuple[Any, ...], Module] = field(default_factory=dict[tuple[Any, ...], Module])

    def interned(self, module: Module) -> Module:
        """The module itself, or the equal one that was made before. Equal numbers may have different traces."""
        if self.tracing:
            return module
        steps = tuple(
            (
                step.name,
                id(step.what) if isinstance(step.what, Module) else exact(step.what),
                step.inputs,
                step.count,
                step.shared,
                step.role,
            )
            for step in module.steps
        )
        key = (module.name, module.indexed, module.transparent, module.inputs, module.outputs, steps)
        return self._modules.setdefault(key, module)

    # --- tracing ----------------------------------------------------------------------------------------------------

    def entering(self, kind: TensorType, name: str = "in") -> TensorType:
        """The type of what enters a class of its own: traced to the class's constructor arguments."""
        return traced_type(kind, name) if self.tracing else kind

    def argument(self, name: str, value: Value) -> Value:
        """The value of a parameter inside its block."""
        return traced_argument(name, value) if self.tracing else value

    def leaving(self, module: Module, inputs: Tensors, given: Mapping[str, Value]) -> tuple[TensorType, ...]:
        """The types of what a class gives back, in the terms of its caller."""
        if not self.tracing:
            return module.output_types
        terms = {name: value for name, value in given.items() if isinstance(value, int)}
        for x, name in zip(inputs, ("in", *module.input_names[1:]), strict=True):
            terms |= dict(zip(dimension_names(x.type, name), x.type.shape, strict=True))
        return tuple(
            TensorType(tuple(substituted(size, terms) for size in kind.shape), kind.kind)
            for kind in module.output_types
        )


@record(eq=False, slots=True)
class Frame:
    """The run that something is worked out in, the names that mean something there, and the module that it adds to."""

    run: Run
    scope: Scope
    builder: Builder

    # --- what is wrong ------------------------------------------------------------------------------------------------

    def place(self, span: Span) -> Place:
        """The place of a span of this text."""
        return self.scope.place(span)

    def text(self, span: Span) -> str:
        """The text at a span."""
        return self.scope.source.text[span.start : span.end]

    def fault(
        self, fault: Fault, span: Span, also: tuple[tuple[Place, str], ...] = (), edit: Edit | None = None
    ) -> Failed:
        """Report a fault at a span. To be raised where what is being worked out has no result without it."""
        self.run.evaluator.ledger.fault(fault, self.scope.place(span), also, edit)
        return Failed()

    def count_step(self, span: Span) -> None:
        """Count a step of a module, and stop at the limit."""
        self.run.evaluator.ledger.count_step(self.scope, span)

    # --- values -----------------------------------------------------------------------------------------------------

    def value(self, node: tree.Expression) -> Value:
        """The value of an expression, which may be unknown."""
        return self.run.evaluator.value(node, self.scope)

    def known(self, node: tree.Expression) -> Value:
        """The value of an expression."""
        value = self.value(node)
        if isinstance(value, Unknown):
            raise Failed
        return value

    def asked_by(
        self, span: Span, also: tuple[tuple[Place, str], ...] = (), *, needed: bool = True, weights: bool = False
    ) -> AbstractContextManager[None]:
        """Inside it, what is decided about open sizes is decided for an element of the text. needed: whether it cannot
        do without. weights: whether it is about the sizes of weights."""
        open_sizes = self.run.evaluator.open_sizes
        return _NOBODY if open_sizes is None else open_sizes.asked_by(Asking(self.place(span), also, needed, weights))

    def refused(self) -> None:
        """An operator refused its inputs, perhaps because of the example that stands for open sizes."""
        if self.run.evaluator.open_sizes is not None:
            self.run.evaluator.open_sizes.refused()

    # --- tensors ----------------------------------------------------------------------------------------------------

    def one(self, incoming: Incoming, node: tree.Mention) -> Tensor:
        """The one tensor that comes into a word."""
        if incoming is None:
            raise Failed
        if not incoming:
            raise self.fault(faults.NothingComesIn(node.name.text), node.name.span)
        if len(incoming) != 1:
            raise self.fault(WrongCount(node.name.text, "one tensor", len(incoming)), node.name.span)
        return incoming[0]

    def reached(self, value: Tensor, inside: Builder | None = None) -> Tensor | None:
        """A tensor inside the module that is being built: its own, or one of the module around it, which becomes an
        input; None where it is of neither."""
        builder = inside or self.builder
        if value.home is builder:
            return value
        if builder.parent is None or (outer := self.reached(value, builder.parent)) is None:
            return None
        if outer not in builder.captured:
            wanted = name = builder.parent.name_of(outer)
            number = 1
            while name in builder.input_names:
                number += 1
                name = f"{wanted}{number}"
            builder.captured.append(outer)
            return builder.add_input(outer.type if builder.indexed else self.run.entering(outer.type, name), name)
        port = len(builder.inputs) - len(builder.captured) + builder.captured.index(outer)
        return Tensor(builder, Wire(INPUT, port), builder.inputs[port])

    # --- parts ------------------------------------------------------------------------------------------------------

    def chain(self, node: tree.Chain, incoming: Incoming) -> Tensors:
        """What comes out of a chain inside an element of another."""
        return self.run.chain(node, self, incoming)

    def within(self, scope: Scope) -> Frame:
        """The frame with the names of another scope."""
        return Frame(self.run, scope, self.builder)

    def inside(self, builder: Builder, outside: Tensor, inside: Tensor) -> Frame:
        """The frame of a module of its own, where `in` still means the block's tensor if that is what came in."""
        scope = self.scope.child()
        if self.scope.incoming is outside:
            scope.incoming = inside
        return Frame(self.run, scope, builder)

    def made(self, word: str, **given: object) -> Operator[Any]:
        """An operator that the language itself puts in."""
        return bind(self.run.evaluator.operators[word], given)

    def apply(
        self,
        operator: Operator[Any],
        xs: Tensors,
        node: tree.Mention,
        spans: Mapping[str, Span] = _NOWHERE_ELSE,
        name: str = "",
        role: StepRole = StepRole.NONE,
    ) -> Tensors:
        """What an operator makes of some tensors: one step. spans: where its arguments stand, for messages."""
        types = tuple([x.type for x in xs])
        if self.run.recovery.goes_on and not all(each.is_known for each in types):
            return self.run.recovery.unknown(operator, xs, node, self, name)
        self.run.evaluator.ledger.count_step(self.scope, node.name.span)
        try:
            with self.asked_by(node.span):
                outputs = operator.results(types)
        except Reject as reject:
            self.refused()
            raise self.fault(reject.fault, spans.get(reject.argument or "", node.name.span)) from None
        if self.builder.indexed and not operator.is_layer:
            # an `nn.Sequential` holds modules only, so a learned tensor in a row gets one of its own
            return self.of_its_own(node, xs, name, lambda inner, entry: inner.apply(operator, entry or (), node)[:1])
        return self.builder.add(operator, xs, outputs, self.scope.place(node.span), name=name, role=role)

    def of_its_own(self, node: tree.Mention, incoming: Incoming, label: str, form: Make) -> Tensors:
        """A form with branches: inside a named module its steps stand among the others; where a row of modules is
        wanted, or a label gives it a name, it is a module of its own."""
        if (not self.builder.indexed and not label) or not incoming:
            return form(self, incoming)
        run, place = self.run, self.place(node.span)
        inner = Builder(node.name.text.lower(), place, indexed=False, parent=self.builder)
        x = self.one(incoming, node)
        entry = inner.add_input(run.entering(x.type), "x")
        result = form(self.inside(inner, x, entry), (entry,))
        given = self._traced_names()
        module = run.interned(inner.finish(result, arguments=given))
        xs = (x, *inner.captured)
        return self.builder.add(module, xs, run.leaving(module, xs, given), place, name=label, arguments=given)

    def _traced_names(self) -> dict[str, Traced]:
        """The traced names that can be used here, which a class made here must be given."""
        if not self.run.tracing:
            return {}
        names = (
            name for each in self.scope.outward() for name, value in each.names.items() if isinstance(value, Traced)
        )
        return {name: value for name in names if isinstance(value := self.scope.find(name), Traced)}
