"""Steps left out that no output needs."""

from __future__ import annotations

from collections.abc import Hashable
from typing import final

from typing_extensions import override

from archdsl.base.records import record
from archdsl.graph.module import Module, Wire
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Rewritten
from archdsl.passes.rewrite import Part, Rules, rewritten


@final
@record
class PruneDead(Change):
    """Leaves out the steps that no output needs, with their weights. The others stay as they are."""

    word = "prune-dead"
    example = "prune-dead"

    @override
    def rewritten(self, root: Module) -> Rewritten:
        return rewritten(root, _Rules(), self)


class _Rules(Rules):
    def __init__(self) -> None:
        self._needed: dict[Module, frozenset[int]] = {}

    @override
    def parts(self, module: Module, index: int, context: Hashable) -> tuple[Part, ...]:
        if module not in self._needed:
            self._needed[module] = needed(module)
        return super().parts(module, index, context) if index in self._needed[module] else ()


def needed(module: Module) -> frozenset[int]:
    """The steps that the outputs of a module depend on, and those that hold weights which one of these uses."""
    found = module.needed_for(module.outputs)
    while missing := _holders(module, found):
        found |= module.needed_for(tuple(map(Wire, missing)))
    return found


def _holders(module: Module, found: frozenset[int]) -> list[int]:
    """For each layer whose weights a step uses and that none of the steps is, the first that is it."""
    there = {module.steps[index].name for index in found}
    wanted = {name for index in found for name in _borrowed(module, index)} - there
    return [next(index for index, step in enumerate(module.steps) if step.name == name) for name in wanted]


def _borrowed(module: Module, index: int) -> list[str]:
    what = module.steps[index].what
    return [each.name for each in what.borrowed().values()] if isinstance(what, Operator) else []
