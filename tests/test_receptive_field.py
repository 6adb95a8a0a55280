"""Receptive fields through the public door: against published tables, as data, as JSON, and on the board."""

from __future__ import annotations

import json

import pytest
from work import growth

import archdsl
from archdsl.report import summary

PAPER = """
## The bottleneck as published, with the stride in its first layer.
block bottleneck(c, s=1) = residual {
    conv1-c/s -> bn -> relu -> conv3-c -> bn -> relu -> conv1-(4*c) -> bn
  } -> relu

net resnet(n=[3, 4, 6, 3]) {
  input 224x224x3
  conv7-64/2 -> bn -> relu -> pool3/2(p=1)
    -> bottleneck(64)*n[0] as layer1
    -> [bottleneck(128, s=2) -> bottleneck(128)*(n[1] - 1)] as layer2
    -> [bottleneck(256, s=2) -> bottleneck(256)*(n[2] - 1)] as layer3
    -> [bottleneck(512, s=2) -> bottleneck(512)*(n[3] - 1)] as layer4
}
"""

# Araujo, Norris, Sim 2019, Computing Receptive Fields of Convolutional Neural Networks, doi:10.23915/distill.00021, and
# the table of its library: size, stride, padding
ARAUJO = {
    "alexnet": {
        "conv1": (11, 4, 0), "pool1": (19, 8, 0), "conv2": (51, 8, 16), "conv3": (99, 16, 32), "conv4": (131, 16, 48),
        "conv5": (163, 16, 64), "pool3": (195, 32, 64),
    },
    "vgg16": {
        "features.0": (3, 1, 1), "features.4": (6, 2, 2), "features.5": (10, 2, 4), "features.9": (16, 4, 6),
        "features.16": (44, 8, 18), "features.23": (100, 16, 42), "features.28": (196, 16, 90),
        "features.30": (212, 32, 90),
    },
    "inception_v3": {
        "Conv2d_1a_3x3": (3, 2, 0), "Conv2d_2b_3x3": (11, 2, 2), "Mixed_5b": (63, 8, 18), "Mixed_5d": (127, 8, 50),
        "Mixed_6a": (159, 16, 58), "Mixed_6e": (927, 16, 442), "Mixed_7a": (1055, 32, 490),
        "Mixed_7c": (1311, 32, 618),
    },
    "inception_v4": {"features": (2071, 32, 998)},
}  # fmt: skip


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in ARAUJO.items() for path in paths])
def test_published_sizes_strides_and_paddings(name: str, path: str) -> None:
    for axis in archdsl.load(name).receptive_field(path):
        assert axis.start is not None
        assert (axis.size, axis.stride, -axis.start) == ARAUJO[name][path]


