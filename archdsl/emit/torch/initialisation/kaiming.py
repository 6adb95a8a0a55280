from torch import nn


def init_weights(module: nn.Module) -> None:
    """Kaiming initialisation (He et al. 2015, arXiv:1502.01852): for layers with ReLU."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
