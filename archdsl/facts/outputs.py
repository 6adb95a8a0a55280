"""The numbers that come out of a step, for one sample: of a block, those of its result alone."""

from __future__ import annotations

from math import prod

from typing_extensions import override

from archdsl.facts.fact import Added, Fact, Shade, Standing, View, number_or_nothing, short_or_nothing
from archdsl.graph.module import Module


class _Outputs(Added):
    def __init__(self, root: Module) -> None:
        self.root = root

    @property
    @override
    def whole(self) -> int:
        """The numbers in the network's first output."""
        return prod(self.root.output_types[0].shape)

    @override
    def at(self, place: Standing, count: int) -> int:
        outputs = place.step.outputs
        return prod(outputs[0].shape if outputs else ()) * count


OUTPUTS = Fact(
    "output_numbers",
    "numbers",
    "numbers that come out",
    _Outputs,
    number_or_nothing,
    views=frozenset({View.COLOURS}),
    short=short_or_nothing,
    exact=False,
    shade=Shade("memory"),
)
