"""Memory of whole networks: against what torch allocates, against published figures, and by the commands."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import torch
from laws.watched import Copies, copies, held, kept, peak
from torch import Tensor, nn

import archdsl
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.cli import main

BATCH = 2

# each with an input that is quick to run
NETWORKS: dict[str, dict[str, Any]] = {
    "resnet18": {"input": TensorType.image(3, 64, 64)},
    "resnet50": {"input": TensorType.image(3, 64, 64)},
    "vgg16": {},
    "googlenet": {"input": TensorType.image(3, 224, 224)},
    "densenet121": {"input": TensorType.image(3, 64, 64)},
    "mobilenet_v2": {"input": TensorType.image(3, 64, 64)},
    "shufflenet_v2_x1_0": {"input": TensorType.image(3, 64, 64)},
    "efficientnet_b0": {"input": TensorType.image(3, 64, 64)},
    "convnext_tiny": {"input": TensorType.image(3, 64, 64)},
    "unet": {"input": TensorType.image(1, 188, 188)},
    "vit_b_16": {},
    "swin_t": {},
    "mlp_mixer": {},
    "gpt2": {"length": 64},
    "transformer": {},
    "yolov3": {"input": TensorType.image(3, 64, 64)},
    "alexnet": {},
}

TEXTS = (
    # layers in a row: the row's caller holds what goes in, and each layer what goes into it
    "INPUT[8x8x4] -> [conv3-4 -> relu]*3 -> conv3-8",
    "INPUT[8x8x4] -> [[conv3-4 -> bn -> relu]*2 -> conv1-4]*3 as body -> gap -> fc-2",
    "INPUT[8x8x4] -> [identity -> identity]*2 as body -> [relu]*3 as more",
    "INPUT[8x8x4] -> [[[conv3-4]*2]*2 -> [sigmoid]*2]*2",
    # what has a name lives as long as that
    "net n {\n input 8x8x4\n a = conv3-8\n b = a -> relu\n c = b -> conv3-8 -> relu -> conv1-2\n concat { a | c } -> conv1-2\n}",
    "net n {\n input 8x8x4\n x = conv3-8 -> relu\n y = x -> pool -> conv3-8\n z = y -> upsample2\n add { x | z } -> conv1-16\n}",
    "INPUT[8x8x4] -> residual { conv3-4 -> bn -> relu -> conv3-4 -> bn } -> relu -> residual { conv3-8/2 -> bn } -> relu",
    "INPUT[8x8x4] -> concat { conv1-2 | conv3-2 -> relu | pool3/1(p=1) -> conv1-2 } -> conv1-4",
    "INPUT[8x8x4] -> conv1-4 -> mul { | gap(keep=true) -> conv1-2 -> relu -> conv1-4 -> sigmoid } -> relu",
    "INPUT[8x8x4] -> conv1-6 -> dropout -> relu6 -> dropout(0.0) -> lrn -> fc-4 -> dropout -> fc-2 -> softmax",
    # of whole channels a number for each is kept: torch takes the first axis for them, on a sequence the positions
    "INPUT[8x8x4] -> conv1-6 -> dropout(channels=true) -> fc-4 -> dropout(channels=true) -> fc-2",
    "net n {\n input (5, 4)\n fc-7 -> dropout(channels=true) -> fc-2\n}",
    "net n {\n input 8x8x4\n a, b = conv1-8 -> split(2)\n add { a | b -> relu } -> conv1-2\n}",
    # what goes in is data, which nothing is learned from
    "INPUT[8x8x4] -> pool -> relu -> conv1-2 -> pool -> relu",
    """block layer(memory) = residual { attention(memory, heads=2) } -> ln
net n {
  input x: (6, 8)
  input memory: (5, 8)
  x -> layer(memory)*3
}""",
    # what the backward pass first needs where weights stand before: in the second repetition, in one of two calls
    """block layer(gate) = mul { | gate } -> conv3-4
net n {
  input x: 8x8x4
  input gate: 8x8x4
  x -> layer(gate)*3
}""",
    """block joined(other) = add { sigmoid | other -> sigmoid -> tanh -> sigmoid }
