"""Where the tensors of a changed network come from, as data, for each distinct module once.

A tensor is kept as it is, new, or made of others by a formula. A formula is data too: it knows the shape of what it
makes, and with torch it makes it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, NamedTuple

from archdsl.algebra.tensors import Shape
from archdsl.base.records import record
from archdsl.graph.module import Module, Step

if TYPE_CHECKING:
    import torch


class Round(NamedTuple):
    """One repetition of a step of a module, both counted from 0."""

    step: int
    number: int = 0


Path = tuple[Round, ...]
"""A step of a module, or one inside the bodies of repeats in it that open no scope. The last repetition is where those
of the new step begin."""


@record(slots=True)
class Kept:
    """A tensor of the old module as it is: the step that it belongs to, and its name there."""

    path: Path
    tensor: str


@record(slots=True)
class New:
    """A tensor that the old network has no counterpart of. It has its first values."""


class Formula(ABC):
    """How a tensor is made of others, each of which has a name in it."""

    @abstractmethod
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        """The shape of what it makes; None where the sources do not fit together."""

    @abstractmethod
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The tensor that it makes of the sources."""


@record(slots=True)
class Made:
    """A tensor that a formula makes of old ones."""

    formula: Formula
    sources: Mapping[str, Kept]


Origin = Kept | New | Made


@record(slots=True)
class Origins:
    """Where all tensors of a new module come from.

    of: the old module that it was made of. tensors: for each operator step, by its index, the origins of its tensors by
    their names. modules: for each module step what it stands for in the old module.
    """

    of: Module
    tensors: dict[int, Mapping[str, Origin]] = field(default_factory=dict[int, Mapping[str, Origin]])
    modules: dict[int, Path] = field(default_factory=dict[int, Path])

    def add(self, index: int, step: Step, path: Path) -> None:
        """State that a step of the new module is one of the old module as it is."""
        if isinstance(step.what, Module):
            self.modules[index] = path
        else:
            self.tensors[index] = {tensor: Kept(path, tensor) for tensor in step.state}


@record(slots=True)
class Rewritten:
    """A changed network, and where the tensors of its distinct modules come from."""

    module: Module
    origins: Mapping[Module, Origins]


def unchanged(root: Module) -> dict[Module, Origins]:
    """The origins of a network's modules where each is its own."""
    found: dict[Module, Origins] = {}
    for module in root.distinct():
        found[module] = Origins(module)
        for index, step in enumerate(module.steps):
            found[module].add(index, step, (Round(index),))
    return found


def step_at(module: Module, path: Path) -> Step | None:
    """The step of a module that a path means, or None where there is none."""
    for depth, (index, number) in enumerate(path):
        if not 0 <= index < len(module.steps) or not 0 <= number < module.steps[index].count:
            return None
        step = module.steps[index]
        if depth == len(path) - 1:
            return step
        if not isinstance(step.what, Module) or not step.what.transparent:
            return None
        module = step.what
    return None
