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
        self.width, self.heads = width, heads
        self.dropout, self.causal = dropout, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * width)) if bias else None
        self.out_proj = nn.Linear(width, width, bias=bias)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None:
            nn.init.zeros_(self.in_proj_bias)
            nn.init.zeros_(self.out_proj.bias)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, mask: Tensor | None = None
    ) -> Tensor:
        q, k, v = self._projected(x, memory)
        q, k, v = self._split(q), self._split(k), self._split(v)
        seen, causal = self._seen(q, k, mask)
        y = F.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=seen,
            dropout_p=self.dropout if self.training else 0.0,
            is_causal=causal,
        )
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def _projected(
        self, x: Tensor, memory: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        weight, bias = self.in_proj_weight, self.in_proj_bias
        if memory is None:
            q, k, v = F.linear(x, weight, bias).chunk(3, dim=-1)
            return q, k, v
        sizes = [self.width, 2 * self.width]
        own, others = weight.split(sizes)
        first: Tensor | None = None
        second: Tensor | None = None
        if bias is not None:
            first, second = bias.split(sizes)
        k, v = F.linear(memory, others, second).chunk(2, dim=-1)
        return F.linear(x, own, first), k, v

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def _seen(
        self, q: Tensor, k: Tensor, mask: Tensor | None
    ) -> tuple[Tensor | None, bool]:
        if mask is None:
            return None, self.causal
        seen = ~mask[:, None, None]
        if self.causal:
            # each position and those before it
            pairs = torch.ones_like(q[0, 0, :, :1] * k[0, 0, :, 0])
            seen = seen & pairs.to(torch.bool).tril()
        return seen, False
