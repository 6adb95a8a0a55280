"""A picture that says what became of each step since another network: with what is gone, and a legend of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from archdsl.draw.model import Edge, Kind, Node, Picture, Sample
from archdsl.graph.marks import Gone, Mark, Marks, prefixes

_TEXT: Final = {None: "unchanged", Mark.ADDED: "added", Mark.CHANGED: "changed", Mark.REMOVED: "removed"}


def with_marks(picture: Picture, marks: Marks) -> Picture:
    """The picture with what is gone, its colours those of the marks."""
    places = _Places(picture, marks)
    nodes, edges = list(picture.nodes), list(picture.edges)
    for number, gone in enumerate(marks.gone):
        if (found := places.of(gone)) is None:
            continue
        source, target, cluster = found
        node = Node(f"gone:{number}", Kind.BOX, gone.label, cluster=cluster, mark=Mark.REMOVED)
        # a picture holds its nodes in the order in which data flow
        nodes.insert(next(index for index, each in enumerate(nodes) if each.id == target), node)
        edges += [Edge(source, node.id, gone=True), Edge(node.id, target, gone=True)]
    return replace(
        picture,
        name=f"{marks.since} → {picture.name}" if marks.since != picture.name else picture.name,
        nodes=tuple(nodes),
        edges=tuple(edges),
        marked=True,
    )


def legend_of_marks(picture: Picture) -> Iterator[Sample]:
    """What the colours of a picture with marks mean, of those that are in it."""
    used = {None, *(each.mark for each in (*picture.nodes, *picture.clusters))}
    return (Sample(mark, text) for mark, text in _TEXT.items() if mark in used)


@dataclass
class _Places:
    """Where in a picture the layers of a path are."""

    picture: Picture
    marks: Marks

    def __post_init__(self) -> None:
        self._node_of: dict[str, str] = {}
        for node in self.picture.nodes:
            for facts in node.facts:
                self._node_of.setdefault(facts.path, node.id)
        self._into: dict[str, list[str]] = {}
        self._out_of: dict[str, list[str]] = {}
        for edge in self.picture.edges:
            self._into.setdefault(edge.target, []).append(edge.source)
            self._out_of.setdefault(edge.source, []).append(edge.target)
        self._order = {node.id: index for index, node in enumerate(self.picture.nodes)}
        self._clusters = {cluster.id for cluster in self.picture.clusters}
        self._is_closed = {node.id: node.kind is Kind.BLOCK for node in self.picture.nodes}

    def of(self, gone: Gone) -> tuple[str, str, str] | None:
        """The nodes between which something is gone, and the cluster; None where a closed block hides it."""
        if gone.parent and self._hides(gone.parent):
            return None
        after, before = self._last(gone.after), self._first(gone.before)
        if after is None and before is not None:
            after = next(iter(self._into.get(before, ())), None)
        if before is None and after is not None:
            before = next(iter(self._out_of.get(after, ())), None)
        if after is None or before is None or self._order[after] >= self._order[before]:
            return None
        return after, before, gone.parent if gone.parent in self._clusters else ""

    def _hides(self, path: str) -> bool:
        return any(self._is_closed.get(self._node_of.get(each, ""), False) for each in prefixes(path))

    def _last(self, path: str) -> str | None:
        return max(self._within(path), key=self._order.__getitem__, default=None)

    def _first(self, path: str) -> str | None:
        return min(self._within(path), key=self._order.__getitem__, default=None)

    def _within(self, path: str) -> Iterator[str]:
        if not path:
            return
        if (own := self._node_of.get(path)) is not None:
            yield own
            return
        yield from (node for each, node in self._node_of.items() if each.startswith(f"{path}."))
