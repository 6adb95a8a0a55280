"""The body of `forward`: which calls are nested into one line, and which names tensors have.

A tensor that nothing reads any more gives its name to the next, so that no activation is kept alive for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from string import ascii_lowercase
from typing import Any, cast

from archdsl.emit.torch.width import WIDTH
from archdsl.graph.chains import DOWNSAMPLE, RESIDUAL, SHORTCUT
from archdsl.graph.memory import Schedule, Statement, is_list
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator, Style
from archdsl.ops.torchcall import ALL, INFIX, Apply, Grid, Layer, Learned, Passed, Slot, Weight, subscript

_NESTED = 3
_BRANCH = 4
_SPELLED_OUT = 8
_FOLLOWERS = {Style.NORM, Style.ACTIVATION}
_LEADERS = {Style.CONV, Style.PROJECTION, Style.LINEAR, Style.NORM, Style.MERGE, Style.POOL, Style.ACTIVATION}
_AUXILIARY = "aux"


class Mode(Enum):
    """When a line of `forward` runs."""

    ALWAYS = "always"
    TRAINING = "training"
    EVALUATION = "evaluation"


@dataclass(frozen=True)
class Forward:
    """The lines of `forward` without their indentation, and what type it gives back.

    numbered: whether it calls its children by number, as a list of modules does.
    """

    lines: tuple[str, ...]
    returns: str
    numbered: bool = False


@dataclass
class _Names:
    """Names of tensors: which are taken, and for how long."""

    of: dict[Wire, str] = field(default_factory=dict[Wire, str])
    taken: set[str] = field(default_factory=set[str])

    def fresh(self, wanted: str, never: Collection[str] = ()) -> str:
        """A name that is not taken. never: names that it is not, taken or not."""
        name, number = wanted, 1
        while name in self.taken or name in never:
            number += 1
            name = f"{wanted}{number}"
        return name


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
        self.readers: dict[Wire, list[int]] = {}
        for index, step in enumerate(module.steps):
            for wire in step.inputs:
                self.readers.setdefault(wire, []).append(index)
        self.outputs = set(module.outputs)
        self.numbered = _is_numbered(module)
        self.left_out = self._left_out()
        self.inlined = {index for index in range(len(module.steps)) if self._is_inlined(index)}
        self.names = _Names()
        self.auxiliary = _AUXILIARY
        self.places: dict[int, int] = {}
        self.appended: list[Wire] = []

    def lines(self) -> Forward:
        """The lines."""
        module = self.module
        for port, name in enumerate(module.input_names):
            self.names.of[Wire(INPUT, port)] = name
            self.names.taken.add(name)
        statements = self._statements()
        last_use = self._last_uses(statements)
        body: list[tuple[Mode, str]] = []
        training = self._training()
        if training:
            self.auxiliary = self.names.fresh(_AUXILIARY)
            self.names.taken.add(self.auxiliary)
            body.append((Mode.ALWAYS, f"{self.auxiliary}: list[Tensor] = []"))
        for index in statements:
            if index == statements[-1] and self._is_returned(index):
                return self._finished([*body, (Mode.ALWAYS, f"return {self._expression(index)}")])
            body += self._lines_of(index, last_use, training)
        return self._finished([*body, *self._returns()])

    def schedule(self) -> Schedule:
        """What its lines hold at inference, and for how long."""
        self.lines()
        module = self.module
        run = (index for index in self._statements() if index not in module.train_only)
        statements = tuple(
            Statement(index, tuple(self.names.of.get(Wire(index, port), "") for port, _ in enumerate(step.outputs)))
            for index, step in ((index, module.steps[index]) for index in run)
        )
        return Schedule(statements, frozenset(self.inlined), module.input_names)

    def _left_out(self) -> frozenset[int]:
        """The expressions that nothing needs: no output, and no layer, which is called even if it comes to nothing."""
        module = self.module
        calls = tuple(Wire(index) for index in module.dead if self._is_called(module.steps[index]))
        return module.dead - module.needed_for(calls)

    def _is_called(self, step: Step) -> bool:
        return isinstance(step.what, Module) or isinstance(step.call, Layer) or step.name in self.layers

    def _statements(self) -> list[int]:
        """The steps that have lines of their own, in their order; what only training needs waits until a tensor is
        given back for it, so that it stands together."""
        made: list[int] = []
        waiting: list[int] = []
        ends = {wire.step for wire in self._training()}
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

    def _is_returned(self, index: int) -> bool:
        """Whether what a step gives is all that is given back, so that its call stands in the `return`."""
        step = self.module.steps[index]
        is_expression = not is_list(step) and not _more_in_training(step) and not _gives(step)
        is_all = len(step.outputs) == 1 and self.module.outputs == (Wire(index),)
        return is_expression and is_all and index not in self.module.train_only

    def _lines_of(self, index: int, last_use: Mapping[Wire, int], training: set[Wire]) -> list[tuple[Mode, str]]:
        """The lines of a step, and for each of its tensors that training gives back the line that keeps it."""
        step = self.module.steps[index]
        in_training = index in self.module.train_only
        mode = Mode.TRAINING if in_training else Mode.ALWAYS
        wires = [Wire(index, port) for port in range(len(step.outputs))]
        ends = [wire for wire in wires if wire in training]
        self.appended += ends
        if is_list(step):
            lines = [(mode, line) for line in self._through(index, last_use)]
        elif not any(wire in last_use for wire in wires):
            lines = [(mode, self._expression(index))]
        elif ends and in_training and len(wires) == 1 and not _gives(step) and not self.readers.get(wires[0]):
            return [(Mode.TRAINING, f"{self.auxiliary}.append({self._expression(index)})")]
        else:
            text, more = self._expression(index), _more_in_training(step)
            targets = self._targets(index, last_use)
            lines = [(Mode.TRAINING if more else mode, f"{', '.join(targets)} = {text}")]
            if more and not in_training:
                lines.append((Mode.EVALUATION, f"{', '.join(targets[:-more])} = {text}"))
        return [*lines, *((Mode.TRAINING, f"{self.auxiliary}.append({self.names.of[wire]})") for wire in ends)]

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

    def _training(self) -> set[Wire]:
        count = self.module.train_outputs
        return set(self.module.outputs[-count:]) if count else set()

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

    # --- nesting ------------------------------------------------------------------------------------------------------

    def _is_inlined(self, index: int) -> bool:
        """Whether a step's call stands inside the call of the only step that reads it."""
        step = self.module.steps[index]
        wire = Wire(index)
        readers = self.readers.get(wire, [])
        if (
            _gives(step)
            or is_list(step)
            or len(step.outputs) != 1
            or len(readers) != 1
            or wire in self.outputs
            or wire in self.module.bindings
        ):
            return False
        if (index in self.module.train_only) != (readers[0] in self.module.train_only):
            return False
        reader = self.module.steps[readers[0]]
        if is_list(reader) or readers[0] in self.left_out:
            return False
        if isinstance(step.what, Operator) and step.what.word == "flatten":
            return True
        call = expression_of_step(step)
        if call and call.function == "[]" and step.name not in self.layers and len(reader.inputs) == 1:
            # `x[:, 32:]` is best seen where it is used
            return True
        if not isinstance(reader.what, Operator):
            return False
        if step.role == reader.role == SHORTCUT:
            return True
        if self._in_short_branch(index):
            return not self._is_concat(readers[0])
        if reader.what.style in _FOLLOWERS or (reader.what.word == "dropout" and not _is_plain(step)):
            return self._leads(step) and self._depth(index) < _NESTED
        # `y + self.downsample(x)`: a shortcut of one call stands in the sum, and so does a learned tensor
        sums = expression_of_step(reader)
        if sums is None or sums.function not in INFIX:
            return False
        return step.role == DOWNSAMPLE or (_is_expanded(step) and not all(map(self._is_learned, reader.inputs)))

    def _is_learned(self, wire: Wire) -> bool:
        return wire.step != INPUT and _is_expanded(self.module.steps[wire.step])

    def _in_short_branch(self, index: int) -> bool:
        """Whether a step belongs to a branch of a concatenation that one line can hold."""
        length, forward, backward = 1, index, index
        while (readers := self.readers.get(Wire(forward), [])) and len(readers) == 1 and length <= _BRANCH:
            if self._is_concat(readers[0]):
                break
            forward, length = readers[0], length + 1
            if len(self.module.steps[forward].inputs) != 1:
                return False
        else:
            return False
        while length <= _BRANCH and (before := self.module.steps[backward].inputs[0]).step != INPUT:
            if len(self.readers[before]) != 1:
                return True
            backward, length = before.step, length + 1
            if len(self.module.steps[backward].inputs) != 1:
                return False
        return length <= _BRANCH

    def _leads(self, step: Step) -> bool:
        return isinstance(step.what, Module) or step.what.style in _LEADERS

    def _depth(self, index: int) -> int:
        """How many calls stand one inside the other if this step's own input is nested as far as it goes."""
        step = self.module.steps[index]
        if len(step.inputs) != 1:
            return 1
        before = step.inputs[0].step
        if before == INPUT or not self._is_inlined(before):
            return 1
        return 1 + self._depth(before)

    def _reads(self, index: int) -> list[Wire]:
        """The tensors that a statement reads, through the calls that are nested in it."""
        wires: list[Wire] = []
        for wire in self.module.steps[index].inputs:
            wires.extend(self._reads(wire.step) if wire.step in self.inlined else [wire])
        return wires

    def _last_uses(self, statements: list[int]) -> dict[Wire, int]:
        """Behind which of the statements each tensor is not needed any more."""
        self.places = {index: place for place, index in enumerate(statements)}
        uses = {wire: self.places[index] for index in statements for wire in self._reads(index)}
        return uses | dict.fromkeys(self.module.outputs, len(statements))

    # --- text ---------------------------------------------------------------------------------------------------------

    def _expression(self, index: int) -> str:
        step = self.module.steps[index]
        inputs = [self._input(wire) for wire in step.inputs]
        if self.optional and step.role == RESIDUAL and not self._projects(step):
            inputs[1] = f"self.{DOWNSAMPLE}({inputs[1]})"
        call = None if step.name in self.layers else expression_of_step(step)
        target = f"self[{step.name}]" if self.numbered else attribute(step.name)
        if index in self.inlined and _is_expanded(step):
            # sums and products take one tensor for all samples
            return target
        text = call_text(call, inputs) if call else _layer_text(step, target, inputs)
        if self.gate and step.role == SHORTCUT and len(inputs) > 1:
            return f"{text} if self.{self.gate} else {self._body(step.inputs[0])}"
        return text

    def _body(self, wire: Wire) -> str:
        """The end of the body of a `residual`, without what is there for the sake of its shortcut."""
        step = self.module.steps[wire.step]
        return self._input(step.inputs[0] if step.role == SHORTCUT else wire)

    def _projects(self, step: Step) -> bool:
        shortcut = step.inputs[1].step
        return shortcut != INPUT and self.module.steps[shortcut].role == DOWNSAMPLE

    def _input(self, wire: Wire) -> str:
        return self._expression(wire.step) if wire.step in self.inlined else self.names.of[wire]

    def _targets(self, index: int, last_use: Mapping[Wire, int]) -> list[str]:
        """The names, or patterns of names, that a step's results get."""
        step = self.module.steps[index]
        dying = [wire for wire in dict.fromkeys(self._reads(index)) if last_use.get(wire, -1) <= self.places[index]]
        freed = [self.names.of[wire] for wire in dying]
        self.names.taken.difference_update(freed)
        targets: list[str] = []
        for port in range(len(step.outputs)):
            wire = Wire(index, port)
            name = self._target(wire, freed) if wire in last_use or is_list(step) else "_"
            self.names.of[wire] = name
            if wire in last_use:
                self.names.taken.add(name)
            targets.append(name)
        given = _gives(step)
        return [_pattern(given, targets)] if given else targets

    def _through(self, index: int, last_use: Mapping[Wire, int]) -> list[str]:
        """The lines that take a tensor through a row of layers that also take others."""
        step = self.module.steps[index]
        assert isinstance(step.what, Module)
        given = [self.names.of[wire] for wire in step.inputs]
        held = [
            given[port]
            for port in range(len(given))
            if (port or 0 in step.what.reaches) and given[port] in self.names.taken
        ]
        (target,) = self._targets(index, last_use)
        if target in held:
            # what the layers take besides is needed until the last
            self.names.taken.discard(target)
            self.names.taken.update(held)
            target = self.names.of[Wire(index)] = self.names.fresh("y")
            self.names.taken.add(target)
        return [*_set(target, given[0]), *self._layers(step.what, attribute(step.name), target, given)]

    def row(self) -> Forward:
        """The lines of a row of layers that also take others, in a class of its own."""
        names = list(self.module.input_names)
        self.names.taken.update(names)
        target = self.names.fresh("y") if 0 in self.module.reaches else names[0]
        self.names.taken.add(target)
        lines = [*_set(target, names[0]), *self._layers(self.module, "self", target, names), f"return {target}"]
        return Forward(tuple(lines), "Tensor", numbered=True)

    def _layers(self, row: Module, path: str, target: str, given: list[str], depth: int = 0) -> list[str]:
        """The loops over a row of layers: one for each stretch of it that takes the same. given: the names of what the
        row is given."""
        lines: list[str] = []
        # a variable is a tensor or a layer for good
        tensors = {*self.module.input_names, *self.module.bindings.values()}
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
                lines.append(f"{target} = {_called(step, place, taken)}")
            else:
                # a part of a list would be another list, which a class of its own cannot make
                held = f"{path}.values()" if keyed else path
                listed = f"list({held})" if keyed or path == "self" else held
                lines.append(f"for {layer} in {held if whole else f'{listed}[{start}:{position}]'}:")
                if is_list(step):
                    assert isinstance(step.what, Module)
                    kind = "nn.ModuleDict" if any(each.name for each in step.what.steps) else "nn.ModuleList"
                    inner = [f"assert isinstance({layer}, {kind})"]
                    inner += self._inner_layers(step.what, layer, target, taken, depth + 1)
                else:
                    inner = [f"{target} = {_called(step, layer, taken)}"]
                lines += (f"    {line}" for line in inner)
            start = position
        return lines

    def _inner_layers(self, row: Module, path: str, target: str, given: list[str], depth: int) -> list[str]:
        """The loops over a row that is a member of another."""
        if 0 not in row.reaches:
            return self._layers(row, path, target, given, depth)
        before = self.names.fresh("before")
        self.names.taken.add(before)
        return [f"{before} = {target}", *self._layers(row, path, target, [before, *given[1:]], depth)]

    def _target(self, wire: Wire, freed: list[str]) -> str:
        """A name from the text, else a name that has just become free, else one that says where the tensor goes."""
        if wire in self.module.bindings:
            return self.names.fresh(self.module.bindings[wire])
        # a memory or mask beside the first tensor keeps its name to itself
        beside = {self.names.of[each] for each in self._reads(wire.step)[1:] if each.step == INPUT and each.port}
        given = beside | set(self.module.bindings.values())
        free = [name for name in freed if name not in self.names.taken and name not in given and "branch" not in name]
        readers = self.readers.get(wire, [])
        if readers and self._is_concat(readers[0]):
            return self.names.fresh(self._branch(wire, readers[0]))
        if free:
            return "x" if "x" in free else free[0]
        return self.names.fresh("x" if "x" not in self.names.taken else "y")

    def _branch(self, wire: Wire, concat: int) -> str:
        """The name of a branch of a concatenation: `branch2`, or `branch2a` if that goes on into the second branch of
        another one."""
        inputs = self.module.steps[concat].inputs
        labels = [self.module.steps[each.step].name if each.step != INPUT else "" for each in inputs]
        position = inputs.index(wire)
        if all(label.startswith("branch") for label in labels):  # as the text names them
            return labels[position]
        readers = self.readers.get(Wire(concat), [])
        if len(readers) == 1 and self._is_concat(readers[0]) and position < len(ascii_lowercase):
            outer = self.module.steps[readers[0]].inputs.index(Wire(concat))
            return f"branch{outer + 1}{ascii_lowercase[position]}"
        return f"branch{position + 1}"

    def _is_concat(self, index: int) -> bool:
        what = self.module.steps[index].what
        return (
            isinstance(what, Operator)
            and what.style is Style.MERGE
            and len(self.module.steps[index].inputs) > 1
            and (what.word == "concat")
        )


