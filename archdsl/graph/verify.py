"""What a hierarchy of modules must be, whoever made it: elaboration, a pass, an importer, a test.

Nothing here knows how it was made. Types are worked out anew from the operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from archdsl.graph.blanks import Blank
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.graph.reserved import is_reserved
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator


class Malformed(AssertionError):
    """A hierarchy that no text could have: a fault of what made it."""


def verify(root: Module) -> None:
    """Raises Malformed where a module breaks a rule. Each distinct module is looked at once."""
    for module in root.distinct():
        for fault in chain(_of_module(module, is_root=module is root), _of_steps(module)):
            raise Malformed(f"{module.name or 'a module'}: {fault}")


def _of_module(module: Module, *, is_root: bool) -> Iterator[str]:
    if module.transparent and is_root:
        yield "it is the body of a repeat, and stands alone"
    if module.is_network and not is_root:
        yield "a network is a part of another module"
    if (module.input_names or is_root) and len(module.input_names) != len(module.inputs):
        yield f"{len(module.inputs)} inputs have {len(module.input_names)} names"
    if len(set(module.input_names)) != len(module.input_names):
        yield f"two inputs have one name: {', '.join(module.input_names)}"
    if module.output_names and len(module.output_names) != len(module.outputs):
        yield f"{len(module.outputs)} outputs have {len(module.output_names)} names"
    if not 0 <= module.train_outputs <= len(module.outputs):
        yield f"{module.train_outputs} of {len(module.outputs)} outputs are for training"
    for wire in (*module.outputs, *module.bindings):
        if not _is_there(wire, module, len(module.steps)):
            yield f"{wire} is nothing that comes in or out of a step"


def _of_steps(module: Module) -> Iterator[str]:
    taken: dict[str, bool] = {}
    shared: dict[str, object] = {}
    for index, (step, name) in enumerate(zip(module.steps, module.names(), strict=True)):
        for fault in chain(_of_wires(step, index, module), _of_types(step)):
            yield f"{name}: {fault}"
        if not step.name and not module.indexed:
            yield f"step {index} has no name"
        if step.name and (is_reserved(step.name) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+", step.name)):
            yield f"{name}: a layer of PyTorch cannot have this name"
        if name in taken and not (taken[name] and step.shared):
            yield f"{name}: two steps have this name"
        taken.setdefault(name, step.shared)
        if step.shared:
            held = step.what.weight_signature if isinstance(step.what, Module) else tuple(step.state.items())
            if shared.setdefault(name, held) != held:
                yield f"{name}: its weights are shared with others of other shapes"
        if isinstance(step.what, Module) and step.what.transparent and not module.indexed:
            yield f"{name}: the body of a repeat stands in no row"


def _of_wires(step: Step, index: int, module: Module) -> Iterator[str]:
    if len(step.inputs) != len(step.input_types):
        yield f"it reads {len(step.inputs)} tensors of {len(step.input_types)} types"
        return
    for wire, kind in zip(step.inputs, step.input_types, strict=True):
        if not _is_there(wire, module, index):
            yield f"it reads {wire}, which is not there before it"
        elif module.type_of(wire) != kind:
            yield f"it reads a tensor of {module.type_of(wire)} as one of {kind}"


def _of_types(step: Step) -> Iterator[str]:
    what = step.what
    if isinstance(what, Module):
        given, gives = what.inputs, what.output_types
        if what.transparent and len(step.inputs) < 1:
            yield "a body of a repeat has no input"
    elif isinstance(what, Blank):
        return
    else:
        given = step.input_types
        try:
            gives = what.results(step.input_types)
        except Reject as rejected:
            yield str(rejected.fault.message)
            return
    if given != step.input_types:
        yield f"it is given {_shown(step.input_types)} and takes {_shown(given)}"
    if gives != step.outputs:
        yield f"it is said to give {_shown(step.outputs)} and gives {_shown(gives)}"
    if step.count < 1:
        yield f"it is there {step.count} times"
    if step.count > 1 and step.outputs[:1] != step.input_types[:1]:
        yield f"it is there {step.count} times, and makes {step.outputs[0]} of {step.input_types[0]}"
    if step.arguments and isinstance(what, Operator):
        yield "an operator has the arguments of a block"


def _shown(kinds: tuple[object, ...]) -> str:
    return ", ".join(map(str, kinds)) or "nothing"


def _is_there(wire: Wire, module: Module, before: int) -> bool:
    if wire.step == INPUT:
        return 0 <= wire.port < len(module.inputs)
    return 0 <= wire.step < before and 0 <= wire.port < len(module.steps[wire.step].outputs)
