"""The difference of two networks, found on the hierarchy of modules: each distinct pair of modules is compared once.

The steps of two modules are aligned by what they are, at the least cost. Of two steps that belong together, what the
text says of each is told apart from what comes of something else: a width that both work out by one formula follows
from the argument that it is worked out from, a bias from the norm after it, a shape from what comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from archdsl.graph.module import Module, StepRole
from archdsl.ops.operator import Operator
from archdsl.report.diff.arguments import Arguments
from archdsl.report.diff.edits import NOTHING, Edit, Edits
from archdsl.report.diff.form import Body, Forms, Node
from archdsl.report.diff.formulas import Formulas, Trace
from archdsl.report.diff.likeness import Likeness
from archdsl.report.diff.model import About, Aspect, Kind
from archdsl.report.diff.values import Given, given_of
from archdsl.report.diff.wiring import Wiring
from archdsl.report.diff.wraps import Wraps

_IMPLIED: Final = frozenset({StepRole.DOWNSAMPLE, StepRole.FLATTEN})

# what is in a module: its repeats as they are, and written out where they are short
_Ways = tuple[Body, Callable[[], Body]]


class Finder:
    """Compares the modules of two networks. traces: the networks worked out with numbers that remember where they come
    from, to tell what follows from an argument."""

    def __init__(self, old: Module, new: Module, traces: tuple[Trace, Trace]) -> None:
        self._forms = Forms()
        self._forms.prepare(old)
        self._forms.prepare(new)
        self._roots = (old, new)
        self._arguments = Arguments(Formulas((old, new), traces))
        self._likeness = Likeness(self._forms)
        self._known: dict[tuple[int, int, Given], Edits] = {}

    def whole(self) -> Edits:
        """What became of the steps of the networks themselves."""
        return self.modules(*self._roots, given=None)

    def modules(self, old: Module, new: Module, *, given: Given) -> Edits:
        """What became of the steps of a module. given: of the block around it, None in a network itself."""
        key = (id(old), id(new), given)
        if (found := self._known.get(key)) is None:
            found = self._known[key] = self._compared(old, new, given=given)
        return found

    def _compared(self, old: Module, new: Module, *, given: Given) -> Edits:
        if self._forms.same(old, new):
            return NOTHING
        return self._either(self._forms_of(old), self._forms_of(new), given=given)

    def _forms_of(self, module: Module) -> _Ways:
        return self._forms.body(module), lambda: self._forms.body(module, written_out=True).unrolled()

    def _either(self, old: _Ways, new: _Ways, *, given: Given) -> Edits:
        """What became of the steps of a module: with repeats as they are, or written out where less is then to tell."""
        found = self._bodies(old[0], new[0], given=given)
        if found.told > 1 and (old[0].has_repeats or new[0].has_repeats):
            other = self._bodies(old[1](), new[1](), given=given)
            return other if other.told < found.told else found
        return found

    def _bodies(self, before: Body, after: Body, *, given: Given) -> Edits:
        pairs = self._likeness.aligned(before.nodes, after.nodes)
        wiring = Wiring(before, after, pairs)
        wraps = Wraps(self._likeness, before, after, pairs)
        wiring.near = wraps.near
        edits: list[Edit] = []
        matched: list[tuple[Node, Node, Edits | None]] = []
        for row, column in pairs:
            old = None if row is None else before.nodes[row]
            new = None if column is None else after.nodes[column]
            if row is not None and column is not None:
                assert old is not None
                assert new is not None
                wired = wiring.inputs(row, column)
                inside, edit = self._pair(old, new, wired, given=given)
                matched.append((old, new, inside))
                edits.extend([edit] if edit else [])
            elif (wrap := wraps.around(row, column)) is not None:
                edits.extend([self._wrapped(*wrap, given=given)] if wrap[0] is not None else [])
            else:
                kind = Kind.REMOVED if new is None else Kind.ADDED
                sign = self._forms.number((kind, self._arguments.brief(old, 0), self._arguments.brief(new, 1)))
                node = old or new
                assert node is not None
                between = (None, None) if row is None else wiring.around(row)
                edits.append(Edit(kind, old, new, sign, implied=node.step.role in _IMPLIED, between=between))
        return self._edits(edits, matched, wiring.outputs())

    def _edits(
        self, edits: list[Edit], matched: list[tuple[Node, Node, Edits | None]], outputs: tuple[Aspect, ...]
    ) -> Edits:
        authored = [each for each in edits if each.is_authored]
        signs = tuple(each.signature for each in authored)
        sign = self._forms.number((signs, outputs)) if signs or outputs else None
        told = sum((each.kind is not Kind.KEPT) + (each.inside.told if each.inside else 0) for each in authored)
        return Edits(tuple(edits), tuple(matched), outputs, sign, told + len(outputs))

    # --- what is different about a pair -------------------------------------------------------------------------------

    def _pair(
        self, old: Node, new: Node, wired: tuple[Aspect, ...], *, given: Given
    ) -> tuple[Edits | None, Edit | None]:
        aspects: list[Aspect] = []
        follows: list[Aspect] = []
        inside = None
        match old.what, new.what:
            case Operator() as one, Operator() as other if type(one) is type(other):
                self._arguments.of_operators(old, new, aspects, follows, given=given)
            case Module() as one, Module() as other:
                if self._forms.unit(old) != self._forms.unit(new):
                    self._arguments.of_calls(old, new, aspects, follows, given=given)
                    if self._forms.unit(old, shaped=False) != self._forms.unit(new, shaped=False):
                        inside = self.modules(one, other, given=given_of(one, other, given))
                        aspects.extend(inside.outputs)
            case one, other:
                aspects.append(Aspect(About.OPERATOR, "operator", _word(one), _word(other)))
        if old.count != new.count:
            aspects.append(Aspect(About.COUNT, "count", old.count, new.count))
        if old.label != new.label:
            aspects.append(Aspect(About.NAME, "name", old.label or None, new.label or None))
        if old.step.shared != new.step.shared:
            aspects.append(Aspect(About.SHARING, "shared weights", old.step.shared, new.step.shared))
        aspects.extend(wired)
        kind = _kind(old, new, aspects, follows, inside)
        if kind is None:
            return inside, None
        told = tuple((each.about, each.name, *self._arguments.told(old, new, each)) for each in aspects)
        signature = self._forms.number((kind, told, inside and inside.signature))
        return inside, Edit(kind, old, new, signature, tuple(aspects), tuple(follows), inside)

    # --- wrapping -----------------------------------------------------------------------------------------------------

    def _wrapped(self, old: Body | Node, new: Body | Node, *, given: Given) -> Edit:
        """Steps that a module was put around, or taken away from around."""
        if isinstance(old, Body):
            assert isinstance(new, Node)
            assert isinstance(new.what, Module)
            inside = self._either(
                (old, old.unrolled), self._forms_of(new.what), given=given_of(new.what, new.what, given)
            )
            sign = self._forms.number((Kind.WRAPPED, self._arguments.brief(new, 1), inside.signature))
            return Edit(Kind.WRAPPED, None, new, sign, inside=inside, others=old.nodes)
        assert isinstance(new, Body)
        assert isinstance(old.what, Module)
        inside = self._either(self._forms_of(old.what), (new, new.unrolled), given=given_of(old.what, old.what, given))
        sign = self._forms.number((Kind.UNWRAPPED, self._arguments.brief(old, 0), inside.signature))
        return Edit(Kind.UNWRAPPED, old, None, sign, inside=inside, others=new.nodes)


def _kind(old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], inside: Edits | None) -> Kind | None:
    if aspects:
        return Kind.CHANGED
    if inside is not None and any(each.is_authored for each in inside.edits):
        return Kind.KEPT
    sizes = [(node.step.input_types, node.step.outputs, node.counts) for node in (old, new)]
    return Kind.FOLLOWS if follows or sizes[0] != sizes[1] or (inside is not None and inside.edits) else None


def _word(what: Operator[Any] | Module) -> str:
    return what.name if isinstance(what, Module) else what.word
