"""Diagnostics on the screen, in one line, as JSON and for GitHub. Whole pages of them stand in tests/cases/faults."""

import json
import re
import unicodedata
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archdsl.algebra.figures import short_number
from archdsl.base.diagnostics import Diagnostic, Edit, Fault
from archdsl.base.text import Place, Source, Span
from archdsl.report import messages
from archdsl.report.catalogue import faults
from archdsl.report.terminal import cells, cut, padded, shown_characters, visible


@dataclass(frozen=True)
class Wrong(Fault):
    """A fault for tests."""

    code = "E9999"
    title = "a test"
    example = ""

    message: str = "something is wrong"
    label: str = "here"
    notes: tuple[str, ...] = ()
    help: str | None = None


def place(source, part, occurrence=0):
    start = -1
    for _ in range(occurrence + 1):
        start = source.text.index(part, start + 1)
    return Place(source, Span(start, start + len(part)))


def frame(text, part, **facts):
    """The lines below the headline and the place."""
    source = Source("a.arch", text)
    return messages.full([Diagnostic(Wrong(**facts), place(source, part))], width=80).split("\n")[2:]


def under(lines):
    """What stands above the carets: the test of a place is the text it points at."""
    row = next(index for index, line in enumerate(lines) if "^" in line)
    start, end = lines[row].index("^"), lines[row].rindex("^") + 1
    column, shown = 0, ""
    for character in lines[row - 1]:
        if start <= column < end:
            shown += character
        column += cells(character)
    return shown


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("abc wrong def", "wrong"),
        ("\tabc\t\twrong\tdef", "wrong"),
        ("最近邻 -> wrong", "wrong"),
        ("é́ wrong", "wrong"),
        ("first\r\n  wrong\r\nlast\r\n", "wrong"),
        ("x" * 500 + " wrong " + "y" * 500, "wrong"),
        ("最" * 200 + " wrong " + "邻" * 200, "wrong"),
        ("x" * 500 + " wrong", "wrong"),
        ("wrong " + "x" * 500, "wrong"),
    ],
)
def test_the_caret_stands_under_the_text(text, part):
    lines = frame(text, part)
    assert under(lines) == part
    assert all(cells(line) <= 80 for line in lines)


def test_a_line_break_has_no_characters_of_its_own():
    assert "\r" not in messages.full([Diagnostic(Wrong(), place(Source("a", "a\r\nb\r\n"), "b"))])


def test_the_end_of_the_text_can_be_pointed_at():
    source = Source("a", "abc\n")
    for offset in range(5):
        assert "^ here" in messages.full([Diagnostic(Wrong(), Place(source, Span(offset, offset)))])


def test_several_labels_hang_below_their_places():
    source = Source("a.arch", "add { left | right }")
    also = ((place(source, "left"), "one"), (place(source, "right"), "two"))
    shown = messages.full([Diagnostic(Wrong(), place(source, "add"), also)])
    assert shown.split("\n")[3:] == [
        "1 | add { left | right }",
        "  | ^^^   ----   ----- two",
        "  | |     |",
        "  | |     one",
        "  | here",
        "",
    ]


def test_a_part_inside_another_stays_visible():
    source = Source("a.arch", "[conv3 -> relu]")
    also = ((place(source, "conv3"), "inner"),)
    shown = messages.full([Diagnostic(Wrong(label="outer"), place(source, "[conv3 -> relu]"), also)])
    assert shown.split("\n")[3:] == [
        "1 | [conv3 -> relu]",
        "  | ^-----^^^^^^^^^ inner",
        "  | |",
        "  | outer",
        "",
    ]


def test_places_in_several_files_and_lines():
    main, other = Source("main.arch", "one\ntwo\nthree\nfour\nfive\nsix"), Source("other.arch", "defined\n")
    also = ((place(main, "five"), "called"), (place(other, "defined"), "made here"), (place(main, "three"), ""))
    shown = messages.full([Diagnostic(Wrong(), place(main, "one"), also)])
    assert shown.split("\n")[1:] == [
        " --> main.arch:1:1",
        "  |",
        "1 | one",
        "  | ^^^ here",
        "2 | two",
        "3 | three",
        "  | -----",
        "4 | four",
        "5 | five",
        "  | ---- called",
        " ::: other.arch:1:1",
        "  |",
        "1 | defined",
        "  | ------- made here",
        "",
    ]


def test_a_place_of_many_lines_is_marked_where_it_begins_and_ends():
    text = "a {\n" + "  b\n" * 8 + "}"
    lines = frame(text, text)
    assert [line for line in lines if "^" in line or "..." in line] == ["   | ^^^", "...", "   | ^ here"]


