"""Parts of pictures, and several pictures in one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from archdsl.draw.model import Cluster, Edge, Facts, Kind, Picture, Sample, by_axes, hierarchy, told
from archdsl.draw.words import sums


def focused(picture: Picture, path: str) -> Picture | None:
    """What is at a path with what it is joined to, the rest left out. None if nothing is there."""
    inner = _at(picture, path)
    if not inner:
        return None
    kind_of = {node.id: node.kind for node in picture.nodes}
    shown = set(inner)
    for edge in picture.edges:
        if edge.source in inner or edge.target in inner:
            shown |= {edge.source, edge.target}
    # a dot alone says nothing: what comes into it is shown too
    shown |= {
        edge.source for edge in picture.edges if edge.target in shown - inner and kind_of[edge.target] is Kind.DOT
    }
    nodes = tuple(node for node in picture.nodes if node.id in shown)
    kept = hierarchy(replace(picture, nodes=nodes))
    return replace(
        picture,
        name=f"{picture.name}, {path}",
        caption=_caption(picture, path),
        nodes=nodes,
        edges=tuple(edge for edge in picture.edges if edge.source in shown and edge.target in shown),
        clusters=tuple(cluster for cluster in picture.clusters if cluster.id in kept),
    )


def _at(picture: Picture, path: str) -> set[str]:
    """The nodes of the block at a path, or the box at it."""
    parent_of = {cluster.id: cluster.parent for cluster in picture.clusters}

    def within(cluster: str) -> bool:
        while cluster and cluster != path:
            cluster = parent_of[cluster]
        return bool(cluster)

    return {node.id for node in picture.nodes if within(node.cluster)} or {
        node.id for node in picture.nodes if node.id == path or any(facts.path == path for facts in node.facts)
    }


def _caption(picture: Picture, path: str) -> str:
    """What the block or box at a path takes, gives and costs."""
    everything = (facts for each in (*picture.clusters, *picture.nodes) for facts in each.facts)
    facts = next((facts for facts in everything if facts.path == path), Facts(path, ""))
    arrow = f"{' + '.join(map(by_axes, facts.inputs))} → {by_axes(facts.output)}"
    return " · ".join((arrow, *sums(facts.known)))


def side_by_side(pictures: Sequence[Picture]) -> Picture:
    """Several pictures as one, each in a column of its own with its name and caption above it."""
    if len(pictures) == 1:
        return pictures[0]
    columns = told(
        [_column(picture, f"{number}:") for number, picture in enumerate(pictures, 1)], pictures[0].direction
    )
    return replace(
        columns[0],
        name=", ".join(picture.name for picture in pictures),
        caption="",
        nodes=tuple(node for column in columns for node in column.nodes),
        edges=tuple(edge for column in columns for edge in column.edges),
        clusters=tuple(cluster for column in columns for cluster in column.clusters),
        columns=len(columns),
        legend=_without_repeats(sample for picture in pictures for sample in picture.legend),
        remarks=tuple(f"{picture.name}: {remark}" for picture in pictures for remark in picture.remarks),
    )


def _without_repeats(legend: Iterable[Sample]) -> tuple[Sample, ...]:
    """The legend with one entry for each colour: the one that says the most."""
    longest: dict[object, Sample] = {}
    for sample in legend:
        key = (sample.style, sample.fill)
        longest[key] = max(longest.get(key, sample), sample, key=lambda each: len(each.text))
    return tuple(longest.values())


def _column(picture: Picture, prefix: str) -> Picture:
    """The picture in a frame, every name in it with something before it."""
    frame = Cluster(prefix, "", heading=(picture.name, picture.caption))
    nodes = tuple(
        replace(
            node,
            id=f"{prefix}{node.id}",
            cluster=f"{prefix}{node.cluster}",
            spine=f"{prefix}{node.spine}" if node.spine else "",
        )
        for node in picture.nodes
    )
    clusters = (
        replace(cluster, id=f"{prefix}{cluster.id}", parent=f"{prefix}{cluster.parent}") for cluster in picture.clusters
    )
    edges: tuple[Edge, ...] = tuple(
        replace(edge, source=f"{prefix}{edge.source}", target=f"{prefix}{edge.target}") for edge in picture.edges
    )
    return replace(picture, nodes=nodes, edges=edges, clusters=(frame, *clusters))
