"""What is known of a hierarchy of modules: memory, time, the receptive field, rows of layers, products of matrices."""