def _are_called_alike(one: Step, other: Step, given: list[str]) -> bool:
    """Whether one loop can call two layers of a row."""
    if is_list(one) or is_list(other) or one.inputs[1:] != other.inputs[1:]:
        return False
    return _called(one, "layer", given) == _called(other, "layer", given)


def _set(target: str, value: str) -> list[str]:
    return [] if target == value else [f"{target} = {value}"]


def _more_in_training(step: Step) -> int:
    """How many tensors a step gives in training only."""
    return step.what.train_outputs if isinstance(step.what, Module) else 0


def schedule(module: Module) -> Schedule:
    """In which order the steps of a named module run, and how long `forward` holds their results."""
    return ForwardPlan(module).schedule()


def _is_plain(step: Step) -> bool:
    """Whether a step is a module or a layer with weights, after which a dropout is better seen on its own line."""
    return isinstance(step.what, Module) or step.what.style in {Style.CONV, Style.PROJECTION, Style.LINEAR}


def _is_expanded(step: Step) -> bool:
    """Whether a step is a learned tensor, the same for each sample."""
    call = step.call
    return isinstance(call, Learned) and call.function not in INFIX


def attribute(name: str) -> str:
    """How `forward` reaches a child."""
    return f"self.{name}" if name.isidentifier() else f'getattr(self, "{name}")'


