"""What the benchmarks share: two pieces of work timed in turns, and torchvision's models on a CPU torch."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any, NamedTuple

import torch

_library = torch.library.Library("torchvision", "DEF")
Work = Callable[[], object]


class Times(NamedTuple):
    """Medians in seconds of two pieces of work, and the medians of the ratios of neighbours in time: by the clock, and
    in time of the processors, which other programs disturb less."""

    ours: float
    theirs: float
    ratio: float
    work: float
    rounds: int

    def row(self, what: str) -> str:
        """A line of a table, in milliseconds."""
        times = f"{1000 * self.ours:>10.2f}{1000 * self.theirs:>10.2f}"
        return f"{what:<58}{times}{self.ratio:>8.3f}{self.work:>8.3f}{self.rounds:>7}"


HEAD = f"{'milliseconds':<58}{'ours':>10}{'theirs':>10}{'ratio':>8}{'work':>8}{'rounds':>7}"


def seconds(work: Work) -> float:
    """The time of one call."""
    return clocked(work)[0]


def clocked(work: Work) -> tuple[float, float]:
    """Seconds of one call by the clock, and those of all processors that worked on it."""
    began, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - worked


def in_turns(ours: Work, theirs: Work, *, budget: float = 6.0, least: int = 7, most: int = 400) -> Times:
    """Time two pieces of work in turns, for about `budget` seconds.

    Which one begins changes with each round, and a round gives one ratio, so that a machine that others use, or that
    gets slower, does the same to both sides.
    """
    for _ in range(2):
        ours()
        theirs()
    gc.collect()
    gc.disable()
    first: list[tuple[float, float]] = []
    second: list[tuple[float, float]] = []
    end = time.perf_counter() + budget
    while len(first) < least or (len(first) < most and time.perf_counter() < end):
        if len(first) % 2:
            second.append(clocked(theirs))
            first.append(clocked(ours))
        else:
            first.append(clocked(ours))
            second.append(clocked(theirs))
    gc.enable()
    ratios = [(one[0] / other[0], one[1] / other[1]) for one, other in zip(first, second, strict=True)]
    by_clock, by_work = map(statistics.median, zip(*ratios, strict=True))
    medians = (statistics.median(clock for clock, _ in each) for each in (first, second))
    return Times(*medians, by_clock, by_work, len(first))


def torchvision_models() -> Any:
    """torchvision's models. Its wheel is made for CUDA; with these two schemas it imports on a CPU torch too."""
    for name in ("nms", "qnms"):
        try:
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # there already
            break
    import torchvision

    return torchvision.models


def machine() -> str:
    """What a reader of the figures must know."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision"))
    return f"Python {platform.python_version()}, {packages}, {torch.get_num_threads()} threads"
