from torch import Tensor, nn


class RnnOutputs(nn.RNN):
    """The outputs of a recurrent layer alone, as `nn.Sequential` wants it."""

    def forward(  # type: ignore[override]
        self, input: Tensor, hx: Tensor | None = None
    ) -> Tensor:
        return super().forward(input, hx)[0]