@pytest.mark.parametrize(
    ("units", "size", "padding"), [([3, 4, 6, 3], 483, 239), ([3, 4, 23, 3], 1027, 511), ([3, 8, 36, 3], 1507, 751)]
)
def test_residual_networks_as_published(units: list[int], size: int, padding: int) -> None:
    """The zoo has the stride in the second layer of a block, as torchvision does, which sees less."""
    net = archdsl.parse(PAPER, n=units)
    assert [(axis.size, axis.stride, axis.start) for axis in net.receptive_field()] == [
        (size, 32, 1 - (size + 1) // 2)
    ] * 2
    # the published padding is that of maps whose padding is all at the end where it is odd
    assert padding <= (size - 1) // 2


def test_mobilenet() -> None:
    (height, _) = archdsl.load("mobilenet").receptive_field("features")
    assert (height.size, height.stride, height.status) == (315, 32, "exact")


def test_the_axes_may_differ() -> None:
    (length, height, width) = archdsl.parse(
        "INPUT[9x9x9x1] -> conv(4, window=(1, 3, 5), stride=(1, 2, 3))"
    ).receptive_field()
    assert [axis.axis for axis in (length, height, width)] == ["depth", "height", "width"]
    assert [(axis.size, axis.stride, axis.start) for axis in (length, height, width)] == [
        (1, 1, 0),
        (3, 2, -1),
        (5, 3, -2),
    ]


def test_a_dilated_row_has_gaps_that_one_with_growing_dilation_has_not() -> None:
    """Wang et al. 2018, Understanding Convolution for Semantic Segmentation, arXiv:1702.08502, figure 2."""
    gridded, filled = "[conv3-4(dilation=2)]*3", "conv3-4 -> conv3-4(dilation=2) -> conv3-4(dilation=3)"
    for chain, gapless in ((gridded, False), (filled, True)):
        (height, _) = archdsl.parse(f"INPUT[32x32x4] -> {chain}").receptive_field()
        assert (height.size, height.status, height.gapless) == (13, "exact", gapless)
    assert "with gaps" in archdsl.parse(f"INPUT[32x32x4] -> {gridded}").explain("repeat1.1")


def test_rows_that_a_stride_leaves_over_are_not_said_to_be_seen() -> None:
    text = archdsl.parse("INPUT[6x6x3] -> pool3/2 -> conv3-4 -> conv3-4 -> gap(keep=true) -> conv3-8").explain()
    seen = [line.partition("sees")[2].strip() for line in text.splitlines() if line.strip().startswith("sees")]
    assert seen[-2:] == ["7 + (3 - 1)*2 = 11, moves by 2, from -2 - 1*2 = -4", "5, from 0"]


def test_json_has_an_object_for_each_axis() -> None:
    document = json.loads(archdsl.load("vit_b_16").summary(1).to_json())
    assert document["version"] == summary.VERSION == 2
    seen = {row["path"]: row["receptive_field"]["width"] for row in document["rows"]}
    assert seen["conv_proj"] == {"size": 16, "stride": 16, "start": 0, "status": "exact", "gapless": True}
    assert seen["to_sequence1"] == {"size": 16, "stride": None, "start": None, "status": "exact", "gapless": True}
    assert seen["class_token"]["status"] == "not applicable"
    assert seen["encoder"] == {"size": 224, "stride": 0, "start": 0, "status": "whole", "gapless": True}
    half = json.loads(archdsl.parse("INPUT[8x8x3] -> conv3-4 -> deconv2-4/2").summary().to_json())["rows"][-1]
    assert half["receptive_field"]["height"]["stride"] == 0.5
    assert half["receptive_field"]["height"]["status"] == "bound"


@pytest.mark.parametrize("name", ["resnet18", "se_resnet50", "deeplabv3_resnet50"])
def test_the_whole_of_an_input_has_its_size(name: str) -> None:
    """Without the padding that the map before had."""
    rows = archdsl.load(name, input=(3, 96, 64)).summary(0).rows
    whole = [axis for row in rows for axis in row.receptive_field if axis.status == "whole"]
    assert {(axis.axis, axis.start, axis.size) for axis in whole} == {("height", 0, 96), ("width", 0, 64)}


def test_a_bad_path_is_an_error() -> None:
    with pytest.raises(archdsl.ArchError) as caught:
        archdsl.load("resnet18").receptive_field("layer9")
    assert caught.value.diagnostics[0].code == "E0701"


def test_cost_follows_the_text() -> None:
    def asked(net: archdsl.Network) -> None:
        net.receptive_field()
        net.explain()

    def deep(count: int) -> None:
        asked(archdsl.parse(f"INPUT[32x32x64] -> [[[conv3-64]*{count}]*{count}]*{count}"))

    def published(name: str) -> None:
        asked(archdsl.load(name))

    # a power of n takes log(n) steps
    assert growth(deep, 10, 1000, first=9) < 2.5
    assert growth(published, "resnet110", "resnet1202", first="resnet56") < 1.5


# --- on the board -----------------------------------------------------------------------------------------------------


def test_the_recurrence_has_size_stride_and_start() -> None:
    text = archdsl.load("resnet18").explain("layer2.0.conv1")
    assert "43 + (3 - 1)*4 = 51, moves by 4*2 = 8, from -21 - 1*4 = -25" in text


def test_two_layers_of_3x3_see_what_one_5x5_sees() -> None:
    text = " ".join(archdsl.load("vgg16").explain("features").partition("\n\n")[0].split())
    assert "0 to 2: 2 layers of 3×3 see what one of 5×5 sees" in text
    weights = 3 * 9 * 512**2, 49 * 512**2
    assert (
        "24 to 28: 3 layers of 3×3 see what one of 7×7 sees, with {:,} weights instead of {:,}".format(*weights) in text
    )


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("conv3-8 -> bn -> relu -> conv3-8", ["2 layers of 3×3 see what one of 5×5 sees"]),
        ("[conv3-8 -> relu]*5", ["5 layers of 3×3 see what one of 11×11 sees"]),
        ("conv1x3-8 -> conv1x3-8 -> conv3x1-8", ["2 layers of 1×3 see what one of 1×5 sees"]),
        ("conv3-8 -> conv3-8/2 -> conv3-8", []),
        ("conv3-8 -> pool -> conv3-8", []),
        ("conv3-8 -> conv5-8", []),
        ("conv3-8(dilation=2) -> conv3-8(dilation=2)", []),
        ("conv1-8 -> conv1-8", []),
        ("conv3-8(groups=2) -> conv3-8(groups=2)", ["2 layers of 3×3"]),
        ("conv3-8 -> conv3-8(groups=2) -> conv3-8(groups=4)", []),
        ("add { conv3-8 | conv3-8 } -> conv3-8", []),
        ("conv3-8 -> gn(4) -> conv3-8", []),
        ("[conv3-8 -> conv3-8 -> pool]*2 -> [conv3-8 -> conv3-8] as last -> conv3-8", ["3 layers of 3×3"]),
    ],
)
def test_rows_of_equal_convolutions(chain: str, said: list[str]) -> None:
    net = archdsl.parse(f"INPUT[32x32x8] -> {chain}")
    head = " ".join(net.explain().partition("\n\n")[0].split())
    assert head.count("in a row") == len(said)
    for each in said:
        assert each in head
    one = " ".join(net.explain().split())
    for each in said:
        assert each in one


def test_a_row_sees_what_the_one_layer_sees() -> None:
    five = archdsl.parse("INPUT[32x32x8] -> [conv3-8 -> relu]*5").receptive_field()
    assert five == archdsl.parse("INPUT[32x32x8] -> conv11-8").receptive_field()
