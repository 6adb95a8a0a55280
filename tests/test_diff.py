"""The difference of two networks: what it says of published pairs and of edits, and the laws that it keeps."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.generators import PROGRAMS, Writing, text
from programme import examples, zoo
from work import growth

import archdsl
from archdsl import cli
from archdsl.draw.graphviz import DARK, LIGHT
from archdsl.draw.look import Look
from archdsl.draw.picture import picture
from archdsl.elaborate.library import zoo_names
from archdsl.graph.flat import layers
from archdsl.graph.marks import Mark
from archdsl.report.diff import Kind

MIRRORED = {
    Kind.ADDED: Kind.REMOVED,
    Kind.REMOVED: Kind.ADDED,
    Kind.WRAPPED: Kind.UNWRAPPED,
    Kind.UNWRAPPED: Kind.WRAPPED,
}


def between(old, new):
    return archdsl.diff(archdsl.parse(old), archdsl.parse(new))


def told(found):
    """What somebody changed: kind, path before and after, aspects."""
    return [
        (
            str(each.kind),
            each.old and each.old.path,
            each.new and each.new.path,
            {aspect.name: (aspect.old, aspect.new) for aspect in each.aspects},
        )
        for each in found.authored
    ]


def features(*steps):
    return f"input 32x32x3\n[{' -> '.join(steps)}] as features\ngap -> fc-10 as fc\n"


# --- published pairs --------------------------------------------------------------------------------------------------


def pair(old, new):
    return archdsl.diff(archdsl.load(old), archdsl.load(new))


def test_vgg19_has_one_convolution_more_in_each_of_three_stages():
    found = pair("vgg16", "vgg19")
    assert [(each.kind, each.new.path, each.new.label) for each in found.authored] == [
        ("added", "features.16", "3×3 conv, 256"),
        ("added", "features.17", "ReLU"),
        ("added", "features.25", "3×3 conv, 512"),
        ("added", "features.26", "ReLU"),
        ("added", "features.34", "3×3 conv, 512"),
        ("added", "features.35", "ReLU"),
    ]
    assert found.names == (
        ("features.17", "features.19"),
        ("features.19", "features.21"),
        ("features.21", "features.23"),
        ("features.24", "features.28"),
        ("features.26", "features.30"),
        ("features.28", "features.32"),
    )
    assert found.new.params - found.old.params == 5_309_696


def test_resnet101_has_more_blocks_in_one_stage_and_nothing_else():
    found = pair("resnet50", "resnet101")
    assert told(found) == [("changed", "layer3.1", "layer3.1", {"count": (5, 22)})]
    assert not found.names
    assert [each.side.path for each in found.changes] == ["layer3"]


def test_resnet34_has_more_blocks_in_each_stage():
    counts = [each[3]["count"] for each in told(pair("resnet18", "resnet34"))]
    assert counts == [(2, 3), (1, 3), (1, 5), (1, 2)]


def test_resnext_differs_in_two_convolutions_of_the_bottleneck():
    """The widths of all stages are worked out by other formulas: one change, said once."""
    found = pair("resnet50", "resnext50_32x4d")
    assert told(found) == [
        ("changed", "layer1.0.conv1", "layer1.0.conv1", {"width": (64, 128)}),
        ("changed", "layer1.0.conv2", "layer1.0.conv2", {"width": (64, 128), "groups": (1, 32)}),
    ]
    stage = found.changes[0]
    assert stage.also == ("layer2", "layer3", "layer4")
    assert stage.inside[0].also == ("layer1.1-2",)


def test_se_resnet_has_one_layer_more_in_each_bottleneck():
    found = pair("resnet50", "se_resnet50")
    assert told(found) == [("added", None, "layer1.0.se", {})]
    assert found.changes[0].also == ("layer2", "layer3", "layer4")


def test_vgg16_c_has_windows_of_one_position():
    assert told(pair("vgg16", "vgg16_c")) == [
        ("changed", f"features.{index}", f"features.{index}", {"window": (3, 1)}) for index in (14, 21, 28)
    ]


def test_vgg11_with_normalisation():
    assert [(kind, new) for kind, _, new, _ in told(pair("vgg11", "vgg11_lrn"))] == [("added", "features.2")]


def test_wide_resnet_is_wider_in_the_middle_of_its_bottlenecks():
    found = pair("resnet50", "wide_resnet50_2")
    calls = [change for change in told(found) if change[1].count(".") == 1]
    assert {tuple(change[3].items()) for change in calls} == {(("groups", (None, 1)), ("width", (None, 128)))}
    convolutions = [change for change in told(found) if change not in calls]
    assert [(change[1], change[3]) for change in convolutions] == [
        ("layer1.0.conv1", {"width": (64, 128)}),
        ("layer1.0.conv2", {"width": (64, 128)}),
    ]


def test_googlenet_with_batch_norm_wraps_each_convolution():
    kinds = Counter(each.kind for each in pair("googlenet", "googlenet_bn").authored)
    assert kinds[Kind.REMOVED] == 2  # the two local response norms
    assert kinds[Kind.WRAPPED] > 8


# --- edits ------------------------------------------------------------------------------------------------------------

PLAIN = ("conv3-16", "relu", "conv3-32", "relu", "pool", "conv3-64", "relu")


def test_a_width_is_one_change_and_the_rest_follows():
    found = between(features(*PLAIN), features(*PLAIN[:2], "conv3-48", *PLAIN[3:]))
    assert told(found) == [("changed", "features.2", "features.2", {"width": (32, 48)})]
    quiet = [change.side.path for _, change in found.walk() if change.kind is Kind.FOLLOWS]
    assert quiet == ["features.3", "features.4", "features.5"]
    assert not found.names


def test_another_input_is_a_difference_of_the_network():
    found = archdsl.diff(archdsl.load("resnet18"), archdsl.load("resnet18", input=(3, 256, 256)))
    assert [(each.name, each.old, each.new) for each in found.aspects] == [("input", "224x224x3", "256x256x3")]
    assert not found.authored


def test_a_hyper_parameter_changes_the_layers_that_it_sets():
    found = archdsl.diff(archdsl.load("resnet18"), archdsl.load("resnet18", classes=10))
    assert told(found) == [("changed", "fc", "fc", {"width": (1000, 10)})]


def test_the_argument_of_a_block_is_one_change():
    net = "block unit(c) = [conv3-c -> relu -> conv3-(2*c)]\nnet n {{ input 32x32x3\nunit({}) -> gap -> fc-10 }}"
    found = between(net.format(8), net.format(16))
    assert told(found) == [("changed", "unit1", "unit1", {"c": (8, 16)})]


def test_the_text_of_a_block_is_changed_besides_its_argument():
    net = "block unit(c) = [conv{}-c -> relu -> conv3-(2*c)]\nnet n {{ input 32x32x3\nunit({}) -> gap -> fc-10 }}"
    found = between(net.format(3, 8), net.format(5, 16))
    assert told(found) == [
        ("changed", "unit1", "unit1", {"c": (8, 16)}),
        ("changed", "unit1.0", "unit1.0", {"window": (3, 5)}),
    ]


def test_a_norm_takes_the_bias_of_the_layer_before_it():
    found = between("INPUT[8x8x3] -> conv3-8 -> relu -> gap", "INPUT[8x8x3] -> conv3-8 -> bn -> relu -> gap")
    assert told(found) == [("added", None, "bn1", {})]
    (conv,) = [each for each in found.changes if each.kind is Kind.FOLLOWS]
    assert [(each.name, each.old, each.new) for each in conv.follows] == [("bias", True, False)]


def test_a_bias_that_the_text_takes_away_is_a_change():
    found = between("INPUT[8x8x3] -> conv3-8 -> relu", "INPUT[8x8x3] -> conv3-8(bias=false) -> relu")
    assert told(found) == [("changed", "conv1", "conv1", {"bias": (True, False)})]


def test_a_moved_shortcut_is_a_change_of_an_input():
    net = "input 8x8x4\na = conv3-4\nb = a -> conv3-4\nc = b -> conv3-4\nadd({}, c) -> relu\n"
    net = "input 8x8x4\na = conv3-4\nb = a -> conv3-4\nb -> conv3-4\nc = add {{ | {} }}\nc -> relu\n"
    found = between(net.format("a"), net.format("b"))
    assert told(found) == [("changed", "add1", "add1", {"input": ("conv1", "conv2")})]


def test_a_label_is_a_name():
    found = between(
        "INPUT[8x8x3] -> [conv3-8 -> relu] as stem -> gap", "INPUT[8x8x3] -> [conv3-8 -> relu] as head -> gap"
    )
    assert told(found) == [("changed", "stem", "head", {"name": ("stem", "head")})]
    assert found.names == (("stem", "head"),)


def test_a_group_around_steps_wraps_them():
    old, new = (
        "INPUT[8x8x3] -> conv3-8 -> relu -> pool -> gap",
        "INPUT[8x8x3] -> [conv3-8 -> relu] as stem -> pool -> gap",
    )
    found = between(old, new)
    (wrap,) = found.authored
    assert (wrap.kind, wrap.new.path, [each.path for each in wrap.others]) == ("wrapped", "stem", ["conv1", "relu1"])
    assert found.names == (("conv1", "stem.0"),)
    (back,) = between(new, old).authored
    assert (back.kind, back.old.path, [each.path for each in back.others]) == ("unwrapped", "stem", ["conv1", "relu1"])


def test_a_repeat_written_out_is_no_difference_where_the_weights_have_the_same_names():
    assert not between(features("[conv3-3 -> relu]*3"), features(*("conv3-3", "relu") * 3))
    assert not between(features("conv3-3*3"), features(*["conv3-3"] * 3))


def test_a_repeat_written_out_elsewhere_gives_weights_other_names():
    found = between(
        "INPUT[8x8x3] -> [conv3-3 -> relu]*2 -> gap", "INPUT[8x8x3] -> conv3-3 -> relu -> conv3-3 -> relu -> gap"
    )
    assert [each.kind for each in found.authored] == [Kind.UNWRAPPED]
    assert ("repeat1.0", "conv1") in found.names


def test_a_repeat_that_moved_has_both_ends_of_its_names():
    found = between(features("conv3-3*3"), features("relu", "relu", "conv3-3*3"))
    assert found.names == (("features.0-2", "features.2-4"),)


def test_inputs_in_another_order_are_told_as_that():
    text = "net n {{\n input 8x8x4\n a = relu\n b = a -> tanh\n concat {{ {} | {} }}\n}}"
    found = between(text.format("a", "b"), text.format("b", "a"))
    assert told(found) == [("changed", "concat1", "concat1", {"order of inputs": ("relu1, tanh1", "tanh1, relu1")})]
    assert "concat: order of inputs relu1, tanh1 -> tanh1, relu1" in str(found)


def test_counts_of_a_billion_layers():
    def changes(count):
        text = f"INPUT[32x32x64] -> [[[conv3-64 -> relu]*{count}]*{{}}]*{count}"
        return told(between(text.format(count), text.format(count + 1)))

    assert growth(changes, 10, 1000, first=9) < 1.1
    assert [each[3] for each in changes(1000)] == [{"count": (10**9, 1001 * 10**6)}]


def test_a_thousand_blocks_are_one():
    def changes(name):
        return told(pair(name, "resnet110"))

    assert growth(changes, "resnet56", "resnet1202", first="resnet20") < 1.1
    assert len(changes("resnet1202")) == 2


def test_blocks_that_call_blocks_twice_are_compared_once():
    def doubled(width, depth):
        lines = [f"block b0 = conv3-{width}"] + [f"block b{n} = b{n - 1} -> b{n - 1}" for n in range(1, depth + 1)]
        return "\n".join([*lines, "net n { input 8x8x4", f"b{depth} }}"])

    def changes(depth):
        return told(between(doubled(4, depth), doubled("4(bias=false)", depth)))

    # four times the blocks, and 2**24 times the layers
    assert growth(changes, 8, 32, first=7) < 6
    assert [each[3] for each in changes(32)] == [{"bias": (True, False)}]


def test_long_texts_are_aligned_within_bounds():
    def edited(length):
        """What is found where a step in the middle is new, and one further on is gone."""
        steps = [f"conv3-{1 + index % 7}" for index in range(length)]
        half, end = length // 2, length * 3 // 4
        new = features(*steps[:half], "pool3/1(p=1)", *steps[half:end], *steps[end + 1 :])
        return between(features(*steps), new).authored

    assert [each.kind for each in edited(1500)] == [Kind.ADDED, Kind.REMOVED]
    # with all pairs of steps it would be 16 times as much
    assert growth(edited, 200, 800, first=100) < 8


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo())
def test_a_network_is_no_different_from_itself(name):
    found = pair(name, name)
    assert not found
    assert not found.changes
    assert str(found) == f"{name} -> {name}: no difference\n"


PAIRS = [
    ("vgg16", "vgg19"),
    ("resnet50", "resnext50_32x4d"),
    ("resnet18", "resnet50"),
    ("googlenet", "googlenet_bn"),
    ("densenet121", "densenet169"),
    ("mobilenet_v2", "mobilenet_v3_large"),
    ("vit_b_16", "vit_b_32"),
    ("swin_t", "swin_s"),
    ("lenet5", "alexnet"),
    ("unet", "fcn8s"),
]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_way_back_is_the_mirror(old, new):
    there, back = pair(old, new), pair(new, old)

    def shape(found, *, mirrored):
        kinds = Counter()
        for _, each in found.walk():
            kind = MIRRORED.get(each.kind, each.kind) if mirrored else each.kind
            ends = (each.new, each.old) if mirrored else (each.old, each.new)
            kinds[str(kind), *(end and end.path for end in ends)] += 1
        return kinds

    assert shape(there, mirrored=False) == shape(back, mirrored=True)
    assert {pair[::-1] for pair in back.names} == set(there.names)


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_the_top_rows_add_up_to_the_totals(old, new):
    found = pair(old, new)

    def sides(change):
        before = [change.old] if change.old else list(change.others) if change.kind is Kind.WRAPPED else []
        after = [change.new] if change.new else list(change.others) if change.kind is Kind.UNWRAPPED else []
        return before, after

    for fact in ("params", "macs"):
        total = 0
        for change in found.changes:
            before, after = sides(change)
            total += sum(getattr(each, fact) for each in after) - sum(getattr(each, fact) for each in before)
        wanted = [getattr(archdsl.load(name), {"macs": "train_macs"}.get(fact, fact)) for name in (old, new)]
        assert total == wanted[1] - wanted[0]


@pytest.mark.parametrize("form", PROGRAMS)
@examples(30, 3_000)
@given(st.data())
def test_another_writing_of_the_same_text_is_no_difference(form, data):
    program = data.draw(PROGRAMS[form]())
    plain = text(program)
    note(plain)
    old = archdsl.parse(plain)
    assert not archdsl.diff(old, archdsl.parse(text(program, Writing(comments=True, line="\r\n"))))
    unrolled = archdsl.parse(text(program, Writing(unrolled=True)))
    if _weights(old) == _weights(unrolled):
        found = archdsl.diff(old, unrolled)
        assert not [each for each in found.authored if each.kind in {Kind.ADDED, Kind.REMOVED} and each.side.params]


def _weights(net):
    return {name: shape for layer in layers(net.module) for name, shape in layer.weights.items()}


STEPS = ("conv3-8", "conv3-16", "conv1-8", "relu", "bn", "pool3/1(p=1)", "dropout", "[conv3-8 -> relu]*2", "basic(8)")
RARE = "conv5-24"


@examples(60, 5_000)
@given(st.data())
def test_an_edit_is_reported_as_that_edit(data):
    steps = data.draw(st.lists(st.sampled_from(STEPS), min_size=1, max_size=9))
    at = data.draw(st.integers(0, len(steps) - 1))
    head = "use resnet (basic)\n"
    match data.draw(st.sampled_from(["insert", "delete", "width", "count", "replace"])):
        case "insert":
            after, expected = [*steps[:at], RARE, *steps[at:]], (Kind.ADDED, None)
            before = steps
        case "delete":
            before, expected = [*steps[:at], RARE, *steps[at:]], (Kind.REMOVED, None)
            after = steps
        case "width":
            before, after = [*steps[:at], RARE, *steps[at:]], [*steps[:at], "conv5-40", *steps[at:]]
            expected = (Kind.CHANGED, ["width"])
        case "count":
            before, after = ([*steps[:at], f"[{RARE} -> relu -> conv3-4]*{n} as row", *steps[at:]] for n in (3, 4))
            expected = (Kind.CHANGED, ["count"])
        case _:
            before, after = [*steps[:at], "avgpool3/1(p=1)", *steps[at:]], [*steps[:at], "lrn", *steps[at:]]
            assume("lrn" not in steps)
            expected = (None, None)
    old, new = head + features(*before), head + features(*after)
    note(f"{old}\n{new}")
    authored = between(old, new).authored
    kind, names = expected
    if kind is None:
        assert sorted(each.kind for each in authored) == [Kind.ADDED, Kind.REMOVED]
        return
    (edit,) = authored
    assert edit.kind is kind
    if names:
        assert [each.name for each in edit.aspects] == names
    else:
        assert edit.side.label == "5×5 conv, 24"


# --- what is said -----------------------------------------------------------------------------------------------------


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_exit_codes_are_those_of_diff(run):
    assert run("diff", "vgg16", "vgg16")[0] == 0
    assert run("diff", "vgg16", "vgg19")[0] == 1
    assert run("diff", "vgg16", "vgg17")[0] == 2
    assert run("diff", "vgg16")[0] == 2


@pytest.mark.parametrize("command", [["diff", "vgg16", "vgg19"], ["compare", "vgg16", "resnet18", "-o", "x.svg"]])
def test_nothing_slow_is_imported(command, tmp_path):
    slow = ("torch", "networkx", "pygraphviz", "numpy", "matplotlib")
    script = f"import sys; from archdsl.cli import main; main(sys.argv[1:]); print(set({slow!r}) & set(sys.modules))"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script, *command], check=True, capture_output=True, env=environment, cwd=tmp_path
    )
    assert done.stdout.decode().splitlines()[-1] == "set()"


def test_settings_are_those_of_both(run):
    code, out, _ = run("diff", "resnet18", "resnet18", "--set", "classes=7", "--input", "64x64x3")
    assert (code, out) == (0, "resnet18 -> resnet18: no difference\n")


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_lines_fit_the_screen(old, new, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("diff", old, new)
    assert max(map(len, out.splitlines())) <= 80


def test_signs_speak_without_colour():
    found = between(features(*PLAIN), features("conv3-8", *PLAIN[1:4], "gelu", *PLAIN[5:]))
    signs = [line[0] for line in found.text().splitlines() if line.startswith(("+", "-", "~"))]
    assert Counter(signs) == {"~": 1, "+": 1, "-": 1}
    assert "\x1b[32m+" in found.text(colour=True)
    assert "\x1b" not in found.text()


def test_json_is_versioned_and_the_same_each_time(run):
    code, out, _ = run("diff", "vgg16", "vgg19", "--json")
    document = json.loads(out)
    assert (code, document["format"], document["version"], document["equal"]) == (1, "archdsl.diff", 1, False)
    (stage,) = document["changes"][:1]
    assert [each["new"]["path"] for each in stage["inside"] if each["kind"] == "added"][:2] == [
        "features.16",
        "features.17",
    ]
    assert run("diff", "vgg16", "vgg19", "--json")[1] == out


def test_every_pair_of_neighbours_in_the_zoo_has_a_table():
    names = zoo_names()
    for old, new in zip(names[::5], names[5::5], strict=False):
        assert pair(old, new).text()


# --- the picture ------------------------------------------------------------------------------------------------------


def drawn(old, new, load=archdsl.load, **style):
    first, second = load(old), load(new)
    return picture(second.module, Look.of(marks=second.marks(first), **style))


def marked(made):
    return [(str(node.mark), node.label, node.count) for node in made.nodes if node.mark]


def test_what_was_added_is_green_in_its_place():
    assert marked(drawn("vgg16", "vgg19")) == [
        ("added", "3×3 conv, 256", 1),
        ("added", "3×3 conv, 512", 1),
        ("added", "3×3 conv, 512", 1),
    ]


def test_what_is_gone_stands_beside_where_it_was():
    made = drawn("vgg19", "vgg16")
    assert marked(made) == [
        ("removed", "3×3 conv, 256", 1),
        ("removed", "3×3 conv, 512", 1),
        ("removed", "3×3 conv, 512", 1),
    ]
    labels = {node.id: node.label for node in made.nodes}
    edges = [(labels[edge.source], labels[edge.target]) for edge in made.edges if edge.gone]
    assert edges[:2] == [("3×3 conv, 256", "3×3 conv, 256"), ("3×3 conv, 256", "2×2 max pool, /2")]


@pytest.mark.parametrize("count", range(1, 8))
def test_of_many_layers_that_are_gone_it_is_said_how_many_more(count):
    gone = [f"conv{2 * index + 1}-4" for index in range(count)]
    old, new = ("INPUT[16x16x4] -> " + " -> ".join([*middle, "fc-2"]) for middle in (gone, []))
    (label,) = (label for mark, label, _ in marked(drawn(old, new, archdsl.parse)) if mark == "removed")
    *shown, last = label.split("\n")
    more = re.fullmatch(r"and (\d+) more", last)
    assert len(shown) + (int(more[1]) if more else 1) == count
    assert len(shown) < 4


def test_what_is_gone_beside_an_open_block_is_joined_to_its_first_and_last_layer():
    blocks = "block b(c) = conv3-c -> pool -> conv5-c -> pool"
    old, new = (
        archdsl.parse(f"{blocks}\nnet n {{\n input 64x64x4\n b(6) as one -> {gone}b(9) as other -> fc-3 as fc\n}}")
        for gone in ("conv7-6 as gone -> ", "")
    )
    made = picture(new.module, Look.of(detail="layer", marks=new.marks(old)))
    assert [(edge.source, edge.target) for edge in made.edges if edge.gone] == [
        ("one.pool2", "gone:0"),
        ("gone:0", "other.conv1"),
    ]


def test_what_was_changed_says_what_it_was_in_every_place():
    labels = [label for mark, label, _ in marked(drawn("resnet50", "resnext50_32x4d"))]
    assert labels[:2] == ["1×1 conv, 64 → 1×1 conv, 128", "3×3 conv, 64 → 3×3 conv, 128, 32 groups"]
    assert labels[-1] == "3×3 conv, 512 → 3×3 conv, 1024, 32 groups"
    assert len(labels) == 16


def test_a_count_that_was_changed_marks_its_block():
    (cluster,) = [each for each in drawn("resnet50", "resnet101").clusters if each.mark]
    assert (cluster.title, cluster.count) == ("bottleneck · was ×5", 22)


def test_a_closed_block_says_how_much_was_changed_inside():
    made = drawn("resnet50", "se_resnet50", detail="stage")
    assert [(node.label, node.note) for node in made.nodes if node.mark] == [
        ("layer1, 256", "+2"),
        ("layer2, 512, /2", "+2"),
        ("layer3, 1024, /2", "+2"),
        ("layer4, 2048, /2", "+2"),
    ]


def test_without_a_difference_nothing_is_marked():
    made = drawn("resnet18", "resnet18")
    assert not marked(made)
    assert made.marked
    assert [sample.text for sample in made.legend] == ["unchanged"]


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_every_pair_can_be_drawn(old, new):
    pygraphviz = pytest.importorskip("pygraphviz")
    text = str(archdsl.load(new).draw(since=archdsl.load(old)))
    nodes = pygraphviz.AGraph(string=text).nodes()
    assert len(nodes) == len(set(nodes))
    assert str(archdsl.load(new).draw(since=archdsl.load(old))) == text


def test_the_command_draws(run, tmp_path):
    code, out, _ = run("diff", "vgg16", "vgg19", "-o", tmp_path / "x.dot")
    assert (code, "wrote" in out, "+3.8%" in out) == (1, True, True)
    assert "#BFE5BF" in (tmp_path / "x.dot").read_text()
    code, out, _ = run("diff", "vgg16", "vgg19", "-o", "-")
    assert out.startswith("digraph")
    assert run("diff", "vgg16", "vgg19", "-o", "x.jpeg")[0] == 2


def test_mermaid_has_the_colours_of_what_was_added_changed_and_removed(tmp_path):
    before = archdsl.parse("net a { INPUT[16x16x3] -> conv3-8 -> relu -> maxpool2 -> conv3-16 -> avgpool2 -> fc-10 }")
    after = archdsl.parse("net a { INPUT[16x16x3] -> conv3-8 -> relu -> conv5-16 -> gelu -> avgpool2 -> fc-10 }")
    path = tmp_path / "x.mmd"
    made = picture(after.module, Look.of(marks=after.marks(before)))
    after.draw(path, since=before)
    text = path.read_text()
    names = dict(re.findall(r"^ *class (\S+) (\w+)$", text, re.MULTILINE))
    for mark in {node.mark for node in made.nodes if node.mark}:
        (members,) = (ids for ids, name in names.items() if name == mark)
        assert len(members.split(",")) == sum(node.mark is mark for node in made.nodes)
        fill, border = made.theme.marked[mark]
        assert f"classDef {mark} fill:{fill},stroke:{border}," in text
    assert text.count(" -.->") == sum(edge.gone for edge in made.edges) > 0
    assert f"stroke:{made.theme.marked[Mark.REMOVED][1]}\n" in text


def test_a_dark_page_and_one_part():
    old, new = archdsl.load("resnet50"), archdsl.load("se_resnet50")
    text = str(new.draw(since=old, dark=True, focus="layer1.0"))
    assert DARK.marked[Mark.ADDED][0] in text
    assert not any(fill in text for fills in LIGHT.marked.values() for fill in fills)
    assert "layer2" not in re.sub(r'label="[^"]*"', "", str(new.draw(since=old, focus="layer1.0", detail="layer")))


def test_colours_say_one_thing():
    with pytest.raises(ValueError, match="what became of a step or what it costs"):
        archdsl.load("vgg19").draw(since=archdsl.load("vgg16"), color="macs")
