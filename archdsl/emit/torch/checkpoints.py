"""Files of weights: the tensors in them by name, without running anything that stands there.

What a file says of its tensors is read first, and compared with the file. It is bounded by `Limits.header`; their
numbers are as many as the file has.
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, TypeGuard, cast

from archdsl.base import safetensors
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.formats import HEAD, MADE_WEIGHTS, SAFETENSORS, Use, format_of
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.reading import TooLarge, Unreadable, opened, reason, size_of
from archdsl.base.records import record
from archdsl.emit.torch import pickled
from archdsl.emit.torch.pickled import Other, Storage, Table
from archdsl.emit.torch.stored import BITS, MOST_AXES, MOST_NUMBERS, Stored
from archdsl.passes.faults import UnreadableWeights

if TYPE_CHECKING:
    import torch

_NESTS = ("state_dict", "model_state_dict", "model", "module")
_CHUNK = 2**20
_KEY_BYTES = 8


@record
class Entry:
    """A tensor of a file: its shape and type."""

    shape: tuple[int, ...]
    dtype: str


@record
class Held:
    """What a file that is open holds: its tensors by name, and how the bytes of a storage are read."""

    tensors: Mapping[str, Stored]
    numbers: Callable[[str], bytearray]


def contents(path: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, Entry]:
    """The names, shapes and types of the tensors in a file, without their numbers."""
    with _held(path, limits) as held:
        return {name: Entry(each.shape, each.dtype) for name, each in held.tensors.items()}


def entry_of(tensor: torch.Tensor) -> Entry:
    """The shape and type of a tensor."""
    return Entry(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def tensors(path: Path, limits: Limits = DEFAULT_LIMITS) -> dict[str, torch.Tensor]:
    """The tensors in a file. Those that share numbers there share them here."""
    with _held(path, limits) as held:
        storages = {key: held.numbers(key) for key in dict.fromkeys(each.storage for each in held.tensors.values())}
        return {name: each.tensor(storages[each.storage]) for name, each in held.tensors.items()}


@contextmanager
def _held(path: Path, limits: Limits) -> Generator[Held]:
    """What a file of weights holds. ArchError where it cannot be read."""
    try:
        with opened(path) as file:
            yield _reader(file, path)(file, limits.header)
    except TooLarge as error:
        # the words for faults are imported for a fault
        from archdsl.base.faults import LimitPassed

        fault = LimitPassed(f"`{path.name}`: {error.what}", error.figure, error.limit, error.name)
        raise ArchError([Diagnostic(fault)]) from error
    except (OSError, ValueError) as error:  # with a name that no file can have it is a ValueError
        raise ArchError([Diagnostic(UnreadableWeights(path.name, reason(error)))]) from error


def _reader(file: IO[bytes], path: Path) -> Callable[[IO[bytes], int], Held]:
    """What reads a file, by what is in it. Unreadable where that is something else."""
    start = file.read(HEAD)
    kind = format_of(start)
    file.seek(0)
    if kind is not None and kind is not MADE_WEIGHTS and kind.use is not Use.WEIGHTS:
        raise Unreadable(f"it is {kind.name}")
    if kind in {SAFETENSORS, MADE_WEIGHTS} or (kind is None and path.suffix == ".safetensors"):
        return _safetensors
    return _archive if start.startswith(b"PK") else _legacy


def _read(file: IO[bytes], count: int) -> bytearray:
    """So many bytes from here, and no fewer."""
    numbers = bytearray(count)
    view, at = memoryview(numbers), 0
    while at < count:
        chunk = file.read(min(_CHUNK, count - at))
        if not chunk:
            raise Unreadable("it ends within the numbers of a tensor")
        view[at : at + len(chunk)] = chunk
        at += len(chunk)
    return numbers


# --- safetensors ------------------------------------------------------------------------------------------------------

_TYPES: Final = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "I16": "int16",
    "U16": "uint16",
    "F16": "float16",
    "BF16": "bfloat16",
    "I32": "int32",
    "U32": "uint32",
    "F32": "float32",
    "I64": "int64",
    "U64": "uint64",
    "F64": "float64",
}


def _safetensors(file: IO[bytes], most: int) -> Held:
    entries, begin = safetensors.header(file, most)
    found = {name: _entry(name, each) for name, each in entries.items() if name != safetensors.METADATA}
    at = 0
    for name, (_, (first, end)) in sorted(found.items(), key=lambda each: each[1][1]):
        if first != at:
            raise Unreadable(f"the numbers of `{name[:80]}` do not begin where those before end")
        at = end
    if begin + at != size_of(file):
        raise Unreadable(f"it should have {begin + at:,} bytes, and has {size_of(file):,}")

    def numbers(name: str) -> bytearray:
        first, end = found[name][1]
        file.seek(begin + first)
        return _read(file, end - first)

    return Held({name: each for name, (each, _) in found.items()}, numbers)


def _entry(name: str, entry: Mapping[str, Any]) -> tuple[Stored, tuple[int, int]]:
    """A tensor, and from where to where its numbers lie."""
    dtype, shape, place = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(dtype, str) or not _are_counts(shape) or not _are_counts(place) or len(place) != 2:
        raise Unreadable(f"what its header says of `{name[:80]}` is no tensor")
    if dtype not in _TYPES:
        raise Unreadable(f"`{name[:80]}` has the type `{dtype[:20]}`, which no weights have")
    made = Stored.dense(_TYPES[dtype], tuple(shape), name)
    if made.reach * BITS[made.dtype] != (place[1] - place[0]) * 8:
        raise Unreadable(f"`{name[:80]}` has another number of bytes than its shape")
    return made, (place[0], place[1])


def _are_counts(value: object) -> TypeGuard[list[int]]:
    return (
        isinstance(value, list)
        and len(cast("list[Any]", value)) <= MOST_AXES
        and all(type(each) is int and 0 <= each < MOST_NUMBERS for each in cast("list[Any]", value))
    )


# --- torch.save -------------------------------------------------------------------------------------------------------


class _Bounded:
    """A file of which no more than so many bytes are read at once, as a directory that says it is larger would."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self._file = file
        self._most = most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, count: int = -1) -> bytes:
        if count > self._most:
            raise TooLarge("the list of its parts has too many bytes", count, self._most, "header")
        data = self._file.read(self._most + 1 if count < 0 else count)
        if len(data) > self._most:
            raise TooLarge("the list of its parts has too many bytes", len(data), self._most, "header")
        return data


