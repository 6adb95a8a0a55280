"""Short texts that follow the grammar, with whatever values: most can be read, and much in them has no meaning.

Each rule of the grammar is a method; nothing is looked at that would make a text right.
"""

from __future__ import annotations

from random import Random

from archdsl.ops import OPERATORS
from archdsl.ops.arguments import Argument, ArgumentKind, Role, arguments

_INPUTS = (
    "8x8x4", "7x5x3", "1x1x1", "9", "(6, 4)", "tokens(5)", "(3, 9, 8)", "(2, 3, 4, 5)", "(T, 8)", "(3, H, W)", "224x224x3",
    "8x8x4", "6x6x8", "16", "tokens(7)", "(N)", "tokens(S)", "0x1x2", "3x3x100000000000000000",
)  # fmt: skip
_NUMBERS = (
    "0",
    "1",
    "1",
    "2",
    "2",
    "3",
    "4",
    "4",
    "8",
    "5",
    "7",
    "16",
    "0.5",
    "1.0",
    "1e3",
    "2k",
    "1000000",
    "999999999999999999",
)
_NAMES = ("a", "b", "c", "t", "f", "g", "in", "x", "N")
_SIGNS = ("+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", ">=", "and", "or")
_FUNCTIONS = ("abs", "ceil", "floor", "len", "max", "min", "range", "round", "sum", "f", "g", "b", "relu", "conv", "gn")
_PROPERTIES = ("channels", "height", "width", "size", "depth", "length", "features", "rank")
_BRANCHED = ("add", "mul", "concat", "residual", "crop", "resize", "dot_attention", "attention", "b", "relu", "tied")
_SMALL = ("1", "2", "2", "3", "4", "4", "8", "5", "0", "6", "16")
_DEPTH = 3
# how often something stands where it cannot mean anything
_WRONG = 0.03


