"""A network: what `archdsl.load` gives. Facts are worked out when asked for, and no path imports torch but the last."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, Any

from archdsl.algebra.symbolic import Assumptions
from archdsl.algebra.tensors import TensorType
from archdsl.base.carried import Carried
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.escaped import visible
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.text import NOWHERE, Source
from archdsl.base.wanted import WrongType, WrongValue, need, require, require_file, texts
from archdsl.boundary import door, doors
from archdsl.graph.module import Module

if TYPE_CHECKING:
    import networkx as nx
    import torch

    from archdsl.emit.torch.source import Emitted
    from archdsl.emit.torch.weights import Loaded
    from archdsl.facts.im2col import Im2col
    from archdsl.facts.receptive import ReceptiveField
    from archdsl.graph.marks import Marks
    from archdsl.page.document import Page
    from archdsl.passes.a_pass import Pass
    from archdsl.passes.moving import Moved
    from archdsl.report.compare import Comparison
    from archdsl.report.diff import Diff
    from archdsl.report.memory import Measure, Memory
    from archdsl.report.sizes import ValidSizes
    from archdsl.report.summary import Summary
    from archdsl.report.time import Time


# a variable of the environment, set to hold each network to what every hierarchy is, as it is made
_VERIFY = "ARCHDSL_VERIFY"


@doors
class Network:
    """A network with everything worked out.

    module: the root of the hierarchy of modules, with which alone one can be made. text: what it was compiled from,
    empty where there was no text. hyperparameters: their values.
    warnings: what is odd but not wrong. carried: what it was compiled from, which files made of it carry. open_sizes:
    what is known of sizes that are left open.
    """

    def __init__(
        self,
        module: Module,
        source: Source = NOWHERE.source,
        hyperparameters: Mapping[str, Any] = MappingProxyType({}),
        warnings: tuple[Diagnostic, ...] = (),
        limits: Limits = DEFAULT_LIMITS,
        trace: Callable[[], Module] | None = None,
        carried: Carried | None = None,
        open_sizes: Assumptions | None = None,
        reopen: Callable[[], Network] | None = None,
        recompile: Callable[[Carried], Network] | None = None,
    ) -> None:
        if not source.text or _is_verifying():
            _verify(module)
        self.module = module
        self.text = source
        self.hyperparameters = dict(hyperparameters)
        self.warnings = warnings
        self.limits = limits
        self._trace = trace
        self.open_sizes = open_sizes
        self._reopen = reopen
        self._recompile = recompile
        self.carried = carried or Carried(module.name, {source.name: source.text} if source.text else {}, {})

    @property
    def name(self) -> str:
        """The name of the network."""
        return self.module.name

    @property
    def doc(self) -> str:
        """What the text says about it: the `##` comment above it, else the comment that opens the file."""
        return self.module.doc or self.text.heading()

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

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of it, by name, each worked out when it is asked for: `net.facts["kept"]`.
        `archdsl.facts.table` lists them."""
        from archdsl.facts.fact import Known
        from archdsl.facts.table import by_name

        known = Known(self.module)
        return by_name(lambda fact: known[fact].whole)

    @property
    def inputs(self) -> dict[str, TensorType]:
        """The inputs by name, each without its batch."""
        return dict(zip(self.module.input_names, self.module.inputs, strict=True))

    @property
    def outputs(self) -> dict[str, TensorType]:
        """The outputs at inference by name, each without its batch."""
        return self._named_outputs[0]

    @property
    def train_outputs(self) -> dict[str, TensorType]:
        """The outputs that exist in training mode only."""
        return self._named_outputs[1]

    @cached_property
    def _named_outputs(self) -> tuple[dict[str, TensorType], dict[str, TensorType]]:
        pairs = list(zip(self.module.result_names, self.module.output_types, strict=True))
        border = len(pairs) - self.module.train_outputs
        return dict(pairs[:border]), dict(pairs[border:])

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

        _require_depth(depth)
        example = self.open_sizes.example if self.open_sizes else None
        return summary(self.module, depth, self.doc, (self.inputs, self.outputs, self.train_outputs), example)

    def symbolic(self) -> Network:
        """The network with the sizes of its inputs left open: shapes, MACs and what follows from them are formulas."""
        return self if self.open_sizes is not None or self._reopen is None else self._reopen()

    def sizes(self, near: Mapping[str, int] | None = None) -> ValidSizes:
        """Which sizes of its inputs the network takes with its weights as they are, and which are exact: no row of the
        input is left over at any stride. near: sizes by name, `{"H": 300}`, whose nearest valid ones are wanted."""
        from archdsl.report.sizes import valid_sizes

        require((Mapping, NoneType), "a mapping of names to sizes", near=near)
        for size in (near or {}).values():
            require(int, "a mapping of names to whole numbers", near=size)
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

        _require_network(other=other)
        return difference(self.module, other.module, (self._trace, other._trace))

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
        self,
        path: str | Path | None = None,
        *,
        detail: str | None = None,
        direction: str = "TB",
        legend: bool = True,
        expand: Iterable[str] = (),
        since: Network | None = None,
        focus: str | None = None,
        color: str | None = None,
        dark: bool = False,
    ) -> str:
        """The picture as DOT text, and in a file if a path is given: `.svg`, `.png`, `.pdf`, `.dot`, `.mmd` (Mermaid),
        `.html` for the page of `page()`, which shows no differences (ValueError).

        detail: how much is one box, `stage`, `block`, `layer` or `op`; None for as fine as a page holds. direction:
        `TB` or `LR`. expand: paths of blocks that are opened whatever the detail. since: another network: the picture
        then shows what was added, changed and removed since. focus: the path of the one block or layer that is shown,
        with what it is joined to. color: the cost that boxes are shaded by, `macs`, `params`, `memory` (the numbers
        that come out), `rf` (the receptive field) or `kept` (for the backward pass), not together with since. dark: for
        a dark page. Raises `archdsl.draw.render.NoGraphviz` where the file cannot be made; DOT and Mermaid always can.
        ArchError where nothing stands at one of the paths.
        """
        from archdsl.base.files import write_atomically
        from archdsl.draw.files import drawn, kept
        from archdsl.draw.picture import picture

        _require_file(path=path)
        require(bool, "true or false", legend=legend, dark=dark)
        _require_cost(color)
        is_page = path is not None and Path(path).suffix.lower() == ".html"
        if is_page and (since is not None or focus or dark):
            raise WrongValue("a page shows no differences, and takes no focus or dark: a picture does")
        expand = texts("expand", expand, "paths of blocks")
        if since is not None:
            _require_network(since=since)
        _require_path(focus, "focus")
        self._require_parts(*expand, *filter(None, [focus]))
        made = picture(
            self.module,
            detail,
            direction=direction,
            legend=legend,
            expand=expand,
            marks=None if since is None else self.marks(since),
            focus=focus,
            color=color,
            dark=dark,
        )
        if path is not None and is_page:
            html = self.page(detail=detail, direction=direction, legend=legend, expand=expand, color=color).html
            write_atomically({Path(path): html.encode()}, [self.text.path])
            return kept(drawn(made), None, "dot")
        return kept(drawn(made), path, "dot", self.text.path)

    def page(
        self,
        *,
        detail: str | None = None,
        direction: str = "TB",
        legend: bool = True,
        expand: Iterable[str] = (),
        color: str | None = None,
    ) -> Page:
        """The network as one file for a browser, `.html`: its picture, table, arithmetic and text, linked. It fetches
        nothing. `.remarks` say what could not be drawn. The arguments are those of `draw`, for what it shows first."""
        from archdsl.page.document import page

        expand = texts("expand", expand, "paths of blocks")
        require(bool, "true or false", legend=legend)
        _require_cost(color)
        table = self.summary(0)
        return page(
            self.module,
            self.text,
            table,
            detail=detail,
            direction=direction,
            show_legend=legend,
            expand=expand,
            color=color,
        )

    def _require_parts(self, *paths: str) -> None:
        """ArchError where nothing stands at one of these paths."""
        from archdsl.report.walk import Tour

        for path in paths:
            Tour(self.module).at(path)

    def marks(self, since: Network) -> Marks:
        """What a picture marks of what is different since another network."""
        from archdsl.report.diff import difference, marks

        _require_network(since=since)
        return marks(difference(since.module, self.module, (since._trace, self._trace), everywhere=True))

    def draw_volumes(
        self,
        path: str | Path | None = None,
        *,
        detail: str | None = None,
        legend: bool = True,
        dark: bool = False,
    ) -> str:
        """The feature maps along the main path as boxes in a row, as in the figures of AlexNet and VGG: SVG text, made
        without Graphviz, and in a file if a path is given: `.svg`, `.dot`, or with Graphviz `.png`, `.pdf`.

        detail: how far groups without branches are opened; None for as far as a page holds. dark: for a dark page.
        """
        from archdsl.draw.files import drawn_scene, kept
        from archdsl.draw.graphviz import theme
        from archdsl.draw.volumes import scene

        _require_file(path=path)
        require(bool, "true or false", legend=legend, dark=dark)
        return kept(
            drawn_scene(scene(self.module, detail, legend=legend, theme=theme(dark=dark))), path, "svg", self.text.path
        )

    def _repr_html_(self) -> str:
        return self.summary().html()

    def _repr_svg_(self) -> str | None:
        """The picture for a notebook, where Graphviz is there to make one."""
        from archdsl.draw.files import in_notebook

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

        _require_file(weights=weights)
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

        _require_model(model)
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

        _require_model(model)
        require(bool, "true or false", compiled=compiled)
        require((Mapping, NoneType), "a mapping of the compiler's options to values", options=options)
        changed = self.convert(model, "inference")
        return for_inference(changed, self.inputs.values(), dtype, compiled=compiled, options=options)

    def to_onnx(self, model: torch.nn.Module) -> bytes:
        """The ONNX file of a live module of this network, for any batch size and any of the sizes that the text leaves
        open. ArchError names the layers that ONNX cannot say. Raises ImportError where packages are missing."""
        from archdsl.emit.onnx import onnx_file

        _require_model(model)

        def alone(module: Module) -> torch.nn.Module:
            return Network(module, self.text, {}, limits=self.limits).to_torch()

        return onnx_file(model, self.module, self.open_sizes, alone)

    def to_onnxruntime(self, model: torch.nn.Module) -> torch.nn.Module:
        """What a live module of this network computes at inference, run by onnxruntime on the CPU, which may be faster
        than PyTorch there. `model` stays as it is. Raises ImportError where the packages for it are missing."""
        need("onnx", "onnxscript", "onnxruntime")
        _require_model(model)
        from archdsl.emit.torch.session import OnnxSession

        inference = self.apply("inference")
        return OnnxSession(inference.to_onnx(self.convert(model, "inference")))

    def load_weights(self, model: torch.nn.Module, path: str | Path, *, head: Iterable[str] = ()) -> Loaded:
        """Load the weights of a safetensors or torch file into a live module of this network.

        head: layers that may differ, such as `["fc"]`; they keep their values and are named in the result. ArchError
        says what else differs, and then nothing is loaded.
        """
        from archdsl.emit.torch.weights import load_weights

        require_file("the name of a file", path=path)
        _require_model(model)
        return load_weights(model, path, self.module, head=texts("head", head, "names of layers"), limits=self.limits)

    def apply(self, *passes: Pass | str) -> Network:
        """The network after some passes, in this order: `net.apply("fold-norm", "widen(0.5)")`. What is made of it
        carries them, so that it is read back as it is. ArchError where a pass cannot do what it is asked."""
        from archdsl.passes.a_pass import all_changes, applied
        from archdsl.passes.catalogue import passes_of

        given = passes_of(_required_passes(passes))

        def changed(module: Module) -> Module:
            for each in all_changes(given):
                module = applied(module, each).module
            return module

        trace = self._trace
        traced = (lambda: changed(trace())) if trace else None
        module = changed(self.module)
        reopen = self._reopen
        return Network(
            module,
            self.text,
            self.hyperparameters,
            self.warnings,
            self.limits,
            traced,
            self.carried.after(map(str, given)),
            self.open_sizes,
            (lambda: reopen().apply(*given)) if reopen else None,
            self._recompile,
        )

    def convert(self, model: torch.nn.Module, *passes: Pass | str) -> torch.nn.Module:
        """A live module of the network after some passes, with the weights of `model` changed as the passes say.

        Weights that a pass makes new, such as those of another head, have torch's first values; `new_weights` names
        them. ArchError where `model` is not a module of this network.
        """
        _require_model(model)
        moved = self.moved(model.state_dict(), *passes)
        some = next(iter(model.parameters()), None)
        device, dtype = (None, None) if some is None else (some.device, some.dtype)
        made = self.apply(*passes).to_torch(device, dtype).train(model.training)
        first = made.state_dict()
        made.load_state_dict({**{name: first[name] for name in moved.new}, **moved.weights})
        return made

    def moved(self, state: Mapping[str, torch.Tensor], *passes: Pass | str) -> Moved:
        """The tensors of the network after some passes, from a state dictionary of this one: `.weights` by name, `.new`
        the names of those that have no values yet. ArchError where the state is not one of this network."""
        from archdsl.passes.a_pass import all_changes
        from archdsl.passes.catalogue import passes_of
        from archdsl.passes.moving import moved

        require(Mapping, "the tensors of a module by name, such as `state_dict()` gives", state=state)
        return moved(self.module, all_changes(passes_of(_required_passes(passes))), state)

    def new_weights(self, *passes: Pass | str) -> tuple[str, ...]:
        """The names of the tensors that some passes make new. Needs no PyTorch."""
        from archdsl.passes.a_pass import all_changes
        from archdsl.passes.catalogue import passes_of
        from archdsl.passes.moving import new_tensors

        return new_tensors(self.module, all_changes(passes_of(_required_passes(passes))))

    @cached_property
    def emitted(self) -> Emitted:
        """The PyTorch file, which was read back and compared with the network, and the name of its class."""
        from archdsl.base.collector import collector_paused
        from archdsl.base.version import __version__
        from archdsl.emit.torch.source import source

        with collector_paused():
            traced = self._trace() if self._trace else self.module
            if _is_verifying():
                _verify(traced)
            return source(traced, self.module, self.text, __version__, self.carried, self.module.macs)

    def __reduce__(self) -> tuple[object, ...]:
        """What it was compiled from: a copy, or one that was pickled, is compiled from that anew."""
        if self._recompile is None:
            origin = "is a part of a network, and is copied or pickled with that" if self.text.text else "has no text"
            raise WrongType(f"{self.name} {origin}, from which alone it could be made anew")
        return self._recompile, (self.carried,)

    def __repr__(self) -> str:
        inputs = ", ".join(map(str, self.module.inputs))
        return f"<Network {visible(self.name)}: {inputs}, {self.params:,} parameters, {self.macs:,} MACs>"


