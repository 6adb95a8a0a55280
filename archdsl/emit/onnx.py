"""A live module as an ONNX file. Sizes that the text leaves open stay open, and what is written is run before."""

from __future__ import annotations

import re
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from archdsl.algebra.symbolic import Assumptions, formula_of, is_open
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.records import record
from archdsl.base.wanted import need
from archdsl.emit.torch.live import require_model
from archdsl.facts.open_sizes import other_sizes, told_by_size
from archdsl.graph.flat import Layer, layers
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.passes.faults import NotInOnnx

if TYPE_CHECKING:
    import torch

Sizes = Mapping[str, int]

BATCH: Final = "batch"
# what it is called where a size of the text has that name
_OTHER_BATCH: Final = "samples"
# multiply-accumulates of the largest network that is run before it is written
RUN_MACS: Final = 100 * 10**9
_LARGEST = 2**31 - 2**20
_PROBED = 100
_BATCHES = (3, 1)
_CHEAP_MACS = 10**9
_TOLERANCE = 1e-3
_FLOOR = 1e-4
_SYMBOL = re.compile(r"\bs\d+\b")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_UNKNOWN = re.compile(r"No ONNX function found for <OpOverload\(op='([\w.]+)'")
_APART = re.compile(r"existing shape differ in dimension \d+: \((\d+)\) vs \((\d+)\)")
_FIXED = re.compile(r"specializ|conflicts between user-specified|Constraints violated", re.IGNORECASE)
_RUNTIME = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (.* Status Message: )?", re.DOTALL)
_WHOLE: Final = {Kind.TOKENS: "long", Kind.MASK: "bool"}
_LONGEST = 160


class _Refused(Exception):
    """What keeps a module from being written, in words. fixed: whether it is a size that does not stay open."""

    def __init__(self, reason: str, *, fixed: bool = False) -> None:
        super().__init__(reason)
        self.fixed = fixed


def onnx_file(
    model: torch.nn.Module, root: Module, open_sizes: Assumptions | None, alone: Callable[[Module], torch.nn.Module]
) -> bytes:
    """The ONNX file of a live module at inference, for any batch size and any of the sizes that the text leaves open.

    root: its network. alone: makes the live module of a network of one layer. ArchError names the layers that ONNX
    cannot say, Missing says which packages are not installed.
    """
    need("onnx", "onnxscript")
    require_model(model)
    was_training = model.training
    model.eval()
    try:
        return _Written(model, root, open_sizes).file()
    except _Refused as refused:
        raise ArchError(_blamed(root, open_sizes, alone, refused)) from refused
    finally:
        model.train(was_training)


# --- one file ---------------------------------------------------------------------------------------------------------


