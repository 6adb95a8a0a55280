"""The receptive field: what positions see of the network's inputs, composed module by module.

Along one axis it is an affine map (`algebra.fields.Field`). A step is such a map for each of its inputs and axes, a
module is their composition and union, worked out once for each distinct module, and n equal blocks are the n-th power
of theirs.

What is seen (`Seen`) has a field for each axis of the input, whatever axes the tensor has whose positions see it; there
is none where nothing is seen, or the input has no axis. Several inputs lie over each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from archdsl.algebra.fields import POINT, Channels, Field, Number, Status, union
from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step
from archdsl.ops.operator import AXIS_NAMES, Operator, axes_of

Seen = tuple[Field, ...]
NOTHING: Seen = ()


def start(kind: TensorType) -> Seen:
    """What the positions of an input of the network see: each itself; nothing where it has no axis."""
    return tuple(Field(length=int(length), part=(0, int(length) - 1)) for length in axes_of(kind))


class ReceptiveFields:
    """Receptive fields within one network. What a module does to a field is worked out once."""

    def __init__(self) -> None:
        self._maps: dict[tuple[int, int], tuple[Seen, ...]] = {}
        self._steps: dict[tuple[Step, int], tuple[Seen, ...]] = {}

    def after_steps(self, module: Module, inputs: tuple[Seen, ...]) -> list[tuple[Seen, ...]]:
        """What the outputs of each step of a module see, given what its inputs see. For repeats, after the last."""
        seen: list[tuple[Seen, ...]] = []
        for step in module.steps:
            given = (inputs[wire.port] if wire.step == INPUT else seen[wire.step][wire.port] for wire in step.inputs)
            seen.append(self.step(step, tuple(given)))
        return seen

    def step(self, step: Step, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """What the outputs of a step see after all its repetitions."""
        own = [self._of_step(step, port) for port in range(len(given))]
        if not isinstance(step.what, Operator):
            return _merged(given, step.outputs, own)
        # of those that see the same wherever they stand it is not known which positions they are
        if step.what.in_turn and (sum(map(bool, given)) > 1 or any(not axis.jump for seen in given for axis in seen)):
            own = [tuple(map(_at_most, each)) for each in own]
        return _merged(given, step.outputs, own, side_by_side=step.what.side_by_side)

    def module(self, module: Module, given: tuple[Seen, ...]) -> tuple[Seen, ...]:
        """What the outputs of a module see, given what its inputs see."""
        own = (self._of_module(module, port) for port in range(len(given)))
        return _merged(given, module.output_types, own)

    def _of_module(self, module: Module, port: int) -> tuple[Seen, ...]:
        """What each output of a module sees of one of its inputs."""
        key = (id(module), port)
        if key not in self._maps:
            inputs = tuple(_itself(kind) if index == port else NOTHING for index, kind in enumerate(module.inputs))
            seen = self.after_steps(module, inputs)
            self._maps[key] = tuple(
                inputs[wire.port] if wire.step == INPUT else seen[wire.step][wire.port] for wire in module.outputs
            )
        return self._maps[key]

    def _of_step(self, step: Step, port: int) -> tuple[Seen, ...]:
        """What each output of a step sees of one of its inputs."""
        key = (step, port)
        if key not in self._steps:
            self._steps[key] = self._repeated(step, port)
        return self._steps[key]

    def _once(self, step: Step, port: int) -> tuple[Seen, ...]:
        """What each output of one repetition of a step sees of one of its inputs."""
        if isinstance(step.what, Module):
            return self._of_module(step.what, port)
        first, *others = step.outputs
        seen = _of_operator(step.what, step.what.sees(step.input_types, port), first)
        if not others:
            return (seen,)
        also = step.what.also_sees(step.input_types, port)
        return (seen, *(_of_operator(step.what, also, each) for each in others))

    def _repeated(self, step: Step, port: int) -> tuple[Seen, ...]:
        """What the outputs of a step see of one of its inputs. The first input goes through all repetitions, the others
        come to each anew: of what a repetition sees of them, all that follow see what they see of its output."""
        once = self._once(step, port)
        if step.count == 1 or not once[0]:
            # what one repetition sees nothing of none does
            return once
        kind = step.outputs[0]
        through = once if port == 0 else self._once(step, 0)
        powers = _Powers(kind, through[0], NOTHING if port == 0 else once[0])
        return (powers.of(step.count),)


@dataclass
class _Powers:
    """A row of equal steps, by repeated squaring. through: what one sees of what goes through it. besides: what it sees
    of what comes to each anew; nothing if that is not asked for."""

    kind: TensorType
    through: Seen
    besides: Seen

    def of(self, count: int) -> Seen:
        """What the last of so many sees."""
        done, through = _itself(self.kind), self.through
        total, besides = NOTHING, self.besides
        while count:
            if count & 1:
                total = self._union(total, _after(besides, done))
                done = _after(done, through)
            besides = self._union(besides, _after(besides, through))
            through = _after(through, through)
            count >>= 1
        return total if self.besides else done

    def _union(self, *seen: Seen) -> Seen:
        return _union([each for each in seen if each], self.kind)


def _itself(kind: TensorType) -> Seen:
    """What the positions of a module's input see of it. A vector is a grid of one position."""
    return start(kind) or (POINT,)