@door
def diff(old: Network, new: Network) -> Diff:
    """What is different in the network `new`: see `Network.diff`."""
    _require_network(old=old, new=new)
    return old.diff(new)


@door
def compare(networks: Iterable[Network], *, sort: str | None = None, plot: str | Path | None = None) -> Comparison:
    """Networks side by side: `str()` prints a line for each, `.entries` are their data, `.to_json()` is for tools.

    sort: `params`, `macs`, `name` or `receptive-field`, the smallest first; else they stay in their order. plot: an SVG
    file of parameters against MACs.
    """
    from archdsl.base.files import write_atomically
    from archdsl.report.compare import comparison, entry_of

    require(Iterable, "networks", networks=networks)
    networks = tuple(networks)
    for each in networks:
        _require_network(networks=each)
    _require_file(plot=plot)
    found = comparison((entry_of(net.module, net.name, net.inputs, net.outputs) for net in networks), sort)
    if plot is not None:
        write_atomically({Path(plot): scatter_of(found).encode()}, [net.text.path for net in networks])
    return found


def scatter_of(compared: Comparison) -> str:
    """The SVG of networks side by side: parameters against MACs."""
    from archdsl.draw.scatter import Point, scatter

    return scatter([Point(entry.name, entry.params, entry.macs) for entry in compared.entries])


