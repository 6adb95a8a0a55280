"""Random programs over all that the language has: blocks in blocks, with everything that an argument can be.

A program is made from a number, so that it can be made again: `program(17).text`. Blocks are tried out on several inputs
and arguments while they are written, and called with others, so that one class has to serve unlike instances.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from laws import parts
from laws.parts import (
    ACTIVATIONS,
    Decoration,
    Expr,
    Misfit,
    Names,
    Part,
    Size,
    joined,
    literal,
    name,
    need,
    plain,
    sane,
    words,
    written,
)

Probe = tuple[Size, Names]
Given = tuple[tuple[str, Any], ...]

_BINDING = re.compile(r"\w+(, \w+)* = ")
_WIDTHS = (2, 3, 4, 4, 4, 6, 6, 8, 8, 8, 12, 16)
_FUNCTIONS: dict[str, tuple[str, int, Callable[..., Any]]] = {
    "twice": ("let twice(x) = 2*x", 1, lambda x: 2 * x),
    "nearest": ("let nearest(x, n=4) = max(n, n*floor((x + n/2)/n))", 1, lambda x: max(4, 4 * ((2 * x + 4) // 8))),
    "pick": ("let pick(f, a, b) = a if f else b", 3, lambda f, a, b: a if f else b),
}


@dataclass(frozen=True)
class Text:
    """A program: its text, the hyper-parameters that are set from outside, and how often each construct occurs."""

    text: str
    settings: dict[str, Any]
    seen: Counter[str]


@dataclass(frozen=True)
class Parameter:
    """A parameter of a block; `sort` says what it is used for. A default makes it optional."""

    name: str
    sort: str
    default: Expr | None = None


@dataclass(frozen=True)
class Block:
    """A block: its definition, the tensors that it takes and gives, and how deep blocks are nested in it."""

    name: str
    parameters: tuple[Parameter, ...]
    kind: str
    rank: int
    text: str
    run: Callable[[Size, Names], tuple[Size, ...]]
    outputs: int
    seen: tuple[str, ...]
    height: int
    uses: frozenset[str] = frozenset()

    def call(self, x: Size, given: dict[str, Any]) -> tuple[Size, ...]:
        """What it makes of a size, with arguments."""
        need(x.kind == self.kind, x.rank == self.rank)
        names: Names = {"in": x}
        for each in self.parameters:
            if each.name in given:
                names[each.name] = given[each.name]
            else:
                need(each.default is not None)
                assert each.default is not None
                names[each.name] = each.default.value(names)
        return self.run(x, names)


@dataclass(frozen=True)
class Filled:
    """A block as a value, with some of its arguments."""

    block: Block
    given: Given = ()


@dataclass
class Scope:
    """What stands around the place where a part is written.

    probes: tensors that come here, each with what names are worth. sorts: the names that may be used, by sort.
    labels: `free`, `no`, or the variable of a comprehension that has to be in them. held: whether a labelled or repeated
    group is around. block: whether a block is, so that `in` is known. shut: whether tensors from around it are out of
    reach. shares: layers that `share` declares.
    """

    probes: list[Probe]
    sorts: dict[str, str]
    labels: str = "free"
    held: bool = False
    block: bool = False
    shut: bool = False
    shares: list[str] = field(default_factory=list)

    def inner(self, **changes: Any) -> Scope:
        """A place inside, from the same tensor."""
        probes = [(x, dict(names)) for x, names in self.probes]
        return replace(self, probes=probes, sorts=dict(self.sorts), **changes)

    @property
    def size(self) -> Size:
        """One of the sizes that come here."""
        return self.probes[0][0]

    def of(self, *sorts: str) -> list[str]:
        """The names of some sorts."""
        return [word for word, sort in self.sorts.items() if sort in sorts]


class Writer:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.labels = 0
        self.blocks: list[Block] = []
        self.functions: set[str] = set()
        self.switched: set[str] = set()
        self.settings: dict[str, Any] = {}
        self.used: set[str] = set()

    # --- small things -------------------------------------------------------------------------------------------------

    def chance(self, p: float) -> bool:
        """True with a probability."""
        return self.r.random() < p

    def label(self) -> str:
        """A name that nothing else has."""
        self.labels += 1
        return self.r.choice(("stem", "body", "stage", "tail", "unit")) + f"_{self.labels}"

    def tried(self, scope: Scope, part: Part) -> bool:
        """Go on with a part from all tensors that come here, if it fits all of them."""
        probes: list[Probe] = []
        try:
            for x, names in scope.probes:
                names = dict(names)
                probes.append((sane(part.run(x, names)), names))
        except (Misfit, ZeroDivisionError, IndexError):
            return False
        scope.probes = probes
        return True

    # --- expressions --------------------------------------------------------------------------------------------------

    def width(self, scope: Scope) -> Expr:
        """A number of channels."""
        r = self.r
        number = r.choice(_WIDTHS)
        forms: list[Expr] = [literal(number)]
        for word in scope.of("width"):
            c = name(word)
            forms += [
                c,
                c,
                c,
                Expr(f"2*{word}", lambda names, c=c: 2 * c.value(names), ("arithmetic",)),
                Expr(f"{word}//2", lambda names, c=c: c.value(names) // 2, ("arithmetic",)),
                Expr(f"ceil({word}/2)", lambda names, c=c: -(-c.value(names) // 2), ("ceil",)),
                Expr(f"max({word}, 6)", lambda names, c=c: max(c.value(names), 6), ("max",)),
                Expr(f"min({word}, 6)", lambda names, c=c: min(c.value(names), 6), ("min",)),
                Expr(f"{word} + 2", lambda names, c=c: c.value(names) + 2, ("arithmetic",)),
                Expr(f"round(0.5*{word})", lambda names, c=c: int(0.5 * c.value(names) + 0.5), ("round",)),
            ]
            forms += [self.function(c)] if self.chance(0.5) else []
            if flags := scope.of("flag"):
                flag = name(r.choice(flags))
                text = f"{word} if {flag.text} else 2*{word}"
                value = lambda names, c=c, f=flag: c.value(names) if f.value(names) else 2 * c.value(names)  # noqa: E731
                forms.append(Expr(text, value, ("choice of numbers",)))
        for word in scope.of("list"):
            at = r.choice([0, -1])
            forms += [
                Expr(f"{word}[{at}]", lambda names, w=word, at=at: names[w][at], ("item of a list",)),
                Expr(f"sum({word})", lambda names, w=word: sum(names[w]), ("sum of a list",)),
                Expr(f"4*len({word})", lambda names, w=word: 4 * len(names[w]), ("length of a list",)),
            ]
        if scope.block:
            axis = "channels" if scope.probes[0][1]["in"].kind == "image" else r.choice(["features", "channels"])
            seen = ("size of what comes in",)
            comes = lambda names: names["in"].channels  # noqa: E731
            forms += [
                Expr(f"in.{axis}", comes, seen),
                Expr(f"2*in.{axis}", lambda names: 2 * comes(names), seen),
                Expr(f"max(in.{axis}//2, 2)", lambda names: max(comes(names) // 2, 2), seen),
            ]
            if scope.of("width"):
                word = r.choice(scope.of("width"))
                text = f"in.{axis} + {word}"
                forms.append(Expr(text, lambda names, w=word: comes(names) + names[w], seen))
        return r.choice(forms[1:] if len(forms) > 1 and self.chance(0.75) else forms[:1])

    def function(self, c: Expr) -> Expr:
        """A call of a function of expressions."""
        which = self.r.choice(["twice", "nearest"])
        self.functions.add(which)
        made = _FUNCTIONS[which][2]
        return Expr(f"{which}({c.text})", lambda names: made(c.value(names)), ("function",))

    def stride(self, scope: Scope) -> Expr:
        """A stride, mostly 1."""
        if (found := scope.of("stride")) and self.chance(0.5):
            return name(self.r.choice(found))
        return literal(2 if self.chance(0.15) else 1)

    def window(self, scope: Scope) -> Expr:
        """An odd window."""
        if (found := scope.of("window")) and self.chance(0.6):
            return name(self.r.choice(found))
        return literal(self.r.choice([1, 1, 3, 3, 3, 5]))

    def count(self, scope: Scope) -> Expr:
        """How often something is repeated."""
        if (found := scope.of("count")) and self.chance(0.75):
            word = self.r.choice(found)
            forms = [
                name(word),
                name(word),
                name(word),
                Expr(f"{word} + 1", lambda names: names[word] + 1, ("arithmetic",)),
            ]
            return self.r.choice(forms)
        return literal(self.r.choice([0, 1, 2, 2, 3]))

    def probability(self, scope: Scope) -> Expr:
        """A probability."""
        if (found := scope.of("p")) and self.chance(0.7):
            return name(self.r.choice(found))
        return literal(self.r.choice([0.1, 0.3, 0.5]))

    def activation(self, scope: Scope) -> Expr:
        """An activation."""
        if (found := scope.of("act")) and self.chance(0.65):
            word = self.r.choice(found)
            return Expr(word, lambda names: names[word], ("operator as argument, used",))
        word = self.r.choice(ACTIVATIONS)
        if (found := scope.of("p")) and self.chance(0.3):
            word = f"leaky_relu({self.r.choice(found)})"
        return Expr(word, lambda names: word)

    def test(self, scope: Scope) -> Expr:
        """A condition, over parameters where there are some."""
        r = self.r
        forms: list[Expr] = []
        for word in scope.of("flag"):
            flag = name(word)
            forms += [flag, flag, Expr(f"not {word}", lambda names, f=flag: not f.value(names), ("not",))]
        for word in scope.of("width"):
            limit = r.choice([4, 6, 8])
            forms.append(Expr(f"{word} > {limit}", lambda names, w=word, l=limit: names[w] > l, ("comparison",)))
            if scope.block:
                forms.append(
                    Expr(
                        f"in.channels == {word}",
                        lambda names, w=word: names["in"].channels == names[w],
                        ("comparison",),
                    )
                )
        for word in scope.of("stride", "count"):
            forms.append(Expr(f"{word} > 1", lambda names, w=word: names[w] > 1, ("comparison",)))
        for word in scope.of("list"):
            forms.append(Expr(f"len({word}) > 1", lambda names, w=word: len(names[w]) > 1, ("comparison",)))
        for word in scope.of("mode"):
            forms.append(Expr(f'{word} == "nearest"', lambda names, w=word: names[w] == "nearest", ("text compared",)))
        if not forms:
            return literal(self.chance(0.5))
        made = r.choice(forms)
        if len(forms) > 2 and self.chance(0.2):
            other, word = r.choice(forms), r.choice(["and", "or"])
            join = (lambda a, b: a and b) if word == "and" else (lambda a, b: a or b)
            value = lambda names: join(made.value(names), other.value(names))  # noqa: E731
            return Expr(f"{made.text} {word} {other.text}", value, (*made.seen, "and, or"))
        return made

    def decoration(self, scope: Scope) -> Decoration:
        """`act=` and `norm=` of a layer, mostly none."""
        if not self.chance(0.3):
            return parts.UNDECORATED
        given: list[str] = []
        seen: list[str] = ["act= or norm="]
        norms: list[Callable[[Names], Any]] = []
        if self.chance(0.7):
            act = self.activation(scope)
            given.append(f"act={act.text}")
            seen += act.seen
        if self.chance(0.6) or not given:
            if (found := scope.of("norm")) and self.chance(0.7):
                word = self.r.choice(found)
                given.append(f"norm={word}")
                seen.append("operator as argument, used")
                norms.append(lambda names: names[word])
            else:
                norm = self.r.choice(["bn", "bn", "ln", "gn(2)"])
                given.append(f"norm={norm}")
                norms.append(lambda names: norm)

        def check(y: Size, names: Names) -> None:
            for each in norms:
                value = each(names)
                need(value != "gn(2)" or (y.channels % 2 == 0 and y.kind != "sequence"))
                need(value != "bn" or y.kind != "sequence")

        return Decoration(tuple(given), check, tuple(seen))

    # --- elements -----------------------------------------------------------------------------------------------------

    def chain(self, scope: Scope, most: int, depth: int) -> Part:
        """Parts one after the other, from what comes here; the scope goes on behind them."""
        made: list[Part] = []
        for _ in range(self.r.randint(1, most)):
            for _ in range(8):
                part = self.element(scope, depth)
                if part is not None and self.tried(scope, part):
                    made.append(self.stated(scope, self.named(scope, part)))
                    break
        if not made:
            part = plain("identity", parts.same)
            self.tried(scope, part)
            made.append(part)
        return joined(made)

    def named(self, scope: Scope, part: Part) -> Part:
        """Perhaps with a label."""
        bare = " -> " not in part.text and " as " not in part.text and not part.text.endswith("?")
        if scope.labels == "no" or not bare or not self.chance(0.08):
            return part
        label = self.label() if scope.labels == "free" else f"{self.label()}_{{{scope.labels}}}"
        return Part(f"{part.text} as {label}", part.run, (*part.seen, "label"))

    def stated(self, scope: Scope, part: Part) -> Part:
        """Perhaps with the shape that has to come out, where it is known."""
        if scope.block or scope.held or len(scope.probes) != 1 or not self.chance(0.05):
            return part
        x = scope.size
        if x.kind not in {"image", "sequence", "vector"} or (x.kind == "image" and x.rank == 1):
            return part
        shape = written(x.shape) if x.kind != "vector" else str(x.channels)
        shown = "x".join(map(str, (*x.grid, x.channels))) if x.kind == "image" and self.chance(0.7) else shape
        return Part(f"{part.text} : {shown}", part.run, (*part.seen, "stated shape"))

    def element(self, scope: Scope, depth: int) -> Part | None:
        """Some element; None where nothing could be made."""
        forms: list[Callable[[Scope, int], Part | None]] = [self.layer] * 6
        if depth > 0:
            forms += [
                self.group, self.repeat, self.repeat, self.condition, self.condition, self.comprehension,
                self.residual, self.residual, self.residual, self.branches, self.branches, self.optional,
                self.gate, self.prelude, self.sized,
            ]  # fmt: skip
            if self.blocks:
                forms += [self.call] * 6
        if scope.of("inner"):
            forms += [self.inner] * 4
        if scope.shares and not scope.held:
            forms += [self.shared] * 2
        return self.r.choice(forms)(scope, depth)

    def layer(self, scope: Scope, depth: int) -> Part | None:
        """An operator, and perhaps others behind it."""
        r, x = self.r, scope.size
        act, p = self.activation(scope), self.probability(scope)
        if not scope.block and x.kind in {"image", "vector"} and x.channels <= 4 and self.chance(0.05):
            return self.normalized(x)
        if scope.of("mode") and self.chance(0.15):
            return self.moded(scope)
        if x.kind == "image":
            match r.randrange(14):
                case 0 | 1 | 2 | 3 | 4 | 5:
                    first = parts.conv(
                        r, x, self.width(scope), self.stride(scope), self.window(scope), self.decoration(scope)
                    )
                    behind = [plain("bn", parts.only("image"))] if self.chance(0.35) else []
                    behind += [Part(act.text, parts.same, (*words(act.text), *act.seen))] if self.chance(0.4) else []
                    return joined([first, *behind])
                case 6:
                    return parts.depthwise(r, self.stride(scope), self.decoration(scope))
                case 7:
                    return parts.pooling(r, self.stride(scope))
                case 8:
                    return r.choice([parts.transposed(r, self.width(scope)), parts.resampling(r, x), self.moded(scope)])
                case 9:
                    return parts.part_of(r, x, self.half(scope))
                case _:
                    return parts.pointwise(r, x, act, p)
        if x.kind == "sequence":
            if self.chance(0.35):
                return parts.pointwise(r, x, act, p)
            if self.chance(0.1):
                return parts.part_of(r, x, self.half(scope))
            if x.rank == 1:
                if (found := self.memory(scope)) is not None:
                    return found
                return parts.sequential(r, x, self.width(scope), p)
            return parts.gridded(r, x, self.width(scope))
        if x.kind == "vector":
            width = self.width(scope)
            if self.chance(0.45):
                more = self.decoration(scope)

                def linear(x: Size, names: Names) -> Size:
                    need(x.kind == "vector")
                    y = x.wide(width.value(names))
                    more.check(y, names)
                    return y

                given = f"({', '.join(more.given)})" if more.given else ""
                return plain(f"fc-{width.amount}{given}", linear, *width.seen, *more.seen)
            if self.chance(0.15):
                return parts.part_of(r, x, self.half(scope))
            return parts.pointwise(r, x, act, p)
        return None

    def normalized(self, x: Size) -> Part:
        """A fixed mean and deviation for each channel."""
        many = x.channels

        def run(x: Size, names: Names) -> Size:
            need(x.kind in {"image", "vector"}, x.channels == many)
            return x

        mean, deviation = (tuple(self.r.choice([0.2, 0.4, 0.5, 1.5]) for _ in range(many)) for _ in range(2))
        return plain(f"normalize({written([*mean])}, {written([*deviation])})", run)

    def half(self, scope: Scope) -> Expr | None:
        """A channel in the middle, where the sizes of what comes in are known."""
        if not scope.block or not self.chance(0.8):
            return None
        forms = [Expr("in.channels//2", lambda names: names["in"].channels // 2, ("size of what comes in",))]
        for word in scope.of("width"):
            forms.append(name(word))
        return self.r.choice(forms)

    def moded(self, scope: Scope) -> Part | None:
        """Upsampling in a mode that is a parameter."""
        modes = scope.of("mode")
        if not modes:
            return None
        word = self.r.choice(modes)

        def grown(x: Size, names: Names) -> Size:
            need(x.kind == "image", x.rank == 2)
            return x.gridded(2 * each for each in x.grid)

        return plain(f"upsample2(mode={word})", grown, "text as argument, used")

    def memory(self, scope: Scope) -> Part | None:
        """Attention to another sequence, perhaps with a mask."""
        others = scope.of("tensor")
        if not others or not self.chance(0.5):
            return None
        word = self.r.choice(others)
        heads = self.r.choice([1, 2])
        masks = scope.of("mask")
        mask = self.r.choice(masks) if masks and self.chance(0.6) else None

        def run(x: Size, names: Names) -> Size:
            other = names[word]
            need(x.kind == other.kind == "sequence", other.rank == x.rank == 1, other.channels == x.channels)
            need(x.channels % heads == 0, mask is None or names[mask].shape[0] == other.grid[0])
            return x

        given = [word, *([f"mask={mask}"] if mask else [])]
        seen = ("tensor as operand", *(("mask",) if mask else ()), *(("captured tensor",) if scope.held else ()))
        if self.chance(0.4):
            more = [f"heads={heads}", *(["causal=true"] if self.chance(0.3) else [])]
            return plain(f"dot_attention({', '.join([*given, *more])})", run, *seen)
        return plain(f"attention({', '.join([*given, f'heads={heads}'])})", run, *seen)

    def group(self, scope: Scope, depth: int) -> Part | None:
        """`[...]`, with a label or without."""
        labelled = scope.labels != "no" and self.chance(0.6)
        inner = scope.inner(held=scope.held or labelled)
        made = self.chain(inner, 3, depth - 1)
        if not labelled:
            return Part(f"[{made.text}]", made.run, (*made.seen, "group"))
        label = self.label() if scope.labels == "free" else f"{self.label()}_{{{scope.labels}}}"
        return Part(f"[{made.text}] as {label}", made.run, (*made.seen, "labelled group"))

    def repeat(self, scope: Scope, depth: int) -> Part | None:
        """`[...]*n`, with a label or without; now and then of one element."""
        count = self.count(scope)
        made = self.chain(scope.inner(labels="no", held=True), 3, depth - 1)
        single = not any(each in made.text for each in (" -> ", "?", "[", "{", "*"))
        body = made.text if single and self.chance(0.5) else f"[{made.text}]"

        def run(x: Size, names: Names) -> Size:
            many = count.value(names)
            need(many >= 0)
            for _ in range(many):
                x = sane(made.run(x, names))
            return x

        seen = (*made.seen, *count.seen, "repeat" if count.text.isdigit() else "repeat by a parameter")
        if "*" in made.text and "repeat" in " ".join(made.seen):
            seen += ("repeat in a repeat",)
        if scope.labels == "no" or self.chance(0.5):
            return Part(f"{body}*{count.amount}", run, seen)
        label = self.label() if scope.labels == "free" else f"{self.label()}_{{{scope.labels}}}"
        return Part(f"{body}*{count.amount} as {label}", run, (*seen, "labelled repeat"))

    def condition(self, scope: Scope, depth: int) -> Part | None:
        """`[a if test]` and `[a if test else b]`."""
        test = self.test(scope)
        first = self.chain(scope.inner(), 2, depth - 1)
        if self.chance(0.5):
            run = lambda x, names: first.run(x, names) if test.value(names) else x  # noqa: E731
            return Part(f"[{first.text} if {test.text}]", run, (*first.seen, *test.seen, "condition"))
        second = self.chain(scope.inner(), 2, depth - 1)
        both = lambda x, names: (first if test.value(names) else second).run(x, names)  # noqa: E731
        seen = (*first.seen, *second.seen, *test.seen, "condition with else")
        return Part(f"[{first.text} if {test.text} else {second.text}]", both, seen)

    def optional(self, scope: Scope, depth: int) -> Part | None:
        """`relu?`: a layer that a hyper-parameter switches."""
        word = self.r.choice(["relu", "gelu", "dropout", "identity", "sigmoid", "ln"])
        if word not in self.switched:
            self.switched.add(word)
            if self.chance(0.4):
                self.settings[word] = self.chance(0.3)
        return plain(f"{word}?", parts.only("image", "sequence", "vector"), "optional layer")

    def comprehension(self, scope: Scope, depth: int) -> Part | None:
        """`[... for x in list]`, over numbers, pairs and lists that are parameters."""
        r = self.r
        self.labels += 1
        v = f"v{self.labels}"
        lists, tables, counts = scope.of("list"), scope.of("table"), scope.of("count")
        labels = "no"
        found: Callable[[Names], list[Names]]
        match r.randrange(7):
            case 6:
                w = f"w{self.labels}"
                ones, others = (
                    [r.choice(_WIDTHS) for _ in range(r.randint(1, 2))],
                    [r.choice([2, 4, 6]) for _ in range(2)],
                )
                head, sorts = f"{v} in {written(ones)} for {w} in {written(others)}", {v: "width", w: "width"}
                found = lambda names: [{v: a, w: b} for a in ones for b in others]  # noqa: E731
            case 0 if lists:
                word = r.choice(lists)
                head, sorts = f"{v} in {word}", {v: "width"}
                found = lambda names: [{v: each} for each in names[word]]  # noqa: E731
            case 1 if tables:
                word, s = r.choice(tables), f"s{self.labels}"
                head, sorts = f"{v}, {s} in {word}", {v: "width", s: "stride"}
                found = lambda names: [{v: a, s: b} for a, b in names[word]]  # noqa: E731
            case 2:
                many = r.choice(counts) if counts and self.chance(0.6) else str(r.randint(1, 3))
                head, sorts, labels = f"{v} in range({many})", {v: "index"}, v
                found = lambda names: [  # noqa: E731
                    {v: each} for each in range(int(many) if many.isdigit() else names[many])
                ]
            case 3:
                i = f"i{self.labels}"
                rows = [(index, r.choice(_WIDTHS)) for index in range(r.randint(1, 3))]
                head, sorts, labels = f"{i}, {v} in {written(rows)}", {v: "width", i: "index"}, i
                found = lambda names: [{i: a, v: b} for a, b in rows]  # noqa: E731
            case 4 if lists:
                word = r.choice(lists)
                head, sorts = f"{v} in {word} if {v} > 4", {v: "width"}
                found = lambda names: [{v: each} for each in names[word] if each > 4]  # noqa: E731
            case _:
                values = [r.choice(_WIDTHS) for _ in range(r.randint(1, 3))]
                head, sorts = f"{v} in {written(values)}", {v: "width"}
                found = lambda names: [{v: each} for each in values]  # noqa: E731
        if scope.labels != "free":
            labels = "no"
        inner = scope.inner(labels=labels, held=True)
        inner.sorts |= sorts
        try:
            inner.probes = [(x, names | found(names)[0]) for x, names in inner.probes]
        except IndexError:
            return None
        made = self.chain(inner, 2, depth - 1)

        def run(x: Size, names: Names) -> Size:
            for each in found(names):
                x = sane(made.run(x, names | each))
            return x

        text = f"[{made.text} for {head}]"
        seen = (
            *made.seen,
            "comprehension",
            *(("loops in a row",) if head.count(" in ") > 1 else ()),
            *(("comprehension over a parameter",) if "[" not in head else ()),
        )
        if labels == "no" and self.chance(0.2):
            twice = self.r.choice([1, 2])

            def again(x: Size, names: Names) -> Size:
                for _ in range(twice):
                    x = run(x, names)
                return x

            return Part(f"{text}*{twice}", again, (*seen, "repeat of a comprehension"))
        if scope.labels == "free" and self.chance(0.3):
            return Part(f"{text} as {self.label()}", run, (*seen, "labelled comprehension"))
        return Part(text, run, seen)

    # --- branches -----------------------------------------------------------------------------------------------------

    def branch(self, scope: Scope, depth: int, most: int = 2) -> Part:
        """What stands in a branch: a chain, or one that begins with a tensor that has a name."""
        tensors = [
            word for word in scope.of("tensor") if scope.probes[0][1][word].kind in {"image", "sequence", "vector"}
        ]
        if scope.block and not scope.shut:
            tensors.append("in")
        if tensors and self.chance(0.35):
            word = self.r.choice(tensors)
            begun = scope.inner(labels=scope.labels)
            begin = Part(
                word, lambda x, names: names[word], ("captured tensor" if scope.held else "tensor in a branch",)
            )
            if not self.tried(begun, begin):
                return Part("", parts.same)
            # a group cannot go on from a tensor outside of it
            if scope.held or self.chance(0.4):
                return begin
            return joined([begin, self.chain(begun, most, depth - 1)])
        return self.chain(scope.inner(), most, depth - 1)

    def branches(self, scope: Scope, depth: int) -> Part | None:
        """`concat`, `add` and `mul` of some branches."""
        word = self.r.choice(["concat", "concat", "add", "add", "mul"])
        found = [self.branch(scope, depth) for _ in range(self.r.choice([1, 1, 2, 2, 3]))]
        if len(found) < 2 or self.chance(0.4):
            found.insert(self.r.randrange(len(found) + 1), Part("", parts.same, ("empty branch",)))
        if word != "concat" and self.chance(0.85):
            found = [self.fitted(scope, each) for each in found]
        run = {"concat": _concat, "add": _add, "mul": _mul}[word]
        return self.merged(word, found, run)

    def fitted(self, scope: Scope, branch: Part) -> Part:
        """A branch that ends with the channels that came here, if a layer can make them."""
        x = scope.size
        if not branch.text:
            return branch
        if scope.block and all(x == names["in"] for x, names in scope.probes):
            end = Expr("in.channels", lambda names: names["in"].channels, ("size of what comes in",))
        else:
            end = literal(x.channels)
        word = "conv1" if x.kind == "image" else "fc"

        def run(y: Size, names: Names) -> Size:
            need(y.kind == x.kind)
            return y.wide(end.value(names))

        return joined([branch, plain(f"{word}-{end.amount}", run, *end.seen)])

    def merged(self, word: str, found: list[Part], run: Callable[[list[Size]], Size], given: str = "") -> Part:
        """Branches in braces."""
        text = " | ".join(each.text for each in found)
        seen = tuple(tag for each in found for tag in each.seen)
        merge = lambda x, names: run([sane(each.run(x, names)) for each in found])  # noqa: E731
        kind = word.split("(")[0]
        return Part(f"{word}{given} {{ {text} }}", merge, (*seen, f"operator {kind}", f"{kind} of branches"))

    def residual(self, scope: Scope, depth: int) -> Part | None:
        """All forms of `residual`."""
        r, x = self.r, scope.size
        body = self.chain(scope.inner(), 3, depth - 1)
        match r.randrange(8):
            case 0 if x.kind == "image" and x.rank == 2:
                width, stride = self.width(scope), self.stride(scope)
                given = [width.text, *([f"s={stride.text}"] if stride.text != "1" or self.chance(0.3) else [])]

                def basic(x: Size, names: Names) -> Size:
                    need(x.kind == "image")
                    step = stride.value(names)
                    return x.gridded(-(-each // step) for each in x.grid).wide(width.value(names))

                return Part(f"residual({', '.join(given)})", basic, (*width.seen, "residual(c, s)"))
            case 1:
                shown, seen, given = "(project=false)", "residual(project=false)", False
            case 2:
                p = self.probability(scope)
                shown, seen, given = f"(drop={p.text})", "residual(drop=)", True
            case 3:
                p = self.probability(scope)
                shown, seen, given = f"(project=false, drop={p.text})", "residual(project=false, drop=)", False
            case 4 | 5:
                return self.shortcut(scope, body, depth)
            case _:
                shown, seen, given = "", "residual", True

        def run(x: Size, names: Names) -> Size:
            y = body.run(x, names)
            if y != x and given:
                need(x.kind == y.kind, x.rank == y.rank, x.kind == "image" or x.grid == y.grid)
                for was, now in zip(x.grid, y.grid, strict=True):
                    need(any(-(-was // step) == now for step in range(1, was + 1)))
            return y

        return Part(f"residual{shown} {{ {body.text} }}", run, (*body.seen, seen))

    def shortcut(self, scope: Scope, body: Part, depth: int) -> Part | None:
        """A residual whose shortcut is written."""
        if scope.size.kind not in {"image", "vector", "sequence"}:
            return None
        image = scope.size.kind == "image"
        width, stride = self.width(scope), self.stride(scope) if image else literal(1)
        slash = "" if stride.text == "1" else f"/{stride.amount}"
        word = "conv1" if image else "fc"

        def projected(x: Size, names: Names) -> Size:
            step = stride.value(names)
            grid = (-(-each // step) for each in x.grid) if image else x.grid
            return x.gridded(grid).wide(width.value(names))

        end = plain(f"{word}-{width.amount}{slash}", projected, *width.seen)
        way = replace(end, text=end.text)
        if scope.block and self.chance(0.4) and scope.of("width") and width.text in scope.of("width"):
            test = f"in.channels != {width.text}" + (f" or {stride.text} > 1" if stride.text != "1" else "")

            def either(x: Size, names: Names) -> Size:
                differ = names["in"].channels != width.value(names) or (image and stride.value(names) > 1)
                return projected(x, names) if differ else x

            way = Part(f"[{end.text} if {test} else identity]", either, (*end.seen, "condition with else"))
        # the strides of a body add up, so its own must all be 1
        whole = joined([body, end])
        return (
            self.merged("residual", [whole, way], _add) if self.chance(0.8) else self.merged("add", [way, whole], _add)
        )

    def gate(self, scope: Scope, depth: int) -> Part | None:
        """`mul { | gate }`."""
        x = scope.size
        if scope.block and all(x == names["in"] for x, names in scope.probes):
            end = Expr("in.channels", lambda names: names["in"].channels, ("size of what comes in",))
        else:
            end = literal(x.channels)
        middle = self.width(scope)
        act = self.activation(scope)

        def run(x: Size, names: Names) -> Size:
            need(x.kind in {"image", "vector"}, x.channels == end.value(names), middle.value(names) > 0)
            return x

        layer = "conv1" if x.kind == "image" else "fc"
        first = "gap(keep=true) -> " if x.kind == "image" else ""
        inside = f"{first}{layer}-{middle.amount} -> {act.text} -> {layer}-{end.amount} -> sigmoid"
        return Part(
            f"mul {{ | {inside} }}", run, ("mul of branches", "empty branch", "operator mul", *middle.seen, *act.seen)
        )

    def prelude(self, scope: Scope, depth: int) -> Part | None:
        """Blocks that every text knows."""
        width, act = self.width(scope), self.activation(scope)
        if self.chance(0.6):

            def gated(x: Size, names: Names) -> Size:
                need(x.kind == "image", width.value(names) > 0)
                return x

            given = [width.text, *([f"act={act.text}"] if self.chance(0.4) else [])]
            given += ["gate=hardsigmoid"] if self.chance(0.3) else []
            return Part(f"squeeze_excite({', '.join(given)})", gated, (*width.seen, "squeeze_excite"))
        a, b, c, d = (self.width(scope) for _ in range(4))

        def run(x: Size, names: Names) -> Size:
            need(x.kind == "image", x.rank == 2, all(each.value(names) > 0 for each in (a, b, c, d)))
            return x.wide(a.value(names) + 2 * b.value(names) + d.value(names))

        text = f"inception({a.text}, ({c.text}, {b.text}), ({c.text}, {b.text}), {d.text})"
        return Part(text, run, ("inception", *a.seen, *b.seen, *c.seen, *d.seen))

    def sized(self, scope: Scope, depth: int) -> Part | None:
        """What takes the size of another tensor, and what draws from two."""
        r, x = self.r, scope.size
        if x.kind == "image":
            other = self.chain(scope.inner(), 2, depth - 1)
            if self.chance(0.5):
                mode = r.choice(["", '(mode="linear")'])
                ends = [other, Part("", parts.same)]
                r.shuffle(ends)
                return self.merged(f"resize{mode}", ends, _resize)
            ends = (
                [Part("", parts.same), other] if self.chance(0.5) else [plain("pad(1)", _padded), Part("", parts.same)]
            )
            return self.merged(r.choice(["crop", "crop", "crop(offset=0)"]), ends, _crop)
        if x.kind in {"vector", "sequence"}:
            width = self.width(scope)
            linear = lambda x, names: x.wide(width.value(names))  # noqa: E731
            ends = [plain(f"fc-{width.amount}", linear, *width.seen) for _ in range(2)]
            made = self.merged("sample", ends, _add)
            return replace(made, seen=(*made.seen, "sample"))
        return None

    def learned(self, scope: Scope) -> Part | None:
        """A tensor that is learned, beside or in what comes here."""
        x = scope.size
        if any(each != x for each, _ in scope.probes) or (x.kind == "image" and x.rank == 1):
            return None
        mean = self.r.choice(["", ", mean=2", ", mean=0.5", ", deviation=0.02"])
        if x.kind == "sequence" and x.rank == 1 and self.chance(0.5):
            token = plain(f"param((1, {x.channels}){mean})", lambda y, names: Size("sequence", (1, x.channels)))
            return self.merged("concat", [token, Part("", parts.same)], _after, '("positions")')
        shape = x.shape[0] if x.kind == "vector" else written(x.shape)
        return self.merged("add", [Part("", parts.same), plain(f"param({shape}{mean})", lambda y, names: x)], _add)

    # --- blocks -------------------------------------------------------------------------------------------------------

    def shared(self, scope: Scope, depth: int) -> Part:
        """A layer that `share` declares."""
        word = self.r.choice(scope.shares)

        def run(x: Size, names: Names) -> Size:
            made = names[f"share {word}"]
            need(x == made[0])
            return made[1]

        return Part(word, run, ("shared layer, used",))

    def inner(self, scope: Scope, depth: int) -> Part | None:
        """A call of a block that is an argument."""
        word, width = self.r.choice(scope.of("inner")), self.width(scope)

        def run(x: Size, names: Names) -> Size:
            value = names[word]
            need(isinstance(value, Filled))
            first = next(each for each in value.block.parameters if each.name not in dict(value.given))
            return value.block.call(x, {**dict(value.given), first.name: width.value(names)})[0]

        return Part(f"{word}({width.text})", run, ("block as argument, called", *width.seen))

    def call(self, scope: Scope, depth: int) -> Part | None:
        """A call of a block, or some calls of one block with other arguments."""
        x = scope.size
        able = [each for each in self.blocks if each.kind == x.kind and each.rank == x.rank and each.outputs == 1]
        if not able:
            return None
        block = self.r.choice(able[-3:] if self.chance(0.6) else able)
        made: list[Part] = []
        inner = scope.inner()
        for _ in range(self.r.choice([1, 1, 2, 3]) if scope.block else self.r.choice([1, 2, 3, 4])):
            for _ in range(4):
                part = self.called(inner, block)
                if part is not None and self.tried(inner, part):
                    made.append(self.counted(inner, part))
                    break
        if not made:
            return None
        whole = joined(made)
        if len(made) > 1 and scope.labels == "free" and self.chance(0.35):
            return Part(f"[{whole.text}] as {self.label()}", whole.run, (*whole.seen, "labelled group"))
        return whole

    def counted(self, scope: Scope, part: Part) -> Part:
        """A call, perhaps several times, where it can be."""
        if not self.chance(0.2):
            return part
        count = self.count(scope)

        def run(x: Size, names: Names) -> Size:
            x = part.run(x, names)
            for _ in range(count.value(names)):
                x = sane(part.run(x, names))
            return x

        text = f"{part.text} -> {part.text}*{count.amount}"
        made = Part(text, run, (*part.seen, *part.seen, "repeat of a block", *count.seen))
        before = scope.probes
        try:
            for x, names in before:
                # the first call went on already
                for _ in range(count.value(names)):
                    x = sane(part.run(x, names))
                    need(x.kind == part.run(x, names).kind)
        except (Misfit, ZeroDivisionError, IndexError):
            return part
        probes: list[Probe] = []
        for x, names in before:
            for _ in range(count.value(names)):
                x = part.run(x, names)
            probes.append((x, names))
        scope.probes = probes
        return made

    def called(self, scope: Scope, block: Block) -> Part | None:
        """A call of a block with arguments."""
        found = self.given(scope, block)
        if found is None:
            return None
        text, values, seen = found

        def run(x: Size, names: Names) -> Size:
            return block.call(x, {word: each.value(names) for word, each in values.items()})[0]

        return Part(
            text, run, (*seen, f"call {block.name}", "block called by a block" if scope.block else "block called")
        )

    def given(self, scope: Scope, block: Block) -> tuple[str, dict[str, Expr], tuple[str, ...]] | None:
        """Arguments for a block, by place or by name."""
        values: dict[str, Expr] = {}
        shown: list[str] = []
        plainly = True
        for each in block.parameters:
            if each.default is not None and self.chance(0.4):
                plainly = False
                continue
            value = self.argument(scope, each.sort, block)
            if value is None:
                if each.default is None:
                    return None
                plainly = False
                continue
            plainly = plainly and self.chance(0.75)
            shown.append(value.text if plainly else f"{each.name}={value.text}")
            values[each.name] = value
        seen = tuple(tag for each in values.values() for tag in each.seen)
        seen += tuple(f"argument: {each.sort}" for each in block.parameters if each.name in values)
        return (f"{block.name}({', '.join(shown)})" if shown else block.name), values, seen

    def argument(self, scope: Scope | None, sort: str, block: Block | None = None) -> Expr | None:
        """A value for a parameter of a sort; over the names of a scope, if there is one."""
        r = self.r
        around = scope.of(sort) if scope is not None else []
        if around and sort not in {"tensor", "width"} and self.chance(0.5):
            return name(r.choice(around))
        match sort:
            case "width":
                return self.width(scope) if scope is not None else literal(r.choice(_WIDTHS))
            case "stride":
                return literal(r.choice([1, 1, 2]))
            case "window":
                return literal(r.choice([1, 3, 5]))
            case "count":
                return literal(r.choice([0, 1, 2, 3]))
            case "flag":
                return self.test(scope) if scope is not None and self.chance(0.3) else literal(self.chance(0.5))
            case "act":
                word = r.choice([each for each in ACTIVATIONS if "softmax" not in each])
                return Expr(word, lambda names: word)
            case "norm":
                word = r.choice(["bn", "bn", "none", "gn(2)", "ln"])
                return Expr(word, lambda names: word)
            case "p":
                return literal(r.choice([0.1, 0.2, 0.25, 0.5]))
            case "list":
                return literal([r.choice(_WIDTHS) for _ in range(r.randint(1, 3))])
            case "table":
                return literal([(r.choice(_WIDTHS), r.choice([1, 1, 2])) for _ in range(r.randint(1, 2))])
            case "mode":
                return literal(r.choice(["nearest", "bilinear"]))
            case "inner":
                return self.value_of_block(scope, block)
            case "tensor":
                found = list(around) + (["in"] if scope is not None and scope.block and not scope.shut else [])
                return name(r.choice(found)) if found else None
            case _:
                raise AssertionError(sort)

    def value_of_block(self, scope: Scope | None, caller: Block | None) -> Expr | None:
        """A block as a value, with all its arguments but one width."""
        height = caller.height if caller else 99
        kind = (caller.kind, caller.rank) if caller else None
        able = [
            each
            for each in self.blocks
            if each.height < height
            and each.outputs == 1
            and (kind is None or kind == (each.kind, each.rank))
            and any(p.sort == "width" and p.default is None for p in each.parameters)
            and not any(p.sort in {"tensor", "inner"} for p in each.parameters)
        ]
        if not able:
            return None
        block = self.r.choice(able)
        free = next(each for each in block.parameters if each.sort == "width" and each.default is None)
        given: list[tuple[str, Expr]] = []
        for each in block.parameters:
            if each is free or (each.default is not None and self.chance(0.5)):
                continue
            value = self.argument(None, each.sort)
            if value is None:
                return None
            given.append((each.name, value))
        # what is not given by name is given by place, so the width has to be the first that is left
        first = next(each for each in block.parameters if each.name not in dict(given))
        if first is not free:
            return None
        text = block.name + (f"({', '.join(f'{word}={value.text}' for word, value in given)})" if given else "")
        filled = Filled(block, tuple((word, value.value({})) for word, value in given))
        seen = ("block as argument", f"call {block.name}", *(("block with some arguments",) if given else ()))
        return Expr(text, lambda names: filled, seen)

    def block(self, number: int, kind: str, rank: int) -> Block | None:
        """A block on tensors of a kind; None where it came to nothing."""
        r = self.r
        parameters = self.parameters(kind, rank)
        probes = self.probes(parameters, kind, rank)
        if probes is None:
            return None
        scope = Scope(probes, {each.name: each.sort for each in parameters}, block=True)
        word = r.choice(["unit", "part", "cell", "piece", "knot"]) + str(number)
        head = f"block {word}" + (f"({', '.join(map(_declared, parameters))})" if parameters else "")
        depth = r.choice([1, 2, 2])
        form = r.choice(["chain", "chain", "row", "row", "residual", "statements", "statements"])
        begin = [(x, dict(names)) for x, names in probes]
        outputs = 1
        match form:
            case "row":
                made = self.chain(scope.inner(held=True), 4, depth)
                text, run, seen = f"{head} = [{made.text}]", _single(made), (*made.seen, "block that is a row")
            case "residual":
                inner = scope.inner()
                first = self.residual(inner, depth)
                if first is None or not self.tried(inner, first):
                    return None
                made = joined([first, self.chain(inner, 2, 0)]) if self.chance(0.6) else first
                text, run, seen = f"{head} = {made.text}", _single(made), (*made.seen, "block that is a chain")
            case "statements":
                outputs = 2 if self.chance(0.2) else 1
                lines, run, seen = self.body(scope, depth, outputs)
                text = f"{head} {{\n{_indented(lines)}\n}}"
            case _:
                made = self.chain(scope, 4, depth)
                text, run, seen = f"{head} = {made.text}", _single(made), (*made.seen, "block that is a chain")
        uses = {tag.removeprefix("call ") for tag in seen if tag.startswith("call ")}
        height = 1 + max([each.height for each in self.blocks if each.name in uses], default=0)
        seen += tuple(f"parameter: {each.sort}" for each in parameters)
        seen += tuple("default" for each in parameters if each.default is not None)
        if height >= 3:
            seen += ("blocks three deep",)
        block = Block(word, parameters, kind, rank, text, run, outputs, seen, height, frozenset(uses))
        try:
            for x, names in begin:
                for each in block.run(x, names):
                    sane(each)
        except (Misfit, ZeroDivisionError, IndexError, KeyError):
            return None
        return block

    def parameters(self, kind: str, rank: int) -> tuple[Parameter, ...]:
        """The parameters of a block."""
        r = self.r
        pool = ["count", "flag", "flag", "act", "act", "p", "list", "width", "norm", "inner", "inner", "tensor"]
        if kind == "image":
            pool += ["stride", "stride", "window", "table"] + (["mode"] if rank == 2 else [])
        chosen = ["width"] if self.chance(0.85) else []
        chosen += [r.choice(pool) for _ in range(r.choice([0, 1, 1, 2, 2, 3, 4]))]
        short = {"width": "c", "stride": "s", "window": "k", "count": "n", "flag": "f", "act": "act", "norm": "nrm"}
        short |= {"p": "p", "list": "ws", "table": "rows", "mode": "mode", "inner": "inner", "tensor": "other"}
        found: list[Parameter] = []
        for index, sort in enumerate(dict.fromkeys(chosen) if self.chance(0.8) else chosen):
            taken = {each.name for each in found}
            word = short[sort] if short[sort] not in taken else f"{short[sort]}{index}"
            default = None
            if found and sort not in {"tensor", "inner"} and (found[-1].default is not None or self.chance(0.5)):
                default = self.argument(None, sort)
                widths = [each.name for each in found if each.sort == "width"]
                if sort == "width" and widths and self.chance(0.5):
                    w = widths[0]
                    default = Expr(f"2*{w}", lambda names, w=w: 2 * names[w], ("default over a parameter",))
            elif found and found[-1].default is not None:
                continue
            found.append(Parameter(word, sort, default))
        return tuple(found)

    def probes(self, parameters: tuple[Parameter, ...], kind: str, rank: int) -> list[Probe] | None:
        """Inputs and arguments that a block is tried out with."""
        found: list[Probe] = []
        for _ in range(4):
            x = self.some(kind, rank)
            names: Names = {"in": x}
            for each in parameters:
                if each.sort == "tensor":
                    names[each.name] = x
                    continue
                value = self.argument(None, each.sort)
                if value is None:
                    return None
                names[each.name] = value.value(names)
                if isinstance(names[each.name], Filled) and (
                    names[each.name].block.kind,
                    names[each.name].block.rank,
                ) != (kind, rank):
                    return None
            found.append((x, names))
        return found

    def some(self, kind: str, rank: int) -> Size:
        """A size of a kind."""
        r = self.r
        channels = r.choice([3, 4, 4, 6, 8, 8])
        high = {0: 1, 1: 9, 2: 7, 3: 5}[rank]
        grid = tuple(r.randint(3, high) for _ in range(rank))
        match kind:
            case "image":
                return Size("image", (channels, *grid))
            case "sequence":
                return Size("sequence", (*grid, 2 * channels if self.chance(0.5) else channels))
            case _:
                return Size("vector", (channels,))

    # --- statements ---------------------------------------------------------------------------------------------------

    def body(
        self, scope: Scope, depth: int, outputs: int, first: str = ""
    ) -> tuple[list[str], Callable[[Size, Names], tuple[Size, ...]], tuple[str, ...]]:
        """The statements of a block or net, what they make of a size, and the constructs in them."""
        r = self.r
        lines: list[str] = []
        steps: list[Callable[[Size, Names], Size]] = []
        seen: list[str] = []
        waiting: list[str] = []

        def add(line: str, run: Callable[[Size, Names], Size], *tags: str, begins: str = "") -> None:
            nonlocal first
            declares = line.startswith(("let ", "default ", "share "))
            if first and not declares:
                before, equals, after = line.rpartition(" = ") if _BINDING.match(line) else ("", "", line)
                line, first = f"{before}{equals}{first}{after}", ""
            elif first and line.startswith("share "):
                share_, _, use = line.rpartition("\n")
                line, first = f"{share_}\n{first}{use}", ""
            first = begins or first
            lines.append(line)
            steps.append(run)
            seen.extend(tags)

        def bind(word: str) -> Callable[[Size, Names], Size]:
            def run(x: Size, names: Names) -> Size:
                names[word] = x
                return x

            return run

        if first:
            made = self.chain(scope, 2, 0)
            add(made.text, made.run, *made.seen)
        if self.chance(0.15):
            which = r.choice(
                ["conv(act=relu)", "conv(norm=bn)", "conv(act=relu, norm=bn)", "conv(bias=false)", "dropout(p=0.4)"]
            )
            add(f"default {which}", parts.same, "default of a scope")
        if scope.of("width") and self.chance(0.25):
            word, value = f"m{len(lines)}", self.width(scope)

            def let(x: Size, names: Names, word: str = word, value: Expr = value) -> Size:
                names[word] = value.value(names)
                return x

            if self.tried(scope, Part("", let)):
                scope.sorts[word] = "width"
                add(f"let {word} = {value.text}", let, "let", *value.seen)
        for _ in range(r.choice([1, 1, 2, 3])):
            self.labels += 1
            word = f"t{self.labels}"
            match r.randrange(8):
                case 0:
                    share = self.share(scope, depth)
                    if share is not None:
                        add(share[0], share[1], "share", *share[3])
                        scope.shares = [*scope.shares, share[2]]
                        for _ in range(2):
                            again = self.shared(scope, 0)
                            again = self.merged("residual", [again], lambda xs: xs[0]) if self.chance(0.3) else again
                            if self.chance(0.7) and self.tried(scope, again):
                                add(again.text, again.run, *again.seen)
                case 1:
                    split = self.split(scope)
                    if split is not None:
                        line, run, names_ = split
                        add(line, run, "operator split", "several names", begins=f"{names_[0]} -> ")
                        waiting += names_[1:]
                case 2:
                    several = self.several(scope)
                    if several is not None:
                        line, run, names_, tags = several
                        add(line, run, "block of several outputs", "several names", *tags, begins=f"{names_[0]} -> ")
                        waiting += names_[1:]
                case 3 if (part := self.learned(scope)) is not None and self.tried(scope, part):
                    add(part.text, part.run, *part.seen)
                case _:
                    made = self.chain(scope, 3, depth)
                    text = made.text
                    if self.chance(0.6):
                        run_ = joined([made, Part("", bind(word))]).run
                        for _, names in scope.probes:
                            names[word] = None
                        scope.probes = [(x, names | {word: x}) for x, names in scope.probes]
                        scope.sorts[word] = "tensor"
                        add(f"{word} = {text}", run_, *made.seen, "binding")
                        if self.chance(0.5):
                            waiting.append(word)
                    else:
                        add(text, made.run, *made.seen)
        # what is bound and waits is brought in, so that most tensors reach an output
        for word in waiting:
            part = self.joining(scope, word)
            if part is not None and self.tried(scope, part):
                add(part.text, part.run, *part.seen)
        if first or all(line.startswith(("let ", "default ")) for line in lines):
            made = self.chain(scope, 3, depth)
            add(made.text, made.run, *made.seen)
        results: list[str] = []
        if outputs == 2:
            self.labels += 1
            first_, second = f"y{self.labels}", f"z{self.labels}"
            for word in (first_, second):
                made = self.chain(scope, 2, depth)
                add(f"{word} = {made.text}", joined([made, Part("", bind(word))]).run, *made.seen, "binding")
                scope.probes = [(x, names | {word: x}) for x, names in scope.probes]
                scope.sorts[word] = "tensor"
            results = [first_, second]
            lines.append(f"output {first_}, {second}")
            seen.append("output of a block")

        def run(x: Size, names: Names) -> tuple[Size, ...]:
            names = dict(names)
            for step in steps:
                x = sane(step(x, names))
            return tuple(names[word] for word in results) if results else (x,)

        return lines, run, tuple(seen)

    def share(self, scope: Scope, depth: int) -> tuple[str, Callable[[Size, Names], Size], str, tuple[str, ...]] | None:
        """A shared layer, and its first use."""
        self.labels += 1
        word = f"w{self.labels}"
        inner = scope.inner(held=True, labels="no", shares=[], shut=True)
        inner.sorts = {word: sort for word, sort in scope.sorts.items() if sort not in {"tensor", "mask"}}
        made = self.chain(inner, 2, depth - 1)
        if self.chance(0.6):
            made = self.fitted(scope, made)
        begin = list(scope.probes)
        ends: list[Size] = []
        try:
            for x, names in begin:
                ends.append(sane(made.run(x, dict(names))))
        except (Misfit, ZeroDivisionError, IndexError):
            return None
        if "param" in made.text:
            return None

        def run(x: Size, names: Names) -> Size:
            y = made.run(x, dict(names))
            names[f"share {word}"] = (x, y)
            return y

        scope.probes = [(y, names | {f"share {word}": (x, y)}) for (x, names), y in zip(begin, ends, strict=True)]
        return f"share {word} = {made.text}\n{word}", run, word, made.seen

    def split(self, scope: Scope) -> tuple[str, Callable[[Size, Names], Size], list[str]] | None:
        """Equal parts of what comes here, by name."""
        count = self.r.choice([2, 2, 3])
        self.labels += 1
        words_ = [f"q{self.labels}{letter}" for letter in "abc"[:count]]
        made = self.chain(scope.inner(), 1, 0) if self.chance(0.6) else None
        before = f"{made.text} -> " if made else ""

        def run(x: Size, names: Names) -> Size:
            y = made.run(x, names) if made else x
            need(y.kind in {"image", "sequence", "vector"}, y.channels % count == 0)
            y = y.wide(y.channels // count)
            for word in words_:
                names[word] = y
            return y

        if not self.tried(scope, Part("", run)):
            return None
        scope.sorts |= dict.fromkeys(words_, "tensor")
        return f"{', '.join(words_)} = {before}split({count})", run, words_

    def several(self, scope: Scope) -> tuple[str, Callable[[Size, Names], Size], list[str], tuple[str, ...]] | None:
        """A call of a block of two outputs."""
        x = scope.size
        able = [each for each in self.blocks if each.outputs == 2 and (each.kind, each.rank) == (x.kind, x.rank)]
        if not able:
            return None
        block = self.r.choice(able)
        found = self.given(scope, block)
        if found is None:
            return None
        text, values, seen = found
        self.labels += 1
        words_ = [f"q{self.labels}{letter}" for letter in "ab"]

        def run(x: Size, names: Names) -> Size:
            made = block.call(x, {word: each.value(names) for word, each in values.items()})
            names |= dict(zip(words_, made, strict=True))
            return made[0]

        if not self.tried(scope, Part("", run)):
            return None
        scope.sorts |= dict.fromkeys(words_, "tensor")
        return f"{', '.join(words_)} = {text}", run, words_, (*seen, f"call {block.name}")

    def joining(self, scope: Scope, word: str) -> Part | None:
        """What brings a tensor with a name into the chain."""
        x, other = scope.size, scope.probes[0][1][word]
        begin = Part(word, lambda x, names: names[word], ("tensor in a branch",))
        if x.kind != other.kind or x.rank != other.rank:
            return None
        if x.grid == other.grid:
            word_ = self.r.choice(["concat", "add", "mul"]) if x == other else "concat"
            return self.merged(
                word_, [Part("", parts.same), begin], {"concat": _concat, "add": _add, "mul": _mul}[word_]
            )
        if x.kind == "image":
            resized = self.merged("resize", [begin, Part("", parts.same)], _resize)
            return self.merged("concat", [Part("", parts.same), resized], _concat)
        return None

    # --- programs -----------------------------------------------------------------------------------------------------

    def program(self) -> Text:
        """A text with blocks, and a network that calls them."""
        r = self.r
        kind, rank = r.choice(
            [("image", 2)] * 7 + [("image", 1), ("image", 3)] + [("sequence", 1)] * 3 + [("vector", 0)]
        )
        for number in range(r.choice([1, 2, 3, 3, 4, 5])):
            # now and then on what the network turns its tensors into
            this = (kind, rank) if self.chance(0.85) else r.choice([("vector", 0), ("sequence", 1)])
            if (block := self.block(number, *this)) is not None:
                self.blocks.append(block)
        lines, seen = self.bare(rank) if kind == "image" and self.chance(0.1) else self.net(kind, rank)
        used = {tag.removeprefix("call ") for tag in seen if tag.startswith("call ")}
        while more := {word for block in self.blocks if block.name in used for word in block.uses} - used:
            used |= more
        kept = [block for block in self.blocks if block.name in used]
        head = [_FUNCTIONS[word][0] for word in sorted(self.functions)]
        if self.chance(0.06):
            head.insert(0, r.choice(["default conv(act=relu)", "default conv(norm=bn)", "default ln(eps=0.001)"]))
            seen.append("default of a file")
        definitions = [block.text for block in kept]
        text = "\n".join([*head, *definitions, *lines]) + "\n"
        counted = Counter(tag for tag in seen if not tag.startswith("call "))
        for block in kept:
            counted.update(tag for tag in block.seen if not tag.startswith("call "))
        calls = Counter(
            tag for tag in [*seen, *(tag for block in kept for tag in block.seen)] if tag.startswith("call ")
        )
        counted["block called several times"] = sum(1 for count in calls.values() if count > 1)
        words_ = {word for word in self.switched if re.search(rf"\b{word}\?", text)}
        settings = {word: value for word, value in self.settings.items() if word in words_ or word in {"net", "N", "M"}}
        return Text(text, settings, counted)

    def bare(self, rank: int) -> tuple[list[str], list[str]]:
        """A network that is one chain, whose free names are set from outside."""
        x = self.some("image", rank)
        values: Names = {"N": self.r.choice([0, 1, 2, 3]), "M": self.r.choice([4, 6, 8])}
        scope = Scope([(x, dict(values))], {"N": "count", "M": "width"})
        made = self.chain(scope, 4, 2)
        if (part := self.call(scope, 2)) is not None and self.tried(scope, part):
            made = joined([made, part])
        sizes = "x".join(map(str, (*x.grid, x.channels)))
        text = f"{self.r.choice(['INPUT', 'input'])}[{sizes}] -> {made.text}"
        self.settings |= {word: value for word, value in values.items() if re.search(rf"\b{word}\b", text)}
        return [text], [*made.seen, "bare chain"]

    def net(self, kind: str, rank: int) -> tuple[list[str], list[str]]:
        """The network: its lines, and the constructs in it."""
        r = self.r
        lines: list[str] = []
        seen: list[str] = []
        scope = Scope([], {})
        first = ""
        names: Names = {}
        x = self.some(kind, rank)
        inputs: list[str] = []
        if kind == "sequence" and self.chance(0.6):
            length = r.randint(4, 8)
            many = 2 if self.chance(0.5) else 1
            words_ = ["source", "target"][:many]
            for word in words_:
                names[word] = Size("tokens", (r.randint(4, 8) if word != words_[-1] else length,))
                inputs.append(f"input {word}: tokens({names[word].shape[0]})")
            width = r.choice([4, 6, 8])
            x = names[words_[-1]]
            seen += ["tokens", *(["several inputs"] if many > 1 else [])]
            lines += self.words(words_, names, scope, width, seen)
            x = names["__last"]
            first = ""
        else:
            many = r.choice([1, 1, 1, 1, 2])
            if many == 1:
                inputs.append(f"input {_shown(x, r)}")
            else:
                seen.append("several inputs")
                names["left"] = x
                names["right"] = x if self.chance(0.6) else self.some(kind, rank)
                inputs += [f"input left: {_shown(names['left'], r)}", f"input right: {_shown(names['right'], r)}"]
                scope.sorts |= {"left": "tensor", "right": "tensor"}
                first = "left -> "
        parameters: list[Parameter] = []
        for sort, word in (("width", "c"), ("flag", "f"), ("count", "n"), ("act", "act")):
            if self.chance(0.2):
                value = self.argument(None, sort)
                assert value is not None
                parameters.append(Parameter(word, sort, value))
                names[word] = value.value({})
                scope.sorts[word] = sort
                seen.append("parameter of a network")
        scope.probes = [(x, names)]
        body, _, tags = self.body(scope, 2, 1, first)
        seen += tags
        if "right" in names and not any("right" in line for line in body):
            part = self.joining(scope, "right")
            if part is not None and self.tried(scope, part):
                body.append(part.text)
                seen += part.seen
        for _ in range(r.choice([0, 1, 1, 2])):
            part = self.call(scope, 2)
            if part is not None and self.tried(scope, part):
                body.append(part.text)
                seen += part.seen
        ends = self.ending(scope, body, seen)
        lines = [*inputs, *lines, *body, *ends]
        if self.chance(0.06):
            lines.insert(0, r.choice(["init kaiming", "init xavier"]))
            seen.append("init")
        if not parameters and self.chance(0.15):
            seen.append("statements without a net")
            return lines, seen
        if parameters and self.chance(0.3):
            seen.append("family")
            self.settings["net"] = "whole"
            given = ", ".join(f"{each.name}={_declared(each).partition('=')[2]}" for each in parameters)
            heads = ", ".join(each.name for each in parameters)
            return [f"net base({heads}) {{", _indented(lines), "}", f"net whole = base({given})"], seen
        head = f"net whole{'(' + ', '.join(map(_declared, parameters)) + ')' if parameters else ''}"
        return [f"{head} {{", _indented(lines), "}"], seen

    def words(self, inputs: list[str], names: Names, scope: Scope, width: int, seen: list[str]) -> list[str]:
        """Tokens as vectors, with masks and states."""
        r = self.r
        lines: list[str] = []
        shared = self.chance(0.4)
        if shared:
            lines.append(f"share words = embedding-{width}(9)")
            seen.append("share")
        for word in inputs:
            last = word == inputs[-1]
            tokens = names[word]
            made = "words" if shared else f"embedding-{width}(9)"
            seen.append("operator embedding")
            if self.chance(0.5):
                lines.append(f"mask_{word} = {word} -> padding_mask")
                names[f"mask_{word}"] = Size("mask", tokens.shape)
                scope.sorts[f"mask_{word}"] = "mask"
                seen.append("operator padding_mask")
            x = Size("sequence", (tokens.shape[0], width))
            if not last and self.chance(0.5):
                kind = r.choice(["gru", "lstm", "rnn"])
                states = "h, cell" if kind == "lstm" else "h"
                lines.append(f"memory, {states} = {word} -> {made} -> {kind}-{width}(states=true)")
                seen += [f"operator {kind}", "states", "several names"]
                names |= {"memory": x}
                scope.sorts["memory"] = "tensor"
                lines.append(
                    f"begun = {inputs[-1]} -> {made} -> {kind}-{width}({states.replace(' ', '')})".replace(",", ", ")
                )
                seen += ["state as operand", "operator embedding"]
                names["begun"] = Size("sequence", (names[inputs[-1]].shape[0], width))
                scope.sorts["begun"] = "tensor"
                if self.chance(0.4):
                    lines.append("last = h -> final -> fc-4")
                    seen.append("operator final")
                    names["last"] = Size("vector", (4,))
                    scope.sorts["last"] = "tensor"
                continue
            name_ = f"{word}_vectors"
            more = r.choice(["", " -> ln", " -> position_embedding", f" -> fc-{width}"])
            lines.append(f"{name_} = {word} -> {made}{more}")
            names[name_] = x
            scope.sorts[name_] = "tensor"
            if last:
                names["__last"] = x
        if shared:
            scope.sorts["words"] = "tied"
            names["words"] = (9, width)
        return lines

    def ending(self, scope: Scope, body: list[str], seen: list[str]) -> list[str]:
        """The head, and what comes out."""
        r = self.r
        lines: list[str] = []
        x = scope.size
        if tied := scope.of("tied"):
            width = scope.probes[0][1][tied[0]][1]
            if x.kind in {"sequence", "vector"} and x.rank < 2 and self.chance(0.7):
                lines.append(f"fc-{width} -> tied({tied[0]})")
                seen.append("operator tied")
                return self.outputs(scope, lines, seen)
        if x.kind != "vector" and self.chance(0.5):
            for _ in range(3):
                part = parts.turned(r, scope.size)
                if self.tried(scope, part):
                    lines.append(part.text)
                    seen += part.seen
                    made = self.chain(scope, 3, 1)
                    lines.append(made.text)
                    seen += made.seen
                    break
        if self.chance(0.4) and scope.size.kind in {"image", "vector"}:
            more = "(norm=bn)" if self.chance(0.2) else ""
            lines.append(f"fc-{r.choice([2, 5])}{more} as head")
            seen += ["operator fc", "label"]
            if scope.size.kind == "image":
                seen.append("operator flatten")
        return self.outputs(scope, lines, seen)

    def outputs(self, scope: Scope, lines: list[str], seen: list[str]) -> list[str]:
        """Statements for several outputs, if there are several."""
        tensors = [
            word
            for word in scope.of("tensor")
            if scope.probes[0][1][word].kind in {"image", "sequence", "vector"} and word not in {"left", "right"}
        ]
        if not tensors or not self.chance(0.45):
            return lines
        chosen = self.r.sample(tensors, min(len(tensors), self.r.choice([1, 1, 2])))
        lines.append("answer = identity")
        if self.chance(0.55):
            made = f"{chosen[0]} -> {self.r.choice(['identity', 'dropout(0.2)', 'tanh'])}"
            lines += [f"aside = {made}", f"output {', '.join(['answer', *chosen[1:]])}", "output aside (train)"]
            seen += ["output in training mode"]
        else:
            lines.append(f"output {', '.join(['answer', *chosen])}")
            seen += ["several outputs"]
        return lines


# --- where branches meet ----------------------------------------------------------------------------------------------


def _concat(xs: list[Size]) -> Size:
    need(all(each.kind == xs[0].kind and each.grid == xs[0].grid for each in xs))
    need(xs[0].kind in {"image", "sequence", "vector"})
    return xs[0].wide(sum(each.channels for each in xs))


def _after(xs: list[Size]) -> Size:
    need(all(each.kind == "sequence" and each.rank == 1 and each.channels == xs[0].channels for each in xs))
    return Size("sequence", (sum(each.grid[0] for each in xs), xs[0].channels))


def _add(xs: list[Size]) -> Size:
    need(all(each == xs[0] for each in xs), xs[0].kind in {"image", "sequence", "vector"})
    return xs[0]


def _mul(xs: list[Size]) -> Size:
    need(all(each.kind == xs[0].kind and each.rank == xs[0].rank for each in xs))
    shape: list[int] = []
    for sizes in zip(*(each.shape for each in xs), strict=True):
        longest = max(sizes)
        need(all(each in {1, longest} for each in sizes))
        shape.append(longest)
    return Size(xs[0].kind, tuple(shape))


def _resize(xs: list[Size]) -> Size:
    need(all(each.kind == "image" and each.rank == xs[0].rank for each in xs))
    return xs[0].gridded(xs[1].grid)


def _crop(xs: list[Size]) -> Size:
    need(all(each.kind == "image" and each.rank == xs[0].rank for each in xs))
    need(all(was >= now for was, now in zip(xs[0].grid, xs[1].grid, strict=True)))
    return xs[0].gridded(xs[1].grid)


def _padded(x: Size, names: Names) -> Size:
    need(x.kind == "image")
    return x.gridded(each + 2 for each in x.grid)


def _single(part: Part) -> Callable[[Size, Names], tuple[Size, ...]]:
    return lambda x, names: (part.run(x, names),)


def _declared(each: Parameter) -> str:
    return each.name if each.default is None else f"{each.name}={each.default.text}"


def _indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for each in lines for line in each.split("\n"))


def _shown(x: Size, r: random.Random) -> str:
    """A size as a text has it, in one of its orders."""
    if x.kind == "image" and (x.rank == 1 or r.random() < 0.7):
        return "x".join(map(str, (*x.grid, x.channels)))
    if x.kind == "vector":
        return str(x.channels)
    if x.kind == "sequence":
        return r.choice(["", "sequence"]) + written(x.shape)
    return written(x.shape)


def program(seed: int) -> Text:
    """The program of a number."""
    return Writer(seed).program()


def programs(begin: int, end: int) -> Iterator[Text]:
    """The programs of a row of numbers."""
    return (program(seed) for seed in range(begin, end))
