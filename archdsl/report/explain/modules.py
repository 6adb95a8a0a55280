"""The arithmetic of a module: sums over its steps, and what rows of equal convolutions in it come to."""

from __future__ import annotations

from archdsl.algebra.figures import count_shown
from archdsl.facts.rows import Row, Rows
from archdsl.graph.module import Module
from archdsl.ops.operator import by_axes
from archdsl.report.explain.page import Lines, equal
from archdsl.report.explain.sees import seen_after
from archdsl.report.walk import Spot

_TERMS = 16


def documented(doc: str) -> Lines:
    """What the text says about it."""
    if doc:
        yield "what", " ".join(doc.split())


def sums(module: Module) -> Lines:
    """Shape, weights and MACs of a module, the latter as sums over its steps."""
    kept = len(module.outputs) - module.train_outputs
    outputs = ", ".join(map(str, module.output_types[:kept]))
    yield "shape", f"{', '.join(map(str, module.inputs))} -> {outputs}"
    owned = list(module.owned_with_index())
    inference = [(step.count, step.params) for index, step in owned if index not in module.train_only]
    yield "weights", _sum(inference, module.inference_params)
    if module.train_outputs:
        yield "in training", f"{module.params:,} weights, {module.train_macs:,} MACs"
    macs = [(step.count, step.macs) for index, step in enumerate(module.steps) if index not in module.train_only]
    yield "MACs", _sum(macs, module.macs)


def _sum(terms: list[tuple[int, int]], total: int) -> str:
    shown = [f"{value:,}" if count == 1 else f"{count:,}*{value:,}" for count, value in terms if value]
    if len(shown) > _TERMS or sum(count * value for count, value in terms) != total:
        return f"{total:,}"
    return equal(" + ".join(shown), total) if shown else "none"


def rows_of(rows: Rows, module: Module) -> Lines:
    """The rows of equal convolutions in a module."""
    for row in rows.of(module):
        where = row.first if row.first == row.last else f"{row.first} to {row.last}"
        yield "in a row", f"{where}: {_together(row)}"


def repeated(spot: Spot, rows: Rows | None = None) -> Lines:
    """What all repetitions of a step come to."""
    step = spot.step
    if spot.path == spot.last:
        return
    lines: list[str] = []
    for value, word in ((step.params, "weights"), (step.macs, "MACs")):
        if value:
            lines.append(f"{step.count:,}*{value:,} = {step.count * value:,} {word}")
    if size := seen_after(spot.after[0]):
        lines.append(f"the last, {spot.last}, sees {size}")
    if rows and (row := rows.of_step(step)) is not None and row.layers > 1:
        lines.append(_together(row))
    words = [f"×{count_shown(step.count)}", *[""] * len(lines)]
    yield from zip(words, lines or [f"up to {spot.last}"], strict=False)


def _together(row: Row) -> str:
    """What a row sees, and what it saves: the argument for small windows."""
    size, one = by_axes(row.window), by_axes(row.seen)
    fewer = f", with {row.weights:,} weights instead of {row.weights_of_one:,}"
    saves = fewer if row.weights < row.weights_of_one else ""
    return f"{row.layers:,} layers of {size} see what one of {one} sees{saves}"
