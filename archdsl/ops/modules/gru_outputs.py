from torch import Tensor, nn


class GruOutputs(nn.GRU):
    """The outputs of a recurrent layer alone, as `nn.Sequential` wants it."""

    def forward(self, x: Tensor, state: Tensor | None = None) -> Tensor:
        return super().forward(x, state)[0]
