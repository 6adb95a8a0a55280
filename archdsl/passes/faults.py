"""What can be wrong with a pass, with weights for a network, or with a file that is to be made of one. E08."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from archdsl.base.diagnostics import Fault
from archdsl.base.suggest import did_you_mean

_SHOWN = 6


@final
@dataclass(frozen=True)
class UnknownPass(Fault):
    """A pass that there is not, or whose options do not fit it.

    The passes are `drop-dropout`, `fold-norm`, `fully-convolutional`, `head(10)`, `inference`, `prune-dead`,
    `truncate(layer2, layer4)` and `widen(0.5)`.
    """

    code = "E0801"
    title = "an unknown pass"
    example = ""

    word: str
    known: tuple[str, ...]

    @property
    def message(self) -> str:
        return f"`{self.word}` is no pass"

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            f"there are {', '.join(f'`{word}`' for word in self.known)}",
            "`head`, `init`, `truncate` and `widen` take options",
        )

    @property
    def help(self) -> str | None:
        return did_you_mean(self.word.partition("(")[0], self.known)


@final
@dataclass(frozen=True)
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
        return f"no layer `{self.path}` to cut at"

    @property
    def notes(self) -> tuple[str, ...]:
        shown = ", ".join(f"`{name}`" for name in self.known[:12])
        return (f"there are {shown}{' and more' if len(self.known) > 12 else ''}",)

    @property
    def help(self) -> str | None:
        return did_you_mean(self.path, self.known)


@final
@dataclass(frozen=True)
class UnreadableWeights(Fault):
    """A file of weights that cannot be read: it is missing, damaged, or holds more than tensors by name.

    Safetensors files are read as they are. Files of `torch.save` are read with `weights_only=True`, so nothing that
    stands in them is run; a file that needs more than that is refused.
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
@dataclass(frozen=True)
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
@dataclass(frozen=True)
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
