"""A live module as an ONNX file, checked before it is written."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.tensors import Kind, TensorType

if TYPE_CHECKING:
    import torch


class NoOnnx(RuntimeError):
    """The packages that write or run ONNX are not installed."""


def require(*packages: str) -> None:
    """NoOnnx where one of some packages is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise NoOnnx(f"{' and '.join(missing)} is missing; install it with `pip install archdsl[onnx]`")


def onnx_file(model: torch.nn.Module, inputs: Mapping[str, TensorType], outputs: tuple[str, ...]) -> bytes:
    """The ONNX file of a live module at inference, for any batch size.

    inputs: the inputs by name, without their batch. outputs: the names of the outputs. NoOnnx if `onnx` and
    `onnxscript` are missing.
    """
    import torch

    require("onnx", "onnxscript")
    some = next(iter(model.parameters()), torch.empty(0))
    whole = {Kind.TOKENS: torch.long, Kind.MASK: torch.bool}
    types = [(kind.shape, whole.get(kind.kind, some.dtype)) for kind in inputs.values()]
    examples = tuple(torch.zeros(2, *shape, dtype=dtype, device=some.device) for shape, dtype in types)
    was_training = model.training
    model.eval()
    try:
        return _checked(model, examples, inputs, outputs)
    finally:
        model.train(was_training)


def _checked(
    model: torch.nn.Module, examples: tuple[torch.Tensor, ...], inputs: Iterable[str], outputs: Iterable[str]
) -> bytes:
    import torch

    onnx = cast("Any", import_module("onnx"))
    batch = torch.export.Dim.DYNAMIC
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "network.onnx"
        program = cast("Any", torch.onnx).export(
            model,
            examples,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in examples),
            dynamo=True,
            verbose=False,
        )
        program.save(path, external_data=False)
        onnx.checker.check_model(str(path), full_check=True)
        return path.read_bytes()
