"""A network: what `archdsl.load` gives. Facts are worked out when asked for, and no path imports torch but the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any, NoReturn, Unpack

from archdsl.algebra.symbolic import Assumptions
from archdsl.algebra.tensors import TensorType
from archdsl.base.carried import Carried
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.escaped import visible
from archdsl.base.limits import Limits
from archdsl.base.wanted import ReadOnly, WrongType, WrongValue, need, require, require_file, texts
from archdsl.boundary import door, doors
from archdsl.compiled import Compiled
from archdsl.graph.module import Module

if TYPE_CHECKING:
    import networkx as nx
    import torch

    from archdsl.draw.drawing import Drawing
    from archdsl.draw.look import PageOptions, PictureOptions, VolumesOptions
    from archdsl.emit.torch.source import Emitted
    from archdsl.emit.torch.weights import Loaded
    from archdsl.facts.im2col import Im2col
    from archdsl.facts.receptive import ReceptiveField
    from archdsl.graph.marks import Marks
    from archdsl.page.document import Page
    from archdsl.passes.a_pass import Pass
    from archdsl.passes.moving import Moved
    from archdsl.report.diff import Diff
    from archdsl.report.memory import Measure, Memory
    from archdsl.report.sizes import ValidSizes
    from archdsl.report.summary import Summary
    from archdsl.report.time import Time


@doors
class Network:
    """A network with everything worked out. It does not change: what changes a network gives another one.

    `Network(module)` is that of a hierarchy that was made without a text; `archdsl.load` and the like make it of what
    they compiled. Two networks are equal where they are the same network: the same operators with the same settings, on
    tensors of the same types, under the same names, in modules of the same names, wired alike. Comments, places, names
    of files and of arguments do not count, nor does what a size was worked out from; 1 and 1.0 are two settings.
    """

    compiled: Compiled
    """The value that the network is made from."""

    def __init__(self, compiled: Module | Compiled) -> None:
        require((Module, Compiled), "the root of a hierarchy of modules, or what was compiled", compiled=compiled)
        compiled = Compiled.of(compiled) if isinstance(compiled, Module) else compiled
        compiled.verify()
        self.__dict__["compiled"] = compiled

    def __setattr__(self, name: str, *_: object) -> NoReturn:
        raise ReadOnly(f"`{name}` is not set or deleted: a network does not change, and `apply` gives another one")

    __delattr__ = __setattr__

    def __eq__(self, other: object) -> bool:
        return self.module.identity == other.module.identity if isinstance(other, Network) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.module.identity)

    @property
    def module(self) -> Module:
        """The root of the hierarchy of modules."""
        return self.compiled.module

    @property
    def text(self) -> str:
        """The text that it was compiled from, empty where there was none."""
        return self.compiled.source.text

    @property
    def hyperparameters(self) -> Mapping[str, Any]:
        """The values of hyper-parameters by name."""
        return MappingProxyType(self.compiled.hyperparameters)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is odd but not wrong."""
        return self.compiled.warnings

    @property
    def limits(self) -> Limits:
        """The limits that it was compiled with, which hold for what is made of it."""
        return self.compiled.limits

    @property
    def open_sizes(self) -> Assumptions | None:
        """What is known of sizes that are left open; None where none is."""
        return self.compiled.open_sizes

    @property
    def carried(self) -> Carried:
        """The texts, settings and passes that it was compiled from, which files made of it carry."""
        return self.compiled.carried

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.module.name

    @property
    def doc(self) -> str:
        """What the text says about it: the `##` comment above it, else the comment that opens the file."""
        return self.module.doc or self.compiled.source.heading()

    @property
    def params(self) -> int:
        """Parameters, as PyTorch counts them: all that the module holds, shared weights once. What only training needs
        is included; `inference_params` leaves it out."""
        return self.module.params

    @property
    def inference_params(self) -> int:
        """Parameters without those that only training needs, such as auxiliary heads."""
        return self.module.inference_params

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass at inference for one sample: convolutions, linear layers and matrix
        products. Norms, activations and pooling count as none."""
        return self.module.macs

    @property
    def train_macs(self) -> int:
        """Multiply-accumulates of one forward pass in training mode for one sample, auxiliary heads included."""
        return self.module.train_macs

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it, by the names of `archdsl.FACTS`, each worked out when asked for: `net.facts["kept"]`.

        Params, layers and kept include what only training needs; MACs and outputs are those of inference. A line of
        `archdsl.compare` has `inference_params`, and the receptive field of the last map."""
        from archdsl.facts.fact import Known
        from archdsl.facts.table import by_name

        known = Known(self.module)
        return by_name(door(lambda fact: known[fact].whole))

    @property
    def inputs(self) -> dict[str, TensorType]:
        """The inputs by name, each without its batch."""
        return self.module.named_inputs

    @property
    def outputs(self) -> dict[str, TensorType]:
        """The outputs at inference by name, each without its batch."""
        return self.module.named_outputs[0]

    @property
    def train_outputs(self) -> dict[str, TensorType]:
        """The outputs that exist in training mode only."""
        return self.module.named_outputs[1]

    @property
    def modules(self) -> tuple[Module, ...]:
        """Every distinct module, each once, children before parents; the last is the network itself."""
        return self.module.distinct()

    @cached_property
    def graph(self) -> nx.MultiDiGraph[str]:
        """The flat graph, every repeat written out. ArchError where that passes `Limits.layers`."""
        from archdsl.graph.flat import flat_graph

        return flat_graph(self.module, self.limits)

    def summary(self, depth: int | None = None) -> Summary:
        """The table of the network, `depth` levels of it: 0 for all, None for as many as fit on a page. `str()` prints
        it, `.rows` are its data, `.to_json()` is for tools."""
        from archdsl.report.summary import summary

        example = self.open_sizes.example if self.open_sizes else None
        return summary(self.module, depth, self.doc, (self.inputs, self.outputs, self.train_outputs), example)

    def symbolic(self) -> Network:
        """The network with the sizes of its inputs left open: shapes, MACs and what follows from them are formulas."""
        reopen = self.compiled.reopen
        return self if self.open_sizes is not None or reopen is None else Network(reopen())

    def sizes(self, near: Mapping[str, int] | None = None) -> ValidSizes:
        """Which sizes of its inputs the network takes with its weights as they are, and which are exact: no row of the
        input is left over at any stride. near: sizes by name, `{"H": 300}`, whose nearest valid ones are wanted."""
        from archdsl.report.sizes import valid_sizes

        network = self.symbolic()
        if network.open_sizes is None:
            raise WrongType(f"{self.name} was made without a text, from which alone other sizes can be worked out")
        return valid_sizes(network.module, network.open_sizes, near)

    def memory(
        self,
        batch: int = 1,
        dtype: str = "float32",
        optimizer: str = "adam",
        *,
        depth: int | None = None,
        fit: int | None = None,
    ) -> Memory:
        """What a batch of samples needs in memory, at inference and in training: `.needs` are the totals in bytes,
        `.rows` the figures of each step, `str()` prints the table.

        dtype: of weights and activations, `float64`, `float32`, `bfloat16` or `float16`. optimizer: `sgd`, `momentum`
        or `adam`. depth: as in `summary`. fit: a memory in bytes for which `.fit` is to say the largest batches.
        """
        from archdsl.report.memory import memory

        _require_samples(batch)
        require((int, NoneType), "a number of bytes", fit=fit)
        return memory(self.summary(depth), self._measure(dtype, optimizer), batch, fit)

    def largest_batch(self, memory: int, dtype: str = "float32", optimizer: str | None = None) -> int:
        """The largest batch that fits a memory of so many bytes, in training with an optimiser, or else at inference;
        0 where not even one sample does."""
        require(int, "a number of bytes", memory=memory)
        measure = self._measure(dtype, "adam" if optimizer is None else optimizer)
        return measure.largest_batch(memory, training=optimizer is not None)

    def _measure(self, dtype: str, optimizer: str) -> Measure:
        from archdsl.base.dtypes import Dtype
        from archdsl.emit.torch.forward import schedule
        from archdsl.report.memory import Measure, Optimizer

        return Measure(self.module, schedule, Dtype(dtype), Optimizer(optimizer))

    def time(self, device: str, batch: int = 1, dtype: str = "float32", *, depth: int | None = None) -> Time:
        """How long a forward pass at inference takes at least on a device: `.seconds` is the bound, `.rows` are those
        of the steps, `str()` prints the table.

        device: a name, such as `h100`, or figures, `312e12 FLOP/s, 2.0e12 B/s, 80e9 B`. dtype, depth: as in `memory`.
        """
        from archdsl.base.dtypes import Dtype
        from archdsl.facts.devices import device_of
        from archdsl.report.time import time

        _require_samples(batch)
        require(str, "the name of a device, or its figures", device=device)
        kind = Dtype(dtype)
        return time(self.summary(depth), self.module, device_of(device, kind), kind, batch)

    def explain(self, path: str | None = None) -> str:
        """The arithmetic with its numbers: of the whole network, each distinct layer once, or of what stands at a path
        such as `layer1.0.conv1`. ArchError where nothing stands there."""
        from archdsl.report.explain import explain

        _require_path(path)
        return explain(self.module, path, self.doc)

    def diff(self, other: Network) -> Diff:
        """What is different in another network: which steps were added, removed or changed, and what follows from that.
        False where nothing is; `str()` prints the table, `.changes` are its data, `.to_json()` is for tools."""
        from archdsl.report.diff import difference

        require_network(other=other)
        return difference(self.module, other.module, (self.compiled.trace, other.compiled.trace))

    def receptive_field(self, path: str | None = None) -> tuple[ReceptiveField, ...]:
        """What a position of a layer's output sees of the network's input, along each axis of that: of the first output
        of the network, or of what stands at a path such as `layer1.0.conv1`. ArchError where nothing stands there."""
        from archdsl.facts.receptive import described, first_output
        from archdsl.report.walk import Tour

        _require_path(path)
        if path is None:
            return first_output(self.module)
        return described(Tour(self.module).at(path).after[0], self.module.inputs)

    def im2col(self, path: str) -> Im2col | None:
        """The convolution at a path as the product of matrices that it is; None of what is no convolution. ArchError
        where nothing stands there."""
        from archdsl.facts.im2col import im2col
        from archdsl.report.walk import Tour

        require(str, "the path of a layer", path=path)
        return im2col(Tour(self.module).at(path).step)

    def structure(self) -> dict[str, Any]:
        """The hierarchy of modules as plain data for JSON, each distinct module once."""
        from archdsl.report.structure import structure

        return structure(self.module)

    def draw(
        self, path: str | Path | None = None, *, since: Network | None = None, **options: Unpack[PictureOptions]
    ) -> Drawing:
        """The picture, a value that a notebook shows: `str()` and `.dot` are DOT, `.mermaid` and `.svg()` the same in
        another form, and `.save(path)` writes a file. If a path is given it is written there too: `.svg`, `.png`,
        `.pdf`, `.dot`, `.mmd` (Mermaid), or `.html` for the page of `page()`, which shows no differences (ValueError).

        detail: how much is one box, `stage`, `block`, `layer` or `op`; None for as fine as a page holds. direction:
        `TB` or `LR`. legend: whether colours are explained. expand: paths of blocks that are opened whatever the
        detail. since: another network, whose differences are shown. focus: the path of the one block or layer that is
        shown, with what it is joined to. color: the cost that boxes are shaded by, such as `macs` or `rf`, the
        receptive field (`archdsl.facts.table.colours` has all), not together with since. dark: for a dark page.
        Raises `archdsl.draw.render.NoGraphviz` where the file cannot be made; DOT and Mermaid always can. ArchError
        where nothing stands at one of the paths.
        """
        from archdsl.drawn import boxes

        marks = None if since is None else self.marks(since)
        return boxes(self.compiled, path, options, marks, partial(self.summary, 0))

    def page(self, path: str | Path | None = None, **options: Unpack[PageOptions]) -> Page:
        """The network as one file for a browser, `.html`: its picture, table, arithmetic and text, linked. It fetches
        nothing. `str()` and `.html` are its text, `.save(path)` writes it, as a path that is given does, and `.remarks`
        say what could not be drawn. The options are those of `draw`, for what it shows first: detail, direction,
        legend, expand, color."""
        from archdsl.drawn import whole_page

        return whole_page(self.compiled, path, options, partial(self.summary, 0))

    def marks(self, since: Network) -> Marks:
        """What a picture marks of what is different since another network."""
        from archdsl.report.diff import difference, marks

        require_network(since=since)
        traces = (since.compiled.trace, self.compiled.trace)
        return marks(difference(since.module, self.module, traces, everywhere=True))

    def draw_volumes(self, path: str | Path | None = None, **options: Unpack[VolumesOptions]) -> Drawing:
        """The feature maps along the main path as boxes in a row, as in the figures of AlexNet and VGG. `str()` is SVG;
        it, `.svg` and `.dot` need no Graphviz, `.png` and `.pdf` do. detail: how far groups without branches are
        opened; None for as far as a page holds. legend, dark: as in `draw`."""
        from archdsl.drawn import volumes

        return volumes(self.compiled, path, options)

    def _repr_html_(self) -> str:
        return self.summary().html()

    def _repr_svg_(self) -> str | None:
        """The picture for a notebook, where Graphviz is there to make one."""
        from archdsl.draw.drawing import in_notebook

        return in_notebook(self.draw())

    def source(self) -> str:
        """One self-contained PyTorch file: readable, typed, without an import of archdsl."""
        return self.emitted.code

    def to_torch(
        self,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        weights: str | Path | None = None,
        head: Iterable[str] = (),
        init: str | None = None,
    ) -> torch.nn.Module:
        """The live module: the file of `source()`, executed. ArchError where it would pass a limit.

        init: how its weights start, `default` (as torch does it), `kaiming` or `xavier`, if not as the text says.
        weights: a safetensors or torch file; the module is then made without initialising it first. head: see
        `load_weights`.
        """
        from archdsl.emit.torch.live import live

        if weights is not None:
            require_file("the name of a file", weights=weights)
        if init is not None:
            require(str, "a way to start weights, such as `kaiming`", init=init)
            return self.apply(f"init({init})").to_torch(device, dtype, weights=weights, head=head)
        code, name = self.emitted.code, self.emitted.class_name
        if weights is None:
            return live(self.module, code, name, self.limits, device, dtype)
        head = texts("head", head, "names of layers")
        model = live(self.module, code, name, self.limits, None if head else "meta", dtype)
        self.load_weights(model, weights, head=head)
        return model.to(device=device, dtype=dtype)

    def compile_regions(self, model: torch.nn.Module, **options: Any) -> torch.nn.Module:
        """Compile a live module of this network block by block, each distinct block once: much faster to the first
        result than `torch.compile` of the whole, and nearly as fast after it. Images lie channels last, so that nothing
        is laid out anew between blocks. options: those of `torch.compile`."""
        from archdsl.emit.torch.regions import compile_regions

        return compile_regions(self.module, model, **options)

    def to_inference(
        self,
        model: torch.nn.Module,
        *,
        dtype: torch.dtype | None = None,
        compiled: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> torch.nn.Module:
        """A live module of this network set up to be as fast as it gets at inference, with the weights of `model`.

        The pass `inference` is applied, images lie channels last, gradients are off, and it is compiled at its first
        call with its weights as constants. `model` stays as it is. dtype: of the weights, and then of the inputs.
        compiled: False to leave it uncompiled. options: the compiler's own, such as `{"max_autotune": False}` for a
        shorter wait.
        """
        from archdsl.emit.torch.inference import for_inference

        require(bool, "true or false", compiled=compiled)
        require((Mapping, NoneType), "a mapping of the compiler's options to values", options=options)
        changed = self.convert(model, "inference")
        return for_inference(changed, self.inputs.values(), dtype, compiled=compiled, options=options)

    def to_onnx(self, model: torch.nn.Module) -> bytes:
        """The ONNX file of a live module of this network, for any batch size and any of the sizes that the text leaves
        open. ArchError names the layers that ONNX cannot say. Raises ImportError where packages are missing."""
        from archdsl.emit.onnx import onnx_file

        part = partial(Compiled.of, source=self.compiled.source, limits=self.limits)
        return onnx_file(model, self.module, self.open_sizes, lambda layer: Network(part(layer)).to_torch())

    def to_onnxruntime(self, model: torch.nn.Module) -> torch.nn.Module:
        """What a live module of this network computes at inference, run by onnxruntime on the CPU, which may be faster
        than PyTorch there. `model` stays as it is. Raises ImportError where the packages for it are missing."""
        need("onnx", "onnxscript", "onnxruntime")
        from archdsl.emit.torch.session import OnnxSession

        inference = self.apply("inference")
        return OnnxSession(inference.to_onnx(self.convert(model, "inference")))

    def load_weights(self, model: torch.nn.Module, path: str | Path, *, head: Iterable[str] = ()) -> Loaded:
        """Load the weights of a safetensors or torch file into a live module of this network.

        head: layers that may differ, such as `["fc"]`; they keep their values and are named in the result. ArchError
        says what else differs, and then nothing is loaded.
        """
        from archdsl.emit.torch.weights import load_weights

        return load_weights(model, path, self.module, head=texts("head", head, "names of layers"), limits=self.limits)

    def apply(self, *passes: Pass | str) -> Network:
        """The network after some passes, in this order: `net.apply("fold-norm", "widen(0.5)")`. What is made of it
        carries them, so that it is read back as it is. ArchError where a pass cannot do what it is asked."""
        from archdsl.passes.catalogue import passes_of

        return Network(self.compiled.after(passes_of(passes)))

    def convert(self, model: torch.nn.Module, *passes: Pass | str) -> torch.nn.Module:
        """A live module of the network after some passes, with the weights of `model` changed as the passes say.

        Weights that a pass makes new, such as those of another head, have torch's first values; `new_weights` names
        them. ArchError where `model` is not a module of this network.
        """
        from archdsl.emit.torch.weights import converted

        return converted(model, lambda state: self.moved(state, *passes), self.apply(*passes).to_torch)

    def moved(self, state: Mapping[str, torch.Tensor], *passes: Pass | str) -> Moved:
        """The tensors of the network after some passes, from a state dictionary of this one: `.weights` by name, `.new`
        the names of those that have no values yet. ArchError where the state is not one of this network."""
        from archdsl.passes.catalogue import changes_of
        from archdsl.passes.moving import moved

        require(Mapping, "the tensors of a module by name, such as `state_dict()` gives", state=state)
        return moved(self.module, changes_of(passes), state)

    def new_weights(self, *passes: Pass | str) -> tuple[str, ...]:
        """The names of the tensors that some passes make new. Needs no PyTorch."""
        from archdsl.passes.catalogue import changes_of
        from archdsl.passes.moving import new_tensors

        return new_tensors(self.module, changes_of(passes))

    @cached_property
    def emitted(self) -> Emitted:
        """The PyTorch file, which was read back and compared with the network, and the name of its class."""
        from archdsl.emit.torch.source import emitted

        return emitted(self.compiled)

    def __reduce__(self) -> tuple[object, ...]:
        return Network, (self.compiled,)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.module.inputs))
        return f"<Network {visible(self.name)}: {inputs}, {self.params:,} parameters, {self.macs:,} MACs>"


def require_network(**given: object) -> None:
    """Refuse what is no network."""
    require(Network, "a network, such as `archdsl.load` gives", **given)


def _require_path(path: object, name: str = "path") -> None:
    require((str, NoneType), "the path of a layer, such as `layer1.0.conv1`", **{name: path})


def _require_samples(batch: int) -> None:
    require(int, "a number of samples", batch=batch)
    if batch < 1:
        raise WrongValue(f"a batch of {batch} samples")
