"""Sizes that are left open, as a user meets them: what is refused, what is printed, what must be stated."""

import json
import pickle
import re

import pytest
from work import growth

import archdsl
from archdsl import ArchError
from archdsl.base.text import Source
from archdsl.cli import main
from archdsl.compiler import check_source

HALVES = "net n {{\n  input (8, H, W)\n{}\n  c = conv3-8\n  add {{ c -> maxpool2/2 | c -> conv3-8/2 }}\n}}"
U_NET = """
block twice(c) = conv3-c -> relu -> conv3-c -> relu
net u {
  input (3, H, W)
  REQUIRE
  a = twice(8)
  b = a -> pool -> twice(16)
  c = b -> pool -> twice(32)
  d = c -> pool -> twice(64)
  e = d -> pool -> twice(64)
  f = concat { d | e -> deconv2-64/2 } -> twice(64)
  g = concat { c | f -> deconv2-32/2 } -> twice(32)
  h = concat { b | g -> deconv2-16/2 } -> twice(16)
  concat { a | h -> deconv2-8/2 } -> conv1-2
}"""


def refused(text, **more):
    with pytest.raises(ArchError) as raised:
        archdsl.parse(text, **more)
    return raised.value.diagnostics


# --- what must be stated ----------------------------------------------------------------------------------------------


def test_branches_that_fit_for_even_sizes_only():
    found = refused(HALVES.format("  require W % 2 == 0"))
    assert [each.message for each in found] == ["H must be even"]
    assert [label for _, label in found[0].also] == ["floor(H/2)xfloor(W/2)x8", "ceil(H/2)xceil(W/2)x8"]
    assert found[0].fault.help == "say so beside the input: `require H % 2 == 0`"


def test_what_is_stated_is_enough_if_it_implies_what_is_needed():
    net = archdsl.parse(HALVES.format("  require H % 4 == 0\n  require W == H"))
    assert str(next(iter(net.outputs.values()))) == "floor(H/2)xfloor(W/2)x8"
    assert str(net.macs) == "576*H*W + 576*ceil(H/2)*ceil(W/2)"


def test_a_u_net_says_what_divides_its_input():
    found = refused(U_NET.replace("REQUIRE", ""))
    assert [each.message for each in found] == ["H must be a multiple of 16, and W must be a multiple of 16"]
    assert found[0].fault.help == "say so beside the input: `require H % 16 == 0` and `require W % 16 == 0`"
    stated = archdsl.parse(U_NET.replace("REQUIRE", "require H % 16 == 0\n  require W % 32 == 0"))
    assert stated.sizes().axes[0].valid.shown("H") == "from 16 on, H % 16 == 0"
    assert stated.sizes({"H": 500}).axes[0].nearest == (496, 512)


def test_a_number_from_outside_is_held_to_what_is_stated():
    text = U_NET.replace("REQUIRE", "require H % 16 == 0\n  require W % 16 == 0")
    assert archdsl.parse(text, input=(3, 64, 48)).outputs["y"].shape == (2, 64, 48)
    (found,) = refused(text, input=(3, 64, 40))
    assert found.message == "`W % 16 == 0` does not hold: W % 16 is 8"


def test_weights_must_know_their_size():
    (found,) = refused("net n {\n  input (3, H, 32)\n  conv3-8 -> fc-10 as head\n}")
    assert found.message == "the `weight` of `head` would be (10, 256*H): it must be told the size"
    assert archdsl.parse("net n {\n  input (3, H, 32)\n  conv3-8 -> gap -> fc-10\n}").params == 314


def test_slopes_for_as_many_channels_as_open_sizes_make():
    net = archdsl.parse("input 4x3x2\nflatten -> prelu(24)").symbolic()
    assert [str(each.condition) for each in net.sizes().reasons] == ["H*W == 12"]
    assert net.params == 24


