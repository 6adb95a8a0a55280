"""Networks as points, parameters against multiply-accumulates, both on logarithmic axes: an SVG as a paper has it.

Members of a family are one colour, joined in the order of their size. Labels stand where they hide no point and no
other label, where there is such a place.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final

from archdsl.algebra.figures import short_number
from archdsl.base.escaped import Markup
from archdsl.base.records import record
from archdsl.base.wanted import WrongValue
from archdsl.draw.columns import text_width
from archdsl.draw.graphviz import FONT, LIGHT

WIDTH: Final = 760
HEIGHT: Final = 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 74, 24, 22, 56
_RADIUS: Final = 4.5
_LABEL: Final = 11
_TICK: Final = 10.5
_INK: Final = "#222222"
_GRID: Final = "#E6E6E6"
_MOST_TICKS: Final = 8
_ROUNDS: Final = 8
_DIRECTIONS: Final = ((1, 0), (-1, 0), (0, -1), (0, 1), (1, -1), (1, 1), (-1, -1), (-1, 1))
_DISTANCES: Final = (7, 16, 28, 42, 58)
_COLOURS: Final = (
    "#1F77B4",
    "#D62728",
    "#2CA02C",
    "#9467BD",
    "#E07B00",
    "#17808F",
    "#8C564B",
    "#C2408F",
    "#6B7A00",
    "#5A6270",
)
# a circle, and where the colours are used up a square, a diamond, a triangle
_SHAPES: Final = (
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "M-4.2 -4.2h8.4v8.4h-8.4z",
    "M0 -5.6l5.6 5.6l-5.6 5.6l-5.6 -5.6z",
    "M0 -5.4l5 9h-10z",
)
_NUMBERED: Final = re.compile(r"_?[a-z]?\d.*$")


@record(slots=True)
class Point:
    """One network."""

    name: str
    params: int
    macs: int

    @property
    def family(self) -> str:
        """Its name without what numbers it: `resnet` of `resnet50`."""
        return _NUMBERED.sub("", self.name) or self.name


@record(slots=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def overlap(self, other: _Box) -> float:
        """The area that two have in common."""
        across = min(self.right, other.right) - max(self.left, other.left)
        down = min(self.bottom, other.bottom) - max(self.top, other.top)
        return across * down if across > 0 and down > 0 else 0


@record(slots=True)
class _Axis:
    """A logarithmic axis. low, high: its ends, as powers of ten; start, end: where they are on the page."""

    low: float
    high: float
    start: float
    end: float

    @classmethod
    def over(cls, values: Iterable[int], start: float, end: float) -> _Axis:
        powers = [math.log10(value) for value in values]
        room = max(0.08 * (max(powers) - min(powers)), 0.15)
        return cls(min(powers) - room, max(powers) + room, start, end)

    def at(self, value: float) -> float:
        """Where a value is on the page."""
        return self.start + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[tuple[int, bool]]:
        """Round numbers on the axis, and whether each has a label."""
        decades = range(math.floor(self.low), math.ceil(self.high) + 1)
        for labelled in ((1, 2, 5), (1, 3), (1,)):
            wanted = [digit * 10**power for power in decades for digit in labelled if power >= 0]
            if len([each for each in wanted if self._holds(each)]) <= _MOST_TICKS:
                break
        shown = set(wanted)
        minor = [digit * 10**power for power in decades for digit in range(1, 10) if power >= 0]
        return [(each, each in shown) for each in minor if self._holds(each)]

    def _holds(self, value: int) -> bool:
        return self.low <= math.log10(value) <= self.high


def scatter(points: Sequence[Point]) -> str:
    """The SVG of some networks. Those without parameters or MACs have no place on a logarithmic axis: ValueError where
    that is so of all."""
    shown = [point for point in points if point.params > 0 and point.macs > 0]
    if not shown:
        raise WrongValue("there is no network with parameters and MACs to plot")
    across = _Axis.over((point.params for point in shown), _LEFT, WIDTH - _RIGHT)
    up = _Axis.over((point.macs for point in shown), HEIGHT - _BOTTOM, _TOP)
    places = [(across.at(point.params), up.at(point.macs)) for point in shown]
    colours = _colours(shown)
    size = Markup.filled('width="{}" height="{}"', WIDTH, HEIGHT)
    head = '<svg xmlns="http://www.w3.org/2000/svg" {} viewBox="0 0 {} {}" font-family="{}">'
    lines = [
        Markup.filled(head, size, WIDTH, HEIGHT, Markup.of(FONT)),
        Markup("<title>Parameters and multiply-accumulates</title>"),
        Markup.filled('<rect {} fill="white"/>', size),
        *_axes(across, up),
        *_families(shown, places, colours),
        *_points(shown, places, colours),
        *_labels(shown, places, colours),
        Markup("</svg>"),
    ]
    return "\n".join(lines) + "\n"


def _colours(points: Sequence[Point]) -> dict[str, str]:
    families = dict.fromkeys(point.family for point in points)
    return {family: _COLOURS[index % len(_COLOURS)] for index, family in enumerate(families)}


def _axes(across: _Axis, up: _Axis) -> Iterator[Markup]:
    bottom, left = across.start, up.start
    tick = Markup.filled('font-size="{}" fill="{}"', _TICK, Markup.of(LIGHT.grey))
    title = Markup.filled('text-anchor="middle" font-size="12.5" fill="{}"', Markup.of(_INK))
    grid, line = Markup.of(_GRID), Markup.of(LIGHT.grey)
    for value, labelled in across.ticks():
        x = across.at(value)
        if labelled:
            yield Markup.filled('<path d="M{:.1f} {:g}V{}" stroke="{}"/>', x, left, _TOP, grid)
            label = '<text x="{:.1f}" y="{:g}" text-anchor="middle" {}>{}</text>'
            yield Markup.filled(label, x, left + 18, tick, _round(value))
        yield Markup.filled('<path d="M{:.1f} {:g}v{}" stroke="{}"/>', x, left, 5 if labelled else 3, line)
    for value, labelled in up.ticks():
        y = up.at(value)
        if labelled:
            yield Markup.filled('<path d="M{:g} {:.1f}H{}" stroke="{}"/>', bottom, y, WIDTH - _RIGHT, grid)
            label = '<text x="{:g}" y="{:.1f}" text-anchor="end" {}>{}</text>'
            yield Markup.filled(label, bottom - 9, y + 3.6, tick, _round(value))
        yield Markup.filled('<path d="M{:g} {:.1f}h{}" stroke="{}"/>', bottom, y, -5 if labelled else -3, line)
    frame = '<path d="M{:g} {}V{:g}H{}" fill="none" stroke="{}"/>'
    yield Markup.filled(frame, bottom, _TOP, left, WIDTH - _RIGHT, Markup.of(_INK))
    middle, centre = (across.start + across.end) / 2, (up.start + up.end) / 2
    yield Markup.filled('<text x="{:g}" y="{}" {}>parameters</text>', middle, HEIGHT - 14, title)
    upright = '<text transform="translate(18 {:g}) rotate(-90)" {}>multiply-accumulates (MACs)</text>'
    yield Markup.filled(upright, centre, title)


def _round(value: int) -> Markup:
    """A number at an axis."""
    return Markup.of(short_number(value).replace(",", ""))


def _families(
    points: Sequence[Point], places: Sequence[tuple[float, float]], colours: dict[str, str]
) -> Iterator[Markup]:
    """Thin lines through the members of each family."""
    for family, colour in colours.items():
        members = sorted(
            (point.params, place) for point, place in zip(points, places, strict=True) if point.family == family
        )
        for (_, (x, y)), (_, (to_x, to_y)) in pairwise(members):
            line = '<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}" stroke-opacity="0.35"/>'
            yield Markup.filled(line, x, y, to_x, to_y, Markup.of(colour))


def _points(
    points: Sequence[Point], places: Sequence[tuple[float, float]], colours: dict[str, str]
) -> Iterator[Markup]:
    shape_of = {family: _SHAPES[index // len(_COLOURS) % len(_SHAPES)] for index, family in enumerate(colours)}
    for point, (x, y) in zip(points, places, strict=True):
        told = Markup.filled("{}: {:,} parameters, {:,} MACs", Markup.of(point.name), point.params, point.macs)
        colour = Markup.of(colours[point.family])
        place = Markup.filled('transform="translate({:.1f} {:.1f})" fill="{}" stroke="white"', x, y, colour)
        path = '<path d="{}" {}><title>{}</title></path>'
        yield Markup.filled(path, Markup.of(shape_of[point.family]), place, told)


# --- labels -----------------------------------------------------------------------------------------------------------


def _labels(
    points: Sequence[Point], places: Sequence[tuple[float, float]], colours: dict[str, str]
) -> Iterator[Markup]:
    boxes = placed([text_width(point.name, _LABEL) * 72 + 2 for point in points], places)
    for point, box, (x, y) in zip(points, boxes, places, strict=True):
        colour = Markup.of(colours[point.family])
        near_x, near_y = min(max(x, box.left), box.right), min(max(y, box.top), box.bottom)
        if math.dist((x, y), (near_x, near_y)) > 2 * _DISTANCES[0]:
            line = '<path d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}" stroke-width="0.6"/>'
            yield Markup.filled(line, x, y, near_x, near_y, colour)
        place = Markup.filled('x="{:.1f}" y="{:.1f}" text-anchor="middle"', (box.left + box.right) / 2, box.bottom - 3)
        look = Markup.filled('font-size="{}" fill="{}"', _LABEL, colour)
        yield Markup.filled("<text {} {}>{}</text>", place, look, Markup.of(point.name))


def placed(widths: Sequence[float], places: Sequence[tuple[float, float]]) -> list[_Box]:
    """Where labels of some widths stand: each is moved to its best place in turn until none gains by moving."""
    dots = [_Box(x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS) for x, y in places]
    choices = [list(_choices(width, x, y)) for width, (x, y) in zip(widths, places, strict=True)]
    standing = [options[0][1] for options in choices]
    reaches = [_around(box for _, box in options) for options in choices]
    near = [
        [at for at, each in enumerate(reaches) if at != index and each.overlap(reach)]
        for index, reach in enumerate(reaches)
    ]
    beside = [[dot for dot in dots if dot.overlap(reach)] for reach in reaches]
    for _ in range(_ROUNDS):
        moved = False
        for index, options in enumerate(choices):
            others = [*(standing[at] for at in near[index]), *beside[index]]
            best = min(options, key=lambda option: option[0] + _hidden(option[1], others))
            if best[1] != standing[index]:
                standing[index], moved = best[1], True
        if not moved:
            break
    return standing


def _around(boxes: Iterable[_Box]) -> _Box:
    """The box around some boxes."""
    lefts, tops, rights, bottoms = zip(*((box.left, box.top, box.right, box.bottom) for box in boxes), strict=True)
    return _Box(min(lefts), min(tops), max(rights), max(bottoms))


def _choices(width: float, x: float, y: float) -> Iterator[tuple[float, _Box]]:
    """The places where a label may stand, with how far each is from its point."""
    height = _LABEL + 2
    for distance in _DISTANCES:
        for rank, (across, down) in enumerate(_DIRECTIONS):
            # a label that is above or below is centred on its point
            left = x - width / 2 if not across else x + distance if across > 0 else x - distance - width
            top = y + down * distance - (height / 2 if not down else 0 if down > 0 else height)
            box = _Box(left, top, left + width, top + height)
            yield distance + 0.5 * rank + 1e3 * _outside(box), box


def _outside(box: _Box) -> float:
    """How far a label reaches out of the plot."""
    over = (_LEFT + 2 - box.left, _TOP - 14 - box.top, box.right - WIDTH + 4, box.bottom - HEIGHT + _BOTTOM + 2)
    return sum(max(each, 0) for each in over)


def _hidden(box: _Box, others: Iterable[_Box]) -> float:
    return sum(40 + 5 * area for other in others if (area := box.overlap(other)))
