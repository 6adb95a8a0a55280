"""The boundary: what comes out of archdsl at a public door, and what that means.

A door is what others call: a function of the package, a method of a network, a command, a request to a server. What a
text or file can cause comes out as ArchError; what cannot be done as it was asked for as Refusal, or as OSError where
the system refuses. Whatever else comes out is a bug of archdsl. It comes out as what it is, with a note that says so,
and the note holds what was being compiled, for a report. No door takes it for anything else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, wraps
from types import FunctionType, TracebackType
from typing import Any, Final, Generic, ParamSpec, Self, TypeAlias, TypeVar

from archdsl.base.carried import Carried
from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.reading import TooLarge, reason
from archdsl.base.records import record
from archdsl.base.version import __version__
from archdsl.base.wanted import Refusal, WrongType, missing

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

BUG: Final = f"this is a bug of archdsl {__version__}, and not of the text: please report it, with the text if you can"
# what Python and notebooks call without being asked by name
_CALLED: Final = {"__str__", "__repr__", "__reduce__", "_repr_html_", "_repr_svg_"}
_FRAMES: Final = 50


class _Note(str):
    """What an exception that is a bug says besides, and what was being compiled."""

    __slots__ = ("carried",)

    carried: Carried | None

    def __new__(cls, text: str) -> Self:
        made = super().__new__(cls, text)
        made.carried = None
        return made


class Door:
    """What a door does with an exception that goes out by it. held: what is being compiled, asked for only then."""

    def __init__(self, held: Callable[[], Carried | None] | None = None) -> None:
        self._held = held

    def __enter__(self) -> None:
        """Nothing is done on the way in."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        if not isinstance(error, Exception) or isinstance(error, ArchError | Refusal | OSError):
            return
        if isinstance(error, TooLarge):
            from archdsl.base.faults import LimitPassed

            raise ArchError([Diagnostic(LimitPassed(error.what, error.figure, error.limit, error.name))]) from error
        if isinstance(error, ModuleNotFoundError) and (absent := missing((error.name or "").partition(".")[0])):
            raise absent from error
        if not _is_short_of_memory(error):
            self._mark(error)

    def _mark(self, error: Exception) -> None:
        """Say of an exception that it is a bug, once; the innermost door that knows what was being compiled adds it."""
        note = _note_of(error)
        if note is None:
            note = _Note(BUG)
            error.add_note(note)
        if note.carried is None and self._held is not None:
            note.carried = self._held()


def door(function: Callable[P, R]) -> Callable[P, R]:
    """Makes a function a door. A network among its arguments is what is being compiled."""

    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        with Door(lambda: next(filter(None, map(_carried, args)), None)):
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                    raise
                # the function did not even begin: the call has other arguments than it takes
                raise WrongType(str(error)) from None

    return guarded


def doors(kind: type[C]) -> type[C]:
    """Makes all that others call of a class a door: each public method and property."""
    for name, each in dict(vars(kind)).items():
        if name.startswith("_") and name not in _CALLED:
            continue
        match each:
            case FunctionType():
                setattr(kind, name, door(each))
            case property(fget=function) if function is not None:
                setattr(kind, name, property(door(function)))
            case cached_property():
                each.func = door(each.func)
            case _:
                pass
    return kind


def _carried(argument: object) -> Carried | None:
    """What a network was compiled from; None of anything else."""
    found = getattr(argument, "carried", None)
    return found if isinstance(found, Carried) else None


def _note_of(error: BaseException) -> _Note | None:
    notes: list[Any] = getattr(error, "__notes__", [])
    return next((each for each in notes if isinstance(each, _Note)), None)


def _is_short_of_memory(error: Exception) -> bool:
    """Whether the machine, or one of its devices, has no memory left. PyTorch has several words for it."""
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or (type(error) is RuntimeError and "DefaultCPUAllocator" in str(error))
    )


# --- answers ----------------------------------------------------------------------------------------------------------


@record
class Done(Generic[R]):
    """The work succeeded; `value` is its result."""

    value: R


@record
class Wrong:
    """A text or file is wrong, or passes a limit. error: has the diagnostics."""

    error: ArchError


@record
class Refused:
    """It cannot be done as it was asked for: an argument is wrong, a file cannot be read or written, a package is
    missing, or memory is. message: which of these, in a line."""

    message: str
    error: Exception


@record
class Broken:
    """A bug of archdsl. error: what came out, with its traceback."""

    error: Exception

    @property
    def carried(self) -> Carried | None:
        """What was being compiled, where that was known."""
        note = _note_of(self.error)
        return note.carried if note else None

    def report(self, asked: str) -> str:
        """A Python file for a report: what was asked for, where it failed, and what was being compiled, which archdsl
        reads back from it. It holds somebody's text: ask before it is kept or sent."""
        import platform
        import traceback

        carried = self.carried
        told = [
            f"asked: {asked}",
            f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
            "",
            *"".join(traceback.format_exception(self.error, limit=-_FRAMES)).splitlines(),
        ]
        comments = "".join(f"# {_plain(line)}".rstrip() + "\n" for line in told)
        return f"{_HEAD}\n{comments}\n{(carried and carried.to_python()) or _NO_TEXT}"


Answer: TypeAlias = Done[R] | Wrong | Refused | Broken

_HEAD: Final = f'''"""What archdsl was given when it failed. It holds a text: look through it before you send it.

Made by archdsl {__version__}.
"""
'''
_NO_TEXT: Final = "# it failed before there was a text\n"


def answered(work: Callable[[], R]) -> Answer[R]:
    """What comes of some work with archdsl, as data: for whoever must go on whatever comes, such as a server.

    What is no Exception, such as KeyboardInterrupt, goes through.
    """
    try:
        with Door():
            return Done(work())
    except ArchError as error:
        return Wrong(error)
    except Refusal as error:
        return Refused(str(error), error)
    except OSError as error:
        where = error.filename or "input or output"
        return Refused(f"{where}: {reason(error)}", error)
    except Exception as error:  # noqa: BLE001 - it is not hidden: it is the answer
        if _is_short_of_memory(error):
            return Refused("there is not enough memory for it", error)
        return Broken(error)


def _plain(line: str) -> str:
    """A line with only such characters as can stand in a comment."""
    return "".join(each if each.isascii() and each.isprintable() else ascii(each)[1:-1] for each in line)
