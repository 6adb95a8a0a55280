"""What Graphviz drew, as a small SVG for a page: only shapes and text, in classes that a style sheet colours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html import escape
from typing import Final
from xml.etree import ElementTree as ET

from archdsl.emit.drawing.graphviz import LIGHT

# the attributes of a group of shapes, by what it is (`node`, `edge`, `cluster`) and its id in the picture
Marks = Callable[[str, str], str]

_SPACE: Final = "{http://www.w3.org/2000/svg}"
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_RADIUS: Final = 6
_CLASS: Final[Mapping[str, str]] = {
    **{colour.lower(): f"of-{style or 'io'}" for style, colour in LIGHT.fill.items()},
    LIGHT.closed_fill.lower(): "of-block",
    LIGHT.circle.lower(): "of-circle",
    LIGHT.red.lower(): "red",
    LIGHT.grey.lower(): "grey",
}


def small(svg: bytes, marks: Marks) -> str:
    """An SVG of Graphviz without what the page itself says: `<svg>` with a group for each node, edge and cluster."""
    # Graphviz wrote it, out of DOT in which every text is escaped
    root = ET.fromstring(svg[svg.index(b"<svg") :])  # noqa: S314
    graph = root.find(f"{_SPACE}g")
    assert graph is not None
    box = " ".join(map(_rounded, _NUMBER.findall(root.get("viewBox", ""))))
    move = _NUMBER.findall(graph.get("transform", "").partition("translate")[2])
    groups = "".join(_group(each, marks) for each in graph if each.tag == f"{_SPACE}g" and each.get("class"))
    return f'<svg viewBox="{box}" aria-hidden="true"><g transform="translate({",".join(move)})">{groups}</g></svg>'


def _group(group: ET.Element, marks: Marks) -> str:
    kind = group.get("class", "")
    shapes = "".join(_shapes(group, kind))
    return f"<g {marks(kind, group.get('id', ''))}>{shapes}</g>" if shapes else ""


def _shapes(group: ET.Element, kind: str) -> Iterator[str]:
    for shape in group.iter():
        dashed = ' class="dashed"' if shape.get("stroke-dasharray") else ""
        match shape.tag.removeprefix(_SPACE):
            case "path" if kind == "edge":
                red = ' class="red"' if _class(shape, "stroke") == "red" else dashed
                yield f'<path{red} d="{_NUMBER.sub(_rounded_match, shape.get("d", ""))}"/>'
            case "path":
                yield _box(shape, kind)
            case "polygon" if kind == "edge":
                red = ' class="red"' if _class(shape, "fill") == "red" else ""
                yield f'<polygon{red} points="{_NUMBER.sub(_rounded_match, shape.get("points", ""))}"/>'
            case "ellipse":
                centre = "".join(f' {name}="{_rounded(shape.get(name, "0"))}"' for name in ("cx", "cy", "rx", "ry"))
                dot = float(shape.get("rx", "0")) < 4
                yield f'<ellipse class="{"dot" if dot else "of-circle"}{" dashed" if dashed else ""}"{centre}/>'
            case "text":
                yield _text(shape)
            case _:
                pass


def _box(path: ET.Element, kind: str) -> str:
    """A box with round corners: Graphviz draws it as curves."""
    numbers = list(map(float, _NUMBER.findall(path.get("d", ""))))
    left, right = min(numbers[::2]), max(numbers[::2])
    top, bottom = min(numbers[1::2]), max(numbers[1::2])
    colour = "" if kind == "cluster" else _class(path, "fill")
    names = " ".join(filter(None, (colour, "dashed" if path.get("stroke-dasharray") else "")))
    size = f'width="{right - left:.1f}" height="{bottom - top:.1f}"'
    own = f' class="{names}"' if names else ""
    return f'<rect{own} x="{left:.1f}" y="{top:.1f}" {size} rx="{_RADIUS}"/>'


def _text(text: ET.Element) -> str:
    names = {
        "start": text.get("text-anchor") == "start",
        "bold": text.get("font-weight") == "bold",
        "small": float(text.get("font-size", "11")) < 11,
    }
    shown = " ".join(name for name, holds in names.items() if holds)
    own = f' class="{shown}"' if shown else ""
    place = f'x="{_rounded(text.get("x", "0"))}" y="{_rounded(text.get("y", "0"))}"'
    return f"<text{own} {place}>{escape(text.text or '')}</text>"


def _class(shape: ET.Element, attribute: str) -> str:
    return _CLASS.get(shape.get(attribute, "").lower(), "")


def _rounded(number: str) -> str:
    return f"{float(number):.1f}".removesuffix(".0")


def _rounded_match(found: re.Match[str]) -> str:
    return _rounded(found[0])