def test_requirements_at_odds():
    (found,) = refused("net n {\n  input (3, H, H)\n  require H % 4 == 1\n  require H % 2 == 0\n  gap\n}")
    assert found.code == "E0607"


def test_a_better_example_is_found():
    # 224, the first example, fits neither
    net = archdsl.parse(
        "net n {\n  input tokens(S)\n  embedding(10, 8) -> position_embedding(100) -> ln\n  require S <= 100\n}"
    )
    assert str(net.outputs["y"]) == "Sx8"
    odd = archdsl.parse("net n {\n  input (1, H, 9)\n  require H % 32 == 7\n  conv3-1 -> gap\n}")
    assert odd.open_sizes.example["H"] % 32 == 7
    assert "(N, 1, H, 9) -> (N, 1)" in odd.source()


@pytest.mark.parametrize(
    ("test", "needed"),
    [
        ("in.height > in.width", "`W > H - 1` must hold"),
        ("in.height - in.width == 1", "`H != W + 1` must hold"),
        ("in.height % 2 == 0 and in.height != 2", "`H % 2 == 0 and H != 2` must hold"),
    ],
)
def test_layers_that_depend_on_open_sizes_need_a_word_of_the_text(test, needed):
    text = f"net n {{\n  input (3, H, W)\n  [conv3-8 if {test} else conv5-8] -> gap\n}}"
    (found,) = refused(text)
    assert found.message == needed
    # what is proposed is enough
    (proposed,) = re.findall("`(.*)`", found.fault.help)
    assert archdsl.parse(text.replace("W)\n", f"W)\n  {proposed}\n")).params


def test_how_large_a_number_may_be_is_no_demand_on_sizes():
    text = "net n {\n  input (3, H, W)\n  [conv3-8 if in.height + in.width > 100 else conv5-8] -> gap\n}"
    (choice,) = archdsl.parse(text).sizes().choices
    assert str(choice.condition) == "H + W >= 101"


def test_what_is_asked_twice_is_needed_where_an_operator_needs_it():
    text = "net n {\n  input 32x32x3\n  FIRST -> conv3-4 -> space_to_depth(2)\n}"
    plain = archdsl.parse(text.replace("FIRST -> ", "")).sizes()
    asked = archdsl.parse(text.replace("FIRST", "[relu if in.height % 2 == 0]")).sizes()
    assert [axis.valid for axis in asked.axes] == [axis.valid for axis in plain.axes]
    assert [each.condition for each in asked.reasons] == [each.condition for each in plain.reasons]
    assert asked.choices == ()


def test_check_says_of_a_wrong_text_with_open_sizes_what_parse_says():
    for line in ("add { conv3-4 | conv3-8 }", "conv3-4 -> nosuch", "conv3-4(q=1)", "conv3-4 -> add { | pool }"):
        text = f"net n {{\n  input (4, H, W)\n  {line}\n}}"
        report, _ = check_source(Source("network.arch", text))
        assert [each.message for each in report.errors] == [each.message for each in refused(text)]


def test_where_the_text_makes_other_layers_is_said():
    text = "net n {\n  input (3, H, 32)\nREQUIRE  [conv3-8 if in.height > 64 else conv5-8] -> gap\n}"
    (choice,) = archdsl.parse(text.replace("REQUIRE", "")).sizes().choices
    assert str(choice.condition) == "H >= 65"
    assert archdsl.parse(text.replace("REQUIRE", "  require H > 64\n")).params == 224
    assert archdsl.parse(text.replace("REQUIRE", "  require H <= 64\n")).params == 608


# --- requirements of the whole network --------------------------------------------------------------------------------


