"""The networks that come with the compiler: every published figure, derived a second time, and the names of weights."""

import importlib.util
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from published import TORCHVISION
from work import HANGS

import archdsl
from archdsl.compiler import check_source, source_of
from archdsl.elaborate.library import zoo_names
from archdsl.graph.flat import layers

DATA = Path(__file__).parent / "data"

# parameters as torch counts them, MACs of one sample at inference, the size of the output, or of each of several
FIGURES = {
    "lenet5": (61_706, 416_520, (10,)),
    "alexnet": (60_965_224, 724_406_816, (1000,)),
    "alexnet_owt": (61_100_840, 714_188_480, (1000,)),
    "zfnet": (62_357_608, 1_168_032_896, (1000,)),
    "vgg11": (132_863_336, 7_609_090_048, (1000,)),
    "vgg11_lrn": (132_863_336, 7_609_090_048, (1000,)),
    "vgg13": (133_047_848, 11_308_466_176, (1000,)),
    "vgg16_c": (133_638_952, 11_770_888_192, (1000,)),
    "vgg16": (138_357_544, 15_470_264_320, (1000,)),
    "vgg19": (143_667_240, 19_632_062_464, (1000,)),
    "nin": (7_595_176, 1_100_188_800, (1000,)),
    "googlenet": (13_378_280, 1_582_671_872, (1000,)),
    "resnet": (25_557_032, 4_089_184_256, (1000,)),
    "resnet18": (11_689_512, 1_814_073_344, (1000,)),
    "resnet34": (21_797_672, 3_663_761_408, (1000,)),
    "resnet50": (25_557_032, 4_089_184_256, (1000,)),
    "resnet101": (44_549_160, 7_801_405_440, (1000,)),
    "resnet152": (60_192_808, 11_513_626_624, (1000,)),
    "resnet_cifar": (269_722, 40_551_040, (10,)),
    "resnet20": (269_722, 40_551_040, (10,)),
    "resnet56": (853_018, 125_485_696, (10,)),
    "resnet110": (1_727_962, 252_887_680, (10,)),
    "resnet1202": (19_421_274, 2_829_238_912, (10,)),
    "resnext": (25_028_904, 4_230_479_872, (1000,)),
    "resnext50_32x4d": (25_028_904, 4_230_479_872, (1000,)),
    "resnext101_32x8d": (88_791_336, 16_414_015_488, (1000,)),
    "wide_resnet50_2": (68_883_240, 11_398_021_120, (1000,)),
    "se_resnet50": (28_088_024, 4_091_699_200, (1000,)),
    "preact_resnet164": (1_703_258, 247_646_720, (10,)),
    "wide_resnet28_10": (36_479_194, 5_243_328_768, (10,)),
    "resnext29_8x64d": (34_426_698, 5_387_266_048, (10,)),
    "mobilenet": (4_231_976, 568_740_352, (1000,)),
    "mobilenet_v2": (3_504_872, 300_774_272, (1000,)),
    "mobilenet_v3": (5_483_032, 216_589_760, (1000,)),
    "mobilenet_v3_large": (5_483_032, 216_589_760, (1000,)),
    "mobilenet_v3_small": (2_542_856, 56_510_400, (1000,)),
    "efficientnet": (5_288_548, 385_814_752, (1000,)),
    "efficientnet_b0": (5_288_548, 385_814_752, (1000,)),
    "efficientnet_b1": (7_794_184, 686_802_832, (1000,)),
    "convnext": (28_589_128, 4_455_531_264, (1000,)),
    "convnext_tiny": (28_589_128, 4_455_531_264, (1000,)),
    "convnext_small": (50_223_688, 8_683_712_256, (1000,)),
    "convnext_base": (88_591_464, 15_354_729_472, (1000,)),
    "vit": (86_567_656, 17_563_828_224, (1000,)),
    "vit_b_16": (86_567_656, 17_563_828_224, (1000,)),
    "vit_b_32": (88_224_232, 4_409_186_304, (1000,)),
    "vit_l_16": (304_326_632, 61_554_712_576, (1000,)),
    "swin": (28_288_354, 4_490_566_656, (1000,)),
    "swin_t": (28_288_354, 4_490_566_656, (1000,)),
    "swin_s": (49_606_258, 8_740_875_264, (1000,)),
    "swin_b": (87_768_224, 15_430_946_816, (1000,)),
    "textbook_linear": (30_730, 30_720, (10,)),
    "textbook_conv": (164_298, 606_208, (10,)),
    "textbook_conv_pool": (69_018, 1_098_368, (10,)),
    "textbook_conv_conv_pool": (33_306, 4_297_344, (10,)),
    "tiny_vgg": (6_440, 1_775_680, (10,)),
    "alexnet_d2l": (46_764_746, 938_146_176, (10,)),
    "vgg11_d2l": (128_806_154, 7_547_232_256, (10,)),
    "nin_d2l": (1_992_166, 762_297_352, (10,)),
    "resnet18_d2l": (11_178_378, 1_734_890_496, (10,)),
    "fcn32s": (136_152_917, 181_365_854_976, (21, 500, 500)),
    "fcn16s": (134_815_994, 181_448_086_272, (21, 500, 500)),
    "fcn8s": (134_489_759, 181_529_034_048, (21, 500, 500)),
    # the MACs are those without the auxiliary heads, which are for training
    "fcn_resnet50": (35_322_218, 142_725_772_800, (21, 520, 520)),
    "deeplabv3_resnet50": (42_004_074, 168_731_205_888, (21, 520, 520)),
    "unet": (31_030_658, 150_428_424_448, (2, 388, 388)),
    "darknet53": (41_609_928, 9_285_115_904, (1000,)),
    "yolov3": (61_949_149, 32_932_037_632, ((255, 13, 13), (255, 26, 26), (255, 52, 52))),
    "densenet": (7_978_856, 2_834_161_664, (1000,)),
    "densenet121": (7_978_856, 2_834_161_664, (1000,)),
    "densenet161": (28_681_000, 7_727_907_072, (1000,)),
    "densenet169": (14_149_480, 3_359_843_328, (1000,)),
    "densenet201": (20_013_928, 4_291_365_888, (1000,)),
    "googlenet_bn": (13_004_888, 1_498_376_192, (1000,)),
    "inception_v3": (27_161_264, 5_713_216_096, (1000,)),
    "inception_v4": (42_679_816, 12_253_974_624, (1000,)),
    "squeezenet1_0": (1_248_424, 818_924_576, (1000,)),
    "squeezenet1_1": (1_235_496, 349_151_936, (1000,)),
    "shufflenet_v2": (2_278_604, 144_907_992, (1000,)),
    "shufflenet_v2_x0_5": (1_366_792, 40_476_448, (1000,)),
    "shufflenet_v2_x1_0": (2_278_604, 144_907_992, (1000,)),
    "shufflenet_v2_x1_5": (3_503_624, 295_759_392, (1000,)),
    "shufflenet_v2_x2_0": (7_393_996, 583_253_464, (1000,)),
    "lstm_classifier": (3_351_554, 78_644_224, (2,)),
    "gru_classifier": (3_153_922, 58_983_424, (2,)),
    "rnn_classifier": (2_758_658, 19_661_824, (2,)),
    "lstm_lm": (19_780_400, 464_100_000, (35, 10000)),
    "seq2seq": (384_144_000, 4_320_000_000, (30, 80000)),
    "seq2seq_attention": (216_064_000, 5_805_000_000, (50, 50000)),
    "transformer": (63_082_496, 4_106_485_760, (64, 37000)),
    "gpt2": (124_439_808, 145_824_153_600, (1024, 50257)),
    "bert": (109_482_240, 48_318_971_904, ((512, 768), (768,))),
    "mlp_mixer": (59_880_472, 12_601_767_936, (1000,)),
}


