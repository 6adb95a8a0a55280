"""What a text requires of itself: of sizes, where they stand, and of the whole network, once it is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.records import record
from archdsl.elaborate import faults
from archdsl.elaborate.values import Scope, Unknown, Value
from archdsl.graph.module import Module, Step
from archdsl.graph.sums import Sum
from archdsl.syntax import tree

if TYPE_CHECKING:
    from archdsl.elaborate.evaluate import Evaluator
    from archdsl.facts.fact import Fact

_COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
_COSTLY = 3
_OPENED = 4


@record
class Requirement:
    """A `require` statement, and the scope that it stands in."""

    node: tree.Require
    scope: Scope

    @property
    def text(self) -> str:
        """The condition as the text has it."""
        span = self.node.condition.span
        return self.scope.source.text[span.start : span.end]

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts of the whole network that it speaks of."""
        said = _names(self.node.condition)
        return tuple(name for name in _required() if name in said and self.scope.find(name) is None)

    def check(self, evaluator: Evaluator) -> bool | None:
        """Whether it holds of the sizes that it speaks of; None where that cannot be told. If not, it is reported."""
        open_sizes = evaluator.open_sizes
        if open_sizes is None:
            return self._holds(self.scope, evaluator)
        with open_sizes.apart() as decided:
            truth = evaluator.truth(self.node.condition, self.scope)
        open_sizes.stated.extend(decided)
        if truth is False and decided:
            open_sizes.refused(open_sizes.stated.pop(), self.scope.place(self.node.span))
            return False
        return truth if truth is not False else self._holds(self.scope, evaluator)

    def check_whole(self, module: Module, evaluator: Evaluator) -> None:
        """Report it where it does not hold of the whole network."""
        names: dict[str, Value] = {name: _number(_required()[name], module) for name in self.facts}
        inner = Scope(self.scope.source, self.scope, names=names)
        self._holds(inner, evaluator, module)

    def _holds(self, scope: Scope, evaluator: Evaluator, module: Module | None = None) -> bool | None:
        truth = evaluator.truth(self.node.condition, scope)
        if truth is False:
            shown = tuple(dict.fromkeys(_sides(self.node.condition, scope, evaluator)))
            costs = (fact.summed for name, fact in _required().items() if name in self.facts and fact.shares)
            cost = next(filter(None, costs), None)
            most = costly(module, cost) if module and cost else ()
            evaluator.fault(faults.DoesNotHold(self.text, shown, most), self.scope, self.node.condition.span)
        return truth


def _required() -> Mapping[str, Fact[Any]]:
    """What a text can require something of, of the network as a whole."""
    from archdsl.facts.fact import View
    from archdsl.facts.table import shown_in

    return {fact.name: fact for fact in shown_in(View.REQUIREMENTS)}


def _number(fact: Fact[Any], module: Module) -> int | float:
    """A fact of a network at inference, as it is compared."""
    assert fact.number is not None
    return fact.number(fact.over(module).inference)


def costly(module: Module, cost: Sum) -> tuple[tuple[str, int], ...]:
    """The parts of a network that cost most, by path: blocks are opened until there is something to see."""
    parts = _parts(module, "", 1, cost)
    for _ in range(_OPENED):
        most, path, step, times = max(parts, key=lambda part: part[0], default=(0, "", None, 1))
        if step is None or not isinstance(step.what, Module) or 2 * most < sum(part[0] for part in parts):
            break
        inside = "" if step.what.transparent else f"{path}."
        parts = [part for part in parts if part[1] != path] + _parts(step.what, inside, times * step.count, cost)
    parts.sort(key=lambda part: -part[0])
    return tuple((path, part) for part, path, _, _ in parts[:_COSTLY] if part)


def _parts(module: Module, prefix: str, times: int, cost: Sum) -> list[tuple[int, str, Step, int]]:
    named = zip(module.names(), module.steps, strict=True)
    return [
        (step.total(cost, training=False) * step.count * times, f"{prefix}{name}", step, times) for name, step in named
    ]


def _names(node: object) -> set[str]:
    """The names in an expression."""
    found: set[str] = set()
    waiting: list[Any] = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tree.Name):
            found.add(each.text)
        elif isinstance(each, tuple):
            waiting.extend(cast("tuple[object, ...]", each))
        elif is_dataclass(each):
            waiting.extend(getattr(each, field.name) for field in fields(each))
    return found


def _sides(node: tree.Expression, scope: Scope, evaluator: Evaluator) -> list[str]:
    """What the sides of comparisons come to, where that is not what the text says."""
    if not isinstance(node, tree.Operation):
        return []
    parts = (node.first, *(operand for _, operand in node.rest))
    if not any(sign in _COMPARISONS for sign, _ in node.rest):
        return [line for part in parts for line in _sides(part, scope, evaluator)]
    shown: list[str] = []
    for part in parts:
        text = scope.source.text[part.span.start : part.span.end]
        value = evaluator.value(part, scope)
        if not isinstance(part, tree.Number) and not isinstance(value, Unknown):
            endless = isinstance(value, float) and math.isinf(value)
            number = "the whole input" if endless else f"{value:,}" if isinstance(value, int | float) else f"{value}"
            shown.append(f"{text} is {number}")
    return shown
