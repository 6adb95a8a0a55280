"""The pages that follow from the code: one for each operator, one for each diagnostic. A hook of mkdocs.

Nothing that is generated here is stored, so nothing can be out of date. The hook also refuses a page whose examples do
not give what it shows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import archdsl
import archdsl.graph.faults
import archdsl.ops.faults
import archdsl.syntax.faults
from archdsl.base.diagnostics import Fault, Severity, catalogue
from archdsl.ops import BUILTIN, OPERATORS, OperatorClass
from archdsl.ops.arguments import Argument, Role, arguments
from archdsl.ops.torchcall import Layer

sys.path.insert(0, str(Path(__file__).resolve().parent))
import examples  # a file beside this one

_FAULT_FILES = (archdsl.syntax.faults, archdsl.graph.faults, archdsl.ops.faults)
FAULTS = catalogue(each for module in _FAULT_FILES for each in vars(module).values())
_STAGES = {
    "01": "Reading the text",
    "02": "Names and values",
    "03": "Operators and shapes",
    "04": "Chains, blocks and networks",
    "05": "Files",
    "06": "Promises",
    "09": "Limits",
}
_INPUTS = ("32x32x64", "32x32x3", "128", "(64, 128)", "tokens(64)")
_SHORTHAND = {Role.WINDOW: "`{word}3`", Role.WIDTH: "`-64`", Role.STRIDE: "`/2`"}


# --- what mkdocs calls ------------------------------------------------------------------------------------------------


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation."""
    families = [{_family(module): [f"operators/{each.word}.md" for each in _of(module)]} for module in BUILTIN]
    stages = [
        {title: [f"errors/{code}.md" for code in FAULTS if code[1:3] == stage]} for stage, title in _STAGES.items()
    ]
    assert config.nav is not None
    config.nav = [_filled(entry, {"operators/": families, "errors/": stages}) for entry in config.nav]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    for path, content in generated():
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Refuse a page whose examples give something else than it shows."""
    if page.file.abs_src_path is not None and examples.refreshed(markdown) != markdown:
        raise PluginError(f"{page.file.src_uri}: examples differ from what they give; run `python docs/examples.py`")
    return markdown


def _filled(entry: dict[str, Any], generated_pages: dict[str, list[Any]]) -> dict[str, Any]:
    """An entry of the navigation, a folder's name replaced by the pages in it."""
    ((title, target),) = entry.items()
    if target in generated_pages:
        return {title: [f"{target}index.md", *generated_pages[target]]}
    return entry


# --- pages ------------------------------------------------------------------------------------------------------------


def generated() -> Iterator[tuple[str, str]]:
    """Every generated page, by its path."""
    yield "operators/index.md", _operators_index()
    for operator in OPERATORS.classes:
        yield f"operators/{operator.word}.md", operator_page(operator)
    yield "errors/index.md", _errors_index()
    for fault in FAULTS.values():
        yield f"errors/{fault.code}.md", fault_page(fault)


def operator_page(operator: OperatorClass) -> str:
    """The manual page of an operator: its prose, its arguments, and a small example with what comes of it."""
    parts = [f"# {operator.word}", operator.manual()]
    if operator.aliases:
        parts.append(f"Also written {_words(operator.aliases)}.")
    if rows := [_argument_row(operator, each) for each in arguments(operator).values()]:
        parts.append("| argument | short | takes | default | |\n|---|---|---|---|---|\n" + "\n".join(rows))
    if operator.decorated:
        parts.append("`norm=` and `act=` put a norm and an activation behind it: `(norm=bn, act=relu)`.")
    text, call = example(operator)
    table = examples.table(text)
    parts.append(f"```arch\n{text}```\n\n```text\n{table}```")
    parts.append(f"In PyTorch: {call}.")
    if operator.source:
        parts.append(f"Source: {operator.source}.")
    return "\n\n".join(parts) + "\n"


def fault_page(fault: type[Fault]) -> str:
    """The manual page of a diagnostic: its prose, and an example with the message that it gives."""
    kind = {Severity.WARNING: " (warning)", Severity.LIMIT: " (limit)"}.get(fault.severity, "")
    parts = [f"# {fault.code}: {fault.title}{kind}", fault.page()]
    if fault.example:
        shown = examples.diagnostics(f"{fault.example}\n")
        if fault.code not in shown:
            raise PluginError(f"the example of {fault.code} does not give it:\n{shown}")
        parts.append(f"```arch\n{fault.example}\n```\n\n```text\n{shown}```")
    return "\n\n".join(parts) + "\n"


def example(operator: OperatorClass) -> tuple[str, str]:
    """A small text that uses an operator, and the name of what it becomes in PyTorch."""
    call = _written(operator)
    for size in _INPUTS:
        text = f"input {size}\n{call}\n"
        try:
            network = archdsl.parse(text, name="example")
        except archdsl.ArchError:
            continue
        step = network.module.steps[-1]
        assert isinstance(step.what, operator)
        made = step.what.torch(step.what.operand(step.input_types))
        return text, f"`{made.target}`" if isinstance(made, Layer) else f"`{made.function}`"
    raise PluginError(f"no example of {operator.word} compiles")


def _written(operator: OperatorClass) -> str:
    """An operator with what it cannot do without."""
    if operator.variadic:
        return f"{operator.word} {{ conv1-64 | identity }}"
    digits = width = ""
    named: list[str] = []
    for each in arguments(operator).values():
        if each.role is Role.WINDOW and (each.required or each.default is None):
            digits = "3" if each.required else "2"
        elif each.required and each.role is Role.WIDTH:
            width = "-32"
        elif each.required:
            named.append(f"{each.name}=2")
    return f"{operator.word}{digits}{width}" + (f"({', '.join(named)})" if named else "")


def _argument_row(operator: OperatorClass, each: Argument) -> str:
    short = _SHORTHAND.get(each.role, "").format(word=operator.word)
    takes = _words(each.choices) if each.choices else str(each.kind)
    if each.low is not None and each.high is not None:
        takes += f", from {each.low:g} to {each.high:g}"
    elif each.low is not None:
        takes += f", from {each.low:g}"
    default = "needed" if each.required else "" if each.default is None else f"`{_value(each.default)}`"
    return f"| `{each.name}` | {short} | {takes} | {default} | {each.doc} |"


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _words(words: tuple[str, ...]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _of(module: Any) -> list[OperatorClass]:
    return [each for each in OPERATORS.classes if each.__module__ == module.__name__]


def _family(module: Any) -> str:
    """The name of a family: the docstring of its file up to the first colon or comma."""
    first = (module.__doc__ or "").split("\n")[0]
    return first.split(":")[0].split(",")[0].rstrip(".")


def _operators_index() -> str:
    parts = ["# Operators", "Each is one class in `archdsl/ops`, and its page is made of that class."]
    for module in BUILTIN:
        rows = [
            f"| [`{each.word}`]({each.word}.md) | {_words(each.aliases)} | {_sentence(each.manual())} |"
            for each in _of(module)
        ]
        parts.append(f"## {_family(module)}\n\n| | also | |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _errors_index() -> str:
    parts = [
        "# Diagnostics",
        "`archdsl explain E0304` shows the page of a code. The first two digits say which stage speaks.",
    ]
    for stage, title in _STAGES.items():
        rows = [f"| [{code}]({code}.md) | {fault.title} |" for code, fault in FAULTS.items() if code[1:3] == stage]
        parts.append(f"## {title}\n\n| | |\n|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _sentence(prose: str) -> str:
    return " ".join(prose.split("\n\n")[0].split())
