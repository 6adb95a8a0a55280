"""Fully connected layers on a map as convolutions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.graph.module import Module, Step, Wire
from archdsl.ops.made import MEAN_OF_MAP
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Formula, Kept, Made, Origin, Origins, Rewritten, Round
from archdsl.passes.rewrite import Rules, Visit, rewritten

if TYPE_CHECKING:
    import torch


@final
@record
class FullyConvolutional(Change):
    """Turns fully connected layers on a flattened map into convolutions, as VGG does for testing.

    The first becomes a convolution with a window as large as the map, the others 1x1. A larger input then gives a map
    of scores, which is averaged. Equal to the original at the training size. (Simonyan, Zisserman 2014, section 3.2.)
    """

    word = "fully-convolutional"
    example = "fully-convolutional"

    @override
    def rewritten(self, root: Module) -> Rewritten:
        made = rewritten(root, _Rules(), self)
        module = _averaged(root, made.module, self)
        origins = made.origins[made.module]
        pools: dict[int, Mapping[str, Origin]] = {
            index: {} for index in range(len(made.module.steps), len(module.steps))
        }
        known = Origins(root, {**origins.tensors, **pools}, origins.modules)
        return Rewritten(module, {**made.origins, module: known})


class _Rules(Rules):
    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        what = at.kept
        maps = [is_map_now(before, now) for before, now in zip(at.step.input_types, at.types, strict=True)]
        if what.is_flattening and at.x.kind is Kind.IMAGE:
            return None
        if not any(maps):
            return what
        if (convolution := what.on_map(at.x.grid)) is not None:
            return convolution
        large = any(is_map and x.positions > 1 for is_map, x in zip(maps, at.types, strict=True))
        if large and not what.elementwise:
            raise at.refusal("it works on the flattened map, and is no fully connected layer")
        if not all(maps) and len(maps) > 1:
            raise at.refusal("it takes a vector that does not come from a map together with one that does")
        return what

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        kept = Kept((Round(at.index),), tensor)
        return kept if at.step.state.get(tensor) == shape else Made(Reshaped(shape), {"whole": kept})


def is_map_now(before: TensorType, now: TensorType) -> bool:
    """Whether a tensor was a vector and is a map now."""
    return before.kind is Kind.VECTOR and now.kind is Kind.IMAGE


def _averaged(old: Module, root: Module, change: Change) -> Module:
    """The network with the mean over the map of each output that was a vector and is a map now."""
    steps = list(root.steps)
    outputs: list[Wire] = []
    for number, (wire, before, now) in enumerate(zip(root.outputs, old.output_types, root.output_types, strict=True)):
        if not is_map_now(before, now):
            outputs.append(wire)
            continue
        if now.positions > 1:
            raise change.refusal(
                "", root.place, reason="it gives back a flattened map, which no convolution makes a vector of"
            )
        name = _free_name(f"scores{number + 1}", root.names())
        steps.append(Step(name, MEAN_OF_MAP, (wire,), (now,), (MEAN_OF_MAP.output(now),), root.place))
        outputs.append(Wire(len(steps) - 1))
    return replace(root, steps=tuple(steps), outputs=tuple(outputs))


def _free_name(name: str, taken: tuple[str, ...]) -> str:
    while name in taken:
        name = f"{name}_"
    return name


@final
@record(slots=True)
class Reshaped(Formula):
    """A tensor in another shape: its numbers stay, and so does their order."""

    to: Shape

    @override
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        return self.to if prod(sources["whole"]) == prod(self.to) else None

    @override
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        return sources["whole"].reshape(self.to)
