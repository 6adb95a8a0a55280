import torch
from torch import Tensor, nn


class Sample(nn.Module):
    """Normal numbers of these means and log variances in training, else the means."""

    def forward(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        if not self.training:
            return mean
        return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)
