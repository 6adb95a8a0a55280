import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Multi-head attention to the sequence itself, or to another one, the memory.

    `mask` is true where the memory is padding. The weights are those of
    `nn.MultiheadAttention`.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.dropout, self.causal = heads, dropout, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width)) if bias else None
        self.out_proj = nn.Linear(width, width, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)
            nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None) -> Tensor:
        queries, keys, values = (self._split(y) for y in self._projected(x, memory))
        seen, causal = self._seen(queries, keys, mask)
        y = F.scaled_dot_product_attention(
            queries,
            keys,
            values,
            attn_mask=seen,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
        )
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def _projected(self, x: Tensor, memory: Tensor | None) -> tuple[Tensor, ...]:
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if memory is None:
            return F.linear(x, weight, bias).chunk(3, dim=-1)
        parts = [weight.shape[1], 2 * weight.shape[1]]
        first, others = weight.split(parts)
        ahead, behind = (None, None) if bias is None else bias.split(parts)
        pairs = F.linear(memory, others, behind).chunk(2, dim=-1)
        return F.linear(x, first, ahead), *pairs

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _seen(self, queries: Tensor, keys: Tensor, mask: Tensor | None) -> tuple[Tensor | None, bool]:
        if mask is None:
            return None, self.causal
        seen = ~mask[:, None, None]
        if self.causal:
            # each position and those before it
            pairs = torch.ones_like(queries[0, 0, :, :1] * keys[0, 0, :, 0]).bool()
            seen = seen & pairs.tril()
        return seen, False
