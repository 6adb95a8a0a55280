"""A fact: something that is known of a network and of each step in it. What it is, how it composes, and how it shows.

A fact is a value of `Fact`, in a file of this room, and a line in `facts.table`. How it composes over steps, repeats
and modules is its `Figures`. Most facts add up, and `total` makes them of a function of one operator's step
(`graph.sums.Sum`); what flows through a network, such as a receptive field, or goes back through it, such as what is
kept for the backward pass, has figures of its own.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY
from enum import Enum, auto
from typing import Any, Generic, Protocol, SupportsIndex, TypeVar

from typing_extensions import override

from archdsl.algebra.figures import short_bytes, short_number
from archdsl.base.records import record
from archdsl.base.wanted import WrongKey, given
from archdsl.facts.receptive import Seen
from archdsl.graph.module import Module, Step
from archdsl.graph.sums import Sum

V = TypeVar("V")


class Standing(Protocol):
    """A step where it stands in a network, in the first of its repetitions and of those around it.

    around: the step of the module that it is in; None in the network itself. after: what its outputs see. again: it
    uses the weights of an earlier step.
    """

    @property
    def module(self) -> Module:
        """The module that it is a step of."""
        ...

    @property
    def index(self) -> int:
        """The number of the step in the module."""
        ...

    @property
    def step(self) -> Step: ...

    @property
    def around(self) -> Standing | None: ...

    @property
    def after(self) -> tuple[Seen, ...]: ...

    @property
    def again(self) -> bool: ...

    @property
    def training_only(self) -> bool: ...


class Figures(ABC, Generic[V]):
    """A fact of one network. Each distinct module is worked out once."""

    @property
    @abstractmethod
    def whole(self) -> V:
        """The value of the whole network."""

    @property
    def inference(self) -> V:
        """The value at inference: that of the network, unless training alone needs a part of it."""
        return self.whole

    @property
    def training(self) -> V:
        """The value in training, where that is told apart: what the values of its steps add up to."""
        return self.whole

    @property
    def line(self) -> V:
        """The value in the network's line of a comparison."""
        return self.inference

    @abstractmethod
    def at(self, place: Standing, count: int) -> V:
        """The value of the step at a place, for `count` repetitions."""

    @abstractmethod
    def of(self, places: Sequence[Standing]) -> V:
        """The value of consecutive steps, all repetitions: a row of a table, mostly one step."""


class Added(Figures[int]):
    """Figures of steps that add up."""

    @override
    def of(self, places: Sequence[Standing]) -> int:
        return sum(self.at(place, place.step.count) for place in places)


class View(Enum):
    """Where a fact shows unasked. TABLE: the columns of a network's layers, their JSON, a page, what a picture says of
    a box. COMPARISON: a line of one network among others. COLOURS: the costs that a page has colours for. REQUIREMENTS:
    what a text can require of its network."""

    TABLE = auto()
    COMPARISON = auto()
    COLOURS = auto()
    REQUIREMENTS = auto()


EVERYWHERE = frozenset(View)


def _itself(value: Any) -> Any:
    return value


def _is_never_all(_value: object) -> bool:
    return False


@record
class Shade:
    """How boxes of a picture are coloured by a fact.

    name: the word for it among colours; that of the fact if there is none. dark: a number, the darker the higher.
    is_all: whether nothing can be more, whatever other boxes have. largest: whether a box that stands for several steps
    has the most of theirs rather than all together. scale: how a number stands beside its colour. first: whether a
    reader is offered it before the others.
    """

    name: str = ""
    dark: Callable[[Any], int] = int
    is_all: Callable[[Any], bool] = _is_never_all
    largest: bool = False
    scale: Callable[[int], str] = short_number
    first: bool = False


