"""A convolution as the product of matrices that it is: our shapes are those of `torch.nn.functional.unfold`, and the
product is the convolution."""

from __future__ import annotations

import re
from fractions import Fraction
from math import prod

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from laws.interpreter import module
from programme import examples
from torch import Tensor
from torch.nn import functional as F

import archdsl
from archdsl import ArchError
from archdsl.emit.torch.calls import call_of
from archdsl.facts.im2col import Im2col


def matrices(net: archdsl.Network, path: str) -> Im2col:
    found = net.im2col(path)
    assert found is not None
    return found


@st.composite
def layers(draw: st.DrawFn, *, transposed: bool = False) -> tuple[str, str]:
    """A convolution on an image, and the image."""
    small = st.integers(1, 3)
    groups = draw(small)
    channels, filters = groups * draw(small), groups * draw(small)
    given = [f"groups={groups}", f"window=({draw(small)}, {draw(small)})", f"stride=({draw(small)}, {draw(small)})"]
    given += [f"p=({draw(st.integers(0, 2))}, {draw(st.integers(0, 2))})", f"dilation=({draw(small)}, {draw(small)})"]
    size = f"{draw(st.integers(7, 11))}x{draw(st.integers(7, 11))}x{channels}"
    return f"{'deconv' if transposed else 'conv'}-{filters}({', '.join(given)}, bias=false) as layer", size


@examples(60, 3_000)
@given(layers())
def test_the_product_of_the_matrices_is_the_convolution(drawn: tuple[str, str]) -> None:
    chain, size = drawn
    net = archdsl.parse(f"INPUT[{size}] -> {chain}")
    (step,) = net.module.steps
    found, conv = matrices(net, "layer"), module(call_of(step)).double()
    (kind,) = net.inputs.values()
    x = torch.randn(1, *kind.shape, dtype=torch.float64)
    columns = F.unfold(x, conv.kernel_size, conv.dilation, conv.padding, conv.stride)[0]
    columns = columns.unflatten(0, (found.groups, -1))
    weights = conv.weight.unflatten(0, (found.groups, -1)).flatten(2)
    assert tuple(columns.shape) == (found.groups, *found.columns)
    assert tuple(weights.shape) == (found.groups, *found.weights)
    assert columns.numel() == found.numbers
    product = weights @ columns
    assert tuple(product.shape[1:]) == found.product
    assert torch.allclose(product.flatten(0, 1), conv(x)[0].flatten(1))
    assert found.macs == net.macs
    assert found.copies_nothing == (torch.equal(columns.flatten(0, 1), x[0].flatten(1)) and prod(conv.kernel_size) == 1)


@examples(40, 2_000)
@given(layers(transposed=True))
def test_a_transposed_convolution_is_the_same_read_backwards(drawn: tuple[str, str]) -> None:
    chain, size = drawn
    try:
        net = archdsl.parse(f"INPUT[{size}] -> {chain}")
    except ArchError:
        assume(False)
        return
    (step,) = net.module.steps
    found, conv = matrices(net, "layer"), module(call_of(step)).double()
    (kind,), (out,) = net.inputs.values(), net.outputs.values()
    x = torch.randn(1, *kind.shape, dtype=torch.float64)
    weights: Tensor = conv.weight.unflatten(0, (found.groups, -1)).flatten(2).transpose(1, 2)
    assert tuple(weights.shape) == (found.groups, *found.weights)
    columns = weights @ x[0].unflatten(0, (found.groups, -1)).flatten(2)
    assert tuple(columns.shape) == (found.groups, *found.product)
    assert columns.numel() == found.numbers
    settings = (conv.dilation, conv.padding, conv.stride)
    added = F.fold(columns.flatten(0, 1)[None], out.grid, conv.kernel_size, *settings)
    assert torch.allclose(added, conv(x))
    assert found.macs == net.macs
    assert found.map == added.numel()


@pytest.mark.parametrize(
    ("text", "groups", "weights", "columns"),
    [
        ("INPUT[227x227x3] -> conv11-96/4(p=0) as layer", 1, (96, 363), (363, 3025)),
        ("INPUT[56x56x128] -> dwconv3/2 as layer", 128, (1, 9), (9, 784)),
        ("INPUT[56x56x128] -> dwconv3(multiplier=2) as layer", 128, (2, 9), (9, 3136)),
        ("INPUT[100x16] -> conv5-32 as layer", 1, (32, 80), (80, 100)),
        ("INPUT[8x9x10x4] -> conv3-6 as layer", 1, (6, 108), (108, 720)),
        ("INPUT[8x9x10x4] -> deconv2-6/2 as layer", 1, (48, 4), (4, 720)),
    ],
)
def test_the_shapes_on_any_number_of_axes(
    text: str, groups: int, weights: tuple[int, int], columns: tuple[int, int]
) -> None:
    net = archdsl.parse(text)
    found = matrices(net, "layer")
    assert (found.groups, found.weights, found.columns) == (groups, weights, columns)
    assert found.macs == net.macs


def test_what_is_no_convolution_has_none() -> None:
    net = archdsl.load("alexnet")
    assert net.im2col("fc6") is None
    assert net.im2col("pool1") is None
    assert "im2col" not in net.explain("fc6")
    with pytest.raises(ArchError):
        net.im2col("conv9")


def test_explain_shows_the_first_layer_of_alexnet() -> None:
    text = archdsl.load("alexnet").explain("conv1")
    assert "96x363 times 363x3025 -> 96x3025" in text
    assert "363*3025 = 1,098,075 numbers, 4.39 MB in float32, 7.1 times" in text


@examples(40, 2_000)
@given(layers())
def test_how_many_times_the_input_the_columns_are_is_rounded(drawn: tuple[str, str]) -> None:
    chain, size = drawn
    net = archdsl.parse(f"INPUT[{size}] -> {chain}")
    found = matrices(net, "layer")
    text = " ".join(net.explain("layer").split())
    if not found.copies_nothing:
        (shown,) = re.findall(r", (\S+) times the input's", text)
        assert abs(Fraction(shown) - Fraction(found.numbers, found.map)) <= Fraction(1, 20)


def test_explain_says_where_nothing_is_copied() -> None:
    net = archdsl.load("resnet50")
    assert "copies nothing" in net.explain("layer1.0.conv1")
    # a stride leaves out what the matrix must not hold
    assert "copies nothing" not in net.explain("layer2.0.downsample.0")
