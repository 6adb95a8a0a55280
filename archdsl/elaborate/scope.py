"""Names and what they stand for. Lexical: a scope knows the one that it stands in, never the one that calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archdsl.base.text import Place, Source, Span
from archdsl.elaborate.values import Unknown, Value
from archdsl.ops import OperatorClass
from archdsl.syntax import tree

if TYPE_CHECKING:
    from archdsl.graph.build import Tensor

Defaults = Mapping[OperatorClass, Mapping[str, Value]]


@dataclass(eq=False)
class Scope:
    """Names of one file, definition or comprehension.

    incoming: the tensor that `in` means; unknown where that failed. free: whether a name that is not found here is a
    hyper-parameter to be set, as in a file that is one bare chain. defaults: the arguments that `default` statements
    give to operators here; inner ones win.
    """

    source: Source
    parent: Scope | None = None
    incoming: Tensor | Unknown | None = None
    free: bool = False
    names: dict[str, Value] = field(default_factory=dict[str, Value])
    defaults: Defaults = field(init=False)

    def __post_init__(self) -> None:
        self.defaults = self.parent.defaults if self.parent else {}

    def place(self, span: Span) -> Place:
        """The place of a span in the text that this scope belongs to."""
        return Place(self.source, span)

    def child(self) -> Scope:
        """A scope inside this one, for the names of a comprehension."""
        return Scope(self.source, self, self.incoming, self.free)

    def outward(self) -> Iterator[Scope]:
        """This scope, then the ones that it stands in."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def find(self, name: str) -> Value | None:
        """What a name stands for, or None."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.parent
        return None

    def known(self) -> set[str]:
        """Every name that can be used here."""
        return {name for scope in self.outward() for name in scope.names}


def signature(definition: tree.Definition | tree.Function, scope: Scope) -> str:
    """A definition's head as it stands in the text: `bottleneck(c, s=1)`."""
    if not definition.parameters:
        return f"{definition.name.text}()"
    first, last = definition.parameters[0].span, definition.parameters[-1].span
    return f"{definition.name.text}({scope.source.text[first.start : last.end]})"
