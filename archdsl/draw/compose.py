"""From the hierarchy of modules to the levels that are drawn, at one detail.

Steps become parts; groups without a name of their own dissolve; what a textbook does not name is taken in by the layer
beside it; equal neighbours and equal branches fold.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any, Final, assert_never

from archdsl.base.records import record
from archdsl.draw.joining import branches_folded, neighbours_folded, taken_in
from archdsl.draw.levels import Costs, Level, Member, Part
from archdsl.draw.model import Detail
from archdsl.facts.fact import Fact, Known, Standing, View
from archdsl.facts.receptive import ReceptiveFields, Seen, start
from archdsl.facts.table import shown_in
from archdsl.graph.blanks import Blank
from archdsl.graph.marks import Mark, Marked, Marks, prefixes
from archdsl.graph.module import INPUT, Module, Step, StepRole, Wire
from archdsl.ops.operator import Operator

MOST_NESTED: Final = 2
_MOST: Final = Fraction(1, 2)
_NEARLY_ALL: Final = Fraction(3, 4)


@record(slots=True)
class Scope:
    """Where a module stands: the path of what is around it, its position in a row, what its inputs see, how many open
    blocks are around it. around: the step that it is. known: the facts of the network; those of the module itself if
    there are none. again: whether its weights are those of an earlier module. within: whether a block is around it.
    alone: whether it is looked at without its place."""

    seen: tuple[Seen, ...]
    prefix: str = ""
    position: int = 0
    depth: int = 0
    training: bool = False
    aside: bool = False
    again: bool = False
    within: bool = False
    alone: bool = False
    around: Standing | None = None
    known: Known | None = None


class Composer:
    """Makes the levels of one network at one detail. `expanded` are paths of blocks to open besides; all that is inside
    of the block at `focus` is open too, two levels of it. `facts` are told of each part."""

    def __init__(
        self,
        detail: Detail,
        expanded: frozenset[str] = frozenset(),
        marks: Marks | None = None,
        focus: str = "",
        facts: tuple[Fact[Any], ...] | None = None,
    ) -> None:
        self.detail = detail
        self.facts = shown_in(View.TABLE) if facts is None else facts
        self.marks = marks
        self.opened: set[str] = set()
        self._open = {prefix for path in (*expanded, *filter(None, [focus])) for prefix in prefixes(path)}
        self._focus = focus
        self._known: Known | None = None
        self._layers = 0
        self._fields = ReceptiveFields()
        self._single: dict[int, Part | None] = {}
        self._looks: dict[int, Level] = {}
        self._heights: dict[int, int] = {}
        self._sizes: dict[tuple[int, int], int] = {}
        self._faults: dict[int, str] = {}

    def network(self, root: Module, scope: Scope | None = None) -> Level:
        """What is drawn of a network, or with a scope of a block where it stands."""
        self._layers = root.layers
        scope = scope or Scope(tuple(map(start, root.inputs)))
        self._known = scope.known or Known(root)
        return self.level(root, scope)

    def level(self, module: Module, scope: Scope) -> Level:
        """What is drawn of a module."""
        known = self._known = self._known or Known(module)
        parts: list[Part] = []
        made: list[tuple[Wire, ...]] = []
        position = scope.position
        fields = self._fields.after_steps(module, scope.seen)
        owned = {index for index, _ in module.owned_with_index()}
        for index, step in enumerate(module.steps):
            inputs = _moved(_read(step), made)
            before = tuple(scope.seen[w.port] if w.step == INPUT else fields[w.step][w.port] for w in step.inputs)
            training = scope.training or index in module.train_only
            again = scope.again or index not in owned
            path = f"{scope.prefix}{step.name or position}"
            member = Member(path, module, index, fields[index], scope.around, again, training)
            within = scope.within or _is_inner(module)
            inner = replace(scope, seen=before, position=position, training=training, again=again, within=within)
            costs = Costs.of(member, known, self.facts)
            made.append(_placed(self._drawn(member, inner, costs), inputs, parts))
            position += step.slots
        level = Level(module.inputs, tuple(parts), _moved(module.outputs, made))
        if self.detail is not Detail.OP:
            level = taken_in(level)
        return branches_folded(neighbours_folded(level))

    def _drawn(self, member: Member, scope: Scope, costs: Costs) -> Part | Level:
        """The part that a step is drawn as, or the level that takes its place."""
        step, module = member.step, member.step.what
        part = _part(member, scope, costs, self._mark(member, scope))
        if isinstance(module, Operator):
            return part
        if contents := self._contents(module):
            part = replace(part, contents=contents)
        prefix = scope.prefix if module.transparent else f"{member.path}."
        position = scope.position if module.transparent else 0
        scope = replace(scope, prefix=prefix, position=position, around=member)
        is_marked = self.marks is not None and not scope.alone and member.path in self.marks.inside
        fault = self._fault(module)
        if not is_marked and not fault and (only := self._as_one(module)) is not None:
            return _renamed(only, part, prefix)
        melts = self._melts(step, within=scope.within, path=member.path)
        if part.mark is None and (dissolves(step) or melts):
            self.opened.update({member.path} & self._open)
            return self.level(module, replace(scope, aside=scope.aside or step.role == StepRole.DOWNSAMPLE))
        if not self._opens(module, member.path, scope.depth):
            part = replace(part, look=self._look(module))
            if fault:
                part = replace(part, mark=Marked(Mark.WRONG, note=fault))
            elif not all(kind.is_known for kind in step.outputs):
                part = replace(part, mark=Marked(Mark.UNKNOWN))
            return self._closed(part, member.path) if is_marked else part
        inside = self.level(module, replace(scope, depth=scope.depth + (not _wraps(module))))
        if not inside.parts:
            # a frame around nothing stands nowhere
            return inside if part.mark is None else part
        if part.mark is None and member.path not in self._open and (only := inside.sole) and only.operator is None:
            return replace(inside, parts=(_wrapped(only, part),))
        if not part.title and (opened := _opened_in_place(inside)) is not None:
            title, inside = opened
            return replace(part, title=title, inside=inside)
        return replace(part, inside=inside)

    def _fault(self, module: Module) -> str:
        """The first thing that is wrong inside a module; nothing where it is right."""
        if id(module) not in self._faults:
            whats = (step.what for step in module.steps)
            inner = (_fault(what) if isinstance(what, Operator) else self._fault(what) for what in whats)
            self._faults[id(module)] = next(filter(None, inner), "")
        return self._faults[id(module)]

    def _mark(self, member: Member, scope: Scope) -> Marked | None:
        if fault := _fault(member.step.what):
            return Marked(Mark.WRONG, note=fault)
        if not all(kind.is_known for kind in member.step.outputs) and isinstance(member.step.what, Operator):
            return Marked(Mark.UNKNOWN)
        if self.marks is None or scope.alone:
            return None
        return self.marks.at(member.path, is_module=isinstance(member.step.what, Module))

    def _closed(self, part: Part, path: str) -> Part:
        """A block that stays closed, with how many of the changes are inside."""
        assert self.marks is not None
        own = part.mark or Marked(Mark.CHANGED)
        note = "  ".join(filter(None, (own.note, self.marks.inside[path])))
        return replace(part, mark=replace(own, note=note))

    def _opens(self, module: Module, path: str, depth: int) -> bool:
        if path in self._open:
            self.opened.add(path)
            return True
        if self._focus and path.startswith(f"{self._focus}."):
            return path.count(".") - self._focus.count(".") < MOST_NESTED
        return depth < MOST_NESTED and (self._is_fine(module) or bool(self._fault(module)))

    def _melts(self, step: Step, *, within: bool, path: str = "") -> bool:
        """Whether what has a name stands without a frame: a layer with its norm and activation, a group within a block,
        and one of most of a network that is no stage, a row of blocks."""
        module = step.what
        if not isinstance(module, Module) or step.count > 1 or path in prefixes(self._focus):
            return False
        if module.is_named:
            return self._is_layer(module)
        if within:
            return True
        share = Fraction(module.layers, max(1, self._layers))
        return not _wraps(module) and share > (_MOST if self._has_layers(module) else _NEARLY_ALL)

    def _is_layer(self, module: Module) -> bool:
        """Whether a block would be one box at a coarser detail."""
        only = taken_in(self._look(module)).only
        return only is not None and only.operator is not None

    def _has_layers(self, module: Module) -> bool:
        """Whether a module has layers of its own besides blocks."""
        return any(
            isinstance(step.what, Operator)
            or self._as_one(step.what) is not None
            or (dissolves(step) and self._has_layers(step.what))
            for step in module.steps
        )

    def _contents(self, module: Module) -> str:
        """The blocks in a closed one that are more than a box: `bottleneck ×4`."""
        counts: dict[str, int] = {}
        for step in module.steps:
            inner = step.what
            if isinstance(inner, Module) and inner.is_block and self._as_one(inner) is None:
                counts[inner.name] = counts.get(inner.name, 0) + step.count
        if len(counts) > 2:
            return ""
        return ", ".join(f"{name} ×{count:,}" if count > 1 else name for name, count in counts.items())

    def _look(self, module: Module) -> Level:
        """What would be drawn of a closed block, without its place."""
        if id(module) not in self._looks:
            self._looks[id(module)] = self.level(module, Scope(tuple(map(start, module.inputs)), alone=True))
        return self._looks[id(module)]

    def _is_fine(self, module: Module) -> bool:
        """Whether the detail that is asked for goes inside such a module."""
        match self.detail:
            case Detail.STAGE:
                return False
            case Detail.BLOCK:
                return self._height(module) > 0
            case Detail.LAYER | Detail.OP:
                return True
            case _:
                assert_never(self.detail)

    def _height(self, module: Module) -> int:
        """How many blocks are nested inside a module, those that are drawn as one box not counted."""
        if id(module) not in self._heights:
            heights = [0]
            for step in module.steps:
                inner = step.what
                if isinstance(inner, Module) and self._as_one(inner) is None:
                    height = self._height(inner)
                    # a group of plain layers is no more than its name
                    heights.append(height + (not dissolves(step) and (inner.is_block or height > 0)))
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
        only = self._look(module).only
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
        if dissolves(step) or self._melts(step, within=depth > 0):
            return self.size(module, depth)
        return self.size(module, depth + (not _wraps(module))) if depth < MOST_NESTED and self._is_fine(module) else 1


def _fault(what: Operator[Any] | Module) -> str:
    """What is wrong with a step itself."""
    return what.fault if isinstance(what, Blank) else ""


def dissolves(step: Step) -> bool:
    """Whether a module leaves no trace in a picture: a group or projection without a name, repeated or not."""
    is_projection = step.role == StepRole.DOWNSAMPLE
    return is_projection or (step.count == 1 and isinstance(step.what, Module) and not title_of(step))


def _is_inner(module: Module) -> bool:
    return module.is_block and not module.is_network


def _wraps(module: Module) -> bool:
    """Whether a module is nothing but another one, or a row of equal ones."""
    return len(module.steps) == 1 and isinstance(module.steps[0].what, Module)


def title_of(step: Step) -> str:
    """The name of a module's step for a reader: its label, or the name of its block; nothing of a mere group."""
    module = step.what
    if isinstance(module, Operator):
        return ""
    word = step.name.rstrip("0123456789")
    # `encoder_layer_3` is the block `encoder_layer`, by its number
    plain, name = (each.replace("_", "").lower() for each in (word, module.name))
    if word and not (word != step.name and plain in {"repeat", name}):
        return step.name
    return module.name if module.is_block or module.is_network else ""


