"""From the hierarchy of modules to Python classes.

All instances of a block are looked at together. Those whose code is equal but for numbers become one class; a number
that differs between them becomes an expression over the constructor's arguments, the one that the text has. Where
instances differ only in the projection of a `residual`, the class builds it under the condition that tells them apart.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from archdsl.base.text import Place
from archdsl.base.traced import (
    Expression,
    Named,
    Traced,
    dimension_names,
    evaluate,
    expression_of,
    names_in,
    progression,
    python,
)
from archdsl.emit.torch.forward import Forward, ForwardPlan, call_text, expression_of_step
from archdsl.emit.torch.nodes import Call, Hole, Items, Keyword, Label, Node, Rows, holes, laid_out, skeleton
from archdsl.emit.torch.series import folded
from archdsl.graph.chains import DOWNSAMPLE, RESIDUAL
from archdsl.graph.module import INPUT, Module, Step
from archdsl.graph.values import Value, is_whole
from archdsl.ops.operator import Operator, Style
from archdsl.ops.torchcall import Layer, Option

MODULES = Path(__file__).resolve().parent.parent.parent / "ops" / "modules"
_UNROLLED = 6
_BODY = " " * 8
_NEED_NO_OUTPUT = {Style.CONV, Style.PROJECTION, Style.LINEAR, Style.NORM, Style.MERGE}
TAKEN = {"ARCH", "nn", "torch", "Tensor", "F", "OrderedDict", "Sequence"}


@dataclass(frozen=True)
class Parameter:
    """A constructor argument. `default` is None where it must be given; `length` is that of a tuple, 0 for a number."""

    name: str
    default: Value | None
    length: int = 0

    @property
    def annotated(self) -> str:
        """The argument as a signature has it."""
        kind = f"tuple[{', '.join(['int'] * self.length)}]" if self.length else "int"
        return f"{self.name}: {kind}" if self.default is None else f"{self.name}: {kind} = {self.default!r}"


@dataclass(frozen=True)
class Class:
    """A class of the file: its name, its constructor's arguments, and the lines of its methods."""

    name: str
    module: Module
    parameters: tuple[Parameter, ...]
    init: tuple[str, ...]
    forward: Forward
    copied: frozenset[str]
    uses_ordered: bool


@dataclass(frozen=True)
class _Instance:
    """One module with the code of its parts."""

    module: Module
    children: tuple[tuple[str, Node, str], ...]
    forward: Forward
    values: Mapping[str, int]

    @property
    def skeleton(self) -> object:
        """What instances of one class have in common."""
        parts = tuple((name, skeleton(node)) for name, node, role in self.children if role != DOWNSAMPLE)
        return (parts, self.forward, tuple(self.module.input_names))

    @property
    def projections(self) -> dict[str, Node]:
        """The projections by name."""
        return {name: node for name, node, role in self.children if role == DOWNSAMPLE}


class Rejected(Exception):
    """A hole for which no expression fits all instances."""

    def __init__(self, values: tuple[int, ...]) -> None:
        super().__init__(str(values))
        self.values = values


