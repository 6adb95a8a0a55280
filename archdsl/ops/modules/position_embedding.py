from torch import Tensor, nn


class PositionEmbedding(nn.Embedding):
    """Adds a learned vector for each position of a sequence."""

    def forward(self, input: Tensor) -> Tensor:
        return input + self.weight[: input.shape[1]]
