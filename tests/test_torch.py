"""The PyTorch back end, through the public door: what is emitted is right, readable, and takes what PyTorch offers."""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from emitted import code_lines
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl.algebra.tensors import Kind
from archdsl.base.python_text import WIDTH
from archdsl.elaborate.library import zoo_names
from archdsl.emit.torch import merge

SMALL = ["lenet5", "resnet20", "tiny_vgg", "textbook_linear", "textbook_conv_pool"]
LENGTHS = {"resnet50": 120, "googlenet": 130, "vgg16": 60}


def example(net: archdsl.Network, batch: int = 2, **options: object) -> list[torch.Tensor]:
    """Numbers from a normal distribution; of tokens, the first eight."""
    return [
        torch.randint(8, (batch, *kind.shape), **options)  # type: ignore[arg-type]
        if kind.kind is Kind.TOKENS
        else torch.randn(batch, *kind.shape, **options)  # type: ignore[arg-type]
        for kind in net.inputs.values()
    ]


@pytest.mark.parametrize("name", zoo_names())
def test_every_network_of_the_zoo_has_the_shapes_the_parameters_and_the_macs_that_torch_counts(name: str) -> None:
    net = archdsl.load(name)
    model = net.to_torch(device="meta").eval()
    assert sum(each.numel() for each in model.parameters()) == net.params
    with FlopCounterMode(display=False) as counter:
        result = model(*example(net, batch=1, device="meta"))
    assert counter.get_total_flops() == 2 * net.macs
    results = result if isinstance(result, tuple) else (result,)
    assert [tuple(each.shape[1:]) for each in results] == [kind.shape for kind in net.outputs.values()]


@pytest.mark.parametrize("name", [name for name in zoo_names() if name != "resnet1202"])
def test_the_paths_of_the_graph_are_the_names_of_the_weights(name: str) -> None:
    from archdsl.graph.flat import layers

    net = archdsl.load(name)
    expected = {weight: shape for layer in layers(net.module) for weight, shape in layer.weights.items()}
    actual = {key: tuple(each.shape) for key, each in net.to_torch(device="meta").named_parameters()}
    assert actual == expected


@pytest.mark.parametrize("name", SMALL)
def test_a_forward_and_a_backward_pass_reach_every_weight(name: str) -> None:
    net = archdsl.load(name)
    model = net.to_torch().train()
    model(*example(net)).square().mean().backward()
    for key, weight in model.named_parameters():
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key


def test_auxiliary_heads_exist_in_training_mode_only() -> None:
    net = archdsl.load("googlenet")
    model = net.to_torch()
    x = torch.randn(2, 3, 224, 224)
    main, first, second = model.train()(x)
    assert main.shape == first.shape == second.shape == (2, 1000)
    assert isinstance(model.eval()(x), torch.Tensor)
    assert list(net.train_outputs) == ["aux1", "aux2"]


@pytest.mark.parametrize("order", ["a, b, c", "c, b, a", "b, c, a"])
def test_what_training_gives_besides_comes_in_the_order_of_the_text(order: str) -> None:
    widths = {"a": 2, "b": 5, "c": 7}
    heads = "\n".join(f"{name} = x -> conv1-{width}" for name, width in widths.items())
    net = archdsl.parse(
        f"net n {{\n input 4x4x3\n x = conv3-4\n {heads}\n y = x -> relu\n output y\n output {order} (train)\n}}"
    )
    wanted = [4, *(widths[name] for name in order.split(", "))]
    assert [each.shape[1] for each in net.to_torch()(torch.zeros(2, 3, 4, 4))] == wanted
    assert [kind.channels for kind in net.train_outputs.values()] == wanted[1:]


