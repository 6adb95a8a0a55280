"""A picture as DOT, the text that Graphviz lays out: the same bytes for the same network, on any machine.

How it looks is decided here, by the recipe that Graphviz draws well: straight main path, arcs for shortcuts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil
from typing import Final

from archdsl.emit.drawing.columns import extent, in_columns, text_width
from archdsl.emit.drawing.graphviz import FONT, LIGHT, Theme, escape, quoted
from archdsl.emit.drawing.lines import Lines
from archdsl.emit.drawing.model import Cluster, Direction, Kind, Node, Picture, Role, Sample, hierarchy
from archdsl.emit.drawing.pair import as_pair, titles_aside
from archdsl.emit.drawing.ushape import as_u
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style

DEAR: Final = 1_500
_REST: Final = '<td colspan="50"></td>'
_BOX: Final = 'height=0.30 margin="0.14,0.04"'


def dot(picture: Picture) -> str:
    """The DOT text of a picture."""
    return "\n".join(_lines(laid_out(picture))) + "\n"


def laid_out(picture: Picture) -> Picture:
    """The picture in the form in which it is written: a U, a pair, or columns where it would be too long."""
    shaped = as_pair(as_u(picture))
    return shaped if shaped.rising or shaped.pair else in_columns(titles_aside(picture))


def _lines(picture: Picture) -> Iterator[str]:
    theme = picture.theme
    ink = "" if theme is LIGHT else f' fontcolor="{theme.text}"'
    # where it packs, Graphviz leaves no rank for the labels of edges by itself
    apart = " minlen=2" if picture.columns > 1 else ""
    yield f"digraph {quoted(picture.name)} {{"
    yield f"  graph [{_attributes(_graph(picture))}]"
    yield f'  node [shape=box style="filled,rounded" fontname="{FONT}" fontsize=11 {_BOX} color="{theme.border}"{ink}]'
    yield f'  edge [fontname="{FONT}" fontsize=9 fontcolor="{theme.grey}" color="{theme.line}" arrowsize=0.7{apart}]'
    lines = Lines(picture)
    yield from _content("", hierarchy(picture), "  ", picture, lines.spacers)
    for source, target, attributes in lines.written():
        yield f"  {quoted(source)} -> {quoted(target)}{_brackets(attributes)}"
    for level in picture.level:
        yield f"  {{ rank=same; {'; '.join(map(quoted, level))} }}"
    yield "}"


def _graph(picture: Picture) -> dict[str, str]:
    attributes = {
        "rankdir": str(picture.direction),
        "splines": "true",
        "nodesep": "0.30",
        "ranksep": "0.25",
        "fontname": f'"{FONT}"',
        "fontsize": "11",
        "labelloc": "t",
        "labeljust": "l",
        "label": f"<{_heading(picture)}>" if picture.caption else '""',
        "tooltip": quoted(f"{picture.name}: {picture.caption}"),
        "pad": "0.1",
    }
    if picture.rising or sum(node.id.startswith("input:") for node in picture.nodes) > 1:
        # else what comes from a second input stands below the cluster that it goes into
        attributes["newrank"] = "true"
    if picture.columns > 1:
        attributes |= {"ranksep": "0.125", "pack": "24", "packmode": f"array_it{picture.columns}"}
    if picture.theme is not LIGHT:
        attributes |= {"bgcolor": quoted(picture.theme.background), "fontcolor": quoted(picture.theme.text)}
    if picture.price > DEAR:
        attributes |= {"splines": "false", "nslimit": "2", "nslimit1": "2", "mclimit": "0.2"}
    return attributes


def _content(
    cluster: str,
    inside: Mapping[str, list[Node | Cluster]],
    indent: str,
    picture: Picture,
    spacers: Mapping[str, float],
) -> Iterator[str]:
    """The nodes and clusters in a cluster, in the order of the text. At most a few are nested."""
    theme = picture.theme
    frames = {each.id for each in picture.clusters if each.heading}
    for each in inside.get(cluster, ()):
        if isinstance(each, Node):
            own = _node(each, theme) | (_marked(each, theme) if picture.marked or each.mark else {})
            yield f"{indent}{quoted(each.id)}{_brackets(own)}"
            continue
        yield f"{indent}subgraph {quoted(f'cluster_{each.id}')} {{"
        # what is in a frame would have its missing border too
        border = {"peripheries": "1"} if cluster in frames else {}
        yield f"{indent}  graph [{_attributes(_cluster(each, theme) | border)}]"
        yield from _content(each.id, inside, indent + "  ", picture, spacers)
        if width := spacers.get(each.id):
            yield f'{indent}  {quoted(f"{each.id}:space")} [style=invis width={width:.2f} height=0.1 label=""]'
        yield f"{indent}}}"


def _node(node: Node, theme: Theme) -> dict[str, str]:
    own: dict[str, str] = {"id": quoted(node.id)}
    if node.spine:
        own["group"] = quoted(node.spine)
    if node.kind is Kind.DOT:
        return own | {
            "ordering": "out",
            "shape": "point",
            "width": "0.04",
            "height": "0.04",
            "label": '""',
            "color": quoted(theme.line),
            "tooltip": '""',
        }
    own["label"] = _label(node, theme)
    own["tooltip"] = quoted("\n\n".join("\n".join(facts.lines()) for facts in node.facts))
    style = '"filled,rounded,dashed"' if node.training else ""
    match node.kind:
        case Kind.SIGN:
            own |= {
                "shape": "circle",
                "width": "0.24",
                "height": "0.24",
                "fixedsize": "true",
                "fillcolor": quoted(theme.circle),
            }
            own |= {"fontsize": "9", "color": quoted(theme.grey), "fontcolor": quoted(theme.grey)}
        case Kind.MERGE:
            own |= {
                "shape": "circle",
                "width": "0.28",
                "height": "0.28",
                "fixedsize": "true",
                "fillcolor": quoted(theme.circle),
            }
            style = '"filled,dashed"' if node.training else '"filled"'
        case Kind.BLOCK:
            own |= {"margin": '"0.14,0.07"'} if node.note else {}
            own |= {"fillcolor": quoted(node.fill or theme.closed_fill), "color": quoted(theme.block_border)}
        case _:
            own["fillcolor"] = quoted(node.fill or theme.fill[node.style])
    return own | ({"style": style} if style else {})


def _marked(node: Node, theme: Theme) -> dict[str, str]:
    """The colours of a node in a picture that says what became of it, or what is wrong."""
    if not node.shows_mark:
        return {}
    fill, border = theme.marked[node.mark]
    own = {"fillcolor": quoted(fill), "color": quoted(border)}
    if node.mark in {Mark.REMOVED, Mark.UNKNOWN}:
        rounded = "" if node.kind is Kind.MERGE else "rounded,"
        own |= {"fontcolor": quoted(border), "style": f'"filled,{rounded}dashed"'}
    return own


def _label(node: Node, theme: Theme) -> str:
    """A label in quotes, or in HTML where something of it is bold or small."""
    times = _times(node.count, node.copies)
    if not times and not node.note:
        return quoted(node.label)
    colour = theme.marked[node.mark][1] if node.mark is Mark.WRONG else theme.grey
    lines = "".join(f"<br/>{escape(line)}" for line in node.note.splitlines())
    note = f'<font point-size="9" color="{colour}">{lines}</font>' if lines else ""
    return f"<{escape(node.label)}{times}{note}>"


def _times(count: int, copies: int) -> str:
    times = f" <b>×{count:,}</b>" if count > 1 else ""
    return times + (f" <b>×{copies:,}</b> in parallel" if copies > 1 else "")


def _cluster(cluster: Cluster, theme: Theme) -> dict[str, str]:
    if cluster.heading:
        own = {"id": quoted(cluster.id), "peripheries": "0", "labeljust": "l"}
        if not any(cluster.heading):
            return own | {"margin": "0", "label": '""'}
        return own | {"margin": "10", "label": f"<{_table(_titles(*cluster.heading, theme))}>"}
    title = f"{escape(cluster.title)}{_times(cluster.count, cluster.copies)}".strip()
    own = {} if cluster.mark is None else {"color": quoted(theme.marked[cluster.mark][1]), "penwidth": "2"}
    return own | {
        "id": quoted(cluster.id),
        "style": '"filled,rounded,dashed"' if cluster.training else '"filled,rounded"',
        "fillcolor": quoted(theme.block_fill),
        "color": own.get("color", quoted(theme.block_border)),
        "labeljust": "l" if cluster.turned else "r",
        "margin": "10",
        "label": f"<{title}>" if title else '""',
        "tooltip": quoted("\n\n".join("\n".join(facts.lines()) for facts in cluster.facts)),
    }


def _heading(picture: Picture) -> str:
    """Name, caption and legend above the picture; of several networks the legend alone, since each has its own."""
    if not picture.caption:
        return _table(list(_legend(picture)))
    return _table([*_titles(picture.name, picture.caption, picture.theme), *_legend(picture)])


def _titles(name: str, caption: str, theme: Theme) -> list[str]:
    return [
        f'<font point-size="14"><b>{escape(name)}</b></font>',
        f'<font point-size="9" color="{theme.grey}">{escape(caption)}</font>',
    ]


def _table(rows: list[str]) -> str:
    cells = "".join(f'<tr><td align="left">{row}</td></tr>' for row in rows)
    return f'<table border="0" cellborder="0" cellspacing="0" cellpadding="1">{cells}</table>' if rows else ""


def _legend(picture: Picture) -> Iterator[str]:
    """The legend in rows that are about as wide as the picture."""
    widths = [text_width(sample.text, 9) + 0.2 for sample in picture.legend]
    room = max(extent(picture)[picture.direction is Direction.TB], text_width(picture.caption, 9))
    rows = ceil(sum(widths) / room)
    for index in range(rows):
        samples = picture.legend[index * len(widths) // rows : (index + 1) * len(widths) // rows]
        cells = "".join(_sample(sample, picture.theme) for sample in samples)
        row = f'<table border="0" cellborder="1" cellspacing="3" cellpadding="2"><tr>{cells}</tr></table>'
        # where the caption is wider than the legend, an empty cell takes what is left
        yield f'<table border="0" cellborder="0" cellspacing="0" cellpadding="0"><tr><td>{row}</td>{_REST}</tr></table>'


def _sample(sample: Sample, theme: Theme) -> str:
    """A word in the colours that it explains."""
    text, fill, border, style = escape(sample.text), theme.circle, theme.border, "rounded"
    match sample.style:
        case None if sample.fill:
            fill = sample.fill
        case Mark() | None as mark:
            fill, border = theme.marked[mark]
            style = "rounded,dashed" if mark in {Mark.REMOVED, Mark.UNKNOWN} else "rounded"
        case Role():
            text, border = f'<font color="{theme.red}">{text}</font>', theme.red
        case Kind.BLOCK:
            fill, border = theme.closed_fill, theme.block_border
        case Kind():
            style = "rounded,dashed"
        case Style() as family:
            fill = theme.fill[family]
    return f'<td bgcolor="{fill}" color="{border}" style="{style}"><font point-size="9">{text}</font></td>'


def _attributes(given: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in given.items())


def _brackets(given: Mapping[str, str]) -> str:
    return f" [{_attributes(given)}]" if given else ""
