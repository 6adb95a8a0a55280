"""Networks that make maps: a second derivation of their figures, and what their papers say besides."""

from __future__ import annotations

import pytest
import torch
from test_zoo import FIGURES, VGG, Ledger

import archdsl
from archdsl.facts.receptive import ReceptiveFields, start
from archdsl.graph.flat import layers


class Maps(Ledger):
    """A ledger that knows transposed convolutions and keeps a map of several sizes."""

    def deconv(self, width: int, window: int, stride: int, *, bias: bool = True) -> Maps:
        """Each weight meets each position of the input."""
        weights = self.channels * width * window**2
        self.params += weights + width * bias
        self.macs += weights * self.size**2
        self.size = (self.size - 1) * stride + window
        self.channels = width
        return self

    def cut(self, size: int) -> Maps:
        """A crop."""
        assert size <= self.size
        self.size = size
        return self

    def figures(self) -> tuple[int, int, tuple[int, ...]]:
        """As the table of the zoo has them."""
        return self.params, self.macs, (self.channels, self.size, self.size)


# --- FCN --------------------------------------------------------------------------------------------------------------

# VGG-16 without its classifier, then fc6, fc7 and the scores of 21 classes
CONVOLUTIONAL = 14_714_688 + (4096 * 512 * 7 * 7 + 4096) + (4096 * 4096 + 4096) + (21 * 4096 + 21)


def fcn(stride: int) -> Maps:
    """The network and, on the way, the maps that its skips go back to."""
    net = Maps(3, 500)
    earlier: list[tuple[int, int]] = []
    for number, row in enumerate(VGG["vgg16"]):
        for position, width in enumerate(map(int, row.split())):
            net.conv(width, 3, 1, 100 if number == position == 0 else 1)
        net.pool(2, up=True)
        earlier.append((net.channels, net.size))
    assert net.params == 14_714_688
    net.conv(4096, 7, 1, 0).conv(4096, 1).conv(21, 1)
    assert net.params == CONVOLUTIONAL == 134_346_581
    for channels, size in (earlier[3], earlier[2])[: {32: 0, 16: 1, 8: 2}[stride]]:
        net.deconv(21, 4, 2, bias=False).join(Maps(channels, size).conv(21, 1))
    return net.deconv(21, 2 * stride, stride, bias=False).cut(500)


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_by_hand(stride: int) -> None:
    assert fcn(stride).figures() == FIGURES[f"fcn{stride}s"]


def centred(stride: int) -> list[float]:
    """Where the crops begin if what is joined lies over each other: position i of a map stands over the pixel at
    `step*i + at`, the middle of what its windows cover."""
    step, at = 1, 1.0 - 100
    pooled: list[tuple[int, float]] = []
    for _ in range(5):
        step, at = 2 * step, at + step / 2
        pooled.append((step, at))
    at += 3 * step
    offsets: list[float] = []
    for earlier_step, earlier in (pooled[3], pooled[2])[: {32: 0, 16: 1, 8: 2}[stride]]:
        step, at = step // 2, at - 1.5 * step / 2
        assert step == earlier_step
        offsets.append((at - earlier) / step)
    return [*offsets, (2 * stride - 1) / 2 - at]


@pytest.mark.parametrize(("stride", "offsets"), [(32, [19]), (16, [5, 27]), (8, [5, 9, 31])])
def test_fcn_joins_what_lies_over_each_other(stride: int, offsets: list[int]) -> None:
    found = [layer.step.what for layer in layers(archdsl.load(f"fcn{stride}s").module)]
    assert [each.offset for each in found if each.word == "crop"] == offsets == centred(stride)


@pytest.mark.parametrize("size", [(64, 96), (101, 75)])
@pytest.mark.parametrize("stride", [32, 16, 8])
def test_fcn_gives_scores_for_every_pixel_of_an_image_of_any_size(stride: int, size: tuple[int, int]) -> None:
    module = archdsl.load(f"fcn{stride}s").to_torch(device="meta")
    assert module(torch.empty(1, 3, *size, device="meta")).shape == (1, 21, *size)


# --- U-Net ------------------------------------------------------------------------------------------------------------


