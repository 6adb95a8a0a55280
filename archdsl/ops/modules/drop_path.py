from torch import Tensor, nn


class DropPath(nn.Module):
    """Stochastic depth: while training, samples are left out with probability `p`."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        sizes = [x.shape[0]] + [1] * (x.dim() - 1)
        kept = x.new_empty(sizes).bernoulli_(1 - self.p)
        return x * kept / (1 - self.p) if self.p < 1 else x * kept

    def extra_repr(self) -> str:
        return f"p={self.p:g}"
