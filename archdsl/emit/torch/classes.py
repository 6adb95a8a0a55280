"""From the hierarchy of modules to Python classes.

All instances of a block are looked at together. Those whose code is equal but for numbers become one class; a number
that differs between them becomes an expression over the constructor's arguments, the one that the text has. Where
instances differ only in the projection of a `residual`, or in whether it has a shortcut, the class has the condition
that tells them apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from archdsl.base.tensors import TensorType
from archdsl.base.text import Place
from archdsl.base.traced import (
    Expression,
    Named,
    Traced,
    dimension_names,
    evaluate,
    expression_of,
    names_in,
    plain,
    progression,
    python,
)
from archdsl.emit.torch import series, stretches
from archdsl.emit.torch.forward import Forward, ForwardPlan, call_text, expression_of_step
from archdsl.emit.torch.nodes import (
    Argument,
    Call,
    Hole,
    Items,
    Keyword,
    Label,
    Node,
    Rows,
    flat_text,
    holes,
    laid_out,
    skeleton,
    str_of_hole,
)
from archdsl.emit.torch.stretches import Function, Functions
from archdsl.graph.chains import ALONE, DOWNSAMPLE, RESIDUAL, SHORTCUT
from archdsl.graph.memory import is_list, overwrites
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.graph.values import Partial, Value, is_whole
from archdsl.ops.activation import Plain
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Layer, Learned, Option

MODULES = Path(__file__).resolve().parent.parent.parent / "ops" / "modules"
_UNROLLED = 6
_BODY = " " * 8
TAKEN = {"ARCH", "nn", "torch", "Tensor", "F", "OrderedDict", "Sequence", "pairwise"}


@dataclass(frozen=True)
class Parameter:
    """A constructor argument. `default` is None where it must be given; `length` is that of a tuple, 0 for a number."""

    name: str
    default: Value | None
    length: int = 0
    kind: str = "int"

    @property
    def annotated(self) -> str:
        """The argument as a signature has it."""
        kind = f"tuple[{', '.join(['int'] * self.length)}]" if self.length else self.kind
        if self.default is None:
            return f"{self.name}: {kind}"
        return f"{self.name}: {kind} = {flat_text(value_node(self.default), str_of_hole)}"


@dataclass(frozen=True)
class Class:
    """A class of the file: its name, its constructor's arguments, and the lines of its methods. That of a row is an
    `nn.Sequential`, which needs no `forward`.

    numbered: whether its children are 0, 1, 2, ..., so that it is an `nn.ModuleList`.
    """

    name: str
    module: Module
    parameters: tuple[Parameter, ...]
    init: tuple[str, ...]
    forward: Forward
    copied: frozenset[str]
    uses_ordered: bool
    numbered: bool


@dataclass(frozen=True)
class _Instance:
    """One module with the code of its parts. What has no name is a row's own constructor."""

    module: Module
    children: tuple[tuple[str, Node, str], ...]
    forward: Forward
    values: Mapping[str, int | float]
    optional: str = ""

    @property
    def skeleton(self) -> object:
        """What instances of one class have in common."""
        shared = [each for each in self.children if each[2] not in {DOWNSAMPLE, self.optional}]
        parts = tuple((name, skeleton(node)) for name, node, _ in shared)
        return (parts, self.forward, tuple(self.module.input_names))

    @property
    def projections(self) -> dict[str, Node]:
        """The projections by name."""
        return {name: node for name, node, role in self.children if role == DOWNSAMPLE}

    @property
    def shortcut(self) -> Step | None:
        """The sum of a `residual` without projections; None where it has none, or more than a flag could tell."""
        sums = [step for step in self.module.steps if step.role == SHORTCUT and len(step.inputs) > 1]
        return sums[0] if len(sums) == 1 and sums[0].inputs[1] == Wire(INPUT) else None


class Rejected(Exception):
    """A hole for which no expression fits all instances."""

    def __init__(self, values: tuple[int | float, ...]) -> None:
        super().__init__(str(values))
        self.values = values


