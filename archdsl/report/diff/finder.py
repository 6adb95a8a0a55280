"""The difference of two networks, found on the hierarchy of modules: each distinct pair of modules is compared once.

The steps of two modules are aligned by what they are, at the least cost. Of two steps that belong together, what the
text says of each is told apart from what comes of something else: a width that both work out by one formula follows
from the argument that it is worked out from, a bias from the norm after it, a shape from what comes in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Final

from archdsl.base.traced import expression_of
from archdsl.graph.build import cancelled_biases
from archdsl.graph.chains import DOWNSAMPLE
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.graph.values import Function, Partial, Shared, Template, Tensor
from archdsl.ops.arguments import arguments
from archdsl.ops.operator import Operator, Style
from archdsl.report.diff.alignment import Pairs, align
from archdsl.report.diff.form import Body, Forms, Node
from archdsl.report.diff.model import About, Aspect, Kind

Trace = Callable[[], Module] | None

_LIKE: Final = {Style.PROJECTION: Style.CONV}
_IMPLIED: Final = frozenset({DOWNSAMPLE, "flatten"})
_OTHER_NAME: Final = 0.01
_LEAST_ALIKE: Final = 0.3
_LEAST_WRAPPED: Final = 0.4
_MOST_WRAPPED: Final = 40


@dataclass(frozen=True, eq=False)
class Edit:
    """What became of a node, wherever its module stands. inside: of the modules that both sides are, or of what was
    wrapped and the module around it. signature: equal for edits that a person would call the same. implied: whether
    the text does not say so: a projection or a flattening that shapes make necessary. between: of what was removed, the
    nodes of the second network that it stood between."""

    kind: Kind
    old: Node | None
    new: Node | None
    signature: int
    aspects: tuple[Aspect, ...] = ()
    follows: tuple[Aspect, ...] = ()
    inside: Edits | None = None
    others: tuple[Node, ...] = ()
    implied: bool = False
    between: tuple[Node | None, Node | None] = (None, None)

    @property
    def is_authored(self) -> bool:
        """Whether it, or something inside it, is what somebody changed."""
        return self.kind is not Kind.FOLLOWS and not self.implied


@dataclass(frozen=True, eq=False)
class Edits:
    """What became of the nodes of a module. matched: the nodes that belong together, with what became of their
    insides. outputs: what is different about what comes out. signature: equal for insides in which a person would say
    that the same was changed; None where nothing was. told: how many changes there are, also inside."""

    edits: tuple[Edit, ...]
    matched: tuple[tuple[Node, Node, Edits | None], ...]
    outputs: tuple[Aspect, ...]
    signature: int | None
    told: int


NOTHING: Final = Edits((), (), (), None, 0)

# what differs in the arguments of the block that a module stands in, values that keep no formula; None in a network
Given = frozenset[tuple[Any, Any]] | None

# what is in a module: its repeats as they are, and written out where they are short
_Ways = tuple[Body, Callable[[], Body]]


class Finder:
    """Compares the modules of two networks. traces: the networks worked out with numbers that remember where they come
    from, to tell what follows from an argument."""

    def __init__(self, old: Module, new: Module, traces: tuple[Trace, Trace]) -> None:
        self.forms = Forms()
        self.forms.prepare(old)
        self.forms.prepare(new)
        self._roots = (old, new)
        self._traces = tuple(map(_Traces, (old, new), traces))
        self._known: dict[tuple[int, int, Given], Edits] = {}
        self._bags: dict[int, Counter[Any]] = {}

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
        if self.forms.same(old, new):
            return NOTHING
        return self._either(self._forms_of(old), self._forms_of(new), given=given)

    def _forms_of(self, module: Module) -> _Ways:
        return self.forms.body(module), lambda: self.forms.body(module, written_out=True).unrolled()

    def _either(self, old: _Ways, new: _Ways, *, given: Given) -> Edits:
        """What became of the steps of a module: with repeats as they are, or written out where less is then to tell."""
        found = self._bodies(old[0], new[0], given=given)
        if found.told > 1 and (old[0].has_repeats or new[0].has_repeats):
            other = self._bodies(old[1](), new[1](), given=given)
            return other if other.told < found.told else found
        return found

    def _bodies(self, before: Body, after: Body, *, given: Given) -> Edits:
        pairs = self._aligned(before.nodes, after.nodes)
        wiring = _Wiring(before, after, pairs)
        wraps = _Wraps(self, before, after, pairs)
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
                sign = self.forms.number((kind, self._brief(old, 0), self._brief(new, 1)))
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
        sign = self.forms.number((signs, outputs)) if signs or outputs else None
        told = sum((each.kind is not Kind.KEPT) + (each.inside.told if each.inside else 0) for each in authored)
        return Edits(tuple(edits), tuple(matched), outputs, sign, told + len(outputs))

    # --- what belongs together ----------------------------------------------------------------------------------------

    def _aligned(self, old: tuple[Node, ...], new: tuple[Node, ...]) -> Pairs:
        kinds, kinds_now = list(map(self._kind, old)), list(map(self._kind, new))
        known: dict[tuple[int, int], float] = {}

        def cost(row: int, column: int) -> float:
            pair = (kinds[row], kinds_now[column])
            if pair not in known:
                known[pair] = self._cost(old[row], new[column])
            return known[pair] + (_OTHER_NAME if old[row].name != new[column].name else 0)

        return align(len(old), len(new), cost, lambda row, column: kinds[row] == kinds_now[column])

    def _kind(self, node: Node) -> int:
        """A number that is the same for nodes that cost the same in an alignment."""
        units = (self.forms.unit(node, named=False, shaped=shaped) for shaped in (True, False))
        return self.forms.number((node.label, node.count, node.step.shared, *units))

    def _cost(self, old: Node, new: Node) -> float:
        """How little two nodes are like each other: 0 for the same, `inf` for what is never one step."""
        forms = self.forms
        own = 0.0
        if old.label != new.label:
            own += 0.3 if old.label and new.label else 0.15
        own += 0.1 * (old.count != new.count) + 0.1 * (old.step.shared != new.step.shared)
        if forms.unit(old, named=False) == forms.unit(new, named=False):
            return own
        if forms.unit(old, named=False, shaped=False) == forms.unit(new, named=False, shaped=False):
            return own + 0.05
        labelled = old.label == new.label != ""
        match old.what, new.what:
            case Operator() as one, Operator() as other:
                return own + _unlike(one, other, labelled=labelled)
            case Module() as one, Module() as other:
                return own + self._unlike(one, other, labelled=labelled)
            case _:
                return own + 1.5 if labelled else inf

    def _unlike(self, old: Module, new: Module, *, labelled: bool) -> float:
        alike = self._alike(old, new)
        if labelled or (old.is_named and new.is_named and old.name == new.name):
            return 0.15 + 0.8 * (1 - alike)
        return 0.4 + 1.2 * (1 - alike) if alike >= _LEAST_ALIKE else inf

    def _alike(self, old: Module, new: Module) -> float:
        """Which part of the operators in two modules is the same."""
        one, other = self._bag(old), self._bag(new)
        both = sum((one & other).values())
        return both / max(sum((one | other).values()), 1)

    def _bag(self, module: Module) -> Counter[Any]:
        """The operators in a module, counted."""
        if (found := self._bags.get(id(module))) is not None:
            return found
        for each in module.distinct():
            if id(each) not in self._bags:
                self._bags[id(each)] = self._own_bag(each)
        return self._bags[id(module)]

    def _own_bag(self, module: Module) -> Counter[Any]:
        bag: Counter[Any] = Counter()
        for node in self.forms.body(module).nodes:
            bag.update(self._bag_of_node(node))
        return bag

    def _bag_of_node(self, node: Node) -> Mapping[Any, int]:
        if isinstance(node.what, Module):
            return {each: times * node.count for each, times in self._bag(node.what).items()}
        return {type(node.what): node.count, self.forms.unit(node, shaped=False): node.count}

    # --- what is different about a pair -------------------------------------------------------------------------------

    def _pair(
        self, old: Node, new: Node, wired: tuple[Aspect, ...], *, given: Given
    ) -> tuple[Edits | None, Edit | None]:
        aspects: list[Aspect] = []
        follows: list[Aspect] = []
        inside = None
        match old.what, new.what:
            case Operator() as one, Operator() as other if type(one) is type(other):
                self._of_operators(old, new, aspects, follows, given=given)
            case Module() as one, Module() as other:
                if self.forms.unit(old) != self.forms.unit(new):
                    self._of_calls(old, new, aspects, follows, given=given)
                    if self.forms.unit(old, shaped=False) != self.forms.unit(new, shaped=False):
                        inside = self.modules(one, other, given=_given(one, other, given))
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
        told = tuple((each.about, each.name, *self._told(old, new, each)) for each in aspects)
        signature = self.forms.number((kind, told, inside and inside.signature))
        return inside, Edit(kind, old, new, signature, tuple(aspects), tuple(follows), inside)

    def _of_operators(
        self, old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], *, given: Given
    ) -> None:
        for name in arguments(type(old.step.what)):  # pyright: ignore[reportArgumentType] - operators of one class
            one, other = getattr(old.what, name), getattr(new.what, name)
            if one == other:
                continue
            aspect = Aspect(About.ARGUMENT, name, one, other)
            cancelled = name == "bias" and one is not _is_cancelled(old) and other is not _is_cancelled(new)
            derived = given is not None and (
                (_plain(one), _plain(other)) in given
                or self._is_one_formula(old, new, lambda step, name=name: getattr(step.what, name))
            )
            (follows if cancelled or derived else aspects).append(aspect)

    def _of_calls(self, old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], *, given: Given) -> None:
        assert isinstance(old.what, Module)
        assert isinstance(new.what, Module)
        if old.what.is_block and new.what.is_block and old.what.name != new.what.name:
            aspects.append(Aspect(About.OPERATOR, "block", old.what.name, new.what.name))
        before, after = call_arguments(old.step), call_arguments(new.step)
        for name in dict.fromkeys([*before, *after]):
            one, other = before.get(name), after.get(name)
            if one == other:
                continue
            derived = given is not None and (
                (one, other) in given
                or self._is_one_formula(old, new, lambda step, name=name: dict(step.arguments).get(name))
            )
            (follows if derived else aspects).append(Aspect(About.ARGUMENT, name, one, other))

    def _is_one_formula(self, old: Node, new: Node, value: Callable[[Step], Any]) -> bool:
        """Whether two numbers that differ are worked out in one way, from the arguments of the block around them."""
        one, other = (traces.value(node, value) for traces, node in zip(self._traces, (old, new), strict=True))
        return one is not None and one == other

    def _told(self, old: Node, new: Node, aspect: Aspect) -> tuple[Any, Any]:
        """The values of an aspect, as formulas where they are some, and so the same in each instance of a block."""
        if aspect.about is not About.ARGUMENT:
            return aspect.old, aspect.new
        name = aspect.name

        def value(step: Step) -> Any:
            is_operator = isinstance(step.what, Operator)
            return getattr(step.what, name, None) if is_operator else dict(step.arguments).get(name)

        shown = [traces.value(node, value) for traces, node in zip(self._traces, (old, new), strict=True)]
        return shown[0] or _plain(aspect.old), shown[1] or _plain(aspect.new)

    def _brief(self, node: Node | None, side: int) -> Any:
        """What a node is, in the terms of the block around it: equal in each instance of the block."""
        if node is None:
            return None
        what = node.what
        if isinstance(what, Operator):
            names = what.arguments()
            values = [
                self._traces[side].value(node, lambda step, name=name: getattr(step.what, name)) for name in names
            ]
            plain = [_plain(value) for value in names.values()]
            return (type(what), node.count, *((name, a or b) for name, a, b in zip(names, values, plain, strict=True)))
        given = call_arguments(node.step)
        values = [
            self._traces[side].value(node, lambda step, name=name: dict(step.arguments).get(name)) for name in given
        ]
        return (
            what.name,
            node.count,
            *((name, a or b) for name, a, b in zip(given, values, given.values(), strict=True)),
        )

    # --- wrapping -----------------------------------------------------------------------------------------------------

    def wrap_of(self, module: Module, body: Body, free: list[int]) -> tuple[int, int] | None:
        """Which of some nodes in a row are most like what is in a module, if any are."""
        inside = self._bag(module)
        size = sum(inside.values())
        best, found = _LEAST_WRAPPED, None
        for begin in range(len(free)):
            bag: Counter[Any] = Counter()
            for end in range(begin, len(free)):
                bag.update(self._bag_of_node(body.nodes[free[end]]))
                both, own = sum((bag & inside).values()), sum(bag.values())
                if (alike := both / (own + size - both)) > best:
                    best, found = alike, (free[begin], free[end] + 1)
                if own > size / _LEAST_WRAPPED:
                    break
        return found

    def _wrapped(self, old: Body | Node, new: Body | Node, *, given: Given) -> Edit:
        """Steps that a module was put around, or taken away from around."""
        if isinstance(old, Body):
            assert isinstance(new, Node)
            assert isinstance(new.what, Module)
            inside = self._either(
                (old, old.unrolled), self._forms_of(new.what), given=_given(new.what, new.what, given)
            )
            sign = self.forms.number((Kind.WRAPPED, self._brief(new, 1), inside.signature))
            return Edit(Kind.WRAPPED, None, new, sign, inside=inside, others=old.nodes)
        assert isinstance(new, Body)
        assert isinstance(old.what, Module)
        inside = self._either(self._forms_of(old.what), (new, new.unrolled), given=_given(old.what, old.what, given))
        sign = self.forms.number((Kind.UNWRAPPED, self._brief(old, 0), inside.signature))
        return Edit(Kind.UNWRAPPED, old, None, sign, inside=inside, others=new.nodes)


class _Traces:
    """The modules of a network, with numbers that remember the arguments that they come from."""

    def __init__(self, root: Module, trace: Trace) -> None:
        self._root = root
        self._trace = trace

    @cached_property
    def _modules(self) -> Mapping[int, Module]:
        if self._trace is None:
            return {}
        found: dict[int, Module] = {}
        waiting = [(self._root, self._trace())]
        while waiting:
            module, traced = waiting.pop()
            if id(module) in found or len(module.steps) != len(traced.steps):
                continue
            found[id(module)] = traced
            for one, other in zip(module.steps, traced.steps, strict=True):
                if isinstance(one.what, Module) and isinstance(other.what, Module):
                    waiting.append((one.what, other.what))
        return found

    def value(self, node: Node, value: Callable[[Step], Any]) -> Any:
        """The formula of a value of a node's step; None where it is no more than a number."""
        module = self._modules.get(id(node.owner))
        return None if module is None else _formula(value(module.steps[node.index]))


