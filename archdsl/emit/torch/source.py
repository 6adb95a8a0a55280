"""The PyTorch file of a network, as text."""

from __future__ import annotations

import hashlib
import re
import textwrap
from functools import cache
from pathlib import Path

from archdsl.algebra.tensors import TensorType
from archdsl.base.carried import Carried
from archdsl.base.collector import collector_paused
from archdsl.base.python_text import INDENT, WIDTH
from archdsl.base.records import record
from archdsl.base.text import Source
from archdsl.base.version import __version__
from archdsl.compiled import Compiled
from archdsl.emit.torch.long_lines import wrapped
from archdsl.emit.torch.merge import camel, merged
from archdsl.emit.torch.print import constructed, field_lines, flat_text
from archdsl.emit.torch.program import Class, Parameter, Program, Reference
from archdsl.emit.torch.stretches import NEEDS, lines
from archdsl.emit.torch.surroundings import INITIALISATION, MODULES
from archdsl.emit.torch.validate import Miscompiled, validate
from archdsl.graph.module import Init, Module

LANGUAGE = 1
TAKEN = frozenset({"ARCH", "nn", "torch", "Tensor", "F", "OrderedDict", "Sequence", "pairwise", "init_weights"})
_BODY = INDENT * 2
_CONSTANTS = frozenset({"None", "True", "False"})


@record
class Emitted:
    """A PyTorch file. class_name: that of the network. apart: why each module has a class of its own; empty if equal
    blocks are one class."""

    code: str
    class_name: str
    apart: str = ""


def emitted(compiled: Compiled) -> Emitted:
    """The PyTorch file of what was compiled."""
    with collector_paused():
        traced, meant = compiled.traced(), compiled.module
        return source(traced, meant, compiled.source, __version__, compiled.carried, meant.macs)


def source(module: Module, meant: Module, text: Source, version: str, carried: Carried, macs: int) -> Emitted:
    """One self-contained file for a network that was elaborated with traces, validated.

    meant: the network as it was elaborated without traces, which the file must be. text: what it was compiled from,
    for the header. version: archdsl's own. carried: what the file carries of its origin. macs: of the network, a
    formula where it depends on sizes that are left open. Raises Miscompiled, a fault of ours, where the file would
    build or compute something else.
    """
    name = class_name(module.name, f"{module.doc}\n{text.heading()}")
    header = _header(text, version, carried)
    try:
        return Emitted(_validated(module, meant, name, header, carried, macs, apart=False), name)
    except Miscompiled as error:
        # a class for each module says no more than what that module is
        return Emitted(_validated(module, meant, name, header, carried, macs, apart=True), name, str(error))


def _validated(
    module: Module, meant: Module, name: str, header: str, carried: Carried, macs: int, *, apart: bool
) -> str:
    program = merged(module, name, _reserved(), apart=apart)
    code = _written(program, header, carried, macs)
    validate(meant, module, code, name, program.layered)
    return code


def _written(program: Program, header: str, carried: Carried, macs: int) -> str:
    """The text of a program."""
    root = program.root.module
    calls = list(program.calls())
    copied = sorted({each.copied for each in calls if each.copied})
    pieces = [_copied(MODULES / f"{file}.py") for file in copied]
    imports = {line for head, _ in pieces for line in head} | {"import torch", "from torch import Tensor, nn"}
    if any(each.target == Reference("OrderedDict") for each in calls):
        imports.add("from collections import OrderedDict")
    if program.functions:
        imports.add(NEEDS)
    if root.init is not Init.DEFAULT:
        pieces.append(_copied(INITIALISATION / f"{root.init}.py"))
    classes = [_class(each, macs if each is program.root else None) for each in program.classes]
    body = [*(code for _, code in pieces), *("\n".join(lines(each)) for each in program.functions), *classes]
    code = "\n\n\n".join(body)
    if not re.search(r"\btorch\.", _without_docstrings(code)):
        imports.discard("import torch")
    end = carried.to_python()
    return f"{header}\n{_imports(imports)}\n\n\n{code}\n" + (f"\n\n{end}" if end else "")


def _without_docstrings(code: str) -> str:
    return re.sub(r'"""(?:[^"\\]|\\.|"(?!""))*"""', "", code)


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
    return f"{name}Net" if name in _reserved() else name


