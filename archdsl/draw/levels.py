"""What is drawn of one module: parts, and the wires between them.

A part is one box, one closed block, or an open block with a level of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.fact import Fact, Known, Standing
from archdsl.facts.receptive import Seen
from archdsl.facts.table import totals
from archdsl.graph.marks import Marked
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator


@record(slots=True)
class Member:
    """A step that a part stands for, at its place (`facts.fact.Standing`): its path, and what its output sees of the
    network's input. around: the member that it is in. again: whether its weights are those of an earlier step, where
    they are counted."""

    path: str
    module: Module
    index: int
    after: tuple[Seen, ...]
    around: Standing | None = None
    again: bool = False
    training_only: bool = False

    @property
    def step(self) -> Step:
        """The step itself."""
        return self.module.steps[self.index]


@record(eq=False)
class Costs:
    """What a part stands for, in numbers. known: the facts of the network. facts: those that are told of each part.
    sums: those of them that add up, of all that the part stands for."""

    known: Known
    facts: tuple[Fact[Any], ...]
    sums: Mapping[Fact[Any], int]

    @staticmethod
    def of(member: Member, known: Known, facts: tuple[Fact[Any], ...]) -> Costs:
        """The costs of all repetitions of a step."""
        sums = {fact: known[fact].at(member, member.step.count) for fact in facts if fact.shares}
        return Costs(known, facts, sums)

    def __add__(self, other: Costs) -> Costs:
        return replace(self, sums={fact: value + other.sums[fact] for fact, value in self.sums.items()})

    def is_alike(self, count: int, other: Costs, others: int) -> bool:
        """Whether one repetition costs the same in both, given how many repetitions each stands for."""
        return all(self.sums[fact] * others == other.sums[fact] * count for fact in totals())

    def told(self, member: Member, others: Iterable[Member], count: int, leads: int) -> dict[Fact[Any], Any]:
        """What is known of one of the steps that a part stands for, which stands there so many times. leads: where it
        gives the part its name, how often the part stands there: of folded parts the first may differ from the others
        in its inputs, so that what adds up is counted over all of them; else 0."""
        told: dict[Fact[Any], Any] = {}
        for fact in self.facts:
            figures = self.known[fact]
            if leads and fact in self.sums:
                told[fact] = self.sums[fact] - sum(figures.at(each, 1) for each in others) * leads
            else:
                told[fact] = figures.at(member, count)
        return told


@record(eq=False)
class Part:
    """One thing to draw.

    members: the steps that it stands for, of which `lead` gives it its name; of equal ones that are folded, the first.
    inputs, input_types: those of which more than the size matters. contents: the blocks in a closed one. look: what
    would be drawn of that. inside: what is drawn of it if it is open. shared: the name of weights that it shares with
    others. aside: whether it is a projection that `residual` added. mark: what a picture says of it.
    """

    members: tuple[Member, ...]
    inputs: tuple[Wire, ...]
    input_types: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    costs: Costs
    lead: int = 0
    title: str = ""
    contents: str = ""
    look: Level | None = None
    count: int = 1
    copies: int = 1
    inside: Level | None = None
    shared: str = ""
    training: bool = False
    aside: bool = False
    mark: Marked | None = None

    @property
    def step(self) -> Step:
        """The step that gives it its name."""
        return self.members[self.lead].step

    @property
    def operator(self) -> Operator[Any] | None:
        """The operator of a box; None of a block, open or closed."""
        what = self.step.what
        return what if isinstance(what, Operator) and self.inside is None else None

    @property
    def is_merge(self) -> bool:
        """Whether it is an operator in which branches meet."""
        return self.operator is not None and self.operator.variadic

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """Equal for parts that are drawn the same."""
        look = (self.title, self.outputs, self.shared, self.training, self.aside, self.copies, self.mark)
        if level := self.inside or self.look:
            return (*look, level.outputs, *((part.key, part.count, part.inputs) for part in level.parts))
        told = (member.step for member in self.members if member.step is self.step or not _is_inert(member.step))
        return (*look, *map(_what, told))


@record(eq=False)
class Level:
    """The parts that are drawn of one module, in an order in which every part comes after what it reads."""

    inputs: tuple[TensorType, ...]
    parts: tuple[Part, ...]
    outputs: tuple[Wire, ...]

    @cached_property
    def readers(self) -> Counter[Wire]:
        """How many read each tensor, the outputs of the level among them."""
        found = Counter(wire for part in self.parts for wire in part.inputs)
        found.update(self.outputs)
        return found

    @property
    def only(self) -> Part | None:
        """The part that is all of the level, where one is."""
        part = self.sole
        return part if part and len(self.inputs) == 1 and part.inputs == (Wire(INPUT),) else None

    @property
    def sole(self) -> Part | None:
        """The part whose outputs are those of the level, where there is no other."""
        if len(self.parts) != 1:
            return None
        (part,) = self.parts
        return part if self.outputs == tuple(Wire(0, port) for port in range(len(part.outputs))) else None


def _is_inert(step: Step) -> bool:
    """Whether it does nothing at inference, and goes without a box where it can."""
    return isinstance(step.what, Operator) and step.what.inert


def _what(step: Step) -> object:
    """The operator of a step, which equal ones are equal to; a module, which is equal to none but itself."""
    return step.what if isinstance(step.what, Operator) else id(step.what)
