"""The networks of the zoo that torchvision has too, and on which input they are compared with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SMALL, SQUARE, WHOLE = (3, 64, 96), (3, 64, 64), (3, 224, 224)


@dataclass(frozen=True)
class Published:
    """A network of torchvision.

    input: what the comparison of outputs runs on. theirs: torchvision's name where it is another. options: what its
    constructor needs to be quick, and `resized` what it needs to take that input. takes_long: whether the comparison
    takes many seconds.
    """

    input: tuple[int, int, int] = SMALL
    theirs: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    resized: dict[str, Any] = field(default_factory=dict)
    takes_long: bool = False


LONG = Published(takes_long=True)
QUICK = {"init_weights": False}
TORCHVISION = {
    "alexnet_owt": Published(WHOLE, "alexnet"),
    "vgg11": Published(WHOLE),
    **dict.fromkeys(("vgg13", "vgg16", "vgg19"), Published(WHOLE, takes_long=True)),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50"), Published()),
    **dict.fromkeys(("resnet101", "resnet152", "resnext101_32x8d"), LONG),
    **dict.fromkeys(("resnext50_32x4d", "wide_resnet50_2"), Published()),
    **dict.fromkeys(("densenet121", "densenet169"), Published()),
    **dict.fromkeys(("densenet161", "densenet201"), LONG),
    "googlenet_bn": Published((3, 96, 128), "googlenet", QUICK),
    "inception_v3": Published((3, 299, 299), options=QUICK, takes_long=True),  # less would leave nothing for its head
    **dict.fromkeys(("squeezenet1_0", "squeezenet1_1"), Published()),
    **dict.fromkeys((f"shufflenet_v2_x{width}" for width in ("0_5", "1_0", "1_5", "2_0")), Published()),
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"), Published()),
    **dict.fromkeys(("efficientnet_b0", "efficientnet_b1", "convnext_tiny"), Published()),
    **dict.fromkeys(("convnext_small", "convnext_base"), LONG),
    **dict.fromkeys(("vit_b_16", "vit_b_32"), Published(SQUARE, resized={"image_size": 64})),
    "vit_l_16": Published(SQUARE, resized={"image_size": 64}, takes_long=True),
    "swin_t": Published(),
    **dict.fromkeys(("swin_s", "swin_b"), LONG),
}
