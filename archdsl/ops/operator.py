"""The operator: one class states only what nothing else implies, everything else is derived here, once.

An operator is a frozen dataclass. Its fields are its arguments. It states its output type, its learned tensors, its
window, its torch call and the words of a picture. From these follow parameters, MACs, receptive field, arithmetic,
argument binding, messages, completion, the manual page and the laws that the tests hold it to.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from inspect import cleandoc
from math import prod
from typing import Any, ClassVar, Generic, TypeVar, assert_never, cast

from archdsl.algebra.fields import POINT, SAME, Field, everything
from archdsl.algebra.symbolic import at_example, fixed
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.algebra.traced import expression_of
from archdsl.algebra.windows import Spread, Window
from archdsl.base.limits import LARGEST
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, Operand, Role, SharedLayer, arguments, roles
from archdsl.ops.faults import BadArgument, Reject, TooLarge, WindowTooLarge, WrongTensor
from archdsl.ops.storage import NOTHING, Buffer, Kept, Own
from archdsl.ops.torchcall import Apply, Layer, Learned
from archdsl.ops.traits import Joining, Matrix, Positions, Rescaling, Style

In = TypeVar("In")


@record(slots=True)
class Facts:
    """What is derived of one operator on given inputs, for one sample: worked out once for each distinct pair."""

    weights: Mapping[str, Shape]
    params: int
    macs: int


_NONE = Facts({}, 0, 0)


class Operator(ABC, Generic[In]):
    """An operator on one tensor (`Operator[TensorType]`) or on several (`Operator[tuple[TensorType, ...]]`): branches
    that it merges, or operands besides the tensor that comes in.

    word: its name in the language; `kind` names its layers where that differs (`maxpool` makes `pool1`).
    aliases: other names. source: the paper it comes from. style: its family.
    variadic: whether it merges branches. operands: the tensors that it takes besides; a class that has some has a field
    `given` for the names of those that are there. decorated: whether it takes `act=` and `norm=`.
    is_layer: whether it can stand in a row by itself; a learned tensor of its block and a mere expression cannot.
    always_named: whether a picture names it also where a layer stands beside it.

    What it does to tensors, in words that passes, pictures and back ends ask for:

    joins: how it makes one tensor of several. sized_like: whether only the size of all inputs but the first matters.
    ignores_input: whether what comes out is the same for each sample, whatever comes in.
    matrix: where the channels lie in `weight`, if it gives weighted sums of what comes in.
    chooses_channels: whether how many channels it gives is its own choice, not that of what comes in.
    sees_all: whether each output position depends on every input position, of all inputs.
    across_channels: whether it makes a channel of others, although it may have no weights.
    elementwise: whether it does the same to each number by itself, wherever it stands.
    positions: what becomes of positions. flattens: whether an image is flattened before it. is_flattening: whether it
    does nothing but that. is_view: whether what comes out is a part or an order of what goes in,
    or its own weights.
    inert: whether it does nothing at inference. drops: whether it sets single numbers to zero in training, and only
    there. absorbs_bias: whether it cancels a bias just before it, as a batch norm does.
    overwrites: whether torch's module takes `inplace=True`. copies: whether it then keeps a copy for the backward pass,
    for which its output is not enough. overwritable: whether such an operator may write over what this one gives:
    memory of its own, which its backward pass does without.
    """

    word: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    layer_name: ClassVar[str] = ""
    style: ClassVar[Style]
    source: ClassVar[str] = ""
    variadic: ClassVar[bool] = False
    operands: ClassVar[tuple[Operand, ...]] = ()
    decorated: ClassVar[bool] = False
    is_layer: ClassVar[bool] = False
    always_named: ClassVar[bool] = False
    joins: ClassVar[Joining] = Joining.OTHER
    sized_like: ClassVar[bool] = False
    ignores_input: ClassVar[bool] = False
    matrix: ClassVar[Matrix | None] = None
    chooses_channels: ClassVar[bool] = False
    sees_all: ClassVar[bool] = False
    across_channels: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False
    positions: ClassVar[Positions] = Positions.KEPT
    flattens: ClassVar[bool] = False
    is_flattening: ClassVar[bool] = False
    is_view: ClassVar[bool] = False
    inert: ClassVar[bool] = False
    drops: ClassVar[bool] = False
    absorbs_bias: ClassVar[bool] = False
    overwrites: ClassVar[bool] = False
    copies: ClassVar[bool] = False
    overwritable: ClassVar[bool] = False

    @abstractmethod
    def output(self, x: In) -> TensorType:
        """The type that comes out. Rejects what it cannot work on."""

    @abstractmethod
    def torch(self, x: In) -> Layer | Apply | Learned:
        """The PyTorch call, which is the torch back end's alone. Rejects what PyTorch has nothing for."""

    @abstractmethod
    def label(self, x: In) -> str:
        """What a textbook writes into its box: `3×3 conv, 64, /2`."""

    def also(self, x: In) -> tuple[TensorType, ...]:
        """The types of what comes out besides, as the last state of a recurrent layer does."""
        return ()

    def weights(self, x: In) -> Mapping[str, Shape]:
        """Its learned tensors with their shapes, by torch's names; a tensor that is the layer itself has none."""
        return {}

    def windows(self, x: In) -> tuple[Window | Spread, ...]:
        """Its window on each axis of the grid; none where each position is worked out by itself."""
        return ()

    def macs(self, x: In, weights: Mapping[str, Shape], output: TensorType) -> int:
        """Multiply-accumulates for one sample: each weight matrix is applied once at each output position."""
        matrices = [prod(shape) for shape in weights.values() if len(shape) > 1]
        return output.positions * sum(matrices) if matrices else 0

    def keeps(self, x: In) -> Kept:
        """What autograd keeps for the backward pass: what comes in where weights meet it."""
        return Kept(inputs=(0,)) if self.weights(x) else NOTHING

    def shares(self, x: In, *, training: bool) -> bool:
        """Whether what comes out lies in the memory of what goes in."""
        return self.is_view or (self.inert and not training)

    def working(self, x: In) -> tuple[Own, ...]:
        """What lives at the worst moment of the forward pass besides what goes in and what comes out."""
        return ()

    def buffers(self, x: In) -> Mapping[str, Buffer]:
        """The tensors that the layer holds besides what is learned, such as running statistics, by torch's names."""
        return {}

    def reads(self, x: In) -> int:
        """How many numbers of weights it reads for one sample, and no more of them for several."""
        return sum(map(prod, self.weights(x).values()))

    # --- derived --------------------------------------------------------------------------------------------------

    def facts(self, xs: tuple[TensorType, ...], output: TensorType) -> Facts:
        """Everything derived at once, given the type that comes out."""
        x = self.operand(xs)
        weights = {name: tuple(map(fixed, shape)) for name, shape in self.weights(x).items()}
        if not weights and type(self).macs is cast("Any", Operator).macs:
            return _NONE
        return Facts(weights, sum(map(prod, weights.values())), self.macs(x, weights, output))

    def state(self, xs: tuple[TensorType, ...]) -> Mapping[str, Shape]:
        """All tensors of its state dictionary with their shapes: what is learned, then what else it keeps."""
        x = self.operand(xs)
        kept = {name: each.shape for name, each in self.buffers(x).items() if each.persistent}
        return {name: tuple(map(fixed, shape)) for name, shape in {**self.weights(x), **kept}.items()}

    def result(self, xs: tuple[TensorType, ...]) -> TensorType:
        """The type that comes out. Rejects also what is larger than anything can be, as sizes that double at each step
        become."""
        output = self.output(self.operand(xs))
        if any(at_example(size) > LARGEST for size in output.shape):
            raise Reject(TooLarge(self.word, max(output.shape)))
        return output

    def operand(self, xs: tuple[TensorType, ...]) -> In:
        """The inputs in the form that the rules of this class take."""
        return cast("In", xs if self.variadic or self.operands else xs[0])

    def results(self, xs: tuple[TensorType, ...]) -> tuple[TensorType, ...]:
        """The types of everything that comes out."""
        return (self.result(xs), *self.also(self.operand(xs)))

    def by_name(self, xs: tuple[TensorType, ...]) -> dict[str, TensorType]:
        """The operands that are there, by name."""
        return dict(zip(cast("Any", self).given, xs[1:], strict=True))

    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        """What an output position sees of an input, along that one's axes; nothing where only its size matters."""
        if index and self.sized_like:
            return ()
        lengths = axes_of(xs[index])
        if not lengths:
            return (POINT,)
        if self.sees_all:
            return tuple(map(everything, lengths))
        windows = self.windows(self.operand(xs))
        return tuple(window.field for window in windows) if windows else tuple(SAME for _ in lengths)

    def also_sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        """What a position of the results but the first sees of an input: as a rule what one of the first does."""
        return self.sees(xs, index)

    @property
    def mixes(self) -> bool:
        """Whether each output channel depends on all input channels."""
        return False

    @property
    def side_by_side(self) -> bool:
        """Whether the channels of its inputs stay apart."""
        return False

    @property
    def in_turn(self) -> bool:
        """Whether each output position sees only one of the inputs, as where sequences come one after the other."""
        return False

    # --- what passes ask for ------------------------------------------------------------------------------------------

    @property
    def rescaling(self) -> Rescaling | None:
        """The rescaling of each channel by its statistics that it is at inference; None where it is more, or something
        else."""
        return None

    @property
    def vocabulary_size(self) -> int | None:
        """How many different tokens it has something for; None where it takes no tokens, or any."""
        return None

    def is_depthwise(self, channels: int) -> bool:
        """Whether each of so many input channels has output channels of its own, which see no other one."""
        return False

    def for_channels(self, before: int, after: int) -> Operator[In]:
        """The operator for `after` channels that come in instead of `before`: a part of them stays the same part."""
        return self

    def with_width(self, width: int) -> Operator[In] | None:
        """The operator with another number of output channels; None where there is no such argument."""
        name = self.by_role(Role.WIDTH)
        return None if name is None else replace(cast("Any", self), **{name: width})

    def on_map(self, grid: Shape) -> Operator[TensorType] | None:
        """The convolution that does to a map of this size what this does to its numbers as a vector, with the same
        weights in the same order; None where there is none."""
        return None

    def has_positions(self, x: TensorType) -> bool:
        """Whether it has a learned vector for each position of a sequence, and no others."""
        return False

    def with_positions(self, x: TensorType) -> Operator[In]:
        """The operator with a learned vector for each position of another sequence."""
        return self

    def borrowed(self) -> Mapping[str, SharedLayer]:
        """The layers among its arguments whose weights it uses, by argument."""
        given = ((each.name, getattr(self, each.name)) for each in fields(cast("Any", self)))
        return {name: value for name, value in given if isinstance(value, SharedLayer)}

    # --- its arguments ------------------------------------------------------------------------------------------------

    def arguments(self) -> Mapping[str, object]:
        """The arguments that are not at their defaults."""
        declared = arguments(type(self)).values()
        given = {each.name: getattr(self, each.name) for each in declared}
        return {each.name: given[each.name] for each in declared if given[each.name] != each.default}

    @classmethod
    def kind(cls) -> str:
        """The word that names its layers: `conv` in `conv1`."""
        return cls.layer_name or cls.word

    @classmethod
    def by_role(cls, role: Role) -> str | None:
        """The argument that a shorthand sets, or None where the operator has no such argument."""
        return roles(cls).get(role)

    @classmethod
    def usage(cls, missing: str) -> str:
        """An example of how the argument `missing` is written."""
        has_window = cls.by_role(Role.WINDOW) is not None
        match role := arguments(cls)[missing].role:
            case Role.WIDTH:
                return f"{cls.word}{'3' if has_window else ''}-64"
            case Role.WINDOW:
                return f"{cls.word}3{'-64' if cls.by_role(Role.WIDTH) else ''}"
            case Role.STRIDE | Role.NONE:
                return f"{cls.word}({missing}=...)"
            case _:
                assert_never(role)

    @classmethod
    def manual(cls) -> str:
        """The prose of its manual page."""
        return cleandoc(cls.__doc__ or "")


