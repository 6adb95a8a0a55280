"""The memory of training as facts, step by step and in bytes: weights, what a forward pass makes of activations, and
what is kept of them for the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from typing_extensions import override

from archdsl.algebra.figures import short_bytes
from archdsl.base.records import record
from archdsl.facts.counts import PARAMS
from archdsl.facts.fact import Added, Fact, Figures, Shade, Standing, bytes_or_nothing
from archdsl.graph.module import Module

if TYPE_CHECKING:
    from archdsl.facts.memory import Sizes, Tape

_Flags = tuple[bool, ...]


class _Tapes:
    """The forward passes of a network's modules in training, each where it stands: that depends on whether weights
    stand before it, and on what needs its results. A module is worked out once for each way in which it stands."""

    def __init__(self, root: Module, sizes: Sizes) -> None:
        from archdsl.facts.memory import Training

        self.root = root
        self.training = Training(sizes)
        self._tapes: dict[tuple[int, _Flags], Tape] = {}
        self._kept: dict[tuple[int, _Flags, _Flags], Sequence[int]] = {}
        self._inside: dict[tuple[int, _Flags, _Flags, int], tuple[_Flags, _Flags]] = {}

    def tape(self, place: Standing) -> Tape:
        """The pass of the module that a step is in."""
        return self._tape(place.module, self._standing(place)[0])

    def kept(self, place: Standing) -> int:
        """The bytes kept of what a step makes, all its repetitions."""
        learns, outside = self._standing(place)
        key = (id(place.module), learns, outside)
        if key not in self._kept:
            self._kept[key] = self._tape(place.module, learns).each(outside)
        return self._kept[key][place.index]

    def _standing(self, place: Standing) -> tuple[_Flags, _Flags]:
        """How the module of a step stands: before which inputs weights stand, and which results are needed outside."""
        around: list[Standing] = []
        outer = place.around
        while outer is not None:
            around.append(outer)
            outer = outer.around
        outermost = around[-1].module if around else place.module
        learns, outside = (False,) * len(outermost.inputs), (False,) * len(outermost.outputs)
        for each in reversed(around):
            key = (id(each.module), learns, outside, each.index)
            if key not in self._inside:
                self._inside[key] = self._tape(each.module, learns).inside(each.index, outside)
            learns, outside = self._inside[key]
        return learns, outside

    def _tape(self, module: Module, learns: _Flags) -> Tape:
        from archdsl.facts.memory import Tape

        key = (id(module), learns)
        if key not in self._tapes:
            self._tapes[key] = Tape(self.training, module, learns)
        return self._tapes[key]


class _Weights(Added):
    """Bytes of weights."""

    def __init__(self, root: Module, sizes: Sizes) -> None:
        self._params = PARAMS.over(root)
        self._itemsize = sizes.itemsize

    @property
    @override
    def whole(self) -> int:
        return self._params.whole * self._itemsize

    @override
    def at(self, place: Standing, count: int) -> int:
        return self._params.at(place, count) * self._itemsize


class _Kept(Added):
    """Bytes that autograd keeps of activations. Those of the network include its inputs where they are needed."""

    def __init__(self, root: Module, sizes: Sizes) -> None:
        self._tapes = _Tapes(root, sizes)

    @property
    @override
    def whole(self) -> int:
        return self._tapes.training.kept(self._tapes.root)

    @override
    def at(self, place: Standing, count: int) -> int:
        kept = self._tapes.kept(place)
        return kept if count == place.step.count else kept * count // place.step.count


class _Made(Added):
    """Bytes of activations that a forward pass in training makes."""

    def __init__(self, root: Module, sizes: Sizes) -> None:
        self._tapes = _Tapes(root, sizes)

    @property
    @override
    def whole(self) -> int:
        training = self._tapes.training
        return training.of(self._tapes.root, training.start(self._tapes.root)).made

    @override
    def at(self, place: Standing, count: int) -> int:
        made = self._tapes.tape(place).steps[place.index].made
        return made if count == place.step.count else made * count // place.step.count


@record(slots=True)
class _Takes:
    """Gives figures in bytes, for any network. sizes: of a batch and a type of numbers; of one sample in float32 if
    there are none."""

    figures: Callable[[Module, Sizes], Figures[int]]
    sizes: Sizes | None

    def __call__(self, root: Module) -> Figures[int]:
        return self.figures(root, self.sizes or _of_one_sample())


def weights(sizes: Sizes) -> Fact[int]:
    """The bytes of weights, in a type of numbers."""
    return Fact("weights", "weights", "weights", _Takes(_Weights, sizes), bytes_or_nothing, views=frozenset())


def kept(sizes: Sizes | None = None) -> Fact[int]:
    """What autograd keeps of activations until the backward pass, for a batch and a type of numbers; one sample in
    float32 if none are given."""
    return Fact(
        "kept",
        "kept",
        "activations kept for the backward pass",
        _Takes(_Kept, sizes),
        bytes_or_nothing,
        views=frozenset(),
        shares=True,
        footer="{} of activations are kept for the backward pass of one sample in float32",
        shade=Shade(scale=short_bytes),
    )


def made(sizes: Sizes) -> Fact[int]:
    """What a forward pass in training makes of activations, for a batch and a type of numbers."""
    return Fact("activations", "activations", "activations", _Takes(_Made, sizes), bytes_or_nothing, views=frozenset())


def _of_one_sample() -> Sizes:
    from archdsl.base.dtypes import Dtype
    from archdsl.facts.memory import Sizes

    return Sizes(1, Dtype.FLOAT32.itemsize)


KEPT = kept()
