"""What numbers, words and conditions of several modules are in terms of the arguments that their class is given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any

from archdsl.algebra.traced import (
    Expression,
    Named,
    dimension_names,
    evaluate,
    expression_of,
    names_in,
    plain,
    python,
)
from archdsl.base.records import record
from archdsl.base.settings import is_whole
from archdsl.emit.torch.lower import plain_layer
from archdsl.emit.torch.program import Compared, Condition, Given, Literal, Node, Reference, skeleton
from archdsl.graph.arguments import Partial
from archdsl.graph.module import Module

Number = int | float
Numbers = Mapping[str, Number]


class Rejected(Exception):
    """Modules that one class cannot serve. `kinds` are what tells them apart, by the identity of each."""

    def __init__(self, modules: Sequence[Module], kinds: Sequence[object]) -> None:
        super().__init__(str(kinds)[:200])
        self.kinds = {id(module): kind for module, kind in zip(modules, kinds, strict=True)}


@record
class Arguments:
    """The arguments of several modules of one class: finds what has a value in each of them.

    modules: those modules. values: the numbers by name of each. known: the same with parameters that none of them sets,
    for where nothing else helps. used: the names that were needed.
    """

    modules: Sequence[Module]
    values: Sequence[Numbers]
    known: Sequence[Numbers]
    used: set[str] = field(default_factory=set[str])

    @staticmethod
    def of(modules: Sequence[Module], needed: Iterable[str] = ()) -> Arguments:
        """The arguments of some modules. needed: parameters that are arguments although no module sets them."""
        known = [numbers(module) for module in modules]
        return Arguments(modules, _set_by_some(modules, known, set(needed)), known)

    def only(self, indices: Sequence[int]) -> Arguments:
        """The arguments of some of the modules; `used` is shared, so names that these need count for all."""
        return Arguments(
            [self.modules[index] for index in indices],
            [self.values[index] for index in indices],
            [self.known[index] for index in indices],
            self.used,
        )

    def rejected(self, kinds: Sequence[object]) -> Rejected:
        """The `Rejected` that says that one class cannot serve these modules, and what tells each from others."""
        return Rejected(self.modules, kinds)

    # --- numbers ------------------------------------------------------------------------------------------------------

    def number(self, numbers: Sequence[Number], kinds: Sequence[object] | None = None) -> Expression:
        """The expression that gives every module its number; Rejected where there is none. kinds: what tells the
        modules apart then, if not the numbers."""
        found = self._found(numbers)
        if found is None:
            raise self.rejected([str(plain(each)) for each in numbers] if kinds is None else kinds)
        self.used.update(names_in(found))
        return found

    def _found(self, numbers: Sequence[Number]) -> Expression | None:
        traces = {expression_of(number) for number in numbers}
        candidates = [each for each in traces if names_in(each) and _fits(each, numbers, self.values)]
        simple = [each for each in candidates if not _needs_grid(each)]
        if simple:
            return min(simple, key=_length)
        if len({str(plain(each)) for each in numbers}) == 1:
            return plain(numbers[0])
        if candidates:
            return min(candidates, key=_length)
        shared = [name for name in sorted(self.values[0]) if all(name in values for values in self.values)]
        named = (Named(name) for name in shared)
        unset = (each for each in sorted(traces, key=_length) if _fits(each, numbers, self.known))
        return next((each for each in named if _fits(each, numbers, self.values)), next(unset, None))

    def whole(self, items: Sequence[str]) -> str:
        """The list among the arguments whose items these are, all of them in their order; nothing if there is none."""
        name = items[0].partition("[")[0] if items else ""
        lists = [module.arguments.get(name) for module in self.modules]
        fits = all(isinstance(each, tuple) and len(each) == len(items) for each in lists)
        return name if fits and list(items) == [f"{name}[{index}]" for index in range(len(items))] else ""

    # --- words, flags and classes -------------------------------------------------------------------------------------

    def word(self, nodes: Sequence[Node]) -> str:
        """The argument that has these flags, words or classes of activations as its values; Rejected where there is
        none."""
        for name in self.modules[0].arguments:
            given = [module.arguments.get(name) for module in self.modules]
            if all(_is(value, node) for value, node in zip(given, nodes, strict=True)):
                self.used.add(name)
                return name
        raise self.rejected(list(map(skeleton, nodes)))

    def condition(self, truths: Sequence[bool]) -> Condition | None:
        """The condition over what a block is given that holds in these of the modules and in no others."""
        for name in self.modules[0].arguments:
            given = [module.arguments.get(name) for module in self.modules]
            if (made := self._told(name, given, truths)) is not None:
                self.used.add(name)
                return made
        return None

    def _told(self, name: str, given: Sequence[Any], truths: Sequence[bool]) -> Condition | None:
        if all(isinstance(each, bool) for each in given):
            if list(given) == list(truths):
                return Given(name)
            return Given(name, is_on=False) if [not each for each in given] == list(truths) else None
        if not all(type(each) is type(given[0]) for each in given):
            return None
        for wanted, sign in ((True, "=="), (False, "!=")):
            inside = {each for each, truth in zip(given, truths, strict=True) if truth is wanted}
            outside = {each for each, truth in zip(given, truths, strict=True) if truth is not wanted}
            if len(inside) != 1 or inside & outside:
                continue
            (value,) = inside
            if isinstance(value, str):
                return Given(name, is_on=sign == "==", word=value)
            if is_whole(value) and all(name in values for values in self.values):
                return Compared(Named(name), sign, plain(value))
        return None


def _is(value: Any, node: Node) -> bool:
    """Whether a value of the language is what an expression says."""
    match node:
        case Literal(held):
            return type(value) is type(held) and value == held
        case Reference(name):
            return isinstance(value, Partial) and plain_layer(value) == name
        case _:
            return False


def _fits(expression: Expression, numbers: Sequence[Number], given: Sequence[Numbers]) -> bool:
    """Whether an expression has these values, whole ones where they are whole."""
    for number, values in zip(numbers, given, strict=True):
        found = evaluate(expression, values)
        if found != number or isinstance(found, float) is not isinstance(number, float):
            return False
    return True


def _length(expression: Expression) -> tuple[int, str]:
    text = python(expression)
    return len(text), text


def _needs_grid(expression: Expression) -> bool:
    return any(re.search(r"_(height|width|depth|length)$", name) for name in names_in(expression))


def numbers(module: Module) -> dict[str, Number]:
    """The numbers that the constructor of a module could be given, by name."""
    values: dict[str, Number] = {}
    # a network is given no sizes: its inputs are what they are
    inputs = () if module.is_network else zip(module.inputs, ("in", *module.input_names[1:]), strict=True)
    for kind, name in inputs:
        values |= {each: int(size) for each, size in zip(dimension_names(kind, name), kind.shape, strict=True)}
    for name, value in module.arguments.items():
        if is_whole(value) or isinstance(value, float):
            values[name] = plain(value)
        elif isinstance(value, tuple):
            items = ((index, each) for index, each in enumerate(value) if is_whole(each) or isinstance(each, float))
            values |= {f"{name}[{index}]": plain(each) for index, each in items}
    return values


def _set_by_some(modules: Sequence[Module], known: Sequence[Numbers], needed: set[str]) -> Sequence[Numbers]:
    """The numbers by name, without the parameters of a block that no module sets, unless they are needed: those would
    be arguments for nothing."""
    first = modules[0]
    if first.is_network:
        return known
    unset = {
        name
        for name, default in first.defaults.items()
        if name not in needed and all(values.get(name) == default for values in known)
    }
    return [{name: value for name, value in each.items() if name not in unset} for each in known]