def _merged(
    given: tuple[Seen, ...],
    outputs: tuple[TensorType, ...],
    maps: Iterable[tuple[Seen, ...]],
    *,
    side_by_side: bool = False,
) -> tuple[Seen, ...]:
    """What outputs see that see the inputs by these maps, given what the inputs see."""
    found: list[list[Seen]] = [[] for _ in outputs]
    for before, own in zip(given, maps, strict=True):
        for seen, each in zip(found, own, strict=True):
            if before and each:
                seen.append(_after(before, each))
    return tuple(_union(seen, kind, side_by_side=side_by_side) for seen, kind in zip(found, outputs, strict=True))


def _of_operator(operator: Operator[Any], seen: Seen, output: TensorType) -> Seen:
    lengths = axes_of(output)
    if len(lengths) == len(seen):
        seen = tuple(axis.of(int(length)) for axis, length in zip(seen, lengths, strict=True))
    return tuple(replace(axis, channels=Channels(mixes=True)) for axis in seen) if operator.mixes else seen


def _at_most(seen: Seen) -> Seen:
    return tuple(each.at_most() for each in seen)


def _after(before: Seen, own: Seen) -> Seen:
    """What is seen when `own` looks at a tensor whose positions see `before`."""
    if not before or not own:
        return NOTHING
    if len(before) == len(own) and not any(each.loose for each in before):
        seen = tuple(first.then(second) for first, second in zip(before, own, strict=True))
        return NOTHING if any(axis.sees_nothing for axis in seen) else seen
    shares = [each.channels for each in own]
    even, mixes = all(each.even for each in shares), all(each.mixes for each in shares)
    channels = Channels(even, mixes, any(each.picks for each in shares))
    bound = any(each.bound for each in own)
    seen = (_elsewhere(axis, own) for axis in before)
    return tuple(axis.then(Field(bound=bound, loose=axis.loose, channels=channels)) for axis in seen)


def _elsewhere(axis: Field, own: Seen) -> Field:
    """What is seen along an axis by what looks at positions that do not lie along it any more."""
    if not axis.jump:
        return axis
    if all(each.size == 1 for each in own):
        # a single one of all may be one that sees nothing, such as a class token
        return axis if all(each.jump for each in own) else axis.at_most()
    if not axis.loose:
        low, high = axis.part or (0, axis.length - 1)
        return replace(axis, low=low, high=high, jump=0, bound=True)
    seen = axis.together(axis.loose)
    return seen if all(each.covers for each in own) else seen.at_most()


def _union(seen: list[Seen], kind: TensorType, *, side_by_side: bool = False) -> Seen:
    """What is seen by the positions of a tensor that look at all of these."""
    if len(seen) == 1:
        return seen[0]
    most = max(map(len, seen), default=0)
    same = [each for each in seen if len(each) == most]
    lengths = axes_of(kind)
    positions = lengths if len(lengths) == most else (1,) * most
    axes = zip(zip(*same, strict=True), positions, strict=True)
    return tuple(union(axis, int(length), side_by_side=side_by_side) for axis, length in axes)


# --- as data ----------------------------------------------------------------------------------------------------------


@record(slots=True)
class ReceptiveField:
    """The receptive field along one axis of the network's inputs.

    axis: `height`, `width`, ... size: how many positions a unit sees, from the first to the last. stride: how far the
    field moves from one position to the next. start: the first position that position 0 sees, negative in the padding.
    Where a unit sees a whole map, size and start are those within the input, and the stride is 0. gapless: whether all
    between the ends is certain to be seen. None: size where nothing is seen; stride and start also where positions are
    not along the axis any more, as after a map became a sequence. length: positions of the input.
    """

    axis: str
    size: int | None
    stride: Fraction | None
    start: Fraction | None
    status: Status
    gapless: bool
    length: int

    def to_json(self) -> dict[str, Any]:
        """The field as plain data; fractions are floats."""
        return {
            "size": self.size,
            "stride": number_of(self.stride),
            "start": number_of(self.start),
            "status": str(self.status),
            "gapless": self.gapless,
        }


def described(seen: Seen, inputs: tuple[TensorType, ...]) -> tuple[ReceptiveField, ...]:
    """What is seen of the network's inputs, along each of their axes."""
    most = max(map(axes_of, inputs), key=len, default=())
    names = AXIS_NAMES.get(len(most), tuple(f"axis {index + 1}" for index in range(len(most))))
    if len(seen) != len(most):
        lengths = zip(names, most, strict=True)
        return tuple(
            ReceptiveField(name, None, None, None, Status.NONE, gapless=False, length=int(length))
            for name, length in lengths
        )
    return tuple(_described(name, axis) for name, axis in zip(names, seen, strict=True))


def _described(name: str, axis: Field) -> ReceptiveField:
    if axis.loose:
        return ReceptiveField(name, axis.size, None, None, axis.status, axis.gapless, axis.length)
    low, high = axis.ends
    return ReceptiveField(
        name, int(high - low) + 1, Fraction(axis.jump), Fraction(low), axis.status, axis.gapless, axis.length
    )


def first_output(module: Module) -> tuple[ReceptiveField, ...]:
    """The receptive field of a network's first output, along each axis of its inputs."""
    seen = ReceptiveFields().module(module, tuple(map(start, module.inputs)))
    return described(seen[0], module.inputs)


def number_of(value: Number | None) -> int | float | None:
    """The number as plain data: an int where it is whole, else a float."""
    return None if value is None else value.numerator if value.denominator == 1 else float(value)
