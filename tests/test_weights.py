"""Weights from files, and the three ways of transfer learning."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from test_faults import assert_speaks_well

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


PREFIXES = ("module.", "model.", "_orig_mod.", "model.encoder.", "module.backbone.", "_orig_mod.module.", "a.b.c.d.")


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_on_every_name_is_recognised_and_said(net: archdsl.Network, tmp_path: Path, prefix: str) -> None:
    model = net.to_torch()
    path = saved(tmp_path / "w.safetensors", {prefix + name: value for name, value in model.state_dict().items()})
    other = net.to_torch()
    assert str(net.load_weights(other, path)) == f"all weights loaded; the file's names begin with `{prefix}`"
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in model.state_dict().items())


def test_a_prefix_that_the_network_has_too_is_none(tmp_path: Path) -> None:
    net = archdsl.parse("net n {\n  input 8x8x3\n  [conv3-4 -> [conv3-4] as model] as model\n}")
    model = net.to_torch()
    path = saved(tmp_path / "w.pt", model.state_dict())
    assert str(net.load_weights(net.to_torch(), path)) == "all weights loaded"
    path = saved(tmp_path / "w.pt", {f"model.{name}": value for name, value in model.state_dict().items()})
    assert "`model.`" in str(net.load_weights(net.to_torch(), path))


@pytest.mark.parametrize("key", ["state_dict", "model", "ema", "anything"])
def test_weights_are_found_inside_a_checkpoint(net: archdsl.Network, tmp_path: Path, key: str) -> None:
    state = net.to_torch().state_dict()
    optimizer = {"state": {0: {"step": torch.zeros(1)}}, "param_groups": [{"lr": 0.1}]}
    path = saved(tmp_path / "w.pt", {"epoch": 3, key: state, "optimizer": optimizer})
    assert str(net.load_weights(net.to_torch(), path)) == "all weights loaded"


def test_of_several_states_in_a_checkpoint_the_one_is_taken_that_is_called_so(
    net: archdsl.Network, tmp_path: Path
) -> None:
    state = net.to_torch().state_dict()
    others = {"model": {"other": torch.zeros(3)}, "module": {"another": torch.ones(2)}}
    for checkpoint in ({"state_dict": state, **others}, {**others, "state_dict": state}):
        path = saved(tmp_path / "w.pt", checkpoint)
        assert str(net.load_weights(net.to_torch(), path)) == "all weights loaded"


def test_what_is_called_by_numbers_has_no_names(net: archdsl.Network, tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {0: torch.zeros(3)})  # type: ignore[dict-item]
    with pytest.raises(archdsl.ArchError, match=r"E0811 .* it holds no weights by name"):
        net.load_weights(net.to_torch(), path)


def test_the_content_of_a_file_counts_and_not_its_name(net: archdsl.Network, tmp_path: Path) -> None:
    state = net.to_torch().state_dict()
    saved(tmp_path / "a.safetensors", state).rename(tmp_path / "a.pt")
    saved(tmp_path / "b.pt", state).rename(tmp_path / "b.safetensors")
    for name in ("a.pt", "b.safetensors"):
        assert str(net.load_weights(net.to_torch(), tmp_path / name)) == "all weights loaded"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x08\x08\x3a\x02\x0a\x00", "it is an ONNX file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "it is an HDF5 file"),
        (b"import torch\n", "it is Python code"),
        (b'{"metadata": {}, "weight_map": {}}', "it is JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "it is a pointer of Git LFS"),
    ],
)
def test_a_file_of_other_things_is_called_what_it_is(
    net: archdsl.Network, tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "weights.bin"
    path.write_bytes(content)
    with pytest.raises(archdsl.ArchError, match=f"E0811 the weights in `weights.bin` cannot be read: {said}"):
        net.load_weights(net.to_torch(), path)


# --- what is proposed -------------------------------------------------------------------------------------------------


def proposed(net: archdsl.Network, state: dict[str, torch.Tensor], path: Path) -> str | None:
    """What is proposed for weights that do not fit. An exception says it as the command line does."""
    with pytest.raises(archdsl.ArchError) as refused:
        net.load_weights(net.to_torch(device="meta"), saved(path / "w.pt", state))
    (found,) = refused.value.diagnostics
    assert all(note in str(refused.value) for note in (*found.fault.notes, found.fault.help or ""))
    return found.fault.help


def fresh(net: archdsl.Network) -> dict[str, torch.Tensor]:
    return {
        name: torch.zeros_like(each, device="cpu") for name, each in net.to_torch(device="meta").state_dict().items()
    }


def test_another_number_of_classes_proposes_the_head_and_it_works(tmp_path: Path) -> None:
    state = fresh(archdsl.load("resnet20", classes=1000))
    net = archdsl.load("resnet20")
    said = proposed(net, state, tmp_path)
    assert said is not None
    assert '`--head fc`, in Python `head=["fc"]`' in said
    assert net.load_weights(net.to_torch(), tmp_path / "w.pt", head=["fc"]).new == ("fc.weight", "fc.bias")

    state = {f"module.{name}": each for name, each in state.items()}
    assert proposed(net, state, tmp_path) == said


def test_several_heads_are_proposed_together(tmp_path: Path) -> None:
    text = (
        "net n(classes=10) {\n  input 8x8x3\n  a = conv3-4\n  y = a -> gap -> fc-classes as fc\n"
        "  z = a -> gap -> [fc-7 -> fc-classes as out] as aux\n  output y\n  output z (train)\n}"
    )
    net, other = archdsl.parse(text), archdsl.parse(text, classes=5)
    said = proposed(net, fresh(other), tmp_path)
    assert said is not None
    assert '`--head fc --head aux.out`, in Python `head=["fc", "aux.out"]`' in said
    net.load_weights(net.to_torch(), tmp_path / "w.pt", head=["fc", "aux.out"])

    state = {name: each for name, each in fresh(net).items() if not name.startswith("aux")}
    assert proposed(net, state, tmp_path) == (
        'only training needs what is missing: it keeps first values with `--head aux`, in Python `head=["aux"]`'
    )
    net.load_weights(net.to_torch(), tmp_path / "w.pt", head=["aux"])


def test_other_input_channels_and_positions_propose_passes(tmp_path: Path) -> None:
    grey = archdsl.load("resnet20", input=(1, 32, 32))
    said = proposed(grey, fresh(archdsl.load("resnet20")), tmp_path)
    assert said == "compile the network with the 3 input channels of the file and `--pass 'input-channels(1)'`"

    large = archdsl.load("vit_b_32", input=(3, 384, 384), classes=7)
    said = proposed(large, fresh(archdsl.load("vit_b_32")), tmp_path)
    assert said is not None
    assert "`--pass resize-positions`; the head is of another size" in said
    assert "`--head heads.head`" in said


def test_weights_of_another_network_of_the_zoo_name_it(tmp_path: Path) -> None:
    said = proposed(archdsl.load("googlenet"), fresh(archdsl.load("googlenet_bn")), tmp_path)
    assert said == "the zoo has a network with these weights: `googlenet_bn`"
    assert proposed(archdsl.load("resnet34"), fresh(archdsl.load("resnet18")), tmp_path) is not None


def test_nothing_is_proposed_that_would_not_work(net: archdsl.Network, tmp_path: Path) -> None:
    state = fresh(net)
    for name, shape in {"body.0.weight": (5, 3, 3, 3), "fc.weight": (10, 5), "body.1.bias": (4, 4)}.items():
        assert proposed(net, {**state, name: torch.zeros(shape)}, tmp_path) is None
    assert proposed(net, {**state, "fc.weight": torch.zeros(20, 4), "more": torch.zeros(1)}, tmp_path) is None
    assert proposed(net, {**state, "fc.weight": torch.zeros(10, 4, dtype=torch.int64)}, tmp_path) is None


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


def test_a_head_is_a_layer_of_the_network_or_of_the_file(net: archdsl.Network, tmp_path: Path) -> None:
    path = saved(tmp_path / "w.pt", {**net.to_torch().state_dict(), "aux.out.weight": torch.zeros(3)})
    assert not net.load_weights(net.to_torch(), path, head=["aux", "fc.bias", "body"]).new
    for given, wrong, help_ in (
        (["aux", "fcc", "fcc"], ["fcc"], "did you mean `fc`?"),
        (["body.2", "relu"], ["body.2", "relu"], "did you mean `body.1`?"),
        (["aux", "module.fc.`\n"], ["module.fc.??"], None),
        ([""], [""], None),
    ):
        for load in (
            lambda head=given: net.load_weights(net.to_torch(), path, head=head),
            lambda head=given: net.to_torch(weights=path, head=head),
        ):
            with pytest.raises(archdsl.ArchError) as refused:
                load()
            assert [each.code for each in refused.value.diagnostics] == ["E0813"] * len(wrong)
            for each, name in zip(refused.value.diagnostics, wrong, strict=True):
                assert f"{f'`{name}`' if name else 'what has no name'} is no head" in each.fault.message
                assert_speaks_well(each)
            assert refused.value.diagnostics[0].fault.help == help_


def test_a_misspelt_head_is_one_message_and_nothing_is_written(
    net: archdsl.Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, source = saved(tmp_path / "saved.pt", net.to_torch().state_dict()), tmp_path / "made.py"
    for classes in (10, 20):
        code, said = compiled(capsys, "--weights", path, "-o", source, "--set", f"classes={classes}", "--head", "fcc")
        assert (code, source.exists()) == (1, False)
        assert said == (
            "error[E0813]: `fcc` is no head: neither the network nor `saved.pt` has weights of such a layer\n"
            " = help: did you mean `fc`?\n"
        )


def test_freezing_stops_at_a_layer(net: archdsl.Network) -> None:
    model = archdsl.freeze(net.to_torch(), until="fc")
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == ["fc.weight", "fc.bias"]
    assert not any(weight.requires_grad for weight in archdsl.freeze(net.to_torch()).parameters())
    with pytest.raises(ValueError, match="no layer `fx`; the module has body, fc"):
        archdsl.freeze(model, until="fx")


def test_freezing_leaves_a_layer_and_all_after_it_in_training() -> None:
    net = archdsl.parse("net n {\n input 4x4x3\n " + " -> ".join(["conv1-3"] * 11) + "\n}")
    names = [name for name, _ in net.to_torch(device="meta").named_parameters()]
    layers = list(dict.fromkeys(name.partition(".")[0] for name in names))
    assert layers[0] == "conv1"
    assert layers[-1] == "conv11"
    for layer in layers:
        model = archdsl.freeze(net.to_torch(device="meta"), until=layer)
        trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
        assert trained == names[names.index(f"{layer}.weight") :]


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

    code, said = compiled(capsys, "--weights", path, "-o", source, "-o", tmp_path / "made.safetensors")
    assert (code, "all weights loaded" in said, "no output holds them" in said) == (0, True, False)

    source.unlink()
    code, said = compiled(capsys, "--weights", path, "-o", source, "--set", "classes=20")
    assert (code, source.exists()) == (1, False)
    assert "`fc.weight` is 20x4 in the network and 10x4 in the file" in said
    assert "= help: the head is of another size: it keeps first values with `--head fc`" in said
    code, said = compiled(capsys, "--weights", path, "-o", source, "--set", "classes=20", "--head", "fc")
    assert (code, source.exists()) == (0, True)
    assert "loaded all but fc.weight, fc.bias, which are new" in said


def test_a_head_without_weights_is_a_wrong_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = compiled(capsys, "--head", "fc", "-o", tmp_path / "made.py")
    assert (code, "--head goes with --weights" in said) == (2, True)
    assert list(tmp_path.iterdir()) == []
