"""What stands around a part of a random text while it is written: names, blocks, and tensors to try it out with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from laws.parts import (
    Expr,
    Names,
    Size,
    need,
)

Probe = tuple[Size, Names]
Given = tuple[tuple[str, Any], ...]

WIDTHS = (2, 3, 4, 4, 4, 6, 6, 8, 8, 8, 12, 16)
FUNCTIONS: dict[str, tuple[str, int, Callable[..., Any]]] = {
    "twice": ("let twice(x) = 2*x", 1, lambda x: 2 * x),
    "nearest": ("let nearest(x, n=4) = max(n, n*floor((x + n/2)/n))", 1, lambda x: max(4, 4 * ((2 * x + 4) // 8))),
    "pick": ("let pick(f, a, b) = a if f else b", 3, lambda f, a, b: a if f else b),
}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a block; `sort` says what it is used for. A default makes it optional."""

    name: str
    sort: str
    default: Expr | None = None


@dataclass(frozen=True)
class Block:
    """A block: its definition, the tensors that it takes and gives, and how deep blocks are nested in it."""

    name: str
    parameters: tuple[Parameter, ...]
    kind: str
    rank: int
    text: str
    run: Callable[[Size, Names], tuple[Size, ...]]
    outputs: int
    seen: tuple[str, ...]
    height: int
    uses: frozenset[str] = frozenset()

    def call(self, x: Size, given: dict[str, Any]) -> tuple[Size, ...]:
        """What it makes of a size, with arguments."""
        need(x.kind == self.kind, x.rank == self.rank)
        names: Names = {"in": x}
        for each in self.parameters:
            if each.name in given:
                names[each.name] = given[each.name]
            else:
                need(each.default is not None)
                assert each.default is not None
                names[each.name] = each.default.value(names)
        return self.run(x, names)


@dataclass(frozen=True)
class Filled:
    """A block as a value, with some of its arguments."""

    block: Block
    given: Given = ()


@dataclass
class Scope:
    """What stands around the place where a part is written.

    probes: tensors that come here, each with what names are worth. sorts: the names that may be used, by sort.
    labels: `free`, `no`, or the variable of a comprehension that has to be in them. held: whether a labelled or repeated
    group is around. block: whether a block is, so that `in` is known. shut: whether tensors from around it are out of
    reach. shares: layers that `share` declares.
    """

    probes: list[Probe]
    sorts: dict[str, str]
    labels: str = "free"
    held: bool = False
    block: bool = False
    shut: bool = False
    shares: list[str] = field(default_factory=list)

    def inner(self, **changes: Any) -> Scope:
        """A place inside, from the same tensor."""
        probes = [(x, dict(names)) for x, names in self.probes]
        return replace(self, probes=probes, sorts=dict(self.sorts), **changes)

    @property
    def size(self) -> Size:
        """One of the sizes that come here."""
        return self.probes[0][0]

    def of(self, *sorts: str) -> list[str]:
        """The names of some sorts."""
        return [word for word, sort in self.sorts.items() if sort in sorts]
