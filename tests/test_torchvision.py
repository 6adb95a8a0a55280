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


# the input that the comparison takes, and torchvision's name where it is another
INPUTS = {
    **{f"resnet{depth}": (3, 64, 96) for depth in (18, 34, 50, 101, 152)},
    **{f"vgg{depth}": (3, 224, 224) for depth in (11, 13, 16, 19)},
    "alexnet_owt": (3, 224, 224),
}
THEIRS = {"alexnet_owt": "alexnet"}


# seconds each, and much memory
LONG = {"vgg13", "vgg16", "vgg19"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long) if name in LONG else name for name in INPUTS]
)
def test_torchvisions_weights_load_and_give_torchvisions_outputs(name: str, models) -> None:
    torch.manual_seed(0)
    shape = INPUTS[name]
    theirs = randomised(getattr(models, THEIRS.get(name, name))()).double()
    ours = randomised(archdsl.load(name, input=shape).to_torch(dtype=torch.float64))
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(2, *shape, dtype=torch.float64)
    with torch.no_grad():
        assert torch.allclose(ours.eval()(x), theirs.eval()(x), rtol=0, atol=1e-12)
        assert torch.allclose(ours.train()(x), theirs.train()(x), rtol=0, atol=1e-12)


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
