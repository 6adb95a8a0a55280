"""Files that are read: regular ones only, with their size known before their content.

A name can be that of a pipe nobody writes to, of a device without an end, or of a file larger than memory. Whatever a
user or a text names is opened here, and no more of it is read than the one who asks for it says.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from archdsl.base.limits import Limits

# a character of UTF-8 has no more
_BYTES: Final = 4

# a pipe without a writer, and a device without a reader, are not waited for
_FLAGS: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


class Unreadable(ValueError):
    """A file that cannot be read as what it should be. The message is the reason."""


class TooLarge(Unreadable):
    """More than is read. what: of what there is more, such as `the file has too many bytes`. name: the field of
    `Limits` that bounds it."""

    def __init__(self, what: str, figure: int, limit: int, name: str) -> None:
        super().__init__(f"{what}: {figure:,}, and the limit is {limit:,}")
        self.what = what
        self.figure = figure
        self.limit = limit
        self.name = name


@contextmanager
def opened(path: Path) -> Generator[IO[bytes]]:
    """A regular file, open for reading. OSError or Unreadable where there is none."""
    # opening a device may do something, so it is looked at first; once more after it, since names can be exchanged
    _require_regular(path.stat())
    with os.fdopen(os.open(path, _FLAGS), "rb") as file:
        _require_regular(os.fstat(file.fileno()))
        yield file


def _require_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise Unreadable("it is not a regular file")


def size_of(file: IO[bytes]) -> int:
    """The bytes of a file that is open."""
    return os.fstat(file.fileno()).st_size


def head(path: Path, most: int) -> bytes:
    """The first bytes of a regular file."""
    with opened(path) as file:
        return file.read(most) or b""


def content(path: Path, limits: Limits) -> bytes:
    """All bytes of a regular file with a text; TooLarge, before they are read, where these are too many for one."""
    most = _BYTES * limits.text
    with opened(path) as file:
        # a file that grows, or that says it is empty as those of /proc do, ends at the limit too
        if (size := size_of(file)) > most or len(data := file.read(most + 1) or b"") > most:
            raise TooLarge("the file has too many bytes", max(size, most + 1), most, "text")
        return data


def reason(error: Exception) -> str:
    """Why a file cannot be read or written, or a program started, in words."""
    if isinstance(error, OSError):
        return (error.strerror or str(error) or type(error).__name__).lower()
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
