"""What can be wrong with names and values. E02."""

from __future__ import annotations

from typing import final

from archdsl.base.diagnostics import Fault
from archdsl.base.records import record
from archdsl.base.suggest import did_you_mean


@final
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
