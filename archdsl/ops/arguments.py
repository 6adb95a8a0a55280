"""The arguments of an operator, declared as the fields of its class and checked here, once for all operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, field, fields, replace
from enum import Enum, StrEnum
from functools import cache
from typing import Any, ClassVar, Final, Protocol, TypeVar, assert_never, cast

from archdsl.algebra.symbolic import at_example
from archdsl.base.limits import LARGEST
from archdsl.base.records import record
from archdsl.base.settings import is_whole
from archdsl.ops.faults import BadArgument, MissingArgument, Reject, UnknownArgument, WrongType

Axes = int | tuple[int, ...]


class _Required(Enum):
    REQUIRED = "required"


REQUIRED: Final = _Required.REQUIRED


class Role(StrEnum):
    """The shorthand that sets an argument besides its name: `conv3-64/2` sets window, width and stride."""

    WINDOW = "window"
    WIDTH = "width"
    STRIDE = "stride"
    NONE = ""


class ArgumentKind(StrEnum):
    """What values an argument takes, in the words of the messages."""

    INTEGER = "a whole number"
    AXES = "a whole number, or one for each axis"
    NUMBER = "a number"
    FLAG = "`true` or `false`"
    CHOICE = "one of its words"
    NUMBERS = "a list of numbers"
    LAYER = "a layer that `share` declares"


@record(slots=True)
class Argument:
    """One declared argument: what it takes, within which bounds, and one line about it.

    `required` arguments have no default. `low` and `high` are inclusive. typical: what an example gives it.
    """

    name: str
    kind: ArgumentKind
    doc: str
    role: Role = Role.NONE
    default: object = REQUIRED
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    typical: object = None

    @property
    def required(self) -> bool:
        """Whether the operator cannot do without."""
        return self.default is REQUIRED

    def accept(self, value: object) -> object:
        """The value as the operator holds it; Reject where it is of the wrong kind or out of bounds."""
        if value is None and self.default is None:
            return None
        if not self._takes(value):
            raise self._refusal(value)
        for item in _items(value):
            if isinstance(item, (int, float)):
                self._require_within_bounds(item)
        return value

    def _takes(self, value: object) -> bool:
        match self.kind:
            case ArgumentKind.INTEGER:
                return is_whole(value)
            case ArgumentKind.AXES:
                return is_whole(value) or _is_list_of(is_whole, value)
            case ArgumentKind.NUMBER:
                return _is_number(value)
            case ArgumentKind.NUMBERS:
                return _is_list_of(_is_number, value)
            case ArgumentKind.FLAG:
                return isinstance(value, bool)
            case ArgumentKind.CHOICE:
                return value in self.choices
            case ArgumentKind.LAYER:
                return isinstance(value, SharedLayer)
            case _:
                assert_never(self.kind)

    def _refusal(self, value: object) -> Reject:
        if self.kind is ArgumentKind.CHOICE and isinstance(value, str):
            reason = f"`{value}` is none of {', '.join(f'`{choice}`' for choice in self.choices)}"
            return Reject(BadArgument(self.name, reason), self.name)
        return Reject(WrongType(self.name, self.kind, shown(value)), self.name)

    def _require_within_bounds(self, number: float) -> None:
        if self.low is not None and number < self.low:
            raise Reject(BadArgument(self.name, f"{number:,} is below {self.low:,}"), self.name)
        # beyond any network: an open size is judged by its example alone
        high, judged = (LARGEST, at_example(number)) if self.high is None else (self.high, number)
        if judged > high:
            raise Reject(BadArgument(self.name, f"{number:,} is above {high:,}"), self.name)


def shown(value: object) -> str:
    """A value in a message: cut where it is long."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            items = cast("tuple[object, ...]", value)
            return f"a list of {len(items)}"
        case str():
            return f'`"{value[:40]}"`'
        case int():
            return f"`{value}`"
        case float():
            text = f"{value:.6g}"
            # a whole number with a fraction is not a whole number
            return f"`{text}.0`" if text.removeprefix("-").isdigit() else f"`{text}`"
        case _:
            return f"the {str(value)[:40]}"


@record(slots=True)
class SharedLayer:
    """A layer that `share` declares, as an argument: its name, and the shapes of its learned tensors by name."""

    name: str
    weights: tuple[tuple[str, tuple[int, ...]], ...]

    def __str__(self) -> str:
        return self.name


@record(slots=True)
class Operand:
    """A tensor that an operator takes besides the one that comes in: its name, and one line about it."""

    name: str
    doc: str
    required: bool = False


