"""Where Graphviz puts what a DOT text says, read from the SVG that it makes."""

import re
from xml.etree import ElementTree as ET

import pytest

from archdsl.emit.render import NoGraphviz, render


def svg_of(text):
    try:
        return render(text, "svg")
    except NoGraphviz:
        pytest.skip("there is no Graphviz here")


def tag(name):
    return f"{{http://www.w3.org/2000/svg}}{name}"


class Laid:
    """Where Graphviz has put things: boxes of nodes and clusters, lines of text, in points, y growing downwards."""

    def __init__(self, text):
        self.nodes, self.clusters, self.labels, self.titles = {}, {}, [], []
        for group in ET.fromstring(svg_of(text)).iter(tag("g")):
            kind, name = group.get("class"), group.get("id")
            if kind == "node":
                self.nodes[name] = self.box(group)
            elif kind == "cluster":
                self.clusters[name] = self.box(group)
                self.titles.append((name, self.line(list(group.iter(tag("text"))), 5.5)))
            elif kind == "edge" and (texts := list(group.iter(tag("text")))):
                self.labels.append(self.line(texts, 4.5))

    @staticmethod
    def box(group):
        xs, ys = [], []
        for shape in group.iter():
            if shape.tag == tag("ellipse"):
                x, y, rx, ry = (float(shape.get(name)) for name in ("cx", "cy", "rx", "ry"))
                xs += [x - rx, x + rx]
                ys += [y - ry, y + ry]
            numbers = re.findall(r"-?\d+\.?\d*", shape.get("d") or shape.get("points") or "")
            xs += map(float, numbers[0::2])
            ys += map(float, numbers[1::2])
        return min(xs), min(ys), max(xs), max(ys)

    @staticmethod
    def line(texts, letter):
        """The box of a line of text: one that starts at its x, or is centred there, as wide as its letters."""
        words = "".join(text.text.strip() for text in texts)
        width = letter * len(words)
        x, y = float(texts[0].get("x")), float(texts[0].get("y"))
        left = x if texts[0].get("text-anchor") == "start" else x - width / 2
        return left, y - 7, left + width, y


def overlap(one, other):
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(one[1], other[1])