def unet() -> Maps:
    """Figure 1, box after box."""
    net = Maps(1, 572)
    copies: list[int] = []
    for width in (64, 128, 256, 512):
        net.conv(width, 3, 1, 0).conv(width, 3, 1, 0)
        copies.append(net.size)
        net.pool()
    assert copies == [568, 280, 136, 64]
    net.conv(1024, 3, 1, 0).conv(1024, 3, 1, 0)
    assert net.size == 28
    for width, copy, wanted in zip((512, 256, 128, 64), reversed(copies), (56, 104, 200, 392), strict=True):
        assert net.deconv(width, 2, 2).size == wanted < copy
        net.channels *= 2
        net.conv(width, 3, 1, 0).conv(width, 3, 1, 0)
    return net.conv(2, 1)


def test_unet_by_hand() -> None:
    assert unet().figures() == FIGURES["unet"]


def test_unet_with_padding_keeps_the_size() -> None:
    net = archdsl.load("unet", padding=1, input=(1, 64, 96))
    assert net.params == FIGURES["unet"][0]
    assert net.outputs["y"].shape == (2, 64, 96)


# --- YOLOv3 -----------------------------------------------------------------------------------------------------------


def unit(net: Maps, window: int, width: int, stride: int = 1) -> Maps:
    """A convolution of Darknet, without a bias, with batch norm."""
    net.conv(width, window, stride, bias=False, norm=True)
    return net


