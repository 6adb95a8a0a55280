"""A picture as DOT, the text that Graphviz lays out: the same bytes for the same network, on any machine.

How it looks is decided here, by the recipe that Graphviz draws well: straight main path, arcs for shortcuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from archdsl.emit.drawing import Cluster, Direction, Edge, Kind, Node, Picture, Role, Sample
from archdsl.ops.operator import Style

DEAR: Final = 1_500

_FILL: Final[Mapping[Style | None, str]] = {
    None: "#E6E6E6",
    Style.CONV: "#A6CEE3",
    Style.PROJECTION: "#C9E2F0",
    Style.LINEAR: "#CAB2D6",
    Style.NORM: "#FFF2AE",
    Style.ACTIVATION: "#FDDBC7",
    Style.POOL: "#B2DF8A",
    Style.ATTENTION: "#FDBF6F",
    Style.EMBEDDING: "#FB9A99",
    Style.RECURRENT: "#B3E2CD",
    Style.MERGE: "#F0F0F0",
    Style.OTHER: "#F0F0F0",
}
_BORDER: Final = "#555555"
_BLOCK_FILL: Final = "#F6F7FB"
_BLOCK_BORDER: Final = "#9999BB"
_CLOSED_FILL: Final = "#E4E7F5"
_GREY: Final = "#666666"
_LINE: Final = "#444444"
_RED: Final = "#B2182B"
_FONT: Final = "Helvetica,Arial,sans-serif"

_ESCAPES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\\": "&#92;&#92;",
    "{": "&#123;",
    "}": "&#125;",
    "\n": "&#10;",
}


def escape(text: str) -> str:
    """Text as it may stand inside any label, quoted or HTML: what Graphviz would take for markup becomes an entity."""
    return "".join(_ESCAPES.get(each, each if each.isprintable() else "\N{REPLACEMENT CHARACTER}") for each in text)


def dot(picture: Picture) -> str:
    """The DOT text of a picture."""
    return "\n".join(_lines(picture)) + "\n"


def _lines(picture: Picture) -> Iterator[str]:
    yield f"digraph {_quoted(picture.name)} {{"
    yield f"  graph [{_attributes(_graph(picture))}]"
    yield f'  node [shape=box style="filled,rounded" fontname="{_FONT}" fontsize=11 height=0.30 margin="0.14,0.04" color="{_BORDER}"]'
    yield f'  edge [fontname="{_FONT}" fontsize=9 fontcolor="{_GREY}" color="{_LINE}" arrowsize=0.7]'
    yield from _content("", _hierarchy(picture), "  ")
    for source, target, attributes in _Edges(picture).written():
        yield f"  {_quoted(source)} -> {_quoted(target)}{_brackets(attributes)}"
    yield "}"


def _hierarchy(picture: Picture) -> Mapping[str, list[Node | Cluster]]:
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


def _graph(picture: Picture) -> dict[str, str]:
    attributes = {
        "rankdir": str(picture.direction),
        "splines": "true",
        "nodesep": "0.30",
        "ranksep": "0.25",
        "fontname": f'"{_FONT}"',
        "fontsize": "11",
        "labelloc": "t",
        "labeljust": "l",
        "label": f"<{_heading(picture)}>",
        "tooltip": _quoted(f"{picture.name}: {picture.caption}"),
        "pad": "0.1",
    }
    if picture.price > DEAR:
        attributes |= {"splines": "false", "nslimit": "2", "nslimit1": "2", "mclimit": "0.2"}
    return attributes


def _content(cluster: str, inside: Mapping[str, list[Node | Cluster]], indent: str) -> Iterator[str]:
    """The nodes and clusters in a cluster, in the order of the text. At most a few are nested."""
    for each in inside.get(cluster, ()):
        if isinstance(each, Node):
            yield f"{indent}{_quoted(each.id)}{_brackets(_node(each))}"
            continue
        yield f"{indent}subgraph {_quoted(f'cluster_{each.id}')} {{"
        yield f"{indent}  graph [{_attributes(_cluster(each))}]"
        yield from _content(each.id, inside, indent + "  ")
        yield f"{indent}}}"


def _node(node: Node) -> dict[str, str]:
    own: dict[str, str] = {"id": _quoted(node.id)}
    if node.spine:
        own["group"] = _quoted(node.spine)
    if node.kind is Kind.DOT:
        return own | {"ordering": "out", "shape": "point", "width": "0.04", "height": "0.04", "label": '""', "color": f'"{_LINE}"', "tooltip": '""'}
    own["label"] = _label(node)
    own["tooltip"] = _quoted("\n\n".join("\n".join(facts.lines()) for facts in node.facts))
    style = '"filled,rounded,dashed"' if node.training else ""
    match node.kind:
        case Kind.MERGE:
            own |= {"shape": "circle", "width": "0.28", "height": "0.28", "fixedsize": "true", "fillcolor": '"white"'}
            style = '"filled,dashed"' if node.training else '"filled"'
        case Kind.BLOCK:
            own |= {"fillcolor": f'"{_CLOSED_FILL}"', "color": f'"{_BLOCK_BORDER}"'}
        case _:
            own["fillcolor"] = f'"{_FILL[node.style]}"'
    return own | ({"style": style} if style else {})


def _label(node: Node) -> str:
    """A label in quotes, or in HTML where something of it is bold or small."""
    times = _times(node.count, node.copies)
    if not times and not node.note:
        return _quoted(node.label)
    note = f'<br/><font point-size="9" color="{_GREY}">{escape(node.note)}</font>' if node.note else ""
    return f"<{escape(node.label)}{times}{note}>"


def _times(count: int, copies: int) -> str:
    times = f" <b>×{count:,}</b>" if count > 1 else ""
    return times + (f" <b>×{copies:,}</b> in parallel" if copies > 1 else "")


def _cluster(cluster: Cluster) -> dict[str, str]:
    title = f"{escape(cluster.title)}{_times(cluster.count, cluster.copies)}".strip()
    return {
        "id": _quoted(cluster.id),
        "style": '"filled,rounded,dashed"' if cluster.training else '"filled,rounded"',
        "fillcolor": f'"{_BLOCK_FILL}"',
        "color": f'"{_BLOCK_BORDER}"',
        "labeljust": "r",
        "label": f"<{title}>" if title else '""',
        "tooltip": _quoted("\n\n".join("\n".join(facts.lines()) for facts in cluster.facts)),
    }


class _Edges:
    """The edges of a picture with what Graphviz needs to draw them straight, and invisible ones that keep a fork above
    the place where its branches meet."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.nodes = {node.id: node for node in picture.nodes}
        self.side = "s" if picture.direction is Direction.LR else "e"

    def written(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Source, target and attributes, in the order in which the edges leave a fork from left to right."""
        guides = self._guides()
        leaving: dict[str, list[Edge]] = {}
        for edge in self.picture.edges:
            leaving.setdefault(edge.source, []).append(edge)
        for source, edges in leaving.items():
            edges.sort(key=self._place)
            middle = len(edges) // 2
            for index, edge in enumerate(edges):
                if source in guides and index == middle:
                    yield source, guides[source], {"style": "invis", "weight": "100"}
                yield source, edge.target, self._attributes(edge)

    def _place(self, edge: Edge) -> int:
        """Where an edge leaves a fork: what goes straight on to a product first, what bends last."""
        target = self.nodes[edge.target]
        if edge.bends:
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

    def _is_straight(self, edge: Edge) -> bool:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        return not edge.bends and bool(source.spine) and source.spine == target.spine

    def _attributes(self, edge: Edge) -> dict[str, str]:
        own: dict[str, str] = {}
        from_fork = self.nodes[edge.source].kind is Kind.DOT
        if edge.label:
            own["label"] = _quoted(f"  {edge.label}")
        if edge.role is Role.RESIDUAL:
            own["color"] = f'"{_RED}"'
        if self.nodes[edge.target].kind is Kind.DOT:
            own["arrowhead"] = "none"
        if edge.bends:
            own |= {"tailport": self.side, "headport": self.side, "weight": "1"}
        elif edge.role is Role.RESIDUAL:
            # the projection stands beside the first layer of the body
            own["weight"] = "1"
            own["tailport" if from_fork else "headport"] = self.side
        elif self._is_straight(edge):
            own["weight"] = "100"
        elif from_fork:
            # branches begin on one line
            own["weight"] = "2"
        if edge.training:
            own["style"] = "dashed"
        return own


def _heading(picture: Picture) -> str:
    return (
        f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">'
        f'<tr><td align="left"><font point-size="14"><b>{escape(picture.name)}</b></font></td></tr>'
        f'<tr><td align="left"><font point-size="9" color="{_GREY}">{escape(picture.caption)}</font></td></tr></table>'
    )


def _quoted(text: str) -> str:
    return f'"{escape(text)}"'


def _attributes(given: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in given.items())


def _brackets(given: Mapping[str, str]) -> str:
    return f" [{_attributes(given)}]" if given else ""
