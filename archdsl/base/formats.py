"""Files of other programs, recognised by what is in them: models, weights, configurations, pictures, archives.

A name says little: `.pb`, `.bin` and `.pt` are many things. The first bytes of a file say what it is, and no more than
`HEAD` of them are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum, auto
from pathlib import Path
from typing import Final

from archdsl.base.reading import head
from archdsl.base.records import record

HEAD: Final = 2**16
_FIELDS = 40
_ENTRIES = 20
_VARINT_BYTES = 10
_NEWEST_ONNX = 99


class Use(Enum):
    """What archdsl can do with a file that is no text of its own."""

    WEIGHTS = auto()  # reads it with --weights
    ELSEWHERE = auto()  # a model or weights in a form that it does not read
    DESCRIPTION = auto()  # an architecture in another language
    CODE = auto()  # Python
    MADE = auto()  # a file of archdsl, which carries its text
    ENCODED = auto()  # text, but not in UTF-8
    POINTER = auto()  # what stands in a repository for a large file
    OTHER = auto()


@record
class Format:
    """A kind of file, as a person calls it, with its article."""

    name: str
    use: Use = Use.OTHER


ONNX: Final = Format("an ONNX file", Use.ELSEWHERE)
SAFETENSORS: Final = Format("a safetensors file", Use.WEIGHTS)
CHECKPOINT: Final = Format("a file of `torch.save`", Use.WEIGHTS)
PYTHON: Final = Format("Python code", Use.CODE)
MADE_CODE: Final = Format("Python code that archdsl wrote", Use.MADE)
MADE_WEIGHTS: Final = Format("a safetensors file that archdsl wrote", Use.MADE)

_TFLITE = Format("a TensorFlow Lite file", Use.ELSEWHERE)
_KERAS = Format("a Keras file", Use.ELSEWHERE)
_HDF5 = Format("an HDF5 file, as Keras writes them", Use.ELSEWHERE)
_SCRIPT = Format("a TorchScript file", Use.ELSEWHERE)
_EXPORTED = Format("a file of `torch.export`", Use.ELSEWHERE)
_NUMPY = Format("a NumPy file", Use.ELSEWHERE)
_ZIP = Format("a zip archive")
_TAR = Format("a tar archive")

_STARTS: Final = (
    (b"\x89HDF\r\n\x1a\n", _HDF5),
    (b"GGUF", Format("a GGUF file", Use.ELSEWHERE)),
    (b"\x93NUMPY", _NUMPY),
    (b"\x89PNG\r\n", Format("a PNG picture")),
    (b"\xff\xd8\xff", Format("a JPEG picture")),
    (b"GIF8", Format("a GIF picture")),
    (b"%PDF", Format("a PDF")),
    (b"\x1f\x8b", Format("a gzip archive")),
    (b"BZh", Format("a bzip2 archive")),
    (b"\xfd7zXZ\x00", Format("an xz archive")),
    (b"\x28\xb5\x2f\xfd", Format("a Zstandard archive")),
    (b"7z\xbc\xaf\x27\x1c", Format("a 7z archive")),
    (b"\x7fELF", Format("a program")),
    (b"MZ\x90\x00", Format("a program")),
    (b"\xff\xfe", Format("text in UTF-16", Use.ENCODED)),
    (b"\xfe\xff", Format("text in UTF-16", Use.ENCODED)),
    (b"version https://git-lfs.github.com/", Format("a pointer of Git LFS, in place of the file itself", Use.POINTER)),
)
_ENTRY = re.compile(rb"PK\x03\x04.{22}(..)..", re.DOTALL)
# the number that older files of `torch.save` begin with, pickled
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_COMMENT = re.compile(r"(^|\s)#.*$")
_OWN = re.compile(r"->|^\s*(net|block|let|use|share|input|default|init|require)\s+[\w(]", re.MULTILINE)
_JSON = re.compile(r'\{\s*("|\})|\[\s*(\{|")')
_JSON_TEXT = Format("JSON", Use.DESCRIPTION)
_NOTEBOOK = Format("a notebook of Jupyter")
_SECTION = re.compile(r"\[\s*(net|network|convolutional)\s*\]\s*", re.IGNORECASE)
_SETTING = re.compile(r"\w+\s*=\s*\S")
_PROTOTXT = re.compile(r"^\s*(layers?|node|graph_def|input_param)\s*:?\s*\{", re.MULTILINE)
_KEY = re.compile(r"[\"']?[A-Za-z_][\w .\-]*[\"']?:(\s|$)")
_MADE = re.compile(r"^(Made by archdsl [\d.]|ARCH = )", re.MULTILINE)
_IMPORT = re.compile(r"^(import [\w.]+|from [\w.]+ import )", re.MULTILINE)
_DEFINITION = re.compile(r"^(class|def|async def) \w+.*:\s*(#.*)?$", re.MULTILINE)
_MARKUP: Final = (
    (re.compile(r"<svg\b"), Format("an SVG picture")),
    (re.compile(r"<(!doctype )?html\b", re.IGNORECASE), Format("a web page")),
    (re.compile(r"<[?!\w]"), Format("an XML file")),
    (re.compile(r"(strict\s+)?(di)?graph\b[^-]*\{"), Format("a graph in DOT")),
    (re.compile(r"flowchart (TB|TD|BT|LR|RL)"), Format("a picture in Mermaid")),
)
_BINARY = Format("binary data")


def format_of_file(path: Path) -> Format | None:
    """What a regular file is, if it is none of a text; of it only the head is read. OSError or Unreadable where there
    is none."""
    return format_of(head(path, HEAD))


def format_of(start: bytes) -> Format | None:
    """What a file is that begins so; None where it may be a text of ours, or nothing that is known."""
    return _binary(start) or _textual(start)


# --- bytes ------------------------------------------------------------------------------------------------------------


def _binary(head: bytes) -> Format | None:
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if head.startswith(b"PK\x03\x04"):
        return _archive(head)
    if head[4:8] == b"TFL3":
        return _TFLITE
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**40:
        return MADE_WEIGHTS if b'"archdsl"' in head and b'"__metadata__"' in head else SAFETENSORS
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format("a WebP picture")
    if head[257:262] == b"ustar":
        return _TAR
    if head.startswith(_LEGACY):
        return CHECKPOINT
    if _PICKLE.match(head):
        return Format("a Python pickle", Use.ELSEWHERE)
    if _is_onnx(head):
        return ONNX
    return _BINARY if len(_CONTROL.findall(head)) > max(4, len(head) // 20) else None


def _archive(head: bytes) -> Format:
    """What a zip archive is, by the names of its first entries."""
    names = set(_entries(head))
    inside = {name.partition("/")[2] or name for name in names}
    if inside & {"constants.pkl"} or any(name.startswith("code/") for name in inside):
        return _SCRIPT
    if inside & {"archive_format", "serialized_exported_program.json"} or any(
        name.startswith("models/") for name in inside
    ):
        return _EXPORTED
    if "data.pkl" in inside:
        return CHECKPOINT
    if names & {"metadata.json", "config.json", "model.weights.h5"}:
        return _KERAS
    return _NUMPY if names and all(name.endswith(".npy") for name in names) else _ZIP


def _entries(head: bytes) -> Iterator[str]:
    for count, found in enumerate(_ENTRY.finditer(head)):
        if count == _ENTRIES:
            return
        length = int.from_bytes(found[1], "little")
        yield head[found.end() : found.end() + length].decode("utf-8", "replace")


def _is_onnx(head: bytes) -> bool:
    """Whether bytes are a ModelProto: the fields of a protobuf, with a version of ONNX first, a graph among them."""
    position, seen = 0, set[int]()
    while position < len(head) and len(seen) < _FIELDS:
        tag, position = _varint(head, position)
        field, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(head, position)
            if field == 1 and not 1 <= value <= _NEWEST_ONNX:
                return False
        elif wire == 2:
            length, position = _varint(head, position)
            position += length
        else:
            return False
        if field not in _MODEL_FIELDS:
            return False
        seen.add(field)
    return {1, 7} <= seen or {1, 8} <= seen


# ir_version, the producer and its version, domain, version, doc, graph, opsets, metadata, training, functions, devices
_MODEL_FIELDS: Final = frozenset((*range(1, 9), 14, 20, 25, 26))


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A number of a protobuf, and the position after it; 0 of the field 0, which there is not, where there is none."""
    value = 0
    for index, byte in enumerate(data[position : position + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * index
        if not byte & 0x80:
            return value, position + index + 1
    return 0, len(data)


# --- text -------------------------------------------------------------------------------------------------------------


def _textual(head: bytes) -> Format | None:
    """What a text is in another language. What could be meant as a text of ours is left to the parser, which knows
    better what is wrong with it."""
    text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").lstrip()
    if _JSON.match(text):
        return _NOTEBOOK if '"cells"' in text and '"cell_type"' in text else _JSON_TEXT
    for pattern, kind in _MARKUP:
        if pattern.match(text):
            return kind
    stripped = (_COMMENT.sub("", line).rstrip() for line in text.splitlines())
    lines = [line for line in stripped if line]
    if not lines:
        return None
    first = lines[0].lstrip()
    if _SECTION.fullmatch(first) and len(lines) > 1 and _SETTING.match(lines[1]):
        return Format("a network of darknet (.cfg)", Use.DESCRIPTION)
    if _MADE.search(text):
        return MADE_CODE
    if _IMPORT.search(text) or _DEFINITION.search(text):
        return PYTHON
    if _OWN.search("\n".join(lines)):
        return None
    if _PROTOTXT.search(text):
        return Format("a prototxt of Caffe", Use.DESCRIPTION)
    return Format("YAML", Use.DESCRIPTION) if _is_yaml(lines) else None


def _is_yaml(lines: list[str]) -> bool:
    """Whether lines without comments are keys with values, and the items of lists."""
    if lines[0] == "---" or lines[0].startswith("%YAML"):
        return True
    keys = [line for line in lines if _KEY.match(line)]
    items = [line for line in lines if line.lstrip().startswith("- ")]
    return bool(_KEY.match(lines[0])) and len(keys) + len(items) >= 2
