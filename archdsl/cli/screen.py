"""What commands say: results, faults and how far something has come; and the files that they write."""

from __future__ import annotations

import os
import re
import shutil
import sys
import threading
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from archdsl.base.diagnostics import Diagnostic

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.report.terminal import Shown
    from archdsl.sketching import Sketch

_PATIENCE = 1.0


def is_terminal(stream: IO[str]) -> bool:
    """Whether a person sees the stream."""
    return stream.isatty()


def has_colour(stream: IO[str]) -> bool:
    """Whether colours are wanted there."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def width() -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((80, 24)).columns


def say(line: str, *, err: bool = False) -> None:
    """Print a line, in which nothing that a user or file named ends it or acts on the terminal. err: on standard
    error."""
    from archdsl.report.terminal import Shown, visible

    put(Shown.filled("{}\n", visible(line)), err=err)


def put(text: Shown, *, err: bool = False) -> None:
    """Print lines. `say` and this are the only ways to the screen, and the type checker lets nothing through that was
    not escaped; what comes here all the same, past it, is written out."""
    from archdsl.report.terminal import safe

    stream = sys.stderr if err else sys.stdout
    click.echo(safe(text, colour=has_colour(stream)), file=stream, nl=False, color=True)  # noqa: TID251


def complain(text: str) -> None:
    """Say what is wrong with a request."""
    say(f"error: {text}", err=True)


def show(diagnostics: Iterable[Diagnostic], *, err: bool = True) -> None:
    """Diagnostics with carets, on standard error or else among the results."""
    found = list(diagnostics)
    if found:
        from archdsl.report import messages

        colour = has_colour(sys.stderr if err else sys.stdout)
        put(messages.full(found, colour=colour, width=min(width(), messages.WIDTH)), err=err)


def print_page(text: str) -> None:
    """Prose and arithmetic; on a terminal what stands at the margin is a title."""
    from archdsl.report.terminal import Ink, Shown, paint, visible

    colour = has_colour(sys.stdout)
    for line in text.splitlines():
        shown = paint(visible(line), Ink.STRONG if line[:1].strip() else None, colour=colour)
        put(Shown.filled("{}\n", shown))


@contextmanager
def progress(what: str) -> Generator[None]:
    """Says on a terminal what is being done, if it takes over a second."""
    if not is_terminal(sys.stderr):
        yield
        return
    shown: list[Any] = []

    def show() -> None:
        from rich.console import Console
        from rich.text import Text

        from archdsl.report.terminal import visible

        status = Console(stderr=True).status(Text(visible(what)))
        shown.append(status)
        status.start()

    timer = threading.Timer(_PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()


def write(files: dict[str, bytes], read: Iterable[str | None]) -> None:
    """Write outputs, all or none; `-` is standard output. read: what the command was given by name, networks and
    weights; nothing is written over them, or over any text."""
    from archdsl.base.files import write_atomically
    from archdsl.compiler import file_of

    sources = [file_of(name) for name in read if name is not None]
    write_atomically({Path(name): data for name, data in files.items() if name != "-"}, sources)
    if "-" in files:
        sys.stdout.buffer.write(files["-"])
        sys.stdout.buffer.flush()


def totals(net: Network) -> str:
    """What a network comes to, in a line."""
    from archdsl.facts.table import totals

    return ", ".join(f"{fact.over(net.module).inference:,} {fact.words}" for fact in totals())


def file_name(net: Network | Sketch, suffix: str) -> str:
    """A name in the current folder for what is made of a network."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', net.name).lstrip('.-') or 'network'}.{suffix}"
