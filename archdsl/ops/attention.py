"""Attention: multi-head, of given queries, within shifted windows, and masks for it."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, ClassVar, final

from typing_extensions import override

from archdsl.algebra.fields import SAME, Field, everything
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import Operand, flag, given, integer, number
from archdsl.ops.faults import BadArgument, Reject, WrongTensor
from archdsl.ops.operator import Operator, Style, Unary, axes_of, require_sequence
from archdsl.ops.storage import INDEX, Buffer, Kept, Own
from archdsl.ops.torchcall import Apply, Layer, Passed, Slot, X, changed

Types = tuple[TensorType, ...]
_MASK = Operand("mask", "which positions of the memory are padding, as `padding_mask` gives it")


def _require_heads(heads: int, features: int) -> None:
    if features % heads:
        raise Reject(BadArgument("heads", f"{features} features do not split into {heads} heads"), "heads")


def _require_mask(operator: Operator[Types], mask: TensorType | None, memory: TensorType) -> None:
    if mask is None:
        return
    if mask.kind is not Kind.MASK:
        raise Reject(WrongTensor(operator.word, "a mask, as `padding_mask` gives it", mask), "mask")
    if mask.shape[0] != memory.grid[0]:
        reason = f"it is for {mask.shape[0]} positions, and {memory.grid[0]} are attended to"
        raise Reject(BadArgument("mask", reason), "mask")


def _takes(names: tuple[str, ...], positional: tuple[str, ...]) -> tuple[Any, ...]:
    """The incoming tensor and the operands, those by name that would else need the ones before them."""
    slots = {name: Slot(index + 1) for index, name in enumerate(names)}
    plain = positional if all(name in slots for name in positional) else ()
    return (X, *(slots[name] if name in plain else Passed(name, slots[name]) for name in names))


def _weights_kept(operator: Attention | DotAttention, queries: TensorType, keys: TensorType) -> Own:
    """What is kept of the weights of attention: the logarithm of each sum; with dropout the softmax, the noise and
    what is left of it."""
    rows = operator.heads * queries.positions
    return Own(3 * rows * keys.positions if operator.dropout else rows)


def _mask_made(operator: Attention | DotAttention, xs: Types, memory: TensorType) -> tuple[Own, ...]:
    """A mask as torch wants it: numbers to add, for each pair of positions where only some see each other."""
    if "mask" not in operator.given:
        return ()
    return (Own(memory.positions * (xs[0].positions if operator.causal else 1)),)


@final
@record
class Attention(Operator[Types]):
    """Multi-head attention: each position looks at all others, or at those of `memory`, in several ways at once.

    `attention(8)` is self-attention with 8 heads, `attention(memory, heads=8)` attends to another sequence,
    `causal=true` looks at no later position, `mask` leaves out padding. Its weights have the names of
    `nn.MultiheadAttention`.
    """

    word = "attention"
    style = Style.ATTENTION
    is_layer = True
    chooses_channels = True
    source = "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("memory", "the sequence that is attended to; the incoming one if not given"),
        _MASK,
    )

    heads: int = integer("heads, which share the features among them", 1, typical=8)
    causal: bool = flag("whether positions see only themselves and earlier ones", False)
    dropout: float = number("probability of a zero among the weights of attention", 0.0, low=0, high=1)
    bias: bool = flag("whether biases are added", True)
    given: tuple[str, ...] = given()

    @override
    def output(self, x: Types) -> TensorType:
        require_sequence(self, x[0])
        _require_heads(self.heads, x[0].channels)
        named = self.by_name(x)
        memory = named.get("memory", x[0])
        if memory.kind is not Kind.SEQUENCE or memory.rank != 1 or memory.channels != x[0].channels:
            raise Reject(WrongTensor(self.word, f"a memory of {x[0].channels} features", memory), "memory")
        _require_mask(self, named.get("mask"), memory)
        return x[0]

    @override
    def weights(self, x: Types) -> Mapping[str, Shape]:
        features = x[0].channels
        found: dict[str, Shape] = {"in_proj_weight": (3 * features, features)}
        if self.bias:
            found["in_proj_bias"] = (3 * features,)
        found["out_proj.weight"] = (features, features)
        return found | {"out_proj.bias": (features,)} if self.bias else found

    @override
    def macs(self, x: Types, weights: Mapping[str, Shape], output: TensorType) -> int:
        features, length = x[0].channels, x[0].positions
        memory = self.by_name(x).get("memory", x[0]).positions
        projections = 2 * length * features**2 + 2 * memory * features**2
        return projections + 2 * length * memory * features

    def _projected(self, x: Types) -> int:
        """Numbers of queries, keys and values."""
        return x[0].size + 2 * self.by_name(x).get("memory", x[0]).size

    @override
    def keeps(self, x: Types) -> Kept:
        memory = self.by_name(x).get("memory", x[0])
        return Kept(
            inputs=tuple(index for index, kind in enumerate(x) if kind.kind is Kind.SEQUENCE),
            own=(
                Own(self._projected(x) + x[0].size),
                _weights_kept(self, x[0], memory),
                *_mask_made(self, x, memory),
            ),
        )

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        return (Own(self._projected(x) + x[0].size),)

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        if index == 0 and "memory" in self.given:
            return (SAME,)
        return (everything(axes_of(xs[index])[0], bound=self.causal),)

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def torch(self, x: Types) -> Layer:
        options = changed(dropout=(self.dropout, 0.0), bias=(self.bias, True), causal=(self.causal, False))
        takes = _takes(self.given, ("memory", "mask")) if self.given else ()
        return Layer.of("Attention", x[0].channels, self.heads, copied="attention", **options, takes=takes)

    @override
    def label(self, x: Types) -> str:
        kind = "cross-attention" if "memory" in self.given else "attention"
        return f"{self.heads}-head {'causal ' if self.causal else ''}{kind}"


@final
@record
class DotAttention(Operator[Types]):
    """Attention without weights, of the incoming queries to given keys and values: `q -> dot_attention(k, v)`.

    The products are divided by the root of a head's features, as the Transformer does it, unless a scale is given;
    Luong's score `dot` is `scale=1`. Values are the keys if none are given.
    """

    word = "dot_attention"
    style = Style.ATTENTION
    is_layer = True
    source = "Luong, Pham, Manning 2015, Effective Approaches to Attention-based NMT, arXiv:1508.04025"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("keys", "what the queries are compared with", required=True),
        Operand("values", "what is summed up; the keys if not given"),
        _MASK,
    )

    heads: int = integer("heads, which share the features among them", 1, typical=8)
    causal: bool = flag("whether positions see only themselves and earlier ones", False)
    dropout: float = number("probability of a zero among the weights of attention", 0.0, low=0, high=1)
    scale: float | None = number(
        "what products are multiplied by; 1 over the root of a head's features if not given", None
    )
    given: tuple[str, ...] = given()

    def _values(self, x: Types) -> TensorType:
        named = self.by_name(x)
        return named.get("values", named["keys"])

    @override
    def output(self, x: Types) -> TensorType:
        require_sequence(self, x[0])
        named = self.by_name(x)
        keys, values = named["keys"], self._values(x)
        for name, kind in (("keys", keys), ("values", values)):
            if kind.kind is not Kind.SEQUENCE or kind.rank != 1 or kind.grid != keys.grid:
                raise Reject(WrongTensor(self.word, "keys and values of equally many positions", kind), name)
            _require_heads(self.heads, kind.channels)
        if keys.channels != x[0].channels:
            raise Reject(WrongTensor(self.word, f"keys of {x[0].channels} features", keys), "keys")
        _require_mask(self, named.get("mask"), keys)
        return x[0].with_channels(values.channels)

    @override
    def macs(self, x: Types, weights: Mapping[str, Shape], output: TensorType) -> int:
        positions = x[0].positions * self.by_name(x)["keys"].positions
        return positions * (x[0].channels + self._values(x).channels)

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        return (everything(axes_of(xs[index])[0], bound=self.causal),) if index else (SAME,)

    @override
    def keeps(self, x: Types) -> Kept:
        keys = self.by_name(x)["keys"]
        own = (_weights_kept(self, x[0], keys), *_mask_made(self, x, keys))
        if not self.dropout:
            inputs = tuple(index for index, kind in enumerate(x) if kind.kind is Kind.SEQUENCE)
            return Kept(inputs, output=True, own=own)
        # with dropout queries and keys are scaled first, and the values of several heads put in order
        values = 1 + self.given.index("values" if "values" in self.given else "keys")
        scaled = Own(x[0].size + keys.size)
        if self.heads == 1 or keys.positions == 1:
            return Kept((values,), own=(scaled, *own))
        return Kept(own=(scaled, Own(x[values].size), *own))

    @override
    def working(self, x: Types) -> tuple[Own, ...]:
        keys = self.by_name(x)["keys"]
        inverted = (Own(keys.positions, itemsize=1),) if "mask" in self.given else ()
        return (Own(self.heads * x[0].positions), *inverted, *_mask_made(self, x, keys))

    @override
    def torch(self, x: Types) -> Layer:
        options = changed(heads=(self.heads, 1), causal=(self.causal, False), dropout=(self.dropout, 0.0))
        options |= changed(scale=(self.scale, None))
        takes = _takes(self.given, ("keys", "values"))
        return Layer.of("DotAttention", copied="dot_attention", **options, takes=takes)

    @override
    def label(self, x: Types) -> str:
        return f"{self.heads}-head {'causal ' if self.causal else ''}dot-product attention"


@final
@record
class WindowAttention(Unary):
    """Attention within each window of a grid of vectors, with a learned bias for each relative position.

    `shift` moves the windows, so that the next layer connects what this one keeps apart; where a window covers the
    whole grid they stay. A grid that the window does not divide is padded.
    """

    word = "window_attention"
    style = Style.ATTENTION
    is_layer = True
    source = "Liu et al. 2021, Swin Transformer, arXiv:2103.14030"
    chooses_channels = True

    heads: int = integer("heads, which share the features among them", typical=8)
    window: int = integer("size of the windows on both axes", 7, high=64)
    shift: int = integer("positions by which the windows are moved", 0, low=0)

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind is not Kind.SEQUENCE or x.rank != 2:
            raise Reject(WrongTensor(self.word, "a grid of vectors, as `channels_last` gives it", x))
        _require_heads(self.heads, x.channels)
        if self.shift >= self.window:
            raise Reject(BadArgument("shift", f"{self.shift} is not below the window {self.window}"), "shift")
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        features = x.channels
        return {
            "relative_position_bias_table": ((2 * self.window - 1) ** 2, self.heads),
            "qkv.weight": (3 * features, features),
            "qkv.bias": (3 * features,),
            "proj.weight": (features, features),
            "proj.bias": (features,),
        }

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        features = x.channels
        return self._positions(x) * (4 * features**2 + 2 * self.window**2 * features)

    def _padded(self, x: TensorType) -> int:
        """Numbers of a grid whose windows are full."""
        return x.channels * self._positions(x)

    def _positions(self, x: TensorType) -> int:
        return prod(-(-length // self.window) * self.window for length in x.grid)

    def _scores(self, x: TensorType) -> int:
        """Numbers of the weights of attention."""
        return self.heads * self._positions(x) * self.window**2

    @override
    def keeps(self, x: TensorType) -> Kept:
        # windows, queries, keys, values and their sums; keys and values of one head lie in what all three were made as
        kept = 6 if self.heads == 1 else 5
        return Kept(own=(Own(kept * self._padded(x) + self._scores(x)),))

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        scores, padded = self._scores(x), self._padded(x)
        # at the softmax, and at the product with the values
        return (Own(max(3 * scores + 4 * padded, 2 * scores + 6 * padded) - x.size),)

    @override
    def buffers(self, x: TensorType) -> Mapping[str, Buffer]:
        # which bias belongs to which pair
        return {"relative_position_index": Buffer((self.window**4,), itemsize=INDEX)}

    @override
    def sees(self, xs: Types, index: int) -> tuple[Field, ...]:
        # where in its window a position stands is another matter for each, so it sees at most a window on each side
        far = self.window - 1
        within = Field(-far, far, gap=1, bound=True)
        return tuple(everything(length) if length <= self.window else within for length in xs[0].grid)

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def torch(self, x: TensorType) -> Layer:
        options = changed(shift=(self.shift, 0))
        return Layer.of("WindowAttention", x.channels, self.heads, self.window, copied="window_attention", **options)

    @override
    def label(self, x: TensorType) -> str:
        shifted = "shifted " if self.shift else ""
        return f"{self.heads}-head attention in {shifted}windows of {self.window}×{self.window}"


@final
@record
class PaddingMask(Unary):
    """Which tokens are padding, for attention to leave them out."""

    word = "padding_mask"
    style = Style.OTHER

    token: int = integer("the token that stands for padding", 0, low=0)

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind is not Kind.TOKENS:
            raise Reject(WrongTensor(self.word, "tokens", x))
        return TensorType(x.shape, Kind.MASK)

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of("==", X, self.token)

    @override
    def label(self, x: TensorType) -> str:
        return f"token {self.token} is padding"
