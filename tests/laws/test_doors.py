"""A slice of the programme of the doors: random programs through every public door."""

from __future__ import annotations

import pytest
from laws.doors import escapes
from laws.writer import program

import archdsl
from archdsl import ArchError

# a part of the seeds has a page, which starts Graphviz, and goes through the command line
_SEEDS = range(40_001, 40_007)


@pytest.mark.parametrize("seed", _SEEDS)
def test_nothing_escapes_at_the_doors_of_random_programs(seed: int) -> None:
    found, tried, refused = escapes(seed, with_pages=seed == _SEEDS[0], with_commands=seed % 5 == 0)
    assert found == [], program(seed).text
    assert tried > 100
    assert refused < tried / 4


# what was found by the programme, or by hand, at its smallest
SMALL = {
    "a group that is left out": "INPUT[8x8x4] -> [conv3-4 if 0] as q -> relu -> tanh",
    "a second tensor that goes on beside the first": "net n {\n input source: tokens(6)\n input target: tokens(6)\n"
    " memory, h = embedding-8(9) -> gru-8(states=true)\n begun = target -> embedding-8(9) -> gru-8(h)\n"
    " answer = memory -> identity\n}",
    "a repeat of nothing": "INPUT[8x8x4] -> [conv3-4]*0 as q -> relu",
    "a block of nothing, deep inside": "block unit(nrm) {}\n"
    'block piece(c) = residual(project=false) { resize(mode="linear") { conv3-12 | } } -> [unit(none)] as body\n'
    "net n(c=6) {\n input 7x4x8\n residual { [dwconv3] } -> bn\n [piece(c)*3] as stem\n piece(2)\n}",
    "equal branches in a row": "INPUT[8x8x4] -> add { conv1-4 -> conv1-64 | conv1-4 -> conv1-64 }",
    "equal branches of a block": "block b = conv3-8 -> relu -> conv3-4 -> add { | relu }\n"
    "net n = INPUT[8x8x4] -> add { b -> conv1-64 | b -> conv1-64 }",
    "branches of one split": "net n {\n input 5x3x3\n a, b, c = deconv3-3 -> split(3)\n a -> concat { | b }\n concat { | c }\n}",
}


@pytest.mark.parametrize("name", SMALL)
def test_nothing_escapes_at_the_doors_of_a_small_program(name: str) -> None:
    from laws import doors

    net = archdsl.parse(SMALL[name])
    for _, door in (*doors.pictures(net), *doors.reports(net), *doors.pages(net)):
        door()


WRONG = (
    "crop { relu | }",
    "crop { | }",
    "INPUT[8x8x4] -> nosuch -> resize { relu }",
    "net n {\n input source: tokens(1)\n input target: tokens(2)\n share words = (1\n h = source -> words\n target -> words -> rnn-1(h)\n}",
    "t = nosuch\nt -> fc-(t.channels)",
    "net n {\n input 8x8x4\n t = nosuch -> relu\n let a = t.rank\n conv3-a\n}",
    "input source: tokens(1\ninput target: tokens(2\nshare words =(1\nh = source -> words\ntarget -> words -> rnn-1(h",
)


@pytest.mark.parametrize("text", WRONG)
def test_a_sketch_of_a_small_text_is_drawn(text: str) -> None:
    try:
        found = archdsl.sketch(text=text)
    except ArchError:
        return
    for detail in (None, "stage", "op"):
        assert str(found.draw(detail=detail))


VALUES = ["2", "2.5", "true", '"s"', "[1, 2]", "[[1, 2], [3]]", "[]", '["a"]', "[none]", "[true]", "none"]
VALUES += ["b", "relu", "gelu(1)", "in", "s", "t", "f", "zz"]


@pytest.mark.parametrize("function", ["abs", "ceil", "floor", "len", "max", "min", "range", "round", "sum"])
def test_a_function_takes_or_refuses_every_kind_of_value(function: str) -> None:
    for value in VALUES:
        for given in ("", value, f"{value}, {value}", f"3, {value}", ", ".join([value] * 4)):
            text = (
                "block b(c) = conv3-c\nlet f(x) = x + 1\nnet n {\n input 8x8x4\n share s = conv3-4\n t = s\n"
                f" conv3-({function}({given}))\n}}"
            )
            try:
                archdsl.parse(text)
            except ArchError:
                continue


def test_one_number_is_the_largest_and_the_smallest_of_itself() -> None:
    assert archdsl.parse("INPUT[8x8x4] -> conv3-(max(5) + min(2) + sum(1))").outputs["y"].channels == 8


@pytest.mark.parametrize("letter", ["\ufeff", "\u200b", "\u00ad", "\x07", "\x7f", "\x1b"])
def test_a_comment_that_cannot_be_seen_is_no_docstring(letter: str) -> None:
    text = f"## {letter}\nblock b = conv3-4\n## {letter}{letter}\nnet n {{\n input 8x8x4\n b -> b\n}}"
    code = archdsl.parse(text).source()
    compile(code, "n.py", "exec")
    assert letter not in code


@pytest.mark.parametrize("where", ["# {}", "## {}", 'let a = "{}"', "block b = relu as {}"])
def test_half_of_a_surrogate_pair_is_refused_at_its_place(where: str) -> None:
    with pytest.raises(ArchError) as raised:
        archdsl.parse(f"{where.format('é' + chr(0xD800))}\nINPUT[8x8x4] -> relu")
    (found,) = raised.value.diagnostics
    assert found.code == "E0107"
    assert "half of a surrogate pair U+D800" in found.message
    assert found.place is not None
    assert found.place.text == "\ud800"
