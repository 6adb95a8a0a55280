import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DotAttention(nn.Module):
    """Attention of given queries, keys and values; `mask` is true for padding."""

    def __init__(
        self,
        heads: int = 1,
        causal: bool = False,
        dropout: float = 0.0,
        scale: float | None = None,
    ) -> None:
        super().__init__()
        self.heads, self.causal, self.dropout = heads, causal, dropout
        self.scale = scale

    def forward(
        self,
        queries: Tensor,
        keys: Tensor,
        values: Tensor | None = None,
        mask: Tensor | None = None,
    ) -> Tensor:
        q, k = self._split(queries), self._split(keys)
        v = k if values is None else self._split(values)
        seen = None if mask is None else ~mask[:, None, None]
        if seen is not None and self.causal:
            # each position and those before it
            pairs = torch.ones_like(q[0, 0, :, :1] * k[0, 0, :, 0])
            seen = seen & pairs.to(torch.bool).tril()
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=seen,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=self.causal and seen is None,
            scale=self.scale,
        )
        return y.transpose(1, 2).flatten(2)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)
