"""ResNet-50 at batch 1 on two threads: `to_inference` beside torchvision's, eager and set up the best ways by hand.

By hand is `torch.compile` with autotuning and frozen weights, without gradients, or an ONNX file in onnxruntime.

    python benchmarks/inference.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["GOMP_SPINCOUNT"] = "0"  # threads that wait do not take the processors that others use

import onnxruntime
import torch
from measure import HEAD, Work, in_turns, machine, torchvision_models
from torch import nn

import archdsl


def call(model: nn.Module, x: torch.Tensor) -> Work:
    def work() -> torch.Tensor:
        with torch.no_grad():
            return model(x)

    return work


def in_onnxruntime(model: nn.Module, x: torch.Tensor, threads: int) -> Work:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: x.numpy()}
    return lambda: session.run(None, given)


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(2)
    net, theirs = archdsl.load("resnet50"), torchvision_models().resnet50().eval()
    model = net.to_torch()
    model.load_state_dict(theirs.state_dict())
    x = torch.randn(1, 3, 224, 224)
    eager = call(theirs, x)
    plain = call(net.to_inference(model, compiled=False), x)
    print(f"{machine()}\n\n{HEAD}")
    print(in_turns(plain, eager).row("to_inference, not compiled; eager"), flush=True)
    ours = call(net.to_inference(model), x)
    compiled = torch.compile(theirs, fullgraph=True, options={"freezing": True, "max_autotune": True})
    by_hand = call(compiled, x)
    print(in_turns(ours, by_hand, budget=20).row("to_inference; by hand"), flush=True)
    print(in_turns(ours, eager, budget=20).row("to_inference; eager"), flush=True)
    print(in_turns(by_hand, eager, budget=20).row("by hand; eager"), flush=True)
    runtime = in_onnxruntime(theirs, x, threads=2)
    run = call(net.to_onnxruntime(model), x)
    print(in_turns(run, runtime, budget=20).row("to_onnxruntime; onnxruntime by hand"), flush=True)
    print(in_turns(run, by_hand, budget=20).row("to_onnxruntime; by hand"), flush=True)
    print(in_turns(run, eager, budget=20).row("to_onnxruntime; eager"), flush=True)


if __name__ == "__main__":
    main()
