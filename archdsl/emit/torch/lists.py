"""Rows of layers that also take other tensors, so that no `nn.Sequential` can hold them: the loops of `forward`."""

from __future__ import annotations

from archdsl.base.records import record
from archdsl.emit.torch.calls import attribute, called
from archdsl.emit.torch.names import Names
from archdsl.emit.torch.nesting import Nesting
from archdsl.facts.memory import is_list
from archdsl.graph.module import Module, Step, Wire


def lines_of_list(module: Module) -> list[str]:
    """The body of `forward` where the row is a class of its own."""
    names = Names(Nesting(module))
    given = list(module.input_names)
    target = names.fresh("y") if 0 in module.reaches else given[0]
    names.taken.add(target)
    return [*_set(target, given[0]), *Loops(names).over(module, "self", target, given), f"return {target}"]


@record
class Loops:
    """Writes the loops of a `forward`. names: those of its tensors."""

    names: Names

    def through(self, index: int) -> list[str]:
        """The lines that take a tensor through the row that a step of the module is."""
        names, step = self.names, self.names.module.steps[index]
        assert isinstance(step.what, Module)
        given = [names.of[wire] for wire in step.inputs]
        needed = (name for port, name in enumerate(given) if port or 0 in step.what.reaches)
        held = [name for name in needed if name in names.taken]
        (target,) = names.targets(index)
        if target in held:
            # what the layers take besides is needed until the last
            names.taken.discard(target)
            names.taken.update(held)
            target = names.of[Wire(index)] = names.reserved("y")
        return [*_set(target, given[0]), *self.over(step.what, attribute(step.name), target, given)]

    def over(self, row: Module, path: str, target: str, given: list[str], depth: int = 0) -> list[str]:
        """The loops over a row: one for each stretch of it that takes the same. given: the names of what the row is
        given."""
        lines: list[str] = []
        # a variable is a tensor or a layer for good
        tensors = {*self.names.module.input_names, *self.names.module.bindings.values()}
        layer = self.names.fresh("layer" if not depth else f"layer{depth + 1}", tensors)
        names = row.names()
        keyed = any(step.name for step in row.steps)
        start = position = 0
        for number, step in enumerate(row.steps):
            position += step.slots
            after = row.steps[number + 1] if number + 1 < len(row.steps) else None
            taken = [target, *(given[wire.port] for wire in step.inputs[1:])]
            if after is not None and _are_called_alike(step, after, taken):
                continue
            whole = start == 0 and after is None
            if not whole and position - start == 1 and not is_list(step):
                place = f'{path}["{names[number]}"]' if keyed else f"{path}[{start}]"
                lines.append(f"{target} = {called(step, place, taken)}")
            else:
                # a part of a list would be another list, which a class of its own cannot make
                held = f"{path}.values()" if keyed else path
                listed = f"list({held})" if keyed or path == "self" else held
                lines.append(f"for {layer} in {held if whole else f'{listed}[{start}:{position}]'}:")
                if is_list(step):
                    assert isinstance(step.what, Module)
                    kind = "nn.ModuleDict" if any(each.name for each in step.what.steps) else "nn.ModuleList"
                    inner = [f"assert isinstance({layer}, {kind})"]
                    inner += self._inside(step.what, layer, target, taken, depth + 1)
                else:
                    inner = [f"{target} = {called(step, layer, taken)}"]
                lines += (f"    {line}" for line in inner)
            start = position
        return lines

    def _inside(self, row: Module, path: str, target: str, given: list[str], depth: int) -> list[str]:
        """The loops over a row that is a member of another."""
        if 0 not in row.reaches:
            return self.over(row, path, target, given, depth)
        before = self.names.reserved("before")
        return [f"{before} = {target}", *self.over(row, path, target, [before, *given[1:]], depth)]


def _are_called_alike(one: Step, other: Step, given: list[str]) -> bool:
    """Whether one loop can call two layers of a row."""
    if is_list(one) or is_list(other) or one.inputs[1:] != other.inputs[1:]:
        return False
    return called(one, "layer", given) == called(other, "layer", given)


def _set(target: str, value: str) -> list[str]:
    return [] if target == value else [f"{target} = {value}"]
