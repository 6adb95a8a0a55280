"""A second back end: a plain chain as Keras layers, read from the hierarchy alone.

    python examples/keras_layers.py vgg16

A layer is a function of an operator and of the tensor that comes in. Keras keeps channels last, so maps are permuted
before they are flattened: the weights of a fully connected layer then have the order that PyTorch gives them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import singledispatch
from typing import Any

import archdsl
from archdsl import Network, TensorType
from archdsl.algebra.tensors import Kind
from archdsl.base.python_text import literal
from archdsl.graph.flat import layers
from archdsl.ops.activation import LeakyRelu, Plain, Softmax
from archdsl.ops.conv import Conv
from archdsl.ops.dense import Flatten, FullyConnected
from archdsl.ops.norm import BatchNorm
from archdsl.ops.operator import Operator
from archdsl.ops.pool import AveragePool, GlobalAveragePool, GlobalMaxPool, MaxPool
from archdsl.ops.regular import Dropout

# what Keras calls activations without arguments
_ACTIVATIONS = {
    "relu": "relu", "relu6": "relu6", "tanh": "tanh", "sigmoid": "sigmoid", "silu": "silu", "selu": "selu",
    "mish": "mish", "softplus": "softplus", "hardsigmoid": "hard_sigmoid", "hardswish": "hard_silu",
}  # fmt: skip


class NotPlain(ValueError):
    """A network that is no chain of layers that Keras has."""


def keras_text(net: Network) -> str:
    """The text of a function that makes the network. Raises NotPlain where it is no chain of layers that Keras has."""
    (kind,) = net.inputs.values() if len(net.inputs) == 1 else [_refuse("several inputs")]
    branches = any(degree > 1 for _, degree in net.graph.out_degree())
    if branches or len(net.outputs) > 1 or kind.kind not in {Kind.IMAGE, Kind.VECTOR}:
        _refuse("it branches, or is no image or vector")
    lines = [f"layers.Input({_channels_last(kind)}),"]
    before = kind
    for layer in layers(net.module):
        if layer.training_only:
            continue
        step = layer.step
        if len(step.inputs) != 1 or step.shared or step.input_types[0] != before:
            _refuse(f"`{layer.path}` is no link of a plain chain")
        lines += [f"layers.{each}," for each in _made(step.what, before, layer.path.replace(".", "_"))]
        before = step.outputs[0]
    body = "\n".join(f"            {line}" for line in lines)
    return f"""from keras import Sequential, layers


def {net.name}() -> Sequential:
    return Sequential(
        [
{body}
        ],
        name={literal(net.name)},
    )
"""


def _made(operator: Any, x: TensorType, name: str) -> Iterator[str]:
    *before, last = _layers(operator, x)
    yield from before
    yield f"{last[:-1]}{', ' if last[-2] != '(' else ''}name={literal(name)})"


@singledispatch
def _layers(operator: Operator[Any], _x: TensorType) -> list[str]:
    """The layers of Keras that do what an operator does, without their names."""
    return _refuse(f"Keras has no layer for `{operator.word}` here")


@_layers.register
def _(operator: Conv, x: TensorType) -> list[str]:
    windows = operator.windows(x)
    sizes, strides, dilations = _sizes(windows)
    more = f", groups={operator.groups}" if operator.groups > 1 else ""
    more += ", use_bias=False" if operator.bias is False else ""
    return [
        *_padded(windows),
        f"Conv{x.rank}D({operator.width}, {sizes}, strides={strides}, dilation_rate={dilations}{more})",
    ]


@_layers.register(MaxPool)
@_layers.register(AveragePool)
def _(operator: MaxPool | AveragePool, x: TensorType) -> list[str]:
    windows = operator.windows(x)
    sizes, strides, _ = _sizes(windows)
    if any(each.padded or each.ceil or each.dilation > 1 for each in windows):
        _refuse("a pooling that pads, which Keras does with zeros and counts them")
    kind = "Max" if isinstance(operator, MaxPool) else "Average"
    return [f"{kind}Pooling{x.rank}D({sizes}, strides={strides})"]


@_layers.register(GlobalAveragePool)
@_layers.register(GlobalMaxPool)
def _(operator: GlobalAveragePool | GlobalMaxPool, x: TensorType) -> list[str]:
    kind = "Average" if isinstance(operator, GlobalAveragePool) else "Max"
    return [f"Global{kind}Pooling{x.rank}D({'keepdims=True' if operator.keep else ''})"]


@_layers.register
def _(_operator: Flatten, x: TensorType) -> list[str]:
    axes = ", ".join(map(str, [x.rank + 1, *range(1, x.rank + 1)]))
    return [*([f"Permute(({axes}))"] if x.rank else []), "Flatten()"]


@_layers.register
def _(operator: FullyConnected, _x: TensorType) -> list[str]:
    return [f"Dense({operator.width}{', use_bias=False' if operator.bias is False else ''})"]


@_layers.register
def _(operator: BatchNorm, _x: TensorType) -> list[str]:
    affine = "" if operator.affine else ", center=False, scale=False"
    return [f"BatchNormalization(momentum={1 - operator.momentum}, epsilon={operator.eps}{affine})"]


@_layers.register
def _(operator: Dropout, x: TensorType) -> list[str]:
    return [f"SpatialDropout{x.rank}D({operator.p})" if operator.channels and x.rank else f"Dropout({operator.p})"]


@_layers.register
def _(operator: Plain, _x: TensorType) -> list[str]:
    if operator.word not in _ACTIVATIONS:
        _refuse(f"Keras has no activation for `{operator.word}`")
    return [f"Activation({literal(_ACTIVATIONS[operator.word])})"]


@_layers.register
def _(operator: LeakyRelu, _x: TensorType) -> list[str]:
    return [f"LeakyReLU({operator.slope})"]


@_layers.register
def _(_operator: Softmax, _x: TensorType) -> list[str]:
    return ["Softmax()"]


def _padded(windows: tuple[Any, ...]) -> list[str]:
    """Zeros around a map, where a convolution has some."""
    pairs = [(each.padding, each.padded - each.padding) for each in windows]
    if not any(map(any, pairs)):
        return []
    return [f"ZeroPadding{len(pairs)}D({tuple(pairs) if len(pairs) > 1 else pairs[0]})"]


def _sizes(windows: tuple[Any, ...]) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    sizes, strides, dilations = zip(*((each.size, each.stride, each.dilation) for each in windows), strict=True)
    return sizes, strides, dilations


def _channels_last(kind: TensorType) -> tuple[int, ...]:
    return (*kind.shape[1:], kind.shape[0])


def _refuse(why: str) -> Any:
    raise NotPlain(why)


if __name__ == "__main__":
    sys.stdout.write(keras_text(archdsl.load(sys.argv[1])))
