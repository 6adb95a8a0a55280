"""A drawing whose shapes have their places already: as SVG, and as DOT that Graphviz only turns into PNG or PDF.

Lengths are in points; y grows downwards, as in SVG.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, LiteralString, assert_never

from archdsl.base.escaped import Markup
from archdsl.base.records import record
from archdsl.draw.columns import text_width
from archdsl.draw.graphviz import FONT, Dot, Label

Point = tuple[float, float]

_HEAD: Final = 6.0
_POINTS: Final = 72


@record(slots=True)
class Polygon:
    """A filled polygon."""

    points: tuple[Point, ...]
    fill: str
    stroke: str


@record(slots=True)
class Line:
    """A line through some points, with an arrow at its end if it has a head."""

    points: tuple[Point, ...]
    stroke: str
    head: bool = True


@record(slots=True)
class Text:
    """A line of text, centred on a point or starting there; y is its baseline."""

    x: float
    y: float
    text: str
    size: float
    fill: str
    bold: bool = False
    centred: bool = True

    @property
    def width(self) -> float:
        """About how wide it is."""
        return text_width(self.text, self.size) * _POINTS * (1.08 if self.bold else 1)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """About where it is: left, top, right, bottom."""
        left = self.x - self.width / 2 if self.centred else self.x
        return left, self.y - 0.8 * self.size, left + self.width, self.y + 0.2 * self.size


Shape = Polygon | Line | Text


@record(slots=True)
class Group:
    """Shapes that are one thing to a reader. about: its tooltip."""

    id: str
    about: str
    shapes: tuple[Shape, ...]


@record(slots=True)
class Scene:
    """A whole drawing, what is in front last. about: what it is for a reader who does not see it."""

    name: str
    about: str
    width: float
    height: float
    background: str
    groups: tuple[Group, ...]
    remarks: tuple[str, ...] = ()


# --- SVG --------------------------------------------------------------------------------------------------------------


def svg(scene: Scene) -> str:
    """The drawing as SVG, a file of its own."""
    return "\n".join(_svg_lines(scene)) + "\n"


def _svg_lines(scene: Scene) -> Iterator[Markup]:
    width, height = _number(scene.width), _number(scene.height)
    size = Markup.filled('width="{0}pt" height="{1}pt" viewBox="0 0 {0} {1}"', width, height)
    head = '<svg xmlns="http://www.w3.org/2000/svg" {} role="img" font-family="{}">'
    yield Markup.filled(head, size, Markup.of(FONT))
    yield Markup.filled("<title>{}</title>", Markup.of(scene.name))
    yield Markup.filled("<desc>{}</desc>", Markup.of(scene.about))
    yield Markup.filled('<rect width="{}" height="{}" fill="{}"/>', width, height, Markup.of(scene.background))
    for group in scene.groups:
        yield Markup.filled('<g id="{}">', Markup.of(group.id))
        if group.about:
            yield Markup.filled("<title>{}</title>", Markup.of(group.about))
        yield from map(_svg_shape, group.shapes)
        yield Markup("</g>")
    yield Markup("</svg>")


def _svg_shape(shape: Shape) -> Markup:
    match shape:
        case Polygon(points, fill, stroke):
            polygon = '<polygon points="{}" fill="{}" stroke="{}" stroke-linejoin="round"/>'
            return Markup.filled(polygon, _pairs(points), Markup.of(fill), Markup.of(stroke))
        case Line(points, stroke, head):
            colour = Markup.of(stroke)
            line = Markup.filled('<polyline points="{}" fill="none" stroke="{}"/>', _pairs(points), colour)
            arrow = Markup.filled('<polygon points="{}" fill="{}"/>', _pairs(_arrow(points)), colour)
            return Markup.joined([line, arrow] if head else [line])
        case Text(x, y, text, size, fill, bold, centred):
            look = Markup(' font-weight="bold"') if bold else Markup()
            anchor = Markup(' text-anchor="middle"') if centred else Markup()
            place = Markup.filled('x="{}" y="{}" font-size="{}"', _number(x), _number(y), _number(size))
            words = '<text {} fill="{}"{}{}>{}</text>'
            return Markup.filled(words, place, Markup.of(fill), look, anchor, Markup.of(text))
        case _:
            assert_never(shape)


def _pairs(points: tuple[Point, ...]) -> Markup:
    return Markup.joined((Markup.filled("{},{}", _number(x), _number(y)) for x, y in points), " ")


def _arrow(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The triangle at the end of a line, whose last part is level or upright."""
    (x0, y0), (x, y) = points[-2:]
    if y == y0:
        back = -_HEAD if x > x0 else _HEAD
        return (x, y), (x + back, y - _HEAD / 3), (x + back, y + _HEAD / 3)
    back = -_HEAD if y > y0 else _HEAD
    return (x, y), (x - _HEAD / 3, y + back), (x + _HEAD / 3, y + back)


