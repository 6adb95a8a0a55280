"""The arithmetic of sliding windows: output sizes by (W - F + 2P)/S + 1, and what an output position sees."""

from __future__ import annotations

from fractions import Fraction

from archdsl.algebra.fields import Field
from archdsl.algebra.symbolic import is_open
from archdsl.base.records import record


@record(slots=True)
class Window:
    """A window that slides along one axis, as torch counts it.

    size: positions it covers before dilation (F). padding: positions added at each end (P). `ceil` rounds the number
    of steps up instead of down, but never starts a window in the padding on the right. after: positions added at the
    end, where they are not as many as before.
    """

    size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    ceil: bool = False
    after: int | None = None

    @property
    def padded(self) -> int:
        """Positions added at both ends together."""
        return self.padding + (self.padding if self.after is None else self.after)

    @property
    def extent(self) -> int:
        """Positions from the first to the last that it touches: (F - 1)*dilation + 1."""
        return (self.size - 1) * self.dilation + 1

    def slide(self, length: int) -> int:
        """Positions it takes along `length`; not positive where it does not fit."""
        room = length - self.extent + self.padded
        if not self.ceil:
            return room // self.stride + 1
        # the last window may hang over the end, but starts before the padding on the right
        return -(-(length + min(self.padded - self.extent + self.stride, self.padding)) // self.stride)

    def fits(self, length: int) -> bool:
        """Whether there is at least one window. Rounded up, the only one may hang over the end."""
        return self.slide(length) > 0

    def exact(self, length: int) -> bool:
        """Whether the stride divides, so that no position of the input is left over."""
        return self.rest(length) == 0

    def rest(self, length: int) -> int:
        """How many positions of the input are left over at the end."""
        return (length - self.extent + self.padded) % self.stride

    @property
    def field(self) -> Field:
        """What one output position sees."""
        low, gap = -self.padding, self.dilation if self.size > 1 else 0
        return Field(low, low + self.extent - 1, self.stride, gap)

    def arithmetic(self, length: int) -> str:
        """The sum with its numbers: `(224 - 7 + 2*3)/2 + 1 = 112.5 -> 112`."""
        size = f"(({self.size} - 1)*{self.dilation} + 1)" if self.dilation != 1 else f"{self.size}"
        padding = f"2*{self.padding}" if self.after is None else f"{self.padding} + {self.after}"
        top = f"{length} - {size} + {padding}"
        value = Fraction(length - self.extent + self.padded, self.stride) + 1
        rounded = self.slide(length)
        shown = str(rounded) if is_open(length) or value == rounded else f"{_decimal(value)} -> {rounded}"
        return f"({top})/{self.stride} + 1 = {shown}"


@record(slots=True)
class Spread:
    """A window that spreads along one axis, as a transposed convolution does: (W - 1)*S - 2P + F + output padding."""

    size: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    extra: int = 0

    @property
    def extent(self) -> int:
        """Positions from the first to the last that one input position writes."""
        return (self.size - 1) * self.dilation + 1

    def slide(self, length: int) -> int:
        """Positions of the output; not positive where the padding eats everything."""
        return (length - 1) * self.stride - 2 * self.padding + self.extent + self.extra

    @property
    def field(self) -> Field:
        """What one output position sees: output o sees the inputs i with o = i*stride - padding + k*dilation."""
        low, jump = Fraction(self.padding - self.extent + 1, self.stride), Fraction(1, self.stride)
        gap = self.dilation if self.size > 1 else 0
        return Field(low, Fraction(self.padding, self.stride), jump, gap, bound=self.stride > 1)

    def arithmetic(self, length: int) -> str:
        """The sum with its numbers: `(7 - 1)*2 - 2*1 + 4 = 14`."""
        size = f"({self.size} - 1)*{self.dilation} + 1" if self.dilation != 1 else f"{self.size}"
        extra = f" + {self.extra}" if self.extra else ""
        return f"({length} - 1)*{self.stride} - 2*{self.padding} + {size}{extra} = {self.slide(length)}"


def _decimal(value: Fraction) -> str:
    text = f"{float(value):.4f}".rstrip("0").rstrip(".")
    return text if Fraction(text) == value else f"{text}.."
