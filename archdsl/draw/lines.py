"""The lines of a picture in DOT: what Graphviz must be told to draw the main path straight and arcs beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from archdsl.draw.columns import node_width, text_width
from archdsl.draw.graphviz import Dot, Label
from archdsl.draw.model import Direction, Edge, Kind, Node, Picture, Role, titled
from archdsl.graph.marks import Mark

_NODESEP: Final = 0.3


class Lines:
    """The edges of a picture with what Graphviz needs to draw them straight, and invisible ones that keep a fork above
    the place where its branches meet."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.nodes = {node.id: node for node in picture.nodes}
        self.passed = self._passed()
        self.room: dict[Edge, float] = {}
        self.spacers: dict[str, float] = {}
        if picture.direction is Direction.TB:
            self._make_room_for_titles()

    def written(self) -> Iterator[tuple[str, str, dict[str, Dot]]]:
        """Source, target and attributes, in the order in which the edges leave a fork from left to right."""
        guides = self._guides()
        leaving: dict[str, list[Edge]] = {}
        for edge in self.picture.edges:
            leaving.setdefault(edge.source, []).append(edge)
        for source, edges in leaving.items():
            edges.sort(key=self._place)
            # where data flow from left to right, Graphviz puts what comes first on top, but in a cluster at the bottom
            if self.picture.direction is Direction.LR and self.nodes[source].cluster:
                edges.reverse()
            middle = len(edges) // 2
            for index, edge in enumerate(edges):
                if source in guides and index == middle:
                    yield source, guides[source], {"style": Dot("invis"), "weight": Dot("100")}
                attributes = self._attributes(edge)
                if self._rises(edge):
                    # Graphviz draws what it is given from top to bottom
                    yield edge.target, source, _reversed(attributes)
                else:
                    yield source, edge.target, attributes

    def _rises(self, edge: Edge) -> bool:
        """Whether an edge leads up: on the right of a U, or to there from its bottom."""
        rising = self.picture.rising
        if edge.target not in rising or any({edge.source, edge.target} <= set(level) for level in self.picture.level):
            return False
        return edge.source in rising or edge.role is Role.MAIN

    def _place(self, edge: Edge) -> int:
        """Where an edge leaves a fork: what goes straight on to a product first, what bends last. Of a pair, what both
        sides read stands between them."""
        target = self.nodes[edge.target]
        if edge.bends:
            return 3
        if self.picture.pair and not self._is_straight(edge):
            return 2
        return 0 if target.kind is Kind.MERGE else 1

    def _guides(self) -> dict[str, str]:
        """Fork and meeting place of branches none of which stands on the straight line."""
        fed = {edge.target for edge in self.picture.edges if self._is_straight(edge)}
        last: dict[str, str] = {}
        guides: dict[str, str] = {}
        for node in self.picture.nodes:
            if not node.spine:
                continue
            if node.id not in fed and node.spine in last:
                guides[last[node.spine]] = node.id
            last[node.spine] = node.id
        return guides

    def _passed(self) -> frozenset[str]:
        """The clusters inside another one that an arc goes past. Graphviz puts labels in them on the line instead of
        beside it, and bends the line around them."""
        arcs: dict[str, list[tuple[int, int]]] = {}
        place = {name: index for index, name in enumerate(self.nodes)}
        for edge in self.picture.edges:
            around = self.nodes[edge.source].cluster
            if around and around == self.nodes[edge.target].cluster and edge.role is not Role.MAIN:
                arcs.setdefault(around, []).append((place[edge.source], place[edge.target]))
        parent_of = {cluster.id: cluster.parent for cluster in self.picture.clusters}
        return frozenset(
            node.cluster
            for node in self.picture.nodes
            if node.cluster
            and any(begin < place[node.id] < end for begin, end in arcs.get(parent_of[node.cluster], ()))
        )

    def _make_room_for_titles(self) -> None:
        """Find how wide, in inches, the label of an edge must be that the title of its block fits beside the line, and
        in blocks that an arc goes past, something beside the first box."""
        inside: dict[str, list[Node]] = {}
        for node in self.picture.nodes:
            inside.setdefault(node.cluster, []).append(node)
        within: dict[str, list[Edge]] = {}
        for edge in self.picture.edges:
            cluster = self.nodes[edge.source].cluster
            if cluster == self.nodes[edge.target].cluster:
                within.setdefault(cluster, []).append(edge)
        for cluster in self.picture.clusters:
            nodes, edges = inside.get(cluster.id, []), within.get(cluster.id, [])
            title = text_width(titled(cluster.title, cluster)) + 0.1
            straight = next(filter(self._is_straight, edges), None)
            if cluster.heading or not nodes or not all(node.spine and node_width(node) / 2 < title for node in nodes):
                continue
            if cluster.id not in self.passed and straight is not None:
                self.room[straight] = title
            elif cluster.id in self.passed and not any(edge.bends for edge in edges):
                self.spacers[cluster.id] = max(title - node_width(nodes[0]) / 2 - _NODESEP, 0.01)

    def _is_within_passed(self, edge: Edge) -> bool:
        around = self.nodes[edge.source].cluster
        return around in self.passed and around == self.nodes[edge.target].cluster

    def _is_straight(self, edge: Edge) -> bool:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        return not edge.bends and bool(source.spine) and source.spine == target.spine

    def _attributes(self, edge: Edge) -> dict[str, Dot]:
        if edge.gone:
            removed = self.picture.theme.marked[Mark.REMOVED][1]
            return {"color": Dot.of(removed), "style": Dot("dashed"), "weight": Dot("1")}
        own: dict[str, Dot] = {}
        from_fork = self.nodes[edge.source].kind is Kind.DOT
        if (edge.label or edge in self.room) and not self._is_within_passed(edge):
            own["label"] = _shape(edge.label, self.room.get(edge, 0), self.picture.direction)
        if edge.role is Role.RESIDUAL:
            own["color"] = Dot.of(self.picture.theme.red)
        if self.nodes[edge.target].kind is Kind.DOT:
            own["arrowhead"] = Dot("none")
        aside = edge.role is Role.RESIDUAL
        if self._is_straight(edge):
            own["weight"] = Dot("100")
        elif edge.bends:
            own["weight"] = Dot("1")
        elif from_fork or aside:
            # branches begin on one line, and a projection beside the first layer of the body
            own["weight"] = Dot("2") if from_fork else Dot("1")
        # a row needs no sides: an arc under it stays flat by itself
        if self.picture.direction is Direction.TB:
            if edge.bends or (from_fork and (aside or edge.training)):
                own["tailport"] = Dot("e")
            if edge.bends or (aside and self.nodes[edge.target].kind is Kind.MERGE):
                own["headport"] = Dot("e")
        if edge.training or edge.unknown:
            own["style"] = Dot("dashed")
        return own


def _reversed(attributes: dict[str, Dot]) -> dict[str, Dot]:
    """What is said of an edge, for the same edge written the other way round."""
    other = {"tailport": "headport", "headport": "tailport", "arrowhead": "arrowtail", "arrowtail": "arrowhead"}
    return {other.get(name, name): value for name, value in attributes.items()} | {"dir": Dot("back")}


def _shape(text: str, width: float, direction: Direction) -> Dot:
    """The label of an edge, a little off the line, and at least so many inches wide."""
    if direction is Direction.LR:
        return Dot.html(Label.filled('{}<br/><font point-size="5"> </font>', Label.of(text)))
    if not width:
        return Dot.of(f"  {text}")
    words = Label.of(f"  {text}" if text else "")
    cell = Label.filled('<td align="left" width="{}">{}</td>', round(width * 72), words)
    table = '<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{}</tr></table>'
    return Dot.html(Label.filled(table, cell))
