from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each position of an image."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
