"""Tensors by name from a network into a changed one: the one place where the origins of a pass meet names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, assert_never

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.records import record
from archdsl.graph.flat import full_name, layers
from archdsl.graph.module import Module
from archdsl.passes.a_pass import Change, applied
from archdsl.passes.faults import AnotherModule
from archdsl.passes.origins import Formula, Kept, Made, New, Origin, Rewritten
from archdsl.passes.scope import Scope

if TYPE_CHECKING:
    import torch


@record
class Moved:
    """The tensors of a changed network by name. new: those that have none yet, which keep their first values."""

    weights: Mapping[str, torch.Tensor]
    new: tuple[str, ...]


def moved(root: Module, changes: Sequence[Change], state: Mapping[str, torch.Tensor]) -> Moved:
    """The tensors after some changes, from those of the network. ArchError where `state` is not that network's."""
    _require_own(root, state)
    weights = dict(state)
    new: list[str] = []
    for change in changes:
        rewritten = applied(root, change)
        weights, new = _moved(root, rewritten, weights)
        root = rewritten.module
    return Moved(weights, tuple(new))


def new_tensors(root: Module, changes: Sequence[Change]) -> tuple[str, ...]:
    """The names of the tensors that some changes make new, in the order of the text. Needs no torch."""
    known = set(names(root))
    new: list[str] = []
    for change in changes:
        rewritten = applied(root, change)
        found = list(moves(root, rewritten))
        new = [each.name for each in found if not each.is_from(known)]
        known = {each.name for each in found}.difference(new)
        root = rewritten.module
    return tuple(new)


def names(root: Module) -> Iterator[str]:
    """The names of all tensors of a network, of those that are shared more than once."""
    return (full_name(layer.path, tensor) for layer in layers(root) for tensor in layer.step.state)


def _require_own(root: Module, state: Mapping[str, torch.Tensor]) -> None:
    shapes = {full_name(layer.path, name): shape for layer in layers(root) for name, shape in layer.step.state.items()}
    missing = [name for name in shapes if name not in state]
    unknown = [name for name in state if name not in shapes]
    others = [name for name, shape in shapes.items() if name in state and tuple(state[name].shape) != shape]
    if missing or unknown or others:
        raise ArchError([Diagnostic(AnotherModule(root.name, tuple(missing), tuple(unknown), tuple(others)))])


_WHOLE = "whole"


class Move(NamedTuple):
    """A tensor of a changed network, and what it comes from: no formula where it is one tensor as it is, no sources
    where it is new."""

    name: str
    formula: Formula | None
    sources: Mapping[str, str]

    def is_from(self, known: set[str]) -> bool:
        """Whether all that it comes from is among these names."""
        return bool(self.sources) and known.issuperset(self.sources.values())


def _moved(
    root: Module, rewritten: Rewritten, weights: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], list[str]]:
    made: dict[str, torch.Tensor] = {}
    new: list[str] = []
    for name, formula, sources in moves(root, rewritten):
        # what comes from something that is new is new itself
        found = {key: weights[each] for key, each in sources.items() if each in weights}
        if not found or len(found) < len(sources):
            new.append(name)
        else:
            made[name] = formula.value(found) if formula else found[_WHOLE]
    return made, new


def moves(old: Module, rewritten: Rewritten) -> Iterator[Move]:
    """Every tensor of the changed network with what it comes from, each once, in the order of the text."""
    return _moves(Scope(rewritten.module), Scope(old), rewritten)


def _moves(new: Scope, old: Scope, rewritten: Rewritten) -> Iterator[Move]:
    origins = rewritten.origins[new.module]
    for index, step in new.module.owned_with_index():
        for number in range(step.count):
            if isinstance(step.what, Module):
                path = origins.modules[index]
                before = old.at(path).inside(path[-1].step, path[-1].number + number)
                yield from _moves(new.inside(index, number), before, rewritten)
                continue
            name = new.name(index, number)
            for tensor, origin in origins.tensors[index].items():
                yield _move(full_name(name, tensor), origin, old, number)


def _move(name: str, origin: Origin, old: Scope, number: int) -> Move:
    def source(kept: Kept) -> str:
        index, first = kept.path[-1]
        return full_name(old.at(kept.path).name(index, first + number), kept.tensor)

    match origin:
        case New():
            return Move(name, None, {})
        case Kept():
            return Move(name, None, {_WHOLE: source(origin)})
        case Made(formula, sources):
            return Move(name, formula, {key: source(each) for key, each in sources.items()})
        case _:
            assert_never(origin)
