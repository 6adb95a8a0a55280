"""A slice of the programme of networks, and what was found by it at its smallest."""

from __future__ import annotations

import re
from collections import Counter
from itertools import permutations, product

import pytest
from laws.networks import LAWS, agreed, case_of, hold_place, mismatches, told, with_fewer_biases
from laws.rewritten import apart, unrolled
from laws.test_networks import meaning
from laws.wrong import planted

import archdsl
from archdsl.base.text import Place, Source, Span

_SHARDS, _SHARD = 4, 25
_FIRST = 60_000


@pytest.mark.parametrize("shard", range(_SHARDS))
def test_what_is_said_of_random_networks_is_so(shard: int) -> None:
    first = _FIRST + shard * _SHARD
    held, networks = Counter[str](), 0
    for seed in range(first, first + _SHARD):
        case = case_of(seed)
        if case is None:
            continue
        networks += 1
        for name, mismatch in mismatches(case):
            assert mismatch is None, f"{seed}: {mismatch}\n{case.written.text}"
            held[name.partition(":")[0]] += 1
    assert networks > 0.8 * _SHARD
    assert set(held) == {law.__name__ for law in LAWS}


# --- a fault is seen by the laws --------------------------------------------------------------------------------------


def test_a_place_that_is_cut_out_of_words_or_brackets_is_seen() -> None:
    source = Source("a.arch", "conv3-(2*c) -> relu")
    hold_place(Place(source, Span(0, 11)))
    for span in (Span(0, 10), Span(1, 11), Span(0, 12)):
        with pytest.raises(AssertionError):
            hold_place(Place(source, span))


def test_texts_in_other_words_are_other_texts() -> None:
    text = "block b(c) = [conv3-c]*2\nnet n = INPUT[9x7x4] -> b(4) -> b(4)*3 as body -> [relu -> b(4)]*0"
    written_out, copied = unrolled(text), apart(text)
    assert written_out.count("conv3-c") == 2
    assert "*" not in written_out
    assert written_out.count("b(4)") == 5
    assert copied.count("block b_") == 3
    assert meaning(archdsl.parse(written_out)) == meaning(archdsl.parse(copied)) == meaning(archdsl.parse(text))


def test_only_a_bias_before_batch_norms_may_be_missing_where_a_repeat_is_written_out() -> None:
    folded, written_out, biased, unbiased = (
        archdsl.parse(f"INPUT[4x4x3] -> conv3-8{rest}")
        for rest in (" -> bn*2", " -> bn -> bn", " -> relu", "(bias=false) -> relu")
    )
    assert meaning(written_out) != meaning(folded)
    assert meaning(written_out) == with_fewer_biases(folded, written_out)
    assert meaning(folded) != with_fewer_biases(written_out, folded)
    assert meaning(unbiased) != with_fewer_biases(biased, unbiased)


def test_no_shape_is_planted_where_it_would_make_another_thing_of_a_text() -> None:
    """With a shape `net b = a(4)` is no instance of `a`, but a chain into which nothing comes."""
    text = "net a(c) {\n  input 9x7x4\n  conv3-c\n}\nnet b = a(4)\n"
    found = [planted(text, seed) for seed in range(40)]
    shapes = {each.text.count("conv3-c : 97x89x83") for each in found if each and each.kind == "other_shapes"}
    assert shapes == {1}


# --- places -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "element",
    ["conv3-(2*4)", "conv3-8/(1 + 1)", "conv3-(4)/2", "pool/(2)", "fc-(7 // 2)", "dropout(p=0.5*(0.2 + 0.3))"],
)
def test_an_element_goes_on_to_its_last_bracket(element: str) -> None:
    (step, *_) = archdsl.parse(f"INPUT[9x7x4] -> {element}").module.steps[-1:]
    assert step.place.text == element


def test_a_sum_in_brackets_is_pointed_at_with_them() -> None:
    (found,) = told("INPUT[9x7x4] -> conv3-(4 // ((2 - 1)*(3 - 3)))", {})
    assert found.place is not None
    assert found.place.text == "4 // ((2 - 1)*(3 - 3))"


def test_a_repeat_is_pointed_at_with_its_count() -> None:
    (step,) = archdsl.parse("INPUT[9x7x4] -> [conv3-4 -> relu]*(1 + 9)").module.steps
    hold_place(step.place)


# --- `check` and `parse` ----------------------------------------------------------------------------------------------

OPEN = """
block b(c) = conv3-c -> relu
net n {
  input (3, H, W)
  b(4)
  x = pool
  add { x | x -> conv1-4 }
  gap -> fc-2
}
"""