net n {
  input x: 8x8x4
  a = x -> conv3-4
  b = a -> joined(x)
  c = x -> joined(a)
  add { b | c }
}""",
    # a factor is needed where weights stand before another one
    "net n {\n input x: 8x8x4\n input y: 8x8x4\n a = x -> conv3-4\n mul { x | a | y | a } -> mul { | y } -> mul { y | | x }\n}",
    "INPUT[8x8x4] -> add { | pool3/1(p=1) } -> relu6 -> conv3-4 -> add { | pool3/1(p=1) } -> relu6",
    # what comes out is not written over
    "net n {\n input 8x8x4\n a = conv3-4\n b = a -> relu\n output a, b\n}",
    # weights and buffers that are used twice are there once
    "net n {\n input 8x8x4\n share norm = bn\n norm -> conv3-4 -> norm -> relu\n}",
)


def data(kind: TensorType) -> Tensor:
    """A batch of a network's input."""
    if kind.kind is Kind.TOKENS:
        return torch.ones(BATCH, *kind.shape, dtype=torch.long)
    return torch.rand(BATCH, *kind.shape)


def measured(net: archdsl.Network, model: nn.Module | None = None) -> tuple[int, int, int]:
    """What torch holds at most at inference, what autograd keeps, and the buffers. model: the network's, if there is
    one."""
    torch.manual_seed(0)
    model = model or net.to_torch()
    inputs = [data(kind) for kind in net.module.inputs]
    model.eval()
    most = peak(lambda: model(*inputs), inputs, held(model))
    model.train()
    return most, kept(lambda: model(*inputs), held(model)), sum(each.nbytes for each in model.buffers())


def copied(net: archdsl.Network, model: nn.Module | None = None) -> Copies:
    """What torch copies in training since it is not laid out in order. model: the network's, if there is one."""
    made, inputs = model or net.to_torch(), [data(kind) for kind in net.module.inputs]
    return copies(lambda: made.train()(*inputs))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_takes_what_torch_allocates(name: str) -> None:
    net = archdsl.load(name, **NETWORKS[name])
    needs = net.memory(BATCH).needs
    assert (needs.peak, needs.kept, needs.buffers) == measured(net)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_takes_what_torch_allocates(text: str) -> None:
    net = archdsl.parse(text)
    needs = net.memory(BATCH).needs
    assert (needs.peak, needs.kept, needs.buffers) == measured(net)


@pytest.mark.parametrize(
    ("chain", "readers"), [("fc-16", 0), ("transpose -> fc-16", 1), ("transpose -> add { fc-16 | fc-16 }", 2)]
)
def test_what_is_not_laid_out_in_order_is_copied_for_each_linear_layer(chain: str, readers: int) -> None:
    """The figures have it once, however many layers read it."""
    net = archdsl.parse(f"net n {{\n input t: tokens(6)\n embedding-4(9) -> {chain}\n}}")
    _, real, _ = measured(net)
    size = BATCH * 6 * 4 * 4
    assert copied(net).copied == readers * size
    assert real - net.memory(BATCH).needs.kept == max(readers - 1, 0) * size


@pytest.mark.parametrize(("chain", "channels"), [("slice(2, 6) -> gn(2)", 4), ("slice(2, 6) -> relu -> gn(2)", 0)])
def test_what_is_not_laid_out_in_order_is_copied_by_a_group_norm(chain: str, channels: int) -> None:
    """Training keeps the copy in place of all that it was made from."""
    net = archdsl.parse(f"INPUT[4x4x3] -> conv3-8 -> {chain}")
    _, real, _ = measured(net)
    size = BATCH * 4 * 4 * channels * 4
    assert copied(net).copied == size
    assert net.memory(BATCH).needs.kept - real == copied(net).spared == size


@pytest.mark.parametrize("name", ["rnn_classifier", "gru_classifier", "lstm_classifier"])
def test_a_recurrent_network_takes_about_what_torch_allocates(name: str) -> None:
    """oneDNN keeps more of an LSTM than its gates and states."""
    net = archdsl.load(name)
    needs, (most, real, _) = net.memory(BATCH).needs, measured(net)
    assert needs.peak == pytest.approx(most, rel=0.01)
    assert real / 5 < needs.kept <= real if name.startswith("lstm") else needs.kept == real


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121", "gpt2", "swin_t", "preact_resnet164"])
def test_the_rows_add_up(name: str) -> None:
    """At each level, and with what goes in where the backward pass needs it."""
    memory = archdsl.load(name).memory(3, depth=1)
    read = memory.needs.kept - sum(each.kept for each in memory.rows)
    assert read in {
        0,
        *(kind.size * 3 * (8 if kind.kind is Kind.TOKENS else 4) for kind in memory.table.inputs.values()),
    }
    assert sum(each.activations for each in memory.rows) == memory.needs.activations
    assert sum(each.weights for each in memory.rows) == memory.needs.weights


