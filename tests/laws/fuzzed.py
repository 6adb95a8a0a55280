"""The law of texts: whatever a text is, each door that takes one gives a result or one ArchError, in little time and
little memory."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from random import Random

import test_robustness as robustness
from laws.damaged import MEGABYTES, Escaped, Outcome, hold_messages, peak
from laws.writer import program

import archdsl
from archdsl import ArchError, Network
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.emit.mermaid import mermaid
from archdsl.emit.picture import picture
from archdsl.ops import OPERATORS
from archdsl.sketching import network_or_sketch

_SMALL = 400
_SIGNS = ("+", "-", "*", "/", "=", "?", "|", ",", ".", "%", "<", ">", ":", "(", ")", "[", "]", "{", "}", "->", " ")
_OTHERS = (
    *_SIGNS, *OPERATORS, "in", "if", "else", "for", "as", "min", "max", "sum", "range", "len", "round", "ceil", "floor", "residual", "share",
    "input", "output", "let", "true", "false", "none", "inception", "x", "a", "c", "0", "1", "2", "3", "5", "16", "224", "1000000",
    "999999999999999999", "9999999999999999999",
)  # fmt: skip
_VALUES = (0, 1, 2, 3, 7, -1, 0.5, True, "relu", "x", [1, 2], [[1, 2], [3, 4]], [], 10**18, 10**19, "")
_SIZES = ((3, 32, 32), (4, 8, 8), (1, 1, 1), (3, 224, 224), (7, 5), (9,), (2, 3, 4, 5), (10**9, 10**9, 10**9))


def fuzzed(seed: int) -> str:
    """A text with something wrong in it, as a rule: a real or a random one with tokens changed, or tokens alone."""
    random = Random(seed)
    match random.randrange(10):
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
            return robustness.mutated(program(random.randrange(100_000)).text, random)
        case 4:
            first, second = random.choice(robustness.TEXTS), random.choice(robustness.TEXTS)
            return robustness.mutated(f"{first}\n{second}", random)
        case 5:
            return robustness.mutated(random.choice(robustness.TEXTS), random)
        case 6:
            return _exchanged(program(random.randrange(100_000)).text, random)
        case _:
            return _exchanged(random.choice(robustness.TEXTS), random)


def _exchanged(text: str, random: Random) -> str:
    """A text in which a few words, numbers and signs are others of their kind, so that much of it can still be read."""
    parts = re.findall(r"#[^\n]*|[A-Za-z_]+|\d+|->|\s+|.", text)
    kinds = (str.isalpha, str.isdigit, lambda part: part in _SIGNS)
    for _ in range(random.randint(1, 3)):
        (kind,) = random.choices(kinds, (5, 5, 1))
        places = [at for at, part in enumerate(parts) if kind(part)]
        if places:
            others = [parts[at] for at in places] if random.random() < 0.6 else [each for each in _OTHERS if kind(each)]
            parts[random.choice(places)] = random.choice(others)
    return "".join(parts)


# what is made of a network that is small enough to be written out
SINKS: dict[str, Callable[[Network], object]] = {
    "summary": lambda net: str(net.summary()) + str(net.summary(0)),
    "structure": lambda net: net.structure(),
    "source": lambda net: compile(net.source(), "made", "exec"),
    "dot": lambda net: net.draw(),
    "dot of operators": lambda net: net.draw(detail="op", color="macs"),
    "mermaid": lambda net: mermaid(picture(net.module)),
    "volumes": lambda net: net.draw_volumes(),
    "page": lambda net: net.page().html,
    "sizes": lambda net: net.sizes(),
    "graph": lambda net: net.graph,
    "memory": lambda net: net.memory(),
    "receptive field": lambda net: net.receptive_field(),
    "symbolic": lambda net: str(net.symbolic().summary()),
    "inference": lambda net: net.apply("inference").source(),
}


def hold_text(seed: int) -> Outcome:
    """Send one text through the doors. Escaped where the law is broken."""
    random, text = Random(f"doors {seed}"), fuzzed(seed)
    before, started = peak(), time.process_time()
    said = through_doors(text, random)
    made = Outcome("text", said, time.process_time() - started, peak() - before)
    if made.megabytes > MEGABYTES:
        raise Escaped(f"{said}: {made.megabytes:.0f} MB")
    return made


def through_doors(text: str, random: Random) -> str:
    """What becomes of a text: the code of its first fault, or what was made of the network."""
    source = Source("text.arch", text)
    options = Options()
    if random.random() < 0.2:
        options = Options(
            {random.choice("abcNxn"): random.choice(_VALUES)}, archdsl.TensorType.of(random.choice(_SIZES))
        )
    door = "check"
    try:
        report, _ = check_source(source, options)
        hold_messages(report.diagnostics)
        door = "parse"
        net = compile_source(source, None, options)
        door = random.choice(list(SINKS))
        if net.module.layers > _SMALL:
            return "large"
        SINKS[door](net)
    except ArchError as error:
        hold_messages(error.diagnostics)
        if door == "parse" and random.random() < 0.3:
            _sketched(source, options)
        return error.diagnostics[0].code
    except Escaped:
        raise
    except Exception as error:
        raise Escaped(f"{door}: {type(error).__name__}: {str(error)[:300]}") from error
    return door


def _sketched(source: Source, options: Options) -> None:
    """What can be drawn of a text that is wrong."""
    try:
        network_or_sketch(source, None, options).draw()
    except ArchError as error:
        hold_messages(error.diagnostics)
    except Exception as error:
        raise Escaped(f"sketch: {type(error).__name__}: {str(error)[:300]}") from error
