"""Against torchvision's own modules: its weights load as they are, and the outputs are the same."""

from __future__ import annotations

import pytest
import torch
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
            if name == "layer_scale":
                torch.nn.init.normal_(weight)
    return model


SMALL, WHOLE = (3, 32, 64), (3, 224, 224)
SIZES = {
    "resnet18": SMALL,
    "resnet34": SMALL,
    "resnet50": SMALL,
    "vgg11": WHOLE,
    "mobilenet_v2": SMALL,
    "mobilenet_v3_large": SMALL,
    "mobilenet_v3_small": SMALL,
    "efficientnet_b0": SMALL,
    "efficientnet_b1": SMALL,
    "convnext_tiny": SMALL,
    "resnext50_32x4d": SMALL,
    "wide_resnet50_2": SMALL,
}
LARGE = {"resnext101_32x8d": SMALL, "convnext_small": SMALL, "convnext_base": SMALL}


@pytest.mark.parametrize("name", [*SIZES, *(pytest.param(name, marks=pytest.mark.long) for name in LARGE)])
def test_torchvisions_weights_load_and_give_torchvisions_outputs(name: str, models) -> None:
    torch.manual_seed(0)
    shape = (SIZES | LARGE)[name]
    theirs = randomised(getattr(models, name)()).double()
    ours = randomised(archdsl.load(name, input=shape).to_torch(dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-12)
        assert torch.allclose(ours.train()(x), theirs.train()(x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", [*SIZES, *LARGE])
def test_torchvisions_modules_have_the_figures(name: str, models) -> None:
    net = archdsl.load(name)
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        theirs = getattr(models, name)().eval()
        theirs(torch.empty(1, *net.inputs["x"].shape))
    assert sum(each.numel() for each in theirs.parameters()) == net.params
    assert counter.get_total_flops() == 2 * net.macs


@pytest.mark.parametrize("alpha", [0.35, 0.5, 0.75, 1.4])
def test_mobilenet_v2_rounds_its_widths_as_torchvision(alpha: float, models) -> None:
    with torch.device("meta"):
        theirs = models.mobilenet_v2(width_mult=alpha)
    ours = archdsl.load("mobilenet_v2", alpha=alpha).to_torch(device="meta")
    shapes = [{key: each.shape for key, each in model.state_dict().items()} for model in (ours, theirs)]
    assert shapes[0] == shapes[1]
