"""Batch norms folded into the layers before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape
from archdsl.base.records import record
from archdsl.graph.module import Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.traits import Rescaling
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Formula, Kept, Made, Origin, Rewritten, Round
from archdsl.passes.rewrite import Rules, Visit, rewritten

if TYPE_CHECKING:
    import torch


@final
@record
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
        rescaling = _rescaling(at.module.steps[norm])
        assert rescaling is not None
        assert at.kept.matrix is not None
        of_norm = {"variance": rescaling.variance, "gain": rescaling.gain}
        if tensor == "weight":
            sources = _there(at.index, at.step, {"weight": tensor}) | _there(norm, at.module.steps[norm], of_norm)
            return Made(FoldedWeight(float(rescaling.eps), at.kept.matrix.outputs == 1), sources)
        of_norm |= {"mean": rescaling.mean, "shift": rescaling.shift}
        sources = _there(at.index, at.step, {"bias": tensor}) | _there(norm, at.module.steps[norm], of_norm)
        return Made(FoldedBias(float(rescaling.eps)), sources)


def _there(index: int, step: Step, wanted: Mapping[str, str]) -> dict[str, Kept]:
    """Tensors of a step by what a formula calls them, without those that the step does not have."""
    return {name: Kept((Round(index),), tensor) for name, tensor in wanted.items() if tensor in step.state}


def pairs(module: Module) -> dict[int, int]:
    """The steps whose output goes into one batch norm and nowhere else, with that norm."""
    given_back = {wire.step for wire in module.outputs}
    found: dict[int, int] = {}
    for index, step in enumerate(module.steps):
        if _rescaling(step) is None or not _stands_alone(step):
            continue
        layer = step.inputs[0].step
        if (
            layer >= 0
            and layer not in given_back
            and _is_matrix(module.steps[layer])
            and _stands_alone(module.steps[layer])
            and module.reads[Wire(layer)] == 1
        ):
            found[layer] = index
    return found


def _rescaling(step: Step) -> Rescaling | None:
    return step.what.rescaling if isinstance(step.what, Operator) else None


def _is_matrix(step: Step) -> bool:
    return isinstance(step.what, Operator) and step.what.matrix is not None


def _stands_alone(step: Step) -> bool:
    return step.count == 1 and not step.shared


@final
@record(slots=True)
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
@record(slots=True)
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
