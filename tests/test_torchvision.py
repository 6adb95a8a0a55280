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
        elif isinstance(each, torch.nn.Dropout):
            each.p = 0.0
    return model


# what torchvision calls a network where it has another name, and what its constructor needs to be quick
THEIRS = {"googlenet_bn": "googlenet"}
OPTIONS = {"googlenet_bn": {"init_weights": False}, "inception_v3": {"init_weights": False}}
SMALLER = {
    **dict.fromkeys(("resnet18", "resnet34", "resnet50"), (3, 64, 96)),
    **dict.fromkeys(("densenet121", "densenet161", "densenet169", "densenet201"), (3, 64, 96)),
    **dict.fromkeys(("squeezenet1_0", "squeezenet1_1"), (3, 64, 96)),
    **{f"shufflenet_v2_x{width}": (3, 64, 96) for width in ("0_5", "1_0", "1_5", "2_0")},
    "googlenet_bn": (3, 96, 128),
    "inception_v3": (3, 299, 299),  # less would leave nothing for its head
}
SLOW = {"densenet161", "densenet201", "inception_v3"}
WEIGHTS_LOAD = [pytest.param(name, marks=pytest.mark.long) if name in SLOW else name for name in (*SMALLER, "vgg11")]


def theirs_of(name: str, models) -> torch.nn.Module:
    return getattr(models, THEIRS.get(name, name))(**OPTIONS.get(name, {}))


def outputs(result: object) -> list[torch.Tensor]:
    """What comes out, the heads of training mode in the order of the text; torchvision gives its second head first."""
    match result:
        case torch.Tensor():
            return [result]
        case tuple() if hasattr(result, "_fields"):
            return [result[0], *reversed(result[1:])]
        case _:
            return list(result)


@pytest.mark.parametrize("name", WEIGHTS_LOAD)
def test_torchvisions_weights_load_and_give_torchvisions_outputs(name: str, models) -> None:
    torch.manual_seed(0)
    shape = SMALLER.get(name, (3, 224, 224))
    theirs = randomised(theirs_of(name, models)).double()
    ours = randomised(archdsl.load(name, input=shape).to_torch(dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, *shape, dtype=torch.float64)
    for training in (False, True):
        with torch.no_grad():
            pairs = zip(outputs(ours.train(training)(x)), outputs(theirs.train(training)(x)), strict=True)
        for one, other in pairs:
            assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SMALLER)
def test_torchvision_counts_the_same_parameters_and_macs(name: str, models) -> None:
    net = archdsl.load(name)
    with torch.device("meta"):
        model = theirs_of(name, models).eval()
        x = torch.randn(1, *next(iter(net.inputs.values())).shape)
    with FlopCounterMode(display=False) as counter:
        model(x)
    assert sum(each.numel() for each in model.parameters()) == net.params
    assert counter.get_total_flops() == 2 * net.macs
