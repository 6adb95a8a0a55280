"""The law of texts: whatever a text is, each door that takes one gives a result or one ArchError, in little time and
little memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from random import Random
from unittest.mock import patch

import test_robustness as robustness
from laws.damaged import MEGABYTES, Escaped, Outcome, hold_messages, peak
from laws.sentences import Sentence
from laws.writer import program

import archdsl
from archdsl import ArchError, Network
from archdsl.base.diagnostics import Diagnostic, Report
from archdsl.base.limits import Limits
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.draw.mermaid import mermaid
from archdsl.draw.picture import picture
from archdsl.elaborate import library
from archdsl.ops import OPERATORS
from archdsl.sketching import network_or_sketch
from archdsl.syntax.parser import parse
from archdsl.syntax.tree import File

_SMALL = 400
# random programs that texts are made of, each written once in a run
_PROGRAMS = 10_000
# of the texts that are wrong, the share of which a picture is made as far as they go
_SKETCHED = 0.1
_SIGNS = ("+", "-", "*", "/", "=", "?", "|", ",", ".", "%", "<", ">", ":", "(", ")", "[", "]", "{", "}", "->", " ")
OTHERS = (
    *_SIGNS, *OPERATORS, "in", "if", "else", "for", "as", "min", "max", "sum", "range", "len", "round", "ceil", "floor", "residual", "share",
    "input", "output", "let", "true", "false", "none", "inception", "x", "a", "c", "0", "1", "2", "3", "5", "16", "224", "1000000",
    "999999999999999999", "9999999999999999999",
)  # fmt: skip
_VALUES = (0, 1, 2, 3, 7, -1, 0.5, True, "relu", "x", [1, 2], [[1, 2], [3, 4]], [], 10**18, 10**19, "")
_SIZES = ((3, 32, 32), (4, 8, 8), (1, 1, 1), (3, 224, 224), (7, 5), (9,), (2, 3, 4, 5), (10**9, 10**9, 10**9))


def fuzzed(seed: int) -> str:
    """A text with something wrong in it, as a rule: a real or a random one with tokens changed, tokens alone, or what
    the grammar allows."""
    random = Random(seed)
    match random.randrange(12):
        case 0:
            tokens = random.choices(robustness.TERMINALS, k=random.randint(1, 60))
            return random.choice(("", "INPUT[8x8x4] -> ", "net n {\ninput 8x8x4\n")) + random.choice(("", " ")).join(
                tokens
            )
        case 1:
            tokens = random.choices(
                (*robustness.TERMINALS, "->", "->", "->", "relu", "conv3-4"), k=random.randint(1, 60)
            )
            return random.choice(("INPUT[8x8x4] -> ", "let a = ", "block b(c) = ")) + robustness.closed(tokens)
        case 2 | 3:
            return robustness.mutated(written(random.randrange(_PROGRAMS)), random)
        case 4:
            first, second = random.choice(robustness.TEXTS), random.choice(robustness.TEXTS)
            return robustness.mutated(f"{first}\n{second}", random)
        case 5:
            return robustness.mutated(random.choice(robustness.TEXTS), random)
        case 6:
            return exchanged(written(random.randrange(_PROGRAMS)), random)
        case 7 | 8 | 9:
            return Sentence(random).text()
        case _:
            return exchanged(random.choice(robustness.TEXTS), random)


@cache
def written(seed: int) -> str:
    return program(seed).text


def exchanged(text: str, random: Random) -> str:
    """A text in which a few words, numbers and signs are others of their kind, so that much of it can still be read."""
    parts = re.findall(r"#[^\n]*|[A-Za-z_]+|\d+|->|\s+|.", text)
    kinds = (str.isalpha, str.isdigit, lambda part: part in _SIGNS)
    for _ in range(random.randint(1, 3)):
        (kind,) = random.choices(kinds, (5, 5, 1))
        places = [at for at, part in enumerate(parts) if kind(part)]
        if places:
            others = [parts[at] for at in places] if random.random() < 0.6 else [each for each in OTHERS if kind(each)]
            parts[random.choice(places)] = random.choice(others)
    return "".join(parts)


class _Trees:
    """Reads texts like `parse`, but the files of the package once, and one after the other the same text once: what
    takes it next would only read it again."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, bool], File] = {}
        self._last: tuple[Source, bool, File, tuple[Diagnostic, ...]] | None = None

    def __call__(self, source: Source, report: Report, limits: Limits, *, gaps: bool = False) -> File:
        if source.path:
            key = source.path, gaps
            if key not in self._files:
                self._files[key] = parse(source, report, limits, gaps=gaps)
            return self._files[key]
        if self._last is None or self._last[0] is not source or self._last[1] is not gaps:
            said = report.mark()
            file = parse(source, report, limits, gaps=gaps)
            self._last = source, gaps, file, tuple(report.diagnostics[said:])
            return file
        _, _, file, found = self._last
        for each in found:
            report.add(each.fault, each.place, also=each.also, edit=each.edit)
        return file


