"""What Graphviz drew, as a small SVG for a page: only shapes and text, in classes that a style sheet colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import dist
from typing import Final
from xml.etree import ElementTree as ET

from archdsl.base.escaped import Markup
from archdsl.base.records import record
from archdsl.page.colours import CLASS

# the attributes of a group of shapes, by what it is (`node`, `edge`, `cluster`) and its id in the picture
Marks = Callable[[str, str], Markup]

_SPACE: Final = "{http://www.w3.org/2000/svg}"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_DOT: Final = 4  # no circle with something in it is as small
_NORMAL: Final = 11  # the size of letters


def small(svg: bytes, marks: Marks) -> Markup:
    """An SVG of Graphviz without what the page itself says: `<svg>` with a group for each node, edge and cluster."""
    # Graphviz wrote it, out of DOT in which every text is escaped
    root = ET.fromstring(svg[svg.index(b"<svg") :])  # noqa: S314
    graph = root.find(f"{_SPACE}g")
    assert graph is not None
    left, top, width, height = _numbers(root.get("viewBox", ""))
    x, y = _numbers(graph.get("transform", "").partition("translate")[2])
    drawn = _Shapes(x - left, y - top)
    inside = (each for each in graph if each.tag == f"{_SPACE}g" and each.get("class"))
    groups = Markup.joined(drawn.group(each, marks) for each in inside)
    head = '<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>'
    return Markup.filled(head, _written(width), _written(height), groups)


@record(slots=True)
class _Shapes:
    """Shapes of Graphviz, moved by (x, y) so that all places are positive, in tenths of a unit."""

    x: float
    y: float

    def group(self, group: ET.Element, marks: Marks) -> Markup:
        kind = group.get("class", "")
        shapes = Markup.joined(self._shapes(group, kind))
        return Markup.filled("<g {}>{}</g>", marks(kind, group.get("id", "")), shapes) if shapes else Markup()

    def _shapes(self, group: ET.Element, kind: str) -> Iterator[Markup]:
        # the style sheet puts the head of an arrow at the end of its line
        heads = group.findall(f".//{_SPACE}polygon")
        for shape in group.iter():
            match shape.tag.removeprefix(_SPACE):
                case "path" if kind == "edge":
                    line = self._places(shape, "d")
                    head = _headed(line, [place for each in heads for place in self._places(each, "points")])
                    look = _named(_colour(shape, "stroke"), _dashed(shape), head)
                    yield Markup.filled('<path{} d="{}"/>', look, _drawn(line))
                case "path":
                    yield self._box(shape, kind)
                case "ellipse":
                    yield self._ellipse(shape)
                case "text":
                    yield self._text(shape, kind)
                case _:
                    pass

    def _places(self, shape: ET.Element, attribute: str) -> list[tuple[int, int]]:
        numbers = _numbers(shape.get(attribute, ""))
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        return [(round(10 * (x + self.x)), round(10 * (y + self.y))) for x, y in pairs]

    def _box(self, path: ET.Element, kind: str) -> Markup:
        """A box with round corners: Graphviz draws it as curves."""
        columns, rows = zip(*self._places(path, "d"), strict=True)
        colour = "" if kind == "cluster" else _colour(path, "fill")
        left, top = min(columns), min(rows)
        sizes = _sized(x=left, y=top, width=max(columns) - left, height=max(rows) - top)
        return Markup.filled("<rect{}{}/>", _named(colour, _dashed(path)), sizes)

    def _ellipse(self, shape: ET.Element) -> Markup:
        x, y, width, height = (float(shape.get(name, "0")) for name in ("cx", "cy", "rx", "ry"))
        cx, cy, rx, ry = (round(10 * size) for size in (x + self.x, y + self.y, width, height))
        look = _named("dot" if width < _DOT else "of-circle", _dashed(shape))
        return Markup.filled("<ellipse{}{}/>", look, _sized(cx=cx, cy=cy, rx=rx, ry=ry))

    def _text(self, text: ET.Element, kind: str) -> Markup:
        is_note = kind != "edge" and float(text.get("font-size", "11")) < _NORMAL
        names = (
            "start" if text.get("text-anchor") == "start" else "",
            "bold" if text.get("font-weight") == "bold" else "",
            "small" if is_note else "",
        )
        x, y = (float(text.get(name, "0")) for name in ("x", "y"))
        place = _sized(x=round(10 * (x + self.x)), y=round(10 * (y + self.y)))
        return Markup.filled("<text{}{}>{}</text>", _named(*names), place, Markup.of(text.text or ""))


def _drawn(line: list[tuple[int, int]]) -> Markup:
    """A row of curves as a path, a line where they are straight."""
    (x, y), *others = line
    across, down = others[-1][0] - x, others[-1][1] - y
    start = Markup.filled("M{}", _listed((x, y)))
    if all(across * (v - y) == down * (u - x) for u, v in others):
        if not across:
            return Markup.filled("{}v{}", start, _tenths(down))
        return Markup.filled("{}l{}", start, _listed((across, down)))
    pieces = [start]
    for place in range(0, len(others), 3):
        pieces.append(Markup.filled("c{}", _listed(*((u - x, v - y) for u, v in others[place : place + 3]))))
        x, y = others[place + 2]
    return Markup.joined(pieces)


def _headed(line: list[tuple[int, int]], heads: list[tuple[int, int]]) -> str:
    """The class of a line by where the head of its arrow is: at the end it is usual."""
    if not heads:
        return "plain"
    first, last = (min(dist(place, end) for place in heads) for end in (line[0], line[-1]))
    return "back" if first < last else ""


def _numbers(text: str) -> list[float]:
    return list(map(float, _NUMBER.findall(text)))


def _colour(shape: ET.Element, attribute: str) -> str:
    """The class that has the colour of a shape, if it is not the one of all lines."""
    return CLASS.get(shape.get(attribute, "").lower(), "")


def _dashed(shape: ET.Element) -> str:
    return "dashed" if shape.get("stroke-dasharray") else ""


def _named(*classes: str) -> Markup:
    """The attribute with those of the classes that there are."""
    names = " ".join(filter(None, classes))
    return Markup.filled(' class="{}"', Markup.of(names)) if names else Markup()


def _sized(**sizes: int) -> Markup:
    """Attributes by name, in tenths."""
    return Markup.joined(Markup.filled(' {}="{}"', Markup.of(name), _tenths(size)) for name, size in sizes.items())


def _listed(*places: tuple[int, int]) -> Markup:
    """Places in a path: what a minus sign parts needs no space."""
    return Markup.of(" ".join(_tenths(number) for place in places for number in place).replace(" -", "-"))


def _tenths(number: int) -> Markup:
    return _written(number / 10)


def _written(number: float) -> Markup:
    return Markup.of(f"{number:.1f}".removesuffix(".0"))
