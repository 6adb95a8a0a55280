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
        batch, height, width = x.shape[0], x.shape[1], x.shape[2]
        window = self.window
        x = F.pad(x, (0, 0, 0, -width % window, 0, -height % window))
        size = (x.shape[1], x.shape[2])
        shift = [0 if window >= length else self.shift for length in size]
        x = x.roll((-shift[0], -shift[1]), (1, 2))
        y = self.qkv(self._windows(x)).unflatten(-1, (3, self.heads, -1))
        queries, keys, values = y.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(queries, keys, values, attn_mask=self._bias(x, shift))
        y = self.proj(y.transpose(1, 2).flatten(2))
        grid = (batch, size[0] // window, size[1] // window, window, window, -1)
        y = y.view(grid).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        y = y.view(batch, *size, -1).roll((shift[0], shift[1]), (1, 2))
        return y[:, :height, :width]

    def _windows(self, x: Tensor) -> Tensor:
        window = (self.window, self.window)
        y = x.unflatten(2, (-1, window[1])).unflatten(1, (-1, window[0]))
        return y.transpose(2, 3).flatten(3, 4).flatten(0, 2)

    def _bias(self, x: Tensor, shift: list[int]) -> Tensor:
        places = self.window**2
        table = self.relative_position_bias_table[self.relative_position_index]
        bias = table.view(1, places, places, -1).permute(0, 3, 1, 2)
        if not any(shift):
            return bias
        region = x.new_zeros(x.shape[1], x.shape[2], 1)
        for axis, moved in enumerate(shift):
            if moved:
                # three regions along the axis, of which the last two are in one window
                length = region.shape[axis]
                number = torch.arange(length, device=x.device)
                number = (number >= length - self.window).to(region.dtype) + (number >= length - moved).to(region.dtype)
                region = region * 3 + number.view(-1, *[1] * (2 - axis))
        region = self._windows(region[None]).squeeze(-1)
        apart = region[:, None] != region[:, :, None]
        hidden = torch.zeros_like(apart, dtype=bias.dtype).masked_fill(apart, -100.0)
        return bias + hidden[:, None].repeat(x.shape[0], 1, 1, 1)
