"""The files that commands write: which kinds there are, told by their endings before anything is worked out."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

import click

from archdsl.base.files import WrongKind, kind_of

_PICTURES = ("svg", "png", "pdf", "dot", "mmd", "html")
_WEIGHTS = "weights are written as .safetensors, and in Python `torch.save(model.state_dict(), ...)` writes them too"
_CONVERTED = "write .onnx, which other programs convert"
_INSTEAD: Final = {
    **dict.fromkeys(("py", "onnx", "safetensors"), "`archdsl compile` writes that"),
    **dict.fromkeys(_PICTURES, "`archdsl draw` writes that"),
    "json": "`archdsl json` writes that",
    **dict.fromkeys(("pt", "pth", "ckpt", "bin", "pkl", "tar", "npz", "pt2", "pts"), _WEIGHTS),
    **dict.fromkeys(("tflite", "keras", "h5", "hdf5", "pb", "mlmodel", "mlpackage", "engine", "xml"), _CONVERTED),
    "arch": "that is the name of a text, which nothing is written over",
}


def output_kind(output: str, kinds: Collection[str], noun: str, plain: str = "") -> str:
    """The kind of a file that is to be written, one of `kinds`. noun: what is written. plain: the kind of what goes to
    standard output, and of what is no file, such as a pipe. UsageError where the ending is none of these."""
    path = Path(output)
    if plain and (output == "-" or (path.exists() and not path.is_file() and not path.is_dir())):
        return plain
    try:
        return kind_of(path, kinds, noun)
    except WrongKind as error:
        ending = path.suffix[1:].lower()
        # whoever wants another kind of picture is told which there are
        wants_a_picture = ending in _PICTURES and not set(kinds).isdisjoint(_PICTURES)
        instead = None if wants_a_picture else _INSTEAD.get(ending)
        raise click.UsageError(f"{error}{f'; {instead}' if instead else ''}") from None
