"""From the levels of a network to the nodes, edges and clusters of its picture."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from textwrap import wrap
from typing import Final

from archdsl.algebra.fields import Field
from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.draw.levels import Level, Part
from archdsl.draw.model import (
    Cluster,
    Detail,
    Edge,
    Facts,
    Kind,
    Node,
    Role,
    by_axes,
)
from archdsl.draw.routes import routes
from archdsl.draw.words import facts_of
from archdsl.facts.receptive import ReceptiveFields, start
from archdsl.graph.marks import Mark, Marked
from archdsl.graph.module import INPUT, Module, Wire
from archdsl.ops.operator import Operator, Style

_NOTE: Final = 44


@record(slots=True)
class _End:
    """Where an edge can start: a node, the tensor that comes out of it, and whether the node gave it a new shape.

    role: of an edge that was on its way when a cluster began. quiet: whether its shape has been said already.
    """

    node: str
    kind: TensorType
    is_new: bool = True
    role: Role = Role.MAIN
    quiet: bool = False
    training: bool = False


@record(slots=True)
class _Frame:
    """What a level or part is drawn in: a cluster, and a straight line to stand on. projects: it is on a shortcut."""

    cluster: str = ""
    spine: str = "spine"
    projects: bool = False


@dataclass
class Plot:
    """A picture in the making. opened: the paths of blocks that are open because they were asked for."""

    detail: Detail
    nodes: list[Node] = field(default_factory=list[Node])
    edges: list[Edge] = field(default_factory=list[Edge])
    clusters: list[Cluster] = field(default_factory=list[Cluster])
    opened: frozenset[str] = frozenset()
    _cluster_of: dict[str, str] = field(default_factory=dict[str, str])
    _ids: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def boxes(self) -> int:
        """How many boxes and closed blocks it has."""
        return sum(node.kind in {Kind.BOX, Kind.BLOCK} for node in self.nodes)

    def network(self, module: Module, level: Level) -> None:
        """Draw a whole network."""
        way = routes(level, frozenset())
        ends: list[_End] = []
        for port, (name, kind) in enumerate(zip(module.input_names, module.inputs, strict=True)):
            facts = Facts(name, "input", output=kind.shape)
            spine = "spine" if port == way.entry else ""
            node = Node(f"input:{name}", Kind.INPUT, "input" if name == "x" else name, spine=spine, facts=(facts,))
            ends.append(_End(self._add(node), kind))
        outputs = self.level(level, ends, _Frame())
        border = len(outputs) - module.train_outputs
        for index, (end, name) in enumerate(zip(outputs, module.result_names, strict=True)):
            training = index >= border
            shown = "output" if name == "y" else name
            facts = Facts(name, "output, in training only" if training else "output", output=end.kind.shape)
            spine = "spine" if index == way.exit else ""
            mark = None if end.kind.is_known else Mark.UNKNOWN
            node = Node(f"output:{name}", Kind.OUTPUT, shown, spine=spine, training=training, facts=(facts,), mark=mark)
            self._join(replace(end, is_new=True), self._add(node), training=training)

    def level(self, level: Level, inputs: list[_End], frame: _Frame) -> list[_End]:
        """Draw a level whose inputs come from `inputs`; where its outputs come from."""
        skips = frozenset(port for port, end in enumerate(inputs) if end.role is Role.SKIP)
        way = routes(level, skips)
        ends: dict[Wire, _End] = {}
        for port, end in enumerate(inputs):
            wire = Wire(INPUT, port)
            ends[wire] = self._parted(end, frame, level, wire, on_spine=port == way.entry)
        for index, part in enumerate(level.parts):
            on_spine = index in way.spine
            spine = frame.spine if on_spine else ""
            given = [
                replace(ends[wire], role=way.roles.get((index, place), ends[wire].role))
                for place, wire in enumerate(part.inputs)
            ]
            made = self._part(part, given, _Frame(frame.cluster, spine, projects=index in way.aside))
            for port, end in enumerate(made):
                wire = Wire(index, port)
                role = Role.RESIDUAL if index in way.aside else Role.MAIN
                ends[wire] = self._parted(replace(end, role=role), frame, level, wire, on_spine=on_spine)
        return [ends[wire] for wire in level.outputs]

    def _parted(self, end: _End, frame: _Frame, level: Level, wire: Wire, *, on_spine: bool) -> _End:
        """A dot where paths part: a shortcut starts there, never at the block before. The main path also comes into a
        block by one where something learned stands beside its beginning."""
        beside = on_spine and wire.step == INPUT and frame.cluster and any(not part.inputs for part in level.parts)
        if level.readers[wire] < 2 and not beside:
            return end
        name = f"{frame.cluster}:in" if wire.step == INPUT and frame.cluster else f"{end.node}:out"
        spine = frame.spine if on_spine else ""
        dot = self._add(Node(name, Kind.DOT, cluster=frame.cluster, spine=spine, training=end.training))
        self._join(end, dot, training=end.training)
        return _End(dot, end.kind, is_new=False, quiet=True, training=end.training)

    def _part(self, part: Part, given: list[_End], frame: _Frame) -> list[_End]:
        if part.inside is not None:
            return self._open_block(part, part.inside, given, frame)
        node = self._add(_node(part, frame))
        for end in given:
            self._join(end, node, training=part.training, merges=part.is_merge)
        is_new = part.outputs[0].shape != part.input_types[0].shape if part.input_types else True
        return [_End(node, kind, is_new, training=part.training) for kind in part.outputs]

    def _open_block(self, part: Part, inside: Level, given: list[_End], frame: _Frame) -> list[_End]:
        module = part.step.what
        facts = (facts_of(part.members[0], part),) if isinstance(module, Module) else ()
        # the body of a repeat has no path of its own
        is_row = isinstance(module, Module) and module.transparent
        path = self._unique(f"{part.members[0].path}{':row' if is_row else ''}")
        title = f"{part.title}, shared" if part.shared else part.title
        mark = part.mark and part.mark.mark
        if part.mark is not None:
            title = " · ".join(filter(None, (_changed(title, part.mark), part.mark.note)))
        cluster = Cluster(path, title, part.count, part.copies, frame.cluster, part.training, facts, mark)
        self.clusters.append(cluster)
        outputs = self.level(inside, given, _Frame(path, frame.spine or path))
        return [replace(end, training=part.training) for end in outputs]

    def _add(self, node: Node) -> str:
        node = replace(node, id=self._unique(node.id))
        self.nodes.append(node)
        self._cluster_of[node.id] = node.cluster
        return node.id

    def _unique(self, name: str) -> str:
        """A name that no other node or cluster has: steps that share weights have one path."""
        times = self._ids[name] = self._ids.get(name, 0) + 1
        return name if times == 1 else f"{name}@{times}"

    def _join(self, end: _End, target: str, *, training: bool, merges: bool = False) -> None:
        crosses = self._cluster_of[end.node] != self._cluster_of[target]
        says = end.role is Role.MAIN and not end.quiet and (end.is_new or crosses)
        bends = end.role is Role.SKIP or (end.role is Role.RESIDUAL and merges and end.quiet)
        label = by_axes(end.kind.shape) if says else ""
        unknown = not end.kind.is_known
        self.edges.append(Edge(end.node, target, label, end.role, bends, training, unknown=unknown))


def _node(part: Part, frame: _Frame) -> Node:
    operator = part.operator
    spine, cluster = frame.spine, frame.cluster
    facts = tuple(facts_of(member, part) for member in part.members)
    path = part.members[part.lead].path
    note = f"shared: {part.shared}" if part.shared else ""
    node = Node(path, Kind.BLOCK, "", note, part.count, part.copies, None, (), cluster, spine, part.training, facts)
    if part.mark is not None:
        note = " · ".join(filter(None, (note, part.mark.note)))
        note = "\n".join(wrap(note, _NOTE)) if part.mark.mark is Mark.WRONG else note
        node = replace(node, mark=part.mark.mark, note=note)
    if operator is None:
        return replace(node, label=closed_label(part), note=note or part.contents)
    label = _changed(operator.label(operator.operand(part.step.input_types)), part.mark)
    if len(label) == 1:
        return replace(node, kind=Kind.MERGE, label=label)
    style, holds = box_style(part, projects=frame.projects)
    return replace(node, kind=Kind.BOX, label=label, style=style, holds=holds)


def box_style(part: Part, *, projects: bool) -> tuple[Style, tuple[Style, ...]]:
    """The style of a box, and of what else it stands for. projects: whether it is on a shortcut."""
    operator = part.operator
    assert operator is not None
    styles = (member.step.what.style for member in part.members if isinstance(member.step.what, Operator))
    holds = tuple(dict.fromkeys(style for style in styles if style is not operator.style))
    return (Style.PROJECTION if projects and operator.style is Style.CONV else operator.style), holds


def _changed(label: str, mark: Marked | None) -> str:
    """The label, after the old one where the step was renamed: `old → new`."""
    return f"{mark.old} → {label}" if mark is not None and mark.old else label


def closed_label(part: Part) -> str:
    """A closed block in a few words: its name, its channels, and its stride where it makes the map smaller."""
    module = part.step.what
    assert isinstance(module, Module)
    words = [_changed(part.title or module.name, part.mark)]
    if part.input_types and part.outputs:
        before, after = part.input_types[0], part.outputs[0]
        words.extend([str(int(after.channels))] if after.is_known else [])
        if before.kind is after.kind and before.rank == after.rank > 0:
            fields = ReceptiveFields().module(module, tuple(map(start, module.inputs)))[0]
            strides = set(map(_stride, fields, before.grid, after.grid))
            words.extend(f"/{stride}" for stride in strides if len(strides) == 1 and stride > 1)
    return ", ".join(words)


def _stride(field: Field, before: int, after: int) -> Fraction | int:
    """How far the field of an output moves; of one that sees a whole map, what the sizes say."""
    return field.jump or round(before / after)
