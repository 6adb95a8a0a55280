from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """Subtracts a fixed mean and divides by a fixed standard deviation, both given for each channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], shape: Sequence[int]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(*shape), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(*shape), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
