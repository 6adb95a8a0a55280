"""Boxes coloured by what they cost instead of by what they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import StrEnum
from math import prod, sqrt
from typing import Final

from archdsl.base.figures import short_number
from archdsl.emit.drawing.graphviz import mixed
from archdsl.emit.drawing.model import Kind, Node, Picture, Role, Sample

_STEPS: Final = 4


class Cost(StrEnum):
    """What boxes are shaded by: multiply-accumulates, parameters, the numbers that come out, or what is seen of the
    input."""

    MACS = "macs"
    PARAMS = "params"
    MEMORY = "memory"
    RF = "rf"


_WORDS: Final = {
    Cost.MACS: "MACs",
    Cost.PARAMS: "parameters",
    Cost.MEMORY: "numbers that come out",
    Cost.RF: "receptive field",
}


def shaded(picture: Picture, cost: Cost) -> Picture:
    """The picture with each box as dark as its cost is high: by the square root of its part of the highest one. A box
    that stands for several costs what all of them do; a block around it that is repeated does not count."""
    boxes = [node for node in picture.nodes if node.kind in {Kind.BOX, Kind.BLOCK}]
    values = {node.id: _value(node, cost) for node in boxes}
    highest = max(values.values(), default=0)
    if cost is Cost.RF:
        # with the padding a field may be longer than the input, but there is nothing more to see than all of it
        whole = (node.id for node in boxes if any(facts.sees_all for facts in node.facts))
        values |= dict.fromkeys(whole, highest)

    def fill(part: float) -> str:
        return mixed(picture.theme.coldest, picture.theme.hottest, part)

    nodes = tuple(
        replace(node, fill=fill(sqrt(values[node.id] / highest) if highest else 0)) if node.id in values else node
        for node in picture.nodes
    )
    scale = [Sample(None, f"{_WORDS[cost]}: 0", fill(0))]
    for step in range(1, _STEPS + 1):
        value = highest * step**2 // _STEPS**2
        if value and scale[-1].text != (text := short_number(value)):
            scale.append(Sample(None, text, fill(step / _STEPS)))
    # of what colours and lines mean, the lines stay
    lines = tuple(sample for sample in picture.legend if isinstance(sample.style, Role) or sample.style is Kind.OUTPUT)
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
