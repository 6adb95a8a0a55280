"""A drawing whose shapes have their places already: as SVG, and as DOT that Graphviz only turns into PNG or PDF.

Lengths are in points; y grows downwards, as in SVG.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, assert_never
from xml.sax.saxutils import escape as escape_xml

from archdsl.emit.drawing.columns import text_width
from archdsl.emit.drawing.graphviz import FONT, quoted, visible

Point = tuple[float, float]

_HEAD: Final = 6.0
_POINTS: Final = 72


@dataclass(frozen=True, slots=True)
class Polygon:
    """A filled polygon."""

    points: tuple[Point, ...]
    fill: str
    stroke: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line through some points, with an arrow at its end if it has a head."""

    points: tuple[Point, ...]
    stroke: str
    head: bool = True


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Group:
    """Shapes that are one thing to a reader. about: its tooltip."""

    id: str
    about: str
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True)
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


def _svg_lines(scene: Scene) -> Iterator[str]:
    width, height = _number(scene.width), _number(scene.height)
    size = f'width="{width}pt" height="{height}pt" viewBox="0 0 {width} {height}"'
    yield f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">'
    yield f"<title>{_xml(scene.name)}</title>"
    yield f"<desc>{_xml(scene.about)}</desc>"
    yield f'<rect width="{width}" height="{height}" fill="{scene.background}"/>'
    for group in scene.groups:
        yield f'<g id="{_xml(group.id)}">'
        if group.about:
            yield f"<title>{_xml(group.about)}</title>"
        yield from map(_svg_shape, group.shapes)
        yield "</g>"
    yield "</svg>"


def _svg_shape(shape: Shape) -> str:
    match shape:
        case Polygon(points, fill, stroke):
            return f'<polygon points="{_pairs(points)}" fill="{fill}" stroke="{stroke}" stroke-linejoin="round"/>'
        case Line(points, stroke, head):
            line = f'<polyline points="{_pairs(points)}" fill="none" stroke="{stroke}"/>'
            arrow = f'<polygon points="{_pairs(_arrow(points))}" fill="{stroke}"/>' if head else ""
            return line + arrow
        case Text(x, y, text, size, fill, bold, centred):
            look = ' font-weight="bold"' if bold else ""
            anchor = ' text-anchor="middle"' if centred else ""
            place = f'x="{_number(x)}" y="{_number(y)}"'
            return f'<text {place} font-size="{_number(size)}" fill="{fill}"{look}{anchor}>{_xml(text)}</text>'
        case _:
            assert_never(shape)


def _pairs(points: tuple[Point, ...]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _xml(text: str) -> str:
    lines = (visible(line) for line in text.split("\n"))
    return escape_xml("\n".join(lines), {'"': "&quot;"})


def _arrow(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """The triangle at the end of a line, whose last part is level or upright."""
    (x0, y0), (x, y) = points[-2:]
    if y == y0:
        back = -_HEAD if x > x0 else _HEAD
        return (x, y), (x + back, y - _HEAD / 3), (x + back, y + _HEAD / 3)
    back = -_HEAD if y > y0 else _HEAD
    return (x, y), (x - _HEAD / 3, y + back), (x + _HEAD / 3, y + back)


def _number(value: float) -> str:
    """A length to a tenth of a point."""
    return f"{value:.1f}".removesuffix(".0")


# --- DOT --------------------------------------------------------------------------------------------------------------


def placed_dot(scene: Scene) -> str:
    """The drawing as DOT for the layout `nop`, which leaves everything where it is.

    Polygons and lines are its background, in the notation of xdot; texts are nodes without a border.
    """
    return "\n".join(_dot_lines(scene)) + "\n"


def _dot_lines(scene: Scene) -> Iterator[str]:
    strokes = [stroke for group in scene.groups for shape in group.shapes for stroke in _xdot(shape, scene.height)]
    texts = [shape for group in scene.groups for shape in group.shapes if isinstance(shape, Text)]
    yield f"digraph {quoted(scene.name)} {{"
    yield f'  graph [layout=nop pad=0 bgcolor="{scene.background}" tooltip={quoted(f"{scene.name}: {scene.about}")}'
    yield f'    _background="{" ".join(strokes)}"]'
    yield f'  node [shape=plaintext width=0 height=0 margin=0 fontname="{FONT}"]'
    # without a node in each corner the drawing would be cut to its texts
    for index, (x, y) in enumerate(((0.0, 0.0), (scene.width, scene.height))):
        yield f'  "corner{index}" [style=invis shape=point width=0 label="" pos="{_number(x)},{_number(y)}"]'
    for index, text in enumerate(texts):
        middle = text.x if text.centred else text.x + text.width / 2
        # text that starts at a place: at the left edge of a node of its own width
        place = f"{_number(middle)},{_number(scene.height - text.y + 0.3 * text.size)}"
        words = quoted(text.text)[1:-1]
        if text.bold:
            label = f"<<b>{words}</b>>" if text.centred else f'<<b>{words}</b><br align="left"/>>'
        else:
            label = f'"{words}"' if text.centred else f'"{words}\\l"'
        width = "" if text.centred else f" width={_number(text.width / _POINTS)} fixedsize=true"
        look = f'fontsize={_number(text.size)} fontcolor="{text.fill}"'
        yield f'  "text{index}" [label={label} {look}{width} pos="{place}"]'
    yield "}"


def _xdot(shape: Shape, height: float) -> Iterator[str]:
    match shape:
        case Polygon(points, fill, stroke):
            yield f"{_colour('c', stroke)} {_colour('C', fill)} {_drawn('P', points, height)}"
        case Line(points, stroke, head):
            yield f"{_colour('c', stroke)} {_drawn('L', points, height)}"
            if head:
                yield f"{_colour('C', stroke)} {_drawn('P', _arrow(points), height)}"
        case Text():
            pass
        case _:
            assert_never(shape)


def _colour(letter: str, colour: str) -> str:
    return f"{letter} {len(colour)} -{colour}"


def _drawn(letter: str, points: tuple[Point, ...], height: float) -> str:
    pairs = " ".join(f"{_number(x)} {_number(height - y)}" for x, y in points)
    return f"{letter} {len(points)} {pairs}"
