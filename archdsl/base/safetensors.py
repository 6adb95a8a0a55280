"""The header of a safetensors file: JSON that says which tensors it has, and where their numbers lie."""

from __future__ import annotations

import json
import re
from typing import IO, Any, Final, cast

from archdsl.base.reading import TooLarge, Unreadable, size_of

METADATA: Final = "__metadata__"
_LENGTH_BYTES = 8
_HALF = re.compile("[\ud800-\udfff]")


def header(file: IO[bytes], most: int) -> tuple[dict[str, dict[str, Any]], int]:
    """The entries of a file by name, and where the numbers begin. TooLarge where the header has more than `most` bytes,
    before it is read; Unreadable where it is none."""
    start = file.read(_LENGTH_BYTES)
    length, rest = int.from_bytes(start, "little"), size_of(file) - _LENGTH_BYTES
    if len(start) < _LENGTH_BYTES or length > rest:
        raise Unreadable(f"its header should have {length:,} bytes, and the file ends before that")
    if length > most:
        raise TooLarge("the header has too many bytes", length, most, "header")
    try:
        found: Any = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise Unreadable(f"its header is not UTF-8, at byte {error.start:,}") from error
    except RecursionError as error:
        raise Unreadable("its header is no list of tensors") from error
    except json.JSONDecodeError as error:
        raise Unreadable(f"its header is no JSON, at byte {error.pos:,}") from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in cast("Any", found).values()):
        raise Unreadable("its header is no list of tensors")
    return cast("dict[str, dict[str, Any]]", found), _LENGTH_BYTES + length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON whose names are all different, since other readers might take another of two, and whose names
    and texts have no halves of characters, which JSON can write and nobody print."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise Unreadable("a name stands twice in its header")
    if any(_HALF.search(each) for pair in pairs for each in pair if isinstance(each, str)):
        raise Unreadable("a text in its header has half a character")
    return made
