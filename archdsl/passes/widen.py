"""The width multiplier."""

from __future__ import annotations

from typing import Any, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape
from archdsl.base.records import record
from archdsl.graph.module import Module
from archdsl.ops.arguments import Role
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.ends import EndRules
from archdsl.passes.options import number
from archdsl.passes.origins import New, Origin, Rewritten
from archdsl.passes.rewrite import Visit, rewritten


@final
@record
class Widen(Change):
    """Multiplies the channels of every convolution and fully connected layer but the last: MobileNet's width
    multiplier. The weights are new."""

    word = "widen"
    example = "widen(0.5)"

    alpha: float = number(0.001, 1000)

    @override
    def rewritten(self, root: Module) -> Rewritten:
        return rewritten(root, _Rules(self.alpha), self)


class _Rules(EndRules):
    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        what = at.kept
        before, after = at.step.input_types[0].channels, at.x.channels
        width = _width(what)
        if width is None or what.is_depthwise(before):
            # where each channel has a group of its own, each still has
            return what if at.context else what.for_channels(before, after)
        return what if at.context else what.with_width(max(1, round(self.alpha * width)))

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        return New()


def _width(what: Operator[Any]) -> int | None:
    """The number of output channels of a convolution or fully connected layer that it states."""
    name = what.by_role(Role.WIDTH)
    return getattr(what, name) if name and what.matrix else None
