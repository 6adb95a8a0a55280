"""Recurrent layers: RNN, GRU and LSTM, and their last states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, final

from typing_extensions import override

from archdsl.algebra.fields import Field
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import Operand, choice, flag, given, integer, number, width
from archdsl.ops.faults import BadArgument, MissingArgument, Reject, WrongTensor
from archdsl.ops.operator import Operator, Style, Unary, require_sequence
from archdsl.ops.storage import Kept, Own
from archdsl.ops.torchcall import Apply, Layer, Slot, X, changed

Types = tuple[TensorType, ...]
_HIDDEN = Operand("h", "state of each layer and direction that it starts from; zeros if not given")
_CELL = Operand("c", "cell state of each layer and direction that it starts from")


class Recurrent(Operator[Types]):
    """A recurrent layer. `gates`: how many matrices there are for each output. `held`: how many states it has."""

    style = Style.RECURRENT
    is_layer = True
    operands: ClassVar[tuple[Operand, ...]] = (_HIDDEN,)
    sees_all = True
    gates: ClassVar[int]
    held: ClassVar[int] = 1
    width: int
    layers: int
    bidirectional: bool
    dropout: float
    bias: bool
    states: bool
    given: tuple[str, ...]
    chooses_channels = True

    @property
    def directions(self) -> int:
        """1, or 2 if it also goes backwards."""
        return 2 if self.bidirectional else 1

    def _state(self) -> TensorType:
        return TensorType((self.layers * self.directions, self.width), Kind.STATE)

    @override
    def output(self, x: Types) -> TensorType:
        require_sequence(self, x[0])
        for name, kind in self.by_name(x).items():
            if kind != self._state():
                reason = f"the state is {kind}, and {self._state()} is wanted: layers and directions, features"
                raise Reject(BadArgument(name, reason), name)
        if self.dropout and self.layers == 1:
            raise Reject(BadArgument("dropout", "it works between layers, and there is only one"), "dropout")
        if 0 < len(self.given) < self.held:
            missing = next(each for each in self.operands if each.name not in self.given)
            how = f"{self.word}({missing.name}=...)"
            raise Reject(MissingArgument(self.word, missing.name, missing.doc, how), missing.name)
        return x[0].with_channels(self.width * self.directions)

    @override
    def also(self, x: Types) -> Types:
        return (self._state(),) * self.held if self.states else ()

    @override
    def weights(self, x: Types) -> Mapping[str, Shape]:
        found: dict[str, Shape] = {}
        rows = self.gates * self.width
        for layer in range(self.layers):
            before = x[0].channels if layer == 0 else self.width * self.directions
            for way in ("", "_reverse")[: self.directions]:
                found[f"weight_ih_l{layer}{way}"] = (rows, before)
                found[f"weight_hh_l{layer}{way}"] = (rows, self.width)
                if self.bias:
                    found[f"bias_ih_l{layer}{way}"] = found[f"bias_hh_l{layer}{way}"] = (rows,)
        return found

    def _held(self, length: int) -> int:
        """Numbers that a layer keeps in one direction besides what goes in: of each gate, and of each state."""
        return length * (self.gates + self.held) * self.width

    @override
    def keeps(self, x: Types) -> Kept:
        length = x[0].positions
        between = (self.layers - 1) * length * self.width * self.directions * (2 if self.dropout else 1)
        # torch reads the sequence in an order of its own, once for each direction
        return Kept(own=(Own(self.directions * (x[0].size + self.layers * self._held(length)) + between),))

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        row = x[0].positions * self.width
        output, projected = row * self.directions, self.gates * row
        between = output if self.layers > 1 else 0
        if self.bidirectional:
            # what the first direction made is there while the second one begins, and while both are joined
            worst = max(x[0].size + 2 * projected, 3 * projected, projected + 4 * row + between)
        else:
            worst = max(x[0].size + projected - row, 2 * projected - row, projected + row + between)
        return (Own(worst + (0 if self.given else self._states())),)

    def _states(self) -> int:
        """Numbers of all states."""
        return self.held * self.layers * self.directions * self.width

    def _options(self) -> dict[str, Any]:
        """Keyword arguments of torch's module besides those that all have."""
        return {}

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        seen = super().sees(xs, index)
        # a position sees the positions up to its own; those of the last layer that goes both ways see all
        return seen if index or self.bidirectional else tuple(each.at_most() for each in seen)

    @override
    def also_sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        return super().sees(xs, index)

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def torch(self, x: Types) -> Layer:
        options = self._options() | changed(
            num_layers=(self.layers, 1),
            bias=(self.bias, True),
            dropout=(self.dropout, 0.0),
            bidirectional=(self.bidirectional, False),
        )
        sizes = (x[0].channels, self.width)
        both = (Slot(1), Slot(2)) if self.held == 2 else Slot(1)
        outputs, copied = f"{self.word.title()}Outputs", f"{self.word}_outputs"
        return Layer.of(
            f"nn.{self.word.upper()}",
            *sizes,
            batch_first=True,
            **options,
            takes=(X, both) if self.given else (),
            gives=(X, both if self.states else None),
            row=Layer.of(outputs, *sizes, copied=copied, batch_first=True, **options),
        )

    @override
    def label(self, x: Types) -> str:
        many = f", {self.layers} layers" if self.layers > 1 else ""
        both = "bidirectional " if self.bidirectional else ""
        return f"{both}{self.word.upper()}, {self.width}{many}"


