"""The words of a picture: tooltips, caption, legend."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from archdsl.algebra.figures import short_number
from archdsl.draw.levels import Member, Part
from archdsl.draw.model import (
    Edge,
    Facts,
    Kind,
    Node,
    Role,
    Sample,
    by_axes,
)
from archdsl.facts.fact import Fact
from archdsl.facts.table import totals
from archdsl.graph.marks import Mark
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator, Style


def facts_of(member: Member, part: Part) -> Facts:
    """What a tooltip says of a step that a part stands for."""
    step, what = member.step, member.step.what
    if isinstance(what, Operator):
        label, arguments = what.label(what.operand(step.input_types)), what.arguments()
    else:
        label, arguments = part.title or what.name, what.arguments
    leads = member is part.members[part.lead]
    others = [each for each in part.members if each is not member]
    count = 1 if isinstance(what, Operator) and what.is_flattening else part.count
    return Facts(
        path=member.path,
        what=label,
        arguments=tuple((name, _written(value)) for name, value in arguments.items()),
        inputs=tuple(kind.shape for kind in step.input_types),
        output=step.outputs[0].shape if step.outputs else (),
        line=step.place.line,
        count=count,
        known=part.costs.told(member, others, count, part.count if leads else 0),
    )


def _written(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float() | str() | None:
            return str(value)
        case tuple():
            return f"({', '.join(map(_written, cast('tuple[Any, ...]', value)))})"
        case _:
            return str(value).removeprefix("block ").removeprefix("operator ")


def caption(module: Module, errors: int = 0) -> str:
    """The network's input and what it comes to; of a text that is wrong, how much of it is."""
    inputs = ", ".join(by_axes(kind.shape) for kind in module.inputs)
    if errors:
        return " · ".join(
            filter(None, (f"input {inputs}" if inputs else "", f"{errors:,} error{'s' if errors > 1 else ''}"))
        )
    return " · ".join((f"input {inputs}", *sums({fact: fact.over(module).whole for fact in totals()})))


def sums(values: Mapping[Fact[Any], Any]) -> Iterator[str]:
    """What something comes to: `11.7 M parameters`, `1.81 G MACs`."""
    return (f"{short_number(values.get(fact, 0))} {fact.words}" for fact in totals())


_STYLES: Final = {
    Style.CONV: "convolution",
    Style.PROJECTION: "depthwise or projection",
    Style.LINEAR: "linear",
    Style.NORM: "norm",
    Style.ACTIVATION: "activation",
    Style.POOL: "pooling, resampling",
    Style.ATTENTION: "attention",
    Style.EMBEDDING: "embedding",
    Style.RECURRENT: "recurrent",
}


def families(boxes: Sequence[tuple[Style | None, tuple[Style, ...]]]) -> Iterator[tuple[Style, str]]:
    """The families that some boxes are of, and the words for each. boxes: the style of each and what else it holds."""
    for style, text in _STYLES.items():
        held = [holds for own, holds in boxes if own is style]
        within = {each for holds in held for each in holds}
        inside = [name for each, name in ((Style.NORM, "norm"), (Style.ACTIVATION, "activation")) if each in within]
        if held:
            yield style, " + ".join((text, *inside))


def legend_of(nodes: Iterable[Node], edges: Iterable[Edge]) -> Iterator[Sample]:
    """What the colours and lines of a picture mean, of those that are in it."""
    for style, text in families([(node.style, node.holds) for node in nodes]):
        yield Sample(style, text)
    if any(node.kind is Kind.BLOCK for node in nodes):
        yield Sample(Kind.BLOCK, "block")
    if any(edge.role is Role.RESIDUAL for edge in edges):
        yield Sample(Role.RESIDUAL, "shortcut")
    if any(node.training for node in nodes):
        yield Sample(Kind.OUTPUT, "in training only")
    for mark, text in ((Mark.WRONG, "error"), (Mark.UNKNOWN, "depends on it")):
        if any(node.mark is mark for node in nodes):
            yield Sample(mark, text)