@dataclass
class Classes:
    """The classes of a network, those that others use first."""

    classes: list[Class] = field(default_factory=list[Class])
    of_module: dict[int, Class] = field(default_factory=dict[int, Class])
    index: str = "i"
    layers: dict[int, frozenset[str]] = field(default_factory=dict[int, frozenset[str]])
    _names: set[str] = field(default_factory=lambda: set(TAKEN))

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
        self.layers |= dict.fromkeys(map(id, modules), self._layers(modules))
        parts = self._parted(modules)
        base = camel(modules[0].name)
        for part in parts:
            suffix = _telling(part[0], parts) if len(parts) > 1 else ""
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
        if self._optional(modules) and (unified := self._unified(modules, optional=True)):
            return unified
        return self._unified(modules, optional=False) or [[module] for module in modules]

    def _unified(self, modules: list[Module], *, optional: bool) -> list[list[Module]] | None:
        """The modules by class; None if an optional projection cannot be told by a condition."""
        by_code: dict[object, list[Module]] = {}
        for module in modules:
            instance = self._instance(module, optional=optional)
            key = instance.skeleton if optional else (instance.skeleton, tuple(instance.projections))
            by_code.setdefault(key, []).append(module)
        parts: list[list[Module]] = []
        for group in by_code.values():
            waiting = [group]
            while waiting:
                part = waiting.pop(0)
                try:
                    self._class(part, "", optional=optional and self._optional(part))
                except Rejected as rejected:
                    if len(set(rejected.values)) < 2 or len(rejected.values) != len(part):
                        return None
                    waiting += _by_value(part, rejected.values)
                else:
                    parts.append(part)
        return parts

    def _optional(self, modules: list[Module]) -> bool:
        """Whether some of the modules project their shortcut and others do not."""
        return len({any(step.role == DOWNSAMPLE for step in module.steps) for module in modules}) == 2

    def _add(self, modules: list[Module], name: str) -> None:
        made = self._class(modules, name, optional=self._optional(modules))
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

    def _class(self, modules: list[Module], name: str, *, optional: bool) -> Class:
        instances = [self._instance(module, optional=optional) for module in modules]
        first = instances[0]
        solver = _Solver(_differing(instances))
        lines: list[str] = []
        for index, (child, _, role) in enumerate(first.children):
            if optional and role == DOWNSAMPLE:
                continue
            if optional and role == RESIDUAL:
                lines += self._optional_projection(instances, solver)
                continue
            nodes = [self._child(instance, index, child, optional=optional) for instance in instances]
            lines += _assigned(child, nodes, solver, self.index)
        used = _ordered(modules[0], solver.used)
        parameters = tuple(_parameter(modules[0], each) for each in used)
        targets = [target for instance in instances for _, node, _ in instance.children for target in _targets(node)]
        copied = frozenset(target.removeprefix("copied ") for target in targets if target.startswith("copied "))
        return Class(
            name, modules[0], _required_first(parameters), tuple(lines), first.forward, copied, "OrderedDict" in targets
        )

    def _child(self, instance: _Instance, index: int, name: str, *, optional: bool) -> Node:
        """What builds a child; with an optional projection the children of instances do not stand at equal places."""
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
        solver.used |= inner.used
        return [f"self.{DOWNSAMPLE} = nn.Identity()", f"if {condition}:", *lines]

    def _instance(self, module: Module, *, optional: bool) -> _Instance:
        children: list[tuple[str, Node, str]] = []
        said: set[str] = set()
        for step in module.steps:
            if optional and step.role == RESIDUAL:
                children.append((DOWNSAMPLE, "", RESIDUAL))
                continue
            if step.name in said or (node := self.node(step, module)) is None:
                continue
            said.add(step.name)
            children.append((step.name, node, step.role))
        layers = self.layers.get(id(module), frozenset())
        plan = ForwardPlan(module, optional=optional, layers=layers)
        return _Instance(module, tuple(children), plan.lines(), _values(module))

    # --- expressions --------------------------------------------------------------------------------------------------

    def node(self, step: Step, module: Module, *, in_row: bool = False) -> Node | None:
        """What builds a step of a module in `__init__`; None where `forward` writes an expression instead."""
        if isinstance(step.what, Operator):
            call = step.what.torch(step.what.operand(step.input_types))
            if isinstance(call, Layer):
                return _in_place(layer_node(call)) if overwrites(step, module) else layer_node(call)
            as_layer = in_row or step.name in self.layers.get(id(module), frozenset())
            return layer_node(call.layer) if as_layer and call.layer else None
        if step.what.indexed:
            return self._sequential(step.what)
        made = self.of_module[id(step.what)]
        given = dict(step.arguments)
        for kind, name in zip(step.input_types, ("in", *step.what.input_names[1:]), strict=True):
            given = {**dict(zip(dimension_names(kind, name), kind.shape, strict=True)), **given}
        args: list[Node] = []
        keywords: list[Keyword] = []
        for parameter in made.parameters:
            node = value_node(given[parameter.name])
            if parameter.default is None:
                args.append(node)
            else:
                keywords.append(Keyword(parameter.name, node, value_node(parameter.default)))
        return Call(made.name, tuple(args), tuple(keywords))

    def _sequential(self, module: Module) -> Node:
        items = self._row(module)
        if not any(step.name for step in module.steps):
            return Call("nn.Sequential", tuple(items), wide=len(items) > 1)
        alone = items[0] if len(items) == 1 else None
        listed = replace(alone, alone=True) if isinstance(alone, Rows) else Items(tuple(items), is_list=True)
        return Call("nn.Sequential", (Call("OrderedDict", (listed,), wide=True),))

    def _row(self, module: Module) -> list[Node]:
        """The items of an `nn.Sequential`, as pairs with their names where some have names of their own."""
        named = any(step.name for step in module.steps)
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
            unrolled = not isinstance(step.count, Traced) and len(body) > 1 and count * len(body) <= _UNROLLED
            if count > 1 and not unrolled:
                looped = _with_names(step, position, len(body), body) if named else body
                items.append((Rows(tuple(looped), Hole(step.count), self.index if named else "_"), step.place))
            else:
                for start in range(position, position + count * len(body), len(body)):
                    written = _with_names(step, start, 0, body) if named else body
                    items += ((node, step.place) for node in written)
            position += step.slots
        return folded(items, self.index)


