from torch import Tensor, nn


class SelectPosition(nn.Module):
    """The vector at one position of a sequence."""

    def __init__(self, position: int) -> None:
        super().__init__()
        self.position = position

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.position]
