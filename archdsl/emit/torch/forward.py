"""The body of `forward`: its lines in their order, when each runs, and what is given back."""

from __future__ import annotations

from enum import Enum

from archdsl.base.records import record
from archdsl.emit.torch.calls import attribute, call_of, call_text, expression_of_step, gives, is_expanded, layer_text
from archdsl.emit.torch.lists import Loops, lines_of_list
from archdsl.emit.torch.names import Names
from archdsl.emit.torch.nesting import Nesting
from archdsl.facts.memory import Schedule, Statement, is_list
from archdsl.graph.module import INPUT, PROJECTION, Module, Step, StepRole, Wire
from archdsl.ops.torchcall import Layer

_SPELLED_OUT = 8
_AUXILIARY = "aux"


class Mode(Enum):
    """When a line of `forward` runs."""

    ALWAYS = "always"
    TRAINING = "training"
    EVALUATION = "evaluation"


@record
class Forward:
    """The lines of `forward` without their indentation, and what type it gives back.

    numbered: whether it calls its children by number, as a list of modules does.
    """

    lines: tuple[str, ...]
    returns: str
    numbered: bool = False

    @staticmethod
    def of_list(module: Module) -> Forward:
        """The body of `forward` of a class for a row of layers that also take other tensors."""
        return Forward(tuple(lines_of_list(module)), "Tensor", numbered=True)


