"""One module as the draft of its class: what its constructor sets, with its own numbers, and `forward`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, assert_never, cast

from archdsl.algebra.tensors import TensorType
from archdsl.algebra.traced import Traced, dimension_names
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.emit.torch import series
from archdsl.emit.torch.calls import call_text, expression_of_step, operator_call
from archdsl.emit.torch.forward import Forward, ForwardPlan
from archdsl.emit.torch.program import (
    Call,
    Class,
    Hole,
    Items,
    Keyword,
    Label,
    Literal,
    Node,
    Reference,
    Rows,
    Steps,
    skeleton,
)
from archdsl.emit.torch.residuals import joins, without_shortcut
from archdsl.facts.memory import is_list, overwrites
from archdsl.graph.arguments import Partial
from archdsl.graph.module import PROJECTION, Module, Step, StepRole
from archdsl.ops.faults import Reject
from archdsl.ops.torchcall import Apply, Layer, Learned, Option

_UNROLLED = 6
GATE = "has_shortcut"


@record
class Drafted:
    """A child or learned tensor of one module: its name, what builds it, and whether it is the projection or the
    shortcut of a `residual` that other modules of its block may go without. None where this module goes without."""

    name: str
    node: Node | None
    role: StepRole = StepRole.NONE


@record
class Draft:
    """A class for one module alone. without: its `forward` without the shortcut that others of its block go without."""

    module: Module
    fields: tuple[Drafted, ...]
    forward: Forward
    without: Forward | None = None

    @property
    def frame(self) -> object:
        """What all modules of one class have in common: the names of what they set, and their `forward`."""
        names = tuple(each.name for each in self.fields if each.role != StepRole.SHORTCUT)
        return names, self.without or self.forward, self.module.input_names, self.module.indexed

    @property
    def base(self) -> str:
        """The class of `nn` that it is made of."""
        if self.module.is_list:
            return "ModuleDict" if has_names(self.module) else "ModuleList"
        return "Sequential" if self.module.indexed else "ModuleList" if self.forward.numbered else "Module"


@dataclass
class Lowering:
    """Drafts of modules whose own modules have classes already.

    of_module: the class of each module. classes: the class that a module is given as an argument, by its name.
    layered: the steps that are layers although `forward` could write an expression. indices: names for loops.
    """

    indices: tuple[str, ...]
    of_module: dict[int, Class] = field(default_factory=dict[int, Class])
    classes: dict[tuple[int, str], str] = field(default_factory=dict[tuple[int, str], str])
    layered: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])

    def draft(self, module: Module, optional: StepRole = StepRole.NONE) -> Draft:
        """The draft of a module. optional: the role of what some modules of its block go without, and which the class
        then has under a condition: `downsample`, the projection of a shortcut, or `shortcut`."""
        if module.is_list:
            whole = self._list(module, "super().__init__")
            return Draft(module, (Drafted("", whole),), Forward.of_list(module))
        if module.indexed:
            whole = self._sequential(module, "super().__init__")
            return Draft(module, (Drafted("", whole),), Forward((), "Tensor"))
        fields: list[Drafted] = []
        said: set[str] = set()
        for step in module.steps:
            if optional == step.role == StepRole.DOWNSAMPLE:
                continue
            if optional == StepRole.DOWNSAMPLE and step.role == StepRole.RESIDUAL:
                projection = next((each for each in module.steps if each.role == StepRole.DOWNSAMPLE), None)
                node = projection and self.node(projection, module)
                fields.append(Drafted(PROJECTION, node, StepRole.DOWNSAMPLE))
                continue
            if step.name in said or (node := self.node(step, module)) is None:
                continue
            said.add(step.name)
            is_gone = optional == step.role == StepRole.SHORTCUT
            fields.append(Drafted(step.name, node, StepRole.SHORTCUT if is_gone else StepRole.NONE))
        layers = self.layered.get(id(module), frozenset())
        if optional == StepRole.SHORTCUT and joins(module):
            gated = ForwardPlan(module, gate=free_name(module, GATE), layers=layers).lines()
            return Draft(module, tuple(fields), gated, ForwardPlan(without_shortcut(module), layers=layers).lines())
        forward = ForwardPlan(module, optional=optional == StepRole.DOWNSAMPLE, layers=layers).lines()
        return Draft(module, tuple(fields), forward)

    # --- what builds a step -------------------------------------------------------------------------------------------

    def node(self, step: Step, module: Module, *, in_row: bool = False) -> Node | None:
        """What builds a step of a module in `__init__`; None where `forward` writes an expression instead."""
        if isinstance(step.what, Module):
            if step.what.is_named:
                return self._instance(step, step.what)
            return self._list(step.what) if is_list(step) else self._sequential(step.what)
        call = operator_call(step)
        match call:
            case Layer():
                if in_row and call.row:
                    return layer_node(call.row)
                return _in_place(layer_node(call)) if overwrites(step, module) else layer_node(call)
            case Learned():
                return Call(Reference("nn.Parameter"), (_starting(call),))
            case Apply(layer=layer):
                as_layer = in_row or step.name in self.layered.get(id(module), frozenset())
                return layer_node(layer) if as_layer and layer else None
            case _:
                assert_never(call)

    def _instance(self, step: Step, what: Module) -> Node:
        """The call of a module's class, with what the caller gives it."""
        made = self.of_module[id(what)]
        given: dict[str, Any] = dict(step.arguments)
        for kind, name in zip(step.input_types, ("in", *what.input_names[1:]), strict=True):
            given = {**dict(zip(dimension_names(kind, name), kind.shape, strict=True)), **given}
        args: list[Node] = []
        keywords: list[Keyword] = []
        for parameter in made.parameters:
            name = parameter.name
            chosen = self.classes.get((id(what), name))
            node = Reference(chosen) if chosen else value_node(given[name])
            if parameter.default is None and parameter.kind != "bool":
                args.append(node)
            else:
                keywords.append(Keyword(name, node, parameter.default))
        return Call(Reference(made.name), tuple(args), tuple(keywords))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _sequential(self, module: Module, target: str = "nn.Sequential") -> Node:
        named = has_names(module)
        items = self._row(module, (0, ()), 0, named=named)
        if not named:
            return Call(Reference(target), tuple(items), wide=len(items) > 1)
        alone = items[0] if len(items) == 1 else None
        listed = replace(alone, alone=True) if isinstance(alone, Rows) else Items(tuple(items), is_list=True)
        return Call(Reference(target), (Call(Reference("OrderedDict"), (listed,), wide=True),))

    def _list(self, module: Module, target: str = "") -> Node:
        """A row whose layers take other tensors besides the one that goes through: `forward` calls them one by one."""
        named = has_names(module)
        items = self._row(module, (0, ()), 0, named=named)
        only = items[0] if len(items) == 1 else None
        held = replace(only, alone=True) if isinstance(only, Rows) else Items(tuple(items), is_list=True)
        if named:
            return Call(Reference(target or "nn.ModuleDict"), (Call(Reference("OrderedDict"), (held,), wide=True),))
        return Call(Reference(target or "nn.ModuleList"), (held,))

    def _row(self, module: Module, start: tuple[int, Steps], depth: int, *, named: bool) -> list[Node]:
        """The members of a row, as pairs with their names where some have names of their own.

        start: the position of the first, which inside loops goes on with their indices. depth: of loops in loops.
        """
        index = self.indices[depth]
        items: list[tuple[Node, Place]] = []
        position, steps = start
        for step in module.steps:
            count, slots = int(step.count), step.slots // step.count if step.count else 0
            size = _members(step)
            few = count == 1 or (size > 1 and count * size <= _UNROLLED)
            if not few or (isinstance(step.count, Traced) and not step.name):
                goes_on = (*steps, (index, slots)) if named else steps
                body = self._body(step, module, (position, goes_on), depth + 1, named=named)
                items.append((Rows(tuple(body), Hole(step.count), index if named else "_"), step.place))
                position += step.slots
                continue
            for _ in range(count):
                body = self._body(step, module, (position, steps), depth, named=named)
                items += ((node, step.place) for node in body)
                position += slots
        return series.looped(items, index)

    def _body(self, step: Step, module: Module, start: tuple[int, Steps], depth: int, *, named: bool) -> list[Node]:
        """What one repetition of a step of a row is."""
        if isinstance(step.what, Module) and step.what.transparent:
            return self._row(step.what, start, depth, named=named)
        node = self.node(step, module, in_row=True)
        assert node is not None, f"{step.what} has no module"
        if not named:
            return [node]
        return [Items((Label.of(step.name) if step.name else Label((Hole(*start),)), node))]


