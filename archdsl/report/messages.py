"""Diagnostics as people and tools read them: with carets under the text, in one line, as JSON, as GitHub takes them."""

from __future__ import annotations

import re
import textwrap
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate, groupby
from typing import Any, NamedTuple

from archdsl.base.diagnostics import Diagnostic, Severity
from archdsl.base.records import record
from archdsl.base.text import Place, Source
from archdsl.report.terminal import Ink, Shown, cells, lines, paint, shown_characters, visible

WIDTH = 100
JSON_VERSION = 1
_SHOWN_LINES = 4
_CUT = Shown("...")


def full(diagnostics: Iterable[Diagnostic], *, colour: bool = False, width: int = WIDTH) -> Shown:
    """Each diagnostic with the text it is about, carets under it, notes and help."""
    return Shown.joined((_Page(each, colour, width).text() for each in diagnostics), "\n")


def concise(diagnostics: Iterable[Diagnostic]) -> Shown:
    """One line each: `file:line:col: code message`."""
    return lines(each.concise for each in diagnostics)


def to_json(diagnostics: Iterable[Diagnostic]) -> Shown:
    """One JSON document. Lines and columns count from 1, offsets from 0, all in characters; `end` is exclusive."""
    document = {"version": JSON_VERSION, "diagnostics": [_record(each) for each in diagnostics]}
    return Shown.json(document, indent=2)


def github(diagnostics: Iterable[Diagnostic]) -> Shown:
    """Workflow commands, which GitHub shows beside the line of the change."""
    return Shown.joined(map(_command, diagnostics))


