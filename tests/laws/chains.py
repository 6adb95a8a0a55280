"""Random chains: operators, groups, repeats, conditions, branches, residuals and calls of blocks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from laws import parts
from laws.parts import (
    Expr,
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
from laws.scopes import WIDTHS, Block, Filled, Scope
from laws.values import Values


class Chains(Values):
    """Chains and all that can stand in them."""

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
        forms += map(name, scope.of("width"))
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
                    [r.choice(WIDTHS) for _ in range(r.randint(1, 2))],
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
                rows = [(index, r.choice(WIDTHS)) for index in range(r.randint(1, 3))]
                head, sorts, labels = f"{i}, {v} in {written(rows)}", {v: "width", i: "index"}, i
                found = lambda names: [{i: a, v: b} for a, b in rows]  # noqa: E731
            case 4 if lists:
                word = r.choice(lists)
                head, sorts = f"{v} in {word} if {v} > 4", {v: "width"}
                found = lambda names: [{v: each} for each in names[word] if each > 4]  # noqa: E731
            case _:
                values = [r.choice(WIDTHS) for _ in range(r.randint(1, 3))]
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
        run = {"concat": concat, "add": add, "mul": mul}[word]
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
        kind = word.partition("(")[0]
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
        return self.merged("residual", [whole, way], add) if self.chance(0.8) else self.merged("add", [way, whole], add)

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
                return self.merged(f"resize{mode}", ends, resize)
            ends = (
                [Part("", parts.same), other] if self.chance(0.5) else [plain("pad(1)", _padded), Part("", parts.same)]
            )
            return self.merged(r.choice(["crop", "crop", "crop(offset=0)"]), ends, crop)
        if x.kind in {"vector", "sequence"}:
            width = self.width(scope)
            linear = lambda x, names: x.wide(width.value(names))  # noqa: E731
            ends = [plain(f"fc-{width.amount}", linear, *width.seen) for _ in range(2)]
            made = self.merged("sample", ends, add)
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
            return self.merged("concat", [token, Part("", parts.same)], after, '("positions")')
        shape = x.shape[0] if x.kind == "vector" else written(x.shape)
        return self.merged("add", [Part("", parts.same), plain(f"param({shape}{mean})", lambda y, names: x)], add)

    # --- calls --------------------------------------------------------------------------------------------------------

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

        def rest(x: Size, names: Names) -> Size:
            for _ in range(count.value(names)):
                x = sane(part.run(x, names))
            return x

        # the first call went on already
        return made if self.tried(scope, Part("", rest)) else part

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


# --- where branches meet ----------------------------------------------------------------------------------------------


def concat(xs: list[Size]) -> Size:
    need(all(each.kind == xs[0].kind and each.grid == xs[0].grid for each in xs))
    need(xs[0].kind in {"image", "sequence", "vector"})
    return xs[0].wide(sum(each.channels for each in xs))


def after(xs: list[Size]) -> Size:
    need(all(each.kind == "sequence" and each.rank == 1 and each.channels == xs[0].channels for each in xs))
    return Size("sequence", (sum(each.grid[0] for each in xs), xs[0].channels))


def add(xs: list[Size]) -> Size:
    need(all(each == xs[0] for each in xs), xs[0].kind in {"image", "sequence", "vector"})
    return xs[0]


def mul(xs: list[Size]) -> Size:
    need(all(each.kind == xs[0].kind and each.rank == xs[0].rank for each in xs))
    shape: list[int] = []
    for sizes in zip(*(each.shape for each in xs), strict=True):
        longest = max(sizes)
        need(all(each in {1, longest} for each in sizes))
        shape.append(longest)
    return Size(xs[0].kind, tuple(shape))


def resize(xs: list[Size]) -> Size:
    need(all(each.kind == "image" and each.rank == xs[0].rank for each in xs))
    return xs[0].gridded(xs[1].grid)


def crop(xs: list[Size]) -> Size:
    need(all(each.kind == "image" and each.rank == xs[0].rank for each in xs))
    need(all(was >= now for was, now in zip(xs[0].grid, xs[1].grid, strict=True)))
    return xs[0].gridded(xs[1].grid)


def _padded(x: Size, names: Names) -> Size:
    need(x.kind == "image")
    return x.gridded(each + 2 for each in x.grid)
