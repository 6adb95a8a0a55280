"""A picture as DOT, the text that Graphviz lays out: the same bytes for the same network, on any machine.

How it looks is decided here, by the recipe that Graphviz draws well: straight main path, arcs for shortcuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final, assert_never

from archdsl.draw.columns import extent, in_columns, text_width
from archdsl.draw.graphviz import FONT, LIGHT, Dot, Label, Theme
from archdsl.draw.lines import Lines
from archdsl.draw.model import Cluster, Direction, Kind, Node, Picture, Role, Sample, hierarchy
from archdsl.draw.pair import as_pair, titles_aside
from archdsl.draw.ushape import as_u
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style

DEAR: Final = 1_500
_REST: Final = Label('<td colspan="50"></td>')


def dot(picture: Picture) -> str:
    """The DOT text of a picture."""
    return "\n".join(_lines(laid_out(picture))) + "\n"


def laid_out(picture: Picture) -> Picture:
    """The picture in the form in which it is written: a U, a pair, or columns where it would be too long."""
    shaped = as_pair(as_u(picture))
    return shaped if shaped.rising or shaped.pair else in_columns(titles_aside(picture))


def _lines(picture: Picture) -> Iterator[Dot]:
    theme = picture.theme
    yield Dot.filled("digraph {} {{", Dot.of(picture.name))
    yield Dot.filled("  graph{}", _brackets(_graph(picture)))
    yield Dot.filled("  node{}", _brackets(_usual_node(theme)))
    yield Dot.filled("  edge{}", _brackets(_usual_edge(picture)))
    lines = Lines(picture)
    yield from _content("", hierarchy(picture), Dot("  "), picture, lines.spacers)
    for source, target, attributes in lines.written():
        yield Dot.filled("  {} -> {}{}", Dot.of(source), Dot.of(target), _brackets(attributes))
    for level in picture.level:
        yield Dot.filled("  {{ rank=same; {} }}", Dot.joined(map(Dot.of, level), "; "))
    yield Dot("}")


def _usual_node(theme: Theme) -> dict[str, Dot]:
    usual = {
        "shape": Dot("box"),
        "style": Dot('"filled,rounded"'),
        "fontname": Dot.of(FONT),
        "fontsize": Dot("11"),
        "height": Dot("0.30"),
        "margin": Dot('"0.14,0.04"'),
        "color": Dot.of(theme.border),
    }
    return usual if theme == LIGHT else usual | {"fontcolor": Dot.of(theme.text)}


def _usual_edge(picture: Picture) -> dict[str, Dot]:
    theme = picture.theme
    usual = {
        "fontname": Dot.of(FONT),
        "fontsize": Dot("9"),
        "fontcolor": Dot.of(theme.grey),
        "color": Dot.of(theme.line),
        "arrowsize": Dot("0.7"),
    }
    # where it packs, Graphviz leaves no rank for the labels of edges by itself
    return usual | {"minlen": Dot("2")} if picture.columns > 1 else usual


def _graph(picture: Picture) -> dict[str, Dot]:
    attributes = {
        "rankdir": Dot("TB") if picture.direction is Direction.TB else Dot("LR"),
        "splines": Dot("true"),
        "nodesep": Dot("0.30"),
        "ranksep": Dot("0.25"),
        "fontname": Dot.of(FONT),
        "fontsize": Dot("11"),
        "labelloc": Dot("t"),
        "labeljust": Dot("l"),
        "label": Dot.html(_heading(picture)) if picture.caption else Dot('""'),
        "tooltip": Dot.of(f"{picture.name}: {picture.caption}"),
        "pad": Dot("0.1"),
    }
    if picture.rising or sum(node.id.startswith("input:") for node in picture.nodes) > 1:
        # else what comes from a second input stands below the cluster that it goes into
        attributes["newrank"] = Dot("true")
    if picture.columns > 1:
        attributes |= {"ranksep": Dot("0.125"), "pack": Dot("24")}
        attributes["packmode"] = Dot.filled("array_it{}", picture.columns)
    if picture.theme != LIGHT:
        attributes |= {"bgcolor": Dot.of(picture.theme.background), "fontcolor": Dot.of(picture.theme.text)}
    if picture.price > DEAR:
        attributes |= {"splines": Dot("false"), "nslimit": Dot("2"), "nslimit1": Dot("2"), "mclimit": Dot("0.2")}
    return attributes


def _content(
    cluster: str,
    inside: Mapping[str, list[Node | Cluster]],
    indent: Dot,
    picture: Picture,
    spacers: Mapping[str, float],
) -> Iterator[Dot]:
    """The nodes and clusters in a cluster, in the order of the text. At most a few are nested."""
    theme = picture.theme
    frames = {each.id for each in picture.clusters if each.heading}
    for each in inside.get(cluster, ()):
        if isinstance(each, Node):
            own = _node(each, theme) | (_marked(each, theme) if picture.marked or each.mark else {})
            yield Dot.filled("{}{}{}", indent, Dot.of(each.id), _brackets(own))
            continue
        inner = Dot.filled("{}  ", indent)
        yield Dot.filled("{}subgraph {} {{", indent, Dot.of(f"cluster_{each.id}"))
        # what is in a frame would have its missing border too
        border = {"peripheries": Dot("1")} if cluster in frames else {}
        yield Dot.filled("{}graph{}", inner, _brackets(_cluster(each, theme) | border))
        yield from _content(each.id, inside, inner, picture, spacers)
        if width := spacers.get(each.id):
            space = '{}{} [style=invis width={:.2f} height=0.1 label=""]'
            yield Dot.filled(space, inner, Dot.of(f"{each.id}:space"), width)
        yield Dot.filled("{}}}", indent)


def _node(node: Node, theme: Theme) -> dict[str, Dot]:
    own: dict[str, Dot] = {"id": Dot.of(node.id)}
    if node.spine:
        own["group"] = Dot.of(node.spine)
    if node.kind is Kind.DOT:
        return own | {
            "ordering": Dot("out"),
            "shape": Dot("point"),
            "width": Dot("0.04"),
            "height": Dot("0.04"),
            "label": Dot('""'),
            "color": Dot.of(theme.line),
            "tooltip": Dot('""'),
        }
    own["label"] = _label(node, theme)
    own["tooltip"] = Dot.of("\n\n".join("\n".join(facts.lines()) for facts in node.facts))
    style = Dot('"filled,rounded,dashed"') if node.training else None
    match node.kind:
        case Kind.SIGN:
            own |= {
                "shape": Dot("circle"),
                "width": Dot("0.24"),
                "height": Dot("0.24"),
                "fixedsize": Dot("true"),
                "fillcolor": Dot.of(theme.circle),
            }
            own |= {"fontsize": Dot("9"), "color": Dot.of(theme.grey), "fontcolor": Dot.of(theme.grey)}
        case Kind.MERGE:
            own |= {
                "shape": Dot("circle"),
                "width": Dot("0.28"),
                "height": Dot("0.28"),
                "fixedsize": Dot("true"),
                "fillcolor": Dot.of(theme.circle),
            }
            style = Dot('"filled,dashed"') if node.training else Dot('"filled"')
        case Kind.BLOCK:
            own |= {"margin": Dot('"0.14,0.07"')} if node.note else {}
            own |= {"fillcolor": Dot.of(node.fill or theme.closed_fill), "color": Dot.of(theme.block_border)}
        case Kind.BOX | Kind.INPUT | Kind.OUTPUT:
            own["fillcolor"] = Dot.of(node.fill or theme.fill[node.style])
        case _:
            assert_never(node.kind)
    return own | ({"style": style} if style else {})


def _marked(node: Node, theme: Theme) -> dict[str, Dot]:
    """The colours of a node in a picture that says what became of it, or what is wrong."""
    if not node.shows_mark:
        return {}
    fill, border = theme.marked[node.mark]
    own = {"fillcolor": Dot.of(fill), "color": Dot.of(border)}
    if node.mark in {Mark.REMOVED, Mark.UNKNOWN}:
        dashed = Dot('"filled,dashed"') if node.kind is Kind.MERGE else Dot('"filled,rounded,dashed"')
        own |= {"fontcolor": Dot.of(border), "style": dashed}
    return own


def _label(node: Node, theme: Theme) -> Dot:
    """A label in quotes, or in HTML where something of it is bold or small."""
    times = _times(node.count, node.copies)
    if not times and not node.note:
        return Dot.of(node.label)
    colour = theme.marked[node.mark][1] if node.mark is Mark.WRONG else theme.grey
    lines = Label.joined(Label.filled("<br/>{}", Label.of(line)) for line in node.note.splitlines())
    note = Label.filled('<font point-size="9" color="{}">{}</font>', Label.of(colour), lines) if lines else Label()
    return Dot.html(Label.filled("{}{}", Label.joined([Label.of(node.label), *times], " "), note))


def _times(count: int, copies: int) -> list[Label]:
    """How often something is there, in words that follow its name."""
    in_a_row = [Label.filled("<b>×{:,}</b>", count)] if count > 1 else []
    beside = [Label.filled("<b>×{:,}</b> in parallel", copies)] if copies > 1 else []
    return in_a_row + beside


def _cluster(cluster: Cluster, theme: Theme) -> dict[str, Dot]:
    if cluster.heading:
        own = {"id": Dot.of(cluster.id), "peripheries": Dot("0"), "labeljust": Dot("l")}
        if not any(cluster.heading):
            return own | {"margin": Dot("0"), "label": Dot('""')}
        return own | {"margin": Dot("10"), "label": Dot.html(_table(_titles(*cluster.heading, theme)))}
    words = [Label.of(each) for each in [cluster.title.strip()] if each]
    title = Label.joined([*words, *_times(cluster.count, cluster.copies)], " ")
    own = {} if cluster.mark is None else {"color": Dot.of(theme.marked[cluster.mark][1]), "penwidth": Dot("2")}
    return own | {
        "id": Dot.of(cluster.id),
        "style": Dot('"filled,rounded,dashed"') if cluster.training else Dot('"filled,rounded"'),
        "fillcolor": Dot.of(theme.block_fill),
        "color": own.get("color", Dot.of(theme.block_border)),
        "labeljust": Dot("l") if cluster.turned else Dot("r"),
        "margin": Dot("10"),
        "label": Dot.html(title) if title else Dot('""'),
        "tooltip": Dot.of("\n\n".join("\n".join(facts.lines()) for facts in cluster.facts)),
    }


def _heading(picture: Picture) -> Label:
    """Name, caption and legend above the picture; of several networks the legend alone, since each has its own."""
    if not picture.caption:
        return _table(list(_legend(picture)))
    return _table([*_titles(picture.name, picture.caption, picture.theme), *_legend(picture)])


def _titles(name: str, caption: str, theme: Theme) -> list[Label]:
    return [
        Label.filled('<font point-size="14"><b>{}</b></font>', Label.of(name)),
        Label.filled('<font point-size="9" color="{}">{}</font>', Label.of(theme.grey), Label.of(caption)),
    ]


def _table(rows: list[Label]) -> Label:
    if not rows:
        return Label()
    cells = Label.joined(Label.filled('<tr><td align="left">{}</td></tr>', row) for row in rows)
    return Label.filled('<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{}</table>', cells)


def _legend(picture: Picture) -> Iterator[Label]:
    """The legend in rows that are about as wide as the picture."""
    widths = [text_width(sample.text, 9) + 0.2 for sample in picture.legend]
    room = max(extent(picture)[picture.direction is Direction.TB], text_width(picture.caption, 9))
    rows = ceil(sum(widths) / room)
    for index in range(rows):
        samples = picture.legend[index * len(widths) // rows : (index + 1) * len(widths) // rows]
        cells = Label.joined(_sample(sample, picture.theme) for sample in samples)
        inner = '<table border="0" cellborder="1" cellspacing="3" cellpadding="2"><tr>{}</tr></table>'
        # where the caption is wider than the legend, an empty cell takes what is left
        outer = '<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr><td>{}</td>{}</tr></table>'
        yield Label.filled(outer, Label.filled(inner, cells), _REST)


def _sample(sample: Sample, theme: Theme) -> Label:
    """A word in the colours that it explains."""
    text, fill, border, style = Label.of(sample.text), theme.circle, theme.border, Label("rounded")
    match sample.style:
        case None if sample.fill:
            fill = sample.fill
        case Mark() | None as mark:
            fill, border = theme.marked[mark]
            style = Label("rounded,dashed") if mark in {Mark.REMOVED, Mark.UNKNOWN} else Label("rounded")
        case Role():
            text, border = Label.filled('<font color="{}">{}</font>', Label.of(theme.red), text), theme.red
        case Kind.BLOCK:
            fill, border = theme.closed_fill, theme.block_border
        case Kind():
            style = Label("rounded,dashed")
        case Style() as family:
            fill = theme.fill[family]
        case _:
            assert_never(sample.style)
    cell = '<td bgcolor="{}" color="{}" style="{}"><font point-size="9">{}</font></td>'
    return Label.filled(cell, Label.of(fill), Label.of(border), style, text)


def _brackets(given: Mapping[str, Dot]) -> Dot:
    """Attributes. Their names are words of DOT."""
    pairs = Dot.joined((Dot.attribute(name, value) for name, value in given.items()), " ")
    return Dot.filled(" [{}]", pairs) if given else Dot()