FORMATS: dict[str, Callable[[Iterable[Diagnostic]], Shown]] = {
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


@record
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

    def part(self, start: int, width: int) -> Shown:
        """The characters that lie within `width` columns from `start` on."""
        begin = bisect_left(self.starts, start)
        first = self.starts[begin] if begin < len(self.starts) else start
        end = bisect_right(self.starts, start + width) - 1
        return visible(" " * (first - start) + "".join(self.characters[begin:end]))


@record
class _Page:
    """One diagnostic on the screen."""

    diagnostic: Diagnostic
    colour: bool
    width: int

    def text(self) -> Shown:
        fault = self.diagnostic.fault
        remarks = [*((Shown("note"), note) for note in fault.notes)]
        remarks += [(Shown("help"), fault.help)] if fault.help else []
        footers = [line for word, text in remarks for line in self._footer(word, text)]
        frames = self._frames()
        between = [self._row(Shown())] if frames and footers else []
        return Shown.joined(map(_ended, (self._headline(), *frames, *between, *footers)))

    def _paint(self, text: Shown, ink: Ink | None) -> Shown:
        return paint(text, ink, colour=self.colour)

    def _headline(self) -> Shown:
        diagnostic = self.diagnostic
        warns = diagnostic.severity is Severity.WARNING
        kind = Shown.filled("{}[{}]", Shown("warning") if warns else Shown("error"), visible(diagnostic.code))
        message = Shown.filled(": {}", visible(diagnostic.message))
        return Shown.joined([self._paint(kind, Ink.WARNING if warns else Ink.ERROR), self._paint(message, Ink.STRONG)])

    def _footer(self, word: Shown, text: str) -> list[Shown]:
        indent = _spaces(self._gutter + 1)
        hanging = len(indent) + len(word) + 4
        first, *others = map(visible, _wrapped(visible(text), max(self.width - hanging, 30)))
        head = self._paint(Shown.filled("{}:", word), Ink.HELP)
        shown = Shown.filled("{}{} {} {}", indent, self._paint(Shown("="), Ink.FRAME), head, first)
        return [shown, *(Shown.filled("{}{}", _spaces(hanging), row) for row in others)]

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

    def _frames(self) -> list[Shown]:
        sources: dict[int, list[tuple[Place, str, bool]]] = {}
        for each in self._places:
            sources.setdefault(id(each[0].source), []).append(each)
        return [line for places in sources.values() for line in self._frame(places)]

    def _frame(self, places: list[tuple[Place, str, bool]]) -> list[Shown]:
        """The lines of one text with what is marked in them."""
        source = places[0][0].source
        line, column = places[0][0].line_column
        arrow = self._paint(Shown("-->") if places[0][2] else Shown(":::"), Ink.FRAME)
        name = visible(source.name)
        rows = [Shown.filled("{}{} {}:{}:{}", _spaces(self._gutter), arrow, name, line, column), self._row(Shown())]
        marked = _marks(places)
        previous = 0
        for number in sorted(marked):
            if previous and number == previous + 2:
                rows.append(self._row(self._cut_line(_Line.of(source.line(previous + 1))), previous + 1))
            elif previous and number > previous + 2:
                rows.append(self._paint(_CUT, Ink.FRAME))
            rows += self._marked_line(_Line.of(source.line(number)), number, marked[number])
            previous = number
        return rows

    def _row(self, text: Shown, number: int | None = None) -> Shown:
        shown = Shown.filled("{} |", visible(f"{'' if number is None else number:>{self._gutter}}"))
        return Shown.filled("{} {}", self._paint(shown, Ink.FRAME), text)

    @property
    def _room(self) -> int:
        return max(self.width - self._gutter - 3, 40)

    def _cut_line(self, line: _Line) -> Shown:
        room = self._room
        if line.width <= room:
            return line.part(0, line.width)
        return Shown.joined([line.part(0, room - len(_CUT)), _CUT])

    def _marked_line(self, line: _Line, number: int, marks: list[_Mark]) -> list[Shown]:
        """A line with its marks below; a line that is too long for all of them is shown once for each group of them."""
        rows: list[Shown] = []
        for group in _groups(line, marks, self._room):
            start, width = _view(line, group, self._room)
            before = _CUT if start else Shown()
            after = _CUT if start + width < line.width else Shown()
            text = line.part(start + len(before), width - len(before) - len(after))
            rows.append(self._row(Shown.joined([before, text, after]), number))
            moved = [_clipped(mark, start, width) for mark in group]
            rows += [self._row(row) for row in self._underlines(moved)]
        return rows

    def _underlines(self, marks: list[_Mark]) -> list[Shown]:
        marks = sorted(marks, key=lambda mark: (mark.start, mark.end))
        *others, last = marks
        hanging = [mark for mark in others if mark.label]
        first = self._drawn(marks)
        if last.label:
            first = Shown.filled("{} {}", first, self._paint(visible(last.label), last.ink))
        rows = [first]
        if hanging:
            rows.append(self._bars(hanging))
        while hanging:
            mark = hanging.pop()
            bars = [other for other in hanging if other.start < mark.start]
            label = self._paint(visible(mark.label), mark.ink)
            rows.append(Shown.joined([self._bars(bars, mark.start), label]))
        return rows

    def _drawn(self, marks: list[_Mark]) -> Shown:
        """The underlines themselves, the short ones over the long ones."""
        drawn: list[_Mark | None] = [None] * max(mark.end for mark in marks)
        for mark in sorted(marks, key=lambda mark: (mark.start - mark.end, mark.primary)):
            drawn[mark.start : mark.end] = [mark] * (mark.end - mark.start)
        pieces: list[Shown] = []
        for mark, run in groupby(drawn):
            length = len(list(run))
            sign = " " if mark is None else "^" if mark.primary else "-"
            pieces.append(self._paint(visible(sign * length), mark and mark.ink))
        return Shown.joined(pieces)

    def _bars(self, marks: list[_Mark], width: int = 0) -> Shown:
        """The lines that lead from underlines down to their labels, then spaces up to `width`."""
        row, at = list[Shown](), 0
        for start, group in groupby(marks, key=lambda mark: mark.start):
            row += [_spaces(start - at), self._paint(Shown("|"), next(group).ink)]
            at = start + 1
        return Shown.joined([*row, _spaces(width - at)])


def _spaces(number: int) -> Shown:
    return visible(" " * number)


def _ended(line: Shown) -> Shown:
    """A line with its end, without the spaces before it."""
    return Shown.trusted(f"{line.rstrip()}\n")


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


def _command(diagnostic: Diagnostic) -> Shown:
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
    kind = Shown("warning") if diagnostic.severity is Severity.WARNING else Shown("error")
    told = (diagnostic.message, *fault.notes, *([f"help: {fault.help}"] if fault.help else []))
    shown = "\n".join(visible(line) for each in told for line in each.splitlines())
    return _annotation(kind, properties, shown)


def _annotation(kind: Shown, properties: dict[str, object], text: str) -> Shown:
    """A workflow command, with nothing in it that GitHub takes for its end, or for another."""
    given = (f"{name}={_property(str(value))}" for name, value in properties.items())
    return Shown.filled("::{} {}::{}\n", kind, visible(",".join(given)), visible(_data(text)))


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