def _members(step: Step) -> int:
    """How many things a repetition of a step writes into a row."""
    return len(step.what.steps) if isinstance(step.what, Module) and step.what.transparent else 1


def free_name(module: Module, wanted: str) -> str:
    """A name for an attribute that no layer has."""
    while any(step.name == wanted for step in module.steps):
        wanted += "_"
    return wanted


def layers_by_choice(modules: list[Module]) -> frozenset[str]:
    """The steps of a block that are layers since as expressions they would tell its modules apart: `forward` does not
    know the constructor's arguments."""
    texts: dict[str, set[str]] = {}
    looks: dict[str, set[object]] = {}
    for step in (step for module in modules for step in module.steps):
        if (call := expression_of_step(step)) is not None and call.layer is not None:
            texts.setdefault(step.name, set()).add(call_text(call, ["x"]))
            looks.setdefault(step.name, set()).add(skeleton(layer_node(call.layer)))
    return frozenset(name for name, found in texts.items() if len(found) > 1 and len(looks[name]) == 1)


# --- values -----------------------------------------------------------------------------------------------------------


def layer_node(layer: Layer) -> Call:
    """The call that builds a layer."""
    options = dict(layer.options)
    written = [Keyword(name, value_node(value)) for name, value in layer.kwargs if name not in options]
    optional = [_option(name, option) for name, option in layer.options]
    args = tuple(map(value_node, layer.args))
    return Call(Reference(layer.target), args, (*written, *optional), copied=layer.copied or "")


