"""PyTorch source: one class a block, loops for repeats, nothing of archdsl in it."""
