"""What reaches a terminal or a log: nothing that a user or a file named acts there, and a closed stream is no crash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest

from archdsl import cli
from archdsl.report.terminal import Ink, paint, safe, visible

TEXT = "## Comment \x1b[31m\x07\x9b5m\nINPUT[8x8x3] -> CONV3-4 -> FC-2\n"
# a title, a cleared screen, a line that is written over, one that is forged, letters that turn around, eight-bit codes
NAMES = (
    "a\x1b]0;owned\x07",
    "a\x1b[2J",
    "a\rerror",
    "a\nwrote b",
    "a\x9b31m",
    "a\u202eb",
    "a\x1b[1;31mred\x1b[0m",
    "a\u200b",
    "a::error ::b",
)
COMMANDS = (
    "summary NAME",
    "summary NAME --memory --fit 1GB",
    "summary NAME --symbolic",
    "time NAME --device t4",
    "sizes NAME",
    "explain NAME",
    "explain NAME conv1",
    "explain NAME NAME",
    "explain NAME:NAME",
    "diff NAME lenet5",
    "compare NAME lenet5",
    "compare NAME NAME",
    "check NAME",
    "check NAME WRONG",
    "check WRONG --format concise",
    "check WRONG --format github",
    "summary MISSING",
    "summary NAME --set NAME",
    "summary NAME --input NAME",
    "time NAME --device NAME",
    "summary NAME --fit NAME --memory",
    "sizes NAME --near NAME",
    "draw NAME -o OUT.dot",
    "draw NAME -o OUT.nosuch",
    "draw NAME -o OUT.dot --focus NAME --expand NAME",
    "compile NAME -o OUT.py",
    "compile NAME --pass NAME",
    "compile NAME --weights MISSING",
    "json NAME -o OUT.json",
    "NAME",
)
_LETTERS = re.compile(r"[A-Z]+")


def harmful(text: str) -> list[str]:
    """The characters of a text that a terminal acts on, or that cannot be seen."""
    return [each for each in text if each != "\n" and unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_nothing_that_is_named_acts_on_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(f"{name}.arch").write_text(TEXT)
    Path(f"{name}2.arch").write_text("INPUT[8x8x3] -> nosuch -> conv3-4(q=1)\n")
    stand_for = {"NAME": f"{name}.arch", "WRONG": f"{name}2.arch", "MISSING": f"{name}3.arch", "OUT": f"{name}4"}
    for command in COMMANDS:
        words = [_LETTERS.sub(lambda found: stand_for.get(found[0], found[0]), word) for word in command.split(" ")]
        assert cli.main(words) != 70
        captured = capsys.readouterr()
        said = captured.out + captured.err
        assert harmful(said) == [], command
        assert not any(line.startswith("wrote b") for line in said.splitlines()), command
        if "github" in command:
            assert all(line.startswith("::") for line in captured.out.splitlines())


def test_of_the_codes_of_a_terminal_only_our_colours_pass() -> None:
    for ink in Ink:
        assert safe(paint("a", ink, colour=True), colour=True) == paint("a", ink, colour=True)
    assert safe("\x1b[31ma\x1b[2J\x1b[31", colour=True) == "\x1b[31ma<U+001B>[2J<U+001B>[31"
    assert safe("\x1b[31ma\tb\n", colour=False) == "<U+001B>[31ma\tb\n"
    assert safe("×─…\xa0é", colour=False) == "×─…\xa0é"
    assert visible("a\nb\tc") == "a<U+000A>b<U+0009>c"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A line for the shell, with the command line as `archdsl`."""
    home = str(Path(__file__).parents[1])
    return subprocess.run(
        ["sh", "-c", f'archdsl() {{ "{sys.executable}" -m archdsl "$@"; }}; {line}'],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": home},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("archdsl summary lenet5 >&-", 0, ""),
        ("archdsl nosuch 2>&-", 2, ""),
        ("archdsl check lenet5 >&- 2>&-", 0, ""),
        ("archdsl compile lenet5 -o made.py >&-", 0, ""),
        ("archdsl summary - <&-", 2, "error: standard input is closed\n"),
        ("archdsl summary lenet5 >/dev/full", 2, "error: input or output: no space left on device\n"),
        ("archdsl compile lenet5 -o - >/dev/full", 2, "error: input or output: no space left on device\n"),
    ],
)
def test_a_stream_that_takes_nothing(tmp_path: Path, line: str, code: int, said: str) -> None:
    ran = shell(line, tmp_path)
    assert (ran.returncode, ran.stderr) == (code, said)
