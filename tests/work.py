"""Work, counted: how many functions are called. A clock says more about the machine, and what else it does, than about
the program; calls are the same wherever and beside whatever a test runs. Times stand in `benchmarks`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TypeVar

T = TypeVar("T")

# after so many seconds a program that a test started waits for what will never come; no bound on how long it may take
HANGS = 600


class Work:
    """The calls of functions of Python and of C that something makes, with those that the functions make in turn."""

    calls = 0


class TooMuch(AssertionError):
    """More calls than are allowed."""


@contextmanager
def counted(most: int = sys.maxsize) -> Iterator[Work]:
    """Count the calls of what is inside, in this thread. With more than `most` it ends there and fails, so that what
    would go on for ever does not. A bound is about twice today's count: a few steps more change nothing, and what
    follows the depth of a network or the square of a text passes it by orders of magnitude."""
    work = Work()

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        if event in {"call", "c_call"}:
            work.calls += 1
            if work.calls > most:
                # what looks at the error is not counted
                sys.setprofile(None)
                raise TooMuch(f"more than {most:,} calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield work
    finally:
        sys.setprofile(before)
    if work.calls > most:
        raise TooMuch(f"more than {most:,} calls, and the error was swallowed")


def growth(work: Callable[[T], object], small: T, large: T, *, first: T) -> float:
    """How many times the calls for a small thing those for a large one are.

    first: another thing of the kind, for which it is done before, so that imports count for neither. All three differ,
    since what is kept of one would make it cheap to do again.
    """
    work(first)
    with counted() as less:
        work(small)
    # what goes off is not waited for
    with counted(100 * less.calls) as more:
        work(large)
    return more.calls / less.calls
