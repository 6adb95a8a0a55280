"""The public door: networks that do not change and are compared as values, and what is drawn of them as a value."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from laws.generators import PROGRAMS, Writing, text
from programme import examples
from work import counted

import archdsl
from archdsl import Module, Network, TensorType
from archdsl.cli.commands import diff as diff_command
from archdsl.cli.commands import draw as draw_command
from archdsl.draw.look import OF_PAGE, OF_PICTURE, OF_SKETCH, OF_VOLUMES, Look
from archdsl.draw.mermaid import mermaid
from archdsl.draw.model import Detail, Direction
from archdsl.draw.picture import picture
from archdsl.draw.render import CannotRender
from archdsl.elaborate.library import zoo_names
from archdsl.facts.table import FACTS, colours
from archdsl.graph.build import Builder
from archdsl.ops import OPERATORS
from archdsl.ops.activation import LeakyRelu, Relu
from archdsl.ops.conv import Conv
from archdsl.passes.catalogue import PASSES

TEXT = "block b(c) = conv3-c -> relu\nnet n(classes=2) { input 8x8x3\n b(4) -> b(8) -> fc-classes }"
NET = archdsl.parse(TEXT, name="n")


def same(one: Network, other: Network) -> bool:
    """Whether two networks are equal, which has to go both ways, with their hashes and without a difference."""
    equal = one == other
    assert (other == one) is equal
    assert (one != other) is not equal
    if equal:
        assert hash(one) == hash(other)
        assert not one.diff(other)
        assert not other.diff(one)
    return equal


# --- equality ---------------------------------------------------------------------------------------------------------


def test_the_zoo_is_equal_to_itself_and_each_of_it_to_no_other() -> None:
    once, again = ([archdsl.load(name) for name in zoo_names()] for _ in range(2))
    assert all(map(same, once, again))
    assert len({*once, *again}) == len(once)


@pytest.mark.parametrize("form", PROGRAMS)
@examples(30, 3_000)
@given(st.data())
def test_a_network_is_equal_however_it_is_written_and_copied(form: str, data: st.DataObject) -> None:
    program = data.draw(PROGRAMS[form]())
    plain = text(program)
    note(plain)
    net = archdsl.parse(plain)
    assert same(net, archdsl.parse(plain))
    assert same(net, archdsl.parse(text(program, Writing(comments=True, line="\r\n"))))
    assert same(net, pickle.loads(pickle.dumps(net)))
    assert same(net, copy.deepcopy(net))
    assert net != plain
    same(net, archdsl.parse(text(program, Writing(unrolled=True))))


STEPS = ("conv3-8", "conv3-16", "conv1-8", "relu", "bn", "pool3/1(p=1)", "dropout", "[conv3-8 -> relu]*2", "basic(8)")
CHANGES = {
    "another width": lambda steps, at: [*steps[:at], "conv5-24", *steps[at:]],
    "another window": lambda steps, at: [*steps[:at], "conv7-40", *steps[at:]],
    "another count": lambda steps, at: [*steps[:at], "[conv5-40]*3 as row", *steps[at:]],
    "a padding": lambda steps, at: [*steps[:at], "conv5-40(p=3)", *steps[at:]],
    "another name": lambda steps, at: [*steps[:at], "conv5-40 as other", *steps[at:]],
    "nothing": lambda steps, at: steps,
}


@examples(60, 5_000)
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=9), st.sampled_from(sorted(CHANGES)), st.data())
def test_what_is_changed_is_another_network(steps: list[str], change: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(steps)))

    def made(steps: list[str]) -> Network:
        return archdsl.parse(
            f"use resnet (basic)\nnet n {{ input 32x32x3\n {' -> '.join(steps)} -> gap -> fc-10 as fc }}"
        )

    net = made([*steps[:at], "conv5-40", *steps[at:]])
    assert not same(net, made(CHANGES[change](steps, at)))
    assert same(net, made([*steps[:at], "conv5-(4*10)", *steps[at:]]))


@pytest.mark.parametrize(
    "name", ["head(7)", "widen(2)", "fold-norm", "init(kaiming)", "truncate(b1)", "input-channels(5)"]
)
def test_a_pass_makes_another_network_and_the_same_one_again(name: str) -> None:
    net = archdsl.parse("block b = conv3-4 -> bn -> relu\nnet n { input 8x8x3\n b -> b -> fc-2 }")
    assert not same(net, net.apply(name))
    assert same(net.apply(name), net.apply(name))
    assert same(net, net.apply())


OTHERS: dict[str, str] = {
    "a comment": f"# by nobody\n{TEXT}",
    "names of parameters": TEXT.replace("(c)", "(wide)").replace("-c ", "-wide "),
    "an argument that nothing uses": TEXT.replace("(c)", "(c, d=1)").replace("b(8)", "b(8, d=2)"),
    "a default": TEXT.replace("classes=2", "classes=1 + 1"),
    "names of tensors": TEXT.replace(" b(4) -> b(8)", " t = b(4)\n t -> b(8)"),
}
DIFFERENT: dict[str, tuple[str, str]] = {
    "the name of a network": (TEXT, TEXT.replace("net n", "net m")),
    "the name of a block": (
        TEXT,
        TEXT.replace("block b", "block d").replace("b(4) -> b(8)", "d(4) as b1 -> d(8) as b2"),
    ),
    "a number with a fraction": (TEXT.replace("b(8)", "leaky_relu(1)"), TEXT.replace("b(8)", "leaky_relu(1.0)")),
    "a repeat that is written out": (
        TEXT.replace("b(8)", "[conv3-4 -> conv5-4 -> conv3-4 -> conv5-4] as row"),
        TEXT.replace("b(8)", "[[conv3-4 -> conv5-4]*2] as row"),
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_does_not_count(name: str) -> None:
    assert same(NET, archdsl.parse(OTHERS[name], name="n"))


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_counts_although_diff_tells_nothing_of_it(name: str) -> None:
    old, new = map(archdsl.parse, DIFFERENT[name])
    assert not old.diff(new)
    assert not same(old, new)


def row(*operators: Any) -> Network:
    net = Builder("row")
    x = net.add_input(TensorType.image(4, 8, 8), "x")
    for each in operators:
        x = net.apply(each, x)
    return Network(net.finish((x,), is_network=True))


@pytest.mark.parametrize("values", [(1, 1.0), (0, 0.0), (0.0, -0.0), (1.0, 1.0000000000000002), (2**53, 2**53 + 1)])
def test_numbers_that_python_calls_equal_are_told_apart(values: tuple[float, float]) -> None:
    one, other = (row(LeakyRelu(value)) for value in values)
    assert not same(one, other)
    assert same(one, row(LeakyRelu(values[0])))
    assert row(LeakyRelu(float("nan"))) == row(LeakyRelu(float("nan")))


GROUPS = "net x {\ninput 3x8x8\nconv3-4 -> [conv3-4 -> leaky_relu(%s)] as a -> [conv3-4 -> leaky_relu(%s)] as b\n}"
BLOCKS = "block b(s) {\nleaky_relu(s) }\nnet x {\ninput 3x8x8\nconv3-4 -> b(%s) -> b(%s)\n}"


@pytest.mark.parametrize("text", [GROUPS, BLOCKS])
@pytest.mark.parametrize("values", [("1", "1.0"), ("0.0", "-0.0"), ("1.0", "1")])
def test_equal_numbers_in_two_groups_or_blocks_are_told_apart(text: str, values: tuple[str, str]) -> None:
    one, other = archdsl.parse(text % values), archdsl.parse(text % (values[0], values[0]))
    assert not same(one, other)
    assert one.source() != other.source()
    assert len(one.modules) > len(other.modules)


def test_a_flag_is_no_number() -> None:
    assert not same(row(Conv(4, 1, bias=True)), row(Conv(4, 1, bias=1)))
    assert not same(row(Conv(4, 1, bias=False)), row(Conv(4, 1, bias=0)))


def test_two_operators_with_the_same_settings_are_two() -> None:
    bare = [row(cls()) for cls in {type(OPERATORS.get(word)()) for word in ("relu", "gelu", "sigmoid", "tanh")}]
    assert len(set(bare)) == len(bare) == 4


def inner(name: str = "inner") -> Module:
    block = Builder(name)
    x = block.add_input(TensorType.image(4, 8, 8), "x")
    return block.finish((block.apply(Relu(), block.apply(Conv(4, 3), x)),), is_block=True)


def around(*blocks: Module) -> Network:
    net = Builder("net")
    x = net.add_input(TensorType.image(4, 8, 8), "x")
    for each in blocks:
        x = net.call(each, x)
    return Network(net.finish((x,), is_network=True))


def test_it_does_not_matter_which_modules_are_one_object() -> None:
    shared = inner()
    assert same(around(shared, shared, shared), around(inner(), shared, inner()))
    assert not same(around(shared, shared), around(shared, shared, shared))
    assert not same(around(shared, inner("other")), around(inner("other"), shared))


def test_sizes_that_are_left_open_are_compared_as_formulas_and_decide_nothing() -> None:
    chain = "conv3-4/2 -> gap -> fc-2"
    one, again = (archdsl.parse(f"input (3, H, W)\n{chain}") for _ in range(2))
    assert one.open_sizes is not None
    before = list(one.open_sizes.decisions)
    assert same(one, again)
    assert not same(one, archdsl.parse(f"input (3, W, H)\n{chain}"))
    assert NET.symbolic() != NET
    assert same(NET.symbolic(), NET.symbolic())
    assert list(one.open_sizes.decisions) == before


def test_a_billion_layers_cost_what_one_does() -> None:
    deep = archdsl.parse("INPUT[32x32x64] -> [[[CONV3-64]*1000]*1000]*1000")
    other = archdsl.parse("INPUT[32x32x64] -> [[[CONV3-64]*1000]*1000]*999")
    with counted(2_000):
        assert deep != other
    # what a network is was worked out by now
    with counted(20):
        assert deep != other


def test_a_network_is_equal_to_nothing_else() -> None:
    assert NET.module != NET
    assert (NET == 3) is False
    assert {NET: 1}[archdsl.parse(TEXT, name="n")] == 1


# --- a network does not change ----------------------------------------------------------------------------------------

ATTRIBUTES = sorted(name for name in {*vars(Network), "compiled", "nosuch"} if name[0] != "_")


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_no_attribute_can_be_set_or_deleted(name: str) -> None:
    for change in (lambda: setattr(NET, name, None), lambda: delattr(NET, name)):
        with pytest.raises(AttributeError, match=f"`{name}` is not set or deleted: a network does not change"):
            change()


def test_hyperparameters_are_read_only() -> None:
    assert isinstance(NET.hyperparameters, Mapping)
    assert dict(NET.hyperparameters) == {"classes": 2}
    with pytest.raises(TypeError):
        NET.hyperparameters["classes"] = 3  # type: ignore[index]


def test_the_text_is_text_and_its_source_is_inside(tmp_path: Path) -> None:
    path = tmp_path / "n.arch"
    path.write_text(TEXT)
    net = archdsl.load(path)
    assert net.text == TEXT
    assert net.compiled.source.path == str(path)
    assert row(Relu()).text == ""


def test_a_network_is_made_of_one_value() -> None:
    assert Network(NET.compiled) == NET == Network(NET.module)
    for wrong in (None, TEXT, NET):
        with pytest.raises(
            TypeError, match="`compiled` is the root of a hierarchy of modules, or what was compiled, not "
        ):
            Network(wrong)  # type: ignore[arg-type]


# --- what is drawn is a value -----------------------------------------------------------------------------------------


def test_a_picture_is_a_value() -> None:
    made = NET.draw(detail="layer", direction="LR")
    assert made == NET.draw(detail="layer", direction="LR") != NET.draw(detail="layer")
    assert hash(made) == hash(NET.draw(detail="layer", direction="LR"))
    shown = picture(NET.module, Look.of(detail="layer", direction="LR"))
    assert (made.shown, made.dot, made.mermaid) == (shown, str(made), mermaid(shown))
    assert str(made).startswith('digraph "n"')
    assert repr(made) == "<Drawing of n>"
    assert made.remarks == ()
    assert archdsl.load("resnet152").draw(detail="op").remarks == archdsl.load("resnet152").draw(detail="op").remarks


def test_volumes_are_a_value_too() -> None:
    made = NET.draw_volumes(dark=True)
    assert made == NET.draw_volumes(dark=True) != NET.draw_volumes()
    assert made.svg() == str(made) == made._repr_svg_()
    assert made.dot.startswith("digraph")
    with pytest.raises(ValueError, match="Mermaid draws boxes and lines only"):
        _ = made.mermaid


def test_a_file_is_written_and_the_picture_is_given_all_the_same(tmp_path: Path) -> None:
    for name, draw in (("x.dot", NET.draw), ("x.mmd", NET.draw), ("v.svg", NET.draw_volumes), ("p.html", NET.page)):
        first, again = tmp_path / name, tmp_path / f"again_{name}"
        made = draw(first)
        assert made == draw()
        made.save(again)
        kind = name.partition(".")[2]
        wanted = made.html if kind == "html" else made.written(kind).decode()
        assert first.read_text(encoding="utf-8") == again.read_text(encoding="utf-8") == wanted
    assert str(NET.page()) == NET.page().html


def test_nothing_is_saved_over_what_was_read(tmp_path: Path) -> None:
    path = tmp_path / "n.svg"
    path.write_text(TEXT)
    net = archdsl.load(path)
    for made in (net.draw_volumes(), archdsl.sketch(path).draw()):
        with pytest.raises(FileExistsError, match="that is a file that this is made of"):
            made.save(path)
    assert path.read_text() == TEXT
    page = tmp_path / "n.html"
    page.write_text(TEXT)
    with pytest.raises(FileExistsError):
        archdsl.load(page).page().save(page)


@pytest.mark.parametrize(
    ("save", "said"),
    [
        (lambda: NET.draw().save("x.html"), "a picture is a file of .svg, .png, .pdf, .dot, .mmd"),
        (lambda: NET.draw_volumes().save("x.mmd"), "Mermaid draws boxes and lines only"),
        (lambda: NET.page().save("x.svg"), "a page is a file of .html"),
        (lambda: NET.page("x"), "a page is a file of .html"),
        (lambda: NET.draw().save(3), "`path` is the name of a file, not int 3"),
        (lambda: NET.page().save(3), "`path` is the name of a file, not int 3"),
    ],
)
def test_a_file_of_another_kind_is_refused(save: Any, said: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=said):
        save()
    assert not list(tmp_path.iterdir())


def test_a_notebook_shows_what_can_be_drawn(monkeypatch: Any) -> None:
    found = archdsl.sketch(text="INPUT[32x32x3] -> conv3-16 -> pol2 -> fc-10")
    assert repr(found) == "<Sketch network: 1 error>"

    def none(*_: object, **__: object) -> bytes:
        raise CannotRender("not here")

    monkeypatch.setattr("archdsl.draw.render.render", none)
    for each in (NET, NET.draw(), found, found.draw()):
        assert each._repr_svg_() is None
    assert "<svg" in (NET.draw_volumes()._repr_svg_() or "")
    monkeypatch.setattr("archdsl.draw.render.render", lambda *_: b"<svg/>")
    for each in (NET, NET.draw(), found, found.draw()):
        assert each._repr_svg_() == "<svg/>"


# --- options are declared once ----------------------------------------------------------------------------------------


def test_the_options_of_calls_are_those_of_a_look() -> None:
    known = {each.name for each in fields(Look)} - {"marks"}
    assert known == OF_PICTURE
    assert OF_VOLUMES | OF_PAGE | OF_SKETCH == OF_PICTURE


@pytest.mark.parametrize(
    ("call", "taken"),
    [
        (NET.draw, OF_PICTURE),
        (NET.draw_volumes, OF_VOLUMES),
        (NET.page, OF_PAGE),
        (archdsl.sketch(text=TEXT).draw, OF_SKETCH),
    ],
    ids=["draw", "draw_volumes", "page", "sketch"],
)
def test_a_call_takes_its_options_and_no_other(call: Any, taken: frozenset[str]) -> None:
    values = {each.name: each.default for each in fields(Look)}
    for name in (*OF_PICTURE, "nosuch"):
        if name in taken:
            call(**{name: values[name]})
        else:
            with pytest.raises(TypeError, match=rf"\(\) takes no `{name}`: its options are {', '.join(sorted(taken))}"):
                call(**{name: values.get(name)})


CHOICES = {"detail": Detail, "direction": Direction, "color": colours()}


@pytest.mark.parametrize(
    ("command", "left_out"),
    [(draw_command.draw, {"marks"}), (diff_command.diff, {"marks", "color"})],
    ids=["draw", "diff"],
)
def test_the_command_line_has_the_options_of_a_look(command: click.Command, left_out: set[str]) -> None:
    declared = {each.name for each in fields(Look)}
    options = {each.name: each for each in command.params if each.name in declared}
    assert declared - options.keys() == left_out
    given = command.make_context("x", ["one", "two"]).params
    assert Look.of(**{name: given[name] for name in options}) == Look()
    for name, option in options.items():
        words = option.type.choices if isinstance(option.type, click.Choice) else []
        assert list(words) == list(CHOICES.get(name, ()))


# --- what the package gives -------------------------------------------------------------------------------------------


def test_everything_that_the_package_names_is_there() -> None:
    assert all(getattr(archdsl, name) is not None for name in archdsl.__all__)
    assert dir(archdsl) == sorted(set(archdsl.__all__))
    assert isinstance(NET.module, archdsl.Module)
    assert isinstance(NET.module.steps[0], archdsl.Step)
    assert issubclass(type(PASSES[0]()), archdsl.Pass)
    assert archdsl.FACTS == FACTS
    assert all(isinstance(each, archdsl.Fact) for each in archdsl.FACTS)
    assert isinstance(NET.draw(), archdsl.Drawing)
    assert isinstance(NET.page(), archdsl.Page)
    with pytest.raises(AttributeError, match="has no attribute 'nosuch'"):
        _ = archdsl.nosuch  # type: ignore[attr-defined]


def test_what_a_network_alone_does_not_need_is_imported_when_it_is_asked_for() -> None:
    rooms = ("draw", "emit", "page", "report", "comparing", "drawn", "sketching", "request")
    code = f"import sys, archdsl; archdsl.load('resnet18').params; print(sorted({{n.split('.')[1] for n in sys.modules if n.startswith('archdsl.')}} & set({rooms!r})))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"[]"


def test_the_zoo_is_a_list_with_figures() -> None:
    found = archdsl.zoo()
    assert sorted(found.names) == zoo_names()
    assert found.names.index("resnet18") < found.names.index("resnet101")
    (entry,) = (each for each in found.entries if each.name == "resnet18")
    assert (entry.params, entry.macs) == (11_689_512, 1_814_073_344)
    assert entry.facts == {"params": entry.params, "macs": entry.macs}
    assert "resnet18" in str(found)
    assert '"resnet18"' in found.to_json()
