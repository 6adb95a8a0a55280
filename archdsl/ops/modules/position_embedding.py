from torch import Tensor, nn


class PositionEmbedding(nn.Embedding):
    """Adds a learned vector for each position of a sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]
