"""archdsl: a small language for neural-network architectures, and its compiler.

The most of it in two lines:

    net = archdsl.load("resnet18")
    net.params, net.macs, net.graph, net.summary(), net.draw("resnet18.svg"), net.source(), net.to_torch()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.limits import Limits
from archdsl.base.version import __version__
from archdsl.compiler import load, parse, zoo
from archdsl.graph.module import Module, Step
from archdsl.network import Network

if TYPE_CHECKING:
    from archdsl.comparing import compare, diff
    from archdsl.draw.drawing import Drawing
    from archdsl.emit.torch.weights import freeze
    from archdsl.facts.fact import Fact
    from archdsl.facts.table import FACTS
    from archdsl.page.document import Page
    from archdsl.passes.a_pass import Pass
    from archdsl.sketching import Sketch, sketch

__all__ = [
    "FACTS",
    "ArchError",
    "Diagnostic",
    "Drawing",
    "Fact",
    "Limits",
    "Module",
    "Network",
    "Page",
    "Pass",
    "Sketch",
    "Step",
    "TensorType",
    "__version__",
    "compare",
    "diff",
    "freeze",
    "load",
    "parse",
    "sketch",
    "zoo",
]
# what is imported when it is first asked for, with the file that it stands in
_LATER = {
    "Drawing": "draw.drawing",
    "FACTS": "facts.table",
    "Fact": "facts.fact",
    "Page": "page.document",
    "Pass": "passes.a_pass",
    "Sketch": "sketching",
    "compare": "comparing",
    "diff": "comparing",
    "freeze": "emit.torch.weights",
    "sketch": "sketching",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    """What a network alone does not need is imported when it is first asked for."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    globals()[name] = found
    return found
