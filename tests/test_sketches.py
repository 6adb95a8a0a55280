"""A text that is wrong still draws: what is right as always, what is wrong red with its message, the rest dashed."""

import random
import re

import pytest

import archdsl
from archdsl.base.resources import folder
from archdsl.cli import main
from archdsl.draw.dot import dot
from archdsl.draw.look import Look
from archdsl.draw.mermaid import mermaid
from archdsl.draw.model import Kind
from archdsl.draw.picture import picture
from archdsl.graph.blanks import Blank
from archdsl.graph.marks import Mark


def drawn(text, detail=None, **settings):
    found = archdsl.sketch(text=text, **settings)
    return picture(found.module, Look.of(detail=detail), errors=len(found.errors))


def told(made):
    """The boxes of a picture in their order: right ones as they are, `!` before what is wrong, `?` before what depends
    on it."""
    signs = {Mark.WRONG: "!", Mark.UNKNOWN: "?", None: ""}
    return [signs[node.mark] + node.label for node in made.nodes if node.kind not in {Kind.DOT, Kind.SIGN}]


def connected(made):
    """Whether every node is joined to every other, however far."""
    into = {node.id: node.id for node in made.nodes}

    def root(name):
        while into[name] != name:
            name = into[name]
        return name

    for edge in made.edges:
        into[root(edge.source)] = root(edge.target)
    return len({root(node.id) for node in made.nodes}) == 1


def messages(made):
    return [node.note.replace("\n", " ") for node in made.nodes if node.mark is Mark.WRONG]


# --- steps that are wrong ---------------------------------------------------------------------------------------------


def test_a_step_that_is_wrong_and_what_depends_on_it():
    made = drawn("INPUT[32x32x3] -> conv3-16 -> convv3-32 -> pool2 -> fc-10")
    assert told(made) == ["input", "3×3 conv, 16", "!convv3-32", "?pool2", "?fc-10", "?output"]
    assert messages(made) == ["`convv3` is no operator, block or tensor"]
    assert made.caption == "input 3×32×32 · 1 error"
    dashed = [edge.unknown for edge in made.edges]
    assert dashed == [False, False, True, True, True]


def test_what_could_not_be_worked_out_is_dashed_in_mermaid_too():
    made = drawn("INPUT[32x32x3] -> conv3-16 -> convv3-32 -> pool2 -> fc-10")
    links = re.findall(r"^ *n\d+ (-\S+)", mermaid(made), re.MULTILINE)
    assert [link.startswith("-.-") for link in links] == [edge.unknown for edge in made.edges]


@pytest.mark.parametrize("length", [38, 39, 40, 41, 42, 80])
def test_up_to_forty_letters_of_an_element_stand_in_its_box(length):
    word = "w" * length
    (box,) = [each for each in told(drawn(f"INPUT[8x8x3] -> {word} -> relu")) if each.startswith("!")]
    assert box == f"!{word if length <= 40 else word[:39] + '…'}"


def test_branches_that_do_not_meet():
    made = drawn("INPUT[32x32x3] -> concat { conv3-16 | conv3-32/2 } -> gap -> fc-10")
    assert told(made) == ["input", "3×3 conv, 16", "3×3 conv, 32, /2", "!concat", "?gap", "?fc-10", "?output"]
    assert messages(made) == ["cannot concatenate 32x32x16 and 16x16x32"]
    assert len([edge for edge in made.edges if edge.target == made.nodes[4].id]) == 2


def test_a_shortcut_that_does_not_fit():
    made = drawn("INPUT[32x32x3] -> conv3-16 -> residual { flatten -> fc-10 } -> relu")
    assert "!residual" in told(made)
    assert messages(made) == ["no projection takes 32x32x16 to 10"]


def test_branches_behind_a_step_that_is_wrong():
    made = drawn("INPUT[32x32x3] -> conv3-16 -> residual { conv3-16 -> conv3-16(groups=3) -> bn } -> relu")
    assert told(made) == [
        "input",
        "3×3 conv, 16",
        "3×3 conv, 16",
        "!conv3-16(groups=3)",
        "?bn",
        "?+",
        "?relu",
        "?output",
    ]


def test_a_shape_that_is_stated_and_is_another():
    made = drawn("INPUT[32x32x3] -> conv3-16 : 32x32x32 -> gap -> fc-10")
    assert told(made) == ["input", "3×3 conv, 16", "!: 32x32x32", "global avg pool", "linear, 10", "output"]
    assert messages(made) == ["the text says 32x32x32, and 32x32x16 comes out"]


