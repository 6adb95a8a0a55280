"""A convolution as a product of matrices, in words: shapes, and the memory that the columns take."""

from __future__ import annotations

from archdsl.algebra.figures import short_bytes
from archdsl.algebra.symbolic import is_open
from archdsl.facts.im2col import im2col
from archdsl.graph.module import Step
from archdsl.report.explain.page import Lines, equal, product


def as_matrices(step: Step) -> Lines:
    """The lines about a convolution; none about anything else."""
    found = im2col(step)
    if found is None:
        return
    each = f"in each of {found.groups} groups " if found.groups > 1 else ""
    (a, b), (_, c) = found.weights, found.columns
    if found.transposed:
        yield "im2col", f"{each}{a}x{b} times {b}x{c} -> {a}x{c}: the columns, which are added up (col2im)"
    else:
        yield "im2col", f"{each}{a}x{b} times {b}x{c} -> {a}x{c}, filters by positions"
    if found.copies_nothing:
        yield "columns", "the input as it is: a window of one position copies nothing"
        return
    numbers = product((*([found.groups] if found.groups > 1 else []), *found.unfolded))
    if is_open(found.numbers):
        yield "columns", f"{numbers} numbers"
        return
    size = f"{equal(numbers, found.numbers)} numbers, {short_bytes(4 * found.numbers)} in float32"
    of = "output" if found.transposed else "input"
    yield "columns", f"{size}, {_times(found.numbers, found.map)} times the {of}'s {short_bytes(4 * found.map)}"


def _times(whole: int, part: int) -> str:
    """A quotient to a tenth, without a float."""
    tenths = (20 * whole + part) // (2 * part)
    return f"{tenths // 10}" if not tenths % 10 else f"{tenths // 10}.{tenths % 10}"