Unary = Operator[TensorType]
Variadic = Operator[tuple[TensorType, ...]]


# --- what many operators need -----------------------------------------------------------------------------------------


def axes_of(kind: TensorType) -> Shape:
    """The sizes of the axes along which positions lie: those of a grid, or of a row of tokens."""
    if kind.kind in {Kind.TOKENS, Kind.MASK}:
        return kind.shape
    return () if kind.kind is Kind.STATE else kind.grid


AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def per_axis(value: Axes, rank: int, argument: str) -> tuple[int, ...]:
    """One number for each axis of the grid."""
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        reason = f"{len(value)} numbers for a grid of {rank} ax{'is' if rank == 1 else 'es'}"
        raise Reject(BadArgument(argument, reason), argument)
    return value


def compact(values: tuple[Any, ...]) -> Any:
    """One number where all are equal, as torch takes both; numbers that are equal only by chance stay apart."""
    first = values[0]
    alike = all(value == first and expression_of(value) == expression_of(first) for value in values)
    return first if alike else values


def require_grid(operator: Unary, x: TensorType) -> None:
    """Refuse what is no image: what has no grid of one to three axes to slide over."""
    if x.kind is not Kind.IMAGE or not 1 <= x.rank <= 3:
        raise Reject(WrongTensor(operator.word, "an image", x))