def test_a_shape_that_is_stated_of_the_first_of_several_tensors():
    made = drawn("net n {\n input 8\n a, b = split(2) : 2\n concat { a -> relu | b }\n}")
    assert told(made) == ["input", "split, 2", "!: 2", "ReLU", "concat", "output"]
    assert messages(made) == ["the text says 2, and 4 comes out"]


def test_several_errors_and_one_behind_another():
    made = drawn("INPUT[32x32x3] -> nope -> conv3-16 -> fc-many")
    assert told(made) == ["input", "!nope", "?conv3-16", "!fc-many", "?output"]


def test_an_input_that_is_wrong():
    made = drawn("net n {\n input 0x32x3\n conv3-16 -> gap\n}")
    assert told(made) == ["!input 0x32x3", "?conv3-16", "?gap", "?output"]


def test_names_for_more_than_comes_out():
    made = drawn("net n {\n input 8x8x3\n a, b = conv3-16\n add { a -> conv3-16 | b -> conv3-16 }\n}")
    assert told(made)[:3] == ["input", "3×3 conv, 16", "!a, b"]
    assert told(made)[-1] == "output"


CONNECTED = """
block b(c, g=4) = conv3-c(groups=g)
net n {
  input 9x9x6
"""


@pytest.mark.parametrize(
    ("chain", "boxes"),
    [
        # each call has its own fault, and one that is right is right
        (
            "b(4, 1) : 9x9x4 -> b(8, 1) : 9x9x4 -> b(4, 1) : 9x9x4",
            ["3×3 conv, 4", "3×3 conv, 8", "!: 9x9x4", "3×3 conv, 4"],
        ),
        (
            "add { conv3-5 -> b(4) | conv3-7 -> b(4) }",
            ["3×3 conv, 5", "!conv3-c(groups=g)", "3×3 conv, 7", "!conv3-c(groups=g)", "?+"],
        ),
        ("[conv3-6(groups=4) -> relu]*3", ["!conv3-6(groups=4)", "?relu", "?conv3-6(groups=4)", "?relu"]),
        # counts, labels and switches
        ("conv3-4 -> [conv3-4 -> bn]*k -> gap", ["3×3 conv, 4", "![conv3-4 -> bn]", "?gap"]),
        ("conv3-4 -> [conv3-4 -> bn] as forward -> gap", ["3×3 conv, 4", "![conv3-4 -> bn]", "?gap"]),
        ("conv3-4 -> [conv3-8]? -> gap", ["3×3 conv, 4", "3×3 conv, 8", "![conv3-8]", "global avg pool"]),
        ("[conv3-c for c in nope] -> gap", ["![conv3-c for c in nope]", "?gap"]),
        (
            "conv3-4 -> residual(drop=2) { conv3-4 -> bn } -> gap",
            ["3×3 conv, 4", "!residual(drop=2) { conv3-4 -> bn }", "?gap"],
        ),
        # values that are wrong, said where they are needed first
        ("let c = nope\n conv3-4 -> conv3-c -> gap", ["3×3 conv, 4", "!conv3-c", "?gap"]),
        ("conv3-4 -> conv3-unset -> gap", ["3×3 conv, 4", "!conv3-unset", "?gap"]),
    ],
)
def test_each_element_says_its_own(chain, boxes):
    made = drawn(f"{CONNECTED} {chain}\n}}")
    assert told(made)[1:-1] == boxes
    assert connected(made)


def test_what_a_wrong_word_is_given_besides_leads_to_it():
    made = drawn("net n {\n input x: 9x9x6\n y = x -> conv3-4\n x -> conv3-4 -> nope(y) -> gap\n}")
    assert told(made)[-3:] == ["!nope(y)", "?gap", "?output"]
    assert connected(made)


def test_what_follows_a_wrong_shape_is_right():
    right = picture(archdsl.parse("INPUT[9x9x3] -> conv3-4 -> conv3-5").module)
    made = drawn("INPUT[9x9x3] -> conv3-4 : 9x9x9 -> conv3-5")
    facts = made.nodes[-2].facts[0]
    assert facts.known == right.nodes[-2].facts[0].known
    assert "5×5" in "\n".join(facts.lines())


def test_a_part_of_a_text_that_is_wrong():
    found = archdsl.sketch(text="INPUT[9x9x3] -> conv3-4 -> nope -> gap")
    made = picture(found.module, Look.of(focus="conv1"), errors=1)
    assert made.caption == "input 3×9×9 · 1 error"


# --- blocks -----------------------------------------------------------------------------------------------------------

BLOCKS = """
block fine(c) = residual { conv3-c -> bn }
block wrong(c) = conv3-c -> poool2
net n { input 32x32x3
  conv3-16 -> fine(16)*3 -> wrong(16) -> fine(16)*2 -> gap }
"""


