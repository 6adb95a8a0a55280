"""Laws that every operator keeps, against real torch: shapes, weights, MACs, and what it refuses."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws import interpreter
from laws.interpreter import BATCH, module, run, sizes, tensor
from programme import examples
from torch.utils.flop_counter import FlopCounterMode

from archdsl.base.tensors import Kind, TensorType
from archdsl.ops import OPERATORS, OperatorClass
from archdsl.ops.arguments import Argument, ArgumentKind, Role, arguments, bind
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Layer, Learned

_WINDOWED = tuple(each for each in OPERATORS.classes if each.by_role(Role.WINDOW))
_WEIGHTED = tuple(OPERATORS[word] for word in ("conv", "dwconv", "deconv", "fc"))

# what the language refuses and torch would take, each with its reason
_STRICTER = {
    "fc": "an image is flattened first, by a step of its own",
    "add": "torch stretches sizes of 1 and aligns axes from the right; a sum wants equal shapes",
    "mul": "torch aligns tensors of different ranks; in the language such a product is a mistake",
    "sample": "torch stretches sizes of 1 and aligns axes from the right; each number has a mean and a variance",
    "concat": "torch joins a vector and a sequence of the same rank only by accident",
    "bn": "on a sequence torch would normalise over positions",
    "gn": "on a sequence torch would take positions for channels",
    "prelu": "on a sequence torch would take positions for channels",
    "lrn": "on a sequence torch would take positions for channels",
    "channels_first": "torch moves the last axis of an image too",
    "pad_channels": "channels of zeros are for images",
    "pad": "a border belongs to images",
    "normalize": "torch stretches a single mean over all channels",
    "slice": "torch cuts a part that reaches beyond the channels, or is empty",
    "channel_shuffle": "on a sequence torch would take positions for channels",
    "upsample": "torch takes a sequence for an image of one axis",
    "resize": "torch takes a sequence for an image of one axis, and this call ignores a third tensor",
    "crop": "a map is cut down to the size of an image, not of a sequence",
    "gap": "torch takes a sequence for an image of one axis",
    "gmp": "torch takes a sequence for an image of one axis",
    "adaptiveavgpool": "torch takes a sequence for an image of one axis",
    "adaptivemaxpool": "torch takes a sequence for an image of one axis",
}


# --- what is drawn ----------------------------------------------------------------------------------------------------


@st.composite
def images(draw: st.DrawFn, longest: int = 9, channels: int = 6) -> TensorType:
    """An image of one to three axes, of different lengths."""
    rank = draw(st.integers(1, 3))
    longest = min(longest, 6) if rank == 3 else longest
    grid = draw(st.lists(st.integers(1, longest), min_size=rank, max_size=rank))
    return TensorType.image(draw(st.integers(1, channels)), *grid)


_SIZE = st.integers(1, 6)
_ROWS = st.one_of(st.builds(TensorType.sequence, _SIZE, _SIZE), st.builds(TensorType.vector, _SIZE))


def inputs() -> st.SearchStrategy[TensorType]:
    """A tensor of any kind but tokens, images above all."""
    return st.one_of(images(), images(), images(), _ROWS)


def values(argument: Argument, x: TensorType) -> st.SearchStrategy[Any]:
    """A value of an argument, within its declared bounds."""
    low = 0 if argument.low is None else int(argument.low)
    small = st.integers(low, max(low, min(int(argument.high or low + 4), low + 4)))
    match argument.kind:
        case ArgumentKind.INTEGER:
            # channels are what most counts have to divide
            return st.one_of(small, st.integers(max(low, 1), max(low, 1, x.channels)))
        case ArgumentKind.AXES:
            return st.one_of(small, st.tuples(*(small for _ in x.grid or (1,))), st.tuples(small, small))
        case ArgumentKind.NUMBER:
            return st.floats(argument.low or 0, 2 if argument.high is None else argument.high, width=32)
        case ArgumentKind.FLAG:
            return st.booleans()
        case ArgumentKind.CHOICE:
            return st.sampled_from(argument.choices)
        case ArgumentKind.NUMBERS:
            return st.lists(st.floats(0.5, 2, width=32), min_size=x.channels, max_size=x.channels).map(tuple)


@st.composite
def operators(draw: st.DrawFn, cls: OperatorClass, x: TensorType) -> Operator[Any]:
    """An operator of a class, with arguments drawn from their own bounds."""
    given: dict[str, Any] = {}
    for name, argument in arguments(cls).items():
        if argument.required or draw(st.booleans()):
            given[name] = draw(values(argument, x))
    return bind(cls, given)


def operands(cls: OperatorClass) -> st.SearchStrategy[tuple[TensorType, ...]]:
    """What comes into an operator of a class."""
    if not cls.variadic:
        return inputs().map(lambda x: (x,))
    return inputs().flatmap(lambda x: st.lists(st.one_of(st.just(x), near(x)), min_size=2, max_size=4).map(tuple))


def near(x: TensorType) -> st.SearchStrategy[TensorType]:
    """A type that differs from another in one size, or altogether."""
    changed = st.tuples(st.integers(0, len(x.shape) - 1), st.integers(1, 4)).map(
        lambda change: TensorType((*x.shape[: change[0]], change[1], *x.shape[change[0] + 1 :]), x.kind)
    )
    return st.one_of(changed, inputs())


# --- shapes, weights and refusals -------------------------------------------------------------------------------------


def compare(operator: Operator[Any], xs: tuple[TensorType, ...]) -> bool:
    """Hold an operator to torch on some inputs; whether both take them."""
    note(f"{operator} on {', '.join(map(str, xs))}")
    try:
        output = operator.result(xs)
    except Reject as reject:
        note(reject.fault.message)
        if operator.word not in _STRICTER and xs[0].kind is Kind.IMAGE:
            assert_torch_refuses(operator, xs)
        return False
    x = operator.operand(xs)
    call = operator.torch(x)
    assert sizes(run(call, [tensor(each) for each in xs])) == output.shape
    made = {"": torch.zeros(call.shape)} if isinstance(call, Learned) else {}
    made |= dict(module(call).named_parameters()) if isinstance(call, Layer) else {}
    facts = operator.facts(xs, output)
    assert {name: tuple(each.shape) for name, each in made.items()} == dict(facts.weights)
    assert sum(each.numel() for each in made.values()) == facts.params
    return True


def assert_torch_refuses(operator: Operator[Any], xs: tuple[TensorType, ...]) -> None:
    """What the operator cannot even describe needs no torch to refuse it."""
    try:
        call = operator.torch(operator.operand(xs))
    except Reject:
        return
    try:
        result = run(call, [tensor(each) for each in xs])
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, NotImplementedError):
        return
    # torch goes on with tensors of no positions; a network does not
    assert result.numel() == 0


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
@examples(60, 2_000)
@given(st.data())
def test_shapes_weights_and_refusals_are_those_of_torch(cls: OperatorClass, data: st.DataObject) -> None:
    xs = data.draw(operands(cls))
    compare(data.draw(operators(cls, xs[0])), xs)


@st.composite
def windowed(draw: st.DrawFn, cls: OperatorClass) -> tuple[Operator[Any], TensorType]:
    """A windowed operator with every argument drawn, and an image near the size where it stops to fit."""
    x = draw(images(longest=11))

    def axes(low: int, high: int) -> Any:
        one = st.integers(low, high)
        return draw(st.one_of(one, st.tuples(*(one for _ in x.grid))))

    drawn = {
        "window": lambda: axes(1, 5),
        "factor": lambda: axes(1, 4),
        "stride": lambda: axes(1, 4),
        "p": lambda: axes(0, 3),
        "before": lambda: axes(0, 3),
        "after": lambda: axes(0, 3),
        "dilation": lambda: axes(1, 3),
        "output_padding": lambda: axes(0, 3),
        "width": lambda: draw(st.integers(1, 8)),
        "groups": lambda: draw(st.one_of(st.just(1), st.integers(1, 6), st.just(x.channels))),
        "multiplier": lambda: draw(st.integers(1, 3)),
        "size": lambda: None,
        "mode": lambda: draw(st.sampled_from(arguments(cls)["mode"].choices)),
    }
    given = {
        name: drawn[name]() if name in drawn else draw(values(argument, x)) for name, argument in arguments(cls).items()
    }
    return bind(cls, {name: value for name, value in given.items() if value is not None}), x


@pytest.mark.parametrize("cls", _WINDOWED, ids=lambda cls: cls.word)
@examples(400, 20_000)
@given(st.data())
def test_windows_of_every_form_give_the_sizes_of_torch(cls: OperatorClass, data: st.DataObject) -> None:
    operator, x = data.draw(windowed(cls))
    compare(operator, (x,))


def test_every_windowed_operator_is_drawn_in_every_form() -> None:
    """The strategies above are no use if what they draw is always refused, or never."""
    for cls in _WINDOWED:
        taken: set[tuple[int, bool]] = set()

        @examples(120, 120)
        @given(windowed(cls))
        def look(drawn: tuple[Operator[Any], TensorType]) -> None:
            operator, x = drawn
            try:
                operator.result((x,))
            except Reject:
                taken.add((x.rank, False))  # noqa: B023 - called at once, below
            else:
                taken.add((x.rank, True))  # noqa: B023

        look()
        assert {(1, True), (2, True), (3, True)} <= taken, cls.word


@examples(50, 1_000)
@given(st.sampled_from(OPERATORS.classes), st.data())
def test_tokens_are_refused_by_all_that_counts_with_features(cls: OperatorClass, data: st.DataObject) -> None:
    x = TensorType((5,), Kind.TOKENS)
    assume(not cls.variadic)
    operator = data.draw(operators(cls, TensorType.image(3, 4, 5)))
    if cls.word == "identity":
        assert operator.result((x,)) == x
        return
    with pytest.raises(Reject):
        operator.result((x,))


# --- MACs -------------------------------------------------------------------------------------------------------------


def flops(operator: Operator[Any], x: TensorType) -> int:
    """What torch counts for one sample, on the meta device, where nothing hides its products."""
    call = operator.torch(operator.operand((x,)))
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = interpreter.module(call) if isinstance(call, Layer) else None
        with FlopCounterMode(display=False) as counter:
            x_meta = tensor(x, "meta")
            if isinstance(call, Learned):
                _ = interpreter.learned(call, [x_meta])
            else:
                _ = layer(x_meta) if layer is not None else interpreter.applied(call, [x_meta])
    total = counter.get_total_flops()
    assert total % BATCH == 0
    return total // BATCH


@pytest.mark.parametrize("cls", _WEIGHTED, ids=lambda cls: cls.word)
@examples(100, 5_000)
@given(st.data())
def test_macs_are_half_of_what_torch_counts(cls: OperatorClass, data: st.DataObject) -> None:
    if cls.by_role(Role.WINDOW):
        operator, x = data.draw(windowed(cls))
    else:
        x = data.draw(_ROWS)
        operator = data.draw(operators(cls, x))
    try:
        output = operator.result((x,))
    except Reject:
        assume(False)
        return
    assert 2 * operator.facts((x,), output).macs == flops(operator, x) > 0


_FREE = [each for each in OPERATORS.classes if each not in _WEIGHTED and not each.variadic]


@pytest.mark.parametrize("cls", _FREE, ids=lambda cls: cls.word)
@examples(10, 200)
@given(st.data())
def test_what_torch_counts_as_free_has_no_macs(cls: OperatorClass, data: st.DataObject) -> None:
    x = data.draw(inputs())
    operator = data.draw(operators(cls, x))
    try:
        output = operator.result((x,))
    except Reject:
        assume(False)
        return
    assert operator.facts((x,), output).macs == 0 == flops(operator, x)
