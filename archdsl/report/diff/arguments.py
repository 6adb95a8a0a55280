"""What is different in the arguments of two steps that belong together: what the text says, and what follows from other
arguments, or from the norm after a step."""

from __future__ import annotations

from typing import Any

from archdsl.graph.biases import cancelled_biases
from archdsl.graph.module import Module, Step
from archdsl.ops.arguments import arguments
from archdsl.ops.operator import Operator
from archdsl.report.diff.form import Node
from archdsl.report.diff.formulas import Formulas
from archdsl.report.diff.model import About, Aspect
from archdsl.report.diff.values import Given, call_arguments, plain


class Arguments:
    """Compares the arguments of steps."""

    def __init__(self, formulas: Formulas) -> None:
        self._formulas = formulas

    def of_operators(self, old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], *, given: Given) -> None:
        """What differs between two operators of one class, and what of that follows from something else."""
        for name in arguments(type(old.step.what)):  # pyright: ignore[reportArgumentType] - operators of one class
            one, other = getattr(old.what, name), getattr(new.what, name)
            if one == other:
                continue
            aspect = Aspect(About.ARGUMENT, name, one, other)
            cancelled = name == "bias" and one is not _is_cancelled(old) and other is not _is_cancelled(new)
            derived = given is not None and (
                (plain(one), plain(other)) in given
                or self._formulas.are_one(old, new, lambda step, name=name: getattr(step.what, name))
            )
            (follows if cancelled or derived else aspects).append(aspect)

    def of_calls(self, old: Node, new: Node, aspects: list[Aspect], follows: list[Aspect], *, given: Given) -> None:
        """What differs in what two blocks are called with, and what of that follows from something else."""
        assert isinstance(old.what, Module)
        assert isinstance(new.what, Module)
        if old.what.is_block and new.what.is_block and old.what.name != new.what.name:
            aspects.append(Aspect(About.OPERATOR, "block", old.what.name, new.what.name))
        before, after = call_arguments(old.step), call_arguments(new.step)
        for name in dict.fromkeys([*before, *after]):
            one, other = before.get(name), after.get(name)
            if one == other:
                continue
            derived = given is not None and (
                (one, other) in given
                or self._formulas.are_one(old, new, lambda step, name=name: dict(step.arguments).get(name))
            )
            (follows if derived else aspects).append(Aspect(About.ARGUMENT, name, one, other))

    def told(self, old: Node, new: Node, aspect: Aspect) -> tuple[Any, Any]:
        """The values of an aspect, as formulas where they are some, and so the same in each instance of a block."""
        if aspect.about is not About.ARGUMENT:
            return aspect.old, aspect.new
        name = aspect.name

        def value(step: Step) -> Any:
            is_operator = isinstance(step.what, Operator)
            return getattr(step.what, name, None) if is_operator else dict(step.arguments).get(name)

        shown = self._formulas.of(0, old, value), self._formulas.of(1, new, value)
        return shown[0] or plain(aspect.old), shown[1] or plain(aspect.new)

    def brief(self, node: Node | None, side: int) -> Any:
        """What a node is, in the terms of the block around it: equal in each instance of the block."""
        if node is None:
            return None
        what = node.what
        if isinstance(what, Operator):
            names = what.arguments()
            values = [self._formulas.of(side, node, lambda step, name=name: getattr(step.what, name)) for name in names]
            shown = map(plain, names.values())
            return (type(what), node.count, *((name, a or b) for name, a, b in zip(names, values, shown, strict=True)))
        given = call_arguments(node.step)
        values = [
            self._formulas.of(side, node, lambda step, name=name: dict(step.arguments).get(name)) for name in given
        ]
        return (
            what.name,
            node.count,
            *((name, a or b) for name, a, b in zip(given, values, given.values(), strict=True)),
        )


def _is_cancelled(node: Node) -> bool:
    """Whether a norm after a step cancels its bias, so that without a word it has none."""
    return node.index in cancelled_biases(node.owner.steps, node.owner.outputs)
