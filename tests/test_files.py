"""One door for files: what can be written, told by the ending; what is read, told by what is in it."""

from __future__ import annotations

import io
import json
import pickle
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save
from test_faults import assert_speaks_well

import archdsl
from archdsl import cli
from archdsl.base.formats import HEAD, Use, format_of
from archdsl.base.reading import TooLarge
from archdsl.base.reading import content as read
from archdsl.base.resources import folder

TEXT = "INPUT[8x8x3] -> CONV3-4 -> FC-2"
STATE = {"fc.weight": torch.zeros(2, 3), "fc.bias": torch.ones(2)}


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    """A command; its exit code and all it says."""
    code = cli.main([str(each) for each in arguments])
    captured = capsys.readouterr()
    return code, captured.out + captured.err


# --- writing ----------------------------------------------------------------------------------------------------------

REFUSED = {
    **dict.fromkeys(("m.pt", "m.PTH", "m.ckpt", "m.bin", "m.pth.tar"), "`torch.save(model.state_dict(), ...)`"),
    **dict.fromkeys(("m.tflite", "m.keras", "m.h5", "m.pb"), "write .onnx, which other programs convert"),
    "m.json": "`archdsl json` writes that",
    "m.svg": "`archdsl draw` writes that",
    "m.arch": "the name of a text",
    "M.ARCH": "the name of a text",
    **dict.fromkeys(("m", ".py", "m.txt", "m.py.bak", ""), "a compiled network is a file of .py, .onnx, .safetensors"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_compile_refuses_other_endings_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, said = run(capsys, "compile", "-e", "INPUT[8x8x3] -> nosuch", "-o", "good.py", "-o", name)
    assert code == 2
    assert REFUSED[name] in said
    assert "nosuch" not in said
    assert list(tmp_path.iterdir()) == []


def test_an_ending_in_capitals_is_the_same_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("M.PY", "M.Safetensors"):
        assert run(capsys, "compile", "-e", TEXT, "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "M.PY").read_text().startswith('"""')
    assert (tmp_path / "M.Safetensors").read_bytes()[8:9] == b"{"
    assert archdsl.load(tmp_path / "M.Safetensors").params == archdsl.load(tmp_path / "M.PY").params


def test_what_is_no_file_gets_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = run(capsys, "compile", "-e", TEXT, "-o", "/dev/null")
    assert (code, "lines" in said) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["draw", "lenet5", "-o", "x.onnx"], "a picture or page is a file of"),
        (["diff", "lenet5", "alexnet", "-o", "x.html"], "x.html: a picture is a file of .svg, .png, .pdf, .dot, .mmd"),
        (["compare", "lenet5", "-o", "x.png"], "x.png: a plot is a file of .svg"),
        (["json", "lenet5", "-o", "x.py"], "x.py: the hierarchy is a file of .json; `archdsl compile` writes that"),
    ],
    ids=lambda each: each[0] if isinstance(each, list) else "",
)
def test_every_command_that_writes_knows_its_endings(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out = run(capsys, *arguments)
    assert (code, said in out) == (2, True), out
    assert list(tmp_path.iterdir()) == []


# --- reading ----------------------------------------------------------------------------------------------------------


def torch_file(state: object, **how: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, **how)
    return buffer.getvalue()


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "{}")
    return buffer.getvalue()


def scripted() -> bytes:
    buffer = io.BytesIO()
    archive = zipfile.ZipFile(buffer, "w")
    for name in ("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"):
        archive.writestr(name, "")
    archive.close()
    return buffer.getvalue()


def arrays() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3))
    return buffer.getvalue()


def onnx_model() -> bytes:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [other])
    made: bytes = onnx.helper.make_model(graph, producer_name="pytorch").SerializeToString()
    return made


def broken_weights() -> bytes:
    header = json.dumps({"__metadata__": {"archdsl": "{never closed"}}).encode()
    return struct.pack("<Q", len(header)) + header


def broken_code() -> bytes:
    return archdsl.parse(TEXT).source().partition("\nARCH")[0].encode()