@pytest.mark.parametrize("detail", [None, "stage", "block", "layer", "op"])
def test_the_block_with_the_error_is_open(detail):
    made = drawn(BLOCKS, detail)
    boxes = told(made)
    assert boxes[boxes.index("!poool2") - 1].startswith("3×3 conv, 16")
    assert boxes[-3:] == ["?fine(16)", "?gap", "?output"]
    assert next(node for node in made.nodes if node.label == "fine(16)").count == 2
    assert "wrong" in [cluster.title for cluster in made.clusters]


def test_a_deeper_block_that_stays_closed_says_what_is_wrong_in_it():
    text = """
    block a = conv1-4 -> nope
    block b = conv1-4 -> a -> conv1-4
    block c = conv1-4 -> b -> conv1-4
    net n { input 4x4x4
      c }
    """
    made = drawn(text)
    assert told(made) == ["input", "1×1 conv, 4", "1×1 conv, 4", "!a", "?conv1-4", "?conv1-4", "?output"]
    assert messages(made) == ["`nope` is no operator, block or tensor"]


def test_a_block_that_uses_itself():
    made = drawn("block r(c) = conv3-c -> r(c)\nnet n { input 8x8x3\n r(4) -> gap }")
    assert "!r(c)" in told(made)


def test_a_requirement_that_does_not_hold_changes_nothing_that_is_drawn():
    made = drawn("net n {\n input 8x8x3\n conv3-16 -> gap\n require params < 10\n}")
    assert told(made) == ["input", "3×3 conv, 16", "global avg pool", "output"]
    assert made.caption == "input 3×8×8 · 1 error"


# --- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "boxes"),
    [
        ("conv3-16 -> conv3 32 -> bn -> relu", ["3×3 conv, 16", "!conv3 32", "?bn", "?relu"]),
        ("conv3-16 -> pool2 -> -> fc-10", ["3×3 conv, 16", "2×2 max pool, /2", "!-> fc-10"]),
        ("conv3-16 ->", ["3×3 conv, 16"]),
        ("add { conv3-4 -> | conv1-4 } -> gap", ["3×3 conv, 4", "1×1 conv, 4", "+", "global avg pool"]),
        ("add { conv3-4 | conv1-4 -> } -> gap", ["3×3 conv, 4", "1×1 conv, 4", "+", "global avg pool"]),
        ("[conv3-4 -> ] -> gap", ["3×3 conv, 4", "global avg pool"]),
        ("conv3-16 -> dropout(0.5 -> fc-10", ["3×3 conv, 16", "linear, 10"]),
        ("conv3-16 -> pool2) -> fc-10", ["3×3 conv, 16", "2×2 max pool, /2", "linear, 10"]),
        ("x = conv3- -> relu\n x -> fc-10", ["!conv3-", "?relu", "?fc-10"]),
        ("conv3 4 # a -> b", ["!conv3 4"]),
        ("conv3 16 -> bn -> conv3 32 -> bn", ["!conv3 16", "?bn", "!conv3 32", "?bn"]),
        ("conv3-4 -> [conv3-16 -> bn x] -> gap", ["3×3 conv, 4", "3×3 conv, 16", "!bn x", "?gap"]),
        ("conv3-4 -> ... -> conv3 32 -> gap", ["3×3 conv, 4", "?...", "!conv3 32", "?gap"]),
        ('upsample(mode="a->b" -> relu', ['!upsample(mode="a->b")', "?relu"]),
    ],
)
def test_an_element_that_cannot_be_read(line, boxes):
    made = drawn(f"net n {{\n input 32x32x3\n {line}\n}}")
    assert told(made)[1:-1] == boxes
    assert "1 error" in made.caption


def test_what_cannot_be_read_is_not_drawn_where_it_is_left_out():
    made = drawn("INPUT[4x4x3] -> relu -> [= conv3-8]*0")
    assert told(made) == ["input", "ReLU", "output"]


def test_a_block_that_is_not_closed():
    made = drawn("block b(c) {\n conv3-c -> bn  # so\nnet n {\n input 32x32x3\n b(8) -> relu\n}")
    assert told(made) == ["input", "3×3 conv, 8", "output"]
    assert made.caption == "input 3×32×32 · 1 error"


@pytest.mark.parametrize("line", ['upsample(mode="nearest)', 'upsample(mode="nearest'])
def test_a_string_that_is_not_closed(line):
    made = drawn(f"net n {{\n input 32x32x3\n conv3-4\n {line}\n gap\n}}")
    assert told(made)[:2] == ["input", "3×3 conv, 4"]
    assert told(made)[-1].endswith("output")
    assert "error" in made.caption


