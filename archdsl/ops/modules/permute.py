from torch import Tensor, nn


class Permute(nn.Module):
    """Puts the axes of a tensor into another order."""

    def __init__(self, axes: tuple[int, ...]) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(self.axes)

    def extra_repr(self) -> str:
        return str(self.axes)
