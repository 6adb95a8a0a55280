"""Planted bugs are found: each is put into a copy of the package, and the check of emitted files or a law has to see it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from planted import CHECKERS, EMITTER, PASSES, SUBTLE, Planted

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"
FEW = 12
MANY = 150
"""Random programs that a bug is looked for in, in CI and in the long programme."""

# one of each of the causes of the first emitter's faults, the quickest to be found
# of the subtle ones two that are found at once
SUBTLE_IN_CI = [each for each in SUBTLE if each.name in {"three authors", "samples without batch"}]
IN_CI = {cause: next(each for each in EMITTER if each.cause == cause) for cause in range(1, 7)}


@pytest.mark.parametrize("bug", [*EMITTER, *PASSES, *CHECKERS, *SUBTLE], ids=lambda bug: bug.name)
def test_what_is_planted_has_its_place(bug: Planted) -> None:
    """A list of bugs that no longer fit the sources would find nothing, and say nothing."""
    text = (ROOT / "archdsl" / bug.file).read_text(encoding="utf-8")
    assert text.count(bug.old) == 1
    assert bug.new != bug.old
    compile(text.replace(bug.old, bug.new), bug.file, "exec")


def test_names_of_bugs_are_their_own() -> None:
    names = [each.name for each in (*EMITTER, *PASSES, *CHECKERS, *SUBTLE)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("cause", IN_CI)
def test_what_went_wrong_once_is_seen(cause: int, tmp_path: Path) -> None:
    found = judged(IN_CI[cause], "emission", FEW, tmp_path)
    assert found["check"] or found["law"]


@pytest.mark.long
@pytest.mark.parametrize("bug", EMITTER, ids=lambda bug: bug.name)
def test_a_bug_of_the_emitter_is_found(bug: Planted, tmp_path: Path) -> None:
    found = judged(bug, "emission", MANY, tmp_path)
    assert found["check"] or found["law"]


@pytest.mark.long
@pytest.mark.parametrize("bug", PASSES, ids=lambda bug: bug.name)
def test_a_bug_of_a_pass_is_found(bug: Planted, tmp_path: Path) -> None:
    assert judged(bug, "passes", 0, tmp_path)["law"]


@pytest.mark.long
@pytest.mark.parametrize("bug", CHECKERS, ids=lambda bug: bug.name)
def test_a_hole_in_the_check_is_found(bug: Planted, tmp_path: Path) -> None:
    assert judged(bug, "corruption", 0, tmp_path)["law"]


def test_there_are_subtle_mistakes_of_every_part() -> None:
    areas = Counter(each.area for each in SUBTLE)
    assert areas.total() >= 120
    assert min(areas.values()) >= 12


@pytest.mark.long
@pytest.mark.parametrize("bug", SUBTLE, ids=lambda bug: bug.name)
def test_a_subtle_mistake_is_seen_by_the_default_tests(bug: Planted, tmp_path: Path) -> None:
    assert seen(bug, tmp_path)


@pytest.mark.parametrize("bug", SUBTLE_IN_CI, ids=lambda bug: bug.name)
def test_some_subtle_mistakes_are_seen(bug: Planted, tmp_path: Path) -> None:
    assert seen(bug, tmp_path)


def seen(bug: Planted, folder: Path) -> bool:
    """Whether the test that is to see a bug fails in a copy of the project that has it."""
    parts = ("archdsl", "grammar", "specs", "tests", "docs", "benchmarks", "examples")
    files = ("pyproject.toml", "README.md", "CONTRIBUTING.md", "mkdocs.yml", "hatch_build.py")
    for each in parts:
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
    for each in files:
        shutil.copy(ROOT / each, folder / each)
    plant(bug, folder)
    options = ("-q", "-x", "-n0", "-m", "not long", "-p", "no:cacheprovider")
    environment = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    made = subprocess.run(
        [sys.executable, "-m", "pytest", *options, bug.seen_by],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode in {0, 1}, made.stdout + made.stderr
    return made.returncode == 1


def plant(bug: Planted, folder: Path) -> None:
    """Put a bug into a copy of the package."""
    file = folder / "archdsl" / bug.file
    file.write_text(file.read_text(encoding="utf-8").replace(bug.old, bug.new), encoding="utf-8")


def judged(bug: Planted, what: str, programs: int, folder: Path) -> dict[str, str | None]:
    """What `judge.py` says of a copy of the package that has a bug."""
    for each in ("archdsl", "grammar", "specs"):
        shutil.copytree(ROOT / each, folder / each, ignore=shutil.ignore_patterns("__pycache__"))
    plant(bug, folder)
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{TESTS}", "XDG_CACHE_HOME": str(folder / "cache")}
    command = [sys.executable, str(TESTS / "judge.py"), what, str(programs)]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = json.loads(made.stdout.splitlines()[-1])
    assert found.pop("package") == str(folder / "archdsl" / "__init__.py")
    return found