@final
@record
class Rnn(Recurrent):
    """Elman's recurrent layer: each output is an activation of the input and of the output before.

    `y, h = ... -> rnn-64(states=true)` also gives the last state of each layer; `rnn-64(h)` starts from one.
    """

    word = "rnn"
    source = "Elman 1990, Finding Structure in Time"
    gates = 1

    width: int = width("features of its state")
    layers: int = integer("layers, each on the outputs of the one before", 1, high=1000)
    bidirectional: bool = flag("whether a second one goes through the sequence backwards", False)
    act: str = choice("activation", ("tanh", "relu"), "tanh")
    dropout: float = number("probability of a zero between the layers", 0.0, low=0, high=1)
    bias: bool = flag("whether biases are added", True)
    states: bool = flag("whether it also gives its last state", False)
    given: tuple[str, ...] = given()

    @override
    def _held(self, length: int) -> int:
        return (length + 1) * self.width  # its states, and that before the first

    @override
    def _options(self) -> dict[str, Any]:
        return changed(nonlinearity=(self.act, "tanh"))


@final
@record
class Gru(Recurrent):
    """Gated recurrent unit: gates decide how much of its state each input replaces.

    `y, h = ... -> gru-64(states=true)` also gives the last state of each layer; `gru-64(h)` starts from one.
    """

    word = "gru"
    source = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder, arXiv:1406.1078"
    gates = 3

    width: int = width("features of its state")
    layers: int = integer("layers, each on the outputs of the one before", 1, high=1000)
    bidirectional: bool = flag("whether a second one goes through the sequence backwards", False)
    dropout: float = number("probability of a zero between the layers", 0.0, low=0, high=1)
    bias: bool = flag("whether biases are added", True)
    states: bool = flag("whether it also gives its last state", False)
    given: tuple[str, ...] = given()

    @override
    def _held(self, length: int) -> int:
        return 7 * length * self.width  # gates, their parts and states


@final
@record
class Lstm(Recurrent):
    """Long short-term memory: a cell that gates let values into and out of.

    `y, h, c = ... -> lstm-64(states=true)` also gives the last states of each layer; `lstm-64(h, c)` starts from some.
    """

    word = "lstm"
    source = "Hochreiter, Schmidhuber 1997, Long Short-Term Memory"
    operands: ClassVar[tuple[Operand, ...]] = (_HIDDEN, _CELL)
    gates = 4
    held = 2

    width: int = width("features of its state")
    layers: int = integer("layers, each on the outputs of the one before", 1, high=1000)
    bidirectional: bool = flag("whether a second one goes through the sequence backwards", False)
    dropout: float = number("probability of a zero between the layers", 0.0, low=0, high=1)
    bias: bool = flag("whether biases are added", True)
    states: bool = flag("whether it also gives its last states", False)
    given: tuple[str, ...] = given()

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        # a call of oneDNN for each layer and direction, on the sequence in its order; states before and after
        output = x[0].positions * self.width * self.directions
        between = output * ((self.layers > 1) + self.bidirectional)
        return (Own(x[0].size + between + (2 if self.states else 3) * self._states()),)


@final
@record
class FinalState(Unary):
    """The state of the last layer after the whole sequence, as a vector; of both directions if `bidirectional`."""

    word = "final"
    style = Style.OTHER

    bidirectional: bool = flag("whether the layer goes both ways, so that it has two last states", False)

    @override
    def output(self, x: TensorType) -> TensorType:
        directions = 2 if self.bidirectional else 1
        if x.kind is not Kind.STATE or x.shape[0] % directions:
            raise Reject(WrongTensor(self.word, "the state of a recurrent layer", x))
        return TensorType.vector(directions * x.channels)

    @override
    def shares(self, x: TensorType, *, training: bool) -> bool:
        return not self.bidirectional

    @override
    def torch(self, x: TensorType) -> Apply:
        last = Apply.of("[]", X, -1)
        if not self.bidirectional:
            return last
        return Apply.of("torch.cat", (Apply.of("[]", X, -2), last), dim=1)

    @override
    def label(self, x: TensorType) -> str:
        return "final state"
