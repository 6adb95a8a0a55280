"""The folded network, step by step, with paths and receptive fields: what tables and explanations are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from archdsl.algebra.figures import count_shown
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.records import record
from archdsl.facts.receptive import ReceptiveFields, Seen, start
from archdsl.graph.module import INPUT, Module, Step, StepRole, Wire
from archdsl.ops.operator import Operator
from archdsl.report.faults import UnknownLayer

_SUGGESTED = 2000


@record(slots=True)
class Spot:
    """A step at its place in a network (`facts.fact.Standing`), in the first of its repetitions and of those around it.

    path: of its layer in PyTorch; `last` of its last repetition. around: the spot that it is in. before, after: what
    its inputs and outputs see of the network's input, after all its repetitions. again: it uses the weights of an
    earlier step of the same path.
    """

    path: str
    last: str
    depth: int
    module: Module
    index: int
    position: int
    before: tuple[Seen, ...]
    after: tuple[Seen, ...]
    training_only: bool
    again: bool
    around: Spot | None = None

    @property
    def step(self) -> Step:
        """The step itself."""
        return self.module.steps[self.index]

    @property
    def name(self) -> str:
        """Its own part of the path, with the positions that it takes: `conv1`, `12-15`."""
        first, last = (path.rpartition(".")[2] for path in (self.path, self.last))
        return first if first == last else f"{first}-{last}"


# steps that one row stands for, in order: mostly one
Spots = tuple[Spot, ...]


class Tour:
    """Goes through one network. What a module does to receptive fields is worked out once."""

    def __init__(self, root: Module) -> None:
        self.root = root
        self.fields = ReceptiveFields()

    @property
    def entry(self) -> tuple[Seen, ...]:
        """What the network's inputs see: themselves."""
        return tuple(map(start, self.root.inputs))

    def outputs(self) -> tuple[Seen, ...]:
        """What the network's outputs see."""
        return self.fields.module(self.root, self.entry)

    def spots(self) -> Iterator[Spot]:
        """The steps of the network itself."""
        return self.inside(self.root, self.entry)

    def inside(
        self,
        module: Module,
        inputs: tuple[Seen, ...],
        prefix: str = "",
        position: int = 0,
        around: Spot | None = None,
    ) -> Iterator[Spot]:
        """The steps of a module whose inputs see `inputs`. around: the spot that it is in, if any."""
        depth = around.depth + 1 if around else 0
        training_only = around is not None and around.training_only
        seen: list[tuple[Seen, ...]] = []
        owned = {index for index, _ in module.owned_with_index()}
        for index, step in enumerate(module.steps):
            sources = (inputs if wire.step == INPUT else seen[wire.step] for wire in step.inputs)
            before = tuple(source[wire.port] for source, wire in zip(sources, step.inputs, strict=True))
            seen.append(self.fields.step(step, before))
            yield Spot(
                path=f"{prefix}{step.name or position}",
                last=f"{prefix}{step.name or position + step.slots - 1}",
                depth=depth,
                module=module,
                index=index,
                position=position,
                before=before,
                after=seen[-1],
                training_only=training_only or index in module.train_only,
                again=index not in owned,
                around=around,
            )
            position += step.slots

    def below(self, spot: Spot, repetition: int = 0) -> Iterator[Spot]:
        """The steps inside a spot's module, in one of its repetitions."""
        step = spot.step
        assert isinstance(step.what, Module)
        inputs = spot.before
        if repetition:
            # what a repeated block takes besides is the same for each repetition
            through = self.fields.step(replace(step, count=repetition), spot.before)
            inputs = (*through, *spot.before[len(through) :])
        position = spot.position + repetition * (step.slots // step.count)
        outer = spot.path.rpartition(".")[0]
        own = f"{outer}.{position}".lstrip(".") if repetition else spot.path
        prefix, position = (outer, position) if step.what.transparent else (own, 0)
        return self.inside(step.what, inputs, f"{prefix}." if prefix else "", position, spot)

    def folded(self, levels: int | None = None) -> Iterator[tuple[Spot, str]]:
        """Every step of the hierarchy down to `levels`, each distinct module opened once.

        With a step comes the path at which its module was opened before, or nothing. So the walk is as long as the
        text, whatever the network's depth.
        """
        for spots, opened in self._walk(levels, _alone):
            yield spots[0], opened

    def rows(self, levels: int | None = None) -> Iterator[tuple[Spots, str]]:
        """The steps of `folded`, with equal blocks that are numbered and follow each other together: `layer_0`,
        `layer_1` and on."""
        return self._walk(levels, _numbered)

    def _walk(
        self, levels: int | None, together: Callable[[Iterable[Spot]], Iterator[Spots]]
    ) -> Iterator[tuple[Spots, str]]:
        opened: dict[int, str] = {}
        open_now = [together(self.spots())]
        while open_now:
            spots = next(open_now[-1], None)
            if spots is None:
                open_now.pop()
                continue
            spot = spots[0]
            what = spot.step.what
            inside = isinstance(what, Module) and (levels is None or spot.depth + 1 < levels)
            yield spots, opened.get(id(what), "") if inside else ""
            if inside and id(what) not in opened:
                opened[id(what)] = spot.path
                open_now.append(together(self.below(spot)))

    def find(self, path: str) -> Spot | None:
        """The step at a path, also inside repeats: `layer1.2.conv1`. Its repetition counts for what it sees."""
        parts = path.split(".")
        level = list(self.spots())
        while True:
            found = _at(level, parts[0])
            if found is None:
                return None
            spot, repetition = found
            what = spot.step.what
            if isinstance(what, Module) and what.transparent:
                level = list(self.below(spot, repetition))
                continue
            if len(parts) == 1:
                return self._only(spot, repetition)
            if isinstance(what, Operator):
                return None
            parts = parts[1:]
            level = list(self.below(spot, repetition))

    def at(self, path: str) -> Spot:
        """The step at a path; ArchError where there is none."""
        spot = self.find(path)
        if spot is None:
            raise ArchError([Diagnostic(_unknown(self, path))])
        return spot

    def _only(self, spot: Spot, repetition: int) -> Spot:
        """One repetition of a spot, as if it stood alone."""
        step = spot.step
        if step.count == 1:
            return spot
        before = self.fields.step(replace(step, count=repetition), spot.before) if repetition else spot.before
        position = spot.position + repetition * (step.slots // step.count)
        path = ".".join((*spot.path.split(".")[:-1], step.name or str(position)))
        after = self.fields.step(replace(step, count=1), before)
        return replace(spot, path=path, last=path, position=position, before=before, after=after)


def _alone(spots: Iterable[Spot]) -> Iterator[Spots]:
    for spot in spots:
        yield (spot,)


def _numbered(spots: Iterable[Spot]) -> Iterator[Spots]:
    """The steps of a level, equal blocks in a row whose names count up together. What others read too has a row."""
    spots = list(spots)
    readers = Counter(wire.step for spot in spots for wire in spot.step.inputs)
    row: list[Spot] = []
    for spot in spots:
        if row and not (_goes_on(row[-1], spot) and readers[row[-1].index] == 1):
            yield tuple(row)
            row = []
        row.append(spot)
    if row:
        yield tuple(row)


def _goes_on(one: Spot, other: Spot) -> bool:
    """Whether the block after another is the same block with the next number, and reads what that gives."""
    before, after = one.step, other.step
    stem, number = _stem_and_number(before.name)
    return (
        isinstance(before.what, Module)
        and before.what is after.what
        and before.count == after.count == 1
        and not (one.again or other.again)
        and one.training_only == other.training_only
        and bool(number)
        and after.name == f"{stem}{int(number) + 1}"
        and after.inputs == (Wire(one.index), *before.inputs[1:])
    )


def _stem_and_number(name: str) -> tuple[str, str]:
    """`layer_` and `12` of `layer_12`."""
    stem = name.rstrip("0123456789")
    return stem, name[len(stem) :]


def name_of(spots: Spots) -> str:
    """The part of the path that a row has for itself: `conv1`, `12-15`, `layer_0..11`."""
    first, last = spots[0], spots[-1]
    return first.name if first is last else f"{first.name}..{_stem_and_number(last.name)[1]}"


def _unknown(tour: Tour, path: str) -> UnknownLayer:
    """What is wrong with a path: the first part that leads nowhere, and what could stand there."""
    parts = path.split(".")
    inside = ""
    level = list(tour.spots())
    for index, part in enumerate(parts):
        reached = ".".join(parts[: index + 1])
        spot = tour.find(reached)
        if spot is None:
            known = tuple(dict.fromkeys(each.name for each in level))
            paths = tuple(spot.path for spot, _ in islice(tour.folded(), _SUGGESTED))
            return UnknownLayer(part, inside, known, paths, path)
        inside = reached
        level = list(tour.below(spot)) if isinstance(spot.step.what, Module) else []
    raise AssertionError(path)


def _at(level: list[Spot], part: str) -> tuple[Spot, int] | None:
    """The step of a level that a part of a path names, and which of its repetitions."""
    for spot in level:
        step = spot.step
        if step.name:
            if step.name == part:
                return spot, 0
        elif part.isdecimal() and len(part) < 20 and spot.position <= int(part) < spot.position + step.slots:
            return spot, (int(part) - spot.position) // (step.slots // step.count)
    return None


def operand(step: Step) -> Any:
    """The inputs of an operator step in the form that its rules take."""
    assert isinstance(step.what, Operator)
    return step.what.operand(step.input_types)


def label(step: Step) -> str:
    """What a textbook calls a step: `3×3 conv, 64`, `bottleneck ×3`."""
    return f"{bare_label(step)}{times(step.count)}"


def bare_label(step: Step) -> str:
    """What a textbook calls one repetition of a step."""
    what = step.what
    if isinstance(what, Operator):
        return what.label(operand(step))
    if step.role == StepRole.DOWNSAMPLE:
        return "projection"
    if what.is_named:
        return what.name
    blocks = {each.what.name if isinstance(each.what, Module) and each.what.is_named else "" for each in what.steps}
    if len(blocks) == 1 and (name := blocks.pop()):
        return f"{name}{times(sum(each.slots for each in what.steps))}"
    return f"{count_shown(what.layers)} layer{'s' * (what.layers != 1)}"


def times(count: int) -> str:
    """How a repeat is marked: ` ×3`, and nothing where there is none."""
    return "" if count == 1 else f" ×{count_shown(count)}"
