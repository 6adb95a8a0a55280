"""A record is a frozen dataclass in all that can be seen of it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, FrozenInstanceError, dataclass, field, fields, is_dataclass, replace
from inspect import signature
from typing import Any, ClassVar, get_type_hints

import pytest

from archdsl.base.records import record

KINDS = [{}, {"slots": True}, {"eq": False}, {"eq": False, "slots": True}, {"repr": False}]
IDS = [",".join(options) or "plain" for options in KINDS]

PAIRS: dict[str, dict[str, tuple[type, type]]] = {}


def both(make: Callable[[Callable[[type], type]], type]) -> Callable[[type], type]:
    """Makes a class as a record and as a dataclass, in each kind of both."""
    PAIRS[make.__name__] = {
        name: (make(record(**options)), make(dataclass(frozen=True, **options)))
        for name, options in zip(IDS, KINDS, strict=True)
    }
    return make


@both
def Plain(made):
    @made
    class Plain:
        """Two fields, one with a value of its own."""

        LIMIT: ClassVar[int] = 3
        name: str
        size: int = LIMIT

        def area(self) -> int:
            return self.size**2

    return Plain


@both
def Kept(made):
    @made
    class Kept:
        names: list[str] = field(default_factory=list)
        inside: dict[str, int] = field(default_factory=dict, init=False, compare=False)
        hidden: int = field(default=4, repr=False, hash=False)

    return Kept


@both
def ByName(made):
    @made
    class ByName:
        first: int
        _: KW_ONLY
        second: int
        third: int = 3
        fourth: int = field(default=4, kw_only=False)

    return ByName


@both
def Derived(made):
    @made
    class Base:
        first: int
        second: int = 2

        def __post_init__(self) -> None:
            if self.first == self.second:
                raise ValueError("two of a kind")

    @made
    class Derived(Base):
        third: tuple[int, ...] = ()
        first: int = 7

    return Derived


@both
def Own(made):
    @made
    class Own:
        first: int

        def __eq__(self, other: object) -> bool:
            return isinstance(other, int) and other == self.first

        def __hash__(self) -> int:
            return 5

        def __repr__(self) -> str:
            return f"<own {self.first}>"

    return Own


@both
def Empty(made):
    @made
    class Empty:
        pass

    return Empty


GIVEN: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("Plain", ("a",), {}),
    ("Plain", ("a", 4), {}),
    ("Plain", (), {"size": 1, "name": "b"}),
    ("Plain", (), {}),
    ("Plain", ("a", 1, 2), {}),
    ("Plain", ("a",), {"name": "b"}),
    ("Plain", ("a",), {"colour": "b"}),
    ("Kept", (), {}),
    ("Kept", (["x"],), {"hidden": 5}),
    ("Kept", (), {"inside": {}}),
    ("ByName", (1,), {"second": 2}),
    ("ByName", (1, 9), {"second": 2, "third": 8}),
    ("ByName", (1, 2, 3), {}),
    ("ByName", (1,), {}),
    ("Derived", (), {}),
    ("Derived", (1, 3), {"third": (1,)}),
    ("Derived", (2,), {}),
    ("Own", (3,), {}),
    ("Empty", (), {}),
]


@pytest.mark.parametrize("name", [name for name in PAIRS if name != "Empty"])
@pytest.mark.parametrize("kind", IDS)
def test_the_signature_of_a_record_is_that_of_a_dataclass(kind, name):
    shown = [str(signature(made)) for made in PAIRS[name][kind]]
    assert shown[0] == shown[1]


def outcome(work: Callable[[], Any]) -> Any:
    """What something gives, or what it is refused with."""
    try:
        return work()
    except (TypeError, ValueError) as error:
        return type(error), str(error)


@pytest.mark.parametrize(("name", "given", "named"), GIVEN)
@pytest.mark.parametrize("kind", IDS)
def test_a_record_is_made_shown_compared_and_hashed_as_a_dataclass_is(kind, name, given, named):
    seen = []
    for made in PAIRS[name][kind]:
        one, other = (outcome(lambda made=made: made(*given, **named)) for _ in range(2))
        if isinstance(one, tuple):
            assert one == other
            seen.append(one)
            continue
        values = {each.name: getattr(one, each.name) for each in fields(one)}
        # a hash of what is one object, and what is shown of one, are of that object alone
        own = "eq" in kind and name != "Own"
        shown = repr(one) if kind != "repr" or name == "Own" else None
        hashed = None if own else outcome(lambda one=one: hash(one))
        seen.append((values, one == other, one != other, one == values.get("first"), shown, hashed, one.__match_args__))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("kind", IDS)
def test_a_record_does_not_change_and_is_replaced_as_a_dataclass_is(kind):
    for made in PAIRS["Plain"][kind]:
        one = made("a", 2)
        with pytest.raises(FrozenInstanceError, match="cannot assign to field 'size'"):
            one.size = 3
        with pytest.raises(FrozenInstanceError, match="cannot delete field 'size'"):
            del one.size
        changed = replace(one, size=5)
        assert (changed.name, changed.size, changed.area(), one.size) == ("a", 5, 25, 2)
        assert is_dataclass(one)
        assert get_type_hints(made) == {"LIMIT": ClassVar[int], "name": str, "size": int}
        with pytest.raises(TypeError):
            replace(one, colour=5)


@record
class Whole:
    first: int
    second: tuple[int, ...] = ()


@record(slots=True)
class Slotted:
    first: int
    second: tuple[int, ...] = ()


@record(slots=True)
class MoreSlotted(Slotted):
    third: int = 3


@pytest.mark.parametrize("made", [Whole, Slotted, MoreSlotted])
def test_records_are_copied_and_pickled(made):
    one = made(1, (2, 3))
    for other in (copy.copy(one), copy.deepcopy(one), *(pickle.loads(pickle.dumps(one, each)) for each in range(2, 6))):
        assert other == one
        assert type(other) is made
    assert hasattr(one, "__dict__") is (made is Whole)


def test_copies_are_whole_before_the_first_of_their_kind_is_made():
    """A copy is made without `__init__`; comparing, hashing and showing it may be what comes first."""

    def fresh() -> Any:
        @record
        class Fresh:
            first: int

        one = object.__new__(Fresh)
        vars(one)["first"] = 3
        return one

    assert repr(fresh()).endswith("Fresh(first=3)")
    assert hash(fresh()) == hash((3,))
    one = fresh()
    assert one == copy.copy(one)


def test_records_match_patterns():
    match Whole(1, (2,)):
        case Whole(1, second):
            assert second == (2,)
        case _:
            pytest.fail("no match")


def test_the_first_of_a_kind_can_be_made_in_many_threads():
    for _ in range(20):

        @record
        class Fresh:
            first: int
            second: list[int] = field(default_factory=list)

        with ThreadPoolExecutor(16) as pool:
            made = list(pool.map(Fresh, range(64)))
        assert [each.first for each in made] == list(range(64))
        assert len({id(each.second) for each in made}) == 64


def test_a_class_between_records_makes_its_own_start():
    @record
    class Base:
        first: int

    class Between(Base):
        def __init__(self, first: int) -> None:
            super().__init__(first + 1)

    @record
    class Last(Between):
        second: int = 2

    assert (Between(1).first, Last(5).first, Last(5).second) == (2, 5, 2)
    assert Base(1) != Last(1)
    assert Between(1) == Between(1)
