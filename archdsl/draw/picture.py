"""What is drawn of a network, at a level of detail: boxes as a textbook names them, open blocks, and how they connect.

The folded picture is the hierarchy of modules itself, so drawing a thousand equal blocks costs what drawing one does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Final

from archdsl.draw.compose import Composer, Scope
from archdsl.draw.excerpt import focused
from archdsl.draw.graphviz import theme
from archdsl.draw.look import PLAIN, Look
from archdsl.draw.marked import legend_of_marks, with_marks
from archdsl.draw.model import Detail, Picture
from archdsl.draw.plot import Plot
from archdsl.draw.shading import shaded
from archdsl.draw.words import caption, legend_of
from archdsl.facts.fact import Fact, View
from archdsl.facts.table import colour, shown_in
from archdsl.graph.marks import Marks
from archdsl.graph.module import Module

READABLE: Final = 40
LARGEST: Final = 5_000


def picture(
    module: Module,
    look: Look = PLAIN,
    *,
    scope: Scope | None = None,
    facts: Iterable[Fact[Any]] = (),
    errors: int = 0,
) -> Picture:
    """The picture of a network, or with a scope that of a block in it where it stands.

    Without a detail it is the finest of stage, block and layer with at most 40 boxes, where a picture of stages opens
    the groups of the network if they fit. A picture of more than 5,000 boxes is made coarser, with a remark that says
    so. facts: those by which boxes may be shaded later. errors: how many there are in the text of a sketch.
    """
    expanded, marks, focus = frozenset(look.expand), look.marks, look.focus
    cost = colour(look.color) if look.color else None
    told = tuple(dict.fromkeys((*shown_in(View.TABLE), *facts, *filter(None, [cost]))))

    def composer(detail: Detail, expanded: frozenset[str], focus: str = "") -> Composer:
        return Composer(detail, expanded, marks, focus, told)

    if focus:
        plot, remarks = _plotted(module, composer(look.detail or Detail.STAGE, expanded, focus), scope), []
    elif look.detail is None:
        plot, remarks = _readable(module, expanded, scope, marks, composer)
    else:
        plot, remarks = _bounded(module, look.detail, expanded, scope, composer)
    missing = sorted(expanded - plot.opened)
    made = Picture(
        name=module.name,
        caption=caption(module, errors),
        detail=plot.detail,
        direction=look.direction,
        nodes=tuple(plot.nodes),
        edges=tuple(plot.edges),
        clusters=tuple(plot.clusters),
        theme=theme(dark=look.dark),
        remarks=(*remarks, *(f"there is no block `{path}` to open" for path in missing)),
    )
    if marks is not None:
        made = with_marks(made, marks)
    if focus and (part := focused(made, focus)):
        made = replace(part, caption=made.caption) if errors else part
    elif focus:
        made = replace(made, remarks=(*made.remarks, f"there is nothing at `{focus}`: all of the network is drawn"))
    if look.legend:
        made = replace(
            made, legend=tuple(legend_of(made.nodes, made.edges) if marks is None else legend_of_marks(made))
        )
    return shaded(made, cost) if cost else made


_Composing = Callable[[Detail, frozenset[str]], Composer]


def _readable(
    module: Module, expanded: frozenset[str], scope: Scope | None, marks: Marks | None, composing: _Composing
) -> tuple[Plot, list[str]]:
    """The finest detail that a reader takes in at a glance."""
    if marks is not None and marks.opened:
        # where something changed is what a reader looks for
        for detail in (Detail.LAYER, Detail.BLOCK, Detail.STAGE):
            composer = composing(detail, expanded | marks.opened)
            if composer.size(module) <= LARGEST and (plot := _plotted(module, composer, scope)).boxes <= READABLE:
                return plot, []
    for detail in (Detail.LAYER, Detail.BLOCK):
        composer = composing(detail, expanded)
        if composer.size(module) <= LARGEST and (plot := _plotted(module, composer, scope)).boxes <= READABLE:
            return plot, []
    # a network that is all one labelled group would be a single box
    prefix = scope.prefix if scope else ""
    groups = (f"{prefix}{step.name}" for step in module.steps if isinstance(step.what, Module) and step.what.indexed)
    for opened in (expanded.union(groups), expanded):
        plot = _plotted(module, composing(Detail.STAGE, opened), scope)
        if plot.boxes <= READABLE:
            return plot, []
    return plot, [f"the picture has {plot.boxes:,} boxes: blocks and repeats in the text would make it shorter"]


def _bounded(
    module: Module, wanted: Detail, expanded: frozenset[str], scope: Scope | None, composing: _Composing
) -> tuple[Plot, list[str]]:
    """The detail that is asked for, or the next coarser one that can be drawn."""
    order = list(Detail)
    detail = wanted
    while detail is not Detail.STAGE and Composer(detail).size(module) > LARGEST:
        detail = order[order.index(detail) - 1]
    plot = _plotted(module, composing(detail, expanded), scope)
    if detail is wanted:
        return plot, []
    size = Composer(wanted).size(module)
    reason = f"`{wanted}` would have {size:,} boxes, and {LARGEST:,} is the most"
    return plot, [f"drawn at detail `{detail}`: {reason}"]


def _plotted(module: Module, composer: Composer, scope: Scope | None) -> Plot:
    plot = Plot(composer.detail)
    plot.network(module, composer.network(module, scope))
    plot.opened = frozenset(composer.opened)
    return plot
