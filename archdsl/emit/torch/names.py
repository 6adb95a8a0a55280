"""The names of tensors in `forward`.

A tensor that nothing reads any more gives its name to the next, so that no activation is kept alive for nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from string import ascii_lowercase

from archdsl.emit.torch.calls import gives, pattern
from archdsl.emit.torch.nesting import Nesting, is_concat
from archdsl.facts.memory import is_list
from archdsl.graph.module import INPUT, Wire


class Names:
    """The names of a module's tensors, given out in the order of its statements.

    of: the name of each tensor so far. taken: the names of those that are alive. last_use: behind which of the
    statements each tensor is not needed any more.
    """

    def __init__(self, nesting: Nesting) -> None:
        self.module = nesting.module
        self.nesting = nesting
        self.of = {Wire(INPUT, port): name for port, name in enumerate(self.module.input_names)}
        self.taken = set(self.module.input_names)
        self.places = {index: place for place, index in enumerate(nesting.statements())}
        self.last_use = self._last_uses()

    def fresh(self, wanted: str, never: Collection[str] = ()) -> str:
        """A name that is not taken. never: names that it is not, taken or not."""
        name, number = wanted, 1
        while name in self.taken or name in never:
            number += 1
            name = f"{wanted}{number}"
        return name

    def reserved(self, wanted: str) -> str:
        """A name that was not taken, and now is."""
        name = self.fresh(wanted)
        self.taken.add(name)
        return name

    def targets(self, index: int) -> list[str]:
        """The names, or patterns of names, that a step's results get."""
        step = self.module.steps[index]
        reads = dict.fromkeys(self.nesting.reads(index))
        freed = [self.of[wire] for wire in reads if self.last_use.get(wire, -1) <= self.places[index]]
        self.taken.difference_update(freed)
        made: list[str] = []
        for port in range(len(step.outputs)):
            wire = Wire(index, port)
            name = self._target(wire, freed) if wire in self.last_use or is_list(step) else "_"
            self.of[wire] = name
            if wire in self.last_use:
                self.taken.add(name)
            made.append(name)
        given = gives(step)
        return [pattern(given, made)] if given else made

    def _last_uses(self) -> dict[Wire, int]:
        uses = {wire: place for index, place in self.places.items() for wire in self.nesting.reads(index)}
        return uses | dict.fromkeys(self.module.outputs, len(self.places))

    def _target(self, wire: Wire, freed: list[str]) -> str:
        """A name from the text, else a name that has just become free, else one that says where the tensor goes."""
        if wire in self.module.bindings:
            return self.fresh(self.module.bindings[wire])
        # a memory or mask beside the first tensor keeps its name to itself
        read = self.nesting.reads(wire.step)
        beside = {self.of[each] for each in read[1:] if each.step == INPUT and each.port}
        given = beside | set(self.module.bindings.values())
        free = [name for name in freed if name not in self.taken and name not in given and "branch" not in name]
        readers = self.nesting.readers.get(wire, [])
        if readers and self._is_concat(readers[0]):
            return self.fresh(self._branch(wire, readers[0]))
        if free:
            return "x" if "x" in free else free[0]
        return self.fresh("x" if "x" not in self.taken else "y")

    def _branch(self, wire: Wire, concat: int) -> str:
        """The name of a branch of a concatenation: `branch2`, or `branch2a` if that goes on into the second branch of
        another one."""
        steps = self.module.steps
        inputs = steps[concat].inputs
        labels = [steps[each.step].name if each.step != INPUT else "" for each in inputs]
        position = inputs.index(wire)
        if all(label.startswith("branch") for label in labels):  # as the text names them
            return labels[position]
        readers = self.nesting.readers.get(Wire(concat), [])
        if len(readers) == 1 and self._is_concat(readers[0]) and position < len(ascii_lowercase):
            outer = steps[readers[0]].inputs.index(Wire(concat))
            return f"branch{outer + 1}{ascii_lowercase[position]}"
        return f"branch{position + 1}"

    def _is_concat(self, index: int) -> bool:
        return is_concat(self.module.steps[index])