def test_budgets():
    base = "net n {\n  input 32x32x3\n  conv3-64 -> relu -> gap -> fc-1000\n  require %s\n}"
    for kept in ("params < 67k", "macs < 2M", "layers == 4", "params < 67k and macs < 1G", "receptive_field >= 32"):
        assert archdsl.parse(base % kept).params == 66_792
    (found,) = refused(base % "params < 5k")
    assert found.message == "`params < 5k` does not hold: params is 66,792"
    assert found.fault.notes == ("most of it: `fc1` 65,000, `conv1` 1,792",)
    (found,) = refused(base % "1M < macs < 1.5M")
    assert found.message == "`1M < macs < 1.5M` does not hold: macs is 1,833,472"
    (found,) = refused("net n {\n  input 32x32x3\n  conv3-4 -> conv3-4\n  require receptive_field >= 7\n}")
    assert found.message == "`receptive_field >= 7` does not hold: receptive_field is 5"
    for window in ("5x1", "1x5"):
        (found,) = refused(f"net n {{\n  input 32x32x3\n  conv{window}-4\n  require receptive_field >= 4\n}}")
        assert found.message == "`receptive_field >= 4` does not hold: receptive_field is 1"


def test_what_costs_most_is_named_by_its_path():
    text = "use resnet (basic)\nnet n {\n  input 56x56x64\n  basic(64)*2 as layer1 -> [basic(128, s=2)] as layer2\n  require macs < 1M\n}"
    (found,) = refused(text)
    assert "`layer1" in found.fault.notes[0]


def test_what_costs_most_counts_every_repeat_around_it():
    text = """block inner(c) = conv3-c -> relu
block outer(c) = inner(c)*4 -> conv1-c
net n {
  input 8x8x4
  outer(4)*3 -> conv1-4
  require params < 10
}"""
    (found,) = refused(text)
    net = archdsl.parse(text.replace("params < 10", "params > 10"))
    total = sum(int(cost.replace(",", "")) for cost in re.findall(r"` ([\d,]+)", found.fault.notes[0]))
    assert total == net.params, found.fault.notes


def test_requirements_in_blocks():
    text = "block b(c) {\n  require in.channels %% %d == 0\n  conv3-c\n}\nnet n {\n  input 8x8x12\n  b(4)\n}"
    assert archdsl.parse(text % 4).macs
    (found,) = refused(text % 5)
    assert found.message == "`in.channels % 5 == 0` does not hold: in.channels % 5 is 2"
    (found,) = refused("block b(c) {\n  conv3-c\n  require params < 5\n}\nnet n {\n  input 8x8x12\n  b(4)\n}")
    assert "`params` in a block" in found.message


def test_numbers_with_units():
    assert archdsl.parse("let n = 2k\nINPUT[4x4x1] -> fc-n").params == 16 * 2000 + 2000
    assert archdsl.parse("let n = 0.5k\nINPUT[4x4x1] -> fc-n").params == 16 * 500 + 500


# --- what is printed --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "valid", "exact"),
    [
        ("vgg16", "224 to 255", "224"),
        ("resnet50", "all", "from 1 on, H % 32 == 1"),
        ("alexnet", "227 to 258", "227"),
        ("unet", "from 188 on", "from 188 on, H % 16 == 12"),
        ("vit_b_16", "224 to 239", "224"),
        ("swin_t", "from 4 on", "from 32 on, H % 32 == 0"),
    ],
)
def test_sizes_of_published_networks(name, valid, exact):
    axis = archdsl.load(name).sizes().axes[0]
    assert (axis.name, axis.valid.shown("H"), axis.exact.shown("H")) == ("H", valid, exact)


def test_what_only_training_needs_is_told_apart():
    text = """net n {
  input 32x32x3
  a = conv3-4
  aux = a -> conv9-4/4(p=0) -> gap -> fc-2
  y = a -> convWINDOW-4(p=0) -> gap -> fc-2
  output y
  output aux (train)
}"""
    more, less = (archdsl.parse(text.replace("WINDOW", window)).sizes() for window in ("11", "7"))
    # the head's stride does not divide, and nobody who uses the network cares
    assert [axis.exact.shown(axis.name) for axis in more.axes] == ["from 11 on"] * 2
    assert [str(each.condition) for each in more.reasons] == ["H >= 11", "W >= 11"]
    assert more.training == ()
    assert [axis.valid.shown(axis.name) for axis in less.axes] == ["from 7 on"] * 2
    assert [str(each.condition) for each in less.training] == ["H >= 9", "W >= 9"]


