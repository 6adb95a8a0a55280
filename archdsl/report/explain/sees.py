"""The recurrence of the receptive field, for a window of F positions with stride S and padding P.

r_out = r_in + (F - 1)*j_in, j_out = j_in*S, start_out = start_in - P*j_in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from archdsl.algebra.fields import Field, Status
from archdsl.algebra.windows import Spread, Window
from archdsl.facts.receptive import ReceptiveFields, Seen
from archdsl.ops.operator import Operator, by_axes
from archdsl.report.explain.page import Lines, by_axis
from archdsl.report.walk import Spot, operand


def operator_sees(spot: Spot, operator: Operator[Any]) -> Lines:
    """What an operator makes of what its input sees."""
    before, after = spot.before[0], _after_one(spot)
    if not after or (before and not any(axis.jump for axis in before)):
        return
    if all(axis.status is Status.WHOLE for axis in after):
        yield "sees", "the whole input"
        return
    if operator.sees_all and not any(axis.jump or axis.bound for axis in after):
        yield from by_axis([f"{seen_in_short(now)}{_moves(now)}" for now in after], "sees")
        return
    windows = operator.windows(operand(spot.step))
    if any(axis.loose for axis in after) and not any(axis.loose for axis in before):
        yield from by_axis([f"{seen_in_short(now)}, as before; positions go row by row now" for now in after], "sees")
    elif operator.sized_like:
        yield from by_axis([f"{seen_in_short(now)}{_moves(now)}" for now in after], "sees")
    elif windows and len(windows) == len(before):
        axes = zip(before, after, windows, strict=True)
        yield from by_axis([_recurrence(was, now, window) for was, now, window in axes], "sees")
    elif len(spot.before) > 1 and len(set(spot.before)) > 1:
        sizes, most = [_along_all_axes(seen) for seen in spot.before if seen], _along_all_axes(after)
        if any(size != most for size in sizes):
            yield "sees", f"the most of its inputs: {', '.join(sizes)} -> {most}"


def module_sees(spot: Spot) -> Lines:
    """What a module makes of what its input sees."""
    before, after = spot.before[0], spot.after[0]
    if not after or len(before) != len(after):
        return
    yield from by_axis([_through(was, now) for was, now in zip(before, after, strict=True)], "sees")


def seen_in_short(axis: Field) -> str:
    """The size alone: `43`, `at most 51`, `everything`."""
    return f"{'at most ' if axis.bound else ''}{'everything' if axis.covers else f'{axis.size:,}'}"


def seen_after(seen: Seen) -> str:
    """What the last of a repeat sees, in a word; nothing where it is all."""
    return "" if all(axis.covers for axis in seen) else _along_all_axes(seen)


def _along_all_axes(seen: Seen) -> str:
    """The size where the axes have one, else that along each of them: `1×7`, `at most 3×51`."""
    if len({(axis.bound, axis.covers, axis.size) for axis in seen}) == 1:
        return seen_in_short(seen[0])
    sizes = (axis.length if axis.covers else axis.size for axis in seen)
    return f"{'at most ' if any(axis.bound for axis in seen) else ''}{by_axes(tuple(sizes))}"


def _through(was: Field, now: Field) -> str:
    if now.status is Status.WHOLE:
        return "the whole input"
    return f"{seen_in_short(was)} -> {seen_in_short(now)}{_moves(now)}"


def _recurrence(was: Field, now: Field, window: Window | Spread) -> str:
    if now.covers:
        return seen_in_short(now)
    if isinstance(window, Spread):
        return f"{seen_in_short(now)}{_moves(now, f'{was.jump}/{window.stride}' if window.stride > 1 else '')}"
    wider = f"({window.size} - 1)" + (f"*{window.dilation}" if window.dilation > 1 else "")
    grows_whole = ((window.extent - 1) * was.jump).denominator == 1
    size = f"{was.size:,} + {wider}*{was.jump} = {now.size:,}" if grows_whole else f"{now.size:,}"
    stride = f"{was.jump}*{window.stride}" if window.stride > 1 else ""
    start = f"{was.low} - {window.padding}*{was.jump}" if window.padding else ""
    return f"{'at most ' if now.bound else ''}{size}{_moves(now, stride, start)}"


def _moves(axis: Field, stride: str = "", start: str = "") -> str:
    """How a field moves and where the first begins, with the sums that give it."""
    if axis.loose or axis.covers:
        return ""
    if not axis.jump:
        return "" if axis.bound else f", from {axis.ends[0]}"
    parts: Iterable[str] = (f", moves by {_equals(stride, axis.jump)}",)
    if not axis.bound:
        gaps = "" if axis.gapless else ", with gaps"
        parts = (*parts, f", from {_equals(start, axis.low)}{gaps}")
    return "".join(parts)


def _equals(left: str, value: object) -> str:
    return f"{left} = {value}" if left else str(value)


def _after_one(spot: Spot) -> Seen:
    """What one repetition sees."""
    if spot.step.count == 1:
        return spot.after[0]
    return ReceptiveFields().step(replace(spot.step, count=1), spot.before)[0]
