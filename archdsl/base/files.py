"""Files that are written: of which kind, by their names; and replaced whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

_NEW = 0o666


class WrongKind(ValueError):
    """A name of a file whose ending is none of those that can be written. The message says which these are."""


def kind_of(path: Path | str, kinds: Collection[str], noun: str) -> str:
    """The kind of a file, by the ending of its name. noun: what is to be written, such as `a picture`."""
    path = Path(path)
    kind = path.suffix[1:].lower()
    if kind not in kinds:
        raise WrongKind(f"{path.name or path}: {noun} is a file of .{', .'.join(kinds)}")
    return kind


def write_atomically(files: Mapping[Path, bytes]) -> None:
    """Write several files: each is made whole beside its place first, then all are put there.

    The mode of a file that is replaced is kept, and a link is followed. What is no file, such as a pipe or `/dev/null`,
    is written to as it is. OSError leaves the old files as they were.
    """
    made: list[tuple[Path, Path]] = []
    targets = {path.resolve(): data for path, data in files.items()}
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


def _made_beside(target: Path, data: bytes) -> Path:
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(6)}.tmp")
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
