"""Files with something wrong in them: small real ones of each kind that is read, and how they are damaged."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
import re
import struct
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import torch
from safetensors.torch import save

import archdsl
from archdsl.base.resources import folder
from archdsl.emit.torch.checkpoints import BROKEN
from archdsl.emit.torch.weights import safetensors_file

TEXT = "net n(classes=10) {\n  input 8x8x3\n  [conv3-4 -> bn -> relu] as body\n    -> gap -> fc-classes as fc\n}\n"
NUMBERS = (
    0,
    1,
    2,
    7,
    127,
    128,
    255,
    256,
    65535,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**62,
    2**63 - 1,
    2**64 - 1,
)


@dataclass(frozen=True)
class Original:
    """A file that is right: its ending, its bytes, and what edits it by its grammar."""

    suffix: str
    data: bytes
    edit: Callable[[bytes, Random], bytes]


def torch_file(state: object, **how: bool) -> bytes:
    """What `torch.save` makes of a value."""
    buffer = io.BytesIO()
    torch.save(state, buffer, **how)
    return buffer.getvalue()


@cache
def originals() -> tuple[Original, ...]:
    """The files that are damaged."""
    net = archdsl.parse(TEXT)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = net.to_torch()
    state = model.state_dict()
    optimizer = {"state": {0: {"step": torch.zeros(1)}}, "param_groups": [{"lr": 0.1, "betas": (0.9, 0.99)}]}
    checkpoint = {"epoch": 3, "state_dict": state, "optimizer": optimizer, "config": {"name": "n", "widths": [4, 10]}}
    specs = folder("specs")
    texts = [
        (specs / f"{name}.arch").read_bytes()
        for name in ("lenet5", "resnet18", "squeezenet1_0")
        if (specs / f"{name}.arch").exists()
    ]
    return (
        Original(".safetensors", safetensors_file(model, net.carried.to_json()), edited_safetensors),
        Original(".safetensors", save({name: each.clone() for name, each in state.items()}), edited_safetensors),
        Original(".pt", torch_file(state), edited_archive),
        Original(".pt", torch_file(checkpoint), edited_archive),
        Original(".pt", torch_file(state, _use_new_zipfile_serialization=False), edited_legacy),
        Original(".pt", torch_file(checkpoint, _use_new_zipfile_serialization=False), edited_legacy),
        Original(".onnx", onnx_model(), edited_bytes),
        Original(".py", archdsl.parse(TEXT, classes=7, input=(3, 9, 9)).source().encode(), edited_code),
        Original(".json", json.dumps({"archdsl": 1, "net": "n", "layers": [1, 2, {"a": None}]}).encode(), edited_text),
        *(Original(".arch", each, edited_text) for each in texts),
    )


def onnx_model() -> bytes:
    """A model of one layer: the version, the producer, and a graph of one node."""
    node = b"\x0a\x01x\x12\x01y\x22\x04Relu"
    graph = b"\x0a" + bytes([len(node)]) + node + b"\x12\x01g"
    return b"\x08\x08\x12\x07pytorch\x3a" + bytes([len(graph)]) + graph + b"\x42\x04\x0a\x00\x10\x11"


def damaged(seed: int) -> tuple[str, bytes]:
    """A file that something is wrong with, as a rule: its ending and its bytes."""
    random = Random(seed)
    chosen = random.choice(originals())
    data = chosen.data
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = chosen.edit(data, random) if random.random() < 0.6 else edited_bytes(data, random)
    suffix = chosen.suffix if random.random() < 0.9 else random.choice((".pt", ".py", ".safetensors", ".arch", ""))
    return suffix, data


# --- bytes ------------------------------------------------------------------------------------------------------------


def edited_bytes(data: bytes, random: Random) -> bytes:
    """Bytes with some flipped, cut off, put in, left out, doubled, or taken from another file."""
    made, size = bytearray(data), len(data)
    at = random.randrange(size + 1)
    # what says how the rest is to be read stands at the start, or at the end
    at = (
        min(at, random.choice((16, 200, size)))
        if random.random() < 0.5
        else max(at, size - random.choice((22, 200, size)))
    )
    match random.randrange(8):
        case 0:
            for _ in range(random.randint(1, 8)):
                if made:
                    made[min(at + random.randrange(64), size - 1)] ^= 1 << random.randrange(8)
        case 1:
            del made[at:]
        case 2:
            made[at:at] = random.randbytes(random.randint(1, 40))
        case 3:
            del made[at : at + random.randint(1, 200)]
        case 4:
            other = random.randrange(size + 1)
            made[at:at] = data[other : other + random.randint(1, 400)]
        case 5:
            length = random.choice((1, 2, 4, 8))
            number = random.choice(NUMBERS) & (256**length - 1)
            made[at : at + length] = number.to_bytes(length, random.choice(("little", "big")))
        case 6:
            other = random.choice(originals()).data
            made = made[:at] + other[random.randrange(len(other)) :]
        case _:
            made[at:at] = bytes([random.choice((0, 0x28, 0x5B, 0x7B, 0xFF))]) * random.choice((1, 1_000, 30_000))
    return bytes(made)


# --- safetensors ------------------------------------------------------------------------------------------------------

_ODD = (
    None, True, -1, 0, 1.5, 1e400, 2**63, 10**400, "x", "F4", "C64", "F64", "\ud800", "\x1b[2J", [], [[]], [-1], [0, 0],
    [2**62, 2**62], [1] * 70, [True], [1.0], [0, 10**9], [8, 4], {}, {"a": {}}, "n" * 5_000,
)  # fmt: skip


def edited_safetensors(data: bytes, random: Random) -> bytes:
    """A file of safetensors whose header says something else, or of which the length of it does."""
    length = int.from_bytes(data[:8], "little")
    header, numbers = data[8 : 8 + length], data[8 + length :]
    try:
        entries = json.loads(header)
        name = random.choice(sorted(entries))
        entry = entries[name]
    except (ValueError, AttributeError, IndexError, TypeError, RecursionError):
        return edited_bytes(data, random)
    odd = random.choice(_ODD)
    match random.randrange(9):
        case 0:
            entries[name] = odd
        case 1 | 2 if isinstance(entry, dict) and entry:
            entry[random.choice([*entry, "more"])] = odd
        case 3 if isinstance(entry, dict) and entry:
            del entry[random.choice(list(entry))]
        case 4 if isinstance(entry, dict) and isinstance(entry.get("data_offsets"), list):
            entry["data_offsets"] = [
                each + random.choice((-8, -1, 1, 4, 2**40)) for each in entry["data_offsets"] if type(each) is int
            ]
        case 5:
            entries["__metadata__"] = random.choice(
                (odd, {"archdsl": carried(random)}, {"archdsl": odd}, {"format": 1})
            )
        case 6:
            text = json.dumps(entries)
            return _with_header((text[:-1] + ", " + text[1:]).encode(), numbers)
        case 7:
            return random.choice(NUMBERS).to_bytes(8, "little") + header + numbers
        case _:
            entries[random.choice(("", "a.b", "\0", "\ud800", "fc.weight\n", "x" * 10_000))] = entry
    return _with_header(json.dumps(entries).encode(), numbers)


def _with_header(header: bytes, numbers: bytes) -> bytes:
    return struct.pack("<Q", len(header)) + header + numbers


def carried(random: Random) -> str:
    """What a file says it was made of, with one part of it odd."""
    held = {"net": "n", "set": {"classes": 3}, "input": [3, 8, 8], "passes": ["head(4)"], "texts": {"n.arch": TEXT}}
    part = random.choice(list(held))
    held[part] = random.choice((
        *_ODD, {"classes": random.choice(_ODD)}, {"": ""}, {"\ud800": "\ud800"}, {"n.arch": 1}, [10**18] * 3, [0], ["widen(nan)"],
        {"n.arch": "\ud800"}, {"\x1b[2J.arch": "INPUT[8x8x3] -> relu"}, {"n.arch": "use a (b)\n"}, "[" * 3_000,
    ))  # fmt: skip
    return json.dumps(held)


# --- torch.save -------------------------------------------------------------------------------------------------------

# programs for the machine of pickles that ask for what no weights need
HOSTILE = (
    b"cos\nsystem\n(X\x04\x00\x00\x00truetR",
    b"cbuiltins\neval\n(X\x01\x00\x00\x001tR",
    b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR",
    b"cbuiltins\nset\n((lK\x01atR",
    b"ccollections\nCounter\n(X\x03\x00\x00\x00abctR",
    b"c__main__\nNet\n)\x81}b",
    b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x06\x00\x00\x00latin1tR",
    b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\nK\x01\x85K\x01\x85\x89tR",
    b"ctorch._utils\n_rebuild_sparse_tensor\n(NNtR",
    b"ctorch\nSize\n(K\x01tR",
    b"ctorch\nload\n)R",
    b"r\xff\xff\xff\xff",
    b"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8b\xff\xff\xff\x7f",
    b"X\xff\xff\xff\xff",
    b"(" * 2_000,
    b"}" * 2_000,
    b"]" + b"q\x64h\x64a" * 200,
    b"}q\x65X\x05\x00\x00\x00modelh\x65s",
    b"K\x01" + b"\x85" * 5_000,
    b"Q",
    b"R",
    b"b",
    b".",
    b"I" + b"9" * 5_000 + b"\n",
    b"L" + b"9" * 5_000 + b"L\n",
    b"F1e999\n",
    b"X\x02\x00\x00\x00\xed\xa0",
    b"X\x03\x00\x00\x00\xed\xa0\x80",
    b"U\x03\xff\xfe\xfd",
)  # fmt: skip


def edited_pickle(data: bytes, random: Random) -> bytes:
    """A pickle with instructions left out, doubled, exchanged, or put in, or with other numbers and names in them."""
    places: list[int] = []
    with suppress(ValueError):
        places.extend(at for _, _, at in pickletools.genops(data) if at is not None)
    if len(places) < 3:
        return edited_bytes(data, random)
    places.append(len(data))
    at = random.randrange(len(places) - 1)
    begin, end = places[at], places[at + 1]
    match random.randrange(7):
        case 0:
            return data[:begin] + data[end:]
        case 1:
            return data[:end] + data[begin:]
        case 2:
            other = random.randrange(len(places) - 1)
            return data[:begin] + data[places[other] : places[other + 1]] + data[end:]
        case 3:
            return data[:begin] + random.choice(HOSTILE) + data[begin:]
        case 4:
            return data[:begin] + random.choice(HOSTILE) + data[end:]
        case 5:
            value = random.choice(
                (*NUMBERS, -1, -(2**63), 10**30, "", "x", None, True, 1.5, (), (1,), [], {}, {0: 1}, float("nan"))
            )
            return data[:begin] + pickle.dumps(value, 2)[2:-1] + data[end:]
        case _:
            names = [found.span() for found in re.finditer(rb"c[\w.]+\n\w+\n", data)]
            if not names:
                return edited_bytes(data, random)
            first, last = random.choice(names)
            by = random.choice((
                b"ctorch\nComplexFloatStorage\n", b"ctorch\nQInt8Storage\n", b"ctorch.storage\nUntypedStorage\n", b"ctorch\nDoubleStorage\n",
                b"ctorch._utils\n_rebuild_tensor_v3\n", b"ctorch._utils\n_rebuild_qtensor\n", b"ctorch._utils\n_rebuild_parameter\n",
                b"ccollections\nOrderedDict\n", b"cos\nsystem\n", b"ctorch\nfloat32\n", b"ctorch._tensor\n_rebuild_from_type_v2\n",
            ))  # fmt: skip
            return data[:first] + by + data[last:]


def edited_legacy(data: bytes, random: Random) -> bytes:
    """A file of older versions of torch with another pickle in it."""
    return edited_pickle(data, random) if random.random() < 0.3 else _in_legacy(data, random)


def _in_legacy(data: bytes, random: Random) -> bytes:
    buffer, places = io.BytesIO(data), [0]
    try:
        for _ in range(5):
            for _ in pickletools.genops(buffer):
                pass
            places.append(buffer.tell())
    except ValueError:
        return edited_bytes(data, random)
    part = random.choice((0, 1, 2, 3, 3, 3, 3, 3, 4, 4))
    return (
        data[: places[part]] + edited_pickle(data[places[part] : places[part + 1]], random) + data[places[part + 1] :]
    )


def edited_archive(data: bytes, random: Random) -> bytes:
    """An archive with another pickle, or with parts that are compressed, left out, doubled, empty or under other names."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        parts = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (*BROKEN, ValueError, OSError):
        return edited_bytes(data, random)
    if not parts:
        return edited_bytes(data, random)
    at = random.randrange(len(parts))
    compression = zipfile.ZIP_STORED
    match random.randrange(10):
        case 0:
            compression = random.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA))
        case 1:
            del parts[at]
        case 2:
            parts.append((parts[at][0], b"other"))
        case 3:
            parts[at] = (parts[at][0], edited_bytes(parts[at][1], random))
        case 4:
            parts[at] = (
                random.choice(("a", "../x", "archive/", "data.pkl", "archive/data/", "\ud7ff", "x" * 5_000)),
                parts[at][1],
            )
        case 5:
            parts.append(("archive/data.pkl", bytes(random.choice((0, 10, 3_000_000)))))
            compression = zipfile.ZIP_DEFLATED
        case _:
            parts = [(name, edited_pickle(part, random) if name.endswith("data.pkl") else part) for name, part in parts]
    return _zipped(parts, compression)


