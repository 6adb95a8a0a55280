"""What every layer stands on: text and places, diagnostics, tensor types, the arithmetic of windows."""