def _formula(value: Any) -> Any:
    if isinstance(value, tuple):
        parts = tuple(map(_formula, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return None if all(part is None for part in parts) else parts
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    expression = expression_of(value)
    return None if isinstance(expression, int | float) else expression


class _Wiring:
    """Whether what comes in comes from where it came from. What was added or removed on the way does not count: it is
    told for itself."""

    def __init__(self, before: Body, after: Body, pairs: Pairs) -> None:
        self._before, self._after = before, after
        self._new_of = {row: column for row, column in pairs if row is not None and column is not None}
        self._kept = set(self._new_of.values())
        self.near: Mapping[int, int] = {}
        self._known: tuple[dict[Wire, frozenset[Wire]], dict[Wire, frozenset[Wire]]] = ({}, {})
        for side, body in enumerate((before, after)):
            for index, node in enumerate(body.nodes):
                for port in range(len(node.step.outputs)):
                    self._known[side][Wire(index, port)] = self._origin(side, Wire(index, port), node)

    def _origin(self, side: int, wire: Wire, node: Node) -> frozenset[Wire]:
        """Where a tensor comes from, past what only one of the networks has: tensors of the second network."""
        index = self._new_of.get(wire.step) if side == 0 else wire.step if wire.step in self._kept else None
        if index is not None:
            return frozenset((Wire(index, wire.port),))
        return frozenset(origin for each in node.inputs for origin in self._from(side, each))

    def _from(self, side: int, wire: Wire) -> frozenset[Wire]:
        return frozenset((wire,)) if wire.step == INPUT else self._known[side][wire]

    def inputs(self, row: int, column: int) -> tuple[Aspect, ...]:
        """What is different about the inputs of two nodes that belong together."""
        old, new = self._before.nodes[row].inputs, self._after.nodes[column].inputs
        return tuple(self._different(About.INPUT, "input", old, new))

    def around(self, row: int) -> tuple[Node | None, Node | None]:
        """The nodes of the second network before and after one that is gone; None for the ends of the module."""
        before = self._nearest(row, lambda at: (wire.step for wire in self._before.nodes[at].inputs))
        return before, self._nearest(row, lambda at: self._readers.get(at, ()))

    def _nearest(self, row: int, next_to: Callable[[int], Iterable[int]]) -> Node | None:
        """The node of the second network that is reached first from a node that is gone."""
        waiting, reached = [row], {INPUT, row}
        for here in waiting:
            if (found := self._new_of.get(here, self.near.get(here))) is not None:
                return self._after.nodes[found]
            later = [index for index in next_to(here) if index not in reached]
            reached.update(later)
            waiting.extend(later)
        return None

    @cached_property
    def _readers(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for index, node in enumerate(self._before.nodes):
            for wire in node.inputs:
                found.setdefault(wire.step, []).append(index)
        return found

    def outputs(self) -> tuple[Aspect, ...]:
        """What is different about the outputs of the modules."""
        found: list[Aspect] = []
        for name, training in (("output", False), ("output in training", True)):
            old, new = (
                tuple(wire for wire, only in body.outputs if only == training) for body in (self._before, self._after)
            )
            found.extend(self._different(About.OUTPUT, name, old, new))
        return tuple(found)

    def _different(self, about: About, name: str, old: tuple[Wire, ...], new: tuple[Wire, ...]) -> Iterator[Aspect]:
        """What is left over of two rows of tensors when those that come from one place are taken out, in order."""
        left, right = list(old), list(new)
        place = 0
        gone: list[Wire] = []
        while left:
            wire = left.pop(0)
            origins = self._from(0, wire)
            found = next((at for at in range(place, len(right)) if self._meets(origins, right[at])), None)
            if found is None:
                gone.append(wire)
            else:
                del right[found]
                place = found
        gone = [wire for wire in gone if len(old) == len(new) or not self._is_alone(0, wire)]
        come = [wire for wire in right if len(old) == len(new) or not self._is_alone(1, wire)]
        for index in range(max(len(gone), len(come))):
            one = self._name(self._before, gone[index]) if index < len(gone) else None
            other = self._name(self._after, come[index]) if index < len(come) else None
            yield Aspect(about, name, one, other)

    def _meets(self, origins: frozenset[Wire], wire: Wire) -> bool:
        others = self._from(1, wire)
        return bool(origins & others) or (not origins and not others)

    def _is_alone(self, side: int, wire: Wire) -> bool:
        """Whether the step that a tensor comes from is in one of the networks only."""
        return wire.step != INPUT and wire.step not in (self._new_of if side == 0 else self._kept)

    @staticmethod
    def _name(body: Body, wire: Wire) -> str:
        if wire.step == INPUT:
            return "the input" if len(body.inputs) == 1 else f"input {wire.port + 1}"
        node = body.nodes[wire.step]
        name = node.name or str(node.position + node.slots - 1)
        return name if len(node.step.outputs) == 1 else f"{name}, output {wire.port + 1}"


class _Wraps:
    """The modules of one network around steps that the other has without them, each in one gap of the alignment.

    near: for steps of the first network that are wrapped or unwrapped, what they are now in, or what was in them."""

    def __init__(self, finder: Finder, before: Body, after: Body, pairs: Pairs) -> None:
        self._of: dict[tuple[int | None, int | None], Any] = {}
        self.near: dict[int, int] = {}
        for rows, columns in _gaps(pairs):
            if rows and columns and len(rows) + len(columns) <= _MOST_WRAPPED:
                self._search(finder, before, rows, after, columns, is_new=True)
                self._search(finder, after, columns, before, rows, is_new=False)

    def _search(
        self, finder: Finder, body: Body, free: list[int], around: Body, modules: list[int], *, is_new: bool
    ) -> None:
        for at in modules:
            node = around.nodes[at]
            own = (None, at) if is_new else (at, None)
            if own in self._of or not isinstance(node.what, Module) or node.count > 1:
                continue
            left = [each for each in free if ((each, None) if is_new else (None, each)) not in self._of]
            stretches = (finder.wrap_of(node.what, body, each) for each in _stretches(left))
            if (found := next((each for each in stretches if each is not None), None)) is None:
                continue
            part = body.part(*found)
            self._of[own] = (part, node) if is_new else (node, part)
            self.near.update(dict.fromkeys(range(*found), at) if is_new else {at: found[0]})
            for each in range(*found):
                self._of[(each, None) if is_new else (None, each)] = (None, None)

    def around(self, row: int | None, column: int | None) -> Any:
        """What is wrapped and what is around it, by the module; a pair of None by what is wrapped; None otherwise."""
        return self._of.get((row, column))


def _stretches(numbers: list[int]) -> list[list[int]]:
    """The numbers without gaps between them."""
    found: list[list[int]] = []
    for each in numbers:
        if found and each == found[-1][-1] + 1:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def _gaps(pairs: Pairs) -> Iterator[tuple[list[int], list[int]]]:
    rows: list[int] = []
    columns: list[int] = []
    for row, column in (*pairs, (0, 0)):
        if row is not None and column is not None:
            if rows or columns:
                yield rows, columns
            rows, columns = [], []
        elif row is not None:
            rows.append(row)
        elif column is not None:
            columns.append(column)


def _kind(old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], inside: Edits | None) -> Kind | None:
    if aspects:
        return Kind.CHANGED
    if inside is not None and any(each.is_authored for each in inside.edits):
        return Kind.KEPT
    sizes = [(node.step.input_types, node.step.outputs, node.params, node.macs) for node in (old, new)]
    return Kind.FOLLOWS if follows or sizes[0] != sizes[1] or (inside is not None and inside.edits) else None


def _unlike(old: Operator[Any], new: Operator[Any], *, labelled: bool) -> float:
    if type(old) is type(new):
        different = sum(getattr(old, name) != getattr(new, name) for name in arguments(type(old)))
        return min(0.3 + 0.1 * different, 0.9)
    styles = {_LIKE.get(each.style, each.style) for each in (old, new)}
    if len(styles) == 1 and Style.OTHER not in styles:
        return 0.9 if labelled else 1.0
    return 1.2 if labelled else inf


def _is_cancelled(node: Node) -> bool:
    """Whether a norm after a step cancels its bias, so that without a word it has none."""
    return node.index in cancelled_biases(node.owner.steps, node.owner.outputs)


def _given(old: Module, new: Module, around: Given) -> Given:
    """What differs in the arguments of the block that is nearest around a step of a module."""
    if not (old.is_block or new.is_block):
        return around
    before, after = ({name: _plain(each) for name, each in module.arguments.items()} for module in (old, new))
    both = ((value, after[name]) for name, value in before.items() if name in after)
    return frozenset(pair for pair in both if pair[0] != pair[1] and not any(map(_has_formula, pair)))


def _has_formula(value: object) -> bool:
    return isinstance(value, tuple) or (isinstance(value, int) and not isinstance(value, bool))


def _word(what: Operator[Any] | Module) -> str:
    return what.name if isinstance(what, Module) else what.word


def call_arguments(step: Step) -> dict[str, Any]:
    """What a block is called with, but for tensors and what is as if it were not given."""
    assert isinstance(step.what, Module)
    defaults = step.what.defaults
    given = step.arguments or tuple(step.what.arguments.items())
    return {
        name: _plain(value)
        for name, value in given
        if not isinstance(value, Tensor) and (name not in defaults or _plain(defaults[name]) != _plain(value))
    }


def _plain(value: Any) -> Any:
    """A value that can be compared between networks: a block or operator by its name and arguments."""
    match value:
        case tuple():
            return tuple(map(_plain, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case Template(definition, _, given):
            return _called(definition.name.text, given)
        case Partial(operator, given):
            return _called(operator.word, given)
        case Function() | Shared():
            return str(value)
        case int() if not isinstance(value, bool):
            return int(value)
        case _:
            return value


def _called(name: str, given: tuple[tuple[str, Any], ...]) -> str:
    inside = ", ".join(f"{each}={_plain(value)}" for each, value in given)
    return f"{name}({inside})" if inside else name