@dataclass
class Classes:
    """The classes of a network, those that others use first, and the functions that its own class calls."""

    classes: list[Class] = field(default_factory=list[Class])
    of_module: dict[int, Class] = field(default_factory=dict[int, Class])
    functions: Functions = field(default_factory=dict[str, Function])
    index: str = "i"
    layers: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    _names: set[str] = field(default_factory=lambda: set(TAKEN))
    _choices: dict[int, dict[Partial, str]] = field(default_factory=dict[int, dict[Partial, str]])
    _chosen: dict[Partial, str] = field(default_factory=dict[Partial, str])

    @staticmethod
    def of(root: Module, name: str) -> Classes:
        """The classes of a network whose own class has this name."""
        taken = {each for module in root.distinct() for each in module.arguments}
        made = Classes(index=next(each for each in ("i", "index", "index_of_layer") if each not in taken))
        made._names |= {name, *(camel(path.stem) for path in MODULES.glob("*.py"))}
        for group in _definitions(root):
            if group[0] is root:
                made._add([root], name)
            else:
                made._add_definition(group)
        return made

    # --- grouping -----------------------------------------------------------------------------------------------------

    def _add_definition(self, modules: list[Module]) -> None:
        """One class for all instances of a block, or as few as can be."""
        for module in modules:
            self._choices[id(module)] = _choices(module, modules)
        self.layers |= dict.fromkeys(map(id, modules), self._layers(modules))
        parts = self._parted(modules)
        base = camel(modules[0].name)
        for part in sorted(parts, key=len, reverse=True):
            suffix = _telling(part, parts) if len(parts) > 1 else ""
            self._add(part, self._free(base + suffix))

    def _layers(self, modules: list[Module]) -> frozenset[str]:
        """The steps of a block that are layers since as expressions they would tell its instances apart: `forward` does
        not know the constructor's arguments."""
        texts: dict[str, set[str]] = {}
        looks: dict[str, set[object]] = {}
        for step in (step for module in modules for step in module.steps):
            if (call := expression_of_step(step)) is not None and call.layer is not None:
                texts.setdefault(step.name, set()).add(call_text(call, ["x"]))
                looks.setdefault(step.name, set()).add(skeleton(layer_node(call.layer)))
        return frozenset(name for name, found in texts.items() if len(found) > 1 and len(looks[name]) == 1)

    def _parted(self, modules: list[Module]) -> list[list[Module]]:
        if (optional := self._optional(modules)) and (unified := self._unified(modules, optional)):
            return unified
        return self._unified(modules, "") or [[module] for module in modules]

    def _unified(self, modules: list[Module], optional: str) -> list[list[Module]] | None:
        """The modules by class; None if an optional projection or shortcut cannot be told by a condition."""
        by_code: dict[object, list[Module]] = {}
        for module in modules:
            instance = self._instance(module, optional)
            key = instance.skeleton if optional else (instance.skeleton, tuple(instance.projections))
            by_code.setdefault(key, []).append(module)
        parts: list[list[Module]] = []
        for group in by_code.values():
            waiting = [group]
            while waiting:
                part = waiting.pop(0)
                try:
                    self._class(part, "", optional and self._optional(part))
                except Rejected as rejected:
                    if len(set(rejected.values)) < 2 or len(rejected.values) != len(part):
                        return None
                    waiting += _by_value(part, rejected.values)
                else:
                    parts.append(part)
        return parts

    def _optional(self, modules: list[Module]) -> str:
        """The role of what some of the modules have and others do not: `downsample`, the projection of a shortcut, or
        `shortcut`, where all others go without; else nothing."""
        roles = [{step.role for step in module.steps} for module in modules]
        if len({DOWNSAMPLE in each for each in roles}) == 2:
            return DOWNSAMPLE
        without = [each for each in roles if SHORTCUT not in each]
        return SHORTCUT if 0 < len(without) < len(roles) and all(ALONE in each for each in without) else ""

    def _add(self, modules: list[Module], name: str) -> None:
        made = self._class(modules, name, self._optional(modules))
        self.classes.append(made)
        for module in modules:
            self.of_module[id(module)] = made

    def _free(self, name: str) -> str:
        wanted, number = name, 1
        while name in self._names:
            number += 1
            name = f"{wanted}{number}"
        self._names.add(name)
        return name

    # --- one class --------------------------------------------------------------------------------------------------

    def _class(self, modules: list[Module], name: str, optional: str) -> Class:
        instances = [self._instance(module, optional) for module in modules]
        first = instances[0]
        if optional == SHORTCUT:
            first = next((each for each in instances if each.shortcut), first)
        known = [instance.values for instance in instances]
        solver = _Solver(_differing(instances), known)
        lines = self._lines(first, instances, optional, solver)
        if needed := solver.used - solver.values[0].keys() & known[0].keys():
            # what is an argument after all is written wherever it stands
            solver = _Solver(_differing(instances, needed), known)
            lines = self._lines(first, instances, optional, solver)
        forward = first.forward
        if optional == SHORTCUT:
            gate = _free_attribute(first.module)
            layers = self.layers.get(id(first.module), frozenset())
            forward = ForwardPlan(first.module, gate=gate, layers=layers).lines()
        used = _ordered(modules[0], solver.used)
        parameters = tuple(_parameter(modules[0], each) for each in used)
        targets = [target for instance in instances for _, node, _ in instance.children for target in _targets(node)]
        copied = frozenset(target.removeprefix("copied ") for target in targets if target.startswith("copied "))
        return Class(
            name,
            modules[0],
            _required_first(parameters),
            tuple(lines),
            forward,
            copied,
            uses_ordered="OrderedDict" in targets,
            numbered=forward.numbered,
        )

    def _lines(self, first: _Instance, instances: list[_Instance], optional: str, solver: _Solver) -> list[str]:
        """The lines of the constructor that build the children."""
        lines: list[str] = []
        for index, (child, _, role) in enumerate(first.children):
            if optional == role == DOWNSAMPLE:
                continue
            if optional == DOWNSAMPLE and role == RESIDUAL:
                lines += self._optional_projection(instances, solver)
                continue
            is_gated = optional == role == SHORTCUT
            having = [number for number, each in enumerate(instances) if not is_gated or each.shortcut]
            nodes = [self._child(instances[number], index, child, optional) for number in having]
            chosen = solver if len(having) == len(instances) else solver.only(having)
            lines += _assigned(child, nodes, chosen, self.index)
        if optional == SHORTCUT:
            lines.append(f"self.{_free_attribute(first.module)} = {_agreement(instances, solver)}")
        if first.forward.numbered:
            lists = [Items(tuple(node for _, node, _ in each.children), is_list=True) for each in instances]
            return _filled([Call("super().__init__", (each,)) for each in lists], solver, self.index)
        return lines

    def _child(self, instance: _Instance, index: int, name: str, optional: str) -> Node:
        """What builds a child; where something is optional the children of instances do not stand at equal places."""
        if not optional:
            return instance.children[index][1]
        return next(node for each, node, role in instance.children if each == name and role != RESIDUAL)

    def _optional_projection(self, instances: list[_Instance], solver: _Solver) -> list[str]:
        """The lines that build a projection for the instances that have one, and the identity for the others."""
        projecting = [bool(instance.projections) for instance in instances]
        with_it = [instance for instance in instances if instance.projections]
        if any(set(instance.projections) != {DOWNSAMPLE} for instance in with_it):
            raise Rejected(tuple(map(int, projecting)))
        stride = solver.solve([_stride(each.module) for each in instances])
        condition = _condition(instances, projecting, solver)
        inner = solver.only([index for index, has in enumerate(projecting) if has])
        nodes = [_with_stride(instance.projections[DOWNSAMPLE], stride) for instance in with_it]
        lines = _assigned(DOWNSAMPLE, nodes, inner, self.index, "    ")
        return [f"self.{DOWNSAMPLE} = nn.Identity()", f"if {condition}:", *lines]

    def _instance(self, module: Module, optional: str) -> _Instance:
        self._chosen = self._choices.get(id(module), {})
        if module.indexed:
            row = self._sequential(module, "super().__init__")
            return _Instance(module, (("", row, ""),), Forward((), "Tensor"), _values(module))
        children: list[tuple[str, Node, str]] = []
        said: set[str] = set()
        for step in module.steps:
            if optional == DOWNSAMPLE and step.role == RESIDUAL:
                children.append((DOWNSAMPLE, "", RESIDUAL))
                continue
            if step.name in said or (node := self.node(step, module)) is None:
                continue
            said.add(step.name)
            if module.is_network:
                node, self.functions = stretches.folded(node, self.functions, self._names | {*module.arguments})
            children.append((step.name, node, step.role))
        plan = ForwardPlan(
            _without_shortcut(module) if optional == SHORTCUT else module,
            optional=optional == DOWNSAMPLE,
            layers=self.layers.get(id(module), frozenset()),
        )
        return _Instance(module, tuple(children), plan.lines(), _values(module), optional)

    # --- expressions --------------------------------------------------------------------------------------------------

    def node(self, step: Step, module: Module, *, in_row: bool = False) -> Node | None:
        """What builds a step of a module in `__init__`; None where `forward` writes an expression instead."""
        if isinstance(step.what, Operator):
            call = step.call
            if isinstance(call, Layer):
                if chosen := self._chosen.get(Partial(type(step.what))):
                    return Call(Argument(chosen))
                if in_row and call.row:
                    return layer_node(call.row)
                return _in_place(layer_node(call)) if overwrites(step, module) else layer_node(call)
            if isinstance(call, Learned):
                return Call("nn.Parameter", (_filled_tensor(call),))
            as_layer = in_row or step.name in self.layers.get(id(module), frozenset())
            return layer_node(call.layer) if as_layer and call and call.layer else None
        if not step.what.is_named:
            return self._list(step.what) if is_list(step) else self._sequential(step.what)
        made = self.of_module[id(step.what)]
        given = dict(step.arguments)
        for kind, name in zip(step.input_types, ("in", *step.what.input_names[1:]), strict=True):
            given = {**dict(zip(dimension_names(kind, name), kind.shape, strict=True)), **given}
        args: list[Node] = []
        keywords: list[Keyword] = []
        for parameter in made.parameters:
            value = given[parameter.name]
            chosen = self._chosen.get(value) if isinstance(value, Partial) else None
            node = Argument(chosen) if chosen else value_node(value)
            if parameter.default is None:
                args.append(node)
            else:
                keywords.append(Keyword(parameter.name, node, value_node(parameter.default)))
        return Call(made.name, tuple(args), tuple(keywords))

    def _sequential(self, module: Module, target: str = "nn.Sequential") -> Node:
        items = self._row(module)
        if not _has_names(module):
            return Call(target, tuple(items), wide=len(items) > 1)
        alone = items[0] if len(items) == 1 else None
        listed = replace(alone, alone=True) if isinstance(alone, Rows) else Items(tuple(items), is_list=True)
        return Call(target, (Call("OrderedDict", (listed,), wide=True),))

    def _list(self, module: Module) -> Node:
        """A row whose layers take other tensors besides the one that goes through: `forward` calls them one by one."""
        items = self._row(module)
        only = items[0] if len(items) == 1 else None
        held = replace(only, alone=True) if isinstance(only, Rows) else Items(tuple(items), is_list=True)
        named = _has_names(module)
        return Call("nn.ModuleDict" if named else "nn.ModuleList", (held,))

    def _row(self, module: Module) -> list[Node]:
        """The items of an `nn.Sequential`, as pairs with their names where some have names of their own."""
        named = _has_names(module)
        items: list[tuple[Node, Place]] = []
        position = 0
        for step in module.steps:
            if isinstance(step.what, Module) and step.what.transparent:
                body = self._row(step.what)
            else:
                node = self.node(step, module, in_row=True)
                assert node is not None, f"{step.what} has no module"
                body = [node]
            count = int(step.count)
            few = count == 1 or (len(body) > 1 and count * len(body) <= _UNROLLED)
            if not few or (isinstance(step.count, Traced) and not step.name):
                looped = _with_names(step, position, len(body), body) if named else body
                items.append((Rows(tuple(looped), Hole(step.count), self.index if named else "_"), step.place))
            else:
                for start in range(position, position + count * len(body), len(body)):
                    written = _with_names(step, start, 0, body) if named else body
                    items += ((node, step.place) for node in written)
            position += step.slots
        return series.looped(items, self.index)


