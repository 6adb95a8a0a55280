"""What an output position sees, against the gradients of torch; and the algebra of fields."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from math import ceil, floor
from typing import Any

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from laws.interpreter import module
from programme import examples
from torch import Tensor, nn

from archdsl.algebra.fields import SAME, Channels, Field, Status, everything, union
from archdsl.algebra.tensors import TensorType
from archdsl.algebra.windows import Spread, Window
from archdsl.ops import OPERATORS
from archdsl.ops.arguments import arguments, bind
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator

_WORDS = ("conv", "dwconv", "deconv", "pool", "avgpool", "upsample", "pad")


# --- fields against gradients -----------------------------------------------------------------------------------------


@st.composite
def windowed(draw: st.DrawFn, word: str) -> tuple[Operator[Any], TensorType]:
    """An operator and an image of one or two axes, large enough that not every window touches an end."""
    rank = draw(st.integers(1, 2))
    grid = draw(st.lists(st.integers(3, 13), min_size=rank, max_size=rank, unique=True))

    def axes(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=rank, max_size=rank)))

    drawn = {
        "width": lambda: 1,
        "window": lambda: axes(1, 5),
        "factor": lambda: axes(1, 4),
        "stride": lambda: axes(1, 3),
        "p": lambda: axes(0, 2),
        "before": lambda: axes(0, 2),
        "after": lambda: axes(0, 2),
        "dilation": lambda: axes(1, 3),
        "output_padding": lambda: axes(0, 2),
        "ceil": lambda: draw(st.booleans()),
    }
    given = {name: drawn[name]() for name in arguments(OPERATORS[word]) if name in drawn}
    return bind(OPERATORS[word], given), TensorType.image(1, *grid)


def positive(operator: Operator[Any], x: TensorType) -> nn.Module:
    """The operator's module with positive weights, and the mean in place of the maximum."""
    if operator.word == "pool":
        return Mean(operator.windows(x))
    made = module(operator.torch(x))
    for each in made.parameters():
        nn.init.ones_(each)
    return made


class Mean(nn.Module):
    """The sum over the windows of a max pool, which sees what the maximum could come from."""

    def __init__(self, windows: tuple[Window, ...]) -> None:
        super().__init__()
        self.windows = windows

    def forward(self, x: Tensor) -> Tensor:
        for axis, window in enumerate(self.windows, start=2):
            after = window.slide(x.shape[axis])
            positions = [
                [
                    i
                    for k in range(window.size)
                    if 0 <= (i := o * window.stride - window.padding + k * window.dilation) < x.shape[axis]
                ]
                for o in range(after)
            ]
            x = torch.stack([x.index_select(axis, torch.tensor(each)).sum(axis) for each in positions], axis)
        return x


def support(made: nn.Module, x: TensorType, output: tuple[int, ...]) -> list[set[int]]:
    """The positions that one output unit depends on, along each axis."""
    data = torch.ones(1, *x.shape, requires_grad=True)
    unit = made(data)[(0, 0, *output)]
    if not unit.requires_grad:
        return [set() for _ in x.grid]
    (gradient,) = torch.autograd.grad(unit, data)
    touched = gradient[0, 0].nonzero()
    return [set(touched[:, axis].tolist()) for axis in range(x.rank)]


@pytest.mark.parametrize("word", _WORDS)
@examples(60, 3_000)
@given(st.data())
def test_the_field_of_an_output_is_the_support_of_its_gradient(word: str, data: st.DataObject) -> None:
    operator, x = data.draw(windowed(word))
    try:
        grid = operator.result((x,)).grid
    except Reject:
        assume(False)
        return
    output = tuple(data.draw(st.integers(0, length - 1)) for length in grid)
    seen = support(positive(operator, x), x, output)
    # where one axis sees nothing but padding, the gradient is zero on all
    nothing = any(not each for each in seen)
    for window, length, unit, touched in zip(operator.windows(x), x.grid, output, seen, strict=True):
        field = window.field
        low, high = field.low + unit * field.jump, field.high + unit * field.jump
        inside = set(range(max(0, ceil(low)), min(length - 1, floor(high)) + 1))
        assert touched <= inside
        if nothing:
            continue
        if window.dilation == 1:
            assert touched == inside
        elif isinstance(window, Window) and low >= 0 and high < length:
            assert {min(touched), max(touched)} == {low, high}
            assert field.size == max(touched) - min(touched) + 1


# --- the algebra of fields --------------------------------------------------------------------------------------------


def windows() -> st.SearchStrategy[Window | Spread]:
    small = st.integers(1, 5)
    return st.one_of(
        st.builds(Window, small, small, st.integers(0, 4), st.integers(1, 3), st.booleans()),
        st.builds(Spread, small, small, st.integers(0, 4), st.integers(1, 3), st.integers(0, 2)),
    )


def fields() -> st.SearchStrategy[Field]:
    """Fields of windows and others, also those that do not move."""
    number = st.fractions(-20, 20, max_denominator=6)

    def between(low: Fraction, more: Fraction, jump: Fraction, gap: Fraction, bound: bool, channels: Channels) -> Field:
        return Field(low, low + more, jump, gap, bound, channels=channels)

    some = st.fractions(0, 20, max_denominator=6)
    jump = st.fractions(0, 6, max_denominator=6)
    free = st.builds(between, number, some, jump, some, st.booleans(), st.builds(Channels, *[st.booleans()] * 3))
    whole = st.integers(1, 20).map(everything)
    return st.one_of(windows().map(lambda window: window.field), free, st.just(SAME), whole)


