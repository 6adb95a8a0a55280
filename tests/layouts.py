"""Where Graphviz puts what a DOT text says, read from the SVG that it makes."""

import re
from xml.etree import ElementTree as ET

import pytest

from archdsl.draw.render import NoGraphviz, render


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
        self.nodes, self.clusters, self.labels, self.titles, self.lines = {}, {}, [], [], []
        for group in ET.fromstring(svg_of(text)).iter(tag("g")):
            kind, name = group.get("class"), group.get("id")
            if kind == "node":
                self.nodes[name] = self.box(group)
            elif kind == "cluster":
                # the frame of a network or column has no border
                if any(shape.get("d") for shape in group.iter()):
                    self.clusters[name] = self.box(group)
                if texts := list(group.iter(tag("text"))):
                    self.titles.append((name, self.line(texts, 5.5)))
            if kind == "edge" and (path := group.find(tag("path"))) is not None:
                source, _, target = group.find(tag("title")).text.partition("->")
                self.lines.append((source, target, list(self.curve(path.get("d")))))
            if kind == "edge" and (texts := list(group.iter(tag("text")))):
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
    def curve(path):
        """Points along the Bézier curves of a line."""
        numbers = list(map(float, re.findall(r"-?\d+\.?\d*", path)))
        points = list(zip(numbers[0::2], numbers[1::2], strict=True))
        for four in (points[at : at + 4] for at in range(0, len(points) - 3, 3)):
            for step in range(13):
                t = step / 12
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3)
                yield tuple(sum(w * point[axis] for w, point in zip(weights, four, strict=True)) for axis in (0, 1))

    def struck(self):
        """Lines that run through a box that they do not join, or through a word."""
        words = [*self.titles, *((f"label {at}", box) for at, box in enumerate(self.labels))]
        for source, target, points in self.lines:
            for name, (left, top, right, bottom) in (*self.nodes.items(), *words):
                if name not in {source, target} and any(
                    left + 1 < x < right - 1 and top + 1 < y < bottom - 1 for x, y in points
                ):
                    yield source, target, name

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
