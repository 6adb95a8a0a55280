"""How much steps of two networks are like each other, and which of them belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import inf
from typing import Any, Final

from archdsl.graph.module import Module
from archdsl.ops.arguments import arguments
from archdsl.ops.operator import Operator, Style
from archdsl.report.diff.alignment import Pairs, align
from archdsl.report.diff.form import Body, Forms, Node

_LIKE: Final = {Style.PROJECTION: Style.CONV}
_OTHER_NAME: Final = 0.01
_LEAST_ALIKE: Final = 0.3
_LEAST_WRAPPED: Final = 0.4


class Likeness:
    """Compares steps by what they are. What is in a module is counted once."""

    def __init__(self, forms: Forms) -> None:
        self._forms = forms
        self._bags: dict[int, Counter[Any]] = {}

    def aligned(self, old: tuple[Node, ...], new: tuple[Node, ...]) -> Pairs:
        """The steps of two modules that belong together, and those that have no counterpart, in order."""
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
        units = (self._forms.unit(node, named=False, shaped=shaped) for shaped in (True, False))
        return self._forms.number((node.label, node.count, node.step.shared, *units))

    def _cost(self, old: Node, new: Node) -> float:
        """How little two nodes are like each other: 0 for the same, `inf` for what is never one step."""
        forms = self._forms
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

    def stretch_like(self, module: Module, body: Body, free: list[int]) -> tuple[int, int] | None:
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
        for node in self._forms.body(module).nodes:
            bag.update(self._bag_of_node(node))
        return bag

    def _bag_of_node(self, node: Node) -> Mapping[Any, int]:
        if isinstance(node.what, Module):
            return {each: times * node.count for each, times in self._bag(node.what).items()}
        return {type(node.what): node.count, self._forms.unit(node, shaped=False): node.count}


def _unlike(old: Operator[Any], new: Operator[Any], *, labelled: bool) -> float:
    if type(old) is type(new):
        different = sum(getattr(old, name) != getattr(new, name) for name in arguments(type(old)))
        return min(0.3 + 0.1 * different, 0.9)
    styles = {_LIKE.get(each.style, each.style) for each in (old, new)}
    if len(styles) == 1 and Style.OTHER not in styles:
        return 0.9 if labelled else 1.0
    return 1.2 if labelled else inf
