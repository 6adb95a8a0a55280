"""Elaboration of a text that is wrong, as far as it can be drawn.

Where an element cannot be worked out a blank stands in its place, and one for each that depends on it: a step that is
in no program, with the words of the text. What is right is worked out as always.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from typing_extensions import override

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.text import Place, Span
from archdsl.elaborate.chains import Make, Tensors
from archdsl.elaborate.elaborator import Body, Elaborator
from archdsl.elaborate.evaluate import INCOMING, Evaluator, Stop
from archdsl.elaborate.library import Library
from archdsl.elaborate.values import Scope, Unknown, Value
from archdsl.graph.blanks import NOT_KNOWN, Blank, BlankMerge
from archdsl.graph.build import Builder, Tensor
from archdsl.graph.module import Module, StepRole, Wire
from archdsl.ops.operator import Operator
from archdsl.syntax import tree
from archdsl.syntax.brackets import masked
from archdsl.syntax.faults import SyntaxFault
from archdsl.syntax.mending import GAP, element_around

_ANY: Final = TensorType.image(1, 1, 1)
_LONGEST: Final = 40


class _Words(NamedTuple):
    """Where an element stands in the text."""

    span: Span
    scope: Scope

    @property
    def place(self) -> Place:
        return self.scope.place(self.span)

    @property
    def text(self) -> str:
        """The element in one line."""
        words = " ".join(self.place.text.split())
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _keys(each: Diagnostic) -> tuple[object, ...]:
    """What tells a finding from others: its words, or where it is. A report prints those of one place once."""
    where = [(each.code, each.place.source.name, each.place.span)] if each.place else []
    return each.message, *where


class Sketcher(Elaborator):
    """Works out what it can of a network, with blanks for the rest.

    errors: what was found to be wrong with the text; no blank says anything else. Each finding is said by one blank at
    most: that of the element that it was found in, or the first that could not be worked out because of it.
    """

    def __init__(
        self, evaluator: Evaluator, library: Library, size: TensorType | None, *, errors: Iterable[Diagnostic]
    ) -> None:
        super().__init__(evaluator, library, size)
        self.errors = list(errors)
        self._printed = {key for each in self.errors for key in _keys(each)}
        self._begun = 0
        self._told: set[int] = set()
        self._said: set[str] = set()

    # --- what fails -------------------------------------------------------------------------------------------------

    @override
    def _element(
        self, node: tree.Element, scope: Scope, builder: Builder, incoming: Tensors, *, is_first: bool
    ) -> Tensors:
        before, self._begun = self._begun, self.evaluator.report.mark()
        so_far = builder.so_far()
        words = _Words(node.item.span, scope)
        try:
            result = super()._element(node, scope, builder, incoming, is_first=is_first)
            if result is None:
                builder.back_to(so_far)
                if isinstance(node.item, tree.Gap):
                    return self._gap(words, builder, incoming)
                return self._failed(words, builder, (*(incoming or ()), *_operands(node.item, scope, builder)))
            if not result or (found := self._found(self._begun)) is None:
                return result
            # something in it is wrong that no blank in it says; of several tensors that come out the first one says it
            first, *others = result
            if node.shape is not None and found.place == scope.place(node.shape.span):
                stated = _Words(node.shape.span, scope)
                said = self._blank(stated, builder, (first,), found.message, first.type, text=f": {stated.text}")
            else:
                kind = NOT_KNOWN if result == incoming else first.type
                said = self._blank(words, builder, (first,), found.message, kind)
            return (*said, *others)
        finally:
            self._begun = before

    @override
    def _lost(self, make: Make, scope: Scope, builder: Builder) -> Tensors:
        so_far, told, said = builder.so_far(), set(self._told), set(self._said)
        super()._lost(make, scope, builder)
        builder.back_to(so_far)
        self._told, self._said = told, said
        return None

    @override
    def check_shape(self, node: tree.ShapeExpression, result: tuple[Tensor, ...], scope: Scope) -> None:
        if result[0].type.is_known:
            super().check_shape(node, result, scope)

    @override
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
        place = scope.place(node.span)
        if all(each.type.is_known for each in tensors):
            result = super()._merged(operator, ends, node, scope, builder, role)
            if result is not None:
                return result
            found = self._found(self._begun)
            blank = BlankMerge(node.name.text, found.message if found else "")
        else:
            # a branch that gives nothing is one of those that the label speaks of
            blank = BlankMerge(operator.label(operator.operand((_ANY,) * max(len(ends), 2))))
        return builder.add(blank, tensors, (NOT_KNOWN,), place, role=StepRole.NONE if blank.fault else role)

    @override
    def _projection(
        self, x: Tensor, body: Tensor, before: int, node: tree.Mention, scope: Scope, builder: Builder
    ) -> Tensor | None:
        if not x.type.is_known or not body.type.is_known:
            return x
        # where there is none, the sum says so
        return super()._projection(x, body, before, node, scope, builder) or x

    @override
    def _input(
        self, name: tree.Word | None, shape: tree.ShapeExpression, node: tree.Input | tree.InputElement, body: Body
    ) -> None:
        self._begun = self.evaluator.report.mark()
        super()._input(name, shape, node, body)
        if body.current is None:
            body.current = self._failed(_Words(node.span, body.scope), body.builder, None)

    @override
    def _binding(self, statement: tree.Binding, body: Body) -> None:
        said = self.evaluator.report.mark()
        super()._binding(statement, body)
        names, known = statement.names, body.scope.names
        if not body.current or not any(isinstance(known.get(each.text), Unknown) for each in names):
            return
        if (found := self._found(said)) is not None:
            words = _Words(names[0].span.to(names[-1].span), body.scope)
            body.current = self._blank(words, body.builder, body.current, found.message, body.current[0].type)
        known.update((each.text, body.current[0]) for each in names)

    @override
    def _require(self, statement: tree.Require, body: Body) -> None:
        """A requirement changes nothing that could be drawn."""

    @override
    def _finished(
        self, body: Body, definition: tree.Definition, arguments: dict[str, Value], doc: str
    ) -> Module | None:
        try:
            for statement in definition.body:
                self._statement(statement, body)
        except Stop:
            last = len(body.builder.steps) - 1
            if last >= 0:
                body.current = (Tensor(body.builder, Wire(last), body.builder.steps[last].outputs[0]),)
        if not body.current and not body.outputs:
            return None
        return self._module(body, body.current or (), definition, arguments, doc)

    # --- what depends on it -----------------------------------------------------------------------------------------

    @override
    def _mention(
        self, node: tree.Mention, scope: Scope, builder: Builder, incoming: Tensors, label: str, *, is_first: bool
    ) -> Tensors:
        word = node.name.text
        starts = is_first and (word == INCOMING or isinstance(scope.find(word), Tensor))
        if starts or node.branches is not None or not incoming or all(each.type.is_known for each in incoming):
            return super()._mention(node, scope, builder, incoming, label, is_first=is_first)
        said = self.evaluator.report.mark()
        super()._mention(node, scope, builder, None, "", is_first=False)
        found = self._found(said)
        words, inputs = _Words(node.span, scope), (*incoming, *_operands(node, scope, builder))
        return self._blank(words, builder, inputs, found.message if found else "", name=label)

    @override
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
        if all(each.type.is_known for each in xs):
            return super()._results(operator, xs, node, spans, scope, builder, name, role)
        return self._blank(_Words(node.span, scope), builder, xs, text=operator.word, name=name)

    # --- blanks -----------------------------------------------------------------------------------------------------

    def _failed(self, words: _Words, builder: Builder, incoming: Tensors) -> tuple[Tensor, ...]:
        """A blank with what was found to be wrong since the element began; with what was found before if nothing that
        comes in is unknown, so that it must be a value."""
        found = self._found(self._begun)
        if found is None and all(each.type.is_known for each in incoming or ()):
            found = self._found(0) or next((each for each in self.errors if each.message not in self._said), None)
        return self._blank(words, builder, incoming or (), found.message if found else "")

    def _gap(self, words: _Words, builder: Builder, incoming: Tensors) -> tuple[Tensor, ...]:
        """A blank for `...`, or for the words that could not be read where a gap stands for them."""
        source, start = words.scope.source, words.span.start
        text = masked(source.text)
        end = text.find("\n", start)
        line = Span(start, len(text[: end if end >= 0 else len(text)].rstrip()))
        for index, each in enumerate(self.evaluator.report.diagnostics):
            place = each.place
            if not isinstance(each.fault, SyntaxFault) or place is None or place.source is not source:
                continue
            if text.startswith(GAP, start):
                break
            if index not in self._told and line.start <= place.span.start <= line.end:
                self._told.add(index)
                whole = _Words(element_around(text, place.span, line), words.scope)
                return self._blank(whole, builder, incoming or (), each.message)
        found = self._found(self._begun)
        return self._blank(words, builder, incoming or (), found.message if found else "")

    def _found(self, begun: int) -> Diagnostic | None:
        """The first thing that was found to be wrong since then, was printed, and that no blank says yet."""
        for index, each in enumerate(self.evaluator.report.diagnostics[begun:], begun):
            if index not in self._told and any(key in self._printed for key in _keys(each)):
                self._told.add(index)
                return each
        return None

    def _blank(
        self,
        words: _Words,
        builder: Builder,
        incoming: tuple[Tensor, ...],
        fault: str = "",
        kind: TensorType = NOT_KNOWN,
        *,
        text: str = "",
        name: str = "",
    ) -> tuple[Tensor, ...]:
        self.count_step(words.scope, words.span)
        self._said.add(fault)
        return builder.add(Blank(text or words.text, fault), incoming, (kind,), words.place, name=name)


def _operands(node: object, scope: Scope, builder: Builder) -> list[Tensor]:
    """The tensors of a module that a word is given besides, by their names."""
    given = node.arguments.items if isinstance(node, tree.Mention) and node.arguments else ()
    values = (scope.find(each.value.text) for each in given if isinstance(each.value, tree.Name))
    return [value for value in values if isinstance(value, Tensor) and value.home is builder]