def test_a_network_that_is_not_closed():
    made = drawn("net n {\n input 32x32x3\n conv3-16 -> relu  # the end\n")
    assert told(made) == ["input", "3×3 conv, 16", "output"]


# --- through the doors ------------------------------------------------------------------------------------------------


def test_the_command_shows_the_errors_and_draws(tmp_path, capsys):
    text = tmp_path / "broken.arch"
    text.write_text("net broken {\n input 8x8x3\n conv3-4 -> pol2 -> fc-10\n}\n")
    assert main(["draw", str(text), "-o", str(tmp_path / "x.dot"), "-o", str(tmp_path / "x.mmd")]) == 1
    said = capsys.readouterr()
    assert "error[E0201]: `pol2` is no operator" in said.err
    assert said.out == f"wrote {tmp_path / 'x.dot'}\nwrote {tmp_path / 'x.mmd'}\n"
    assert 'fillcolor="#FBDAD7" color="#B2182B"' in (tmp_path / "x.dot").read_text()
    assert "stroke-dasharray" in (tmp_path / "x.mmd").read_text()


def test_a_broken_network_stands_beside_one_that_is_right(tmp_path, capsys):
    text = tmp_path / "broken.arch"
    text.write_text("INPUT[8x8x3] -> conv3-4 -> nope")
    assert main(["draw", "lenet5", str(text), "-o", str(tmp_path / "x.dot")]) == 1
    assert "is no operator" in (tmp_path / "x.dot").read_text()
    assert "E0201" in capsys.readouterr().err


@pytest.mark.parametrize("output", [["-o", "x.html"], ["--style", "volumes", "-o", "x.svg"]])
def test_a_page_and_volumes_want_a_text_that_is_right(output, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", "-e", "INPUT[8x8x3] -> nope", *output]) == 1
    assert "E0201" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "block b = conv3-4", "net a { input 4x4x3\n gap }\nnet b { input 4x4x3\n gap }"])
def test_where_there_is_nothing_to_draw_the_errors_come_out(text):
    with pytest.raises(archdsl.ArchError):
        archdsl.sketch(text=text)


def test_a_text_that_is_right_is_drawn_as_always():
    found = archdsl.sketch("lenet5")
    assert not found.errors
    assert found.draw() == archdsl.load("lenet5").draw()


def test_settings_are_those_of_load():
    found = archdsl.sketch("resnet18", input=(3, 64, 64), classes=7)
    assert found.module.output_types[0].shape == (7,)


def test_a_limit_that_is_passed_is_no_sketch():
    with pytest.raises(archdsl.ArchError) as raised:
        archdsl.sketch(text="INPUT[4x4x3] -> [conv1-c for c in [1, 2, 3]]", limits=archdsl.Limits(steps=2))
    assert raised.value.is_limit


# --- whatever the text ------------------------------------------------------------------------------------------------

WORDS = (
    "->",
    "conv3-",
    "pool2",
    "{",
    "}",
    "|",
    "(",
    ")",
    "*3",
    "fc-x",
    "...",
    " : 3x3x3",
    "add",
    "residual",
    "[",
    "]",
    "0",
)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(each, marks=pytest.mark.long) for each in range(3, 40))])
def test_nothing_but_an_error_or_a_picture_comes_out(seed):
    random.seed(seed)
    drawn_at_all = 0
    for _ in range(25):
        path = random.choice(sorted(folder("specs").glob("*.arch")))
        parts = re.split(r"(\s+|->|[{}()|*,:])", path.read_text())
        for _ in range(random.choice((1, 1, 2, 3))):
            at = random.randrange(len(parts))
            parts[at] = random.choice(("", *WORDS, re.sub(r"\d+", lambda _: str(random.choice((0, 3, 64))), parts[at])))
        try:
            found = archdsl.sketch(path.stem, text="".join(parts))
        except archdsl.ArchError:
            continue
        made = picture(found.module, errors=len(found.errors))
        drawn_at_all += bool(found.errors)
        assert dot(made).startswith("digraph")
        assert mermaid(made).startswith("---")
        if any(isinstance(step.what, Blank) and step.what.fault for step in found.module.steps):
            assert any(node.mark is Mark.WRONG for node in made.nodes)
    assert drawn_at_all


def test_what_is_asked_for_wrongly_is_no_sketch():
    with pytest.raises(archdsl.ArchError, match="no hyper-parameter `clases`"):
        archdsl.sketch("resnet18", clases=10)


def test_a_sketch_keeps_to_the_limits():
    chain = " -> ".join(["conv3-4"] * 300)
    with pytest.raises(archdsl.ArchError, match="nope"):
        archdsl.sketch(text=f"INPUT[9x9x3] -> nope -> {chain}", limits=archdsl.Limits(steps=200))
