from torch import Tensor, nn


class LstmOutputs(nn.LSTM):
    """The outputs of a recurrent layer alone, as `nn.Sequential` wants it."""

    def forward(  # type: ignore[override]
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> Tensor:
        return super().forward(input, hx)[0]
