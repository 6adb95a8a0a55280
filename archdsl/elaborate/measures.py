"""How large values are. Lists share their items, so that sixty lists can be a tree of 2**60."""

from __future__ import annotations

from typing import NamedTuple

from archdsl.base.text import Span
from archdsl.elaborate.ledger import Ledger
from archdsl.elaborate.values import Scope, Template, Value
from archdsl.graph.arguments import Partial


class Measure(NamedTuple):
    """How large a value is: its parts, itself included, and how deep lists and arguments stand in each other."""

    size: int
    depth: int


_SINGLE = Measure(1, 0)


class Measures:
    """The measures of lists, and of operators and blocks with arguments, each worked out once."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: dict[int, tuple[Value, Measure]] = {}

    def size(self, value: Value) -> int:
        """What comparing a value costs."""
        return self._measure(value).size

    def require(self, made: tuple[Value, ...] | Partial | Template, scope: Scope, span: Span) -> None:
        """Refuse what has too many parts, or parts too deep inside each other: what compares values goes down into
        them."""
        measure = self._measure(made)
        self.require_items(measure.size - 1, scope, span)
        if measure.depth > self._ledger.limits.nesting:
            self._ledger.limit("lists and arguments are nested too deeply", measure.depth, "nesting", scope, span)

    def require_items(self, figure: int, scope: Scope, span: Span) -> None:
        """Refuse a list of so many parts if they are too many."""
        if figure > self._ledger.limits.items:
            self._ledger.limit("a list has too many items", figure, "items", scope, span)

    def _measure(self, value: Value) -> Measure:
        match value:
            case tuple():
                parts = value
            case Partial() | Template():
                parts = tuple(each for _, each in value.arguments)
            case _:
                return _SINGLE
        if (known := self._known.get(id(value))) is None:
            measures = [self._measure(each) for each in parts]
            depth = 1 + max((each.depth for each in measures), default=0)
            # the value is kept, so that its id stays its own
            known = self._known[id(value)] = (value, Measure(1 + sum(each.size for each in measures), depth))
        return known[1]