def require_features(operator: Operator[Any], x: TensorType) -> None:
    """Refuse tokens, which have no features yet, and masks."""
    if x.kind in {Kind.TOKENS, Kind.MASK}:
        raise Reject(WrongTensor(operator.word, "features", x))


def require_samples(operator: Unary, x: TensorType) -> None:
    """Refuse also the state of a recurrent layer, whose samples are not one after the other: torch puts its layers
    first."""
    require_features(operator, x)
    if x.kind is Kind.STATE:
        raise Reject(WrongTensor(operator.word, "an image, a sequence or a vector", x))


def require_sequence(operator: Operator[Any], x: TensorType) -> None:
    """Refuse what is no row of vectors."""
    if x.kind is not Kind.SEQUENCE or x.rank != 1:
        raise Reject(WrongTensor(operator.word, "a sequence", x))


def slide(operator: Unary, x: TensorType, windows: tuple[Window | Spread, ...]) -> Shape:
    """The grid that comes out of sliding windows, one for each axis."""
    grid = tuple([window.slide(length) for window, length in zip(windows, x.grid, strict=True)])
    axis = next((index for index, length in enumerate(grid) if length <= 0), None)
    if axis is None:
        return grid
    raise _does_not_fit(operator, windows[axis], x.grid[axis], AXIS_NAMES[x.rank][axis])


