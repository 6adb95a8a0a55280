"""The files that a text can name: those beside it, the zoo, and the blocks that every text knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath

from archdsl.base.diagnostics import Fault, Report
from archdsl.base.faults import LimitPassed
from archdsl.base.files import SUFFIX
from archdsl.base.formats import format_of_file
from archdsl.base.limits import Limits
from archdsl.base.reading import TooLarge, content, reason
from archdsl.base.resources import folder
from archdsl.base.text import Source
from archdsl.elaborate import faults
from archdsl.syntax import faults as syntax_faults
from archdsl.syntax.parser import decode, parse
from archdsl.syntax.tree import File

_SAFE = re.compile(r"[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*(/[A-Za-z0-9_\-]+(\.[A-Za-z0-9_\-]+)*)*")


class Library:
    """Reads files, each once, and no more of them than the limits allow.

    names: texts by name that take the place of files, for a host that keeps its texts elsewhere. gaps: whether what
    cannot be read is read as a gap.
    """

    def __init__(
        self, limits: Limits, report: Report, names: Mapping[str, str] | None = None, *, gaps: bool = False
    ) -> None:
        self.limits = limits
        self.report = report
        self.gaps = gaps
        self._given = dict(names or {})
        self._files: dict[str, File] = {}

    def parse(self, source: Source) -> File:
        """The tree of a text."""
        return parse(source, self.report, self.limits, gaps=self.gaps)

    @cached_property
    def prelude(self) -> File:
        """The blocks that every text knows."""
        path = folder("grammar") / "prelude.arch"
        return self.parse(Source("prelude.arch", path.read_text(encoding="utf-8"), str(path)))

    def used(self, name: str, by: Source) -> File | Fault:
        """The file that `use name` means: beside the text, then in the zoo."""
        if not _SAFE.fullmatch(name):
            return faults.OutsideRoot(name)
        file_name = name if name.endswith(SUFFIX) else name + SUFFIX
        texts = {**self._given, **by.along}
        # under this name it goes along with what is made of the text, so that it is found there
        beside = str(PurePosixPath(by.name).parent / file_name)
        for each in (beside, name, file_name):
            if each in texts:
                return self._from_text(each, texts[each], by)
        folders = [(Path(by.path).parent, beside)] if by.path else []
        for each, shown in (*folders, (folder("specs"), file_name)):
            path = each / file_name
            if path.is_file():
                real = path.resolve()
                if not real.is_relative_to(each.resolve()):
                    return faults.OutsideRoot(name)
                return self._file(path, str(real), shown)
        return faults.UnknownFile(name, tuple(zoo_names()))

    def _file(self, path: Path, key: str, shown: str) -> File | Fault:
        """The tree of a file. key: its path without links, so that a file with two names is read once. shown: its name
        in messages."""
        if key in self._files:
            return self._files[key]
        if len(self._files) >= self.limits.files:
            return LimitPassed("too many files", len(self._files) + 1, self.limits.files, "files")
        read = read_text(path, self.limits, self.report)
        if isinstance(read, Fault):
            return read
        self._files[key] = self.parse(Source(shown, read, str(path)))
        return self._files[key]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files that were read, in the order in which they were first used."""
        return tuple(file.source for file in self._files.values())

    def _from_text(self, name: str, text: str, by: Source) -> File:
        if name not in self._files:
            self._files[name] = self.parse(Source(name, text, along=by.along))
        return self._files[name]


def read_text(path: Path, limits: Limits, report: Report) -> str | Fault:
    """The text of a regular file, or what forbids reading it."""
    try:
        if (kind := format_of_file(path)) is not None:
            return faults.ForeignFile(_shown(path), kind)
        text = decode(content(path, limits), _shown(path), report)
    except FileNotFoundError:
        return faults.UnknownFile(_shown(path), tuple(zoo_names()))
    except TooLarge as error:
        return LimitPassed(error.what, error.figure, error.limit, error.name)
    except (OSError, ValueError) as error:
        return faults.UnreadableFile(_shown(path), reason(error))
    # a place in a text that long would cost more than it says
    return text if len(text) <= limits.text else syntax_faults.TextTooLong(len(text), limits.text)


def zoo_names() -> list[str]:
    """The names of the files of the zoo."""
    return sorted(path.stem for path in folder("specs").glob(f"*{SUFFIX}"))


def _shown(path: Path) -> str:
    return path.name if path.is_absolute() else str(path)