FOREIGN: dict[str, tuple[Callable[[], bytes] | bytes | str, str]] = {
    "onnx": (onnx_model, "is an ONNX file"),
    "torch": (lambda: torch_file(STATE), "is a file of `torch.save`"),
    "nested": (lambda: torch_file({"epoch": 3, "model": STATE}), "is a file of `torch.save`"),
    "legacy": (lambda: torch_file(STATE, _use_new_zipfile_serialization=False), "is a file of `torch.save`"),
    "script": (scripted, "is a TorchScript file"),
    "safetensors": (lambda: save(STATE), "is a safetensors file, and no text"),
    "broken weights": (broken_weights, "is a safetensors file that archdsl wrote, and the text that it carries is damaged"),
    "broken code": (broken_code, "is Python code that archdsl wrote, and the text that it carries is damaged"),
    "pickle": (lambda: pickle.dumps({"a": 1}), "is a Python pickle"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(600), "is an HDF5 file"),
    "keras": (lambda: zipped("metadata.json", "config.json", "model.weights.h5"), "is a Keras file"),
    "numpy": (arrays, "is a NumPy file"),
    "zip": (lambda: zipped("readme.txt"), "is a zip archive"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(50), "is a TensorFlow Lite file"),
    "gguf": (b"GGUF\x03" + bytes(50), "is a GGUF file"),
    "darknet": ("# YOLO\n[net]\n# Testing\nbatch=1\n\n[convolutional]\nfilters=32\n", "is a network of darknet"),
    "darknet alone": ("[convolutional]\nfilters = 32\nsize = 3\n", "is a network of darknet"),
    "prototxt": ('name: "LeNet"\ninput: "data"\nlayer {\n  name: "c1"\n  type: "Convolution"\n}\n', "a prototxt of Caffe"),
    "old prototxt": ("layers { bottom: 'data' top: 'c1' name: 'c1' type: CONVOLUTION }\n", "a prototxt of Caffe"),
    "yaml": ("# YOLOv5\nnc: 80  # classes\nbackbone:\n  # [from, number]\n  - [-1, 1, Conv]  # 0 -> P1/2\n", "is YAML"),
    "more yaml": ("---\nmodel: resnet\n", "is YAML"),
    "json": ('{\n  "architectures": ["BertModel"],\n  "hidden_size": 768\n}\n', "is JSON"),
    "json that has cells": ('{"cells": 3, "cell": "lstm"}', "is JSON"),
    "list": ('[{"class_name": "Dense"}]', "is JSON"),
    "notebook": ('{"cells": [{"cell_type": "code"}]}', "is a notebook of Jupyter"),
    "code": ("import torch\n\nclass Net(torch.nn.Module):\n    pass\n", "is Python code, and no text"),
    "more code": ('"""Trains."""\nfrom torch import nn\nx = lambda a: a\n', "is Python code, and no text"),
    "png": (b"\x89PNG\r\n\x1a\n" + bytes(50), "is a PNG picture"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(50), "is a JPEG picture"),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "is a PDF"),
    "gzip": (b"\x1f\x8b\x08" + bytes(50), "is a gzip archive"),
    "svg": (lambda: archdsl.parse(TEXT).draw_volumes().written("svg"), "is an SVG picture"),
    "dot": (lambda: archdsl.parse(TEXT).draw().written("dot"), "is a graph in DOT"),
    "page": (lambda: archdsl.parse(TEXT).page().html.encode("utf-8"), "is a web page"),
    "utf-16": (TEXT.encode("utf-16"), "is text in UTF-16"),
    "lfs": ("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "is a pointer of Git LFS"),
    "noise": (bytes(range(256)) * 40_000, "is binary data"),
}  # fmt: skip


def content(name: str) -> bytes:
    made = FOREIGN[name][0]
    made = made() if callable(made) else made
    return made.encode() if isinstance(made, str) else made


@pytest.mark.parametrize("suffix", ["", ".arch", ".py", ".safetensors"])
@pytest.mark.parametrize("name", FOREIGN)
def test_a_file_of_another_program_is_recognised_by_what_is_in_it(tmp_path: Path, name: str, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content(name))
    with pytest.raises(archdsl.ArchError) as refused:
        archdsl.load(path)
    (found,) = refused.value.diagnostics
    assert found.code == "E0506"
    assert found.message.startswith(f"`file{suffix}` ")
    assert FOREIGN[name][1] in found.message
    assert_speaks_well(found)
    assert pickle.loads(pickle.dumps(found)) == found


