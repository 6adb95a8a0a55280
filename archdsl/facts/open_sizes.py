"""What a network needs of the sizes that are left open: the decisions that were made with them, and what follows."""

from __future__ import annotations

from archdsl.algebra.conditions import Condition, meeting, together
from archdsl.algebra.formulas import symbol
from archdsl.algebra.sizes import Sizes
from archdsl.algebra.solutions import Relation
from archdsl.algebra.symbolic import Assumptions, Decision, formula_of
from archdsl.algebra.windows import Window
from archdsl.base.text import Place
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator


def nearest(found: Sizes, size: int) -> int:
    """The size among some that is nearest to another one."""
    return min(found.nearest(size), key=lambda each: abs(each - size))


def other_sizes(assumptions: Assumptions, size: int) -> dict[str, int]:
    """Sizes near to a given one, each another where that can be, with which the network is the same as with the
    example; the example where there are none."""
    met = [*assumptions.stated, *assumptions.decisions]
    sizes = dict(assumptions.example)
    for index, name in enumerate(sorted(sizes)):
        found = together(met, name, sizes)
        if found is not None and not found.is_empty:
            sizes[name] = nearest(found, size + 3 * index)
    if sizes != assumptions.example:
        return sizes
    first, *others = sorted(sizes)
    found = together([each.put({other: symbol(first) for other in others}) for each in met], first, {})
    return sizes if found is None or found.is_empty else dict.fromkeys(sizes, nearest(found, size))


def told_by_size(assumptions: Assumptions) -> dict[str, str]:
    """Which sizes the network takes, by name: `from 4 on, H % 4 == 0`. Names of sizes that may be any are left out."""
    met = [*assumptions.stated, *assumptions.decisions]
    told: dict[str, str] = {}
    for name in sorted(assumptions.example):
        found = meeting([each for each in met if set(each.symbols) == {name}])
        if found is not None and not found.is_everything:
            told[name] = found.shown(name)
    several = [str(each) for each in met if len(each.symbols) > 1 and not each.is_certain]
    return {**told, **({" and ".join(sorted(assumptions.example)): ", ".join(several)} if several else {})}


def depending(assumptions: Assumptions, *, needed: bool = False) -> list[Decision]:
    """The decisions that not all sizes meet. needed: only those that an operator cannot work without."""
    decisions = assumptions.decisions.values()
    return [each for each in decisions if (each.asking.needed or not needed) and not each.condition.is_certain]


def is_least(condition: Condition) -> bool:
    """Whether a condition says only how large sizes must be at least."""
    if len(condition.symbols) == 1:
        found = meeting([condition])
        return found is not None and found.is_open_ended
    values = [value for term, value in condition.formula.terms if term]
    return condition.relation is Relation.POSITIVE and all(value > 0 for value in values)


def exact(module: Module) -> list[Condition]:
    """What must hold so that every stride divides, and no row of the input is left over: the textbook's rule."""
    found: dict[Condition, None] = {}
    for each in module.distinct():
        for index, step in enumerate(each.steps):
            if isinstance(step.what, Operator) and index not in each.train_only:
                windows = step.what.windows(step.what.operand(step.input_types))
                for window, length in zip(windows, step.input_types[0].grid, strict=False):
                    if isinstance(window, Window):
                        found[Condition.of(formula_of(window.rest(length)), Relation.ZERO)] = None
    return [each for each in found if not each.is_certain]


def training_only(module: Module) -> frozenset[Place]:
    """The places of the steps that only training needs, and of nothing else."""
    kept: set[Place] = set()
    training: set[Place] = set()
    for index, step in enumerate(module.steps):
        inside = step.what.distinct() if isinstance(step.what, Module) else ()
        places = {step.place, *(each.place for one in inside for each in one.steps)}
        (training if index in module.train_only else kept).update(places)
    return frozenset(training - kept)
