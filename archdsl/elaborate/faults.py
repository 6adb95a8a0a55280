"""What can be wrong with the meaning of a text. E02 names and values, E04 chains and blocks, E05 files, E06 promises
that a text makes and does not keep, E09 limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import Fault, Severity
from archdsl.base.formats import Format, Use
from archdsl.base.suggest import did_you_mean

# --- E02: names and values --------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class UnknownElement(Fault):
    """A word in a chain that is no operator, block or bound tensor.

    Operators are written in any case, with the window in the name: `CONV3`, `conv1x7`, `pool3`. Blocks and tensors are
    written as they were defined. `archdsl explain operators` lists the operators.
    """

    code = "E0201"
    title = "an unknown operator or block"
    example = "INPUT[32x32x3] -> CNOV3-16 -> RELU"

    word: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.word}` is no operator, block or tensor"

    @property
    def label(self) -> str:
        return "unknown"

    @property
    def help(self) -> str | None:
        stem = self.word.rstrip("0123456789")
        return did_you_mean(self.word, self.known) or did_you_mean(stem, self.known)


@final
@dataclass(frozen=True)
class UnknownName(Fault):
    """A name in an expression that nothing defines: no parameter, `let`, loop variable or tensor."""

    code = "E0202"
    title = "an unknown name"
    example = "let width = 16\nnet n {\n  input 32x32x3\n  conv3-(2*widht)\n}"

    word: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.word}` is not defined"

    @property
    def label(self) -> str:
        return "not defined"

    @property
    def help(self) -> str | None:
        return did_you_mean(self.word, self.known)


@final
@dataclass(frozen=True)
class NotSet(Fault):
    """A hyper-parameter without a value.

    A name that a bare chain leaves open, or a parameter of a net that has no default, is a hyper-parameter. It is set
    on the command line (`--set N=2`) or in Python (`archdsl.load(..., N=2)`).
    """

    code = "E0203"
    title = "a hyper-parameter that is not set"
    example = "INPUT[32x32x3] -> [CONV3-16 -> RELU]*N -> FC-10"

    name: str
    known: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        return f"the hyper-parameter `{self.name}` is not set"

    @property
    def label(self) -> str:
        return "has no value"

    @property
    def help(self) -> str | None:
        near = did_you_mean(self.name, self.known)
        return near or f"set it: `--set {self.name}=2`, or `archdsl.load(..., {self.name}=2)`"


@final
@dataclass(frozen=True)
class NoSuchHyperparameter(Fault):
    """A value is set for a hyper-parameter that the network does not have."""

    code = "E0204"
    title = "an unknown hyper-parameter"
    example = ""

    name: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"the network has no hyper-parameter `{self.name}`"

    @property
    def label(self) -> str:
        return f"has no `{self.name[:40]}`"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"it has {', '.join(f'`{name}`' for name in self.known)}",) if self.known else ("it has none",)

    @property
    def help(self) -> str | None:
        return did_you_mean(self.name, self.known)


@final
@dataclass(frozen=True)
class WrongValue(Fault):
    """A value is not of the kind that is needed where it stands: a list for a number, a block for a size."""

    code = "E0205"
    title = "a value of the wrong kind"
    example = "let widths = [16, 32]\nINPUT[32x32x3] -> CONV3-(widths + 1)"

    wants: str
    got: str

    @property
    def message(self) -> str:
        return f"expected {self.wants}, found {self.got}"

    @property
    def label(self) -> str:
        return f"not {self.wants}"


@final
@dataclass(frozen=True)
class Uncomputable(Fault):
    """An expression has no value: a division by zero, an item beyond the end of a list, a number too large."""

    code = "E0206"
    title = "an expression without a value"
    example = "let widths = [16, 32]\nINPUT[32x32x3] -> CONV3-(widths[2])"

    reason: str

    @property
    def message(self) -> str:
        return self.reason

    @property
    def label(self) -> str:
        return "has no value"


@final
@dataclass(frozen=True)
class NoSuchProperty(Fault):
    """A property that a value does not have. A tensor has `channels`, `height`, `width`, `depth`, `length`, `rank`."""

    code = "E0207"
    title = "an unknown property"
    example = "block b = conv3-(in.chanels)\nnet n { input 32x32x3\n b }"

    word: str
    owner: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"{self.owner} has no property `{self.word}`"

    @property
    def label(self) -> str:
        return "unknown property"

    @property
    def help(self) -> str | None:
        return did_you_mean(self.word, self.known)


@final
@dataclass(frozen=True)
class Shadows(Fault):
    """A name is already taken by an operator. Operators keep their words, so that a chain always reads the same."""

    code = "E0208"
    title = "a name that hides an operator"
    example = "block conv(c) = conv3-c -> relu\nnet n { input 32x32x3\n conv(16) }"

    word: str
    operator: str

    @property
    def message(self) -> str:
        return f"`{self.word}` would hide the operator `{self.operator}`"

    @property
    def label(self) -> str:
        return "already an operator"

    @property
    def help(self) -> str | None:
        return "choose another name"


@final
@dataclass(frozen=True)
class DefinedTwice(Fault):
    """Two definitions in one place have the same name."""

    code = "E0209"
    title = "a name that is defined twice"
    example = "block b = relu\nblock b = tanh\nnet n { input 32x32x3\n b }"

    word: str

    @property
    def message(self) -> str:
        return f"`{self.word}` is defined twice"

    @property
    def label(self) -> str:
        return "defined again"


@final
@dataclass(frozen=True)
class Unpacked(Fault):
    """The number of names does not fit the number of values: `for a, b in [(1, 2, 3)]`, or `a, b = chain` where the
    chain gives one tensor."""

    code = "E0210"
    title = "names that do not fit the values"
    example = "net n {\n  input 32x32x3\n  [conv3-c for c, s in [(16, 1, 2)]]\n}"

    names: int
    values: int

    @property
    def message(self) -> str:
        return f"{_counted(self.names, 'name')} for {_counted(self.values, 'value')}"

    @property
    def label(self) -> str:
        return f"gives {_counted(self.values, 'value')}"


@final
@dataclass(frozen=True)
class ReservedName(Fault):
    """A name that cannot be used in the Python module that is made of the network.

    Words of Python, and the methods and attributes of `nn.Module` (`forward`, `train`, `float`): a layer of such a name
    would hide the method, or be hidden by it.
    """

    code = "E0211"
    title = "a name that PyTorch needs"
    example = "net n {\n  input 32x32x3\n  conv3-16 as forward\n}"

    word: str

    @property
    def message(self) -> str:
        return f"`{self.word}` is a name that Python or `nn.Module` uses itself"

    @property
    def label(self) -> str:
        return "reserved"

    @property
    def help(self) -> str | None:
        return f"another name will do: `{self.word}_`" if self.word.isidentifier() else "choose another name"


@final
@dataclass(frozen=True)
class NotAName(Fault):
    """A label that cannot be the name of a layer in Python.

    A name begins with a letter or an underscore; letters, digits and underscores follow, a hundred at most. A whole
    number is a name too, as `nn.Sequential` gives them.
    """

    code = "E0212"
    title = "a label that is no name"
    example = "net n {\n  input 32x32x3\n  conv3-16 as 1st\n}"

    word: str

    @property
    def message(self) -> str:
        return f"`{self.word[:40]}` cannot be the name of a layer"

    @property
    def label(self) -> str:
        return "no name"

    @property
    def help(self) -> str | None:
        return "begin with a letter from a to z; letters, digits and underscores follow"


# --- E04: chains, blocks and networks ---------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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


# --- E05: files -------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class UnknownFile(Fault):
    """A file or a network of the zoo that is not there. `archdsl zoo` lists the networks that come along."""

    code = "E0501"
    title = "an unknown file"
    example = "use resnest (bottleneck)\nnet n { input 32x32x3\n bottleneck(16) }"

    name: str
    known: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        return f"there is no file or network `{self.name}`"

    @property
    def label(self) -> str:
        return "not found"

    @property
    def help(self) -> str | None:
        return did_you_mean(self.name, self.known)


@final
@dataclass(frozen=True)
class UnreadableFile(Fault):
    """A file that cannot be read: a folder, a device, or one whose owner does not allow it."""

    code = "E0502"
    title = "an unreadable file"
    example = ""

    name: str
    reason: str

    @property
    def message(self) -> str:
        return f"`{self.name}` cannot be read: {self.reason}"


@final
@dataclass(frozen=True)
class UseCycle(Fault):
    """Files that use each other in a circle."""

    code = "E0503"
    title = "files that use each other"
    example = ""

    path: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"files use each other: {' -> '.join(self.path)}"

    @property
    def label(self) -> str:
        return "closes the circle"


@final
@dataclass(frozen=True)
class OutsideRoot(Fault):
    """`use` reads files beside the text that it stands in, and the zoo; nothing above, and no absolute paths."""

    code = "E0504"
    title = "a file outside"
    example = "use ../secret\nINPUT[32x32x3] -> CONV3-16"

    name: str

    @property
    def message(self) -> str:
        return f"`use {self.name}` leaves the folder of this text"

    @property
    def label(self) -> str:
        return "outside"


@final
@dataclass(frozen=True)
class NotInFile(Fault):
    """`use` asks a file for a name that it does not define."""

    code = "E0505"
    title = "a name that a file does not define"
    example = "use resnet (botleneck)\nnet n { input 32x32x3\n botleneck(16) }"

    word: str
    file: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.file}` defines no `{self.word}`"

    @property
    def label(self) -> str:
        return "not defined there"

    @property
    def help(self) -> str | None:
        return did_you_mean(self.word, self.known)


@final
@dataclass(frozen=True)
class ForeignFile(Fault):
    """A file that is no text of a network: one of another program, or one of archdsl that is damaged.

    What a file is is told by what is in it, whatever its name. Networks are read from texts, and from what archdsl made
    of one and carries it: a Python file, or weights of safetensors. Weights go with a network, and nothing is worked
    out from them alone: `archdsl compile NAME --weights FILE`. Models and descriptions of other programs are not read:
    ONNX, TensorFlow Lite, Keras, darknet, Caffe, YAML and JSON.
    """

    code = "E0506"
    title = "a file of another program"
    example = ""

    name: str
    kind: Format

    @property
    def message(self) -> str:
        damaged = ", and the text that it carries is damaged" if self.kind.use is Use.MADE else ""
        return f"`{self.name}` is {self.kind.name}{damaged or ', and no text of a network'}"

    @property
    def help(self) -> str | None:
        match self.kind.use:
            case Use.WEIGHTS:
                return f"give weights beside their network: `archdsl compile NAME --weights {self.name}`"
            case Use.ELSEWHERE | Use.DESCRIPTION:
                return "no network is read from such a file: write it as a text, or see whether `archdsl zoo` has it"
            case Use.CODE:
                return "of Python files only those that `archdsl compile` wrote are read, for the text that they carry"
            case Use.MADE:
                return "name the text that it was made from"
            case Use.ENCODED:
                return "save it as UTF-8"
            case Use.POINTER:
                return "fetch the file itself: `git lfs pull`"
            case Use.OTHER:
                return None


# --- E06: promises ----------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
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
@dataclass(frozen=True)
class DoesNotDivide(Fault):
    """Under `--exact`, a stride that does not divide: the window does not end at the edge, and rows of the input are
    never read.

    The textbook's rule wants (W - F + 2P)/S to be whole. PyTorch rounds down. The help lists what would fit.
    """

    code = "E0602"
    title = "a stride that does not divide"
    example = ""

    operator: str
    axis: str
    arithmetic: str
    paddings: tuple[int, ...]
    sizes: tuple[int, ...]

    @property
    def message(self) -> str:
        return f"the stride of `{self.operator}` does not divide along its {self.axis}"

    @property
    def label(self) -> str:
        return "leaves positions over"

    @property
    def notes(self) -> tuple[str, ...]:
        return (self.arithmetic,)

    @property
    def help(self) -> str | None:
        fits: list[str] = []
        if self.paddings:
            fits.append(f"p={' or p='.join(map(str, self.paddings))}")
        if self.sizes:
            fits.append(f"a {self.axis} of {' or '.join(map(str, self.sizes))}")
        return f"{', or '.join(fits)} would fit" if fits else None


@final
@dataclass(frozen=True)
class DeadSteps(Fault):
    """A layer whose result reaches no output. It is part of the module, and costs, for nothing."""

    code = "W0603"
    title = "a layer that no output needs"
    example = "net n {\n  input 32x32x3\n  x = conv3-16\n  y = x -> conv3-32\n  x -> relu\n}"
    severity: ClassVar[Severity] = Severity.WARNING

    names: tuple[str, ...]

    @property
    def message(self) -> str:
        shown = ", ".join(f"`{name}`" for name in self.names[:5])
        more = f" and {len(self.names) - 5} more" if len(self.names) > 5 else ""
        return f"no output needs {shown}{more}"

    @property
    def label(self) -> str:
        return "is never used"


# --- E06: what must hold ----------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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


# --- E09: limits ------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class LimitPassed(Fault):
    """A text asks for more than the host allows. The message says how much, and how to raise the limit.

    Limits protect a program that compiles texts of others. Nothing is expanded or allocated before it is priced, so
    a repeat of a billion layers is summed in a moment; only writing it out is refused.
    """

    code = "E0901"
    title = "a limit that was passed"
    example = "net n {\n  input 32x32x3\n  [relu for i in range(1000000)]\n}"
    severity: ClassVar[Severity] = Severity.LIMIT

    what: str
    figure: int
    limit: int
    name: str

    @property
    def message(self) -> str:
        return f"{self.what}: {_short(self.figure)}, and the limit is {_short(self.limit)}"

    @property
    def label(self) -> str:
        return "over the limit"

    @property
    def help(self) -> str | None:
        return f"raise the limit: `Limits({self.name}=...)`"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _short(number: int) -> str:
    return f"{number:,}" if number <= 10**18 else f"about 10^{len(str(number)) - 1}"
