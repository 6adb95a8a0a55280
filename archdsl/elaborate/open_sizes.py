"""Sizes of inputs that are left open: the example that they are worked out with, and what turned out to be needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, cast

from archdsl.algebra.conditions import implied, together, told
from archdsl.algebra.formulas import symbol
from archdsl.algebra.symbolic import Asking, Assumptions, Decision, fixed, is_open
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.diagnostics import Report
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.elaborate import faults
from archdsl.facts.open_sizes import depending, is_least, nearest
from archdsl.graph.module import Module, Step
from archdsl.ops.arguments import arguments
from archdsl.ops.operator import Operator

# how the axes of an input's grid are called in formulas
LETTERS: Final[Mapping[tuple[Kind, int], str]] = {
    (Kind.IMAGE, 1): "L",
    (Kind.IMAGE, 2): "HW",
    (Kind.IMAGE, 3): "DHW",
    (Kind.SEQUENCE, 1): "T",
    (Kind.SEQUENCE, 2): "HW",
    (Kind.TOKENS, 0): "T",
}
_USUAL = 224


@record
class Example:
    """The sizes that stand for those that are left open, by name. opens_all: whether the sizes that the text states for
    the grids of its inputs are left open too; they are then the example."""

    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    opens_all: bool = False

    def opened(self, name: str, assumptions: Assumptions, stated: int = _USUAL) -> int:
        """An open size of this name."""
        return assumptions.open(name, self.sizes.get(name, stated))

    def opened_type(self, kind: TensorType, name: str, assumptions: Assumptions) -> TensorType:
        """The type of an input with its grid left open."""
        letters = LETTERS.get((kind.kind, len(kind.grid)))
        if letters is None or any(map(is_open, kind.shape)):
            return kind
        first = 1 if kind.kind is Kind.IMAGE else 0
        shape = list(kind.shape)
        for axis, letter in enumerate(letters, start=first):
            unused = letter if letter not in assumptions.example else f"{letter}_{name}"
            shape[axis] = self.opened(unused, assumptions, shape[axis])
        return TensorType(tuple(shape), kind.kind)

    def better(self, assumptions: Assumptions) -> Example | None:
        """An example that meets what this one failed to meet; None where there is none to be found."""
        assert assumptions.wanted is not None
        wanted = assumptions.wanted.condition
        met = [*assumptions.stated, *assumptions.decisions, wanted]
        sizes = dict(assumptions.example)
        for name in sorted(wanted.symbols):
            found = together(met, name, sizes)
            if found is not None and not found.is_empty:
                return Example({**sizes, name: nearest(found, sizes[name])}, self.opens_all)
        first, *others = sorted(sizes)
        equal = [each.put({other: symbol(first) for other in others}) for each in met]
        found = together(equal, first, {})
        if found is None or found.is_empty:
            return None
        return Example(dict.fromkeys(sizes, nearest(found, sizes[first])), self.opens_all)


def settle(module: Module, assumptions: Assumptions, report: Report, example: Example) -> None:
    """Work out the facts of a network that depend on its open sizes; from then on nothing is decided any more.

    Where the text leaves sizes open, no weight may depend on them, and what is needed of them must be stated. A
    setting of an operator is a number in the file that is made of it: a size that is one is needed as it is.
    """
    for each in module.distinct():
        for step in each.steps:
            if isinstance(step.what, Operator):
                with assumptions.asked_by(Asking(step.place, needed=True, weights=True)):
                    is_told = _weigh(step, step.what, report, example)
                if is_told:
                    with assumptions.asked_by(Asking(step.place, needed=True)):
                        _fix(step.what)
    assumptions.closed = True
    if example.opens_all:
        return
    groups: dict[Place | None, list[list[Decision]]] = {}
    for decisions in _by_size(each for each in unstated(assumptions) if not each.asking.weights):
        groups.setdefault(decisions[0].asking.place, []).append(decisions)
    for place, sizes in groups.items():
        needed, enough = zip(*(told([each.condition for each in decisions]) for decisions in sizes), strict=True)
        others = dict.fromkeys(each.asking.place for decisions in sizes for each in decisions)
        also = [(other, "and here") for other in others if other is not None and other != place]
        fault = faults.NotForAllSizes(needed, tuple(each for each in enough if each))
        report.add(fault, place, also=(*sizes[0][0].asking.also, *also))


def _by_size(decisions: Iterable[Decision]) -> list[list[Decision]]:
    """Decisions on one size together, others each for itself."""
    found: dict[object, list[Decision]] = {}
    for each in decisions:
        key = each.condition.symbols if len(each.condition.symbols) == 1 else each.condition
        found.setdefault(key, []).append(each)
    return list(found.values())


def _weigh(step: Step, operator: Operator[object], report: Report, example: Example) -> bool:
    """Whether no weight of a step depends on an open size that the text must tell."""
    weights = operator.weights(operator.operand(step.input_types))
    untold = {name: shape for name, shape in weights.items() if any(map(is_open, shape)) and not example.opens_all}
    for name, shape in untold.items():
        report.add(faults.WeightsOfOpenSize(step.name or operator.word, name, shape), step.place)
    _ = step.facts
    return not untold


def _fix(operator: Operator[object]) -> None:
    """Hold the settings of an operator to what they are at the example."""
    for argument in arguments(type(operator)):
        value: object = getattr(operator, argument)
        for each in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
            if isinstance(each, int):
                fixed(each)


def unstated(assumptions: Assumptions) -> list[Decision]:
    """What is needed of the sizes and not stated, but for sizes that are merely too small; the strongest only."""
    found = [each for each in depending(assumptions) if not is_least(each.condition)]
    found = [each for each in found if not implied(each.condition, assumptions.stated)]
    kept: list[Decision] = []
    for index, each in enumerate(found):
        others = [*(one.condition for one in found[index + 1 :]), *(one.condition for one in kept)]
        if not any(implied(each.condition, [other]) for other in others):
            kept.append(each)
    return kept
