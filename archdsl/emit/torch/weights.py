"""Weights from files into live modules: names, shapes and types are compared before any number is read."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.suggest import nearest
from archdsl.graph.carried import METADATA
from archdsl.passes.faults import UnreadableWeights, WeightsDiffer

if TYPE_CHECKING:
    import torch

_PREFIXES = ("module.", "model.", "_orig_mod.", "backbone.", "net.")
_NESTS = ("state_dict", "model_state_dict", "model", "module")
_HEADER_LIMIT = 100 * 2**20
_NAMED = 100
_MANY_BATCHES = "num_batches_tracked"


@dataclass(frozen=True)
class Loaded:
    """What loading did. new: weights of the network that keep their first values, since the file's do not fit its head.
    prefix: what every name of the file began with and the network's do not."""

    new: tuple[str, ...] = ()
    prefix: str = ""

    def __str__(self) -> str:
        parts = ["all weights loaded" if not self.new else f"loaded all but {', '.join(self.new)}, which are new"]
        if self.prefix:
            parts.append(f"the file's names begin with `{self.prefix}`")
        return "; ".join(parts)


@dataclass(frozen=True)
class Entry:
    """A tensor of a file: its shape and type."""

    shape: tuple[int, ...]
    dtype: str


def load_weights(model: torch.nn.Module, path: str | Path, *, head: tuple[str, ...] = ()) -> Loaded:
    """Load the weights of a safetensors or torch file into a live module.

    head: the layers whose weights may be of other shapes, or missing; they keep their first values. Every other name
    must be in both, with equal shapes and types that convert: ArchError says what differs, and changes nothing.
    """
    path = Path(path)
    entries = contents(path)
    state = model.state_dict()
    prefix = _prefix(entries, state.keys())
    found = {name.removeprefix(prefix): entry for name, entry in entries.items()}
    new = _compared(state, found, path.name, head)
    wanted = state.keys() - set(new)
    tensors = {name.removeprefix(prefix): tensor for name, tensor in _tensors(path).items()}
    _assign(model, {name: tensor for name, tensor in tensors.items() if name in wanted})
    return Loaded(tuple(new), prefix)


def contents(path: Path) -> dict[str, Entry]:
    """The names, shapes and types of the tensors in a file, without their numbers."""
    if path.suffix == ".safetensors":
        return _safetensors_header(path)
    tensors = _torch_file(path, "meta")
    return {name: _entry(each) for name, each in tensors.items()}


