"""Names and shapes of the learned tensors of torchvision's models. `torchvision_weights.json` is what this prints."""

import json
import sys

import torch

NAMES = ("vgg11", "vgg13", "vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152")


def models():
    """torchvision's models."""
    try:
        from torchvision import models as found
    except RuntimeError:
        # torchvision for CUDA beside a torch without: its operators are missing, and these two must have a name
        models.library = library = torch.library.Library("torchvision", "DEF")  # it must outlive the import
        for operator in ("nms", "qnms"):
            library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        from torchvision import models as found
    return found


def weights(model):
    """Shapes of the learned tensors, by name."""
    return {name: list(tensor.shape) for name, tensor in model.named_parameters()}


def main():
    """One line a tensor."""
    zoo = models()
    with torch.device("meta"):
        recorded = {name: weights(getattr(zoo, name)()) for name in NAMES}
    networks = (
        f" {json.dumps(name)}: {{\n" + ",\n".join(f"  {json.dumps(key)}: {shape}" for key, shape in found.items())
        for name, found in recorded.items()
    )
    sys.stdout.write("{\n" + "\n },\n".join(networks) + "\n }\n}\n")


if __name__ == "__main__":
    main()
