"""What PyTorch offers works on the emitted modules as it does on code written by hand.

Numbers are compared in double precision, with batch norms that are not fresh, since a fresh one may be left out unseen.
"""

from __future__ import annotations

import copy
import io
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from work import HANGS

import archdsl
from archdsl.elaborate.library import zoo_names
from archdsl.emit.torch.regions import regions

SMALL = {
    "lenet5": None,
    "resnet20": None,
    "tiny_vgg": None,
    "nin": (3, 64, 80),
    "resnet18": (3, 64, 48),
    "vgg11": (3, 64, 32),
    "googlenet": (3, 224, 224),  # its last pooling wants a map of 7x7
}
# what hands a network out to other tools takes longer for these
SLOW_TO_EXPORT = ("vgg11", "googlenet")
TWO_PROCESSES = """
import os, sys, torch, archdsl
import torch.distributed as dist
from archdsl.emit.torch.regions import regions
torch.manual_seed(0)
rank, name, shape = int(sys.argv[1]), sys.argv[3], eval(sys.argv[4])
os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[2], RANK=str(rank), WORLD_SIZE="2")
dist.init_process_group("gloo")
net = archdsl.load(name, input=shape)
model = net.to_torch(dtype=torch.float64).eval()
x, y = torch.randn(4, *shape, dtype=torch.float64), torch.randint(10, (4,))
half = slice(2 * rank, 2 * rank + 2)
reference = torch.nn.functional.cross_entropy(model(x), y)
reference.backward()
expected = {key: each.grad.clone() for key, each in model.named_parameters()}
model.zero_grad()
"""


def small(name: str) -> archdsl.Network:
    shape = SMALL[name]
    return archdsl.load(name, input=shape) if shape else archdsl.load(name)


def double(net: archdsl.Network) -> torch.nn.Module:
    """A live module in double precision, in evaluation mode, with statistics that are not those of a fresh one."""
    torch.manual_seed(0)
    model = net.to_torch(dtype=torch.float64).eval()
    for each in model.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(each.running_mean, 0.0, 0.3)
            torch.nn.init.uniform_(each.running_var, 0.5, 2.0)
            torch.nn.init.normal_(each.weight, 1.0, 0.3)
            torch.nn.init.normal_(each.bias, 0.0, 0.3)
    return model


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.long) if name == "googlenet" else name for name in SMALL])
def net(request: pytest.FixtureRequest) -> archdsl.Network:
    return small(request.param)


def inputs_of(net: archdsl.Network, dtype: torch.dtype = torch.float64, batch: int = 2) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(batch, *next(iter(net.inputs.values())).shape, dtype=dtype)


