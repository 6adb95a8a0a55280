"""A convolution as the product of matrices that it is (im2col).

Each window of the input becomes a column of K numbers, its positions in all channels of a group, so that the layer is
filters x K times K x positions = filters x positions, once for each group. A transposed convolution is the same read
backwards: its weights, transposed, times the input give the columns, which are added up where they overlap (col2im).

From Chellapilla, Puri, Simard 2006, High Performance Convolutional Neural Networks for Document Processing.
"""

from __future__ import annotations

from math import prod

from archdsl.algebra.windows import Spread, Window
from archdsl.base.records import record
from archdsl.graph.module import Step
from archdsl.ops.operator import Operator


@record(slots=True)
class Im2col:
    """The matrices of one convolution, for one sample and of one of its `groups`, as rows and columns.

    weights, columns: what is multiplied. unfolded: the one with a column for each window: `columns`, or of a transposed
    convolution what comes out. map: the numbers of the map that the windows lie on.
    """

    groups: int
    weights: tuple[int, int]
    columns: tuple[int, int]
    map: int
    transposed: bool = False
    copies_nothing: bool = False

    @property
    def product(self) -> tuple[int, int]:
        """The shape of what comes out of the product."""
        return self.weights[0], self.columns[1]

    @property
    def unfolded(self) -> tuple[int, int]:
        """The shape of the matrix with a column for each window."""
        return self.product if self.transposed else self.columns

    @property
    def numbers(self) -> int:
        """What the columns of all groups hold."""
        rows, columns = self.unfolded
        return self.groups * rows * columns

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the products of all groups."""
        return self.groups * self.weights[0] * self.weights[1] * self.columns[1]


def im2col(step: Step) -> Im2col | None:
    """The matrices of a step; None where it is no convolution."""
    operator = step.what
    if not isinstance(operator, Operator):
        return None
    windows = operator.windows(operator.operand(step.input_types))
    weight = step.facts.weights.get("weight", ())
    if not windows or len(weight) != len(windows) + 2:
        return None
    x, out = step.input_types[0], step.outputs[0]
    first, second, *window = weight
    if isinstance(windows[0], Spread):
        # torch has the weights of a transposed convolution as channels x filters of a group
        groups = out.channels // second
        channels = first // groups
        wide = second * prod(window)
        return Im2col(groups, (wide, channels), (channels, x.positions), out.size, transposed=True)
    groups, deep = x.channels // second, second * prod(window)
    as_it_is = all(isinstance(each, Window) and each.extent == each.stride == 1 and not each.padded for each in windows)
    return Im2col(groups, (first // groups, deep), (deep, out.positions), x.size, copies_nothing=as_it_is)
