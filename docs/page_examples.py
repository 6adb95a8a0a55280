"""The examples of the documentation: run, and compared with the results that the pages show.

A fenced block `arch` is a text; blocks after it show what is made of it:

- `summary`: its table;
- `diagnostics`: what is wrong with it;
- `torch`: the PyTorch file.

A text sets its hyper-parameters in a comment on its first line, `# with N=2, M=3`. In a block `console` the lines that
start with `$ ` are commands and the others their output; in a block `pycon` the lines that start with `>>> ` are
Python, which can import a block `python` whose first line names a file, `# my_operators.py`.

    python docs/page_examples.py            writes the results into the pages; look at the difference
    python docs/page_examples.py --check    only says which pages differ
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import archdsl
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source
from archdsl.report import messages
from archdsl.report.summary import summary

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>\w+)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_SETTINGS = re.compile(r"# with (.+)\n")


def pages() -> list[Path]:
    """The pages that hold examples."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def refreshed(text: str) -> str:
    """A page with the results of its examples worked out anew."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "specs").symlink_to(ROOT / "specs")
        page = _Page(Path(folder))
        return _FENCE.sub(page.block, text)


class _Page:
    """What the blocks of one page share: the text shown last, a folder to work in, and Python's names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.text = ""
        self.names: dict[str, object] = {"__name__": "__main__"}

    def block(self, found: re.Match[str]) -> str:
        """A block with its result worked out anew."""
        indent, kind, body = found["indent"], found["kind"], found["body"]
        body = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        match kind:
            case "arch":
                self.text = body
                return found[0]
            case "summary":
                body = table(self.text)
            case "diagnostics":
                body = diagnostics(self.text)
            case "torch":
                body = _network(self.text).source()
            case "python":
                self._kept(body)
                return found[0]
            case "console":
                body = "".join(self._commands(body))
            case "pycon":
                body = "".join(self._python(body))
            case _:
                return found[0]
        body = re.sub("^(?=.)", indent, body, flags=re.MULTILINE)
        return f"{indent}```{kind}\n{body}{indent}```"

    def _kept(self, body: str) -> None:
        """A file that later blocks may import, where the first line names it: `# my_operators.py`."""
        if found := re.match(r"# (\w+\.py)\n", body):
            (self.folder / found[1]).write_text(body, encoding="utf-8")

    def _commands(self, body: str) -> Iterator[str]:
        for line in body.splitlines(keepends=True):
            if line.startswith("$ "):
                yield line
                yield self._run(line[2:])

    def _run(self, command: str) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1"}
        done = subprocess.run(  # noqa: S603 - commands of our own pages
            ["bash", "-c", command],  # noqa: S607
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        lines = (line.rstrip() for line in done.stdout.splitlines())
        return "".join(f"{line}\n" for line in lines)

    def _python(self, body: str) -> Iterator[str]:
        for example in doctest.DocTestParser().get_examples(body):
            first, *rest = example.source.splitlines()
            yield f">>> {first}\n" + "".join(f"... {line}".rstrip() + "\n" for line in rest)
            with self._inside(), contextlib.redirect_stdout(io.StringIO()) as said:
                exec(compile(example.source, "example", "single"), self.names)  # noqa: S102 - our own pages
            yield said.getvalue()

    @contextlib.contextmanager
    def _inside(self) -> Generator[None]:
        """In the folder of the page, from which Python also imports."""
        known = set(sys.modules)
        sys.path.insert(0, str(self.folder))
        try:
            with contextlib.chdir(self.folder):
                yield
        finally:
            sys.path.remove(str(self.folder))
            for name in set(sys.modules) - known:
                if (getattr(sys.modules[name], "__file__", None) or "").startswith(str(self.folder)):
                    del sys.modules[name]


def table(text: str) -> str:
    """The table of a network."""
    network = _network(text)
    named = (network.inputs, network.outputs, network.train_outputs)
    return summary(network.module, named=named).text(100)


def diagnostics(text: str) -> str:
    """What is wrong with a text, as `archdsl check` says it, or else with the network that it would be."""
    report, _ = check_source(Source("example.arch", text), Options(_settings(text)))
    if found := [*report.errors, *report.warnings]:
        return messages.full(found)
    try:
        _network(text)
    except archdsl.ArchError as error:
        return messages.full(error.diagnostics)
    return ""


def _network(text: str) -> archdsl.Network:
    return archdsl.parse(text, name="example", **_settings(text))


def _settings(text: str) -> dict[str, Any]:
    """The hyper-parameters that the first line sets: `# with N=2, M=3`."""
    found = _SETTINGS.match(text)
    return {} if found is None else eval(f"dict({found[1]})", {})  # noqa: S307 - our own pages


def main(arguments: Sequence[str]) -> int:
    """Refresh the pages, or say which are out of date."""
    stale: list[Path] = []
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = refreshed(before)
        if after != before:
            stale.append(page)
            if "--check" not in arguments:
                page.write_text(after, encoding="utf-8")
    for page in stale:
        print(page.relative_to(ROOT))
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
