"""The text of a network inside what was made of it: an emitted Python file, or the metadata of a safetensors file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeGuard, cast

from archdsl.base import safetensors
from archdsl.base.diagnostics import ArchError
from archdsl.base.formats import MADE_CODE, MADE_WEIGHTS, SAFETENSORS, format_of_file
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.python_text import INDENT, WIDTH, literal, long_literal
from archdsl.base.reading import TooLarge, content, opened
from archdsl.base.records import record
from archdsl.base.settings import of_python

NAME = "ARCH"
METADATA = "archdsl"
# a string that is not closed ends with its line, or with the file
_STRING = (
    r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+(?:"""|\Z)'
    r"|'''[^'\\]*+(?:(?:\\.|'(?!''))[^'\\]*+)*+(?:'''|\Z)"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
    r"|'[^'\\\n]*+(?:\\.[^'\\\n]*+)*+'?"
)
_STRING_COMMENT_OR_START = re.compile(rf"{_STRING}|#[^\n]*+|^({NAME} = )", re.MULTILINE | re.DOTALL)
_PART = re.compile(rf"{_STRING}|#[^\n]*+|\w++|[^\w\s]", re.DOTALL)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")
_MOST_SIZES = 100


@record
class Carried:
    """What a network was compiled from: its name, its texts by file name, the main one first, what was set from
    outside, the shape of the input if that was given, and the passes that changed it, in their order."""

    net: str
    texts: Mapping[str, str]
    settings: Mapping[str, Any]
    shape: tuple[int, ...] | None = None
    passes: tuple[str, ...] = ()

    def after(self, passes: Iterable[str]) -> Carried:
        """What is carried after more passes."""
        return replace(self, passes=(*self.passes, *passes))

    def to_json(self) -> str:
        """The JSON that weights carry in their metadata. Without passes it has no key `passes`."""
        held: dict[str, Any] = {"net": self.net, "set": dict(self.settings), "input": self.shape}
        passes = {"passes": self.passes} if self.passes else {}
        return json.dumps({**held, **passes, "texts": dict(self.texts)})

    def to_python(self) -> str:
        """The last lines of a Python file, which carry it, with the texts as they are. Nothing without texts,
        from which alone a network can be read back."""
        if not self.texts:
            return ""
        held: dict[str, Any] = {"net": self.net}
        held |= {"set": dict(self.settings)} if self.settings else {}
        held |= {"input": self.shape} if self.shape else {}
        held |= {"passes": self.passes} if self.passes else {}
        lines = [line for name, value in held.items() for line in _laid_out(value, f"{literal(name)}: ", INDENT)]
        texts = [f"{INDENT * 2}{literal(name)}: {long_literal(text)}," for name, text in self.texts.items()]
        return "\n".join([f"{NAME} = {{", *lines, f'{INDENT}"texts": {{', *texts, f"{INDENT}}},", "}", ""])

    @staticmethod
    def in_file(path: Path, limits: Limits = DEFAULT_LIMITS) -> Carried | None:
        """What a file carries, or None. Nothing in the file is run. TooLarge where it is more than the limits allow."""
        try:
            kind = format_of_file(path)
            if kind is MADE_CODE:
                return _read(_in_python(content(path, limits).decode("utf-8"), limits), limits)
            return _read(_in_safetensors(path, limits), limits) if kind in {SAFETENSORS, MADE_WEIGHTS} else None
        except TooLarge:
            raise
        except (OSError, ValueError, SyntaxError, RecursionError, MemoryError):
            return None


def _in_python(text: str, limits: Limits) -> object:
    """The value of the last statement of a file, without reading what stands before as Python."""
    import ast

    starts = (found.end() for found in _STRING_COMMENT_OR_START.finditer(text) if found[1])
    start = next(starts, None)
    return None if start is None else ast.literal_eval(_literal(text, start, limits.values))


def _literal(text: str, start: int, most: int) -> str:
    """The string, or what stands between brackets, at an offset. What is not literal is told by whoever reads it."""
    opened = 0
    for count, found in enumerate(_PART.finditer(text, start)):
        if count == most:
            raise TooLarge("the file carries too many values", count + 1, most, "values")
        opened += (found[0] in _OPENING) - (found[0] in _CLOSING)
        if opened <= 0:
            return text[start : found.end()]
    raise SyntaxError("a bracket that is never closed")


def _in_safetensors(path: Path, limits: Limits) -> str | None:
    with opened(path) as file:
        entries, _ = safetensors.header(file, limits.header)
    value = entries.get(safetensors.METADATA, {}).get(METADATA)
    return value if isinstance(value, str) else None


def _read(held: object, limits: Limits) -> Carried | None:
    """What is carried, from the value of a Python file or the JSON of any other. Files that were made before have JSON
    in Python too. None where it is not what archdsl writes."""
    if isinstance(held, str) and len(held) > limits.header:
        raise TooLarge("the text that it carries has too many characters", len(held), limits.header, "header")
    found: Any = json.loads(held) if isinstance(held, str) else held
    if not _maps_names(found):
        return None
    net, texts, given = found.get("net"), found.get("texts"), found.get("set", {})
    sizes, passes = found.get("input") or (), found.get("passes") or ()
    if not (_is_text(net) and _maps_names(texts) and texts and all(isinstance(each, str) for each in texts.values())):
        return None
    if not (_maps_names(given) and all(map(_is_setting, given.values()))):
        return None
    if not (_is_row(passes) and all(map(_is_text, passes)) and _is_row(sizes) and _are_sizes(sizes)):
        return None
    return Carried(net, dict(texts), dict(given), tuple(sizes) or None, tuple(passes))


def _are_sizes(values: Sequence[object]) -> bool:
    return len(values) <= _MOST_SIZES and all(isinstance(each, int) for each in values)


def _is_text(value: object) -> TypeGuard[str]:
    """Whether a value is a text that can be printed: without halves of characters, which JSON can write."""
    try:
        return isinstance(value, str) and len(value.encode()) >= len(value)
    except UnicodeEncodeError:
        return False


def _is_row(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _maps_names(value: object) -> TypeGuard[Mapping[str, Any]]:
    return isinstance(value, dict) and all(map(_is_text, cast("dict[Any, Any]", value)))


def _is_setting(value: object) -> bool:
    """Whether a value is one of the language, with texts that can be printed. Of one that is out of its bounds the
    compiler says what is wrong with it."""
    try:
        of_python(value)
        json.dumps(value, ensure_ascii=False).encode()
    except ArchError:
        return True
    except (TypeError, ValueError, RecursionError):
        return False
    return True


# --- as Python --------------------------------------------------------------------------------------------------------


def _laid_out(value: Any, prefix: str, indent: str) -> list[str]:
    """The lines of a value, with a comma behind: on one line where it fits, else an item a line."""
    flat = f"{indent}{prefix}{_flat(value)},"
    if len(flat) <= WIDTH or not isinstance(value, dict | tuple | list) or not value:
        return [flat]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("(", ")")
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        inner = [line for name, each in pairs for line in _laid_out(each, f"{literal(name)}: ", indent + INDENT)]
    else:
        inner = [line for each in cast("tuple[Any, ...]", value) for line in _laid_out(each, "", indent + INDENT)]
    return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing},"]


def _flat(value: Any) -> str:
    match value:
        case dict():
            pairs = cast("dict[str, Any]", value).items()
            return f"{{{', '.join(f'{literal(name)}: {_flat(each)}' for name, each in pairs)}}}"
        case tuple() | list():
            items = [_flat(each) for each in cast("tuple[Any, ...]", value)]
            return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
        case str():
            return literal(value)
        case _:
            return repr(value)