class Counting:
    """A compiler that compiles nothing and counts what it is given."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> object:
        self.graphs += 1
        return graph.forward


@pytest.fixture
def counting() -> Iterator[Counting]:
    torch.compiler.reset()
    yield Counting()
    torch.compiler.reset()


# --- copies, files, other forms ---------------------------------------------------------------------------------------


def test_copies_pickles_and_saves(net: archdsl.Network) -> None:
    model = double(net)
    x = inputs_of(net, batch=1)
    expected = model(x)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    copies = (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(buffer, weights_only=False))
    for each in copies:
        assert torch.equal(each(x), expected)
    state = io.BytesIO()
    torch.save(model.state_dict(), state)
    state.seek(0)
    fresh = net.to_torch(dtype=torch.float64).eval()
    fresh.load_state_dict(torch.load(state, weights_only=True), strict=True)
    assert torch.equal(fresh(x), expected)


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


def test_symbolic_traces_and_exports(net: archdsl.Network) -> None:
    model = double(net)
    x = inputs_of(net)
    expected = model(x)
    assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)
    exported = torch.export.export(model, (x,)).module()
    assert torch.allclose(exported(x), expected, rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripts(net: archdsl.Network) -> None:
    model = double(net)
    x = inputs_of(net, batch=1)
    expected = model(x)
    assert torch.equal(torch.jit.script(model)(x), expected)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", ["swin_t", "convnext_tiny", "vit_b_32", "mobilenet_v3_small"])
def test_scripts_of_newer_networks(name: str) -> None:
    net = archdsl.load(name, input=(3, 64, 96))
    model = double(net)
    x = inputs_of(net, batch=1)
    with torch.no_grad():
        assert torch.allclose(torch.jit.script(model)(x), model(x), rtol=0, atol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_script_gives_what_exists_in_training_only() -> None:
    net = archdsl.parse(
        "net n {\n input 6x6x2\n a = conv3-4 -> relu\n y = a -> gap -> fc-3\n z = a -> gap -> fc-3\n"
        " output y\n output z (train)\n}"
    )
    model = double(net).train()
    x = inputs_of(net)
    scripted = torch.jit.script(model)
    for one, other in zip(scripted(x), model(x), strict=True):
        assert torch.equal(one, other)
    assert torch.equal(scripted.eval()(x), model.eval()(x))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", zoo_names())
def test_the_whole_zoo_can_be_scripted(name: str) -> None:
    torch.jit.script(archdsl.load(name).to_torch(device="meta").eval())


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in SLOW_TO_EXPORT else name for name in SMALL]
)
def test_onnxruntime_gives_the_same_numbers(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = small(name)
    model = double(net).float()
    path = tmp_path / "network.onnx"
    path.write_bytes(net.to_onnx(model))
    session = runtime.InferenceSession(str(path))
    x = inputs_of(net, torch.float32, batch=3)
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    expected = model(x)
    assert torch.allclose(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-5)


def test_onnxruntime_as_a_module_of_torch() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = archdsl.parse("INPUT[12x16x4] -> conv3-8 -> bn -> relu -> gap -> dropout -> fc-5")
    model = double(net).float().train()
    fast = net.to_onnxruntime(model)
    assert model.training
    x = inputs_of(net, torch.float32, batch=3)
    assert torch.allclose(fast(x), model.eval()(x), rtol=1e-5, atol=1e-5)


def test_onnxruntime_with_several_inputs_and_outputs() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    net = archdsl.parse(
        "net n {\n input words: tokens(6)\n input x: sequence(6, 8)\n e = words -> embedding-8(20)\n"
        " y = add { e | x }\n z = y -> fc-3\n output y, z\n}"
    )
    model = double(net).float()
    given = torch.randint(20, (2, 6)), torch.randn(2, 6, 8)
    for one, other in zip(net.to_onnxruntime(model)(*given), model(*given), strict=True):
        assert torch.allclose(one, other, rtol=1e-5, atol=1e-5)


# --- types and layouts ------------------------------------------------------------------------------------------------


def test_channels_last(net: archdsl.Network) -> None:
    model = double(net)
    x = inputs_of(net)
    expected = model(x)
    last = model.to(memory_format=torch.channels_last)
    assert torch.allclose(last(x.contiguous(memory_format=torch.channels_last)), expected, rtol=0, atol=1e-12)


def test_bfloat16_where_autocast_chooses_it(net: archdsl.Network) -> None:
    model = double(net).float()
    x = inputs_of(net, torch.float32)
    with torch.no_grad():
        expected = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = model(x)
    assert found.dtype is torch.bfloat16
    assert float((found.float() - expected).norm() / expected.norm()) < 0.05


# --- inference --------------------------------------------------------------------------------------------------------


def test_inference_in_one_call_gives_the_same_numbers(net: archdsl.Network) -> None:
    model = double(net).train()
    x = inputs_of(net)
    fast = net.to_inference(model, compiled=False)
    assert model.training
    assert not fast.training
    assert not any(isinstance(each, (torch.nn.BatchNorm2d, torch.nn.Dropout)) for each in fast.modules())
    assert not fast(x).requires_grad
    assert torch.allclose(fast(x), model.eval()(x), rtol=0, atol=1e-12)


def test_inference_of_another_type() -> None:
    net = small("resnet20")
    model = net.to_torch().eval()
    fast = net.to_inference(model, dtype=torch.bfloat16, compiled=False)
    assert fast(inputs_of(net, torch.bfloat16)).dtype is torch.bfloat16
    assert next(model.parameters()).dtype is torch.float32


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler loads parts of torch that are
@pytest.mark.skipif(shutil.which("g++") is None, reason="the compiler of torch needs one for C++")
def test_inference_is_compiled_as_one_graph_without_gradients() -> None:
    from torch._dynamo.utils import counters

    net = archdsl.parse("INPUT[12x16x4] -> conv3-8 -> bn -> relu -> gap -> fc-5")
    model = double(net).float()
    x = inputs_of(net, torch.float32)
    with torch.no_grad():
        expected = model(x)
    torch.compiler.reset()
    counters.clear()
    fast = net.to_inference(model, options={"max_autotune": False})
    found = fast(x)
    assert torch.allclose(found, expected, rtol=0, atol=1e-4)
    assert not found.requires_grad
    assert torch.equal(fast(x), found)
    assert counters["stats"]["unique_graphs"] == 1
    torch.compiler.reset()


# --- compiling --------------------------------------------------------------------------------------------------------


def test_compiled_once_as_one_graph(net: archdsl.Network, counting: Counting) -> None:
    model = double(net)
    x = inputs_of(net)
    compiled = torch.compile(model, fullgraph=True, backend=counting)
    with torch.no_grad():
        expected = model(x)
        for _ in range(2):
            assert torch.allclose(compiled(x), expected, rtol=0, atol=1e-12)
    assert counting.graphs == 1


@pytest.mark.parametrize(
    ("name", "distinct"),
    [
        ("resnet56", 5),  # 27 blocks, of which 5 differ: 16; 32 after 16, 32; 64 after 32, 64
        ("resnet152", 8),  # 50 blocks: the first and the others of each of four stages
        ("googlenet", 9),  # no two inceptions are equal
        ("vgg11", 0),  # no blocks: nothing to compile
    ],
)
def test_regions_are_compiled_once_for_each_distinct_block(name: str, distinct: int, counting: Counting) -> None:
    net = archdsl.load(name, input=(3, 32, 32)) if name in {"resnet56", "resnet152"} else small(name)
    model = double(net)
    x = inputs_of(net, batch=1)
    with torch.no_grad():
        expected = model(x)
        net.compile_regions(model, backend=counting)
        for _ in range(2):
            assert torch.allclose(model(x), expected, rtol=0, atol=1e-12)
    assert counting.graphs == distinct


@pytest.mark.parametrize(
    ("chain", "paths"),
    [
        ("b(4) -> [b(5)]*2 -> b(6)", "b1 repeat1.0 repeat1.1 b2"),
        ("[[b(4) -> b(5)]*3] as row", "row.0 row.1 row.2 row.3 row.4 row.5"),
        ("[relu -> [b(4) -> [b(4)]*2 -> relu]*2 -> b(5)] as row", "row.1 row.2 row.3 row.5 row.6 row.7 row.9"),
        ("[c(4) as one -> [[c(5)]*2] as two] as row", "row.one row.two.0 row.two.1"),
    ],
)
def test_regions_are_the_outermost_blocks_wherever_they_stand(chain: str, paths: str) -> None:
    blocks = "block b(c) = conv3-c -> relu\nblock c(n) = b(n) -> b(n)"
    net = archdsl.parse(f"{blocks}\nnet n {{\n input 4x4x3\n {chain}\n}}")
    assert [path for path, _ in regions(net.module)] == paths.split()
    model = net.to_torch(device="meta")
    for path, block in regions(net.module):
        assert type(model.get_submodule(path)).__name__ == block.name.upper()


# --- memory and depth -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet20", "resnet18", "nin", "googlenet"])
def test_checkpointing_each_block_changes_no_gradient(name: str) -> None:
    from torch.distributed._composable import checkpoint

    net = small(name)
    plain = double(net)
    saving = copy.deepcopy(plain)
    for path, _ in regions(net.module):
        checkpoint(saving.get_submodule(path))
    x = inputs_of(net, batch=1)
    for model in (plain, saving):
        model(x).square().sum().backward()
    for (key, one), other in zip(plain.named_parameters(), saving.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None) == key.startswith("aux"), key
        assert one.grad is None or torch.allclose(one.grad, other.grad, rtol=1e-12, atol=1e-12), key


WIDTHS = ", ".join(str(2 + number * number % 5) for number in range(300))
CHAINS = {
    "folded": "INPUT[4x4x2] -> [CONV1-2 -> RELU]*300",
    "a row": f"net n {{\n input 4x4x2\n [conv1-c -> relu for c in [{WIDTHS}]] as row\n}}",
    "lines": f"net n {{\n input 4x4x2\n [conv1-c -> relu for c in [{WIDTHS}]]\n}}",
}


@pytest.mark.parametrize("text", CHAINS.values(), ids=CHAINS.keys())
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_deep_chains_are_built_copied_saved_and_traced(text: str, tmp_path: Path) -> None:
    net = archdsl.parse(text)
    assert sum(each.numel() for each in net.to_torch(device="meta").parameters()) == net.params
    model = double(net)
    x = inputs_of(net)
    with torch.no_grad():
        expected = model(x)
        assert torch.equal(copy.deepcopy(model)(x), expected)
        assert torch.equal(torch.jit.trace(model, x, check_trace=False)(x), expected)
        assert torch.equal(torch.fx.symbolic_trace(model)(x), expected)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    again = net.to_torch(dtype=torch.float64).eval()
    assert str(net.load_weights(again, tmp_path / "w.pt")) == "all weights loaded"
    assert torch.equal(again(x), expected)


def test_ten_thousand_layers_are_built_copied_and_saved(tmp_path: Path) -> None:
    net = archdsl.parse("INPUT[8x8x4] -> [CONV3-4 -> RELU]*5000")
    model = net.to_torch()
    assert len(copy.deepcopy(model).repeat1) == 10_000
    torch.save(model.state_dict(), tmp_path / "w.pt")
    assert str(net.load_weights(model, tmp_path / "w.pt")) == "all weights loaded"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resnet1202_is_built_copied_saved_and_traced(tmp_path: Path) -> None:
    net = archdsl.load("resnet1202", input=(3, 8, 8))
    assert sum(each.numel() for each in net.to_torch(device="meta").parameters()) == net.params
    model = double(net)
    x = inputs_of(net, batch=1)
    with torch.no_grad():
        expected = model(x)
        assert torch.equal(copy.deepcopy(model)(x), expected)
        assert torch.allclose(torch.jit.trace(model, x, check_trace=False)(x), expected, rtol=1e-12, atol=0)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    again = net.to_torch(dtype=torch.float64, weights=tmp_path / "w.pt").eval()
    assert torch.equal(again(x), expected)


# --- several processes ------------------------------------------------------------------------------------------------


def run_two_processes(body: str, name: str, shape: tuple[int, ...], tmp_path: Path) -> None:
    path = tmp_path / "work.py"
    path.write_text(TWO_PROCESSES + textwrap.dedent(body) + "\ndist.destroy_process_group()\n")
    port = str(20_000 + os.getpid() % 20_000)
    children = [
        subprocess.Popen(
            [sys.executable, str(path), str(rank), port, name, str(shape)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    for child in children:
        output, _ = child.communicate(timeout=HANGS)
        assert child.returncode == 0, output


without_distributed = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch without distributed")
ON_TWO = pytest.mark.parametrize(
    ("name", "shape"), [("resnet20", (3, 32, 32)), pytest.param("nin", (3, 64, 64), marks=pytest.mark.long)]
)


@without_distributed
@ON_TWO
def test_data_parallel_on_two_processes_gives_the_gradients_of_one(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    body = """
        from torch.nn.parallel import DistributedDataParallel
        parallel = DistributedDataParallel(model)
        torch.nn.functional.cross_entropy(parallel(x[half]), y[half]).backward()
        for key, each in model.named_parameters():
            assert torch.allclose(each.grad, expected[key], rtol=1e-9, atol=1e-12), key
    """
    run_two_processes(body, name, shape, tmp_path)


@without_distributed
@ON_TWO
def test_sharded_blocks_on_two_processes_give_the_loss_of_one(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    body = """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard
        mesh = init_device_mesh("cpu", (2,))
        for path, _ in regions(net.module):
            fully_shard(model.get_submodule(path), mesh=mesh)
        fully_shard(model, mesh=mesh)
        loss = torch.nn.functional.cross_entropy(model(x[half]), y[half])
        loss.backward()
        dist.all_reduce(loss.detach_())
        assert torch.allclose(loss / 2, reference, rtol=1e-9, atol=0)
        for key, each in model.named_parameters():
            assert torch.allclose(each.grad.full_tensor(), expected[key], rtol=1e-9, atol=1e-12), key
    """
    run_two_processes(body, name, shape, tmp_path)


# --- on a GPU ---------------------------------------------------------------------------------------------------------

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@on_gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_on_a_gpu(net: archdsl.Network, dtype: torch.dtype) -> None:
    model = double(net)
    x = inputs_of(net)
    expected = model(x)
    found = model.to("cuda", dtype, memory_format=torch.channels_last)(x.to("cuda", dtype))
    assert found.dtype is dtype
    assert float((found.double().cpu() - expected).norm() / expected.norm()) < 0.05


@on_gpu
def test_automatic_mixed_precision_trains_on_a_gpu(net: archdsl.Network) -> None:
    model = net.to_torch(device="cuda").eval()
    scaler = torch.amp.GradScaler("cuda")
    with torch.autocast("cuda", dtype=torch.float16):
        loss = model(inputs_of(net, torch.float32).cuda()).float().square().mean()
    scaler.scale(loss).backward()
    grads = [each.grad for key, each in model.named_parameters() if not key.startswith("aux")]
    assert all(each is not None and each.isfinite().all() for each in grads)


@on_gpu
def test_compiled_for_inference_on_a_gpu(net: archdsl.Network) -> None:
    model = double(net)
    x = inputs_of(net)
    expected = model(x)
    fast = net.to_inference(model.to("cuda", torch.float32), options={"max_autotune": False})
    found = fast(x.to("cuda", torch.float32)).double().cpu()
    # convolutions may round to tensor floats
    assert float((found - expected).norm() / expected.norm()) < 5e-3
