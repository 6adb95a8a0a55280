"""The formulas of numbers: how a network works them out from the arguments of the block around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from archdsl.algebra.traced import expression_of
from archdsl.graph.module import Module, Step
from archdsl.report.diff.form import Node

Trace = Callable[[], Module] | None


class Formulas:
    """The formulas of two networks. traces: the networks worked out with numbers that remember where they come from."""

    def __init__(self, roots: tuple[Module, Module], traces: tuple[Trace, Trace]) -> None:
        self._traces = tuple(map(_Traces, roots, traces))

    def of(self, side: int, node: Node, value: Callable[[Step], Any]) -> Any:
        """The formula of a value of a node's step, in the first network or the second; None where it is no more than a
        number."""
        return self._traces[side].value(node, value)

    def are_one(self, old: Node, new: Node, value: Callable[[Step], Any]) -> bool:
        """Whether two numbers that differ are worked out in one way, from the arguments of the block around them."""
        one, other = self.of(0, old, value), self.of(1, new, value)
        return one is not None and one == other


class _Traces:
    """The modules of a network, with numbers that remember the arguments that they come from."""

    def __init__(self, root: Module, trace: Trace) -> None:
        self._root = root
        self._trace = trace

    @cached_property
    def _modules(self) -> Mapping[int, Module]:
        if self._trace is None:
            return {}
        found: dict[int, Module] = {}
        waiting = [(self._root, self._trace())]
        while waiting:
            module, traced = waiting.pop()
            if id(module) in found or len(module.steps) != len(traced.steps):
                continue
            found[id(module)] = traced
            for one, other in zip(module.steps, traced.steps, strict=True):
                if isinstance(one.what, Module) and isinstance(other.what, Module):
                    waiting.append((one.what, other.what))
        return found

    def value(self, node: Node, value: Callable[[Step], Any]) -> Any:
        """The formula of a value of a node's step; None where it is no more than a number."""
        module = self._modules.get(id(node.owner))
        return None if module is None else _formula(value(module.steps[node.index]))


def _formula(value: Any) -> Any:
    if isinstance(value, tuple):
        parts = tuple(map(_formula, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return None if all(part is None for part in parts) else parts
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    expression = expression_of(value)
    return None if isinstance(expression, int | float) else expression
