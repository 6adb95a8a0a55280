"""ONNX files against PyTorch: open sizes stay open, and what ONNX cannot say is said, with the layer and its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from test_faults import assert_speaks_well

import archdsl
from archdsl import cli
from archdsl.algebra.tensors import Kind
from archdsl.emit import onnx as emitted

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

U_NET = """
net n {
  input (3, H, W)
  require H % 4 == 0
  require W % 4 == 0
  a = conv3-4 -> bn -> relu
  b = a -> pool -> conv3-6 -> relu
  c = b -> pool -> conv3-6 -> upsample2
  d = concat { b | c } -> conv3-4 -> upsample2
  concat { a | d } -> conv3-2
}
"""
# texts with open sizes, what their axes are called, the sizes to run them at, and what the file says about them
OPEN: dict[str, tuple[str, list[list[object]], list[object], list[dict[str, int]], dict[str, str]]] = {
    "a classifier": (
        "net n {\n input (3, H, W)\n conv3-4 -> bn -> relu -> pool3/2(p=1) -> conv3-5 -> gap -> fc-3\n}",
        [["batch", 3, "H", "W"]], ["batch", 3], [{"H": 17, "W": 40}, {"H": 64, "W": 31}], {},
    ),
    "a u-net": (
        U_NET,
        [["batch", 3, "H", "W"]], ["batch", 2, "H", "W"], [{"H": 16, "W": 36}, {"H": 40, "W": 8}],
        {"H": "from 4 on, H % 4 == 0", "W": "from 4 on, W % 4 == 0"},
    ),
    "strides": (
        "net n {\n input (3, H, 20)\n conv3-4/2 -> conv3-4/2 -> deconv2-3/2\n}",
        [["batch", 3, "H", 20]], ["batch", 3, "2*ceil(H/4)", 10], [{"H": 9}, {"H": 30}], {},
    ),
    "tokens": (
        ("net n {\n input s: tokens(S)\n require S <= 100\n"
        " s -> embedding-16(50) -> positional_encoding -> attention(4) -> ln -> fc-7\n}"),
        [["batch", "S"]], ["batch", "S", 7], [{"S": 5}, {"S": 90}], {"S": "1 to 100"},
    ),
    "patches": (
        ("net n {\n input (3, H, W)\n require H % 8 == 0\n require W % 8 == 0\n"
        " conv8-16/8 -> to_sequence -> attention(4) -> ln -> fc-3\n}"),
        [["batch", 3, "H", "W"]], ["batch", "floor(H/8)*floor(W/8)", 3], [{"H": 16, "W": 40}, {"H": 48, "W": 24}],
        {"H": "from 8 on, H % 8 == 0", "W": "from 8 on, W % 8 == 0"},
    ),
    "two inputs of one size": (
        "net n {\n input a: (3, H, W)\n input b: (3, H, W)\n add { a | b } -> conv3-3\n}",
        [["batch", 3, "H", "W"]] * 2, ["batch", 3, "H", "W"], [{"H": 3, "W": 40}, {"H": 64, "W": 5}], {},
    ),
    "a size called batch": (
        "net n {\n input (3, batch, 8)\n conv3-2\n}",
        [["samples", 3, "batch", 8]], ["samples", 2, "batch", 8], [{"batch": 4}, {"batch": 9}], {},
    ),
}  # fmt: skip


def randomised(net: archdsl.Network) -> torch.nn.Module:
    """A live module in evaluation mode, with statistics that are not those of a fresh one."""
    torch.manual_seed(0)
    model = net.to_torch().eval()
    for each in model.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(each.running_mean, 0.0, 0.3)
            torch.nn.init.uniform_(each.running_var, 0.5, 2.0)
            torch.nn.init.normal_(each.weight, 1.0, 0.3)
    return model


def axes(value: Any) -> list[object]:
    return [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]


@pytest.mark.parametrize("name", OPEN)
def test_open_sizes_stay_open_under_their_names(name: str) -> None:
    text, inputs, output, sizes, told = OPEN[name]
    net = archdsl.parse(text)
    model = randomised(net)
    data = net.to_onnx(model)
    file = onnx.load_from_string(data)
    assert [axes(each) for each in file.graph.input] == inputs
    assert [axes(each) for each in file.graph.output] == [output]
    assert {each.key: each.value for each in file.metadata_props} == told
    named = [axes(each) for each in file.graph.value_info]
    assert not any(
        isinstance(each, str) and each.startswith("s") and each[1:].isdigit() for row in named for each in row
    )

    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for batch, chosen in enumerate(sizes, start=1):
        given = {}
        for value, kind in zip(session.get_inputs(), net.inputs.values(), strict=True):
            shape = [chosen.get(str(each), int(each)) for each in kind.shape]
            whole = kind.kind is Kind.TOKENS
            given[value.name] = torch.randint(50, (batch, *shape)) if whole else torch.randn(batch, *shape)
        (found,) = session.run(None, {key: each.numpy() for key, each in given.items()})
        with torch.no_grad():
            expected = model(*given.values())
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=1e-5, atol=1e-5)


def test_sizes_that_the_text_states_stay_as_they_are_and_symbolic_opens_them() -> None:
    net = archdsl.parse("INPUT[32x48x3] -> conv3-4/2 -> bn -> relu -> gap -> fc-2")
    model = randomised(net)
    (value,) = onnx.load_from_string(net.to_onnx(model)).graph.input
    assert axes(value) == ["batch", 3, 32, 48]
    (value,) = onnx.load_from_string(net.symbolic().to_onnx(model)).graph.input
    assert axes(value) == ["batch", 3, "H", "W"]


# --- what ONNX cannot say ---------------------------------------------------------------------------------------------

REFUSED = {
    "adaptive": ("INPUT[12x12x3] -> conv3-4 -> adaptivemaxpool(7) -> relu", {"adaptivemaxpool(7)": "maxpool1"}),
    "ceil mode": ("INPUT[9x18x2] -> conv3-2 -> pool2/3(ceil=true)", {"pool2/3(ceil=true)": "pool1"}),
    "both": (
        "INPUT[9x18x2] -> [pool2/3(ceil=true)] as a -> adaptivemaxpool(2)",
        {"pool2/3(ceil=true)": "a.0", "adaptivemaxpool(2)": "maxpool1"},
    ),
    "in a repeat": (
        "block b = conv3-4 -> adaptivemaxpool(7)\nnet n {\n input 12x12x4\n [b]*3 as body\n}",
        {"adaptivemaxpool(7)": "body.0.maxpool1"},
    ),
    "open": (
        "net n {\n input (3, H, W)\n conv3-4 -> adaptiveavgpool(2) -> fc-3\n}",
        {"adaptiveavgpool(2)": "avgpool1"},
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_onnx_cannot_say_is_said_with_the_layer_and_its_place(name: str) -> None:
    text, layers = REFUSED[name]
    net = archdsl.parse(text)
    model = net.to_torch().train()
    with pytest.raises(archdsl.ArchError) as refused:
        net.to_onnx(model)
    found = refused.value.diagnostics
    assert {each.place.text: each.fault.path for each in found if each.place} == layers  # type: ignore[attr-defined]
    assert len(found) == len(layers)
    for each in found:
        assert each.code == "E0831"
        assert_speaks_well(each)
    assert model.training


def test_the_command_line_says_so_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.onnx"
    code = cli.main(["compile", "-e", REFUSED["adaptive"][0], "-o", str(path), "-o", str(tmp_path / "m.py")])
    said = capsys.readouterr().err
    assert (code, list(tmp_path.iterdir())) == (1, [])
    assert "error[E0831]: `maxpool1` cannot be written as ONNX: PyTorch's exporter has no ONNX for" in said
    assert "^^^^^^^^^^^^^^^^^^ not in ONNX" in said


def test_a_size_that_does_not_stay_open_is_no_silent_constant() -> None:
    net = archdsl.parse("net n {\n input (3, H, W)\n conv3-4 -> relu\n}")

    class Fixed(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.interpolate(x, size=(24, 27)).repeat(1, 2, 1, 1)[:, :4]

    with pytest.raises(archdsl.ArchError, match="E0831") as refused:
        net.to_onnx(Fixed())
    assert "state the sizes of the input" in (refused.value.diagnostics[0].fault.help or "")


def test_other_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = archdsl.parse("INPUT[8x10x3] -> conv3-4 -> relu")
    written = emitted._Written._exported

    def wrong(self: Any, sizes: Any) -> bytes:
        file = onnx.load_from_string(written(self, sizes))
        for each in file.graph.initializer:
            array = onnx.numpy_helper.to_array(each)
            if array.ndim == 4:
                each.CopyFrom(onnx.numpy_helper.from_array(array[..., ::-1].copy(), each.name))
        made: bytes = file.SerializeToString()
        return made

    monkeypatch.setattr(emitted._Written, "_exported", wrong)
    with pytest.raises(archdsl.ArchError, match="`conv1` cannot be written as ONNX: onnxruntime gives other numbers"):
        net.to_onnx(net.to_torch())


def test_what_no_file_holds_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emitted, "_LARGEST", 1000)
    net = archdsl.parse("INPUT[8x8x3] -> conv3-64 -> relu")
    with pytest.raises(archdsl.ArchError, match="its weights take 7,168 bytes, and an ONNX file holds 1,000"):
        net.to_onnx(net.to_torch())


@pytest.mark.parametrize("training", [False, True])
def test_a_module_stays_in_the_mode_in_which_it_is(training: bool) -> None:
    net = archdsl.parse("INPUT[4x4x3] -> conv1-2 -> dropout")
    model = net.to_torch().train(training)
    net.to_onnx(model)
    assert {each.training for each in model.modules()} == {training}


def test_nothing_global_is_touched() -> None:
    net = archdsl.parse("INPUT[8x8x3] -> conv3-4 -> relu")
    model = net.to_torch()
    state = torch.get_rng_state()
    net.to_onnx(model)
    assert torch.equal(torch.get_rng_state(), state)
