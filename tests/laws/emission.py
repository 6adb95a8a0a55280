"""The law of emission: an emitted file is the network that its text describes, tensor by tensor and number by number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from laws.reference import Reference, inputs_of, prepared, scattered
from torch import Tensor, nn

import archdsl
import archdsl.ops
from archdsl import ArchError, Network

TOLERANCE = 1e-12
# how many times the answer to one step of rounding a right file may be away where that is more; the two add in other
# orders, each of their many sums one step of rounding
_STEPS = 10
_MOST = 1e-6
# networks with more parameters than this are compared by the names, order, shapes and counts of their tensors alone
LARGE = 30_000_000
_COPIED = {path.stem.replace("_", "") for path in (Path(archdsl.ops.__file__).parent / "modules").glob("*.py")}


class Difference(AssertionError):
    """An emitted file that is not what its text says: in what, and how."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail

    @property
    def sort(self) -> str:
        """What two texts with the same fault have in common, as a rule."""
        return f"{self.kind}: {''.join(each for each in self.detail if not each.isdigit())[:12]}"


@dataclass(frozen=True)
class Found:
    """What was seen of a file that is right.

    shared: classes of which two instances differ in their layers or shapes. classes, blocks: how many classes blocks
    have, and how many blocks. lively: whether something comes out that is finite and not the same number everywhere.
    """

    shared: tuple[str, ...]
    classes: int
    blocks: int
    lively: bool


def emitted(code: str, class_name: str) -> nn.Module:
    """The module of an emitted file, executed in a namespace of its own."""
    name = "emitted"
    namespace: dict[str, Any] = {"__name__": name}
    exec(compile(code, f"<{name}>", "exec"), namespace)
    made = namespace[class_name]()
    assert isinstance(made, nn.Module)
    return made.double()


def hold(net: Network, seed: int = 0, opened: Network | None = None, code: str | None = None) -> Found:
    """Compare the emitted file of a network with its hierarchy; Difference where they are not the same.

    opened: the network on images of any size, whose file is then compared with what the network is on one. code: a file
    that is compared in place of the network's own.
    """
    with torch.device("meta" if net.params > LARGE else "cpu"):
        reference = Reference(net.module)
        try:
            file = (opened or net).emitted
            model = emitted(file.code if code is None else code, file.class_name)
        except Exception as error:
            raise Difference(f"no module, {type(error).__name__}", str(error)) from error
    _hold_tensors(net, model, reference)
    if net.params > LARGE:
        return _found(net, model, lively=True)
    draw = torch.Generator().manual_seed(seed)
    state = scattered(reference.state(), draw)
    model.load_state_dict(state)
    reference.load(state)
    handles = list(_prepared(model, reference))
    xs = inputs_of(net.module, draw)
    rounding = _Rounding(net, state, xs)
    lively = _hold_outputs("eval", model.eval(), reference, xs, rounding)
    _hold_outputs("train", model.train(), reference, xs, rounding)
    _hold_close("statistics", dict(model.state_dict()), reference.state(), rounding)
    for handle in handles:
        handle.remove()
    return _found(net, model, lively=lively)


def _found(net: Network, model: nn.Module, *, lively: bool) -> Found:
    shared, classes = _classes(model)
    blocks = {each.name for each in net.modules if each.is_named and not each.is_network}
    return Found(shared, classes, len(blocks), lively)


def _hold_tensors(net: Network, model: nn.Module, reference: Reference) -> None:
    made, wanted = model.state_dict(), reference.state()
    if list(made) != list(wanted):
        missing = [name for name in wanted if name not in made]
        more = [name for name in made if name not in wanted]
        kind = "names" if missing or more else "order"
        raise Difference(kind, f"missing {missing[:4]}, more {more[:4]}" if kind == "names" else f"{list(made)[:9]}")
    for name, value in wanted.items():
        if value.shape != made[name].shape or value.dtype != made[name].dtype:
            raise Difference("shapes", f"{name} is {tuple(made[name].shape)}, not {tuple(value.shape)}")
        if not value.is_meta and not value.is_floating_point() and not torch.equal(value, made[name]):
            raise Difference("whole numbers", name)
    counts = sum(each.numel() for each in model.parameters()), sum(map(Tensor.numel, reference.parameters().values()))
    if counts != (net.params, net.params):
        raise Difference("counts", f"{counts[0]:,} and {counts[1]:,} parameters, not {net.params:,}")
    for name, fill in reference.fresh().items():
        if not made[name].is_meta and not bool((made[name] == torch.tensor(fill).double()).all()):
            raise Difference("first values", f"{name} does not start from {fill}")


def _prepared(model: nn.Module, reference: Reference) -> Iterator[Any]:
    """Do before each call of a layer what the reference does."""
    for path, layer in model.named_modules():
        if path in reference.layers:
            yield layer.register_forward_pre_hook(lambda layer, xs, path=path: prepared(path, layer, xs))


