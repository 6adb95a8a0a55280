"""What the difference of two networks is, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.counts import MACS, PARAMS
from archdsl.facts.fact import Fact
from archdsl.report.structure import kind_of, kinds_of, plain

FORMAT: Final = "archdsl.diff"
VERSION: Final = 1


class Kind(StrEnum):
    """What became of a step.

    KEPT: it is as it was; something inside it is not. FOLLOWS: the text says the same of it, and something else comes
    of that. WRAPPED: steps that are now inside a block or group; UNWRAPPED: the other way round.
    """

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    WRAPPED = "wrapped"
    UNWRAPPED = "unwrapped"
    KEPT = "kept"
    FOLLOWS = "follows"


class About(StrEnum):
    """What about a step is different."""

    OPERATOR = "operator"
    ARGUMENT = "argument"
    COUNT = "count"
    INPUT = "input"
    OUTPUT = "output"
    NAME = "name"
    SHARING = "sharing"


@record(slots=True)
class Side:
    """A step as it is in one of the networks. path: of its layer, `last` of its last repetition. word: its operator or
    block. facts: what all its repetitions have of what adds up. line: of the text, None where there is none.
    is_quiet: whether a textbook gives it no box of its own."""

    path: str
    last: str
    label: str
    word: str
    is_module: bool
    arguments: Mapping[str, Any]
    count: int
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    facts: Mapping[Fact[int], int]
    line: int | None
    is_quiet: bool = False

    @property
    def name(self) -> str:
        """Its own part of the path, with the positions that it takes: `conv1`, `12-15`."""
        first, last = (path.rpartition(".")[2] for path in (self.path, self.last))
        return first if first == last else f"{first}-{last}"

    @property
    def params(self) -> int:
        """Learned numbers."""
        return self.facts[PARAMS]

    @property
    def macs(self) -> int:
        """Multiply-accumulates, for one sample."""
        return self.facts[MACS]

    def record(self) -> dict[str, Any]:
        """The step as JSON has it."""
        return {
            "path": self.path,
            "last": self.last,
            "label": self.label,
            "module" if self.is_module else "operator": self.word,
            "arguments": self.arguments,
            "count": self.count,
            "inputs": [kind_of(kind) for kind in self.inputs],
            "outputs": [kind_of(kind) for kind in self.outputs],
            **{fact.name: value for fact, value in self.facts.items()},
            "line": self.line,
        }


@record(slots=True)
class Aspect:
    """One thing about a step that is different: an argument by its name, its count, where an input comes from.

    old, new: None where there is none, as of an argument that was not given.
    """

    about: About
    name: str
    old: Any
    new: Any

    def record(self) -> dict[str, Any]:
        """The aspect as JSON has it."""
        return {"about": str(self.about), "name": self.name, "old": plain(self.old), "new": plain(self.new)}


@record(slots=True)
class Change:
    """One step with what became of it.

    old, new: the step in each network, None where there is none. aspects: what the author changed. follows: what is
    different about it only because of something else. inside: of its steps. also: the paths, in the second network, of
    blocks with the same changes inside. others: the steps that are inside of the wrapping, or were. implied: whether an
    added or removed step stands nowhere in the text, as a flattening or projection that shapes make necessary.
    between: of a removed step, the paths of those in the second network between which it stood; nothing for the ends.
    is_told: whether what is inside was told at another place already.
    """

    kind: Kind
    old: Side | None
    new: Side | None
    aspects: tuple[Aspect, ...] = ()
    follows: tuple[Aspect, ...] = ()
    inside: tuple[Change, ...] = ()
    also: tuple[str, ...] = ()
    others: tuple[Side, ...] = ()
    implied: bool = False
    between: tuple[str, str] = ("", "")
    is_told: bool = False

    @property
    def side(self) -> Side:
        """The step, in the second network if it is there."""
        side = self.new or self.old
        assert side is not None
        return side

    @property
    def is_authored(self) -> bool:
        """Whether somebody changed it, rather than something around it or inside it."""
        return self.kind not in {Kind.KEPT, Kind.FOLLOWS} and not self.implied

    def walk(self) -> Iterator[tuple[int, Change]]:
        """This change and those inside it, with their depths."""
        waiting: list[tuple[int, Change]] = [(0, self)]
        while waiting:
            depth, change = waiting.pop()
            yield depth, change
            waiting.extend((depth + 1, each) for each in reversed(change.inside))

    def record(self) -> dict[str, Any]:
        """The change as JSON has it."""
        return {
            "kind": str(self.kind),
            "old": self.old and self.old.record(),
            "new": self.new and self.new.record(),
            "implied": self.implied,
            "aspects": [each.record() for each in self.aspects],
            "follows": [each.record() for each in self.follows],
            "also": list(self.also),
            "others": [each.record() for each in self.others],
            "inside": [each.record() for each in self.inside],
        }


@record(slots=True)
class Whole:
    """A network that is compared. facts: what adds up, at inference; training: the same with what only training
    needs."""

    name: str
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    facts: Mapping[Fact[int], int]
    training: Mapping[Fact[int], int]
    layers: int

    @property
    def params(self) -> int:
        """Learned numbers, at inference."""
        return self.facts[PARAMS]

    @property
    def macs(self) -> int:
        """Multiply-accumulates at inference, for one sample."""
        return self.facts[MACS]

    @property
    def held(self) -> dict[Fact[int], int]:
        """The facts in training that count shared weights once, such as parameters."""
        return {fact: value for fact, value in self.training.items() if fact.summed and fact.summed.once}

    def record(self) -> dict[str, Any]:
        """The network as JSON has it."""
        return {
            "name": self.name,
            "inputs": kinds_of(self.inputs),
            "outputs": kinds_of(self.outputs),
            **{fact.name: value for fact, value in self.facts.items()},
            **{f"train_{fact.name}": value for fact, value in self.held.items()},
            "layers": self.layers,
        }
