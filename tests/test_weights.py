"""Weights from files, and the three ways of transfer learning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import archdsl
from archdsl import cli

TEXT = "net n(classes=10) {\n  input 8x8x3\n  [conv3-4 -> bn -> relu] as body\n    -> gap -> fc-classes as fc\n}"


@pytest.fixture
def net() -> archdsl.Network:
    return archdsl.parse(TEXT)


def saved(path: Path, state: dict[str, torch.Tensor]) -> Path:
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    return path


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_weights_come_back_as_they_were_saved(net: archdsl.Network, tmp_path: Path, suffix: str) -> None:
    model = net.to_torch()
    path = saved(tmp_path / f"w.{suffix}", model.state_dict())
    other = net.to_torch()
    assert str(net.load_weights(other, path)) == "all weights loaded"
    for name, value in model.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    at_once = net.to_torch(weights=path)
    assert all(torch.equal(value, at_once.state_dict()[name]) for name, value in model.state_dict().items())


def test_buffers_that_no_file_holds_get_their_values(tmp_path: Path) -> None:
    net = archdsl.parse("INPUT[4x4x3] -> normalize -> CONV3-2")
    model = net.to_torch()
    made = net.to_torch(weights=saved(tmp_path / "w.pt", model.state_dict()))
    x = torch.randn(1, 3, 4, 4)
    assert torch.equal(made(x), model(x))


@pytest.mark.parametrize("prefix", ["module.", "model.", "_orig_mod."])
def test_a_prefix_on_every_name_is_recognised_and_said(net: archdsl.Network, tmp_path: Path, prefix: str) -> None:
    model = net.to_torch()
    path = saved(tmp_path / "w.safetensors", {prefix + name: value for name, value in model.state_dict().items()})
    assert f"begin with `{prefix}`" in str(net.load_weights(net.to_torch(), path))


def test_differences_are_named_with_the_near_names_and_nothing_is_loaded(net: archdsl.Network, tmp_path: Path) -> None:
    model = net.to_torch()
    state = model.state_dict()
    state["body.0.weigth"] = state.pop("body.0.weight")
    state["fc.weight"] = torch.zeros(20, 4)
    path = saved(tmp_path / "w.pt", state)
    other = net.to_torch()
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(archdsl.ArchError) as refused:
        net.load_weights(other, path)
    (fault,) = refused.value.diagnostics
    assert fault.code == "E0812"
    assert fault.fault.notes == (
        "`fc.weight` is 10x4 in the network and 20x4 in the file",
        "`body.0.weight` is missing from the file; is it `body.0.weigth` there?",
        "`body.0.weigth` is not in the network; is it `body.0.weight` there?",
    )
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


@pytest.mark.parametrize("content", [b"", b"not weights", b"\xff" * 64, b"\x08\x00\x00\x00\x00\x00\x00\x00[1, 2]  "])
@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
def test_damaged_files_are_refused(net: archdsl.Network, tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"w.{suffix}"
    path.write_bytes(content)
    with pytest.raises(archdsl.ArchError, match="E0811"):
        net.load_weights(net.to_torch(), path)
    with pytest.raises(archdsl.ArchError, match="E0811"):
        net.load_weights(net.to_torch(), tmp_path / f"missing.{suffix}")


def test_code_in_a_file_of_weights_is_not_run(net: archdsl.Network, tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("run",)

    path = tmp_path / "w.pt"
    torch.save({"fc.weight": Hostile()}, path)
    with pytest.raises(archdsl.ArchError, match="E0811"):
        net.load_weights(net.to_torch(), path)


def test_a_changed_head_is_reported_as_new_and_everything_else_must_fit(net: archdsl.Network, tmp_path: Path) -> None:
    path = saved(tmp_path / "w.safetensors", net.to_torch().state_dict())
    three = archdsl.parse(TEXT, classes=3)
    model = three.to_torch(weights=path, head=["fc"])
    assert model.fc.weight.shape == (3, 4)
    loaded = three.load_weights(three.to_torch(), path, head=["fc"])
    assert loaded.new == ("fc.weight", "fc.bias")
    with pytest.raises(archdsl.ArchError, match="E0812"):
        three.load_weights(three.to_torch(), path)


def test_freezing_stops_at_a_layer(net: archdsl.Network) -> None:
    model = archdsl.freeze(net.to_torch(), until="fc")
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ["fc.weight", "fc.bias"]
    assert not any(weight.requires_grad for weight in archdsl.freeze(net.to_torch()).parameters())
    with pytest.raises(ValueError, match="no layer `fx`; the module has body, fc"):
        archdsl.freeze(model, until="fx")


def compiled(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """`archdsl compile` of the network on this page; its exit code and all it says."""
    code = cli.main(["compile", "-e", TEXT, *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


def test_compile_compares_weights_where_no_output_holds_them(
    net: archdsl.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, source = saved(tmp_path / "saved.pt", net.to_torch().state_dict()), tmp_path / "made.py"
    code, said = compiled(capsys, "--weights", path, "-o", source)
    assert (code, source.exists()) == (0, True)
    assert "all weights loaded\nno output holds them: name one of .safetensors or .onnx to write them\n" in said

    source.unlink()
    code, said = compiled(capsys, "--weights", path, "-o", source, "--set", "classes=20")
    assert (code, source.exists()) == (1, False)
    assert "`fc.weight` is 20x4 in the network and 10x4 in the file" in said
    code, said = compiled(capsys, "--weights", path, "-o", source, "--set", "classes=20", "--head", "fc")
    assert (code, source.exists()) == (0, True)
    assert "loaded all but fc.weight, fc.bias, which are new" in said


def test_a_head_without_weights_is_a_wrong_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = compiled(capsys, "--head", "fc", "-o", tmp_path / "made.py")
    assert (code, "--head goes with --weights" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []
