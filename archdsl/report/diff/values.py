"""The values of arguments, in a form that can be compared between networks."""

from __future__ import annotations

from typing import Any

from archdsl.graph.arguments import Defined, Partial
from archdsl.graph.module import Module, Step

# what differs in the arguments of the block that a module stands in, values that keep no formula; None in a network
Given = frozenset[tuple[Any, Any]] | None


def given_of(old: Module, new: Module, around: Given) -> Given:
    """What differs in the arguments of the block that is nearest around a step of a module."""
    if not (old.is_block or new.is_block):
        return around
    before, after = ({name: plain(each) for name, each in module.arguments.items()} for module in (old, new))
    both = ((value, after[name]) for name, value in before.items() if name in after)
    return frozenset(pair for pair in both if pair[0] != pair[1] and not any(map(_has_formula, pair)))


def _has_formula(value: object) -> bool:
    return isinstance(value, tuple) or (isinstance(value, int) and not isinstance(value, bool))


def call_arguments(step: Step) -> dict[str, Any]:
    """What a block is called with, but for what is as if it were not given."""
    assert isinstance(step.what, Module)
    defaults = step.what.defaults
    given = step.arguments or tuple(step.what.arguments.items())
    return {
        name: plain(value) for name, value in given if name not in defaults or plain(defaults[name]) != plain(value)
    }


def plain(value: Any) -> Any:
    """A value that can be compared between networks: a block or operator by its name and arguments."""
    match value:
        case tuple():
            return tuple(map(plain, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        case Defined() if value.is_block:
            return _called(value.name, value.arguments)
        case Partial(operator, given):
            return _called(operator.word, given)
        case Defined():
            return str(value)
        case int() if not isinstance(value, bool):
            return int(value)
        case _:
            return value


def _called(name: str, given: tuple[tuple[str, Any], ...]) -> str:
    inside = ", ".join(f"{each}={plain(value)}" for each, value in given)
    return f"{name}({inside})" if inside else name
