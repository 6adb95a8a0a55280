"""Diagnostics as people and tools read them: with carets under the text, in one line, as JSON, as GitHub takes them."""

from __future__ import annotations

import json
import re
import textwrap
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from archdsl.base.diagnostics import Diagnostic, Severity
from archdsl.base.text import Place, Source
from archdsl.report.terminal import Ink, cells, paint, shown_characters, visible

WIDTH = 100
JSON_VERSION = 1
_SHOWN_LINES = 4
_CUT = "..."


def full(diagnostics: Iterable[Diagnostic], *, colour: bool = False, width: int = WIDTH) -> str:
    """Each diagnostic with the text it is about, carets under it, notes and help."""
    return "\n".join(_Page(each, colour, width).text() for each in diagnostics)


def concise(diagnostics: Iterable[Diagnostic]) -> str:
    """One line each: `file:line:col: code message`."""
    return "".join(f"{visible(each.concise)}\n" for each in diagnostics)


def to_json(diagnostics: Iterable[Diagnostic]) -> str:
    """One JSON document. Lines and columns count from 1, offsets from 0, all in characters; `end` is exclusive."""
    document = {"version": JSON_VERSION, "diagnostics": [_record(each) for each in diagnostics]}
    return json.dumps(document, indent=2) + "\n"


def github(diagnostics: Iterable[Diagnostic]) -> str:
    """Workflow commands, which GitHub shows beside the line of the change."""
    return "".join(f"{_command(each)}\n" for each in diagnostics)


FORMATS: dict[str, Callable[[Iterable[Diagnostic]], str]] = {
    "full": full,
    "concise": concise,
    "json": to_json,
    "github": github,
}


# --- with carets ------------------------------------------------------------------------------------------------------


class _Mark(NamedTuple):
    """A part of one line that is underlined, in columns of the screen."""

    start: int
    end: int
    label: str
    primary: bool

    @property
    def ink(self) -> Ink:
        return Ink.ERROR if self.primary else Ink.SECONDARY


@dataclass(frozen=True)
class _Line:
    """A line of a text as it is shown. `starts` has the column at which each character starts, and the end."""

    characters: list[str]
    starts: list[int]

    @staticmethod
    @lru_cache(maxsize=4)
    def of(text: str) -> _Line:
        """A hundred faults may stand on one long line, which is then measured once."""
        characters = shown_characters(text)
        return _Line(characters, [0, *accumulate(map(cells, characters))])

    @property
    def width(self) -> int:
        return self.starts[-1]

    def column(self, character: int) -> int:
        return self.starts[min(character, len(self.characters))]

    def part(self, start: int, width: int) -> str:
        """The characters that lie within `width` columns from `start` on."""
        begin = bisect_left(self.starts, start)
        first = self.starts[begin] if begin < len(self.starts) else start
        end = bisect_right(self.starts, start + width) - 1
        return " " * (first - start) + "".join(self.characters[begin:end])


