from torch import Tensor, nn
from torch.nn import functional as F


class SpaceToDepth(nn.Module):
    """Squares of a grid of vectors as one vector each, column by column."""

    def __init__(self, factor: int = 2) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        square = (-1, self.factor)
        padding = (-x.shape[2] % self.factor, -x.shape[1] % self.factor)
        x = F.pad(x, (0, 0, 0, padding[0], 0, padding[1]))
        x = x.unflatten(2, square).unflatten(1, square)
        return x.permute(0, 1, 3, 4, 2, 5).flatten(3)
