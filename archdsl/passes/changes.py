"""Passes: functions from network to network that say what they do to the weights.

A pass is a frozen dataclass whose fields are its options. `module` gives the changed network; `weights` turns the
weights of the old network into those of the new one, by name. Most leave weights alone.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast, final

from typing_extensions import override

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.tensors import Kind
from archdsl.graph.module import INPUT, Init, Module, Step, Wire
from archdsl.ops.conv import Conv, Deconv, DepthwiseConv
from archdsl.ops.dense import Flatten, FullyConnected
from archdsl.ops.norm import BatchNorm
from archdsl.ops.operator import Operator
from archdsl.ops.pool import GlobalAveragePool
from archdsl.ops.rearrange import Slice
from archdsl.ops.regular import Dropout
from archdsl.passes.faults import NoSuchPath, UnknownPass
from archdsl.passes.rewrite import Visit, rewritten

if TYPE_CHECKING:
    import torch

Weights = Mapping[str, "torch.Tensor"]


class Pass(ABC):
    """A change of a network. word: its name on the command line."""

    word: ClassVar[str]

    @abstractmethod
    def module(self, root: Module) -> Module:
        """The changed network."""

    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        """The weights of the changed network, from those of `root`."""
        return dict(weights)

    @classmethod
    def of(cls, options: list[str]) -> Self:
        """The pass with options as the command line has them. ValueError where they do not fit."""
        if options:
            raise ValueError(options)
        return cls()


@final
@dataclass(frozen=True)
class DropDropout(Pass):
    """Leaves dropout out, which does nothing at inference. Weights stay as they are."""

    word = "drop-dropout"

    @override
    def module(self, root: Module) -> Module:
        return rewritten(root, lambda at: None if isinstance(at.step.what, Dropout) else at.kept)


@final
@dataclass(frozen=True)
class FoldNorm(Pass):
    """Folds each batch norm into the convolution or fully connected layer just before it, in the same block.

    For inference: the layer's weights are scaled by gamma/sqrt(variance + eps), and its bias takes up the rest.
    """

    word = "fold-norm"

    @override
    def module(self, root: Module) -> Module:
        def change(at: Visit) -> Operator[Any] | None:
            pairs = _folded(at.module)
            index = at.module.steps.index(at.step)
            if index in pairs:
                return replace(cast("Any", at.kept), bias=True)
            return None if index in pairs.values() else at.kept

        return rewritten(root, change)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        import torch

        made = dict(weights)
        for layer, norm, operator, is_transposed in _norms(root):
            held = {
                name: made.pop(f"{norm}.{name}", None) for name in ("weight", "bias", "running_mean", "running_var")
            }
            made.pop(f"{norm}.num_batches_tracked", None)
            mean, variance = held["running_mean"], held["running_var"]
            assert mean is not None
            assert variance is not None
            gain, shift = held["weight"], held["bias"]
            scale = torch.rsqrt(variance + operator.eps)
            scale = scale if gain is None else scale * gain
            weight = made[f"{layer}.weight"]
            before = made.get(f"{layer}.bias", torch.zeros_like(mean))
            made[f"{layer}.weight"] = _scaled(weight, scale, transposed=is_transposed)
            bias = (before - mean) * scale
            made[f"{layer}.bias"] = bias if shift is None else bias + shift
        return made


def _scaled(weight: torch.Tensor, scale: torch.Tensor, *, transposed: bool) -> torch.Tensor:
    """A weight with each output channel scaled; a transposed convolution has its output channels second, by group."""
    if not transposed:
        return weight * scale.view(-1, *[1] * (weight.dim() - 1))
    groups = scale.numel() // weight.shape[1]
    parts = weight.view(groups, -1, *weight.shape[1:]) * scale.view(groups, 1, -1, *[1] * (weight.dim() - 2))
    return parts.view_as(weight)


def _folded(module: Module) -> dict[int, int]:
    """The steps whose output goes into one batch norm and nowhere else, with that norm."""
    readers: dict[int, list[int]] = {}
    for index, step in enumerate(module.steps):
        for wire in step.inputs:
            readers.setdefault(wire.step, []).append(index)
    given_back = {wire.step for wire in module.outputs}
    pairs: dict[int, int] = {}
    for index, step in enumerate(module.steps):
        after = readers.get(index, [])
        if (
            isinstance(step.what, (Conv, DepthwiseConv, Deconv, FullyConnected))
            and len(after) == 1
            and index not in given_back
            and step.count == 1
            and not step.shared
            and isinstance(module.steps[after[0]].what, BatchNorm)
            and not module.steps[after[0]].shared
        ):
            pairs[index] = after[0]
    return pairs


def _norms(root: Module) -> Iterator[tuple[str, str, BatchNorm, bool]]:
    """For each norm that is folded: its layer's path, its own, the norm, and whether the layer is transposed."""
    for module, prefix, names in instances(root):
        for layer, norm in _folded(module).items():
            operator = module.steps[norm].what
            assert isinstance(operator, BatchNorm)
            transposed = isinstance(module.steps[layer].what, Deconv)
            yield f"{prefix}{names[layer]}", f"{prefix}{names[norm]}", operator, transposed


