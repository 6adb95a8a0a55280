"""The law of damaged files: whatever is in a file, each door that reads it gives a result or one ArchError, in little
time and little memory."""

from __future__ import annotations

import contextlib
import io
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from unittest.mock import patch

from laws.damage import TEXT, damaged, write

import archdsl
from archdsl import ArchError, Network, cli
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.formats import HEAD, format_of
from archdsl.report.messages import concise, full, github, to_json

MEGABYTES = 300
_CODES = {0, 1, 2, 3}


class Escaped(AssertionError):
    """What a door gave that is neither a result nor an ArchError, or at what price."""


@dataclass(frozen=True)
class Outcome:
    """What became of a file at a door: its code where it was refused, seconds of the processor, and megabytes that the
    process grew by at its largest."""

    door: str
    said: str
    seconds: float
    megabytes: float


@cache
def _net() -> Network:
    return archdsl.parse(TEXT)


@cache
def _model() -> object:
    return _net().to_torch()


def _load(path: Path) -> str:
    net = archdsl.load(path)
    assert str(net.summary())
    return "read"


def _weights(path: Path) -> str:
    _net().load_weights(_model(), path)  # type: ignore[arg-type]
    return "read"


def _to_torch(path: Path) -> str:
    _net().to_torch(weights=path, head=["fc"])
    return "read"


def _use(path: Path) -> str:
    library = path.rename(path.with_name("lib.arch"))
    write(path.with_name("main.arch"), b"use lib\nINPUT[8x8x3] -> relu\n")
    archdsl.load(library.with_name("main.arch"))
    return "read"


def _command(*arguments: str) -> Callable[[Path], str]:
    def run(path: Path) -> str:
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(
                [each.replace("FILE", str(path)).replace("OUT", str(path.parent / "out")) for each in arguments]
            )
        said = [_written(each) for each in (out, err)]
        if code not in _CODES:
            raise Escaped(f"exit code {code}: {said[1][:300]}")
        shown = "".join(said)
        if any(not each.isprintable() and each not in "\n\t" for each in shown):
            raise Escaped(f"a control character on the screen: {shown[:200]!r}")
        return f"exit {code}"

    return run


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]


def _standard_input(path: Path) -> str:
    with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes()))):
        return _command("check", "-")(path)


def _format(path: Path) -> str:
    found = format_of(path.read_bytes()[:HEAD])
    return found.use.name if found else "a text"


DOORS: dict[str, Callable[[Path], str]] = {
    "load": _load,
    "load_weights": _weights,
    "to_torch": _to_torch,
    "use": _use,
    "summary": _command("summary", "FILE"),
    "check": _command("check", "FILE", "--format", "github"),
    "draw": _command("draw", "FILE", "-o", "OUT.dot"),
    "json": _command("json", "FILE"),
    "compile --weights": _command("compile", "-e", TEXT, "--weights", "FILE", "-o", "OUT.py"),
    "-": _standard_input,
    "format": _format,
}
_WEIGHTS = ("load_weights", "load_weights", "to_torch", "compile --weights")


def door_of(seed: int, suffix: str) -> str:
    """The door that a file goes through: one for weights, as a rule, if it is of weights."""
    random = Random(f"door {seed}")
    if suffix in {".pt", ".safetensors"} and random.random() < 0.7:
        return random.choice(_WEIGHTS)
    return random.choice(list(DOORS))


def hold(seed: int, folder: Path) -> Outcome:
    """Send one damaged file through a door. Escaped where the law is broken."""
    suffix, data = damaged(seed)
    return through(door_of(seed, suffix), write(folder / f"file{suffix}", data))


def through(door: str, path: Path) -> Outcome:
    """What becomes of a file at a door."""
    before, started = peak(), time.process_time()
    try:
        said = DOORS[door](path)
    except ArchError as error:
        said = error.diagnostics[0].code
        hold_messages(error.diagnostics)
    except Escaped:
        raise
    except (Exception, SystemExit) as error:
        raise Escaped(f"{door}: {type(error).__name__}: {str(error)[:300]}") from error
    finally:
        for each in path.parent.iterdir():
            each.unlink()
    made = Outcome(door, said, time.process_time() - started, peak() - before)
    if made.megabytes > MEGABYTES:
        raise Escaped(f"{door}: {made.megabytes:.0f} MB")
    return made


def hold_messages(found: Sequence[Diagnostic]) -> None:
    """Whatever is said can be printed and encoded."""
    try:
        for form in (full, concise, to_json, github):
            form(found).encode()
    except UnicodeError as half:
        raise Escaped(f"a message that nobody can print: {half}") from half


def peak() -> float:
    """The most memory that this process has had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
