"""A slice of the programme of a service: one process that parses, copies, loads and builds, in threads too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from laws.service_programme import THREADS, Told, copies, parses, threads

# a short run goes on meeting operators and options for the first time, of which Python and archdsl keep a little
_OBJECTS = 2_500

PARTS: dict[str, Callable[[], Told]] = {
    "parses": lambda: parses(400, rounds=4),
    "copies": lambda: copies(24, rounds=2),
    "threads": lambda: threads(4, rounds=2),
}
_DONE = {"parses": 400, "copies": 24, "threads": 4 * THREADS}


@pytest.mark.parametrize("part", PARTS)
def test_a_service_gives_what_it_gave_before_and_keeps_nothing(part: str) -> None:
    found = PARTS[part]()
    assert found.done == _DONE[part]
    assert found.differs == ()
    assert found.growth.objects < _OBJECTS
