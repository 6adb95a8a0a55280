"""The text of a network inside what was made of it: an emitted Python file, or the metadata of a safetensors file."""

from __future__ import annotations

import ast
import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from archdsl.base.formats import MADE_CODE, MADE_WEIGHTS, SAFETENSORS, format_of_file
from archdsl.graph.values import of_python

NAME = "ARCH"
METADATA = "archdsl"
_START = re.compile(rf"^{NAME} = ", re.MULTILINE)
_WIDTH, _INDENT = 88, "    "
_HEADER_LIMIT = 100 * 2**20


@dataclass(frozen=True)
class Carried:
    """What a network was compiled from: its name, its texts by file name, the main one first, what was set from
    outside, the shape of the input if that was given, and the passes that changed it, in their order."""

    net: str
    texts: Mapping[str, str]
    settings: Mapping[str, Any]
    shape: tuple[int, ...] | None = None
    passes: tuple[str, ...] = ()

    def after(self, passes: Iterable[str]) -> Carried:
        """The same after more passes."""
        return replace(self, passes=(*self.passes, *passes))

    def to_json(self) -> str:
        """As it is carried. Where there are no passes nothing is said of them."""
        held: dict[str, Any] = {"net": self.net, "set": dict(self.settings), "input": self.shape}
        passes = {"passes": self.passes} if self.passes else {}
        return json.dumps({**held, **passes, "texts": dict(self.texts)})

    def to_python(self) -> str:
        """As a Python file carries it, with the texts as they are: the last lines of the file."""
        held: dict[str, Any] = {"net": self.net}
        held |= {"set": dict(self.settings)} if self.settings else {}
        held |= {"input": self.shape} if self.shape else {}
        held |= {"passes": self.passes} if self.passes else {}
        lines = [line for name, value in held.items() for line in _laid_out(value, f"{_string(name)}: ", _INDENT)]
        texts = [f'{_INDENT * 2}{_string(name)}: """\\\n{_quoted(text)}""",' for name, text in self.texts.items()]
        return "\n".join([f"{NAME} = {{", *lines, f'{_INDENT}"texts": {{', *texts, f"{_INDENT}}},", "}", ""])

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


def _in_python(path: Path) -> object:
    text = path.read_text(encoding="utf-8")
    if (found := _START.search(text)) is None:
        return None
    try:
        lines = ast.parse(text).body
    except SyntaxError:
        # what stands before may have been edited
        lines = ast.parse(text[found.start() :]).body
    for line in lines:
        match line:
            case ast.Assign([ast.Name(name)], value) if name == NAME:
                return ast.literal_eval(value)
            case _:
                continue
    return None


def _in_safetensors(path: Path) -> str | None:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: Any = json.loads(file.read(length)) if length <= _HEADER_LIMIT else None
    metadata: Any = cast("dict[str, Any]", header).get("__metadata__") if isinstance(header, dict) else None
    value: Any = cast("dict[str, Any]", metadata).get(METADATA) if isinstance(metadata, dict) else None
    return value if isinstance(value, str) else None


def _read(held: object) -> Carried | None:
    """What is carried, from the value of a Python file or the JSON of any other. Files that were made before have JSON
    in Python too."""
    found: Any = json.loads(held) if isinstance(held, str) else held
    match found:
        case {"net": str(net), "texts": dict()} if found["texts"]:
            more = cast("dict[str, Any]", found)
            given: object = more.get("set") or {}
            passes: object = more.get("passes") or ()
            if not isinstance(given, dict) or not isinstance(passes, list | tuple):
                return None
            for each in cast("dict[str, Any]", given).values():
                of_python(each)
            named = {str(name): str(each) for name, each in cast("dict[str, Any]", found["texts"]).items()}
            sizes = tuple(int(size) for size in more.get("input") or ()) or None
            settings = {str(name): value for name, value in cast("dict[object, Any]", given).items()}
            return Carried(net, named, settings, sizes, tuple(map(str, cast("list[object]", passes))))
        case _:
            return None


# --- as Python --------------------------------------------------------------------------------------------------------


def _laid_out(value: Any, prefix: str, indent: str) -> list[str]:
    """The lines of a value, with a comma behind: on one line where it fits, else an item a line."""
    flat = f"{indent}{prefix}{_flat(value)},"
    if len(flat) <= _WIDTH or not isinstance(value, dict | tuple | list) or not value:
        return [flat]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("(", ")")
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        inner = [line for name, each in pairs for line in _laid_out(each, f"{_string(name)}: ", indent + _INDENT)]
    else:
        inner = [line for each in cast("tuple[Any, ...]", value) for line in _laid_out(each, "", indent + _INDENT)]
    return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing},"]


def _flat(value: Any) -> str:
    match value:
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return f"{{{', '.join(f'{_string(name)}: {_flat(each)}' for name, each in pairs)}}}"
        case tuple() | list():
            items = [_flat(each) for each in cast("tuple[Any, ...]", value)]
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        case str():
            return _string(value)
        case _:
            return repr(value)


def _string(text: str) -> str:
    """A string as Python writes it, in plain letters."""
    body = text.encode("unicode_escape").decode("ascii")
    return f"'{body}'" if '"' in body and "'" not in body else f'"{body.replace(chr(34), chr(92) + chr(34))}"'


def _quoted(text: str) -> str:
    """A text between quotes of three, where it can be read and comes back as it is: what cannot be seen is escaped."""
    shown = "".join(
        each if each in "\n\t" or (each.isprintable() and each != "\\") else _escaped(each) for each in text
    )
    shown = shown.replace('"""', '\\"\\"\\"')
    return f'{shown[:-1]}\\"' if shown.endswith('"') else shown


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
