"""What an operator can refuse: an argument, or the tensor that comes in. E03."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.diagnostics import Fault
from archdsl.base.records import record
from archdsl.base.suggest import did_you_mean


class OperatorFault(Fault):
    """Something that an operator refuses."""


class Reject(Exception):
    """Raised by an operator. Names the argument at fault, not the line: whoever knows the text adds the place."""

    def __init__(self, fault: OperatorFault, argument: str | None = None) -> None:
        super().__init__(fault.message)
        self.fault = fault
        self.argument = argument


@final
@record
class WindowTooLarge(OperatorFault):
    """A window does not fit into the tensor that it slides over, padding included.

    Often the network has shrunk its maps more often than the input allows. A larger input, a smaller window, or more
    padding (`p=`) mends it.
    """

    code = "E0301"
    title = "a window larger than its input"
    example = "INPUT[4x4x3] -> CONV7-64(p=0)"

    operator: str
    extent: int
    length: int
    axis: str
    arithmetic: str

    @property
    def message(self) -> str:
        return f"a window of {self.extent} does not fit into {self.axis} {self.length}"

    @property
    def label(self) -> str:
        return f"needs at least {self.extent}"

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.arithmetic,)

    @property
    def help(self) -> str | None:
        return "use a larger input, a smaller window or more padding (`p=`)"


@final
@record
class BadArgument(OperatorFault):
    """An argument has a value that the operator cannot work with: too small, too large, or at odds with another."""

    code = "E0302"
    title = "an argument out of its bounds"
    example = "INPUT[32x32x3] -> CONV3-16 -> DROPOUT(1.5)"

    argument: str
    reason: str

    @property
    def message(self) -> str:
        return f"`{self.argument}`: {self.reason}"

    @property
    def label(self) -> str:
        return "cannot be used"


@final
@record
class GroupsDoNotDivide(OperatorFault):
    """Channels do not split evenly into groups. Both the incoming and the outgoing channels must."""

    code = "E0303"
    title = "channels that do not split into groups"
    example = "INPUT[32x32x16] -> CONV3-64(groups=5)"

    channels: int
    groups: int
    which: str

    @property
    def message(self) -> str:
        return f"{self.channels} {self.which} do not split into {self.groups} groups"

    @property
    def label(self) -> str:
        return "does not divide"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"{self.channels} = {self.groups}*{self.channels // self.groups} + {self.channels % self.groups}",)


@final
@record
class CannotMerge(OperatorFault):
    """Branches meet whose shapes do not fit together.

    A sum or a product wants equal shapes (a size of 1 stretches in a product); a concatenation wants equal sizes on
    every axis but the channels. The message shows the shapes and where each was made. The usual cause is a stride, a
    padding or a pool that only one of the branches has.
    """

    code = "E0304"
    title = "branches whose shapes do not merge"
    example = "INPUT[56x56x64] -> add { CONV3-64/2 | CONV3-64 }"

    verb: str
    shapes: tuple[TensorType, ...]

    @property
    def message(self) -> str:
        shown = [str(shape) for shape in self.shapes]
        return f"cannot {self.verb} {', '.join(shown[:-1])} and {shown[-1]}"

    @property
    def label(self) -> str:
        return "do not merge"

    @property
    def notes(self) -> tuple[str, ...]:
        first, *others = self.shapes
        other = next(shape for shape in others if shape != first)
        if first.kind is not other.kind:
            one, another = (f"{'an' if each.kind is Kind.IMAGE else 'a'} {each.kind}" for each in (first, other))
            return (f"one is {one}, the other {another}",)
        if first.grid == other.grid and first.kind is not Kind.IMAGE:
            return (f"the features differ: {first.channels} and {other.channels}",)
        if first.grid == other.grid:
            return (f"the maps agree, the channels do not: {first.channels} and {other.channels}",)
        if first.channels == other.channels:
            return ("the channels agree, the maps do not: look for a stride, pool or padding that one side lacks",)
        return ()

    @property
    def help(self) -> str | None:
        first, *others = self.shapes
        other = next(shape for shape in others if shape != first)
        if first.kind is not other.kind or first.rank != other.rank or self.verb == "multiply":
            return None
        if first.kind is not Kind.IMAGE:
            return f"a layer `fc-{first.channels}` changes the features" if first.grid == other.grid else None
        if first.grid == other.grid:
            return f"a 1x1 convolution changes the channels: `conv1-{first.channels}`"
        small, large = sorted((first.grid, other.grid))
        stride = -(-large[0] // small[0])
        if stride == 1 or any(-(-length // stride) != wanted for length, wanted in zip(large, small, strict=True)):
            return None
        was, now = ("x".join(map(str, grid)) for grid in (large, small))
        return f"a stride of {stride} takes a map of {was} to {now}: `/{stride}`"


@final
@record
class MissingArgument(OperatorFault):
    """An operator lacks an argument that it cannot do without, such as the number of channels of a convolution."""

    code = "E0305"
    title = "a missing argument"
    example = "INPUT[32x32x3] -> CONV -> RELU"

    operator: str
    argument: str
    doc: str
    how: str

    @property
    def message(self) -> str:
        return f"`{self.operator}` has no `{self.argument}`"

    @property
    def label(self) -> str:
        return f"missing: {self.doc}"

    @property
    def help(self) -> str | None:
        return f"write `{self.how}`"


@final
@record
class WrongTensor(OperatorFault):
    """An operator got a tensor of a kind that it cannot work on, such as a convolution after a vector."""

    code = "E0306"
    title = "the wrong kind of tensor"
    example = "INPUT[32x32x3] -> FC-10 -> CONV3-16"

    operator: str
    wants: str
    got: TensorType

    @property
    def message(self) -> str:
        return f"`{self.operator}` works on {self.wants}, and gets {_named(self.got)}"

    @property
    def label(self) -> str:
        return f"gets {self.got}"

    @property
    def help(self) -> str | None:
        if "image" not in self.wants or self.got.kind is not Kind.VECTOR:
            return None
        return "`fc`, `flatten` and `gap` make a vector of an image: what works on images stands before them"


@final
@record
class UnknownArgument(OperatorFault):
    """An argument that the operator does not have. The message lists those it has."""

    code = "E0307"
    title = "an unknown argument"
    example = "INPUT[32x32x3] -> CONV3-16(strides=2)"

    operator: str
    argument: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.operator}` has no argument `{self.argument}`"

    @property
    def label(self) -> str:
        return "unknown argument"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.known:
            return ("it takes no arguments",)
        return (f"it has {', '.join(f'`{name}`' for name in self.known)}",)

    @property
    def help(self) -> str | None:
        return did_you_mean(self.argument, self.known)


@final
@record
class WrongType(OperatorFault):
    """An argument is not the kind of value that the operator needs: a word for a number, say."""

    code = "E0308"
    title = "an argument of the wrong kind"
    example = 'INPUT[32x32x3] -> CONV3-16(groups="many")'

    argument: str
    wants: str
    got: str

    @property
    def message(self) -> str:
        return f"`{self.argument}` wants {self.wants}, and gets {self.got}"

    @property
    def label(self) -> str:
        return f"not {self.wants}"

    @property
    def help(self) -> str | None:
        if "whole number" not in self.wants or "." not in self.got or '"' in self.got:
            return None
        return "make it whole: `//` divides and rounds down; `round`, `ceil` and `floor` round"


@final
@record
class TwiceGiven(OperatorFault):
    """One argument is given twice, for instance as `-64` and as `width=64`, or there are too many of them."""

    code = "E0309"
    title = "an argument too many"
    example = "INPUT[32x32x3] -> CONV3-16(width=16)"

    operator: str
    argument: str | None

    @property
    def message(self) -> str:
        if self.argument is None:
            return f"`{self.operator}` gets more arguments than it has"
        return f"`{self.argument}` of `{self.operator}` is given twice"

    @property
    def label(self) -> str:
        return "too many" if self.argument is None else "given before"


@final
@record
class NoShorthand(OperatorFault):
    """A shorthand that the operator has no use for: window digits, a `-width`, a `/stride` or braces.

    `relu3`, `pool-64` and `bn/2` say nothing: an activation has no window, a pool no width, a norm no stride.
    """

    code = "E0310"
    title = "a shorthand without a meaning"
    example = "INPUT[32x32x3] -> CONV3-16 -> POOL2-64"

    operator: str
    part: str
    text: str

    @property
    def message(self) -> str:
        return f"`{self.operator}` has no {self.part}, and `{self.text}` gives it one"

    @property
    def label(self) -> str:
        return f"no {self.part} here"


@final
@record
class WrongCount(OperatorFault):
    """An operator got more or fewer tensors than it works on: a merge without branches, a layer with them."""

    code = "E0311"
    title = "the wrong number of tensors"
    example = "INPUT[32x32x3] -> add { CONV3-16 }"

    operator: str
    wants: str
    got: int

    @property
    def message(self) -> str:
        return f"`{self.operator}` works on {self.wants}, and gets {self.got}"

    @property
    def label(self) -> str:
        return f"gets {self.got}"


@final
@record
class TooLarge(OperatorFault):
    """A tensor with more than 10^18 positions or channels along one axis.

    No computer holds one. Sizes grow without end where each step doubles them, as `concat { | }` does.
    """

    code = "E0312"
    title = "a tensor that is too large"
    example = "INPUT[8x8x4] -> [concat { | }]*60"

    operator: str
    size: int

    @property
    def message(self) -> str:
        return f"`{self.operator}` makes a tensor of about 10^{len(str(self.size)) - 1} along one axis"

    @property
    def label(self) -> str:
        return "too large"

    @property
    def notes(self) -> tuple[str, ...]:
        return ("a size is at most 10^18",)


def _named(x: TensorType) -> str:
    return str(x) if x.kind == "tokens" else f"the {x.kind} {x}"


def listed(words: Iterable[str]) -> str:
    """Words with backticks and commas."""
    return ", ".join(f"`{word}`" for word in words)
