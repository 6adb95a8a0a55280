"""The arithmetic of a network with its numbers, as a teacher writes it: sizes, weights, MACs, receptive fields."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from math import prod
from typing import Any, cast

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.fields import Field, Status
from archdsl.base.tensors import Shape
from archdsl.base.windows import Spread, Window
from archdsl.graph.module import Module, Step
from archdsl.graph.receptive import ReceptiveFields
from archdsl.ops.merge import Concat
from archdsl.ops.operator import AXIS_NAMES, Operator
from archdsl.report.faults import UnknownLayer
from archdsl.report.terminal import visible
from archdsl.report.walk import Spot, Tour, bare_label, count_shown, operand, times

WIDTH = 80
_TERMS = 16
_SAME = 4
_SUGGESTED = 2000


@dataclass(frozen=True)
class Explanation:
    """One step: a title, and lines of arithmetic, each under a word."""

    title: str
    lines: tuple[tuple[str, str], ...]
    same: list[str] = field(default_factory=list[str])

    def text(self) -> str:
        """As text, the words aligned."""
        lines = [*self.lines, *([("also at", _listed(self.same))] if self.same else [])]
        indent = max((len(word) for word, _ in lines), default=0) + 4
        rows = [visible(self.title)]
        for word, line in lines:
            wrapped = textwrap.wrap(visible(line), WIDTH - indent, break_long_words=False, break_on_hyphens=False)
            first, *rest = wrapped or [""]
            rows.append(f"  {word:<{indent - 2}}{first}".rstrip())
            rows += (" " * indent + each for each in rest)
        return "\n".join(rows)


def explain(root: Module, path: str | None = None, doc: str = "") -> str:
    """The arithmetic of a whole network, each distinct step once, or of what stands at a path."""
    tour = Tour(root)
    if path is None:
        head = Explanation(root.name, (*_documented(doc), *_sums(root)))
        return _page([head, *_steps(tour.spots(), tour)])
    spot = tour.find(path)
    if spot is None:
        raise ArchError([Diagnostic(_unknown(tour, path))])
    head = explained(spot)
    inside = _steps(tour.below(spot), tour) if isinstance(spot.step.what, Module) else ()
    return _page([head, *inside])


def explained(spot: Spot) -> Explanation:
    """One step, in the first of its repetitions."""
    step = spot.step
    title = f"{spot.path}: {_title(step)}{times(step.count) if spot.path != spot.last else ''}"
    if isinstance(step.what, Module):
        lines = [*_documented(step.what.doc), *_sums(step.what), *_module_sees(spot)]
    else:
        lines = list(_operator_lines(spot, step.what))
    return Explanation(title, tuple(lines + _repeated(spot)))


def _page(explanations: Iterable[Explanation]) -> str:
    return "\n\n".join(each.text() for each in explanations) + "\n"


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


# --- operators --------------------------------------------------------------------------------------------------------


def _operator_lines(spot: Spot, operator: Operator[Any]) -> Iterator[tuple[str, str]]:
    step = spot.step
    yield "shape", f"{', '.join(map(str, step.input_types))} -> {', '.join(map(str, step.outputs))}"
    yield from _sizes(step, operator)
    yield from _weights(spot, operator)
    yield from _macs(step, operator)
    yield from _sees(spot, operator)


def _sizes(step: Step, operator: Operator[Any]) -> Iterator[tuple[str, str]]:
    """The arithmetic of the output's shape, where there is any."""
    x, out = step.input_types[0], step.outputs[0]
    windows = operator.windows(operand(step))
    if windows:
        sums = (window.arithmetic(length) for window, length in zip(windows, x.grid, strict=True))
        yield from _by_axis(list(sums))
    elif isinstance(operator, Concat):
        in_rows = operator.along == "positions"
        joined = [kind.positions if in_rows else kind.channels for kind in step.input_types]
        yield operator.along, f"{' + '.join(map(str, joined))} = {out.positions if in_rows else out.channels:,}"
    elif out.positions == 1 and out.channels == x.size != x.channels:
        yield "features", f"{_product((*x.grid, x.channels))} = {out.channels:,}"
    elif operator.sees_all and out.positions == 1 < x.positions:
        yield "positions", f"{_product(x.grid)} = {x.positions:,} of each channel become one"