@dataclass(frozen=True)
class _Page:
    """One diagnostic on the screen."""

    diagnostic: Diagnostic
    colour: bool
    width: int

    def text(self) -> str:
        fault = self.diagnostic.fault
        remarks = [("note", note) for note in fault.notes] + ([("help", fault.help)] if fault.help else [])
        footers = [line for word, text in remarks for line in self._footer(word, text)]
        frames = self._frames()
        between = [self._row("")] if frames and footers else []
        return "".join(f"{line.rstrip()}\n" for line in (self._headline(), *frames, *between, *footers))

    def _paint(self, text: str, ink: Ink | None) -> str:
        return paint(text, ink, colour=self.colour)

    def _headline(self) -> str:
        diagnostic = self.diagnostic
        warns = diagnostic.severity is Severity.WARNING
        kind = "warning" if warns else "error"
        head = self._paint(f"{kind}[{diagnostic.code}]", Ink.WARNING if warns else Ink.ERROR)
        return head + self._paint(f": {visible(diagnostic.message)}", Ink.STRONG)

    def _footer(self, word: str, text: str) -> list[str]:
        indent = " " * (self._gutter + 1)
        head = f"{indent}= {word}: "
        room = max(self.width - len(head), 30)
        rows = _wrapped(visible(text), room)
        first = indent + self._paint("=", Ink.FRAME) + " " + self._paint(f"{word}:", Ink.HELP) + f" {rows[0]}"
        return [first, *(" " * len(head) + row for row in rows[1:])]

    # --- the text that it is about ----------------------------------------------------------------------------------

    @property
    def _places(self) -> list[tuple[Place, str, bool]]:
        """The places with their labels, the primary one first."""
        diagnostic = self.diagnostic
        if diagnostic.place is None:
            return []
        also = ((place, label, False) for place, label in diagnostic.also)
        return [(diagnostic.place, diagnostic.fault.label, True), *dict.fromkeys(also)]

    @property
    def _gutter(self) -> int:
        """The width of the line numbers."""
        return max((len(str(_lines(place)[-1])) for place, _, _ in self._places), default=0)

    def _frames(self) -> list[str]:
        sources: dict[int, list[tuple[Place, str, bool]]] = {}
        for each in self._places:
            sources.setdefault(id(each[0].source), []).append(each)
        return [line for places in sources.values() for line in self._frame(places)]

    def _frame(self, places: list[tuple[Place, str, bool]]) -> list[str]:
        """The lines of one text with what is marked in them."""
        source = places[0][0].source
        line, column = places[0][0].line_column
        arrow = self._paint("-->" if places[0][2] else ":::", Ink.FRAME)
        rows = [f"{' ' * self._gutter}{arrow} {visible(source.name)}:{line}:{column}", self._row("")]
        marked = _marks(places)
        previous = 0
        for number in sorted(marked):
            if previous and number == previous + 2:
                rows.append(self._row(self._cut_line(_Line.of(source.line(previous + 1))), str(previous + 1)))
            elif previous and number > previous + 2:
                rows.append(self._paint(_CUT, Ink.FRAME))
            rows += self._marked_line(_Line.of(source.line(number)), number, marked[number])
            previous = number
        return rows

    def _row(self, text: str, number: str = "") -> str:
        return self._paint(f"{number:>{self._gutter}} |", Ink.FRAME) + f" {text}"

    @property
    def _room(self) -> int:
        return max(self.width - self._gutter - 3, 40)

    def _cut_line(self, line: _Line) -> str:
        room = self._room
        return line.part(0, line.width) if line.width <= room else line.part(0, room - len(_CUT)) + _CUT

    def _marked_line(self, line: _Line, number: int, marks: list[_Mark]) -> list[str]:
        """A line with its marks below; a line that is too long for all of them is shown once for each group of them."""
        rows: list[str] = []
        for group in _groups(line, marks, self._room):
            start, width = _view(line, group, self._room)
            before = _CUT if start else ""
            after = _CUT if start + width < line.width else ""
            text = line.part(start + len(before), width - len(before) - len(after))
            rows.append(self._row(f"{before}{text}{after}", str(number)))
            moved = [_clipped(mark, start, width) for mark in group]
            rows += [self._row(row) for row in self._underlines(moved)]
        return rows

    def _underlines(self, marks: list[_Mark]) -> list[str]:
        marks = sorted(marks, key=lambda mark: (mark.start, mark.end))
        *others, last = marks
        hanging = [mark for mark in others if mark.label]
        first = self._drawn(marks)
        if last.label:
            first += f" {self._paint(visible(last.label), last.ink)}"
        rows = [first]
        if hanging:
            rows.append(self._bars(hanging))
        while hanging:
            mark = hanging.pop()
            bars = [other for other in hanging if other.start < mark.start]
            rows.append(self._bars(bars, mark.start) + self._paint(visible(mark.label), mark.ink))
        return rows

    def _drawn(self, marks: list[_Mark]) -> str:
        """The underlines themselves, the short ones over the long ones."""
        drawn: list[_Mark | None] = [None] * max(mark.end for mark in marks)
        for mark in sorted(marks, key=lambda mark: (mark.start - mark.end, mark.primary)):
            drawn[mark.start : mark.end] = [mark] * (mark.end - mark.start)
        pieces: list[str] = []
        for mark, run in groupby(drawn):
            length = len(list(run))
            sign = " " if mark is None else "^" if mark.primary else "-"
            pieces.append(self._paint(sign * length, mark and mark.ink))
        return "".join(pieces)

    def _bars(self, marks: list[_Mark], width: int = 0) -> str:
        """The lines that lead from underlines down to their labels, then spaces up to `width`."""
        row, at = "", 0
        for start, group in groupby(marks, key=lambda mark: mark.start):
            row += " " * (start - at) + self._paint("|", next(group).ink)
            at = start + 1
        return row + " " * (width - at)


