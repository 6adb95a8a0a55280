"""Files that are damaged or hostile: refused in a sentence, before anything is unpacked, allocated or run."""

from __future__ import annotations

import io
import json
import os
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from laws.damage import HOSTILE, TEXT, torch_file
from laws.damaged import hold, through
from laws.fuzzed import hold_text
from safetensors.torch import save
from work import counted

import archdsl
from archdsl import ArchError, Limits
from archdsl.emit.torch import checkpoints

EMPTY = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
FOUR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}
PICKLE = b"\x80\x02"
MADE = b'"""\nMade by archdsl 0.1.0.\n"""\n'


def refused(path: Path) -> str:
    """What is said of a file of weights that is refused."""
    with pytest.raises(ArchError) as found:
        checkpoints.tensors(path)
    (fault,) = found.value.diagnostics
    assert path.name in fault.message
    assert (fault.code == "E0901") == found.value.is_limit
    return fault.message


def written(folder: Path, data: bytes, name: str = "w.bin") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# --- what is no file --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".py", ".safetensors", ".arch", ""])
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"fifo{suffix}"
    os.mkfifo(path)
    with pytest.raises(ArchError, match="cannot be read: it is not a regular file"):
        archdsl.load(path)
    assert "it is not a regular file" in refused(path)
    (tmp_path / "a.arch").write_text("use fifo\nINPUT[8x8x3] -> relu")
    with pytest.raises(ArchError, match="E050"):
        archdsl.load(tmp_path / "a.arch")


