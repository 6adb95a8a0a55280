"""Numbers of a network that add up: what each operator has, and how that composes over steps, repeats and modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from archdsl.base.records import record

if TYPE_CHECKING:
    from archdsl.graph.module import Step


@record(slots=True)
class Sum:
    """A number that operators have and that adds up: steps as often as they are repeated, modules as often as they are
    called. `Module.total` works it out, once for each distinct module.

    each: of one repetition of an operator's step. once: whether steps that share weights have it together, as they have
    the weights. training: whether that of steps which training alone needs belongs to it where nothing is said of it.
    """

    each: Callable[[Step], int]
    once: bool = False
    training: bool = False

    def of(self, step: Step, count: int, *, again: bool) -> int:
        """What so many repetitions of a step have. again: whether its weights are those of an earlier one."""
        return 0 if again and self.once else step.total(self) * count


def _params(step: Step) -> int:
    return step.facts.params


def _macs(step: Step) -> int:
    return step.facts.macs


def _one(_step: Step) -> int:
    return 1


PARAMS = Sum(_params, once=True, training=True)
MACS = Sum(_macs)
LAYERS = Sum(_one, training=True)
