"""What every room stands on: text and places, diagnostics, limits, reading, writing, escaping."""
