"""The PyTorch file of a network, as text."""

from __future__ import annotations

import hashlib
import re
import textwrap
from functools import cache
from pathlib import Path

from archdsl.base.tensors import TensorType
from archdsl.base.text import Source
from archdsl.emit.torch.classes import MODULES, TAKEN, Class, Classes, camel, literal
from archdsl.emit.torch.forward import wrapped
from archdsl.emit.torch.nodes import INDENT, WIDTH
from archdsl.emit.torch.stretches import NEEDS
from archdsl.graph.carried import NAME, Carried
from archdsl.graph.module import Init, Module

LANGUAGE = 1
INITIALISATION = Path(__file__).resolve().parent / "initialisation"
_BODY = INDENT * 2


def source(module: Module, text: Source, version: str, carried: Carried, macs: int) -> str:
    """One self-contained file for a network that was elaborated with traces.

    text: what the network was compiled from, for the header. version: archdsl's own. carried: what the file carries of
    its origin. macs: of the network, a formula where it depends on sizes that are left open.
    """
    classes = Classes.of(module, class_name(module.name, f"{module.doc}\n{text.heading()}"))
    copied = sorted({file for each in classes.classes for file in each.copied})
    pieces = [_copied(MODULES / f"{file.partition('|')[0]}.py") for file in copied]
    imports = {line for head, _ in pieces for line in head} | {"import torch", "from torch import Tensor, nn"}
    if any(each.uses_ordered for each in classes.classes):
        imports.add("from collections import OrderedDict")
    if classes.functions:
        imports.add(NEEDS)
    if module.init is not Init.DEFAULT:
        pieces.append(_copied(INITIALISATION / f"{module.init}.py"))
    body = [
        *(code for _, code in pieces),
        *("\n".join(each.lines) for each in classes.functions.values()),
        *(_class(each, macs if each.module is module else None) for each in classes.classes),
    ]
    code = "\n\n\n".join(body)
    written = (line for each in classes.classes for line in (*each.init, *each.forward.lines))
    if not any(re.search(r"\btorch\.", line) for line in (*written, *(code for _, code in pieces))):
        imports.discard("import torch")
    head = _header(text, version, carried.passes)
    return f"{head}\n{_imports(imports)}\n\n\n{code}\n\n\n{NAME} = {literal(carried.to_json())}\n"


def class_name(name: str, doc: str) -> str:
    """The class of a network: as its documentation writes the name (`ResNet-50` makes `ResNet50`, `Inception v3` makes
    `InceptionV3`), else in camel case."""
    letters = re.sub(r"[^A-Za-z0-9]", "", name)
    spaced = "[ ._-]?".join(letters) or "(?!)"
    for found in re.finditer(rf"(?<![A-Za-z0-9]){spaced}(?![A-Za-z0-9])", doc, re.IGNORECASE):
        if found[0].isascii() and found[0][0].isupper():
            return _not_taken("".join(part[:1].upper() + part[1:] for part in re.split(r"[ ._-]", found[0])))
    return _not_taken(camel(name))


def _not_taken(name: str) -> str:
    return f"{name}Net" if name in TAKEN else name


def _header(text: Source, version: str, passes: tuple[str, ...]) -> str:
    digest = hashlib.sha256(text.text.encode()).hexdigest()[:16]
    title = text.heading().split("\n\n")[0] or f"{Path(text.name).stem}, a network."
    origin = f"Made by archdsl {version} (language {LANGUAGE}) from {text.name}, sha256 {digest}."
    origin += f" Changed by {', '.join(passes)}." if passes else ""
    return "\n".join([*_docstring(f"{' '.join(title.split())}\n\n{origin}", ""), ""])


def _imports(lines: set[str]) -> str:
    standard = sorted(line for line in lines if "torch" not in line)
    torch = sorted((line for line in lines if "torch" in line), key=lambda line: (not line.startswith("import"), line))
    return "\n".join([*standard, *([""] if standard else []), *torch])


