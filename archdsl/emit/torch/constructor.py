"""The constructor of a class that serves several modules: its arguments, and what it sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from archdsl.algebra.traced import dimension_names
from archdsl.emit.torch.conditional import projection, shortcut, with_stride
from archdsl.emit.torch.lower import GATE, Draft, Lowering, free_name, value_node
from archdsl.emit.torch.program import Class, Field, Node, Parameter
from archdsl.emit.torch.solve import Arguments
from archdsl.emit.torch.unify import Unification
from archdsl.graph.arguments import Defined, Partial
from archdsl.graph.module import Module, StepRole


def class_of(drafts: Sequence[Draft], optional: StepRole, lowering: Lowering) -> Class:
    """The class of some modules, without a name; Rejected where there is none. optional: see `residuals`."""
    modules = [draft.module for draft in drafts]
    given = Arguments.of(modules)
    fields = _fields(drafts, optional, Unification(given, lowering))
    if needed := given.used - given.values[0].keys() & given.known[0].keys():
        # what is an argument after all is written wherever it stands
        given = Arguments.of(modules, needed)
        fields = _fields(drafts, optional, Unification(given, lowering))
    first = _first(drafts)
    parameters = tuple(_parameter(modules, each) for each in _ordered(modules[0], given.used))
    required_first = tuple(sorted(parameters, key=lambda each: each.default is not None))
    return Class("", modules[0], first.base, required_first, fields, first.forward)


def _first(drafts: Sequence[Draft]) -> Draft:
    """The draft that shows what the class has: the first that has the shortcut, if others go without."""
    return next((draft for draft in drafts if draft.without), drafts[0])


def _fields(drafts: Sequence[Draft], optional: StepRole, unification: Unification) -> tuple[Field, ...]:
    """What the constructor sets."""
    first = _first(drafts)
    found = [{each.name: each.node for each in draft.fields} for draft in drafts]
    made: list[Field] = []
    for each in first.fields:
        having = [index for index, nodes in enumerate(found) if nodes.get(each.name) is not None]
        nodes = [cast("Node", found[index][each.name]) for index in having]
        condition = None
        if each.role == StepRole.DOWNSAMPLE:
            condition, stride = projection(unification.given)
            nodes = [with_stride(node, stride) for node in nodes]
        made.append(Field(each.name, unification.only(having).node(nodes), condition))
    if optional == StepRole.SHORTCUT and first.without:
        made.append(Field(free_name(first.module, GATE), shortcut(unification.given)))
    return tuple(made)


# --- arguments --------------------------------------------------------------------------------------------------------


def _ordered(module: Module, used: set[str]) -> list[str]:
    """Names of constructor arguments in order: sizes of the inputs, then the block's parameters."""
    names: list[str] = []
    for kind, name in zip(module.inputs, ("in", *module.input_names[1:]), strict=True):
        names += sorted(dimension_names(kind, name), key=lambda each: not each.endswith(("channels", "features")))
    names += module.arguments
    needed = {name.partition("[")[0] for name in used}
    return [name for name in dict.fromkeys(names) if name in needed]


def _parameter(modules: list[Module], name: str) -> Parameter:
    default: Any = modules[0].defaults.get(name)
    node = None if default is None or isinstance(default, Defined) else value_node(default)
    return Parameter(name, _annotation([module.arguments.get(name) for module in modules]), node)


def _annotation(values: list[Any]) -> str:
    """The type of an argument that has these values."""
    match values[0]:
        case Partial():
            return "type[nn.Module]"
        case Defined() if values[0].is_block:
            return "type[nn.Module]"
        case bool():
            return "bool"
        case str():
            return "str"
        case tuple():
            lists = cast("list[tuple[Any, ...]]", values)
            kind = "float" if any(isinstance(each, float) for items in lists for each in items) else "int"
            lengths = {len(items) for items in lists}
            return f"tuple[{', '.join([kind] * lengths.pop())}]" if len(lengths) == 1 else f"tuple[{kind}, ...]"
        case _:
            return "float" if any(isinstance(each, float) for each in values) else "int"
