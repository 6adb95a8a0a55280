"""A module at a place of the written-out network, for the names of what stands in it."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.graph.module import Module
from archdsl.passes.origins import Path


class Scope(NamedTuple):
    """A module, what names in it begin with, and the position at which counting begins."""

    module: Module
    prefix: str = ""
    start: int = 0

    def name(self, index: int, number: int = 0) -> str:
        """The name of one round of a step."""
        return f"{self.prefix}{self.module.steps[index].name or self._position(index, number)}"

    def inside(self, index: int, number: int = 0) -> Scope:
        """What stands in one round of a step that is a module."""
        what = self.module.steps[index].what
        assert isinstance(what, Module)
        if what.transparent:
            return Scope(what, self.prefix, self._position(index, number))
        return Scope(what, f"{self.name(index, number)}.")

    def at(self, path: Path) -> Scope:
        """What holds the step that a path means."""
        scope = self
        for each in path[:-1]:
            scope = scope.inside(each.step, each.number)
        return scope

    def _position(self, index: int, number: int) -> int:
        step = self.module.steps[index]
        return self.start + self.module.positions[index] + number * (step.slots // step.count)