def instances(module: Module, prefix: str = "", start: int = 0) -> Iterator[tuple[Module, str, tuple[str, ...]]]:
    """Every module of the written-out network with the prefix of its paths and the names of its steps there."""
    names: list[str] = []
    position = start
    for step in module.steps:
        names.append(step.name or str(position))
        for _ in range(step.count):
            if isinstance(step.what, Module):
                inner = (prefix, position) if step.what.transparent else (f"{prefix}{step.name or position}.", 0)
                yield from instances(step.what, *inner)
            position += step.slots // step.count
    yield module, prefix, tuple(names)


@final
@dataclass(frozen=True)
class FullyConvolutional(Pass):
    """Turns fully connected layers on a flattened map into convolutions, as VGG does for testing.

    The first becomes a convolution with a window as large as the map, the others 1x1. A larger input then gives a map
    of scores, which is averaged. Equal to the original at the training size. (Simonyan, Zisserman 2014, section 3.2.)
    """

    word = "fully-convolutional"

    @override
    def module(self, root: Module) -> Module:
        maps = {
            step.outputs[0].size: step.input_types[0]
            for each in root.distinct()
            for step in each.steps
            if isinstance(step.what, Flatten) and step.input_types[0].kind is Kind.IMAGE
        }

        def change(at: Visit) -> Operator[Any] | None:
            what, x = at.kept, at.types[0]
            if isinstance(what, Flatten) and x.kind is Kind.IMAGE:
                return None
            if isinstance(what, FullyConnected) and x.kind is Kind.IMAGE:
                return Conv(width=what.width, window=x.grid, p=0, bias=what.bias)
            return what

        made = rewritten(root, change) if maps else root
        return _averaged(made)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        from archdsl.graph.flat import layers

        shapes = {name: shape for layer in layers(self.module(root)) for name, shape in layer.weights.items()}
        return {name: each.view(shapes[name]) if name in shapes else each for name, each in weights.items()}


def _averaged(root: Module) -> Module:
    """The network with the mean over the map of each output that is one."""
    steps = list(root.steps)
    outputs: list[Wire] = []
    for number, (wire, kind) in enumerate(zip(root.outputs, root.output_types, strict=True)):
        if kind.kind is not Kind.IMAGE:
            outputs.append(wire)
            continue
        pool = GlobalAveragePool()
        steps.append(Step(f"scores{number + 1}", pool, (wire,), (kind,), (pool.output(kind),), root.place))
        outputs.append(Wire(len(steps) - 1))
    return replace(root, steps=tuple(steps), outputs=tuple(outputs))


@final
@dataclass(frozen=True)
class PruneDead(Pass):
    """Leaves out the steps that no output needs, with their weights."""

    word = "prune-dead"

    @override
    def module(self, root: Module) -> Module:
        dead = {id(step) for each in root.distinct() for index, step in enumerate(each.steps) if index in each.dead}
        return rewritten_without(root, dead)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        return _only_known(self.module(root), weights)


def rewritten_without(root: Module, dead: set[int]) -> Module:
    """The network without some steps of its named modules, whose outputs nothing reads."""
    made: dict[int, Module] = {}
    for module in root.distinct():
        steps: list[Step] = []
        moved: dict[int, int] = {INPUT: INPUT}
        for index, step in enumerate(module.steps):
            if id(step) in dead and not module.indexed:
                continue
            what = made.get(id(step.what), step.what) if isinstance(step.what, Module) else step.what
            wires = tuple(Wire(moved[wire.step], wire.port) for wire in step.inputs)
            moved[index] = len(steps)
            steps.append(replace(step, what=what, inputs=wires))
        outputs = tuple(Wire(moved[wire.step], wire.port) for wire in module.outputs)
        bindings = {Wire(moved[w.step], w.port): name for w, name in module.bindings.items() if w.step in moved}
        made[id(module)] = replace(module, steps=tuple(steps), outputs=outputs, bindings=bindings)
    return made[id(root)]


