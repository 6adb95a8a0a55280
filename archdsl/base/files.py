"""Files that are written: of which kind, by their names; and replaced whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from archdsl.base.wanted import WrongValue

SUFFIX: Final = ".arch"
_NEW = 0o666
_TEMPORARY = ".tmp"


class WrongKind(WrongValue):
    """A name of a file whose ending is none of those that can be written. The message says which these are."""


def kind_of(path: Path | str, kinds: Collection[str], noun: str) -> str:
    """The kind of a file, by the ending of its name. noun: what is to be written, such as `a picture`."""
    path = Path(path)
    kind = path.suffix[1:].lower()
    if kind not in kinds:
        raise WrongKind(f"{path.name or path}: {noun} is a file of .{', .'.join(kinds)}")
    return kind


def real(path: Path) -> Path:
    """The file that a name means, links followed. OSError where they lead round in a circle."""
    try:
        return path.resolve()
    except RuntimeError:
        # what Python before 3.13 makes of a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


def write_atomically(files: Mapping[Path, bytes], read: Iterable[Path | str | None] = ()) -> None:
    """Write several files: each is made whole beside its place first, then all are put there.

    The mode of a file that is replaced is kept, and a link is followed. What is no file, such as a pipe or `/dev/null`,
    is written to as it is. OSError leaves the old files as they were. What was left beside a file by a process that was
    killed while it wrote that file is removed. read: files that these were made of, and texts by their ending:
    FileExistsError where one of them would be replaced.
    """
    _require_new(files, read)
    made: list[tuple[Path, Path]] = []
    targets = {real(path): data for path, data in files.items()}
    devices = [target for target in targets if target.exists() and not target.is_file() and not target.is_dir()]
    try:
        for target, data in targets.items():
            if target not in devices:
                made.append((_made_beside(target, data), target))
        for temporary, target in made:
            try:
                temporary.replace(target)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(target)) from error
        for target in devices:
            target.write_bytes(targets[target])
    finally:
        for temporary, _ in made:
            temporary.unlink(missing_ok=True)


def _require_new(files: Iterable[Path], read: Iterable[Path | str | None]) -> None:
    """Refuse to replace what was read, also where a link leads to it, and any text."""
    sources = {real(Path(each)) for each in read if each is not None}
    for path in files:
        target = real(path)
        if target in sources or target.suffix.lower() == SUFFIX:
            kind = "a file that this is made of" if target in sources else "the name of a text"
            raise FileExistsError(errno.EEXIST, f"that is {kind}, which nothing is written over", str(path))


def _made_beside(target: Path, data: bytes) -> Path:
    """The file under another name, that of its target in short, of the process, and of this one write."""
    import hashlib
    import platform
    import secrets

    # a name may be as long as the system allows, so that of the temporary file does not hold it
    # a folder may be shared with machines whose processes are not seen from here
    named = os.fsencode(f"{platform.node()}/{target.name}")
    name = f".{hashlib.sha256(named).hexdigest()[:16]}"
    _without_stale(target.parent, name)
    temporary = target.with_name(f"{name}.{os.getpid()}.{secrets.token_hex(4)}{_TEMPORARY}")
    # the system applies the user's mask to a new file; a file that is replaced hands on its own mode
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _NEW)
    except OSError as error:
        # the name that the user knows
        raise OSError(error.errno, error.strerror, str(target)) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):
            temporary.chmod(target.stat().st_mode & 0o7777)
    except BaseException:
        temporary.unlink()
        raise
    return temporary


def _without_stale(folder: Path, name: str) -> None:
    """Remove what processes that are no longer there left beside a file."""
    for stale in folder.glob(f"{name}.*{_TEMPORARY}"):
        process = stale.name.split(".")[2]
        if process.isdecimal() and not _runs(int(process)):
            with suppress(OSError):
                stale.unlink()


def _runs(process: int) -> bool:
    """Whether a process is there; where that cannot be told it may be."""
    if sys.platform == "win32":
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass
    return True