@record
class _Written:
    """A live module that is to be written. root: its network."""

    model: torch.nn.Module
    root: Module
    open_sizes: Assumptions | None

    def file(self) -> bytes:
        """The file, checked. _Refused says what is wrong with it."""
        size = sum(each.nbytes for each in self.model.state_dict().values())
        if size > _LARGEST:
            raise _Refused(f"its weights take {size:,} bytes, and an ONNX file holds {_LARGEST:,}")
        trials = self._trials()
        data = self._exported(trials[0])
        if self._is_run:
            for each in trials:
                self._run(data, each)
        return data

    def _trials(self) -> list[Sizes]:
        """The open sizes that it is written and run with, two choices where there are more than one."""
        if self.open_sizes is None or not self.open_sizes.example:
            return [{}]
        # sizes that differ from each other, so that one that stands for another is found
        first = other_sizes(self.open_sizes, 24)
        return [first, second] if (second := other_sizes(self.open_sizes, 43)) != first else [first]

    def _exported(self, sizes: Sizes) -> bytes:
        import torch

        onnx = cast("Any", import_module("onnx"))
        inputs, names = self._inputs(sizes, 2), list(self.root.input_names)
        outputs, dynamic = list(self._output_names), tuple(map(_dynamic, self.root.inputs))
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = Path(folder) / "network.onnx"
            try:
                program = cast("Any", torch.onnx).export(
                    self.model,
                    inputs,
                    input_names=names,
                    output_names=outputs,
                    dynamic_shapes=dynamic,
                    dynamo=True,
                    verbose=False,
                )
                program.save(path, external_data=False)
            except Exception as error:  # of many kinds, from all parts of the exporter
                raise _refused(error) from error
            model = onnx.load(str(path))
            self._name_sizes(model)
            onnx.save(model, str(path))
            try:
                onnx.checker.check_model(str(path), full_check=True)
            except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
                raise _Refused(_short(error)) from error
            return path.read_bytes()

    @property
    def _output_names(self) -> tuple[str, ...]:
        return self.root.result_names[: len(self.root.outputs) - self.root.train_outputs]

    def _name_sizes(self, model: Any) -> None:
        """Give the axes that stay open the names of the text, and say which sizes they take. _Refused where one that
        the text leaves open became a number."""
        is_taken = self.open_sizes is not None and BATCH in self.open_sizes.example
        batch = _OTHER_BATCH if is_taken else BATCH
        names: dict[str, str] = {}
        for value, kind in zip(model.graph.input, self.root.inputs, strict=True):
            for dim, name in _named(value, kind, batch):
                names.setdefault(dim.dim_param, name)
                dim.dim_param = name
        outputs = self.root.output_types[: len(self._output_names)]
        for value, kind in zip(model.graph.output, outputs, strict=True):
            for dim, name in _named(value, kind, batch):
                dim.dim_param = name
        for value in model.graph.value_info:
            for dim in value.type.tensor_type.shape.dim:
                if dim.dim_param:
                    dim.dim_param = _SYMBOL.sub(lambda found: names.get(found[0], found[0]), dim.dim_param)
        if self.open_sizes is not None:
            for name, told in told_by_size(self.open_sizes).items():
                entry = model.metadata_props.add()
                entry.key, entry.value = name, told

    # --- running ------------------------------------------------------------------------------------------------------

    @property
    def _is_run(self) -> bool:
        """Whether the file is run: onnxruntime has other types for few operators, and a huge network takes too long."""
        import torch

        types = {each.dtype for each in self.model.parameters()} or {torch.float32}
        return find_spec("onnxruntime") is not None and types == {torch.float32} and self.root.macs <= RUN_MACS

    def _run(self, data: bytes, sizes: Sizes) -> None:
        """Run a file beside the module. _Refused where it gives something else."""
        import torch

        runtime = cast("Any", import_module("onnxruntime"))
        inputs = self._inputs(sizes, _BATCHES[self.root.macs > _CHEAP_MACS])
        with torch.no_grad():
            made: Any = self.model(*inputs)
        wanted = cast("tuple[torch.Tensor, ...]", made if isinstance(made, tuple) else (made,))
        for each, kind in zip(wanted, self.root.output_types, strict=False):
            shape = _shape(kind, sizes, inputs[0].shape[0])
            if tuple(each.shape) != shape:
                reason = f"its PyTorch code gives a tensor of {tuple(each.shape)}, and it should be one of {shape}"
                raise _Refused(reason, fixed=True)
        options = _quiet(runtime)
        given = {name: each.cpu().numpy() for name, each in zip(self.root.input_names, inputs, strict=True)}
        try:
            session = runtime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
            found = session.run(None, {each.name: given[each.name] for each in session.get_inputs()})
        except Exception as error:  # its classes of errors share no base of their own
            raise _Refused(f"onnxruntime refuses it: {_short(error)}") from error
        for one, other in zip(wanted, found, strict=True):
            _require_equal(one.cpu(), torch.as_tensor(other))

    def _inputs(self, sizes: Sizes, batch: int) -> tuple[torch.Tensor, ...]:
        """A batch of random inputs."""
        import torch

        random = torch.Generator().manual_seed(0)
        some = next(iter(self.model.parameters()), torch.empty(0))
        words = min((_vocabulary(layer.step) for layer in _distinct(self.root)), default=2)
        return tuple(_random(kind, sizes, batch, words, random, some) for kind in self.root.inputs)


def _dynamic(kind: TensorType) -> dict[int, Any]:
    """The axes of an input that stay open."""
    import torch

    return {axis: torch.export.Dim.DYNAMIC for axis, size in enumerate(_batched(kind)) if size is None or is_open(size)}


def _batched(kind: TensorType) -> list[int | None]:
    """The sizes of a tensor with its batch as None, which stands second in a state."""
    sizes: list[int | None] = list(kind.shape)
    sizes.insert(1 if kind.kind is Kind.STATE else 0, None)
    return sizes


def _named(value: Any, kind: TensorType, batch: str) -> Iterator[tuple[Any, str]]:
    """The open axes of an input or output in a file, with their names. _Refused where one is a number there."""
    for dim, size in zip(value.type.tensor_type.shape.dim, _batched(kind), strict=True):
        if size is None or is_open(size):
            name = batch if size is None else str(size)
            if not dim.dim_param:
                reason = f"PyTorch's exporter makes the size {name} of `{value.name}` {dim.dim_value}"
                raise _Refused(reason, fixed=True)
            yield dim, name