def _with_names(step: Step, position: int, stride: int, body: list[Node]) -> list[Node]:
    """Items of a row with their names: the step's label, or their positions, which go on by `stride` in a loop."""
    if step.name:
        return [Items((Label.of(step.name), node)) for node in body]
    return [Items((Label((Hole(position + offset, stride),)), node)) for offset, node in enumerate(body)]


def overwrites(step: Step, module: Module) -> bool:
    """Whether a step may write its result over its input: nothing else reads the input, neither in the forward pass
    nor, as far as what made it goes, in the backward pass."""
    if not isinstance(step.what, Operator) or not step.what.overwrites or step.count > 1:
        return False
    (wire,) = step.inputs
    if wire.step == INPUT or wire in module.outputs:
        return False
    maker = module.steps[wire.step].what
    readers = sum(each == wire for other in module.steps for each in other.inputs)
    return readers == 1 and isinstance(maker, Operator) and maker.style in _NEED_NO_OUTPUT and maker.word != "lrn"


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
        case bool() | None | float():
            return repr(value)
        case int():
            return Hole(value)
        case str():
            return literal(value)
        case Layer():
            return layer_node(value)
        case tuple():
            return Items(tuple(map(value_node, cast("tuple[Any, ...]", value))))
        case _:
            raise TypeError(f"no expression for {value!r}")


def literal(text: str) -> str:
    """A string as Python writes it, in plain letters and the quotes that need the fewest escapes."""
    single = "'" + text.encode("unicode_escape").decode("ascii").replace("'", "\\'") + "'"
    double = '"' + text.encode("unicode_escape").decode("ascii").replace('"', '\\"') + '"'
    return single if len(single) < len(double) else double


class _Solver:
    """Finds for each hole an expression that gives every instance its number. `used`: the names it needed."""

    def __init__(self, values: list[Mapping[str, int]]) -> None:
        self.values = values
        self.used: set[str] = set()

    def only(self, indices: list[int]) -> _Solver:
        """A solver for some of the instances."""
        return _Solver([self.values[index] for index in indices])

    def solve(self, numbers: list[int]) -> Expression:
        """The expression; Rejected where there is none."""
        found = self._found(numbers)
        if found is None:
            raise Rejected(tuple(map(int, numbers)))
        self.used |= names_in(found)
        return found

    def _found(self, numbers: list[int]) -> Expression | None:
        traces = {expression_of(number) for number in numbers}
        candidates = [each for each in traces if names_in(each) and self._fits(each, numbers)]
        simple = [each for each in candidates if not _needs_grid(each)]
        if simple:
            return min(simple, key=lambda each: (len(python(each)), python(each)))
        if len(set(map(int, numbers))) == 1:
            return int(numbers[0])
        if candidates:
            return min(candidates, key=lambda each: (len(python(each)), python(each)))
        shared = [name for name in sorted(self.values[0]) if all(name in values for values in self.values)]
        return next((Named(name) for name in shared if self._fits(Named(name), numbers)), None)

    def _fits(self, expression: Expression, numbers: list[int]) -> bool:
        pairs = zip(self.values, numbers, strict=True)
        return all(evaluate(expression, values) == number for values, number in pairs)


