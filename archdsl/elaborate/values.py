"""What an expression can be worth, and the names that stand for it. Every value is immutable and can key what
elaboration remembers; a scope knows the one that it stands in, never the one that calls it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from archdsl.algebra.traced import Named, Traced
from archdsl.base.records import record
from archdsl.base.settings import is_whole
from archdsl.base.text import Place, Source, Span
from archdsl.graph.arguments import Defined, DefinedKind, Nothing, Partial, PlainValue
from archdsl.graph.build import Builder, Tensor
from archdsl.ops import OperatorClass
from archdsl.syntax import tree


@record(slots=True)
class Unknown:
    """The value of what failed. Nothing that depends on it is said to be wrong."""

    def __str__(self) -> str:
        return "unknown"


UNKNOWN: Final = Unknown()


@record(slots=True)
class Template:
    """A block or net as a value: its definition and the scope that the definition stands in. `arguments` are those that
    a block was given where it became a value: `bottleneck(groups=32)`."""

    definition: tree.Definition
    scope: Scope
    arguments: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{'net' if self.definition.is_net else 'block'} {self.definition.name.text}"


@record(slots=True)
class Function:
    """A function of expressions, with the scope that its definition stands in."""

    definition: tree.Function
    scope: Scope

    def __str__(self) -> str:
        return f"function {self.definition.name.text}"


@record(slots=True)
class Shared:
    """Weights declared by `share`, to be used wherever the name stands."""

    statement: tree.Share
    scope: Scope
    home: Builder

    def __str__(self) -> str:
        return f"shared {self.statement.name.text}"


_Defined = Template | Function | Shared
Value = int | float | str | bool | tuple["Value", ...] | _Defined | Partial | Tensor | Unknown | Nothing
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


def kind_of(value: Value) -> str:
    """What a value is, in the words of messages."""
    match value:
        case bool():
            return "`true`" if value else "`false`"
        case int() | float():
            return f"the number {value:,}"
        case str():
            return f'the text "{value[:40]}"'
        case tuple():
            return f"a list of {len(value)}"
        case _:
            return f"the {value}"


def is_true(value: Value) -> bool:
    """Whether a value counts as true, as a condition or as a switch; `none` does not."""
    return bool(value) and not isinstance(value, Nothing)


def traced_argument(name: str, value: Value) -> Value:
    """The value of a parameter that remembers the parameter: a whole number, or each item of a list of them."""
    if isinstance(value, tuple) and all(map(is_whole, value)):
        return tuple(Traced(int(each), Named(f"{name}[{index}]")) for index, each in enumerate(value) if is_whole(each))
    return Traced(int(value), Named(name)) if is_whole(value) else value


def settled_arguments(values: Mapping[str, Value]) -> dict[str, PlainValue]:
    """Arguments as the hierarchy holds them, but for those that hold a tensor or what failed."""
    settled = ((name, settled_value(each)) for name, each in values.items())
    return {name: each for name, each in settled if each is not None}


def settled_value(value: Value) -> PlainValue | None:
    """A value as the hierarchy holds it, without tree and scopes; None where a tensor or what failed is in it."""
    match value:
        case tuple():
            items = tuple(each for each in map(settled_value, value) if each is not None)
            return items if len(items) == len(value) else None
        case Template(definition, scope, arguments):
            kind = DefinedKind.NET if definition.is_net else DefinedKind.BLOCK
            given = _settled_pairs(arguments)
            place = scope.place(definition.name.span)
            return None if given is None else Defined(kind, definition.name.text, place, given)
        case Partial(operator, arguments):
            given = _settled_pairs(arguments)
            return None if given is None else Partial(operator, given)
        case Function(definition, scope):
            return Defined(DefinedKind.FUNCTION, definition.name.text, scope.place(definition.name.span))
        case Shared(statement, scope):
            return Defined(DefinedKind.SHARED, statement.name.text, scope.place(statement.name.span))
        case Tensor() | Unknown():
            return None
        case _:
            return value


def _settled_pairs(arguments: tuple[tuple[str, Value], ...]) -> tuple[tuple[str, PlainValue], ...] | None:
    settled = settled_arguments(dict(arguments))
    return tuple(settled.items()) if len(settled) == len(arguments) else None