def _items(value: object) -> tuple[object, ...]:
    """The items of a list, or a single value as a list of one."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_list_of(fits: Callable[[object], bool], value: object) -> bool:
    return isinstance(value, tuple) and value != () and all(map(fits, _items(cast("tuple[object, ...]", value))))


# --- how a class declares them ----------------------------------------------------------------------------------------


def _declared(kind: ArgumentKind, doc: str, default: object, role: Role = Role.NONE, **bounds: Any) -> Any:
    made = Argument("", kind, doc, role, default, **bounds)
    return field(default=cast("Any", MISSING if default is REQUIRED else default), metadata={"argument": made})


def window(doc: str = "window, one size or one for each axis", default: object = REQUIRED) -> Any:
    """The digits in the name: `conv3`, `conv1x7`."""
    return _declared(ArgumentKind.AXES, doc, default, Role.WINDOW, low=1)


def width(doc: str = "output channels", default: object = REQUIRED) -> Any:
    """The number after the hyphen: `conv3-64`."""
    return _declared(ArgumentKind.INTEGER, doc, default, Role.WIDTH, low=1)


def stride(doc: str = "stride, one or one for each axis", default: object = 1) -> Any:
    """The number after the slash: `conv3-64/2`."""
    return _declared(ArgumentKind.AXES, doc, default, Role.STRIDE, low=1)


def axes(doc: str, default: object = REQUIRED, low: int | None = None, typical: object = None) -> Any:
    """A whole number, or one for each axis of the grid."""
    return _declared(ArgumentKind.AXES, doc, default, low=low, typical=typical)


def integer(
    doc: str, default: object = REQUIRED, low: int | None = 1, high: int | None = None, typical: object = None
) -> Any:
    """A whole number."""
    return _declared(ArgumentKind.INTEGER, doc, default, low=low, high=high, typical=typical)


def number(doc: str, default: object = REQUIRED, low: float | None = None, high: float | None = None) -> Any:
    """A number."""
    return _declared(ArgumentKind.NUMBER, doc, default, low=low, high=high)


def numbers(doc: str, default: object = REQUIRED) -> Any:
    """A list of numbers."""
    return _declared(ArgumentKind.NUMBERS, doc, default)


def flag(doc: str, default: object = REQUIRED) -> Any:
    """True or false."""
    return _declared(ArgumentKind.FLAG, doc, default)


def choice(doc: str, choices: tuple[str, ...], default: object = REQUIRED) -> Any:
    """One of some words."""
    return _declared(ArgumentKind.CHOICE, doc, default, choices=choices)


def layer(doc: str) -> Any:
    """A layer that `share` declares."""
    return _declared(ArgumentKind.LAYER, doc, REQUIRED)


def given() -> Any:
    """The names of the operands that a text gives, in the order in which the operator's class declares them."""
    return field(default=())


class Declares(Protocol):
    """What declares arguments as the fields of its class: an operator."""

    word: ClassVar[str]
    operands: ClassVar[tuple[Operand, ...]]

    @classmethod
    def usage(cls, missing: str) -> str:
        """An example of how an argument is written."""
        ...


_Bound = TypeVar("_Bound", bound=Declares)


@cache
def arguments(operator: type[Declares]) -> Mapping[str, Argument]:
    """The declared arguments of an operator's class, by name, in the order of positional arguments."""
    return {each.name: _named(each) for each in fields(cast("Any", operator)) if "argument" in each.metadata}


def _named(each: Field[Any]) -> Argument:
    return replace(cast("Argument", each.metadata["argument"]), name=each.name)


@cache
def roles(operator: type[Declares]) -> Mapping[Role, str]:
    """The names of the arguments that a shorthand sets."""
    return {each.role: each.name for each in arguments(operator).values() if each.role is not Role.NONE}


@cache
def _required(operator: type[Declares]) -> tuple[Argument, ...]:
    return tuple(each for each in arguments(operator).values() if each.required)


def bind(operator: type[_Bound], given: Mapping[str, object], operands: frozenset[str] = frozenset()) -> _Bound:
    """An operator with these arguments, each checked, that takes the tensors of these names; Reject names the one at
    fault."""
    declared = arguments(operator)
    for name in given:
        if name not in declared:
            raise Reject(UnknownArgument(operator.word, name, tuple(declared)), name)
    for argument in _required(operator):
        if (name := argument.name) not in given:
            raise Reject(MissingArgument(operator.word, name, argument.doc, operator.usage(name)), name)
    accepted = {name: declared[name].accept(value) for name, value in given.items()}
    if not operator.operands:
        return operator(**accepted)
    for each in operator.operands:
        if each.required and each.name not in operands:
            how = f"{operator.word}({each.name}=...)"
            raise Reject(MissingArgument(operator.word, each.name, each.doc, how), each.name)
    names = tuple(each.name for each in operator.operands if each.name in operands)
    return cast("Any", operator)(**accepted, given=names)