def _with_names(step: Step, position: int, stride: int, body: list[Node]) -> list[Node]:
    """Items of a row with their names: the step's label, or their positions, which go on by `stride` in a loop."""
    if step.name:
        return [Items((Label.of(step.name), node)) for node in body]
    return [Items((Label((Hole(position + offset, stride),)), node)) for offset, node in enumerate(body)]


def _filled_tensor(call: Learned) -> Node:
    """The tensor that a learned one starts as."""
    shape = tuple(map(value_node, call.shape))
    if not call.deviation:
        known = {0.0: "torch.zeros", 1.0: "torch.ones"}.get(call.fill)
        return Call(known, shape) if known else Call("torch.full", (Items(shape), value_node(call.fill)))
    deviation = Keyword("std", value_node(call.deviation))
    mean = (Keyword("mean", value_node(call.fill)),) if call.fill else ()
    return Call("nn.init.normal_", (Call("torch.empty", shape),), (*mean, deviation))


def _in_place(node: Call) -> Call:
    return Call(node.target, node.args, (*node.keywords, Keyword("inplace", "True")), node.wide)


def layer_node(layer: Layer) -> Call:
    """The call that builds a layer."""
    options = dict(layer.options)
    plain = [Keyword(name, value_node(value)) for name, value in layer.kwargs if name not in options]
    optional = [_option(name, option) for name, option in layer.options]
    target = f"copied {layer.copied}|{layer.target}" if layer.copied else layer.target
    return Call(target, tuple(map(value_node, layer.args)), (*plain, *optional))