@pytest.mark.parametrize("count", [2, 7, 8, 9, 20])
def test_up_to_eight_tensors_that_come_out_are_spelled_out(count: int) -> None:
    parts = "\n".join(f"y{number} = in -> conv1-{number + 1}" for number in range(count))
    outputs = ", ".join(f"y{number}" for number in range(count))
    code = code_lines(archdsl.parse(f"net n {{\n input 4x4x3\n {parts}\n output {outputs}\n}}"))
    listed = ", ".join(["Tensor"] * count) if count <= 8 else "Tensor, ..."
    assert sum(line.endswith(f" -> tuple[{listed}]:") for line in code) == 1


def test_torch_compile_takes_resnet18_without_a_graph_break() -> None:
    model = archdsl.load("resnet18", input=(3, 64, 64)).to_torch(dtype=torch.float64).eval()
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        assert torch.allclose(compiled(x), model(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["lenet5", "resnet20"])
def test_copies_traces_and_exports(name: str) -> None:
    net = archdsl.load(name)
    model = net.to_torch(dtype=torch.float64).eval()
    inputs = example(net, dtype=torch.float64)
    expected = model(*inputs)
    assert torch.equal(copy.deepcopy(model)(*inputs), expected)
    assert torch.equal(torch.fx.symbolic_trace(model)(*inputs), expected)
    assert torch.allclose(torch.export.export(model, tuple(inputs)).module()(*inputs), expected, rtol=0, atol=1e-12)


INITIALISED = """
net n(classes=10) {
  init METHOD
  input 8x8x3
  conv3-80 -> bn -> relu -> fc-classes
}
"""


@pytest.mark.parametrize(
    ("method", "deviation"),
    # of the 3x3 convolution from 3 to 80 channels: sqrt(2/fan out), and sqrt(2/(fan in + fan out))
    [("kaiming", (2 / (9 * 80)) ** 0.5), ("xavier", (2 / (9 * 83)) ** 0.5)],
)
def test_the_text_says_how_weights_start(method: str, deviation: float) -> None:
    torch.manual_seed(0)
    net = archdsl.parse(INITIALISED.replace("METHOD", method))
    other = archdsl.parse(INITIALISED.replace("init METHOD", ""))
    for model in (net.to_torch(), other.to_torch(init=method)):
        assert float(model.conv1.weight.detach().std()) == pytest.approx(deviation, rel=0.05)
        assert not model.fc1.bias.any()
        assert torch.equal(model.bn1.weight, torch.ones(80))
    assert "init_weights" not in net.apply("init(default)").source()
    assert float(net.to_torch(init="default").conv1.weight.detach().std()) == pytest.approx(
        1 / (3 * 27) ** 0.5, rel=0.05
    )


def test_the_rule_of_the_weights_is_one_of_a_few_and_stands_in_a_network() -> None:
    with pytest.raises(archdsl.ArchError, match="`kaimin` is not defined"):
        archdsl.parse(INITIALISED.replace("METHOD", "kaimin"))
    with pytest.raises(archdsl.ArchError, match="`init` in a block"):
        archdsl.parse("block b(c) {\n init xavier\n conv3-c\n}\nINPUT[8x8x3] -> b(4)")
    with pytest.raises(archdsl.ArchError, match="kaimin"):
        archdsl.load("lenet5").to_torch(init="kaimin")


LOADS = "import pickle, sys; print(type(pickle.load(open(sys.argv[1], 'rb'))).__name__)"


@pytest.mark.parametrize("writable", [True, False])
def test_a_pickled_module_is_at_home_in_other_processes(writable: bool, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    if not writable:
        cache.write_text("a file where the folder should be")
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "HOME": str(tmp_path)}
    saves = (
        "import archdsl, pickle, sys; model = archdsl.load('lenet5').to_torch();"
        "data = pickle.dumps(model); pickle.loads(data); open(sys.argv[1], 'wb').write(data)"
    )
    file = str(tmp_path / "model.pickle")
    subprocess.run([sys.executable, "-c", saves, file], env=environment, check=True)
    if writable:
        run = subprocess.run([sys.executable, "-c", LOADS, file], env=environment, check=True, capture_output=True)
        assert run.stdout.split() == [b"LeNet5"]


def test_layers_that_differ_in_channels_alone_are_made_by_one_function() -> None:
    rows = " -> ".join(
        f"[{'conv5' if row else 'conv3'}-8 -> {' -> '.join(['conv3-16'] * 12)}] as r{row}" for row in (0, 1)
    )
    text = f"net n(conv_relu=10) {{\ndefault conv(act=relu)\ninput 16x16x3\n{rows} -> gap -> fc-conv_relu\n}}"
    net = archdsl.parse(text)
    source = net.source()
    assert "*conv_relu2(3, 8, 16, 16" in source  # the network has an argument conv_relu
    assert "*conv_relu2(8, 16, 16" in source
    assert source.count("def conv_relu") == 1
    model = net.to_torch(device="meta")
    assert sum(each.numel() for each in model.parameters()) == net.params
    assert [type(each).__name__ for each in model.r1[:4]] == ["Conv2d", "ReLU"] * 2


def test_a_function_is_made_only_where_the_file_becomes_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set[bool]()
    for pairs in range(3, 14):
        row = " -> ".join(f"conv3-{8 + 3 * number**2} -> relu" for number in range(pairs))
        text = f"net n {{\n input 8x8x3\n [{row}] as row\n}}"
        code = code_lines(archdsl.parse(text))
        with monkeypatch.context() as patched:
            patched.setattr(merge, "folded", lambda node, functions, _: (node, functions))
            plain = code_lines(archdsl.parse(text))
        folds = any(line.startswith("def conv_relu") for line in code)
        assert len(code) < len(plain) if folds else code == plain
        found.add(folds)
    assert found == {False, True}


def test_equal_blocks_are_one_class_with_the_blocks_own_arguments() -> None:
    text = """
        block pair(c, s=1) = residual { conv3-c/s -> bn -> relu -> conv3-(2*c) -> bn } -> relu
        net n(classes=10) {
          input 32x32x3
          pair(8) -> pair(8) -> pair(16, s=2) -> gap -> fc-classes
        }
    """
    source = archdsl.parse(text).source()
    assert source.count("class ") == 2
    assert "def __init__(self, in_channels: int, c: int, s: int = 1) -> None:" in source
    assert "nn.Conv2d(c, 2 * c, 3, padding=1, bias=False)" in source
    assert "if s != 1 or in_channels != 2 * c:" in source
    assert "Pair(16, 16, s=2)" in source
    assert "def __init__(self, classes: int = 10) -> None:" in source


def test_blocks_of_different_structure_become_classes_with_telling_names() -> None:
    text = """
        block unit(c, deep=false) = conv3-c -> relu -> [conv3-c -> relu if deep]
        net n { input 32x32x3
          unit(8) -> unit(8, deep=true) -> gap -> fc-10 }
    """
    net = archdsl.parse(text)
    assert "class UnitWithDeep(nn.Module):" in net.source()
    assert "class UnitWithoutDeep(nn.Module):" in net.source()
    assert net.to_torch()(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_blocks_that_only_others_tell_apart_are_one_class() -> None:
    code = archdsl.parse(
        "block stage(n, c, norm=false) = [conv3-c -> [bn if norm] -> relu]*n -> pool\n"
        "net n {\n input 32x32x3\n"
        " stage(1, 8) -> stage(1, 16) -> stage(2, 32) -> stage(2, 32, true)\n}"
    ).source()
    assert "self.stage1 = StageWithoutNorm(3, 1, 8)" in code
    assert "self.stage3 = StageWithoutNorm(16, 2, 32)" in code
    assert code.count("(nn.Module):") == 3


def test_classes_of_a_block_are_numbered_in_the_order_of_the_text() -> None:
    code = archdsl.parse(
        "block unit(c, norm) = conv3-c -> norm -> relu\n"
        "net n {\n input 8x8x3\n unit(8, bn) -> unit(8, gn(4)) -> unit(8, ln)\n}"
    ).source()
    assert [f"self.unit{index} = Unit{name}(" in code for index, name in ((1, ""), (2, "2"), (3, "3"))] == [True] * 3


def test_of_formulas_that_fit_the_shortest_is_taken_for_any_hash_seed() -> None:
    """Of `n` and `long` both give each block its width."""
    blocks = "\n".join(f"block b{each}(n, long) = conv3-(n if n > 4 else long) -> relu" for each in range(8))
    chain = " -> ".join(f"b{each}(8, 8) -> b{each}(4, 4)" for each in range(8))
    text = f"{blocks}\nnet n {{\n input 8x8x3\n {chain}\n}}"
    code = f"import archdsl\nprint(archdsl.parse({text!r}).source())"
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout.decode()
        for seed in ("0", "1")
    }
    (source,) = made
    assert source.count("nn.Conv2d(in_channels, n, 3, padding=1)") == 8


def test_what_comes_in_beside_the_main_path_keeps_its_name() -> None:
    body = "attention({}, heads=2) -> ln -> fc-16"
    blocks = (
        f"block one(m) = residual {{ {body.format('m')} }} -> relu\n"
        f"block two(m, k) = residual {{ {body.format('m')} -> {body.format('k')} }} -> relu"
    )
    inputs = "input x: (5, 16)\n input u: (7, 16)\n input v: (9, 16)"
    lines = code_lines(archdsl.parse(f"{blocks}\nnet n {{\n {inputs}\n y = x -> one(u) -> two(u, v)\n output y\n}}"))
    given = [line.strip() for line in lines if "memory=" in line and "self." in line]
    assert sorted(re.sub(r".*memory=(\w+)\).*", r"\1", line) for line in given) == ["k", "m", "m"]
    assert not any(re.match(r"\s*[mkuv] = ", line) for line in lines)


@pytest.mark.parametrize("stride", ["(1, s)", "(s, 1)", "s"])
def test_a_projection_stands_under_the_condition_that_its_stride_is_not_one_along_all_axes(stride: str) -> None:
    block = f"block b(c, s) = residual {{ conv3-c(stride={stride}) -> bn }}"
    net = archdsl.parse(f"{block}\nnet n {{\n input 16x16x8\n b(8, 1) -> b(8, 2) -> b(8, 1)\n}}")
    source = net.source()
    assert source.count("class ") == 2
    assert "if s != 1 or in_channels != c:" in source


@pytest.mark.parametrize("values", ["0 0.5", "0.5 0", "0 1", "0.25 0.5"])
def test_an_argument_is_annotated_by_all_of_its_values(values: str) -> None:
    one, other = values.split()
    net = archdsl.parse(
        f"block b(c, p) = conv3-c -> dropout(p)\nnet n {{\n input 4x4x3\n b(4, {one}) -> b(5, {other})\n}}"
    )
    kind = "float" if "." in values else "int"
    assert f"def __init__(self, in_channels: int, c: int, p: {kind}) -> None:" in net.source()


def test_no_line_of_a_file_is_too_long_however_long_its_comments_are() -> None:
    found = set[int]()
    for length in range(WIDTH - 16, WIDTH + 3):
        doc = ("word " * WIDTH)[: length - 1] + "s"
        text = f"## {doc}\nblock b(c) = conv3-c -> relu\n## {doc}\nnet n {{\n input 4x4x3\n b(4) -> b(5)\n}}"
        lines = archdsl.parse(text).source().partition("\nARCH = ")[0].splitlines()
        assert max(map(len, lines)) <= WIDTH, length
        found.add(max(map(len, lines)))
    assert WIDTH in found


def test_a_long_sum_has_a_line_for_each_operand() -> None:
    names = [f"input_of_a_network_with_a_long_name_{letter}" for letter in "abc"]
    inputs = "\n".join(f" input {name}: 8x8x3" for name in names)
    code = archdsl.parse(f"net n {{\n{inputs}\n add {{ {' | '.join(names)} }}\n}}").source()
    first, *others = (f"            {sign}{name}" for sign, name in zip(("", "+ ", "+ "), names, strict=True))
    assert "\n".join(["        return (", first, *others, "        )"]) in code


def test_a_repeat_is_a_loop_however_often_it_runs() -> None:
    short, long = (archdsl.parse(f"INPUT[8x8x4] -> [CONV3-4 -> RELU]*{n}").source() for n in (50, 50_000))
    assert len(short.splitlines()) == len(long.splitlines()) < 40
    assert "for _ in range(50)" in short


def test_the_length_follows_the_text() -> None:
    for name, most in LENGTHS.items():
        assert len(code_lines(archdsl.load(name))) <= most, name
    deep, deeper = (code_lines(archdsl.load(name)) for name in ("resnet50", "resnet152"))
    assert len(deep) == len(deeper)


def test_shared_weights_are_one_module() -> None:
    text = """
        net n { input 16x16x8
          share head = conv3-8 -> relu
          a = head
          b = a -> pool -> head -> upsample2
          add { a | b } }
    """
    net = archdsl.parse(text)
    model = net.to_torch()
    assert sum(each.numel() for each in model.parameters()) == net.params == 8 * 8 * 9 + 8
    assert model(torch.randn(2, 8, 16, 16)).shape == (2, 8, 16, 16)


@pytest.mark.parametrize(
    "text",
    [
        "INPUT[16x16x8] -> concat { CONV3-4 | [CONV1-4 -> RELU] | } -> FC-3",
        "INPUT[16x16x8] -> [CONV3-8 -> concat { CONV1-4 | } -> RELU]*2",
        "INPUT[16x16x8] -> [residual { CONV3-8 -> BN } -> mul { | gap(keep=true) -> CONV1-8 -> SIGMOID }] as body",
        "INPUT[16x12x3] -> normalize -> CONV1x3-8/2x1".replace("/2x1", "(stride=(2, 1))") + " -> LN -> GELU -> GN(4)",
        "INPUT[16x3] -> CONV3-8 -> BN -> AVGPOOL -> DECONV2-4/2 -> FC-2",
        "INPUT[4x6x8x2] -> CONV3-8(p=1) -> POOL -> UPSAMPLE2 -> DROPOUT(0.1, channels=true)",
        "net n { input (5, 7)\n ln -> fc-8 -> gelu -> residual { fc-8 -> relu } -> softmax }",
        "net n { input a: 8x8x4\n input b: 8x8x4\n s = add { a | b }\n t = s -> conv3-4\n output s, t }",
        "block f(c, y) = concat { | y } -> conv1-c\nnet n { input 8x8x4\n y = conv3-4\n relu -> f(6, y) }",
    ],
)
def test_every_construct_of_the_language_runs_with_the_shapes_that_were_worked_out(text: str) -> None:
    net = archdsl.parse(text)
    model = net.to_torch(dtype=torch.float64).eval()
    result = model(*example(net, dtype=torch.float64))
    results = result if isinstance(result, tuple) else (result,)
    assert [tuple(each.shape[1:]) for each in results] == [kind.shape for kind in net.outputs.values()]
    assert sum(each.numel() for each in model.parameters()) == net.params


def test_what_is_too_large_is_refused_before_anything_is_allocated() -> None:
    layers = archdsl.parse("INPUT[8x8x64] -> [[CONV3-64]*1000000]*1000000")
    with pytest.raises(archdsl.ArchError, match="too many layers") as refused:
        layers.to_torch()
    assert refused.value.is_limit
    weights = archdsl.parse("INPUT[8x8x64] -> FC-1000000000 -> FC-1000")
    with pytest.raises(archdsl.ArchError, match="too many bytes"):
        weights.to_torch()
    assert weights.to_torch(device="meta") is not None


def test_the_source_is_made_without_torch(tmp_path: Path) -> None:
    code = "import sys, archdsl; archdsl.load('resnet50').source(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)


def test_hostile_words_stay_words() -> None:
    text = '## """ + __import__("os").system("x") + """ \\N{DIGIT ONE} \\\nnet n {\n  input 8x8x3\n  conv3-4\n}\n'
    net = archdsl.parse(text)
    compile(net.source(), "made", "exec")
    assert net.to_torch()(torch.randn(1, 3, 8, 8)).shape == (1, 4, 8, 8)


def test_ruff_accepts_the_files_of_the_zoo_as_they_are(tmp_path: Path) -> None:
    for name in zoo_names():
        (tmp_path / f"{name}.py").write_text(archdsl.load(name).source())
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_pyright_accepts_the_files_as_they_are(tmp_path: Path) -> None:
    for name in ("resnet50", "googlenet", "vgg16", "nin", "lenet5", "resnet20", "vgg11_lrn"):
        (tmp_path / f"{name}.py").write_text(archdsl.load(name).source())
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_text_travels_with_the_file_and_can_be_had_back(tmp_path: Path) -> None:
    net = archdsl.load("resnet18", input=(3, 64, 96), classes=10)
    path = tmp_path / "made.py"
    path.write_text(net.source())
    again = archdsl.load(path)
    assert again.source() == net.source()
    assert (again.params, again.inputs, again.hyperparameters) == (net.params, net.inputs, {"classes": 10})
    assert archdsl.load(path, classes=7).outputs["y"].shape == (7,)


def test_texts_of_several_folders_travel_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {
        "n.arch": "use parts/unit (u)\nuse unit (v)\nnet n {\n input 8x8x3\n u(4) -> v(5)\n}\n",
        "unit.arch": "use resnet (basic)\nblock v(c) = conv5-c -> basic(c)\n",
        "parts/unit.arch": "use inner (w)\nblock u(c) = w(c) -> relu\n",
        "parts/inner.arch": "block w(c) = conv3-c\n",
    }
    (tmp_path / "here/parts").mkdir(parents=True)
    for name, text in texts.items():
        (tmp_path / "here" / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    for given in ("here/n.arch", str(tmp_path / "here/n.arch")):
        net = archdsl.load(given)
        (tmp_path / "made.py").write_text(net.source())
        assert archdsl.load("made.py").source() == net.source()


def test_a_file_that_carries_no_text_or_a_hostile_one_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "made.py"
    for text in ("", "ARCH = 3", "ARCH = open('x', 'w')", "ARCH = '{\"net\": 1}'", "ARCH = " + "(" * 5000):
        path.write_text(text)
        with pytest.raises(archdsl.ArchError):
            archdsl.load(path)
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["roll", "None", "true", "tensor", "Roll"])
def test_a_file_may_have_the_name_of_what_a_file_uses(name: str, tmp_path: Path) -> None:
    text = tmp_path / f"{name}.arch"
    text.write_text("input 8x9x4\nchannels_last -> roll((1, 2)) -> channels_first -> conv3-5\n")
    model = archdsl.load(str(text)).to_torch()
    assert type(model).__name__ == f"{name.capitalize()}Net"


def test_a_block_may_have_the_name_of_a_class_that_is_copied() -> None:
    net = archdsl.parse("block channel_norm(c) = conv3-c\nnet n {\n input 8x8x3\n channel_norm(4) -> ln -> conv3-2\n}")
    assert net.to_torch()(torch.zeros(1, 3, 8, 8)).shape == (1, 2, 8, 8)


@pytest.mark.parametrize("value", [10**5000, float("nan"), float("inf")], ids=["huge", "nan", "inf"])
def test_a_hyperparameter_that_is_no_size_is_refused(value: float) -> None:
    with pytest.raises(archdsl.ArchError):
        archdsl.parse("net n(a=1) {\n input 8x8x3\n conv3-a\n}", a=value)
