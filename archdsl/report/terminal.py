"""Text on a terminal: what may be shown as it is, how wide it comes out, and in which colours."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from enum import StrEnum

from archdsl.base.escaped import Shown, visible, visible_character

_TAB = 4
_HELD = re.compile(r" ([+-]) ")
_LONGEST_HELD = 40
NO_BREAK = "\N{NO-BREAK SPACE}"


class Ink(StrEnum):
    """What a piece of text is, and so its colour: the code of an ANSI escape."""

    ERROR = "1;31"
    WARNING = "1;33"
    STRONG = "1"
    FRAME = "34"
    SECONDARY = "1;34"
    HELP = "36"
    FAINT = "2"
    ADDED = "32"
    REMOVED = "31"
    CHANGED = "33"


_OURS = re.compile(rf"(\x1b\[(?:{'|'.join(map(re.escape, ('0', *Ink)))})m)")


def lines(texts: Iterable[str]) -> Shown:
    """Lines one under another."""
    return Shown.joined(Shown.filled("{}\n", visible(text)) for text in texts)


def safe(text: str, *, colour: bool) -> str:
    """A text of several lines with every character written out that a terminal would act on, but for line ends, tabs
    and, where colours are wanted, those of `paint`."""
    if colour:
        return "".join(each if _OURS.fullmatch(each) else _safe(each) for each in _OURS.split(text))
    return _safe(text)


def _safe(text: str) -> str:
    return "".join(each if each in "\n\t" or each.isprintable() else visible_character(each) for each in text)


def cells(text: str) -> int:
    """How many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def shown_characters(line: str) -> list[str]:
    """What each character of a line is shown as: tabs as spaces up to the next stop, the rest by `visible`."""
    shown: list[str] = []
    column = 0
    for character in line:
        piece = " " * (_TAB - column % _TAB) if character == "\t" else visible_character(character)
        shown.append(piece)
        column += cells(piece)
    return shown


def cut(text: str, width: int) -> str:
    """The text, or what fits of it before an ellipsis."""
    if cells(text) <= width:
        return text
    kept, taken = "", 1
    for character in text:
        taken += _cells_of(character)
        if taken > width:
            break
        kept += character
    return f"{kept}…"


def wrapped(text: str, width: int | None, hanging: int = 2) -> list[str]:
    """The lines of a text, those after the first further in by `hanging`. None ends in a short sum in brackets, or at a
    no-break space, which comes out as a space."""
    indent = " " * (len(text) - len(text.lstrip()) + hanging)
    lines = textwrap.wrap(
        _held(text),
        width or max(len(text), 1),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(NO_BREAK, " ") for line in lines]


def _held(text: str) -> str:
    """The text with spaces that no line ends at in short sums in brackets."""
    opened: list[int] = []
    for at, character in enumerate(text):
        if character == "(":
            opened.append(at)
        elif character == ")" and opened and at - (start := opened.pop()) < _LONGEST_HELD:
            sums = _HELD.sub(rf"{NO_BREAK}\1{NO_BREAK}", text[start:at])
            text = text[:start] + sums + text[at:]
    return text


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces up to a width, before it where `right` says so."""
    space = " " * (width - cells(text))
    return space + text if right else text + space


def paint(text: Shown, ink: Ink | None, *, colour: bool) -> Shown:
    """The text in a colour, where colours are wanted."""
    return Shown.filled("\x1b[{}m{}\x1b[0m", Shown.of(ink), text) if colour and ink and text else text
