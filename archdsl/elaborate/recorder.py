"""What the parts of a text come to, by their places, for whoever asks for it: an editor that shows it, a hint."""

from __future__ import annotations

from collections.abc import Mapping

from archdsl.algebra.tensors import TensorType
from archdsl.base.text import Place
from archdsl.elaborate.values import Unknown, Value
from archdsl.graph.build import Tensor


class Recorder:
    """The types of the tensors after each element of a chain, and the values of names and expressions.

    A place has several where calls of a block or rounds of a loop differ: each is there once, in the order in which
    they were worked out. What failed has none.
    """

    def __init__(self) -> None:
        # by their words, since comparing sizes that are left open would decide something about them
        self._types: dict[Place, dict[str, tuple[TensorType, ...]]] = {}
        self._values: dict[Place, dict[str, Value]] = {}

    def tensors(self, place: Place, tensors: tuple[Tensor, ...]) -> None:
        """Record what comes out of an element."""
        types = tuple(each.type for each in tensors)
        if all(each.is_known for each in types):
            self._types.setdefault(place, {}).setdefault(repr(types), types)

    def value(self, place: Place, value: Value) -> None:
        """Record what a name or an expression is worth."""
        if not isinstance(value, Unknown):
            self._values.setdefault(place, {}).setdefault(f"{type(value)} {value}", value)

    @property
    def types(self) -> Mapping[Place, tuple[tuple[TensorType, ...], ...]]:
        """The types after each element, by its place."""
        return {place: tuple(found.values()) for place, found in self._types.items()}

    @property
    def values(self) -> Mapping[Place, tuple[Value, ...]]:
        """The values of each name and expression, by its place."""
        return {place: tuple(found.values()) for place, found in self._values.items()}
