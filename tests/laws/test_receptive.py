"""Receptive fields of random networks and of real ones, against the support of the gradient in torch in float64."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.gradients import Supports, check, hold_fields
from programme import examples

import archdsl
from archdsl import ArchError
from archdsl.algebra.fields import Field, Status
from archdsl.facts.receptive import ReceptiveFields, start
from archdsl.report.walk import Tour

_SAME_SIZE = (
    "conv3-2", "conv1x3-2", "conv5x1-2", "conv3-2(dilation=2)", "conv3-2(dilation=(3, 1))", "dwconv3", "avgpool3/1(p=1)",
    "pool3/1(p=1)", "relu", "conv3-2(groups=2)", "[conv3-2 -> relu]*3", "deconv3-2(p=1)", "gn(1)",
)  # fmt: skip
_SMALLER = (
    "conv3-2/2", "conv5-2/2", "conv2-2/2(p=0)", "conv1-2/2", "pool", "pool3/2(p=1)", "avgpool", "conv3-2/2(p=2)",
    "pool3/2(p=1, ceil=true)", "conv3-2/2x1", "adaptiveavgpool(9)", "conv3-2(p=0)",
)  # fmt: skip
_LARGER = (
    "deconv2-2/2", "deconv4-2/2(p=1)", "deconv3-2/2(p=1, output_padding=1)", "upsample2",
    'upsample2(mode="bilinear")', 'upsample(size=(70, 61), mode="bicubic")', "deconv1-2/2",
)  # fmt: skip
_MERGES = (
    "residual {{ {0} -> {1} }}",
    "add {{ {0} | {1} }}",
    "concat {{ {0} | {1} }} -> conv1-2",
    "concat {{ {0} | {1} }} -> slice(1, 3)",
    "conv3-4 -> slice(2)",
    "concat {{ {0} | {1} }} -> dwconv3 -> slice(2)",
    "concat {{ {0} | {1} }} -> conv3-4(groups=2) -> slice(0, 2)",
    "concat {{ {0} | {1} }} -> channel_shuffle(2) -> slice(2)",
    "concat {{ {0} | {1} }} -> conv1-4 -> slice(2)",
    "pad_channels(after=2) -> {0} -> slice(1, 3)",
    "space_to_depth -> slice(3, 5) -> {0}",
    "mul {{ {0} | gap(keep=true) -> conv1-2 -> sigmoid }}",
    "add {{ {0} | resize {{ conv3-2/2 -> {1} | identity }} }}",
    'add {{ {0} | resize(mode="bilinear") {{ gap(keep=true) | identity }} }}',
    "crop {{ {0} -> pad(2) | identity }}",
    "add {{ conv3-2/2 -> {0} | pool -> {1} }}",
    "add {{ pool -> {0} | conv1-2/2 -> {1} }}",
    "add {{ {0} | pool -> {1} -> upsample2 }}",
    "roll((2, 0)) -> {0}",
)  # fmt: skip


@st.composite
def networks(draw: st.DrawFn) -> str:
    """Chains with branches, repeats, dilation and transposed convolutions, on maps of two channels."""
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from([_SAME_SIZE, _SMALLER, _LARGER, _MERGES, _MERGES]))
        same = [draw(st.sampled_from(_SAME_SIZE)) for _ in range(2)]
        part = draw(st.sampled_from(kind)).format(*same) if kind is _MERGES else draw(st.sampled_from(kind))
        parts.append(f"[{part}]*2" if draw(st.booleans()) and kind is _MERGES else part)
    return " -> ".join(parts)


@examples(80, 5_000)
@given(networks())
def test_what_is_seen_of_random_networks(chain: str) -> None:
    note(chain)
    try:
        net = archdsl.parse(f"INPUT[48x37x2] -> {chain}")
    except ArchError:
        assume(False)
        return
    ((*fields,),) = ReceptiveFields().module(net.module, tuple(map(start, net.module.inputs)))
    supports = Supports(net)
    for position in supports.positions(2):
        for field, at, touched in zip(fields, position, supports.of(*position), strict=True):
            if touched:
                check(field, at, touched)
            else:
                assert field.status is Status.BOUND


@examples(30, 1_000)
@given(
    st.lists(
        st.sampled_from([*_SAME_SIZE, *(each.format("conv3-2", "dwconv3") for each in _MERGES[:4])]),
        min_size=1,
        max_size=4,
    )
)
def test_a_repeat_sees_what_it_sees_written_out(parts: list[str]) -> None:
    once = " -> ".join(parts)
    folded = archdsl.parse(f"INPUT[40x33x2] -> [{once}]*5")
    written = archdsl.parse(f"INPUT[40x33x2] -> {' -> '.join([once] * 5)}")
    assert folded.receptive_field() == written.receptive_field()


# --- networks of the zoo ----------------------------------------------------------------------------------------------

_REAL = [
    ("resnet18", "layer1", (3, 64, 96)),
    ("resnet18", "layer2", (3, 224, 160)),
    ("resnet18", "layer4", (3, 192, 128)),
    ("resnet50", "layer3", (3, 288, 64)),
    ("googlenet", "inception4a", (3, 224, 224)),
    ("mobilenet", "features.6", (3, 160, 192)),
    ("vgg16", "features.16", (3, 96, 64)),
    ("densenet121", "features.denseblock1", (3, 96, 64)),
    ("fcn_resnet50", "backbone.layer3", (3, 200, 64)),
    ("deeplabv3_resnet50", "backbone.layer4", (3, 96, 64)),
]


@pytest.mark.parametrize(("name", "path", "size"), _REAL)
def test_what_is_seen_in_real_networks(name: str, path: str, size: tuple[int, ...]) -> None:
    net = archdsl.load(name, input=size)
    supports = Supports(net, path)
    fields = Tour(net.module).at(path).after[0]
    for position in supports.positions(2):
        for field, at, touched in zip(fields, position, supports.of(*position), strict=True):
            assert field.status is Status.EXACT
            check(field, at, touched, covers_ends=True)


@pytest.mark.parametrize("name", ["unet", "shufflenet_v2", "swin_t"])
def test_bounds_hold_in_real_networks(name: str) -> None:
    narrow = archdsl.load("unet", width=2, input=(1, 252, 220))
    net = narrow if name == "unet" else archdsl.load(name)
    path = {"shufflenet_v2": "stage2", "swin_t": "features.1"}.get(name, "")
    supports = Supports(net, path)
    if name == "swin_t":
        supports.map = supports.map.movedim(-1, 1)
    fields = Tour(net.module).at(path).after[0] if path else Tour(net.module).outputs()[0]
    for position in supports.positions(5)[::3]:
        for field, at, touched in zip(fields, position, supports.of(*position), strict=True):
            assert field.status is Status.BOUND
            check(field, at, touched)


@pytest.mark.parametrize("name", ["deeplabv3_resnet50", "se_resnet50"])
def test_what_looks_at_a_whole_map_sees_the_whole_input(name: str) -> None:
    net = archdsl.load(name, input=(3, 96, 64))
    path = {"deeplabv3_resnet50": "classifier.0", "se_resnet50": "layer2"}[name]
    supports = Supports(net, path)
    for field, length, touched in zip(Tour(net.module).at(path).after[0], (96, 64), supports.of(1, 1), strict=True):
        assert field.status is Status.WHOLE
        assert touched == set(range(length))


def test_a_token_of_a_vision_transformer_sees_its_patch() -> None:
    net = archdsl.load("vit", depth=1)
    rows, columns = Tour(net.module).at("to_sequence1").after[0]
    assert (rows.size, rows.status, rows.loose) == (16, Status.EXACT, 14)
    assert columns == rows
    height, width = net.receptive_field("to_sequence1")
    assert (height.size, height.stride, height.start, height.status) == (16, None, None, Status.EXACT)
    assert width.status is Status.EXACT
    assert {axis.status for axis in net.receptive_field("encoder")} == {Status.WHOLE}
    assert {axis.status for axis in net.receptive_field("class_token")} == {Status.NONE}


def test_what_is_open_is_said() -> None:
    net = archdsl.parse("INPUT[8x8x3] -> to_sequence -> select(3)")
    (height, _) = net.receptive_field()
    assert (height.size, height.stride, height.start, height.status) == (1, None, None, Status.BOUND)
    causal = archdsl.load("gpt2").receptive_field()
    assert [(axis.axis, axis.size, axis.status) for axis in causal] == [("length", 1024, Status.BOUND)]
    vector = archdsl.parse("INPUT[16] -> fc-48 -> reshape((3, 4, 4)) -> conv3-8")
    assert vector.receptive_field() == ()


@pytest.mark.parametrize("position", [0, 1, 7, 14, 15, -1, -2, -9, -16])
def test_a_selected_position_sees_what_is_around_it_from_whichever_end_it_is_counted(position: int) -> None:
    (seen,) = archdsl.parse(f"INPUT[16x4] -> conv3-8 -> to_sequence -> select({position})").receptive_field()
    around = [each for each in range(16) if abs(each - range(16)[position]) <= 1]
    assert (seen.start, seen.size, seen.stride, seen.status) == (around[0], len(around), 0, Status.EXACT)


@pytest.mark.parametrize("window", ["1x1", "2x3", "4x5", "5x2", "9x8"])
def test_a_crop_sees_the_positions_that_it_leaves(window: str) -> None:
    """Of an odd difference the centre begins a position earlier."""
    net = archdsl.parse(f"INPUT[9x8x1] -> crop {{ | conv{window}-1(p=0) }}")
    supports = Supports(net)
    for position in {(0, 0), *supports.positions(2)}:
        for field, at, touched in zip(Tour(net.module).outputs()[0], position, supports.of(*position), strict=True):
            assert (field.status, field.size) == (Status.EXACT, 1)
            check(field, at, touched)


@pytest.mark.parametrize(("before", "after"), [(29, 7), (30, 7), (28, 7), (9, 4), (5, 8), (7, 6)])
def test_a_position_of_an_adaptive_pool_sees_its_share(before: int, after: int) -> None:
    """Shares are equally large only where the length divides; else some are a position larger than others."""
    net = archdsl.parse(f"INPUT[{before}x4x2] -> adaptiveavgpool(({after}, 2))")
    supports = Supports(net)
    ((rows, columns),) = Tour(net.module).outputs()
    for at in range(after):
        touched = supports.of(at, 1)
        check(rows, at, touched[0])
        check(columns, 1, touched[1])
    assert rows.status is (Status.BOUND if before % after else Status.EXACT)


@pytest.mark.parametrize("grid", [(4, 9), (5, 4), (3, 4), (8, 5)])
def test_a_window_that_covers_an_axis_sees_all_of_it(grid: tuple[int, int]) -> None:
    net = archdsl.parse(f"INPUT[sequence({grid[0]}, {grid[1]}, 8)] -> window_attention(2, window=4)")
    for axis in net.receptive_field():
        wanted = (Status.WHOLE, axis.length) if axis.length <= 4 else (Status.BOUND, 7)
        assert (axis.status, axis.size) == wanted


@pytest.mark.parametrize("word", ["rnn-6", "gru-6", "lstm-6"])
def test_a_last_state_sees_all_and_a_position_at_most_all(word: str) -> None:
    states = "h, c" if word == "lstm-6" else "h"
    text = f"net n {{\n input (9, 8)\n y, {states} = {word}(states=true)\n output WHAT\n}}"
    for what, status in (("y", Status.BOUND), *((each, Status.WHOLE) for each in states.split(", "))):
        (seen,) = archdsl.parse(text.replace("WHAT", what)).receptive_field()
        assert (seen.size, seen.status) == (9, status)


def test_a_field_is_data() -> None:
    (height, width) = archdsl.load("resnet50").receptive_field("layer4")
    assert height == archdsl.load("resnet50").receptive_field("layer4.2.conv3")[0]
    assert (height.axis, width.axis) == ("height", "width")
    assert height.to_json() == {"size": 427, "stride": 32, "start": -213, "status": "exact", "gapless": True}


def test_a_billion_layers_cost_nothing() -> None:
    net = archdsl.parse("INPUT[32x32x64] -> [[[conv3-64]*1000]*1000]*1000")
    assert [(axis.size, axis.start) for axis in net.receptive_field()] == [(2 * 10**9 + 1, -(10**9))] * 2


def test_an_operand_that_comes_to_each_of_a_repeat() -> None:
    """The last sees the first's memory through all that follow."""
    text = "block b(m) = add { conv3-2 | m -> conv3-2 }\nnet n {\n input 64x9x2\n m = conv1-2\n m -> b(m)*7\n}"
    folded = archdsl.parse(text)
    written = archdsl.parse(text.replace("b(m)*7", " -> ".join(["b(m)"] * 7)))
    assert folded.receptive_field() == written.receptive_field()
    supports = Supports(written)
    ((field, _),) = ReceptiveFields().module(written.module, (start(written.module.inputs[0]),))
    assert isinstance(field, Field)
    assert field.size == 15
    check(field, 32, supports.of(32, 4)[0])


