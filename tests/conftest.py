"""What all tests share: how many examples Hypothesis draws.

In CI the examples are the same in each run. `pytest -m long` runs the full programme of each law, with fresh examples.
"""

from __future__ import annotations

import os

import programme
import pytest
from hypothesis import HealthCheck, settings

# each network that a test makes is held to what a hierarchy must be
os.environ.setdefault("ARCHDSL_VERIFY", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    # one worker for each processor: threads of PyTorch that wait for each other would take them from other workers
    os.environ.setdefault("OMP_NUM_THREADS", "1")

_UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
settings.register_profile(
    "ci", derandomize=True, database=None, deadline=None, suppress_health_check=_UNHURRIED, print_blob=True
)
settings.register_profile("long", settings.get_profile("ci"), derandomize=False)


def pytest_configure(config: pytest.Config) -> None:
    marks = config.getoption("markexpr", "")
    programme.full = "long" in marks and "not long" not in marks
    settings.load_profile("long" if programme.full else "ci")
