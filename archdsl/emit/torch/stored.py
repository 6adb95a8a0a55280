"""Tensors as files keep them: their types, and which of the numbers of a storage they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from archdsl.base.records import record

if TYPE_CHECKING:
    import torch

# the types of dense tensors, by torch's names, and the bits of a number
BITS: Final = {
    **dict.fromkeys(("bool", "uint8", "int8"), 8),
    **dict.fromkeys(("float8_e5m2", "float8_e4m3fn", "float8_e5m2fnuz", "float8_e4m3fnuz", "float8_e8m0fnu"), 8),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 16),
    **dict.fromkeys(("float32", "int32", "uint32"), 32),
    **dict.fromkeys(("float64", "int64", "uint64"), 64),
}
# more than torch takes
MOST_AXES: Final = 64
# a number of a file that counts something fits into a word, as it must for torch
MOST_NUMBERS: Final = 2**62


@record
class Stored:
    """A dense tensor of a file: its type, shape and strides, the storage with its numbers, and which of them is its
    first. Its numbers lie within the storage."""

    dtype: str
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage: str
    offset: int = 0

    @classmethod
    def dense(cls, dtype: str, shape: tuple[int, ...], storage: str) -> Stored:
        """A tensor that is all of its storage, its last axis next to next."""
        stride, step = list[int](), 1
        for size in reversed(shape):
            stride.append(step)
            step = min(step * size, MOST_NUMBERS)
        return cls(dtype, shape, tuple(reversed(stride)), storage)

    @property
    def reach(self) -> int:
        """How many numbers of the storage come before the end of its last one."""
        if 0 in self.shape:
            return 0
        return self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)) + 1

    def tensor(self, numbers: bytearray) -> torch.Tensor:
        """The tensor itself, a view of the bytes of its storage."""
        import torch

        dtype: torch.dtype = getattr(torch, self.dtype)
        if 0 in self.shape:
            return torch.empty(self.shape, dtype=dtype)
        whole = torch.frombuffer(numbers, dtype=dtype, count=len(numbers) * 8 // BITS[self.dtype])
        return whole.as_strided(self.shape, self.stride, self.offset)