def _option(name: str, option: Option) -> Keyword:
    return Keyword(name, value_node(option.value), value_node(option.default))


def _in_place(node: Call) -> Call:
    return replace(node, keywords=(*node.keywords, Keyword("inplace", Literal(value=True))))


def _starting(call: Learned) -> Node:
    """The tensor that a learned one starts as. Its numbers are no whole ones, which torch would not train."""
    shape = tuple(map(value_node, call.shape))
    fill, deviation = float(call.fill), float(call.deviation)
    if not deviation:
        known = {0.0: "torch.zeros", 1.0: "torch.ones"}.get(fill)
        return Call(Reference(known), shape) if known else Call(Reference("torch.full"), (Items(shape), Hole(fill)))
    mean = (Keyword("mean", Hole(fill)),) if fill else ()
    made = Call(Reference("torch.empty"), shape)
    return Call(Reference("nn.init.normal_"), (made,), (*mean, Keyword("std", Hole(deviation))))


def value_node(value: Any) -> Node:
    """A value as an expression."""
    match value:
        case bool() | None | str():
            return Literal(value)
        case float() if not math.isfinite(value):
            return Literal(value)
        case int() | float():
            return Hole(value)
        case Layer():
            return layer_node(value)
        case Partial():
            return Reference(plain_layer(value) or "")
        case tuple():
            return Items(tuple(map(value_node, cast("tuple[Any, ...]", value))))
        case _:
            raise TypeError(f"no expression for {value!r}")


def plain_layer(value: Partial) -> str | None:
    """The class of `nn` that an operator is as a value, where it takes no arguments; else None."""
    if value.arguments or value.operator.variadic or value.operator.operands:
        return None
    try:
        call = value.operator().torch(TensorType.vector(1))
    except (Reject, TypeError):
        return None
    if not isinstance(call, Layer) or call.args or call.kwargs or call.copied:
        return None
    return call.target


# --- rows -------------------------------------------------------------------------------------------------------------


def has_names(module: Module) -> bool:
    """Whether some items of a row have names other than their positions."""
    return any(name != str(position) for name, position in _named_positions(module))


def _named_positions(module: Module) -> Iterator[tuple[str, int]]:
    position = 0
    for step in module.steps:
        if step.name:
            yield step.name, position
        position += step.slots
