"""The training run of the page on U-Net: discs in noise, segmented with the copies of the contracting path and without.

Needs torch. Takes about a minute on a CPU.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import archdsl
from archdsl.compiler import source_of

SIZE = 32
STEPS = 200


def pictures(count: int) -> tuple[Tensor, Tensor]:
    """Grey pictures of three discs in noise, and which pixels belong to discs."""
    grid = torch.arange(float(SIZE))
    x, y = SIZE * torch.rand(2, count, 3, 1, 1)
    radius = 2 + 6 * torch.rand(count, 3, 1, 1)
    inside = (grid - x) ** 2 + (grid.view(SIZE, 1) - y) ** 2 < radius**2
    discs = inside.any(dim=1)
    return discs.unsqueeze(1) + 0.8 * torch.randn(count, 1, SIZE, SIZE), discs.long()


def started(model: nn.Module) -> nn.Module:
    """The module with the first weights of the paper: normal, with a variance of 2 over the inputs of a position."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return model


def trained(model: nn.Module) -> nn.Module:
    """The module after some hundred pictures."""
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        x, discs = pictures(16)
        loss = nn.functional.cross_entropy(model(x), discs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def overlap(found: Tensor, discs: Tensor) -> float:
    """Intersection over union."""
    return float((found & discs).sum() / (found | discs).sum())


def main() -> None:
    """Both, on the same pictures."""
    text = source_of("unet")[0].text
    without = text.replace("concat { crop { copy | up } | up }", "up")
    for name, spec in (("with copies", text), ("without copies", without)):
        torch.manual_seed(0)
        test, discs = pictures(64)
        net = archdsl.parse(spec, net="unet", width=8, padding=1, input=(1, SIZE, SIZE))
        model = trained(started(net.to_torch()))
        with torch.no_grad():
            found = model(test).argmax(dim=1)
        print(f"{name:<15} {net.params:,} parameters, intersection over union {overlap(found, discs):.2f}")


if __name__ == "__main__":
    main()
