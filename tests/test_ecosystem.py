"""What PyTorch offers works on the emitted modules as it does on code written by hand."""

from __future__ import annotations

import copy
import io
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

import archdsl

NAMES = ["lenet5", "resnet20", "tiny_vgg"]
TWO_PROCESSES = """
import os, sys, torch, archdsl
import torch.distributed as dist
torch.manual_seed(0)
rank = int(sys.argv[1])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2], RANK=str(rank), WORLD_SIZE="2")
dist.init_process_group("gloo")
net = archdsl.load("resnet20")
model = net.to_torch().eval()
x, y = torch.randn(4, 3, 32, 32), torch.randint(10, (4,))
reference = torch.nn.functional.cross_entropy(model(x), y)
reference.backward()
expected = model.fc.weight.grad.clone()
model.zero_grad()
"""


@pytest.fixture(params=NAMES)
def net(request: pytest.FixtureRequest) -> archdsl.Network:
    return archdsl.load(request.param)


def inputs_of(net: archdsl.Network, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(2, *next(iter(net.inputs.values())).shape, dtype=dtype)


def test_copies_pickles_and_saves(net: archdsl.Network) -> None:
    model = net.to_torch(dtype=torch.float64).eval()
    x = inputs_of(net)
    expected = model(x)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    copies = (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(buffer, weights_only=False))
    for each in copies:
        assert torch.equal(each(x), expected)


def test_the_file_and_the_weights_are_all_that_another_process_needs(tmp_path: Path) -> None:
    net = archdsl.load("lenet5")
    model = net.to_torch().eval()
    x = inputs_of(net, torch.float32)
    torch.save((model.state_dict(), x, model(x).detach()), tmp_path / "saved.pt")
    (tmp_path / "lenet5.py").write_text(net.source())
    code = """
        import sys, torch, lenet5
        state, x, expected = torch.load("saved.pt", weights_only=True)
        model = lenet5.LeNet5().eval()
        model.load_state_dict(state)
        assert torch.equal(model(x), expected)
        assert "archdsl" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, cwd=tmp_path)


def test_fx_export_and_script(net: archdsl.Network) -> None:
    model = net.to_torch(dtype=torch.float64).eval()
    x = inputs_of(net)
    expected = model(x)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)
    assert torch.allclose(torch.export.export(model, (x,)).module()(x), expected, rtol=0, atol=1e-12)


def test_channels_last_and_bfloat16(net: archdsl.Network) -> None:
    model = net.to_torch(dtype=torch.float64).eval()
    x = inputs_of(net)
    expected = model(x)
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    assert torch.allclose(last(x.contiguous(memory_format=torch.channels_last)), expected, rtol=0, atol=1e-12)
    single = model.float()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert single(x.float()).dtype is torch.bfloat16


def test_onnxruntime_gives_the_same_numbers(net: archdsl.Network, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    model = net.to_torch().eval()
    path = tmp_path / "network.onnx"
    path.write_bytes(net.to_onnx(model))
    session = runtime.InferenceSession(str(path))
    x = torch.randn(3, *next(iter(net.inputs.values())).shape)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert torch.allclose(torch.from_numpy(found), model(x), rtol=0, atol=1e-5)


def test_checkpointing_a_block_changes_no_gradient() -> None:
    from torch.distributed._composable import checkpoint

    net = archdsl.load("resnet20")
    plain = net.to_torch(dtype=torch.float64).eval()
    saving = copy.deepcopy(plain)
    for block in (*saving.layer1, *saving.layer2, *saving.layer3):
        checkpoint(block)
    x = inputs_of(net)
    for model in (plain, saving):
        model(x).square().sum().backward()
    for one, other in zip(plain.parameters(), saving.parameters(), strict=True):
        assert torch.allclose(one.grad, other.grad, rtol=0, atol=1e-12)


def test_regions_are_compiled_once_for_each_distinct_block() -> None:
    net = archdsl.load("resnet56")
    model = net.to_torch(dtype=torch.float64).eval()
    x = inputs_of(net)
    expected = model(x)
    compiled: list[int] = []

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> object:
        compiled.append(1)
        return graph.forward

    torch._dynamo.reset()
    net.compile_regions(model, backend=backend)
    with torch.no_grad():
        assert torch.allclose(model(x), expected, rtol=0, atol=1e-12)
        assert len(compiled) == 5  # 27 blocks, of which 5 differ: 16; 32 after 16, 32; 64 after 32, 64
        model(x)
    assert len(compiled) == 5


def test_deep_networks_are_built_copied_and_saved(tmp_path: Path) -> None:
    net = archdsl.parse("INPUT[4x4x2] -> [CONV1-2 -> RELU]*5000")
    model = net.to_torch()
    assert len(copy.deepcopy(model).repeat1) == 10_000
    torch.save(model.state_dict(), tmp_path / "w.pt")
    assert str(net.load_weights(model, tmp_path / "w.pt")) == "all weights loaded"


def run_two_processes(body: str, tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text(TWO_PROCESSES + textwrap.dedent(body) + "\ndist.destroy_process_group()\n")
    port = str(20_000 + os.getpid() % 20_000)
    command = [sys.executable, str(path)]
    children = [
        subprocess.Popen([*command, str(rank), port], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for rank in range(2)
    ]
    for child in children:
        output, _ = child.communicate(timeout=300)
        assert child.returncode == 0, output


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_data_parallel_on_two_processes_gives_the_gradients_of_one(tmp_path: Path) -> None:
    body = """
        from torch.nn.parallel import DistributedDataParallel
        parallel = DistributedDataParallel(model)
        half = slice(2 * rank, 2 * rank + 2)
        torch.nn.functional.cross_entropy(parallel(x[half]), y[half]).backward()
        assert torch.allclose(model.fc.weight.grad, expected, atol=1e-6)
    """
    run_two_processes(body, tmp_path)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
def test_sharded_blocks_on_two_processes_give_the_loss_of_one(tmp_path: Path) -> None:
    body = """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        mesh = init_device_mesh("cpu", (2,))
        for block in (*model.layer1, *model.layer2, *model.layer3):
            fully_shard(block, mesh=mesh)
        fully_shard(model, mesh=mesh)
        half = slice(2 * rank, 2 * rank + 2)
        loss = torch.nn.functional.cross_entropy(model(x[half]), y[half])
        loss.backward()
        dist.all_reduce(loss.detach_())
        assert torch.allclose(loss / 2, reference, atol=1e-5)
        assert torch.allclose(model.fc.weight.grad.full_tensor(), expected, atol=1e-5)
    """
    run_two_processes(body, tmp_path)