def _tensors(count: int) -> str:
    """The type of some tensors that are given back, as scripting wants it too."""
    if count == 1:
        return "Tensor"
    return f"tuple[{', '.join(['Tensor'] * count)}]" if count <= _SPELLED_OUT else "tuple[Tensor, ...]"


def _gives(step: Step) -> tuple[Any, ...]:
    """What comes out of a layer, where that is not just the tensors of its operator."""
    call = step.call
    return call.gives if isinstance(call, Layer) else ()


def _pattern(given: tuple[Any, ...], names: list[str], *, outermost: bool = True) -> str:
    """What stands before the `=` where a layer gives tuples: `x, (h, c)`."""
    parts: list[str] = []
    for each in given:
        if isinstance(each, tuple):
            parts.append(_pattern(cast("tuple[Any, ...]", each), names, outermost=False))
        else:
            parts.append(names[each.index] if isinstance(each, Slot) else "_")
    return ", ".join(parts) if outermost else f"({', '.join(parts)})"


def _layer_text(step: Step, target: str, inputs: list[str]) -> str:
    """What `forward` writes for a layer, a module, or a learned tensor."""
    call = step.call
    if not isinstance(call, Learned):
        return _called(step, target, inputs)
    if call.function in INFIX:
        return _joined(call.function, (target, *inputs))
    same = ", ".join(["-1"] * (len(call.shape) - 1))
    return f"{target}.expand({_primary(inputs[0])}.shape[0], {same})"


