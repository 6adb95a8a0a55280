"""The networks of the zoo as modules, and one of them that has certain weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

from archdsl.algebra.tensors import Shape
from archdsl.base.diagnostics import Report
from archdsl.base.limits import DEFAULT_LIMITS
from archdsl.base.resources import folder
from archdsl.base.text import Source
from archdsl.elaborate.elaborator import Elaborator
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.library import SUFFIX, Library, zoo_names
from archdsl.graph.flat import layers
from archdsl.graph.module import Module
from archdsl.ops import OPERATORS

# letters that the names of a family begin with
_FAMILY = 4


def zoo_module(name: str) -> Module | None:
    """A network of the zoo as its text has it; None where the file is a template alone."""
    path = folder("specs") / f"{name}{SUFFIX}"
    report = Report()
    library = Library(DEFAULT_LIMITS, report)
    elaborator = Elaborator(Evaluator(OPERATORS, {}, DEFAULT_LIMITS, report), library)
    program = elaborator.programs.program(library.parse(Source(path.name, path.read_text("utf-8"), str(path))))
    template = program.nets.get(name)
    return elaborator.network(template, name) if template else None


def network_with(weights: Mapping[str, Shape], near: str) -> str | None:
    """A network of the zoo whose learned tensors all have these names and shapes, those first that are called nearly as
    `near`. What else there is may only be what those layers keep besides, as the statistics of a batch norm."""
    names = sorted(zoo_names(), key=lambda name: not name.startswith(near[:_FAMILY]))
    return next((name for name in names if _has(name, weights)), None)


def _has(name: str, weights: Mapping[str, Shape]) -> bool:
    module = zoo_module(name)
    # totals are there at once, and tell nearly all networks apart
    if module is None or module.params > sum(map(prod, weights.values())):
        return False
    learned = dict(_learned(module))
    if not all(weights.get(path) == shape for path, shape in learned.items()):
        return False
    owners = {path.rpartition(".")[0] for path in learned}
    return all(path in learned or path.rpartition(".")[0] in owners for path in weights)


def _learned(module: Module) -> Iterator[tuple[str, Shape]]:
    for layer in layers(module):
        yield from layer.weights.items()
