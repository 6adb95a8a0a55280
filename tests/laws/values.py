"""Random expressions and arguments: what a text says where a number, a flag, a list, an operator or a block is wanted."""

from __future__ import annotations

import random
from collections.abc import Callable
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
    literal,
    name,
    need,
    sane,
)
from laws.scopes import FUNCTIONS, WIDTHS, Block, Filled, Probe, Scope


class Values:
    """What is known of a program while it is written, and values for what it says next."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.labels = 0
        self.blocks: list[Block] = []
        self.functions: set[str] = set()
        self.switched: set[str] = set()
        self.settings: dict[str, Any] = {}
        self.used: set[str] = set()

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
                own = dict(names)
                probes.append((sane(part.run(x, own)), own))
        except (Misfit, ZeroDivisionError, IndexError):
            return False
        scope.probes = probes
        return True

    # --- expressions --------------------------------------------------------------------------------------------------

    def width(self, scope: Scope) -> Expr:
        """A number of channels."""
        r = self.r
        number = r.choice(WIDTHS)
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
        made = FUNCTIONS[which][2]
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
                norm = self.r.choice(["bn", "bn", "ln", "gn(1)"])
                given.append(f"norm={norm}")
                norms.append(lambda names: norm)

        def check(y: Size, names: Names) -> None:
            for each in norms:
                value = each(names)
                need(value != "gn(1)" or (y.channels % 2 == 0 and y.kind != "sequence"))
                need(value != "bn" or y.kind != "sequence")

        return Decoration(tuple(given), check, tuple(seen))

    # --- arguments ----------------------------------------------------------------------------------------------------

    def argument(self, scope: Scope | None, sort: str, block: Block | None = None) -> Expr | None:
        """A value for a parameter of a sort; over the names of a scope, if there is one."""
        r = self.r
        around = scope.of(sort) if scope is not None else []
        if around and sort not in {"tensor", "width"} and self.chance(0.5):
            return name(r.choice(around))
        match sort:
            case "width":
                return self.width(scope) if scope is not None else literal(r.choice(WIDTHS))
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
                word = r.choice(["bn", "bn", "none", "gn(1)", "ln"])
                return Expr(word, lambda names: word)
            case "p":
                return literal(r.choice([0.1, 0.2, 0.25, 0.5]))
            case "list":
                return literal([r.choice(WIDTHS) for _ in range(r.randint(1, 3))])
            case "table":
                return literal([(r.choice(WIDTHS), r.choice([1, 1, 2])) for _ in range(r.randint(1, 2))])
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
