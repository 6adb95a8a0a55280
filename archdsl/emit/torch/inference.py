"""A live module as fast as PyTorch makes it at inference, in the process it is in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    import torch

# constants are folded, weights laid out as the kernels want them, and the fastest of several kernels is taken
_FASTEST: Mapping[str, Any] = {"freezing": True, "max_autotune": True}


def for_inference(
    model: torch.nn.Module,
    axes: int,
    dtype: torch.dtype | None = None,
    *,
    compiled: bool = True,
    options: Mapping[str, Any] | None = None,
) -> torch.nn.Module:
    """Set a live module up for inference, in place, and give it back: evaluation mode, no gradients, channels last.

    axes: those of its images, 0 if it takes none. compiled: whether it is compiled at its first call, for which its
    weights are then constants. options: the compiler's own, on top of what is chosen here.
    """
    import torch

    model.eval().requires_grad_(requires_grad=False).to(dtype=dtype)
    formats = {2: torch.channels_last, 3: torch.channels_last_3d}
    if axes in formats:
        cast("Any", model).to(memory_format=formats[axes])
    if compiled:
        # weights are frozen only where gradients are off while it compiles, whatever the caller has set
        cast("Any", model).compile(fullgraph=True, options={**_FASTEST, **(options or {})})
        held = vars(model)
        held["_compiled_call_impl"] = torch.no_grad()(held["_compiled_call_impl"])
    return model