@cache
def load(name):
    return archdsl.load(name)


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name):
    net = load(name)
    shapes = tuple(output.shape for output in net.outputs.values())
    assert (net.params, net.macs, shapes if len(shapes) > 1 else shapes[0]) == FIGURES[name]


def test_every_file_has_its_figures():
    assert sorted(FIGURES) == zoo_names()


# --- the figures a second time: a ledger kept by hand, layer after layer, that shares no code with the compiler -------


@dataclass
class Ledger:
    """Square maps as they go through a network, with what each layer costs."""

    channels: int
    size: int
    params: int = 0
    macs: int = 0

    def conv(self, width, window, stride=1, padding=None, *, groups=1, bias=True, norm=False):
        padding = window // 2 if padding is None else padding
        self.size = (self.size - window + 2 * padding) // stride + 1
        weights = width * (self.channels // groups) * window**2
        self.params += weights + width * bias + 2 * width * norm
        self.macs += weights * self.size**2
        self.channels = width
        return self

    def pool(self, window=2, stride=None, padding=0, *, up=False):
        room = self.size - window + 2 * padding
        stride = stride or window
        self.size = (-(-room // stride) if up else room // stride) + 1
        return self

    def gap(self):
        self.size = 1
        return self

    def fc(self, *widths):
        for width in widths:
            features = self.channels * self.size**2
            self.params += features * width + width
            self.macs += features * width
            self.channels, self.size = width, 1
        return self

    def side(self, channels, size):
        """A branch that starts from an earlier map; its costs are added by `join`."""
        return Ledger(channels, size)

    def join(self, *branches):
        for branch in branches:
            self.params += branch.params
            self.macs += branch.macs
        return self


def ledger_of_lenet5():
    return Ledger(1, 32).conv(6, 5, 1, 0).pool().conv(16, 5, 1, 0).pool().conv(120, 5, 1, 0).fc(84, 10)


def ledger_of_alexnet(groups=2):
    net = Ledger(3, 227).conv(96, 11, 4, 0).pool(3, 2).conv(256, 5, groups=groups).pool(3, 2)
    return net.conv(384, 3).conv(384, 3, groups=groups).conv(256, 3, groups=groups).pool(3, 2).fc(4096, 4096, 1000)


def ledger_of_alexnet_owt():
    net = Ledger(3, 224).conv(64, 11, 4, 2).pool(3, 2).conv(192, 5).pool(3, 2)
    return net.conv(384, 3).conv(256, 3).conv(256, 3).pool(3, 2).fc(4096, 4096, 1000)


def ledger_of_zfnet():
    net = Ledger(3, 224).conv(96, 7, 2, 1).pool(3, 2, up=True).conv(256, 5, 2, 0).pool(3, 2, up=True)
    return net.conv(384, 3).conv(384, 3).conv(256, 3).pool(3, 2, up=True).fc(4096, 4096, 1000)


# table 1 of arXiv:1409.1556, the rows between two poolings; 1-256 stands for conv1-256, 256 for conv3-256
VGG = {
    "vgg11": ("64", "128", "256 256", "512 512", "512 512"),
    "vgg11_lrn": ("64 LRN", "128", "256 256", "512 512", "512 512"),
    "vgg13": ("64 64", "128 128", "256 256", "512 512", "512 512"),
    "vgg16_c": ("64 64", "128 128", "256 256 1-256", "512 512 1-512", "512 512 1-512"),
    "vgg16": ("64 64", "128 128", "256 256 256", "512 512 512", "512 512 512"),
    "vgg19": ("64 64", "128 128", "256 256 256 256", "512 512 512 512", "512 512 512 512"),
}


def ledger_of_vgg(rows, channels=3, classes=1000):
    net = Ledger(channels, 224)
    for row in rows:
        for word in row.replace("LRN", "").split():
            net.conv(int(word.removeprefix("1-")), 1 if word.startswith("1-") else 3)
        net.pool()
    return net.fc(4096, 4096, classes)


def ledger_of_nin(channels, last, *, up):
    net = Ledger(channels, 224)
    for width, window, stride, padding in ((96, 11, 4, 0), (256, 5, 1, 2), (384, 3, 1, 1)):
        net.conv(width, window, stride, padding).conv(width, 1).conv(width, 1).pool(3, 2, up=up)
    wide, classes = last
    return net.conv(wide, 3).conv(wide, 1).conv(classes, 1).gap()


# table 1 of arXiv:1409.4842: #1x1, #3x3 reduce, #3x3, #5x5 reduce, #5x5, pool proj, and the channels of the output
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32, 256),
    "3b": (128, 128, 192, 32, 96, 64, 480),
    "4a": (192, 96, 208, 16, 48, 64, 512),
    "4b": (160, 112, 224, 24, 64, 64, 512),
    "4c": (128, 128, 256, 24, 64, 64, 512),
    "4d": (112, 144, 288, 32, 64, 64, 528),
    "4e": (256, 160, 320, 32, 128, 128, 832),
    "5a": (256, 160, 320, 32, 128, 128, 832),
    "5b": (384, 192, 384, 48, 128, 128, 1024),
}


def ledger_of_googlenet():
    net = Ledger(3, 224).conv(64, 7, 2).pool(3, 2, up=True).conv(64, 1).conv(192, 3).pool(3, 2, up=True)
    for name, (one, before_three, three, before_five, five, pooled, channels) in INCEPTION.items():
        paths = [net.side(net.channels, net.size) for _ in range(4)]
        paths[0].conv(one, 1)
        paths[1].conv(before_three, 1).conv(three, 3)
        paths[2].conv(before_five, 1).conv(five, 5)
        paths[3].conv(pooled, 1)
        net.join(*paths).channels = sum(path.channels for path in paths)
        assert net.channels == channels
        if name in {"3b", "4e"}:
            net.pool(3, 2, up=True)
    return net.gap().fc(1000)


def ledger_of_heads():
    """The two auxiliary classifiers, on the maps of 4a and 4d."""
    heads = [Ledger(channels, 14).pool(5, 3).conv(128, 1).fc(1024, 1000) for channels in (512, 528)]
    return Ledger(0, 0).join(*heads)


def residual_block(net, width, stride, *, bottleneck=False, bias=False, shortcut="projection"):
    out = 4 * width if bottleneck else width
    around = net.side(net.channels, net.size)
    if shortcut == "projection" and (net.channels != out or stride != 1):
        around.conv(out, 1, stride, bias=bias, norm=not bias)
    if bottleneck:
        net.conv(width, 1, bias=bias, norm=True).conv(width, 3, stride, bias=bias, norm=True)
        net.conv(out, 1, bias=bias, norm=True)
    else:
        net.conv(width, 3, stride, bias=bias, norm=True).conv(out, 3, bias=bias, norm=True)
    net.join(around)


def ledger_of_resnet(depths, channels=3, classes=1000, **options):
    net = Ledger(channels, 224).conv(64, 7, 2, bias=options.get("bias", False), norm=True).pool(3, 2, 1)
    for width, stride, depth in zip((64, 128, 256, 512), (1, 2, 2, 2), depths, strict=True):
        for index in range(depth):
            residual_block(net, width, 1 if index else stride, **options)
    return net.gap().fc(classes)


def ledger_of_cifar(n):
    """In closed form: 19 layers of fixed size, and 2n - 1 or 2n equal ones in each of three stages."""
    params = 3 * 16 * 9 + 2 * 16  # the first convolution and its batch norm
    params += 2 * n * (16 * 16 * 9 + 2 * 16)
    params += 16 * 32 * 9 + 2 * 32 + (2 * n - 1) * (32 * 32 * 9 + 2 * 32)
    params += 32 * 64 * 9 + 2 * 64 + (2 * n - 1) * (64 * 64 * 9 + 2 * 64)
    params += 64 * 10 + 10
    macs = 32**2 * (3 * 16 * 9 + 2 * n * 16 * 16 * 9)
    macs += 16**2 * (16 * 32 * 9 + (2 * n - 1) * 32 * 32 * 9)
    macs += 8**2 * (32 * 64 * 9 + (2 * n - 1) * 64 * 64 * 9)
    return Ledger(10, 1, params, macs + 64 * 10)


def ledger_of_alexnet_d2l():
    net = Ledger(1, 224).conv(96, 11, 4, 1).pool(3, 2).conv(256, 5).pool(3, 2)
    return net.conv(384, 3).conv(384, 3).conv(256, 3).pool(3, 2).fc(4096, 4096, 10)


def ledger_of_pattern(convs, pools, width=16, hidden=()):
    net = Ledger(3, 32)
    for _ in range(pools):
        for _ in range(convs):
            net.conv(width, 3)
        net.pool()
    return net.fc(*hidden, 10)


# figures 3 to 8 of arXiv:1602.07261: paths of (width, height and width of the window); `V`: stride 2 and no padding
INCEPTION_V4 = {
    "a": ["96", "64 96,3,3", "64 96,3,3 96,3,3", "pool 96"],
    "reduction a": ["384,V", "192 224,3,3 256,V", "maxpool"],
    "b": ["384", "192 224,1,7 256,7,1", "192 192,1,7 224,7,1 224,1,7 256,7,1", "pool 128"],
    "reduction b": ["192 192,V", "256 256,1,7 320,7,1 320,V", "maxpool"],
    # the two paths that split at their end
    "c": ["256", "384 256,1,3+256,3,1", "384 448,1,3 512,3,1 256,3,1+256,1,3", "pool 256"],
}


def ledger_of_inception_v4():
    net = Ledger(3, 299)
    net.conv(32, 3, 2, 0, **NORMED).conv(32, 3, 1, 0, **NORMED).conv(64, 3, **NORMED)
    net.join(side := net.side(64, 147).conv(96, 3, 2, 0, **NORMED))
    net.channels, net.size = 64 + 96, side.size
    one, other = (net.side(160, 73).conv(64, 1, **NORMED) for _ in range(2))
    # 7x1 and 1x7 together have the weights of 14 positions
    other.params, other.macs = other.params + 14 * 64**2 + 4 * 64, other.macs + 14 * 64**2 * 73**2
    net.join(one.conv(96, 3, 1, 0, **NORMED), other.conv(96, 3, 1, 0, **NORMED)).size = 71
    net.join(side := net.side(192, 71).conv(192, 3, 2, 0, **NORMED))
    net.channels, net.size = 192 + 192, side.size
    for name, count, channels in (
        ("a", 4, 384), ("reduction a", 1, 1024), ("b", 7, 1024), ("reduction b", 1, 1536), ("c", 3, 1536),
    ):  # fmt: skip
        for _ in range(count):
            ends = [inception_path(net, path) for path in INCEPTION_V4[name]]
            net.channels, net.size = sum(width for width, _ in ends), ends[0][1]
            assert net.channels == channels
    assert net.size == 8
    return net.gap().fc(1000)


def inception_path(net, path):
    """Add the costs of a path to a network; the channels that it ends with and its size."""
    width, size = net.channels, net.size
    for word in path.split():
        if word == "maxpool":
            size = (size - 3) // 2 + 1
        elif word != "pool":
            before, width = width, 0
            for part in word.split("+"):
                channels, *window = part.split(",")
                if window == ["V"]:
                    size = (size - 3) // 2 + 1
                height, wide = (3, 3) if window == ["V"] else map(int, window or (1, 1))
                weights = before * int(channels) * height * wide
                net.params += weights + 2 * int(channels)
                net.macs += weights * size**2
                width += int(channels)
    return width, size


NORMED = {"bias": False, "norm": True}


PLAIN = {"bias": False, "norm": True}


def ledger_of_mobilenet(alpha=1.0, size=224):
    """Table 1 of arXiv:1704.04861."""
    net = Ledger(3, size).conv(round(32 * alpha), 3, 2, **PLAIN)
    rows = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for width, stride in rows:
        net.conv(net.channels, 3, stride, groups=net.channels, **PLAIN).conv(round(width * alpha), 1, **PLAIN)
    return net.gap().fc(1000)


def ledger_of_se_resnet50():
    """ResNet-50, and after each block two matrices with biases, to a sixteenth of the channels and back."""
    net = ledger_of_resnet((3, 4, 6, 3), **BOTTLENECK)
    for channels, depth in zip((256, 512, 1024, 2048), (3, 4, 6, 3), strict=True):
        middle = channels // 16
        net.params += depth * (2 * channels * middle + middle + channels)
        net.macs += depth * 2 * channels * middle
    return net


def ledger_of_preact(widths, n, *, bottleneck):
    """Units of norm, activation and weight; the first of a stage projects its shortcut, without a norm of its own."""
    net = Ledger(3, 32).conv(16, 3, bias=False)
    for width, stage_stride in zip(widths, (1, 2, 2), strict=True):
        for index in range(n):
            net.params += 2 * net.channels
            around = net.side(net.channels, net.size)
            stride = stage_stride if index == 0 else 1
            if bottleneck:
                net.conv(width, 1, **PLAIN).conv(width, 3, stride, **PLAIN).conv(4 * width, 1, bias=False)
            else:
                net.conv(width, 3, stride, **PLAIN).conv(width, 3, bias=False)
            if index == 0:
                around.conv(net.channels, 1, stride, bias=False)
            net.join(around)
    net.params += 2 * net.channels
    return net.gap().fc(10)


def ledger_of_resnext29(groups=8, width=64):
    """Section 5.2 of arXiv:1611.05431: three stages of three bottlenecks, from 64 channels."""
    net = Ledger(3, 32).conv(64, 3, **PLAIN)
    for factor, stage_stride in ((1, 1), (2, 2), (4, 2)):
        for index in range(3):
            around = net.side(net.channels, net.size)
            stride = stage_stride if index == 0 else 1
            if index == 0:
                around.conv(256 * factor, 1, stride, **PLAIN)
            middle = groups * width * factor
            net.conv(middle, 1, **PLAIN).conv(middle, 3, stride, groups=groups, **PLAIN).conv(256 * factor, 1, **PLAIN)
            net.join(around)
    return net.gap().fc(10)


BOTTLENECK = {"bottleneck": True}
LEDGERS = {
    "mobilenet": ledger_of_mobilenet,
    "se_resnet50": ledger_of_se_resnet50,
    "preact_resnet164": lambda: ledger_of_preact((16, 32, 64), 18, bottleneck=True),
    "wide_resnet28_10": lambda: ledger_of_preact((160, 320, 640), 4, bottleneck=False),
    "resnext29_8x64d": ledger_of_resnext29,
    "lenet5": ledger_of_lenet5,
    "alexnet": ledger_of_alexnet,
    "alexnet_owt": ledger_of_alexnet_owt,
    "zfnet": ledger_of_zfnet,
    **{name: lambda rows=rows: ledger_of_vgg(rows) for name, rows in VGG.items()},
    "nin": lambda: ledger_of_nin(3, (1024, 1000), up=True),
    "googlenet": lambda: Ledger(1000, 1, ledger_of_heads().params).join(ledger_of_googlenet()),
    "resnet": lambda: ledger_of_resnet((3, 4, 6, 3), **BOTTLENECK),
    "resnet18": lambda: ledger_of_resnet((2, 2, 2, 2)),
    "resnet34": lambda: ledger_of_resnet((3, 4, 6, 3)),
    "resnet50": lambda: ledger_of_resnet((3, 4, 6, 3), **BOTTLENECK),
    "resnet101": lambda: ledger_of_resnet((3, 4, 23, 3), **BOTTLENECK),
    "resnet152": lambda: ledger_of_resnet((3, 8, 36, 3), **BOTTLENECK),
    "resnet_cifar": lambda: ledger_of_cifar(3),
    "resnet20": lambda: ledger_of_cifar(3),
    "resnet56": lambda: ledger_of_cifar(9),
    "resnet110": lambda: ledger_of_cifar(18),
    "resnet1202": lambda: ledger_of_cifar(200),
    "textbook_linear": lambda: ledger_of_pattern(0, 0),
    "textbook_conv": lambda: Ledger(3, 32).conv(16, 3).fc(10),
    "textbook_conv_pool": lambda: ledger_of_pattern(1, 2, hidden=(64,)),
    "textbook_conv_conv_pool": lambda: ledger_of_pattern(2, 3, hidden=(64, 64)),
    "tiny_vgg": lambda: ledger_of_pattern(2, 3, width=10),
    "alexnet_d2l": ledger_of_alexnet_d2l,
    "vgg11_d2l": lambda: ledger_of_vgg(VGG["vgg11"], 1, 10),
    "nin_d2l": lambda: ledger_of_nin(1, (10, 10), up=False),
    # the book's convolutions have biases, and its projections no batch norm
    "resnet18_d2l": lambda: ledger_of_resnet((2, 2, 2, 2), 1, 10, bias=True),
    "inception_v4": ledger_of_inception_v4,
}
# what other files derive (test_segmentation, test_torchvision, test_sequences), and templates, a member by default
BY_HAND = {"fcn32s", "fcn16s", "fcn8s", "unet", "darknet53", "yolov3"}
SEQUENCES = {
    "lstm_classifier", "gru_classifier", "rnn_classifier", "lstm_lm", "seq2seq", "seq2seq_attention", "transformer", "gpt2",
    "bert", "mlp_mixer",
}  # fmt: skip
SEGMENTATION = {"fcn_resnet50", "deeplabv3_resnet50"}
DEFAULTS = {
    "densenet": "densenet121",
    "shufflenet_v2": "shufflenet_v2_x1_0",
    "resnext": "resnext50_32x4d",
    "mobilenet_v3": "mobilenet_v3_large",
    "efficientnet": "efficientnet_b0",
    "convnext": "convnext_tiny",
    "vit": "vit_b_16",
    "swin": "swin_t",
}


def test_every_figure_has_a_second_source():
    assert {*LEDGERS, *TORCHVISION, *BY_HAND, *SEQUENCES, *SEGMENTATION, *DEFAULTS} >= {*FIGURES}
    assert {FIGURES[name] for name in DEFAULTS} == {FIGURES[name] for name in DEFAULTS.values()}


@pytest.mark.parametrize("name", LEDGERS)
def test_figures_follow_from_the_paper(name):
    ledger = LEDGERS[name]()
    assert (ledger.params, ledger.macs, (ledger.channels,)) == FIGURES[name]


# --- what papers state besides ----------------------------------------------------------------------------------------


def operators(name, word=None, **hyperparameters):
    """The layers of a network, or those of one operator, in the order of the text."""
    net = archdsl.load(name, **hyperparameters) if hyperparameters else load(name)
    return [layer for layer in layers(net.module) if word in {None, layer.step.what.word}]


def maps(name, *words):
    """Sizes of the square maps that the layers of some operators give."""
    return [layer.step.outputs[0].shape[1] for layer in operators(name) if layer.step.what.word in words]


def test_vgg16_layer_by_layer():
    params = [layer.step.facts.params for layer in operators("vgg16") if layer.step.facts.params]
    assert params == [
        1_792, 36_928, 73_856, 147_584, 295_168, 590_080, 590_080, 1_180_160, *[2_359_808] * 5,
        102_764_544, 16_781_312, 4_097_000,
    ]  # fmt: skip


@pytest.mark.parametrize("name", VGG)
def test_vgg_is_written_as_in_its_table(name):
    source, _ = source_of(name)
    rows = re.findall(r"conv\d-\d+|LRN|maxpool|FC-\w+", source.text.split("input 224x224x3")[1])
    words = [word for row in VGG[name] for word in (*row.split(), "maxpool")]
    table = [f"conv3-{word}" if word.isdigit() else word.replace("1-", "conv1-") for word in words]
    assert rows == [*table, "FC-4096", "FC-4096", "FC-classes"]


def test_alexnet_maps():
    assert maps("alexnet", "conv", "pool") == [55, 27, 27, 13, 13, 13, 13, 6]


def test_alexnet_normalises_as_its_paper():
    # x / (2 + 1e-4 * sum of 5 squares)^0.75; alpha goes with the mean of the squares
    for layer in operators("alexnet", "lrn"):
        lrn = layer.step.what
        assert (lrn.size, lrn.k, lrn.alpha / lrn.size, lrn.beta) == (5, 2, pytest.approx(1e-4), 0.75)


def test_alexnet_without_groups():
    net, ledger = archdsl.load("alexnet", groups=1), ledger_of_alexnet(groups=1)
    assert (net.params, net.macs) == (62_378_344, 1_135_256_096) == (ledger.params, ledger.macs)


def test_zfnet_maps():
    assert maps("zfnet", "conv", "pool") == [110, 55, 26, 13, 13, 13, 13, 6]


def test_lenet5_layers():
    """Trainable parameters of C1, C5 and F6 as the paper gives them; C3 is fully connected here."""
    params = {layer.path: layer.step.facts.params for layer in operators("lenet5") if layer.step.facts.params}
    assert params == {"c1": 156, "c3": 2_416, "c5": 48_120, "f6": 10_164, "output": 850}


def test_googlenet_modules():
    modules = {step.name: step.outputs[0].shape for step in load("googlenet").module.steps if "inception" in step.name}
    sizes = {"3": 28, "4": 14, "5": 7}
    assert modules == {f"inception{name}": (row[-1], *[sizes[name[0]]] * 2) for name, row in INCEPTION.items()}


def test_googlenet_heads_exist_in_training_only():
    net, heads = load("googlenet"), ledger_of_heads()
    assert net.inference_params == 6_998_552 == net.params - heads.params
    assert net.train_macs == net.macs + heads.macs
    assert {name: kind.shape for name, kind in net.train_outputs.items()} == {"aux1": (1000,), "aux2": (1000,)}
    # section 5: average pooling gives 4x4x512 for (4a) and 4x4x528 for (4d)
    pools = [layer for layer in operators("googlenet", "avgpool") if layer.training_only]
    assert [layer.step.outputs[0].paper for layer in pools] == ["4x4x512", "4x4x528"]


def test_googlenet_drops_out_as_its_paper():
    assert sorted((layer.path, layer.step.what.p) for layer in operators("googlenet", "dropout")) == [
        ("aux1.dropout1", 0.7),
        ("aux2.dropout1", 0.7),
        ("dropout1", 0.4),
    ]


@pytest.mark.parametrize(
    ("name", "channels"), [("resnet34", (64, 128, 256, 512)), ("resnet50", (256, 512, 1024, 2048))]
)
def test_resnet_stages(name, channels):
    """Table 1: 56, 28, 14 and 7 positions on each side."""
    stages = [step.outputs[0].shape for step in load(name).module.steps if step.name.startswith("layer")]
    assert stages == [(width, size, size) for width, size in zip(channels, (56, 28, 14, 7), strict=True)]


@pytest.mark.parametrize("name", [name for name in FIGURES if re.fullmatch(r"(vgg|resnet|densenet)\d+\w*", name)])
def test_depth_is_the_number_in_the_name(name):
    weighted = [layer.path for layer in operators(name) if layer.step.what.word in {"conv", "fc"}]
    depth = [path for path in weighted if "downsample" not in path]
    if name == "resnet18_d2l":
        depth = [path for path in depth if "conv3" not in path]
    assert len(depth) == int(re.search(r"\d+", name)[0])


def test_shortcuts_of_option_a_have_no_weights():
    around = [layer for layer in operators("resnet110") if layer.step.what.word in {"pool", "pad_channels"}]
    assert [layer.path for layer in around] == [
        "layer2.0.pool1", "layer2.0.pad_channels1", "layer3.0.pool1", "layer3.0.pad_channels1",
    ]  # fmt: skip
    assert sum(layer.step.facts.params for layer in around) == 0
    assert not any("downsample" in layer.path for layer in operators("resnet110"))


@pytest.mark.parametrize("n", [1, 3, 7])
def test_depth_of_the_cifar_family_is_one_number(n):
    assert archdsl.load("resnet_cifar", n=n).params == ledger_of_cifar(n).params
    assert len(operators("resnet_cifar", "conv", n=n)) + 1 == 6 * n + 2


PATTERN = "INPUT[32x32x3] -> [[CONV3-16 -> RELU]*N -> POOL?]*M -> [FC-64 -> RELU]*K -> FC-10"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("textbook_linear", {"N": 0, "M": 0, "K": 0}),
        ("textbook_conv", {"N": 1, "M": 1, "K": 0, "pool": False}),
        ("textbook_conv_pool", {"N": 1, "M": 2, "K": 1}),
        ("textbook_conv_conv_pool", {"N": 2, "M": 3, "K": 2}),
    ],
)
def test_textbook_chains_are_one_pattern(name, settings):
    pattern = archdsl.parse(PATTERN, **settings)
    facts = [[(layer.step.what, layer.step.outputs) for layer in layers(net.module)] for net in (pattern, load(name))]
    assert facts[0] == facts[1]


