"""Files that are written: never over what was read, never half, and nothing left beside them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import archdsl
from archdsl import cli
from archdsl.base.files import write_atomically

TEXT = "INPUT[8x8x3] -> CONV3-4 -> FC-2\n"
SAID = "which nothing is written over"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """A command; its exit code and all it says."""
    code = cli.main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


# what is read, the name that a link to it has, and the command that would write there
OVER: dict[str, tuple[str, str, Sequence[str]]] = {
    "a text by a link": ("net.arch", "link.py", ["compile", "net.arch", "-o", "link.py"]),
    "a text with its network": ("net.arch", "link.py", ["compile", "net.arch:net", "-o", "link.py"]),
    "another text by a link": ("net.arch", "link.svg", ["draw", "lenet5", "-o", "link.svg"]),
    "a text that is called a picture": ("net.dot", "", ["draw", "net.dot", "-o", "net.dot"]),
    "the same by another way": ("net.dot", "", ["draw", "net.dot", "-o", "./net.dot"]),
    "the same as volumes": ("net.dot", "", ["draw", "net.dot", "--style", "volumes", "-o", "net.dot"]),
    "the same as a page": ("net.html", "", ["draw", "net.html", "-o", "net.html"]),
    "the older of two": ("net.dot", "", ["diff", "net.dot", "lenet5", "-o", "net.dot"]),
    "the newer of two": ("net.dot", "", ["diff", "lenet5", "net.dot", "-o", "net.dot"]),
    "one of several": ("net.svg", "", ["compare", "lenet5", "net.svg", "-o", "net.svg"]),
    "a text that is called JSON": ("net.json", "", ["json", "net.json", "-o", "net.json"]),
    "a text in capitals by a link": ("NET.ARCH", "link.svg", ["draw", "lenet5", "-o", "link.svg"]),
    "one of several outputs": ("net.dot", "", ["draw", "net.dot", "-o", "other.dot", "-o", "net.dot"]),
}


@pytest.mark.parametrize("name", OVER)
def test_nothing_is_written_over_what_was_read(capsys: pytest.CaptureFixture[str], name: str) -> None:
    text, link, command = OVER[name]
    Path(text).write_text(TEXT)
    if link:
        Path(link).symlink_to(text)
    code, said = run(capsys, *command)
    assert code == 2
    assert SAID in said
    assert Path(text).read_text() == TEXT
    assert {each.name for each in Path().iterdir()} == {text, *([link] if link else [])}


def test_nothing_is_written_over_the_weights_that_were_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "compile", "-e", TEXT, "-o", "w.safetensors")[0] == 0
    before = Path("w.safetensors").read_bytes()
    command = ("compile", "-e", TEXT, "--weights", "w.safetensors", "-o")
    assert SAID in run(capsys, *command, "w.safetensors")[1]
    assert Path("w.safetensors").read_bytes() == before
    assert run(capsys, *command, "new.safetensors")[0] == 0


def test_from_python_nothing_is_written_over_what_was_read() -> None:
    Path("net.arch").write_text(TEXT)
    Path("net.dot").symlink_to("net.arch")
    net = archdsl.load("net.arch")
    for write in (net.draw, net.draw_volumes, archdsl.sketch("net.arch").draw):
        with pytest.raises(FileExistsError, match=SAID):
            write("net.dot")
    assert Path("net.arch").read_text() == TEXT


def test_a_circle_of_links_is_said_to_be_one(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.py").symlink_to("b.py")
    Path("b.py").symlink_to("a.py")
    code, said = run(capsys, "compile", "-e", TEXT, "-o", "a.py")
    assert (code, "a.py: too many levels of symbolic links" in said) == (2, True)
    assert run(capsys, "summary", "a.py")[0] == 1


@pytest.mark.parametrize("length", [200, 244, 255])
def test_a_name_may_be_as_long_as_the_system_allows(capsys: pytest.CaptureFixture[str], length: int) -> None:
    name = "n" * (length - 3) + ".py"
    assert run(capsys, "compile", "-e", TEXT, "-o", name)[0] == 0
    assert [each.name for each in Path().iterdir()] == [name]
    assert run(capsys, "compile", "-e", TEXT, "-o", f"n{'n' * 300}.py")[0] == 2


def test_what_a_killed_process_left_is_removed_at_the_next_write() -> None:
    program = (
        "import os, signal; from pathlib import Path; from archdsl.base import files\n"
        "files.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.write_atomically({Path('a.txt'): b'half'})"
    )
    ran = subprocess.run([sys.executable, "-c", program], check=False)
    assert ran.returncode == -signal.SIGKILL
    (left,) = Path().iterdir()
    assert left.name.startswith(".")
    write_atomically({Path("b.txt"): b""})
    assert left.exists()  # it belongs to another file
    own = left.with_name(left.name.replace(f".{left.name.split('.')[2]}.", f".{os.getpid()}."))
    own.touch()
    write_atomically({Path("a.txt"): b"whole"})
    assert {each.name for each in Path().iterdir()} == {"a.txt", "b.txt", own.name}
    assert Path("a.txt").read_bytes() == b"whole"
