"""A live module as fast as PyTorch makes it at inference, in the process it is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from archdsl.algebra.tensors import TensorType
from archdsl.base.wanted import WrongValue, require
from archdsl.emit.torch.layout import lay_channels_last

if TYPE_CHECKING:
    import torch

# constants are folded, weights laid out as the kernels want them, and the fastest of several kernels is taken
_FASTEST: Mapping[str, Any] = {"freezing": True, "max_autotune": True}


def for_inference(
    model: torch.nn.Module,
    inputs: Iterable[TensorType],
    dtype: torch.dtype | None = None,
    *,
    compiled: bool = True,
    options: Mapping[str, Any] | None = None,
) -> torch.nn.Module:
    """Set a live module up for inference, in place, and give it back: evaluation mode, no gradients, channels last.

    inputs: the types of what it takes. compiled: whether it is compiled at its first call, for which its
    weights are then constants. options: the compiler's own, on top of what is chosen here.
    """
    import torch

    require((torch.dtype, NoneType), "a type of PyTorch, such as `torch.bfloat16`", dtype=dtype)
    model.eval().requires_grad_(requires_grad=False).to(dtype=dtype)
    lay_channels_last(model, inputs)
    if compiled:
        # weights are frozen only where gradients are off while it compiles, whatever the caller has set
        try:
            cast("Any", model).compile(fullgraph=True, options={**_FASTEST, **(options or {})})
        except (TypeError, RuntimeError, ValueError) as error:
            # what torch says of an option that it does not have
            raise WrongValue(f"`options` are not such as the compiler takes: {error}") from error
        held = vars(model)
        held["_compiled_call_impl"] = torch.no_grad()(held["_compiled_call_impl"])
    return model
