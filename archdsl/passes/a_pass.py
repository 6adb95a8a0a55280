"""A pass: a change of a network that says of every tensor where it comes from.

It is a frozen dataclass whose fields are its options. A pass that changes layers one by one has `Rules`, which
`rewrite` follows; any other makes the new module itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from inspect import cleandoc
from typing import ClassVar

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.text import Place
from archdsl.graph.module import Module
from archdsl.passes.faults import BadPassOption, CannotChange
from archdsl.passes.options import BadOption, options, written
from archdsl.passes.origins import Rewritten
from archdsl.passes.proof import check


class Pass(ABC):
    """What a user asks for. word: its name. example: how it is written, with options if it takes some."""

    word: ClassVar[str]
    example: ClassVar[str]

    def __post_init__(self) -> None:
        try:
            for name, option in options(type(self)).items():
                object.__setattr__(self, name, option.accept(getattr(self, name)))
        except BadOption as error:
            raise self.bad(str(error)) from None

    @classmethod
    def bad(cls, reason: str) -> ArchError:
        """What is wrong with its options."""
        return ArchError([Diagnostic(BadPassOption(cls.word, reason, cls.example))])

    @property
    @abstractmethod
    def changes(self) -> tuple[Change, ...]:
        """The changes that it consists of, in their order."""

    @classmethod
    def manual(cls) -> str:
        """The page of the pass: what it does."""
        return cleandoc(cls.__doc__ or "")

    def __str__(self) -> str:
        given = [written(getattr(self, name)) for name in options(type(self))]
        return f"{self.word}({', '.join(given)})" if given else self.word


class Change(Pass):
    """A pass that is one change."""

    @property
    def changes(self) -> tuple[Change, ...]:
        return (self,)

    @abstractmethod
    def rewritten(self, root: Module) -> Rewritten:
        """The changed network with its origins. ArchError where it cannot be changed so."""

    def refusal(self, path: str, *places: Place, reason: str, notes: Sequence[str] = ()) -> ArchError:
        """The error of a pass that cannot do what it is asked: because of a layer, or the network if the path is empty.

        places: where it is written, after the calls that lead there, the outermost first. Shown is the innermost in the
        text of the network, and with it what a block from elsewhere has there.
        """
        own = [each for each in places if each.source is places[0].source]
        also = () if own[-1] is places[-1] else ((places[-1], "this layer of it"),)
        return ArchError([Diagnostic(CannotChange(str(self), path, reason, tuple(notes)), own[-1], also)])


def applied(root: Module, change: Change) -> Rewritten:
    """A network after one change, every tensor accounted for."""
    made = change.rewritten(root)
    check(root, made)
    return made


def all_changes(passes: Sequence[Pass]) -> tuple[Change, ...]:
    """The changes that some passes consist of, in their order."""
    return tuple(change for each in passes for change in each.changes)