def _option(name: str, option: Option) -> Keyword:
    return Keyword(name, value_node(option.value), value_node(option.default))


def value_node(value: Any) -> Node:
    """A value as an expression."""
    match value:
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case bool() | None:
            return repr(value)
        case int() | float():
            return Hole(value)
        case str():
            return literal(value)
        case Layer():
            return layer_node(value)
        case Partial(operator):
            call = operator().torch(TensorType.vector(1))
            assert isinstance(call, Layer)
            return call.target
        case tuple():
            return Items(tuple(map(value_node, cast("tuple[Any, ...]", value))))
        case _:
            raise TypeError(f"no expression for {value!r}")


def literal(text: str) -> str:
    """A string as Python writes it, in plain letters and the quotes that need the fewest escapes."""
    single = "'" + text.encode("unicode_escape").decode("ascii").replace("'", "\\'") + "'"
    double = '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
    return single if len(single) < len(double) else double


_Numbers = list[Mapping[str, int | float]]


def _length(expression: Expression) -> tuple[int, str]:
    text = python(expression)
    return len(text), text


class _Solver:
    """Finds for each hole an expression that gives every instance its number.

    values: the numbers by name of each instance. known: the same with those that no instance sets, for where nothing
    else helps. used: the names it needed.
    """

    def __init__(self, values: _Numbers, known: _Numbers, used: set[str] | None = None) -> None:
        self.values = values
        self.known = known
        self.used: set[str] = set() if used is None else used

    def only(self, indices: list[int]) -> _Solver:
        """A solver for some of the instances, which adds to the same names."""
        values, known = ([each[index] for index in indices] for each in (self.values, self.known))
        return _Solver(values, known, self.used)

    def solve(self, numbers: Sequence[int | float]) -> Expression:
        """The expression; Rejected where there is none."""
        found = self._found(numbers)
        if found is None:
            raise Rejected(tuple(numbers))
        self.used |= names_in(found)
        return found

    def argument_of(self, items: list[str]) -> str:
        """The constructor argument whose items these are, all of them in their order; nothing if there is none."""
        name = items[0].partition("[")[0] if items else ""
        length = sum(each.startswith(f"{name}[") for each in self.values[0])
        return name if items and items == [f"{name}[{index}]" for index in range(length)] else ""

    def _found(self, numbers: Sequence[int | float]) -> Expression | None:
        traces = {expression_of(number) for number in numbers}
        candidates = [each for each in traces if names_in(each) and self._fits(each, numbers)]
        simple = [each for each in candidates if not _needs_grid(each)]
        if simple:
            return min(simple, key=_length)
        if len(set(numbers)) == 1:
            return plain(numbers[0])
        if candidates:
            return min(candidates, key=_length)
        shared = [name for name in sorted(self.values[0]) if all(name in values for values in self.values)]
        named = (Named(name) for name in shared)
        unset = (each for each in sorted(traces, key=_length) if self._fits(each, numbers, self.known))
        return next((each for each in named if self._fits(each, numbers)), next(unset, None))

    def _fits(self, expression: Expression, numbers: Sequence[int | float], given: _Numbers | None = None) -> bool:
        pairs = zip(given or self.values, numbers, strict=True)
        return all(evaluate(expression, values) == number for values, number in pairs)


