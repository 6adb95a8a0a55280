"""Random networks that are right by construction, as data that can be written in more than one way.

The rules of what fits stand here once more, in the terms of a person with pencil and paper, and nothing here asks the
compiler: a size after a window is counted by laying the window down, not by a formula. `PROGRAMS` lists the generators;
whoever has another back end to hold to the language draws from each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

Size = tuple[int, ...]
"""Channels, height, width; or the features of a vector."""
Names = Mapping[str, int]
Effect = Callable[[Size, Names], Size]

LONGEST = 40
WIDEST = 64


# --- networks as data -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Word:
    """One layer: its text, with `{c}` where a name of its block stands, and what it makes of a size."""

    text: str
    effect: Effect


@dataclass(frozen=True)
class Repeat:
    """`[...]*3`, or a group without a count; perhaps with a label."""

    chain: Chain
    count: int = 1
    label: str = ""


@dataclass(frozen=True)
class Loop:
    """`[... for v in [1, 2]]`."""

    name: str
    values: tuple[int, ...]
    chain: Chain


@dataclass(frozen=True)
class Braces:
    """`concat { a | b }`; an empty branch is the identity. `{}` stands for a projection where a residual needs one."""

    word: str
    branches: tuple[Chain, ...]


@dataclass(frozen=True)
class Call:
    """A call of a block, its arguments texts such as `16` or `{c}`."""

    block: Block
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Start:
    """A binding of what comes in, and a sum with it later: `x = a`, then `add { b | x }`."""

    name: str
    first: Chain
    second: Chain


Node = Word | Repeat | Loop | Braces | Call
Chain = tuple[Node, ...]


@dataclass(frozen=True)
class Block:
    """A block with parameters that are widths or strides."""

    name: str
    parameters: tuple[str, ...]
    chain: Chain


@dataclass(frozen=True)
class Program:
    """A network with its blocks, and the sizes that come in and out."""

    name: str
    blocks: tuple[Block, ...]
    size: Size
    chain: Chain
    output: Size


@dataclass(frozen=True)
class Writing:
    """How a network is written. The meaning is the same, whatever is chosen.

    unrolled: whether repeats and comprehensions are written out. inlined: whether blocks stand where they are called.
    renamed: what is put before each name. order: the order of the definitions, as a permutation; empty for as made.
    """

    unrolled: bool = False
    inlined: bool = False
    renamed: str = ""
    order: tuple[int, ...] = ()
    line: str = "\n"
    comments: bool = False


AS_MADE = Writing()


# --- writing ----------------------------------------------------------------------------------------------------------


def text(program: Program, how: Writing = AS_MADE) -> str:
    """The text of a network."""
    definitions = [] if how.inlined else [_definition(block, how) for block in program.blocks]
    sizes = "x".join(map(str, (*program.size[1:], program.size[0])))
    body = " -> ".join(_chain(program.chain, how, {}))
    definitions.append(f"net {how.renamed}{program.name} {{\n  input {sizes}\n  {body}\n}}")
    if how.order:
        definitions = [definitions[index] for index in how.order if index < len(definitions)]
    written = "\n".join(definitions) + "\n"
    if how.comments:
        # a comment ends a line anywhere, also one that goes on
        written = (
            written.replace(" -> ", "  # -> relu\n\n    -> ").replace("{\n", "{ # }\n \n# ]\n").replace("|", "|  # [\n")
        )
    return written.replace("\n", how.line)


def _definition(block: Block, how: Writing) -> str:
    names = {each: f"{how.renamed}{each}" for each in block.parameters}
    head = f"({', '.join(names.values())})" if names else ""
    return f"block {how.renamed}{block.name}{head} = {' -> '.join(_chain(block.chain, how, names))}"


def _chain(chain: Chain, how: Writing, names: Mapping[str, str]) -> list[str]:
    return [each for node in chain for each in _node(node, how, names)]


def _joined(chain: Chain, how: Writing, names: Mapping[str, str]) -> str:
    return " -> ".join(_chain(chain, how, names))


def _node(node: Node, how: Writing, names: Mapping[str, str]) -> list[str]:
    match node:
        case Word(written, _):
            return [written.format_map(names)]
        case Repeat(chain, count, label):
            if how.unrolled:
                return _chain(chain, how, names) * count
            suffix = (f"*{count}" if count != 1 else "") + (f" as {how.renamed}{label}" if label else "")
            return [f"[{_joined(chain, how, names)}]{suffix}"]
        case Loop(name, values, chain):
            if how.unrolled:
                return [each for value in values for each in _chain(chain, how, {**names, name: str(value)})]
            inner = {**names, name: f"{how.renamed}{name}"}
            return [f"[{_joined(chain, how, inner)} for {inner[name]} in [{', '.join(map(str, values))}]]"]
        case Braces(word, branches):
            return [f"{word} {{ {' | '.join(_joined(each, how, names) for each in branches)} }}"]
        case Call(block, arguments):
            given = [each.format_map(names) for each in arguments]
            if how.inlined:
                return _chain(block.chain, how, dict(zip(block.parameters, given, strict=True)))
            return [f"{how.renamed}{block.name}{'(' + ', '.join(given) + ')' if given else ''}"]


# --- sizes, counted ---------------------------------------------------------------------------------------------------


def after(chain: Chain, size: Size, names: Names) -> Size:
    """The size that comes out of a chain."""
    for node in chain:
        match node:
            case Word(_, effect):
                size = effect(size, names)
            case Repeat(inner, count, _):
                for _ in range(count):
                    size = after(inner, size, names)
            case Loop(name, values, inner):
                for value in values:
                    size = after(inner, size, {**names, name: value})
            case Braces("concat", branches):
                ends = [after(each, size, names) for each in branches]
                size = (sum(each[0] for each in ends), *ends[0][1:])
            case Braces(_, branches):
                size = after(branches[0], size, names)
            case Call(block, arguments):
                given = (int(each) if each.isdigit() else names[each.strip("{}")] for each in arguments)
                size = after(block.chain, size, dict(zip(block.parameters, given, strict=True)))
    return size


def placed(length: int, window: int, stride: int, before: int, dilation: int = 1, *, over: bool = False) -> int:
    """How often a window can be laid down, counted by laying it down."""
    extent = (window - 1) * dilation + 1
    starts = range(-before, length + before, stride)
    if over:
        # the last may hang over the end, but must begin inside or in front
        first_over = next((start for start in starts if start + extent >= length + before), None)
        return sum(1 for start in starts if start < length and (first_over is None or start <= first_over))
    return sum(1 for start in starts if start + extent <= length + before)


def _grid(
    window: tuple[int, int], stride: int, before: tuple[int, int], dilation: int = 1, *, over: bool = False
) -> Effect:
    def effect(size: Size, names: Names) -> Size:
        channels, *grid = size
        sizes = (placed(l, w, stride, b, dilation, over=over) for l, w, b in zip(grid, window, before, strict=True))
        return channels, *sizes

    return effect


def _conv(channels: int | str, size: Effect) -> Effect:
    def effect(before: Size, names: Names) -> Size:
        made = names[channels] if isinstance(channels, str) else channels
        return made, *size(before, names)[1:]

    return effect


def same(size: Size, names: Names) -> Size:
    """What a layer leaves as it is."""
    return size


def halved(stride: int | str) -> Effect:
    """A window that is padded by half of itself: every stride-th position."""

    def effect(size: Size, names: Names) -> Size:
        step = names[stride] if isinstance(stride, str) else stride
        return size[0], *(len(range(0, length, step)) for length in size[1:])

    return effect


# --- layers -----------------------------------------------------------------------------------------------------------

# a batch norm stands right behind its convolution, in the same module: whether a convolution has a bias is decided within
# one module, so that `[conv3-8]*2 -> bn` has two biases, and `conv3-8 -> conv3-8 -> bn` one
_AFTER = ("", " -> relu", " -> bn", " -> bn -> relu", " -> leaky_relu(0.1)", " -> bn -> silu")
_DECORATED = ("", "act=relu", "norm=bn", "act=gelu, norm=bn")
_POINTWISE = ("relu", "tanh", "hardswish", "dropout", "lrn", "relu -> bn", "ln", "prelu", "elu", "identity", "softmax")


@dataclass
class _Drawing:
    """What is at hand while a network is drawn."""

    draw: st.DrawFn
    blocks: tuple[Block, ...] = ()
    labels: list[str] = field(default_factory=list[str])

    def one(self, *choices: Any) -> Any:
        """One of some values."""
        return self.draw(st.sampled_from(choices))

    def number(self, low: int, high: int) -> int:
        """A whole number."""
        return self.draw(st.integers(low, high))


def _divisors(*numbers: int) -> list[int]:
    return [each for each in range(1, min(numbers) + 1) if all(number % each == 0 for number in numbers)]


def _image_layer(d: _Drawing, size: Size) -> Word:
    """A layer that an image of this size can go through."""
    channels, height, width = size
    low = min(height, width)
    kinds = ["conv", "conv", "wide", "dwconv", "pointwise", "pool"]
    kinds += ["valid"] if low >= 3 else []
    kinds += ["grow", "deconv"] if 2 * max(height, width) <= LONGEST else []
    made = d.number(1, 12)
    match d.one(*kinds):
        case "conv":
            window, stride = d.one(1, 3, 5), d.number(1, 2)
            groups = d.one(*_divisors(channels, made))
            given = [f"groups={groups}"] if groups > 1 else []
            given += [more] if (more := d.one(*_DECORATED)) else []
            arguments = f"({', '.join(given)})" if given else ""
            slash = f"/{stride}" if stride > 1 else ""
            follow = "" if "act" in arguments or "norm" in arguments else d.one(*_AFTER)
            return Word(f"conv{window}-{made}{slash}{arguments}{follow}", _conv(made, halved(stride)))
        case "wide":
            window = d.one((1, 3), (3, 1), (1, 7), (5, 3))
            dilation = d.number(1, 2)
            before = tuple((each - 1) * dilation // 2 for each in window)
            more = f"(dilation={dilation})" if dilation > 1 else ""
            text = f"conv{window[0]}x{window[1]}-{made}{more}"
            return Word(text, _conv(made, _grid(window, 1, (before[0], before[1]), dilation)))
        case "valid":
            window, stride = d.number(1, min(low, 4)), d.number(1, 3)
            text = f"conv{window}-{made}/{stride}(p=0, bias=false)"
            return Word(text, _conv(made, _grid((window, window), stride, (0, 0))))
        case "dwconv":
            times = d.number(1, 2)
            stride = d.number(1, 2)
            more = f"(multiplier={times})" if times > 1 else ""
            return Word(
                f"dwconv3/{stride}{more}{d.one(*_AFTER)}", lambda s, n: (s[0] * times, *halved(stride)(s, n)[1:])
            )
        case "deconv":
            text = f"deconv2-{made}/2"
            return Word(text, lambda s, n: (made, *(2 * each for each in s[1:])))
        case "grow":
            return Word(
                d.one("upsample2", 'upsample2(mode="bilinear")'), lambda s, n: (s[0], *(2 * each for each in s[1:]))
            )
        case "pool":
            return _pool(d, low)
        case _:
            groups = d.one(*_divisors(channels))
            # a group of one number has no deviation
            norms = [f"gn({groups})"] if groups < channels or max(height, width) > 1 else []
            return Word(d.one(*_POINTWISE, *norms, f"channel_shuffle({groups})"), same)


def _pool(d: _Drawing, low: int) -> Word:
    forms: list[tuple[str, Effect]] = [
        ("pool3/2(p=1)", _grid((3, 3), 2, (1, 1))),
        ("avgpool3/1(p=1)", _grid((3, 3), 1, (1, 1))),
        ("avgpool3/2(p=1, count_include_pad=false)", _grid((3, 3), 2, (1, 1))),
        ("pool2x1/1", _grid((2, 1), 1, (0, 0))) if low >= 2 else ("pool1x1/2", _grid((1, 1), 2, (0, 0))),
    ]
    if low >= 2:
        forms += [
            ("pool", _grid((2, 2), 2, (0, 0))),
            ("pool2/2(ceil=true)", _grid((2, 2), 2, (0, 0), over=True)),
        ]
    if low >= 3:
        forms += [
            ("pool3/2", _grid((3, 3), 2, (0, 0))),
            ("avgpool3/2(ceil=true)", _grid((3, 3), 2, (0, 0), over=True)),
            ("pool2/1(dilation=2)", _grid((2, 2), 1, (0, 0), 2)),
        ]
    return Word(*d.one(*forms))


def _keeping(d: _Drawing, channels: int | str) -> Word:
    """A layer that any image can go through, and that keeps its size; it may set the channels."""
    shown = f"{{{channels}}}" if isinstance(channels, str) else str(channels)
    window = d.one(1, 3, "1x3", 5)
    if d.one(True, True, False):
        return Word(f"conv{window}-{shown}{d.one(*_AFTER)}", _conv(channels, halved(1)))
    return Word(d.one("relu", "dwconv3 -> bn", "avgpool3/1(p=1)", "silu -> bn"), same)


# --- chains -----------------------------------------------------------------------------------------------------------


def _image_chain(d: _Drawing, size: Size, depth: int, most: int) -> tuple[Chain, Size]:
    """A chain for an image of a size, and the size that comes out."""
    chain: list[Node] = []
    for _ in range(d.number(1, most)):
        node = _image_node(d, size, depth)
        made = after((node,), size, {})
        if max(made[1:]) > LONGEST or made[0] > WIDEST:
            continue
        chain.append(node)
        size = made
    return tuple(chain or [Word("relu", same)]), size


def _image_node(d: _Drawing, size: Size, depth: int) -> Node:
    forms = ["layer", "layer"]
    if depth:
        forms += ["group", "repeat", "loop", "residual", "branches", "sum", "gate"]
        forms += ["call"] if d.blocks else []
    match d.one(*forms):
        case "group":
            chain, _ = _image_chain(d, size, depth - 1, 3)
            return Repeat(chain, label=_label(d))
        case "repeat":
            # it can be drawn only for the sizes that come in again, so what is repeated takes any image
            return Repeat(_any_chain(d, d.number(1, 8), depth - 1), d.number(0, 3), _label(d))
        case "loop":
            name = d.one("v", "w")
            values = tuple(d.draw(st.lists(st.integers(1, 8), min_size=1, max_size=3)))
            return Loop(name, values, _any_chain(d, name, depth - 1))
        case "residual":
            return _residual(d, size, depth)
        case "branches":
            branches = [_any_chain(d, d.number(1, 6), depth - 1) for _ in range(d.number(1, 3))]
            return Braces("concat", (*d.one((), ((),)), *branches, _any_chain(d, 2, 0)))
        case "sum":
            made = d.number(1, 6)
            ends = [
                (*_any_chain(d, made, depth - 1), Word(f"conv1-{made}", _conv(made, same)))
                for _ in range(d.number(2, 3))
            ]
            return Braces("add", tuple(ends))
        case "gate":
            gate = (Word(f"gap(keep=true) -> conv1-{size[0]} -> sigmoid", lambda s, n: (s[0], 1, 1)),)
            return Braces("mul", ((), gate))
        case "call":
            block = d.one(*d.blocks)
            return Call(block, tuple(str(d.number(1, 2 if name.startswith("s") else 8)) for name in block.parameters))
        case _:
            return _image_layer(d, size)


def _label(d: _Drawing) -> str:
    if d.one(True, False):
        return ""
    label = f"stage{len(d.labels)}"
    d.labels.append(label)
    return label


def _any_chain(d: _Drawing, channels: int | str, depth: int) -> Chain:
    """A chain that any image can go through, and that keeps its height and width."""
    chain: list[Node] = [_keeping(d, channels) for _ in range(d.number(1, 2))]
    if depth > 0:
        inner = _any_chain(d, channels, depth - 1)
        more: list[Node] = [
            Repeat(inner, d.number(1, 3)),
            Braces("concat", ((), inner)),
            Braces("residual", (inner,)),
            Braces("residual", (inner, (Word(f"conv1-{_shown(channels)}", _conv(channels, same)),)))
            if _sets_channels(inner, channels)
            else Repeat(inner),
        ]
        chain.append(d.one(*more))
    return tuple(chain)


def _shown(channels: int | str) -> str:
    return f"{{{channels}}}" if isinstance(channels, str) else str(channels)


def _sets_channels(chain: Chain, channels: int | str) -> bool:
    """Whether a chain ends with so many channels whatever came in."""
    names = {channels: 5} if isinstance(channels, str) else {}
    ends = {after(chain, (start, 4, 4), names)[0] for start in (3, 11)}
    return ends == {names.get(channels, channels) if isinstance(channels, str) else channels}


def _residual(d: _Drawing, size: Size, depth: int) -> Node:
    """A body with a shortcut: strides divide by rounding up, so that a 1x1 convolution can follow."""
    made, stride = d.number(1, 8), d.number(1, 3)
    body: Chain = (
        Word(f"conv3-{made}/{stride} -> bn -> relu", _conv(made, halved(stride))),
        *_any_chain(d, made, depth - 1),
    )
    if d.one(True, False):
        return Braces("residual", (body,))
    end = after(body, size, {})
    shortcut = (Word(f"conv1-{end[0]}/{stride}", _conv(end[0], halved(stride))),)
    return Braces("residual", (body, shortcut))


def _vector_chain(d: _Drawing, size: Size) -> tuple[Chain, Size]:
    """The head: from an image to a vector, and on."""
    count = 1
    for each in size:
        count *= each
    features = d.number(1, 10)
    entries = [
        (Word("gap", lambda s, n: (s[0],)), (size[0],)),
        (Word("flatten", lambda s, n: (count,)), (count,)),
        (Word(f"fc-{features} -> relu", lambda s, n: (features,)), (features,)),
    ]
    entry, size = d.one(*entries)
    chain: list[Node] = [entry]
    for _ in range(d.number(0, 3)):
        width = size[0]
        other = d.number(1, 9)
        node = d.one(
            Word(f"fc-{other}(act=relu)", _conv(other, same)),
            Word("dropout(0.3)", same),
            Repeat((Word(f"fc-{other} -> tanh", _conv(other, same)),), d.number(0, 3)),
            Braces("residual", ((Word(f"fc-{other} -> relu", _conv(other, same)),),)),
            Braces("concat", ((Word(f"fc-{other}", _conv(other, same)),), ())),
            Braces("mul", ((), (Word(f"fc-{width} -> sigmoid", same),))),
        )
        size = after((node,), size, {})
        chain.append(node)
    return tuple(chain), size


# --- programs ---------------------------------------------------------------------------------------------------------


def _size(d: _Drawing) -> Size:
    height, width = d.draw(st.lists(st.integers(3, 20), min_size=2, max_size=2, unique=True))
    return d.number(1, 6), height, width


@st.composite
def chains(draw: st.DrawFn) -> Program:
    """A row of layers, the textbook's form."""
    d = _Drawing(draw)
    size = _size(d)
    body, end = _image_chain(d, size, 0, 8)
    head, output = _vector_chain(d, end)
    return Program("plain", (), size, (*body, *head), output)


