"""A network's hierarchy of modules as JSON: each distinct module once, repeats as counts. Versioned and byte-stable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from archdsl.algebra.symbolic import is_open
from archdsl.algebra.tensors import TensorType
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.report.terminal import Shown
from archdsl.report.walk import label

FORMAT = "archdsl.structure"
VERSION = 1


def structure(root: Module) -> dict[str, Any]:
    """The document. Modules stand before those that use them; the last is the network.

    A wire is `[step, port]`, with step -1 for an input of the module. Shapes are in torch's order without the batch.
    `params` and `macs` of a step are those of one repetition.
    """
    modules = root.distinct()
    ids = dict(zip(map(id, modules), _ids(modules), strict=True))
    return {
        "format": FORMAT,
        "version": VERSION,
        "network": ids[id(root)],
        "modules": [{"id": ids[id(module)], **_module(module, ids)} for module in modules],
    }


def to_json(root: Module) -> Shown:
    """The document as text: the same bytes for the same network, whatever the machine."""
    return Shown.json(structure(root))


def plain(value: object) -> Any:
    """A value of the language as JSON has it; a block or operator by its name, a size that is left open as formula."""
    match value:
        case bool() | float() | str() | None:
            return value
        case int():
            return str(value) if is_open(value) else int(value)
        case tuple() | list():
            return [plain(each) for each in cast("tuple[object, ...]", value)]
        case Mapping():
            return {str(name): plain(each) for name, each in cast("Mapping[object, object]", value).items()}
        case _:
            return str(value)


def kind_of(kind: TensorType) -> dict[str, Any]:
    """A tensor's type."""
    return {"kind": str(kind.kind), "shape": [plain(size) for size in kind.shape]}


def kinds_of(kinds: Mapping[str, TensorType]) -> dict[str, Any]:
    """Types of tensors by name."""
    return {name: kind_of(kind) for name, kind in kinds.items()}


def _ids(modules: tuple[Module, ...]) -> list[str]:
    """The modules' names, numbered where several have the same: `bottleneck`, `bottleneck#2`."""
    times: dict[str, int] = {}
    ids: list[str] = []
    for module in modules:
        times[module.name] = times.get(module.name, 0) + 1
        ids.append(module.name if times[module.name] == 1 else f"{module.name}#{times[module.name]}")
    return ids


def _module(module: Module, ids: Mapping[int, str]) -> dict[str, Any]:
    shape = "transparent" if module.transparent else "indexed" if module.indexed else "named"
    inputs = zip(module.input_names, module.inputs, strict=True)
    border = len(module.outputs) - module.train_outputs
    names = module.output_names or ("",) * len(module.outputs)
    return {
        "name": module.name,
        "shape": shape,
        "block": module.is_block,
        "doc": module.doc,
        "arguments": plain(module.arguments),
        "inputs": [{"name": name, **kind_of(kind)} for name, kind in inputs],
        "outputs": [
            {"name": name, "wire": _wire(wire), **kind_of(module.type_of(wire)), "training_only": index >= border}
            for index, (name, wire) in enumerate(zip(names, module.outputs, strict=True))
        ],
        "params": module.params,
        "inference_params": module.inference_params,
        "macs": plain(module.macs),
        "train_macs": plain(module.train_macs),
        "layers": module.layers,
        "steps": [_step(name, step, ids) for name, step in zip(module.names(), module.steps, strict=True)],
    }


def _step(name: str, step: Step, ids: Mapping[int, str]) -> dict[str, Any]:
    what = step.what
    operator = {"operator": what.word, "arguments": plain(what.arguments())} if isinstance(what, Operator) else {}
    module = {"module": ids[id(what)]} if isinstance(what, Module) else {}
    weights = step.facts.weights if isinstance(what, Operator) else None
    return {
        "name": name,
        **operator,
        **module,
        "label": label(step),
        "count": step.count,
        "shared": step.shared,
        "role": step.role,
        "inputs": [_wire(wire) for wire in step.inputs],
        "outputs": [kind_of(kind) for kind in step.outputs],
        "weights": plain(weights or {}),
        "params": step.params,
        "macs": plain(step.macs),
        "line": step.place.line,
    }


def _wire(wire: Wire) -> list[int]:
    assert wire.step >= INPUT
    return [wire.step, wire.port]
