"""Manual pages, made from what they are about: an operator's from its class, a diagnostic's from its fault."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Mapping
from inspect import cleandoc
from typing import Any, assert_never, cast

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.algebra.windows import Window
from archdsl.base.diagnostics import Fault, Report
from archdsl.base.limits import DEFAULT_LIMITS
from archdsl.base.resources import folder
from archdsl.base.text import Place, Source, Span
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops import OperatorClass, Operators
from archdsl.ops.arguments import Argument, ArgumentKind, Operand, Role, SharedLayer, arguments, bind
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator, Style
from archdsl.ops.torchcall import ALL, INFIX, Apply, Grid, Layer, Learned, Slot, Weight, subscript
from archdsl.report.explain import explained, literal
from archdsl.report.terminal import cells, padded
from archdsl.report.walk import Tour
from archdsl.syntax import tree
from archdsl.syntax.parser import parse

WIDTH = 80
_CODE = re.compile(r"[EW]\d{4}")
_SAMPLES = (
    TensorType.image(64, 56, 56),
    TensorType.image(3, 224, 224),
    TensorType.sequence(196, 768),
    TensorType((56, 56, 96), Kind.SEQUENCE),
    TensorType((196,), Kind.TOKENS),
    TensorType.vector(4096),
    TensorType((1, 128), Kind.STATE),
)
_GUESSES = {Role.WINDOW: 3, Role.WIDTH: 128, Role.STRIDE: 2, Role.NONE: 2}
_SHARED = SharedLayer("words", (("weight", (30_000, 768)),))
# what a text says before a tensor that cannot come in from outside, or before one that a shared layer made
_STATE = ("input (196, 768)", "y, h = gru-128(states=true)", "h")
_WORDS = ("input tokens(196)", "share words = embedding-768(30000)", "words")
_FAMILIES = {
    Style.CONV: "convolution",
    Style.PROJECTION: "depthwise and channels",
    Style.LINEAR: "linear",
    Style.NORM: "normalisation",
    Style.ACTIVATION: "activation",
    Style.POOL: "pooling and resampling",
    Style.ATTENTION: "attention",
    Style.EMBEDDING: "embedding",
    Style.RECURRENT: "recurrent",
    Style.MERGE: "merging",
    Style.OTHER: "other",
}


def is_code(word: str) -> bool:
    """Whether a word looks like the code of a diagnostic."""
    return _CODE.fullmatch(word.upper()) is not None


# --- diagnostics ------------------------------------------------------------------------------------------------------


def fault_page(fault: type[Fault], shown: Callable[[str], str]) -> str:
    """The page of a diagnostic. `shown` gives what the compiler says about a text."""
    parts = [f"{fault.code}: {fault.title}", "", *_paragraphs(fault.page())]
    # a long example would say no more than its length does
    if fault.example and max(map(len, fault.example.split("\n"))) <= WIDTH:
        parts += ["", "Example", "", textwrap.indent(fault.example, "    ")]
    if fault.example:
        parts += ["", "What the compiler says", "", textwrap.indent(shown(fault.example).rstrip(), "    ")]
    return "\n".join((*parts, ""))


def _paragraphs(text: str) -> list[str]:
    """Prose in lines that fit; a blank line stays a blank line."""
    rows: list[str] = []
    for paragraph in text.split("\n\n"):
        rows += ["", *textwrap.wrap(" ".join(paragraph.split()), WIDTH, break_on_hyphens=False)]
    return rows[1:]


# --- operators --------------------------------------------------------------------------------------------------------


def operator_list(operators: Operators) -> str:
    """Every operator with a line about it, by families."""
    lines: list[str] = []
    names = {each: " ".join((each.word, *each.aliases)) for each in operators.classes}
    width = max(map(len, names.values())) + 2
    for style, family in _FAMILIES.items():
        members = [each for each in operators.classes if each.style is style]
        if not members:
            continue
        lines += ["", family]
        for each in members:
            rows = textwrap.wrap(_first_sentence(each), WIDTH - width - 2, break_on_hyphens=False)
            lines.append(f"  {names[each]:<{width}}{rows[0]}")
            lines += (" " * (width + 2) + row for row in rows[1:])
    more = "`archdsl explain conv` is the page of one. Upper and lower case are the same."
    return "\n".join((*lines[1:], "", more, ""))


def operator_page(operator: OperatorClass) -> str:
    """The page of an operator, from what its class declares."""
    declared = arguments(operator)
    parts = [operator.word, "", *_paragraphs(operator.manual())]
    if operator.aliases:
        parts += ["", f"Also written {', '.join(f'`{each}`' for each in operator.aliases)}."]
    if operator.variadic:
        prose = f"Written with branches: `{operator.word} {{ a | b }}`. An empty branch is the incoming tensor."
        parts += ["", *_paragraphs(prose)]
    if declared:
        parts += ["", "Arguments", "", *_table([_argument(each) for each in declared.values()])]
    if operator.operands:
        parts += ["", "Tensors", "", *_table([_operand(each) for each in operator.operands])]
        first = operator.operands[0].name
        prose = f"They stand before the arguments, or by name: `{operator.word}({first}={first})`."
        parts += ["", *_paragraphs(prose)]
    if operator.decorated:
        parts += ["", "`norm=` and `act=` put a norm and an activation after it: `act=relu`."]
    step = sample(operator)
    if step is not None:
        parts += ["", *_sample_lines(step)]
    if operator.source:
        parts += ["", *textwrap.wrap(f"From {operator.source}.", WIDTH, break_on_hyphens=False)]
    return "\n".join((*parts, ""))


_FORMS = {
    "residual": """
        `residual { body }` adds the incoming tensor to what the body makes of it. Where the shapes differ the tensor
        goes through a projection: a 1x1 convolution with the stride that makes the sizes agree, and a batch norm if
        the body has one.

        `residual(project=false) { body }` adds it only where the shapes agree. `drop` is stochastic depth: the
        probability that a sample goes without the body while training.

        `residual { body | shortcut }` names the shortcut. With arguments alone it is the block below."""
}


def block_page(word: str) -> str | None:
    """The page of a block that every text knows, or None where there is no such block."""
    source = Source("prelude.arch", (folder("grammar") / "prelude.arch").read_text(encoding="utf-8"))
    for statement in parse(source, Report(), DEFAULT_LIMITS).statements:
        if isinstance(statement, tree.Definition) and statement.name.text == word:
            doc = source.doc_above(statement.span.start).replace("\n", " ")
            text = source.text[statement.span.start : statement.span.end]
            forms = [*_paragraphs(cleandoc(_FORMS[word])), ""] if word in _FORMS else []
            body = textwrap.indent(textwrap.dedent(text), "  ")
            return "\n".join((word, "", *forms, *_paragraphs(doc), "", "Written in the language itself", "", body, ""))
    return None


def sample(operator: OperatorClass) -> Step | None:
    """The operator with plain arguments at work on a plain tensor, or None where it takes none of the samples."""
    required = tuple(each.name for each in operator.operands if each.required)
    samples = [each for each in _SAMPLES if each.kind is Kind.VECTOR] if operator.flattens else _SAMPLES
    for x in samples:
        for more in (None, operator.by_role(Role.WINDOW), next(iter(arguments(operator)), None)):
            try:
                made = bind(operator, _guessed(operator, more), frozenset(required))
                xs = (x, x) if operator.variadic else (x, *(x for _ in required))
                outputs = made.results(xs)
            except Reject:
                continue
            wires = tuple(Wire(INPUT, port) for port in range(len(xs)))
            return Step("", made, wires, xs, outputs, Place(Source("sample", ""), Span(0, 0)))
    return None


def example(step: Step) -> str:
    """A whole text whose last layer is a sample, and has its inputs."""
    assert isinstance(step.what, Operator)
    text = f"{step.what.word} {{ | }}" if step.what.variadic else written(step.what)
    x = step.input_types[0]
    operands = getattr(step.what, "given", ())
    if operands:
        before = [f"input {name}: {_type(kind)}" for name, kind in zip(("x", *operands), step.input_types, strict=True)]
        return "\n".join((*before, f"x -> {text}"))
    if _SHARED in step.what.arguments().values():
        return "\n".join(_WORDS) + f" -> {text}"
    return "\n".join(_STATE) + f" -> {text}" if x.kind is Kind.STATE else f"INPUT[{_type(x)}] -> {text}"


def written(operator: Operator[Any]) -> str:
    """An operator as a text writes it, with its shorthand: `conv3-64/2(groups=4)`."""
    given = dict(operator.arguments())
    text = operator.word
    window = cast("int | tuple[int, ...] | None", _taken(given, operator, Role.WINDOW))
    if window is not None:
        text += "x".join(map(str, window if isinstance(window, tuple) else (window,)))
    if isinstance(value := _taken(given, operator, Role.WIDTH), int):
        text += f"-{value}"
    stride = _taken(given, operator, Role.STRIDE)
    if isinstance(stride, int):
        text += f"/{stride}"
    elif stride is not None:
        given["stride"] = stride
    rest = [*getattr(operator, "given", ()), *(f"{name}={literal(value)}" for name, value in given.items())]
    return f"{text}({', '.join(rest)})" if rest else text


def _taken(given: dict[str, object], operator: Operator[Any], role: Role) -> object:
    name = type(operator).by_role(role)
    return given.pop(name, None) if name else None


def _guessed(operator: OperatorClass, more: str | None) -> dict[str, object]:
    """Values for the arguments that an operator cannot do without, and for one more."""
    return {name: _guess(each) for name, each in arguments(operator).items() if each.required or name == more}


def _guess(argument: Argument) -> object:
    if argument.typical is not None:
        return argument.typical
    match argument.kind:
        case ArgumentKind.LAYER:
            return _SHARED
        case ArgumentKind.FLAG:
            return True
        case ArgumentKind.CHOICE:
            return argument.choices[0]
        case ArgumentKind.NUMBERS:
            return (0.5,)
        case ArgumentKind.INTEGER | ArgumentKind.AXES | ArgumentKind.NUMBER:
            return 2 if argument.role is Role.WINDOW and not argument.required else _GUESSES[argument.role]
        case _:
            assert_never(argument.kind)


def _argument(argument: Argument) -> tuple[str, ...]:
    """Name, how the shorthand writes it, default and meaning."""
    shorthand = {Role.WINDOW: "digits", Role.WIDTH: "-64", Role.STRIDE: "/2", Role.NONE: ""}[argument.role]
    default = "required" if argument.required else "" if argument.default is None else literal(argument.default)
    choices = f": {', '.join(f'`{each}`' for each in argument.choices)}" if argument.choices else ""
    return argument.name, shorthand, default, f"{argument.doc}{choices}{_bounds(argument)}"


def _operand(operand: Operand) -> tuple[str, ...]:
    """Name and meaning of a tensor that is taken besides, in the columns of the arguments."""
    return operand.name, "", "required" if operand.required else "", operand.doc


def _bounds(argument: Argument) -> str:
    match argument.low, argument.high:
        case None, None:
            return ""
        case low, None:
            return f" (from {low:g})"
        case None, high:
            return f" (up to {high:g})"
        case low, high:
            return f" (from {low:g} to {high:g})"


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    """Aligned columns under a heading; the last one is prose, and wrapped."""
    rows = [("name", "short", "default", "meaning"), *rows]
    widths = [max(cells(row[index]) for row in rows) for index in range(len(rows[0]) - 1)]
    lines: list[str] = []
    for row in rows:
        head = "  " + "".join(padded(value, width + 2) for value, width in zip(row, widths, strict=False))
        first, *rest = textwrap.wrap(row[-1], WIDTH - len(head), break_on_hyphens=False) or [""]
        lines += [head + first, *(" " * len(head) + each for each in rest)]
    return [line.rstrip() for line in lines]


def _type(kind: TensorType) -> str:
    """A type as an input declares it. Sizes joined by `x` would be those of an image."""
    match kind.kind:
        case Kind.SEQUENCE:
            return str(kind.shape) if kind.rank == 1 else f"sequence{kind.shape}"
        case Kind.TOKENS:
            return f"tokens({kind.shape[0]})"
        case Kind.IMAGE | Kind.VECTOR | Kind.STATE | Kind.MASK | Kind.UNKNOWN:
            return str(kind)
        case _:
            assert_never(kind.kind)


def _sample_lines(step: Step) -> list[str]:
    assert isinstance(step.what, Operator)
    made = step.what
    rule = textwrap.wrap(_shape_rule(made, step), WIDTH - 2)
    lines = ["Shape", "", *(f"  {line}" for line in rule), "", "Example", ""]
    lines += [*(f"  {line}" for line in example(step).split("\n")), ""]
    module = Module("", step.input_types, (step,), (Wire(0),), step.place, {})
    lines += explained(next(Tour(module).spots())).text().split("\n")[1:]
    call = in_torch(step)
    return [*lines, "", "In PyTorch", "", f"  {call}"] if call else lines


def _shape_rule(operator: Operator[Any], step: Step) -> str:
    x, out = step.input_types[0], step.outputs[0]
    windows = operator.windows(operator.operand(step.input_types))
    channels = ", `width` channels" if type(operator).by_role(Role.WIDTH) else ""
    if windows and isinstance(windows[0], Window):
        dilated = ", with F = (window - 1)*dilation + 1" if "dilation" in arguments(type(operator)) else ""
        return f"floor((W - F + 2P)/S) + 1 on each axis{dilated}{channels}"
    if windows:
        return f"(W - 1)*S - 2P + F on each axis{channels}"
    if operator.variadic:
        return f"{' and '.join(map(str, step.input_types))} give {out}"
    if out == x:
        return "that of the input"
    return f"`width` features: {x} -> {out}" if channels else f"{x} -> {out}"


def in_torch(step: Step) -> str:
    """The PyTorch call of an operator step in one line; nothing where PyTorch has none."""
    assert isinstance(step.what, Operator)
    try:
        return torch_call(step.what.torch(step.what.operand(step.input_types)))
    except Reject:
        return ""


def torch_call(call: Layer | Apply | Learned) -> str:
    """The PyTorch call in one line."""
    match call:
        case Learned(function, shape, fill):
            made = f"nn.Parameter(torch.full({shape}, {fill:g}))"
            return f"{made}.expand(N, ...)" if function == "expand" else f"{made} {function} x"
        case Layer(name) | Apply(name):
            return _called(name, call)
        case _:
            assert_never(call)


def _called(name: str, call: Layer | Apply) -> str:
    if name == "[]":
        whole, *parts = call.args
        return f"{_value(whole)}[{', '.join(map(subscript, parts))}]"
    given = [*map(_value, call.args), *(f"{key}={_value(value)}" for key, value in call.kwargs)]
    if name in INFIX:
        return f" {name} ".join(("a", "b") if call.args == (ALL,) else map(_value, call.args))
    if name.startswith("."):
        return f"{given[0]}{name}({', '.join(given[1:])})"
    return f"{name}({', '.join(given)})"


def _value(value: object) -> str:
    match value:
        case Slot(index):
            return "[a, b]" if index < 0 else "x"
        case Grid():
            return "b.shape[2:]"
        case Apply():
            return torch_call(value)
        case Weight(path):
            return path
        case tuple():
            return f"({', '.join(map(_value, cast('tuple[object, ...]', value)))})"
        case _:
            return repr(value)


def _first_sentence(operator: OperatorClass) -> str:
    text = " ".join(operator.manual().split("\n\n")[0].split())
    return re.split(r"(?<=[a-z)])\. ", text)[0].rstrip(".")


def known_pages(operators: Operators, faults: Mapping[str, type[Fault]]) -> tuple[str, ...]:
    """Every word that has a page."""
    return (*operators, *faults, "operators")