@pytest.mark.parametrize("seed", range(24))
def test_check_says_of_a_wrong_text_with_open_sizes_what_parse_says(seed: int) -> None:
    assert agreed(OPEN, {}) == []
    wrong = planted(OPEN, seed, any_size=True)
    assert wrong is not None
    said = agreed(wrong.text, {})
    assert any(wrong.at in each.place.text for each in said if each.place), wrong


# --- residual connections ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    ["[conv3-8 -> bn]*2", "[conv3-8 -> bn]*1", "[[conv3-8 -> bn]*1]*2", "[conv3-8 -> bn] as row", "b"],
)
def test_a_projection_has_a_norm_wherever_that_of_the_body_stands(body: str) -> None:
    net = archdsl.parse(f"block b = conv3-8 -> bn\nINPUT[9x7x4] -> residual {{ {body} }}")
    words = [facts["operator"] for node, facts in net.graph.nodes(data=True) if node.startswith("downsample")]
    assert words == ["conv", "bn"]


@pytest.mark.parametrize("around", ["bn -> {}", "{} -> bn", "residual {{ bn -> conv3-6 -> bn }} -> {} -> bn"])
def test_a_projection_has_no_norm_of_what_stands_around_its_residual(around: str) -> None:
    net = archdsl.parse(f"INPUT[9x7x4] -> {around.format('residual { conv3-8 -> relu }')}")
    *_, last = (node for node in net.graph if node.startswith("downsample"))
    assert net.graph.nodes[last]["operator"] == "conv"


# --- receptive fields -------------------------------------------------------------------------------------------------


def test_a_repeat_sees_nothing_of_a_tensor_that_its_block_does_not_read() -> None:
    head = (
        "block b(other) = conv5x1-4\nnet n {\n input left: 6x3x4\n input right: 9x3x4\n a = left -> gap(keep=true)\n "
    )
    folded, written_out = (archdsl.parse(f"{head} a -> {each}\n}}") for each in ("b(right)*2", "b(right) -> b(right)"))
    assert folded.receptive_field() == written_out.receptive_field()
    assert folded.receptive_field()[0].size == 6


# --- blocks called with several arguments -----------------------------------------------------------------------------

USES = {
    "a slope": "leaky_relu(v)",
    "a probability": "dropout(v)",
    "a width": "conv3-v",
    "a flag": "conv3-4(bias=v)",
    "a count": "[conv3-4]*v",
    "a condition": "[conv3-4 if v else relu]",
    "a comparison": "[conv3-4 if v == 1 else relu]",
    "a default": "leaky_relu(1.5*v) -> [relu if v > 0.5]",
}


@pytest.mark.parametrize("use", USES)
def test_one_and_true_are_arguments_of_their_own(use: str) -> None:
    """Each call of a block gives what it gives alone, whatever the calls before it."""
    head = f"block b(v) = {USES[use]}\nnet n = INPUT[9x7x4] -> "
    values = ("1", "1.0", "true")
    alone = {each: _said(f"{head}b({each})") for each in values}
    for order in permutations(values):
        together = _said(f"{head}{' -> '.join(f'b({each})' for each in order)}")
        # of one place the first fault is said
        faults = next((alone[each][1] for each in order if alone[each][1]), [])
        assert together[1] == faults
        if not faults:
            assert together[0] == [layer for each in order for layer in alone[each][0]]


def _said(text: str) -> tuple[list[str], list[str]]:
    """The layers of a network and their arguments, and what is wrong with it."""
    if found := told(text, {}):
        return [], [each.message for each in found]
    nodes = archdsl.parse(text).graph.nodes(data=True)
    return [f"{facts['operator']} {facts['arguments']}" for _, facts in nodes if facts["kind"] == "operator"], []


