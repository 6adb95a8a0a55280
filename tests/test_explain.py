"""The arithmetic with its numbers: every sum that is written must be right, on every network."""

import re
from fractions import Fraction
from math import ceil, floor
from textwrap import dedent

import pytest
from programme import zoo

import archdsl
from archdsl.cli import main
from archdsl.cli.commands.explain import said_about
from archdsl.ops import OPERATORS
from archdsl.report import manual
from archdsl.report.catalogue import faults
from archdsl.report.walk import Tour

RIGHT = re.compile(r"(?P<value>-?(?:\d[\d,./]*\d|\d))(?:\.\.)?(?: -> (?P<rounded>\d+))?")
WORDS = re.compile(r"\b(?:input )?positions|\bweights|^(?:sees +)?at most ")


def sums(text):
    """The sums of an explanation: left side, value, and what it is rounded to."""
    for line in re.sub(r"\n {6,}", " ", text).split("\n"):
        content = re.sub(r"^  [\w, ×]+?(?: {2,}|$)", "", line)
        for piece in re.split(r", |: |\(no|moves by |from ", content):
            left, equals, right = piece.partition(" = ")
            if equals:
                found = RIGHT.match(right)
                plain = re.sub(r"(?<=\d),(?=\d{3})", "", WORDS.sub("", left))
                yield plain, found["value"].replace(",", ""), found["rounded"]


def value(expression):
    """The value of a sum of whole numbers, exactly."""
    assert re.fullmatch(r"[\d\s()+*/-]+", expression), expression
    return Fraction(eval(re.sub(r"(\d+)", r"Fraction(\1)", expression), {"Fraction": Fraction}))


@pytest.mark.parametrize("name", zoo())
def test_every_sum_is_right(name):
    text = archdsl.load(name).explain()
    found = list(sums(text))
    assert len(found) >= text.count(" = ") > 1
    for left, shown, rounded in found:
        assert value(left) == Fraction(shown), f"{left} = {shown}"
        if rounded:
            assert abs(Fraction(shown) - int(rounded)) < 1