def _assigned(name: str, nodes: list[Node], solver: _Solver, index: str, indent: str = "") -> list[str]:
    """The lines that set a child, one expression for all instances."""
    if name.isidentifier() or not name:
        return _filled(nodes, solver, index, f"self.{name} = " if name else "", indent)
    return _filled([Call("self.add_module", (f'"{name}"', node)) for node in nodes], solver, index, "", indent)


def _filled(
    nodes: list[Node] | list[Call], solver: _Solver, index: str, prefix: str = "", indent: str = ""
) -> list[str]:
    """The lines of what is equal in all instances but for the numbers in the holes."""
    columns = zip(*(list(holes(node)) for node in nodes), strict=True)
    texts = [python(_solved(column, solver, index)) for column in columns]
    first = nodes[0]
    solver.used |= set(_arguments(first))
    by_hole = {id(hole): text for hole, text in zip(holes(first), texts, strict=True)}

    def fill(hole: Hole) -> str:
        return by_hole.get(id(hole)) or str_of_hole(hole)

    lines = laid_out(_plain(first, by_hole, solver), fill, prefix, _BODY + indent)
    return [line[len(_BODY) :] for line in lines]


def _solved(column: tuple[Hole, ...], solver: _Solver, index: str) -> Expression:
    """The expression of a hole, one for all instances; inside a loop it may use the loop's index."""
    start = solver.solve([hole.value for hole in column])
    if not column[0].step:
        return start
    step = solver.solve([hole.step for hole in column])
    return progression(start, step, index)