WRITTEN_OUT = {
    "a default with a parameter": (
        "block b(a, c) {\n default conv(act=a)\n [conv3-c]*2 -> conv1-c\n}",
        ["b(relu, 4)", "b(tanh, 4)", "b(relu, 6)", "b(relu, 4)"],
        [
            "conv3-4 -> relu -> conv3-4 -> relu -> conv1-4 -> relu",
            "conv3-4 -> tanh -> conv3-4 -> tanh -> conv1-4 -> tanh",
            "conv3-6 -> relu -> conv3-6 -> relu -> conv1-6 -> relu",
            "conv3-4 -> relu -> conv3-4 -> relu -> conv1-4 -> relu",
        ],
    ),
    "an activation with arguments": (
        "block b(act, c) = [conv3-c -> act]*2",
        ["b(leaky_relu(0.1), 4)", "b(leaky_relu(0.2), 4)", "b(leaky_relu, 4)", "b(leaky_relu(0.1), 6)"],
        [
            "conv3-4 -> leaky_relu(0.1) -> conv3-4 -> leaky_relu(0.1)",
            "conv3-4 -> leaky_relu(0.2) -> conv3-4 -> leaky_relu(0.2)",
            "conv3-4 -> leaky_relu -> conv3-4 -> leaky_relu",
            "conv3-6 -> leaky_relu(0.1) -> conv3-6 -> leaky_relu(0.1)",
        ],
    ),
    "a block as an argument": (
        "block s(c) = conv3-c\nblock t(c, d=2) = conv1-(c*d)\nblock b(inner, c) = [inner(c)]*2 -> relu",
        ["b(s, 4)", "b(t, 4)", "b(t(d=1), 4)", "b(s, 6)"],
        [
            "conv3-4 -> conv3-4 -> relu",
            "conv1-8 -> conv1-8 -> relu",
            "conv1-4 -> conv1-4 -> relu",
            "conv3-6 -> conv3-6 -> relu",
        ],
    ),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_a_block_called_with_several_arguments_is_those_blocks_written_out(name: str) -> None:
    head, calls, chains = WRITTEN_OUT[name]
    for order in permutations(range(len(calls)), 3):
        net = archdsl.parse(f"{head}\nnet n = INPUT[9x7x4] -> {' -> '.join(calls[each] for each in order)}")
        other = archdsl.parse(f"INPUT[9x7x4] -> {' -> '.join(chains[each] for each in order)}")
        assert meaning(net) == meaning(other), [calls[each] for each in order]


def test_a_block_that_asks_what_comes_in_is_another_one_for_each_size() -> None:
    block = "block b(k=3) = conv1-(in.channels + 2) -> [conv3-(in.channels) if k == 3]"
    net = archdsl.parse(f"{block}\nnet n = INPUT[9x7x4] -> b -> b -> pool -> b(1) -> b(3) -> conv1-4 -> b")
    first = "conv1-6 -> conv3-4 -> conv1-6 -> conv3-4"
    other = archdsl.parse(
        f"INPUT[9x7x4] -> {first} -> pool -> conv1-6 -> conv1-8 -> conv3-6 -> conv1-4 -> conv1-6 -> conv3-4"
    )
    assert meaning(net) == meaning(other)


@pytest.mark.parametrize(("first", "second"), [*product((True, False), repeat=2)])
def test_a_block_with_a_question_mark_is_there_or_not(first: bool, second: bool) -> None:
    head = "block left(c) = conv3-c -> bn\nblock right(c) = [relu -> left(c)]*2\nnet n = INPUT[9x7x4] -> "
    net = archdsl.parse(f"{head}left(4)? -> right(4)? -> left(4) -> right(6)?", left=first, right=second)
    parts = ["conv3-4 -> bn"] * first + ["relu -> conv3-4 -> bn -> relu -> conv3-4 -> bn"] * second + ["conv3-4 -> bn"]
    parts += ["relu -> conv3-6 -> bn -> relu -> conv3-6 -> bn"] * second
    assert meaning(net) == meaning(archdsl.parse(f"INPUT[9x7x4] -> {' -> '.join(parts)}"))


# --- names that are the beginnings of others --------------------------------------------------------------------------


def test_freezing_does_not_stop_at_a_name_that_goes_on() -> None:
    net = archdsl.parse(
        "INPUT[9x7x4] -> conv3-4 as layer10 -> conv3-4 as layer -> conv3-4 as layer1 -> fc-2 as layer11"
    )
    model = archdsl.freeze(net.to_torch(), until="layer1")
    frozen = {name.partition(".")[0] for name, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen == {"layer10", "layer"}


def test_paths_are_whole_names() -> None:
    net = archdsl.parse("INPUT[31x17x2] -> conv1x3-3 as layer10 -> [conv5x1-4 -> relu]*2 as layer -> pool3/2 as layer1")
    sizes = {path: tuple(axis.size for axis in net.receptive_field(path)) for path in ("layer10", "layer", "layer1")}
    assert sizes == {"layer10": (1, 3), "layer": (9, 3), "layer1": (11, 5)}
    cut = net.apply("truncate(layer)")
    assert [step.name for step in cut.module.steps] == ["layer10", "layer"]
    assert next(iter(cut.outputs.values())).shape == (4, 31, 17)


@pytest.mark.parametrize(
    ("size", "word"),
    [("20x5x4", "pool7"), ("5x20x4", "avgpool9x3"), ("20x5x4", "conv9-3(p=1)"), ("3x9x4", "conv5x3-2(p=0)")],
)
def test_a_window_that_is_larger_than_an_axis_is_refused_at_its_element(size: str, word: str) -> None:
    (found,) = told(f"INPUT[{size}] -> relu -> {word} -> relu", {})
    assert found.place is not None
    assert re.findall(r"[0-9x]+", word)[0] == found.place.text
    assert archdsl.parse(f"INPUT[20x20x4] -> relu -> {word} -> relu").macs >= 0
