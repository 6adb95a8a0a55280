"""Times on a GPU, beside torchvision's: inference in float16 and a step of training in bfloat16, eager and compiled.

python benchmarks/on_gpu.py [resnet50 vgg16]
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import torch
from measure import HEAD, Work, in_turns, machine, torchvision_models
from torch import nn

import archdsl

BATCH = 32


def inference(model: nn.Module, x: torch.Tensor) -> Work:
    def work() -> None:
        with torch.inference_mode():
            model(x)
        torch.cuda.synchronize()

    return work


def training(model: nn.Module, x: torch.Tensor) -> Work:
    model.train()

    def work() -> None:
        model.zero_grad()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = model(x).sum()
        loss.backward()
        torch.cuda.synchronize()

    return work


def rows(name: str) -> Iterator[str]:
    net, theirs = archdsl.load(name), getattr(torchvision_models(), name)()
    ours = net.to_torch()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(BATCH, 3, 224, 224, device="cuda")
    one, other = (each.cuda().to(memory_format=torch.channels_last) for each in (ours, theirs))
    yield in_turns(training(one, x), training(other, x)).row(f"{name}, training, bfloat16")
    one, other = (each.eval().half() for each in (one, other))
    x = x.half().contiguous(memory_format=torch.channels_last)
    yield in_turns(inference(one, x), inference(other, x)).row(f"{name}, inference, float16")
    compiled = torch.compile(other, mode="max-autotune-no-cudagraphs")
    yield in_turns(inference(net.to_inference(one), x), inference(compiled, x)).row(f"{name}, inference, compiled")


def main() -> None:
    if not torch.cuda.is_available():
        raise SystemExit("no GPU")
    print(f"{torch.cuda.get_device_name()}, batch {BATCH}; {machine()}\n\n{HEAD}")
    for name in sys.argv[1:] or ("resnet50", "vgg16"):
        for line in rows(name):
            print(line, flush=True)


if __name__ == "__main__":
    main()
