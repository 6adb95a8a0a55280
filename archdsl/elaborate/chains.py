"""Chains: elements one after the other, with groups, repeats, comprehensions, labels, branches and residuals.

Every method takes the tensors that come in and gives those that come out: None where they are unknown because
something failed, and nothing at all (an empty tuple) before the first input.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from archdsl.algebra.symbolic import Asking, fixed, same
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.algebra.traced import Traced, dimension_names, substituted, traced_type
from archdsl.base.settings import is_whole
from archdsl.base.text import Place, Span
from archdsl.elaborate import faults
from archdsl.elaborate.evaluate import INCOMING, Evaluator
from archdsl.elaborate.values import Scope, Shared, Template, Unknown, Value, is_true, kind_of
from archdsl.elaborate.words import Reading, Words, switch
from archdsl.graph.arguments import Partial
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.module import INPUT, PROJECTION, Module, Step, StepRole, Wire
from archdsl.graph.reserved import is_reserved
from archdsl.ops.arguments import SharedLayer, bind
from archdsl.ops.faults import CannotMerge, Reject, UnknownArgument, WrongCount
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Apply, Layer
from archdsl.syntax import tree

Tensors = tuple[Tensor, ...] | None
Make = Callable[[Scope, Builder, Tensors], Tensors]

_RESIDUAL_ARGUMENTS = {"project": bool, "drop": int | float}
_HOLE = re.compile(r"\{(\w*)\}")
_LAYER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}|[0-9]{1,18}")


class Chains(ABC):
    """Works out chains. What a block call means is left to the subclass, which knows blocks.

    tracing: whether numbers remember the arguments that they come from, as the PyTorch back end wants it.
    as_written: whether the network has the input and hyper-parameters of the text, and so the shapes that it states.
    """

    def __init__(self, evaluator: Evaluator, *, tracing: bool = False) -> None:
        self.evaluator = evaluator
        self.tracing = tracing
        self.size: TensorType | None = None
        self.as_written = True
        self.words = Words(evaluator)
        self.steps = 0
        self._modules: dict[tuple[Any, ...], Module] = {}

    @abstractmethod
    def call(
        self, template: Template, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors, label: str
    ) -> Tensors:
        """What comes out of a block."""

    @abstractmethod
    def declare(self, node: tree.InputElement, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        """The tensor of an input that is declared inside a chain."""

    @abstractmethod
    def known_block(self, word: str) -> Template | None:
        """A block that every text knows."""

    @abstractmethod
    def known_words(self, scope: Scope) -> tuple[str, ...]:
        """Every word that could stand in a chain."""

    # --- chains and elements ----------------------------------------------------------------------------------------

    def chain(self, node: tree.Chain, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        """Elements one after the other."""
        self.evaluator.count(len(node.elements), scope, node.span)
        self.evaluator.enter(scope, node.span)
        try:
            for index, element in enumerate(node.elements):
                with self.asked_by(scope.place(element.span), needed=False):
                    incoming = self._element(element, scope, builder, incoming, is_first=index == 0)
        finally:
            self.evaluator.depth -= 1
        return incoming

    def _element(
        self, node: tree.Element, scope: Scope, builder: Builder, incoming: Tensors, *, is_first: bool
    ) -> Tensors:
        if node.optional and not self._switched_on(node, scope):
            return incoming
        count = 1 if node.count is None else self._count(node.count, scope)
        label = self._label(node.label, scope, builder) if node.label else ""
        if count == 0:
            return incoming

        def make(scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
            return self._item(node, scope, builder, incoming, "", is_first=is_first)

        if count is None or label is None:
            return self._lost(make, scope, builder)
        if node.count is not None:
            result = self._repeated(node, scope, builder, incoming, count, label, make)
        elif label and isinstance(node.item, tree.Group | tree.Comprehension):
            result = self.scoped(label, node, scope, builder, incoming, make)
        else:
            result = self._item(node, scope, builder, incoming, label, is_first=is_first)
        if node.shape is not None and result and self.as_written:
            self.check_shape(node.shape, result, scope)
        return result

    def _lost(self, make: Make, scope: Scope, builder: Builder) -> Tensors:
        """An element of which the count or label failed: what else is wrong with it is said."""
        return make(scope, builder, None)

    def _item(
        self, node: tree.Element, scope: Scope, builder: Builder, incoming: Tensors, label: str, *, is_first: bool
    ) -> Tensors:
        match node.item:
            case tree.Mention() as mention:
                return self._mention(mention, scope, builder, incoming, label, is_first=is_first)
            case tree.Group() as group:
                return self._group(group, scope, builder, incoming)
            case tree.Comprehension() as comprehension:
                return self._comprehension(comprehension, scope, builder, incoming)
            case tree.InputElement() as element:
                return self.declare(element, scope, builder, incoming)
            case tree.Gap(span):
                self.evaluator.fault(faults.LeftOut(), scope, span)
                return None

    def _group(self, node: tree.Group, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        if node.condition is None:
            return self.chain(node.chain, scope, builder, incoming)
        truth = self.evaluator.truth(node.condition, scope)
        if truth is None:
            return None
        if truth:
            return self.chain(node.chain, scope, builder, incoming)
        return self.chain(node.otherwise, scope, builder, incoming) if node.otherwise else incoming

    def _comprehension(self, node: tree.Comprehension, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        for inner in self.evaluator.iterations(node.loops, node.condition, scope):
            self.count_step(scope, node.span)
            incoming = self.chain(node.chain, inner, builder, incoming)
        return incoming

    def _switched_on(self, node: tree.Element, scope: Scope) -> bool:
        if not isinstance(node.item, tree.Mention):
            self.evaluator.fault(faults.NoName(), scope, node.optional or node.span)
            return True
        name = switch(node.item, self.evaluator.operators)
        self.evaluator.switches.add(name)
        value = scope.find(name)
        if value is None or isinstance(value, Template):
            value = self.evaluator.settings.get(name, True)
        return is_true(value)

    def _count(self, node: tree.Expression, scope: Scope) -> int | None:
        value = self.evaluator.value(node, scope)
        if is_whole(value) and value >= 0:
            return fixed(value)
        if not isinstance(value, Unknown):
            self.evaluator.fault(faults.BadCount(kind_of(value)), scope, node.span)
        return None

    def _label(self, label: tree.Word, scope: Scope, builder: Builder) -> str | None:
        """The name that a label gives, with `{i}` filled in; None where it cannot be a name."""
        parts: dict[str, str] = {}
        for hole in _HOLE.findall(label.text):
            value = self.evaluator.name(hole, scope, label.span)
            if isinstance(value, Unknown):
                return None
            if not isinstance(value, int | str):
                wants = "a whole number or text for a name"
                self.evaluator.fault(faults.WrongValue(wants, kind_of(value)), scope, label.span)
                return None
            parts[hole] = str(value)
        text = _HOLE.sub(lambda found: parts[found[1]], label.text)
        if not _LAYER_NAME.fullmatch(text):
            self.evaluator.fault(faults.NotAName(text), scope, label.span)
            return None
        if is_reserved(text):
            self.evaluator.fault(faults.ReservedName(text), scope, label.span)
            return None
        if text in builder.taken:
            also = ((builder.taken[text], "the first of that name"),)
            self.evaluator.fault(faults.NameTaken(text), scope, label.span, also)
            return None
        return text

    def check_shape(self, node: tree.ShapeExpression, result: tuple[Tensor, ...], scope: Scope) -> None:
        """Compare a stated shape with the one that came out."""
        sizes = self.sizes(node, scope)
        actual = result[0].type
        if sizes is None:
            return
        with self.asked_by(scope.place(node.span)):
            agree = sizes.shape == actual.shape if isinstance(node, tree.Axes) else sizes.paper == actual.paper
        if not agree:
            self.refused()
            stated = scope.source.text[node.span.start : node.span.end]
            self.evaluator.fault(faults.ShapeDiffers(stated, actual), scope, node.span)

    def sizes(self, node: tree.ShapeExpression, scope: Scope) -> TensorType | None:
        """The type that a shape in the text means, or None where it has none."""
        match node:
            case tree.Sizes(_, sizes):
                *grid, channels = sizes
                found = TensorType.image(channels, *grid) if grid else TensorType.vector(channels)
                return self._positive(found, node, scope)
            case tree.Axes(_, kind, expressions):
                worked_out = [self.evaluator.integer(each, scope) for each in expressions]
                shape = tuple(size for size in worked_out if size is not None)
                if len(shape) != len(worked_out):
                    return None
                found = self._kind(kind, shape, scope) if kind else TensorType.of(shape)
                return found and self._positive(found, node, scope)

    def _kind(self, kind: tree.Word, shape: tuple[int, ...], scope: Scope) -> TensorType | None:
        wanted = {"image": (2, 4), "sequence": (2, 4), "vector": (1, 1), "tokens": (1, 1)}
        if kind.text not in wanted:
            fault = faults.UnknownName(kind.text, tuple(wanted))
            self.evaluator.fault(fault, scope, kind.span)
            return None
        low, high = wanted[kind.text]
        if not low <= len(shape) <= high:
            sizes = f"{low} sizes" if low == high else f"{low} to {high} sizes"
            self.evaluator.fault(faults.WrongValue(f"{sizes} of a {kind.text}", f"{len(shape)}"), scope, kind.span)
            return None
        return TensorType(shape, Kind(kind.text))

    def _positive(self, found: TensorType, node: tree.ShapeExpression, scope: Scope) -> TensorType | None:
        if all(size > 0 for size in found.shape) and 1 <= len(found.shape) <= 4:
            return found
        stated = scope.source.text[node.span.start : node.span.end]
        self.evaluator.fault(
            faults.WrongValue("a shape of one to four positive sizes", f"`{stated[:40]}`"), scope, node.span
        )
        return None

    # --- words ------------------------------------------------------------------------------------------------------

    def _mention(
        self, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors, label: str, *, is_first: bool
    ) -> Tensors:
        word = node.name.text
        value = self.evaluator.name(word, scope, node.name.span) if word == INCOMING else scope.find(word)
        if node.branches is not None and word.lower() == "residual":
            return self._with_branches(node, scope, builder, incoming, label, self._residual)
        if value is None and (found := self.words.split(word)) is not None:
            return self._operator(node, *found, scope, builder, incoming, label)
        value = self.known_block(word) if value is None else value
        match value:
            case Template():
                return self.call(value, node, scope, builder, incoming, label)
            case Tensor():
                return self._start(value, node, scope, builder, is_first=is_first)
            case Shared():
                return self._shared(value, node, scope, builder, incoming)
            case Partial():
                return self._operator(node, value, "", scope, builder, incoming, label)
            case Unknown():
                return None
            case None:
                known = self.known_words(scope)
                self.evaluator.fault(faults.UnknownElement(word, known), scope, node.name.span)
                return None
            case _:
                fault = faults.WrongValue("an operator or block", kind_of(value))
                self.evaluator.fault(fault, scope, node.name.span)
                return None

    def _start(self, value: Tensor, node: tree.Mention, scope: Scope, builder: Builder, *, is_first: bool) -> Tensors:
        """A bound tensor, from which a chain starts."""
        if not is_first:
            reason = f"`{node.name.text}` is a tensor, and a tensor can only start a chain"
            advice = "begin a new chain with it, or join both with `add { ... }` or `concat { ... }`"
            self.evaluator.fault(faults.Misplaced(reason, advice), scope, node.name.span)
            return None
        if builder.indexed and value.home is not builder:
            self.evaluator.fault(faults.OutsideTensor(node.name.text), scope, node.name.span)
            return None
        return self._at_home(value, node, scope, builder)

    def _at_home(self, value: Tensor, node: tree.Mention, scope: Scope, builder: Builder) -> Tensors:
        if (found := self.reached(value, builder)) is not None:
            return (found,)
        self.evaluator.fault(faults.OutsideTensor(node.name.text), scope, node.name.span)
        return None

    def reached(self, value: Tensor, builder: Builder) -> Tensor | None:
        """A tensor inside the module that is being built: its own, or one of the module around it, which becomes an
        input; None where it is of neither."""
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
            entering = outer.type if builder.indexed or not self.tracing else traced_type(outer.type, name)
            return builder.add_input(entering, name)
        port = len(builder.inputs) - len(builder.captured) + builder.captured.index(outer)
        return Tensor(builder, Wire(INPUT, port), builder.inputs[port])

    def _operator(
        self,
        node: tree.Mention,
        found: Partial,
        digits: str,
        scope: Scope,
        builder: Builder,
        incoming: Tensors,
        label: str,
    ) -> Tensors:
        reading = self.words.read(node, found, digits, scope)
        if found.operator.variadic:
            return self._merge_word(node, reading, scope, builder, incoming, label)
        if node.branches is not None:
            fault = WrongCount(found.operator.word, "one tensor, without braces", len(node.branches.chains))
            self.evaluator.fault(fault, scope, node.branches.span)
            return None
        if reading is None or (x := self.one(incoming, node, scope)) is None:
            return None
        if found.operator.flattens and x.type.kind is Kind.IMAGE:
            flatten = self._made("flatten")
            flat = self._apply(flatten, (x,), node, reading.spans, scope, builder, role=StepRole.FLATTEN)
            if flat is None:
                return None
            x = flat
        if label and reading.followers:
            return self._decorated(node, reading, x, scope, builder, label)
        operands = [self.reached(each, builder) for each in reading.operands]
        shared = (each for each in vars(reading.operator).values() if isinstance(each, SharedLayer))
        if (outside := next((each for each in shared if each.name not in builder.shared), None)) is not None:
            # another class has the weights
            self.evaluator.fault(faults.OutsideTensor(outside.name), scope, node.name.span)
            return None
        if None in operands:
            self.evaluator.fault(faults.OutsideTensor(node.name.text), scope, node.name.span)
            return None
        xs = (x, *(each for each in operands if each is not None))
        results = self._results(reading.operator, xs, node, reading.spans, scope, builder, label)
        for each in reading.followers:
            if results is None:
                return None
            results = self._results(each, results[:1], node, reading.spans, scope, builder)
        return results

    def _decorated(
        self, node: tree.Mention, reading: Reading, x: Tensor, scope: Scope, builder: Builder, label: str
    ) -> Tensors:
        """A labelled layer with its norm and activation is one `nn.Sequential`."""

        def make(scope: Scope, inner: Builder, incoming: Tensors) -> Tensors:
            tensor = incoming[0] if incoming else None
            for each in (reading.operator, *reading.followers):
                if tensor is not None:
                    tensor = self._apply(each, (tensor,), node, reading.spans, scope, inner)
            return None if tensor is None else (tensor,)

        return self.scoped(label, node, scope, builder, (x,), make)

    def one(self, incoming: Tensors, node: tree.Mention, scope: Scope) -> Tensor | None:
        """The one tensor that comes into a word, or None where there is none or several."""
        if incoming is None:
            return None
        if not incoming:
            self.evaluator.fault(faults.NothingComesIn(node.name.text), scope, node.name.span)
            return None
        if len(incoming) != 1:
            self.evaluator.fault(WrongCount(node.name.text, "one tensor", len(incoming)), scope, node.name.span)
            return None
        return incoming[0]

    def _apply(
        self,
        operator: Operator[Any],
        xs: tuple[Tensor, ...],
        node: tree.Mention,
        spans: dict[str, Span],
        scope: Scope,
        builder: Builder,
        name: str = "",
        role: StepRole = StepRole.NONE,
    ) -> Tensor | None:
        """One operator step, of which one tensor goes on."""
        results = self._results(operator, xs, node, spans, scope, builder, name, role)
        return results[0] if results else None

    def _results(
        self,
        operator: Operator[Any],
        xs: tuple[Tensor, ...],
        node: tree.Mention,
        spans: dict[str, Span],
        scope: Scope,
        builder: Builder,
        name: str = "",
        role: StepRole = StepRole.NONE,
    ) -> Tensors:
        """One operator step, with everything that comes out."""
        self.count_step(scope, node.name.span)
        try:
            with self.asked_by(scope.place(node.span)):
                outputs = operator.results(tuple([x.type for x in xs]))
        except Reject as reject:
            self.refused()
            self.words.reject(reject, node, spans, scope)
            return None
        if builder.indexed and not _is_layer(operator, tuple([x.type for x in xs])):
            made = self._as_module(operator, xs, node, scope, builder, name)
            return None if made is None else (made,)
        return builder.add(operator, xs, outputs, scope.place(node.span), name=name, role=role)

    def _as_module(
        self,
        operator: Operator[Any],
        xs: tuple[Tensor, ...],
        node: tree.Mention,
        scope: Scope,
        builder: Builder,
        label: str,
    ) -> Tensor | None:
        """A learned tensor in a row: an `nn.Sequential` holds modules only, so it gets one of its own."""

        def form(node: tree.Mention, scope: Scope, inner: Builder, incoming: Tensors) -> Tensors:
            made = self._apply(operator, incoming or (), node, {}, scope, inner)
            return None if made is None else (made,)

        result = self._with_branches(node, scope, builder, xs, label, form)
        return result[0] if result else None

    def asked_by(
        self, place: Place, also: tuple[tuple[Place, str], ...] = (), *, needed: bool = True, weights: bool = False
    ) -> AbstractContextManager[None]:
        """Inside it, what is decided about open sizes is decided for an element of the text. needed: whether it cannot
        do without. weights: whether it is about the sizes of weights."""
        open_sizes = self.evaluator.open_sizes
        return nullcontext() if open_sizes is None else open_sizes.asked_by(Asking(place, also, needed, weights))

    def refused(self) -> None:
        """An operator refused its inputs, perhaps because of the example that stands for open sizes."""
        if self.evaluator.open_sizes is not None:
            self.evaluator.open_sizes.refused()

    def count_step(self, scope: Scope, span: Span) -> None:
        """Count what is worked out, and stop at the limit."""
        self.steps += 1
        if self.steps > self.evaluator.limits.steps:
            self.evaluator.limit("too many steps to work out", self.steps, "steps", scope, span)

    # --- branches ---------------------------------------------------------------------------------------------------

    def _merge_word(
        self,
        node: tree.Mention,
        reading: Reading | None,
        scope: Scope,
        builder: Builder,
        incoming: Tensors,
        label: str,
    ) -> Tensors:
        branches = node.branches.chains if node.branches else ()
        if reading is None:
            return None
        if len(branches) < 2:
            fault = WrongCount(reading.operator.word, "two or more branches: `{ a | b }`", len(branches))
            self.evaluator.fault(fault, scope, node.branches.span if node.branches else node.name.span)
            return None

        def merge(node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
            ends = [self._branch(branch, node, scope, builder, incoming) for branch in branches]
            return self._merged(reading.operator, ends, node, scope, builder)

        return self._with_branches(node, scope, builder, incoming, label, merge)

    def _with_branches(
        self,
        node: tree.Mention,
        scope: Scope,
        builder: Builder,
        incoming: Tensors,
        label: str,
        form: Callable[[tree.Mention, Scope, Builder, Tensors], Tensors],
    ) -> Tensors:
        """A form with branches: inside a named module its steps stand among the others; where a row of modules is
        wanted, or a label gives it a name, it is a module of its own."""
        if (not builder.indexed and not label) or not incoming:
            return form(node, scope, builder, incoming)
        inner = Builder(node.name.text.lower(), scope.place(node.span), indexed=False, parent=builder)
        x = self.one(incoming, node, scope)
        if x is None:
            return None
        entry = inner.add_input(self.entering(x.type), "x")
        result = form(node, self._inside(scope, x, entry), inner, (entry,))
        if result is None:
            return None
        given = self.traced_names(scope)
        module = self.interned(inner.finish(result, arguments=given))
        xs = (x, *inner.captured)
        outputs = self.leaving(module, tuple(each.type for each in xs), given)
        return builder.add(module, xs, outputs, scope.place(node.span), name=label, arguments=given)

    def _inside(self, scope: Scope, outside: Tensor, inside: Tensor) -> Scope:
        """The scope within a module of its own, where `in` still means the block's tensor if that is what came in."""
        child = scope.child()
        if scope.incoming is outside:
            child.incoming = inside
        return child

    def _branch(
        self, branch: tree.Chain | None, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors
    ) -> Tensor | None:
        """The end of a branch, which starts from the incoming tensor; an empty one is the identity."""
        result = self.chain(branch, scope, builder, incoming) if branch else incoming
        return self.one(result, node, scope)

    def _merged(
        self,
        operator: Operator[Any],
        ends: list[Tensor | None],
        node: tree.Mention,
        scope: Scope,
        builder: Builder,
        role: StepRole = StepRole.NONE,
    ) -> Tensors:
        tensors = tuple(end for end in ends if end is not None)
        if len(tensors) != len(ends):
            return None
        self.count_step(scope, node.name.span)
        assert node.branches is not None
        spans = [branch.span if branch else node.branches.span for branch in node.branches.chains]
        also = tuple((scope.place(span), str(each.type)) for span, each in zip(spans, tensors, strict=False))
        try:
            with self.asked_by(scope.place(node.name.span), also):
                output = operator.result(tuple(each.type for each in tensors))
        except Reject as reject:
            self.refused()
            shown = also if isinstance(reject.fault, CannotMerge) else ()
            self.evaluator.fault(reject.fault, scope, node.name.span, shown)
            return None
        return builder.add(operator, tensors, (output,), scope.place(node.span), role=role)

    def _residual(self, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        """`residual { body }`, `residual(project=false, drop=0.1) { body }` or `residual { body | shortcut }`."""
        given = self._residual_arguments(node, scope)
        if given is None:
            return None
        branches = node.branches.chains if node.branches else ()
        inner = branches[0] if branches else None
        if inner is None or len(branches) > 2:
            fault = WrongCount("residual", "a body, and a shortcut if wanted: `{ body | shortcut }`", len(branches))
            self.evaluator.fault(fault, scope, node.name.span)
            return None
        before = len(builder.steps)
        body = self._branch(inner, node, scope, builder, incoming)
        is_bare = given.get("project") is False and len(branches) == 1
        if is_bare and body and incoming and incoming[0].type != body.type:
            builder.mark(body.wire, StepRole.ALONE)
            return (body,)
        role = StepRole.SHORTCUT if is_bare else StepRole.RESIDUAL if len(branches) == 1 else StepRole.NONE
        if body and "drop" in given:
            body = self._dropped(
                given["drop"], body, node, scope, builder, StepRole.SHORTCUT if is_bare else StepRole.NONE
            )
        if len(branches) == 2:
            shortcut = self._branch(branches[1], node, scope, builder, incoming)
        elif body is None or (x := self.one(incoming, node, scope)) is None:
            return None
        else:
            shortcut = self._projection(x, body, before, node, scope, builder)
        return self._merged(self._made("add"), [body, shortcut], node, scope, builder, role)

    def _residual_arguments(self, node: tree.Mention, scope: Scope) -> dict[str, Value] | None:
        """What `residual(...) { ... }` is given; None where something is wrong with it."""
        given: dict[str, Value] = {}
        for argument in node.arguments.items if node.arguments else ():
            if argument.name is None:
                fault = faults.WrongValue("a named argument of `residual`", "a plain one")
                self.evaluator.fault(fault, scope, argument.span)
                return None
            if (name := argument.name.text) not in _RESIDUAL_ARGUMENTS:
                fault = UnknownArgument("residual", name, tuple(_RESIDUAL_ARGUMENTS))
                self.evaluator.fault(fault, scope, argument.span)
                return None
            value = self.evaluator.value(argument.value, scope)
            if isinstance(value, Unknown):
                return None
            if not isinstance(value, _RESIDUAL_ARGUMENTS[name]) or (name == "drop" and isinstance(value, bool)):
                wants = "`true` or `false`" if name == "project" else "a number"
                self.evaluator.fault(faults.WrongValue(wants, kind_of(value)), scope, argument.value.span)
                return None
            given[name] = value
        return given

    def _dropped(
        self, p: Value, body: Tensor, node: tree.Mention, scope: Scope, builder: Builder, role: StepRole
    ) -> Tensor | None:
        """The body of a `residual` with stochastic depth."""
        try:
            drop = self._made("drop_path", p=p)
        except Reject as reject:
            self.words.reject(reject, node, {}, scope)
            return None
        return self._apply(drop, (body,), node, {}, scope, builder, role=role)

    def _projection(
        self, x: Tensor, body: Tensor, before: int, node: tree.Mention, scope: Scope, builder: Builder
    ) -> Tensor | None:
        """The shortcut: the incoming tensor, or where shapes differ a 1x1 convolution of it, with a batch norm if the
        body has one."""
        if x.type == body.type:
            return x
        operator = self._projecting(x.type, body.type)
        if operator is None:
            self.evaluator.fault(faults.NoProjection(x.type, body.type), scope, node.name.span)
            return None
        name = PROJECTION if PROJECTION not in builder.taken else builder.free_name(PROJECTION)
        inner = Builder(PROJECTION, scope.place(node.span), indexed=True)
        tensor: Tensor | None = inner.add_input(x.type, "x")
        for each in (operator, *_last_norm(builder.steps[before:])):
            if tensor is not None:
                tensor = self._apply(each, (tensor,), node, {}, scope, inner)
        if tensor is None:
            return None
        module = self.interned(inner.finish((tensor,)))
        place = scope.place(node.span)
        return builder.add(module, (x,), module.output_types, place, name=name, role=StepRole.DOWNSAMPLE)[0]

    def _projecting(self, before: TensorType, after: TensorType) -> Operator[Any] | None:
        """The operator that takes one type to the other: a 1x1 convolution with a stride, or a linear map."""
        if before.kind is not after.kind or before.rank != after.rank or before.kind is Kind.TOKENS:
            return None
        if before.kind is not Kind.IMAGE:
            return self._made("fc", width=after.channels) if before.grid == after.grid else None
        strides = tuple(-(-was // now) for was, now in zip(before.grid, after.grid, strict=True))
        reached = tuple((was - 1) // by + 1 for was, by in zip(before.grid, strides, strict=True))
        if reached != after.grid:
            return None
        stride = strides[0] if len(set(strides)) == 1 else strides
        return self._made("conv", width=after.channels, window=1, stride=stride)

    def _made(self, word: str, **given: object) -> Operator[Any]:
        """An operator that the language itself puts in."""
        return bind(self.evaluator.operators[word], given)

    # --- modules of their own -----------------------------------------------------------------------------------------

    def scoped(
        self,
        name: str,
        node: tree.Element | tree.Mention,
        scope: Scope,
        builder: Builder,
        incoming: Tensors,
        make: Make,
    ) -> Tensors:
        """A labelled group: an `nn.Sequential` of its own."""
        if not incoming:
            return make(scope, builder, incoming)
        if len(incoming) != 1:
            self.evaluator.fault(WrongCount(name, "one tensor", len(incoming)), scope, node.span)
            return None
        x = incoming[0]
        inner = Builder("group", scope.place(node.span), indexed=True, parent=builder)
        entry = inner.add_input(x.type, "x")
        result = make(self._inside(scope, x, entry), inner, (entry,))
        if result is None or (end := self._single(result, node, scope)) is None:
            return None
        if inner.steps and inner.steps[0].role == StepRole.FLATTEN:
            # the step that a fully connected layer adds stands before its group, so that the layer itself comes first
            flatten = self.evaluator.operators["flatten"]()
            outputs = inner.steps[0].outputs
            flat = builder.add(flatten, (x,), outputs, inner.steps[0].place, role=StepRole.FLATTEN)
            return self.scoped(name, node, scope, builder, flat, make)
        module = self.interned(inner.finish((end,)))
        if not self.is_counted(module, scope):
            return None
        return builder.add(module, (x, *inner.captured), module.output_types, scope.place(node.span), name=name)

    def is_counted(self, module: Module, scope: Scope) -> bool:
        """Whether no step of a row has a label that is the position of an unlabelled one, which is that one's name."""
        taken = _taken_position(module) if module.indexed else None
        if taken is not None:
            self.evaluator.fault(faults.NameTaken(taken.name), scope, taken.place.span)
        return taken is None

    def _single(self, result: tuple[Tensor, ...], node: tree.Element | tree.Mention, scope: Scope) -> Tensor | None:
        if len(result) == 1:
            return result[0]
        self.evaluator.fault(WrongCount("a group", "one tensor", len(result)), scope, node.span)
        return None

    def _repeated(
        self,
        node: tree.Element,
        scope: Scope,
        builder: Builder,
        incoming: Tensors,
        count: int,
        label: str,
        make: Make,
    ) -> Tensors:
        """A repeat: a row inside a row goes on with the counting, any other is an `nn.Sequential` of its own."""
        if not incoming:
            return make(scope, builder, incoming)

        def row(scope: Scope, inner: Builder, incoming: Tensors) -> Tensors:
            return self._row(node, scope, inner, incoming, count, make)

        if builder.indexed and not label:
            return row(scope, builder, incoming)
        return self.scoped(label or builder.free_name("repeat"), node, scope, builder, incoming, row)

    def _row(
        self, node: tree.Element, scope: Scope, builder: Builder, incoming: Tensors, count: int, make: Make
    ) -> Tensors:
        """`count` times the same in a row: written out until the output is of the input's type, then one step."""
        while count and incoming:
            x = incoming[0]
            self.count_step(scope, node.span)
            inner = Builder("repeat", scope.place(node.span), indexed=True, transparent=True, parent=builder)
            entry = inner.add_input(x.type, "x")
            # `in` is what came into the block, in each round the same
            inside = self._inside(scope, x, entry) if count == 1 else scope
            result = make(inside, inner, (entry,))
            if result is None or (end := self._single(result, node, scope)) is None:
                return None
            body = inner.finish((end,))
            if not body.steps:
                return incoming
            xs = (x, *inner.captured)
            if count > 1 and inner.taken:
                name, place = next(iter(inner.taken.items()))
                self.evaluator.fault(faults.NameTaken(name), scope, place.span)
                return None
            # a count that is an argument of the block stays one, so that all its values make one class in Python
            single = count == 1 and (not isinstance(count, Traced) or bool(inner.taken))
            is_same = end.type.kind is x.type.kind and same(end.type.shape, x.type.shape)
            reaches = 0 in body.reaches or (bool(inner.captured) and len(body.steps) > 1)
            if single or not is_same or reaches:
                incoming, count = (_spliced(body, xs, builder),), count - 1
            elif len(body.steps) == 1:
                (only,) = body.steps
                total = count * only.count
                given = tuple(xs[wire.port] for wire in only.inputs)
                return builder.add(
                    only.what, given, only.outputs, only.place, count=total, arguments=dict(only.arguments)
                )
            else:
                module = self.interned(body)
                return builder.add(module, (x,), module.output_types, scope.place(node.span), count=count)
        return incoming

    def _shared(self, value: Shared, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        """A use of shared weights."""
        name = value.statement.name.text
        if value.home is not builder:
            self.evaluator.fault(faults.OutsideTensor(name), scope, node.name.span)
            return None
        if (x := self.one(incoming, node, scope)) is None:
            return None
        inner = Builder("group", value.scope.place(value.statement.span), indexed=True)
        entry = inner.add_input(x.type, "x")
        result = self.chain(value.statement.chain, self._inside(value.scope, x, entry), inner, (entry,))
        if result is None or (end := self._single(result, node, scope)) is None:
            return None
        module = self.interned(inner.finish((end,)))
        only = module.steps[0] if len(module.steps) == 1 and module.steps[0].count == 1 else None
        what, given = (only.what, dict(only.arguments)) if only else (module, {})
        place = scope.place(node.span)
        made = builder.add(what, (x,), module.output_types, place, name=name, shared=True, arguments=given)
        return made if self._shares(builder, name, node, scope) else None

    def _shares(self, builder: Builder, name: str, node: tree.Mention, scope: Scope) -> bool:
        """Whether the newest step can share its weights with the first of its name."""
        newest = builder.steps[-1]
        first = builder.shared.setdefault(name, newest)
        if first is newest:
            return True
        with self.asked_by(scope.place(node.span), weights=True):
            if _weights(first.what, first.input_types) == _weights(newest.what, newest.input_types):
                return True
        also = ((first.place, f"on {first.input_types[0]} here"),)
        self.evaluator.fault(faults.SharedDiffers(name), scope, node.name.span, also)
        return False

    # --- tracing ------------------------------------------------------------------------------------------------------

    def entering(self, kind: TensorType) -> TensorType:
        """The type of what enters a class of its own: traced to the class's constructor arguments."""
        return traced_type(kind, "in") if self.tracing else kind

    def leaving(
        self, module: Module, inputs: tuple[TensorType, ...], given: Mapping[str, Value]
    ) -> tuple[TensorType, ...]:
        """The types of what a class gives back, in the terms of its caller."""
        if not self.tracing:
            return module.output_types
        terms = {name: value for name, value in given.items() if isinstance(value, int)}
        for kind, name in zip(inputs, ("in", *module.input_names[1:]), strict=True):
            terms |= dict(zip(dimension_names(kind, name), kind.shape, strict=True))
        return tuple(
            TensorType(tuple(substituted(size, terms) for size in kind.shape), kind.kind)
            for kind in module.output_types
        )

    def traced_names(self, scope: Scope) -> dict[str, Traced]:
        """The traced names that can be used in a scope, which a class made there must be given."""
        if not self.tracing:
            return {}
        names = (name for each in scope.outward() for name, value in each.names.items() if isinstance(value, Traced))
        return {name: value for name in names if isinstance(value := scope.find(name), Traced)}

    def interned(self, module: Module) -> Module:
        """The module itself, or the equal one that was made before. Equal numbers may have different traces."""
        if self.tracing:
            return module
        steps = tuple(
            (
                step.name,
                id(step.what) if isinstance(step.what, Module) else step.what,
                step.inputs,
                step.count,
                step.shared,
                step.role,
            )
            for step in module.steps
        )
        key = (module.name, module.indexed, module.transparent, module.inputs, module.outputs, steps)
        return self._modules.setdefault(key, module)


def _spliced(body: Module, xs: tuple[Tensor, ...], builder: Builder) -> Tensor:
    """The steps of a body added to another row."""
    x = xs[0]
    for step in body.steps:
        made = builder.add(
            step.what,
            (x, *(xs[wire.port] for wire in step.inputs[1:])),
            step.outputs,
            step.place,
            name=step.name,
            count=step.count,
            role=step.role,
            arguments=dict(step.arguments),
        )
        x = made[0]
    return x


def _is_layer(operator: Operator[Any], types: tuple[TensorType, ...]) -> bool:
    """Whether an `nn.Sequential` can hold an operator: a learned tensor and a mere expression are no modules."""
    call = operator.torch(operator.operand(types))
    return isinstance(call, Layer) or (isinstance(call, Apply) and call.layer is not None)


def _taken_position(module: Module) -> Step | None:
    """The step of a row whose label is the position of an unlabelled one, which is that one's name."""
    rows: list[range] = []
    start = 0
    for step in module.steps:
        if not step.name:
            rows.append(range(start, start + step.slots))
        start += step.slots
    numbered = (step for step in module.steps if step.name.isdigit() and str(int(step.name)) == step.name)
    return next((step for step in numbered if any(int(step.name) in row for row in rows)), None)


def _weights(what: Operator[Any] | Module, types: tuple[TensorType, ...]) -> object:
    return what.weight_signature if isinstance(what, Module) else what.weights(what.operand(types))


def _last_norm(steps: Sequence[Step]) -> tuple[Operator[Any], ...]:
    """The last norm of some steps, wherever it stands: in a repeat, a group or a block it is one of theirs too."""
    waiting = list(steps)
    known = set[int]()
    while waiting:
        what = waiting.pop().what
        if isinstance(what, Module):
            # a module without a norm has none the second time
            waiting.extend(() if id(what) in known else what.steps)
            known.add(id(what))
        elif what.absorbs_bias:
            return (what,)
    return ()
