"""The facts. This list is the only one: tables, their JSON, pages, colours, comparisons, requirements and
`Network.facts` read it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from archdsl.base.wanted import WrongType, WrongValue, given
from archdsl.facts.counts import LAYERS, MACS, PARAMS
from archdsl.facts.fact import ByName, Fact, View
from archdsl.facts.outputs import OUTPUTS
from archdsl.facts.seen import RECEPTIVE_FIELD
from archdsl.facts.training_memory import KEPT

AnyFact = Fact[Any]
_T = TypeVar("_T")

FACTS: tuple[AnyFact, ...] = (
    PARAMS,
    MACS,
    LAYERS,
    OUTPUTS,
    RECEPTIVE_FIELD,
    KEPT,
)


def shown_in(view: View) -> tuple[AnyFact, ...]:
    """The facts that show there unasked, in order."""
    return tuple(fact for fact in FACTS if view in fact.views)


def totals() -> tuple[AnyFact, ...]:
    """The facts of tables that add up: what a network comes to in a line."""
    return tuple(fact for fact in shown_in(View.TABLE) if fact.shares)


def counts() -> tuple[Fact[int], ...]:
    """The facts of `totals` that are a `Sum`, and do not depend on where a step stands."""
    return tuple(fact for fact in totals() if fact.summed)


def by_name(value: Callable[[AnyFact], Any]) -> Mapping[str, Any]:
    """The facts by their names, each worked out when it is asked for."""
    return ByName(FACTS, value)


def listed(name: str) -> AnyFact:
    """The fact of a name, as a pickle has it."""
    return next(fact for fact in FACTS if fact.name == name)


def columns(names: Iterable[object]) -> tuple[AnyFact, ...]:
    """Facts by their names, for a table, each once."""
    known = {fact.name: fact for fact in FACTS}
    return tuple(dict.fromkeys(_chosen("column", known, name) for name in names))


def column_names() -> Sequence[str]:
    """The names of all facts."""
    return [fact.name for fact in FACTS]


def sort_names() -> Sequence[str]:
    """What networks can be sorted by: what they come to, their names, and the rest."""
    sorting = [fact for fact in shown_in(View.COMPARISON) if fact.sort is not None]
    before, after = ([_spoken(fact) for fact in sorting if fact.shares is adds] for adds in (True, False))
    return [*before, "name", *after]


def sort_fact(name: object) -> AnyFact | None:
    """The fact that networks are to be sorted by; None for their names."""
    known = {_spoken(fact): fact for fact in FACTS if fact.sort is not None}
    return _chosen("sort", {each: known.get(each) for each in sort_names()}, name)


def colours() -> Mapping[str, AnyFact]:
    """The facts by which boxes can be coloured, by the words for them."""
    found = [(fact.shade.name or fact.name, fact) for fact in FACTS if fact.shade is not None]
    return dict(sorted(found, key=lambda pair: not (pair[1].shade and pair[1].shade.first)))


def colour(name: object) -> AnyFact:
    """The fact by which boxes are to be coloured."""
    return _chosen("cost", colours(), name)


def _spoken(fact: AnyFact) -> str:
    return fact.name.replace("_", "-")


def _chosen(noun: str, known: Mapping[str, _T], name: object) -> _T:
    """What is called so; refused with the names of all where nothing is."""
    words = ", ".join(known)
    if not isinstance(name, str):
        raise WrongType(f"the {noun} is one of {words}, not {given(name)}")
    if name not in known:
        raise WrongValue(f"{name[:40]!a} is no {noun}: it is one of {words}")
    return known[name]
