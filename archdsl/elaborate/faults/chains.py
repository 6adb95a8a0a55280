"""What can be wrong with chains, blocks and networks. E04."""

from __future__ import annotations

from typing import final

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import Fault
from archdsl.base.records import record
from archdsl.base.suggest import did_you_mean


@final
@record
class LeftOut(Fault):
    """`...` stands in papers for what the reader can fill in. The compiler cannot: write the layers, or a repeat."""

    code = "E0401"
    title = "`...` in a chain"
    example = "INPUT[32x32x3] -> CONV3-64 -> ... -> FC-10"

    @property
    def message(self) -> str:
        return "`...` leaves something out that the compiler needs"

    @property
    def label(self) -> str:
        return "left out"

    @property
    def help(self) -> str | None:
        return "write the layers, or a repeat such as `[conv3-64 -> relu]*3`"


@final
@record
class BadCount(Fault):
    """A repeat needs a whole number that is not negative. `*0` leaves the group out."""

    code = "E0402"
    title = "a repeat that cannot be counted"
    example = "INPUT[32x32x3] -> [CONV3-16 -> RELU]*-1 -> FC-10"

    got: str

    @property
    def message(self) -> str:
        return f"a repeat needs a whole number from 0 on, and gets {self.got}"

    @property
    def label(self) -> str:
        return "cannot be counted"


@final
@record
class NothingComesIn(Fault):
    """A layer stands where no tensor comes in: a network without `input`, or a chain after nothing."""

    code = "E0403"
    title = "a layer without an input"
    example = "net n {\n  conv3-16 -> relu\n}"

    word: str

    @property
    def message(self) -> str:
        return f"nothing comes into `{self.word}`"

    @property
    def label(self) -> str:
        return "needs a tensor"

    @property
    def help(self) -> str | None:
        return "begin the network with `input 224x224x3`, or the chain with `INPUT[224x224x3]` or a bound name"


@final
@record
class Recursion(Fault):
    """A block that uses itself, directly or through others. Every program of the language ends, so blocks cannot."""

    code = "E0404"
    title = "a block that uses itself"
    example = "block a = conv3-16 -> b\nblock b = relu -> a\nnet n { input 32x32x3\n a }"

    path: tuple[str, ...]
    what: str = "block"

    @property
    def message(self) -> str:
        return f"a {self.what} uses itself: {' -> '.join(self.path)}"

    @property
    def label(self) -> str:
        return "comes back to itself"

    @property
    def help(self) -> str | None:
        return "use a repeat (`*3`) or a comprehension" if self.what == "block" else None


@final
@record
class BlockArguments(Fault):
    """A block is called with arguments that do not fit its parameters: one is missing, unknown or given twice."""

    code = "E0405"
    title = "arguments that do not fit a block"
    example = "block b(c, s=1) = conv3-c/s\nnet n { input 32x32x3\n b }"

    block: str
    reason: str
    signature: str
    near: str | None = None

    @property
    def message(self) -> str:
        return f"`{self.block}` {self.reason}"

    @property
    def label(self) -> str:
        return "does not fit"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"it is defined as `{self.signature}`",)

    @property
    def help(self) -> str | None:
        return None if self.near is None else f"did you mean `{self.near}`?"


@final
@record
class NoProjection(Fault):
    """A residual connection whose shortcut no 1x1 convolution can mend.

    `residual { body }` adds the incoming tensor, or where the shapes differ a projection of it: a 1x1 convolution with
    the stride that makes the sizes agree. There is no such stride where the body enlarges the map, or shrinks it
    unevenly.
    """

    code = "E0406"
    title = "a residual connection that cannot be made"
    example = "INPUT[56x56x64] -> residual { CONV7-64(p=0) }"

    before: TensorType
    after: TensorType

    @property
    def message(self) -> str:
        return f"no projection takes {self.before} to {self.after}"

    @property
    def label(self) -> str:
        return f"makes {self.after} of {self.before}"

    @property
    def notes(self) -> tuple[str, ...]:
        return ("the shortcut is a 1x1 convolution: it can change the channels and divide the size by a stride",)

    @property
    def help(self) -> str | None:
        return "pad the body so that it keeps the size, or name the shortcut: `residual { body | shortcut }`"


