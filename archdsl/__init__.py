"""archdsl: a small language for neural-network architectures, and its compiler.

The most of it in two lines:

    net = archdsl.load("resnet18")
    net.params, net.macs, net.graph, net.summary(), net.draw("resnet18.svg"), net.source(), net.to_torch()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.limits import Limits
from archdsl.base.version import __version__
from archdsl.compiler import load, parse
from archdsl.network import Network, compare, diff
from archdsl.sketching import Sketch, sketch

if TYPE_CHECKING:
    from archdsl.emit.torch.weights import freeze

__all__ = [
    "ArchError",
    "Diagnostic",
    "Limits",
    "Network",
    "Sketch",
    "TensorType",
    "__version__",
    "compare",
    "diff",
    "freeze",
    "load",
    "parse",
    "sketch",
]


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> object:
    """What only live modules need is imported when it is first asked for."""
    if name == "freeze":
        from archdsl.emit.torch.weights import freeze

        return freeze
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
