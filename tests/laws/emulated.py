"""What a terminal makes of what a command prints, by an emulator: the text that is seen, and whatever else happened."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pyte
from pyte import modes

from archdsl.report.terminal import Ink

_LOOKS = {(0,), *(tuple(map(int, ink.split(";"))) for ink in Ink)}
_COLOURS = re.compile(rf"\x1b\[(?:0|{'|'.join(Ink)})m")


class _Watched:
    """A screen, and what it is told to do besides showing text."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self.screen.set_mode(modes.LNM)
        self.acts: list[str] = []

    def __getattr__(self, name: str) -> Any:
        own = getattr(self.screen, name)
        if name not in pyte.Stream.events - {"draw", "linefeed"}:
            return own

        def told(*given: Any, **more: Any) -> Any:
            if name != "select_graphic_rendition" or given not in _LOOKS or more:
                self.acts.append(f"{name} {given}")
            return own(*given, **more)

        return told


def uncoloured(printed: str) -> str:
    """What was printed, without our colours."""
    return _COLOURS.sub("", printed)


def seen(printed: str) -> list[str]:
    """The lines that are seen of what was printed. AssertionError where a terminal does anything but show them."""
    lines = uncoloured(printed).split("\n")
    watched = _Watched(2 * max(map(len, lines)) + 2, len(lines) + 1)
    pyte.Stream(watched).feed(printed)  # type: ignore[arg-type]
    assert not watched.acts, f"a terminal does more than show it: {watched.acts[:3]}"
    screen = watched.screen
    assert screen.cursor.y == len(lines) - 1, "a terminal shows other lines"
    return [_row(screen, number) for number in range(len(lines))]


def _row(screen: pyte.Screen, number: int) -> str:
    row = screen.buffer[number]
    return "".join(row[column].data for column in range(max(row, default=-1) + 1)).rstrip()


def hold_screen(plain: str, coloured: str | None = None, form: str = "") -> None:
    """A terminal shows all of a text, and does nothing else; in colours it is the same text."""
    odd = [each for each in plain if not each.isprintable() and each != "\n"]
    assert not odd, f"{odd[0]!r} on a terminal, {form}"
    plain.encode()
    wanted = [unicodedata.normalize("NFC", line).rstrip() for line in plain.split("\n")]
    found = [unicodedata.normalize("NFC", line) for line in seen(plain if coloured is None else coloured)]
    if found != wanted:
        differs = next(
            (pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]), (found[-1], wanted[-1])
        )
        raise AssertionError(f"{form}: seen is {differs[0]!r}, and printed {differs[1]!r}")