def test_a_slice_is_exact_where_all_channels_see_as_much() -> None:
    """Channel 0 of the sum sees 3 positions and channel 1 sees 7, until a layer mixes them."""
    uneven = "concat { conv3-1 | conv7-1 }"
    for chain, size, status in (
        (f"{uneven} -> slice(0, 1)", 7, Status.BOUND),
        (f"{uneven} -> conv1-2 -> slice(0, 1)", 7, Status.EXACT),
        (f"{uneven} -> relu -> dwconv3 -> slice(0, 1)", 9, Status.BOUND),
        ("conv3-4 -> relu -> slice(0, 1)", 3, Status.EXACT),
        ("concat { conv3-1 | conv3-1 } -> slice(0, 1)", 3, Status.EXACT),
    ):
        (height, _) = archdsl.parse(f"INPUT[32x32x2] -> {chain}").receptive_field()
        assert (height.size, height.status) == (size, status), chain


def test_blocks_that_split_what_came_in_are_bounds_only_where_that_is_uneven() -> None:
    text = "block split_half = concat { slice(0, 2) | slice(2) -> conv3-2 }\n"
    once = archdsl.parse(f"{text}net n {{ input 16x16x3\n conv1-4 -> split_half }}").receptive_field()
    twice = archdsl.parse(f"{text}net n {{ input 16x16x3\n conv1-4 -> split_half*2 }}").receptive_field()
    mixed = archdsl.parse(f"{text}net n {{ input 16x16x3\n conv1-4 -> [split_half -> conv1-4]*2 }}").receptive_field()
    assert [axes[0].status for axes in (once, twice, mixed)] == [Status.EXACT, Status.BOUND, Status.EXACT]


