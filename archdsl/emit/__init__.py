"""The back ends: a network as PyTorch code, and as ONNX."""
