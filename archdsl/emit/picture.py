"""What is drawn of a network, at a level of detail: boxes as a textbook names them, open blocks, and how they connect.

The folded picture is the hierarchy of modules itself, so drawing a thousand equal blocks costs what drawing one does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

from archdsl.base.tensors import TensorType
from archdsl.emit.drawing import (
    Cluster,
    Detail,
    Direction,
    Edge,
    Facts,
    Kind,
    Node,
    Picture,
    Role,
    Sample,
    by_axes,
)
from archdsl.emit.parts import Composer, Level, Member, Part
from archdsl.emit.routes import routes
from archdsl.graph.module import INPUT, Module, Wire
from archdsl.graph.receptive import Seen
from archdsl.ops.operator import Operator, Style

READABLE = 40
LARGEST = 5_000


def picture(
    module: Module,
    detail: Detail | str | None = None,
    *,
    direction: Direction | str = Direction.TB,
    legend: bool = True,
    expand: Iterable[str] = (),
) -> Picture:
    """The picture of a network.

    detail: `stage`, `block`, `layer` or `op`; without it the finest of the first three with at most 40 boxes. expand:
    paths of blocks that are opened whatever the detail. A picture of more than 5,000 boxes is made coarser, with a
    remark that says so.
    """
    wanted = None if detail is None else Detail(detail)
    expanded = frozenset(expand)
    made = _chosen(module, expanded) if wanted is None else _bounded(module, wanted, expanded)
    remarks = list(made.remarks)
    missing = sorted(expanded - made.found)
    remarks.extend(f"there is no block `{path}` to open" for path in missing)
    return Picture(
        name=module.name,
        caption=_caption(module),
        detail=made.detail,
        direction=Direction(direction),
        nodes=tuple(made.nodes),
        edges=tuple(made.edges),
        clusters=tuple(made.clusters),
        legend=tuple(_legend(made)) if legend else (),
        remarks=tuple(remarks),
    )


def _chosen(module: Module, expanded: frozenset[str]) -> _Plot:
    """The finest detail that a reader takes in at a glance."""
    made = None
    for detail in (Detail.LAYER, Detail.BLOCK, Detail.STAGE):
        composer = Composer(detail, expanded)
        if detail is Detail.STAGE or composer.size(module) <= LARGEST:
            made = _plotted(module, composer)
            if made.boxes <= READABLE:
                break
    assert made is not None
    return made


def _bounded(module: Module, wanted: Detail, expanded: frozenset[str]) -> _Plot:
    """The detail that is asked for, or the next coarser one that can be drawn."""
    order = list(Detail)
    detail = wanted
    while detail is not Detail.STAGE and Composer(detail).size(module) > LARGEST:
        detail = order[order.index(detail) - 1]
    made = _plotted(module, Composer(detail, expanded))
    if detail is not wanted:
        size = Composer(wanted).size(module)
        made.remarks.append(
            f"drawn at detail `{detail}`: `{wanted}` would have {size:,} boxes, and {LARGEST:,} is the most"
        )
    return made


def _plotted(module: Module, composer: Composer) -> _Plot:
    plot = _Plot(composer.detail)
    plot.network(module, composer.network(module))
    plot.found = frozenset(composer.found)
    return plot


# --- from levels to nodes and edges -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class _Frame:
    """What a level or part is drawn in: a cluster, and a straight line to stand on. projects: it is on a shortcut."""

    cluster: str = ""
    spine: str = "spine"
    projects: bool = False


@dataclass
class _Plot:
    """A picture in the making."""

    detail: Detail
    nodes: list[Node] = field(default_factory=list[Node])
    edges: list[Edge] = field(default_factory=list[Edge])
    clusters: list[Cluster] = field(default_factory=list[Cluster])
    remarks: list[str] = field(default_factory=list[str])
    found: frozenset[str] = frozenset()
    _cluster_of: dict[str, str] = field(default_factory=dict[str, str])
    _ids: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def boxes(self) -> int:
        """What a reader has to read."""
        return sum(node.kind in {Kind.BOX, Kind.BLOCK} for node in self.nodes)

    def network(self, module: Module, level: Level) -> None:
        """Draw a whole network."""
        ends: list[_End] = []
        for name, kind in zip(module.input_names, module.inputs, strict=True):
            facts = Facts(name, "input", output=kind.shape)
            node = Node(f"input:{name}", Kind.INPUT, "input" if name == "x" else name, spine="spine", facts=(facts,))
            ends.append(_End(self._add(node), kind))
        outputs = self.level(level, ends, _Frame())
        border = len(outputs) - module.train_outputs
        for index, (end, name) in enumerate(zip(outputs, _output_names(module), strict=True)):
            training = index >= border
            shown = "output" if name == "y" else name
            facts = Facts(name, "output, in training only" if training else "output", output=end.kind.shape)
            spine = "" if index else "spine"
            node = Node(f"output:{name}", Kind.OUTPUT, shown, spine=spine, training=training, facts=(facts,))
            self._join(replace(end, is_new=True), self._add(node), training=training)

    def level(self, level: Level, inputs: list[_End], frame: _Frame) -> list[_End]:
        """Draw a level whose inputs come from `inputs`; where its outputs come from."""
        skips = frozenset(port for port, end in enumerate(inputs) if end.role is Role.SKIP)
        way = routes(level, skips)
        ends: dict[Wire, _End] = {}
        for port, end in enumerate(inputs):
            wire = Wire(INPUT, port)
            ends[wire] = self._parted(end, frame, level, wire, on_spine=port == 0)
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
        """A dot where paths part: a shortcut starts there, never at the block before."""
        if level.readers[wire] < 2:
            return end
        name = f"{frame.cluster}:in" if wire.step == INPUT else f"{end.node}:out"
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
        facts = tuple(_facts(part.members[0], part)) if isinstance(part.step.what, Module) else ()
        path = self._unique(part.members[0].path)
        cluster = Cluster(path, part.title, part.count, part.copies, frame.cluster, part.training, facts)
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
        self.edges.append(Edge(end.node, target, label, end.role, bends, training))


def _node(part: Part, frame: _Frame) -> Node:
    operator = part.operator
    spine, cluster = frame.spine, frame.cluster
    facts = tuple(each for member in part.members for each in _facts(member, part))
    path = part.members[part.lead].path
    note = f"shared {part.step.name}" if part.step.shared else ""
    node = Node(path, Kind.BLOCK, "", note, part.count, part.copies, None, (), cluster, spine, part.training, facts)
    if operator is None:
        return replace(node, label=_closed_label(part), note=note or _contents(part))
    label = operator.label(operator.operand(part.step.input_types))
    if len(label) == 1:
        return replace(node, kind=Kind.MERGE, label=label)
    styles = (member.step.what.style for member in part.members if isinstance(member.step.what, Operator))
    holds = tuple(dict.fromkeys(style for style in styles if style is not operator.style))
    style = Style.PROJECTION if frame.projects and operator.style is Style.CONV else operator.style
    return replace(node, kind=Kind.BOX, label=label, style=style, holds=holds)


def _closed_label(part: Part) -> str:
    """A closed block in a few words: its name, its channels, and its stride where it makes the map smaller."""
    module = part.step.what
    assert isinstance(module, Module)
    words = [part.title or module.name]
    if part.input_types and part.outputs:
        before, after = part.input_types[0], part.outputs[0]
        words.append(str(int(after.channels)))
        if before.kind is after.kind and before.rank == after.rank > 0:
            strides = {-(-was // now) for was, now in zip(before.grid, after.grid, strict=True)}
            words.extend(f"/{stride}" for stride in strides if len(strides) == 1 and stride > 1)
    return ", ".join(words)


def _contents(part: Part) -> str:
    """The blocks inside a closed stage: `bottleneck ×4`."""
    module = part.step.what
    assert isinstance(module, Module)
    counts: dict[str, int] = {}
    for step in module.steps:
        inner = step.what
        if isinstance(inner, Module) and inner.is_block:
            counts[inner.name] = counts.get(inner.name, 0) + step.count
    if len(counts) > 2:
        return ""
    return ", ".join(f"{name} ×{count:,}" if count > 1 else name for name, count in counts.items())


# --- words ------------------------------------------------------------------------------------------------------------


def _facts(member: Member, part: Part) -> Iterator[Facts]:
    """What a tooltip says of a step."""
    step = member.step
    what = step.what
    if isinstance(what, Operator):
        label, arguments = what.label(what.operand(step.input_types)), what.arguments()
    else:
        label, arguments = part.title or what.name, what.arguments
    alone = len(part.members) == 1
    yield Facts(
        path=member.path,
        what=label,
        arguments=tuple((name, _written(value)) for name, value in arguments.items()),
        inputs=tuple(kind.shape for kind in step.input_types),
        output=step.outputs[0].shape if step.outputs else (),
        params=part.params if alone else step.params * part.count,
        macs=part.macs if alone else step.macs * part.count,
        seen=_field(member.seen[0]) if member.seen else "",
        line=step.place.line_column[0],
        count=part.count if step.input_types == step.outputs or alone or member is part.members[part.lead] else 1,
    )


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | str() | None:
            return str(value)
        case tuple():
            return f"({', '.join(map(_written, cast('tuple[Any, ...]', value)))})"
        case _:
            return str(value).removeprefix("block ").removeprefix("operator ")


def _field(seen: Seen) -> str:
    """A receptive field: `43×43`, `the whole input`, `at most 5×5`."""
    if not seen:
        return ""
    if all(axis.whole for axis in seen):
        return "the whole input"
    sizes = "×".join("all" if axis.whole else str(axis.size) for axis in seen)
    return f"at most {sizes}" if any(axis.bound for axis in seen) else sizes


def _output_names(module: Module) -> list[str]:
    """The names of a network's outputs, as `Network.outputs` has them."""
    given = module.output_names or ("",) * len(module.outputs)
    single = len(module.outputs) - module.train_outputs == 1
    return [name or ("y" if single else f"y{index + 1}") for index, name in enumerate(given)]


