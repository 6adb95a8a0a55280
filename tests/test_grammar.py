"""The grammar and the tables that are kept of it."""

from __future__ import annotations

import json
import subprocess
import sys

import lark
import pytest

from archdsl.base.resources import folder
from archdsl.syntax import tables

KEPT = folder("grammar") / "arch.tables.json"


def test_the_tables_are_those_of_the_grammar() -> None:
    """Where this fails, `python -m archdsl.syntax.tables`: each run makes them anew, which takes most of a short one."""
    kept = json.loads(KEPT.read_bytes())
    if kept["lark"] != lark.__version__:
        pytest.skip("the tables belong to another lark, and are made anew in each run")
    # their order differs from run to run, so they are told by the digest of the grammar that they were made of
    assert kept["grammar"] == tables.digest()
    assert json.loads(tables.tables()).keys() == kept.keys()


def test_without_the_tables_the_language_is_the_same() -> None:
    code = "import sys; from archdsl.syntax import tables\n"
    code += "if sys.argv[1] == 'made': tables._kept = lambda: None\n"
    code += "import archdsl; print(archdsl.load('resnet18').structure())"
    kept, made = (
        subprocess.run([sys.executable, "-c", code, how], capture_output=True, text=True, check=True).stdout
        for how in ("kept", "made")
    )
    assert kept == made