@cache
def _copied(file: Path) -> tuple[tuple[str, ...], str]:
    """The imports and the rest of a file that is copied."""
    text = file.read_text(encoding="utf-8")
    head, _, code = text.partition("\n\n\n")
    return tuple(line for line in head.splitlines() if line), code.rstrip("\n")


def _class(made: Class, macs: int | None) -> str:
    is_row = made.module.indexed
    base = "Sequential" if is_row else "ModuleList" if made.numbered else "Module"
    lines = [f"class {made.name}(nn.{base}):", *_docstring(_doc(made, macs)), ""]
    lines += _signature(made)
    lines += [] if is_row or made.numbered else [_BODY + "super().__init__()"]
    lines += (_BODY + line if line else "" for line in made.init)
    lines += [] if made.module.init is Init.DEFAULT else [_BODY + "self.apply(init_weights)"]
    if is_row:
        return "\n".join(lines)
    lines.append("")
    arguments = ", ".join(f"{name}: Tensor" for name in made.module.input_names)
    head = f"{INDENT}def forward(self, {arguments}) -> {made.forward.returns}:"
    if len(head) > WIDTH:
        inner = [f"{_BODY}{name}: Tensor," for name in made.module.input_names]
        lines += [f"{INDENT}def forward(", f"{_BODY}self,", *inner, f"{INDENT}) -> {made.forward.returns}:"]
    else:
        lines.append(head)
    for line in made.forward.lines:
        inner = len(line) - len(line.lstrip())
        lines += wrapped(line.lstrip(), _BODY + " " * inner)
    return "\n".join(lines)


def _signature(made: Class) -> list[str]:
    parts = [each.annotated for each in made.parameters]
    head = f"{INDENT}def __init__({', '.join(['self', *parts])}) -> None:"
    if len(head) <= WIDTH:
        return [head]
    return [f"{INDENT}def __init__(", f"{_BODY}self,", *(f"{_BODY}{part}," for part in parts), f"{INDENT}) -> None:"]


def _doc(made: Class, macs: int | None) -> str:
    module = made.module
    doc = module.doc.strip() or (f"The network {module.name}." if macs is not None else _plain_doc(module))
    if macs is None:
        return doc
    inputs = ", ".join(_torch_shape(kind) for kind in module.inputs)
    count = len(module.outputs) - module.train_outputs
    outputs = ", ".join(_torch_shape(kind) for kind in module.output_types[:count])
    facts = f"{module.params:,} parameters, {macs:,} multiply-accumulates for one sample."
    more = module.train_outputs
    training = f" In training mode also {more} auxiliary output{'s' if more > 1 else ''}." if more else ""
    return f"{doc}\n\n{inputs} -> {outputs}.{training}\n{facts}"


def _plain_doc(module: Module) -> str:
    names = {"add": "The sum", "concat": "The concatenation", "mul": "The product", "residual": "A residual connection"}
    if module.is_block:
        return f"The block {module.name}."
    return f"{names.get(module.name, 'A part')} in line {module.place.line_column[0]} of the text."


def _torch_shape(kind: TensorType) -> str:
    return f"({', '.join(map(str, ('N', *kind.shape)))})"


def _docstring(text: str, indent: str = INDENT) -> list[str]:
    width = WIDTH - len(indent) - 3
    lines: list[str] = []
    for paragraph in _docstring_text(text).split("\n"):
        lines += textwrap.wrap(paragraph, width) or [""]
    if len(lines) == 1:
        # with the quotes at both ends a line may be too long that is not without
        lines = textwrap.wrap(lines[0], width - 3)
        if len(lines) == 1:
            return [f'{indent}"""{lines[0]}"""']
    return [f'{indent}"""{lines[0]}', *(f"{indent}{line}" if line else "" for line in lines[1:]), f'{indent}"""']


def _docstring_text(text: str) -> str:
    """Text that can stand in a docstring: no way to end it, no control characters, no invisible ones."""
    shown = "".join(each if each == "\n" or each.isprintable() else " " for each in text)
    return shown.replace("\\", "\\\\").replace('"""', "'''").rstrip('"').strip()