def test_sizes_on_the_command_line(capsys):
    assert main(["sizes", "resnet50", "--near", "H=300"]) == 0
    shown = capsys.readouterr().out
    assert re.search(r"^ +valid +exact +nearest exact$", shown, re.MULTILINE)
    assert re.search(r"^H .* 289 and 321 \(to 300\)$", shown, re.MULTILINE)
    assert re.search(r"^W .* 225$", shown, re.MULTILINE) is None
    assert max(map(len, shown.splitlines())) <= 80
    assert main(["sizes", "vgg16", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["sizes"][0]["valid"]) == ("archdsl.sizes", "224 to 255")
    assert any(each["weights"] and each["condition"] == "floor(H/32)*floor(W/32) == 49" for each in found["because"])
    assert main(["sizes", "-e", "input 8\nfc-3"]) == 0
    assert capsys.readouterr().out == "network: the input is 8 and takes no other size\n"


def test_the_nearest_sizes(capsys, monkeypatch):
    def nearest(*arguments):
        assert main(["sizes", *arguments]) == 0
        title, *rows = capsys.readouterr().out.split("\n\n")[1].splitlines()
        return [title.split("  ")[-1].strip(), *(row.split("  ")[-1].strip() for row in rows)]

    assert nearest("vgg16") == ["nearest exact", "224", "224"]
    assert nearest("vgg16", "--near", "300", "--near", "W=224") == ["nearest exact", "224 (to 300)", "224"]
    assert nearest("vgg16", "--near", "W=224", "--near", "300") == ["nearest exact", "224 (to 300)", "224"]
    assert nearest("yolov3", "--near", "100") == ["nearest", *["96 and 121 (valid, to 100)"] * 2]
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["sizes", "vgg16"]) == 0
    assert "for the weights of\n    `FC-4096`, line 24" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("near", "said"),
    [
        *((each, "write a size from 1 to 1,000,000,000, such as 300 or H=300") for each in ("x", "0", "-3", "H=", "²")),
        ("9" * 5000, "write a size from 1 to 1,000,000,000, such as 300 or H=300"),
        ("Q=3", "there is no size Q, but H and W"),
    ],
)
def test_sizes_that_are_none(near, said, capsys):
    assert main(["sizes", "vgg16", "--near", near, "--near", "W=300"]) == 2
    assert capsys.readouterr().err.endswith(f"Error: --near {near}: {said}\n")


def test_a_size_has_one_neighbourhood(capsys):
    for first, second, what in (("H=300", "H=200", "H"), ("300", "200", "a size for all")):
        assert main(["sizes", "vgg16", "--near", first, "--near", second]) == 2
        assert capsys.readouterr().err.endswith(f"Error: --near {second}: {what} is given twice\n")


def test_a_network_without_open_sizes_has_none_nearby(capsys):
    assert main(["sizes", "-e", "input 8\nfc-3", "--near", "5"]) == 2
    assert "--near 5: the input takes no other size" in capsys.readouterr().err