def _wrapped(text: str, room: int) -> list[str]:
    """The text in lines; what stands in backticks stays together where it can."""
    kept = re.sub(r"`[^`]{1,40}`", lambda found: found[0].replace(" ", "\0"), text)
    rows = textwrap.wrap(kept, room, break_long_words=False, break_on_hyphens=False)
    return [row.replace("\0", " ") for row in rows] or [""]


def _lines(place: Place) -> range:
    """The numbers of the lines that a place lies on."""
    first = place.line_column[0]
    last = place.source.line_column(max(place.span.end - 1, place.span.start))[0]
    return range(first, last + 1)


def _marks(places: list[tuple[Place, str, bool]]) -> dict[int, list[_Mark]]:
    """What is underlined on each line. A place of many lines is marked on its first and last."""
    marked: dict[int, list[_Mark]] = {}
    for place, label, primary in places:
        numbers = list(_lines(place))
        for number in numbers if len(numbers) <= _SHOWN_LINES else (numbers[0], numbers[-1]):
            start, end = _columns(place, number)
            shown = label if number == numbers[-1] else ""
            marked.setdefault(number, []).append(_Mark(start, max(end, start + 1), shown, primary))
    return marked


def _columns(place: Place, number: int) -> tuple[int, int]:
    """The columns of the screen that a place takes on one of its lines."""
    source = place.source
    text = source.line(number)
    line = _Line.of(text)
    first, column = source.line_column(place.span.start)
    last, end = source.line_column(place.span.end)
    left = column - 1 if number == first else len(text) - len(text.lstrip())
    right = end - 1 if number == last else len(text.rstrip())
    return line.column(left), line.column(right)


def _groups(line: _Line, marks: list[_Mark], room: int) -> list[list[_Mark]]:
    """Marks that are shown together: all of them, or where the line is too long those that lie near each other."""
    if line.width <= room:
        return [marks]
    groups: list[list[_Mark]] = []
    for mark in sorted(marks, key=lambda mark: mark.start):
        if groups and mark.end - groups[-1][0].start <= room - 2 * len(_CUT):
            groups[-1].append(mark)
        else:
            groups.append([mark])
    return groups


def _clipped(mark: _Mark, start: int, width: int) -> _Mark:
    """A mark in a view that begins at `start`. One that stands behind the last character stays."""
    first = max(mark.start - start, 0)
    return mark._replace(start=first, end=max(min(mark.end - start, width), first + 1))


def _view(line: _Line, marks: list[_Mark], room: int) -> tuple[int, int]:
    """The columns of a line that are shown: first and how many. The marks are in view, with what is around them."""
    if line.width <= room:
        return 0, line.width
    left = min(mark.start for mark in marks)
    right = max(mark.end + cells(mark.label) + 1 for mark in marks)
    if right <= room - len(_CUT):
        return 0, room
    spare = max(room - (right - left), 0)
    start = max(left - max(spare // 2, 2 * len(_CUT)), 0)
    return start, min(room, line.width - start)


# --- for tools --------------------------------------------------------------------------------------------------------


def _record(diagnostic: Diagnostic) -> dict[str, Any]:
    fault, edit = diagnostic.fault, diagnostic.edit
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "label": fault.label,
        "place": diagnostic.place and _place_record(diagnostic.place),
        "also": [{"place": _place_record(place), "label": label} for place, label in diagnostic.also],
        "notes": list(fault.notes),
        "help": fault.help,
        "edit": edit and {"place": _place_record(edit.place), "text": edit.text},
    }


def _place_record(place: Place) -> dict[str, Any]:
    source, span = place.source, place.span
    return {"file": source.name, "start": _point(source, span.start), "end": _point(source, span.end)}


def _point(source: Source, offset: int) -> dict[str, int]:
    line, column = source.line_column(offset)
    return {"line": line, "column": column, "offset": offset}


def _command(diagnostic: Diagnostic) -> str:
    fault = diagnostic.fault
    properties: dict[str, object] = {}
    if diagnostic.place is not None:
        source, span = diagnostic.place
        line, column = source.line_column(span.start)
        end_line, end_column = source.line_column(span.end)
        properties = {
            "file": visible(source.name),
            "line": line,
            "endLine": end_line,
            "col": column,
            "endColumn": end_column,
        }
    properties["title"] = f"{diagnostic.code} {fault.title}"
    given = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    kind = "warning" if diagnostic.severity is Severity.WARNING else "error"
    lines = (diagnostic.message, *fault.notes, *([f"help: {fault.help}"] if fault.help else []))
    shown = "\n".join(visible(line) for each in lines for line in each.splitlines())
    return f"::{kind} {given}::{_data(shown)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
