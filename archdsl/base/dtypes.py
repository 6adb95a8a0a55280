"""The types of numbers that weights and activations have, by torch's names."""

from __future__ import annotations

from archdsl.base.wanted import Choice


class Dtype(Choice):
    """A type of numbers."""

    FLOAT64 = "float64"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"

    @property
    def itemsize(self) -> int:
        """The bytes of a number."""
        return {Dtype.FLOAT64: 8, Dtype.FLOAT32: 4}.get(self, 2)