def _only_known(root: Module, weights: Weights) -> dict[str, torch.Tensor]:
    from archdsl.graph.flat import layers

    known = {layer.path for layer in layers(root)}
    return {name: each for name, each in weights.items() if name.rpartition(".")[0] in known}


@final
@dataclass(frozen=True)
class Widen(Pass):
    """Multiplies the channels of every convolution and fully connected layer but the last: MobileNet's width
    multiplier. The weights are new."""

    word = "widen"

    alpha: float = 1.0

    @override
    @classmethod
    def of(cls, options: list[str]) -> Self:
        (alpha,) = options
        return cls(float(alpha))

    @override
    def module(self, root: Module) -> Module:
        last = {id(step) for step in _last_layers(root)}

        def change(at: Visit) -> Operator[Any] | None:
            what = at.kept
            if isinstance(what, (Conv, Deconv, FullyConnected)) and id(at.step) not in last:
                return replace(cast("Any", what), width=max(1, round(self.alpha * what.width)))
            if isinstance(what, Slice):
                # a part of the channels stays the same part of them
                before, after = at.step.input_types[0].channels, at.types[0].channels
                stop = None if what.stop is None else what.stop * after // before
                return replace(what, start=what.start * after // before, stop=stop)
            return what

        return rewritten(root, change)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        return {}


@final
@dataclass(frozen=True)
class Head(Pass):
    """Gives the last layer another number of classes. Its weights are new, the others stay."""

    word = "head"

    classes: int = 1000

    @override
    @classmethod
    def of(cls, options: list[str]) -> Self:
        (classes,) = options
        return cls(int(classes))

    @override
    def module(self, root: Module) -> Module:
        last = {id(step) for step in _last_layers(root)}

        def change(at: Visit) -> Operator[Any] | None:
            return replace(cast("Any", at.kept), width=self.classes) if id(at.step) in last else at.kept

        return rewritten(root, change)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        head = set(head_of(root))
        return {name: each for name, each in weights.items() if name.rpartition(".")[0] not in head}


@final
@dataclass(frozen=True)
class Truncate(Pass):
    """A backbone: gives back the tensors after some layers, and leaves out what comes after, with its weights.

    at: paths of layers or blocks of the network itself (`layer4`), or of the rows in it (`features.15`).
    """

    word = "truncate"

    at: tuple[str, ...] = ()

    @override
    @classmethod
    def of(cls, options: list[str]) -> Self:
        if not options:
            raise ValueError(options)
        return cls(tuple(options))

    @override
    def module(self, root: Module) -> Module:
        opened = root
        for row in dict.fromkeys(path.partition(".")[0] for path in self.at if "." in path):
            wanted = tuple(path.partition(".")[2] for path in self.at if path.startswith(f"{row}."))
            others = [
                Wire(_step_at(root, path.partition(".")[0])) for path in self.at if not path.startswith(f"{row}.")
            ]
            opened = _opened(opened, row, wanted, root.needed_for(tuple(others)))
        outputs = tuple(_wire_at(opened, path, self.at) for path in self.at)
        names = tuple(path.replace(".", "_") for path in self.at)
        cut = replace(opened, outputs=outputs, output_names=names, train_outputs=0)
        return PruneDead().module(cut)

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        return _only_known(self.module(root), weights)


def _wire_at(root: Module, path: str, at: tuple[str, ...]) -> Wire:
    """The tensor after a path of a network whose rows have been opened where needed."""
    name, _, inner = path.partition(".")
    index = _step_at(root, name)
    port = [each.partition(".")[2] for each in at if each.startswith(f"{name}.")].index(inner) if inner else 0
    return Wire(index, port)


def _step_at(root: Module, name: str) -> int:
    names = root.names()
    if name not in names:
        raise ArchError([Diagnostic(NoSuchPath(name, names))])
    return len(names) - 1 - names[::-1].index(name)


def _opened(root: Module, row: str, wanted: tuple[str, ...], needed: frozenset[int]) -> Module:
    """The network with a row of modules made into a module that gives back the tensors after some of them, then its own
    if a step that is still needed reads it."""
    index = _step_at(root, row)
    step = root.steps[index]
    inner = step.what
    if not isinstance(inner, Module) or not inner.indexed:
        raise ArchError([Diagnostic(NoSuchPath(f"{row}.{wanted[0]}", root.names()))])
    steps = _written_out_row(inner, 0)
    for name in wanted:
        if name not in (each.name for each in steps):
            raise ArchError([Diagnostic(NoSuchPath(f"{row}.{name}", tuple(f"{row}.{each.name}" for each in steps)))])
    chained = tuple(
        replace(each, inputs=(Wire(number - 1) if number else Wire(INPUT),)) for number, each in enumerate(steps)
    )
    ends = [next(number for number, each in enumerate(steps) if each.name == name) for name in wanted]
    is_read = any(wire.step == index for other in needed for wire in root.steps[other].inputs)
    outputs = (*map(Wire, ends), *((Wire(len(steps) - 1),) if is_read else ()))
    opened = replace(
        inner, name=row, steps=chained, outputs=outputs, indexed=False, input_names=("x",), place=step.place
    )
    changed = replace(step, what=opened, outputs=opened.output_types)
    own = len(outputs) - 1 if is_read else 0

    def moved(other: Step) -> Step:
        return replace(other, inputs=tuple(Wire(w.step, own) if w.step == index else w for w in other.inputs))

    steps_of_root = (*root.steps[:index], changed, *map(moved, root.steps[index + 1 :]))
    return replace(root, steps=steps_of_root)


def _written_out_row(module: Module, start: int) -> list[Step]:
    """The steps of a row with their positions as names, repeats written out."""
    steps: list[Step] = []
    for step in module.steps:
        for _ in range(step.count):
            position = start + sum(each.slots for each in steps)
            if isinstance(step.what, Module) and step.what.transparent:
                steps += _written_out_row(step.what, position)
            else:
                steps.append(replace(step, name=step.name or str(position), count=1))
    return steps


@final
@dataclass(frozen=True)
class Inference(Pass):
    """What helps inference together: dropout left out, batch norms folded, steps that nothing needs left out."""

    word = "inference"

    @override
    def module(self, root: Module) -> Module:
        for each in self._passes():
            root = each.module(root)
        return root

    @override
    def weights(self, root: Module, weights: Weights) -> dict[str, torch.Tensor]:
        for each in self._passes():
            weights, root = each.weights(root, weights), each.module(root)
        return dict(weights)

    def _passes(self) -> tuple[Pass, ...]:
        return (DropDropout(), FoldNorm(), PruneDead())


@final
@dataclass(frozen=True)
class Initialise(Pass):
    """Says how the weights of a module start that is made of the network: `default`, as torch does it, `kaiming` or
    `xavier`. Weights that are there stay as they are."""

    word = "init"
    method: Init

    @override
    def module(self, root: Module) -> Module:
        return replace(root, init=self.method)

    @override
    @classmethod
    def of(cls, options: list[str]) -> Self:
        (method,) = options
        return cls(Init(method))


def _last_layers(root: Module) -> list[Step]:
    """The layers with weights from which nothing but operators without weights lead to an output."""
    found: list[Step] = []
    waiting = [(root, wire) for wire in root.outputs]
    while waiting:
        module, wire = waiting.pop()
        if wire.step == INPUT:
            continue
        step = module.steps[wire.step]
        if isinstance(step.what, Module):
            waiting += [(step.what, each) for each in step.what.outputs]
        elif isinstance(step.what, (Conv, Deconv, FullyConnected)):
            found.append(step)
        else:
            waiting += [(module, each) for each in step.inputs]
    return found


def head_of(root: Module) -> tuple[str, ...]:
    """The paths of the last layers with weights."""
    from archdsl.graph.flat import layers

    last = {id(step) for step in _last_layers(root)}
    return tuple(layer.path for layer in layers(root) if id(layer.step) in last)


PASSES: tuple[type[Pass], ...] = (
    DropDropout,
    FoldNorm,
    FullyConvolutional,
    Head,
    Inference,
    Initialise,
    PruneDead,
    Truncate,
    Widen,
)


def pass_of(text: str) -> Pass:
    """The pass that a user names: `fold-norm`, `widen(0.5)`, `truncate(layer2, layer4)`. ArchError if there is none."""
    found = re.fullmatch(r"\s*([\w-]+)\s*(?:\((.*)\))?\s*", text)
    known = {each.word: each for each in PASSES}
    kind = known.get(found[1]) if found else None
    if found is None or kind is None:
        raise ArchError([Diagnostic(UnknownPass(text[:40], tuple(known)))])
    given = [each.strip() for each in (found[2] or "").split(",") if each.strip()]
    try:
        return kind.of(given)
    except ValueError:
        raise ArchError([Diagnostic(UnknownPass(text[:40], tuple(known)))]) from None
