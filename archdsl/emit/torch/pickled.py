"""Pickles of `torch.save`, read without making any object that they name.

A pickle is a program for a small machine with a stack. Here it runs on values that can do nothing: the name of
something in a module is kept as a name, and a call of one gives what is known of its result. What torch itself would
not take for data is refused.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final, cast

from archdsl.base.reading import TooLarge, Unreadable
from archdsl.base.records import record
from archdsl.emit.torch.stored import BITS, MOST_AXES, MOST_NUMBERS, Stored

# an instruction takes some bytes of a file, and what it makes some seventy of memory
_BYTES_PER_INSTRUCTION = 8


@record
class Name:
    """Something of a module, by name."""

    full: str


@record
class Storage:
    """Numbers that tensors share: their type, where they are kept, how many there are."""

    dtype: str
    key: str
    count: int

    @property
    def bytes(self) -> int:
        """The bytes that it takes."""
        return self.count * _BITS_OF_STORAGES[self.dtype] // 8


@dataclass(eq=False)
class Table:
    """A mapping: what it holds by name, and whether it holds something that has no text for a name."""

    by_name: dict[str, Any] = field(default_factory=dict[str, Any])
    has_more: bool = False


@record
class Other:
    """A value that is no dense tensor. kind: what it is where that is a tensor of another sort, with its article."""

    kind: str = ""


_OTHER: Final = Other()
# where the items of a collection begin on the stack
_MARK: Final = object()


@dataclass
class _Machine:
    stack: list[Any] = field(default_factory=list[Any])
    memo: dict[int, Any] = field(default_factory=dict[int, Any])
    storages: dict[str, Storage] = field(default_factory=dict[str, Storage])

    def items(self) -> list[Any]:
        """What stands above the last mark, which goes too."""
        at = next(index for index in range(len(self.stack) - 1, -1, -1) if self.stack[index] is _MARK)
        taken = self.stack[at + 1 :]
        del self.stack[at:]
        return taken


def read(file: BytesIO, most: int) -> tuple[Any, Mapping[str, Storage]]:
    """The value of the pickle that begins here, and the storages that it names, by their keys. most: the bytes that may
    say what there is in a file. Unreadable where it is damaged, or more than data."""
    machine = _Machine()
    try:
        for count, (code, argument, _) in enumerate(pickletools.genops(file)):
            if count > most // _BYTES_PER_INSTRUCTION:
                what = "the list of tensors has too many instructions"
                raise TooLarge(what, count, most // _BYTES_PER_INSTRUCTION, "header")
            if code.name == "STOP":
                return machine.stack.pop(), machine.storages
            _STEPS.get(code.name, _unknown)(machine, argument)
    except Unreadable:
        raise
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, StopIteration, OverflowError) as error:
        # a stack that is empty, a mark or a name that is not there, a part of another type
        raise Unreadable("its list of tensors is damaged") from error
    raise Unreadable("its list of tensors is damaged")


# --- what a call gives ------------------------------------------------------------------------------------------------

# as files of torch name them; the other names of its types are the same in both places
_STORAGES: Final = {
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "UntypedStorage": "uint8",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
}
_KINDS: Final = {
    "torch._utils._rebuild_sparse_tensor": "a sparse tensor",
    "torch._utils._rebuild_sparse_csr_tensor": "a sparse tensor",
    "torch._utils._rebuild_qtensor": "a quantised tensor",
    "torch._utils._rebuild_nested_tensor": "a nested tensor",
    "torch._utils._rebuild_meta_tensor_no_storage": "a tensor without numbers",
    "torch._utils._rebuild_device_tensor_from_numpy": "a tensor of another device",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "a tensor of another device",
    "torch._utils._rebuild_wrapper_subclass": "a tensor of a class of its own",
    "torch._tensor._rebuild_from_type_v2": "a tensor of a class of its own",
    "torch.nested._internal.nested_tensor._rebuild_njt": "a nested tensor",
}
_HARMLESS: Final = frozenset(
    {
        "torch.Size",
        "torch.device",
        "torch.serialization._get_layout",
        "torch.per_tensor_affine",
        "torch.per_channel_affine",
        "collections.Counter",
        "collections.defaultdict",
        "builtins.set",
        "builtins.complex",
        "builtins.bytearray",
        "_codecs.encode",
        "torch._utils._rebuild_parameter_with_state",
        *_KINDS,
    }
)
_MAPPING = "collections.OrderedDict"
_PARAMETER = "torch._utils._rebuild_parameter"
# with how many arguments at least; the seventh is a type
_WITH_TYPE: Final = 7
_TENSORS: Final = {
    "torch._utils._rebuild_tensor": 4,
    "torch._utils._rebuild_tensor_v2": 6,
    "torch._utils._rebuild_tensor_v3": _WITH_TYPE,
}
_BITS_OF_STORAGES: Final = {**BITS, "complex64": 64, "complex128": 128, "qint8": 8, "quint8": 8, "qint32": 32}
_TYPES: Final = frozenset(f"torch.{dtype}" for dtype in BITS)


def _name(machine: _Machine, argument: str) -> None:
    """A name is one of those that stand for data."""
    full = argument.replace(" ", ".", 1)
    module, _, last = full.rpartition(".")
    storage = module in {"torch", "torch.storage", "torch.cuda"} and last in _STORAGES
    if not (storage or full in {_MAPPING, _PARAMETER, *_TENSORS} or full in _HARMLESS or full in _TYPES):
        raise Unreadable(f"it needs `{full[:80]}`, and nothing that stands in such a file is run")
    machine.stack.append(Name(full))


def _call(machine: _Machine, _: object) -> None:
    arguments, called = machine.stack.pop(), machine.stack.pop()
    if not isinstance(called, Name) or not isinstance(arguments, tuple):
        raise TypeError
    machine.stack.append(_result(called.full, cast("tuple[Any, ...]", arguments)))


def _result(called: str, arguments: tuple[Any, ...]) -> Any:
    if called == _MAPPING:
        return Table()
    if called.startswith(_PARAMETER):
        return arguments[0]
    if called in _TENSORS:
        return _view(arguments, _TENSORS[called])
    return Other(_KINDS[called]) if called in _KINDS else _OTHER


def _view(arguments: tuple[Any, ...], count: int) -> Stored | Other:
    """A dense tensor, whose numbers lie within their storage."""
    storage, offset, shape, stride = arguments[:4]
    if len(arguments) < count or not isinstance(storage, Storage):
        raise TypeError
    if not (isinstance(shape, tuple) and isinstance(stride, tuple)):
        raise TypeError
    sizes, steps = cast("tuple[Any, ...]", shape), cast("tuple[Any, ...]", stride)
    if not len(sizes) == len(steps) <= MOST_AXES or not all(map(_is_count, (offset, *sizes, *steps))):
        raise TypeError
    dtype = arguments[6].full.removeprefix("torch.") if count == _WITH_TYPE else storage.dtype
    if dtype not in BITS:
        return Other(f"a tensor of {dtype}")
    made = Stored(dtype, sizes, steps, storage.key, offset)
    if made.reach * BITS[dtype] > storage.bytes * 8:
        raise Unreadable("a tensor has more numbers than its storage")
    return made


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_NUMBERS


def _storage(machine: _Machine, _: object) -> None:
    """A storage, by what stands in place of it."""
    word, kind, key, _device, count, *more = machine.stack.pop()
    if word != "storage" or not isinstance(key, str) or not _is_count(count):
        raise TypeError
    if any(each is not None for each in more):
        raise Unreadable("it has storages that are parts of others, as torch wrote them long ago")
    made = Storage(_STORAGES[kind.full.rpartition(".")[2]], key, count)
    if machine.storages.setdefault(key, made) != made:
        raise Unreadable("two of its storages have one name")
    machine.stack.append(made)


# --- instructions -----------------------------------------------------------------------------------------------------


def _nothing(_machine: _Machine, _: object) -> None:
    """A note, such as which version of pickles it is."""


def _unknown(_machine: _Machine, _: object) -> None:
    raise Unreadable("its list of tensors has instructions that `torch.save` does not write")


def _value(machine: _Machine, argument: object) -> None:
    machine.stack.append(argument)


def _text(machine: _Machine, argument: str) -> None:
    argument.encode()  # UnicodeEncodeError is a ValueError: half a character is no text
    machine.stack.append(argument)


def _constant(make: Callable[[], object]) -> Callable[[_Machine, Any], None]:
    return lambda machine, _: machine.stack.append(make())


def _tuple(count: int) -> Callable[[_Machine, Any], None]:
    def step(machine: _Machine, _: object) -> None:
        if len(machine.stack) < count:
            raise IndexError
        taken = tuple(machine.stack[-count:])
        machine.stack[-count:] = [taken]

    return step


def _remember(machine: _Machine, argument: int) -> None:
    machine.memo[argument] = machine.stack[-1]


def _put(machine: _Machine, items: list[Any]) -> None:
    """Names and values into a mapping; what is no mapping here was one of a kind that holds no weights."""
    held = machine.stack[-1]
    if isinstance(held, Table):
        for name, value in zip(items[::2], items[1::2], strict=True):
            # only the names of weights are kept: of others, such as numbers, a file could have many with one hash
            if isinstance(name, str):
                held.by_name[name] = value
            else:
                held.has_more = True
    elif not isinstance(held, Other):
        raise TypeError


def _append(machine: _Machine, items: list[Any]) -> None:
    held = machine.stack[-1]
    if isinstance(held, list):
        cast("list[Any]", held).extend(items)
    elif not isinstance(held, Other):
        raise TypeError


_STEPS: Final[Mapping[str, Callable[[_Machine, Any], None]]] = {
    "PROTO": _nothing,
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _value),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINSTRING", "BINSTRING"), _text),
    "NONE": _constant(lambda: None),
    "NEWTRUE": _constant(lambda: True),
    "NEWFALSE": _constant(lambda: False),
    "EMPTY_DICT": _constant(Table),
    "EMPTY_LIST": _constant(list[Any]),
    "EMPTY_SET": _constant(lambda: _OTHER),
    "EMPTY_TUPLE": _constant(lambda: ()),
    "MARK": _constant(lambda: _MARK),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.items())),
    **{f"TUPLE{count}": _tuple(count) for count in (1, 2, 3)},
    "SETITEM": lambda machine, _: _put(machine, [machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: _put(machine, machine.items()),
    "APPEND": lambda machine, _: _append(machine, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: _append(machine, machine.items()),
    "ADDITEMS": lambda machine, _: _append(machine, machine.items()),
    "BINPUT": _remember,
    "LONG_BINPUT": _remember,
    "BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "LONG_BINGET": lambda machine, argument: machine.stack.append(machine.memo[argument]),
    "GLOBAL": _name,
    "REDUCE": _call,
    "NEWOBJ": _call,
    "BINPERSID": _storage,
    # the state of an object: of a mapping, what torch notes about versions
    "BUILD": lambda machine, _: machine.stack.pop(),
}
