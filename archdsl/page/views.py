"""The pictures of a page: the whole network and the inside of each distinct block, each at the levels of detail at
which it looks different."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from archdsl.base.escaped import Markup
from archdsl.base.records import record
from archdsl.draw.compose import Scope, title_of
from archdsl.draw.dot import DEAR, dot
from archdsl.draw.look import PLAIN, Look
from archdsl.draw.model import Detail, Kind, Node, Picture
from archdsl.draw.picture import picture
from archdsl.draw.render import CannotRender, render_all
from archdsl.draw.shading import Shading, shading
from archdsl.facts.fact import Fact
from archdsl.facts.receptive import start
from archdsl.graph.module import Module, StepRole
from archdsl.page.steps import Steps
from archdsl.page.svg import Marks, small

MOST_BOXES: Final = 160
MOST_VIEWS: Final = 300
SECONDS: Final = 30.0


@record(slots=True)
class View:
    """A picture of the inside of a block. block: its index among the entries, None for the network itself. first:
    whether it is what is shown when nothing is said about detail. shown: the entries that each node and cluster stands
    for, by its id. shadings: how dark its boxes are by each cost."""

    block: int | None
    picture: Picture
    first: bool
    shown: Mapping[str, list[int]]
    shadings: Mapping[Fact[Any], Shading]


@record(slots=True)
class Drawn:
    """A view with its SVG, empty where none could be made."""

    view: View
    svg: Markup


def views(steps: Steps, look: Look = PLAIN, *, costs: Iterable[Fact[Any]] = ()) -> tuple[list[Drawn], list[str]]:
    """The pictures, those of the network first, and what there is to say of them. costs: by which boxes are shaded."""
    look, costs = replace(look, color=None), tuple(costs)
    scope = Scope(tuple(map(start, steps.root.inputs)), known=steps.known)
    root = picture(steps.root, look, scope=scope, facts=costs)
    wanted = list(_views(steps, None, steps.root, scope, look, root, costs))
    remarks = list(root.remarks)
    for index in range(steps.rows):
        entry = steps.entries[index]
        step = entry.spot.step
        if not isinstance(step.what, Module) or entry.same_as is not None or not _opens(steps, index):
            continue
        scope = Scope(
            entry.spot.before,
            f"{entry.spot.path}.",
            training=entry.spot.training_only,
            again=entry.spot.again,
            around=entry.spot,
            known=steps.known,
        )
        inner = replace(look, detail=None, expand=())
        inside = picture(step.what, inner, scope=scope, facts=costs)
        if inside.size > 1:
            wanted += _views(steps, index, step.what, scope, inner, inside, costs)
        if len(wanted) > MOST_VIEWS:
            remarks.append(f"only the first {index + 1:,} steps can be opened")
            break
    return _drawn(wanted, remarks), remarks


def _opens(steps: Steps, index: int) -> bool:
    """Whether a block has a name under which a reader would look into it."""
    step = steps.entries[index].spot.step
    return bool(title_of(step)) and step.role != StepRole.DOWNSAMPLE


def _views(
    steps: Steps,
    block: int | None,
    module: Module,
    scope: Scope | None,
    look: Look,
    first: Picture,
    costs: tuple[Fact[Any], ...],
) -> Iterator[View]:
    """The first picture of a block, and those at other levels of detail that look different and are not too large."""
    found: list[Picture] = []
    # without blocks there is nothing that the coarser levels could close
    nested = bool(first.clusters) or any(node.kind is Kind.BLOCK for node in first.nodes)
    for detail in Detail if nested else (Detail.OP,):
        # at the coarsest detail the first picture may have its groups open
        is_first = detail is first.detail and detail is not Detail.STAGE
        made = first
        if not is_first:
            closer = replace(look, detail=detail, legend=bool(first.legend))
            made = picture(module, closer, scope=scope, facts=costs)
        if made.size > MOST_BOXES or made.remarks or made.price > DEAR:
            break
        if not any(_looks(made) == _looks(other) for other in found):
            found.append(made)
    for made in found:
        if _looks(made) == _looks(first):
            found[found.index(made)] = first
            break
    else:
        found.append(first)
    for made in sorted(found, key=lambda each: (each.size, each.price)):
        shadings = {cost: shading(made, cost) for cost in costs}
        yield View(block, made, made is first, _shown(steps, made), shadings)


def _looks(made: Picture) -> tuple[object, ...]:
    return made.nodes, made.edges, made.clusters


def _shown(steps: Steps, made: Picture) -> dict[str, list[int]]:
    """The entries that nodes and clusters stand for, first the one that gives a node its name."""
    shown: dict[str, list[int]] = {}
    for each in (*made.nodes, *made.clusters):
        if isinstance(each, Node) and each.kind in {Kind.INPUT, Kind.OUTPUT, Kind.DOT, Kind.SIGN}:
            continue
        # of steps that share weights each has a number
        own = steps.at(each.id) if "@" in each.id else None
        found = [own] if own is not None else [steps.at(facts.path) for facts in each.facts]
        shown[each.id] = [index for index in found if index is not None]
    return shown


def _drawn(wanted: list[View], remarks: list[str]) -> list[Drawn]:
    """The views with their SVGs. The cheap ones are drawn first, in case that time runs out."""
    order = sorted(range(len(wanted)), key=lambda index: wanted[index].picture.price)
    # the page has a heading and a legend of its own
    texts = [dot(replace(wanted[index].picture, caption="", legend=())) for index in order]
    try:
        made = render_all(texts, seconds=SECONDS)
    except CannotRender as error:
        remarks.append(f"there are no pictures: {error}")
        made = []
    if 0 < len(made) < len(texts):
        remarks.append(f"{len(texts) - len(made):,} of {len(texts):,} pictures are missing: they take too long")
    svgs = dict(zip(order, made, strict=False))
    return [
        Drawn(view, small(svgs[index], _marks(view)) if index in svgs else Markup())
        for index, view in enumerate(wanted)
    ]


def _marks(view: View) -> Marks:
    """The attributes of a group: its class, the entries that it stands for, and in percent how dark it is by each
    cost."""

    def marks(kind: str, name: str) -> Markup:
        shown = " ".join(map(str, view.shown.get(name, ())))
        parts = (each.parts[name] for each in view.shadings.values() if name in each.parts)
        heat = " ".join(f"{part:.0%}".removesuffix("%") for part in parts)
        steps = Markup.filled(' data-steps="{}"', Markup.of(shown)) if shown else Markup()
        heated = Markup.filled(' data-heat="{}"', Markup.of(heat)) if heat else Markup()
        return Markup.filled('class="{}"{}{}', Markup.of(kind), steps, heated)

    return marks
