"""The live module: the emitted file, executed. What is tested is what is shipped.

The file is kept in the user's cache under the hash of its text, so that tracebacks show its lines, and is imported as
a part of the package `made`, so that a module can be pickled.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import tempfile
import threading
from collections.abc import MutableSequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.files import write_atomically
from archdsl.base.limits import Limits
from archdsl.base.wanted import WrongValue, require
from archdsl.graph.flat import require_layers
from archdsl.graph.module import Module

if TYPE_CHECKING:
    from types import ModuleType

    import torch


def live(
    module: Module,
    code: str,
    class_name: str,
    limits: Limits,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> torch.nn.Module:
    """The module that the emitted file describes, on a device and of a type; torch's own defaults where not given.

    Priced first: ArchError where it would pass `Limits.layers` or `Limits.weights`, before anything is allocated.
    """
    import torch

    require_layers(module, limits, "the module")
    wanted = None if device is None else _device(device)
    _require_dtype(dtype)
    _require_weights(module, limits, dtype or torch.get_default_dtype(), wanted)
    made = getattr(imported(code, class_name), class_name)
    if wanted is None:
        network = made()
    else:
        with wanted:
            network = made()
    return cast("torch.nn.Module", network if dtype is None else network.to(dtype))


def require_model(model: object) -> None:
    """Refuse what is no live module."""
    import torch

    require(torch.nn.Module, "a module of PyTorch, such as `to_torch` gives", model=model)


def _device(device: object) -> torch.device:
    """A device that is there. TypeError of what is none, ValueError of one that PyTorch cannot use here."""
    import torch

    require((str, torch.device), "a device of PyTorch, such as `cuda`", device=device)
    try:
        found = torch.device(cast("str", device))
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # each back end has its own
        said = (str(error).splitlines() or ["it is not there"])[0][:160]
        raise WrongValue(f"`device`: PyTorch does not know {ascii(str(device))[:60]} here: {said}") from error
    return found


def _require_dtype(dtype: object) -> None:
    """Refuse what is no type of weights."""
    import torch

    require((torch.dtype, NoneType), "a type of PyTorch, such as `torch.float16`", dtype=dtype)
    if isinstance(dtype, torch.dtype) and not (dtype.is_floating_point or dtype.is_complex):
        raise WrongValue(f"`dtype`: weights are not of {dtype}")


def _require_weights(module: Module, limits: Limits, dtype: torch.dtype, device: torch.device | None) -> None:
    if device is not None and device.type == "meta":
        return
    size = module.params * dtype.itemsize
    if size > limits.weights:
        from archdsl.base.faults import LimitPassed

        fault = LimitPassed("the weights would take too many bytes", size, limits.weights, "weights")
        raise ArchError([Diagnostic(fault, module.place)])


# the caches of the import system are written and dropped here
_IMPORTING = threading.Lock()


def imported(code: str, class_name: str) -> ModuleType:
    """The emitted file as a module of Python, the same one for the same text."""
    from archdsl.emit.torch import made

    stem = f"{class_name[:40].lower()}_{hashlib.sha256(code.encode()).hexdigest()[:16]}"
    name = f"{made.__name__}.{stem}"
    with _IMPORTING:
        if name not in sys.modules:
            _keep(f"{stem}.py", code, made.__path__)
        return importlib.import_module(name)


def _keep(file: str, code: str, folders: MutableSequence[str]) -> None:
    """Write a file into the user's cache, or where that cannot be written into a folder of this process; the
    import looks there too."""
    try:
        Path(folders[0]).mkdir(parents=True, exist_ok=True)
        _write(Path(folders[0]) / file, code)
    except OSError:
        folders.append(tempfile.mkdtemp(prefix="archdsl_made_"))
        _write(Path(folders[-1]) / file, code)
    importlib.invalidate_caches()


def _write(path: Path, code: str) -> None:
    if not path.is_file() or path.read_text(encoding="utf-8") != code:
        write_atomically({path: code.encode()})
