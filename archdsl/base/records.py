"""Frozen dataclasses that cost little until one is made.

archdsl says what it knows in some four hundred small classes of values, of which a command makes a few. A frozen
dataclass has six functions written and compiled as its module is imported, needed or not: half of the time that a
command took to start. A record is a frozen dataclass whose functions are compiled, together, when the first of its kind
is made. `fields`, `replace`, `match`, signatures, copies and pickles are those of a dataclass; but what derives from a
record is another record, or a plain class, and no frozen dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, cast, dataclass_transform, overload

if TYPE_CHECKING:
    from inspect import Signature

T = TypeVar("T")

_COMPILED: Final = ("__init__", "__eq__", "__hash__")


@overload
def record(kind: type[T], /) -> type[T]: ...
@overload
def record(*, eq: bool = True, repr: bool = True, slots: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def record(
    kind: type | None = None,
    /,
    *,
    eq: bool = True,
    repr: bool = True,  # noqa: A002 - as dataclasses call it
    slots: bool = False,
) -> Any:
    """Makes a class a record.

    eq: whether two that have equal fields are equal, or only what is one object. repr: whether its `repr` shows its
    fields. slots: whether it holds its fields alone, and nothing that is worked out once and kept.
    """

    def recorded(kind: type) -> Any:
        wanted = [name for name in _COMPILED if (eq or name == "__init__") and not _defines(kind, name)]
        own_repr = not repr or "__repr__" in vars(kind)
        # slots need a class of their own
        made: Any = cast("Any", dataclass(init=False, repr=False, eq=False, slots=slots))(kind)
        for name in wanted:
            setattr(made, name, _compiling(made, name, wanted))
        if "__init__" in wanted:
            made.__signature__ = _SignatureOf(made)
        if not own_repr:
            made.__repr__ = _repr
        made.__setattr__, made.__delattr__ = _set_nothing, _delete_nothing
        if slots:
            made.__getstate__, made.__setstate__ = _state, _take_state
        return made

    return recorded if kind is None else recorded(kind)


def _defines(kind: type, name: str) -> bool:
    """Whether a class says itself what a method does. Python notes of one that defines `__eq__` alone that it has no
    hash; that is no word of the class."""
    return vars(kind).get(name) is not None


def _compiling(kind: type, name: str, wanted: list[str]) -> Callable[..., Any]:
    """A method that first compiles itself and the others that are wanted, which take their places."""

    def first(*given: Any, **named: Any) -> Any:
        for each, function in _compiled(kind).items():
            if each in wanted:
                setattr(kind, each, function)
        return getattr(kind, name)(*given, **named)

    first.__name__, first.__qualname__ = name, f"{kind.__qualname__}.{name}"
    return first


def _compiled(kind: type) -> dict[str, Callable[..., Any]]:
    """The functions of a kind, from one source."""
    all_fields = fields(cast("Any", kind))
    scope: dict[str, Any] = {"_set": object.__setattr__, "_MISSING": MISSING}
    parameters: list[str] = []
    body: list[str] = []
    for each in sorted(all_fields, key=_is_by_name):
        name = value = each.name
        if each.default_factory is not MISSING:
            scope[f"_make_{name}"] = each.default_factory
            default, value = "_MISSING", f"_make_{name}() if {name} is _MISSING else {name}"
        elif each.default is not MISSING:
            scope[f"_default_{name}"] = each.default
            default = f"_default_{name}"
        else:
            default = ""
        if each.init:
            parameters += ["*"] if _is_by_name(each) and "*" not in parameters else []
            parameters.append(f"{name}={default}" if default else name)
        elif not default:
            # it is left to `__post_init__`
            continue
        else:
            value = f"_make_{name}()" if value != name else default
        slot = getattr(kind, name, None)
        if isinstance(slot, MemberDescriptorType):
            scope[f"_set_{name}"] = slot.__set__
            body.append(f"_set_{name}(self, {value})")
        else:
            body.append(f"_set(self, {name!r}, {value})")
    if hasattr(kind, "__post_init__"):
        body.append("self.__post_init__()")
    own, others = (_tuple(it, (each for each in all_fields if each.compare)) for it in ("self", "other"))
    hashed = _tuple("self", (each for each in all_fields if (each.compare if each.hash is None else each.hash)))
    # the names of fields are names of Python, and nothing else of a field is text here
    exec(  # noqa: S102
        f"""
def __init__(self, {", ".join(parameters)}):
    {"; ".join(body) or "pass"}

def __eq__(self, other):
    return {own} == {others} if other.__class__ is self.__class__ else NotImplemented

def __hash__(self):
    return hash({hashed})
""",
        scope,
    )
    made = {name: scope[name] for name in _COMPILED}
    for name, function in made.items():
        function.__qualname__ = f"{kind.__qualname__}.{name}"
    return made


class _SignatureOf:
    """The signature of a kind of record, made when somebody asks, as help and completion do."""

    def __init__(self, kind: type) -> None:
        self._kind = kind

    def __get__(self, _one: object, owner: type) -> Signature:
        if owner is not self._kind:
            raise AttributeError("__signature__")
        from inspect import Parameter, Signature

        made: list[Parameter] = []
        for each in sorted(fields(cast("Any", owner)), key=_is_by_name):
            kind = Parameter.KEYWORD_ONLY if _is_by_name(each) else Parameter.POSITIONAL_OR_KEYWORD
            is_made = each.default_factory is not MISSING
            default = each.default if each.default is not MISSING else _MADE if is_made else Parameter.empty
            if each.init:
                made.append(Parameter(each.name, kind, default=default, annotation=each.type))
        return Signature(made, return_annotation=None)


class _Made:
    """In a signature, a value that is made anew for each."""

    def __repr__(self) -> str:
        return "<factory>"


_MADE: Final = _Made()


def _is_by_name(each: Field[Any]) -> bool:
    return each.kw_only is True


def _tuple(of: str, some: Iterable[Field[Any]]) -> str:
    return f"({''.join(f'{of}.{each.name}, ' for each in some)})"


def _repr(self: Any) -> str:
    values = (f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr)
    return f"{type(self).__qualname__}({', '.join(values)})"


def _set_nothing(_self: object, name: str, _value: object) -> NoReturn:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _delete_nothing(_self: object, name: str) -> NoReturn:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[object]:
    return [getattr(self, each.name) for each in fields(self)]


def _take_state(self: Any, state: list[object]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)
