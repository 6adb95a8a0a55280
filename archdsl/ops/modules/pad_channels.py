from torch import Tensor, nn
from torch.nn import functional as F


class PadChannels(nn.Module):
    """Adds channels of zeros before and after those of an image."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, x: Tensor) -> Tensor:
        grid = (0, 0) * (x.dim() - 2)
        return F.pad(x, (*grid, self.before, self.after))