def _by_axis(sums: list[str], word: str = "") -> Iterator[tuple[str, str]]:
    """One line for all axes where they agree, else one for each. Without a word, under the names of the axes."""
    names = AXIS_NAMES.get(len(sums), tuple(f"axis {index + 1}" for index in range(len(sums))))
    if len(set(sums)) == 1:
        yield word or ", ".join(names), sums[0]
        return
    for name, line in zip(names, sums, strict=True):
        yield (word, f"{name}: {line}") if word else (name, line)


def _weights(spot: Spot, operator: Operator[Any]) -> Iterator[tuple[str, str]]:
    step = spot.step
    weights = operator.weights(operand(step))
    if not weights:
        return
    terms = " + ".join(_tensor(shape) for shape in weights.values())
    total = f"{step.params:,}"
    remark = ", counted before" if spot.again else _without_bias(spot, operator)
    yield "weights", (terms if terms == str(step.params) else f"{terms} = {total}") + remark


def _tensor(shape: Shape) -> str:
    """How many numbers a learned tensor has: `64*(7*7*3)`, filters times the numbers of each."""
    first, *rest = shape
    if len(rest) < 2:
        return _product(shape)
    channels, *window = rest
    return f"{first}*({_product((*window, channels))})"


def _without_bias(spot: Spot, operator: Operator[Any]) -> str:
    if getattr(operator, "bias", None) is not False:
        return ""
    readers = [step.what for step in spot.module.steps if any(wire.step == spot.index for wire in step.inputs)]
    cancelled = readers and all(isinstance(each, Operator) and each.absorbs_bias for each in readers)
    return " (no bias: a norm follows)" if cancelled else " (no bias)"


def _macs(step: Step, operator: Operator[Any]) -> Iterator[tuple[str, str]]:
    macs = step.macs
    if not macs:
        return
    matrices = sum(prod(shape) for shape in operator.weights(operand(step)).values() if len(shape) > 1)
    x, out = step.input_types[0], step.outputs[0]
    for kind, word in ((out, "positions"), (x, "input positions")):
        if macs == matrices * kind.positions:
            if kind.positions == 1:
                yield "MACs", f"{macs:,}, each weight of the matrix once"
            else:
                yield "MACs", f"{_product(kind.grid)} {word} * {matrices:,} weights = {macs:,}"
            return
    yield "MACs", f"{macs:,}"


def _sees(spot: Spot, operator: Operator[Any]) -> Iterator[tuple[str, str]]:
    """The recurrence of the receptive field."""
    before, after = spot.before[0], _after_one(spot)
    if not after or (before and all(axis.covers for axis in before)):
        return
    if all(axis.status is Status.WHOLE for axis in after):
        yield "sees", "the whole input"
        return
    windows = operator.windows(operand(spot.step))
    if operator.sized_like:
        yield from _by_axis([f"{_field(now)}, moves by {now.jump}" for now in after], "sees")
    elif windows and len(windows) == len(before):
        axes = zip(before, after, windows, strict=True)
        yield from _by_axis([_recurrence(was, now, window) for was, now, window in axes], "sees")
    elif len(spot.before) > 1 and len(set(spot.before)) > 1:
        sizes = [_field(seen[0]) for seen in spot.before if seen]
        yield "sees", f"the most of its inputs: {', '.join(sizes)} -> {_field(after[0])}"


