"""Makes the drawing back end a dependency exactly where it can be installed.

Pictures need pygraphviz, which brings Graphviz along inside its wheels. Those wheels exist for CPython with the stable
ABI on Linux with glibc, macOS and Windows, and where none exists pip would try to compile it, which needs a compiler
and Graphviz's headers, and fails. No environment marker can tell musl from glibc or a free-threaded Python from the
usual one, but the tags of wheels can.

So a wheel that is built where a wheel of pygraphviz would fit carries the tag of that wheel, and depends on it. A
wheel that is built elsewhere, or with ARCHDSL_UNIVERSAL_WHEEL=1, fits everywhere and does not. Both say the same
otherwise, and an index may hold both: pip takes the first where it fits.
"""

from __future__ import annotations

import os
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import parse_tag, sys_tags

# the versions whose wheels are for the tags below: another one may drop a platform
REQUIREMENT = "pygraphviz>=2.0,<2.1"
TAGS = (
    "cp311-abi3-manylinux_2_28_x86_64",
    "cp311-abi3-manylinux_2_28_aarch64",
    "cp311-abi3-macosx_11_0_arm64",
    "cp311-abi3-macosx_11_0_x86_64",
    "cp311-abi3-win_amd64",
)


class DrawingBackEnd(BuildHookInterface[Any]):
    """The build hook that hatchling finds in this file."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the dependency, and the tag that keeps the wheel away from where it cannot be had."""
        if os.environ.get("ARCHDSL_UNIVERSAL_WHEEL"):
            return
        if (tag := fitting_tag()) is not None:
            build_data["dependencies"].append(REQUIREMENT)
            build_data["pure_python"] = False
            build_data["tag"] = tag


def fitting_tag() -> str | None:
    """The tag of pygraphviz's wheels that this Python can install, or None where there is none."""
    here = frozenset(sys_tags())
    return next((tag for tag in TAGS if parse_tag(tag) & here), None)
