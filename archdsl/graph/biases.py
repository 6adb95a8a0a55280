"""Biases that do nothing: those before batch norms alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archdsl.graph.module import Module, Step, Wire


def cancelled_biases(steps: Sequence[Step], outputs: Iterable[Wire]) -> set[int]:
    """The steps of a module, by their indices, whose output only batch norms read: a bias would do nothing."""
    absorbed: set[int] = set()
    felt = {wire.step for wire in outputs}
    for step in steps:
        absorbs = not isinstance(step.what, Module) and step.what.absorbs_bias
        (absorbed if absorbs else felt).update([wire.step for wire in step.inputs])
    return {index for index in absorbed - felt if steps[index].count == 1}
