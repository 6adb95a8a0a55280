"""The training run of the page on weights: digits 0 to 4 first, then 5 to 9 from what was learned.

Needs torch and scikit-learn, whose digits (1,797 images of 8x8) come with it. Takes some seconds on a CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

import archdsl

TEXT = """
net digits(classes=5) {
  input 8x8x1
  [conv3-16 -> bn -> relu -> conv3-16 -> bn -> relu -> pool] as body
    -> [conv3-32 -> bn -> relu] as top
    -> gap -> fc-classes as fc
}
"""
EPOCHS = 15


def data(digits: range, samples: slice) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels of some digits; the labels count from 0."""
    found = load_digits()
    chosen = np.flatnonzero(np.isin(found.target, list(digits)))[samples]
    images = torch.tensor(found.images[chosen], dtype=torch.float32)[:, None] / 16
    return images, torch.tensor(found.target[chosen] - digits[0])


def train(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor, epochs: int = EPOCHS) -> None:
    """Plain training of what is not frozen."""
    weights = [each for each in model.parameters() if each.requires_grad]
    optimizer = torch.optim.Adam(weights, lr=0.01)
    model.train()
    for _ in range(epochs):
        for part in torch.randperm(len(images)).split(32):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
            optimizer.step()


def accuracy(model: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share that is right."""
    model.eval()
    with torch.no_grad():
        return float((model(images).argmax(1) == labels).float().mean())


def main() -> None:
    """Print the accuracies on 400 unseen images of the digits 5 to 9."""
    torch.manual_seed(0)
    net = archdsl.parse(TEXT)
    first = net.to_torch()
    train(first, *data(range(5), slice(None)))
    save_file(first.state_dict(), "digits.safetensors")

    few, unseen = data(range(5, 10), slice(0, 50)), data(range(5, 10), slice(496, 896))

    scratch = net.to_torch()
    everything = net.to_torch(weights="digits.safetensors", head=["fc"])
    last = archdsl.freeze(net.to_torch(weights="digits.safetensors", head=["fc"]), until="top")
    three = archdsl.parse(TEXT, classes=3)
    changed = three.to_torch(weights="digits.safetensors", head=["fc"])
    for name, model in {"from nothing": scratch, "everything": everything, "the last layers": last}.items():
        train(model, *few)
        print(f"{name:16} {accuracy(model, *unseen):.1%} of 400 unseen images, 50 seen")
    print(f"a changed head   {three.load_weights(changed, 'digits.safetensors', head=['fc'])}")


if __name__ == "__main__":
    main()
