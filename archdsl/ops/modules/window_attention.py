import torch
from torch import Tensor, nn
from torch.nn import functional as F


class WindowAttention(nn.Module):
    """Attention within windows of a grid of vectors (arXiv:2103.14030, section 3.2).

    The windows are moved by `shift`, and what comes together from two ends of the grid
    does not see each other.
    """

    relative_position_index: Tensor

    def __init__(self, width: int, heads: int, window: int, shift: int = 0) -> None:
        super().__init__()
        self.heads, self.window, self.shift = heads, window, shift
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        table = torch.empty((2 * window - 1) ** 2, heads)
        self.relative_position_bias_table = nn.Parameter(table)
        index = torch.empty(window**4, dtype=torch.long)
        self.register_buffer("relative_position_index", index)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        window = self.window
        places = torch.arange(window**2, device=self.relative_position_index.device)
        rows, columns = places // window, places % window
        down = rows[:, None] - rows + window - 1
        across = columns[:, None] - columns + window - 1
        self.relative_position_index = (down * (2 * window - 1) + across).flatten()

    def forward(self, x: Tensor) -> Tensor:
        height, width, window = x.shape[1], x.shape[2], self.window
        x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
        # where one window covers everything there is nothing to connect
        down = self.shift * (x.shape[1] > window)
        right = self.shift * (x.shape[2] > window)
        x = x.roll((-down, -right), (1, 2))
        y = self.qkv(self._windows(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = y.permute(2, 0, 3, 1, 4).unbind()
        weights = q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)
        y = (weights + self._bias(x, down, right)).softmax(-1) @ v
        y = self.proj(y.transpose(1, 2).flatten(2))
        rows, columns = x.shape[1] // window, x.shape[2] // window
        y = y.view(x.shape[0], rows, columns, window, window, -1).transpose(2, 3)
        y = y.flatten(3, 4).flatten(1, 2).roll((down, right), (1, 2))
        return y[:, :height, :width]

    def _windows(self, x: Tensor) -> Tensor:
        square = (-1, self.window)
        y = x.unflatten(2, square).unflatten(1, square)
        return y.transpose(2, 3).flatten(3, 4).flatten(0, 2)

    def _bias(self, x: Tensor, down: int, right: int) -> Tensor:
        places = self.window * self.window
        table = self.relative_position_bias_table[self.relative_position_index]
        bias = table.view(1, places, places, -1).permute(0, 3, 1, 2)
        if not self.shift:
            return bias
        rows = self._bands(x[0, :, 0, 0], down)
        columns = self._bands(x[0, 0, :, 0], right)
        regions = self._windows((3 * rows[:, None] + columns)[None, :, :, None])
        apart = regions != regions.transpose(1, 2)
        hidden = torch.zeros_like(apart, dtype=bias.dtype).masked_fill(apart, -100.0)
        return bias + hidden[:, None].repeat(x.shape[0], 1, 1, 1)

    def _bands(self, line: Tensor, shift: int) -> Tensor:
        """Numbers that tell the two parts of the last window and the rest apart."""
        place = torch.ones_like(line, dtype=torch.int).cumsum(0)
        length = line.shape[0]
        return (place > length - self.window).int() + (place > length - shift).int()
