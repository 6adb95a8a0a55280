"""What a hierarchy of modules is, as one value: equal for hierarchies that compute the same by the same steps.

Numbers count with their types, as they do in the code that is made of them: 1, 1.0 and `true` are three values. A size
that is left open is its formula and its example; comparing two of them decides nothing.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, cast

from archdsl.algebra.symbolic import at_example, formula_of, is_open
from archdsl.algebra.tensors import TensorType
from archdsl.graph.module import Module, Step

Value = tuple[object, ...]


def identity(root: Module) -> Value:
    """The contents of each distinct module, children before parents. A module in another stands there as the number of
    its contents, so that it does not matter which modules are one object."""
    numbers: dict[Value, int] = {}
    known: dict[int, int] = {}
    for module in root.distinct():
        known[id(module)] = numbers.setdefault(_of_module(module, known), len(numbers))
    return tuple(numbers)


def _of_module(module: Module, known: dict[int, int]) -> Value:
    """All of a module but its place, its comment, and the arguments that its steps were worked out from."""
    return (
        module.name,
        (module.indexed, module.transparent, module.is_block),
        module.init,
        module.input_names,
        tuple(map(_of_type, module.inputs)),
        tuple(_of_step(name, step, known) for name, step in zip(module.names(), module.steps, strict=True)),
        module.result_names,
        module.outputs,
        module.train_outputs,
    )


def _of_step(name: str, step: Step, known: dict[int, int]) -> Value:
    """What comes out follows from the rest."""
    what = known[id(step.what)] if isinstance(step.what, Module) else exact(step.what)
    return name, step.count, step.shared, step.inputs, what


def _of_type(kind: TensorType) -> Value:
    return kind.kind, tuple(map(exact, kind.shape))


def exact(value: object) -> object:
    """A setting of an operator, or the operator with all of its settings, as a value that is equal to no other: Python
    takes 1, 1.0 and `true`, and zeros of both signs, for equal."""
    if isinstance(value, tuple):
        return tuple(map(exact, cast("tuple[object, ...]", value)))
    if isinstance(value, int) and not isinstance(value, bool):
        # a number that remembers where it comes from is that number
        return (int, at_example(value), formula_of(value)) if is_open(value) else (int, int(value))
    if is_dataclass(value):
        settings = (getattr(value, each.name) for each in fields(cast("Any", value)))
        return type(value), *map(exact, settings)
    # a zero has a sign, and what is no number equals itself here
    return type(value), repr(value) if isinstance(value, float) else value