def _zipped(parts: list[tuple[str, bytes]], compression: int) -> bytes:
    import warnings

    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of names that stand twice
        for name, part in parts:
            archive.writestr(name, part)
    return buffer.getvalue()


# --- text -------------------------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\w+|->|\s+|.", re.DOTALL)
_PIECES = (
    "{", "}", "(", ")", "[", "]", ",", ":", '"', '"""', "'", "\\", "#", "\n", "\r", "\0", "\ud7ff", "\ufeff", "\u202e", "->", "*", "-", "0", "1",
    "1e999", "9" * 400, "9" * 5_000, "None", "True", "f'{1}'", "print(1)", "lambda: 0", "ARCH = ", "\nARCH = ", "[" * 500, "(" * 300, "-" * 300,
    "use a (b)", "INPUT[8x8x3]", "b'x'", "1j", "{**{}}", "*()", "x if y else z", "\\ud800", "\\N{BULLET}", "\\x1b[2J", "é", "𝕏",
)  # fmt: skip


def edited_text(data: bytes, random: Random) -> bytes:
    """A text with tokens left out, doubled, exchanged or put in."""
    parts = _TOKEN.findall(data.decode("utf-8", "replace"))
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(parts) + 1)
        match random.randrange(4):
            case 0:
                del parts[at : at + random.randint(1, 5)]
            case 1:
                parts[at:at] = parts[at : at + random.randint(1, 20)]
            case 2:
                parts.insert(at, random.choice(_PIECES))
            case _:
                parts[at : at + 1] = [random.choice(_PIECES)]
    return "".join(parts).encode("utf-8", "surrogatepass")


def edited_code(data: bytes, random: Random) -> bytes:
    """Code whose last statement, which says what it was made of, is another."""
    before, start, held = data.partition(b"\nARCH = ")
    if not start or random.random() < 0.2:
        return edited_text(data, random)
    if random.random() < 0.2:
        text = carried(random)
        literal = random.choice((text, repr(text), ascii(json.loads(text))))
        return before + start + literal.encode("utf-8", "surrogatepass") + b"\n"
    return before + start + edited_text(held, random)


def write(path: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path.write_bytes(data)
    return path
