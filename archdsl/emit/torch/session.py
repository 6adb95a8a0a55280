"""An ONNX file run by onnxruntime, as a module of PyTorch. Imports torch at once."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

import torch
from torch import Tensor
from typing_extensions import override

from archdsl.base.wanted import WrongType


class OnnxSession(torch.nn.Module):
    """What a live module computes at inference, in onnxruntime on the CPU: tensors go in and come out.

    It has no weights that could be looked at or trained, and can be neither copied nor pickled. The threads are as many
    as torch has when it is made.
    """

    def __init__(self, file: bytes) -> None:
        super().__init__()
        runtime = cast("Any", import_module("onnxruntime"))
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self._session = runtime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        self._names = [each.name for each in self._session.get_inputs()]
        self.eval()

    @override
    def forward(self, *inputs: Tensor) -> Tensor | tuple[Tensor, ...]:
        """The outputs for some inputs, each with its batch, of the type that the network was made with."""
        if len(inputs) != len(self._names):
            raise WrongType(f"{len(self._names)} inputs are wanted ({', '.join(self._names)}), and {len(inputs)} given")
        arrays = (each.detach().cpu().numpy() for each in inputs)
        found: list[Any] = self._session.run(None, dict(zip(self._names, arrays, strict=True)))
        first, *others = [torch.as_tensor(each) for each in found]
        return (first, *others) if others else first
