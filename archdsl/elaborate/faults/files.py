"""What can be wrong with the files that a text names. E05."""

from __future__ import annotations

from typing import final

from archdsl.base.diagnostics import Fault
from archdsl.base.formats import Format, Use
from archdsl.base.records import record
from archdsl.base.suggest import did_you_mean


@final
@record
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
@record
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
@record
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
@record
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
@record
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
@record
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
