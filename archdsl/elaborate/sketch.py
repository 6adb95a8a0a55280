"""Elaboration of a text that is wrong, as far as it can be drawn.

Where an element cannot be worked out a blank stands in its place, and one for each that depends on it: a step that is
in no program, with the words of the text. What is right is worked out as always.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from typing_extensions import override

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import Diagnostic, Report
from archdsl.base.text import Place, Span
from archdsl.elaborate.frame import Began, Frame, Incoming, Make, Recovery, Tensors
from archdsl.elaborate.ledger import Failed, attempted
from archdsl.elaborate.values import Unknown
from archdsl.graph.blanks import NOT_KNOWN, Blank, BlankMerge
from archdsl.graph.build import Tensor
from archdsl.graph.module import StepRole
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
    frame: Frame

    @property
    def place(self) -> Place:
        return self.frame.place(self.span)

    @property
    def text(self) -> str:
        """The element in one line."""
        words = " ".join(self.place.text.split())
        return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 1]}…"


def _keys(each: Diagnostic) -> tuple[object, ...]:
    """What tells a finding from others: its words, or where it is. A report prints those of one place once."""
    where = [(each.code, each.place.source.name, each.place.span)] if each.place else []
    return each.message, *where


class Sketching(Recovery):
    """Puts a blank in the place of what fails, and of what depends on it.

    errors: what was found to be wrong with the text; no blank says anything else. Each finding is said by one blank at
    most: that of the element that it was found in, or the first that could not be worked out because of it.
    """

    goes_on = True

    def __init__(self, report: Report, errors: Iterable[Diagnostic]) -> None:
        self.report = report
        self.errors = list(errors)
        self.begun = 0
        self._printed = {key for each in self.errors for key in _keys(each)}
        self._told: set[int] = set()
        self._said: set[str] = set()

    # --- what fails -------------------------------------------------------------------------------------------------

    @override
    def begin(self, frame: Frame) -> Began:
        began = Began(self.report.mark(), frame.builder.so_far(), self.begun)
        self.begun = began.said
        return began

    @override
    def element(
        self, element: tree.Element, frame: Frame, incoming: Incoming, result: Incoming, began: Began
    ) -> Incoming:
        self.begun, words = began.said, _Words(element.item.span, frame)
        try:
            if result is not None:
                return self._checked(element, words, incoming, result)
            frame.builder.back_to(began.so_far)
            if isinstance(element.item, tree.Gap):
                return self._gap(words, incoming)
            return self._failed(words, (*(incoming or ()), *_operands(element.item, frame)))
        finally:
            self.begun = began.around

    def _checked(self, node: tree.Element, words: _Words, incoming: Incoming, result: Tensors) -> Tensors:
        """What comes out of an element; with a blank behind it where something in it is wrong that no blank in it says.
        Of several tensors that come out the first one says it."""
        if not result or (found := self._found(self.begun)) is None:
            return result
        first, *others = result
        if node.shape is not None and found.place == words.frame.place(node.shape.span):
            stated = _Words(node.shape.span, words.frame)
            said = self._blank(stated, (first,), found.message, first.type, text=f": {stated.text}")
        else:
            said = self._blank(words, (first,), found.message, NOT_KNOWN if result == incoming else first.type)
        return (*said, *others)

    @override
    def failed(self, span: Span, frame: Frame, said: int) -> Incoming:
        self.begun = said
        return self._failed(_Words(span, frame), ())

    @override
    def uncounted(self, frame: Frame, make: Make) -> Tensors:
        so_far, told, said = frame.builder.so_far(), set(self._told), set(self._said)
        attempted(make, frame, None)
        frame.builder.back_to(so_far)
        self._told, self._said = told, said
        raise Failed

    @override
    def unbound(self, statement: tree.Binding, frame: Frame, current: Incoming, said: int) -> Incoming:
        names, known = statement.names, frame.scope.names
        if not current or not any(isinstance(known.get(each.text), Unknown) for each in names):
            return current
        if (found := self._found(said)) is not None:
            words = _Words(names[0].span.to(names[-1].span), frame)
            current = self._blank(words, current, found.message, current[0].type)
        known.update((each.text, current[0]) for each in names)
        return current

    @override
    def unmerged(
        self, operator: Operator[Any], ends: list[Tensor | None], node: tree.Mention, frame: Frame, role: StepRole
    ) -> Tensors:
        tensors = tuple(end for end in ends if end is not None)
        if all(each.type.is_known for each in tensors):
            found = self._found(self.begun)
            blank = BlankMerge(node.name.text, found.message if found else "")
        else:
            # a branch that gives nothing is one of those that the label speaks of
            blank = BlankMerge(operator.label(operator.operand((_ANY,) * max(len(ends), 2))))
        place = frame.place(node.span)
        return frame.builder.add(blank, tensors, (NOT_KNOWN,), place, role=StepRole.NONE if blank.fault else role)

    # --- what depends on it -----------------------------------------------------------------------------------------

    @override
    def unknown(self, operator: Operator[Any], xs: Tensors, node: tree.Mention, frame: Frame, name: str) -> Tensors:
        return self._blank(_Words(node.span, frame), xs, text=operator.word, name=name)

    @override
    def depending(
        self, node: tree.Mention, frame: Frame, incoming: Tensors, label: str, work: Callable[[], object]
    ) -> Tensors:
        said = self.report.mark()
        attempted(work)
        found = self._found(said)
        inputs = (*incoming, *_operands(node, frame))
        return self._blank(_Words(node.span, frame), inputs, found.message if found else "", name=label)

    # --- blanks -----------------------------------------------------------------------------------------------------

    def _failed(self, words: _Words, incoming: Tensors) -> Tensors:
        """A blank with what was found to be wrong since the element began; with what was found before if nothing that
        comes in is unknown, so that it must be a value."""
        found = self._found(self.begun)
        if found is None and all(each.type.is_known for each in incoming):
            found = self._found(0) or next((each for each in self.errors if each.message not in self._said), None)
        return self._blank(words, incoming, found.message if found else "")

    def _gap(self, words: _Words, incoming: Incoming) -> Tensors:
        """A blank for `...`, or for the words that could not be read where a gap stands for them."""
        source, start = words.frame.scope.source, words.span.start
        text = masked(source.text)
        end = text.find("\n", start)
        line = Span(start, len(text[: end if end >= 0 else len(text)].rstrip()))
        for index, each in enumerate(self.report.diagnostics):
            place = each.place
            if not isinstance(each.fault, SyntaxFault) or place is None or place.source is not source:
                continue
            if text.startswith(GAP, start):
                break
            if index not in self._told and line.start <= place.span.start <= line.end:
                self._told.add(index)
                whole = _Words(element_around(text, place.span, line), words.frame)
                return self._blank(whole, incoming or (), each.message)
        found = self._found(self.begun)
        return self._blank(words, incoming or (), found.message if found else "")

    def _found(self, begun: int) -> Diagnostic | None:
        """The first thing that was found to be wrong since then, was printed, and that no blank says yet."""
        for index, each in enumerate(self.report.diagnostics[begun:], begun):
            if index not in self._told and any(key in self._printed for key in _keys(each)):
                self._told.add(index)
                return each
        return None

    def _blank(
        self,
        words: _Words,
        incoming: Tensors,
        fault: str = "",
        kind: TensorType = NOT_KNOWN,
        *,
        text: str = "",
        name: str = "",
    ) -> Tensors:
        words.frame.count_step(words.span)
        self._said.add(fault)
        return words.frame.builder.add(Blank(text or words.text, fault), incoming, (kind,), words.place, name=name)


def _operands(node: object, frame: Frame) -> list[Tensor]:
    """The tensors of a module that a word is given besides, by their names."""
    given = node.arguments.items if isinstance(node, tree.Mention) and node.arguments else ()
    values = (frame.scope.find(each.value.text) for each in given if isinstance(each.value, tree.Name))
    return [value for value in values if isinstance(value, Tensor) and value.home is frame.builder]