def _read(step: Step) -> tuple[Wire, ...]:
    """The inputs of a step of which more than the size matters."""
    what = step.what
    if isinstance(what, Module):
        return step.inputs
    return () if what.ignores_input else step.inputs[:1] if what.sized_like else step.inputs


def _part(member: Member, scope: Scope, costs: Costs, mark: Marked | None) -> Part:
    """The part that a step is drawn as if it stays closed."""
    step, read = member.step, _read(member.step)
    return Part(
        members=(member,),
        inputs=read,
        input_types=step.input_types[: len(read)],
        outputs=step.outputs,
        costs=costs,
        title=title_of(step),
        count=step.count,
        shared=step.name if step.shared else "",
        training=scope.training,
        aside=scope.aside,
        mark=mark,
    )


def _wrapped(only: Part, part: Part) -> Part:
    """The only block in another one, under the names of both."""
    names = dict.fromkeys(filter(None, (part.title, only.title.rpartition(", ")[2])))
    members = only.members if only.inside is None else part.members
    count = part.count * only.count
    return replace(only, title=", ".join(names), members=members, count=count, costs=part.costs)


def _renamed(only: Part, part: Part, prefix: str) -> Part:
    """The box of a module at the place where the module stands."""
    whole = part.members[0]
    members = tuple(
        replace(
            each,
            path=f"{prefix}{each.path}",
            after=whole.after,
            around=_inside(whole, each.around),
            again=whole.again,
            training_only=whole.training_only,
        )
        for each in only.members
    )
    return replace(
        only,
        members=members,
        count=only.count * part.count,
        costs=part.costs,
        shared=part.shared,
        training=part.training,
        aside=part.aside,
        mark=part.mark or only.mark,
    )


def _inside(whole: Member, around: Standing | None) -> Member:
    """What is around a member of a module that was looked at without its place, where the module is that of `whole`."""
    return replace(around, around=_inside(whole, around.around)) if isinstance(around, Member) else whole


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
