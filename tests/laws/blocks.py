"""Random blocks: their parameters, and the statements in them."""

from __future__ import annotations

import re
from collections.abc import Callable

from laws import parts
from laws.chains import Chains, add, concat, mul, resize
from laws.parts import (
    Expr,
    Misfit,
    Names,
    Part,
    Size,
    joined,
    need,
    sane,
)
from laws.scopes import Block, Filled, Parameter, Probe, Scope

_BINDING = re.compile(r"\w+(, \w+)* = ")


class Blocks(Chains):
    """Blocks, tried out on several inputs and arguments while they are written."""

    def block(self, number: int, kind: str, rank: int) -> Block | None:
        """A block on tensors of a kind; None where it came to nothing."""
        r = self.r
        parameters = self.parameters(kind, rank)
        probes = self.probes(parameters, kind, rank)
        if probes is None:
            return None
        scope = Scope(probes, {each.name: each.sort for each in parameters}, block=True)
        word = r.choice(["unit", "part", "cell", "piece", "knot"]) + str(number)
        head = f"block {word}" + (f"({', '.join(map(declared, parameters))})" if parameters else "")
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
                text = f"{head} {{\n{indented(lines)}\n}}"
            case _:
                made = self.chain(scope, 4, depth)
                text, run, seen = f"{head} = {made.text}", _single(made), (*made.seen, "block that is a chain")
        uses = {tag.removeprefix("call ") for tag in seen if tag.startswith("call ")}
        height = 1 + max([each.height for each in self.blocks if each.name in uses], default=0)
        seen += tuple(f"parameter: {each.sort}" for each in parameters)
        seen += tuple(tag for each in parameters if each.default for tag in ("default", *each.default.seen))
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

        def put(line: str, run: Callable[[Size, Names], Size], *tags: str, begins: str = "") -> None:
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
            put(made.text, made.run, *made.seen)
        if self.chance(0.15):
            which = r.choice(
                ["conv(act=relu)", "conv(norm=bn)", "conv(act=relu, norm=bn)", "conv(bias=false)", "dropout(p=0.4)"]
            )
            put(f"default {which}", parts.same, "default of a scope")
        if scope.of("width") and self.chance(0.25):
            word, value = f"m{len(lines)}", self.width(scope)

            def let(x: Size, names: Names, word: str = word, value: Expr = value) -> Size:
                names[word] = value.value(names)
                return x

            if self.tried(scope, Part("", let)):
                scope.sorts[word] = "width"
                put(f"let {word} = {value.text}", let, "let", *value.seen)
        for _ in range(r.choice([1, 1, 2, 3])):
            self.labels += 1
            word = f"t{self.labels}"
            match r.randrange(8):
                case 0:
                    share = self.share(scope, depth)
                    if share is not None:
                        put(share[0], share[1], "share", *share[3])
                        scope.shares = [*scope.shares, share[2]]
                        for _ in range(2):
                            again = self.shared(scope, 0)
                            again = self.merged("residual", [again], lambda xs: xs[0]) if self.chance(0.3) else again
                            if self.chance(0.7) and self.tried(scope, again):
                                put(again.text, again.run, *again.seen)
                case 1:
                    split = self.split(scope)
                    if split is not None:
                        line, run, names_ = split
                        put(line, run, "operator split", "several names", begins=f"{names_[0]} -> ")
                        waiting += names_[1:]
                case 2:
                    several = self.several(scope)
                    if several is not None:
                        line, run, names_, tags = several
                        put(line, run, "block of several outputs", "several names", *tags, begins=f"{names_[0]} -> ")
                        waiting += names_[1:]
                case 3 if (part := self.learned(scope)) is not None and self.tried(scope, part):
                    put(part.text, part.run, *part.seen)
                case _:
                    made = self.chain(scope, 3, depth)
                    text = made.text
                    if self.chance(0.6):
                        run_ = joined([made, Part("", bind(word))]).run
                        for _, names in scope.probes:
                            names[word] = None
                        scope.probes = [(x, names | {word: x}) for x, names in scope.probes]
                        scope.sorts[word] = "tensor"
                        put(f"{word} = {text}", run_, *made.seen, "binding")
                        if self.chance(0.5):
                            waiting.append(word)
                    else:
                        put(text, made.run, *made.seen)
        # what is bound and waits is brought in, so that most tensors reach an output
        for word in waiting:
            part = self.joining(scope, word)
            if part is not None and self.tried(scope, part):
                put(part.text, part.run, *part.seen)
        if first or all(line.startswith(("let ", "default ")) for line in lines):
            made = self.chain(scope, 3, depth)
            put(made.text, made.run, *made.seen)
        results: list[str] = []
        if outputs == 2:
            self.labels += 1
            first_, second = f"y{self.labels}", f"z{self.labels}"
            for word in (first_, second):
                made = self.chain(scope, 2, depth)
                put(f"{word} = {made.text}", joined([made, Part("", bind(word))]).run, *made.seen, "binding")
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
            return self.merged(word_, [Part("", parts.same), begin], {"concat": concat, "add": add, "mul": mul}[word_])
        if x.kind == "image":
            resized = self.merged("resize", [begin, Part("", parts.same)], resize)
            return self.merged("concat", [Part("", parts.same), resized], concat)
        return None


def _single(part: Part) -> Callable[[Size, Names], tuple[Size, ...]]:
    return lambda x, names: (part.run(x, names),)


def declared(each: Parameter) -> str:
    return each.name if each.default is None else f"{each.name}={each.default.text}"


def indented(lines: list[str]) -> str:
    return "\n".join(f"  {line}" for each in lines for line in each.split("\n"))
