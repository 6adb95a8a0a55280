"""A network of two inputs whose one half reads the other, drawn as two columns, encoder beside decoder. Also where
titles of blocks stand in a network with several inputs.

The pair is found in the graph: a network with two inputs whose output comes from the second, where no layer takes its
main input from the first side, but some take something else from there, such as keys and values, states or a mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archdsl.draw.columns import node_width, text_width
from archdsl.draw.model import Cluster, Edge, Kind, Node, Picture, Role, titled

_LEFT = "left"
_FEWEST = 2


def as_pair(picture: Picture) -> Picture:
    """The picture in two columns if one half reads the other; else as it is."""
    inputs = [node.id for node in picture.nodes if node.kind is Kind.INPUT]
    outputs = [node.id for node in picture.nodes if node.kind is Kind.OUTPUT]
    # of a text that is wrong there may be nothing that comes out
    if len(inputs) != 2 or not outputs:
        return picture
    into: dict[str, list[Edge]] = {}
    for edge in picture.edges:
        into.setdefault(edge.target, []).append(edge)
    right = _reached(picture, into, inputs[1])
    across = [edge for edge in picture.edges if edge.source not in right and edge.target in right]
    if not across or any(into[edge.target][0].source not in right for edge in across):
        return picture
    kind_of = {node.id: node.kind for node in picture.nodes}
    # a sum of both sides is no reading
    if any(kind_of[edge.target] is Kind.MERGE for edge in across):
        return picture
    end = max((edge.source for edge in across), key=lambda name: len(_line(into, name)))
    first = next(edge.target for edge in across if edge.source == end)
    lines = {_LEFT: _line(into, end), "spine": _line(into, outputs[0])}
    if outputs[0] not in right or any(len(set(line) & _boxes(picture)) < _FEWEST for line in lines.values()):
        return picture
    spine_of = {name: spine for spine, line in lines.items() for name in line}
    apart = {node.id for node in picture.nodes if node.spine == "spine"} - spine_of.keys()
    nodes = tuple(
        replace(node, spine=spine_of.get(node.id, "" if node.id in apart else node.spine)) for node in picture.nodes
    )
    return replace(
        picture, nodes=nodes, clusters=_turned(picture, nodes), level=(*picture.level, (end, first)), pair=True
    )


def _turned(picture: Picture, nodes: tuple[Node, ...]) -> tuple[Cluster, ...]:
    """The clusters, the titles of those on the left away from what comes in between the two sides, where there is room
    beside the main path."""
    parent_of = {cluster.id: cluster.parent for cluster in picture.clusters}
    widest: dict[str, float] = {}
    for node in nodes:
        cluster = node.cluster if node.spine == _LEFT else ""
        while cluster:
            widest[cluster] = max(widest.get(cluster, 0), node_width(node))
            cluster = parent_of[cluster]
    return tuple(
        replace(cluster, turned=text_width(titled(cluster.title, cluster)) < widest.get(cluster.id, 0) / 2)
        for cluster in picture.clusters
    )


def titles_aside(picture: Picture) -> Picture:
    """The picture with the titles of blocks on the left where something comes in beside the main path: on the right it
    would come through them."""
    node_of = {node.id: node for node in picture.nodes}
    beside = {
        node_of[edge.target].cluster
        for edge in picture.edges
        if node_of[edge.source].kind is Kind.INPUT and not node_of[edge.target].spine
    }
    clusters = tuple(replace(each, turned=True) if each.id in beside else each for each in picture.clusters)
    return replace(picture, clusters=clusters)


def _boxes(picture: Picture) -> set[str]:
    return {node.id for node in picture.nodes if node.kind in {Kind.BOX, Kind.BLOCK}}


def _reached(picture: Picture, into: Mapping[str, list[Edge]], start: str) -> set[str]:
    """The nodes that depend on one."""
    found = {start}
    # nodes stand in an order in which each comes after what it reads
    for node in picture.nodes:
        if any(edge.source in found for edge in into.get(node.id, ())):
            found.add(node.id)
    return found


def _line(into: Mapping[str, list[Edge]], end: str) -> list[str]:
    """The way back from a node to an input, by what each node takes first and does not skip to it."""
    line = [end]
    while edges := into.get(line[-1]):
        main = [edge for edge in edges if edge.role is Role.MAIN and not edge.bends]
        line.append((main or edges)[0].source)
    return line
