"""What a module is, in one normal form: numbers for its parts and for what it computes, equal where these are equal.

Two readers meet here, one of the hierarchy and one of the emitted file. Each gives a number to everything that it comes
upon (a layer with its arguments, a tensor as the calls that made it, a row of layers), and equal things get equal
numbers. So two networks are compared by one number each, and where they differ by the keys of these numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from archdsl.base.records import record

Key = tuple[Any, ...]

# a row of layers is told from others by a polynomial over their numbers: two rows that differ have equal values in less
# than one of 2^100 cases
_PRIME: Final = 2**127 - 1
# layers that take a number for each axis, or one for all; those that pad take two for each
_AXES: Final = re.compile(r"nn\.(?:\w*(?:Conv|ConvTranspose|Pool|Pad)([123])d|Upsample)")
_PER_AXIS: Final = frozenset({"stride", "padding", "dilation", "output_padding", "size", "scale_factor"})
_SHOWN: Final = 64
_BASE: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835 % _PRIME


@record(slots=True)
class Name:
    """A name of Python that stands as it is, such as the class of an activation that a block is given."""

    text: str


@record(slots=True)
class Row:
    """Members in a row, however many: how many there are, and a value that tells them from all others.

    first: the first of them, to say where two rows differ.
    """

    length: int = 0
    digest: int = 0
    power: int = 1
    first: tuple[int, ...] = ()

    @staticmethod
    def of(term: int) -> Row:
        """A row of one."""
        return Row(1, term + 1, _BASE, (term,))

    def then(self, other: Row) -> Row:
        """This row and another after it."""
        digest = (self.digest * other.power + other.digest) % _PRIME
        first = self.first if len(self.first) >= _SHOWN else (*self.first, *other.first)
        return Row(self.length + other.length, digest, self.power * other.power % _PRIME, first)

    def times(self, count: int) -> Row:
        """This row so often, in as many steps as the count has digits."""
        made, twice = Row(), self
        while count:
            if count & 1:
                made = made.then(twice)
            twice, count = twice.then(twice), count >> 1
        return made


class Terms:
    """The numbers of one comparison. `keys[number]` is what the number stands for.

    defaults: the arguments that torch has defaults for, by class and name; at its default an argument counts as not
    given. first: the first members of each row. stateless: the classes of layers that have no numbers of their own.
    overwriting: those that can write over what comes in. overwritable: those, and functions, that give what may be
    written over.
    """

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.first: dict[int, tuple[int, ...]] = {}
        self.defaults: dict[tuple[str, str], object] = {}
        self.stateless: set[str] = set()
        self.overwriting: set[str] = set()
        self.overwritable: set[str] = set()
        self._numbers: dict[Key, int] = {}

    def of(self, *key: Any) -> int:
        """The number of a key."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.keys)
            self.keys.append(key)
        return number

    def value(self, value: Any) -> object:
        """A value that keys can hold, and that tells 1 from 1.0 and from true."""
        match value:
            case bool() | float():
                return (type(value).__name__, repr(value))
            case int():
                return int(value)
            case tuple() | list():
                return ("tuple", *map(self.value, cast("tuple[Any, ...]", value)))
            case _:
                return value

    def layer(self, target: str, args: Iterable[Any], kwargs: Mapping[str, Any]) -> int:
        """A layer of torch's, or of a class that is copied. Whether it overwrites what comes in is no part of it."""
        axes = _AXES.fullmatch(target)
        rank = int(axes[1] or 0) if axes else None
        named = {name: self._option(target, name, each, rank) for name, each in kwargs.items() if name != "inplace"}
        given = sorted((name, each) for name, each in named.items() if self.defaults.get((target, name), self) != each)
        # a convolution takes its channels first
        channels = 2 if axes and "Conv" in target else 0
        plain = (self._argument(each, None if at < channels else rank) for at, each in enumerate(args))
        return self.of("layer", target, tuple(plain), tuple(given))

    def _option(self, target: str, name: str, value: Any, rank: int | None) -> object:
        """An argument by its name. Where the default is no whole number, 1 is what 1.0 is."""
        match self.defaults.get((target, name)):
            case ("float", str()) if isinstance(value, int) and not isinstance(value, bool):
                return self.value(float(value))
            case _:
                return self._argument(value, rank if name in _PER_AXIS else None)

    def _argument(self, value: Any, rank: int | None) -> object:
        """An argument of a layer. One for each axis is the same as one for all, where all are equal. rank: how many
        axes the layer has, 0 for any number; None where a list of numbers is no list of axes."""
        if rank is not None and isinstance(value, tuple) and len(set(cast("tuple[Any, ...]", value))) == 1:
            items = cast("tuple[Any, ...]", value)
            if not rank or len(items) in {rank, 2 * rank}:
                return self.value(items[0])
        return self.value(value)

    def apply(self, function: str, *operands: int) -> int:
        """A sum, product or comparison, from left to right. A learned tensor counts as one for each sample where
        another operand has samples."""
        bare = [self._bare(each) for each in operands]
        if any(not is_learned for _, is_learned in bare):
            operands = tuple(each for each, _ in bare)
        first, *others = operands
        for each in others:
            first = self.of("op", function, first, each)
        return first

    def _bare(self, term: int) -> tuple[int, bool]:
        key = self.keys[term]
        if key[0] == "expand":
            return key[1], True
        return term, key[0] == "attribute"

    def row(self, kind: str, row: Row) -> int:
        """A row of layers: one that a tensor goes through (`row`), or a list of them whose calls `forward` writes."""
        made = self.of("row", kind, row.length, row.digest)
        self.first.setdefault(made, row.first)
        return made

    def through(self, path: int, start: int, stop: int, x: int, body: int) -> int:
        """A tensor after the layers of a list from one position to before another, where `body` is what each makes of
        the tensor before it. Stretches that follow each other are one."""
        key = self.keys[x]
        if key[0] == "through" and (key[1], key[3], key[5]) == (path, start, body):
            start, x = key[2], key[4]
        return self.of("through", path, start, stop, x, body)

    def port(self, call: int, position: int, count: int) -> int:
        """One of the `count` tensors that a call gives."""
        return self.of("port", call, position, count)


def previous(terms: Terms, depth: int) -> int:
    """The tensor that goes through a list of layers, before one of them; `depth` is that of lists in lists."""
    return terms.of("previous", depth)


def member(terms: Terms, depth: int) -> int:
    """One of the layers of a list."""
    return terms.of("member", depth)
