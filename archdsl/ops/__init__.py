"""The operators. One file a family, one class an operator; the registry is a function of the listed files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import isabstract
from types import ModuleType
from typing import Any, cast, final

from archdsl.ops import (
    activation,
    attention,
    conv,
    dense,
    embedding,
    merge,
    norm,
    pool,
    rearrange,
    recurrent,
    regular,
    resample,
)
from archdsl.ops.operator import Operator

OperatorClass = type[Operator[Any]]


@final
class Operators(Mapping[str, OperatorClass]):
    """The operators that a text may use, by every word they go by, in small letters."""

    def __init__(self, classes: tuple[OperatorClass, ...]) -> None:
        self.classes = classes
        self._by_word: dict[str, OperatorClass] = {}
        for each in classes:
            for word in (each.word, *each.aliases):
                if self._by_word.setdefault(word, each) is not each:
                    raise TypeError(f"{each.__name__} and {self._by_word[word].__name__} share the word {word}")

    # two registries are equal only if they are one: a registry can then be a field of what is frozen
    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> tuple[object, ...]:
        # the registry that comes along is the same one wherever it is read back
        return (_builtin, ()) if self is OPERATORS else (type(self), (self.classes,))

    def __getitem__(self, word: str) -> OperatorClass:
        return self._by_word[word]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_word)

    def __len__(self) -> int:
        return len(self._by_word)


def _builtin() -> Operators:
    return OPERATORS


def collect(*modules: ModuleType) -> Operators:
    """The operators that these modules define: the concrete subclasses of `Operator`, in the order of the files.

    A class that forgets a rule cannot be collected. A tool that embeds the compiler adds its own modules to the list.
    """
    classes: list[OperatorClass] = []
    for module in modules:
        for each in vars(module).values():
            if not isinstance(each, type) or not issubclass(each, Operator) or each.__module__ != module.__name__:
                continue
            if "word" not in each.__dict__:
                continue
            found = cast("OperatorClass", each)
            if isabstract(found):
                missing = ", ".join(sorted(found.__abstractmethods__))
                raise TypeError(f"operator {found.__name__} does not state {missing}")
            for name in ("style", "__doc__"):
                if not getattr(found, name, None):
                    raise TypeError(f"operator {found.__name__} does not state {name}")
            classes.append(found)
    return Operators(tuple(classes))


BUILTIN = (conv, pool, dense, norm, activation, regular, resample, rearrange, embedding, recurrent, attention, merge)
OPERATORS = collect(*BUILTIN)