def alike(a: Field, b: Field) -> bool:
    """Equal but for the input that they are of, which a field alone does not know."""
    return replace(a, length=0) == replace(b, length=0)


@examples(300, 5_000)
@given(fields(), fields(), fields())
def test_then_is_associative_and_same_changes_nothing(a: Field, b: Field, c: Field) -> None:
    assert a.then(b).then(c) == a.then(b.then(c))
    assert alike(SAME.then(a), a)
    assert a.then(SAME) == a


@examples(200, 5_000)
@given(fields(), st.integers(0, 40))
def test_a_power_is_then_as_often(a: Field, count: int) -> None:
    assert a.power(count) == reduce(Field.then, [a] * count, SAME)


@examples(300, 5_000)
@given(st.lists(fields(), min_size=2, max_size=4), st.integers(1, 12))
def test_a_union_holds_all_at_each_position(each: list[Field], positions: int) -> None:
    each = [replace(one, length=0) for one in each]
    both = union(each, positions)
    swapped = union(reversed(each), positions)
    assert len(each) > 2 or both == swapped
    for at in range(positions):
        low, high = min(one.low + at * one.jump for one in each), max(one.high + at * one.jump for one in each)
        assert both.low + at * both.jump <= low
        assert high <= both.high + at * both.jump
        if not both.bound:
            assert (low, high) == (both.low + at * both.jump, both.high + at * both.jump)


def test_a_union_of_what_moves_in_step_is_exact_though_nothing_between_is_seen() -> None:
    left, right = Window(3, padding=9).field, Window(3, padding=-9).field
    both = union([left, right], 50)
    assert (both.size, both.status, both.gap, both.gapless) == (21, Status.EXACT, 16, False)


def test_a_union_of_what_moves_apart_is_a_bound() -> None:
    both = union([Window(3, 1, 1).field, Window(3, 2, 1).field], 8)
    assert both.status is Status.BOUND


def test_what_sees_the_whole_input_holds_what_sees_its_padding_besides() -> None:
    whole, wide = everything(9), replace(Window(99, 1, 49).field, length=9)
    assert union([whole, wide], 9).status is Status.WHOLE


@examples(200, 5_000)
@given(windows(), st.lists(windows(), max_size=3), st.integers(20, 40))
def test_the_field_of_a_chain_covers_what_its_windows_touch(
    first: Window | Spread, rest: list[Window | Spread], unit: int
) -> None:
    """Followed back through the windows one by one, by the definition of a window and not of a field."""
    chain = [first, *rest]
    touched = {unit}
    for window in reversed(chain):
        touched = {i for o in touched for i in reached(window, o)}
    field = reduce(Field.then, (window.field for window in chain), SAME)
    if touched:
        assert field.low + unit * field.jump <= min(touched)
        assert max(touched) <= field.high + unit * field.jump
        if all(isinstance(window, Window) for window in chain):
            assert field.size == max(touched) - min(touched) + 1
            farthest = max((b - a for a, b in pairwise(sorted(touched))), default=0)
            assert farthest <= field.gap or field.size == 1
            assert not field.gapless or touched == set(range(min(touched), max(touched) + 1))


def reached(window: Window | Spread, o: int) -> list[int]:
    """The input positions that output position `o` is made of, on a line without ends."""
    if isinstance(window, Window):
        return [o * window.stride - window.padding + k * window.dilation for k in range(window.size)]
    reads = [o + window.padding - k * window.dilation for k in range(window.size)]
    return [each // window.stride for each in reads if each % window.stride == 0]


# --- arithmetic -------------------------------------------------------------------------------------------------------


@examples(300, 5_000)
@given(windows(), st.integers(1, 30))
def test_the_arithmetic_that_is_shown_is_right(window: Window | Spread, length: int) -> None:
    left, _, right = window.arithmetic(length).partition(" = ")
    # the text is digits, brackets and signs
    value = eval(left.replace("/", "/Fraction(1)/"), {"Fraction": Fraction})
    shown, _, rounded = right.partition(" -> ")
    assert int(rounded or shown) == window.slide(length)
    assert (
        value == Fraction(shown) if not shown.endswith("..") else abs(value - Fraction(shown[:-2])) < Fraction(1, 1000)
    )


@examples(200, 5_000)
@given(windows(), st.integers(1, 30))
def test_a_stride_that_divides_leaves_nothing_over(window: Window | Spread, length: int) -> None:
    assume(isinstance(window, Window) and not window.ceil and window.fits(length))
    assert isinstance(window, Window)
    last = (window.slide(length) - 1) * window.stride + window.extent
    assert window.exact(length) == (last == length + 2 * window.padding)


def test_the_fields_of_the_textbook() -> None:
    """Three 3x3 convolutions see as much as one 7x7; a 7x7 with stride 2 and a 3x3 pool with stride 2 see 11."""
    three = Window(3, 1, 1).field
    assert three.power(3) == Window(7, 1, 3).field
    assert Window(7, 2, 3).field.then(Window(3, 2, 1).field).size == 11
