"""How much of the programme of random tests runs: a slice in CI, all of it under `pytest -m long`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import settings

Test = TypeVar("Test", bound=Callable[..., object])

# set by conftest before any test is collected
full = False


def examples(in_ci: int, in_full: int) -> Callable[[Test], Test]:
    """Run a law on so many examples; with the full number it is a long test."""

    def decorate(test: Test) -> Test:
        test = settings(max_examples=in_full if full else in_ci)(test)
        return pytest.mark.long(test) if full else test

    return decorate
