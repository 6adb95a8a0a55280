"""The text of a network inside what was made of it: an emitted Python file, or the metadata of a safetensors file."""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from archdsl.base.formats import MADE_CODE, MADE_WEIGHTS, SAFETENSORS, format_of_file
from archdsl.graph.values import of_python

NAME = "ARCH"
METADATA = "archdsl"
_LINE = re.compile(rf"^{NAME} = (.+)$", re.MULTILINE)
_HEADER_LIMIT = 100 * 2**20


@dataclass(frozen=True)
class Carried:
    """What a network was compiled from: its name, its texts by file name, the main one first, what was set from
    outside, and the shape of the input if that was given."""

    net: str
    texts: Mapping[str, str]
    settings: Mapping[str, Any]
    shape: tuple[int, ...] | None = None

    def to_json(self) -> str:
        """As it is carried."""
        return json.dumps({"net": self.net, "set": dict(self.settings), "input": self.shape, "texts": dict(self.texts)})

    @staticmethod
    def in_file(path: Path) -> Carried | None:
        """What a file carries, or None. Nothing in the file is run."""
        try:
            kind = format_of_file(path)
            if kind is MADE_CODE and path.stat().st_size <= _HEADER_LIMIT:
                return _read(_in_python(path))
            return _read(_in_safetensors(path)) if kind in {SAFETENSORS, MADE_WEIGHTS} else None
        except (OSError, ValueError, TypeError, OverflowError, SyntaxError, RecursionError, struct.error, MemoryError):
            return None


def _in_python(path: Path) -> str | None:
    found = _LINE.search(path.read_text(encoding="utf-8"))
    value: object = ast.literal_eval(found[1]) if found else None
    return value if isinstance(value, str) else None


def _in_safetensors(path: Path) -> str | None:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: Any = json.loads(file.read(length)) if length <= _HEADER_LIMIT else None
    metadata: Any = cast("dict[str, Any]", header).get("__metadata__") if isinstance(header, dict) else None
    value: Any = cast("dict[str, Any]", metadata).get(METADATA) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else None


def _read(text: str | None) -> Carried | None:
    if text is None:
        return None
    found: Any = json.loads(text)
    match found:
        case {"net": str(net), "set": dict(), "input": shape, "texts": dict()} if found["texts"]:
            given = cast("dict[str, Any]", found["set"])
            for each in given.values():
                of_python(each)
            named = {str(name): str(each) for name, each in cast("dict[str, Any]", found["texts"]).items()}
            sizes = tuple(int(size) for size in cast("list[Any]", shape)) if isinstance(shape, list) else None
            return Carried(net, named, given, sizes)
        case _:
            return None
