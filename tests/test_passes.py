"""Passes: the changed network computes what it should with the weights that the pass made of the old ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from laws.changed import Changed
from test_faults import assert_speaks_well
from typing_extensions import override

import archdsl
from archdsl import ArchError, cli
from archdsl.algebra.tensors import Shape
from archdsl.graph.module import Module
from archdsl.passes.a_pass import Change, Pass
from archdsl.passes.catalogue import PASSES, pass_of
from archdsl.passes.drop_dropout import DropDropout
from archdsl.passes.ends import head_of
from archdsl.passes.fully_convolutional import Reshaped
from archdsl.passes.head import Head
from archdsl.passes.moving import moves, names
from archdsl.passes.origins import Kept, Made, New, Origin, Origins, Rewritten, Round
from archdsl.passes.proof import Unaccounted, check
from archdsl.passes.rewrite import Part, Rules, Visit, rewritten
from archdsl.passes.widen import Widen


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """The module with statistics and affine weights that are not those of a fresh batch norm."""
    for each in model.modules():
        if isinstance(each, torch.nn.modules.batchnorm._BatchNorm):
            assert each.running_mean is not None
            assert each.running_var is not None
            torch.nn.init.normal_(each.running_mean)
            torch.nn.init.uniform_(each.running_var, 0.5, 2.0)
            if each.affine:
                torch.nn.init.normal_(each.weight, 1.0, 0.3)
                torch.nn.init.normal_(each.bias)
    return model


def largest_difference(net: archdsl.Network, *passes: str) -> float:
    torch.manual_seed(0)
    model = randomised(net.to_torch(dtype=torch.float64)).eval()
    changed = net.convert(model, *passes)
    inputs = [torch.randn(2, *kind.shape, dtype=torch.float64) for kind in net.inputs.values()]
    with torch.no_grad():
        return float((model(*inputs) - changed(*inputs)).abs().max())


NORMS = """
block f(c) = conv3-c -> bn -> relu -> dwconv3 -> bn(affine=false) -> relu
net n {
  input 12x10x4
  f(6) -> deconv2-8(stride=2, groups=2) -> bn -> [conv3-8 -> bn -> relu]*3 -> gap -> fc-12 -> bn -> relu -> fc-5
}
"""


@pytest.mark.parametrize(
    "text",
    [
        NORMS,
        "INPUT[16x16x3] -> residual(8) -> residual(16, s=2) -> gap -> FC-10",
        "INPUT[6x5x4] -> conv3-6 -> bn(eps=0.1) -> relu -> deconv2-4/2(bias=true) -> bn(eps=0.5, affine=false)",
    ],
)
def test_folded_norms_compute_the_same(text: str) -> None:
    net = archdsl.parse(text)
    assert largest_difference(net, "fold-norm") < 1e-12
    assert "BatchNorm" in net.source()
    assert "BatchNorm" not in net.apply("fold-norm").source()


@pytest.mark.parametrize("name", ["resnet20", "lenet5", "tiny_vgg"])
def test_inference_computes_the_same(name: str) -> None:
    assert largest_difference(archdsl.load(name), "inference") < 1e-12


def test_fully_convolutional_networks_give_the_same_scores_and_take_larger_images() -> None:
    net = archdsl.parse(
        "INPUT[16x12x3] -> [CONV3-8 -> RELU -> POOL]*2 -> [FC-20 -> RELU -> DROPOUT -> FC-7] as classifier"
    )
    assert largest_difference(net, "fully-convolutional") < 1e-12
    changed = net.apply("fully-convolutional")
    assert changed.params == net.params
    assert "nn.Conv2d(8, 20, (4, 3))" in changed.source()
    assert changed.to_torch()(torch.randn(2, 3, 40, 33)).shape == (2, 7)


def test_vgg16_becomes_fully_convolutional_as_its_paper_says() -> None:
    source = archdsl.load("vgg16").apply("fully-convolutional").source()
    assert "nn.Conv2d(512, 4096, 7)" in source
    assert "nn.Conv2d(4096, 4096, 1)" in source
    assert "nn.Linear" not in source


def test_a_backbone_gives_back_what_is_asked_for_and_nothing_more_is_left() -> None:
    net = archdsl.load("resnet18", input=(3, 64, 64))
    torch.manual_seed(0)
    model = randomised(net.to_torch(dtype=torch.float64)).eval()
    backbone = net.convert(model, "truncate(layer2, layer3)")
    x = torch.randn(1, 3, 64, 64, dtype=torch.float64)
    with torch.no_grad():
        middle = model.layer2(model.layer1(model.pool1(model.relu1(model.bn1(model.conv1(x))))))
        first, second = backbone(x)
        assert torch.equal(first, middle)
        assert torch.equal(second, model.layer3(middle))
    assert not any(name.startswith(("layer4", "fc")) for name, _ in backbone.named_parameters())


def test_tensors_inside_a_row_can_be_given_back_as_a_perceptual_loss_needs_them() -> None:
    net = archdsl.load("vgg16").apply("truncate(features.3, features.8, features.15)")
    assert net.params == 1_735_488  # up to the third convolution of 256 channels
    assert [str(kind) for kind in net.outputs.values()] == ["224x224x64", "112x112x128", "56x56x256"]
    model = net.to_torch(device="meta")
    assert {name.partition(".")[0] for name, _ in model.named_parameters()} == {"features"}
    assert [each.shape[1] for each in model(torch.empty(1, 3, 224, 224, device="meta"))] == [64, 128, 256]


def test_rows_whose_names_begin_alike_are_told_apart() -> None:
    rows = {"row": (4, 5, 6), "row1": (7, 8), "row10": (9, 10, 11)}
    chain = " -> ".join(
        f"[{' -> '.join(f'conv1-{width}' for width in widths)}] as {name}" for name, widths in rows.items()
    )
    net = archdsl.parse(f"INPUT[4x4x3] -> {chain}")
    width_at = {f"{name}.{place}": width for name, widths in rows.items() for place, width in enumerate(widths)}
    for at in (("row10.1", "row1.0", "row.2", "row1.1"), ("row.0", "row10.2", "row1.0"), ("row10.0", "row1")):
        outputs = net.apply(f"truncate({', '.join(at)})").outputs
        assert list(outputs) == [path.replace(".", "_") for path in at]
        assert [kind.channels for kind in outputs.values()] == [width_at.get(path, 8) for path in at]


@given(st.floats(0.01, 4), st.integers(1, 40))
def test_a_width_is_rounded_to_the_nearest(alpha: float, width: int) -> None:
    widened = archdsl.parse(f"INPUT[4x4x3] -> conv1-{width} -> fc-2").apply(f"widen({alpha})")
    (made, _, _, _) = widened.module.steps[0].state["weight"]
    assert made == 1 or abs(made - alpha * width) <= 0.5
    assert made >= 1


@pytest.mark.parametrize("classes", [10, 7])
def test_another_head_is_new_even_where_it_is_as_large_as_the_old_one(classes: int) -> None:
    net = archdsl.parse("INPUT[8x6x3] -> conv3-4 -> bn -> gap -> fc-10")
    assert net.new_weights(f"head({classes})") == ("fc1.weight", "fc1.bias")
    model = net.to_torch()
    made = net.convert(model, f"head({classes})")
    assert torch.equal(made.conv1.weight, model.conv1.weight)
    assert not torch.equal(made.fc1.weight[:7], model.fc1.weight[:7])


@pytest.mark.parametrize("later", ["drop-dropout", "init(kaiming)", "fold-norm", "head(5)", "input-channels(2)"])
def test_what_a_pass_made_new_is_new_after_the_next_ones(later: str) -> None:
    net = archdsl.parse("INPUT[8x6x3] -> conv3-4 -> bn -> dropout -> gap -> fc-10 -> dropout")
    words = ("head(7)", later, "prune-dead")
    assert net.new_weights(*words) == net.moved(net.to_torch().state_dict(), *words).new == ("fc1.weight", "fc1.bias")


def test_the_width_multiplier_and_another_head() -> None:
    net = archdsl.load("resnet18")
    half = net.apply("widen(0.5)")
    assert half.outputs["y"].shape == (1000,)
    assert half.params == sum(each.numel() for each in half.to_torch(device="meta").parameters())
    assert half.module.steps[0].facts.weights["weight"] == (32, 3, 7, 7)
    assert net.apply("head(10)").params == archdsl.load("resnet18", classes=10).params
    assert head_of(net.module) == ("fc",)


def test_a_slice_takes_the_same_part_of_fewer_channels() -> None:
    text = "INPUT[8x8x3] -> conv3-{0} -> concat {{ slice(0, {1}) | slice({1}) -> conv3-{1} }} -> gap -> fc-10"
    half = archdsl.parse(text.format(16, 8)).apply("widen(0.5)")
    assert half.params == archdsl.parse(text.format(8, 4)).params
    assert half.to_torch()(torch.randn(1, 3, 8, 8)).shape == (1, 10)


def test_dead_steps_go_with_their_weights() -> None:
    net = archdsl.parse("net n {\n input 8x8x3\n x = conv3-4\n y = x -> conv3-8\n x -> relu\n}")
    assert [each.code for each in net.warnings] == ["W0603"]
    pruned = net.apply("prune-dead")
    assert net.params - pruned.params == 4 * 8 * 9 + 8
    assert largest_difference(net, "prune-dead") == 0


def test_passes_leave_the_arguments_of_blocks_in_the_source() -> None:
    source = archdsl.load("resnet50").apply("inference").source()
    assert "nn.Conv2d(c, 4 * c, 1)" in source
    assert len(source.partition("\nARCH = ")[0].splitlines()) <= 120


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("foo", "E0801"),
        ("", "E0801"),
        ("HEAD(3)", "E0801"),
        ("head(10))", "E0801"),
        *((word, "E0803") for word in ("widen", "widen()", "widen(x)", "widen(nan)", "widen(inf)", "widen(1e999)")),
        *((word, "E0803") for word in ("widen(0)", "widen(-1)", "widen(1e9)", "widen(2, 3)", "widen(½)")),
        *(
            (word, "E0803")
            for word in ("head(0)", "head(-5)", "head(1.5)", "head(1e3)", f"head(1{'0' * 25})", "head(٣)")
        ),
        *((word, "E0803") for word in ("truncate", "truncate(layer1, layer1)", "truncate(lay er1)", "truncate(\x00)")),
        *((word, "E0803") for word in ("fold-norm(3)", "init(foo)", "input-channels(0)", "resize-positions(3)")),
        ("truncate(layr2)", "E0802"),
        ("truncate(layer1.7)", "E0802"),
        ("resize-positions(96, 96)", "E0804"),
    ],
)
def test_what_no_pass_can_do_is_refused(word: str, code: str) -> None:
    with pytest.raises(ArchError) as refused:
        archdsl.load("resnet18").apply(word)
    (found,) = refused.value.diagnostics
    assert found.code == code
    assert_speaks_well(found)


@pytest.mark.parametrize(
    "make", [lambda: Widen(float("nan")), lambda: Widen(float("inf")), lambda: Head(0), lambda: Head(True)]
)
def test_the_bounds_are_those_of_the_class_too(make: Callable[[], Pass]) -> None:
    with pytest.raises(ArchError, match="E0803"):
        make()


@pytest.mark.parametrize("cls", PASSES, ids=lambda cls: cls.word)
def test_a_pass_is_written_as_it_is_read(cls: type[Pass]) -> None:
    made = pass_of(cls.example)
    assert isinstance(made, cls)
    assert str(made) == cls.example
    assert pass_of(str(made)) == made
    assert cls.manual()


@given(st.floats(0.001, 1000))
def test_a_number_is_written_exactly(alpha: float) -> None:
    assert pass_of(str(Widen(alpha))) == Widen(alpha)


@pytest.mark.parametrize(
    ("body", "word", "at", "path"),
    [
        ("-> residual { conv3-8 -> conv3-4 } -> conv1-2", "widen(2)", "residual", "add1"),
        ("-> conv3-8(groups=2) -> conv1-2", "widen(0.1)", "conv3-8", "conv1"),
        ("-> to_sequence -> attention(2)", "head(7)", "attention", "attention1"),
        ("share h = conv3-4\n  h -> relu -> h", "head(7)", "h", "h"),
        ("-> bn -> conv3-4", "input-channels(1)", "bn", "bn1"),
        ("-> dwconv3", "input-channels(1)", "dwconv3", "conv1"),
        ("-> conv3-4(groups=2)", "input-channels(2)", "conv3-4(groups=2)", "conv1"),
        ("-> concat { | conv3-4 } -> conv3-4", "input-channels(1)", "concat", "concat1"),
        ("-> residual(4)", "input-channels(1)", "residual(4)", "residual1.add1"),
        ("-> flatten -> ln -> fc-3", "fully-convolutional", "ln", "ln1"),
        ("-> flatten -> slice(0, 5) -> fc-3", "fully-convolutional", "slice", "slice1"),
        ("-> fc-3", "resize-positions(9, 9)", "fc-3", "fc1"),
        ("-> [conv3-4]*20000 as f", "truncate(f.3)", "[conv3-4]*20000", "f"),
    ],
)
def test_what_a_pass_cannot_change_is_named_and_shown(body: str, word: str, at: str, path: str) -> None:
    with pytest.raises(ArchError) as refused:
        archdsl.parse(f"net n {{\n  input 8x8x4\n  {body}\n}}").apply(word)
    (found,) = refused.value.diagnostics
    assert found.code == "E0804"
    assert f"`{path}`" in found.message
    assert found.place is not None
    assert found.place.text.startswith(at.partition("(")[0])
    assert found.place.source.name == "network.arch"
    assert_speaks_well(found)


def test_what_only_a_network_can_be_refused_for() -> None:
    for text, word in (
        ("INPUT[8x8x4] -> relu", "head(7)"),
        ("INPUT[4x4x3] -> flatten", "fully-convolutional"),
        ("INPUT[5] -> fc-3", "input-channels(2)"),
        ("INPUT[5] -> fc-3", "resize-positions(2, 2)"),
    ):
        with pytest.raises(ArchError, match=r"E0804 .* cannot change the network") as refused:
            archdsl.parse(text).apply(word)
        assert_speaks_well(refused.value.diagnostics[0])


# --- tensors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "INPUT[(5, 8)] -> attention(2) -> fc-3",
        "INPUT[(5, 8)] -> position_embedding -> add { | param((5, 8)) } -> ln -> layer_scale -> fc-3",
        "INPUT[(4, 6, 8)] -> channels_last -> window_attention(2, window=3) -> channels_first",
        "INPUT[(5, 8)] -> lstm-4(layers=2, bidirectional=true) -> gru-3 -> rnn-2",
        "INPUT[8x6x4] -> conv3-4 -> prelu -> gn(2) -> bn(affine=false) -> gap",
        "net n {\n input 8x6x4\n share h = conv3-4 -> bn\n h -> relu -> h\n}",
        "net n {\n input t: tokens(6)\n share w = embedding-8(20)\n a = t -> w\n t -> embedding-8(20) -> tied(w)\n}",
    ],
)
@pytest.mark.parametrize("word", ["inference", "prune-dead", "fold-norm", "init(kaiming)"])
def test_no_kind_of_tensor_is_lost(text: str, word: str, tmp_path: Path) -> None:
    made = Changed(archdsl.parse(text), word)
    assert not made.net.new_weights(word)
    made.assert_accounted()
    made.assert_equal()
    made.assert_read_back(tmp_path)


def test_a_norm_is_folded_only_where_that_is_exact() -> None:
    for body, left in (
        ("conv3-4 -> bn", 0),
        ("conv3-4 -> add { bn | bn }", 2),
        ("conv3-4 -> concat { bn | }", 1),
        ("conv3-4 -> relu -> bn", 1),
        ("[conv3-4]*2 -> bn", 1),
        ("conv3-4 -> [bn]*2", 2),
        ("[conv3-4 -> bn]*3", 0),
        ("bn -> conv3-4", 1),
        ("conv3-4(bias=true) -> bn", 0),
        ("[[conv3-4]*2 -> bn]*2", 2),
        ("[conv3-4 -> [bn]*2]*2", 4),
    ):
        made = Changed(archdsl.parse(f"INPUT[8x6x4] -> {body}"), "fold-norm")
        made.assert_equal()
        assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in made.made.modules()) == left, body


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ("x = conv3-4\n y = x -> bn\n output x, y", 1),
        ("share b = bn\n conv3-4 -> b -> relu -> conv3-4 -> b", 1),
        ("share c = conv3-4\n c -> bn -> relu -> c -> bn", 2),
        ("share h = conv3-4 -> bn\n h -> relu -> h", 0),
    ],
)
def test_a_norm_that_others_need_or_share_stays(body: str, left: int) -> None:
    made = Changed(archdsl.parse(f"net n {{\n input 8x6x4\n {body}\n}}"), "fold-norm")
    made.assert_accounted()
    made.assert_equal()
    assert sum(isinstance(each, torch.nn.BatchNorm2d) for each in made.made.modules()) == left


def test_rounds_of_a_repeat_are_told_apart() -> None:
    for body, word, new in (
        ("[fc-10]*3", "head(7)", {"repeat1.2"}),
        ("[[fc-10]*2 -> relu]*2", "head(7)", {"repeat1.4"}),
        ("[fc-10]*3", "widen(0.5)", {"repeat1.0", "repeat1.1", "repeat1.2"}),
        ("fc-10 -> [residual { fc-10 }]*2", "head(7)", {"fc1", "repeat1.0.fc1", "repeat1.1.fc1"}),
    ):
        made = Changed(archdsl.parse(f"INPUT[10] -> {body}"), word)
        made.assert_accounted()
        assert {each.rpartition(".")[0] for each in made.net.new_weights(word)} == new, body


def test_rounds_that_are_kept_keep_their_own_tensors() -> None:
    for text, word in (
        ("INPUT[10] -> [fc-10]*3", "head(7)"),
        ("INPUT[10] -> [fc-10 -> bn]*3", "head(7)"),
        ("INPUT[10] -> [[fc-10]*2 -> bn]*2", "head(7)"),
        ("INPUT[5x6x4] -> [conv3-4]*3", "input-channels(2)"),
        ("INPUT[5x6x4] -> [conv3-4 -> bn]*3", "input-channels(2)"),
    ):
        made = Changed(archdsl.parse(text), word)
        old, state = made.model.state_dict(), made.made.state_dict()
        kept = [name for name in state if name not in made.net.new_weights(word) and name != "repeat1.0.weight"]
        assert kept
        assert all(torch.equal(old[name], state[name]) for name in kept), text


class _Apart(Rules):
    """Takes the first round of each repeat for itself, and says of each tensor that it is the old one reshaped."""

    @override
    def parts(self, module: Module, index: int, context: Hashable) -> tuple[Part, ...]:
        count = module.steps[index].count
        return (Part(0, 1), Part(1, count - 1)) if count > 1 else (Part(0, 1),)

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        return Made(Reshaped(shape), {"whole": Kept((Round(at.index),), tensor)})


@pytest.mark.parametrize("body", ["[fc-4]*3", "[[fc-4]*2 -> relu]*3", "[residual { fc-4 }]*3"])
def test_what_is_made_of_a_later_round_is_made_of_its_own_tensors(body: str) -> None:
    root = archdsl.parse(f"INPUT[4] -> {body}").module
    made = rewritten(root, _Apart(), DropDropout())
    check(root, made)
    moved = list(moves(root, made))
    assert [each.name for each in moved] == list(names(root))
    assert all(each.sources == {"whole": each.name} for each in moved)


FIRST, BLOCK, ROW, LAST = range(4)
"""The steps of the network that a pass says something wrong about."""


@dataclass(frozen=True)
class _Lies(Change):
    """A pass that changes nothing, and says of the tensors what is not so."""

    word = "lies"
    example = "lies"

    wrong: Callable[[dict[Module, Origins], Origins], object]

    @override
    def rewritten(self, root: Module) -> Rewritten:
        made = rewritten(root, Rules(), self)
        origins = dict(made.origins)
        self.wrong(origins, origins[made.module])
        return Rewritten(made.module, origins)


def _weight_from(origin: Origin) -> Callable[[dict[Module, Origins], Origins], object]:
    return lambda _, root: root.tensors.update({FIRST: {**root.tensors[FIRST], "weight": origin}})


LIES: dict[str, Callable[[dict[Module, Origins], Origins], object]] = {
    "a layer without origins": lambda _, root: root.tensors.pop(FIRST),
    "a tensor without one": lambda _, root: root.tensors.update({FIRST: {"weight": root.tensors[FIRST]["weight"]}}),
    "a tensor that the layer has not": lambda _, root: root.tensors.update(
        {FIRST: {**root.tensors[FIRST], "scale": New()}}
    ),
    "a tensor that was not there": _weight_from(Kept((Round(FIRST),), "gain")),
    "a tensor of another shape": _weight_from(Kept((Round(FIRST),), "bias")),
    "a layer that was not there": _weight_from(Kept((Round(LAST + 1),), "weight")),
    "a round that was not there": _weight_from(Kept((Round(FIRST, 1),), "weight")),
    "a tensor of a block": _weight_from(Kept((Round(BLOCK),), "weight")),
    "a way into a block that has names of its own": _weight_from(Kept((Round(BLOCK), Round(0)), "weight")),
    "a formula that does not fit": _weight_from(Made(Reshaped((5, 5)), {"whole": Kept((Round(FIRST),), "weight")})),
    "a formula of another shape": _weight_from(Made(Reshaped((16,)), {"whole": Kept((Round(FIRST),), "weight")})),
    "a formula of what was not there": _weight_from(Made(Reshaped((4, 4)), {"whole": Kept((Round(FIRST),), "gain")})),
    "a block that stands for nothing": lambda _, root: root.modules.pop(BLOCK),
    "a block that stands for another": lambda _, root: root.modules.update({BLOCK: (Round(ROW),)}),
    "a block that stands for a layer": lambda _, root: root.modules.update({BLOCK: (Round(FIRST),)}),
    "a block in a round that was not there": lambda _, root: root.modules.update({BLOCK: (Round(BLOCK, 1),)}),
    "a module without origins": lambda origins, _: origins.pop(next(iter(origins))),
    "a module of another network": lambda origins, _: origins.update(
        {next(iter(origins)): Origins(archdsl.parse("INPUT[4] -> fc-4").module)}
    ),
    "another network": lambda origins, root: origins.update(
        {next(each for each in origins if origins[each] is root): Origins(next(iter(origins)))}
    ),
}


@pytest.mark.parametrize("wrong", LIES.values(), ids=LIES)
def test_a_pass_that_says_what_is_not_so_is_found_out_when_it_is_used(
    wrong: Callable[[dict[Module, Origins], Origins], object],
) -> None:
    net = archdsl.parse("block b = fc-4 -> bn\nnet n {\n input 4\n fc-4 -> b -> [fc-4 -> relu]*3 -> bn\n}")
    model = net.to_torch()
    for use in (
        net.apply,
        net.new_weights,
        lambda *passes: net.convert(model, *passes),
        lambda *passes: net.moved(model.state_dict(), *passes),
    ):
        use(_Lies(lambda _, __: None))
        for passes in ((_Lies(wrong),), ("prune-dead", _Lies(wrong), "inference")):
            with pytest.raises(Unaccounted):
                use(*passes)


def test_the_last_round_goes_on_from_the_one_before() -> None:
    made = Changed(archdsl.parse("INPUT[10] -> [fc-10]*3"), "head(7)")
    (x,) = made.xs
    first, second, last = made.made.get_submodule("repeat1").children()
    with torch.no_grad():
        assert torch.equal(made.made(x), last(second(first(x))))


def test_a_tied_layer_has_the_shapes_of_what_it_is_tied_to() -> None:
    body = "x = fc-6\n share w = fc-8\n y = x -> w\n z = x -> tied(w)\n add { y | z } -> fc-3"
    net = archdsl.parse(f"net n {{\n input 6\n {body}\n}}")
    wide = net.apply("widen(2)", "prune-dead")
    assert wide.params == 12 * 6 + 12 + 16 * 12 + 16 + 3 * 16 + 3
    assert wide.to_torch()(torch.randn(2, 6)).shape == (2, 3)


def test_what_comes_of_something_new_is_new() -> None:
    net = archdsl.parse("INPUT[4] -> fc-5 -> bn")
    assert net.new_weights("head(5)") == ("fc1.weight",)
    assert net.new_weights("head(5)", "fold-norm") == ("fc1.weight",)  # the norm alone makes the bias
    made = Changed(net, "head(5)", "fold-norm")
    assert made.net.moved(made.model.state_dict(), *made.passes).new == ("fc1.weight",)


def test_equal_blocks_at_other_places_are_told_apart() -> None:
    net = archdsl.parse("block b(c) = fc-c\nnet n {\n input 10\n -> b(10) -> relu -> b(10)\n}")
    assert head_of(net.module) == ("b2.fc1",)
    assert net.new_weights("head(7)") == ("b2.fc1.weight", "b2.fc1.bias")
    assert net.apply("widen(0.5)").params == 5 * 10 + 5 + 10 * 5 + 10


def test_a_row_gives_its_own_tensor_beside_those_of_its_members() -> None:
    net = archdsl.parse("INPUT[8x6x4] -> [conv3-5 -> relu -> conv3-6] as f -> gap -> fc-3")
    made = Changed(net, "truncate(f, f.1)")
    made.assert_accounted()
    (x,) = made.xs
    with torch.no_grad():
        whole, part = made.made(x)
        row = made.model.get_submodule("f")
        assert torch.equal(whole, row(x))
        assert torch.equal(part, row[1](row[0](x)))  # type: ignore[index]


def test_a_member_of_a_later_round_has_its_own_tensors() -> None:
    made = Changed(archdsl.parse("INPUT[8x6x4] -> [conv3-4 -> relu]*3 as f -> gap"), "truncate(f.4)")
    made.assert_accounted()
    row = made.model.get_submodule("f")
    x = made.xs[0]
    with torch.no_grad():
        found = made.made(x)
        for each in list(row.children())[:5]:
            x = each(x)
    assert torch.equal(found, x)


def test_the_cost_follows_the_hierarchy() -> None:
    net = archdsl.parse("INPUT[8x8x8] -> [[[conv3-8 -> bn]*1000]*1000]*1000")
    for word, params in (("fold-norm", 584 * 10**9), ("inference", 584 * 10**9), ("head(8)", 592 * 10**9)):
        changed = net.apply(word)
        assert changed.params == params
        assert sum(len(each.steps) for each in changed.modules) <= 2 * sum(len(each.steps) for each in net.modules)


def test_a_walk_along_many_wires_ends() -> None:
    net = archdsl.parse(f"INPUT[4x4x4] -> conv3-3 -> {' -> '.join(['concat { | }'] * 40)} -> gap")
    assert net.apply("head(7)").outputs["y"].shape == (7 * 2**40,)


def test_a_module_of_another_network_is_refused() -> None:
    net = archdsl.parse("INPUT[4] -> fc-3")
    other = archdsl.parse("INPUT[4] -> fc-5 -> fc-3").to_torch()
    with pytest.raises(ArchError, match="E0805") as refused:
        net.convert(other, "inference")
    assert_speaks_well(refused.value.diagnostics[0])


# --- against timm -----------------------------------------------------------------------------------------------------

TIMM = json.loads((Path(__file__).parent / "data" / "timm.json").read_text())


@pytest.mark.parametrize("case", TIMM["input_conv"], ids=lambda case: str(case["channels"]))
def test_input_channels_are_adapted_as_timm_does_it(case: dict[str, Any]) -> None:
    weight, made = torch.tensor(case["weight"]), torch.tensor(case["made"])
    net = archdsl.parse(f"INPUT[(3, 5, 6)] -> conv2x1-{len(weight)}(bias=false)")
    model = net.to_torch()
    model.load_state_dict({"conv1.weight": weight})
    changed = net.convert(model, f"input-channels({case['channels']})")
    assert torch.allclose(changed.state_dict()["conv1.weight"], made, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", TIMM["positions"], ids=lambda case: f"{case['before']}-{case['new']}")
@pytest.mark.parametrize("layer", ["added as q", "position_embedding as q"])
def test_positions_are_resized_as_timm_does_it(case: dict[str, Any], layer: str) -> None:
    before, (height, width), (new_height, new_width) = case["before"], case["old"], case["new"]
    tokens = f"concat('positions') {{ param(({before}, 2)) as t | conv1-2 -> to_sequence }}".replace("'", '"')
    start = tokens if before else "conv1-2 -> to_sequence"
    block = "block added = add { | param((in.length, in.features)) as p }"
    net = archdsl.parse(f"{block}\nnet n {{\n input {height}x{width}x3\n -> {start} -> {layer}\n}}")
    model = net.to_torch()
    (name,) = (each for each in model.state_dict() if each.startswith("q"))
    state = model.state_dict()
    state[name] = torch.tensor(case["positions"]).reshape(state[name].shape)
    model.load_state_dict(state)
    changed = net.convert(model, f"resize-positions({new_height}, {new_width})")
    made = torch.tensor(case["made"])
    assert torch.allclose(changed.state_dict()[name].reshape(made.shape), made, rtol=1e-5, atol=1e-6)
    assert changed(torch.randn(1, 3, new_height, new_width)).shape == (1, before + new_height * new_width, 2)


def test_a_vision_transformer_takes_another_size() -> None:
    net = archdsl.load("vit_b_16")
    larger = net.apply("resize-positions(384, 320)")
    assert larger.params - net.params == (24 * 20 - 14 * 14) * 768
    assert not net.new_weights("resize-positions(384, 320)")
    assert larger.params == archdsl.load("vit_b_16", input=(3, 384, 320)).params


# --- what files carry -------------------------------------------------------------------------------------------------


def test_what_a_pass_made_is_read_back_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "back.py"
    for name, word, params in (("lenet5", "widen(2)", 244_362), ("resnet18", "truncate(layer2)", 683_072)):
        made = archdsl.load(name).apply(word)
        file.write_text(made.source())
        back = archdsl.load(file)
        assert back.params == made.params == params
        assert back.carried.passes == (word,)
        assert f"Changed by {word}." in " ".join(made.source().split())
        again = back.apply("init(xavier)")
        assert again.carried.passes == (word, "init(xavier)")


def test_the_commands_know_what_passes_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, weights = str(tmp_path / "back.py"), str(tmp_path / "back.safetensors")
    assert cli.main(["compile", "lenet5", "--pass", "head(7)", "-o", code, "-o", weights]) == 0
    for file in (code, weights):
        capsys.readouterr()
        assert cli.main(["summary", file]) == 0
        assert "61,451 parameters" in capsys.readouterr().out


def test_weights_that_a_pass_makes_new_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = tmp_path / "w.pt"
    torch.save(archdsl.load("lenet5").to_torch().state_dict(), weights)
    out = str(tmp_path / "o.safetensors")
    assert cli.main(["compile", "lenet5", "--weights", str(weights), "--pass", "head(7)", "-o", out]) == 0
    assert "new after the passes: output.weight, output.bias" in capsys.readouterr().err


def test_a_file_without_passes_is_read_as_before() -> None:
    carried = archdsl.load("lenet5").carried
    assert "passes" not in json.loads(carried.to_json())
    assert json.loads(carried.after(["widen(2)"]).to_json())["passes"] == ["widen(2)"]
