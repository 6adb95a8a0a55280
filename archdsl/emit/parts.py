"""The parts of a picture: what stands for which steps of a network.

A level is what is drawn of one module: parts and the wires between them. A part is one box, one closed block, or an
open block with a level of its own. Levels are made in three strokes: steps become parts, groups without a name of their
own are dissolved; layers take in what a textbook does not name (norm, activation, dropout); equal neighbours fold.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from archdsl.base.tensors import Kind, TensorType
from archdsl.emit.drawing import Detail
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.graph.receptive import ReceptiveFields, Seen, start
from archdsl.ops.activation import AlongChannels
from archdsl.ops.dense import Flatten
from archdsl.ops.norm import LocalResponseNorm, Normalize
from archdsl.ops.operator import Operator, Style
from archdsl.ops.regular import Dropout, Identity

MOST_NESTED = 2
PROJECTION = "downsample"


@dataclass(frozen=True, slots=True)
class Member:
    """A step that a part stands for: its path, and what its output sees of the network's input."""

    path: str
    step: Step
    seen: tuple[Seen, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """One thing to draw.

    members: the steps that it stands for, of which `lead` gives it its name; of equal ones that are folded, the first.
    inside: what is drawn of it if it is open. aside: whether it is a projection that `residual` added. params, macs: of
    all that it stands for.
    """

    members: tuple[Member, ...]
    inputs: tuple[Wire, ...]
    input_types: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    params: int
    macs: int
    lead: int = 0
    title: str = ""
    count: int = 1
    copies: int = 1
    inside: Level | None = None
    training: bool = False
    aside: bool = False

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
        seen = (self.title, self.outputs, self.training, self.aside, self.copies)
        if self.inside is not None:
            level = self.inside
            return (*seen, level.outputs, *((part.key, part.count, part.inputs) for part in level.parts))
        return (*seen, *(_drawn(member.step) for member in self.members))


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
        if len(self.parts) == 1 and len(self.inputs) == 1:
            (part,) = self.parts
            if part.inputs == (Wire(INPUT),) and self.outputs == (Wire(0),):
                return part
        return None


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a module stands: the path of what is around it, its position in a row, what its inputs see, how many open
    blocks are around it."""

    seen: tuple[Seen, ...]
    prefix: str = ""
    position: int = 0
    depth: int = 0
    training: bool = False
    aside: bool = False


class Composer:
    """Makes the levels of one network at one detail. `expanded` are paths of blocks to open besides."""

    def __init__(self, detail: Detail, expanded: frozenset[str] = frozenset()) -> None:
        self.detail = detail
        self.found: set[str] = set()
        self._open = {prefix for path in expanded for prefix in _prefixes(path)}
        self._fields = ReceptiveFields()
        self._single: dict[int, Part | None] = {}
        self._heights: dict[int, int] = {}
        self._sizes: dict[tuple[int, int], int] = {}

    def network(self, root: Module) -> Level:
        """What is drawn of a network."""
        depth = 0
        return self.level(root, Scope(tuple(map(start, root.inputs)), depth=depth))

    def level(self, module: Module, scope: Scope) -> Level:
        """What is drawn of a module."""
        parts: list[Part] = []
        made: list[tuple[Wire, ...]] = []
        position = scope.position
        fields = self._fields.after_steps(module, scope.seen)
        for index, step in enumerate(module.steps):
            inputs = _moved(step.inputs, made)
            before = tuple(scope.seen[w.port] if w.step == INPUT else fields[w.step][w.port] for w in step.inputs)
            training = scope.training or index in module.train_only
            member = Member(f"{scope.prefix}{step.name or position}", step, fields[index])
            inner = replace(scope, seen=before, position=position, training=training)
            made.append(_placed(self._drawn(member, inner), inputs, parts))
            position += step.slots
        level = Level(module.inputs, tuple(parts), _moved(module.outputs, made))
        if self.detail is not Detail.OP:
            level = _joined(level, _taken_in)
        return fold_branches(_joined(level, _folded))

    def _drawn(self, member: Member, scope: Scope) -> Part | Level:
        """The part that a step is drawn as, or the level that takes its place."""
        step, module = member.step, member.step.what
        part = _part(member, scope)
        if isinstance(module, Operator):
            return part
        prefix = scope.prefix if module.transparent else f"{member.path}."
        position = scope.position if module.transparent else 0
        scope = replace(scope, prefix=prefix, position=position)
        if (only := self._as_one(module)) is not None:
            return _renamed(only, part, prefix)
        if dissolves(step):
            return self.level(module, replace(scope, aside=scope.aside or step.role == PROJECTION))
        if not self._opens(module, member.path, scope.depth):
            return part
        inside = self.level(module, replace(scope, depth=scope.depth + 1))
        if (only := inside.only) is not None and only.inside is not None:
            title = ", ".join(filter(None, (part.title, only.title)))
            count = part.count * only.count
            return replace(only, title=title, count=count, members=(member,), params=part.params, macs=part.macs)
        if not part.title and (opened := _opened_in_place(inside)) is not None:
            title, inside = opened
            return replace(part, title=title, inside=inside)
        return replace(part, inside=inside)

    def _opens(self, module: Module, path: str, depth: int) -> bool:
        if path in self._open:
            self.found.add(path)
            return True
        return depth < MOST_NESTED and self._is_fine(module)

    def _is_fine(self, module: Module) -> bool:
        """Whether the detail that is asked for goes inside such a module."""
        match self.detail:
            case Detail.STAGE:
                return False
            case Detail.BLOCK:
                return self._height(module) > 0
            case Detail.LAYER | Detail.OP:
                return True

    def _height(self, module: Module) -> int:
        """How many blocks are nested inside a module, those that are drawn as one box not counted."""
        if id(module) not in self._heights:
            heights = [0]
            for step in module.steps:
                if isinstance(step.what, Module) and self._as_one(step.what) is None:
                    heights.append(self._height(step.what) + (not dissolves(step)))
            self._heights[id(module)] = max(heights)
        return self._heights[id(module)]

    def _as_one(self, module: Module) -> Part | None:
        """The box that a whole module is drawn as, such as a convolution with its norm and activation."""
        if id(module) not in self._single:
            self._single[id(module)] = self._box_of(module)
        return self._single[id(module)]

    def _box_of(self, module: Module) -> Part | None:
        inner = (step.what for step in module.steps if isinstance(step.what, Module))
        if len(module.inputs) != 1 or any(self._as_one(each) is None for each in inner):
            return None
        if any(len(step.inputs) != 1 for step in module.steps):
            return None
        only = self.level(module, Scope(tuple(map(start, module.inputs)))).only
        return only if only is not None and only.operator is not None else None

    def size(self, module: Module, depth: int = 0) -> int:
        """How many parts a module has at most, before equal ones fold. Worked out once for each distinct module."""
        key = (id(module), depth)
        if key not in self._sizes:
            self._sizes[key] = sum(self._size_of(step, depth) for step in module.steps)
        return self._sizes[key]

    def _size_of(self, step: Step, depth: int) -> int:
        module = step.what
        if isinstance(module, Operator) or self._as_one(module) is not None:
            return 1
        if dissolves(step):
            return self.size(module, depth)
        return self.size(module, depth + 1) if depth < MOST_NESTED and self._is_fine(module) else 1


def dissolves(step: Step) -> bool:
    """Whether a module leaves no trace in a picture: a group or projection without a name, repeated or not."""
    return step.role == PROJECTION or (step.count == 1 and isinstance(step.what, Module) and not title_of(step))


def title_of(step: Step) -> str:
    """The name of a module's step for a reader: its label, or the name of its block; nothing of a mere group."""
    module = step.what
    if isinstance(module, Operator):
        return ""
    automatic = re.fullmatch(rf"\d*|(repeat|{re.escape(module.name)})\d+", step.name)
    if not automatic:
        return step.name
    return module.name if module.is_block or module.is_network else ""


def _prefixes(path: str) -> Iterator[str]:
    names = path.split(".")
    return (".".join(names[:end]) for end in range(1, len(names) + 1))


def _part(member: Member, scope: Scope) -> Part:
    """The part that a step is drawn as if it stays closed."""
    step = member.step
    return Part(
        members=(member,),
        inputs=step.inputs,
        input_types=step.input_types,
        outputs=step.outputs,
        params=step.params * step.count,
        macs=step.macs * step.count,
        title=title_of(step),
        count=step.count,
        training=scope.training,
        aside=scope.aside,
    )


def _renamed(only: Part, part: Part, prefix: str) -> Part:
    """The box of a module at the place where the module stands."""
    seen = part.members[0].seen
    members = tuple(Member(f"{prefix}{each.path}", each.step, seen) for each in only.members)
    return replace(
        only, members=members, count=only.count * part.count, params=part.params, macs=part.macs,
        training=part.training, aside=part.aside,
    )


def _opened_in_place(level: Level) -> tuple[str, Level] | None:
    """The title of the only open block in a level, and the level with that block's parts among the others: a block and
    the shortcut around it are one block for a reader."""
    blocks = [part for part in level.parts if part.inside is not None]
    if len(blocks) != 1 or blocks[0].count > 1 or blocks[0].copies > 1:
        return None
    parts: list[Part] = []
    made: list[tuple[Wire, ...]] = []
    for part in level.parts:
        inputs = _moved(part.inputs, made)
        made.append(_placed(part.inside if part is blocks[0] and part.inside else part, inputs, parts))
    return blocks[0].title, Level(level.inputs, tuple(parts), _moved(level.outputs, made))


def _moved(wires: tuple[Wire, ...], made: list[tuple[Wire, ...]]) -> tuple[Wire, ...]:
    """Wires of steps as wires of the parts that were made of them."""
    return tuple(wire if wire.step == INPUT else made[wire.step][wire.port] for wire in wires)


def _placed(drawn: Part | Level, inputs: tuple[Wire, ...], parts: list[Part]) -> tuple[Wire, ...]:
    """Add what a step is drawn as to the parts of a level; the wires of its outputs."""
    if isinstance(drawn, Part):
        parts.append(replace(drawn, inputs=inputs))
        return tuple(Wire(len(parts) - 1, port) for port in range(len(drawn.outputs)))
    offset = len(parts)

    def inside_out(wire: Wire) -> Wire:
        return inputs[wire.port] if wire.step == INPUT else Wire(wire.step + offset, wire.port)

    parts.extend(replace(part, inputs=tuple(map(inside_out, part.inputs))) for part in drawn.parts)
    return tuple(map(inside_out, drawn.outputs))


def _drawn(step: Step) -> tuple[Any, ...]:
    """What makes a step of a closed part look as it does."""
    shared = step.name if step.shared else ""
    return (step.what if isinstance(step.what, Operator) else id(step.what), shared)


# --- neighbours that become one ---------------------------------------------------------------------------------------

Join = Callable[[Part, Part, "set[str]"], "Part | None"]


def _joined(level: Level, join: Join) -> Level:
    """A level in which each part is joined with the one before it where `join` makes one of both."""
    parts: list[Part | None] = []
    ends: list[int] = []
    where: dict[Wire, Wire] = {}
    words = _words_of_readers(level)
    for index, part in enumerate(level.parts):
        part = replace(part, inputs=tuple(where.get(wire, wire) for wire in part.inputs))
        at = len(parts)
        parts.append(part)
        ends.append(index)
        while (before := _feeder(parts[at])) is not None and level.readers[Wire(ends[before])] == 1:
            first, second = parts[before], parts[at]
            assert first is not None
            assert second is not None
            if (one := join(first, second, words[index])) is None:
                break
            parts[at], parts[before], ends[before], at = None, one, index, before
        for port in range(len(part.outputs)):
            where[Wire(index, port)] = Wire(at, port)
    return _compacted(level, parts, where)


def _feeder(part: Part | None) -> int | None:
    """The part that alone feeds another, by its only output."""
    if part is None or len(part.inputs) != 1 or part.inputs[0].step == INPUT:
        return None
    return part.inputs[0].step


def _compacted(level: Level, parts: list[Part | None], where: dict[Wire, Wire]) -> Level:
    kept = [index for index, part in enumerate(parts) if part is not None]
    index_of = {old: new for new, old in enumerate(kept)}

    def moved(wire: Wire) -> Wire:
        return wire if wire.step == INPUT else Wire(index_of[wire.step], wire.port)

    moved_parts = tuple(
        replace(part, inputs=tuple(map(moved, part.inputs))) for part in parts if part is not None
    )
    outputs = tuple(moved(where.get(wire, wire)) for wire in level.outputs)
    return Level(level.inputs, moved_parts, outputs)


def _words_of_readers(level: Level) -> list[set[str]]:
    words: list[set[str]] = [set() for _ in level.parts]
    for part in level.parts:
        for wire in part.inputs:
            if wire.step != INPUT:
                words[wire.step].add(part.operator.word if part.operator is not None else "")
    return words


def _folded(first: Part, second: Part, readers: set[str]) -> Part | None:
    """Two parts in a row that are drawn the same, as one with a count."""
    if len(first.outputs) != 1 or first.is_merge or first.key != second.key:
        return None
    return replace(
        first, count=first.count + second.count, params=first.params + second.params, macs=first.macs + second.macs
    )


# what a textbook names wherever it stands
_ALWAYS_NAMED = (AlongChannels, LocalResponseNorm, Normalize)
_INERT = (Dropout, Identity)
_PASSING = {Style.NORM, Style.ACTIVATION}


def _taken_in(first: Part, second: Part, readers: set[str]) -> Part | None:
    """A layer and what it takes in: norm and activation after it or before it, flattening, and what does nothing at
    inference."""
    before, after = first.operator, second.operator
    if before is None or after is None or first.count > 1 or second.count > 1:
        return None
    if (first.training, first.aside) != (second.training, second.aside):
        return None
    if isinstance(after, _INERT) or (_follows(before, second) and readers != {"mul"}):
        return _together(first, second, first.lead)
    if len(first.members) == 1 and (_leads_to(first, after)):
        return _together(first, second, len(first.members) + second.lead)
    return None


def _follows(layer: Operator[Any], part: Part) -> bool:
    """Whether a norm or activation belongs to the layer before it. On a sequence it does not: the papers on attention
    draw each."""
    passing = part.operator
    if passing is None or passing.style not in _PASSING or isinstance(passing, _ALWAYS_NAMED):
        return False
    if part.input_types[0].kind is Kind.SEQUENCE:
        return False
    return _is_layer(layer) or (layer.word == "add" and passing.style is Style.ACTIVATION)


def _leads_to(part: Part, layer: Operator[Any]) -> bool:
    """Whether a norm, activation or flattening belongs to the layer after it, as in networks with pre-activation."""
    passing = part.operator
    if isinstance(passing, Flatten):
        return layer.style is Style.LINEAR
    if passing is None or passing.style not in _PASSING or isinstance(passing, _ALWAYS_NAMED):
        return False
    return _is_layer(layer) and part.input_types[0].kind is not Kind.SEQUENCE


def _is_layer(operator: Operator[Any]) -> bool:
    return operator.decorated


def _together(first: Part, second: Part, lead: int) -> Part:
    return replace(
        first,
        members=first.members + second.members,
        lead=lead,
        outputs=second.outputs,
        params=first.params + second.params,
        macs=first.macs + second.macs,
    )


# --- branches that become one -----------------------------------------------------------------------------------------


def fold_branches(level: Level) -> Level:
    """A level in which equal branches that stand side by side are one, with the number of its copies."""
    for index in range(len(level.parts) - 1, -1, -1):
        merge = level.parts[index]
        if merge.is_merge and len(merge.inputs) > 2:
            level = _branches_folded(level, merge)
    return level


def _branches_folded(level: Level, merge: Part) -> Level:
    branches = [_branch(level, wire) for wire in merge.inputs]
    keys = [(start, *((level.parts[each].key, level.parts[each].count) for each in branch)) for start, branch in branches]
    kept: list[int] = []
    copies: Counter[int] = Counter()
    for place, key in enumerate(keys):
        if not branches[place][1] or not kept or key != keys[kept[-1]]:
            kept.append(place)
        copies[kept[-1]] += 1
    if len(kept) == len(keys):
        return level
    single = {branches[place][1][-1]: copies[place] for place in kept if copies[place] > 1}
    dropped = {each for place, (_, branch) in enumerate(branches) if place not in kept for each in branch}
    parts: list[Part | None] = []
    for index, part in enumerate(level.parts):
        if part is merge:
            part = replace(
                part,
                inputs=tuple(merge.inputs[place] for place in kept),
                input_types=tuple(merge.input_types[place] for place in kept),
            )
        parts.append(None if index in dropped else replace(part, copies=single.get(index, part.copies)))
    return _compacted(level, parts, {})


def _branch(level: Level, wire: Wire) -> tuple[Wire, list[int]]:
    """The parts in a row that end at a wire, the first of them first, and the wire that they start from."""
    parts: list[int] = []
    while wire.step != INPUT and len(level.parts[wire.step].inputs) == 1 and level.readers[wire] == 1:
        parts.append(wire.step)
        (wire,) = level.parts[wire.step].inputs
    return wire, parts[::-1]