def darknet(net: Maps) -> list[tuple[int, int]]:
    """Table 1 of arXiv:1804.02767; the channels and sizes of the maps of its stages."""
    unit(net, 3, 32)
    stages: list[tuple[int, int]] = []
    for width, blocks in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4)):
        unit(net, 3, width, 2)
        for _ in range(blocks):
            unit(unit(net, 1, width // 2), 3, width)
        stages.append((net.channels, net.size))
    return stages


def test_darknet53_by_hand() -> None:
    net = Maps(3, 256)
    darknet(net)
    net.gap().fc(1000)
    assert (net.params, net.macs, (net.channels,)) == FIGURES["darknet53"]
    weighted = [layer for layer in layers(archdsl.load("darknet53").module) if layer.step.what.word in {"conv", "fc"}]
    assert len(weighted) == 53


def test_yolov3_by_hand() -> None:
    net = Maps(3, 416)
    stages = darknet(net)
    shapes: list[tuple[int, ...]] = []
    for width, skip in ((512, None), (256, stages[3]), (128, stages[2])):
        if skip is not None:
            unit(net, 1, width)
            net.channels, net.size = net.channels + skip[0], 2 * net.size
            assert net.size == skip[1]
        for window, channels in ((1, width), (3, 2 * width), (1, width), (3, 2 * width), (1, width)):
            unit(net, window, channels)
        head = unit(Maps(net.channels, net.size), 3, 2 * width)
        head.conv(255, 1)
        net.join(head)
        shapes.append((head.channels, head.size, head.size))
    assert (net.params, net.macs, tuple(shapes)) == FIGURES["yolov3"]


def test_yolov3_is_called_with_other_classes_and_anchors() -> None:
    net = archdsl.load("yolov3", classes=20, anchors=2, input=(3, 96, 64))
    assert [kind.shape for kind in net.outputs.values()] == [(50, 3, 2), (50, 6, 4), (50, 12, 8)]


# --- what follows the size of another tensor --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["nearest", "linear", "bicubic"])
@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sizes", [(4, 8), (4, 9), (9, 4), (5, 7), (7, 1), (1, 6), (13, 8), (6, 6)])
def test_what_an_interpolated_position_sees(mode: str, sizes: tuple[int, int], *, aligned: bool) -> None:
    """Against the gradient of torch, position after position: all that it sees lies within, and not much else."""
    before, after = sizes
    x = torch.ones(1, 1, before, 3, dtype=torch.float64, requires_grad=True)
    how = f'mode="{mode}", align_corners={str(aligned).lower()}'
    net = archdsl.parse(f"net n {{ input x: {before}x3x1\n input like: {after}x3x1\n resize({how}) {{ x | like }} }}")
    same = archdsl.parse(f"INPUT[{before}x3x1] -> upsample(size=({after}, 3), {how})")
    fields = [
        ReceptiveFields().module(each.module, tuple(map(start, each.module.inputs)))[0][0] for each in (net, same)
    ]
    assert fields[0] == fields[1]
    result = net.to_torch(dtype=torch.float64)(x, torch.empty(1, 1, after, 3))
    for position in range(after):
        (gradient,) = torch.autograd.grad(result[0, 0, position, 1], x, retain_graph=True)
        rows = gradient[0, 0, :, 1].nonzero().flatten().tolist()
        low, high = (end + position * fields[0].jump for end in (fields[0].low, fields[0].high))
        assert low <= min(rows)
        assert max(rows) <= high
    assert fields[0].size <= {"nearest": 1, "linear": 2, "bicubic": 4}[mode]


def test_a_crop_shifts_what_is_seen() -> None:
    text = "net n { input x: 9x8x1\n crop(offset=2) { x | [conv3-1(p=0) -> conv3-1(p=0)] } }"
    module = archdsl.parse(text).module
    rows, columns = ReceptiveFields().module(module, (start(module.inputs[0]),))[0]
    assert (rows.low, rows.high, columns.low, columns.high) == (2, 2, 2, 2)
    centre = archdsl.parse(text.replace("(offset=2)", "")).module
    rows, columns = ReceptiveFields().module(centre, (start(centre.inputs[0]),))[0]
    assert (rows.low, rows.high, columns.low, columns.high) == (2, 2, 2, 2)


@pytest.mark.parametrize("word", ["crop", "resize"])
def test_only_the_size_of_the_other_tensor_is_seen(word: str) -> None:
    """The other tensor sees everything, and what comes out does not."""
    text = "INPUT[9x9x1] -> WORD { conv3-1 | gap(keep=true) -> upsample(size=(5, 5)) }".replace("WORD", word)
    net = archdsl.parse(text)
    model = net.to_torch(dtype=torch.float64)
    x = torch.randn(1, 1, 9, 9, dtype=torch.float64, requires_grad=True)
    model(x)[0, 0, 2, 2].backward()
    assert x.grad is not None
    assert int((x.grad != 0).sum()) == 9
    (row,) = [line for line in str(net.summary()).splitlines() if line.startswith(f"{word}1 ")]
    assert row.split()[-1].removeprefix("<=") == "3"


def test_the_code_follows_the_size_of_the_input() -> None:
    module = archdsl.load("deeplabv3_resnet50").to_torch(device="meta").eval()
    assert module(torch.empty(1, 3, 65, 90, device="meta")).shape == (1, 21, 65, 90)


# --- what is made of it -----------------------------------------------------------------------------------------------


def test_children_with_numbers_for_names_are_a_list_of_modules() -> None:
    net = archdsl.parse("block b(c) = concat { conv1-c as 0 | [conv3-c -> bn] as 1 }\nnet n { input 8x8x3\n b(4) }")
    assert "class B(nn.ModuleList):" in net.source()
    assert "self[1](x)" in net.source()
    module = net.to_torch().eval()
    assert set(module.state_dict()) >= {"b1.0.weight", "b1.1.0.weight", "b1.1.1.running_mean"}
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(torch.fx.symbolic_trace(module)(x), module(x))


def test_a_count_that_is_an_argument_makes_one_class() -> None:
    text = "block s(c, n) = conv3-c/2 -> [conv3-c -> relu]*n\nnet n { input 32x32x3\n s(8, 1) -> s(16, 3) }"
    net = archdsl.parse(text)
    assert net.source().count("class ") == 2
    assert net.to_torch()(torch.randn(1, 3, 32, 32)).shape == (1, 16, 8, 8)


def test_all_items_of_an_argument_are_the_argument() -> None:
    inner = "block a(cs) = conv1-(cs[0]) -> conv1-(cs[1])"
    outer = "block b(cs) = a(cs) -> a([cs[1], cs[0]])"
    source = archdsl.parse(f"{inner}\n{outer}\nnet n {{ input 8x8x3\n b([4, 5]) -> b([6, 7]) }}").source()
    assert "A(in_channels, cs)" in source
    assert "A(cs[1], (cs[1], cs[0]))" in source


def test_equal_widths_that_are_joined_are_a_multiple() -> None:
    text = "block b(c) = concat { conv1-c | conv3-c | conv5-c } -> conv1-c\nnet n { input 8x8x3\n b(4) }"
    assert "nn.Conv2d(3 * c, c, 1)" in archdsl.parse(text).source()


def test_stated_shapes_are_those_of_the_text_as_it_is() -> None:
    text = "net n(width=16, padding=1) { input 8x8x3\n conv3-width(p=padding) : 8x8x16 }"
    assert archdsl.parse(text, width=4).outputs["y"].shape == (4, 8, 8)
    with pytest.raises(archdsl.ArchError, match="6x6x16 comes out"):
        archdsl.parse(text.replace("padding=1", "padding=0"))
