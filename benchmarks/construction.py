"""How long `to_torch` takes for vgg16: with torch's initialisation, and from a safetensors file without it."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from measure import machine, seconds
from safetensors.torch import save_file

import archdsl

CALLS = 5


def median(work: Callable[[], object]) -> float:
    return statistics.median(seconds(work) for _ in range(CALLS))


def main() -> None:
    net = archdsl.load("vgg16")
    print(machine())
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        path = Path(folder) / "vgg16.safetensors"
        save_file(net.to_torch().state_dict(), path)
        print(f"initialised: {median(net.to_torch):.2f} s")
        print(f"on the meta device: {median(lambda: net.to_torch(device='meta')):.3f} s")
        print(f"from a safetensors file: {median(lambda: net.to_torch(weights=path)):.3f} s")


if __name__ == "__main__":
    main()
