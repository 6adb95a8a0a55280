"""A second reading of the operators' torch calls, which runs them at once: what the laws hold the operators to."""

from __future__ import annotations

import runpy
from functools import cache, reduce
from operator import add, mul
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import archdsl.ops
from archdsl.base.tensors import Kind, TensorType
from archdsl.ops.torchcall import ALL, Apply, Grid, Layer, Learned, Slot

BATCH = 2
_MODULES = Path(archdsl.ops.__file__).parent / "modules"
_INFIX = {"+": add, "*": mul}


def tensor(kind: TensorType, device: str = "cpu") -> Tensor:
    """A batch of tensors of a type."""
    if kind.kind is Kind.TOKENS:
        return torch.zeros(BATCH, *kind.shape, dtype=torch.long, device=device)
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


def learned(call: Learned, xs: list[Tensor]) -> Tensor:
    """What a tensor of the class itself makes of what comes in."""
    (x,) = xs
    return _INFIX[call.function](nn.Parameter(torch.full(call.shape, call.fill, device=x.device)), x)


def applied(call: Apply, xs: list[Tensor]) -> Tensor:
    """What an expression gives."""

    def given(value: Any) -> Any:
        match value:
            case Slot(index):
                return xs if value == ALL else xs[index]
            case Grid(index):
                return xs[index].shape[2:]
            case Apply():
                return applied(value, xs)
            case _:
                return value

    args = [given(each) for each in call.args]
    kwargs = {name: given(value) for name, value in call.kwargs}
    if call.function == "[]":
        whole, *parts = args
        return whole[tuple(parts)] if len(parts) > 1 else whole[parts[0]]
    if call.function in _INFIX:
        return reduce(_INFIX[call.function], xs)
    space, _, name = call.function.rpartition(".")
    if not space:
        return getattr(args[0], name)(*args[1:], **kwargs)
    function = getattr({"torch": torch, "nn.functional": nn.functional}[space], name)
    return function(*args, **kwargs)


def run(call: Layer | Apply | Learned, xs: list[Tensor]) -> Tensor:
    """What a call gives. Where an expression has a module that does the same, it must."""
    with torch.no_grad():
        if isinstance(call, Layer):
            return module(call)(*xs)
        if isinstance(call, Learned):
            return learned(call, xs)
        result = applied(call, xs)
        if call.layer is not None:
            (x,) = xs
            assert torch.equal(module(call.layer)(x), result)
        return result


def sizes(x: Tensor) -> tuple[int, ...]:
    """The shape of a tensor without its batch."""
    assert x.shape[0] == BATCH
    return tuple(x.shape[1:])