# zipfile fails in as many ways as a directory has fields
BROKEN: Final = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    EOFError,
    KeyError,
    IndexError,
    struct.error,
)


def _archive(file: IO[bytes], most: int) -> Held:
    """A file of `torch.save` since 1.6: a zip archive with a pickle, and the storages beside it as they are."""
    with _sound():
        archive = zipfile.ZipFile(cast("Any", _Bounded(file, max(most, _CHUNK))))
    parts = _parts(archive, size_of(file))
    pickles = [name for name in parts if name.endswith("/data.pkl") or name == "data.pkl"]
    if len(pickles) != 1:
        raise Unreadable("it has no list of tensors" if not pickles else "it has several lists of tensors")
    root = pickles[0].removesuffix("data.pkl")
    if parts[pickles[0]].file_size > most:
        what = "the list of tensors has too many bytes"
        raise TooLarge(what, parts[pickles[0]].file_size, most, "header")

    def part(name: str) -> bytearray:
        with _sound(), archive.open(parts[name]) as opened_part:
            return _read(opened_part, parts[name].file_size)

    if f"{root}byteorder" in parts and bytes(part(f"{root}byteorder")) != b"little":
        raise Unreadable("its numbers have the bytes of other machines, the largest first")
    value, storages = pickled.read(BytesIO(part(pickles[0])), most)
    made = _named(value)
    for key in {each.storage for each in made.values()}:
        info = parts.get(f"{root}data/{key}")
        if info is None or info.file_size < storages[key].bytes:
            raise Unreadable("the numbers of a tensor are missing")
    return Held(made, lambda key: part(f"{root}data/{key}"))


