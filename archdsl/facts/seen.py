"""The receptive field as a fact: what each step sees of the network's inputs, and how that shows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from typing_extensions import override

from archdsl.algebra.fields import Status
from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.fact import EVERYWHERE, Fact, Figures, Shade, Standing
from archdsl.facts.receptive import NOTHING, ReceptiveField, ReceptiveFields, Seen, described, start
from archdsl.graph.module import INPUT, Module


@record(slots=True)
class OnInputs:
    """What is seen of the inputs of a network."""

    seen: Seen
    inputs: tuple[TensorType, ...]

    @property
    def axes(self) -> tuple[ReceptiveField, ...]:
        """The receptive field along each axis of the inputs."""
        return described(self.seen, self.inputs)


class _Fields(Figures[OnInputs]):
    """Receptive fields of one network: of a row of steps what the last one sees."""

    def __init__(self, root: Module) -> None:
        self.root = root
        self._line: OnInputs | None = None

    @property
    @override
    def whole(self) -> OnInputs:
        """What the first output sees."""
        (first, *_) = ReceptiveFields().module(self.root, tuple(map(start, self.root.inputs)))
        return OnInputs(first, self.root.inputs)

    @property
    @override
    def line(self) -> OnInputs:
        """What a position sees of the last map that is computed at inference, before a head takes it all together."""
        if self._line is None:
            self._line = OnInputs(_of_last_map(self.root), self.root.inputs)
        return self._line

    @override
    def at(self, place: Standing, count: int) -> OnInputs:
        is_known = place.after and place.step.outputs[0].is_known
        return OnInputs(place.after[0] if is_known else NOTHING, self.root.inputs)

    @override
    def of(self, places: Sequence[Standing]) -> OnInputs:
        return self.at(places[-1], places[-1].step.count)


def _of_last_map(root: Module) -> Seen:
    """What a position of the last map sees; nothing where no layer gives a map."""
    fields = ReceptiveFields()
    waiting = [(root, tuple(map(start, root.inputs)))]
    tried: set[tuple[int, tuple[Seen, ...]]] = set()
    while waiting:
        module, inputs = waiting.pop()
        if (id(module), inputs) in tried:
            continue
        tried.add((id(module), inputs))
        seen = fields.after_steps(module, inputs)
        steps = [(index, step) for index, step in enumerate(module.steps) if index not in module.train_only]
        for index, step in reversed(steps):
            kind = step.outputs[0]
            if kind.rank > 0 and kind.positions > 1 and seen[index][0]:
                return seen[index][0]
        for _, step in steps:
            if isinstance(step.what, Module):
                before = (inputs[w.port] if w.step == INPUT else seen[w.step][w.port] for w in step.inputs)
                waiting.append((step.what, tuple(before)))
    return NOTHING


# --- how it shows -----------------------------------------------------------------------------------------------------


def field_of(seen: Seen) -> str:
    """A receptive field in short: `43`, `1x7` where the axes differ, `all` for the whole input, `<=` for a bound;
    nothing where nothing is seen."""
    sizes = [("<=" if axis.bound else "") + ("all" if axis.covers else str(axis.size)) for axis in seen]
    return sizes[0] if len(set(sizes)) == 1 else "x".join(sizes)


def _text(value: OnInputs) -> str:
    return field_of(value.seen)


def _data(value: OnInputs) -> dict[str, Any]:
    return {each.axis: each.to_json() for each in value.axes}


def _told(value: OnInputs) -> str:
    """`receptive field 43×43`, `receptive field the whole input`, `receptive field at most 5×5`."""
    if not value.seen:
        return ""
    if all(axis.status is Status.WHOLE for axis in value.seen):
        return "receptive field the whole input"
    sizes = "×".join("all" if axis.covers else str(axis.size) for axis in value.seen)
    return f"receptive field {'at most ' if any(axis.bound for axis in value.seen) else ''}{sizes}"


def _number(value: OnInputs) -> float:
    """The size that a requirement compares: the least of all axes; an axis seen whole counts as infinite."""
    sizes = (math.inf if axis.status is Status.WHOLE else axis.size or 0 for axis in value.axes)
    return min(sizes, default=math.inf)


def _longest(value: OnInputs) -> int:
    """The longest side. Of one that is the whole input, what lies beyond it does not count."""
    return max((axis.length if axis.covers else axis.size for axis in value.seen), default=0)


def _is_all(value: OnInputs) -> bool:
    """Whether it is all of the input along an axis: with the padding another may be longer, but there is no more to
    see."""
    return any(axis.covers for axis in value.seen)


def _by_size(value: OnInputs) -> tuple[bool, int]:
    whole = [axis.status is Status.WHOLE for axis in value.seen]
    sizes = (axis.size or 0 for axis, all_of_it in zip(value.seen, whole, strict=True) if not all_of_it)
    return any(whole), max(sizes, default=0)


RECEPTIVE_FIELD = Fact(
    "receptive_field",
    "sees",
    "receptive field",
    _Fields,
    _text,
    views=EVERYWHERE,
    yields=True,
    data=_data,
    told=_told,
    about="receptive field on the input",
    sort=_by_size,
    number=_number,
    shade=Shade("rf", _longest, _is_all, largest=True),
)
