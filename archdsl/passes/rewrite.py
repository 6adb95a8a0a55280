"""Changing a network layer by layer: every distinct module is made anew once, with the types worked out again."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import Any, NamedTuple, assert_never, cast

from archdsl.algebra.tensors import Shape, TensorType
from archdsl.base.diagnostics import ArchError
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.arguments import SharedLayer
from archdsl.ops.faults import Reject
from archdsl.ops.made import IDENTITY
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Kept, Made, New, Origin, Origins, Rewritten, Round
from archdsl.passes.proof import share_alike
from archdsl.passes.scope import Scope

_PEELED = 2  # rounds that are written out before a repeat has to fit onto itself


class Part(NamedTuple):
    """Rounds of a step that are changed alike: the first one, how many, and what is known where they stand."""

    first: int
    rounds: int
    context: Hashable = None


@record(eq=False)
class Visit:
    """An operator step that is looked at.

    index: its number in the module. types: what comes in now. context: what is known of the place. path, calls: of the
    layer, for messages: the latter is where the network and the blocks around it are written.
    """

    step: Step
    index: int
    module: Module
    types: tuple[TensorType, ...]
    context: Hashable
    path: str
    calls: tuple[Place, ...]
    pass_: Change

    @property
    def kept(self) -> Operator[Any]:
        """The operator as it is."""
        assert isinstance(self.step.what, Operator)
        return self.step.what

    @property
    def x(self) -> TensorType:
        """The first of what comes in now."""
        return self.types[0]

    def refusal(self, reason: str, *notes: str) -> ArchError:
        """The error that says that the pass cannot do what it is asked because of this layer."""
        return self.pass_.refusal(self.path, *self.calls, self.step.place, reason=reason, notes=notes)


class Rules:
    """What a pass does to the layers of a network, for one run. As it stands it changes nothing."""

    def start(self, root: Module) -> tuple[tuple[TensorType, ...], Hashable]:
        """The types that come into the network, and what is known of it as a whole."""
        return root.inputs, None

    def parts(self, module: Module, index: int, context: Hashable) -> tuple[Part, ...]:
        """The rounds of a step, by how they are changed; none where a step that nothing reads is left out."""
        return (Part(0, module.steps[index].count, context),)

    def change(self, at: Visit) -> Operator[Any] | None:
        """The operator that takes the place of a step's, or None to leave the step out.

        In a row of modules a place that is left out is filled with the identity, so that the names after it stay.
        """
        return at.kept

    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        """Where a tensor of what took the place of a step comes from."""
        return Kept((Round(at.index),), tensor)


def new_where_changed(at: Visit, tensor: str, shape: Shape) -> Origin:
    """The tensor of the same name where its shape is the same, else a new one."""
    return Kept((Round(at.index),), tensor) if at.step.state.get(tensor) == shape else New()


def rewritten(root: Module, rules: Rules, change: Change) -> Rewritten:
    """The network changed by the rules of a pass. ArchError names the layer where that gives no network."""
    inputs, context = rules.start(root)
    rewriter = _Rewriter(rules, change)
    return Rewritten(rewriter.module(inputs, context, Scope(root), (root.place,)), rewriter.origins)


class _Rewriter:
    """The modules that were made anew so far, and the path to the one that is being made, for messages."""

    def __init__(self, rules: Rules, change: Change) -> None:
        self.rules = rules
        self.pass_ = change
        self.origins: dict[Module, Origins] = {}
        self._made: dict[tuple[Module, tuple[TensorType, ...], Hashable], Module] = {}

    def module(
        self, inputs: tuple[TensorType, ...], context: Hashable, scope: Scope, calls: tuple[Place, ...]
    ) -> Module:
        """The module of a scope made anew. scope, calls: the first place where it stands."""
        key = (scope.module, inputs, context)
        if key not in self._made:
            making = _Making(self, inputs, scope, calls)
            self._made[key] = making.made(context)
            self.origins[self._made[key]] = making.origins
        return self._made[key]


class _Making:
    """One module while it is made anew: its steps so far, and where the tensors of the old one are now.

    scope, calls: the module at the first place where it stands, and where what it stands in is written.
    """

    def __init__(
        self, rewriter: _Rewriter, inputs: tuple[TensorType, ...], scope: Scope, calls: tuple[Place, ...]
    ) -> None:
        self.rewriter = rewriter
        self.module = scope.module
        self.inputs = inputs
        self.scope = scope
        self.calls = calls
        self.origins = Origins(scope.module)
        self.steps: list[Step] = []
        self.moved = {Wire(INPUT, port): Wire(INPUT, port) for port in range(len(inputs))}
        self.named: dict[str, Step] = {}

    def made(self, context: Hashable) -> Module:
        for index in range(len(self.module.steps)):
            for part in self.rewriter.rules.parts(self.module, index, context):
                self._add_part(index, part)
        outputs = tuple(self.moved[wire] for wire in self.module.outputs)
        bindings = {self.moved[wire]: name for wire, name in self.module.bindings.items() if wire in self.moved}
        return replace(self.module, inputs=self.inputs, steps=tuple(self.steps), outputs=outputs, bindings=bindings)

    def _add_part(self, index: int, part: Part) -> None:
        """Some rounds of a step: one step if what comes out is of the type that comes in, else written out until it is.

        Rounds after the first take the first tensor from the one before.
        """
        first, count, context = part
        step = self.module.steps[index]
        peeled = 0
        while True:
            incoming = tuple(self.moved[wire] for wire in step.inputs)
            known = (self.moved[Wire(index)], *incoming[1:]) if first else incoming
            at = self._visit(index, tuple(map(self._type_of, known)), context)
            what, outputs = self._what(at)
            if what is None:
                self.moved[Wire(index)] = known[0]
                return
            fits = count == 1 or outputs[:1] == at.types[:1]
            self._add(at, what, known, outputs, Part(first, count if fits else 1))
            if fits:
                return
            if peeled == _PEELED:
                raise at.refusal(f"its rounds would give {outputs[0]} of {at.x}, so they cannot follow each other")
            first, count, peeled = first + 1, count - 1, peeled + 1

    def _add(
        self,
        at: Visit,
        what: Operator[Any] | Module,
        inputs: tuple[Wire, ...],
        outputs: tuple[TensorType, ...],
        part: Part,
    ) -> None:
        made = replace(at.step, what=what, inputs=inputs, input_types=at.types, outputs=outputs, count=part.rounds)
        if part.rounds < at.step.count and made.name:
            raise at.refusal("its rounds would no longer be alike, and they have one name")
        if made.shared and not share_alike(self.named.get(made.name, made), made):
            raise at.refusal("it shares its weights with another place, where they would be others")
        number = len(self.steps)
        self.steps.append(made)
        self.named.setdefault(made.name, made)
        self.moved |= {Wire(at.index, port): Wire(number, port) for port in range(len(outputs))}
        if isinstance(what, Module):
            self.origins.modules[number] = (Round(at.index, part.first),)
        else:
            origins = {name: self.rewriter.rules.origin(at, name, shape) for name, shape in made.state.items()}
            self.origins.tensors[number] = {name: _later(each, part.first) for name, each in origins.items()}

    def _what(self, at: Visit) -> tuple[Operator[Any] | Module | None, tuple[TensorType, ...]]:
        """What takes the place of a step, and the types of what it gives."""
        if isinstance(at.step.what, Module):
            calls = (*self.calls, at.step.place)
            made = self.rewriter.module(at.types, at.context, self.scope.inside(at.index), calls)
            return made, made.output_types
        changed = self.rewriter.rules.change(at)
        if changed is None and self.module.indexed:
            changed = IDENTITY
        if changed is None:
            return None, at.types
        changed = self._tied(changed)
        try:
            return changed, changed.results(at.types)
        except Reject as reject:
            raise at.refusal(reject.fault.message, *reject.fault.notes) from None

    def _tied(self, operator: Operator[Any]) -> Operator[Any]:
        """The operator with the shapes that the shared layers among its arguments now have."""
        for name, value in operator.borrowed().items():
            owner = self.named.get(value.name)
            if owner is not None and isinstance(owner.what, Operator):
                layer = SharedLayer(value.name, tuple(owner.facts.weights.items()))
                operator = replace(cast("Any", operator), **{name: layer})
        return operator

    def _visit(self, index: int, types: tuple[TensorType, ...], context: Hashable) -> Visit:
        step = self.module.steps[index]
        path = self.scope.name(index)
        return Visit(step, index, self.module, types, context, path, self.calls, self.rewriter.pass_)

    def _type_of(self, wire: Wire) -> TensorType:
        return self.inputs[wire.port] if wire.step == INPUT else self.steps[wire.step].outputs[wire.port]


def _later(origin: Origin, first: int) -> Origin:
    """The origin with its rounds counted from a later one."""
    match origin:
        case Kept(path, tensor):
            *outer, last = path
            return Kept((*outer, Round(last.step, last.number + first)), tensor) if first else origin
        case Made(formula, sources):
            return Made(formula, {name: cast("Kept", _later(each, first)) for name, each in sources.items()})
        case New():
            return origin
        case _:
            assert_never(origin)
