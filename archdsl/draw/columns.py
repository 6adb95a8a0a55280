"""A picture that is too long for a page, as columns side by side.

It is cut where a single edge leads from one block to the next. The edge then ends at a sign, a letter in a circle, and
the next column starts from the same sign. Sizes are estimates, in inches: good enough to choose the number of columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, sqrt
from string import ascii_uppercase
from typing import Final

from archdsl.draw.model import Cluster, Direction, Edge, Kind, Node, Picture, titled, told

LONGEST: Final = 4
_SLIDE: Final = 16
_POINTS: Final = 72

# what Helvetica takes for a letter, in parts of its size
_NARROW: Final = frozenset("fijlrt.,:;|!'()[]/ ")
_WIDE: Final = frozenset("mwMW@%")


def text_width(text: str, points: float = 11) -> float:
    """About how wide a text is, in inches."""
    parts = (0.3 if each in _NARROW else 0.85 if each in _WIDE else 0.68 if each.isupper() else 0.56 for each in text)
    return sum(parts) * points / _POINTS


def node_width(node: Node) -> float:
    """About how wide a node is, in inches."""
    if node.kind is Kind.DOT:
        return 0.04
    if node.kind in {Kind.MERGE, Kind.SIGN}:
        return 0.28
    notes = (text_width(line, 9) for line in node.note.splitlines())
    return max((text_width(titled(node.label, node)), *notes)) + 0.3


def extent(picture: Picture) -> tuple[float, float]:
    """About how long and how wide a picture is, in inches, seen in the direction in which data flow."""
    ranks = picture.ranks
    rows: dict[int, float] = {}
    sideways = picture.direction is Direction.LR
    for node in picture.nodes:
        rows[ranks[node.id]] = rows.get(ranks[node.id], 0) + (0.5 if sideways else node_width(node) + 0.3)
    across = max(rows.values(), default=0) + 0.25 * sum(not cluster.parent for cluster in picture.clusters[:2])
    across += 0.4 * any(edge.bends for edge in picture.edges)
    if not sideways:
        return 0.5 * len(rows) + 0.35 * len(picture.clusters), across
    longest: dict[int, float] = {}
    for node in picture.nodes:
        longest[ranks[node.id]] = max(longest.get(ranks[node.id], 0), node_width(node))
    return sum(longest.values()) + 0.5 * len(rows) + 0.25 * len(picture.clusters), across


def in_columns(picture: Picture) -> Picture:
    """The picture, in as many columns as make it no more than four times as long as wide; a row that fits on a slide
    stays one row."""
    along, across = extent(picture)
    if picture.direction is Direction.LR and along <= _SLIDE:
        return picture
    wanted = ceil(sqrt(along / (LONGEST * max(across, 1))))
    cuts = _cuts(picture, wanted) if wanted > 1 else []
    return _cut(picture, cuts) if cuts else picture


def _cuts(picture: Picture, columns: int) -> list[Edge]:
    """The edges nearest to where equally long columns would end."""
    ranks = picture.ranks
    last = max(ranks.values(), default=0)
    free = _possible(picture)
    chosen: list[Edge] = []
    for column in range(1, min(columns, len(ascii_uppercase))):
        goal = column * last / columns
        # a cut far from there would leave a stump beside a column as long as before
        near = [edge for edge in free if abs(ranks[edge.target] - goal) < 0.6 * last / columns]
        if near:
            chosen.append(min(near, key=lambda edge: abs(ranks[edge.target] - 0.5 - goal)))
            free.remove(chosen[-1])
    return sorted(chosen, key=lambda edge: ranks[edge.source])


def _possible(picture: Picture) -> list[Edge]:
    """The edges of the main path, outside of all blocks, without which the picture falls into two."""
    nodes = {node.id: node for node in picture.nodes}
    parent_of = {cluster.id: cluster.parent for cluster in picture.clusters}

    def outermost(cluster: str) -> str:
        while cluster and parent_of[cluster]:
            cluster = parent_of[cluster]
        return cluster

    def between_blocks(edge: Edge) -> bool:
        source, target = nodes[edge.source], nodes[edge.target]
        around = outermost(source.cluster)
        return (
            source.spine == target.spine != ""
            and source.kind is not Kind.DOT
            and Kind.INPUT is not source.kind
            and Kind.OUTPUT is not target.kind
            and (not around or around != outermost(target.cluster))
        )

    bridges = _bridges(picture)
    return [edge for index, edge in enumerate(picture.edges) if index in bridges and between_blocks(edge)]


def _bridges(picture: Picture) -> set[int]:
    """The edges, by index, that alone connect two parts of the picture (Tarjan 1974), without recursion."""
    ways: dict[str, list[tuple[int, str]]] = {node.id: [] for node in picture.nodes}
    for index, edge in enumerate(picture.edges):
        ways[edge.source].append((index, edge.target))
        ways[edge.target].append((index, edge.source))
    found: dict[str, int] = {}
    lowest: dict[str, int] = {}
    bridges: set[int] = set()
    for start, first in ways.items():
        if start in found:
            continue
        found[start] = lowest[start] = len(found)
        path = [(start, -1, iter(first))]
        while path:
            here, came, others = path[-1]
            index, there = next(others, (-1, ""))
            if index == -1:
                path.pop()
                if path:
                    before = path[-1][0]
                    lowest[before] = min(lowest[before], lowest[here])
                    if lowest[here] > found[before]:
                        bridges.add(came)
            elif there not in found:
                found[there] = lowest[there] = len(found)
                path.append((there, index, iter(ways[there])))
            elif index != came:
                lowest[here] = min(lowest[here], found[there])
    return bridges


def _cut(picture: Picture, cuts: Sequence[Edge]) -> Picture:
    """The picture with each of the edges ending at a sign, and the next column starting from it."""
    column_of = _columns_of(picture, cuts)
    ends = dict(zip((edge.source for edge in cuts), ascii_uppercase, strict=False))
    starts = dict(zip((edge.target for edge in cuts), ascii_uppercase, strict=False))
    columns: list[list[Node]] = [[] for _ in range(len(cuts) + 1)]
    for node in picture.nodes:
        column = column_of[node.id]
        spine = f"{node.spine}{column or ''}" if node.spine else ""
        row: list[Node] = columns[column]
        if sign := starts.get(node.id):
            row.append(Node(f"sign:{sign}:start", Kind.SIGN, sign, spine=spine))
        row.append(replace(node, spine=spine))
        if sign := ends.get(node.id):
            row.append(Node(f"sign:{sign}:end", Kind.SIGN, sign, spine=spine))
    edges: list[Edge] = []
    for edge in picture.edges:
        if edge not in cuts:
            edges.append(edge)
            continue
        edges.append(replace(edge, target=f"sign:{ends[edge.source]}:end"))
        edges.append(replace(edge, source=f"sign:{ends[edge.source]}:start"))
    # Graphviz takes what is in no cluster last, so each column is one
    frames = [Cluster(f"column:{number}", "", heading=("", "")) for number in range(1, len(columns) + 1)]
    around = {node.cluster: frame.id for frame, column in zip(frames, columns, strict=True) for node in column}
    parent_of = {cluster.id: cluster.parent for cluster in picture.clusters}
    for cluster in reversed(picture.clusters):
        around.setdefault(parent_of[cluster.id], around[cluster.id])
    clusters = (replace(each, parent=each.parent or around[each.id]) for each in picture.clusters)
    nodes = (
        replace(node, cluster=node.cluster or frame.id)
        for frame, column in told(list(zip(frames, columns, strict=True)), picture.direction)
        for node in column
    )
    return replace(picture, nodes=tuple(nodes), edges=tuple(edges), clusters=(*frames, *clusters), columns=len(columns))


def _columns_of(picture: Picture, cuts: Sequence[Edge]) -> Mapping[str, int]:
    """The column of each node: the number of cuts that it comes after."""
    neighbours: dict[str, list[str]] = {node.id: [] for node in picture.nodes}
    for edge in picture.edges:
        if edge not in cuts:
            neighbours[edge.source].append(edge.target)
            neighbours[edge.target].append(edge.source)
    column_of: dict[str, int] = {}
    for column, edge in enumerate(cuts, 1):
        waiting = [edge.target]
        while waiting:
            name = waiting.pop()
            if name not in column_of:
                column_of[name] = column
                waiting.extend(neighbours[name])
    return {name: column_of.get(name, 0) for name in neighbours}