COMMANDS = ("summary", "draw", "check", "compile", "explain", "sizes", "json", "compare", "time --device h100")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("saved.pth").write_bytes(content("torch"))
    word, *options = command.split()
    code, said = run(capsys, word, "saved.pth", *options)
    assert code == 1
    assert said.count("E0506") == 1
    assert "`archdsl compile NAME --weights saved.pth`" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["saved.pth"]


def test_diff_standard_input_and_use_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.onnx").write_bytes(content("onnx"))
    code, said = run(capsys, "diff", "lenet5", "net.onnx")
    assert (code, "E0506" in said) == (2, True)

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content("onnx"))))
    code, said = run(capsys, "summary", "-")
    assert (code, "`<stdin>` is an ONNX file" in said) == (1, True)

    Path("lib.arch").write_bytes(content("yaml"))
    Path("a.arch").write_text(f"use lib (b)\n{TEXT} -> b")
    code, said = run(capsys, "check", "a.arch")
    assert (code, "is YAML" in said, "a.arch:1:5" in said) == (1, True, True)


def test_what_archdsl_made_is_read_whatever_its_name(tmp_path: Path) -> None:
    net = archdsl.parse(TEXT, name="mine")
    for name in ("made.py", "made.txt", "made.arch"):
        (tmp_path / name).write_text(net.source())
        assert archdsl.load(tmp_path / name).params == net.params


def test_weights_of_a_network_that_has_none_are_read_back(tmp_path: Path) -> None:
    """Their file is its header, and nothing behind it."""
    path = tmp_path / "none.safetensors"
    assert cli.main(["compile", "-e", "INPUT[4x4x3] -> relu -> pool", "-o", str(path)]) == 0
    net = archdsl.load(path)
    assert net.outputs == archdsl.parse("INPUT[4x4x3] -> relu -> pool").outputs
    assert str(net.load_weights(net.to_torch(), path)) == "all weights loaded"


def test_no_text_of_ours_is_taken_for_another() -> None:
    for path in (*folder("specs").glob("*.arch"), *folder("grammar").glob("*.arch")):
        assert format_of(path.read_bytes()[:HEAD]) is None, path


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# import torch\n",
        "[conv3-64]*2 -> pool",
        "input: 3\n-> relu",
        "a: 3 -> relu",
        "init xavier\nlayer {\n  relu\n}",
        "require params < 3M\nlayer {\n  relu\n}",
    ],
)
def test_a_text_with_faults_is_left_to_the_parser(text: str) -> None:
    assert format_of(text.encode()) is None


def test_a_file_of_a_text_may_have_four_bytes_for_each_character(tmp_path: Path) -> None:
    path, limits = tmp_path / "n.arch", archdsl.Limits(text=40)
    path.write_bytes("\U0001f600".encode() * 40)
    assert read(path, limits) == path.read_bytes()
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(TooLarge, match="161, and the limit is 160"):
        read(path, limits)


def test_no_more_than_the_head_of_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.write(content("onnx"))
        file.truncate(2**40)
    with pytest.raises(archdsl.ArchError, match="E0506"):
        archdsl.load(path)


def test_arbitrary_bytes_are_told_apart_without_a_fault() -> None:
    generator = np.random.default_rng(0)
    for start in (
        b"",
        b"\x08",
        b"\x08\x0a",
        b"PK\x03\x04",
        b"\x80\x02",
        b"{",
        b"\xef\xbb\xbf",
        b"\x08\x0a\x3a\xff\xff",
    ):
        for length in range(40):
            found = format_of(start + generator.bytes(length))
            assert found is None or isinstance(found.use, Use)


# --- what a file carries ----------------------------------------------------------------------------------------------

_DEEP = [[]]
for _ in range(60):
    _DEEP = [_DEEP]
