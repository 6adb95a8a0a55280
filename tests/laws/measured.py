"""What torch says of a network, layer by layer: the sizes of every tensor, what is learned, and what is multiplied.

No number is worked out: a layer is asked about on the meta device, and each different question is asked once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import NamedTuple

import torch
from laws.interpreter import BATCH, applied, called, learned, module
from laws.reference import Walk, reads_weights
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from typing_extensions import override

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.emit.torch.calls import call_of
from archdsl.graph.module import Module, Step
from archdsl.ops.torchcall import Apply, Layer, Learned

_MOST = 100_000
_DTYPES = {Kind.TOKENS: torch.long, Kind.MASK: torch.bool}


class Spec(NamedTuple):
    """What is known of a tensor without its numbers."""

    shape: tuple[int, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, kind: TensorType) -> Spec:
        """A batch of tensors of a type."""
        if kind.kind is Kind.STATE:
            layers, features = kind.shape
            return cls((layers, BATCH, features), torch.float32)
        return cls((BATCH, *kind.shape), _DTYPES.get(kind.kind, torch.float32))

    @property
    def empty(self) -> torch.Tensor:
        """A tensor of that kind without numbers."""
        return torch.empty(self.shape, dtype=self.dtype, device="meta")


class Held(NamedTuple):
    """A tensor that a layer holds."""

    shape: tuple[int, ...]
    is_learned: bool


@dataclass(frozen=True)
class Answer:
    """What a layer gives, what it holds by torch's names, and the floating-point operations that torch counts."""

    gives: tuple[Spec, ...]
    holds: Mapping[str, Held]
    flops: int


_answers: dict[str, Answer] = {}


def answer(
    call: Layer | Apply | Learned, xs: Sequence[Spec], weights: Mapping[str, tuple[int, ...]] | None = None
) -> Answer:
    """What torch says of one call. weights: the shapes of those of other layers that it reads."""
    question = f"{call} {xs} {weights}"
    if question not in _answers:
        if len(_answers) > _MOST:
            _answers.clear()
        _answers[question] = _asked(call, xs, weights or {})
    return _answers[question]


def _asked(call: Layer | Apply | Learned, xs: Sequence[Spec], weights: Mapping[str, tuple[int, ...]]) -> Answer:
    tensors = [each.empty for each in xs]
    holds: dict[str, Held] = {}
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        match call:
            case Layer():
                made = module(call)
                own = {name for name, _ in made.named_parameters()}
                holds = {name: Held(tuple(each.shape), name in own) for name, each in made.state_dict().items()}
                results = called(made, call, tensors)
            case Learned():
                holds = {"": Held(tuple(call.shape), is_learned=True)}
                results = (learned(call, tensors, nn.Parameter(torch.empty(call.shape))),)
            case Apply():
                result = applied(call, tensors, {name: torch.empty(shape) for name, shape in weights.items()})
                results = result if isinstance(result, tuple) else (result,)
    return Answer(tuple(Spec(tuple(each.shape), each.dtype) for each in results), holds, counter.get_total_flops())


@dataclass(frozen=True)
class Ran:
    """An operator step of the network written out, the numbers of the tensors that went into it, equal for what is one
    tensor, and the floating-point operations that torch counts."""

    path: str
    step: Step
    inputs: tuple[int, ...]
    flops: int


@dataclass
class _Numbered:
    """A tensor by its number."""

    number: int
    spec: Spec


@dataclass
class Totals:
    """What was added up of the steps that ran: floating-point operations, and all that they hold, by names."""

    flops: int = 0
    holds: dict[str, Held] = field(default_factory=dict[str, Held])
    ran: list[Ran] = field(default_factory=list[Ran])

    @property
    def params(self) -> int:
        """How many numbers are learned."""
        return sum(prod(each.shape) for each in self.holds.values() if each.is_learned)


class _Known(NamedTuple):
    """A step that was asked about: what comes in, and the answer."""

    given: list[Spec]
    answer: Answer


class Measured(Walk[_Numbered]):
    """A network asked about: AssertionError where a step gives something else than the hierarchy says."""

    def __init__(self, root: Module) -> None:
        super().__init__(root)
        self.totals = Totals()
        self._count = 0
        self._known: dict[Step, _Known] = {}
        self._totals: dict[bool, Totals] = {}

    def run(self, *, training: bool) -> Totals:
        """All steps that run in a mode, each as often as it does."""
        if training not in self._totals:
            self.training, self._count = training, 0
            self.totals = self._totals[training] = Totals()
            self(*(self._new(Spec.of(kind)) for kind in self.root.inputs))
        return self._totals[training]

    def _new(self, spec: Spec) -> _Numbered:
        self._count += 1
        return _Numbered(self._count, spec)

    @override
    def operator(self, step: Step, path: str, around: str, xs: list[_Numbered]) -> Sequence[_Numbered]:
        known = self._known.get(step) or self._asked(step, path, around)
        given = [each.spec for each in xs]
        assert given == known.given, f"{path} is said to take {known.given}, and gets {given}"
        found = known.answer
        self.totals.flops += found.flops
        for name, each in found.holds.items():
            before = self.totals.holds.setdefault(f"{path}.{name}".rstrip("."), each)
            assert before == each, f"{path} is shared by {before} and {each}"
        self.totals.ran.append(Ran(path, step, tuple(each.number for each in xs), found.flops))
        return [self._new(each) for each in found.gives]

    def _asked(self, step: Step, path: str, around: str) -> _Known:
        """What torch says of a step, once for each but where it reads weights of others."""
        call = call_of(step)
        assert call is not None
        given = [Spec.of(kind) for kind in step.input_types]
        weights = self._beside(around) if isinstance(call, Apply) and reads_weights(call) else None
        found = answer(call, given, weights)
        wanted = tuple(map(Spec.of, step.outputs))
        assert found.gives == wanted, f"{path}: torch gives {found.gives}, not {wanted}"
        held = {name: each.shape for name, each in found.holds.items()}
        assert held == dict(step.state), f"{path} holds {held}, not {dict(step.state)}"
        known = _Known(given, found)
        if weights is None:
            self._known[step] = known
        return known

    def _beside(self, around: str) -> dict[str, tuple[int, ...]]:
        """The shapes of what a class holds, by the names that it has there."""
        return {
            path.removeprefix(around): each.shape for path, each in self.totals.holds.items() if path.startswith(around)
        }
