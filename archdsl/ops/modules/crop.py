from torch import Tensor, nn


class Crop(nn.Module):
    """The part of a map as large as another: its centre, or from `offset` on."""

    def __init__(self, offset: int | None = None, rank: int = 2) -> None:
        super().__init__()
        self.offset = offset
        self.axes = range(2, 2 + rank)

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        for axis in self.axes:
            length = like.shape[axis]
            start = self.offset
            if start is None:
                start = (x.shape[axis] - length) // 2
            x = x.narrow(axis, start, length)
        return x