def _caption(module: Module) -> str:
    inputs = ", ".join(by_axes(kind.shape) for kind in module.inputs)
    return f"input {inputs} · {_short(module.params)} parameters · {_short(module.macs)} MACs"


def _short(number: int) -> str:
    """A number to three digits: `11.7 M`, `1.81 G`."""
    if number < 10_000:
        return f"{number:,}"
    for exponent, unit in ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k")):
        # integers of any length: the quotient is small, or scientific
        if number >= 10**exponent:
            whole = number * 100 // 10**exponent
            return f"{whole / 100:.3g} {unit}" if whole < 10**5 else f"{number // 10**exponent:,} {unit}"
    return str(number)


_STYLES = {
    Style.CONV: "convolution",
    Style.PROJECTION: "depthwise or projection",
    Style.LINEAR: "linear",
    Style.NORM: "norm",
    Style.ACTIVATION: "activation",
    Style.POOL: "pooling, resampling",
    Style.ATTENTION: "attention",
    Style.EMBEDDING: "embedding",
    Style.RECURRENT: "recurrent",
}


def _legend(plot: _Plot) -> Iterator[Sample]:
    """What the colours and lines of a picture mean, of those that are in it."""
    for style, text in _STYLES.items():
        boxes = [node for node in plot.nodes if node.style is style]
        held = {each for node in boxes for each in node.holds}
        inside = [name for each, name in ((Style.NORM, "norm"), (Style.ACTIVATION, "activation")) if each in held]
        if boxes:
            yield Sample(style, " + ".join((text, *inside)))
    if any(node.kind is Kind.BLOCK for node in plot.nodes):
        yield Sample(Kind.BLOCK, "block")
    if any(edge.role is Role.RESIDUAL for edge in plot.edges):
        yield Sample(Role.RESIDUAL, "shortcut")
    if any(node.training for node in plot.nodes):
        yield Sample(Kind.OUTPUT, "in training only")
