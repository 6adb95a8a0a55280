"""Rows of equal convolutions: layers with one window and stride 1 that follow each other, which see together what one
layer with a larger window sees, and mostly with fewer weights.

From Simonyan, Zisserman 2014, Very Deep Convolutional Networks, arXiv:1409.1556, section 2.3.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod

from archdsl.algebra.windows import Window
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator


@record(slots=True)
class Row:
    """Equal windows in a row. first, last: the names of its ends in their module. layers: how many there are. weights:
    what they have, without biases. channels: what goes in, for each filter. filters: what comes out. groups: of
    channels that do not see each other."""

    first: str
    last: str
    window: tuple[int, ...]
    layers: int
    weights: int
    channels: int
    filters: int
    groups: int

    @property
    def seen(self) -> tuple[int, ...]:
        """The window of the one layer that sees as much: 1 + n(F - 1) on each axis."""
        return tuple(1 + self.layers * (size - 1) for size in self.window)

    @property
    def weights_of_one(self) -> int:
        """The weights that this one layer has."""
        return prod(self.seen) * self.channels * self.filters


class Rows:
    """The rows of a network's modules, each worked out once."""

    def __init__(self, root: Module) -> None:
        self._rows: dict[int, tuple[Row, ...]] = {}
        self._wholes: dict[int, Row | None] = {}
        for module in root.distinct():
            self._rows[id(module)], self._wholes[id(module)] = self._worked_out(module)

    def of(self, module: Module) -> tuple[Row, ...]:
        """The rows of a module that have two layers or more, in order."""
        return self._rows[id(module)]

    def of_step(self, step: Step, name: str = "") -> Row | None:
        """The row that a step with all its repetitions is; None where it is something else besides."""
        once = self._wholes.get(id(step.what)) if isinstance(step.what, Module) else _convolution(step)
        if once is None:
            return None
        layers, weights = once.layers * step.count, once.weights * step.count
        return replace(once, first=name, last=name, layers=layers, weights=weights)

    def _worked_out(self, module: Module) -> tuple[tuple[Row, ...], Row | None]:
        rows: list[Row] = []
        before = Wire(INPUT)
        goes_on = plain = True
        for index, (step, name) in enumerate(zip(module.steps, _names(module), strict=True)):
            follows = step.inputs == (before,)
            before = Wire(index)
            if follows and _is_pointwise(step):
                continue
            row = self.of_step(step, name[0])
            if row is None:
                goes_on = plain = False
                continue
            row = replace(row, last=name[1])
            if follows and goes_on and rows and (rows[-1].window, rows[-1].groups) == (row.window, row.groups):
                rows[-1] = _joined(rows[-1], row)
            else:
                plain = plain and not rows and follows
                rows.append(row)
            goes_on = True
        whole = rows[0] if plain and len(rows) == 1 and module.outputs == (before,) else None
        return tuple(row for row in rows if row.layers > 1), whole


def _joined(one: Row, other: Row) -> Row:
    layers, weights = one.layers + other.layers, one.weights + other.weights
    return replace(one, last=other.last, layers=layers, weights=weights, filters=other.filters)


def _convolution(step: Step) -> Row | None:
    """A convolution of stride 1 that looks at more than its position."""
    assert isinstance(step.what, Operator)
    windows = step.what.windows(step.what.operand(step.input_types))
    weight = step.facts.weights.get("weight", ())
    if len(weight) != len(windows) + 2 or not windows:
        return None
    if not all(isinstance(each, Window) and each.stride == each.dilation == 1 for each in windows):
        return None
    size = tuple(each.size for each in windows)
    filters, channels = weight[:2]
    groups = step.input_types[0].channels // channels
    return Row("", "", size, 1, prod(weight), channels, filters, groups) if max(size) > 1 else None


def _is_pointwise(step: Step) -> bool:
    if not isinstance(step.what, Operator) or len(step.inputs) != 1:
        return False
    seen = step.what.sees(step.input_types, 0)
    return bool(seen) and all(axis.size == 1 == axis.jump and not axis.low for axis in seen) and not step.facts.macs


def _names(module: Module) -> list[tuple[str, str]]:
    """The names of the first and the last repetition of each step."""
    names: list[tuple[str, str]] = []
    position = 0
    for step in module.steps:
        names.append((step.name or str(position), step.name or str(position + step.slots - 1)))
        position += step.slots
    return names