def test_without_a_place_only_the_words_are_said():
    shown = messages.full([Diagnostic(Wrong(notes=("a note",), help="a help"))])
    assert shown == "error[E9999]: something is wrong\n = note: a note\n = help: a help\n"


def test_long_notes_are_wrapped_and_what_stands_in_backticks_stays_together():
    note = "word " * 13 + "`block step(skip) = ...` at the end"
    lines = frame("x", "x", notes=(note,))
    assert all(len(line) <= 80 for line in lines)
    assert any("`block step(skip) = ...`" in line for line in lines)


HOSTILE = "\x1b[31mred\x1b[0m \x07\x08 \u202eright-to-left \u2028 \x9b1m \ud800 \x00 \r\n ::error::x %0A"


def test_no_format_lets_control_characters_through():
    source = Source(f"{HOSTILE}.arch", f"x {HOSTILE} wrong")
    fault = Wrong(HOSTILE, HOSTILE, (HOSTILE,), HOSTILE)
    diagnostic = Diagnostic(fault, place(source, "wrong"), ((place(source, "x"), HOSTILE),))
    for shown in (messages.full([diagnostic]), messages.concise([diagnostic])):
        assert not [each for each in shown if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl"} and each != "\n"]
        assert "<U+001B>[31mred" in shown


def test_github_commands_cannot_be_forged():
    source = Source("a,b:c\n::warning::.arch", "x wrong")
    shown = messages.github([Diagnostic(Wrong(HOSTILE, notes=("50%",)), place(source, "wrong"))])
    assert shown.count("\n") == 1
    command, properties, data = re.fullmatch(r"::(\w+) (.*?)::(.*)\n", shown, re.DOTALL).groups()
    assert command == "error"
    assert len(properties.split(",")) == 6
    assert "%250A" in data
    assert "50%25" in data


def test_colours_change_nothing_but_the_colour():
    source = Source("a.arch", "add { left | right }")
    also = ((place(source, "left"), "one"), (place(source, "right"), "two"))
    found = [Diagnostic(Wrong(notes=("a note",), help="a help"), place(source, "add"), also)]
    coloured = messages.full(found, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == messages.full(found)


def test_json_has_every_part():
    source = Source("a.arch", "one\ntwo wrong")
    at = place(source, "wrong")
    fault = Wrong(notes=("a note",), help="a help")
    document = json.loads(
        messages.to_json([Diagnostic(fault, at, ((place(source, "one"), "there"),), Edit(at, "right"))])
    )
    assert document["version"] == 1
    (found,) = document["diagnostics"]
    assert found["code"] == "E9999"
    assert found["place"] == {
        "file": "a.arch",
        "start": {"line": 2, "column": 5, "offset": 8},
        "end": {"line": 2, "column": 10, "offset": 13},
    }
    assert found["also"][0]["label"] == "there"
    assert found["edit"]["text"] == "right"
    assert found["notes"] == ["a note"]


def test_every_fault_has_a_code_a_title_and_a_page():
    for code, fault in faults().items():
        assert re.fullmatch(r"[EW]\d{4}", code)
        assert fault.title == fault.title.strip().rstrip(".")
        assert len(fault.page()) > 20, code


# --- the terminal -----------------------------------------------------------------------------------------------------


@given(st.text(), st.integers(min_value=1, max_value=40))
def test_cut_and_padded_texts_have_their_width(text, width):
    shown = visible(text)
    assert cells(cut(shown, width)) <= width
    assert cells(padded(cut(shown, width), width)) == width


@given(st.text("a\t最é\u0301\x07", max_size=30))
def test_a_tab_leads_to_the_next_stop(text):
    shown = shown_characters(text)
    for index, character in enumerate(text):
        if character == "\t":
            assert cells("".join(shown[: index + 1])) % 4 == 0
            assert 1 <= len(shown[index]) <= 4


@given(st.text())
def test_visible_text_is_all_printable(text):
    assert all(unicodedata.category(each)[0] != "C" for each in visible(text))


@given(st.text(st.characters(codec="utf-8"), min_size=1), st.data())
def test_any_place_of_any_text_can_be_shown(text, data):
    source = Source("a.arch", text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    also = ((Place(source, Span(0, len(text))), "all"),)
    shown = messages.full([Diagnostic(Wrong(), Place(source, Span(start, end)), also)], width=60)
    assert "^" in shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10 k"), (1_814_073_344, "1.81 G"), (999_499, "999 k"), (999_501, "1 M")],
)
def test_short_numbers(value, shown):
    assert short_number(value) == shown


@given(st.integers(min_value=10_000, max_value=10**20))
def test_short_numbers_are_near(value):
    number, unit = short_number(value).split()
    assert float(number) * 1000 ** (" kMGTPE".index(unit)) == pytest.approx(value, rel=5.1e-3)
