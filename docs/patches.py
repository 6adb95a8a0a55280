"""The training run of the page on Vision Transformers: digits whose patches have changed places.

Needs torch and scikit-learn, whose digits (1,797 images of 8x8) come with it. Takes about a minute on a CPU.
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

import archdsl

CONVOLUTIONS = """
net convolutions {
  input 8x8x1
  conv3-24 -> bn -> relu -> conv3-48/2 -> bn -> relu -> conv3-48 -> bn -> relu -> gap -> fc-10
}
"""
TRANSFORMER = """
use vit (encoder)
net transformer {
  input 8x8x1
  conv2-48/2(p=0) -> to_sequence -> encoder(2, 4, 96) -> transpose -> fc-1 -> flatten -> fc-10
}
"""
EPOCHS = 40


def data(*, shuffled: bool) -> tuple[Tensor, Tensor]:
    """Images and labels; `shuffled` gives the sixteen patches of 2x2 other places, the same in each image."""
    found = load_digits()
    images = torch.tensor(found.images, dtype=torch.float32)[:, None] / 16
    if shuffled:
        patches = images.unfold(2, 2, 2).unfold(3, 2, 2).flatten(2, 3)
        moved = patches[:, :, torch.randperm(16, generator=torch.Generator().manual_seed(1))]
        images = moved.unflatten(2, (4, 4)).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return images, torch.tensor(found.target)


def accuracy(text: str, images: Tensor, labels: Tensor) -> float:
    """The share of the last 797 digits that a network gets right that was trained on the others."""
    torch.manual_seed(0)
    model: nn.Module = archdsl.parse(text).to_torch()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.002)
    for _ in range(EPOCHS):
        for part in torch.randperm(1000).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
            optimizer.step()
    with torch.no_grad():
        return float((model.eval()(images[1000:]).argmax(1) == labels[1000:]).float().mean())


def main() -> None:
    """Print what both learn of the digits as they are, and with their patches in other places."""
    for name, text in {"convolutions": CONVOLUTIONS, "transformer": TRANSFORMER}.items():
        plain, moved = (accuracy(text, *data(shuffled=shuffled)) for shuffled in (False, True))
        print(f"{name:12} {archdsl.parse(text).params:,} parameters, {plain:.1%} as they are, {moved:.1%} shuffled")


if __name__ == "__main__":
    main()
