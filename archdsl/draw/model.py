"""A picture of a network as data: nodes, edges and clusters, with everything that a back end writes about them.

What is drawn is decided in `draw.picture`; how it looks as text in `draw.dot`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import StrEnum
from typing import Any, TypeVar

from archdsl.algebra.tensors import Shape
from archdsl.base.records import record
from archdsl.base.wanted import Choice
from archdsl.draw.graphviz import LIGHT, Theme
from archdsl.facts.fact import Fact, View
from archdsl.facts.table import shown_in
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style

_Column = TypeVar("_Column")


class Detail(Choice):
    """How far a network is opened, from coarse to fine. At `op` every operator is a box of its own."""

    STAGE = "stage"
    BLOCK = "block"
    LAYER = "layer"
    OP = "op"


class Direction(Choice):
    """Where the data flow: top to bottom, or left to right."""

    TB = "TB"
    LR = "LR"


class Kind(StrEnum):
    """What a node is: a box of layers, a block that stays closed, a point where paths part, a circle where they meet,
    an input or an output; or the sign that a column goes on in the next one."""

    BOX = "box"
    BLOCK = "block"
    DOT = "dot"
    MERGE = "merge"
    INPUT = "input"
    OUTPUT = "output"
    SIGN = "sign"


class Role(StrEnum):
    """What an edge is: a part of the path itself, a shortcut that is added, or one that skips ahead."""

    MAIN = "main"
    RESIDUAL = "residual"
    SKIP = "skip"


@record(slots=True)
class Facts:
    """What is known of a layer, block or tensor: the text of a tooltip.

    count: how often it stands there. known: the facts of all of them together. line: of the text, None where nothing of
    it stands.
    """

    path: str
    what: str
    arguments: tuple[tuple[str, str], ...] = ()
    inputs: tuple[Shape, ...] = ()
    output: Shape = ()
    line: int | None = None
    count: int = 1
    known: Mapping[Fact[Any], Any] = field(default_factory=dict[Fact[Any], Any])

    def lines(self) -> Iterator[str]:
        """The facts one by one, as a reader wants them."""
        arguments = ", ".join(f"{name}={value}" for name, value in self.arguments)
        times = f" ×{self.count:,}" if self.count > 1 else ""
        yield f"{self.path}{times}: {self.what}{f' ({arguments})' if arguments else ''}"
        if self.output:
            yield (
                f"{' + '.join(map(by_axes, self.inputs))} → {by_axes(self.output)}"
                if self.inputs
                else by_axes(self.output)
            )
        yield from filter(None, (fact.said(self.known[fact]) for fact in shown_in(View.TABLE) if fact in self.known))
        if self.line is not None:
            yield f"line {self.line}"


@record(slots=True)
class Node:
    """One thing that is drawn.

    id: the path of its layer, or a name of its own. count: how often it stands in a row; copies: how often beside
    itself. note: small words under the label. style: its colour; none of inputs, outputs and dots. holds: the styles of
    what it stands for besides its own. cluster: the id of the one that it is in. spine: the straight line that it
    stands on, nothing if none. training: whether it exists in training mode only. fill: its colour where that is not
    that of its style. mark: what became of it since another network.
    """

    id: str
    kind: Kind
    label: str = ""
    note: str = ""
    count: int = 1
    copies: int = 1
    style: Style | None = None
    holds: tuple[Style, ...] = ()
    cluster: str = ""
    spine: str = ""
    training: bool = False
    facts: tuple[Facts, ...] = ()
    fill: str = ""
    mark: Mark | None = None

    @property
    def shows_mark(self) -> bool:
        """Whether it has the colours of its mark where a picture has marks: circles only where something became of
        them."""
        return self.kind not in {Kind.DOT, Kind.SIGN} and (self.kind is not Kind.MERGE or self.mark is not None)


@record(slots=True)
class Edge:
    """A tensor from a node to another. label: its shape, where that is worth a word.

    bends: whether it goes around what lies between, from side to side. gone: whether it is no longer there. unknown:
    whether it could not be worked out.
    """

    source: str
    target: str
    label: str = ""
    role: Role = Role.MAIN
    bends: bool = False
    training: bool = False
    gone: bool = False
    unknown: bool = False


@record(slots=True)
class Cluster:
    """A stage or block that is open, or the frame of a whole network among several.

    parent: the id of the cluster that it is in, nothing if none. heading: name and caption of a frame, nothing in them
    where it is a column. turned: whether its title stands on the left.
    """

    id: str
    title: str
    count: int = 1
    copies: int = 1
    parent: str = ""
    training: bool = False
    facts: tuple[Facts, ...] = ()
    mark: Mark | None = None
    heading: tuple[str, str] | None = None
    turned: bool = False


@record(slots=True)
class Sample:
    """An entry of the legend: what a colour or a line means. style: None of what is as it was since another network.
    fill: a colour that is not one of the theme."""

    style: Style | Kind | Role | Mark | None
    text: str
    fill: str = ""


@record(slots=True)
class Picture:
    """What is drawn of a network. Nodes, edges and clusters are in the order of the text. One without a caption has no
    heading either.

    theme: its colours. rising: the nodes of a path that goes up again, the right half of a U. level: nodes that stand
    at one height. pair: whether it is one network beside another that reads it. columns: how many parts stand beside
    each other, each laid out by itself; from left to right they are rows. remarks: what the reader should know about
    the picture itself, such as why it is coarser than was asked for. marked: whether colours say what became of steps
    since another network, rather than what they are.
    """

    name: str
    caption: str
    detail: Detail
    direction: Direction
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    clusters: tuple[Cluster, ...]
    legend: tuple[Sample, ...] = ()
    theme: Theme = LIGHT
    rising: frozenset[str] = frozenset()
    level: tuple[tuple[str, ...], ...] = ()
    pair: bool = False
    columns: int = 1
    remarks: tuple[str, ...] = ()
    marked: bool = False

    @property
    def size(self) -> int:
        """The nodes that a reader has to read: boxes and blocks."""
        return sum(node.kind in {Kind.BOX, Kind.BLOCK} for node in self.nodes)

    @property
    def ranks(self) -> Mapping[str, int]:
        """How far from the start each node stands: one further than the furthest that it comes from."""
        ranks = dict.fromkeys((node.id for node in self.nodes), 0)
        into: dict[str, list[Edge]] = {}
        for edge in self.edges:
            into.setdefault(edge.target, []).append(edge)
        # nodes stand in the order of the text, so whatever an edge comes from has its rank already
        for node in self.nodes:
            ranks[node.id] = max((ranks[edge.source] + 1 for edge in into.get(node.id, ())), default=0)
        return ranks

    @property
    def price(self) -> int:
        """What the layout costs: the sum of the ranks that edges span. A chain of n boxes costs about n."""
        ranks = self.ranks
        return sum(ranks[edge.target] - ranks[edge.source] for edge in self.edges)


def hierarchy(picture: Picture) -> Mapping[str, list[Node | Cluster]]:
    """What is directly in each cluster, in the order of the text: a cluster stands where its first node does."""
    clusters = {cluster.id: cluster for cluster in picture.clusters}
    inside: dict[str, list[Node | Cluster]] = {}
    placed: set[str] = set()
    for node in picture.nodes:
        inside.setdefault(node.cluster, []).append(node)
        around = node.cluster
        while around and around not in placed:
            placed.add(around)
            inside.setdefault(clusters[around].parent, []).append(clusters[around])
            around = clusters[around].parent
    return inside


def told(columns: Sequence[_Column], direction: Direction) -> Sequence[_Column]:
    """Columns in the order in which Graphviz must be told of them: where they are rows, it begins at the bottom."""
    return columns if direction is Direction.TB else columns[::-1]


def titled(text: str, each: Node | Cluster) -> str:
    """The label of a node or the title of a cluster with how often it stands there, without marks."""
    times = f" ×{each.count:,}" if each.count > 1 else ""
    return text + times + (f" ×{each.copies:,} in parallel" if each.copies > 1 else "")


def by_axes(shape: Shape) -> str:
    """A shape as pictures write it: `64×56×56`."""
    return "×".join(map(str, map(int, shape)))
