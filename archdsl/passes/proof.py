"""Whether a pass has said of every tensor where it comes from: checked independently of the passes, without torch."""

from __future__ import annotations

from typing import assert_never

from archdsl.graph.module import Module, Step
from archdsl.passes.origins import Kept, Made, New, Origin, Origins, Rewritten, step_at


class Unaccounted(Exception):
    """A tensor without an origin, or one whose origin cannot be: a fault of a pass, not of its user."""


def check(old: Module, rewritten: Rewritten) -> None:
    """Raise Unaccounted unless every tensor of the new network has an origin that is there and has its shape.

    Each distinct module is looked at once, so the cost is that of the hierarchy.
    """
    known = set(old.distinct())
    if _of(rewritten, rewritten.module) is not old:
        raise Unaccounted(f"{old.name} was not what {rewritten.module.name} was made of")
    for module in rewritten.module.distinct():
        origins = rewritten.origins.get(module)
        if origins is None:
            raise Unaccounted(f"the module {module.name} has no origins")
        if origins.of not in known:
            raise Unaccounted(f"{module.name} was made of a module that the network does not have")
        for index, step in enumerate(module.steps):
            where = f"{module.name}.{module.names()[index]}" if len(module.steps) < _NAMED else f"{module.name}:{index}"
            if isinstance(step.what, Module):
                _check_module(step, index, origins, rewritten, where)
            else:
                _check_tensors(step, index, origins, where)
        _check_shared(module)


_NAMED = 100  # names are worked out for all steps at once


def _of(rewritten: Rewritten, module: Module) -> Module | None:
    origins = rewritten.origins.get(module)
    return origins and origins.of


def _check_module(step: Step, index: int, origins: Origins, rewritten: Rewritten, where: str) -> None:
    path = origins.modules.get(index)
    before = None if path is None else step_at(origins.of, path)
    if path is None or before is None:
        raise Unaccounted(f"{where} stands for nothing in {origins.of.name}")
    assert isinstance(step.what, Module)
    if before.what is not _of(rewritten, step.what):
        raise Unaccounted(f"{where} was made of another module than stands there")
    _check_rounds(step, before, path[-1].number, where)


def _check_rounds(step: Step, before: Step, first: int, where: str) -> None:
    if first + step.count > before.count:
        raise Unaccounted(f"{where} has {step.count} rounds from {first} on, and there were {before.count}")


def _check_tensors(step: Step, index: int, origins: Origins, where: str) -> None:
    stated = origins.tensors.get(index)
    if stated is None or stated.keys() != step.state.keys():
        raise Unaccounted(f"{where} has the tensors {sorted(step.state)}, and origins of {sorted(stated or ())}")
    for tensor, origin in stated.items():
        shape = _shape(origin, step, origins, f"{where}.{tensor}")
        if shape is not None and shape != step.state[tensor]:
            raise Unaccounted(f"{where}.{tensor} is {step.state[tensor]}, and its origin makes {shape}")


def _shape(origin: Origin, step: Step, origins: Origins, where: str) -> tuple[int, ...] | None:
    """The shape that a tensor has by its origin; None of a new one."""
    match origin:
        case New():
            return None
        case Kept(path, tensor):
            before = step_at(origins.of, path)
            if before is None or isinstance(before.what, Module) or tensor not in before.state:
                raise Unaccounted(f"{where} comes from {tensor} of {path}, which is not there")
            _check_rounds(step, before, path[-1].number, where)
            return before.state[tensor]
        case Made(formula, sources):
            shapes = {name: _shape(source, step, origins, where) or () for name, source in sources.items()}
            made = formula.shape(shapes)
            if made is None:
                raise Unaccounted(f"{where} cannot be made of tensors of the shapes {shapes}")
            return made
        case _:
            assert_never(origin)


def _check_shared(module: Module) -> None:
    """Raise Unaccounted where steps that share their weights have other ones."""
    first: dict[str, Step] = {}
    for step in module.steps:
        if step.shared and not share_alike(first.setdefault(step.name, step), step):
            raise Unaccounted(f"{module.name}.{step.name} shares weights of other shapes")


def share_alike(one: Step, other: Step) -> bool:
    """Whether two steps have tensors of the same names and shapes, so that they can share them."""
    if isinstance(one.what, Module) or isinstance(other.what, Module):
        if not isinstance(one.what, Module) or not isinstance(other.what, Module):
            return False
        return one.count == other.count and one.what.weight_signature == other.what.weight_signature
    return one.count == other.count and one.state == other.state
