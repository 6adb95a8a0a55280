"""The layers with which a network ends: from them only operators without channels of their own lead to an output.

They are found once for each distinct module and the outputs of it that matter, so equal modules at other places of the
network are told apart.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Any, cast

from typing_extensions import override

from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step
from archdsl.ops.operator import Operator
from archdsl.passes.rewrite import Part, Rules
from archdsl.passes.scope import Scope

Ports = frozenset[int]


@record(slots=True)
class Ends:
    """The ends of a module, as seen from some of its outputs.

    last: the operator steps that are ends. inside: of module steps, the outputs that lead on to these. reached: the
    inputs that do. whole: the steps of which all rounds do; of the others it is the last round alone.
    """

    last: frozenset[int]
    inside: Mapping[int, Ports]
    reached: Ports
    whole: frozenset[int]


class Finder:
    """Finds ends, those of a module and some outputs once."""

    def __init__(self) -> None:
        self._found: dict[tuple[Module, Ports], Ends] = {}

    def of(self, module: Module, ports: Ports) -> Ends:
        """The ends as seen from these outputs."""
        key = (module, ports)
        if key not in self._found:
            self._found[key] = self._ends(module, ports)
        return self._found[key]

    def _ends(self, module: Module, ports: Ports) -> Ends:
        asked: dict[int, set[int]] = {}
        for wire in (module.outputs[port] for port in ports):
            asked.setdefault(wire.step, set()).add(wire.port)
        last: set[int] = set()
        whole: set[int] = set()
        inside: dict[int, Ports] = {}
        # steps take what earlier ones give, so each is looked at once
        for index in range(len(module.steps) - 1, -1, -1):
            if index not in asked:
                continue
            step = module.steps[index]
            if isinstance(step.what, Module):
                inside[index] = frozenset(asked[index])
                leading = self.of(step.what, inside[index]).reached
            elif step.what.chooses_channels:
                last.add(index)
                continue
            else:
                leading = _leading(step, step.what)
            if 0 in leading:
                whole.add(index)
            for wire in (step.inputs[port] for port in leading):
                asked.setdefault(wire.step, set()).add(wire.port)
        return Ends(frozenset(last), inside, frozenset(asked.get(INPUT, ())), frozenset(whole))

    def parts(self, module: Module, index: int, ports: Ports) -> tuple[Part, ...]:
        """The rounds of a step, those that lead to outputs told apart by what is known of them: of a module the outputs
        that do, of an operator whether it is an end."""
        ends, step = self.of(module, ports), module.steps[index]
        if isinstance(step.what, Module):
            known, others = ends.inside.get(index, Ports()), Ports()
        else:
            known, others = index in ends.last, False
        if not known or step.count == 1 or index in ends.whole:
            return (Part(0, step.count, known),)
        return Part(0, step.count - 1, others), Part(step.count - 1, 1, known)


def _leading(step: Step, operator: Operator[Any]) -> range:
    """The inputs whose numbers, and not just whose sizes, lead on."""
    return range(1 if operator.sized_like else len(step.inputs))


def every_output(root: Module) -> Ports:
    """All outputs of a network."""
    return Ports(range(len(root.outputs)))


def head_of(root: Module) -> tuple[str, ...]:
    """The paths of the layers with which a network ends."""
    return tuple(dict.fromkeys(_paths(Finder(), Scope(root), every_output(root))))


def _paths(finder: Finder, scope: Scope, ports: Ports) -> Iterator[str]:
    for index, step in enumerate(scope.module.steps):
        for part in finder.parts(scope.module, index, ports):
            for number in range(part.first, part.first + part.rounds) if part.context else ():
                if isinstance(step.what, Module):
                    yield from _paths(finder, scope.inside(index, number), cast("Ports", part.context))
                else:
                    yield scope.name(index, number)


class EndRules(Rules):
    """Rules of a pass that tells the layers with which the network ends from the others: the context of a module is the
    outputs of it that lead to the end."""

    def __init__(self) -> None:
        self.finder = Finder()

    @override
    def start(self, root: Module) -> tuple[tuple[TensorType, ...], Hashable]:
        return root.inputs, every_output(root)

    @override
    def parts(self, module: Module, index: int, context: Hashable) -> tuple[Part, ...]:
        return self.finder.parts(module, index, cast("Ports", context))