def _recurrence(was: Field, now: Field, window: Window | Spread) -> str:
    if now.covers:
        return _field(now)
    if isinstance(window, Spread):
        moves = f"moves by {was.jump}/{window.stride} = {now.jump}" if window.stride > 1 else f"moves by {now.jump}"
        return f"{_field(now)}, {moves}"
    wider = f"({window.size} - 1)" + (f"*{window.dilation}" if window.dilation > 1 else "")
    grows_whole = ((window.extent - 1) * was.jump).denominator == 1
    size = f"{was.size:,} + {wider}*{was.jump} = {now.size:,}" if grows_whole else f"{now.size:,}"
    bound = "at most " if now.bound else ""
    moves = f", moves by {was.jump}*{window.stride} = {now.jump}" if window.stride > 1 else f", moves by {now.jump}"
    return f"{bound}{size}{moves}"


def _field(axis: Field) -> str:
    return f"{'at most ' if axis.bound else ''}{'everything' if axis.covers else f'{axis.size:,}'}"


def _after_one(spot: Spot) -> tuple[Field, ...]:
    """What one repetition sees."""
    if spot.step.count == 1 or not isinstance(spot.step.what, Operator):
        return spot.after[0]
    return ReceptiveFields().step(replace(spot.step, count=1), spot.before)[0]


# --- modules ----------------------------------------------------------------------------------------------------------


def _documented(doc: str) -> Iterator[tuple[str, str]]:
    if doc:
        yield "what", " ".join(doc.split())


def _sums(module: Module) -> Iterator[tuple[str, str]]:
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
    if len(shown) > _TERMS or sum(count * value for count, value in terms) != total or shown == [f"{total:,}"]:
        return f"{total:,}"
    return f"{' + '.join(shown)} = {total:,}" if shown else "none"


def _module_sees(spot: Spot) -> Iterator[tuple[str, str]]:
    before, after = spot.before[0], spot.after[0]
    if not after or len(before) != len(after):
        return
    lines = [
        "the whole input" if now.status is Status.WHOLE else f"{_field(was)} -> {_field(now)}, moves by {now.jump}"
        for was, now in zip(before, after, strict=True)
    ]
    yield from _by_axis(lines, "sees")


def _repeated(spot: Spot) -> list[tuple[str, str]]:
    """What all repetitions of a step come to."""
    step = spot.step
    if spot.path == spot.last:
        return []
    lines: list[str] = []
    for value, word in ((step.params, "weights"), (step.macs, "MACs")):
        if value:
            lines.append(f"{step.count:,}*{value:,} = {step.count * value:,} {word}")
    if spot.after[0] and not spot.after[0][0].covers:
        lines.append(f"the last, {spot.last}, sees {_field(spot.after[0][0])}")
    words = [f"×{count_shown(step.count)}", *[""] * len(lines)]
    return list(zip(words, lines or [f"up to {spot.last}"], strict=False))


# --- words ------------------------------------------------------------------------------------------------------------


def _product(sizes: Iterable[int]) -> str:
    return "*".join(map(str, sizes))


def literal(value: object) -> str:
    """A value as the language writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return f"({', '.join(map(literal, cast('tuple[object, ...]', value)))})"
        case _:
            return str(value)


def _listed(paths: list[str]) -> str:
    more = f" and {len(paths) - _SAME} more" if len(paths) > _SAME else ""
    return ", ".join(paths[:_SAME]) + more


def _unknown(tour: Tour, path: str) -> UnknownLayer:
    """What is wrong with a path: the first part that leads nowhere, and what could stand there."""
    parts = path.split(".")
    inside = ""
    level = list(tour.spots())
    for index, part in enumerate(parts):
        reached = ".".join(parts[: index + 1])
        spot = tour.find(reached)
        if spot is None:
            known = tuple(dict.fromkeys(each.name for each in level))
            paths = tuple(spot.path for spot, _ in islice(tour.folded(), _SUGGESTED))
            return UnknownLayer(part, inside, known, paths, path)
        inside = reached
        level = list(tour.below(spot)) if isinstance(spot.step.what, Module) else []
    raise AssertionError(path)
