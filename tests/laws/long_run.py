"""A long programme: inputs by their seeds, in rounds that are kept in a file, so that it goes on where it was stopped."""

from __future__ import annotations

import argparse
import json
import resource
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

ROUND = 500
# of the processor; only the long programmes look at it, since tests look at no clock
SECONDS = 2.0
# far more than any input may take: only what would take the whole machine ends there
ADDRESSES = 6 * 2**30


@dataclass
class Figures:
    """What came of some inputs: how many there were, by what became of them; the slowest, in seconds of the processor,
    and the one by which the process grew most, in megabytes, each with its seed; and those that escaped."""

    inputs: int = 0
    bytes: int = 0
    seconds: float = 0.0
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[float, int] = (0.0, -1)
    outcomes: Counter[str] = field(default_factory=Counter[str])
    escapes: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def count(
        self,
        outcome: str,
        seconds: float,
        megabytes: float,
        size: int,
        seed: int = -1,
        what: str | None = None,
        limit: float = SECONDS,
    ) -> None:
        """An input that was right, or refused; one that took longer than the limit escaped. what: the input, if it is
        kept then."""
        if seconds > limit:
            self.escaped(seed, outcome if what is None else what, f"{outcome}: {seconds:.1f} s")
            return
        self.inputs += 1
        self.bytes += size
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, (round(seconds, 3), seed))
        self.largest = max(self.largest, (round(megabytes, 1), seed))

    def escaped(self, seed: int, what: str, why: str) -> None:
        """An input that was neither."""
        self.inputs += 1
        self.escapes.append({"seed": seed, "what": what, "why": why[:500]})

    def add(self, other: dict[str, Any]) -> None:
        """Those of another round too."""
        self.inputs += other["inputs"]
        self.bytes += other["bytes"]
        self.seconds += other["seconds"]
        self.slowest = max(self.slowest, tuple(other["slowest"]))
        self.largest = max(self.largest, tuple(other["largest"]))
        self.outcomes.update(other["outcomes"])
        self.escapes += other["escapes"]


Take = Callable[[int, Figures], None]


@contextmanager
def guarded(seconds: int) -> Generator[None]:
    """What takes more seconds of the processor than this ends with TimeoutError."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {seconds} s of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def rounds(begin: int, end: int, state: Path, take: Take, size: int = ROUND) -> dict[str, Any]:
    """Run the rounds of some size that a file has not yet, and keep each in it."""
    done = kept(state)
    for first in range(begin, end, size):
        if str(first) in done:
            continue
        made, started = Figures(), time.process_time()
        for seed in range(first, min(first + size, end)):
            take(seed, made)
        made.seconds = round(time.process_time() - started, 2)
        keep(done, first, made, state)
    return done


def kept(state: Path) -> dict[str, Any]:
    """The rounds that a file has."""
    return json.loads(state.read_text()) if state.exists() else {}


def keep(done: dict[str, Any], first: int, made: Figures, state: Path) -> None:
    """One more round, in the file and on the screen."""
    done[str(first)] = vars(made)
    written = state.with_suffix(".new")
    written.write_text(json.dumps(done, indent=1))
    written.replace(state)
    say(f"{first}: {made.inputs} inputs, {len(made.escapes)} escaped, slowest {made.slowest}, {made.seconds} s")


def say(*words: object) -> None:
    """A line on the screen, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(about: str, take: Take, end: int, size: int = ROUND) -> None:
    """The command line of a programme."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--to", dest="end", type=int, default=end)
    parser.add_argument("--state", type=Path, default=Path(f"{Path(sys.argv[0]).stem}.json"))
    parser.add_argument("--show", type=int, metavar="SEED", help="what becomes of one input")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, resource.RLIM_INFINITY))
    whole = Figures()
    if given.show is not None:
        take(given.show, whole)
        say(vars(whole))
        return
    for each in rounds(given.begin, given.end, given.state, take, size).values():
        whole.add(each)
    for name, value in vars(whole).items():
        say(f"{name}: {value}")
    sys.exit(bool(whole.escapes))
