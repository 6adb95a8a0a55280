"""A network and what a pass makes of it, both run with all weights random, in double precision."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

import archdsl
from archdsl import Network, TensorType
from archdsl.algebra.tensors import Kind
from archdsl.passes.moving import names

BATCH = 2
NEAR = 1e-12


def randomised(model: nn.Module) -> nn.Module:
    """The module with random numbers everywhere, so that none of its tensors could be left out unnoticed.

    Scaled so that numbers neither vanish nor explode on their way.
    """
    torch.manual_seed(0)
    for name, value in model.state_dict().items():
        if not value.is_floating_point():
            continue
        with torch.no_grad():
            if name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif value.dim() > 1:
                value.normal_(0, value[0].numel() ** -0.5)
            elif name.endswith("weight"):
                value.normal_(1, 0.2)
            else:
                value.normal_(0, 0.2)
    for name, value in model.state_dict().items():
        if name.endswith("num_batches_tracked"):
            value.fill_(len(name))
    return model


def sample(kind: TensorType) -> Tensor:
    """A batch of random tensors of a type."""
    if kind.kind is Kind.TOKENS:
        return torch.randint(0, 2, (BATCH, *kind.shape))
    return torch.randn(BATCH, *kind.shape, dtype=torch.float64)


@dataclass(frozen=True)
class Run:
    """What a module gives, and its tensors after that: running statistics may have moved."""

    outputs: tuple[Tensor, ...]
    state: dict[str, Tensor]


def run(model: nn.Module, xs: list[Tensor], *, training: bool = False, resting: Collection[str] = ()) -> Run:
    """A module run with the same noise each time, and left with the tensors that it had.

    resting: names of layers in it that do what they do at inference, also in training.
    """
    state = {name: value.clone() for name, value in model.state_dict().items()}
    model.train(training)
    for name, each in model.named_modules():
        if name in resting:
            each.eval()
    torch.manual_seed(1)
    with torch.no_grad():
        found: Any = model(*xs)
    after = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(state)
    return Run(cast("tuple[Tensor, ...]", tuple(found)) if isinstance(found, tuple) else (found,), after)


def seen(model: nn.Module, layers: Collection[str], xs: list[Tensor], *, training: bool) -> dict[str, list[Tensor]]:
    """What comes into some layers of a module, by name, at each of their calls. Dropout rests."""
    found: dict[str, list[Tensor]] = {name: [] for name in layers}
    parts = dict(model.named_modules())
    handles = [
        parts[name].register_forward_pre_hook(lambda _layer, given, calls=found[name]: calls.append(given[0].clone()))
        for name in layers
    ]
    run(model, xs, training=training, resting=[name for name, each in parts.items() if isinstance(each, _DropoutNd)])
    for each in handles:
        each.remove()
    return found


def as_coloured(x: Tensor, channels: int) -> Tensor:
    """The image of so many channels that has the effect of one of another number, as timm's rule has it: a grey one is
    in all channels, and of more each goes into that whose weights it was given."""
    given = x.shape[1]
    if given == 1:
        return x.repeat(1, channels, *[1] * (x.dim() - 2))
    found = x.new_zeros(len(x), channels, *x.shape[2:])
    for channel in range(given):
        found[:, channel % channels] += x[:, channel]
    return found * (channels / given)


def difference(one: Tensor, other: Tensor) -> float:
    """The largest difference, relative to the largest number."""
    assert one.isfinite().all()
    return float((one - other).abs().max() / one.abs().max().clamp(min=1)) if one.numel() else 0.0


class Changed:
    """A network, one after passes, and live modules of both."""

    def __init__(self, net: Network, *passes: str) -> None:
        self.net, self.passes = net, passes
        self.changed = net.apply(*passes)
        self.model = randomised(net.to_torch(dtype=torch.float64))
        self.made = net.convert(self.model, *passes)
        torch.manual_seed(2)
        self.xs = [sample(kind) for kind in net.inputs.values()]

    def left_out(self, *kinds: type[nn.Module]) -> frozenset[str]:
        """The names of the layers of some kinds that the changed module no longer has."""
        kept = {name for name, each in self.made.named_modules() if isinstance(each, kinds)}
        return frozenset(name for name, each in self.model.named_modules() if isinstance(each, kinds)) - kept

    def differences(
        self,
        *,
        training: bool = False,
        resting: Collection[str] = (),
        old: list[Tensor] | None = None,
        new: list[Tensor] | None = None,
    ) -> list[float]:
        """The difference of each output, and in training of each tensor that is left after it.

        old: what comes into the network. new: what comes into the changed one.
        """
        before = run(self.model, old or self.xs, training=training, resting=resting)
        after = run(self.made, new or self.xs, training=training, resting=resting)
        assert [each.shape for each in before.outputs] == [each.shape for each in after.outputs]
        found = [difference(one, other) for one, other in zip(before.outputs, after.outputs, strict=True)]
        if training:
            moved = self.net.moved(before.state, *self.passes).weights
            found += [difference(value, after.state[name]) for name, value in moved.items()]
        return found

    def assert_tells(self) -> None:
        """That what comes out is not all one number, which anything could give."""
        for each in run(self.model, self.xs).outputs:
            assert not torch.equal(each, each.flatten()[0].expand_as(each))

    def assert_equal(self, *, training: bool = False, resting: Collection[str] = ()) -> None:
        """That both give the same."""
        assert max(self.differences(training=training, resting=resting)) < NEAR

    def assert_accounted(self) -> None:
        """That each tensor of the new module was moved or is named as new, and each that was kept has its values."""
        state, old = self.made.state_dict(), self.model.state_dict()
        moved = self.net.moved(old, *self.passes)
        assert moved.new == self.net.new_weights(*self.passes)
        assert {*moved.weights, *moved.new} == state.keys() == set(names(self.changed.module))
        assert not set(moved.new) & moved.weights.keys()
        for name, value in moved.weights.items():
            assert torch.equal(value, state[name]), name

    def assert_read_back(self, folder: Path) -> None:
        """That the emitted file is read back as the same network."""
        file = folder / "back.py"
        file.write_text(self.changed.source(), encoding="utf-8")
        assert_same(archdsl.load(file), self.changed)


def assert_same(one: Network, other: Network) -> None:
    """That two networks are the same: their costs, tensors and text in PyTorch."""
    assert (one.params, one.macs, one.train_macs) == (other.params, other.macs, other.train_macs)
    assert one.outputs == other.outputs
    assert one.carried.passes == other.carried.passes
    assert list(names(one.module)) == list(names(other.module))
    assert one.source() == other.source()
