"""Passes: the changed network computes what it should with the weights that the pass made of the old ones."""

from __future__ import annotations

import pytest
import torch

import archdsl
from archdsl.passes.ends import head_of


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


@pytest.mark.parametrize("text", [NORMS, "INPUT[16x16x3] -> residual(8) -> residual(16, s=2) -> gap -> FC-10"])
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
    assert len(source.splitlines()) <= 120


@pytest.mark.parametrize(
    "word", ["foo", "widen", "widen(x)", "head(1.5)", "truncate", "truncate(layr2)", "fold-norm(3)"]
)
def test_an_unknown_pass_is_refused(word: str) -> None:
    with pytest.raises(archdsl.ArchError) as refused:
        archdsl.load("resnet18").apply(word)
    assert refused.value.diagnostics[0].code in {"E0801", "E0802"}
