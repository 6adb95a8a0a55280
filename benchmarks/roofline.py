"""The bound of `archdsl time` beside real times on this machine's CPU.

The device is described by what torch reaches here: the operations a second of a large matrix product, and the bytes a
second of a copy of a tensor that no cache holds, read and written.
"""

from __future__ import annotations

import statistics
import time

import torch
from measure import machine

import archdsl
from archdsl.base.dtypes import Dtype

BATCH = 8
NETWORKS = ("resnet18", "resnet50", "vgg16", "mobilenet_v2", "densenet121", "vit_b_16", "mlp_mixer")
_SIDE, _LENGTH, _ROUNDS = 2048, 2**26, 7


def _best(rounds: int, work: object) -> float:
    times: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        times.append(time.perf_counter() - began)
    return min(times)


def device() -> str:
    """What this machine reaches, as figures that `archdsl time --device` takes."""
    a, b = torch.rand(_SIDE, _SIDE), torch.rand(_SIDE, _SIDE)
    flops = 2 * _SIDE**3 / _best(_ROUNDS, lambda: torch.mm(a, b))
    source, target = torch.rand(_LENGTH), torch.empty(_LENGTH)
    moved = 2 * source.nbytes / _best(_ROUNDS, lambda: target.copy_(source))
    return f"{flops / 1e9:.0f} GFLOP/s, {moved / 1e9:.1f} GB/s"


def main() -> None:
    """Print a table."""
    found = device()
    print(f"{machine()}; {found}; batch of {BATCH}, float32; milliseconds")
    print(f"{'':<16}{'bound':>8}{'real':>8}{'real/bound':>12}")
    for name in NETWORKS:
        net = archdsl.load(name)
        bound = net.time(found, BATCH, Dtype.FLOAT32).seconds
        model = net.to_torch().eval()
        x = torch.rand(BATCH, *net.module.inputs[0].shape)
        with torch.inference_mode():
            model(x)
            times = [_best(1, lambda model=model, x=x: model(x)) for _ in range(_ROUNDS)]
        real = statistics.median(times)
        print(f"{name:<16}{1000 * bound:>8.0f}{1000 * real:>8.0f}{real / bound:>12.2f}")


if __name__ == "__main__":
    main()