def _entry(tensor: torch.Tensor) -> Entry:
    return Entry(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def safetensors_file(model: torch.nn.Module, spec: str) -> bytes:
    """The weights of a live module as a safetensors file, with what its network was compiled from in the metadata."""
    from safetensors.torch import save

    state = {name: each.detach().contiguous().cpu() for name, each in model.state_dict().items()}
    return save(state, {METADATA: spec})


# --- files ------------------------------------------------------------------------------------------------------------


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


def _tensors(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix != ".safetensors":
        return _torch_file(path, "cpu")
    from safetensors import SafetensorError
    from safetensors import torch as safetensors

    try:
        return cast("Any", safetensors).load_file(path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _torch_file(path: Path, device: str) -> dict[str, torch.Tensor]:
    """The tensors of a file of `torch.save`, read without running anything that stands in it."""
    import pickle

    import torch

    try:
        found = torch.load(path, weights_only=True, map_location=device)
    except (OSError, RuntimeError, ValueError, pickle.UnpicklingError, EOFError) as error:
        raise _unreadable(path, error) from error
    for nest in _NESTS:
        if isinstance(found, Mapping) and isinstance(inner := cast("Mapping[str, Any]", found).get(nest), Mapping):
            found = cast("Any", inner)
    if not isinstance(found, Mapping):
        raise _unreadable(path, ValueError("it holds no weights by name"))
    items = cast("Mapping[str, Any]", found).items()
    return {name: each for name, each in items if isinstance(each, torch.Tensor)}


def _unreadable(path: Path, error: Exception) -> ArchError:
    reason = (
        getattr(error, "strerror", None) or str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    )
    return ArchError([Diagnostic(UnreadableWeights(path.name, str(reason)))])


# --- comparing --------------------------------------------------------------------------------------------------------


def _prefix(names: Iterable[str], wanted: Iterable[str]) -> str:
    """What every name of the file begins with and the network's do not."""
    names, known = list(names), set(wanted)
    for prefix in _PREFIXES:
        if (
            names
            and all(name.startswith(prefix) for name in names)
            and not any(each.startswith(prefix) for each in known)
        ):
            return prefix
    return ""


def _compared(
    state: Mapping[str, torch.Tensor], found: Mapping[str, Entry], file: str, head: tuple[str, ...]
) -> list[str]:
    """The names of the head that do not fit; ArchError where anything else does not."""
    wanted = {name: _entry(each) for name, each in state.items()}

    def in_head(name: str) -> bool:
        return any(name == each or name.startswith(f"{each}.") for each in head)

    missing = [name for name in wanted if name not in found and not name.endswith(_MANY_BATCHES)]
    unexpected = [name for name in found if name not in wanted]
    shapes = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
    types = [name for name in wanted if name in found and _is_float(found[name]) != _is_float(wanted[name])]
    new = [name for name in (*missing, *shapes) if in_head(name)]
    lines = [
        *(
            f"`{name}` is {_sizes(wanted[name])} in the network and {_sizes(found[name])} in the file"
            for name in shapes
            if name not in new
        ),
        *(f"`{name}` is {wanted[name].dtype} in the network and {found[name].dtype} in the file" for name in types),
        *(f"`{name}` is missing from the file{_near(name, unexpected)}" for name in missing if name not in new),
        *(f"`{name}` is not in the network{_near(name, missing)}" for name in unexpected if not in_head(name)),
    ]
    if lines:
        raise ArchError([Diagnostic(WeightsDiffer(file, tuple(lines)))])
    return new


def _is_float(entry: Entry) -> bool:
    return "float" in entry.dtype


def _near(name: str, others: list[str]) -> str:
    near = nearest(name, others[:_NAMED])
    return f"; is it `{near}` there?" if near else ""


def _sizes(entry: Entry) -> str:
    return "x".join(map(str, entry.shape)) or "a number"


def _assign(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy values into a module; what lies on the meta device gets the tensors themselves."""
    on_meta = any(each.is_meta for each in model.state_dict().values())
    model.load_state_dict(dict(tensors), strict=False, assign=on_meta)
    if on_meta:
        _fill_buffers(model)
    left = [name for name, each in (*model.named_parameters(), *model.named_buffers()) if each.is_meta]
    assert not left, f"still without values: {left[:5]}"


def _fill_buffers(model: torch.nn.Module) -> None:
    """Give buffers that no file holds their values; on the meta device they have none."""
    for module in model.modules():
        kept = module.state_dict(keep_vars=True)
        if any(each.is_meta and name not in kept for name, each in module.named_buffers(recurse=False)):
            cast("Any", module).reset_parameters()


def freeze(model: torch.nn.Module, until: str | None = None) -> torch.nn.Module:
    """Stop the training of a module's weights: of all, or of those before the layer `until`, in the order of the text.

    Frozen batch norms go on with their running statistics in training mode; call `eval()` on them to stop that too.
    """
    names = [name for name, _ in model.named_parameters()]
    if until is not None and not any(name == until or name.startswith(f"{until}.") for name in names):
        layers = sorted({name.partition(".")[0] for name in names})
        raise ValueError(f"no layer `{until}`; the module has {', '.join(layers)}")
    for name, weight in model.named_parameters():
        if until is not None and (name == until or name.startswith(f"{until}.")):
            break
        weight.requires_grad = False
    return model
