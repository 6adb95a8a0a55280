"""A second reading of the operators' torch calls, which runs them at once: what the laws hold the operators to."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from functools import cache, reduce
from operator import add, eq, mul
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import archdsl.ops
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.ops.torchcall import ALL, Apply, Grid, Layer, Learned, Passed, Slot, Weight

Weights = Mapping[str, Tensor]

BATCH = 2
_MODULES = Path(archdsl.ops.__file__).parent / "modules"
_INFIX = {"+": add, "*": mul, "==": eq}


def tensor(kind: TensorType, device: str = "cpu") -> Tensor:
    """A batch of tensors of a type: zeros, and masks in which nothing is padding."""
    match kind.kind:
        case Kind.TOKENS:
            return torch.zeros(BATCH, *kind.shape, dtype=torch.long, device=device)
        case Kind.MASK:
            return torch.zeros(BATCH, *kind.shape, dtype=torch.bool, device=device)
        case Kind.STATE:
            layers, features = kind.shape
            return torch.zeros(layers, BATCH, features, device=device)
        case _:
            return torch.zeros(BATCH, *kind.shape, device=device)


def module(call: Layer) -> nn.Module:
    """The module that a layer builds."""
    args = [module(each) if isinstance(each, Layer) else each for each in call.args]
    made = _class(call)(*args, **dict(call.kwargs))
    assert isinstance(made, nn.Module)
    return made.eval()


def _class(call: Layer) -> Any:
    if call.copied is not None:
        return _copied(call.copied)[call.target]
    space, _, name = call.target.partition(".")
    assert space == "nn", call.target
    return getattr(nn, name)


@cache
def _copied(name: str) -> dict[str, Any]:
    return runpy.run_path(str(_MODULES / f"{name}.py"))


def learned(call: Learned, xs: list[Tensor], tensor: Tensor | None = None) -> Tensor:
    """What a tensor of the class itself makes of what comes in; a new one if none is given."""
    (x,) = xs
    made = nn.Parameter(torch.full(call.shape, call.fill, device=x.device)) if tensor is None else tensor
    return made.expand(x.shape[0], *call.shape[1:]) if call.function == "expand" else _INFIX[call.function](made, x)


def applied(call: Apply, xs: list[Tensor], weights: Weights | None = None) -> Any:
    """What an expression gives; `weights` are those of other layers of its class."""

    def given(value: Any) -> Any:
        match value:
            case Slot(index):
                return xs if value == ALL else xs[index]
            case Grid(index):
                return xs[index].shape[2:]
            case Weight(path):
                assert weights is not None
                return weights[path]
            case Apply():
                return applied(value, xs, weights)
            case tuple():
                return tuple(map(given, value))
            case _:
                return value

    args = [given(each) for each in call.args]
    kwargs = {name: given(value) for name, value in call.kwargs}
    if call.function == "[]":
        whole, *parts = args
        return whole[tuple(parts)] if len(parts) > 1 else whole[parts[0]]
    if call.function in _INFIX:
        return reduce(_INFIX[call.function], xs if call.args == (ALL,) else args)
    space, _, name = call.function.rpartition(".")
    if not space:
        return getattr(args[0], name)(*args[1:], **kwargs)
    function = getattr({"torch": torch, "nn.functional": nn.functional}[space], name)
    return function(*args, **kwargs)


def called(made: nn.Module, call: Layer, xs: list[Tensor]) -> tuple[Tensor, ...]:
    """All that a layer gives, in the order of its operator."""

    def taken(value: Any) -> Any:
        return tuple(map(taken, value)) if isinstance(value, tuple) else xs[value.index]

    named = {each.name: taken(each.slot) for each in call.takes if isinstance(each, Passed)}
    args = [taken(each) for each in call.takes if not isinstance(each, Passed)] if call.takes else xs
    result = made(*args, **named)
    if not call.gives:
        return (result,)
    found: dict[int, Tensor] = {}

    def match(pattern: Any, value: Any) -> None:
        if isinstance(pattern, tuple):
            for each, part in zip(pattern, value, strict=True):
                match(each, part)
        elif pattern is not None:
            found[pattern.index] = value

    match(call.gives, result)
    return tuple(found[index] for index in range(len(found)))


def results(call: Layer | Apply | Learned, xs: list[Tensor], weights: Weights | None = None) -> tuple[Tensor, ...]:
    """All that a call gives. Where there is a module that does the same, it must."""
    with torch.no_grad():
        if isinstance(call, Layer):
            made = module(call)
            given = called(made, call, xs)
            if call.row is not None and len(xs) == 1:
                row = module(call.row)
                row.load_state_dict(made.state_dict())
                assert torch.equal(row(xs[0]), given[0])
            return given
        if isinstance(call, Learned):
            return (learned(call, xs),)
        result = applied(call, xs, weights)
        if call.layer is not None:
            (x,) = xs
            assert torch.equal(module(call.layer)(x), result)
        return result if isinstance(result, tuple) else (result,)


def run(call: Layer | Apply | Learned, xs: list[Tensor]) -> Tensor:
    """What a call gives that gives one tensor."""
    (result,) = results(call, xs)
    return result


def kind_of(x: Tensor, kind: TensorType) -> TensorType:
    """The type of a batch of tensors, if its axes mean what those of a given type do."""
    batch = 1 if kind.kind is Kind.STATE else 0
    assert x.shape[batch] == BATCH
    numbers = {Kind.TOKENS: torch.long, Kind.MASK: torch.bool}
    assert x.dtype == numbers.get(kind.kind, torch.float)
    return TensorType((*x.shape[:batch], *x.shape[batch + 1 :]), kind.kind)


def sizes(x: Tensor) -> tuple[int, ...]:
    """The shape of a tensor without its batch."""
    assert x.shape[0] == BATCH
    return tuple(x.shape[1:])