@final
@record
class Misplaced(Fault):
    """Something stands where it has no meaning: an input in the middle of a chain, an output outside a network."""

    code = "E0407"
    title = "something out of place"
    example = "net n {\n  input 32x32x3\n  conv3-16 -> INPUT[32x32x3]\n}"

    reason: str
    advice: str | None = None

    @property
    def message(self) -> str:
        return self.reason

    @property
    def label(self) -> str:
        return "out of place"

    @property
    def help(self) -> str | None:
        return self.advice


@final
@record
class NameTaken(Fault):
    """Two layers of one block would have the same name, and so the same weights."""

    code = "E0408"
    title = "two layers of the same name"
    example = "net n {\n  input 32x32x3\n  conv3-16 as stem -> conv3-16 as stem\n}"

    word: str

    @property
    def message(self) -> str:
        return f"two layers here are named `{self.word}`"

    @property
    def label(self) -> str:
        return "named again"

    @property
    def help(self) -> str | None:
        return "give each a name of its own, or use `share` if they have the same weights"


@final
@record
class OutsideTensor(Fault):
    """A labelled or repeated group does not go on from what comes into it, or uses weights that are shared outside.

    Such a group is a row of modules, each of which takes what comes out of the one before. It may use a tensor from
    outside as a branch (`add { | skip }`) or as an argument (`attention(memory)`).
    """

    code = "E0409"
    title = "a group that reaches outside"
    example = "net n {\n  input 32x32x16\n  skip = conv3-16\n  conv3-16 -> [skip -> conv3-16]*2\n}"

    word: str

    @property
    def message(self) -> str:
        return f"a labelled or repeated group cannot go on from `{self.word}`, which is outside"

    @property
    def label(self) -> str:
        return "belongs to the surroundings"

    @property
    def help(self) -> str | None:
        return f"go on from what comes in, and use the other as a branch: `add {{ | {self.word} }}`"


@final
@record
class SharedDiffers(Fault):
    """Weights declared by `share` are used on inputs that would need weights of other shapes."""

    code = "E0410"
    title = "shared weights that do not fit"
    example = "net n {\n  input 32x32x16\n  share head = conv3-16\n  head -> conv3-32 -> head\n}"

    word: str

    @property
    def message(self) -> str:
        return f"the weights of `{self.word}` do not fit this input"

    @property
    def label(self) -> str:
        return "would need other weights"


@final
@record
class NoNetwork(Fault):
    """A file in which nothing can be compiled: it only defines blocks, or is empty."""

    code = "E0411"
    title = "a file without a network"
    example = "block b = conv3-16 -> relu"

    @property
    def message(self) -> str:
        return "there is no network in this text"

    @property
    def help(self) -> str | None:
        return "write one, such as `INPUT[32x32x3] -> CONV3-16 -> RELU -> FC-10`, or `net name { ... }`"


@final
@record
class WhichNetwork(Fault):
    """A file holds several networks, and none was chosen, or one that is not there."""

    code = "E0412"
    title = "which of several networks"
    example = ""

    wanted: str | None
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        if self.wanted is not None:
            return f"there is no network `{self.wanted}` in this text"
        return "there are several networks in this text"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"it has {', '.join(f'`{name}`' for name in self.known)}",) if self.known else ()

    @property
    def help(self) -> str | None:
        if self.wanted is not None:
            return did_you_mean(self.wanted, self.known)
        return f"name one, as in `file.arch:{self.known[0]}`"


@final
@record
class NoName(Fault):
    """`?` makes a layer optional, switched by a hyper-parameter of the layer's name. A group has no name."""

    code = "E0413"
    title = "an optional group"
    example = "INPUT[32x32x3] -> [CONV3-16 -> POOL]? -> FC-10"

    @property
    def message(self) -> str:
        return "`?` switches one operator by its name, and a group has none"

    @property
    def label(self) -> str:
        return "has no name"

    @property
    def help(self) -> str | None:
        return "use a condition: `[conv3-16 -> pool if deep]`"


@final
@record
class InputSize(Fault):
    """A network with several inputs, or none, was given one size of the input from outside, or one that is no size."""

    code = "E0414"
    title = "an input size that does not fit"
    example = ""

    reason: str

    @property
    def message(self) -> str:
        return self.reason

    @property
    def label(self) -> str:
        return "this input"
