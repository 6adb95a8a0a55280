"""Which steps of a module have a line of their own in `forward`, and which are nested in the call that reads them."""

from __future__ import annotations

from archdsl.emit.torch.calls import call_of, expression_of_step, gives, is_expanded
from archdsl.facts.memory import is_list
from archdsl.graph.module import INPUT, Module, Step, StepRole, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import INFIX, Layer
from archdsl.ops.traits import Joining, Style

_NESTED = 3
_BRANCH = 4


class Nesting:
    """The steps of a module by how `forward` writes them.

    layers: the names of steps that call a layer although an expression would do. readers: the steps that read each
    tensor. training: the tensors that are given back in training only. left_out: the steps that nothing needs.
    inlined: those whose call stands inside that of the only step that reads them.
    """

    def __init__(self, module: Module, layers: frozenset[str] = frozenset()) -> None:
        self.module = module
        self.layers = layers
        self.readers: dict[Wire, list[int]] = {}
        for index, step in enumerate(module.steps):
            for wire in step.inputs:
                self.readers.setdefault(wire, []).append(index)
        self.training = frozenset(module.outputs[len(module.outputs) - module.train_outputs :])
        self.left_out = self._left_out()
        self.inlined = frozenset(index for index in range(len(module.steps)) if self._is_inlined(index))

    def statements(self) -> list[int]:
        """The steps that have lines of their own, in their order; what only training needs waits until a tensor is
        given back for it, so that it stands together."""
        made: list[int] = []
        waiting: list[int] = []
        ends = {wire.step for wire in self.training}
        for index in range(len(self.module.steps)):
            if index in self.inlined | self.left_out:
                continue
            if index not in self.module.train_only:
                made.append(index)
            elif index in ends:
                needed = self.module.needed_for((Wire(index),))
                made += [each for each in waiting if each in needed]
                waiting = [each for each in waiting if each not in needed]
                made.append(index)
            else:
                waiting.append(index)
        return [*made, *waiting]

    def reads(self, index: int) -> list[Wire]:
        """The tensors that a statement reads, through the calls that are nested in it."""
        wires: list[Wire] = []
        for wire in self.module.steps[index].inputs:
            wires.extend(self.reads(wire.step) if wire.step in self.inlined else [wire])
        return wires

    def _left_out(self) -> frozenset[int]:
        """The expressions that nothing needs: no output, and no layer, which is called even if it comes to nothing."""
        module = self.module
        calls = tuple(Wire(index) for index in module.dead if self._is_called(module.steps[index]))
        return module.dead - module.needed_for(calls)

    def _is_called(self, step: Step) -> bool:
        return isinstance(step.what, Module) or isinstance(call_of(step), Layer) or step.name in self.layers

    def _is_inlined(self, index: int) -> bool:
        """Whether a step's call stands inside the call of the only step that reads it."""
        step = self.module.steps[index]
        wire = Wire(index)
        readers = self.readers.get(wire, [])
        if (
            gives(step)
            or is_list(step)
            or len(step.outputs) != 1
            or len(readers) != 1
            or wire in self.module.outputs
            or wire in self.module.bindings
        ):
            return False
        if (index in self.module.train_only) != (readers[0] in self.module.train_only):
            return False
        reader = self.module.steps[readers[0]]
        if is_list(reader) or readers[0] in self.left_out:
            return False
        if isinstance(step.what, Operator) and step.what.is_flattening:
            return True
        call = expression_of_step(step)
        if call and call.function == "[]" and step.name not in self.layers and len(reader.inputs) == 1:
            # `x[:, 32:]` is best seen where it is used
            return True
        if not isinstance(reader.what, Operator):
            return False
        if step.role == reader.role == StepRole.SHORTCUT:
            return True
        if self._in_short_branch(index):
            return not is_concat(reader)
        if reader.what.style.is_passing or (reader.what.drops and not _is_weighing(step)):
            return _leads(step) and self._depth(index) < _NESTED
        # `y + self.downsample(x)`: a shortcut of one call stands in the sum, and so does a learned tensor
        sums = expression_of_step(reader)
        if sums is None or sums.function not in INFIX:
            return False
        return step.role == StepRole.DOWNSAMPLE or (is_expanded(step) and not all(map(self._is_learned, reader.inputs)))

    def _is_learned(self, wire: Wire) -> bool:
        return wire.step != INPUT and is_expanded(self.module.steps[wire.step])

    def _in_short_branch(self, index: int) -> bool:
        """Whether a step belongs to a branch of a concatenation that one line can hold."""
        steps = self.module.steps
        length, forward, backward = 1, index, index
        while (readers := self.readers.get(Wire(forward), [])) and len(readers) == 1 and length <= _BRANCH:
            if is_concat(steps[readers[0]]):
                break
            forward, length = readers[0], length + 1
            if len(steps[forward].inputs) != 1:
                return False
        else:
            return False
        while length <= _BRANCH and (before := steps[backward].inputs[0]).step != INPUT:
            if len(self.readers[before]) != 1:
                return True
            backward, length = before.step, length + 1
            if len(steps[backward].inputs) != 1:
                return False
        return length <= _BRANCH

    def _depth(self, index: int) -> int:
        """How many calls stand one inside the other if this step's own input is nested as far as it goes."""
        step = self.module.steps[index]
        if len(step.inputs) != 1:
            return 1
        before = step.inputs[0].step
        if before == INPUT or not self._is_inlined(before):
            return 1
        return 1 + self._depth(before)


def is_concat(step: Step) -> bool:
    """Whether a step joins several tensors into one that holds all of them."""
    what = step.what
    joins = isinstance(what, Operator) and what.joins is Joining.CONCATENATION
    return joins and len(step.inputs) > 1


def _leads(step: Step) -> bool:
    """Whether a norm or activation is best written around the call of a step."""
    if _is_weighing(step):
        return True
    assert isinstance(step.what, Operator)
    style = step.what.style
    return style.is_passing or style in {Style.MERGE, Style.POOL}


def _is_weighing(step: Step) -> bool:
    """Whether a step is a module or a layer with weights, after which a dropout is better seen on its own line."""
    return isinstance(step.what, Module) or step.what.style.is_weighing
