"""Batch norms folded into the layers before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape
from archdsl.graph.module import Module, Step, Wire
from archdsl.ops.conv import Conv, Deconv, DepthwiseConv
from archdsl.ops.dense import FullyConnected
from archdsl.ops.norm import BatchNorm
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Formula, Kept, Made, Origin, Rewritten, Round
from archdsl.passes.rewrite import Rules, Visit, rewritten

if TYPE_CHECKING:
    import torch

_FOLDED = (Conv, DepthwiseConv, Deconv, FullyConnected)


@final
@dataclass(frozen=True)
class FoldNorm(Change):
    """Folds each batch norm into the convolution or fully connected layer just before it, in the same block.

    For inference: the layer's weights are scaled by gamma/sqrt(variance + eps), and its bias takes up the rest. A norm
    that is shared, or that is not the only one to read the layer, stays.
    """

    word = "fold-norm"
    example = "fold-norm"

    @override
    def rewritten(self, root: Module) -> Rewritten:
        return rewritten(root, _Rules(), self)


class _Rules(Rules):
    """Each module's pairs of a layer and the norm that goes into it are found once."""

    def __init__(self) -> None:
        self._pairs: dict[Module, dict[int, int]] = {}
        self._norms: dict[Module, frozenset[int]] = {}

    def _norm_after(self, at: Visit) -> int | None:
        if at.module not in self._pairs:
            self._pairs[at.module] = pairs(at.module)
            self._norms[at.module] = frozenset(self._pairs[at.module].values())
        return self._pairs[at.module].get(at.index)

    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        if self._norm_after(at) is not None:
            return replace(cast("Any", at.kept), bias=True)
        return None if at.index in self._norms[at.module] else at.kept

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        norm = self._norm_after(at)
        if norm is None:
            return super().origin(at, tensor, shape)
        operator = at.module.steps[norm].what
        assert isinstance(operator, BatchNorm)
        sources = _sources(_WEIGHT if tensor == "weight" else _BIAS, at.index, at.step, norm, at.module.steps[norm])
        if tensor == "weight":
            return Made(FoldedWeight(float(operator.eps), isinstance(at.kept, Deconv)), sources)
        return Made(FoldedBias(float(operator.eps)), sources)


# the sources of a formula, and whether each is a tensor of the norm
_WEIGHT = {"weight": ("weight", False), "variance": ("running_var", True), "gain": ("weight", True)}
_BIAS = {
    "bias": ("bias", False),
    "mean": ("running_mean", True),
    "variance": ("running_var", True),
    "gain": ("weight", True),
    "shift": ("bias", True),
}


def _sources(
    wanted: Mapping[str, tuple[str, bool]], layer: int, layer_step: Step, norm: int, norm_step: Step
) -> dict[str, Kept]:
    """Those of the tensors that a formula can use that are there."""
    found: dict[str, Kept] = {}
    for name, (tensor, of_norm) in wanted.items():
        index, step = (norm, norm_step) if of_norm else (layer, layer_step)
        if tensor in step.state:
            found[name] = Kept((Round(index),), tensor)
    return found


def pairs(module: Module) -> dict[int, int]:
    """The steps whose output goes into one batch norm and nowhere else, with that norm."""
    given_back = {wire.step for wire in module.outputs}
    found: dict[int, int] = {}
    for index, step in enumerate(module.steps):
        if not isinstance(step.what, BatchNorm) or not _stands_alone(step):
            continue
        layer = step.inputs[0].step
        if (
            layer >= 0
            and layer not in given_back
            and isinstance(module.steps[layer].what, _FOLDED)
            and _stands_alone(module.steps[layer])
            and module.reads[Wire(layer)] == 1
        ):
            found[layer] = index
    return found


def _stands_alone(step: Step) -> bool:
    return step.count == 1 and not step.shared


@final
@dataclass(frozen=True, slots=True)
class FoldedWeight(Formula):
    """A weight with each output channel scaled. A transposed convolution has its output channels second, by group."""

    eps: float
    transposed: bool

    @override
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        weight, variance = sources["weight"], sources["variance"]
        channels = variance[0] if not self.transposed else weight[1]
        fits = variance[0] % weight[1] == 0 if self.transposed else weight[0] == channels
        return weight if fits and sources.get("gain", variance) == variance else None

    @override
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        weight, scale = sources["weight"], _scale(sources, self.eps)
        if not self.transposed:
            return weight * scale.view(-1, *[1] * (weight.dim() - 1))
        groups = scale.numel() // weight.shape[1]
        parts = weight.view(groups, -1, *weight.shape[1:])
        return (parts * scale.view(groups, 1, -1, *[1] * (weight.dim() - 2))).view_as(weight)


@final
@dataclass(frozen=True, slots=True)
class FoldedBias(Formula):
    """What the norm makes of the layer's bias, if it has one."""

    eps: float

    @override
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        return sources["mean"] if len(set(sources.values())) == 1 else None

    @override
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        mean, shift = sources["mean"], sources.get("shift")
        bias = sources["bias"] - mean if "bias" in sources else -mean
        scaled = bias * _scale(sources, self.eps)
        return scaled if shift is None else scaled + shift


def _scale(sources: Mapping[str, torch.Tensor], eps: float) -> torch.Tensor:
    scale = (sources["variance"] + eps).rsqrt()
    return scale * sources["gain"] if "gain" in sources else scale
