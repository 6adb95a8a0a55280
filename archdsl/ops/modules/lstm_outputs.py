from torch import Tensor, nn


class LstmOutputs(nn.LSTM):
    """The outputs of a recurrent layer alone, as `nn.Sequential` wants it."""

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None) -> Tensor:
        return super().forward(x, state)[0]
