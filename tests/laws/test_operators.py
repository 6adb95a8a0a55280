"""Laws that every operator keeps, against real torch: shapes, weights, MACs, and what it refuses."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws import interpreter
from laws.interpreter import BATCH, called, kind_of, module, results, tensor
from programme import examples
from torch.utils.flop_counter import FlopCounterMode

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.ops import OPERATORS, OperatorClass
from archdsl.ops.arguments import Argument, ArgumentKind, Role, SharedLayer, arguments, bind
from archdsl.ops.faults import Reject, WrongTensor
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Layer, Learned

_WINDOWED = tuple(each for each in OPERATORS.classes if each.by_role(Role.WINDOW))
_SEQUENTIAL = ("rnn", "gru", "lstm", "tied", "attention", "dot_attention", "window_attention")
_WEIGHTED = tuple(OPERATORS[word] for word in ("conv", "dwconv", "deconv", "fc", *_SEQUENTIAL))

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
    "split": "torch makes the last part smaller, or gives fewer",
    "tied": "torch gives one number for each position where the weights are a vector",
    "position_embedding": "torch adds a single vector to all positions",
    "positional_encoding": "torch adds a single vector to all positions",
    "attention": "torch stretches a mask of one position",
    "dot_attention": "torch stretches a mask of one position",
    "window_attention": "windows that are moved by their size or more are those of a smaller shift",
    "rnn": "torch ignores dropout where there is one layer, with a warning",
    "gru": "torch ignores dropout where there is one layer, with a warning",
    "lstm": "torch ignores dropout where there is one layer, with a warning",
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
_VECTORS = st.builds(TensorType.vector, _SIZE)
_ROWS = st.builds(TensorType.sequence, _SIZE, _SIZE)
_WIDER_ROWS = st.builds(TensorType.sequence, _SIZE, st.sampled_from((12, 24)))
_GRIDS = st.builds(lambda *sizes: TensorType(sizes, Kind.SEQUENCE), st.integers(1, 9), st.integers(1, 9), _SIZE)
_TOKENS = st.builds(lambda length: TensorType((length,), Kind.TOKENS), _SIZE)
_STATES = st.builds(lambda layers, features: TensorType((layers, features), Kind.STATE), _SIZE, _SIZE)
_MASKS = st.builds(lambda length: TensorType((length,), Kind.MASK), _SIZE)
_FEATURELESS = st.one_of(_TOKENS, _MASKS)

# what an operator takes that does not take images; the others are mostly given these
_TAKEN = {
    **dict.fromkeys(("to_image", "transpose", "select", "position_embedding", "tied"), _ROWS),
    **dict.fromkeys(("rnn", "gru", "lstm"), _ROWS),
    **dict.fromkeys(("positional_encoding", "attention", "dot_attention"), _WIDER_ROWS),
    **dict.fromkeys(("window_attention", "channels_first"), _GRIDS),
    "space_to_depth": st.one_of(images(), _GRIDS),
    "embedding": _TOKENS,
    "padding_mask": _TOKENS,
    "final": _STATES,
}


def inputs(cls: OperatorClass) -> st.SearchStrategy[TensorType]:
    """A tensor of any kind, of those that the operator takes above all."""
    taken = _TAKEN.get(cls.word, images())
    return st.one_of(taken, taken, taken, taken, images(), _ROWS, _VECTORS, _GRIDS, _FEATURELESS, _STATES)


def values(argument: Argument, x: TensorType) -> st.SearchStrategy[Any]:
    """A value of an argument, within its declared bounds."""
    low = -4 if argument.low is None else int(argument.low)
    small = st.integers(low, max(low, min(int(argument.high or low + 4), low + 4)))
    match argument.kind:
        case ArgumentKind.INTEGER:
            # channels are what most counts have to divide
            return st.one_of(small, st.integers(max(low, 1), max(low, 1, x.channels)))
        case ArgumentKind.AXES if argument.name == "shape":
            orders = st.permutations(x.shape).map(tuple)
            return st.one_of(orders, st.just(x.size), st.lists(_SIZE, min_size=1, max_size=4).map(tuple))
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
        case ArgumentKind.LAYER:
            fits = st.tuples(_SIZE, st.just(x.channels))
            others = st.lists(_SIZE, min_size=1, max_size=4).map(tuple)
            return st.one_of(fits, fits, others).map(lambda shape: SharedLayer("shared", (("weight", shape),)))


@st.composite
def operators(draw: st.DrawFn, cls: OperatorClass, x: TensorType) -> Operator[Any]:
    """An operator of a class, with arguments drawn from their own bounds, with or without its optional operands."""
    given: dict[str, Any] = {}
    for name, argument in arguments(cls).items():
        if argument.required or draw(st.booleans()):
            given[name] = draw(values(argument, x))
    everything = draw(st.booleans())
    names = {each.name for each in cls.operands if each.required or everything or draw(st.booleans())}
    return bind(cls, given, frozenset(names))


@st.composite
def operands(draw: st.DrawFn, operator: Operator[Any], x: TensorType) -> tuple[TensorType, ...]:
    """What comes into an operator, after the first: mostly what it takes."""
    if operator.variadic:
        return tuple(draw(st.lists(st.one_of(st.just(x), near(x)), min_size=1, max_size=3)))
    if not operator.operands:
        return ()
    made: dict[str, TensorType] = {}
    for name in operator.given:  # type: ignore[attr-defined]
        wanted = _wanted(operator, x, made, name)
        made[name] = draw(st.one_of(*[st.just(wanted)] * 5, near(wanted)))
        if name in {"memory", "keys"} and draw(st.booleans()):
            made[name] = made[name].replace(made[name].channels, (draw(_SIZE),))
    return tuple(made.values())


def _wanted(operator: Any, x: TensorType, before: dict[str, TensorType], name: str) -> TensorType:
    """A type that an operand may have, given those of the operands before it."""
    match name:
        case "h" | "c":
            return TensorType((operator.layers * (1 + operator.bidirectional), operator.width), Kind.STATE)
        case "mask":
            return TensorType((before.get("memory", before.get("keys", x)).shape[0],), Kind.MASK)
        case "values":
            return TensorType.sequence(before["keys"].shape[0], 2 * operator.heads)
        case _:
            return x


@st.composite
def drawn(draw: st.DrawFn, cls: OperatorClass) -> tuple[Operator[Any], tuple[TensorType, ...]]:
    """An operator of a class and what comes into it."""
    x = draw(inputs(cls))
    operator = draw(operators(cls, x))
    return operator, (x, *draw(operands(operator, x)))


def near(x: TensorType) -> st.SearchStrategy[TensorType]:
    """A type that differs from another in one size, or altogether."""
    changed = st.tuples(st.integers(0, len(x.shape) - 1), st.integers(1, 4)).map(
        lambda change: TensorType((*x.shape[: change[0]], change[1], *x.shape[change[0] + 1 :]), x.kind)
    )
    return st.one_of(changed, images(), _ROWS, _VECTORS, _FEATURELESS, _STATES)


# --- shapes, weights and refusals -------------------------------------------------------------------------------------


def compare(operator: Operator[Any], xs: tuple[TensorType, ...]) -> bool:
    """Hold an operator to torch on some inputs; whether both take them."""
    note(f"{operator} on {', '.join(f'{each.kind} {each}' for each in xs)}")
    try:
        outputs = operator.results(xs)
    except Reject as reject:
        note(reject.fault.message)
        if operator.word not in _STRICTER and not _of_another_kind(operator, xs[0], reject):
            assert_torch_refuses(operator, xs)
        return False
    x = operator.operand(xs)
    call = operator.torch(x)
    given = results(call, [tensor(each) for each in xs], shared(operator))
    assert tuple(kind_of(each, kind) for each, kind in zip(given, outputs, strict=True)) == outputs
    made = {"": torch.zeros(call.shape)} if isinstance(call, Learned) else {}
    made |= dict(module(call).named_parameters()) if isinstance(call, Layer) else {}
    facts = operator.facts(xs, outputs[0])
    assert {name: tuple(each.shape) for name, each in made.items()} == dict(facts.weights)
    assert sum(each.numel() for each in made.values()) == facts.params
    return True


def _of_another_kind(operator: Operator[Any], x: TensorType, reject: Reject) -> bool:
    """Whether something is refused for what its axes mean, which torch does not know."""
    if x.kind is Kind.IMAGE:
        return operator.word in _TAKEN
    return isinstance(reject.fault, WrongTensor)


def shared(operator: Operator[Any], device: str = "cpu") -> dict[str, torch.Tensor]:
    """The weights of shared layers that an operator uses."""
    layers = [each for each in operator.arguments().values() if isinstance(each, SharedLayer)]
    return {f"{each.name}.{name}": torch.zeros(shape, device=device) for each in layers for name, shape in each.weights}


def assert_torch_refuses(operator: Operator[Any], xs: tuple[TensorType, ...]) -> None:
    """What the operator cannot even describe needs no torch to refuse it."""
    try:
        call = operator.torch(operator.operand(xs))
    except Reject:
        return
    try:
        given = results(call, [tensor(each) for each in xs], shared(operator))
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError, NotImplementedError):
        return
    # torch goes on with tensors of no positions; a network does not
    assert given[0].numel() == 0


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
@examples(60, 2_000)
@given(st.data())
def test_shapes_weights_and_refusals_are_those_of_torch(cls: OperatorClass, data: st.DataObject) -> None:
    compare(*data.draw(drawn(cls)))


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
def test_an_argument_may_reach_its_bounds_and_not_pass_them(cls: OperatorClass) -> None:
    for argument in arguments(cls).values():
        for bound, further, said in ((argument.low, -1, "below"), (argument.high, 1, "above")):
            if bound is None:
                continue
            whole = argument.kind in {ArgumentKind.INTEGER, ArgumentKind.AXES}
            reached, passed = (int(each) if whole else each for each in (bound, bound + further))
            many = argument.kind is ArgumentKind.NUMBERS
            assert argument.accept((reached,) if many else reached) == ((reached,) if many else reached)
            with pytest.raises(Reject, match=f"{passed:,} is {said} {reached:,}"):
                argument.accept((passed,) if many else passed)


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
def test_every_operator_is_drawn_in_a_form_that_it_takes(cls: OperatorClass) -> None:
    """With each of its operands and without; the law above is no use for an operator that is always refused."""
    taken: set[tuple[str, ...]] = set()

    @examples(400, 400)
    @given(drawn(cls))
    def look(case: tuple[Operator[Any], tuple[TensorType, ...]]) -> None:
        operator, xs = case
        with suppress(Reject):
            operator.results(xs)
            taken.add(getattr(operator, "given", ()))

    look()
    assert taken
    for each in cls.operands:
        assert any(each.name in names for names in taken)
        assert each.required or any(each.name not in names for names in taken)


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


# what takes tensors without features; nothing else does
_TAKE_TOKENS = {"identity", "param", "embedding", "padding_mask"}
_TAKE_MASKS = {"identity", "param"}


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
@examples(10, 200)
@given(st.data())
def test_what_has_no_features_is_refused_by_all_that_counts_with_them(cls: OperatorClass, data: st.DataObject) -> None:
    x = data.draw(_FEATURELESS)
    operator = data.draw(operators(cls, data.draw(images())))
    xs = (x, *data.draw(operands(operator, x)))
    if cls.word in (_TAKE_TOKENS if x.kind is Kind.TOKENS else _TAKE_MASKS):
        assert operator.result(xs)
        return
    with pytest.raises(Reject):
        operator.result(xs)


# --- MACs -------------------------------------------------------------------------------------------------------------


def flops(operator: Operator[Any], xs: tuple[TensorType, ...]) -> int:
    """What torch counts for one sample, on the meta device, where nothing hides its products."""
    call = operator.torch(operator.operand(xs))
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = interpreter.module(call) if isinstance(call, Layer) else None
        with FlopCounterMode(display=False) as counter:
            on_meta = [tensor(each, "meta") for each in xs]
            if isinstance(call, Layer):
                assert layer is not None
                _ = called(layer, call, on_meta)
            elif isinstance(call, Learned):
                _ = interpreter.learned(call, on_meta)
            else:
                _ = interpreter.applied(call, on_meta, shared(operator, "meta"))
    total = counter.get_total_flops()
    assert total % BATCH == 0
    return total // BATCH


@pytest.mark.parametrize("cls", _WEIGHTED, ids=lambda cls: cls.word)
@examples(100, 5_000)
@given(st.data())
def test_macs_are_half_of_what_torch_counts(cls: OperatorClass, data: st.DataObject) -> None:
    if cls.by_role(Role.WINDOW):
        operator, x = data.draw(windowed(cls))
        xs: tuple[TensorType, ...] = (x,)
    elif cls.word == "fc":
        xs = (data.draw(st.one_of(_ROWS, _VECTORS)),)
        operator = data.draw(operators(cls, xs[0]))
    else:
        operator, xs = data.draw(drawn(cls))
    try:
        output = operator.result(xs)
    except Reject:
        assume(False)
        return
    assert 2 * operator.facts(xs, output).macs == flops(operator, xs) > 0


_FREE = [each for each in OPERATORS.classes if each not in _WEIGHTED and not each.variadic]


@pytest.mark.parametrize("cls", _FREE, ids=lambda cls: cls.word)
@examples(10, 200)
@given(st.data())
def test_what_torch_counts_as_free_has_no_macs(cls: OperatorClass, data: st.DataObject) -> None:
    operator, xs = data.draw(drawn(cls))
    try:
        output = operator.result(xs)
    except Reject:
        assume(False)
        return
    assert operator.facts(xs, output).macs == 0 == flops(operator, xs)


@pytest.mark.parametrize("shape", [(4,), (4, 1, 1), (4, 1), (4, 1, 1, 1), (4, 1, 2), (4, 2), (1, 1, 1), (1, 3, 1)])
def test_groups_of_one_number_are_refused_where_torch_refuses_one_sample(shape: tuple[int, ...]) -> None:
    x = TensorType(shape, Kind.IMAGE if len(shape) > 1 else Kind.VECTOR)
    for groups in (each for each in (1, 2, 4) if shape[0] % each == 0):
        operator = bind(OPERATORS["gn"], {"groups": groups})
        try:
            torch.nn.GroupNorm(groups, shape[0]).eval()(torch.ones(1, *shape))
        except ValueError:
            with pytest.raises(Reject, match="a norm leaves nothing of a single one"):
                operator.result((x,))
        else:
            assert operator.result((x,)) == x