@contextmanager
def _sound() -> Generator[None]:
    try:
        yield
    except Unreadable:
        raise
    except (*BROKEN, ValueError) as error:
        raise Unreadable(f"its archive is damaged: {reason(error).lower()}") from error


def _parts(archive: zipfile.ZipFile, size: int) -> dict[str, zipfile.ZipInfo]:
    """The parts of an archive by name, each as it is and none twice: together they are no more than the file."""
    parts = {info.filename: info for info in archive.infolist()}
    if len(parts) < len(archive.infolist()):
        raise Unreadable("a part stands twice in its archive")
    if any(info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1 for info in parts.values()):
        raise Unreadable("its parts are compressed, which `torch.save` does not do")
    total = sum(info.file_size for info in parts.values())
    if total > size or any(info.file_size != info.compress_size for info in parts.values()):
        raise Unreadable(f"its parts would have {total:,} bytes, and the file has {size:,}")
    return parts


def _legacy(file: IO[bytes], most: int) -> Held:
    """A file of older versions of `torch.save`: five pickles, then the storages, each behind its number of numbers."""
    head = BytesIO(file.read(most))
    try:
        _magic, _protocol, system = (pickled.read(head, most)[0] for _ in range(3))
        value, storages = pickled.read(head, most)
        keys = pickled.read(head, most)[0]
    except TooLarge:
        raise
    except Unreadable:
        if head.tell() >= most:
            raise TooLarge("the list of tensors has too many bytes", most + 1, most, "header") from None
        raise
    if not isinstance(system, Table) or system.by_name.get("little_endian") is not True:
        raise Unreadable("its numbers have the bytes of other machines, the largest first")
    made = _named(value)
    places = _places(file, head.tell(), keys, storages)
    if not places.keys() >= {each.storage for each in made.values()}:
        raise Unreadable("the numbers of a tensor are missing")

    def numbers(key: str) -> bytearray:
        file.seek(places[key])
        return _read(file, storages[key].bytes)

    return Held(made, numbers)


def _places(file: IO[bytes], at: int, keys: object, storages: Mapping[str, Storage]) -> dict[str, int]:
    """Where the numbers of each storage begin."""
    places = dict[str, int]()
    for key in cast("list[Any]", keys) if isinstance(keys, list) else ():
        if not isinstance(key, str) or key not in storages or key in places:
            raise Unreadable("its list of storages is damaged")
        file.seek(at)
        if int.from_bytes(file.read(_KEY_BYTES), "little") != storages[key].count:
            raise Unreadable("a storage has another number of numbers than its tensors")
        places[key] = at + _KEY_BYTES
        at += _KEY_BYTES + storages[key].bytes
        if at > size_of(file):
            raise Unreadable("it ends within the numbers of a tensor")
    return places


def _named(found: object) -> dict[str, Stored]:
    """The tensors of a checkpoint by name: of what is called as weights mostly are, else of its only part that has
    some."""
    seen = set[int]()
    while isinstance(found, Table) and id(found) not in seen:
        seen.add(id(found))
        parts = {key: part for key, part in found.by_name.items() if isinstance(part, Table)}
        distinct = {id(part): part for part in parts.values()}
        filled = [part for part in distinct.values() if _has_tensors(part)]
        if nest := next((each for each in _NESTS if each in parts), None):
            found = parts[nest]
        elif len(filled) == 1 and not _has_tensors(found):
            found = filled[0]
        else:
            return _tensors(found)
    raise Unreadable("it holds no weights by name")


def _has_tensors(table: Table) -> bool:
    return any(isinstance(each, Stored) for each in table.by_name.values())


def _tensors(table: Table) -> dict[str, Stored]:
    """The tensors of a mapping. What is no tensor is left out, but for one of a kind that weights have not."""
    for name, each in table.by_name.items():
        if isinstance(each, Other) and each.kind:
            raise Unreadable(f"`{name[:80]}` is {each.kind}, and weights are dense tensors of numbers")
    made = {name: each for name, each in table.by_name.items() if isinstance(each, Stored)}
    if not made and (table.by_name or table.has_more):
        raise Unreadable("it holds no weights by name")
    return made
