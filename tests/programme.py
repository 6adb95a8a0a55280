"""How much of the programme of tests runs: a slice in CI, all of it under `pytest -m long`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from archdsl.compiler import source_of
from archdsl.elaborate.library import zoo_names

Test = TypeVar("Test", bound=Callable[..., object])

# set by conftest before any test is collected
full = False


def examples(in_ci: int, in_full: int) -> Callable[[Test], Test]:
    """Run a law on so many examples; with the full number it is a long test."""

    def decorate(test: Test) -> Test:
        test = settings(max_examples=in_full if full else in_ci)(test)
        return pytest.mark.long(test) if full else test

    return decorate


def zoo() -> list[Any]:
    """The networks of the zoo; of a family that shares a template the first stands for all in CI."""
    seen: set[str] = set()
    found: list[Any] = []
    for name in zoo_names():
        used = re.search(r"^use (\w+)", source_of(name)[0].text, re.MULTILINE)
        family = used[1] if used else name
        found.append(pytest.param(name, marks=pytest.mark.long) if family in seen else name)
        seen.add(family)
    return found
