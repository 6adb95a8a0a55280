"""Compiling a network block by block. Equal blocks are compiled once, since the compiler knows which are equal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.wanted import WrongValue
from archdsl.emit.torch.layout import lay_channels_last
from archdsl.emit.torch.live import require_model
from archdsl.graph.module import Module

if TYPE_CHECKING:
    import torch


def compile_regions(root: Module, model: torch.nn.Module, **options: Any) -> torch.nn.Module:
    """Compile each outermost block of a live module in place, and give the module back.

    Images are laid channels last, as the compiler lays them inside a block: nothing is laid out anew between two.
    torch keeps what it compiled by class and shapes; its limit of 8 for a class is set to what the network needs, twice
    for training and evaluation. options: those of `torch.compile`.
    """
    require_model(model)
    lay_channels_last(model, root.inputs)
    blocks = dict(regions(root))
    distinct = {id(block): block for block in blocks.values()}
    by_definition = Counter(_definition(block) for block in distinct.values())
    for path, block in blocks.items():
        needed = 2 * by_definition[_definition(block)] + 2
        chosen = {"fullgraph": True, "dynamic": False, "recompile_limit": max(8, needed), **options}
        try:
            cast("Any", model.get_submodule(path)).compile(**chosen)
        except (TypeError, RuntimeError, ValueError) as error:
            # what torch says of an option that it does not have
            raise WrongValue(f"`options` are not such as `torch.compile` takes: {error}") from error
    return model


def _definition(block: Module) -> tuple[int, int]:
    return id(block.place.source), block.place.span.start


def regions(module: Module, prefix: str = "", start: int = 0) -> Iterator[tuple[str, Module]]:
    """The outermost blocks of a network with their paths, repeats written out; a shared one once."""
    position = start
    for step in module.owned():
        for _ in range(step.count):
            path = f"{prefix}{step.name or position}"
            if isinstance(step.what, Module):
                if step.what.transparent:
                    yield from regions(step.what, prefix, position)
                elif not step.what.is_named:
                    yield from regions(step.what, f"{path}.")
                else:
                    yield path, step.what
            position += step.slots // step.count
