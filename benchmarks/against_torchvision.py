"""Eager speed of emitted code beside torchvision's, and beside what one writes by hand where torchvision has nothing.

Both modules have the same weights and the same inputs, and are timed in turns in one process. The ratio is what counts:
above 1 the emitted code is the slower.

    python benchmarks/against_torchvision.py [resnet50 vgg16 separable thousand]
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

os.environ["GOMP_SPINCOUNT"] = "0"  # threads that wait do not take the processors that others use

import torch
from measure import HEAD, Work, in_turns, machine, torchvision_models
from torch import Tensor, nn

import archdsl

SEPARABLE = """
block separable(c, s=1) = dwconv3/s -> bn -> relu -> conv1-c -> bn -> relu
net separable_net {
  input 128x128x3
  conv3-32/2 -> bn -> relu
    -> [separable(c, s) for c, s in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1),
                                     (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1)]]
    -> gap -> fc-1000
}
"""

THOUSAND = """
block unit(c) = residual { conv3-c -> bn -> relu -> conv3-c -> bn } -> relu
net thousand { input 8x8x16
  unit(16)*500 -> gap -> fc-10 }
"""


class Separable(nn.Module):
    """A depthwise convolution and a 1x1, as one writes it by hand."""

    def __init__(self, inp: int, oup: int, stride: int) -> None:
        super().__init__()
        self.conv_dw = nn.Conv2d(inp, inp, 3, stride, 1, groups=inp, bias=False)
        self.bn1 = nn.BatchNorm2d(inp)
        self.conv_pw = nn.Conv2d(inp, oup, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(oup)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv_dw(x)))
        return self.relu(self.bn2(self.conv_pw(x)))


class SeparableNet(nn.Module):
    """The first MobileNet."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.relu = nn.ReLU(inplace=True)
        table = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
        blocks: list[nn.Module] = []
        channels = 32
        for oup, stride in table:
            blocks.append(Separable(channels, oup, stride))
            channels = oup
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(1024, 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.pool(self.blocks(x))
        return self.fc(torch.flatten(x, 1))


class Unit(nn.Module):
    """A residual unit, as torchvision writes it."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(c)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(c)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x
        return self.relu(out)


class Thousand(nn.Module):
    """A thousand convolutions in 500 residual units."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.Sequential(*(Unit(16) for _ in range(500)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(torch.flatten(self.pool(self.units(x)), 1))


def pairs(name: str) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """The emitted module, the other one, with equal weights, and the shape of an input."""
    match name:
        case "separable":
            net, theirs = archdsl.parse(SEPARABLE), SeparableNet()
        case "thousand":
            net, theirs = archdsl.parse(THOUSAND), Thousand()
        case _:
            net, theirs = archdsl.load(name), getattr(torchvision_models(), name)()
    ours = net.to_torch()
    ordered = zip(ours.state_dict(), theirs.state_dict().values(), strict=True)
    ours.load_state_dict(dict(ordered))
    return ours, theirs, next(iter(net.inputs.values())).shape


def forward(model: nn.Module, x: Tensor) -> Work:
    """One pass at inference."""
    model.eval()

    def work() -> None:
        with torch.inference_mode():
            model(x)

    return work


def step(model: nn.Module, x: Tensor) -> Work:
    """One pass forward and one back."""
    model.train()

    def work() -> None:
        model.zero_grad()
        model(x).sum().backward()

    return work


def rows(name: str) -> Iterator[str]:
    ours, theirs, shape = pairs(name)
    for batch in (1, 8):
        x = torch.randn(batch, *shape)
        with torch.inference_mode():
            assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=1e-4, atol=1e-4), name
        budget = 5.0 if batch == 1 else 10.0
        yield in_turns(forward(ours, x), forward(theirs, x), budget=budget).row(f"{name}, batch {batch}, forward")
        timed = in_turns(step(ours, x), step(theirs, x), budget=budget)
        yield timed.row(f"{name}, batch {batch}, forward and backward")


def main() -> None:
    torch.manual_seed(0)
    print(f"{machine()}\n\n{HEAD}")
    for name in sys.argv[1:] or ("resnet50", "vgg16", "separable", "thousand"):
        for line in rows(name):
            print(line, flush=True)


if __name__ == "__main__":
    main()