def test_formulas_of_vit(capsys):
    assert main(["summary", "vit_b_16", "--symbolic", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert table["params"] == 86_567_656
    assert table["macs"] == ("18,432*floor(H/16)^2*floor(W/16)^2 + 85,561,344*floor(H/16)*floor(W/16) + 85,721,088")
    assert table["rows"][0]["outputs"][0]["shape"] == [768, "floor(H/16)", "floor(W/16)"]


def test_everything_works_on_a_text_with_open_sizes(tmp_path, capsys):
    path = tmp_path / "u.arch"
    path.write_text(U_NET.replace("REQUIRE", "require H % 16 == 0\n  require W % 16 == 0"))
    for command in ("check", "summary", "explain", "sizes", "json"):
        assert main([command, str(path)]) == 0
    assert main(["compile", str(path), "-o", str(tmp_path / "u.py")]) == 0
    assert main(["draw", str(path), "-o", str(tmp_path / "u.dot")]) == 0
    assert "(N, 3, H, W) -> (N, 2, H, W)" in (tmp_path / "u.py").read_text()
    assert "floor(H/16)" in (tmp_path / "u.dot").read_text()
    capsys.readouterr()
    model = archdsl.load(path).to_torch()
    import torch

    for size in ((32, 48), (64, 16)):
        assert model(torch.zeros(1, 3, *size)).shape == (1, 2, *size)


def test_open_sizes_travel_in_pickles():
    net = archdsl.load("resnet18").symbolic()
    kind = pickle.loads(pickle.dumps(net.module.steps[0].outputs[0]))
    assert str(kind) == "ceil(H/2)xceil(W/2)x64"
    assert kind == net.module.steps[0].outputs[0]


def test_cost_follows_the_text():
    def macs(count):
        return str(archdsl.parse(f"net n {{\n  input (64, H, W)\n  [[[conv3-64]*{count}]*{count}]*{count}\n}}").macs)

    assert growth(macs, 10, 1000, first=9) < 1.1
    assert macs(1000) == "36,864,000,000,000*H*W"


def test_passes_keep_sizes_open():
    net = archdsl.load("vgg16").apply("fold-norm")
    assert net.sizes().axes[0].valid.shown("H") == "224 to 255"
    assert "MACs at H = 224" in str(archdsl.load("resnet18").symbolic().apply("fold-norm").summary())


def test_a_formula_has_bounds():
    def found(count):
        pairs = "".join(f"  conv3-8/{2 + i % 5}(p={i % 3})\n  upsample(factor={3 + i % 4})\n" for i in range(count))
        return refused(f"net n {{\n  input (3, H, W)\n{pairs}}}")

    # what comes after the limit is read, and not worked out
    assert growth(found, 30, 60, first=29) < 2
    (limit,) = found(30)
    assert (limit.code, limit.fault.name) == ("E0901", "terms")


def test_large_figures_and_differences_are_told_at_the_example(capsys):
    deep = "net n {\n  input (64, H, W)\n  [[[conv3-64]*1000]*1000]*1000000000\n}"
    assert main(["summary", "-e", deep]) == 0
    assert "36,864,000,000,000,000,000*H*W MACs" in capsys.readouterr().out
    net = archdsl.load("resnet18")
    assert net.symbolic().diff(net).new.macs == net.macs


SETTINGS = (
    "residual { adaptiveavgpool(1) -> conv1-4 }",
    "conv3-4(p=in.height)",
    "adaptiveavgpool(in.height)",
    "upsample(in.height)",
    "pad(in.height)",
    "leaky_relu(in.height)",
)


@pytest.mark.parametrize("element", SETTINGS)
def test_a_size_that_is_a_setting_must_be_what_the_file_says(element: str) -> None:
    """The file has it as a number, so that it is the code of a network on no other size."""
    with pytest.raises(ArchError) as caught:
        archdsl.parse(f"input (3, S, S)\n{element}")
    (found,) = caught.value.diagnostics
    assert (found.code, found.message) == ("E0605", "S must be 224")
    written = archdsl.parse(f"input (3, 224, 224)\n{element}")
    assert "224" in written.source().split("ARCH = {")[0].split("def forward")[0]
    assert str(written.sizes().axes[0].valid) == "224"


def test_sizes_along_two_axes_are_settings_apart() -> None:
    with pytest.raises(ArchError, match="H must be 224, and W must be 224"):
        archdsl.parse("input (3, H, W)\nresidual { adaptiveavgpool(1) -> conv1-4 }")
