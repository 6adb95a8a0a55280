"""A network as its feature maps: boxes in a row, as in the figures of AlexNet's and VGG's papers.

A box is as high and deep as its map and as thick as its channels; a vector is a bar as high as it has features. Sizes
are drawn by their square roots, up to some length, so that 224 positions and 7 are both seen. The main path is drawn; a
block with branches is one box, and tensors that skip ahead are arrows above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import Final

from archdsl.algebra.tensors import Kind as Axes
from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.draw.compose import Composer
from archdsl.draw.graphviz import Theme, mixed, theme
from archdsl.draw.levels import Level, Part
from archdsl.draw.look import PLAIN, Look
from archdsl.draw.model import Detail, Role
from archdsl.draw.plot import box_style, closed_label
from archdsl.draw.routes import routes
from archdsl.draw.scene import Group, Line, Point, Polygon, Scene, Shape, Text
from archdsl.draw.words import caption, facts_of, families
from archdsl.facts.counts import PARAMS
from archdsl.graph.module import INPUT, Module, Wire
from archdsl.ops.traits import Style

READABLE: Final = 34
LARGEST: Final = 1_000

RULE: Final = (
    "height and depth: √ of the map's sides · thickness: √ of its channels · bars: vectors, √ of their features"
)

_HIGHEST: Final = 130.0
_UNIT: Final = 1.4
_THINNEST: Final = 3.0
_THICKEST: Final = 100.0
_TALLEST: Final = 170.0
_SLANT: Final = 0.32
_BAR: Final = 7.0
_SLIT: Final = 5.0
_GAP: Final = 16.0
_LETTERS: Final = 8.0
_LINE: Final = 10.0
_SHORT: Final = 50.0
_MARGIN: Final = 14.0
_LIFT: Final = 12.0
_REPEATED: Final = 3


@record(slots=True)
class Volume:
    """A feature map on the main path.

    label: what made it. count: how many there are in a row. style: the colour of what made it, None of an input; block:
    whether that is a block. source: the volume that it is made of, by its number; also: those that skip ahead to it.
    """

    id: str
    kind: TensorType
    label: str
    note: str = ""
    count: int = 1
    style: Style | None = None
    holds: tuple[Style, ...] = ()
    block: bool = False
    source: int | None = None
    also: tuple[int, ...] = ()
    about: str = ""


# --- what is drawn ----------------------------------------------------------------------------------------------------


def volumes(module: Module, detail: Detail | str | None = None) -> tuple[tuple[Volume, ...], tuple[str, ...]]:
    """The feature maps along the main path of a network, and remarks on what is left out.

    detail: how far groups without branches are opened, by default as far as about thirty boxes go.
    """
    wanted = None if detail is None else Detail(detail)
    made = _Row(Composer(wanted or Detail.LAYER), module)
    for coarser in (Detail.BLOCK, Detail.STAGE):
        if len(made.volumes) <= (READABLE if wanted is None else LARGEST):
            break
        # of what is flat already a coarser detail shows the same
        if Composer(coarser).size(module) < made.size:
            made = _Row(Composer(coarser), module)
    kept, beside = made.kept(), made.beside
    boxes = f"{beside} more boxes that are" if beside > 1 else "one more box that is"
    remarks = [f"beside the main path: {boxes} not drawn"] if beside else []
    if len(kept) > LARGEST:
        remarks.append(
            f"of {len(kept):,} boxes the first {LARGEST:,} are drawn: blocks and repeats would make it shorter"
        )
    return kept[:LARGEST], tuple(remarks)


class _Row:
    """The volumes of a network, one after another."""

    def __init__(self, composer: Composer, module: Module) -> None:
        self.volumes: list[Volume] = []
        self.beside = 0
        self.size = composer.size(module)
        if self.size > LARGEST and composer.detail is not Detail.STAGE:
            composer = Composer(Detail.STAGE)
        level = composer.network(module)
        # where several inputs meet, the row begins at the first
        entry = routes(level, frozenset()).entry or 0
        inputs: list[int | None] = [None] * len(level.inputs)
        if level.inputs:
            name, kind = module.input_names[entry], module.inputs[entry]
            inputs[entry] = self._add(Volume(f"input:{name}", kind, "input" if name == "x" else name))
        self._level(level, inputs, frozenset())

    def _add(self, volume: Volume) -> int:
        self.volumes.append(volume)
        return len(self.volumes) - 1

    def _level(self, level: Level, inputs: list[int | None], skips: frozenset[int]) -> list[int | None]:
        """Add the volumes of a level; the volumes that its outputs are, None beside the main path. skips: the inputs
        that come from far back."""
        way = routes(level, skips)
        made: dict[Wire, int | None] = {Wire(INPUT, port): each for port, each in enumerate(inputs)}
        for index, part in enumerate(level.parts):
            sources = [made[wire] for wire in part.inputs]
            if index not in way.spine or (part.operator is not None and part.operator.ignores_input):
                self.beside += not _passes(part)
                results: list[int | None] = [sources[0] if _passes(part) else None] * len(part.outputs)
            elif part.inside is not None and _opens(part):
                far = (place for place in range(len(sources)) if way.roles.get((index, place)) is Role.SKIP)
                results = self._level(part.inside, sources, frozenset(far))
            else:
                results = [self._part(part, sources)] * len(part.outputs)
            made.update((Wire(index, port), each) for port, each in enumerate(results))
        return [made[wire] for wire in level.outputs]

    def _part(self, part: Part, sources: list[int | None]) -> int:
        near = [each for each in sources if each is not None]
        source = max(near, default=None)
        also = tuple(sorted({each for each in near if each != source}))
        about = "\n\n".join("\n".join(facts_of(member, part).lines()) for member in part.members)
        path, kind = part.members[part.lead].path, part.outputs[0]
        volume = Volume(path, kind, "", count=part.count, source=source, also=also, about=about)
        operator = part.operator
        if operator is None:
            note = part.contents if part.count == 1 else ""
            volume = replace(volume, label=_block_label(part), note=note, block=True)
        else:
            style, holds = box_style(part, projects=False)
            label = operator.label(operator.operand(part.step.input_types))
            volume = replace(volume, label=label, style=style, holds=holds)
        return self._add(volume)

    def kept(self) -> tuple[Volume, ...]:
        """The volumes but for those that are like the one before them: a norm that stands alone changes no size."""
        where: dict[int | None, int | None] = {None: None}
        kept: list[Volume] = []
        for index, volume in enumerate(self.volumes):
            source = where[volume.source]
            also = tuple(each for each in map(where.__getitem__, volume.also) if each is not None)
            if source is not None and not also and source == len(kept) - 1 and kept[source].kind == volume.kind:
                before = kept[source]
                if volume.style is not None and volume.style.is_quiet:
                    where[index] = source
                    continue
                if volume.block and (before.block, before.label, before.note) == (True, volume.label, volume.note):
                    kept[source] = replace(before, count=before.count + volume.count)
                    where[index] = source
                    continue
            where[index] = len(kept)
            kept.append(replace(volume, source=source, also=tuple(each for each in also if each != source)))
        return tuple(kept)


def _block_label(part: Part) -> str:
    """A block in a few words; equal branches that stand for each other are no block and have no name."""
    if part.inside is None or part.copies == 1 or part.title:
        return closed_label(part)
    return f"{part.copies:,} equal branches"


def _passes(part: Part) -> bool:
    """Whether a part beside the main path only hands on what comes in: a crop of a skip."""
    if part.operator is None or part.costs.sums[PARAMS] or len(part.inputs) != 1:
        return False
    before, after = part.input_types[0], part.outputs[0]
    return before.kind is after.kind and before.channels == after.channels


def _opens(part: Part) -> bool:
    """Whether what is inside a block stands in the row: a single chain, and not of blocks alone."""
    inside = part.inside
    if inside is None or part.count > 1 or part.copies > 1:
        return False
    readers = [wire for each in inside.parts for wire in each.inputs]
    if len(readers) != len(set(readers)):
        return False
    return any(each.operator is not None or _opens(each) for each in inside.parts)


# --- where it stands --------------------------------------------------------------------------------------------------


@record(slots=True)
class _Solid:
    """A box or bar: its front is `thick` wide and `high` high; `deep` goes back, up and to the right."""

    thick: float
    high: float
    deep: float

    @property
    def total(self) -> float:
        """How high it is with its back."""
        return self.high + self.deep

    def faces(self, x: float, middle: float) -> tuple[tuple[Point, ...], ...]:
        """Front, top and right side of the solid whose left edge is at x."""
        top, right = middle - self.total / 2 + self.deep, x + self.thick
        bottom, back = top + self.high, self.deep
        front = ((x, top), (right, top), (right, bottom), (x, bottom))
        if not back:
            return (front,)
        lid = ((x, top), (x + back, top - back), (right + back, top - back), (right, top))
        side = ((right, top), (right + back, top - back), (right + back, bottom - back), (right, bottom))
        return front, lid, side


class _Layout:
    """Where the volumes stand: in a row, or in a U where the map shrinks and grows again and skips lead across."""

    def __init__(self, row: tuple[Volume, ...], colours: Theme) -> None:
        self.row = row
        self.theme = colours
        self.largest = max((side for volume in row for side in _sides(volume.kind)), default=1)
        self.solids = [self._solid(volume.kind) for volume in row]
        self.skips = [(source, index) for index, volume in enumerate(row) for source in volume.also]
        self.levels = _u_levels(row, self.skips) or [0] * len(row)
        self.lifts = self._lifts()
        self.middles = self._middles()
        self.places = self._places()

    def _solid(self, kind: TensorType) -> _Solid:
        sides = _sides(kind)
        if not sides:
            return _Solid(_BAR, min(_TALLEST, max(_THINNEST, 1.5 * _UNIT * sqrt(int(kind.channels)))), _BAR / 2)
        high, deep = (_HIGHEST * sqrt(int(side) / int(self.largest)) for side in (sides[0], sides[-1]))
        thick = min(_THICKEST, max(_THINNEST, _UNIT * sqrt(int(kind.channels))))
        return _Solid(thick, max(_THINNEST, high), max(2.0, deep * _SLANT) if len(sides) > 1 else 0.0)

    def slabs(self, index: int) -> int:
        """How many boxes stand for a volume and its repeats."""
        volume = self.row[index]
        return volume.count if volume.count <= _REPEATED and not volume.block else 1

    def texts(self, index: int) -> list[tuple[str, bool]]:
        """The lines below a volume, and whether each is important."""
        volume = self.row[index]
        size = _size(volume.kind)
        words = [word for word in volume.label.split(", ") if word != str(int(volume.kind.channels))]
        bold = 0
        if volume.count > 1:
            bold = max((at for at, word in enumerate(words) if not word.startswith("/")), default=0) * volume.block
            words[bold] += f" ×{volume.count:,}"
        strong = volume.count > 1 and self.slabs(index) == 1
        room = max(_SHORT, _wide(size), self.width(index))
        lines = [(size, True)]
        for at, word in enumerate(words):
            joined = f"{lines[-1][0]}, {word}"
            if at and not (strong and at == bold) and _wide(joined) <= room:
                lines[-1] = (joined, lines[-1][1])
            else:
                lines.append((word, strong and at == bold))
        return [*lines, *((word, False) for word in filter(None, [volume.note]))]

    def width(self, index: int) -> float:
        """How wide the boxes of a volume are."""
        solid, slabs = self.solids[index], self.slabs(index)
        return slabs * solid.thick + (slabs - 1) * self.slit(index) + solid.deep

    def slit(self, index: int) -> float:
        """How far the boxes of a repeat stand apart."""
        return max(_SLIT, self.solids[index].deep * 0.3)

    def _places(self) -> list[float]:
        """The left edge of the boxes of each volume: to the right of the one before, or below or above it."""
        places: list[float] = []
        x = _MARGIN
        for index in range(len(self.row)):
            room = max(_wide(text, bold=bold) for text, bold in self.texts(index)) + 7
            width = self.width(index)
            wide = max(room, width + _GAP)
            if index and self.levels[index] != self.levels[index - 1]:
                beside = [
                    places[each] + self.width(each) + _GAP
                    for each in range(index)
                    if self.levels[each] == self.levels[index]
                ]
                x = max(_MARGIN, self._across(places, index - 1) - wide / 2, *beside)
            places.append(x + (wide - width) / 2)
            x += wide
        return places

    def _across(self, places: list[float], index: int) -> float:
        return places[index] + self.width(index) / 2

    def _middles(self) -> list[float]:
        """The height of the axis of each level."""
        middles: list[float] = []
        top = 0.0
        for level in range(max(self.levels) + 1):
            top += _LIFT * max((lift for skip, lift in self.lifts.items() if self.levels[skip[0]] == level), default=0)
            here = [index for index, each in enumerate(self.levels) if each == level]
            high = max(self.solids[index].total for index in here)
            texts = max(len(self.texts(index)) for index in here)
            middles.append(top + high / 2)
            top += high + texts * _LINE + 2 * _GAP
        return middles

    def middle(self, index: int) -> float:
        """The height of the axis of a volume."""
        return self.middles[self.levels[index]]

    def _lifts(self) -> dict[tuple[int, int], int]:
        """Which of the lines above its level each skip takes, the lowest first."""
        lifts: dict[tuple[int, int], int] = {}
        for begin, end in sorted(self.skips, key=lambda skip: skip[1] - skip[0]):
            level = self.levels[begin]
            under = [lift for (b, e), lift in lifts.items() if b < end and begin < e and self.levels[b] == level]
            lifts[begin, end] = 1 + max(under, default=0)
        return lifts

    # --- shapes -------------------------------------------------------------------------------------------------------

    def groups(self) -> Iterator[Group]:
        """Every volume with its words, and the arrows."""
        times: Counter[str] = Counter()
        for index, volume in enumerate(self.row):
            # steps that share weights have one path
            times[volume.id] += 1
            name = volume.id if times[volume.id] == 1 else f"{volume.id}@{times[volume.id]}"
            yield Group(name, volume.about, tuple(self._shapes(index)))
        arrows = [self._arrow(before, after) for before, after in pairwise(range(len(self.row)))]
        yield Group("all:arrows", "", (*arrows, *map(self._skip, self.skips)))

    def _shapes(self, index: int) -> Iterator[Shape]:
        volume, solid, x = self.row[index], self.solids[index], self.places[index]
        fill = self.theme.closed_fill if volume.block else self.theme.fill[volume.style]
        stroke = self.theme.block_border if volume.block else self.theme.border
        shades = (fill, mixed(fill, "#FFFFFF", 0.45), mixed(fill, "#000000", 0.14))
        for number in range(self.slabs(index)):
            left = x + number * (solid.thick + self.slit(index))
            for face, shade in zip(solid.faces(left, self.middle(index)), shades, strict=False):
                yield Polygon(face, shade, stroke)
        middle = x + self.width(index) / 2
        y = self.middle(index) + solid.total / 2 + _LINE + 2
        for number, (text, bold) in enumerate(self.texts(index)):
            ink = self.theme.grey if number and not bold else self.theme.text
            yield Text(middle, y + number * _LINE, text, _LETTERS, ink, bold)

    def _arrow(self, before: int, after: int) -> Line:
        """From a volume to the next: to the right, down to a smaller map, or up to a larger one."""
        if self.levels[before] == self.levels[after]:
            begin = self.places[before] + self.width(before) - self.solids[before].deep / 2
            end = self.places[after] - 2
            return Line(((begin, self.middle(before)), (end, self.middle(after))), self.theme.line)
        start, goal = self._across(self.places, before), self._across(self.places, after)
        if self.levels[before] < self.levels[after]:
            begin, end = self._bottom(before), self._top(after) - 2
        else:
            begin, end = self._top(before), self._bottom(after)
        between = begin + (end - begin) / 3
        points = ((start, begin), (start, between), (goal, between), (goal, end))
        return Line(points if start != goal else (points[0], points[-1]), self.theme.line)

    def _skip(self, skip: tuple[int, int]) -> Line:
        begin, end = skip
        level = self.levels[begin]
        below = (self.solids[each].total for each in range(begin, end + 1) if self.levels[each] == level)
        height = self.middle(begin) - max(below) / 2 - _LIFT * self.lifts[skip] + 3
        start, goal = (self._across(self.places, index) for index in skip)
        points = ((start, self._top(begin)), (start, height), (goal, height), (goal, self._top(end) - 2))
        return Line(points, self.theme.grey)

    def _top(self, index: int) -> float:
        return self.middle(index) - self.solids[index].total / 2

    def _bottom(self, index: int) -> float:
        """Where the words below a volume end."""
        return self.middle(index) + self.solids[index].total / 2 + (len(self.texts(index)) + 0.6) * _LINE


def _u_levels(row: tuple[Volume, ...], skips: list[tuple[int, int]]) -> list[int] | None:
    """The level of each volume in a U: one deeper where the map becomes smaller, one higher where it becomes larger.
    None where no skips lead from the way down to the same level of the way up."""
    levels = [0]
    for before, after in pairwise(row):
        one, other = (int(each.kind.positions) for each in (before, after))
        down = 2 * other <= one
        levels.append(levels[-1] + (1 if down else -1 if other >= 2 * one else 0))
    across = [(begin, end) for begin, end in skips if max(levels[begin:end]) > levels[begin]]
    is_u = len(across) > 1 and min(levels) == 0 == levels[-1] and all(levels[b] == levels[e] for b, e in across)
    return levels if is_u else None


def scene(module: Module, look: Look = PLAIN) -> Scene:
    """The drawing of a network as its feature maps."""
    row, remarks = volumes(module, look.detail)
    colours = theme(dark=look.dark)
    layout = _Layout(row, colours)
    heading = list(_heading(module, row, colours, legend=look.legend))
    head = max(shape.points[2][1] if isinstance(shape, Polygon) else shape.box[3] for shape in heading) + 16
    groups = [Group("all:heading", "", tuple(heading))]
    groups.extend(_moved(group, head) for group in layout.groups())
    right = bottom = 0.0
    for group in groups:
        for shape in group.shapes:
            for x, y in (shape.box[2:],) if isinstance(shape, Text) else shape.points:
                right, bottom = max(right, x), max(bottom, y)
    about = f"{caption(module)}. {RULE}"
    return Scene(module.name, about, right + _MARGIN, bottom + _MARGIN, colours.background, tuple(groups), remarks)


def _heading(module: Module, row: tuple[Volume, ...], colours: Theme, *, legend: bool) -> Iterator[Text | Polygon]:
    """Name, caption, the rule of sizes and the legend."""
    yield Text(_MARGIN, 26, module.name, 14, colours.text, bold=True, centred=False)
    yield Text(_MARGIN, 41, caption(module), 9, colours.grey, centred=False)
    yield Text(_MARGIN, 53, RULE, _LETTERS, colours.grey, centred=False)
    if not legend:
        return
    x = _MARGIN
    for text, fill in _samples(row, colours):
        yield Polygon(((x, 62), (x + 9, 62), (x + 9, 71), (x, 71)), fill, colours.border)
        words = Text(x + 13, 69.5, text, _LETTERS, colours.text, centred=False)
        yield words
        x = words.box[2] + 12


def _samples(row: tuple[Volume, ...], colours: Theme) -> Iterator[tuple[str, str]]:
    for style, text in families([(volume.style, volume.holds) for volume in row]):
        yield text, colours.fill[style]
    if any(volume.block for volume in row):
        yield "block", colours.closed_fill


def _moved(group: Group, down: float) -> Group:
    def moved(shape: Shape) -> Shape:
        if isinstance(shape, Text):
            return replace(shape, y=shape.y + down)
        return replace(shape, points=tuple((x, y + down) for x, y in shape.points))

    return replace(group, shapes=tuple(map(moved, group.shapes)))


def _sides(kind: TensorType) -> tuple[int, ...]:
    """The axes of positions, of a tensor that is drawn as a map; nothing of one that is drawn as a bar."""
    return kind.grid[-2:] if kind.kind in {Axes.IMAGE, Axes.SEQUENCE} else ()


def _size(kind: TensorType) -> str:
    """A size as papers write it: `55×55×96`."""
    return kind.paper if kind.kind in {Axes.TOKENS, Axes.MASK} else "×".join(map(str, (*kind.grid, kind.channels)))


def _wide(text: str, *, bold: bool = False) -> float:
    return Text(0, 0, text, _LETTERS, "", bold).width
