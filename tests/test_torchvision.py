"""Against torchvision's own modules: its weights load as they are, and the outputs are the same."""

from __future__ import annotations

import pytest
import torch
from published import TORCHVISION
from torch.utils.flop_counter import FlopCounterMode

import archdsl

_library = torch.library.Library("torchvision", "DEF")


@pytest.fixture(scope="module")
def models():
    """torchvision's models. Its wheel is made for CUDA; with these two schemas it imports on a CPU torch."""
    for name in ("nms", "qnms"):
        try:
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # already there
            break
    return pytest.importorskip("torchvision").models


def randomised(model: torch.nn.Module) -> torch.nn.Module:
    """The module with statistics and affine weights that are not those of a fresh batch norm."""
    for each in model.modules():
        if isinstance(each, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(each.running_mean)
            torch.nn.init.uniform_(each.running_var, 0.5, 2.0)
            torch.nn.init.normal_(each.weight, 1.0, 0.3)
            torch.nn.init.normal_(each.bias)
        elif type(each).__name__ in {"Dropout", "StochasticDepth", "DropPath"}:
            each.p = 0.0
        for name, weight in each.named_parameters(recurse=False):
            # a scale that starts near zero would hide what it scales
            if name in {"layer_scale", "class_token", "relative_position_bias_table"}:
                torch.nn.init.normal_(weight)
    return model


def theirs_of(name: str, models, **resized: object) -> torch.nn.Module:
    published = TORCHVISION[name]
    return getattr(models, published.theirs or name)(**published.options, **resized)


def outputs(result: object) -> list[torch.Tensor]:
    """What comes out, the heads of training mode in the order of the text; torchvision gives its second head first."""
    match result:
        case torch.Tensor():
            return [result]
        case tuple() if hasattr(result, "_fields"):
            return [result[0], *reversed(result[1:])]
        case _:
            return list(result)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.long] * each.takes_long) for name, each in TORCHVISION.items()],
)
def test_torchvisions_weights_load_and_give_torchvisions_outputs(name: str, models) -> None:
    torch.manual_seed(0)
    shape = TORCHVISION[name].input
    theirs = randomised(theirs_of(name, models, **TORCHVISION[name].resized)).double()
    ours = randomised(archdsl.load(name, input=shape).to_torch(dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, *shape, dtype=torch.float64)
    for training in (False, True):
        with torch.no_grad():
            pairs = zip(outputs(ours.train(training)(x)), outputs(theirs.train(training)(x)), strict=True)
        for one, other in pairs:
            assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_counts_the_same_parameters_and_macs(name: str, models) -> None:
    net = archdsl.load(name)
    with torch.device("meta"):
        model = theirs_of(name, models).eval()
        x = torch.empty(1, *next(iter(net.inputs.values())).shape)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert sum(each.numel() for each in model.parameters()) == net.params
    assert counter.get_total_flops() == 2 * net.macs


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.4])
def test_mobilenet_v2_rounds_its_widths_as_torchvision(alpha: float, models) -> None:
    with torch.device("meta"):
        theirs = models.mobilenet_v2(width_mult=alpha)
    ours = archdsl.load("mobilenet_v2", alpha=alpha).to_torch(device="meta")
    shapes = [{key: each.shape for key, each in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]


SEGMENTATION = {"fcn_resnet50": 35_322_218, "deeplabv3_resnet50": 42_004_074}


def segmentation(name: str, models) -> torch.nn.Module:
    return getattr(models.segmentation, name)(weights=None, weights_backbone=None, aux_loss=True)


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentation_networks_are_torchvisions(name: str, models) -> None:
    """torchvision gives the auxiliary scores in both modes, ours in training mode, which alone needs them."""
    torch.manual_seed(0)
    theirs = randomised(segmentation(name, models)).double()
    ours = randomised(archdsl.load(name, input=(3, 33, 40)).to_torch(dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, 3, 33, 40, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(x), theirs.eval()(x)["out"], rtol=0, atol=1e-12)
        out, aux = ours.train()(x)
        expected = theirs.train()(x)
    assert torch.allclose(out, expected["out"], rtol=0, atol=1e-12)
    assert torch.allclose(aux, expected["aux"], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SEGMENTATION)
def test_segmentation_networks_cost_what_torchvisions_cost(name: str, models) -> None:
    net = archdsl.load(name)
    with torch.device("meta"):
        theirs = segmentation(name, models).eval()
    assert sum(each.numel() for each in theirs.parameters()) == net.params == SEGMENTATION[name]
    with FlopCounterMode(display=False) as counter:
        theirs(torch.empty(1, 3, 520, 520, device="meta"))
    assert counter.get_total_flops() == 2 * net.train_macs
