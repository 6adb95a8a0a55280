from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each position of an image."""

    def forward(self, input: Tensor) -> Tensor:
        shape, eps = self.normalized_shape, self.eps
        y = F.layer_norm(input.movedim(1, -1), shape, self.weight, self.bias, eps)
        return y.movedim(-1, 1)