# --- hyper-parameters -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg16", "googlenet", "resnet18", "resnet110", "nin"])
def test_number_of_classes_can_be_set(name):
    assert {kind.shape for kind in archdsl.load(name, classes=7).outputs.values()} == {(7,)}


def test_input_size_can_be_set():
    """Shapes that a text states are those of its own input."""
    net = archdsl.load("resnet50", input=(1, 96, 96))
    assert net.params == FIGURES["resnet50"][0] - 2 * 64 * 49
    assert [kind.shape for kind in net.outputs.values()] == [(1000,)]


# table 6 and 7 of arXiv:1704.04861: millions of multiply-adds and of parameters
MOBILENETS = [(1, 224, 569, 4.2), (0.75, 224, 325, 2.6), (0.5, 224, 149, 1.3), (0.25, 224, 41, 0.5), (1, 128, 186, 4.2)]


@pytest.mark.parametrize(("alpha", "resolution", "macs", "params"), MOBILENETS)
def test_mobilenet_scales_as_its_paper(alpha, resolution, macs, params):
    net, ledger = archdsl.load("mobilenet", alpha=alpha, resolution=resolution), ledger_of_mobilenet(alpha, resolution)
    assert (net.params, net.macs) == (ledger.params, ledger.macs)
    assert (round(net.macs / 1e6), round(net.params / 1e6, 1)) == (macs, params)


