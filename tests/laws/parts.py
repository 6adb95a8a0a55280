"""Parts of random texts: each with what it makes of a size, worked out with pencil and paper and not by the compiler.

A part knows the names around it, since widths, strides, counts and flags are often parameters. What does not fit raises
Misfit, and whoever writes a text takes another part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from random import Random
from typing import Any

Names = dict[str, Any]
"""What names are worth: numbers, flags, lists, operators and blocks, and the sizes of tensors."""

LONGEST = 20
WIDEST = 48
LARGEST = 6_000


class Misfit(Exception):
    """What does not fit a tensor that comes in."""


@dataclass(frozen=True)
class Size:
    """A kind of tensor and its sizes in torch's order, without the batch."""

    kind: str
    shape: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Channels or features."""
        return self.shape[0] if self.kind == "image" else self.shape[-1]

    @property
    def grid(self) -> tuple[int, ...]:
        """The sizes of the axes along which positions lie."""
        return self.shape[1:] if self.kind == "image" else self.shape[:-1]

    @property
    def rank(self) -> int:
        """How many axes its grid has."""
        return len(self.shape) - 1

    def wide(self, channels: int) -> Size:
        """The same with other channels."""
        shape = (channels, *self.shape[1:]) if self.kind == "image" else (*self.shape[:-1], channels)
        return Size(self.kind, shape)

    def gridded(self, grid: Iterable[int]) -> Size:
        """The same on another grid."""
        grid = tuple(grid)
        return Size(self.kind, (self.channels, *grid) if self.kind == "image" else (*grid, self.channels))


def need(*facts: bool) -> None:
    """Misfit where something does not hold."""
    if not all(facts):
        raise Misfit


def sane(size: Size) -> Size:
    """A size that a test can afford."""
    need(all(each > 0 for each in size.shape), prod(size.shape) <= LARGEST)
    if size.kind in {"image", "sequence", "vector"}:
        need(size.channels <= (LARGEST if size.kind == "vector" else WIDEST), max(size.grid, default=1) <= LONGEST)
    return size


Effect = Callable[[Size, Names], Size]


@dataclass(frozen=True)
class Part:
    """A piece of a chain: its text, what it makes of a size, and the constructs in it."""

    text: str
    run: Effect
    seen: tuple[str, ...] = ()


@dataclass(frozen=True)
class Expr:
    """An expression: its text and what it is worth."""

    text: str
    value: Callable[[Names], Any]
    seen: tuple[str, ...] = ()

    @property
    def amount(self) -> str:
        """As a width, a stride or a count: in parentheses unless it is a number or a name."""
        return self.text if self.text.replace("_", "a").isalnum() else f"({self.text})"

    @property
    def term(self) -> str:
        """As a part of a larger expression."""
        return self.amount


def literal(value: Any, *seen: str) -> Expr:
    """A value as it is written."""
    return Expr(written(value), lambda _: value, seen)


def written(value: Any) -> str:
    """A value in the words of the language."""
    match value:
        case bool():
            return str(value).lower()
        case list():
            return f"[{', '.join(map(written, value))}]"
        case tuple():
            return f"({', '.join(map(written, value))})"
        case str():
            return f'"{value}"'
        case _:
            return str(value)


def name(word: str) -> Expr:
    """A name that stands around."""
    return Expr(word, lambda names: names[word])


def joined(parts: Iterable[Part]) -> Part:
    """Parts one after the other."""
    parts = tuple(parts)

    def run(x: Size, names: Names) -> Size:
        for part in parts:
            x = part.run(x, names)
        return x

    return Part(" -> ".join(part.text for part in parts), run, tuple(tag for part in parts for tag in part.seen))


def slid(length: int, window: int, stride: int, padding: int, dilation: int = 1, *, ceil: bool = False) -> int:
    """How many windows there are: `floor((W - F + 2P)/S) + 1`, with the last over the end where `ceil` is said."""
    room = length + 2 * padding - dilation * (window - 1) - 1
    need(room >= 0)
    if not ceil:
        return room // stride + 1
    many = -(-room // stride) + 1
    # the last window must begin inside or in front
    return many - 1 if (many - 1) * stride >= length + padding else many


def same(x: Size, names: Names) -> Size:
    """What is left as it is."""
    return x


def only(*kinds: str) -> Effect:
    """What leaves tensors of some kinds as they are, and takes no others."""

    def run(x: Size, names: Names) -> Size:
        need(x.kind in kinds)
        return x

    return run


ACTIVATIONS = (
    "relu", "relu", "relu", "gelu", "silu", "tanh", "sigmoid", "hardswish", "relu6", "mish", "selu", "softplus",
    "hardsigmoid", "leaky_relu(0.1)", "leaky_relu", "elu(0.5)", "elu", 'gelu(approximate="tanh")', "prelu", "softmax",
    "log_softmax", "leaky_relu(slope=0.3)",
)  # fmt: skip


def words(text: str) -> tuple[str, ...]:
    """The operator of an element, as a construct."""
    found = re.match(r"relu6|[A-Za-z_]+", text)
    assert found is not None
    return (f"operator {found[0].lower()}",)


def plain(text: str, run: Effect, *seen: str) -> Part:
    """An element of one operator."""
    return Part(text, run, (*words(text), *seen))


# --- operators --------------------------------------------------------------------------------------------------------


def _windowed(
    stride: Expr | int,
    window: Expr | int | tuple[int, ...],
    padding: int | None,
    dilation: int = 1,
    *,
    ceil: bool = False,
) -> Callable[[Size, Names], tuple[int, ...]]:
    def grid(x: Size, names: Names) -> tuple[int, ...]:
        need(x.kind == "image", 1 <= x.rank <= 3)
        step = stride.value(names) if isinstance(stride, Expr) else stride
        given = window.value(names) if isinstance(window, Expr) else window
        sizes = given if isinstance(given, tuple) else (given,) * x.rank
        need(len(sizes) == x.rank)
        half = (dilation * ((each - 1) // 2) if each % 2 else 0 for each in sizes)
        ends = half if padding is None else (padding for _ in sizes)
        rows = zip(x.grid, sizes, ends, strict=True)
        return tuple(slid(length, size, step, end, dilation, ceil=ceil) for length, size, end in rows)

    return grid


@dataclass(frozen=True)
class Decoration:
    """`act=` and `norm=` behind a layer. `check` looks at what comes out of the layer."""

    given: tuple[str, ...]
    check: Callable[[Size, Names], None]
    seen: tuple[str, ...] = ()


UNDECORATED = Decoration((), lambda x, names: None)


def conv(r: Random, x: Size, width: Expr, stride: Expr, window: Expr, more: Decoration) -> Part:
    """A convolution of some form."""
    given: list[str] = []
    padding: int | None = None
    dilation = groups = 1
    windows: Expr | tuple[int, ...] = window
    shown = ""
    if window.text.isdigit():
        shown = window.text
        if x.rank == 2 and r.random() < 0.12:
            windows = r.choice([(1, 3), (3, 1), (5, 1), (2, 3)])
            shown = "x".join(map(str, windows))
    else:
        given.append(f"window={window.text}")
    slash = "" if stride.text == "1" else f"/{stride.amount}"
    if slash and r.random() < 0.2:
        slash = ""
        given.append(f"stride={stride.text}")
    match r.randrange(10):
        case 0:
            padding = r.choice([0, 0, 1, 2])
            given.append(f"p={padding}")
        case 1:
            dilation = 2
            given.append("dilation=2")
        case 2 | 3:
            groups = r.choice([2, 2, 3, 4])
            given.append(f"groups={groups}")
        case 4:
            given.append(f"bias={r.choice(['true', 'false'])}")
        case _:
            pass
    given += more.given
    grid = _windowed(stride, windows, padding, dilation)

    def run(x: Size, names: Names) -> Size:
        made = width.value(names)
        need(isinstance(made, int), made > 0, x.channels % groups == 0, made % groups == 0)
        y = x.gridded(grid(x, names)).wide(made)
        more.check(y, names)
        return y

    arguments = f"({', '.join(given)})" if given else ""
    return plain(
        f"conv{shown}-{width.amount}{slash}{arguments}", run, *width.seen, *stride.seen, *window.seen, *more.seen
    )


def depthwise(r: Random, stride: Expr, more: Decoration) -> Part:
    """A depthwise convolution."""
    times = r.choice([1, 1, 2])
    given = [*([f"multiplier={times}"] if times > 1 else []), *more.given]
    grid = _windowed(stride, 3, None)

    def run(x: Size, names: Names) -> Size:
        y = x.gridded(grid(x, names)).wide(times * x.channels)
        more.check(y, names)
        return y

    slash = "" if stride.text == "1" else f"/{stride.amount}"
    return plain(f"dwconv3{slash}{'(' + ', '.join(given) + ')' if given else ''}", run, *stride.seen, *more.seen)


def transposed(r: Random, width: Expr) -> Part:
    """A transposed convolution."""
    window, stride, padding, extra = r.choice([(2, 2, 0, 0), (3, 1, 1, 0), (4, 2, 1, 0), (3, 2, 1, 1), (2, 1, 0, 0)])
    given = [*([f"p={padding}"] if padding else []), *([f"output_padding={extra}"] if extra else [])]

    def run(x: Size, names: Names) -> Size:
        need(x.kind == "image", 1 <= x.rank <= 3)
        return x.gridded((each - 1) * stride - 2 * padding + window + extra for each in x.grid).wide(width.value(names))

    slash = f"/{stride}" if stride > 1 else ""
    arguments = f"({', '.join(given)})" if given else ""
    return plain(f"deconv{window}-{width.amount}{slash}{arguments}", run, *width.seen)


_POOLS: tuple[tuple[str, int, int, int, int, bool], ...] = (
    ("pool", 2, 2, 0, 1, False),
    ("pool3/2(p=1)", 3, 2, 1, 1, False),
    ("pool3/1(p=1)", 3, 1, 1, 1, False),
    ("pool2/2(ceil=true)", 2, 2, 0, 1, True),
    ("pool3", 3, 3, 0, 1, False),
    ("pool2/1(dilation=2)", 2, 1, 0, 2, False),
    ("avgpool", 2, 2, 0, 1, False),
    ("avgpool3/1(p=1)", 3, 1, 1, 1, False),
    ("avgpool3/2(p=1, count_include_pad=false)", 3, 2, 1, 1, False),
    ("avgpool2/2(ceil=true)", 2, 2, 0, 1, True),
)


def pooling(r: Random, stride: Expr) -> Part:
    """A pool over windows, or to a size."""
    if r.random() < 0.2:
        size = r.choice([1, 2, 3])
        word = r.choice(["adaptiveavgpool", "adaptivemaxpool"])

        def brought(x: Size, names: Names) -> Size:
            need(x.kind == "image")
            return x.gridded(size for _ in x.grid)

        return plain(f"{word}({size})", brought)
    if stride.text != "1" and not stride.text.isdigit():
        grid = _windowed(stride, 3, 1)
        return plain(f"pool3/{stride.amount}(p=1)", lambda x, names: x.gridded(grid(x, names)), *stride.seen)
    text, window, step, padding, dilation, ceil = r.choice(_POOLS)
    grid = _windowed(step, window, padding, dilation, ceil=ceil)

    def run(x: Size, names: Names) -> Size:
        need(x.kind == "image", not text.startswith("avg") or min(x.grid) >= window)
        return x.gridded(grid(x, names))

    return plain(text, run)


def pointwise(r: Random, x: Size, act: Expr, p: Expr) -> Part:
    """What keeps the size of what comes in: activations, norms, what drops and what scales."""
    features = ("image", "sequence", "vector")
    channels = x.channels
    forms = [
        Part(act.text, only(*features), (*words(act.text), *act.seen)),
        Part(act.text, only(*features), (*words(act.text), *act.seen)),
        plain("ln", only(*features)),
        plain(r.choice(["ln(eps=0.001)", "ln(affine=false)"]), only(*features)),
        plain(f"dropout({p.text})", only(*features), *p.seen),
        plain(f"drop_path({p.text})", only(*features), *p.seen),
        plain("identity", same),
        plain(r.choice(["scale(0.5)", "scale(2)"]), only(*features)),
        plain(r.choice(["layer_scale", "layer_scale(0.5)", "layer_scale(2)"]), only(*features)),
    ]
    if x.kind in {"image", "vector"}:
        groups = r.choice([each for each in range(1, channels + 1) if channels % each == 0])

        def divided(x: Size, names: Names) -> Size:
            need(x.kind in {"image", "vector"}, x.channels % groups == 0)
            return x

        def spread(x: Size, names: Names) -> Size:
            # a group of one number has no deviation
            need(x.channels > groups or max(x.grid, default=1) > 1)
            return divided(x, names)

        def shuffled(x: Size, names: Names) -> Size:
            need(x.kind == "image")
            return divided(x, names)

        def sloped(x: Size, names: Names) -> Size:
            need(x.kind in {"image", "vector"}, x.channels == channels)
            return x

        forms += [
            plain("bn", only("image", "vector")),
            plain("bn", only("image", "vector")),
            plain(r.choice(["bn(eps=0.01)", "bn(momentum=0.3)", "bn(affine=false)"]), only("image", "vector")),
            plain(f"gn({groups})", spread),
            plain(f"prelu({channels})", sloped),
        ]
        if x.kind == "image":
            forms += [plain("lrn", only("image")), plain("lrn(size=3, alpha=0.5)", only("image"))]
            forms += [
                plain(f"channel_shuffle({groups})", shuffled),
                plain(f"dropout({p.text}, channels=true)", only("image")),
            ]
    if x.kind in {"image", "sequence"}:
        by = tuple(r.choice([1, -1, 2, 0]) for _ in x.grid)
        rank = x.rank

        def rolled(x: Size, names: Names) -> Size:
            need(x.kind in {"image", "sequence"}, x.rank == rank)
            return x

        forms.append(plain(f"roll({by[0] if rank == 1 else written(by)})", rolled))
    return r.choice(forms)


def resampling(r: Random, x: Size) -> Part:
    """What makes maps larger or smaller without weights."""

    def grown(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return x.gridded(2 * each for each in x.grid)

    def bordered(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return x.gridded(each + 2 for each in x.grid)

    def before(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return x.gridded(each + 1 for each in x.grid)

    def more(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return x.wide(x.channels + 2)

    size = r.choice([3, 5, 7])

    def sized(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return x.gridded(size for _ in x.grid)

    def folded(x: Size, names: Names) -> Size:
        need(x.kind == "image", x.rank == 2, all(each % 2 == 0 for each in x.grid))
        return x.gridded(each // 2 for each in x.grid).wide(4 * x.channels)

    forms = [
        plain("upsample2", grown), plain('upsample2(mode="linear")', grown), plain(f"upsample(size={size})", sized),
        plain("pad(1)", bordered), plain("pad(before=1)", before), plain("pad(after=1)", before),
        plain("pad_channels(after=2)", more), plain("pad_channels(1, 1)", more),
    ]  # fmt: skip
    if x.rank == 2:
        forms += [plain("space_to_depth(2)", folded), plain("space_to_depth", folded)]
        forms += [plain('upsample2(mode="bicubic", align_corners=true)', grown)]
    return r.choice(forms)


def part_of(r: Random, x: Size, half: Expr | None) -> Part:
    """Some of the channels."""
    start = r.randrange(max(x.channels - 1, 1))
    stop = r.randint(start + 1, x.channels)
    if half is not None and r.random() < 0.6:
        first = r.random() < 0.5

        def halved(x: Size, names: Names) -> Size:
            at = half.value(names)
            need(isinstance(at, int), 0 < at < x.channels)
            return x.wide(at if first else x.channels - at)

        return plain(f"slice(0, {half.text})" if first else f"slice({half.text})", halved, *half.seen)

    def run(x: Size, names: Names) -> Size:
        need(x.kind in {"image", "sequence", "vector"}, stop <= x.channels)
        return x.wide(stop - start)

    return plain(f"slice({start}, {stop})", run)


# --- sequences --------------------------------------------------------------------------------------------------------


def sequential(r: Random, x: Size, width: Expr, p: Expr) -> Part:
    """A layer that a sequence goes through."""
    heads = r.choice([each for each in (1, 2, 4) if x.channels % each == 0])

    def attended(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1, x.channels % heads == 0)
        return x

    def even(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1, x.channels % 2 == 0)
        return x

    both = r.random() < 0.25
    layers = r.choice([1, 1, 2])

    def recurrent(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1)
        return x.wide(width.value(names) * (2 if both else 1))

    given = [*(["bidirectional=true"] if both else []), *([f"layers={layers}"] if layers > 1 else [])]
    given += [f"dropout={p.text}"] if layers > 1 and r.random() < 0.5 else []
    given += ["bias=false"] if r.random() < 0.15 else []
    more = [*(["causal=true"] if r.random() < 0.3 else []), *([f"dropout={p.text}"] if r.random() < 0.3 else [])]
    more += ["bias=false"] if r.random() < 0.15 else []
    word = r.choice(["gru", "lstm", "rnn"])
    given += ['act="relu"'] if word == "rnn" and r.random() < 0.3 else []
    arguments = f"({', '.join(given)})" if given else ""
    positions = x.grid[0]

    def placed(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1, x.grid[0] <= positions)
        return x

    def transposed(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1)
        return Size("sequence", (x.shape[1], x.shape[0]))

    def maps(x: Size, names: Names) -> Size:
        need(x.kind == "sequence")
        return Size("image", (x.channels, *x.grid))

    def linear(x: Size, names: Names) -> Size:
        need(x.kind == "sequence")
        return x.wide(width.value(names))

    forms = [
        plain(f"attention({', '.join([str(heads), *more])})", attended, *(p.seen if more else ())),
        plain(f"attention({', '.join([f'heads={heads}', *more])})", attended, *(p.seen if more else ())),
        plain(f"{word}-{width.amount}{arguments}", recurrent, *width.seen),
        plain(f"fc-{width.amount}", linear, *width.seen),
        plain(f"fc-{width.amount}", linear, *width.seen),
        plain("position_embedding", only_rows),
        plain(f"position_embedding({positions})", placed),
        plain(r.choice(["positional_encoding", "positional_encoding(30)"]), even),
        plain("transpose", transposed),
        plain("channels_first", maps),
    ]
    return r.choice(forms)


def only_rows(x: Size, names: Names) -> Size:
    """What takes sequences alone, and leaves them as they are."""
    need(x.kind == "sequence", x.rank == 1)
    return x


def gridded(r: Random, x: Size, width: Expr) -> Part:
    """A layer that a grid of vectors goes through."""
    heads = r.choice([each for each in (1, 2) if x.channels % each == 0])
    window = r.choice([2, 3])
    shift = r.choice([0, 1])

    def attended(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 2, x.channels % heads == 0)
        return x

    def merged(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 2)
        return Size("sequence", (*(-(-each // 2) for each in x.grid), 4 * x.channels))

    def maps(x: Size, names: Names) -> Size:
        need(x.kind == "sequence")
        return Size("image", (x.channels, *x.grid))

    def linear(x: Size, names: Names) -> Size:
        need(x.kind == "sequence")
        return x.wide(width.value(names))

    forms = [
        plain("ln", same),
        plain(f"fc-{width.amount}", linear, *width.seen),
        plain("channels_first", maps),
        plain("channels_first", maps),
        plain("to_sequence", rows),
    ]
    if x.rank == 2:
        moved = f", shift={shift}" if shift else ""
        forms += [plain(f"window_attention({heads}, window={window}{moved})", attended)] * 2
        forms += [plain("space_to_depth(2)", merged)]
    return r.choice(forms)


def rows(x: Size, names: Names) -> Size:
    """The positions in a row."""
    need(x.kind in {"image", "sequence"})
    return Size("sequence", (prod(x.grid), x.channels))


def turned(r: Random, x: Size) -> Part:
    """What makes another kind of tensor of it."""

    def pooled(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return Size("vector", (x.channels,))

    def flat(x: Size, names: Names) -> Size:
        need(x.kind in {"image", "sequence", "vector"})
        return Size("vector", (prod(x.shape),))

    def last(x: Size, names: Names) -> Size:
        need(x.kind == "image")
        return Size("sequence", (*x.grid, x.channels))

    def chosen(x: Size, names: Names) -> Size:
        need(x.kind == "sequence", x.rank == 1)
        return Size("vector", (x.channels,))

    shape = x.shape

    def shaped(to: tuple[int, ...]) -> Effect:
        def run(x: Size, names: Names) -> Size:
            need(prod(x.shape) == prod(to), x.kind in {"image", "sequence", "vector"})
            return Size({1: "vector", 2: "sequence"}.get(len(to), "image"), to)

        return run

    match x.kind:
        case "image":
            to = (shape[0], prod(shape[1:]))
            return r.choice([
                plain("gap", pooled), plain("gap", pooled), plain("gmp", pooled), plain("flatten", flat),
                plain("to_sequence", rows), plain("to_sequence", rows), plain("channels_last", last),
                plain("channels_last", last), plain(f"reshape({written(to)})", shaped(to)),
            ])  # fmt: skip
        case "sequence" if x.rank == 1:
            high = r.choice([each for each in range(1, shape[0] + 1) if shape[0] % each == 0])

            def mapped(x: Size, names: Names) -> Size:
                need(x.kind == "sequence", x.rank == 1, x.grid[0] % high == 0)
                return Size("image", (x.channels, high, x.grid[0] // high))

            return r.choice([
                plain(f"select({r.choice([0, -1])})", chosen), plain("flatten", flat), plain(f"to_image({high})", mapped),
                plain("channels_first", lambda x, names: Size("image", (x.channels, *x.grid))),
            ])  # fmt: skip
        case "sequence":
            return plain("to_sequence", rows)
        case _:
            low = r.choice([each for each in (1, 2, 3, 4) if shape[0] % each == 0])
            to = r.choice([(low, shape[0] // low), (shape[0] // low, low, 1)])
            return plain(f"reshape({written(to)})", shaped(to))
