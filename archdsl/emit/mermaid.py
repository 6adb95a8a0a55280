"""A picture as Mermaid, the text that GitHub and others draw inside a README: the same bytes for the same network.

Only the flowchart grammar that every version of Mermaid reads is written: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from archdsl.emit.drawing.graphviz import Theme, visible
from archdsl.emit.drawing.model import Edge, Kind, Node, Picture, Role, hierarchy, titled
from archdsl.graph.marks import Mark

MOST_EDGES: Final = 500
MOST_TEXT: Final = 50_000

# what is written as it is inside a label; whatever else is ASCII becomes an entity, so that nothing in a label is
# markup, a list of Markdown or the end of the label
_PLAIN: Final = frozenset(" ,./")
_LIKE: Final = str.maketrans(
    {
        "<": "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}",
        ">": "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}",
        "&": "\N{FULLWIDTH AMPERSAND}",
    }
)


def mermaid(picture: Picture) -> str:
    """The Mermaid text of a picture."""
    return "\n".join(_Text(picture).lines()) + "\n"


def too_large(picture: Picture, text: str) -> str:
    """A remark on a text that Mermaid refuses to draw unless it is configured; nothing on one that it draws."""
    if len(picture.edges) <= MOST_EDGES and len(text) <= MOST_TEXT:
        return ""
    most = f"{MOST_EDGES} edges and {MOST_TEXT:,} letters"
    return f"Mermaid draws {most} if it is not configured, and this has {len(picture.edges):,} and {len(text):,}"


class _Text:
    """The lines of a picture, its nodes called `n1`, `n2`, its clusters `g1`, `g2`."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.inside = hierarchy(picture)
        self.nodes = {node.id: f"n{number}" for number, node in enumerate(picture.nodes, 1)}
        self.clusters = {cluster.id: f"g{number}" for number, cluster in enumerate(picture.clusters, 1)}
        self.dots = {node.id for node in picture.nodes if node.kind is Kind.DOT}

    def lines(self) -> Iterator[str]:
        yield "---"
        # a string of JSON is one of YAML; Mermaid takes what stands in < > out of a title, and shows & as an entity
        yield f"title: {json.dumps(visible(self.picture.name).translate(_LIKE), ensure_ascii=False)}"
        yield "---"
        yield f"flowchart {self.picture.direction}"
        if self.picture.caption:
            yield f"  accDescr: {self.picture.caption}"
        yield from self._content("", "  ")
        for edge in self.picture.edges:
            yield f"  {self.nodes[edge.source]} {self._link(edge)} {self.nodes[edge.target]}"
        yield from self._looks()

    def _content(self, cluster: str, indent: str) -> Iterator[str]:
        for each in self.inside.get(cluster, ()):
            if isinstance(each, Node):
                yield f"{indent}{self.nodes[each.id]}{_shape(each)}"
                continue
            titles = each.heading or (titled(each.title, each).strip() or " ",)
            yield f"{indent}subgraph {self.clusters[each.id]} [{_quoted(*titles)}]"
            yield from self._content(each.id, indent + "  ")
            yield f"{indent}end"

    def _link(self, edge: Edge) -> str:
        line = "-.-" if edge.training or edge.gone or edge.unknown else "---" if edge.target in self.dots else "--"
        arrow = line if edge.target in self.dots else f"{line}>"
        return f"{arrow}|{_quoted(edge.label)}|" if edge.label else arrow

    def _looks(self) -> Iterator[str]:
        """The colours: a class for each kind of box, and the numbers of the edges that are red."""
        theme = self.picture.theme
        classes: dict[str, tuple[str, list[str]]] = {}
        for node in self.picture.nodes:
            marked = (self.picture.marked or node.mark) and node.shows_mark
            name, look = _class_of_mark(node.mark, theme) if marked else _class(node, theme)
            classes.setdefault(name, (look, []))[1].append(self.nodes[node.id])
        if self.clusters:
            classes["open"] = (_look(theme.block_fill, theme.block_border, theme.text), list(self.clusters.values()))
        for mark in Mark:
            if members := [self.clusters[cluster.id] for cluster in self.picture.clusters if cluster.mark is mark]:
                classes[f"open_{mark}"] = f"stroke:{theme.marked[mark][1]},stroke-width:2px", members
        dashed = [self.nodes[node.id] for node in self.picture.nodes if node.training and node.id not in self.dots]
        dashed += [self.clusters[cluster.id] for cluster in self.picture.clusters if cluster.training]
        if dashed:
            classes["training"] = ("stroke-dasharray:4 3", dashed)
        for name, (look, members) in classes.items():
            yield f"  classDef {name} {look}"
            yield f"  class {','.join(members)} {name}"
        red = [str(number) for number, edge in enumerate(self.picture.edges) if edge.role is Role.RESIDUAL]
        if red:
            yield f"  linkStyle {','.join(red)} stroke:{theme.red}"
        gone = [str(number) for number, edge in enumerate(self.picture.edges) if edge.gone]
        if gone:
            yield f"  linkStyle {','.join(gone)} stroke:{theme.marked[Mark.REMOVED][1]}"


def _shape(node: Node) -> str:
    label = _quoted(titled(node.label, node), *node.note.splitlines())
    match node.kind:
        case Kind.DOT:
            return '((" "))'
        case Kind.MERGE | Kind.SIGN:
            return f"(({label}))"
        case Kind.INPUT | Kind.OUTPUT:
            return f"([{label}])"
        case Kind.BLOCK:
            return f"[[{label}]]"
        case Kind.BOX:
            return f"({label})"


def _class(node: Node, theme: Theme) -> tuple[str, str]:
    """The name of a node's class, and its look."""
    match node.kind:
        case Kind.DOT:
            return "fork", _look(theme.line, theme.line, theme.line)
        case Kind.MERGE:
            return "circle", _look(theme.circle, theme.border, theme.text)
        case Kind.SIGN:
            return "sign", _look(theme.circle, theme.grey, theme.grey)
        case Kind.BLOCK:
            name, fill, stroke = "block", theme.closed_fill, theme.block_border
        case _:
            name, fill, stroke = str(node.style or "io"), theme.fill[node.style], theme.border
    shade = f"_{node.fill[1:]}" if node.fill else ""
    return name + shade, _look(node.fill or fill, stroke, theme.text)


def _class_of_mark(mark: Mark | None, theme: Theme) -> tuple[str, str]:
    """The name of the class of nodes with a mark, and its look."""
    fill, stroke = theme.marked[mark]
    if mark in {Mark.REMOVED, Mark.UNKNOWN}:
        return str(mark), f"{_look(fill, stroke, stroke)},stroke-dasharray:4 3"
    return str(mark or "unchanged"), _look(fill, stroke, theme.text)


def _look(fill: str, stroke: str, text: str) -> str:
    return f"fill:{fill},stroke:{stroke},color:{text}"


def _quoted(*lines: str) -> str:
    """A label in quotes."""
    return f'"{"<br/>".join(map(_escaped, lines))}"'


def _escaped(text: str) -> str:
    return "".join(
        each if each.isalnum() or each in _PLAIN or (ord(each) > 127 and each.isprintable()) else _entity(each)
        for each in text
    )


def _entity(letter: str) -> str:
    return f"#{ord(letter)};" if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
