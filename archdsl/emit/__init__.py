"""The back ends: a network as PyTorch code, as a picture."""