@record
class Fact(Generic[V]):
    """A fact: see the docstring of this file.

    name: by which it is asked for, and its key in JSON. title: the head of its column. words: what it is, after a
    number. over: its figures in a network. text: of a value, for a table; nothing where there is none. views: where it
    shows unasked.

    short: the same in few letters. exact: whether a table of layers has it in full even where there is little room.
    yields: whether its column goes first where there is none. shares: whether steps have a part of a whole, which
    tables say. data: a value as JSON has it. told: a value in words. about: what a short title stands for. footer: what
    a table says of the whole. summed: the number that adds up, of a `total`. sort: the key by which networks are
    sorted. number: what a requirement compares. shade: how boxes are coloured by it.
    """

    name: str
    title: str
    words: str
    over: Callable[[Module], Figures[V]]
    text: Callable[[V], str]
    _: KW_ONLY
    views: frozenset[View] = EVERYWHERE
    short: Callable[[V], str] | None = None
    exact: bool = True
    yields: bool = False
    shares: bool = False
    data: Callable[[V], Any] = _itself
    told: Callable[[V], str] | None = None
    about: str = ""
    footer: str = ""
    summed: Sum | None = None
    sort: Callable[[V], Any] | None = None
    number: Callable[[V], int | float] | None = None
    shade: Shade | None = None

    def __hash__(self) -> int:
        return hash(self.name)

    @override
    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        """By its name where it is in the list; else by its fields, which are functions by name and values."""
        from archdsl.facts.table import FACTS, listed

        return (listed, (self.name,)) if self in FACTS else super().__reduce_ex__(protocol)

    def shown(self, value: V, *, short: bool = False) -> str:
        """A value for a table. short: in few letters, where there are fewer."""
        return self.short(value) if short and self.short else self.text(value)

    def said(self, value: V) -> str:
        """A value in words: `1,728 parameters`; nothing where there is none."""
        if self.told is not None:
            return self.told(value)
        text = self.text(value)
        return f"{text} {self.words}" if text else ""


@record(slots=True)
class _Adds:
    """Gives the figures of a number that adds up, for any network."""

    summed: Sum
    apart: bool

    def __call__(self, root: Module) -> Figures[int]:
        return _Total(self.summed, root, apart=self.apart)


class _Total(Added):
    """Figures of a number that adds up. apart: whether that of inference is told apart from that of training."""

    def __init__(self, summed: Sum, root: Module, *, apart: bool) -> None:
        self.summed = summed
        self.root = root
        self.apart = apart

    @property
    @override
    def whole(self) -> int:
        return self.root.total(self.summed)

    @property
    @override
    def inference(self) -> int:
        return self.root.total(self.summed, training=False) if self.apart else self.whole

    @property
    @override
    def training(self) -> int:
        return self.root.total(self.summed, training=True) if self.apart else self.whole

    @override
    def at(self, place: Standing, count: int) -> int:
        return self.summed.of(place.step, count, again=place.again)


def number_or_nothing(value: int) -> str:
    """A count for a reader; nothing of none."""
    return f"{value:,}" if value else ""


def short_or_nothing(value: int) -> str:
    """A count to three digits; nothing of none."""
    return short_number(value) if value else ""


def bytes_or_nothing(count: int) -> str:
    """Bytes for a reader; nothing of none."""
    return short_bytes(count) if count else ""


def total(name: str, title: str, words: str, summed: Sum, *, apart: bool = True, **more: Any) -> Fact[int]:
    """A fact that adds up, with its part of the whole. apart: whether that of inference is told apart from that of
    training. more: fields of `Fact` that are other than usual."""
    usual: dict[str, Any] = {
        "text": number_or_nothing,
        "short": short_or_nothing,
        "shares": True,
        "sort": _itself,
        "number": _itself,
        "shade": Shade(),
    }

    return Fact(name, title, words, _Adds(summed, apart), summed=summed, **{**usual, **more})


class Known:
    """The facts of one network, each worked out when it is first asked for."""

    def __init__(self, root: Module) -> None:
        self.root = root
        self._figures: dict[Fact[Any], Figures[Any]] = {}

    def __getitem__(self, fact: Fact[V]) -> Figures[V]:
        if fact not in self._figures:
            self._figures[fact] = fact.over(self.root)
        return self._figures[fact]

    @override
    def __reduce__(self) -> tuple[object, ...]:
        return Known, (self.root,)


class ByName(Mapping[str, Any]):
    """Facts by their names, each worked out when it is asked for."""

    def __init__(self, facts: Sequence[Fact[Any]], value: Callable[[Fact[Any]], Any]) -> None:
        self._facts = {fact.name: fact for fact in facts}
        self._value = value

    @override
    def __getitem__(self, name: object) -> Any:
        if not isinstance(name, str) or name not in self._facts:
            asked = f"{name[:40]!a}" if isinstance(name, str) else given(name)
            raise WrongKey(f"{asked} is no fact: it is one of {', '.join(self._facts)}")
        return self._value(self._facts[name])

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._facts)

    @override
    def __len__(self) -> int:
        return len(self._facts)

    @override
    def __repr__(self) -> str:
        return f"<facts {', '.join(self._facts)}>"