def at_sizes(formula, sizes):
    """The value of a formula over sizes that are left open, exactly."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", formula).replace("^", "**")
    assert re.sub(r"floor|ceil|[A-Z]\w*", "", text).strip("0123456789 ()+*/-") == "", formula
    return eval(text, {"floor": floor, "ceil": ceil, **{name: Fraction(size) for name, size in sizes.items()}})


@pytest.mark.parametrize("name", zoo())
def test_every_formula_is_right_and_says_something(name):
    net = archdsl.load(name).symbolic()
    found = 0
    for line in re.sub(r"\n {6,}", " ", net.explain()).split("\n"):
        word, content = re.fullmatch(r"(?:  ([\w, ×]+?)(?: {2,}|$))?(.*)", line).groups()
        for piece in re.split(r", |: |\(no|moves by |from ", content):
            left, equals, right = piece.partition(" = ")
            if equals:
                left, right = WORDS.sub("", left), re.sub(r" of each.*| numbers.*|.* -> ", "", right)
                assert left.replace(",", "").strip() != right.replace(",", "").strip()
                before, after = (at_sizes(side, net.open_sizes.example) for side in (left, right))
                assert abs(before - after) < 1, line
                assert before == after or word.startswith(("height", "width")), line
                found += 1
    assert found > 1


def test_what_is_seen_along_each_axis_is_told():
    assert "the last, repeat1.2, sees 1×7" in archdsl.parse("INPUT[32x32x4] -> conv1x3-4*3").explain()
    assert "the last, repeat1.2, sees 7\n" in archdsl.parse("INPUT[32x32x4] -> conv3-4*3").explain()
    joined = archdsl.parse("INPUT[32x32x4] -> concat { conv1x3-4 | conv1x5-4 | conv3x1-4 }").explain()
    assert "the most of its inputs: 1×3, 1×5, 3×1 -> 3×5" in joined


def test_the_sums_of_a_first_layer():
    text = archdsl.load("resnet18").explain("conv1")
    assert "(224 - 7 + 2*3)/2 + 1 = 112.5 -> 112" in text
    assert "64*(7*7*3) = 9,408" in text
    assert "112*112 positions * 9,408 weights = 118,013,952" in text
    assert "1 + (7 - 1)*1 = 7, moves by 1*2 = 2" in text


def test_a_bias_is_added_and_left_out_of_the_macs():
    text = archdsl.load("vgg16").explain("classifier.0")
    assert "4096*25088 + 4096 = 102,764,544" in text
    assert "102,760,448" in text


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "vgg16"])
def test_every_path_of_the_table_has_an_explanation(name):
    net = archdsl.load(name)
    for row in net.summary(0).rows:
        assert net.explain(row.path).startswith(f"{row.path}: ")


def test_a_block_shows_its_own_sums_and_what_is_in_it():
    text = archdsl.load("resnet50").explain("layer1")
    assert text.startswith("layer1: bottleneck ×3\n")
    assert "75,008 + 2*70,400 = 215,808" in text
    assert "\nlayer1.0.conv1: 1×1 conv, 64\n" in text


@pytest.mark.parametrize("columns", ["80", "60", "100"])
def test_explanations_fit_the_screen(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    text = "net n {\n input (3, H, W)\n conv3-8 -> maxpool2/2 -> to_sequence -> attention(2) -> fc-10\n}"
    for arguments in (["-e", text], ["resnet50"], ["vit_b_16", "encoder"]):
        assert main(["explain", *arguments]) == 0
        shown = capsys.readouterr().out
        assert max(map(len, shown.splitlines())) <= min(int(columns), 80)
    assert "\N{NO-BREAK SPACE}" not in shown


def test_equal_steps_are_explained_once():
    text = archdsl.load("vgg16").explain()
    assert text.count("3×3 conv, 512") < 8
    assert "also at" in text


def test_repetitions_differ_in_what_they_see_alone():
    net = archdsl.parse("INPUT[64x64x8] -> [conv3-8 -> relu]*5 as body")
    seen = [re.search(r"\d+ \+ \(3 - 1\)\*1 = (\d+)", net.explain(f"body.{2 * n}"))[1] for n in range(5)]
    assert seen == ["3", "5", "7", "9", "11"]


def test_the_last_of_a_long_repeat():
    net = archdsl.parse("INPUT[32x32x64] -> [[[conv3-64]*1000]*1000]*1000")
    path = "repeat1.999999999"
    assert f"= {2 * 10**9 + 1:,}, moves by 1" in net.explain(path)


@pytest.mark.parametrize(
    ("path", "message", "help_"),
    [
        ("layer5", "the network has no layer `layer5`", None),
        ("layr1", "the network has no layer `layr1`", "did you mean `layer1`?"),
        ("layer1.0.conf1", "`layer1.0` has no layer `conf1`", "did you mean `layer1.0.conv1`?"),
        ("layer1.2", "`layer1` has no layer `2`", None),
        ("conv1.weight", "`conv1` has no layer `weight`", None),
        ("", "the network has no layer ``", None),
        ("layer1." + "9" * 5000, "`layer1` has no layer `" + "9" * 39 + "…`", None),
    ],
)
def test_unknown_paths(path, message, help_):
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load("resnet18").explain(path)
    (found,) = caught.value.diagnostics
    assert found.code == "E0701"
    assert found.message == message
    assert found.fault.help == help_


def test_unknown_paths_say_what_is_there():
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load("resnet18").explain("layer1.7")
    assert caught.value.diagnostics[0].fault.notes == ("it has `0-1`",)


def test_a_path_stops_at_a_layer():
    assert Tour(archdsl.load("resnet18").module).find("conv1.0") is None


# --- manual pages -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operator", OPERATORS.classes, ids=lambda each: each.word)
def test_every_operator_has_a_page_with_an_example_that_compiles(operator):
    page = manual.operator_page(operator)
    assert "In PyTorch" in page
    assert all(len(line) <= 80 for line in page.split("\n"))
    example = page.partition("\nExample\n\n")[2].partition("\n\n")[0]
    net = archdsl.parse(dedent(example))
    step = next(step for step in net.module.steps if step.what.word == operator.word)
    assert f"{', '.join(map(str, step.input_types))} -> {step.outputs[0]}" in page


@pytest.mark.parametrize("operator", OPERATORS.classes, ids=lambda each: each.word)
def test_the_page_of_an_operator_says_which_tensors_it_takes_besides(operator):
    page = manual.operator_page(operator)
    assert ("\nTensors\n" in page) == bool(operator.operands)
    for each in operator.operands:
        assert re.search(rf"^  {each.name} .*{each.doc.split()[0]}", page, re.MULTILINE)


@pytest.mark.parametrize("word", [each.word for each in OPERATORS.classes])
def test_an_operator_is_written_as_it_is_read(word):
    step = manual.sample(OPERATORS[word])
    if not OPERATORS[word].variadic:
        assert (
            archdsl.parse(manual.example(step)).module.steps[-1].what.arguments().items()
            >= {name: value for name, value in step.what.arguments().items() if name != "bias"}.items()
        )


@pytest.mark.parametrize("code", faults())
def test_every_diagnostic_has_a_page_and_its_example_gives_it(code):
    fault = faults()[code]
    page = manual.fault_page(fault, lambda text: said_about(text, code))
    assert page.startswith(f"{code}: {fault.title}\n")
    if fault.example:
        assert f"[{code}]: " in page


def test_the_list_of_operators_has_all_of_them():
    shown = manual.operator_list(OPERATORS)
    for word in OPERATORS:
        assert re.search(rf"\b{word}\b", shown)
    assert all(len(line) <= 80 for line in shown.split("\n"))
