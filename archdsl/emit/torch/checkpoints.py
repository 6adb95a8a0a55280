"""Files of weights: the tensors in them by name, without running anything that stands there."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.formats import MADE_WEIGHTS, SAFETENSORS, Use, format_of_file
from archdsl.passes.faults import UnreadableWeights

if TYPE_CHECKING:
    import torch

_NESTS = ("state_dict", "model_state_dict", "model", "module")
_HEADER_LIMIT = 100 * 2**20


@dataclass(frozen=True)
class Entry:
    """A tensor of a file: its shape and type."""

    shape: tuple[int, ...]
    dtype: str


def contents(path: Path) -> dict[str, Entry]:
    """The names, shapes and types of the tensors in a file, without their numbers."""
    if _is_safetensors(path):
        return _safetensors_header(path)
    return {name: entry_of(each) for name, each in _torch_file(path, "meta").items()}


def entry_of(tensor: torch.Tensor) -> Entry:
    """The shape and type of a tensor."""
    return Entry(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _is_safetensors(path: Path) -> bool:
    """Whether a file is one of safetensors, by what is in it. ArchError where it is none of weights."""
    try:
        kind = format_of_file(path)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if kind is not None and kind is not MADE_WEIGHTS and kind.use is not Use.WEIGHTS:
        raise ArchError([Diagnostic(UnreadableWeights(path.name, f"it is {kind.name}"))])
    return kind in {SAFETENSORS, MADE_WEIGHTS} or (kind is None and path.suffix == ".safetensors")


def _header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file, which is JSON and needs no torch."""
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            found: Any = json.loads(file.read(length)) if length <= _HEADER_LIMIT else None
    except (OSError, ValueError, RecursionError, struct.error) as error:
        raise _unreadable(path, error) from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in cast("Any", found).values()):
        raise _unreadable(path, ValueError("its header is no list of tensors"))
    return cast("dict[str, Any]", found)


def _safetensors_header(path: Path) -> dict[str, Entry]:
    names = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64", "I32": "int32"}
    try:
        return {
            name: Entry(tuple(each["shape"]), names.get(str(each["dtype"]), str(each["dtype"])))
            for name, each in _header(path).items()
            if name != "__metadata__"
        }
    except (KeyError, TypeError) as error:
        raise _unreadable(path, ValueError("its header is no list of tensors")) from error


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors in a file."""
    if not _is_safetensors(path):
        return _torch_file(path, "cpu")
    from safetensors import SafetensorError
    from safetensors import torch as safetensors

    try:
        return cast("Any", safetensors).load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _torch_file(path: Path, device: str) -> dict[str, torch.Tensor]:
    """The tensors of a file of `torch.save`, read without running anything that stands in it."""
    import torch

    try:
        # of a path torch would go by the name
        with path.open("rb") as file:
            found: object = torch.load(file, weights_only=True, map_location=device)
    except Exception as error:  # damaged files fail in as many ways as there are parts of a pickle
        raise _unreadable(path, error) from error
    held = _nested(found)
    if held is None:
        raise _unreadable(path, ValueError("it holds no weights by name"))
    return held


def _nested(found: object) -> dict[str, torch.Tensor] | None:
    """The tensors of a checkpoint by name: of what is called as weights mostly are, else of its only part that has
    some. None where it has no names."""
    while isinstance(found, Mapping):
        held = cast("Mapping[object, object]", found)
        parts = {key: cast("Mapping[object, object]", part) for key, part in held.items() if isinstance(part, Mapping)}
        filled = [key for key, part in parts.items() if _by_name(part)]
        if nest := next((each for each in _NESTS if each in parts), None):
            found = parts[nest]
        elif len(filled) == 1 and not _by_name(held):
            found = parts[filled[0]]
        else:
            return _by_name(held)
    return None


def _by_name(held: Mapping[object, object]) -> dict[str, torch.Tensor]:
    import torch

    return {name: each for name, each in held.items() if isinstance(name, str) and isinstance(each, torch.Tensor)}


def _unreadable(path: Path, error: Exception) -> ArchError:
    reason = (
        getattr(error, "strerror", None) or str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    )
    return ArchError([Diagnostic(UnreadableWeights(path.name, str(reason)))])
