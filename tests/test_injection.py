"""Hostile names and texts stay text: what the programme of injection found, at its smallest, and a slice of it."""

from __future__ import annotations

import ast
import xml.etree.ElementTree as ET
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from laws.commanded import hold_commands
from laws.emulated import hold_screen, seen
from laws.injected import hold_injected, hold_whole

import archdsl
from archdsl import ArchError
from archdsl.base.text import Source
from archdsl.comparing import scatter_of
from archdsl.compiler import compile_source
from archdsl.graph.reserved import is_reserved_variable
from archdsl.report.terminal import visible

PACKAGE = Path(archdsl.__file__).parent


# --- the emulator itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "printed",
    [
        "a\x1b]0;title\x07",
        "a\x1b[2J",
        "a\x1b[5;31mb",
        "a\x07",
        "a\x9b5A",
        "a\tb",
        "a\x08b",
        "\x1b(0a",
        "a\x1b]52;c;eA==\x07",
    ],
    ids=ascii,
)
def test_the_emulator_sees_what_a_terminal_does(printed: str) -> None:
    found: list[str] = []
    with suppress(AssertionError):
        found = seen(printed)
    assert found != [printed]


@pytest.mark.parametrize("plain", ["a\u3164b", "a\u115fb", "a\ufe0fb", "a\u200bb"], ids=ascii)
def test_a_letter_that_a_terminal_does_not_show_is_written_out(plain: str) -> None:
    assert visible(plain) == f"a<U+{ord(plain[1]):04X}>b"
    hold_screen(visible(plain))


# --- what was found ---------------------------------------------------------------------------------------------------

OPEN = "net n {\n  input x: (3, H, W)\n  conv3-4 -> relu\n}\n"


def test_networks_whose_open_sizes_have_other_names_are_compared() -> None:
    one, other = archdsl.parse(OPEN), archdsl.parse(OPEN.replace("H", "R").replace("W", "Q"))
    assert one.diff(other)
    assert "H" in str(one.diff(other))
    assert str(one.draw(since=other))
    assert one.module.inputs != other.module.inputs
    assert not one.diff(archdsl.parse(OPEN))


NAMED = {
    "parameter": "block b(@) = conv3-@ -> relu\nINPUT[8x8x3] -> b(4) -> b(8)\n",
    "input": "net n {\n input @: 8x8x3\n @ -> conv3-4 -> relu\n}\n",
    "tensor": "net n {\n input 8x8x3\n @ = conv3-4\n y = @ -> relu\n add { @ | y }\n}\n",
}


@pytest.mark.parametrize("name", ["Tensor", "list", "pairwise", "OrderedDict"])
@pytest.mark.parametrize("where", NAMED)
def test_a_name_that_the_code_needs_is_refused(where: str, name: str) -> None:
    with pytest.raises(ArchError) as raised:
        archdsl.parse(NAMED[where].replace("@", name))
    assert raised.value.diagnostics[0].code == "E0211"
    assert is_reserved_variable(name)


def test_a_plot_with_a_control_character_in_a_name_is_xml() -> None:
    net = compile_source(Source("a\x07<b>.arch", "INPUT[8x8x3] -> conv3-4"))
    titles = [
        each.text for each in ET.fromstring(scatter_of(archdsl.compare([net]))).iter() if each.tag.endswith("title")
    ]
    assert titles[1] == "a\N{REPLACEMENT CHARACTER}<b>: 112 parameters, 6,912 MACs"


def test_a_comment_with_control_characters_in_a_notebook() -> None:
    html = archdsl.parse("## a\x1b[2J\x7f<b>\nnet n {\n input 8x8x3\n relu\n}").summary().html()
    assert "<p>a\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}&lt;b&gt;</p>" in html


def test_what_python_prints_of_networks_and_errors() -> None:
    assert repr(archdsl.parse("INPUT[8x8x3] -> relu", name="a\x1b[2J\n")).startswith("<Network a<U+001B>[2J<U+000A>: ")
    with pytest.raises(ArchError) as raised:
        archdsl.load("no\x1b[2Jsuch.arch")
    hold_screen(str(raised.value))


# --- types ------------------------------------------------------------------------------------------------------------


def test_few_places_say_that_text_is_escaped() -> None:
    """`tests/forgotten.py` has what the type checker refuses; this is what it takes on trust."""
    calls = Counter(
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "trusted"
    )
    assert calls == {
        "base/escaped.py": 5,
        "cli/__init__.py": 1,
        "draw/graphviz.py": 4,
        "draw/mermaid.py": 4,
        "page/data.py": 1,
        "page/document.py": 3,
        "report/messages.py": 1,
    }


# --- a slice of the programme -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(4))
def test_hostile_texts_stay_text_in_every_sink(part: int) -> None:
    pairs = sum(hold_injected(seed).total() for seed in range(part * 40, (part + 1) * 40))
    assert pairs > 200


@pytest.mark.parametrize("part", range(4))
def test_texts_in_which_everything_is_hostile_stay_text(part: int) -> None:
    pairs = sum(hold_whole(seed).total() for seed in range(part * 8, (part + 1) * 8))
    assert pairs > 400


@pytest.mark.parametrize("part", range(2))
def test_commands_with_hostile_names_only_print(part: int) -> None:
    pairs = sum(hold_commands(seed).total() for seed in range(part * 8, (part + 1) * 8))
    assert pairs > 60