def test_a_thousand_layers_of_identity_mappings():
    """Section 4 of arXiv:1603.05027: 1.7 and 10.2 million parameters, which must be without those of norms."""
    for n, millions in ((18, 1.7), (111, 10.2)):
        found = operators("preact_resnet164", n=n)
        weights = [layer.step.facts.params for layer in found if layer.step.what.word != "bn"]
        assert len([layer for layer in found if layer.step.what.word == "conv"]) - 3 + 1 == 9 * n + 2
        assert round(sum(weights) / 1e6, 1) == millions


def test_stochastic_depth_grows_with_depth():
    rates = [layer.step.what.p for layer in operators("convnext_tiny", "drop_path")]
    assert rates == [pytest.approx(0.1 * index / 17) for index in range(18)]
    # only where there is a shortcut to go without the body
    assert len(operators("efficientnet_b0", "drop_path")) == 9


# --- the files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo_names())
def test_file_is_sound(name):
    source, _ = source_of(name)
    report, networks = check_source(source)
    assert report.diagnostics == []
    assert [net.name for net in networks] == [name]
    assert load(name).warnings == ()
    assert source.text.endswith("\n")
    assert max(map(len, source.text.splitlines())) <= 120


@pytest.mark.parametrize("name", zoo_names())
def test_file_opens_with_its_paper_and_what_it_shows(name):
    """The first line is authors, year and title, as in the sources of operators; each net has a line of its own."""
    source, _ = source_of(name)
    heading = source.heading()
    assert re.match(r"[A-Z][\w, ]+ (19|20)\d\d, [A-Z]", heading)
    assert re.search(r"\nWhat it shows: \w", heading)
    assert load(name).module.doc
    assert load(name).doc not in heading


# --- names of weights -------------------------------------------------------------------------------------------------

RECORDED = json.loads((DATA / "torchvision_weights.json").read_text())


@pytest.mark.parametrize("name", RECORDED)
def test_weights_are_named_as_in_torchvision(name):
    ours = {weight: list(shape) for layer in operators(name) for weight, shape in layer.weights.items()}
    assert ours == RECORDED[name]


@pytest.mark.skipif(importlib.util.find_spec("torchvision") is None, reason="torchvision is not installed")
def test_recorded_names_are_those_of_torchvision():
    recorded = subprocess.run(
        [sys.executable, DATA / "record_torchvision.py"], check=True, capture_output=True, text=True, timeout=HANGS
    )
    assert json.loads(recorded.stdout) == RECORDED