class ForwardPlan:
    """Works out the body of `forward` for a named module.

    optional: whether a `residual` without a projection calls `self.downsample`, which is then the identity.
    gate: the attribute that says whether there is the shortcut of a `residual` without projections; "" if there is.
    layers: the names of steps that call a layer although an expression would do.
    """

    def __init__(
        self, module: Module, *, optional: bool = False, gate: str = "", layers: frozenset[str] = frozenset()
    ) -> None:
        self.module = module
        self.optional = optional
        self.gate = gate
        self.layers = layers
        self.numbered = _is_numbered(module)
        self.nesting = Nesting(module, layers)
        self.statements = self.nesting.statements()
        self.names = Names(self.nesting)
        self.auxiliary = _AUXILIARY
        self.appended: list[Wire] = []

    def lines(self) -> Forward:
        """The lines."""
        body: list[tuple[Mode, str]] = []
        if self.nesting.training:
            self.auxiliary = self.names.reserved(_AUXILIARY)
            body.append((Mode.ALWAYS, f"{self.auxiliary}: list[Tensor] = []"))
        for index in self.statements:
            if index == self.statements[-1] and self._is_returned(index):
                return self._finished([*body, (Mode.ALWAYS, f"return {self._expression(index)}")])
            body += self._lines_of(index)
        return self._finished([*body, *self._returns()])

    def schedule(self) -> Schedule:
        """What its lines hold at inference, and for how long."""
        self.lines()
        module = self.module
        run = (index for index in self.statements if index not in module.train_only)
        statements = tuple(
            Statement(index, tuple(self.names.of.get(Wire(index, port), "") for port, _ in enumerate(step.outputs)))
            for index, step in ((index, module.steps[index]) for index in run)
        )
        return Schedule(statements, self.nesting.inlined, module.input_names)

    def _is_returned(self, index: int) -> bool:
        """Whether what a step gives is all that is given back, so that its call stands in the `return`."""
        step = self.module.steps[index]
        is_expression = not is_list(step) and not _more_in_training(step) and not gives(step)
        is_all = len(step.outputs) == 1 and self.module.outputs == (Wire(index),)
        return is_expression and is_all and index not in self.module.train_only

    def _lines_of(self, index: int) -> list[tuple[Mode, str]]:
        """The lines of a step, and for each of its tensors that training gives back the line that keeps it."""
        step = self.module.steps[index]
        in_training = index in self.module.train_only
        mode = Mode.TRAINING if in_training else Mode.ALWAYS
        wires = [Wire(index, port) for port in range(len(step.outputs))]
        ends = [wire for wire in wires if wire in self.nesting.training]
        self.appended += ends
        if is_list(step):
            lines = [(mode, line) for line in Loops(self.names).through(index)]
        elif not any(wire in self.names.last_use for wire in wires):
            lines = [(mode, self._expression(index))]
        elif ends and in_training and len(wires) == 1 and not gives(step) and not self.nesting.readers.get(wires[0]):
            return [(Mode.TRAINING, f"{self.auxiliary}.append({self._expression(index)})")]
        else:
            text, more = self._expression(index), _more_in_training(step)
            targets = self.names.targets(index)
            lines = [(Mode.TRAINING if more else mode, f"{', '.join(targets)} = {text}")]
            if more and not in_training:
                lines.append((Mode.EVALUATION, f"{', '.join(targets[:-more])} = {text}"))
        return [*lines, *((Mode.TRAINING, f"{self.auxiliary}.append({self.names.of[wire]})") for wire in ends)]

    def _returns(self) -> list[tuple[Mode, str]]:
        """The lines that give the outputs back, those of training mode in the order of the text."""
        outputs = self.module.outputs
        count = len(outputs) - self.module.train_outputs
        names = [self.names.of[wire] for wire in outputs[:count]]
        alone = (Mode.ALWAYS, f"return {', '.join(names)}")
        if count == len(outputs):
            return [alone]
        kept = {wire: f"{self.auxiliary}[{position}]" for position, wire in enumerate(self.appended)}
        extra = [kept.get(wire) or self.names.of[wire] for wire in outputs[count:]]
        return [(Mode.TRAINING, f"return {', '.join((*names, *extra))}"), alone]

    def _finished(self, body: list[tuple[Mode, str]]) -> Forward:
        lines: list[str] = []
        before = Mode.ALWAYS
        for mode, line in body:
            if mode is Mode.TRAINING and before is not mode:
                lines.append("if self.training:")
            elif mode is Mode.EVALUATION and before is not mode:
                lines.append("else:" if before is Mode.TRAINING else "if not self.training:")
            lines.append(line if mode is Mode.ALWAYS else f"    {line}")
            before = mode
        together = _tensors(len(self.module.outputs))
        alone = _tensors(len(self.module.outputs) - self.module.train_outputs)
        returns = f"{alone} | {together}" if self.module.train_outputs else alone
        return Forward(tuple(lines), returns, self.numbered)

    # --- the call of a step -------------------------------------------------------------------------------------------

    def _expression(self, index: int) -> str:
        step = self.module.steps[index]
        inputs = [self._input(wire) for wire in step.inputs]
        if self.optional and step.role == StepRole.RESIDUAL and not self._projects(step):
            inputs[1] = f"self.{PROJECTION}({inputs[1]})"
        call = None if step.name in self.layers else expression_of_step(step)
        target = f"self[{step.name}]" if self.numbered else attribute(step.name)
        if index in self.nesting.inlined and is_expanded(step):
            # sums and products take one tensor for all samples
            return target
        text = call_text(call, inputs) if call else layer_text(step, target, inputs)
        if self.gate and step.role == StepRole.SHORTCUT and len(inputs) > 1:
            return f"{text} if self.{self.gate} else {self._body(step.inputs[0])}"
        return text

    def _input(self, wire: Wire) -> str:
        return self._expression(wire.step) if wire.step in self.nesting.inlined else self.names.of[wire]

    def _body(self, wire: Wire) -> str:
        """The end of the body of a `residual`, without what is there for the sake of its shortcut."""
        step = self.module.steps[wire.step]
        return self._input(step.inputs[0] if step.role == StepRole.SHORTCUT else wire)

    def _projects(self, step: Step) -> bool:
        shortcut = step.inputs[1].step
        return shortcut != INPUT and self.module.steps[shortcut].role == StepRole.DOWNSAMPLE


def schedule(module: Module) -> Schedule:
    """In which order the steps of a named module run, and how long `forward` holds their results."""
    return ForwardPlan(module).schedule()


def _more_in_training(step: Step) -> int:
    """How many tensors a step gives in training only."""
    return step.what.train_outputs if isinstance(step.what, Module) else 0


def _tensors(count: int) -> str:
    """The type of some tensors that are given back, as scripting wants it too."""
    if count == 1:
        return "Tensor"
    return f"tuple[{', '.join(['Tensor'] * count)}]" if count <= _SPELLED_OUT else "tuple[Tensor, ...]"


def _is_numbered(module: Module) -> bool:
    """Whether the children of a module are named 0, 1, 2, ... in this order."""
    names = [step.name for step in module.owned() if _is_child(step)]
    return names == [str(number) for number in range(len(names))] != []


def _is_child(step: Step) -> bool:
    return isinstance(step.what, Module) or isinstance(call_of(step), Layer)
