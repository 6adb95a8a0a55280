"""The calls that `forward` makes, as text: of layers and modules, and expressions on tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.python_text import literal
from archdsl.graph.module import Module, Step
from archdsl.ops.faults import Reject
from archdsl.ops.torchcall import ALL, INFIX, Apply, Grid, Layer, Learned, Passed, Slot, Weight, subscript


def attribute(name: str) -> str:
    """How `forward` reaches a child."""
    return f"self.{name}" if name.isidentifier() else f"getattr(self, {literal(name)})"


def call_of(step: Step) -> Layer | Apply | Learned | None:
    """The PyTorch call of an operator step; None of a module. ArchError where PyTorch has none."""
    return step.once(_call)


def _call(step: Step) -> Layer | Apply | Learned | None:
    what = step.what
    if isinstance(what, Module):
        return None
    try:
        return what.torch(what.operand(step.input_types))
    except Reject as reject:
        raise ArchError([Diagnostic(reject.fault, step.place)]) from None


def operator_call(step: Step) -> Layer | Apply | Learned:
    """The PyTorch call of a step that is an operator."""
    call = call_of(step)
    assert call is not None
    return call


# --- layers and modules -----------------------------------------------------------------------------------------------


def layer_text(step: Step, target: str, inputs: list[str]) -> str:
    """What `forward` writes for a layer, a module, or a learned tensor."""
    call = call_of(step)
    if not isinstance(call, Learned):
        return called(step, target, inputs)
    if call.function in INFIX:
        return _joined(call.function, (target, *inputs))
    same = ", ".join(["-1"] * (len(call.shape) - 1))
    return f"{target}.expand({_primary(inputs[0])}.shape[0], {same})"


def called(step: Step, target: str, inputs: list[str]) -> str:
    """The call of a layer or module."""
    call = call_of(step)
    takes = call.takes if isinstance(call, Layer) else ()
    return f"{target}({', '.join(_taken(each, inputs) for each in takes) if takes else ', '.join(inputs)})"


def _taken(value: Any, inputs: list[str]) -> str:
    if isinstance(value, Passed):
        return f"{value.name}={inputs[value.slot.index]}"
    if isinstance(value, tuple):
        return f"({', '.join(_taken(each, inputs) for each in cast('tuple[Any, ...]', value))})"
    return inputs[cast("Slot", value).index]


def gives(step: Step) -> tuple[Any, ...]:
    """What comes out of a layer, where that is not just the tensors of its operator."""
    call = call_of(step)
    return call.gives if isinstance(call, Layer) else ()


def pattern(given: tuple[Any, ...], names: list[str], *, outermost: bool = True) -> str:
    """What stands before the `=` where a layer gives tuples: `x, (h, c)`."""
    parts: list[str] = []
    for each in given:
        if isinstance(each, tuple):
            parts.append(pattern(cast("tuple[Any, ...]", each), names, outermost=False))
        else:
            parts.append(names[each.index] if isinstance(each, Slot) else "_")
    return ", ".join(parts) if outermost else f"({', '.join(parts)})"


# --- expressions ------------------------------------------------------------------------------------------------------


def expression_of_step(step: Step) -> Apply | None:
    """The expression that stands for a step in `forward`; None where it is a layer."""
    call = call_of(step)
    return call if isinstance(call, Apply) else None


def is_expanded(step: Step) -> bool:
    """Whether a step is a learned tensor, the same for each sample."""
    call = call_of(step)
    return isinstance(call, Learned) and call.function not in INFIX


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
                return literal(value)
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


def _primary(text: str) -> str:
    """An expression that a `.` or a `[` can follow: a sum is put in brackets."""
    return f"({text})" if _signs(text) else text


def _signs(text: str) -> set[str]:
    """The signs of an expression outside of its brackets."""
    depth, found = 0, set[str]()
    for word in text.split(" "):
        if not depth and word in {"+", "*", "==", "if"}:
            found.add(word)
        depth += sum(word.count(each) for each in "([") - sum(word.count(each) for each in ")]")
    return found
