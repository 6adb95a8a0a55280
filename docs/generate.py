"""The pages that follow from the code: one for each operator, one for each diagnostic. A hook of mkdocs.

They are the pages of `archdsl explain`, as Markdown. Nothing that is generated here is stored, so nothing can be out of
date. The hook also refuses a page whose examples do not give what it shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any, cast

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

from archdsl.base.diagnostics import Fault
from archdsl.ops import BUILTIN, OPERATORS, OperatorClass
from archdsl.report import manual
from archdsl.report.catalogue import faults

sys.path.insert(0, str(Path(__file__).resolve().parent))
import gallery
import page_examples  # a file beside this one

_STAGES = {
    "01": "Reading the text",
    "02": "Names and values",
    "03": "Operators and shapes",
    "04": "Chains, blocks and networks",
    "05": "Files",
    "06": "Promises",
    "07": "Questions",
    "08": "PyTorch",
    "09": "Limits",
}


# --- what mkdocs calls ------------------------------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation."""
    families = [{_family(module): [f"operators/{each.word}.md" for each in _of(module)]} for module in BUILTIN]
    stages = [{title: [f"errors/{code}.md" for code in codes]} for title, codes in _by_stage().items()]
    generated = {"operators/": families, "errors/": stages}
    config.nav = [_filled(entry, generated) for entry in cast("Any", config).nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Check the examples of the written pages, and add the generated ones."""
    for file in files.documentation_pages():
        if page_examples.refreshed(file.content_string) != file.content_string:
            raise PluginError(
                f"{file.src_uri}: examples differ from what they give; run `python docs/page_examples.py`"
            )
    for path, content in pages():
        files.append(File.generated(config, path, content=content))
    drawn = dict(gallery.pictures())
    for file, content in drawn.items():
        files.append(File.generated(config, f"gallery/{file}", content=content))
    files.append(File.generated(config, "gallery.md", content=gallery.page(list(drawn))))
    return files


def _filled(entry: dict[str, Any], generated: dict[str, list[Any]]) -> dict[str, Any]:
    """An entry of the navigation, a folder's name replaced by the pages in it."""
    ((title, target),) = entry.items()
    if not isinstance(target, str) or target not in generated:
        return entry
    return {title: [f"{target}index.md", *generated[target]]}


# --- pages ------------------------------------------------------------------------------------------------------------


def pages() -> Iterator[tuple[str, str]]:
    """Every generated page, by its path."""
    yield "operators/index.md", _operators_index()
    for operator in OPERATORS.classes:
        yield f"operators/{operator.word}.md", as_markdown(manual.operator_page(operator))
    yield "errors/index.md", _errors_index()
    for fault in faults().values():
        yield f"errors/{fault.code}.md", _fault_page(fault)


def as_markdown(page: str) -> str:
    """A page of `archdsl explain` as Markdown: its title, prose, headings, and what is set off by indentation."""
    title, _, rest = page.partition("\n")
    lines = rest.split("\n")
    parts = [f"# {title}"]
    start = 0
    while start < len(lines):
        end = next((at for at in range(start, len(lines)) if not lines[at]), len(lines))
        if lines[start : start + 1] == [""]:
            start += 1
            continue
        if lines[start].startswith("  "):
            # a blank line inside what is set off belongs to it
            while end + 1 < len(lines) and lines[end + 1].startswith("  "):
                end = next((at for at in range(end + 1, len(lines)) if not lines[at]), len(lines))
            parts.append("```text\n" + dedent("\n".join(lines[start:end])) + "\n```")
        else:
            text = "\n".join(lines[start:end])
            introduces = end + 1 < len(lines) and lines[end + 1].startswith("  ")
            parts.append(f"## {text}" if introduces and end == start + 1 and not text.endswith(".") else text)
        start = end
    return "\n\n".join(parts) + "\n"


def _fault_page(fault: type[Fault]) -> str:
    """The page of a diagnostic, whose example has to give it."""
    if fault.example and fault.code not in page_examples.diagnostics(f"{fault.example}\n"):
        raise PluginError(f"the example of {fault.code} does not give it")
    return as_markdown(manual.fault_page(fault, lambda text: page_examples.diagnostics(f"{text}\n")))


def _operators_index() -> str:
    parts = ["# Operators", "Each is one class in `archdsl/ops`, and its page is made of that class."]
    for module in BUILTIN:
        rows = [f"| [`{each.word}`]({each.word}.md) | {_also(each)} | {_summary(each)} |" for each in _of(module)]
        parts.append(f"## {_family(module)}\n\n| | also | |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _errors_index() -> str:
    parts = [
        "# Diagnostics",
        "`archdsl explain E0304` shows the page of a code. The first two digits say which stage speaks.",
    ]
    for title, codes in _by_stage().items():
        rows = [f"| [{code}]({code}.md) | {faults()[code].title} |" for code in codes]
        parts.append(f"## {title}\n\n| | |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _by_stage() -> dict[str, list[str]]:
    stages = {title: [code for code in faults() if code[1:3] == stage] for stage, title in _STAGES.items()}
    if len(faults()) != sum(map(len, stages.values())):
        raise PluginError("a stage of diagnostics has no title in docs/generate.py")
    return {title: codes for title, codes in stages.items() if codes}


def _of(module: ModuleType) -> list[OperatorClass]:
    return [each for each in OPERATORS.classes if each.__module__ == module.__name__]


def _family(module: ModuleType) -> str:
    """The name of a family: the docstring of its file up to the first colon, comma or full stop."""
    words = (module.__doc__ or "").split("\n")[0]
    return words.split(":")[0].split(",")[0].rstrip(".")


def _also(operator: OperatorClass) -> str:
    return ", ".join(f"`{word}`" for word in operator.aliases)


def _summary(operator: OperatorClass) -> str:
    return " ".join(operator.manual().split("\n\n")[0].split())
