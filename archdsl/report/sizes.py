"""The sizes of the input that a network takes: valid, exact, and the nearest to a given one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Any

from archdsl.algebra.conditions import Condition, implied, meeting, together
from archdsl.algebra.sizes import Sizes
from archdsl.algebra.symbolic import Assumptions, Decision
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.base.wanted import require
from archdsl.facts.open_sizes import depending, exact, training_only
from archdsl.graph.module import Module
from archdsl.report.terminal import NO_BREAK, Shown, lines, visible, wrapped

FORMAT = "archdsl.sizes"
VERSION = 1
WIDTH = 80
_SNIPPET = 32
_LONGEST = 56


@record
class Axis:
    """One size of the input.

    example: the size that the text states. valid: those that the network takes while the other sizes are as stated;
    None where they cannot be told. exact: those of them at which every stride divides. near: the size whose neighbours
    are wanted.
    """

    name: str
    example: int
    valid: Sizes | None
    exact: Sizes | None
    near: int

    @property
    def nearest(self) -> tuple[int, ...]:
        """The nearest valid sizes."""
        return self.valid.nearest(self.near) if self.valid else ()

    @property
    def nearest_exact(self) -> tuple[int, ...]:
        """The nearest exact sizes."""
        return self.exact.nearest(self.near) if self.exact else ()


@record
class Reason:
    """A condition that not all sizes meet, with the element of the text that needs it."""

    condition: Condition
    place: Place | None
    weights: bool

    @property
    def shown(self) -> str:
        """The element with its line."""
        if self.place is None:
            return ""
        text = " ".join(self.place.source.text[self.place.span.start : self.place.span.end].split())
        cut = text if len(text) <= _SNIPPET else f"{text[: _SNIPPET - 1]}…"
        return f"{'the weights of ' if self.weights else ''}`{cut}`, line{NO_BREAK}{self.place.line_column[0]}"


@record
class ValidSizes:
    """The sizes that a network takes, axis by axis, and why.

    reasons: what its operators and weights need, the strongest only. choices: where the text itself makes other layers.
    training: what only training needs.
    """

    name: str
    inputs: str
    axes: tuple[Axis, ...]
    reasons: tuple[Reason, ...]
    choices: tuple[Reason, ...]
    training: tuple[Reason, ...]

    @property
    def joint(self) -> tuple[Condition, ...]:
        """The conditions on several sizes together."""
        return tuple(each.condition for each in self.reasons if len(each.condition.symbols) > 1)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int = WIDTH) -> Shown:
        """The answer for the screen, its reasons in lines of a width."""
        if not self.axes:
            return lines([f"{self.name}: the input is {self.inputs} and takes no other size"])
        all_exact = all(axis.nearest_exact for axis in self.axes)
        titles = ("", "valid", "exact", "nearest exact" if all_exact else "nearest")
        rows = [titles, *(_row(axis, all_exact=all_exact) for axis in self.axes)]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        stated = ", ".join(f"{axis.name} = {axis.example:,}" for axis in self.axes)
        rows_shown = [*wrapped(f"{visible(self.name)}: {self.inputs}, as written {stated}", width), ""]
        rows_shown += ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if self.joint:
            rows_shown += ["", "each size while the others are as written"]
        for title, reasons in (
            ("because", self.reasons),
            ("in training", self.training),
            ("other layers unless", self.choices),
        ):
            if reasons:
                rows_shown += ["", title, *(line for each in reasons for line in wrapped(_said(each), width))]
        return lines(rows_shown)

    def to_json(self) -> Shown:
        """The table as JSON."""
        document: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "sizes": [
                {
                    "name": axis.name,
                    "stated": axis.example,
                    "valid": axis.valid.shown(axis.name) if axis.valid else None,
                    "exact": axis.exact.shown(axis.name) if axis.exact else None,
                    "near": axis.near,
                    "nearest": axis.nearest,
                    "nearest_exact": axis.nearest_exact,
                }
                for axis in self.axes
            ],
            "because": [_record(each) for each in self.reasons],
            "training": [_record(each) for each in self.training],
            "choices": [_record(each) for each in self.choices],
        }
        return Shown.json(document)


def valid_sizes(module: Module, assumptions: Assumptions, near: Mapping[str, int] | None = None) -> ValidSizes:
    """What sizes a network takes whose sizes are left open. near: sizes by name whose nearest valid ones are wanted."""
    require((Mapping, NoneType), "a mapping of names to sizes", near=near)
    for size in (near or {}).values():
        require(int, "a mapping of names to whole numbers", near=size)
    training = training_only(module)
    needed = depending(assumptions, needed=True)
    inference = [each for each in needed if each.asking.place not in training]
    conditions = [*assumptions.stated, *(each.condition for each in inference)]
    divides = exact(module)
    known = [*conditions, *(each.condition for each in needed)]
    example = assumptions.example

    def axis(name: str) -> Axis:
        valid = together(conditions, name, example)
        near_size = (near or {}).get(name, example[name])
        return Axis(name, example[name], valid, _exactly(valid, divides, name), near_size)

    return ValidSizes(
        module.name,
        ", ".join(map(str, module.inputs)),
        tuple(map(axis, example)),
        _strongest([*map(_stated, assumptions.stated), *map(_reason, inference)]),
        _strongest([_reason(each) for each in depending(assumptions) if not each.asking.needed], beside=known),
        _strongest([_reason(each) for each in needed if each.asking.place in training], beside=conditions),
    )


def _exactly(valid: Sizes | None, divides: list[Condition], name: str) -> Sizes | None:
    own = meeting(each for each in divides if each.symbols == frozenset({name}))
    return None if valid is None or own is None else valid.intersection(own)


def _reason(decision: Decision) -> Reason:
    return Reason(decision.condition, decision.asking.place, decision.asking.weights)


def _stated(condition: Condition) -> Reason:
    return Reason(condition, None, weights=False)


def _strongest(reasons: list[Reason], beside: Iterable[Condition] = ()) -> tuple[Reason, ...]:
    """The reasons that do not follow from others."""
    kept: list[Reason] = []
    beside = list(beside)
    for index, each in enumerate(reasons):
        others = [*beside, *(one.condition for one in reasons[index + 1 :]), *(one.condition for one in kept)]
        if not any(other != each.condition and implied(each.condition, [other]) for other in others):
            kept.append(each)
    return tuple(kept)


# --- words ------------------------------------------------------------------------------------------------------------


def _row(axis: Axis, *, all_exact: bool) -> tuple[str, str, str, str]:
    valid, exactly = (each.shown(axis.name) if each else "cannot be told" for each in (axis.valid, axis.exact))
    near = axis.nearest_exact or axis.nearest
    remarks = [] if all_exact else ["exact" if axis.nearest_exact else "valid"]
    if axis.near not in near:
        remarks.append(f"to {axis.near:,}")
    nearest = " and ".join(f"{size:,}" for size in near)
    return axis.name, valid, exactly, f"{nearest} ({', '.join(remarks)})" if near and remarks else nearest


def _said(reason: Reason) -> str:
    condition = f"{reason.condition}"
    if len(condition) > _LONGEST:
        condition = f"a condition on {' and '.join(sorted(reason.condition.symbols))}"
    return f"  {condition}  {f'for {reason.shown}' if reason.shown else 'as the text states'}"


def _record(reason: Reason) -> dict[str, Any]:
    line = reason.place.line if reason.place else None
    return {"condition": str(reason.condition), "line": line, "weights": reason.weights}