def test_the_rows_of_a_block_add_up_to_it() -> None:
    rows = archdsl.load("resnet50").memory(depth=0).rows
    whole = next(each for each in rows if each.row.path == "layer1.1")
    inside = [each for each in rows if each.row.path.startswith("layer1.1.")]
    assert len(inside) > 5
    assert whole.row.count == 2
    assert 2 * sum(each.kept for each in inside) == whole.kept
    assert 2 * sum(each.activations for each in inside) == whole.activations


def test_a_billion_layers_need_at_inference_what_one_needs() -> None:
    one = archdsl.parse("INPUT[32x32x64] -> [conv3-64]*2").memory().needs
    many = archdsl.parse("INPUT[32x32x64] -> [[[conv3-64]*1000]*1000]*1000").memory().needs
    size = 32 * 32 * 64 * 4
    assert one.peak == many.peak == 3 * size  # what goes in, what a layer reads, and what it writes
    assert many.kept == 10**9 * size
    assert many.activations == 10**9 * size


@pytest.mark.parametrize(("optimizer", "copies"), [("sgd", 0), ("momentum", 1), ("adam", 2)])
def test_the_states_are_those_of_torchs_optimisers(optimizer: str, copies: int) -> None:
    net = archdsl.parse("INPUT[8x8x4] -> conv3-4 -> bn -> relu -> fc-2")
    model = net.to_torch()
    kinds = {"sgd": torch.optim.SGD, "momentum": torch.optim.SGD, "adam": torch.optim.Adam}
    made = kinds[optimizer](model.parameters(), lr=0.1, **({"momentum": 0.9} if optimizer == "momentum" else {}))
    model(torch.rand(2, 4, 8, 8)).sum().backward()
    made.step()
    states = [
        each for state in made.state.values() for each in state.values() if isinstance(each, Tensor) and each.dim()
    ]
    needs = net.memory(2, optimizer=optimizer).needs
    assert needs.states == sum(each.nbytes for each in states) == copies * needs.weights
    assert needs.gradients == sum(each.grad.nbytes for each in model.parameters() if each.grad is not None)
    assert needs.buffers == sum(each.nbytes for each in model.buffers())


def test_mixed_precision_takes_the_sixteen_bytes_of_the_paper() -> None:
    """Rajbhandari et al. 2019, ZeRO, arXiv:1910.02054, section 3.1: 2 + 2 + 12 bytes for each parameter with Adam."""
    net = archdsl.load("gpt2")
    needs = net.memory(dtype="float16").needs
    assert needs.weights + needs.gradients + needs.states == 16 * net.params


# the two numbers that Adam holds have no less than 32 bits, and there is a copy of weights that have less
@pytest.mark.parametrize(
    ("dtype", "size", "state"), [("float64", 8, 16), ("float32", 4, 8), ("bfloat16", 2, 12), ("float16", 2, 12)]
)
def test_a_type_is_that_of_weights_and_activations(dtype: str, size: int, state: int) -> None:
    net = archdsl.parse("INPUT[8x8x4] -> conv3-4 -> sigmoid")
    needs = net.memory(5, dtype).needs
    assert needs.inference_weights == net.params * size
    assert needs.states == net.params * state
    assert needs.peak == 3 * 5 * 256 * size  # the input, which its owner holds, and two of the layers
    assert needs.kept == 2 * 5 * 256 * size


@pytest.mark.parametrize("optimizer", [None, "sgd", "adam"])
@pytest.mark.parametrize("name", ["resnet18", "unet", "gpt2"])
def test_the_largest_batch_fits_and_one_more_does_not(name: str, optimizer: str | None) -> None:
    net = archdsl.load(name)
    memory = 24 * 10**9
    batch = net.largest_batch(memory, "bfloat16", optimizer)

    def needed(samples: int) -> int:
        needs = net.memory(samples, "bfloat16", optimizer or "sgd").needs
        return needs.training if optimizer else needs.inference

    assert needed(batch) <= memory < needed(batch + 1)
    # just what it needs is enough
    assert net.largest_batch(needed(batch), "bfloat16", optimizer) == batch


def test_where_not_even_the_weights_fit_no_batch_does() -> None:
    assert archdsl.load("vgg16").largest_batch(10**6) == 0


