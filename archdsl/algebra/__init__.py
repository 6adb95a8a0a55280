"""Numbers that remember: sizes left open and the conditions on them, traces of arguments, windows, types of tensors."""