def _number(value: float) -> float:
    """A length to a tenth of a point, as it is written."""
    tenths = float(f"{value:.1f}")
    return int(tenths) if tenths.is_integer() else tenths


# --- DOT --------------------------------------------------------------------------------------------------------------


def placed_dot(scene: Scene) -> str:
    """The drawing as DOT for the layout `nop`, which leaves everything where it is.

    Polygons and lines are its background, in the notation of xdot; texts are nodes without a border.
    """
    return "\n".join(_dot_lines(scene)) + "\n"


def _dot_lines(scene: Scene) -> Iterator[Dot]:
    strokes = [stroke for group in scene.groups for shape in group.shapes for stroke in _xdot(shape, scene.height)]
    texts = [shape for group in scene.groups for shape in group.shapes if isinstance(shape, Text)]
    yield Dot.filled("digraph {} {{", Dot.of(scene.name))
    about = Dot.of(f"{scene.name}: {scene.about}")
    yield Dot.filled("  graph [layout=nop pad=0 bgcolor={} tooltip={}", Dot.of(scene.background), about)
    yield Dot.filled("    _background={}]", Dot.quoted(Label.joined(strokes, " ")))
    yield Dot.filled("  node [shape=plaintext width=0 height=0 margin=0 fontname={}]", Dot.of(FONT))
    # without a node in each corner the drawing would be cut to its texts
    for index, (x, y) in enumerate(((0.0, 0.0), (scene.width, scene.height))):
        corner = '  "corner{}" [style=invis shape=point width=0 label="" pos="{},{}"]'
        yield Dot.filled(corner, index, _number(x), _number(y))
    for index, text in enumerate(texts):
        middle = text.x if text.centred else text.x + text.width / 2
        # text that starts at a place: at the left edge of a node of its own width
        place = Dot.filled('pos="{},{}"', _number(middle), _number(scene.height - text.y + 0.3 * text.size))
        width = Dot.filled(" width={} fixedsize=true", _number(text.width / _POINTS))
        look = Dot.filled("fontsize={} fontcolor={}", _number(text.size), Dot.of(text.fill))
        node = '  "text{}" [label={} {}{} {}]'
        yield Dot.filled(node, index, _dot_label(text), look, Dot() if text.centred else width, place)
    yield Dot("}")


def _dot_label(text: Text) -> Dot:
    words = Label.of(text.text)
    if text.bold:
        end = Label() if text.centred else Label('<br align="left"/>')
        return Dot.html(Label.filled("<b>{}</b>{}", words, end))
    return Dot.quoted(words if text.centred else Label.filled("{}\\l", words))


def _xdot(shape: Shape, height: float) -> Iterator[Label]:
    match shape:
        case Polygon(points, fill, stroke):
            pen, drawn = _colour("c", stroke), _drawn("P", points, height)
            yield Label.joined([pen, _colour("C", fill), drawn], " ")
        case Line(points, stroke, head):
            yield Label.joined([_colour("c", stroke), _drawn("L", points, height)], " ")
            if head:
                yield Label.joined([_colour("C", stroke), _drawn("P", _arrow(points), height)], " ")
        case Text():
            pass
        case _:
            assert_never(shape)


def _colour(letter: LiteralString, colour: str) -> Label:
    return Label.filled("{} {} -{}", Label(letter), len(colour), Label.of(colour))


def _drawn(letter: LiteralString, points: tuple[Point, ...], height: float) -> Label:
    pairs = Label.joined((Label.filled("{} {}", _number(x), _number(height - y)) for x, y in points), " ")
    return Label.filled("{} {} {}", Label(letter), len(points), pairs)
