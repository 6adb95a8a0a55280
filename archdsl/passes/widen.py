"""The width multiplier."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape
from archdsl.graph.module import Module
from archdsl.ops.conv import Conv, Deconv
from archdsl.ops.dense import FullyConnected
from archdsl.ops.operator import Operator
from archdsl.ops.rearrange import Slice
from archdsl.ops.resample import PadChannels
from archdsl.passes.a_pass import Change
from archdsl.passes.ends import EndRules
from archdsl.passes.options import number
from archdsl.passes.origins import New, Origin, Rewritten
from archdsl.passes.rewrite import Visit, rewritten


@final
@dataclass(frozen=True)
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
        if isinstance(what, (Conv, Deconv, FullyConnected)):
            width = what.width if at.context else max(1, round(self.alpha * what.width))
            return _with_width(what, width, at)
        before, after = at.step.input_types[0].channels, at.x.channels
        match what:
            case Slice():
                # a part of the channels stays the same part of them
                stop = None if what.stop is None else what.stop * after // before
                return replace(what, start=what.start * after // before, stop=stop)
            case PadChannels():
                return replace(what, before=what.before * after // before, after=what.after * after // before)
            case _:
                return what

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        return New()


def _with_width(what: Conv | Deconv | FullyConnected, width: int, at: Visit) -> Operator[Any]:
    """The layer with another width. Where each channel has a group of its own, each still has."""
    before, after = at.step.input_types[0].channels, at.x.channels
    if isinstance(what, FullyConnected) or what.groups == 1 or what.groups != before or at.context:
        return replace(cast("Any", what), width=width)
    return replace(cast("Any", what), width=what.width // before * after, groups=after)
