from torch import Tensor, nn
from torch.nn import functional as F


class PadChannels(nn.Module):
    """Adds channels of zeros before and after those of an image with `rank` axes."""

    def __init__(self, before: int, after: int, rank: int = 2) -> None:
        super().__init__()
        self.padding = (*(0, 0) * rank, before, after)

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, self.padding)
