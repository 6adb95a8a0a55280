"""A picture as DOT, the text that Graphviz lays out: the same bytes for the same network, on any machine.

How it looks is decided here, by the recipe that Graphviz draws well: straight main path, arcs for shortcuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final

from archdsl.emit.columns import extent, in_columns, node_width, text_width
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
    return "\n".join(_lines(in_columns(picture))) + "\n"


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
        return own | {
            "ordering": "out",
            "shape": "point",
            "width": "0.04",
            "height": "0.04",
            "label": '""',
            "color": f'"{_LINE}"',
            "tooltip": '""',
        }
    own["label"] = _label(node)
    own["tooltip"] = _quoted("\n\n".join("\n".join(facts.lines()) for facts in node.facts))
    style = '"filled,rounded,dashed"' if node.training else ""
    match node.kind:
        case Kind.SIGN:
            own |= {"shape": "circle", "width": "0.24", "height": "0.24", "fixedsize": "true", "fillcolor": '"white"'}
            own |= {"fontsize": "9", "color": f'"{_GREY}"', "fontcolor": f'"{_GREY}"'}
        case Kind.MERGE:
            own |= {"shape": "circle", "width": "0.28", "height": "0.28", "fixedsize": "true", "fillcolor": '"white"'}
            style = '"filled,dashed"' if node.training else '"filled"'
        case Kind.BLOCK:
            own |= {"margin": '"0.14,0.07"'} if node.note else {}
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
        self.passed = self._passed()
        self.room = {} if picture.direction is Direction.LR else self._room_for_titles()

    def written(self) -> Iterator[tuple[str, str, dict[str, str]]]:
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

    def _passed(self) -> frozenset[str]:
        """The clusters inside another one that an arc goes past. Graphviz puts the labels in them on the line instead of
        beside it, and bends the line around."""
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

    def _room_for_titles(self) -> dict[Edge, float]:
        """The edges whose label must be so wide, in inches, that the title of their block fits beside the line."""
        clusters = {cluster.id: cluster for cluster in self.picture.clusters}
        inside: dict[str, list[Node]] = {}
        for node in self.picture.nodes:
            inside.setdefault(node.cluster, []).append(node)
        room: dict[Edge, float] = {}
        for edge in self.picture.edges:
            cluster = self.nodes[edge.source].cluster
            if (
                not cluster
                or cluster in self.passed
                or cluster != self.nodes[edge.target].cluster
                or not self._is_straight(edge)
            ):
                continue
            nodes = inside.pop(cluster, [])
            half = max((node_width(node) / 2 for node in nodes), default=9)
            title = text_width(_plain_title(clusters[cluster])) + 0.1
            if title > half and all(node.spine for node in nodes):
                room[edge] = title
        return room

    def _is_within_passed(self, edge: Edge) -> bool:
        around = self.nodes[edge.source].cluster
        return around in self.passed and around == self.nodes[edge.target].cluster

    def _sides(self) -> dict[str, str]:
        """The side of both ends of an arc. A row needs none: an arc under it stays flat by itself."""
        return {} if self.picture.direction is Direction.LR else {"tailport": "e", "headport": "e"}

    def _is_straight(self, edge: Edge) -> bool:
        source, target = self.nodes[edge.source], self.nodes[edge.target]
        return not edge.bends and bool(source.spine) and source.spine == target.spine

    def _attributes(self, edge: Edge) -> dict[str, str]:
        own: dict[str, str] = {}
        from_fork = self.nodes[edge.source].kind is Kind.DOT
        if (edge.label or edge in self.room) and not self._is_within_passed(edge):
            own["label"] = _shape(edge.label, self.room.get(edge, 0), self.picture.direction)
        if edge.role is Role.RESIDUAL:
            own["color"] = f'"{_RED}"'
        if self.nodes[edge.target].kind is Kind.DOT:
            own["arrowhead"] = "none"
        if edge.bends:
            own |= {**self._sides(), "weight": "1"}
        elif edge.role is Role.RESIDUAL:
            # the projection stands beside the first layer of the body
            own["weight"] = "2" if from_fork else "1"
            if from_fork:
                own |= {name: side for name, side in self._sides().items() if name == "tailport"}
            elif self.nodes[edge.target].kind is Kind.MERGE:
                own |= {name: side for name, side in self._sides().items() if name == "headport"}
        elif self._is_straight(edge):
            own["weight"] = "100"
        elif from_fork:
            # branches begin on one line
            own["weight"] = "2"
        if edge.length > 1:
            own["minlen"] = str(edge.length)
        if edge.training:
            own["style"] = "dashed"
        return own


def _plain_title(cluster: Cluster) -> str:
    times = f" ×{cluster.count:,}" if cluster.count > 1 else ""
    return cluster.title + times + (f" ×{cluster.copies:,} in parallel" if cluster.copies > 1 else "")


def _shape(text: str, width: float, direction: Direction) -> str:
    """The label of an edge, a little off the line, and at least so many inches wide."""
    if direction is Direction.LR:
        return f'<{escape(text)}<br/><font point-size="5"> </font>>'
    if not width:
        return _quoted(f"  {text}")
    cell = f'<td align="left" width="{round(width * 72)}">{f"  {escape(text)}" if text else ""}</td>'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr>{cell}</tr></table>>'


def _heading(picture: Picture) -> str:
    """Name, caption and legend as an HTML table above the picture."""
    rows = [
        f'<font point-size="14"><b>{escape(picture.name)}</b></font>',
        f'<font point-size="9" color="{_GREY}">{escape(picture.caption)}</font>',
        *_legend(picture),
    ]
    cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>'


def _legend(picture: Picture) -> Iterator[str]:
    """The legend in rows that are about as wide as the picture."""
    widths = [text_width(sample.text, 9) + 0.2 for sample in picture.legend]
    room = max(extent(picture)[picture.direction is Direction.TB], text_width(picture.caption, 9))
    rows = ceil(sum(widths) / room)
    for row in range(rows):
        samples = picture.legend[row * len(widths) // rows : (row + 1) * len(widths) // rows]
        cells = "".join(map(_sample, samples))
        yield f'<table border="0" cellborder="1" cellspacing="3" cellpadding="2"><tr>{cells}</tr></table>'


def _sample(sample: Sample) -> str:
    """A word in the colours that it explains."""
    text, fill, border, style = escape(sample.text), "white", _BORDER, "rounded"
    match sample.style:
        case Role():
            text, border = f'<font color="{_RED}">{text}</font>', _RED
        case Kind.BLOCK:
            fill, border = _CLOSED_FILL, _BLOCK_BORDER
        case Kind():
            style = "rounded,dashed"
        case Style() as family:
            fill = _FILL[family]
    return f'<td bgcolor="{fill}" color="{border}" style="{style}"><font point-size="9">{text}</font></td>'


def _quoted(text: str) -> str:
    return f'"{escape(text)}"'


def _attributes(given: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in given.items())


def _brackets(given: Mapping[str, str]) -> str:
    return f" [{_attributes(given)}]" if given else ""
