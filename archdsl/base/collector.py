"""Python's garbage collector, out of the way of work that makes many small objects and no cycles."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Generator[None]:
    """Pauses the garbage collector inside it: reference counts free all that is made there, and a search for cycles,
    through all that the host has in memory, would cost more than the work."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
