"""The live module: the emitted file, executed. What is tested is what is shipped.

The file is kept in the user's cache under the hash of its text, so that tracebacks show its lines and a module can be
pickled.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.files import write_atomically
from archdsl.base.limits import Limits
from archdsl.graph.faults import LimitPassed
from archdsl.graph.flat import require_layers
from archdsl.graph.module import Module

if TYPE_CHECKING:
    from types import ModuleType

    import torch

_PREFIX = "archdsl_made_"


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
    wanted = torch.device(device) if device is not None else None
    _require_weights(module, limits, dtype or torch.get_default_dtype(), wanted)
    made = getattr(imported(code), class_name)
    if wanted is None:
        network = made()
    else:
        with wanted:
            network = made()
    return cast("torch.nn.Module", network if dtype is None else network.to(dtype))


def _require_weights(module: Module, limits: Limits, dtype: torch.dtype, device: torch.device | None) -> None:
    if device is not None and device.type == "meta":
        return
    size = module.params * dtype.itemsize
    if size > limits.weights:
        fault = LimitPassed("the weights would take too many bytes", size, limits.weights, "weights")
        raise ArchError([Diagnostic(fault, module.place)])


def imported(code: str) -> ModuleType:
    """The emitted file as a module of Python, the same one for the same text."""
    name = _PREFIX + hashlib.sha256(code.encode()).hexdigest()[:24]
    if name in sys.modules:
        return sys.modules[name]
    path = _kept(name, code)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    sys.modules[name] = made
    try:
        spec.loader.exec_module(made)
    except BaseException:
        del sys.modules[name]
        raise
    return made


def _kept(name: str, code: str) -> Path:
    """The file of a text: in the user's cache, or in a folder of this process where that cannot be written."""
    from platformdirs import user_cache_path

    folder = user_cache_path("archdsl")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _written(folder / f"{name}.py", code)
    except OSError:
        return _written(Path(tempfile.mkdtemp(prefix=_PREFIX)) / f"{name}.py", code)


def _written(path: Path, code: str) -> Path:
    if not path.is_file() or path.read_text(encoding="utf-8") != code:
        write_atomically({path: code.encode()})
    return path