def _called(step: Step, target: str, inputs: list[str]) -> str:
    """The call of a layer or module."""
    call = step.call
    takes = call.takes if isinstance(call, Layer) else ()
    return f"{target}({', '.join(_taken(each, inputs) for each in takes) if takes else ', '.join(inputs)})"


def _taken(value: Any, inputs: list[str]) -> str:
    if isinstance(value, Passed):
        return f"{value.name}={inputs[value.slot.index]}"
    if isinstance(value, tuple):
        return f"({', '.join(_taken(each, inputs) for each in cast('tuple[Any, ...]', value))})"
    return inputs[cast("Slot", value).index]


def _is_numbered(module: Module) -> bool:
    """Whether the children of a module are named 0, 1, 2, ... in this order."""
    names = [step.name for step in module.owned() if _is_child(step)]
    return names == [str(number) for number in range(len(names))] != []


def _is_child(step: Step) -> bool:
    return isinstance(step.what, Module) or isinstance(step.call, Layer)


def expression_of_step(step: Step) -> Apply | None:
    """The expression that stands for a step in `forward`; None where it is a layer."""
    call = step.call
    return call if isinstance(call, Apply) else None


def call_text(call: Apply, inputs: list[str]) -> str:
    """An expression on tensors of these names."""

    def text(value: Any) -> str:
        match value:
            case Slot(index):
                return f"[{', '.join(inputs)}]" if value == ALL else inputs[index]
            case Grid(index):
                return f"{inputs[index]}.shape[2:]"
            case Weight(path):
                return f"self.{path}"
            case Apply():
                return call_text(value, inputs)
            case str():
                return f'"{value}"'
            case (alone,):
                return f"({text(alone)},)"
            case tuple():
                return f"({', '.join(map(text, cast('tuple[Any, ...]', value)))})"
            case _:
                return repr(value)

    if call.function == "[]":
        whole, *parts = call.args
        return f"{_primary(text(whole))}[{', '.join(map(subscript, parts))}]"
    if call.function in INFIX:
        return _joined(call.function, inputs if call.args == (ALL,) else list(map(text, call.args)))

    args = [text(value) for value in call.args]
    args += [f"{name}={text(value)}" for name, value in call.kwargs]
    if call.function.startswith("."):
        return f"{_primary(args[0])}{call.function}({', '.join(args[1:])})"
    return f"{call.function}({', '.join(args)})"


