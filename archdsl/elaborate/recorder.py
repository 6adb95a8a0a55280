"""What the parts of a text come to, by their places, for whoever asks for it: an editor that shows it, a hint."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from archdsl.algebra.tensors import TensorType
from archdsl.base.text import Place
from archdsl.elaborate.values import Unknown, Value
from archdsl.graph.build import Tensor

Types = tuple[TensorType, ...]


class Recorder:
    """The types of the tensors after each element of a chain, and the values of expressions and names.

    A place in a block has several where calls of the block differ: each is there once, in the order in which they were
    worked out. What failed has none.
    """

    def __init__(self) -> None:
        # by their words, since comparing sizes that are left open would decide something about them
        self._types: dict[Place, dict[str, Types]] = {}
        self._values: dict[Place, dict[str, Value]] = {}

    def tensors(self, place: Place, tensors: tuple[Tensor, ...]) -> None:
        """Record what comes out of an element."""
        types = tuple(each.type for each in tensors)
        if types and all(each.is_known for each in types):
            self._types.setdefault(place, {}).setdefault(", ".join(map(repr, types)), types)

    def value(self, place: Place, value: Value) -> None:
        """Record what an expression or a name is worth."""
        if not isinstance(value, Unknown):
            self._values.setdefault(place, {}).setdefault(f"{type(value).__name__} {value}", value)

    @property
    def types(self) -> Mapping[Place, tuple[Types, ...]]:
        """The types after each element, by its place."""
        return MappingProxyType({place: tuple(found.values()) for place, found in self._types.items()})

    @property
    def values(self) -> Mapping[Place, tuple[Value, ...]]:
        """The values of each expression and name, by its place."""
        return MappingProxyType({place: tuple(found.values()) for place, found in self._values.items()})

    def forget(self) -> None:
        """Begin anew, as where a text is worked out once more with another example of its open sizes."""
        self._types.clear()
        self._values.clear()
