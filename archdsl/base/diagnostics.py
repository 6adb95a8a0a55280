"""Diagnostics: what is wrong with a text, as data.

A fault is a frozen dataclass with the facts; its class holds the code, the words and the manual page. The faults of a
room stand together in that room, so that they can be proof-read as one text. A diagnostic is a fault
with places. Rendering them is the business of `report.messages`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from inspect import cleandoc, isabstract
from typing import ClassVar, NamedTuple

from archdsl.base.escaped import visible
from archdsl.base.records import record
from archdsl.base.text import Place


class Severity(StrEnum):
    """How much a diagnostic weighs. An error means no network; a limit is an error that the host can lift."""

    ERROR = "error"
    LIMIT = "limit"
    WARNING = "warning"


class Edit(NamedTuple):
    """A change of the text that is certain to be meant: put `text` in the place."""

    place: Place
    text: str


class Fault(ABC):
    """One kind of thing that can be wrong. A subclass is a dataclass of facts; its docstring is its manual page.

    code: `E0304`; the first two digits say the stage. title: the page's heading. example: a text that has the fault,
    or nothing where no short text can show it. A subclass without a code is a group of faults.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    example: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "code" not in cls.__dict__:
            return
        for name in ("title", "example", "__doc__"):
            if cls.__dict__.get(name) is None:
                raise TypeError(f"{cls.__name__} states no {name}")

    @property
    @abstractmethod
    def message(self) -> str:
        """One line that stands alone."""

    @property
    def label(self) -> str:
        """The short words under the caret."""
        return ""

    @property
    def notes(self) -> tuple[str, ...]:
        """Lines with the numbers."""
        return ()

    @property
    def help(self) -> str | None:
        """The change proposed, if there is one."""
        return None

    @classmethod
    def page(cls) -> str:
        """The manual page's prose."""
        return cleandoc(cls.__doc__ or "")


@record
class Diagnostic:
    """A fault and its places.

    place: where it is (None where no text is at fault, as for a file that is missing). also: places that belong to
    it with a label each, such as where a shape was made or the calls that led here.
    """

    fault: Fault
    place: Place | None = None
    also: tuple[tuple[Place, str], ...] = ()
    edit: Edit | None = None

    @property
    def code(self) -> str:
        """The code of the fault, such as `E0304`."""
        return self.fault.code

    @property
    def severity(self) -> Severity:
        """How much it weighs."""
        return self.fault.severity

    @property
    def message(self) -> str:
        """One line that stands alone."""
        return self.fault.message

    @property
    def concise(self) -> str:
        """The diagnostic in one line: `file:line:col: code message`."""
        where = ""
        if self.place is not None and self.place.line is not None:
            line, column = self.place.line_column
            where = f"{self.place.source.name}:{line}:{column}: "
        return f"{where}{self.code} {self.message}"


class ArchError(Exception):
    """A text that gives no network, or a request that passes a limit. `diagnostics` says why, in the text's order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n".join(map(_told, self.diagnostics)))

    def __reduce__(self) -> tuple[type[ArchError], tuple[tuple[Diagnostic, ...]]]:
        return type(self), (self.diagnostics,)

    @property
    def is_limit(self) -> bool:
        """Whether every error is a limit that was passed."""
        return all(each.severity is Severity.LIMIT for each in self.diagnostics)


def _told(diagnostic: Diagnostic) -> str:
    """A diagnostic as an exception says it: in one line, with what there is to say about it where no text shows it."""
    fault = diagnostic.fault
    about = (*fault.notes, *([fault.help] if fault.help else ())) if diagnostic.place is None else ()
    return "\n  ".join(map(visible, (diagnostic.concise, *about)))


@dataclass
class Report:
    """The diagnostics of one run. once: whether each is said once, and not as often as it is found."""

    diagnostics: list[Diagnostic] = field(default_factory=list[Diagnostic])
    once: bool = True
    _said: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])

    def add(
        self,
        fault: Fault,
        at: Place | None = None,
        *,
        also: Iterable[tuple[Place, str]] = (),
        edit: Edit | None = None,
    ) -> None:
        """Record a fault. The same fault at the same place, reached by another way, is not said twice."""
        key = _key(fault, at)
        if self.once and key in self._said:
            return
        self._said.add(key)
        self.diagnostics.append(Diagnostic(fault, at, tuple(also), edit))

    def add_all(self, other: Report) -> None:
        """Record what another run said."""
        for each in other.diagnostics:
            self.add(each.fault, each.place, also=each.also, edit=each.edit)

    def mark(self) -> int:
        """How much was said so far."""
        return len(self.diagnostics)

    def back_to(self, mark: int) -> None:
        """Take back what was said since."""
        for each in self.diagnostics[mark:]:
            self._said.discard(_key(each.fault, each.place))
        del self.diagnostics[mark:]

    @property
    def errors(self) -> list[Diagnostic]:
        """The diagnostics that forbid a network, in the order of the text."""
        found = [each for each in self.diagnostics if each.severity is not Severity.WARNING]
        return sorted(found, key=_order)

    @property
    def warnings(self) -> list[Diagnostic]:
        """The diagnostics that forbid nothing, in the order of the text."""
        return sorted((each for each in self.diagnostics if each.severity is Severity.WARNING), key=_order)

    def raise_errors(self) -> None:
        """Raise ArchError if anything forbids a network."""
        if errors := self.errors:
            raise ArchError(errors)


def _key(fault: Fault, at: Place | None) -> tuple[object, ...]:
    return fault.code, at and (id(at.source), at.span)


def _order(diagnostic: Diagnostic) -> tuple[str, int]:
    place = diagnostic.place
    return ("", -1) if place is None else (place.source.name, place.span.start)


def catalogue(faults: Iterable[object]) -> dict[str, type[Fault]]:
    """The fault classes among the members of some modules, by code. Two classes with one code are refused."""
    found: dict[str, type[Fault]] = {}
    for each in faults:
        if not isinstance(each, type) or not issubclass(each, Fault) or isabstract(each):
            continue
        if found.setdefault(each.code, each) is not each:
            raise TypeError(f"{each.__name__} and {found[each.code].__name__} share the code {each.code}")
    return dict(sorted(found.items()))