def _joined(sign: str, operands: Sequence[str]) -> str:
    """Operands with a sign between them. One that has a sign of its own is put in brackets unless it binds closer, or
    stands first and is worked out first anyway."""
    made: list[str] = []
    for position, operand in enumerate(operands):
        signs = _signs(operand)
        closer = {"+": {"*"}, "*": set[str](), "==": {"+", "*"}}[sign]
        bare = signs <= (closer if position or sign == "==" else closer | {sign})
        made.append(operand if bare else f"({operand})")
    return f" {sign} ".join(made)


def _signs(text: str) -> set[str]:
    """The signs of an expression outside of its brackets."""
    depth, found = 0, set[str]()
    for word in text.split(" "):
        if not depth and word in {"+", "*", "==", "if"}:
            found.add(word)
        depth += sum(word.count(each) for each in "([") - sum(word.count(each) for each in ")]")
    return found


def _primary(text: str) -> str:
    """An expression that a `.` or a `[` can follow: a sum is put in brackets."""
    return text if len(_split_arguments(text.replace(" ", ","))) == 1 else f"({text})"


def wrapped(line: str, indent: str) -> list[str]:
    """A line of `forward`, broken at its outermost brackets where it is too long, or if it has none at the signs of its
    sum or product."""
    if len(indent) + len(line) <= WIDTH:
        return [indent + line]
    if not re.search(r"[(\[]", line):
        return _wrapped_sum(line, indent)
    head, bracket, rest = line.partition("(" if "[" not in line or line.index("(") < line.index("[") else "[")
    body, tail = rest[: rest.rindex({"(": ")", "[": "]"}[bracket])], rest[rest.rindex({"(": ")", "[": "]"}[bracket]) :]
    parts = _split_arguments(body)
    inner = [each for part in parts for each in wrapped(f"{part},", indent + "    ")]
    return [f"{indent}{head}{bracket}", *inner, f"{indent}{tail}"]


def _wrapped_sum(line: str, indent: str) -> list[str]:
    found = re.fullmatch(r"(return|\S+ =) (\S+(?: [+*] \S+)+)", line)
    if found is None:
        return [indent + line]
    sign = "+" if " + " in line else "*"
    operands = re.split(rf" (?=[{sign}] )", found[2])
    return [f"{indent}{found[1]} (", *(f"{indent}    {each}" for each in operands), f"{indent})"]


def _split_arguments(text: str) -> list[str]:
    parts: list[str] = []
    depth = start = 0
    for position, character in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
