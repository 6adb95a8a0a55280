"""What is drawn of one module: parts, and the wires between them.

A part is one box, one closed block, or an open block with a level of its own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from archdsl.algebra.tensors import TensorType
from archdsl.facts.receptive import Seen
from archdsl.graph.marks import Marked
from archdsl.graph.module import INPUT, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.regular import Dropout, DropPath, Identity

# what does nothing at inference, and goes without a box where it can
INERT: Final = (Dropout, DropPath, Identity)


@dataclass(frozen=True, slots=True)
class Member:
    """A step that a part stands for: its path, and what its output sees of the network's input. again: whether its
    weights are those of an earlier step, where they are counted."""

    path: str
    step: Step
    seen: tuple[Seen, ...]
    again: bool = False

    @property
    def params(self) -> int:
        """The parameters of one repetition."""
        return 0 if self.again else self.step.params


@dataclass(frozen=True, eq=False)
class Part:
    """One thing to draw.

    members: the steps that it stands for, of which `lead` gives it its name; of equal ones that are folded, the first.
    inputs, input_types: those of which more than the size matters. contents: the blocks in a closed one. look: what
    would be drawn of that. inside: what is drawn of it if it is open. shared: the name of weights that it shares with
    others. aside: whether it is a projection that `residual` added. params, macs: of all that it stands for. mark: what
    a picture says of it.
    """

    members: tuple[Member, ...]
    inputs: tuple[Wire, ...]
    input_types: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    params: int
    macs: int
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


@dataclass(frozen=True, eq=False)
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
    return isinstance(step.what, INERT)


def _what(step: Step) -> object:
    """The operator of a step, which equal ones are equal to; a module, which is equal to none but itself."""
    return step.what if isinstance(step.what, Operator) else id(step.what)