@st.composite
def graphs(draw: st.DrawFn) -> Program:
    """Groups, repeats, comprehensions, residuals, branches and gates inside each other."""
    d = _Drawing(draw)
    size = _size(d)
    body, end = _image_chain(d, size, 2, 5)
    head, output = _vector_chain(d, end) if d.one(True, False) else ((), end)
    return Program("branched", (), size, (*body, *head), output)


@st.composite
def hierarchies(draw: st.DrawFn) -> Program:
    """Blocks with arguments that call each other."""
    d = _Drawing(draw)
    blocks: list[Block] = []
    for index in range(d.number(1, 3)):
        blocks.append(_block(d, f"b{index}", blocks))
    d.blocks = tuple(blocks)
    size = _size(d)
    body, end = _image_chain(d, size, 1, 4)
    calls = tuple(
        Call(block, tuple(str(d.number(1, 2 if name.startswith("s") else 8)) for name in block.parameters))
        for block in blocks
    )
    chain = (*body, *calls)
    end = after(chain, size, {})
    head, output = _vector_chain(d, end)
    return Program("nested", d.blocks, size, (*chain, *head), output)


def _block(d: _Drawing, name: str, known: list[Block]) -> Block:
    """A block that takes any image. Its widths and strides are parameters."""
    parameters = d.one((), ("c",), ("c", "s"))
    width = "c" if parameters else d.number(1, 6)
    chain: list[Node] = list(_any_chain(d, width, 1))
    if "s" in parameters:
        chain.append(Word(f"conv3-{_shown(width)}/{{s}} -> bn", _conv(width, halved("s"))))
    if known and d.one(True, False):
        inner = d.one(*known)
        given = (
            "{s}" if each == "s" and "s" in parameters else "{c}" if parameters and each == "c" else "1"
            for each in inner.parameters
        )
        chain.append(Call(inner, tuple(given)))
    return Block(name, parameters, tuple(chain))


PROGRAMS: dict[str, Callable[[], st.SearchStrategy[Program]]] = {
    "chains": chains,
    "graphs": graphs,
    "hierarchies": hierarchies,
}


def programs() -> st.SearchStrategy[Program]:
    """A network of any form."""
    return st.one_of(*(each() for each in PROGRAMS.values()))
