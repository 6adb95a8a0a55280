"""`torch.compile` by regions and of the whole network: the time to the first result, and the time of a step after it.

    python benchmarks/compiling.py [--train] [resnet152 transformer]

Each first result is had in a process of its own with an empty cache, after a tiny network has been compiled there, so
that what the compiler prepares once (precompiled headers, a look at the processor) is not counted. Steps are timed in
turns in one process.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator

os.environ["GOMP_SPINCOUNT"] = "0"  # threads that wait do not take the processors that others use

import torch
from measure import HEAD, Work, in_turns, machine, seconds
from torch import nn

import archdsl

# 48 blocks of the Vision Transformer on a sequence of 196 tokens
TRANSFORMER = """
use vit (encoder_layer)
net transformer { input (196, 192)
  encoder_layer(3, 768)*48 -> ln -> fc-1000 }
"""
NAMES = ("resnet152", "transformer")


def network(name: str) -> archdsl.Network:
    return archdsl.parse(TRANSFORMER) if name == "transformer" else archdsl.load(name)


def step(net: archdsl.Network, model: nn.Module, *, train: bool) -> Work:
    """A step of training, or one of inference."""
    x = torch.randn(1, *next(iter(net.inputs.values())).shape)
    model.train(train)

    def trained() -> None:
        model.zero_grad()
        model(x).sum().backward()

    def inferred() -> None:
        with torch.inference_mode():
            model(x)

    return trained if train else inferred


def compiled(how: str, net: archdsl.Network, *, train: bool) -> Work:
    """A step of a live module that is compiled in this way; nothing has been compiled yet."""
    model = net.to_torch()
    if how == "regions":
        net.compile_regions(model)
    elif how == "whole":
        model.compile(fullgraph=True, dynamic=False)
    return step(net, model, train=train)


def first_result(how: str, name: str, *, train: bool) -> float:
    """Seconds from the call to the first result, in a process of its own with an empty cache."""
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--first", how, name, *(["--train"] if train else [])]
        environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache}
        return float(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def print_first_result(how: str, name: str, *, train: bool) -> None:
    small = archdsl.parse("INPUT[8x8x3] -> conv3-4 -> bn -> relu")
    compiled("whole", small, train=train)()
    print(seconds(compiled(how, network(name), train=train)))


def rows(name: str, *, train: bool) -> Iterator[str]:
    first, whole_first = (first_result(how, name, train=train) for how in ("regions", "whole"))
    yield f"{name}: first result {first:.1f} s by regions, {whole_first:.1f} s whole, ratio {whole_first / first:.1f}"
    net = network(name)
    regions, whole, eager = (compiled(how, net, train=train) for how in ("regions", "whole", "eager"))
    yield in_turns(regions, whole, budget=20).row(f"{name}: a step, regions beside whole")
    yield in_turns(regions, eager, budget=20).row(f"{name}: a step, regions beside eager")


def main() -> None:
    torch.manual_seed(0)
    train = "--train" in sys.argv
    words = [each for each in sys.argv[1:] if not each.startswith("--")]
    if "--first" in sys.argv:
        return print_first_result(words[0], words[1], train=train)
    print(f"{machine()}, {'training' if train else 'inference'}\n\n{HEAD}")
    for name in words or NAMES:
        for line in rows(name, train=train):
            print(line, flush=True)
    return None


if __name__ == "__main__":
    main()
