"""What can be wrong with a network, a pass, weights, or a file that is to be made. E06 what checks find, E08 the
others."""

from __future__ import annotations

from typing import ClassVar, final

from archdsl.base.diagnostics import Fault, Severity
from archdsl.base.records import record
from archdsl.base.suggest import did_you_mean
from archdsl.passes.options import quoted

_SHOWN = 6


@final
@record
class UnknownPass(Fault):
    """A pass that there is not.

    The passes are `drop-dropout`, `fold-norm`, `fully-convolutional`, `head(10)`, `inference`, `init(kaiming)`,
    `input-channels(1)`, `prune-dead`, `resize-positions(384, 384)`, `truncate(layer2, layer4)` and `widen(0.5)`.
    """

    code = "E0801"
    title = "an unknown pass"
    example = ""

    word: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.word}` is no pass" if self.word else "no pass is named"

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"there are {', '.join(f'`{word}`' for word in self.known)}",)

    @property
    def help(self) -> str | None:
        return did_you_mean(self.word.partition("(")[0], self.known)


@final
@record
class NoSuchPath(Fault):
    """A pass is told of a layer that the network does not have, or that lies too deep to be given back.

    `truncate` can give back the tensors after the network's own layers (`layer4`) and after the members of its rows
    (`features.15`).
    """

    code = "E0802"
    title = "a layer that a pass cannot find"
    example = ""

    path: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"no layer `{self.path[:80]}` to cut at"

    @property
    def notes(self) -> tuple[str, ...]:
        shown = ", ".join(f"`{name}`" for name in self.known[:12])
        return (f"there are {shown}{' and more' if len(self.known) > 12 else ''}",)

    @property
    def help(self) -> str | None:
        return did_you_mean(self.path, self.known)


@final
@record
class BadPassOption(Fault):
    """The options of a pass are not such as it takes: too many or too few, of the wrong kind, or out of bounds."""

    code = "E0803"
    title = "options that a pass does not take"
    example = ""

    word: str
    reason: str
    usage: str

    @property
    def message(self) -> str:
        return f"the pass `{self.word}` cannot be used so: {self.reason}"

    @property
    def help(self) -> str | None:
        return f"write it as `{self.usage}`"


@final
@record
class CannotChange(Fault):
    """A pass cannot do what it is asked, because of the layer that the message names.

    A width multiplier changes the channels of convolutions and fully connected layers alone: where a sum adds what they
    give to something else, its branches no longer agree. Another head needs a last layer that has a number of classes.
    Layers whose weights depend on the size of the image cannot be used at another size.
    """

    code = "E0804"
    title = "a layer that a pass cannot change"
    example = ""

    change: str
    path: str
    reason: str
    numbers: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        what = f"`{self.path}`" if self.path else "the network"
        return f"`{self.change}` cannot change {what}: {self.reason}"

    @property
    def label(self) -> str:
        return "cannot be changed so"

    @property
    def notes(self) -> tuple[str, ...]:
        return self.numbers


@final
@record
class AnotherModule(Fault):
    """A live module is changed together with a network that it was not made of: its tensors have other names or shapes.

    Nothing is changed. Give the module that `to_torch()` of this network made, or one with a state dictionary of the
    same names; of a wrapped module that is the one inside.
    """

    code = "E0805"
    title = "a module of another network"
    example = ""

    network: str
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def message(self) -> str:
        many = len(self.missing) + len(self.unknown) + len(self.others)
        return f"the module is not one of `{self.network}`: {many} tensor{' differs' if many == 1 else 's differ'}"

    @property
    def notes(self) -> tuple[str, ...]:
        said = (("not in it", self.missing), ("not in the network", self.unknown), ("of another shape", self.others))
        return tuple(f"{what}: {_listed(names)}" for what, names in said if names)


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(f"`{name}`" for name in names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@final
@record
class UnreadableWeights(Fault):
    """A file of weights that cannot be read: it is missing, damaged, or holds more than tensors by name.

    Safetensors files and files of `torch.save` are read without running, importing or unpacking anything that stands
    in them; a file that needs more than that is refused. So are tensors that are not dense ones of numbers: sparse,
    quantised, complex and nested ones.
    """

    code = "E0811"
    title = "an unreadable file of weights"
    example = ""

    file: str
    reason: str

    @property
    def message(self) -> str:
        return f"the weights in `{self.file}` cannot be read: {self.reason}"

    @property
    def help(self) -> str | None:
        return "save the weights as safetensors, or with `torch.save(model.state_dict(), ...)`"


@final
@record
class WeightsDiffer(Fault):
    """The weights in a file are not those of the network: other names, shapes or types.

    Nothing is loaded. The notes name the first differences, and for a missing name the nearest one in the file. A head
    of another size is allowed when it is named: `load_weights(model, path, head=["fc"])`. A prefix that the names of
    the file have and those of the network have not is no difference. The help says what loads them all the same, or
    which network of the zoo they belong to.
    """

    code = "E0812"
    title = "weights of another network"
    example = ""

    file: str
    differences: tuple[str, ...]
    advice: str | None = None

    @property
    def message(self) -> str:
        many = len(self.differences)
        return f"the weights in `{self.file}` do not fit the network: {many} difference{'' if many == 1 else 's'}"

    @property
    def notes(self) -> tuple[str, ...]:
        more = len(self.differences) - _SHOWN
        return (*self.differences[:_SHOWN], *((f"and {more} more",) if more > 0 else ()))

    @property
    def help(self) -> str | None:
        return self.advice


@final
@record
class UnknownHead(Fault):
    """A layer that is named as one whose weights may differ from those in a file, and that neither of the two has.

    Nothing is loaded. Every `--head`, in Python every item of `head`, is the path of a layer or block that has weights
    in the network or in the file: `fc`, `aux.out`. Names of the file are meant without what all of them begin with.
    """

    code = "E0813"
    title = "an unknown head"
    example = ""

    path: str
    file: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        named = f"`{quoted(self.path)}`" if self.path else "what has no name"
        return f"{named} is no head: neither the network nor `{self.file}` has weights of such a layer"

    @property
    def help(self) -> str | None:
        return did_you_mean(self.path, self.known)


@final
@record
class NotInOnnx(Fault):
    """A layer that ONNX cannot say, or that comes out as something else there.

    A file is written only if it is right: PyTorch's exporter knows every layer, the sizes that the text leaves open
    stay open, and onnxruntime, where it is installed, gives PyTorch's numbers for random inputs. Where the network as a
    whole fails, each distinct layer is tried alone, and those that fail are named.
    """

    code = "E0831"
    title = "a layer that cannot be written as ONNX"
    example = ""

    path: str
    reason: str
    fixes_a_size: bool = False

    @property
    def message(self) -> str:
        return f"{f'`{self.path}`' if self.path else 'the network'} cannot be written as ONNX: {self.reason}"

    @property
    def label(self) -> str:
        return "not in ONNX"

    @property
    def help(self) -> str | None:
        return "state the sizes of the input, in the text or with `--input`" if self.fixes_a_size else None


# --- what checks find -------------------------------------------------------------------------------------------------


@final
@record
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
@record
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