# what is changed in what is carried, the exit code, and the only error
CARRIED: dict[str, tuple[dict[str, object], int, str]] = {
    "a deep list": ({"set": {"N": _DEEP}}, 3, "a hyper-parameter is a list that is nested too deeply: 49"),
    "a long list": ({"set": {"N": [0] * 100_001}}, 3, "a hyper-parameter has too many items: 100,001"),
    "a long text": ({"texts": {"n.arch": "#" * 4_000_001}}, 3, "the text has 4,000,001 characters"),
    "a long text that another uses": (
        {"set": {"N": 4, "M": 5}, "texts": {"n.arch": "use a\nINPUT[8x8x3] -> fc-N", "a.arch": "#" * 4_000_001}},
        3,
        "the text has 4,000,001 characters",
    ),
    "half of a pair": ({"texts": {"n.arch": "INPUT[8x8x3] -> fc-N # \ud800"}}, 1, "half of a surrogate pair U+D800"),
    "a large number": ({"set": {"N": 10**400}}, 1, "a hyper-parameter is too large a number"),
    "a large size": ({"input": (10**400, 8, 8)}, 1, "(a number that is too large, 8, 8) is no size"),
    "no size": ({"input": (0, 8, 8)}, 1, "(0, 8, 8) is no size"),
    "too many sizes": ({"input": (1,) * 9}, 1, "is no size"),
    "a list of settings": ({"set": [1]}, 1, "the text that it carries is damaged"),
    "a text of settings": ({"set": "x"}, 1, "the text that it carries is damaged"),
    "nothing as a setting": ({"set": {"N": None}}, 1, "the text that it carries is damaged"),
    "a text of passes": ({"passes": "fold-norm"}, 1, "the text that it carries is damaged"),
    "an unknown pass": ({"passes": ["nosuch"]}, 1, "`nosuch` is no pass"),
    "another network": ({"net": "q"}, 1, "there is no network `q` in this text"),
}


@pytest.mark.parametrize("name", CARRIED)
@pytest.mark.parametrize("form", ["python", "safetensors"])
def test_what_is_carried_is_held_to_the_same_limits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, form: str
) -> None:
    changed, code, said = CARRIED[name]
    held = {"net": "n", "set": {"N": 4}, "texts": {"n.arch": "INPUT[8x8x3] -> fc-N"}, **changed}
    if form == "python":
        text = f'"""A network.\n\nMade by archdsl 0.1.0 from n.arch.\n"""\nARCH = {held!r}\n'
        file = tmp_path / "n.py"
        file.write_text(text)
    else:
        header = json.dumps({"__metadata__": {"archdsl": json.dumps(held)}}).encode()
        file = tmp_path / "n.safetensors"
        file.write_bytes(struct.pack("<Q", len(header)) + header)
    found, told = run(capsys, "summary", file)
    assert (found, told.count("error[")) == (code, 1)
    assert said in told


def test_files_go_along_under_the_names_that_they_are_used_by(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "nets" / "sub").mkdir(parents=True)
    (tmp_path / "nets" / "whole.arch").write_text("use part (b)\nnet whole { input 8x8x3\n b(4) }")
    (tmp_path / "nets" / "part.arch").write_text("use sub/inner (q)\nblock b(c) = conv3-c -> q")
    (tmp_path / "nets" / "sub" / "inner.arch").write_text("use part (p)\nblock q = p -> relu")
    (tmp_path / "nets" / "sub" / "part.arch").write_text("block p = conv3-6")
    monkeypatch.chdir(tmp_path)
    for text in ("nets/whole.arch", tmp_path / "nets" / "whole.arch"):
        assert run(capsys, "compile", text, "-o", "made.py")[0] == 0
        before = archdsl.load(str(text))
        (tmp_path / "nets").rename(tmp_path / "away")
        made = archdsl.load("made.py")
        (tmp_path / "away").rename(tmp_path / "nets")
        assert made.structure() == before.structure()
        assert made.outputs["y"].channels == 6


def test_a_file_that_changes_after_it_was_read_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "whole.arch").write_text("use part (b)\nnet whole { input 8x8x3\n b(4) }")
    (tmp_path / "part.arch").write_text("block b(c) = conv3-c")
    net = archdsl.load(tmp_path / "whole.arch")
    before = net.source(), net.symbolic().structure()
    net = archdsl.load(tmp_path / "whole.arch")
    (tmp_path / "part.arch").write_text("block b(c) = conv5-c -> nosuch")
    assert (net.source(), net.symbolic().structure()) == before
