"""Boxes coloured by what they cost instead of by what they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from math import prod, sqrt
from typing import Final

from archdsl.algebra.figures import short_number
from archdsl.base.wanted import Choice
from archdsl.draw.graphviz import mixed
from archdsl.draw.model import Kind, Node, Picture, Role, Sample

_STEPS: Final = 4


class Cost(Choice):
    """What boxes are shaded by: multiply-accumulates, parameters, the numbers that come out, or what is seen of the
    input."""

    MACS = "macs"
    PARAMS = "params"
    MEMORY = "memory"
    RF = "rf"


WORDS: Final = {
    Cost.MACS: "MACs",
    Cost.PARAMS: "parameters",
    Cost.MEMORY: "numbers that come out",
    Cost.RF: "receptive field",
}


@dataclass(frozen=True, slots=True)
class Shading:
    """How dark boxes are, from 0 to 1, by their id; and the scale that says so, from 0 in equal steps to 1, without
    what rounding makes the same."""

    parts: Mapping[str, float]
    scale: tuple[str, ...]


def shading(picture: Picture, cost: Cost) -> Shading:
    """Each box as dark as its cost is high: by the square root of its part of the highest one. A box that stands for
    several costs what all of them do; a block around it that is repeated does not count."""
    boxes = [node for node in picture.nodes if node.kind in {Kind.BOX, Kind.BLOCK}]
    values = {node.id: _value(node, cost) for node in boxes}
    highest = max(values.values(), default=0)
    if cost is Cost.RF:
        # with the padding a field may be longer than the input, but there is nothing more to see than all of it
        whole = (node.id for node in boxes if any(facts.sees_all for facts in node.facts))
        values |= dict.fromkeys(whole, highest)
    texts = [short_number(highest * step**2 // _STEPS**2) for step in range(_STEPS + 1)]
    scale = (texts[0], *(text if text != before else "" for before, text in pairwise(texts)))
    return Shading({name: sqrt(value / highest) if highest else 0 for name, value in values.items()}, scale)


def shaded(picture: Picture, cost: Cost) -> Picture:
    """The picture with the shading of its boxes, and the scale as its legend."""
    made = shading(picture, cost)

    def fill(part: float) -> str:
        return mixed(picture.theme.coldest, picture.theme.hottest, part)

    nodes = tuple(
        replace(node, fill=fill(made.parts[node.id])) if node.id in made.parts else node for node in picture.nodes
    )
    first, *others = made.scale
    texts = (f"{WORDS[cost]}: {first}", *others)
    scale = (Sample(None, text, fill(step / _STEPS)) for step, text in enumerate(texts) if text)
    # of what colours and lines mean, the lines stay
    lines = (sample for sample in picture.legend if isinstance(sample.style, Role) or sample.style is Kind.OUTPUT)
    return replace(picture, nodes=nodes, legend=(*scale, *lines) if picture.legend else ())


def _value(node: Node, cost: Cost) -> int:
    values = list(_values(node, cost))
    if cost is Cost.RF:
        return max(values, default=0)
    return node.copies * sum(values)


def _values(node: Node, cost: Cost) -> Iterator[int]:
    for facts in node.facts:
        match cost:
            case Cost.MACS:
                yield int(facts.macs)
            case Cost.PARAMS:
                yield int(facts.params)
            case Cost.MEMORY:
                yield int(prod(facts.output)) * facts.count
            case Cost.RF:
                yield facts.sees
