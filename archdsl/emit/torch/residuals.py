"""What a `residual` is in a module: whether it projects, what it adds, and what it would be without its shortcut.

Some modules of a block have a projection or a shortcut where others go without, and one class serves them all.
"""

from __future__ import annotations

from dataclasses import replace

from archdsl.algebra.tensors import TensorType
from archdsl.graph.module import INPUT, PROJECTION, Module, Step, StepRole, Wire


def optional_role(modules: list[Module]) -> StepRole:
    """The role of what some modules of a block have and others do not: `downsample`, the projection of a shortcut, or
    `shortcut`, where the others go without; else nothing."""
    projecting = [any(step.role == StepRole.DOWNSAMPLE for step in module.steps) for module in modules]
    if len(set(projecting)) == 2 and all(map(_projects_once, modules)):
        return StepRole.DOWNSAMPLE
    joined = [joins(module) for module in modules]
    return StepRole.SHORTCUT if None not in joined and len(set(joined)) == 2 else StepRole.NONE


def _projects_once(module: Module) -> bool:
    """Whether there is one `residual` that may project, and `downsample` can mean nothing but its projection."""
    sums = sum(step.role == StepRole.RESIDUAL for step in module.steps)
    return sums == 1 and all((step.name == PROJECTION) == (step.role == StepRole.DOWNSAMPLE) for step in module.steps)


def joins(module: Module) -> bool | None:
    """Whether a `residual` without projections adds what comes in; None where there is no such `residual`, or more than
    a flag could tell."""
    sums = [step for step in module.steps if step.role == StepRole.SHORTCUT and len(step.inputs) > 1]
    bare = sum(step.role == StepRole.ALONE for step in module.steps)
    if len(sums) == 1 and not bare:
        return True if sums[0].inputs[1] == Wire(INPUT) else None
    return False if not sums and bare == 1 else None


def without_shortcut(module: Module) -> Module:
    """The module without what a `residual` without projections does where shapes agree."""
    moved: dict[Wire, Wire] = {Wire(INPUT, port): Wire(INPUT, port) for port in range(len(module.inputs))}
    steps: list[Step] = []
    for index, step in enumerate(module.steps):
        for port in range(len(step.outputs)):
            gone = step.role == StepRole.SHORTCUT
            moved[Wire(index, port)] = moved[step.inputs[0]] if gone else Wire(len(steps), port)
        if step.role != StepRole.SHORTCUT:
            steps.append(replace(step, inputs=tuple(moved[wire] for wire in step.inputs)))
    bindings = {moved[wire]: name for wire, name in module.bindings.items()}
    outputs = tuple(moved[wire] for wire in module.outputs)
    return replace(module, steps=tuple(steps), outputs=outputs, bindings=bindings)


def end_of_residual(module: Module) -> Step:
    """The sum of the one `residual` that may project."""
    return next(step for step in module.steps if step.role == StepRole.RESIDUAL)


def before_projection(module: Module) -> TensorType:
    """The type that the shortcut of this `residual` starts from."""
    wire = end_of_residual(module).inputs[1]
    if wire.step != INPUT and module.steps[wire.step].role == StepRole.DOWNSAMPLE:
        return module.steps[wire.step].input_types[0]
    return module.type_of(wire)


def projects(module: Module) -> bool:
    """Whether there is a projection."""
    return any(step.role == StepRole.DOWNSAMPLE for step in module.steps)


def stride_of_projection(module: Module) -> int:
    """The stride of the projection, 1 where there is none."""
    for step in module.steps:
        if step.role == StepRole.DOWNSAMPLE and isinstance(step.what, Module):
            operator = step.what.steps[0].what
            stride = getattr(operator, "stride", 1)
            return stride if isinstance(stride, int) else max(stride)
    return 1


def end_of_body(module: Module) -> TensorType:
    """The type that the body of a `residual` without projections gives."""
    sums = (step for step in module.steps if step.role in {StepRole.SHORTCUT, StepRole.ALONE})
    return next(sums).outputs[0]
