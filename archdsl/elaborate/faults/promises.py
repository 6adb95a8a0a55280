"""What a text promises of sizes and does not keep. E06."""

from __future__ import annotations

from typing import final

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import Fault
from archdsl.base.records import record


@final
@record
class ShapeDiffers(Fault):
    """A shape that the text states after `:` is not the one that comes out."""

    code = "E0601"
    title = "a shape that is not as stated"
    example = "INPUT[224x224x3] -> CONV7-64/2 : 111x111x64"

    stated: str
    actual: TensorType

    @property
    def message(self) -> str:
        return f"the text says {self.stated}, and {self.actual} comes out"

    @property
    def label(self) -> str:
        return f"is {self.actual}"


@final
@record
class DoesNotHold(Fault):
    """What the text requires is not so.

    `require` states what must hold of sizes, as `require in.channels % 8 == 0`, or of the whole network: `params`,
    `macs`, `layers` and `receptive_field`, as in `require macs < 300M`. The message has the figures, and the layers
    that cost most.
    """

    code = "E0604"
    title = "a requirement that does not hold"
    example = "net n {\n  input 32x32x3\n  conv3-64 -> gap -> fc-1000\n  require params < 5k\n}"

    stated: str
    figures: tuple[str, ...]
    costly: tuple[tuple[str, int], ...] = ()

    @property
    def message(self) -> str:
        return f"`{self.stated}` does not hold{': ' if self.figures else ''}{', '.join(self.figures)}"

    @property
    def label(self) -> str:
        return "does not hold"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.costly:
            return ()
        return (f"most of it: {', '.join(f'`{path}` {cost:,}' for path, cost in self.costly)}",)


@final
@record
class NotForAllSizes(Fault):
    """A network whose input has open sizes does not work for all of them.

    The names in `input (3, H, W)` stand for any sizes. Where shapes meet that agree for some sizes only, the text must
    say which: `require H % 32 == 0`. Sizes that are merely too small for a window need not be ruled out. The message
    says what is needed; `archdsl sizes` lists the sizes that fit.
    """

    code = "E0605"
    title = "sizes that do not fit together for all inputs"
    example = "net n {\n  input (8, H, 32)\n  c = conv3-8\n  add { c -> maxpool2/2 | c -> conv3-8/2 }\n}"

    needed: tuple[str, ...]
    enough: tuple[str, ...]

    @property
    def message(self) -> str:
        return ", and ".join(self.needed)

    @property
    def label(self) -> str:
        return "needs it"

    @property
    def help(self) -> str | None:
        stated = " and ".join(f"`require {each}`" for each in self.enough)
        return f"say so beside the input: {stated}" if len(self.enough) == len(self.needed) else None


@final
@record
class WeightsOfOpenSize(Fault):
    """A layer has as many weights as the size of its input says, and that size is left open.

    A fully connected layer after `flatten`, or a learned position for each token, fits one size of the input only.
    Pooling to a fixed size (`gap`, `adaptiveavgpool(7)`) makes the layer independent of it; so does a number in place
    of the name.
    """

    code = "E0606"
    title = "weights that depend on an open size"
    example = "net n {\n  input (3, H, 32)\n  conv3-8 -> fc-10\n}"

    layer: str
    tensor: str
    shape: tuple[int, ...]

    @property
    def message(self) -> str:
        sizes = ", ".join(map(str, self.shape))
        return f"the `{self.tensor}` of `{self.layer}` would be ({sizes}): it must be told the size"

    @property
    def label(self) -> str:
        return "has weights of an open size"

    @property
    def help(self) -> str | None:
        return "give the input a number there, or pool to a fixed size first"


@final
@record
class NoSizeFits(Fault):
    """No size of the input was found that meets everything that the text requires.

    Conditions on one size are solved exactly as long as they repeat after at most 10,000 sizes.
    """

    code = "E0607"
    title = "requirements that no size meets"
    example = "net n {\n  input (3, H, H)\n  require H % 4 == 1\n  require H % 2 == 0\n  gap\n}"

    needed: str

    @property
    def message(self) -> str:
        return f"no size of the input was found that meets this: {self.needed}, with what else must hold"

    @property
    def label(self) -> str:
        return "cannot be met"
