"""Tokens as vectors, positions, and learned tensors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import prod
from typing import final

from typing_extensions import override

from archdsl.algebra.fields import Field
from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.ops.arguments import Axes, SharedLayer, axes, integer, layer, number, width
from archdsl.ops.faults import BadArgument, Reject, WrongTensor
from archdsl.ops.operator import Style, Unary, require_features, require_sequence
from archdsl.ops.storage import INDEX, NOTHING, Buffer, Kept, Own
from archdsl.ops.torchcall import Apply, Layer, Learned, Weight, X, changed


@final
@record
class Embedding(Unary):
    """A learned vector for each token: `embedding-512(30000)` has 30,000 vectors of 512 features."""

    word = "embedding"
    style = Style.EMBEDDING
    is_layer = True
    source = "Bengio, Ducharme, Vincent, Jauvin 2003, A Neural Probabilistic Language Model"
    chooses_channels = True

    vocabulary: int = integer("how many different tokens there are", typical=30_000)
    width: int = width("features of a vector")

    @override
    def output(self, x: TensorType) -> TensorType:
        if x.kind is not Kind.TOKENS:
            raise Reject(WrongTensor(self.word, "tokens", x))
        return TensorType.sequence(x.shape[0], self.width)

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return {"weight": (self.vocabulary, self.width)}

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        return 0  # a vector is looked up, not multiplied

    @override
    def reads(self, x: TensorType) -> int:
        return self.output(x).size

    @property
    @override
    def vocabulary_size(self) -> int:
        return self.vocabulary

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.Embedding", self.vocabulary, self.width)

    @override
    def label(self, x: TensorType) -> str:
        return f"embedding, {self.width}"


@final
@record
class Tied(Unary):
    """A linear map with the weights of an embedding that `share` declares: the scores of all tokens.

    `share words = embedding-512(30000)`, used as `tokens -> words` and at the end as `x -> tied(words)`, has one set of
    vectors for what goes in and what comes out.
    """

    word = "tied"
    style = Style.LINEAR
    source = "Press, Wolf 2016, Using the Output Embedding to Improve Language Models, arXiv:1608.05859"
    chooses_channels = True
    overwritable = True

    layer: SharedLayer = layer("the shared layer whose weights are used")

    @property
    def _weight(self) -> Shape:
        """Outputs and inputs."""
        return dict(self.layer.weights)["weight"]

    @override
    def output(self, x: TensorType) -> TensorType:
        require_features(self, x)
        shapes = dict(self.layer.weights)
        if x.kind is Kind.IMAGE or len(shapes.get("weight", ())) != 2:
            reason = f"`{self.layer.name}` has no matrix that a linear map could have"
            raise Reject(BadArgument("layer", reason), "layer")
        if x.channels != self._weight[1]:
            reason = f"the vectors of `{self.layer.name}` have {self._weight[1]} features, and {x.channels} come in"
            raise Reject(BadArgument("layer", reason), "layer")
        return x.with_channels(self._weight[0])

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        return x.positions * prod(self._weight)

    @property
    @override
    def mixes(self) -> bool:
        return True

    @override
    def keeps(self, x: TensorType) -> Kept:
        return Kept(inputs=(0,))

    @override
    def reads(self, x: TensorType) -> int:
        return prod(self._weight)

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of("nn.functional.linear", X, Weight(f"{self.layer.name}.weight"))

    @override
    def label(self, x: TensorType) -> str:
        return f"linear, {self._weight[0]}, weights of {self.layer.name}"


@final
@record
class PositionEmbedding(Unary):
    """Adds a learned vector for each position of a sequence."""

    word = "position_embedding"
    style = Style.EMBEDDING
    is_layer = True
    source = "Gehring et al. 2017, Convolutional Sequence to Sequence Learning, arXiv:1705.03122"

    length: int | None = integer("positions that have a vector; those of the sequence if not given", None)

    def _length(self, x: TensorType) -> int:
        return x.grid[0] if self.length is None else self.length

    @override
    def output(self, x: TensorType) -> TensorType:
        require_sequence(self, x)
        if x.grid[0] > self._length(x):
            reason = f"the sequence has {x.grid[0]} positions, and {self._length(x)} have a vector"
            raise Reject(BadArgument("length", reason), "length")
        return x

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return {"weight": (self._length(x), x.channels)}

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        return 0  # the vectors are added

    @override
    def keeps(self, x: TensorType) -> Kept:
        return NOTHING

    @override
    def reads(self, x: TensorType) -> int:
        return x.size

    @override
    def has_positions(self, x: TensorType) -> bool:
        return self.length is None or self.length == x.grid[0]

    @override
    def with_positions(self, x: TensorType) -> PositionEmbedding:
        return replace(self, length=None)

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("PositionEmbedding", self._length(x), x.channels, copied="position_embedding")

    @override
    def label(self, x: TensorType) -> str:
        return "position embedding"


@final
@record
class PositionalEncoding(Unary):
    """Adds sines and cosines of many wavelengths, which tell the positions of a sequence apart without weights."""

    word = "positional_encoding"
    style = Style.EMBEDDING
    is_layer = True
    source = "Vaswani et al. 2017, Attention Is All You Need, arXiv:1706.03762"

    length: int = integer("positions that are prepared for", 5000, high=1_000_000)

    @override
    def output(self, x: TensorType) -> TensorType:
        require_sequence(self, x)
        if x.channels % 2:
            raise Reject(WrongTensor(self.word, "a sequence with an even number of features", x))
        if x.grid[0] > self.length:
            reason = f"the sequence has {x.grid[0]} positions, and {self.length} are prepared for"
            raise Reject(BadArgument("length", reason), "length")
        return x

    @override
    def working(self, x: TensorType) -> tuple[Own, ...]:
        return (Own(fixed=x.size), Own(fixed=x.grid[0], itemsize=INDEX))

    @override
    def buffers(self, x: TensorType) -> Mapping[str, Buffer]:
        return {"encoding": Buffer((self.length, x.channels), persistent=False)}

    @override
    def torch(self, x: TensorType) -> Layer:
        optional = changed(length=(self.length, 5000))
        return Layer.of("PositionalEncoding", x.channels, copied="positional_encoding", **optional)

    @override
    def label(self, x: TensorType) -> str:
        return "positional encoding"


@final
@record
class Param(Unary):
    """A learned tensor, the same for each sample whatever comes in: `param((1, 768))`, sizes in torch's order.

    It is a parameter of the block that it stands in, under the name of the layer: `param((1, 768)) as class_token`.
    """

    word = "param"
    style = Style.EMBEDDING
    is_view = True
    ignores_input = True
    chooses_channels = True

    shape: Axes = axes("sizes in torch's order, without the batch", low=1, typical=(64, 8, 8))
    mean: float = number("the mean of the numbers that it starts from", 0.0)
    deviation: float = number("their standard deviation", 0.0, low=0)

    @override
    def output(self, x: TensorType) -> TensorType:
        if (
            x.kind is Kind.STATE
        ):  # of what comes in only the number of samples matters, and torch puts it first elsewhere
            raise Reject(WrongTensor(self.word, "anything but a state", x))
        shape = (self.shape,) if isinstance(self.shape, int) else self.shape
        if len(shape) > 4:
            raise Reject(BadArgument("shape", f"{len(shape)} sizes are more than four"), "shape")
        return TensorType.of(shape)

    @override
    def weights(self, x: TensorType) -> Mapping[str, Shape]:
        return {"": (1, *self.output(x).shape)}

    @override
    def macs(self, x: TensorType, weights: Mapping[str, Shape], output: TensorType) -> int:
        return 0

    @override
    def sees(self, xs: tuple[TensorType, ...], index: int) -> tuple[Field, ...]:
        return ()

    @override
    def keeps(self, x: TensorType) -> Kept:
        return NOTHING

    @override
    def has_positions(self, x: TensorType) -> bool:
        return x.kind is Kind.SEQUENCE and self.output(x) == x

    @override
    def with_positions(self, x: TensorType) -> Param:
        return replace(self, shape=x.shape)

    @override
    def torch(self, x: TensorType) -> Learned:
        return Learned("expand", (1, *self.output(x).shape), self.mean, self.deviation)

    @override
    def label(self, x: TensorType) -> str:
        return "learned"
