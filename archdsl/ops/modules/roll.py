from torch import Tensor, nn


class Roll(nn.Module):
    """Moves positions along some axes; what leaves at one end comes in at the other."""

    def __init__(self, by: tuple[int, ...], axes: tuple[int, ...]) -> None:
        super().__init__()
        self.by, self.axes = by, axes

    def forward(self, x: Tensor) -> Tensor:
        return x.roll(self.by, self.axes)