@pytest.mark.parametrize("name", ["zero.py", "zero.safetensors", "zero.arch", "zero.pt"])
def test_a_link_to_a_device_without_an_end_is_not_followed_to_it(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(ArchError, match="E0502"):
        archdsl.load(tmp_path / name)
    assert "it is not a regular file" in refused(tmp_path / name)


@pytest.mark.parametrize(("start", "name"), [(b"INPUT", "a.arch"), (MADE + b"ARCH = ", "a.py")])
def test_a_file_of_gigabytes_is_not_read(tmp_path: Path, start: bytes, name: str) -> None:
    path = written(tmp_path, start + b" " * 2**17, name)
    with path.open("r+b") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(ArchError, match=r"too many bytes: 3,221,225,472, and the limit is 16,000,000") as found:
        archdsl.load(path)
    assert found.value.is_limit


def test_a_file_that_says_it_is_empty_and_is_not_ends_somewhere() -> None:
    with pytest.raises(ArchError), counted(1_000_000):
        archdsl.load("/proc/self/maps")


# --- safetensors ------------------------------------------------------------------------------------------------------


def headed(header: object, numbers: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + numbers


SAFETENSORS: dict[str, tuple[bytes, str]] = {
    "a header beyond the file": (struct.pack("<Q", 2**20) + b'{"a": ', "should have 1,048,576 bytes, and the file ends before"),
    "a header beyond anything": (struct.pack("<Q", 2**39) + b'{"a": ', "the file ends before that"),
    "numbers that overlap": (headed({"a": FOUR, "b": FOUR}, bytes(4)), "`b` do not begin where those before end"),
    "numbers with a gap": (headed({"a": {**FOUR, "data_offsets": [4, 8]}}, bytes(8)), "`a` do not begin"),
    "numbers that end early": (headed({"a": FOUR}, bytes(3)), "it should have"),
    "numbers that nobody has": (headed({"a": FOUR}, bytes(5)), "it should have"),
    "another number of numbers": (headed({"a": {**FOUR, "shape": [2]}}, bytes(4)), "`a` has another number of bytes"),
    "an unknown type": (headed({"a": {**FOUR, "dtype": "F4"}}, bytes(4)), "`a` has the type `F4`"),
    "complex numbers": (headed({"a": {**EMPTY, "dtype": "C64"}}), "`a` has the type `C64`"),
    "a type that is none": (headed({"a": {**FOUR, "dtype": 32}}), "of `a` is no tensor"),
    "a huge shape": (headed({"a": {**FOUR, "shape": [2**61, 2**61]}}, bytes(4)), "`a` has another number of bytes"),
    "a size of 400 digits": (headed({"a": {**FOUR, "shape": [10**400]}}, bytes(4)), "of `a` is no tensor"),
    "a negative size": (headed({"a": {**FOUR, "shape": [-1]}}, bytes(4)), "of `a` is no tensor"),
    "a broken size": (headed({"a": {**FOUR, "shape": [1.0]}}, bytes(4)), "of `a` is no tensor"),
    "a size that is true": (headed({"a": {**FOUR, "shape": [True]}}, bytes(4)), "of `a` is no tensor"),
    "a thousand axes": (headed({"a": {**FOUR, "shape": [1] * 1_000}}, bytes(4)), "of `a` is no tensor"),
    "offsets the wrong way": (headed({"a": {**EMPTY, "data_offsets": [4, 0]}}, bytes(4)), "another number of bytes"),
    "no offsets": (headed({"a": {"dtype": "F32", "shape": []}}), "of `a` is no tensor"),
    "a name twice": (headed(b'{"a": %b, "a": %b}' % ((json.dumps(EMPTY).encode(),) * 2)), "a name stands twice"),
    "half a character": (headed({"\ud800": EMPTY}), "half a character"),
    "no utf-8": (headed(b'{"\xff": {}}'), "its header is not UTF-8, at byte 2"),
    "no json": (headed(b'{"a": }'), "its header is no JSON, at byte 6"),
    "no names": (headed(b'{"a": [1, 2]}'), "its header is no list of tensors"),
    "a deep header": (headed(b'{"a":' * 100_000), "its header is no list of tensors"),
    "a number of 5,000 digits": (headed(b'{"a":' + b"9" * 5_000 + b"}"), "Exceeds the limit"),
}  # fmt: skip


@pytest.mark.parametrize("name", SAFETENSORS)
def test_a_header_that_is_wrong_is_said_with_the_tensor(tmp_path: Path, name: str) -> None:
    data, said = SAFETENSORS[name]
    path = written(tmp_path, data, "w.safetensors")
    with counted(500_000):
        assert said in refused(path)
    with pytest.raises(ArchError):
        archdsl.load(path)


def test_a_long_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, struct.pack("<Q", 64_000_000) + b'{"a"', "w.safetensors")
    with path.open("r+b") as file:
        file.truncate(2**27)
    assert "the header has too many bytes: 64,000,000, and the limit is 8,000,000" in refused(path)
    with pytest.raises(ArchError, match=r"(?s)E0901.*Limits\(header=\.\.\.\)"):
        archdsl.load(path)
    path = written(tmp_path, save(STATE), "w.safetensors")
    with pytest.raises(ArchError, match="E0901"):
        checkpoints.contents(path, Limits(header=100))


# --- torch.save -------------------------------------------------------------------------------------------------------


def zipped(parts: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return buffer.getvalue()


def pickled(data: bytes, **more: bytes) -> bytes:
    return zipped({"archive/data.pkl": PICKLE + data, **{f"archive/{name}": part for name, part in more.items()}})


def sparse() -> torch.Tensor:
    return torch.eye(3).to_sparse()


def quantised() -> torch.Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch no longer likes them
        return torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)


ODD: dict[str, tuple[Callable[[], bytes] | bytes, str]] = {
    "whole numbers for names": (lambda: torch_file({0: torch.ones(2), 1: torch.ones(3)}), "it holds no weights by name"),
    "no mapping": (lambda: torch_file([torch.ones(2)]), "it holds no weights by name"),
    "a sparse tensor": (lambda: torch_file({"a": sparse()}), "`a` is a sparse tensor"),
    "a complex tensor": (lambda: torch_file({"a": torch.ones(2, dtype=torch.complex64)}), "`a` is a tensor of complex64"),
    "a quantised tensor": (lambda: torch_file({"a": quantised()}), "`a` is a quantised tensor"),
    "a tensor of no device": (lambda: torch_file({"a": torch.ones(2, device="meta")}), "`a` is a tensor without numbers"),
    "a module": (lambda: torch_file(torch.nn.Linear(2, 2)), "it needs `torch.nn.modules.linear.Linear`"),
    "code": (pickled(b"cos\nsystem\n(X\x04\x00\x00\x00truetR."), "it needs `os.system`"),
    "much memory": (pickled(b"cbuiltins\nbytearray\n(J\xff\xff\xff\x7ftR."), "it holds no weights by name"),
    "a memo of gigabytes": (pickled(b"}r\xff\xff\xff\xffX\x01\x00\x00\x00aK\x01s."), "it holds no weights by name"),
    "an instruction of others": (pickled(b"\x8c\x01a."), "instructions that `torch.save` does not write"),
    "itself": (pickled(b"}q\x00X\x05\x00\x00\x00modelh\x00s."), "it holds no weights by name"),
    "no end": (pickled(b"}"), "its list of tensors is damaged"),
    "an empty stack": (pickled(b"R."), "its list of tensors is damaged"),
    "a text that is none": (pickled(b"}X\x03\x00\x00\x00\xed\xa0\x80K\x01s."), "its list of tensors is damaged"),
    "compressed parts": (lambda: zipped({"archive/data.pkl": bytes(10**7)}, zipfile.ZIP_DEFLATED), "its parts are compressed"),
    "no list": (lambda: zipped({"archive/data/0": bytes(4), "a/data.pkl/x": b""}), "it is a zip archive"),
    "two lists": (lambda: zipped({"a/data.pkl": PICKLE + b"}.", "b/data.pkl": PICKLE + b"}."}), "it has several lists"),
    "the other end first": (lambda: pickled(b"}.", byteorder=b"big"), "the largest first"),
    "a directory that is damaged": (lambda: torch_file(STATE)[:-30], "its archive is damaged"),
    "nothing": (b"", "its list of tensors is damaged"),
    "an old file that ends": (lambda: torch_file(STATE, _use_new_zipfile_serialization=False)[:-5], "within the numbers of a tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", ODD)
def test_a_file_of_torch_with_more_or_less_than_weights_is_refused(tmp_path: Path, name: str) -> None:
    made, said = ODD[name]
    path = written(tmp_path, made() if callable(made) else made, "w.pt")
    with counted(500_000):
        assert said in refused(path)


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("program", HOSTILE)
def test_what_pickles_could_do_is_not_done(tmp_path: Path, program: bytes, old: bool) -> None:
    """Instead of a mapping, and inside one."""
    whole = torch_file({}, _use_new_zipfile_serialization=False)
    for inside in (program + b".", b"}X\x01\x00\x00\x00a" + program + b"s."):
        data = (
            whole[: whole.index(b"ccollections") if b"ccollections" in whole else 137] + inside
            if old
            else pickled(inside)
        )
        assert through("load_weights", written(tmp_path, data, "w.pt")).said in {"E0811", "E0812"}


def test_a_flipped_bit_among_the_numbers_of_an_archive_is_seen(tmp_path: Path) -> None:
    data = bytearray(torch_file(STATE))
    at = data.index(STATE["a.weight"].numpy().tobytes())
    data[at + 9] ^= 4
    assert "its archive is damaged: bad crc-32" in refused(written(tmp_path, bytes(data), "w.pt"))


def test_parts_of_an_archive_that_lie_over_each_other_are_counted(tmp_path: Path) -> None:
    """Each part says that it has the bytes of the first."""
    data = bytearray(
        zipped({"archive/data.pkl": PICKLE + b"}.", **{f"archive/data/{i}": bytes(100) for i in range(9)}})
    )
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 20 : at + 28] = struct.pack("<II", 900, 900)
    assert "its parts would have 9,000 bytes" in refused(written(tmp_path, bytes(data), "w.pt"))


def test_a_list_of_tensors_has_a_limit(tmp_path: Path) -> None:
    for data in (PICKLE + b"}" * 1_100_000 + b".", PICKLE + b"}" * 9_000_000):
        path = written(tmp_path, zipped({"a/data.pkl": data}), "w.pt")
        with pytest.raises(ArchError, match="E0901"):
            checkpoints.contents(path)


# --- what is right ----------------------------------------------------------------------------------------------------


def shapes() -> dict[str, torch.Tensor]:
    """Tensors of all types, laid out in all ways that a state dictionary has."""
    whole = torch.arange(24.0).reshape(2, 3, 4)
    types = (
        "float64",
        "float16",
        "bfloat16",
        "int64",
        "int32",
        "int16",
        "int8",
        "uint8",
        "bool",
        "float8_e4m3fn",
        "uint16",
    )
    made = {name: torch.tensor([[0, 1], [1, 1]], dtype=getattr(torch, name)) for name in types}
    return {
        **made,
        "transposed": whole.transpose(0, 2),
        "slice": whole[:, 1:, ::2],
        "expanded": whole[0, 0].expand(5, 4),
        "shared": whole,
        "number": torch.tensor(3.0),
        "empty": torch.empty(0, 3),
        "parameter": torch.nn.Parameter(torch.ones(2)),
        "é.ü": torch.ones(1),
    }


@pytest.mark.parametrize("old", [False, True])
def test_the_tensors_are_those_that_torch_reads(tmp_path: Path, old: bool) -> None:
    # torch itself does not read newer types from older files
    state = {name: each for name, each in shapes().items() if not (old and name in {"float8_e4m3fn", "uint16"})}
    path = written(tmp_path, torch_file({"epoch": 3, "model": state}, _use_new_zipfile_serialization=not old), "w.pt")
    found, wanted = checkpoints.tensors(path), torch.load(path, weights_only=True)["model"]
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        assert (found[name].dtype, found[name].stride()) == (each.dtype, each.stride()), name
        assert torch.equal(found[name].to(torch.float64), each.detach().to(torch.float64)), name
    assert checkpoints.contents(path) == {name: checkpoints.entry_of(each) for name, each in wanted.items()}
    assert found["shared"].untyped_storage().data_ptr() == found["transposed"].untyped_storage().data_ptr()


def test_the_tensors_are_those_that_safetensors_reads(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    path = written(
        tmp_path, save({name: each.detach().clone().contiguous() for name, each in shapes().items()}), "w.safetensors"
    )
    found, wanted = checkpoints.tensors(path), load_file(path)
    assert found.keys() == wanted.keys()
    for name, each in wanted.items():
        assert found[name].dtype == each.dtype
        assert torch.equal(found[name].to(torch.float64), each.to(torch.float64)), name


# --- what files carry -------------------------------------------------------------------------------------------------


def carrying(held: object) -> bytes:
    return MADE + b"ARCH = " + (held if isinstance(held, bytes) else ascii(held).encode()) + b"\n"


GOOD = {"net": "n", "texts": {"n.arch": TEXT}}
CARRIED: dict[str, bytes] = {
    "a call": carrying(b"print('run')"),
    "a formatted text": carrying(b"{'net': f'{1}', 'texts': {}}"),
    "brackets without an end": carrying(b"[" * 100_000),
    "many brackets": carrying(b"[" * 100_000 + b"]" * 100_000),
    "many signs": carrying(b"(" + b"-" * 100_000 + b"1)"),
    "no texts": carrying({**GOOD, "texts": {}}),
    "texts that are none": carrying({**GOOD, "texts": {"n.arch": 1}}),
    "a list of settings": carrying({**GOOD, "set": [1]}),
    "a setting that is none": carrying({**GOOD, "set": {"classes": None}}),
    "a deep setting": carrying(
        b'{"net": "n", "texts": {"n.arch": ""}, "set": {"a": ' + b"[" * 300 + b"]" * 300 + b"}}"
    ),
    "a size that is none": carrying({**GOOD, "input": "333"}),
    "passes that are none": carrying({**GOOD, "passes": {"head(3)": 1}}),
}


@pytest.mark.parametrize("name", CARRIED)
def test_what_archdsl_would_not_write_is_damaged(tmp_path: Path, name: str) -> None:
    with counted(3_000_000), pytest.raises(ArchError, match=r"E0506.*the text that it carries is damaged"):
        archdsl.load(written(tmp_path, CARRIED[name], "m.py"))


def test_too_much_of_what_is_carried_is_a_limit_and_one_message(tmp_path: Path) -> None:
    for data in (
        carrying(b"[" + b"1," * 1_000_000 + b"]"),
        carrying(b"'" + b"[" * 9_000_000 + b"'"),
        headed({"__metadata__": {"archdsl": "[" * 9_000_000}}),
    ):
        with pytest.raises(ArchError) as found:
            archdsl.load(written(tmp_path, data, "m.bin"))
        assert (found.value.is_limit, len(found.value.diagnostics)) == (True, 1)


def test_what_stands_before_the_text_may_be_edited(tmp_path: Path) -> None:
    code = archdsl.parse(TEXT).source()
    edited = code.replace("import torch", "import torch it's (edited\n# 'ARCH = \nx = '''\nARCH = 1\n'''\n", 1)
    assert archdsl.load(written(tmp_path, edited.encode(), "m.py")).params == archdsl.parse(TEXT).params


# --- texts --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ｆｌｏａｔ", "𝐟𝐥𝐨𝐚𝐭", "ﬁ", "中文", "é"])
def test_a_name_that_python_would_read_as_another_is_no_class(name: str) -> None:
    code = archdsl.parse("INPUT[8x8x3] -> conv3-4", name=name).source()
    assert next(line for line in code.splitlines() if line.startswith("class ")).isascii()


@pytest.mark.parametrize("doc", ['## "\n## "', '## a "" \n## "', '## "\n##\n## ""', "## a\\"])
def test_a_comment_that_ends_with_quotes_ends_no_docstring(doc: str) -> None:
    text = f"{doc}\nblock b(c) = conv3-c -> relu\nINPUT[8x8x3] -> b(4) -> b(8) -> gap\n"
    compile(archdsl.parse(text).source(), "made", "exec")


@pytest.mark.parametrize("end", ['"', '""', '"""', '""""', '\\"', '\\"""', '"""\\'])
def test_a_text_that_ends_with_quotes_comes_back_as_it_is(tmp_path: Path, end: str) -> None:
    text = f"input 8x8x3\nconv3-4 # {end}"
    made = archdsl.load(written(tmp_path, archdsl.parse(text).source().encode(), "m.py"))
    assert list(made.carried.texts.values()) == [text]


# --- slices of the long programmes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_at_every_door(tmp_path: Path, part: int) -> None:
    for seed in range(part * 250, (part + 1) * 250):
        hold(seed, tmp_path)


@pytest.mark.parametrize("part", range(4))
def test_texts_with_something_wrong_at_every_door(part: int) -> None:
    for seed in range(part * 250, (part + 1) * 250):
        hold_text(seed)