@cache
def _reserved() -> frozenset[str]:
    """Names that no class can have: those that a file may use, and those of Python in camel case."""
    return TAKEN | _CONSTANTS | {camel(path.stem) for path in MODULES.glob("*.py")}


def _header(text: Source, version: str, carried: Carried) -> str:
    title = text.heading().split("\n\n")[0] or f"{Path(text.name).stem or carried.net}, a network."
    digest = hashlib.sha256(text.text.encode()).hexdigest()[:16]
    origin = f" (language {LANGUAGE}) from {text.name}, sha256 {digest}" if text.text else ""
    origin = f"Made by archdsl {version}{origin}."
    origin += f" Changed by {', '.join(carried.passes)}." if carried.passes else ""
    return "\n".join([*_docstring(f"{' '.join(title.split())}\n\n{origin}", ""), ""])


def _imports(lines: set[str]) -> str:
    in_order = sorted(lines, key=lambda line: (not line.startswith("import"), line))
    standard, torch = ([line for line in in_order if ("torch" in line) is wanted] for wanted in (False, True))
    return "\n".join([*standard, *([""] if standard else []), *torch])


@cache
def _copied(file: Path) -> tuple[tuple[str, ...], str]:
    """The imports and the rest of a file that is copied."""
    text = file.read_text(encoding="utf-8")
    head, _, code = text.partition("\n\n\n")
    return tuple(line for line in head.splitlines() if line), code.rstrip("\n")


def _class(made: Class, macs: int | None) -> str:
    body = [f"class {made.name}(nn.{made.base}):", *_docstring(_doc(made, macs)), "", *_signature(made)]
    if made.base == "Module":
        body += [_BODY + "super().__init__()"]
        body += (_BODY + line if line else "" for each in made.fields for line in field_lines(each))
    else:
        is_list = made.base == "ModuleList" and not made.module.indexed
        body += (_BODY + line for line in constructed(made.fields, is_list=is_list))
    body += [] if made.module.init is Init.DEFAULT else [_BODY + "self.apply(init_weights)"]
    return "\n".join(body if made.base == "Sequential" else [*body, "", *_forward(made)])


def _forward(made: Class) -> list[str]:
    arguments = ", ".join(f"{name}: Tensor" for name in made.module.input_names)
    head = f"{INDENT}def forward(self, {arguments}) -> {made.forward.returns}:"
    if len(head) > WIDTH:
        inner = [f"{_BODY}{name}: Tensor," for name in made.module.input_names]
        written = [f"{INDENT}def forward(", f"{_BODY}self,", *inner, f"{INDENT}) -> {made.forward.returns}:"]
    else:
        written = [head]
    for line in made.forward.lines:
        inner = len(line) - len(line.lstrip())
        written += wrapped(line.lstrip(), _BODY + " " * inner)
    return written


def _signature(made: Class) -> list[str]:
    parts = list(map(_annotated, made.parameters))
    head = f"{INDENT}def __init__({', '.join(['self', *parts])}) -> None:"
    if len(head) <= WIDTH:
        return [head]
    return [f"{INDENT}def __init__(", f"{_BODY}self,", *(f"{_BODY}{part}," for part in parts), f"{INDENT}) -> None:"]


def _annotated(parameter: Parameter) -> str:
    """An argument as a signature has it."""
    default = "" if parameter.default is None else f" = {flat_text(parameter.default)}"
    return f"{parameter.name}: {parameter.kind}{default}"


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
    what = names.get(module.name, "A part")
    return (
        f"{what} of the network." if module.place.line is None else f"{what} in line {module.place.line} of the text."
    )


def _torch_shape(kind: TensorType) -> str:
    return f"({', '.join(map(str, ('N', *kind.shape)))})"


def _docstring(text: str, indent: str = INDENT) -> list[str]:
    width = WIDTH - len(indent) - 3
    lines: list[str] = []
    # of a comment that cannot be seen nothing is left
    for paragraph in (_docstring_text(text) or "A part of the network.").split("\n"):
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
    return shown.replace("\\", "\\\\").replace('"""', "'''").rstrip('" \n').lstrip()