def _does_not_fit(operator: Unary, window: Window | Spread, length: int, axis: str) -> Reject:
    arithmetic = window.arithmetic(length)
    if isinstance(window, Spread):
        return Reject(BadArgument("p", f"{window.padding} trims all of the {axis} away, {arithmetic}"), "p")
    fault = WindowTooLarge(operator.word, window.extent, length, axis, arithmetic)
    return Reject(fault, operator.by_role(Role.WINDOW))


def by_axes(sizes: tuple[int, ...]) -> str:
    """Sizes as a textbook writes them: `3×3`, `1×7`."""
    return "×".join(map(str, sizes))


def for_axes(numbers: tuple[int, ...]) -> str:
    """One number where it is that of each axis, else all of them: `2`, `1×2`."""
    return str(numbers[0]) if len(set(numbers)) == 1 else by_axes(numbers)


def window_label(
    name: str, windows: Sequence[Window | Spread], channels: int | None = None, groups: int = 1, *, by: str = "/"
) -> str:
    """What a textbook writes of a window: its size, and what is not 1: `3×3 conv, 64, /2, 32 groups, dilation 1×2`.

    by: the sign before the stride.
    """
    sizes, strides, dilations = zip(*((each.size, each.stride, each.dilation) for each in windows), strict=True)
    width = "" if channels is None else f", {channels}"
    stride = "" if set(strides) == {1} else f", {by}{for_axes(strides)}"
    split = f", {groups} groups" if groups > 1 else ""
    dilation = "" if set(dilations) == {1} else f", dilation {for_axes(dilations)}"
    return f"{by_axes(sizes)} {name}{width}{stride}{split}{dilation}"