_TREES = _Trees()

# what is made of a network that is small enough to be written out
SINKS: dict[str, Callable[[Network], object]] = {
    "summary": lambda net: str(net.summary()) + str(net.summary(0)),
    "structure": lambda net: net.structure(),
    "source": lambda net: compile(net.source(), "made", "exec"),
    "dot": lambda net: str(net.draw()),
    "dot of operators": lambda net: str(net.draw(detail="op", color="macs")),
    "mermaid": lambda net: mermaid(picture(net.module)),
    "volumes": lambda net: str(net.draw_volumes()),
    "page": lambda net: net.page().html,
    "sizes": lambda net: net.sizes(),
    "graph": lambda net: net.graph,
    "memory": lambda net: net.memory(),
    "receptive field": lambda net: net.receptive_field(),
    "symbolic": lambda net: str(net.symbolic().summary()),
    "inference": lambda net: net.apply("inference").source(),
}
# a page takes as long as a hundred other things: it starts Graphviz
_WEIGHTS = [1 if name == "page" else 5 for name in SINKS]


def hold_text(seed: int) -> Outcome:
    """Send one text through the doors. Escaped where the law is broken."""
    return hold(fuzzed(seed), Random(f"doors {seed}"))


def hold(text: str, random: Random) -> Outcome:
    """Send a text through the doors, chosen at random where there are several: what it costs at the dearest. Escaped
    where the law is broken."""
    before, doors = peak(), _Doors()
    with patch.object(library, "parse", _TREES):
        said = doors.through(text, random)
    made = Outcome("text", said, doors.seconds, peak() - before)
    if made.megabytes > MEGABYTES:
        raise Escaped(f"{said}: {made.megabytes:.0f} MB")
    return made


class _Doors:
    """Sends a text through one door after the other. seconds: of the processor, at the dearest."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def _at(self, door: str) -> Generator[None]:
        """At a door, what is neither a result nor an ArchError escapes."""
        started = time.process_time()
        try:
            yield
        except (ArchError, Escaped):
            raise
        except Exception as error:
            raise Escaped(f"{door}: {type(error).__name__}: {str(error)[:300]}") from error
        finally:
            self.seconds = max(self.seconds, time.process_time() - started)

    def through(self, text: str, random: Random) -> str:
        """What becomes of a text: the code of its first fault, or what was made of the network."""
        source = Source("text.arch", text)
        options = Options()
        if random.random() < 0.2:
            options = Options(
                {random.choice("abcNxn"): random.choice(_VALUES)}, archdsl.TensorType.of(random.choice(_SIZES))
            )
        checked = ()
        try:
            with self._at("check"):
                report, _ = check_source(source, options)
                checked = tuple(report.errors)
                hold_messages(report.diagnostics)
            with self._at("parse"):
                net = compile_source(source, None, options)
        except ArchError as error:
            if error.diagnostics != checked:
                hold_messages(error.diagnostics)
            if random.random() < _SKETCHED:
                self._sketched(source, options)
            return error.diagnostics[0].code
        if net.module.layers > _SMALL:
            return "large"
        (door,) = random.choices(list(SINKS), _WEIGHTS)
        try:
            with self._at(door):
                SINKS[door](net)
        except ArchError as error:
            hold_messages(error.diagnostics)
            return error.diagnostics[0].code
        return door

    def _sketched(self, source: Source, options: Options) -> None:
        """What can be drawn of a text that is wrong."""
        try:
            with self._at("sketch"):
                str(network_or_sketch(source, None, options).draw())
        except ArchError as error:
            hold_messages(error.diagnostics)
