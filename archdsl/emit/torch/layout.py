"""How the numbers of an image lie in memory: its channels last, as the kernels for convolutions want them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from archdsl.algebra.tensors import Kind, TensorType

if TYPE_CHECKING:
    import torch


def lay_channels_last(model: torch.nn.Module, inputs: Iterable[TensorType]) -> None:
    """Lay the weights of a live module channels last, in place, if it takes images. What its convolutions give then
    lies so too, whatever comes in. No value changes."""
    import torch

    axes = max((kind.rank for kind in inputs if kind.kind is Kind.IMAGE), default=0)
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    if axes in formats:
        cast("Any", model).to(memory_format=formats[axes])