def _assigned(name: str, nodes: list[Node], solver: _Solver, index: str, indent: str = "") -> list[str]:
    """The lines that set a child, one expression for all instances."""
    columns = zip(*(list(holes(node)) for node in nodes), strict=True)
    texts = [python(_solved(column, solver, index)) for column in columns]
    first = nodes[0]
    by_hole = {id(hole): text for hole, text in zip(holes(first), texts, strict=True)}

    def fill(hole: Hole) -> str:
        return by_hole.get(id(hole), str(int(hole.value)))

    if name.isidentifier():
        lines = laid_out(_plain(first), fill, f"self.{name} = ", _BODY + indent)
    else:
        lines = laid_out(Call("self.add_module", (f'"{name}"', _plain(first))), fill, "", _BODY + indent)
    return [line[len(_BODY) :] for line in lines]


def _solved(column: tuple[Hole, ...], solver: _Solver, index: str) -> Expression:
    """The expression of a hole, one for all instances; inside a loop it may use the loop's index."""
    start = solver.solve([hole.value for hole in column])
    if not column[0].step:
        return start
    step = solver.solve([hole.step for hole in column])
    return progression(start, step, index)


def _plain(node: Node) -> Node:
    """The expression with the marks of copied classes taken away; the holes stay the same objects."""
    match node:
        case Call(target, args, keywords, wide):
            named = tuple(Keyword(each.name, _plain(each.value), each.default) for each in keywords)
            return Call(target.rpartition("|")[2], tuple(map(_plain, args)), named, wide)
        case Items(items, is_list):
            return Items(tuple(map(_plain, items)), is_list)
        case Rows(body):
            return replace(node, body=tuple(map(_plain, body)))
        case _:
            return node


def _targets(node: Node) -> Iterable[str]:
    match node:
        case Call(target, args, keywords, _):
            yield target.partition("|")[0]
            for each in (*args, *(keyword.value for keyword in keywords)):
                yield from _targets(each)
        case Items(items) | Rows(items):
            for each in items:
                yield from _targets(each)
        case _:
            return


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


def _with_stride(node: Node, stride: Expression) -> Node:
    """A projection whose stride is written as the expression that the condition has, not as its value."""
    match node:
        case Call(target, args, keywords, wide):
            named = tuple(
                Keyword(each.name, Hole(Traced(each.value.value, stride)), each.default)
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


def _values(module: Module) -> dict[str, int]:
    """The numbers that the constructor of an instance could be given, by name."""
    values: dict[str, int] = {}
    for kind, name in zip(module.inputs, ("in", *module.input_names[1:]), strict=True):
        values |= {each: int(size) for each, size in zip(dimension_names(kind, name), kind.shape, strict=True)}
    for name, value in module.arguments.items():
        if is_whole(value):
            values[name] = int(value)
        elif isinstance(value, tuple):
            values |= {f"{name}[{index}]": int(each) for index, each in enumerate(value) if is_whole(each)}
    return values


def _differing(instances: list[_Instance]) -> list[Mapping[str, int]]:
    """The numbers by name, without the parameters of a block that no instance sets: those would be arguments for
    nothing."""
    first = instances[0].module
    if first.is_network:
        return [instance.values for instance in instances]
    unset = {
        name
        for name, default in first.defaults.items()
        if all(instance.values.get(name) == default for instance in instances)
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
    return Parameter(name, module.defaults.get(name), len(value) if isinstance(value, tuple) else 0)


def _required_first(parameters: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(sorted(parameters, key=lambda each: each.default is not None))


def _by_value(modules: list[Module], values: tuple[int, ...]) -> list[list[Module]]:
    parts: dict[int, list[Module]] = {}
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
        if not module.indexed:
            groups.setdefault((id(module.place.source), module.place.span.start, module.name), []).append(module)
    return sorted(groups.values(), key=lambda group: max(heights[id(module)] for module in group))


def camel(name: str) -> str:
    """A class name for a name of the language: `dense_layer` makes `DenseLayer`."""
    made = "".join(part[:1].upper() + part[1:] for part in re.split(r"\W|_", name)) or "Block"
    return made if made[0].isalpha() else f"Net{made}"


def _telling(module: Module, parts: list[list[Module]]) -> str:
    """What sets this class apart from the others of its block, as the end of a name."""
    others = [part[0].arguments for part in parts if part[0] is not module]
    for name, value in module.arguments.items():
        if all(other.get(name) != value for other in others):
            if isinstance(value, bool):
                return f"With{camel(name)}" if value else f"Without{camel(name)}"
            if isinstance(value, int):
                return f"{camel(name)}{int(value)}"
            if isinstance(value, str):
                return camel(value)
    return ""
