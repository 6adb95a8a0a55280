from torch import Tensor, nn


class Crop(nn.Module):
    """The part of a map as large as another: its centre, or from `offset` on."""

    def __init__(self, offset: int | None = None, rank: int = 2) -> None:
        super().__init__()
        self.offset = offset
        self.axes = tuple(range(2, 2 + rank))

    def forward(self, x: Tensor, like: Tensor) -> Tensor:
        for axis in self.axes:
            length = like.shape[axis]
            centred = (x.shape[axis] - length) // 2
            start = centred if self.offset is None else self.offset
            x = x.narrow(axis, start, length)
        return x
