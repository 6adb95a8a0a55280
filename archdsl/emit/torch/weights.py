"""Weights from files into live modules: names, shapes and types are compared before any number is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from archdsl.base.carried import METADATA
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.records import record
from archdsl.base.suggest import nearest
from archdsl.base.wanted import WrongValue, require, require_file
from archdsl.boundary import door
from archdsl.elaborate.zoo import network_with
from archdsl.emit.torch import checkpoints
from archdsl.emit.torch.checkpoints import Entry, entry_of
from archdsl.emit.torch.live import require_model
from archdsl.graph.flat import Layer, layers
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.passes.faults import UnknownHead, WeightsDiffer

if TYPE_CHECKING:
    import torch

    from archdsl.passes.moving import Moved

_NAMED = 100
_TRIED, _DOTS = 8, 16
_MANY_BATCHES = "num_batches_tracked"


@record
class Loaded:
    """What loading did. new: weights of the network that keep their first values, since the file's do not fit its head.
    prefix: what every name of the file began with and the network's do not."""

    new: tuple[str, ...] = ()
    prefix: str = ""

    def __str__(self) -> str:
        parts = ["all weights loaded" if not self.new else f"loaded all but {', '.join(self.new)}, which are new"]
        if self.prefix:
            parts.append(f"the file's names begin with `{self.prefix}`")
        return "; ".join(parts)


