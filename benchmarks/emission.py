"""The time of the processor that `Network.source()` takes: for working the network out once more with traces, for
making the file (emission), and for reading it back and comparing it with the network (validation).

    python benchmarks/emission.py [vgg16 unet]

The peer of validation is emission, in the same call. The goal is a ratio of at most 0.2 for each network named below.
"""

from __future__ import annotations

import gc
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import archdsl
from archdsl.elaborate.library import zoo_names
from archdsl.emit.torch import source

NAMES = ("resnet152", "densenet201", "swin_b")
ROUNDS = 15
ROUNDS_OF_THE_ZOO = 3
# the function that `source` validates with; None where it does not
VALIDATE: str | None = "validate" if hasattr(source, "validate") else None


class Round(NamedTuple):
    """Seconds of one call of `source()`, or of several."""

    elaboration: float
    emission: float
    validation: float


class Stopwatch:
    """The processor time of all calls of a function."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work, self.seconds = work, 0.0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        began = time.process_time()
        try:
            return self.work(*args, **kwargs)
        finally:
            self.seconds += time.process_time() - began


@contextmanager
def watched(owner: Any, name: str) -> Iterator[Stopwatch]:
    """An attribute replaced by its stopwatch."""
    watch = Stopwatch(getattr(owner, name))
    setattr(owner, name, watch)
    try:
        yield watch
    finally:
        setattr(owner, name, watch.work)


def emitted(name: str) -> Round:
    """The parts of one call for a network that was loaded just before."""
    net = archdsl.load(name)
    idle = Stopwatch(lambda: None)
    gc.collect()
    gc.disable()
    began = time.process_time()
    with watched(net, "_trace") as traced:
        if VALIDATE is None:
            net.source()
        else:
            with watched(source, VALIDATE) as idle:
                net.source()
    total = time.process_time() - began
    gc.enable()
    return Round(traced.seconds, total - traced.seconds - idle.seconds, idle.seconds)


def row(what: str, rounds: Sequence[Round]) -> str:
    """A line of the table: the median of each part in milliseconds, and of the ratios of the rounds."""
    elaboration, emission, validation = (1000 * statistics.median(part) for part in zip(*rounds, strict=True))
    times = f"{what:<16}{elaboration:>12.1f}{emission:>12.1f}"
    if VALIDATE is None:
        return f"{times}{'-':>12}{'-':>8}{len(rounds):>8}"
    ratio = statistics.median(each.validation / each.emission for each in rounds)
    return f"{times}{validation:>12.1f}{ratio:>8.3f}{len(rounds):>8}"


def main() -> None:
    print(f"Python {platform.python_version()}\n")
    print(f"{'milliseconds':<16}{'elaboration':>12}{'emission':>12}{'validation':>12}{'ratio':>8}{'rounds':>8}")
    for name in sys.argv[1:] or NAMES:
        emitted(name)
        print(row(name, [emitted(name) for _ in range(ROUNDS)]), flush=True)
    if not sys.argv[1:]:
        zoo = [[emitted(name) for name in zoo_names()] for _ in range(ROUNDS_OF_THE_ZOO)]
        print(row("the whole zoo", [Round(*map(sum, zip(*each, strict=True))) for each in zoo]))


if __name__ == "__main__":
    main()
