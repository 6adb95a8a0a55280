"""What one elaboration finds and spends: diagnostics, with the calls that led to them, and counts against limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Never, ParamSpec, TypeVar

from archdsl.base.diagnostics import Edit, Fault, Report
from archdsl.base.faults import LimitPassed
from archdsl.base.limits import Limits
from archdsl.base.text import Place, Span
from archdsl.elaborate.values import Scope

P = ParamSpec("P")
T = TypeVar("T")


class Failed(Exception):
    """Ends what is being worked out: it has no result. What is wrong has been reported, here or where it began."""


class Stop(Exception):
    """Ends elaboration: a limit was passed, and has been reported."""


def attempted(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
    """What some work gives, or None where it failed: what follows is worked out all the same."""
    try:
        return work(*args, **kwargs)
    except Failed:
        return None


class Ledger:
    """The report of one elaboration, and what it has done so far: a limit ends everything at once.

    calls: the calls of blocks and functions that led to what is being worked out.
    """

    def __init__(self, limits: Limits, report: Report) -> None:
        self.limits = limits
        self.report = report
        self.calls: list[tuple[Place, str]] = []
        self.values = 0
        self.steps = 0
        self.depth = 0

    def fault(
        self, fault: Fault, place: Place, also: tuple[tuple[Place, str], ...] = (), edit: Edit | None = None
    ) -> None:
        """Report a fault at a place, with the calls that led there."""
        if len(self.report.diagnostics) >= self.limits.faults:
            raise Stop
        called = tuple((place, f"in `{name}`, called here") for place, name in reversed(self.calls[-3:]))
        self.report.add(fault, place, also=(*also, *called), edit=edit)

    def limit(self, what: str, figure: int, name: str, scope: Scope, span: Span) -> Never:
        """Report that a limit is passed, and end everything."""
        self.fault(LimitPassed(what, figure, getattr(self.limits, name), name), scope.place(span))
        raise Stop

    def count(self, values: int, scope: Scope, span: Span) -> None:
        """Count what is worked out, so that no text costs more than the host allows."""
        self.values += values
        if self.values > self.limits.values:
            self.limit("too many values to work out", self.values, "values", scope, span)

    def count_step(self, scope: Scope, span: Span) -> None:
        """Count a step of a module."""
        self.steps += 1
        if self.steps > self.limits.steps:
            self.limit("too many steps to work out", self.steps, "steps", scope, span)

    def enter(self, scope: Scope, span: Span) -> None:
        """Go one level down: into a bracket, a block or a part of an expression. Who enters takes `depth` back."""
        self.depth += 1
        # the outermost chain stands in no bracket
        if self.depth > self.limits.nesting + 1:
            self.depth -= 1
            self.limit("brackets, blocks and expressions are nested too deeply", self.depth, "nesting", scope, span)