class Sentence:
    """Writes one text."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.depth = 0

    def text(self) -> str:
        """A few definitions and a network, or a bare chain."""
        some = self._some
        head = [
            *some(f"let a = {self.expression()}", 0.4),
            *some(f"let f(x, y={self.expression()}) = {self.expression()}", 0.4),
            *some(f"default {self.operator()}{self._arguments()}", 0.15),
            *some(f"block b{self._parameters()} = {self.chain()}", 0.6),
            *some(f"block g(c, act=relu) {{\n{self._body()}\n}}", 0.4),
        ]
        if self.random.random() < 0.3:
            return "\n".join((*head, f"INPUT[{self._pick(_INPUTS)}] -> {self.chain()}"))
        names = self.random.choice((("",), ("",), ("",), ("t: ", "x: ")))
        inputs = [f"input {name}{self._pick(_INPUTS)}" for name in names]
        return "\n".join((*head, f"net n{self._parameters()} {{", *inputs, self._body(), "}"))

    def _body(self) -> str:
        some = self._some
        return "\n".join((
            *some(f"share c = {self.chain()}", 0.2),
            *some(f"t = {self.chain()}", 0.4),
            *some(f"x, N = {self.chain()}", 0.15),
            *some(f"let N = {self.expression()}", 0.15),
            *some(f"require {self.expression()}", _WRONG),
            *some(f"init {self._pick(('he', 'xavier', 'none', 'a'))}", _WRONG),
            *some(f"default {self.operator()}{self._arguments()}", 0.1),
            self.chain(),
            *some(f"-> {self.chain()}", 0.1),
            *some(f"output {self._pick(('t', 'x', 't, x', 'x (train)'))}", 0.1),
        ))  # fmt: skip

    def chain(self) -> str:
        """Elements in a row."""
        self.depth += 1
        made = " -> ".join(self._element() for _ in range(self.random.choice((1, 1, 2, 2, 3))))
        self.depth -= 1
        return made

    def _element(self) -> str:
        some = self._some
        return "".join((
            self._part(),
            *some(f"*{self._pick(('2', '3', '0', '-1', 'a', f'({self.expression()})', '1000000'))}", 0.2),
            *some("?", 0.05),
            *some(f" as {self._pick(('q', '0', 'q{a}', 'q', '{i}', 'forward'))}", 0.15),
            *some(f" : {self._pick(_INPUTS)}", _WRONG),
        ))  # fmt: skip

    def _part(self) -> str:
        if self.depth > _DEPTH:
            return self._word()
        match self.random.randrange(12):
            case 0:
                return f"[{self.chain()}]"
            case 1:
                return f"[{self.chain()} if {self.expression()}{self._pick(('', f' else {self.chain()}'))}]"
            case 2:
                names = self._pick(("a", "c", "a, c"))
                return f"[{self.chain()} for {names} in {self._list()}{self._pick(('', f' if {self.expression()}'))}]"
            case 3 | 4 | 5:
                branches = (
                    self._pick(("", self.chain(), self.chain())) for _ in range(self.random.choice((1, 2, 2, 3)))
                )
                return f"{self._pick(_BRANCHED)}{self._pick(('', '', self._arguments()))} {{ {' | '.join(branches)} }}"
            case _:
                return self._word()

    def _word(self) -> str:
        if self.random.random() < 0.2:
            return self._pick(
                ("...", *_NAMES, f"b{self._arguments()}", f"g{self._arguments()}", f"residual{self._arguments()}")
            )
        some, word = self._some, self.operator()
        roles = {each.role for each in arguments(OPERATORS[word]).values()}
        return "".join((
            word,
            *some(self._pick(("1", "3", "3", "2", "1x3", "7")), 0.5 if Role.WINDOW in roles else _WRONG),
            *some(f"-{self._amount()}", 0.9 if Role.WIDTH in roles else _WRONG),
            *some(f"/{self._amount()}", 0.2 if Role.STRIDE in roles else _WRONG),
            *some(self._arguments(word), 0.4),
        ))  # fmt: skip

    def operator(self) -> str:
        """The word of an operator; those that most texts have, more often."""
        return self._pick(("conv", "relu", "fc", "bn")) if self.random.random() < 0.3 else self._pick(tuple(OPERATORS))

    def _amount(self) -> str:
        return self._pick(_SMALL) if self.random.random() < 0.7 else self._pick(("a", f"({self.expression()})", "a[0]"))

    def _parameters(self) -> str:
        return self._pick(("", "(c)", "(c=2)", f"(c, a={self.expression()})", "(a=relu, c=4)"))

    def _arguments(self, word: str = "") -> str:
        if not word:
            given = [
                f"{self._pick(('c', 'a', 'act', 'norm', 'drop', 'project'))}=" if self.random.random() < 0.3 else ""
            ]
            return f"({given[0]}{self.expression()})"
        known = tuple(arguments(OPERATORS[word]).values())
        some = self.random.sample(known, min(len(known), self.random.choice((0, 1, 1, 2))))
        return f"({', '.join(f'{each.name}={self._taken(each)}' for each in some)})"

    def _taken(self, argument: Argument) -> str:
        """What an argument takes, as a rule."""
        if self.random.random() < 4 * _WRONG:
            return self.expression()
        match argument.kind:
            case ArgumentKind.FLAG:
                return self._pick(("true", "false"))
            case ArgumentKind.CHOICE:
                return f'"{self._pick(argument.choices)}"'
            case ArgumentKind.AXES | ArgumentKind.NUMBERS:
                return self._pick((*_SMALL, "[1, 2]", "[2, 1, 2]"))
            case ArgumentKind.LAYER:
                return "c"
            case _:
                return self._pick(_SMALL)

    def expression(self) -> str:
        """What has a value, or might."""
        self.depth += 1
        made = self._value() if self.depth > _DEPTH else self._compound()
        self.depth -= 1
        return made

    def _value(self) -> str:
        return self._pick(
            (*_NUMBERS, *_NAMES, "true", "false", "none", "relu", '"s"', '"nearest"', "[]", "in.channels")
        )

    def _compound(self) -> str:
        match self.random.randrange(12):
            case 0:
                return f"({self.expression()} {self._pick(_SIGNS)} {self.expression()})"
            case 1:
                return (
                    f"{self._pick(_FUNCTIONS)}({', '.join(self.expression() for _ in range(self.random.randrange(3)))})"
                )
            case 2:
                return f"{self._pick(('in', 't', 'a'))}.{self._pick(_PROPERTIES)}"
            case 3:
                return self._list()
            case 4:
                return f"{self._pick(('not ', '-', '--'))}{self.expression()}"
            case 5:
                return f"({self.expression()} if {self.expression()} else {self.expression()})"
            case 6:
                return f"a[{self.expression()}]"
            case _:
                return self._value()

    def _list(self) -> str:
        if self.random.random() < 0.3:
            return f"[{self.expression()} for {self._pick(('a', 'c'))} in {self._pick(('[1, 2]', 'range(3)', 'a'))}]"
        return f"[{', '.join(self.expression() for _ in range(self.random.randrange(4)))}]"

    def _pick(self, words: tuple[str, ...]) -> str:
        return self.random.choice(words)

    def _some(self, words: str, share: float) -> tuple[str, ...]:
        return (words,) if self.random.random() < share else ()
