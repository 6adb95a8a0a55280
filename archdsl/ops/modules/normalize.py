from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """Subtracts a fixed mean of each channel and divides by a fixed deviation."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, mean: Sequence[float], std: Sequence[float], shape: Sequence[int]
    ) -> None:
        super().__init__()
        self.values = (tuple(mean), tuple(std), tuple(shape))
        self.register_buffer("mean", torch.empty(*shape), persistent=False)
        self.register_buffer("std", torch.empty(*shape), persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        mean, std, shape = self.values
        self.mean = torch.tensor(mean).view(shape)
        self.std = torch.tensor(std).view(shape)

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