def test_parts_that_training_alone_has_are_left_out_at_inference() -> None:
    net = archdsl.load("googlenet")
    needs = net.memory().needs
    assert needs.inference_weights == 4 * net.inference_params < needs.weights == 4 * net.params


# --- the command ------------------------------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def test_the_table_fits_the_screen_and_says_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    said = run(capsys, "summary", "resnet50", "--memory", "--batch", "32", "--dtype", "bfloat16", "--fit", "24GB")
    needs = archdsl.load("resnet50").memory(32, "bfloat16").needs
    assert max(map(len, said.splitlines())) <= 80
    assert "batch of 32 in bfloat16" in said
    assert f"{needs.training / 1e9:.3g} GB" in said
    assert "largest batch that fits 24 GB: 4,044 at inference, 539 in training" in said


@pytest.mark.parametrize("width", [80, 60, 40])
@pytest.mark.parametrize("name", ["resnet50", "vit_b_16"])
def test_the_totals_fit_a_narrow_screen(width: int, name: str) -> None:
    for table in (archdsl.load(name).memory(fit=10**9), archdsl.load(name).symbolic().memory(fit=10**9)):
        head, *_, foot = table.text(width).split("\n\n")
        assert max(map(len, (*head.splitlines(), *foot.splitlines()))) <= width
        assert "  " + table.footers()[3].split(",")[0].strip() in foot


def test_the_parts_that_are_told_are_the_total() -> None:
    sizes = {"GB": 10**9, "MB": 10**6, "kB": 10**3, "B": 1}
    branches = "net n {\n input 224x224x3\n a = conv3-8\n add { a -> conv3-8 | a -> conv3-8 } -> gap -> fc-2\n}"
    for net in (archdsl.parse(branches), archdsl.load("vgg11"), archdsl.parse("INPUT[99x99x3] -> gap -> fc-2")):
        parts = net.memory().footers()[3]
        found = re.findall(r"([\d.,]+) (GB|MB|kB|B)\b", parts)
        told = sum(float(number.replace(",", "")) * sizes[unit] for number, unit in found)
        assert told == pytest.approx(net.memory().needs.training, rel=0.01)
        assert ("forward pass" in parts) == (
            net.memory().needs.peak > net.memory().needs.gradients + net.memory().needs.kept
        )


def test_where_no_batch_fits_none_is_said() -> None:
    assert archdsl.load("vgg16").memory(fit=10**6).footers()[-1] == (
        "largest batch that fits 1 MB: none at inference, none in training"
    )


def test_json_has_the_figures_in_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    made = json.loads(run(capsys, "summary", "resnet18", "--memory", "--batch", "4", "--json", "--fit", "1GiB"))
    needs = archdsl.load("resnet18").memory(4).needs
    assert (made["format"], made["version"]) == ("archdsl.memory", 1)
    assert made["inference"]["peak_activations"] == needs.peak
    assert made["training"]["total"] == needs.training
    assert made["fit"]["memory"] == 2**30
    assert {row["path"] for row in made["rows"]} >= {"conv1", "layer2.0.downsample.0"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--fit", "24GB"), "--fit goes with --memory"),
        (("--batch", "1"), "--batch goes with --memory"),
        (("--dtype", "float16", "--optimizer", "sgd"), "--dtype and --optimizer go with --memory"),
        *(
            (("--memory", "--fit", size), f"Invalid value for --fit: `{size}` is no size of memory such as `24GB`\n")
            for size in ("many", "3 B/s", "24", "0GB", "h100")
        ),
        (("--memory", "--batch", "0"), "--batch"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["summary", "resnet18", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="batch of 0"):
        archdsl.load("resnet18").memory(0)


def test_training_needs_at_least_what_its_forward_pass_needs():
    net = archdsl.parse(
        "net n {\n  input a: 224x224x3\n  input b: 224x224x3\n  add { a -> conv3-8 | b -> conv3-8 } -> gap -> fc-2\n}"
    )
    needs = net.memory(8).needs
    assert needs.training >= needs.inference
    assert net.largest_batch(10**9, optimizer="adam") <= net.largest_batch(10**9)


def test_a_learned_tensor_holds_nothing_of_what_came_before_it():
    text = "net a {\n  input 224x224x3\n  conv3-64(p=1) -> param((4000000)) -> dropout(0) -> sigmoid -> FC-10\n}"
    # the input, the sigmoid's output and that of the last layer, of 10 numbers
    assert archdsl.parse(text).memory(1).needs.peak == 4 * (224 * 224 * 3 + 4_000_000 + 10)
