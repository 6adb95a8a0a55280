"""archdsl: a small language for neural-network architectures, and its compiler.

The most of it in two lines:

    net = archdsl.load("resnet18")
    net.params, net.macs, net.graph, net.summary(), net.draw("resnet18.svg"), net.source(), net.to_torch()
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archdsl.base.version import __version__

if TYPE_CHECKING:
    from archdsl.algebra.tensors import TensorType
    from archdsl.base.diagnostics import ArchError, Diagnostic
    from archdsl.base.limits import Limits
    from archdsl.comparing import compare, diff
    from archdsl.compiler import load, parse, zoo
    from archdsl.draw.drawing import Drawing
    from archdsl.emit.torch.weights import freeze
    from archdsl.facts.fact import Fact
    from archdsl.facts.table import FACTS
    from archdsl.graph.module import Module, Step
    from archdsl.network import Network
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
# the file that each stands in, which is imported when it is first asked for
_FILES = {
    "FACTS": "facts.table",
    "ArchError": "base.diagnostics",
    "Diagnostic": "base.diagnostics",
    "Drawing": "draw.drawing",
    "Fact": "facts.fact",
    "Limits": "base.limits",
    "Module": "graph.module",
    "Network": "network",
    "Page": "page.document",
    "Pass": "passes.a_pass",
    "Sketch": "sketching",
    "Step": "graph.module",
    "TensorType": "algebra.tensors",
    "compare": "comparing",
    "diff": "comparing",
    "freeze": "emit.torch.weights",
    "load": "compiler",
    "parse": "compiler",
    "sketch": "sketching",
    "zoo": "compiler",
}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    """What is exported, from the file that it stands in."""
    if name not in _FILES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_FILES[name]}"), name)
    globals()[name] = found
    return found
