"""A picture as Mermaid, the text that GitHub and others draw inside a README: the same bytes for the same network.

Only the flowchart grammar that every version of Mermaid reads is written: https://mermaid.js.org/syntax/flowchart.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final, Self, assert_never, final

from typing_extensions import override

from archdsl.base.escaped import Escaped, seen
from archdsl.draw.graphviz import Theme
from archdsl.draw.model import Direction, Edge, Kind, Node, Picture, Role, hierarchy, titled
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


@final
class Mermaid(Escaped):
    """Text of Mermaid: inside the quotes of a label, and statements."""

    __slots__ = ()

    @override
    @classmethod
    def of(cls, text: str) -> Self:
        return cls.trusted("".join(each if _is_plain(each) else _entity(each) for each in text))

    @classmethod
    def heading(cls, text: str) -> Self:
        """A string of JSON, which is one of YAML. Mermaid takes what stands in < > out of a title, and shows & as an
        entity."""
        return cls.trusted(json.dumps("".join(map(seen, text)).translate(_LIKE), ensure_ascii=False))

    @classmethod
    def description(cls, text: str) -> Self:
        """A line that ends where it ends."""
        return cls.trusted("".join(map(seen, text)))

    @classmethod
    def colour(cls, name: str) -> Self:
        """A colour, by its name or number."""
        assert name.removeprefix("#").isalnum(), name
        return cls.trusted(name)


def _is_plain(letter: str) -> bool:
    return letter.isalnum() or letter in _PLAIN or (ord(letter) > 127 and letter.isprintable())


def _entity(letter: str) -> str:
    return f"#{ord(letter)};" if letter.isprintable() else seen(letter)


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
        self.nodes = {node.id: Mermaid.filled("n{}", number) for number, node in enumerate(picture.nodes, 1)}
        self.clusters = {each.id: Mermaid.filled("g{}", number) for number, each in enumerate(picture.clusters, 1)}
        self.dots = {node.id for node in picture.nodes if node.kind is Kind.DOT}

    def lines(self) -> Iterator[Mermaid]:
        yield Mermaid("---")
        yield Mermaid.filled("title: {}", Mermaid.heading(self.picture.name))
        yield Mermaid("---")
        yield Mermaid("flowchart TB") if self.picture.direction is Direction.TB else Mermaid("flowchart LR")
        if self.picture.caption:
            yield Mermaid.filled("  accDescr: {}", Mermaid.description(self.picture.caption))
        yield from self._content("", Mermaid("  "))
        for edge in self.picture.edges:
            yield Mermaid.filled("  {} {} {}", self.nodes[edge.source], self._link(edge), self.nodes[edge.target])
        yield from self._looks()

    def _content(self, cluster: str, indent: Mermaid) -> Iterator[Mermaid]:
        for each in self.inside.get(cluster, ()):
            if isinstance(each, Node):
                yield Mermaid.filled("{}{}{}", indent, self.nodes[each.id], _shape(each))
                continue
            titles = each.heading or (titled(each.title, each).strip() or " ",)
            yield Mermaid.filled("{}subgraph {} [{}]", indent, self.clusters[each.id], _quoted(*titles))
            yield from self._content(each.id, Mermaid.filled("{}  ", indent))
            yield Mermaid.filled("{}end", indent)

    def _link(self, edge: Edge) -> Mermaid:
        if edge.training or edge.gone or edge.unknown:
            arrow = Mermaid("-.-") if edge.target in self.dots else Mermaid("-.->")
        else:
            arrow = Mermaid("---") if edge.target in self.dots else Mermaid("-->")
        return Mermaid.filled("{}|{}|", arrow, _quoted(edge.label)) if edge.label else arrow

    def _looks(self) -> Iterator[Mermaid]:
        """The colours: a class for each kind of box, and the numbers of the edges that are red."""
        theme = self.picture.theme
        classes: dict[Mermaid, tuple[Mermaid, list[Mermaid]]] = {}
        for node in self.picture.nodes:
            marked = (self.picture.marked or node.mark) and node.shows_mark
            name, look = _class_of_mark(node.mark, theme) if marked else _class(node, theme)
            classes.setdefault(name, (look, []))[1].append(self.nodes[node.id])
        if self.clusters:
            classes[Mermaid("open")] = (
                _look(theme.block_fill, theme.block_border, theme.text),
                list(self.clusters.values()),
            )
        for mark in Mark:
            if members := [self.clusters[cluster.id] for cluster in self.picture.clusters if cluster.mark is mark]:
                border = Mermaid.colour(theme.marked[mark][1])
                look = Mermaid.filled("stroke:{},stroke-width:2px", border)
                classes[Mermaid.filled("open_{}", Mermaid.of(mark))] = look, members
        dashed = [self.nodes[node.id] for node in self.picture.nodes if node.training and node.id not in self.dots]
        dashed += [self.clusters[cluster.id] for cluster in self.picture.clusters if cluster.training]
        if dashed:
            classes[Mermaid("training")] = (Mermaid("stroke-dasharray:4 3"), dashed)
        for name, (look, members) in classes.items():
            yield Mermaid.filled("  classDef {} {}", name, look)
            yield Mermaid.filled("  class {} {}", Mermaid.joined(members, ","), name)
        yield from self._links(lambda edge: edge.role is Role.RESIDUAL, theme.red)
        yield from self._links(lambda edge: edge.gone, theme.marked[Mark.REMOVED][1])

    def _links(self, is_meant: Callable[[Edge], bool], colour: str) -> Iterator[Mermaid]:
        """The colour of some edges."""
        numbers = [Mermaid.filled("{}", number) for number, edge in enumerate(self.picture.edges) if is_meant(edge)]
        if numbers:
            yield Mermaid.filled("  linkStyle {} stroke:{}", Mermaid.joined(numbers, ","), Mermaid.colour(colour))


def _shape(node: Node) -> Mermaid:
    label = _quoted(titled(node.label, node), *node.note.splitlines())
    match node.kind:
        case Kind.DOT:
            return Mermaid('((" "))')
        case Kind.MERGE | Kind.SIGN:
            return Mermaid.filled("(({}))", label)
        case Kind.INPUT | Kind.OUTPUT:
            return Mermaid.filled("([{}])", label)
        case Kind.BLOCK:
            return Mermaid.filled("[[{}]]", label)
        case Kind.BOX:
            return Mermaid.filled("({})", label)
        case _:
            assert_never(node.kind)


def _class(node: Node, theme: Theme) -> tuple[Mermaid, Mermaid]:
    """The name of a node's class, and its look."""
    match node.kind:
        case Kind.DOT:
            return Mermaid("fork"), _look(theme.line, theme.line, theme.line)
        case Kind.MERGE:
            return Mermaid("circle"), _look(theme.circle, theme.border, theme.text)
        case Kind.SIGN:
            return Mermaid("sign"), _look(theme.circle, theme.grey, theme.grey)
        case Kind.BLOCK:
            name, fill, stroke = Mermaid("block"), theme.closed_fill, theme.block_border
        case Kind.BOX | Kind.INPUT | Kind.OUTPUT:
            name, fill, stroke = Mermaid.of(node.style or "io"), theme.fill[node.style], theme.border
        case _:
            assert_never(node.kind)
    shade = Mermaid.filled("_{}", Mermaid.of(node.fill[1:])) if node.fill else Mermaid()
    return Mermaid.filled("{}{}", name, shade), _look(node.fill or fill, stroke, theme.text)


def _class_of_mark(mark: Mark | None, theme: Theme) -> tuple[Mermaid, Mermaid]:
    """The name of the class of nodes with a mark, and its look."""
    fill, stroke = theme.marked[mark]
    if mark in {Mark.REMOVED, Mark.UNKNOWN}:
        return Mermaid.of(str(mark)), Mermaid.filled("{},stroke-dasharray:4 3", _look(fill, stroke, stroke))
    return Mermaid.of(mark or "unchanged"), _look(fill, stroke, theme.text)


def _look(fill: str, stroke: str, text: str) -> Mermaid:
    return Mermaid.filled("fill:{},stroke:{},color:{}", *map(Mermaid.colour, (fill, stroke, text)))


def _quoted(*lines: str) -> Mermaid:
    """A label in quotes."""
    return Mermaid.filled('"{}"', Mermaid.joined(map(Mermaid.of, lines), "<br/>"))