def _plain(node: Node, texts: Mapping[int, str], solver: _Solver) -> Node:
    """The expression without the marks of copied classes, and with the name of an argument for all of its items; the
    other holes, whose texts are given, stay the same objects."""

    def plain(each: Node) -> Node:
        return _plain(each, texts, solver)

    match node:
        case Call(target, args, keywords, wide):
            named = tuple(Keyword(each.name, plain(each.value), each.default) for each in keywords)
            bare = target.rpartition("|")[2] if isinstance(target, str) else target
            return Call(bare, tuple(map(plain, args)), named, wide)
        case Items(items, False) if whole := solver.argument_of([texts.get(id(item), "") for item in items]):
            return whole
        case Items(items, is_list):
            return Items(tuple(map(plain, items)), is_list)
        case Rows(body):
            return replace(node, body=tuple(map(plain, body)))
        case _:
            return node


def _targets(node: Node) -> Iterable[str]:
    match node:
        case Call(target, args, keywords, _):
            if isinstance(target, str):
                yield target.partition("|")[0]
            for each in (*args, *(keyword.value for keyword in keywords)):
                yield from _targets(each)
        case Items(items) | Rows(items):
            for each in items:
                yield from _targets(each)
        case _:
            return


def _arguments(node: Node) -> Iterable[str]:
    """The constructor arguments that stand in an expression as they are."""
    match node:
        case Argument(name):
            yield name
        case Call(target, args, keywords, _):
            for each in (target, *args, *(keyword.value for keyword in keywords)):
                yield from _arguments(each)
        case Items(items, _) | Rows(items, _):
            for each in items:
                yield from _arguments(each)
        case _:
            return


def _choices(module: Module, modules: list[Module]) -> dict[Partial, str]:
    """The plain activations that a block is given, by the parameter: those that its instances choose differently."""
    found: dict[Partial, str] = {}
    for name, value in module.arguments.items():
        varies = any(other.arguments.get(name) != value for other in modules)
        if varies and isinstance(value, Partial) and not value.arguments and issubclass(value.operator, Plain):
            found[value] = name
    return found


