"""Checks of a whole network, each distinct module looked at once."""

from __future__ import annotations

from archdsl.algebra.windows import Window
from archdsl.base.diagnostics import Report
from archdsl.graph.module import Module, Step
from archdsl.ops.operator import AXIS_NAMES, Operator
from archdsl.passes import faults

_NEAR = 64


def dead_steps(module: Module, report: Report) -> None:
    """Warn of steps whose results reach no output."""
    for each in module.distinct():
        if each.dead:
            names = each.names()
            dead = sorted(each.dead)
            report.add(faults.DeadSteps(tuple(names[index] for index in dead)), each.steps[dead[0]].place)


def exactness(module: Module, report: Report) -> None:
    """Report every window whose stride does not divide, with the paddings and sizes that would fit."""
    for each in module.distinct():
        for step in each.steps:
            if isinstance(step.what, Operator):
                _exact_step(step, step.what, report)


def _exact_step(step: Step, operator: Operator[object], report: Report) -> None:
    x = step.input_types[0]
    windows = operator.windows(operator.operand(step.input_types))
    if not windows:
        return
    for window, length, axis in zip(windows, x.grid, AXIS_NAMES[x.rank], strict=True):
        if isinstance(window, Window) and not window.exact(length):
            fault = faults.DoesNotDivide(
                operator.word, axis, window.arithmetic(length), _paddings(window, length), _sizes(window, length)
            )
            report.add(fault, step.place)


def _paddings(window: Window, length: int) -> tuple[int, ...]:
    """Paddings below the window's size that make the stride divide, the nearest first."""
    fitting = [
        padding
        for padding in range(max(0, window.padding - _NEAR), min(window.extent, window.padding + _NEAR))
        if Window(window.size, window.stride, padding, window.dilation).exact(length)
    ]
    return tuple(sorted(fitting, key=lambda padding: abs(padding - window.padding))[:2])


def _sizes(window: Window, length: int) -> tuple[int, ...]:
    """The nearest input sizes, below and above, that make the stride divide."""
    below = (size for size in range(length - 1, max(0, length - _NEAR), -1) if window.exact(size) and window.fits(size))
    above = (size for size in range(length + 1, length + _NEAR) if window.exact(size))
    return tuple(size for size in (next(below, None), next(above, None)) if size is not None)
