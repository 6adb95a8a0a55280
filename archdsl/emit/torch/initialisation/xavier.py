from torch import nn


def init_weights(module: nn.Module) -> None:
    """Xavier initialisation (Glorot, Bengio 2010): for layers with tanh or sigmoid."""
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
