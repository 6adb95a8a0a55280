"""Another number of input channels."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.options import whole
from archdsl.passes.origins import Formula, Kept, Made, Origin, Rewritten, Round
from archdsl.passes.rewrite import Rules, Visit, rewritten

if TYPE_CHECKING:
    import torch


@final
@record
class InputChannels(Change):
    """Gives the input another number of channels. The weights of the convolutions that read it are summed over the
    channels for one, else repeated and scaled, so that a grey or a many-banded image gives what a coloured one did.
    What stands before them must treat each channel by itself."""

    word = "input-channels"
    example = "input-channels(1)"

    channels: int = whole(1, 100_000)

    @override
    def rewritten(self, root: Module) -> Rewritten:
        images = [kind for kind in root.inputs if kind.kind is Kind.IMAGE]
        if len(root.inputs) != 1 or not images:
            raise self.refusal("", root.place, reason=f"it takes {_told(root.inputs)}, and no single image")
        return rewritten(root, _Rules(self.channels, images[0]), self)


def _told(inputs: tuple[TensorType, ...]) -> str:
    return f"{len(inputs)} inputs" if len(inputs) != 1 else f"{inputs[0]}"


class _Rules(Rules):
    def __init__(self, channels: int, image: TensorType) -> None:
        self.channels = channels
        self.image = image

    @override
    def start(self, root: Module) -> tuple[tuple[TensorType, ...], Hashable]:
        return (self.image.with_channels(self.channels),), None

    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        what, before = at.kept, at.step.input_types
        x = before[0]
        if at.types == before or (what.sized_like and at.x == x):
            return what
        if len(before) > 1:
            raise at.refusal("it joins the input's channels with others, so they cannot be told apart after it")
        if not _is_convolution(what, x):
            if what.state(before):
                raise at.refusal("it reads the input's channels, and is no convolution")
            if what.across_channels:
                raise at.refusal(
                    "it works across the input's channels, so more or fewer of them are not the same to it"
                )
            return what
        groups = x.channels // at.step.state["weight"][1]
        if groups > 1:
            raise at.refusal(f"it reads the input's channels in {groups} groups")
        if x.channels != self.image.channels or at.x.channels != self.channels:
            reason = f"it reads {x.channels} channels, which are not the {self.image.channels} of the input"
            raise at.refusal(reason)
        return what

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        kept = Kept((Round(at.index),), tensor)
        is_same = at.step.state[tensor] == shape
        return kept if is_same else Made(Repeated(self.channels), {"weight": kept})


def _is_convolution(operator: Operator[Any], x: TensorType) -> bool:
    """Whether it weighs all channels of a window for each of its own, along the second axis of its weight."""
    weighs = operator.matrix is not None and operator.matrix.inputs == 1 and operator.chooses_channels
    return weighs and bool(operator.windows(x))


@final
@record(slots=True)
class Repeated(Formula):
    """The weight of a convolution for another number of input channels: their sum for one, else repeated as often as
    needed and scaled by old through new, as `adapt_input_conv` of timm does it for three."""

    channels: int

    @override
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        width, _, *window = sources["weight"]
        return (width, self.channels, *window)

    @override
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        weight = sources["weight"]
        if self.channels == 1:
            return weight.sum(dim=1, keepdim=True)
        before = weight.shape[1]
        times = -(-self.channels // before)
        repeated = weight.repeat(1, times, *[1] * (weight.dim() - 2))
        return repeated[:, : self.channels] * (before / self.channels)
