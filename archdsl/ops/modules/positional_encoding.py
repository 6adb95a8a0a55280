import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the positions (arXiv:1706.03762, section 3.5)."""

    encoding: Tensor

    def __init__(self, width: int, length: int = 5000) -> None:
        super().__init__()
        empty = torch.empty(length, width)
        self.register_buffer("encoding", empty, persistent=False)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        length, width = self.encoding.shape
        device = self.encoding.device
        positions = torch.arange(length, dtype=torch.float64, device=device)
        steps = torch.arange(0, width, 2, dtype=torch.float64, device=device)
        angles = positions[:, None] * torch.exp(steps * (-math.log(10000.0) / width))
        waves = torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)
        self.encoding = waves.to(self.encoding.dtype)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.ones_like(x[0, :, 0], dtype=torch.long).cumsum(0) - 1
        return x + F.embedding(places, self.encoding)
