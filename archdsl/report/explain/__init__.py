"""The arithmetic of a network with its numbers, as a teacher writes it: sizes, weights, MACs, receptive fields, and a
convolution as the product of matrices that it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from archdsl.facts.rows import Rows
from archdsl.graph.module import Module, Step
from archdsl.report.explain.matrices import as_matrices
from archdsl.report.explain.modules import documented, repeated, rows_of, sums
from archdsl.report.explain.operators import operator_lines
from archdsl.report.explain.page import WIDTH, Explanation, literal
from archdsl.report.explain.sees import module_sees
from archdsl.report.terminal import Shown
from archdsl.report.walk import Spot, Tour, bare_label, times

__all__ = ["WIDTH", "Explanation", "explain", "explained", "literal"]


def explain(root: Module, path: str | None = None, doc: str = "", width: int = WIDTH) -> Shown:
    """The arithmetic of a whole network, each distinct step once, or of what stands at a path, in lines of a width."""
    tour, rows = Tour(root), Rows(root)
    if path is None:
        head = Explanation(root.name, (*documented(doc), *sums(root), *rows_of(rows, root)))
        return _page([head, *_steps(tour.spots(), tour)], width)
    spot = tour.at(path)
    head = explained(spot, rows, as_matrices(spot.step))
    inside = _steps(tour.below(spot), tour) if isinstance(spot.step.what, Module) else ()
    return _page([head, *inside], width)


def explained(spot: Spot, rows: Rows | None = None, more: Iterable[tuple[str, str]] = ()) -> Explanation:
    """One step, in the first of its repetitions. rows: of the network; if they are of interest. more: what else there
    is to say of an operator."""
    step = spot.step
    title = f"{spot.path}: {_title(step)}{times(step.count) if spot.path != spot.last else ''}"
    if isinstance(step.what, Module):
        together = rows_of(rows, step.what) if rows else ()
        lines = [*documented(step.what.doc), *sums(step.what), *module_sees(spot), *together]
    else:
        lines = [*operator_lines(spot, step.what), *more]
    return Explanation(title, (*lines, *repeated(spot, rows)))


def _page(explanations: Iterable[Explanation], width: int) -> Shown:
    return Shown.joined((each.text(width) for each in explanations), "\n")


def _title(step: Step) -> str:
    what = step.what
    if isinstance(what, Module) and what.is_block and what.arguments:
        given = ", ".join(f"{name}={literal(value)}" for name, value in what.arguments.items())
        return f"{what.name}({given})"
    return bare_label(step)


def _steps(spots: Iterable[Spot], tour: Tour) -> Iterator[Explanation]:
    """Every distinct step of some level and of the levels below, in order, each with the paths of its equals."""
    said: dict[tuple[Any, ...], Explanation] = {}
    opened: set[int] = set()
    open_now = [iter(spots)]
    ordered: list[Explanation] = []
    while open_now:
        spot = next(open_now[-1], None)
        if spot is None:
            open_now.pop()
            continue
        step = spot.step
        if isinstance(step.what, Module):
            if id(step.what) not in opened:
                opened.add(id(step.what))
                open_now.append(tour.below(spot))
            continue
        key = (step.what, step.input_types)
        if key in said:
            said[key].same.append(spot.path)
        elif len((made := explained(spot)).lines) > 1 or step.outputs[0] not in step.input_types:
            said[key] = made
            ordered.append(made)
    yield from ordered