def _condition(instances: list[_Instance], projecting: list[bool], solver: _Solver) -> str:
    """The condition under which a `residual` projects: its stride is not 1, or its channels change."""
    ends = [next(step for step in each.module.steps if step.role == RESIDUAL) for each in instances]
    body = [step.outputs[0].channels for step in ends]
    shortcut = [_before_projection(each.module, step).channels for each, step in zip(instances, ends, strict=True)]
    strides = [_stride(each.module) for each in instances]
    parts: list[str] = []
    holds = [False] * len(instances)
    by, before, after = (solver.solve(strides), solver.solve(shortcut), solver.solve(body))
    if len(set(map(int, strides))) > 1:
        parts.append(f"{python(by)} != 1")
        holds = [held or stride != 1 for held, stride in zip(holds, strides, strict=True)]
    if python(before) != python(after):
        parts.append(f"{python(before)} != {python(after)}")
        holds = [held or a != b for held, a, b in zip(holds, shortcut, body, strict=True)]
    if not parts or holds != projecting:
        raise Rejected(tuple(map(int, projecting)))
    return " or ".join(parts)


def _agreement(instances: list[_Instance], solver: _Solver) -> str:
    """The condition under which a `residual` without projections has its shortcut: nothing changes the shape."""
    joined = [instance.shortcut is not None for instance in instances]
    ends = [_end(instance.module) for instance in instances]
    starts = [instance.module.inputs[0] for instance in instances]
    strides = [
        max((-(-int(was) // int(now)) for was, now in zip(start.grid, end.grid, strict=True)), default=1)
        for start, end in zip(starts, ends, strict=True)
    ]
    before, after = solver.solve([each.channels for each in starts]), solver.solve([each.channels for each in ends])
    parts: list[str] = []
    holds = [True] * len(instances)
    if len(set(strides)) > 1:
        parts.append(f"{python(solver.solve(strides))} == 1")
        holds = [stride == 1 for stride in strides]
    if before != after:
        parts.append(f"{python(before)} == {python(after)}")
        pairs = zip(holds, starts, ends, strict=True)
        holds = [held and int(start.channels) == int(end.channels) for held, start, end in pairs]
    if holds != joined:
        raise Rejected(tuple(map(int, joined)))
    return " and ".join(parts)


def _end(module: Module) -> TensorType:
    """The type that the body of a `residual` without projections gives."""
    return next(step.outputs[0] for step in module.steps if step.role in {SHORTCUT, ALONE})


def _without_shortcut(module: Module) -> Module:
    """The module without what a `residual` without projections does where shapes agree."""
    moved: dict[Wire, Wire] = {Wire(INPUT, port): Wire(INPUT, port) for port in range(len(module.inputs))}
    steps: list[Step] = []
    for index, step in enumerate(module.steps):
        for port in range(len(step.outputs)):
            gone = step.role == SHORTCUT
            moved[Wire(index, port)] = moved[step.inputs[0]] if gone else Wire(len(steps), port)
        if step.role != SHORTCUT:
            steps.append(replace(step, inputs=tuple(moved[wire] for wire in step.inputs)))
    bindings = {moved[wire]: name for wire, name in module.bindings.items()}
    outputs = tuple(moved[wire] for wire in module.outputs)
    return replace(module, steps=tuple(steps), outputs=outputs, bindings=bindings)


def _free_attribute(module: Module) -> str:
    """A name for the flag that says whether there is a shortcut, which no layer has."""
    name = "has_shortcut"
    while any(step.name == name for step in module.steps):
        name += "_"
    return name


def _with_stride(node: Node, stride: Expression) -> Node:
    """A projection whose stride is written as the expression that the condition has, not as its value."""
    match node:
        case Call(target, args, keywords, wide):
            named = tuple(
                Keyword(each.name, Hole(Traced(int(each.value.value), stride)), each.default)
                if each.name == "stride" and isinstance(each.value, Hole)
                else each
                for each in keywords
            )
            return Call(target, tuple(_with_stride(arg, stride) for arg in args), named, wide)
        case _:
            return node


def _before_projection(module: Module, end: Step) -> Any:
    wire = end.inputs[1]
    if wire.step != INPUT and module.steps[wire.step].role == DOWNSAMPLE:
        return module.steps[wire.step].input_types[0]
    return module.type_of(wire)


def _stride(module: Module) -> int:
    """The stride of the projection, 1 where there is none."""
    for step in module.steps:
        if step.role == DOWNSAMPLE and isinstance(step.what, Module):
            operator = step.what.steps[0].what
            stride = getattr(operator, "stride", 1)
            return stride if isinstance(stride, int) else max(stride)
    return 1


def _values(module: Module) -> dict[str, int | float]:
    """The numbers that the constructor of an instance could be given, by name."""
    values: dict[str, int | float] = {}
    for kind, name in zip(module.inputs, ("in", *module.input_names[1:]), strict=True):
        values |= {each: int(size) for each, size in zip(dimension_names(kind, name), kind.shape, strict=True)}
    for name, value in module.arguments.items():
        if is_whole(value) or isinstance(value, float):
            values[name] = plain(value)
        elif isinstance(value, tuple):
            values |= {f"{name}[{index}]": int(each) for index, each in enumerate(value) if is_whole(each)}
    return values


def _differing(instances: list[_Instance], needed: AbstractSet[str] = frozenset()) -> _Numbers:
    """The numbers by name, without the parameters of a block that no instance sets, unless they are needed: those would
    be arguments for nothing."""
    first = instances[0].module
    if first.is_network:
        return [instance.values for instance in instances]
    unset = {
        name
        for name, default in first.defaults.items()
        if name not in needed and all(instance.values.get(name) == default for instance in instances)
    }
    return [{name: value for name, value in each.values.items() if name not in unset} for each in instances]


def _needs_grid(expression: Expression) -> bool:
    return any(re.search(r"_(height|width|depth|length)$", name) for name in names_in(expression))


def _ordered(module: Module, used: set[str]) -> list[str]:
    """Names of constructor arguments in order: sizes of the inputs, then the block's parameters."""
    names: list[str] = []
    for kind, name in zip(module.inputs, ("in", *module.input_names[1:]), strict=True):
        names += sorted(dimension_names(kind, name), key=lambda each: not each.endswith(("channels", "features")))
    names += module.arguments
    needed = {name.partition("[")[0] for name in used}
    return [name for name in dict.fromkeys(names) if name in needed]


def _parameter(module: Module, name: str) -> Parameter:
    value = module.arguments.get(name)
    kind = "type[nn.Module]" if isinstance(value, Partial) else "float" if isinstance(value, float) else "int"
    return Parameter(name, module.defaults.get(name), len(value) if isinstance(value, tuple) else 0, kind)


def _required_first(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(sorted(parameters, key=lambda each: each.default is not None))


def _has_names(module: Module) -> bool:
    """Whether some items of a row have names other than their positions."""
    return any(name != str(position) for name, position in _named_positions(module))


def _named_positions(module: Module) -> Iterator[tuple[str, int]]:
    position = 0
    for step in module.steps:
        if step.name:
            yield step.name, position
        position += step.slots


def _by_value(modules: list[Module], values: tuple[int | float, ...]) -> list[list[Module]]:
    parts: dict[int | float, list[Module]] = {}
    for module, value in zip(modules, values, strict=True):
        parts.setdefault(value, []).append(module)
    return list(parts.values())


def _definitions(root: Module) -> list[list[Module]]:
    """The named modules of a network by definition, those that others use first."""
    heights: dict[int, int] = {}
    groups: dict[tuple[int, int, str], list[Module]] = {}
    for module in root.distinct():
        inner = [heights[id(step.what)] for step in module.steps if isinstance(step.what, Module)]
        heights[id(module)] = 1 + max(inner, default=0)
        if module.is_named:
            groups.setdefault((id(module.place.source), module.place.span.start, module.name), []).append(module)
    return sorted(groups.values(), key=lambda group: max(heights[id(module)] for module in group))


def camel(name: str) -> str:
    """A class name for a name of the language: `dense_layer` makes `DenseLayer`."""
    made = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", name)) or "Block"
    return made if made[0].isalpha() else f"Net{made}"


def _telling(part: list[Module], parts: list[list[Module]]) -> str:
    """What sets this class apart from the others of its block, as the end of a name: an argument that all its instances
    have and no other has."""
    others = [module.arguments for each in parts if each is not part for module in each]
    for name, value in part[0].arguments.items():
        if all(each.arguments.get(name) == value for each in part) and all(
            other.get(name) != value for other in others
        ):
            if isinstance(value, bool):
                return f"With{camel(name)}" if value else f"Without{camel(name)}"
            if isinstance(value, int):
                return f"{camel(name)}{int(value)}"
            if isinstance(value, str):
                return camel(value)
    return ""