def load_weights(
    model: torch.nn.Module,
    path: str | Path,
    root: Module,
    *,
    head: tuple[str, ...] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Loaded:
    """Load the weights of a safetensors or torch file into a live module.

    root: its network. head: the layers whose weights may be of other shapes, or missing; they keep their first values.
    Every other name must be in both, with equal shapes and types that convert: ArchError says what differs, and changes
    nothing.
    """
    require_file("the name of a file", path=path)
    require_model(model)
    path = Path(path)
    entries = checkpoints.contents(path, limits)
    state = {name: entry_of(each) for name, each in model.state_dict().items()}
    prefix = _prefix(entries, state)
    found = {name.removeprefix(prefix): entry for name, entry in entries.items()}
    _require_there(head, [*state, *found], path.name)
    differences = Differences.of(state, found, head)
    if lines := differences.lines:
        raise ArchError([Diagnostic(WeightsDiffer(path.name, lines, _advice(differences, root)))])
    wanted = state.keys() - set(differences.new)
    tensors = {name.removeprefix(prefix): tensor for name, tensor in checkpoints.tensors(path, limits).items()}
    _assign(model, {name: tensor for name, tensor in tensors.items() if name in wanted})
    return Loaded(differences.new, prefix)


def converted(
    model: torch.nn.Module,
    moved: Callable[[Mapping[str, torch.Tensor]], Moved],
    changed: Callable[[torch.device | None, torch.dtype | None], torch.nn.Module],
) -> torch.nn.Module:
    """A live module of a network that passes changed, with the weights of one of the network before. moved: what the
    passes make of weights; changed: makes the live module. What is new keeps its first values."""
    require_model(model)
    found = moved(model.state_dict())
    some = next(iter(model.parameters()), None)
    made = changed(None, None) if some is None else changed(some.device, some.dtype)
    first = made.state_dict()
    made.load_state_dict({**{name: first[name] for name in found.new}, **found.weights})
    return made.train(model.training)


def safetensors_file(model: torch.nn.Module, spec: str) -> bytes:
    """The weights of a live module as a safetensors file, with what its network was compiled from in the metadata."""
    from safetensors.torch import save

    state = {name: each.detach().contiguous().cpu() for name, each in model.state_dict().items()}
    return save(state, {METADATA: spec})


# --- comparing --------------------------------------------------------------------------------------------------------


def _prefix(names: Iterable[str], wanted: Iterable[str]) -> str:
    """What names of the file begin with and the network's do not: what is left without it fits best. Empty where the
    names fit as they are, or are not told apart without it."""
    names, known = list(names), set(wanted)
    fitting = Counter(start for name in names for start, rest in _parted(name) if rest in known)
    prefixes = [prefix for prefix, _ in fitting.most_common(_TRIED)]

    def fits(prefix: str) -> tuple[int, int]:
        short = [name.removeprefix(prefix) for name in names]
        return len(known.intersection(short)) if len(set(short)) == len(short) else 0, -len(prefix)

    return max(("", *sorted(prefixes)), key=fits)


def _parted(name: str) -> Iterator[tuple[str, str]]:
    """What a name may begin with that the network's do not, up to one of its first dots, and the rest."""
    end = -1
    for _ in range(_DOTS):
        if (end := name.find(".", end + 1)) < 0:
            return
        yield name[: end + 1], name[end + 1 :]


def _require_there(head: tuple[str, ...], names: Sequence[str], file: str) -> None:
    """ArchError where a layer that may differ has no tensor in the network or in the file."""
    unknown = [each for each in dict.fromkeys(head) if not any(_belongs(name, each) for name in names)]
    if unknown:
        known = tuple({start.removesuffix(".") for name in names for start, _ in _parted(name)})
        raise ArchError([Diagnostic(UnknownHead(each, file, known)) for each in unknown])


def _belongs(name: str, layer: str) -> bool:
    """Whether a tensor is one of a layer's, or is the layer where that is a tensor itself."""
    return name == layer or name.startswith(f"{layer}.")


@record
class Differences:
    """How the tensors of a file differ from those of a network. wanted, found: both, by name. missing: of the file,
    unexpected: in the network, shapes and types: those that are in both. new: those of the head."""

    wanted: Mapping[str, Entry]
    found: Mapping[str, Entry]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    shapes: tuple[str, ...]
    types: tuple[str, ...]
    new: tuple[str, ...]

    @classmethod
    def of(cls, wanted: Mapping[str, Entry], found: Mapping[str, Entry], head: tuple[str, ...]) -> Differences:
        """What differs; what differs of the head is allowed to."""

        def in_head(name: str) -> bool:
            return any(_belongs(name, each) for each in head)

        missing = [name for name in wanted if name not in found and not name.endswith(_MANY_BATCHES)]
        shapes = [name for name in wanted if name in found and found[name].shape != wanted[name].shape]
        both = (name for name in wanted if name in found and not name.endswith(_MANY_BATCHES))
        types = [name for name in both if _is_float(found[name]) != _is_float(wanted[name])]
        return cls(
            wanted,
            found,
            tuple(name for name in missing if not in_head(name)),
            tuple(name for name in found if name not in wanted and not in_head(name)),
            tuple(name for name in shapes if not in_head(name)),
            tuple(types),
            tuple(name for name in (*missing, *shapes) if in_head(name)),
        )

    @property
    def lines(self) -> tuple[str, ...]:
        """Each difference in words."""
        wanted, found = self.wanted, self.found
        shapes = ((name, _sizes(wanted[name]), _sizes(found[name])) for name in self.shapes)
        types = ((name, wanted[name].dtype, found[name].dtype) for name in self.types)
        return (
            *(f"`{name}` is {one} in the network and {other} in the file" for name, one, other in (*shapes, *types)),
            *(f"`{name}` is missing from the file{near}" for name, near in _with_near(self.missing, self.unexpected)),
            *(f"`{name}` is not in the network{near}" for name, near in _with_near(self.unexpected, self.missing)),
        )

    def apart_along(self, name: str) -> int | None:
        """The only axis along which a tensor has another size in the file; None where that is no single axis."""
        one, other = self.wanted[name].shape, self.found[name].shape
        axes = [axis for axis, (a, b) in enumerate(zip(one, other, strict=False)) if a != b]
        return axes[0] if len(one) == len(other) and len(axes) == 1 else None


def _is_float(entry: Entry) -> bool:
    return "float" in entry.dtype


def _with_near(names: tuple[str, ...], others: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names, each with what it may be called on the other side. Comparing is slow, and of many nobody reads more than
    the first."""
    for index, name in enumerate(names):
        near = nearest(name, others[:_NAMED]) if index < _NAMED else None
        yield name, f"; is it `{near}` there?" if near else ""


def _sizes(entry: Entry) -> str:
    return "x".join(map(str, entry.shape)) or "a number"


# --- what would mend it -----------------------------------------------------------------------------------------------


def _advice(differences: Differences, root: Module) -> str | None:
    """What loads the weights all the same, where something surely does."""
    advice: tuple[str, ...] = ()
    if not (differences.unexpected or differences.types):
        advice = _for_missing(differences, root) if differences.missing else _for_shapes(differences, root)
    if advice:
        return "; ".join(advice)
    other = network_with({name: entry.shape for name, entry in differences.found.items()}, root.name)
    return f"the zoo has a network with these weights: `{other}`" if other not in {None, root.name} else None


def _for_missing(differences: Differences, root: Module) -> tuple[str, ...]:
    """What to do where the file has everything but what only training needs."""
    training = {layer.path.partition(".")[0] for layer in layers(root) if layer.training_only}
    parts = dict.fromkeys(name.partition(".")[0] for name in differences.missing)
    used = {layer.path.partition(".")[0] for layer in layers(root) if not layer.training_only}
    if differences.shapes or not parts.keys() <= training - used:
        return ()
    return (f"only training needs what is missing: {_keeping(parts)}",)


def _keeping(heads: Iterable[str]) -> str:
    """How layers keep their first values."""
    options = " ".join(f"--head {each}" for each in heads)
    listed = ", ".join(f'"{each}"' for each in heads)
    return f"it keeps first values with `{options}`, in Python `head=[{listed}]`"


def _for_shapes(differences: Differences, root: Module) -> tuple[str, ...]:
    """What to do where tensors are there and have other shapes: another head, input channels, positions. Nothing where
    one of them differs in another way."""
    owners = {name: layer for layer in layers(root) for name in layer.weights}
    stem = next(iter(owners.values()), None)
    classes = {kind.channels for kind in root.output_types}
    heads, channels, positions = dict[str, None](), set[int](), False
    for name in differences.shapes:
        axis, layer, shape = differences.apart_along(name), owners.get(name), differences.wanted[name].shape
        if axis is None or layer is None:
            return ()
        if axis == 0 and shape[0] in classes:
            heads[layer.path] = None
        elif axis == 1 and layer is stem and shape[1] == root.inputs[0].channels:
            channels.add(differences.found[name].shape[1])
        elif axis == len(shape) - 2 and _is_position(name, layer):
            positions = True
        else:
            return ()
    made: list[str] = []
    if channels:
        made.append(
            f"compile the network with the {channels.pop()} input channels of the file and"
            f" `--pass 'input-channels({root.inputs[0].channels})'`"
        )
    if positions:
        made.append("compile the network with the positions of the file and `--pass resize-positions`")
    if heads:
        made.append(f"the head is of another size: {_keeping(heads)}")
    return tuple(made)


def _is_position(name: str, layer: Layer) -> bool:
    """Whether a tensor has a vector for each position of a sequence."""
    what, x = layer.step.what, layer.step.input_types[0]
    assert isinstance(what, Operator)
    return what.has_positions(x) and (not what.ignores_input or "pos" in name)


def _assign(model: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Copy values into a module; what lies on the meta device gets the tensors themselves."""
    on_meta = any(each.is_meta for each in model.state_dict().values())
    model.load_state_dict(dict(tensors), strict=False, assign=on_meta)
    if on_meta:
        _fill_buffers(model)
    left = [name for name, each in (*model.named_parameters(), *model.named_buffers()) if each.is_meta]
    assert not left, f"still without values: {left[:5]}"


def _fill_buffers(model: torch.nn.Module) -> None:
    """Give buffers that no file holds their values; on the meta device they have none."""
    for module in model.modules():
        kept = module.state_dict(keep_vars=True)
        if any(each.is_meta and name not in kept for name, each in module.named_buffers(recurse=False)):
            cast("Any", module).reset_parameters()


@door
def freeze(model: torch.nn.Module, until: str | None = None) -> torch.nn.Module:
    """Stop the training of a module's weights: of all, or of those before the layer `until`, in the order of the text.

    Frozen batch norms go on with their running statistics in training mode; call `eval()` on them to stop that too.
    """
    require_model(model)
    require((str, NoneType), "the path of a layer", until=until)
    names = [name for name, _ in model.named_parameters()]
    if until is not None and not any(name == until or name.startswith(f"{until}.") for name in names):
        layers = sorted({name.partition(".")[0] for name in names})
        raise WrongValue(f"`until`: no layer `{until}`; the module has {', '.join(layers)}")
    for name, weight in model.named_parameters():
        if until is not None and (name == until or name.startswith(f"{until}.")):
            break
        weight.requires_grad = False
    return model
