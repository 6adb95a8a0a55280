"""Boxes coloured by what they cost instead of by what they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from math import sqrt
from typing import Any, Final

from archdsl.base.records import record
from archdsl.draw.graphviz import mixed
from archdsl.draw.model import Kind, Node, Picture, Role, Sample
from archdsl.facts.fact import Fact, Shade

_STEPS: Final = 4


@record(slots=True)
class Shading:
    """How dark boxes are, from 0 to 1, by their id; and the scale that says so, from 0 in equal steps to 1, without
    what rounding makes the same."""

    parts: Mapping[str, float]
    scale: tuple[str, ...]


def shading(picture: Picture, fact: Fact[Any]) -> Shading:
    """Each box as dark as its cost is high: by the square root of its part of the highest one. A box that stands for
    several costs what all of them do; a block around it that is repeated does not count."""
    boxes = [node for node in picture.nodes if node.kind in {Kind.BOX, Kind.BLOCK}]
    shade = fact.shade or Shade()
    values = {node.id: _value(node, fact, shade) for node in boxes}
    highest = max(values.values(), default=0)
    whole = (node.id for node in boxes if any(map(shade.is_all, _known(node, fact))))
    values |= dict.fromkeys(whole, highest)
    texts = [shade.scale(highest * step**2 // _STEPS**2) for step in range(_STEPS + 1)]
    scale = (texts[0], *(text if text != before else "" for before, text in pairwise(texts)))
    return Shading({name: sqrt(value / highest) if highest else 0 for name, value in values.items()}, scale)


def shaded(picture: Picture, fact: Fact[Any]) -> Picture:
    """The picture with the shading of its boxes, and the scale as its legend."""
    made = shading(picture, fact)

    def fill(part: float) -> str:
        return mixed(picture.theme.coldest, picture.theme.hottest, part)

    nodes = tuple(
        replace(node, fill=fill(made.parts[node.id])) if node.id in made.parts else node for node in picture.nodes
    )
    first, *others = made.scale
    texts = (f"{fact.words}: {first}", *others)
    scale = (Sample(None, text, fill(step / _STEPS)) for step, text in enumerate(texts) if text)
    # of what colours and lines mean, the lines stay
    lines = (sample for sample in picture.legend if isinstance(sample.style, Role) or sample.style is Kind.OUTPUT)
    return replace(picture, nodes=nodes, legend=(*scale, *lines) if picture.legend else ())


def _value(node: Node, fact: Fact[Any], shade: Shade) -> int:
    values = list(map(shade.dark, _known(node, fact)))
    return max(values, default=0) if shade.largest else node.copies * sum(values)


def _known(node: Node, fact: Fact[Any]) -> list[Any]:
    return [facts.known[fact] for facts in node.facts if fact in facts.known]
