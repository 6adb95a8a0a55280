"""Elaboration of a text that is wrong, as far as it can be drawn.

Where an element cannot be worked out a blank stands in its place, and one for each that depends on it: a step that is
in no program, with the words of the text. What is right is worked out as always.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NoReturn, final

from typing_extensions import override

from archdsl.base.diagnostics import Severity
from archdsl.base.fields import Field, everything
from archdsl.base.tensors import Kind, TensorType
from archdsl.base.text import Place, Span
from archdsl.graph.build import Builder
from archdsl.graph.chains import Tensors
from archdsl.graph.elaborate import Body, Elaborator
from archdsl.graph.evaluate import INCOMING, Stop
from archdsl.graph.module import Module
from archdsl.graph.scope import Scope
from archdsl.graph.values import Tensor, Unknown, Value
from archdsl.ops.operator import Operator, Style, axes_of
from archdsl.syntax import tree
from archdsl.syntax.faults import SyntaxFault

_NOT_KNOWN: Final = TensorType((), Kind.UNKNOWN)
_LONGEST: Final = 40


@dataclass(frozen=True)
class Blank(Operator[tuple[TensorType, ...]]):
    """An element that could not be worked out.

    text: its words. fault: what is wrong with it; nothing where it only depends on something that is.
    """

    word = "blank"
    style = Style.OTHER

    text: str
    fault: str = ""

    @override
    def operand(self, xs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        return xs

    @override
    def label(self, x: tuple[TensorType, ...]) -> str:
        return self.text

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return tuple(map(everything, axes_of(xs[index])))

    @override
    def output(self, x: tuple[TensorType, ...]) -> TensorType:
        return _NOT_KNOWN

    @override
    def torch(self, x: tuple[TensorType, ...]) -> NoReturn:
        raise TypeError("a blank is in no program")


@final
@dataclass(frozen=True)
class BlankMerge(Blank):
    """The place where branches meet that could not be worked out."""

    variadic = True


class Sketcher(Elaborator):
    """Works out what it can of a network, with blanks for the rest. What is wrong goes into the report once more."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._begun = 0
        self._faults: dict[Place, str] = {}

    # --- what fails -------------------------------------------------------------------------------------------------

    @override
    def _element(
        self, node: tree.Element, scope: Scope, builder: Builder, incoming: Tensors, *, is_first: bool
    ) -> Tensors:
        before, self._begun = self._begun, self.evaluator.report.mark()
        try:
            result = super()._element(node, scope, builder, incoming, is_first=is_first)
            if result is None:
                unread = isinstance(node.item, tree.Gap) and self._unread(node.item.span, scope, builder, incoming)
                return unread or self._failed(node.item.span, scope, builder, incoming)
            if node.shape is not None and result and result[0].type.is_known:
                return self._checked(node.shape, result, scope, builder)
            return result
        finally:
            self._begun = before

    @override
    def _merged(
        self,
        operator: Operator[Any],
        ends: list[Tensor | None],
        node: tree.Mention,
        scope: Scope,
        builder: Builder,
        role: str = "",
    ) -> Tensors:
        tensors = tuple(end for end in ends if end is not None)
        known = [each.type for each in tensors if each.type.is_known] or [TensorType.image(1, 1, 1)]
        place = scope.place(node.span)
        if len(known) < len(tensors):
            label = operator.label(operator.operand((known[0],) * len(tensors)))
            return builder.add(BlankMerge(label), tensors, (_NOT_KNOWN,), place, role=role)
        if (result := super()._merged(operator, ends, node, scope, builder, role)) is not None:
            return result
        blank = BlankMerge(node.name.text, self._fault(self._begun, scope.place(node.name.span)))
        return builder.add(blank, tensors, (_NOT_KNOWN,), place)

    @override
    def _projection(
        self, x: Tensor, body: Tensor, before: int, node: tree.Mention, scope: Scope, builder: Builder
    ) -> Tensor | None:
        if not x.type.is_known or not body.type.is_known:
            return x
        # where there is none, the sum says so
        return super()._projection(x, body, before, node, scope, builder) or x

    @override
    def check_shape(self, node: tree.ShapeExpression, result: tuple[Tensor, ...], scope: Scope) -> None:
        if result[0].type.is_known:
            super().check_shape(node, result, scope)

    @override
    def _input(
        self, name: tree.Word | None, shape: tree.ShapeExpression, node: tree.Input | tree.InputElement, body: Body
    ) -> None:
        self._begun = self.evaluator.report.mark()
        super()._input(name, shape, node, body)
        if body.current is None:
            body.current = self._failed(node.span, body.scope, body.builder, None)

    @override
    def _binding(self, statement: tree.Binding, body: Body) -> None:
        said = self.evaluator.report.mark()
        super()._binding(statement, body)
        names, known = [each.text for each in statement.names], body.scope.names
        if not body.current or not any(isinstance(known.get(each), Unknown) for each in names):
            return
        (first, *_), place = body.current, body.scope.place(statement.names[0].span)
        if first.type.is_known:
            fault = self._fault(said, place)
            body.current = self._blank(f"{', '.join(names)}", fault, body.current, place, body.builder, first.type)
        known.update(dict.fromkeys(names, body.current[0]))

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
            body.current = self._failed(definition.name.span, body.scope, body.builder, body.current)
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
        place = scope.place(node.span)
        return self._blank(_words(node.span, scope), self._fault(said, place), incoming, place, builder, name=label)

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
        role: str = "",
    ) -> Tensors:
        if all(each.type.is_known for each in xs):
            return super()._results(operator, xs, node, spans, scope, builder, name, role)
        return self._blank(operator.word, "", xs, scope.place(node.span), builder, name=name)

    # --- blanks -----------------------------------------------------------------------------------------------------

    def _checked(
        self, node: tree.ShapeExpression, result: tuple[Tensor, ...], scope: Scope, builder: Builder
    ) -> tuple[Tensor, ...]:
        """What came out, behind a blank where its shape is not the one that is stated."""
        place = scope.place(node.span)
        said = (each for each in self.evaluator.report.diagnostics if each.place == place)
        if (wrong := next(said, None)) is None:
            return result
        return self._blank(f": {_words(node.span, scope)}", wrong.message, result, place, builder, result[0].type)

    def _unread(self, span: Span, scope: Scope, builder: Builder, incoming: Tensors) -> Tensors:
        """A blank for words that could not be read, where a gap stands for them."""
        text = scope.source.text
        line = text.find("\n", span.start) % (len(text) + 1)
        for each in self.evaluator.report.diagnostics:
            place = each.place
            if isinstance(each.fault, SyntaxFault) and place and span.start <= place.span.start <= line:
                start = place.span.start if text[span.start : place.span.start].strip() else place.span.end
                end = text.find("->", start, line) % (line + 1)
                words = _words(Span(span.start, end), scope)
                return self._blank(words, each.message, incoming or (), place, builder)
        return None

    def _failed(self, span: Span, scope: Scope, builder: Builder, incoming: Tensors) -> tuple[Tensor, ...]:
        """A blank with what was found to be wrong since the element began."""
        place = scope.place(span)
        fault = self._fault(self._begun, place)
        return self._blank(_words(span, scope), fault, incoming or (), place, builder)

    def _fault(self, begun: int, place: Place) -> str:
        """What was found to be wrong here, now or before: a report says everything once."""
        found = (each for each in self.evaluator.report.diagnostics[begun:] if each.severity is not Severity.WARNING)
        first = next(found, None)
        return self._faults.setdefault(place, first.message) if first else self._faults.get(place, "")

    def _blank(
        self,
        text: str,
        fault: str,
        incoming: tuple[Tensor, ...],
        place: Place,
        builder: Builder,
        kind: TensorType = _NOT_KNOWN,
        name: str = "",
    ) -> tuple[Tensor, ...]:
        return builder.add(Blank(text, fault), incoming, (kind,), place, name=name)


def _words(span: Span, scope: Scope) -> str:
    """A place of the text in one line."""
    words = " ".join(scope.source.text[span.start : span.end].split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"