def _is_verifying() -> bool:
    return os.environ.get(_VERIFY, "0") not in {"", "0"}


def _verify(module: Module) -> None:
    """Hold a hierarchy to what every one is."""
    from archdsl.graph.verify import verify

    verify(module)


def _require_network(**given: object) -> None:
    require(Network, "a network, such as `archdsl.load` gives", **given)


def _required_passes(passes: Iterable[Pass | str]) -> Iterable[Pass | str]:
    """The passes, if they are such."""
    from archdsl.passes.a_pass import Pass

    for each in passes:
        require((Pass, str), "a pass, such as `head(10)`", passes=each)
    return passes


def _require_path(path: object, name: str = "path") -> None:
    require((str, NoneType), "the path of a layer, such as `layer1.0.conv1`", **{name: path})


def _require_file(**path: object) -> None:
    require_file("the name of a file", **{name: each for name, each in path.items() if each is not None})


def _require_cost(color: str | None) -> None:
    """Refuse what is no cost that boxes can be shaded by."""
    from archdsl.facts.table import colour

    try:
        _ = color is None or colour(color)
    except (WrongType, WrongValue) as error:
        raise type(error)(f"`color`: {error}") from None


def _require_model(model: object) -> None:
    from archdsl.emit.torch.live import require_model

    require_model(model)


def _require_depth(depth: object) -> None:
    require((int, NoneType), "a number of levels", depth=depth)


def _require_samples(batch: int) -> None:
    require(int, "a number of samples", batch=batch)
    if batch < 1:
        raise WrongValue(f"a batch of {batch} samples")
