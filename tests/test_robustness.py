"""Whatever the bytes are: a network or an ArchError, in few steps and in little memory."""

from __future__ import annotations

import gc
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from laws.generators import programs, text
from programme import examples
from work import counted, growth

import archdsl
from archdsl import ArchError, Limits, Network
from archdsl.base.diagnostics import Report
from archdsl.base.resources import folder
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.report.messages import concise, full, github, to_json
from archdsl.syntax import parser
from archdsl.syntax.parser import decode

# about twice what the dearest of the bombs below takes
CALLS = 25_000_000
MEGABYTES = 200

SPECS = sorted(folder("specs").glob("*.arch"))
CASES = [
    found[1]
    for page in sorted((Path(__file__).parent / "cases").rglob("*.md"))
    for found in re.finditer(r"```arch[^\n]*\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
]
TEXTS = [path.read_text(encoding="utf-8") for path in SPECS] + CASES


# --- what is asked of every text --------------------------------------------------------------------------------------


def outcome(data: bytes | str, *, exact: bool = False) -> Network | ArchError:
    """What the compiler makes of bytes, with everything that a caller would look at next."""
    try:
        net = _compiled(data, Options(exact=exact))
    except ArchError as error:
        read(error)
        return error
    # it is one of those that were looked at
    assert repr(net).startswith("<Network")
    return net


def _compiled(data: bytes | str, options: Options) -> Network:
    report = Report()
    content = decode(data, "text.arch", report) if isinstance(data, bytes) else data
    report.raise_errors()
    source = Source("text.arch", content)
    for each in check_source(source, options)[1]:
        look(each)
    return compile_source(source, None, options)


def look(net: Network) -> None:
    """The facts of a network: none may raise, however large it is."""
    assert repr(net).startswith("<Network")
    assert net.macs <= net.train_macs
    assert net.inference_params <= net.params
    assert net.outputs
    assert net.modules
    if net.module.layers <= 2_000:
        assert net.graph.number_of_nodes() >= net.module.layers


def read(error: ArchError) -> None:
    """All that a diagnostic says can be said, in every form."""
    assert error.diagnostics
    assert len(error.diagnostics) <= Limits().faults + 20
    for each in error.diagnostics:
        assert each.message
        if each.place is not None:
            start, end = each.place.span
            assert 0 <= start <= end <= len(each.place.source.text)
    first = error.diagnostics[:3]
    for form in (full, concise, to_json, github):
        assert form(first)


# --- random texts -----------------------------------------------------------------------------------------------------

TERMINALS = (
    "use", "let", "default", "share", "block", "net", "input", "output", "INPUT", "in", "not", "and", "or", "if", "else",
    "for", "as", "conv", "conv3", "conv1x7", "CONV3-16", "pool", "relu", "fc-10", "gap", "bn", "residual", "concat", "add",
    "mul", "inception", "identity", "upsample2", "a", "b", "x", "N", "_", "forward", "true", "none", "range", "len", "max",
    "0", "1", "2", "3", "64", "1.5", "1e9", "1e999", "32x32x3", "8x8", "99999999999999999999", '"a"', '"', "\\", "...",
    "->", "=", "==", "!=", "<=", "<", ">", "*", "**", "/", "//", "%", "+", "-", "?", ":", ",", ".", "|", "(", ")", "[", "]",
    "{", "}", "\n", "\r\n", " ", "\t", "#", "## doc\n", "{i}", "é", "→", "\0", "\u202e", "\ufeff", "\ud7ff", "𝕏",
)  # fmt: skip
_WEIGHTED = st.one_of(
    st.sampled_from(TERMINALS), st.sampled_from(["->", " ", "\n", "relu", "conv3-4", "[", "]", "(", ")"])
)


@examples(1_500, 500_000)
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    with counted(CALLS):
        outcome(data)


@examples(1_500, 400_000)
@given(st.text(max_size=200))
def test_any_characters(data: str) -> None:
    with counted(CALLS):
        outcome(data)


@examples(3_000, 500_000)
@given(
    st.lists(_WEIGHTED, max_size=60),
    st.sampled_from(["", " "]),
    st.sampled_from(["", "INPUT[8x8x4] -> ", "net n {\ninput 8x8x4\n"]),
)
def test_a_soup_of_tokens(tokens: list[str], between: str, start: str) -> None:
    with counted(CALLS):
        outcome(start + between.join(tokens))


def closed(tokens: list[str]) -> str:
    """The tokens with their brackets paired, so that the parser reads on."""
    opened: list[str] = []
    kept: list[str] = []
    for token in tokens:
        if token in "([{" and token:
            opened.append({"(": ")", "[": "]", "{": "}"}[token])
        elif token in {")", "]", "}"}:
            if not opened:
                continue
            kept.append(opened.pop())
            continue
        kept.append(token)
    return " ".join([*kept, *reversed(opened)])


@examples(3_000, 500_000)
@given(
    st.lists(_WEIGHTED, max_size=60),
    st.sampled_from(["INPUT[8x8x4] -> ", "net n {\ninput 8x8x4\n", "let a = ", "block b(c) = "]),
)
def test_a_soup_of_tokens_whose_brackets_pair(tokens: list[str], start: str) -> None:
    with counted(CALLS):
        outcome(closed([*start.replace("{", " { ").split(" "), *tokens]) + "\n")


# --- real texts, changed ----------------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\w+|->|\s+|.", re.DOTALL)


def mutated(source: str, random: Random) -> str:
    """A text with a few of its tokens dropped, doubled, swapped, replaced or joined with another text's."""
    parts = _TOKEN.findall(source)
    for _ in range(random.randint(1, 4)):
        if not parts:
            break
        at = random.randrange(len(parts))
        match random.randrange(8):
            case 0:
                del parts[at]
            case 1:
                parts.insert(at, parts[at])
            case 2:
                other = random.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = random.choice(TERMINALS)
            case 4:
                parts.insert(at, random.choice(TERMINALS))
            case 5:
                numbers = [index for index, part in enumerate(parts) if part.isdigit()]
                if numbers:
                    parts[random.choice(numbers)] = str(random.choice([0, 1, 2, 7, 10**6, 10**18, 10**19]))
            case 6:
                end = min(len(parts), at + random.randint(1, 30))
                del parts[at:end]
            case _:
                other_parts = _TOKEN.findall(random.choice(TEXTS))
                parts[at:at] = other_parts[: random.randint(1, 30)]
    return "".join(parts)


@pytest.mark.skipif(not TEXTS, reason="there are no texts to change")
@examples(4_000, 400_000)
@given(st.integers(0, 2**63), st.booleans())
def test_real_texts_with_a_few_tokens_changed(seed: int, exact: bool) -> None:
    random = Random(seed)
    changed = mutated(random.choice(TEXTS), random)
    note(changed)
    with counted(CALLS):
        outcome(changed, exact=exact)


# in CI without the few lines of those that take their blocks from another
_TO_CUT = [
    pytest.param(path, marks=[pytest.mark.long] if re.search(r"^use ", path.read_text("utf-8"), re.MULTILINE) else [])
    for path in SPECS
]


@pytest.mark.parametrize("path", _TO_CUT, ids=lambda path: path.stem)
def test_every_text_of_the_zoo_cut_anywhere(path: Path) -> None:
    data = path.read_bytes()
    step = max(1, len(data) // 25)
    for end in range(0, len(data), step):
        with counted(CALLS):
            outcome(data[:end])
            outcome(data[end:])


# --- networks with one fault ------------------------------------------------------------------------------------------


def _replaced(
    pattern: str, by: str | Callable[[re.Match[str]], str]
) -> Callable[[str, Random], tuple[str, str] | None]:
    """A fault that changes one of the places where a pattern stands: the changed text, and what it was changed to."""

    def change(source: str, random: Random) -> tuple[str, str] | None:
        found = list(re.finditer(pattern, source))
        if not found:
            return None
        one = random.choice(found)
        new = by if isinstance(by, str) else by(one)
        return source[: one.start()] + new + source[one.end() :], new

    return change


def _inserted(layer: str) -> Callable[[str, Random], tuple[str, str] | None]:
    """A fault that is one more layer at the end of the network."""

    def change(source: str, random: Random) -> tuple[str, str]:
        return source.rsplit("\n}", 1)[0] + f" -> {layer}\n}}\n", layer

    return change


# each with its code and the text it is found at, `{}` for what was put in
_FAULTS: dict[str, tuple[Callable[[str, Random], tuple[str, str] | None], str, str]] = {
    "an unknown layer": (_replaced(r"(?<!=)\b(relu|tanh|silu)\b", "qqq"), "E0201", "qqq"),
    "an unknown layer at the end": (_inserted("qqq7-3"), "E0201", "qqq7"),
    "no width": (_inserted("fc"), "E0305", "fc"),
    "an unknown argument": (_inserted("dropout(zzz=1)"), "E0307", "zzz"),
    "an argument out of bounds": (_inserted("dropout(1.5)"), "E0302", "1.5"),
    "too many arguments": (_inserted("relu(7)"), "E0309", "7"),
    "a negative repeat": (_inserted("[relu]*-3"), "E0402", "-3"),
    "a broken repeat": (_inserted("[relu]*2.5"), "E0402", "2.5"),
    "an open end": (_inserted("..."), "E0401", "..."),
    "one branch": (_inserted("add { relu }"), "E0311", "{ relu }"),
    "a reserved name": (_inserted("relu as forward"), "E0211", "forward"),
    "a shorthand": (_inserted("relu3"), "E0310", "3"),
    "a wrong promise": (_inserted("identity : 1x2x3x4"), "E0601", "1x2x3x4"),
    "branches of other sizes": (_inserted("flatten -> add { fc-3 | fc-4 }"), "E0304", "add"),
    "groups that do not divide": (_inserted("flatten -> fc-7 -> gn(groups=3)"), "E0303", "3"),
    "an image after a vector": (_inserted("flatten -> conv3-4"), "E0306", "conv3"),
    "an unknown name": (_inserted("fc-(zzz + 1)"), "E0202", "zzz"),
    "a division by zero": (_inserted("fc-(8 // 0)"), "E0206", "8 // 0"),
    "a character": (_inserted("relu;"), "E0102", ";"),
    "a forgotten arrow": (_inserted("relu tanh"), "E0101", "tanh"),
    "a long number": (_inserted("fc-1234567890123456789"), "E0105", "1234567890123456789"),
    "an unused bracket": (_inserted("relu)"), "E0104", ")"),
    "an open bracket": (_inserted("[relu"), "E0104", "}"),
    "an open string": (_inserted('upsample(mode="nearest)'), "E0108", '"'),
    "a file that is not there": (lambda source, _: (f"use qqq\n{source}", "qqq"), "E0501", "qqq"),
    "a name that hides an operator": (lambda source, _: (f"let pool = 3\n{source}", "pool"), "E0208", "pool"),
}  # fmt: skip


@examples(1_000, 100_000)
@given(programs(), st.sampled_from(sorted(_FAULTS)), st.integers(0, 2**32))
def test_a_right_network_with_one_fault(program: object, name: str, seed: int) -> None:
    change, code, at = _FAULTS[name]
    changed = change(text(program), Random(seed))  # type: ignore[arg-type]
    if changed is None or "]*0" in changed[0]:
        # what is left out is not looked at
        return
    note(changed[0])
    with counted(CALLS):
        found = outcome(changed[0])
    assert isinstance(found, ArchError)
    assert [(each.code, each.place and each.place.text) for each in found.diagnostics] == [(code, at)]


# --- bombs ------------------------------------------------------------------------------------------------------------


def chain(*parts: str) -> str:
    return " -> ".join(["INPUT[8x8x4]", *parts])


def nested(opening: str, inside: str, closing: str, times: int = 40) -> str:
    return opening * times + inside + closing * times


def blocks(first: str, form: str, count: int, call: str = "b{}") -> str:
    """Blocks that call the one before: `form` has `{}` where its name stands."""
    lines = [f"block b0 = {first}", *(f"block b{i} = {form.replace('{}', f'b{i - 1}')}" for i in range(1, count))]
    return "\n".join([*lines, chain(call.format(count - 1))])


def lets(first: str, form: str, count: int, use: str) -> str:
    lines = [f"let a0 = {first}", *(f"let a{i} = {form.replace('{}', f'a{i - 1}')}" for i in range(1, count))]
    return "\n".join([*lines, use.replace("{}", f"a{count - 1}")])


_DOUBLED = "[{}, {}]"
BOMBS = {
    # repeats
    "a repeat of 10^120": chain(nested("[", "relu", "]*1000")),
    "a repeat of 10^720": chain(nested("[", "conv3-4", f"]*{10**17}")),
    "a repeat that grows": chain("[concat { | relu }]*100000000"),
    "a repeat that shrinks": "INPUT[80000000000x80000000000x4] -> [conv3-4(p=0)]*100000000",
    "a repeat that pads": chain("[pad(1)]*100000000"),
    "a repeat that doubles its map": chain("[upsample2]*100000000"),
    "a repeat of deconvolutions": chain("[deconv3-4/1000000]*1000"),
    "repeats in blocks": blocks("conv3-4", "[{}]*1000000", 45),
    # comprehensions
    "a comprehension of 10^9": chain("[relu for a in range(1000) for b in range(1000) for c in range(1000)]"),
    "a comprehension of nothing": chain("[relu for a in range(1000) for b in range(1000) for c in range(1000) if a < 0]"),
    "a list of 10^9": "let a = [0 for a in range(1000) for b in range(1000) for c in range(1000)]\n" + chain("relu"),
    "a list of nothing": "let a = [0 for a in range(1000) for b in range(1000) for c in range(1000) if a < 0]\n" + chain("relu"),
    "lists in lists": "let a = [[[0 for a in range(900)] for b in range(900)] for c in range(900)]\n" + chain("relu"),
    "lists of a range": "let a = [range(90000) for i in range(90000)]\n" + chain("relu"),
    "a long expression often": "let a = [" + "+".join(["1"] * 5000) + " for i in range(90000)]\n" + chain("relu"),
    "a long chain often": chain("[" + " -> ".join(["relu*0"] * 5000) + " for i in range(90000)]"),
    "a hundred loops": chain("[relu " + " ".join(f"for a{i} in [1]" for i in range(100)) + "]"),
    "ten thousand loops": chain("[relu " + " ".join(f"for a{i} in [1]" for i in range(10_000)) + "]"),
    "ten thousand loops of a list": "let a = [1 " + " ".join(f"for a{i} in [1]" for i in range(10_000)) + "]\n" + chain("relu"),
    # numbers, texts and lists
    "a text times a number": 'let a = "abc"*1000000000\n' + chain("relu"),
    "a list times a number": "let a = [1]*1000000000\n" + chain("relu"),
    "a list of lists times a number": "let a = [[1]*90000]*90000\n" + chain("relu"),
    "a power of powers": "let a = 9**9**9\n" + chain("relu"),
    "a power of fractions": "let a = 2**0.5**1e300\n" + chain("relu"),
    "a negative root": "let a = (-8)**0.333\n" + chain("relu"),
    "a power of a float": "let a = 1e300**5\n" + chain("relu"),
    "a power of nothing": "let a = 0**(0-1)\n" + chain("relu"),
    "a tiny power": "let a = 2**(0-100000000000000000)\n" + chain("relu"),
    "not a number": "let a = 1e308*10-1e308*10\nlet b = floor(a)\n" + chain("dropout(a)"),
    "a float of 5,000 digits": f"let a = {'1' * 5000}.5\n" + chain("relu"),
    "a number of 5,000 digits": f"let a = {'1' * 5000}\n" + chain("relu"),
    "a window of 5,000 digits": chain(f"conv{'3' * 5000}-4"),
    "the largest sizes": f"INPUT[{'9' * 18}x{'9' * 18}x{'9' * 18}] -> conv3-{'9' * 18} -> fc-10",
    "the largest window": chain("conv100000000000-4/7(p=1000000000000)"),
    "sum of a billion": "let a = sum(range(1000000000))\n" + chain("relu"),
    "a list that doubles": lets("[1]", "{} + {}", 60, chain("relu")),
    "a list in a list that doubles": lets("[1]", _DOUBLED, 60, chain("relu")),
    "the same compared": lets("[1]", _DOUBLED, 60, "let b0 = [1]\n" + "\n".join(f"let b{i} = [b{i - 1}, b{i - 1}]" for i in range(1, 60)) + "\nlet x = {} == b59\n" + chain("relu")),
    "the same as an argument": lets("[1]", _DOUBLED, 14, "block b(c) = relu\n" + chain(*["b({})"] * 2000)),
    "the same as a label": lets("[1]", _DOUBLED, 14, chain("relu as x{{}}")),
    "the same as a width": lets("[1]", _DOUBLED, 14, chain("conv3-{}")),
    "an operator in an operator that doubles": lets("relu", "normalize({}, {})", 60, "block b(f) = f\n" + chain("b({})")),
    "a block in a block that doubles": lets("b", "b({}, {})", 60, "block b(f, g) = relu\n" + chain("b({}, 1)")),
    "a label of holes": 'let s = "' + "a" * 1000 + '"\n' + chain("relu as " + "{s}" * 30),
    "a label of itself": 'let s = "{s}{s}"\n' + chain("relu as {s}{s}{s}"),
    # depth
    "10,000 brackets": "[" * 10_000 + "relu" + "]" * 10_000,
    "10,000 brackets in an expression": "let a = " + "(" * 10_000 + "1" + ")" * 10_000,
    "10,000 braces": "add {" * 10_000,
    "every kind of bracket": chain(nested("[add { | residual { concat { [", "relu", "]*2 | relu } } }]", 9)),
    "expressions at each level": "let a = " + nested("(1 or 1 and not 1 < 1 + 1 * - 1 ** ", "1", ")", 47) + "\n" + chain("relu"),
    "lists in lists in lists": "let a = " + nested("[[x for x in ", "[1]", "]]", 23) + "\n" + chain("relu"),
    "3,000 lists by name": lets("[1]", "[{}]", 3_000, "block b(f) = relu\n" + chain("b({})")),
    "3,000 operators by name": lets("relu", "dropout({})", 3_000, "block b(f) = relu\n" + chain("b({})")),
    "3,000 blocks by name": lets("b", "b({})", 3_000, "block b(f) = relu\n" + chain("b({})")),
    "200 blocks": blocks("relu", "{}", 200),
    "47 blocks of 40 brackets": blocks("relu", nested("[", "{}", "]"), 47),
    "47 blocks of 40 repeats": blocks("relu", nested("[", "{}", "]*2"), 47),
    "47 blocks of 40 labels": blocks("relu", nested("[", "{}", "] as a"), 47),
    "47 blocks of 40 sums": blocks("relu", nested("add { | ", "{}", " }"), 47),
    "47 blocks of 40 residuals": blocks("relu", nested("residual { ", "{}", " }"), 47),
    "48 blocks of bound repeats": "block b0 = relu\n"
    + "\n".join(f"block b{i} {{\n  x = b{i - 1}*2 as a\n  x -> relu\n}}" for i in range(1, 49))
    + "\n"
    + chain("b48"),
    "48 blocks with arguments of their arguments": "block b0(c) = relu\n"
    + "\n".join(f"block b{i}(c) {{\n  x = b{i - 1}(-(-(-c)))*2 as a\n  x -> relu\n}}" for i in range(1, 49))
    + "\n"
    + chain("b48(1)"),
    "5,000 not": "let a = " + "not " * 5000 + "1\n" + chain("relu"),
    "5,000 minus": "let a = " + "- " * 5000 + "1\n" + chain("relu"),
    "5,000 powers": "let a = " + "1**" * 5000 + "1\n" + chain("relu"),
    "2,000 powers with signs": "let a = " + "1**-" * 2000 + "1\n" + chain("relu"),
    "5,000 properties": "let a = in" + ".channels" * 5000 + "\n" + chain("relu"),
    "5,000 items": "let x = [1]\nlet a = x" + "[0]" * 5000 + "\n" + chain("relu"),
    "5,000 calls": "let a = len" + "(1)" * 5000 + "\n" + chain("relu"),
    "5,000 conditions": "let a = " + "1 if 0 else " * 5000 + "1\n" + chain("relu"),
    "5,000 comparisons": "let a = " + "1<" * 5000 + "1\n" + chain("relu"),
    "10,000 terms": "let a = " + "+".join(["1"] * 10_000) + "\n" + chain("relu"),
    "10,000 lists": "let a = " + "+".join(["[1]"] * 10_000) + "\n" + chain("relu"),
    "5,000 networks in a row": "\n".join(f"net n{i} = n{i + 1}" for i in range(5000)) + f"\nnet n5000 = {chain('relu')}",
    # blocks that fan out
    "2^45 blocks": blocks("conv3-4", "{} -> {}", 46),
    "2^45 blocks that nobody calls": blocks("conv3-4", "{} -> {}", 46, "relu"),
    "2^45 blocks with a fault": blocks("nosuch", "{} -> {}", 46),
    "2^60 blocks": blocks("conv3-4", "{} -> {}", 61),
    "2^29 distinct blocks": "block b0(c) = relu\n" + "\n".join(f"block b{i}(c) = b{i - 1}(2*c) -> b{i - 1}(2*c + 1)" for i in range(1, 30)) + "\n" + chain("b29(1)"),
    "blocks that call all blocks": "\n".join(f"block b{i} = " + " -> ".join(f"b{j}" for j in range(30)) for i in range(30)) + "\n" + chain("b29"),
    "concat doubled 60 times": chain(*["concat { | }"] * 60),
    "concat doubled 59 times": chain(*["concat { | }"] * 57, "conv3-64"),
    "concat doubled 15,000 times": chain(*["concat { | }"] * 5_000, "conv3-64"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_priced_and_not_lit(name: str) -> None:
    with counted(CALLS):
        found = outcome(BOMBS[name])
        if isinstance(found, Network):
            assert str(found.summary())
            assert found.structure()


@pytest.mark.skipif(sys.platform != "linux", reason="the system counts memory in another unit")
def test_the_bombs_take_little_memory() -> None:
    """All of them in one process, so that the most that it ever held bounds each."""
    here = Path(__file__).parent
    program = "import resource, test_robustness as t\n"
    program += "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    program += "before = most()\nfor each in t.BOMBS.values(): t.outcome(each)\nprint(most() - before)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert int(ran.stdout) < MEGABYTES * 1024


def test_a_deep_text_is_read_in_a_deep_program() -> None:
    """The nesting that is allowed fits into Python's stack also where the caller has used a third of it."""

    def down(levels: int, act: Callable[[], object]) -> object:
        return down(levels - 1, act) if levels else act()

    for name, bomb in BOMBS.items():
        if "47 blocks" in name or "48 blocks" in name or "bracket" in name or "expressions" in name:
            down(120, lambda bomb=bomb: outcome(bomb))


# --- long texts -------------------------------------------------------------------------------------------------------

LENGTH = 120_000


def filled(size: int, form: str, before: str = "", after: str = "", between: str = "") -> str:
    """A text of so many letters: one part over and over, `{}` in it the number of the part."""
    count = size // (len(form) + len(between) + 2)
    return before + between.join(form.replace("{}", str(i)) for i in range(count)) + after


_IN = "net n {\n  input 8x8x4\n"
# each a text of about so many letters, or some times as many
LONG: dict[str, Callable[[int], str]] = {
    "newlines": lambda size: "\n" * (5 * size),
    "newlines in a chain": lambda size: "INPUT[8x8x4]" + "\n" * (5 * size) + "-> relu",
    "line ends of Windows": lambda size: "\r\n" * (5 * size // 2),
    "spaces": lambda size: " " * (5 * size),
    "comments": lambda size: "#x\n" * (5 * size // 3),
    "one comment": lambda size: "#" * (5 * size),
    "documentation": lambda size: filled(size, "## a\n", after="net n = INPUT[8x8x4] -> relu"),
    "arrows": lambda size: "->" * (5 * size // 2),
    "layers": lambda size: filled(size, "relu", "INPUT[8x8x4] -> ", between=" -> "),
    "layers without input": lambda size: filled(size, "relu", between="->"),
    "unknown layers": lambda size: filled(size, "cnov{}", "INPUT[8x8x4] -> ", between=" -> "),
    "labels": lambda size: filled(size, "relu as a{}", "INPUT[8x8x4] -> ", between=" -> "),
    "branches": lambda size: "INPUT[8x8x4] -> concat {" + "|" * size + "}",
    "full branches": lambda size: filled(size, "relu", "INPUT[8x8x4] -> concat {", "}", "|"),
    "networks": lambda size: filled(size, "net n{} = INPUT[8x8x4] -> relu\n"),
    "blocks": lambda size: filled(size, "block n{} = relu\n", after=chain("relu")),
    "blocks with faults": lambda size: filled(size, "block n{} = nosuch{}\n"),
    "blocks of one name": lambda size: filled(size, "block b = relu\n", after=chain("b")),
    "lets": lambda size: filled(size, "let a{} = 1\n", after=chain("relu")),
    "lets with faults": lambda size: filled(size, "let a{} = b{}\n", after=chain("relu")),
    "defaults": lambda size: filled(size, "default conv(act=relu)\n", after=chain("conv3-4")),
    "files": lambda size: filled(size, "use a{}\n", after=chain("relu")),
    "the same file": lambda size: filled(size, "use resnet (basic)\n", after=chain("relu")),
    "bindings": lambda size: filled(size, "a{} = relu\n", _IN, "}"),
    "bindings that nobody needs": lambda size: filled(size, "a{} = x -> relu\n", _IN + "x = relu\n", "}"),
    "inputs": lambda size: filled(size, "input a{}: 8x8x4\n", "net n {", "relu\n}"),
    "outputs": lambda size: filled(size, "output x\n", _IN + "x = relu\n", "}"),
    "shares": lambda size: filled(size, "share s{} = relu\n", _IN, "relu\n}"),
    "uses of a share": lambda size: filled(size, "s\n", _IN + "share s = conv3-4\n", "}"),
    "parameters": lambda size: filled(size, "a{}=1", "block b(", ") = relu\n" + chain("b"), ","),
    "arguments": lambda size: "block b(" + ",".join(f"a{i}" for i in range(size // 10)) + ") = relu\n" + chain("b(" + ",".join("1" * (size // 10)) + ")"),
    "unknown arguments": lambda size: filled(size, "a{}=1", "INPUT[8x8x4] -> conv3-4(", ")", ","),
    "too many arguments": lambda size: filled(size, "1", "INPUT[8x8x4] -> conv3-4(", ")", ","),
    "texts": lambda size: filled(size, '"x"', "let a = [", "]\n" + chain("relu"), ","),
    "one text": lambda size: 'let a = "' + "ab" * (size // 2) + '"\n' + chain("relu"),
    "a text of quotes": lambda size: 'let a = "' + '\\"' * (size // 2) + '"\n' + chain("relu"),
    "an open text of quotes": lambda size: 'let a = "' + '\\"' * (size // 2) + "\n" + chain("relu"),
    "quotes": lambda size: '"' * size,
    "backslashes": lambda size: 'let a = "' + "\\" * size,
    "pairs of brackets": lambda size: "()" * (size // 2),
    "opening brackets": lambda size: "[" * size,
    "closing brackets": lambda size: "]" * size,
    "sizes": lambda size: "INPUT[" + "x".join(["2"] * (size // 2)) + "] -> relu",
    "one name": lambda size: chain("a" * size),
    "one name of letters and digits": lambda size: chain("a1" * (size // 2)),
    "one window": lambda size: chain("conv" + "1x" * (size // 2) + "1-4"),
    "one number": lambda size: chain("fc-" + "1" * size),
    "dots": lambda size: "." * size,
    "a path": lambda size: "use " + "a/" * (size // 2) + "b\n" + chain("relu"),
    "faults of syntax": lambda size: "conv3 64\n" * (size // 10),
    "a fault of syntax at the end": lambda size: filled(size, "let a{} = 1\n", after="conv3 64\n" * 20),
    "sums": lambda size: filled(size, "1", "let a = ", "\n" + chain("relu"), "+"),
    "conditions": lambda size: filled(size, "1 if 0 else ", "let a = ", "1\n" + chain("relu")),
    "long names that are nearly known": lambda size: filled(size, "let " + "a" * 50 + "{} = 1\n", after=chain("conv3-(" + "a" * 50 + "x)")),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_read(name: str) -> None:
    found = outcome(LONG[name](LENGTH))
    if isinstance(found, ArchError):
        assert full(found.diagnostics)


@pytest.mark.parametrize("name", LONG)
def test_four_times_the_text_takes_four_times_the_work(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not 16 times, as where each part looks at all others. With so little text most limits stay away."""
    # the trees of short texts are kept, those of long ones are not
    monkeypatch.setattr(parser, "_LONGEST_KEPT", 0)

    def told(size: int) -> None:
        found = outcome(LONG[name](size))
        if isinstance(found, ArchError):
            assert full(found.diagnostics)

    assert growth(told, 4_000, 16_000, first=2_000) < 5


# --- the public door --------------------------------------------------------------------------------------------------


@examples(200, 20_000)
@given(st.text(max_size=60))
def test_any_name_of_a_file(name: str) -> None:
    try:
        archdsl.load(name)
    except ArchError as error:
        read(error)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/dev/zero",
        "/dev/stdin",
        "a\0b",
        "x" * 5_000,
        "a:b",
        ":",
        "resnet:18",
        "~",
        "*",
        "x" * 5_000 + ".py",
    ],
)
def test_odd_names_of_files(name: str) -> None:
    with pytest.raises(ArchError) as raised:
        archdsl.load(name)
    read(raised.value)


@examples(100, 5_000)
@given(st.binary(max_size=60))
def test_any_bytes_in_a_file(data: bytes) -> None:
    report = Report()
    decode(data, "text.arch", report)
    assert bool(report.errors) != _is_utf8(data)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def test_nothing_global_is_touched() -> None:
    before = sys.getrecursionlimit(), sys.get_int_max_str_digits(), gc.isenabled()
    for name in ("10,000 brackets", "2^45 blocks", "47 blocks of 40 labels"):
        outcome(BOMBS[name])
    assert (sys.getrecursionlimit(), sys.get_int_max_str_digits(), gc.isenabled()) == before