@pytest.mark.parametrize(
    "text",
    [
        "INPUT[1x1x2] -> [conv5-2]*300",  # each is a mean over its padding too
        "INPUT[4x4x2] -> conv3-2 -> crop(offset=0) { pad(4) | } -> gap",  # nothing but padding is left
        "INPUT[6x6x1] -> crop(offset=0) { | pool } -> conv3-2 -> gap",  # what was cut off is not in the padding
        "INPUT[6x6x1] -> pool3/2 -> conv3-2 -> conv3-2 -> gap",  # nor what a stride left over
        "INPUT[9x9x1] -> add { crop(offset=3) { | pool3 } -> conv3-1 | crop(offset=1) { | pool3 } } -> gap",
        "INPUT[5x5x4] -> slice(0, 1) -> ln -> conv3-2",  # the norm of a single number is 0
        "INPUT[8x6x8] -> bn -> pad(before=2) -> channels_last",  # torch lays out the gradient in an order of its own
        "input t: tokens(5)\nm = t -> padding_mask\nk = t -> param((5, 4))\nk -> dot_attention(k, mask=m)",  # by a mask
        "net n {\n input t: tokens(5)\n embedding-4(9) -> ln -> transpose -> fc-3\n}",
    ],
)
def test_a_field_is_held_to_gradients_however_little_of_them_is_left(text: str) -> None:
    root = archdsl.parse(text).module
    assert [hold_fields(root, seed) for seed in range(8)] == [1] * 8