class _Rounding:
    """How far a network is from itself where each of its numbers is one step of rounding away. A deep network can make
    much of little: there 1e-12 would be a bound on its condition and not on the file."""

    def __init__(self, net: Network, state: dict[str, Tensor], xs: tuple[Tensor, ...]) -> None:
        self.net = net
        self.state = state
        self.xs = xs

    @cached_property
    def nudged(self) -> dict[str, dict[str, Tensor]]:
        """What comes out then, by the kind of what is compared."""
        draw = torch.Generator().manual_seed(0)
        reference = Reference(self.net.module)
        reference.load({name: _nudged(value, draw) for name, value in self.state.items()})
        reference.train(False)
        with torch.no_grad():
            found = {"eval": _named(reference(*(x.clone() for x in self.xs)))}
        reference.train(True)
        found["train"] = _named(reference(*(x.clone() for x in self.xs)))
        _backward(tuple(found["train"].values()))
        found["gradients"] = _gradients(reference.parameters())
        return {**found, "statistics": reference.state()}

    def allows(self, kind: str, wanted: dict[str, Tensor], apart: float, least: float) -> bool:
        """Whether a number can be so far from what it should be by rounding alone."""
        nudged = self.nudged[kind]
        answers = (
            _apart(wanted[name].detach(), nudged[name].detach(), least) for name in nudged.keys() & wanted.keys()
        )
        return apart <= min(_STEPS * max(answers, default=0.0), _MOST)


def _nudged(value: Tensor, draw: torch.Generator) -> Tensor:
    """Numbers, each the next above or below, or itself."""
    if not value.is_floating_point():
        return value
    steps = torch.randint(-1, 2, value.shape, generator=draw).to(value.dtype)
    return value * (1 + torch.finfo(value.dtype).eps * steps)


def _named(outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"output {index}": each for index, each in enumerate(outputs)}


def _hold_outputs(
    mode: str, model: nn.Module, reference: Reference, xs: tuple[Tensor, ...], rounding: _Rounding
) -> bool:
    training = mode == "train"
    reference.train(training)
    with torch.set_grad_enabled(training):
        wanted = reference(*(x.clone() for x in xs))
        try:
            result = model(*(x.clone() for x in xs))
        except Exception as error:
            raise Difference(f"{mode} fails, {type(error).__name__}", str(error)) from error
    made = result if isinstance(result, tuple) else (result,)
    if len(made) != len(wanted):
        raise Difference(mode, f"{len(made)} outputs, not {len(wanted)}")
    _hold_close(mode, _named(made), _named(wanted), rounding)
    if training:
        _hold_gradients(model, reference, made, wanted, rounding)
    return any(bool(each.isfinite().all()) and bool((each != each.flatten()[0]).any()) for each in wanted)


def _hold_gradients(
    model: nn.Module,
    reference: Reference,
    made: tuple[Tensor, ...],
    wanted: tuple[Tensor, ...],
    rounding: _Rounding,
) -> None:
    """What is overwritten in place must not be what the backward pass needs."""
    for outputs in (made, wanted):
        try:
            _backward(outputs)
        except Exception as error:
            raise Difference(f"backward fails, {type(error).__name__}", str(error)) from error
    gradients, others = _gradients(dict(model.named_parameters())), _gradients(reference.parameters())
    if gradients.keys() != others.keys():
        raise Difference("gradients", f"of {sorted(gradients.keys() ^ others.keys())[:4]}")
    # that of a bias before a norm is nothing but what rounding leaves
    most = max((each.abs().max().item() for each in others.values()), default=0.0)
    _hold_close("gradients", gradients, others, rounding, most)


def _backward(outputs: tuple[Tensor, ...]) -> None:
    """The gradients of a sum in which each number has a weight of its own."""
    total = sum((each * torch.linspace(-1, 1, each.numel()).view(each.shape)).sum() for each in outputs)
    if isinstance(total, Tensor) and total.requires_grad:
        total.backward()


def _gradients(learned: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    return {name: each.grad for name, each in learned.items() if each.grad is not None}


def _hold_close(
    kind: str, made: dict[str, Tensor], wanted: dict[str, Tensor], rounding: _Rounding, least: float = 1e-30
) -> None:
    """least: what differences are compared with where the numbers themselves are smaller."""
    for name, value in wanted.items():
        other = made[name]
        if value.shape != other.shape:
            raise Difference(kind, f"{name} is {tuple(other.shape)}, not {tuple(value.shape)}")
        if torch.equal(value, other):
            continue
        apart = _apart(value.detach().double(), other.detach().double(), least)
        if not apart <= TOLERANCE and not rounding.allows(kind, wanted, apart, least):
            raise Difference(kind, f"{name} is {apart:.1e} away")


def _apart(value: Tensor, other: Tensor, least: float) -> float:
    """The largest difference by the largest number; what is no number must be none in both."""
    differs = (value != other) & ~(value.isnan() & other.isnan())
    if not bool(differs.any()):
        return 0.0
    finite = value[value.isfinite()].abs()
    return (value - other)[differs].abs().max().item() / max(finite.max().item() if finite.numel() else 0.0, least)


def _classes(model: nn.Module) -> tuple[tuple[str, ...], int]:
    """The classes of blocks that unlike instances share, and how many classes of blocks there are."""
    forms: dict[str, set[str]] = {}
    for layer in model.modules():
        cls = type(layer)
        if cls.__module__ == "emitted" and cls.__name__.lower() not in _COPIED:
            shapes = [tuple(each.shape) for each in layer.state_dict().values()]
            forms.setdefault(cls.__name__, set()).add(f"{layer}{shapes}")
    shared = tuple(name for name, seen in forms.items() if len(seen) > 1)
    return shared, len(forms) - 1


def failure(text: str, settings: dict[str, Any] | None = None, seed: int = 0) -> Difference | None:
    """How the emitted file of a text differs from it; None where it does not, or where there is no network."""
    try:
        net = archdsl.parse(text, **(settings or {}))
    except ArchError:
        return None
    except Exception as error:  # noqa: BLE001 - a bug of the compiler, which the report shows
        return Difference(f"no network, {type(error).__name__}", str(error))
    try:
        hold(net, seed)
    except Difference as found:
        return found
    return None