def _random(
    kind: TensorType, sizes: Sizes, batch: int, words: int, random: torch.Generator, some: torch.Tensor
) -> torch.Tensor:
    """A batch of random tensors of a type, on the device and with the numbers of some weights."""
    import torch

    shape = _shape(kind, sizes, batch)
    match _WHOLE.get(kind.kind):
        case "long":
            made = torch.randint(0, words, shape, generator=random)
        case "bool":
            # what would be masked altogether has no numbers
            made = torch.rand(shape, generator=random) < 0.5
            made[..., 0] = False
        case _:
            made = torch.randn(shape, generator=random).to(some.dtype)
    return made.to(some.device)


def _shape(kind: TensorType, sizes: Sizes, batch: int) -> tuple[int, ...]:
    """The shape of a batch, with numbers for the sizes that are left open."""
    return tuple(batch if size is None else formula_of(size).at(sizes) for size in _batched(kind))


def _vocabulary(step: Step) -> int:
    """How many different tokens a layer tells apart."""
    assert isinstance(step.what, Operator)
    return int(step.what.vocabulary_size or 2**15)


def _quiet(runtime: Any) -> Any:
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    return options


def _require_equal(wanted: torch.Tensor, found: torch.Tensor) -> None:
    if wanted.shape != found.shape:
        raise _Refused(f"onnxruntime gives a tensor of {tuple(found.shape)}, and PyTorch one of {tuple(wanted.shape)}")
    if not wanted.is_floating_point():
        if bool((wanted != found).any()):
            raise _Refused("onnxruntime gives other numbers than PyTorch")
        return
    # what is infinite or undefined in PyTorch already says nothing about the file
    finite = wanted.isfinite()
    wanted, found = wanted[finite].double(), found[finite].double()
    if not wanted.numel():
        return
    apart = (wanted - found).abs().nan_to_num(float("inf")).max().item()
    if apart > _TOLERANCE * wanted.abs().max().item() + _FLOOR:
        raise _Refused(f"onnxruntime gives other numbers than PyTorch, up to {apart:.2g} apart")


def _refused(error: BaseException) -> _Refused:
    """Why the exporter fails: what the last of its errors says, which the others only wrap."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and len(chain) < _LONGEST:
        chain.append(cause)
    for each in reversed(chain):
        if found := _UNKNOWN.search(str(each)):
            return _Refused(f"PyTorch's exporter has no ONNX for `{found[1]}`")
    if any(_FIXED.search(str(each)) for each in chain):
        return _Refused("PyTorch's exporter does not leave all of its sizes open", fixed=True)
    return _Refused(f"PyTorch's exporter says: {_short(chain[-1])}")


def _short(error: BaseException) -> str:
    """The first line of an error."""
    text = _RUNTIME.sub("", _COLOUR.sub("", str(error)))
    if found := _APART.search(text):
        return f"ONNX gives a size of {found[1]}, and PyTorch one of {found[2]}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:_LONGEST].rstrip(".")


# --- which layer ------------------------------------------------------------------------------------------------------


def _blamed(
    root: Module, open_sizes: Assumptions | None, alone: Callable[[Module], torch.nn.Module], whole: _Refused
) -> list[Diagnostic]:
    """The layers that fail alone; where none does, the network as a whole."""
    found: list[Diagnostic] = []
    for layer in _distinct(root):
        little = _alone(layer.step, root)
        try:
            _Written(alone(little).eval(), little, open_sizes).file()
        except _Refused as refused:
            found.append(Diagnostic(NotInOnnx(layer.path, str(refused), refused.fixed), layer.step.place))
    return found or [Diagnostic(NotInOnnx("", str(whole), whole.fixed), root.place)]


def _distinct(root: Module) -> Iterator[Layer]:
    """The first layer of each operator with its arguments and inputs, as many as there is time to try. What uses the
    weights of another layer does not stand alone."""
    seen: set[object] = set()
    for layer in layers(root):
        operator = layer.step.what
        key = (operator, layer.step.input_types)
        if layer.training_only or key in seen or (isinstance(operator, Operator) and operator.borrowed()):
            continue
        if len(seen) == _PROBED:
            return
        seen.add(key)
        yield layer


def _alone(step: Step, root: Module) -> Module:
    """A network of one layer."""
    wires = tuple(Wire(INPUT, index) for index in range(len(step.input_types)))
    names = tuple(f"x{index + 1}" for index in range(len(wires)))
    only = Step("layer", step.what, wires, step.input_types, step.outputs, step.place)
    outputs = tuple(Wire(0, index) for index in range(len(step.outputs)))
    return Module("layer", step.input_types, (only,), outputs, root.place, {}, is_network=True, input_names=names)