@pytest.mark.parametrize(
    ("chain", "first", "size"),
    [
        ("crop(offset=0) { | pool }", 0, 4),
        ("crop(offset=0) { | pool } -> conv3-2", 0, 4),
        ("crop { | pool } -> conv3-2*9", 2, 4),
        ("pool3/2", 0, 7),
        ("pool3/2 -> conv3-2", 0, 7),
        ("conv3-2 -> pool3/2 -> conv3-2", 0, 8),
    ],
)
def test_what_was_cut_off_or_left_over_is_seen_by_nothing_that_follows(chain: str, first: int, size: int) -> None:
    for axis in archdsl.parse(f"INPUT[8x8x1] -> {chain} -> gap").receptive_field():
        assert (axis.start, axis.size) == (first, size)
        assert axis.status is (Status.WHOLE if size == 8 else Status.EXACT)


@pytest.mark.parametrize("joined", ["param((1, 8)) | ", " | param((1, 8))"])
def test_a_position_that_another_tensor_fills_sees_nothing(joined: str) -> None:
    first = 1 if joined.startswith("param") else 0
    for position in range(4):
        net = archdsl.parse(f'input (3, 8)\nconcat("positions") {{ {joined} }} -> select({position})')
        (seen,) = net.receptive_field()
        inside = first <= position < first + 3
        assert (seen.size, seen.start) == ((1, position - first) if inside else (None, None))
