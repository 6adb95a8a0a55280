"""Every fault: its code, the text it points at, and words that a student understands at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

import archdsl
from archdsl import ArchError, Diagnostic, Limits
from archdsl.base.diagnostics import Fault, Severity
from archdsl.base.suggest import nearest
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.report.catalogue import faults

EXAMPLES = {code: cls for code, cls in faults().items() if cls.example}
WITHOUT = {code: cls for code, cls in faults().items() if not cls.example}


def diagnosed(text: str | bytes, options: Options | None = None, net: str | None = None) -> tuple[Diagnostic, ...]:
    """What is said about a text: by the compiler or, where it is content, by the check of everything in it."""
    assert isinstance(text, str)
    source = Source("text.arch", text)
    try:
        compile_source(source, net, options or Options())
    except ArchError as error:
        return error.diagnostics
    return tuple(check_source(source, options or Options())[0].diagnostics)


def said(text: str, **options: object) -> list[tuple[str, str]]:
    """Codes with the texts that they point at."""
    return [(each.code, each.place.text if each.place else "") for each in diagnosed(text, Options(**options))]  # type: ignore[arg-type]


def in_net(body: str, size: str = "32x32x16") -> str:
    return f"net n {{\n  input {size}\n  {body}\n}}\n"


# --- how a fault speaks -----------------------------------------------------------------------------------------------

_PYTHON = re.compile(
    r"<[a-z_.]+ |object at 0x|\bNone\b|\bTrue\b|\bFalse\b|\\x|\\u|TensorType|tuple|Kind\.|\bint\b|\bstr\b|[(\[]'|Fraction|inf\b|nan\b"
)
_CODE = re.compile(r"`[^`]*`")


def assert_speaks_well(diagnostic: Diagnostic) -> None:
    """Lower case, no full stop, nothing of Python's, and something to say."""
    fault = diagnostic.fault
    lines = [fault.message, *fault.notes, *([fault.help] if fault.help else [])]
    labels = [fault.label, *(label for _, label in diagnostic.also)]
    for line in (*lines, *filter(None, labels)):
        prose = _CODE.sub("``", line)
        assert line == line.strip()
        assert "\n" not in line
        assert not prose.endswith((".", "!", ":")), line
        assert prose[0] == prose[0].lower(), line
        assert not _PYTHON.search(prose), line
        assert line.count("`") % 2 == 0, line
    assert all(lines)
    assert all(label for _, label in diagnostic.also)
    if diagnostic.place is not None and diagnostic.place.text:
        assert fault.label, "there is a caret, and nothing under it"
        assert len(fault.label) <= 60


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_example_of_a_fault_has_it_and_nothing_else(code: str) -> None:
    found = diagnosed(EXAMPLES[code].example)
    assert [each.code for each in found] == [code]


@pytest.mark.parametrize("code", faults())
def test_a_fault_has_a_page(code: str) -> None:
    cls = faults()[code]
    assert re.fullmatch(r"[EW]\d{4}", code)
    assert cls.title == cls.title.strip()
    assert cls.title[0] == "`" or cls.title[0] == cls.title[0].lower()
    assert not cls.title.endswith(".")
    page = cls.page()
    assert page.split("\n\n")[0].endswith((".", ":")), "the page begins with a sentence"
    assert code.startswith("W") == (cls.severity is Severity.WARNING)
    assert (code[3] == "9") == (cls.severity is Severity.LIMIT) or code.startswith("E09")


def test_titles_are_told_apart() -> None:
    titles = [cls.title for cls in faults().values()]
    assert len(set(titles)) == len(titles)


# --- the faults, one by one -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A text, the one fault that is found in it, and the text it points at; then words of the message, note or help."""

    text: str
    code: str
    at: str
    words: str = ""
    help: str = ""
    also: tuple[str, ...] = ()
    note: str = ""


_BLOCK = "block stage(width, s=1) = conv3-width/s -> relu\n"

CASES = {
    # misspelt
    "an operator": Case(in_net("cnov3-16 -> relu"), "E0201", "cnov3", "`cnov3` is no operator", "`conv`"),
    "a paper's operator": Case("INPUT[8x8x3] -> CONV3-16 -> RLEU", "E0201", "RLEU", help="`relu`"),
    "a block": Case(_BLOCK + in_net("stgae(16)"), "E0201", "stgae", help="`stage`"),
    "a block of the prelude": Case(in_net("inceptoin(1, (1, 2), (1, 2), 1)"), "E0201", "inceptoin", help="`inception`"),
    "an argument": Case(in_net("conv3-16(gruops=2)"), "E0307", "gruops", help="`groups`", note="`dilation`"),
    "an argument of a default": Case(in_net("default conv(actt=relu)\n relu"), "E0307", "actt=relu", help="`act`"),
    "an argument of an activation": Case(in_net("conv3-16(act=leaky_relu(slpoe=1))"), "E0307", "slpoe=1", help="`slope`"),
    "a parameter": Case(_BLOCK + in_net("stage(widht=4)"), "E0405", "widht=4", help="`width`", also=("stage",)),
    "a name": Case("let widths = [8]\n" + in_net("conv3-(widhts[0])"), "E0202", "widhts", help="`widths`"),
    "a name in a bare chain": Case("let size = 8\nINPUT[8x8x3] -> conv3-szie", "E0203", "szie", help="`size`"),
    "a property": Case(in_net("conv3-(in.chanels)"), "E0207", "chanels", help="`channels`"),
    "a function": Case(in_net("conv3-(mxa(1, 2))"), "E0202", "mxa", help="`max`"),
    "a kind of tensor": Case("net n {\n  input imgae(3, 8, 8)\n  relu\n}", "E0202", "imgae", help="`image`"),
    "nothing is near": Case(in_net("xyzzy"), "E0201", "xyzzy"),
    "a choice": Case(in_net('upsample2(mode="linaer")'), "E0302", '"linaer"', "none of `nearest`, `linear`"),
    # windows
    "a window": Case(in_net("conv7-3(p=0)", "6x9x3"), "E0301", "7", "does not fit into height 6", note="(6 - 7 + 2*0)/1 + 1 = 0"),
    "a window, second axis": Case(in_net("pool2x5", "6x4x3"), "E0301", "2x5", "width 4", "padding"),
    "a dilated window": Case(in_net("conv3-3(p=0, dilation=4)", "8x8x3"), "E0301", "3", "window of 9", note="((3 - 1)*4 + 1)"),
    "a window of three axes": Case(in_net("avgpool3", "2x8x8x3"), "E0301", "3", "depth 2"),
    "a window in a block": Case("block b = pool\n" + in_net("b -> b -> b", "4x4x3"), "E0301", "pool", also=("b",)),
    "a trimmed map": Case(in_net("deconv2-3(p=20)"), "E0302", "20", "trims all of the height away, (32 - 1)*1 - 2*20"),
    "a pool's padding": Case(in_net("pool3(p=2)"), "E0302", "2", "more than half of the window 3"),
    "output padding": Case(in_net("deconv2-3/2(output_padding=2)"), "E0302", "2", "not below the stride 2"),
    "too many axes": Case(in_net("conv3-16(p=(1, 2, 3))"), "E0302", "(1, 2, 3)", "3 numbers for a grid of 2 axes"),
    # groups
    "groups of what comes in": Case(in_net("conv3-64(groups=5)"), "E0303", "5", "16 input channels", note="16 = 5*3 + 1"),
    "groups of what comes out": Case(in_net("conv3-30(groups=4)"), "E0303", "4", "30 output channels", note="30 = 4*7 + 2"),
    "groups of a norm": Case(in_net("gn(groups=3)"), "E0303", "3", "16 channels do not split into 3 groups"),
    # merges
    "a sum of maps": Case(
        in_net("add { conv3-8/2 | pool3/1(p=1) -> conv1-8 }"), "E0304", "add", "16x16x8 and 32x32x8", "`/2`",
        ("conv3-8/2", "pool3/1(p=1) -> conv1-8"), "channels agree",
    ),
    "a sum of channels": Case(in_net("add { conv3-8 | }"), "E0304", "add", "32x32x8 and 32x32x16", "`conv1-8`", note="8 and 16"),
    "a concatenation": Case(
        in_net("concat { conv3-8 | pool | relu }"), "E0304", "concat", "concatenate 32x32x8, 16x16x16 and 32x32x16",
        also=("conv3-8", "pool", "relu"),
    ),
    "a gate": Case(in_net("mul { | gap(keep=true) -> conv1-4 }"), "E0304", "mul", "multiply 32x32x16 and 1x1x4"),
    "an image and a vector": Case(in_net("add { | gap }"), "E0304", "add", note="one is an image, the other a vector"),
    "a residual with a shortcut": Case(in_net("residual { conv3-16/2 | conv1-16 }"), "E0304", "residual", "16x16x16 and 32x32x16"),
    "a residual without": Case(in_net("residual { conv4-16 }"), "E0406", "residual", "32x32x16 to 29x29x16", "name the shortcut"),
    "a residual that grows": Case(in_net("residual { upsample2 }"), "E0406", "residual", "64x64x16"),
    # what is missing or too much
    "a width": Case("INPUT[8x8x3] -> CONV -> RELU", "E0305", "CONV", "`conv` has no `width`", "`conv3-64`"),
    "a width after a window": Case(in_net("conv5 -> relu"), "E0305", "conv5", help="`conv5-64`"),
    "a window before a width": Case(in_net("conv-8"), "E0305", "conv", "has no `window`", "`conv3-8`"),
    "features": Case(in_net("fc"), "E0305", "fc", help="`fc-64`"),
    "an argument of a block": Case(_BLOCK + in_net("stage"), "E0405", "stage", "no value for `width`", note="`stage(width, s=1)`"),
    "one argument twice": Case(in_net("conv3-16(width=16)"), "E0309", "width", "`width` of `conv` is given twice"),
    "one norm twice": Case(in_net("conv3-16(norm=bn, norm=gn)"), "E0309", "norm", "given twice"),
    "too many arguments": Case(in_net("relu(1)"), "E0309", "1", "more arguments than it has"),
    "too many for a block": Case(_BLOCK + in_net("stage(1, 1, 1)"), "E0405", "1", "more arguments than it has parameters"),
    "left out": Case(in_net("conv3-16 -> ... -> fc-10"), "E0401", "...", help="repeat"),
    "a shorthand": Case(in_net("relu3"), "E0310", "3", "`relu` has no window"),
    "a stride of a block": Case(_BLOCK + in_net("stage/2"), "E0310", "2", "`stage` has no stride"),
    "one branch": Case(in_net("add { relu }"), "E0311", "{ relu }", "two or more branches"),
    "branches of a layer": Case(in_net("relu { tanh | relu }"), "E0311", "{ tanh | relu }", "without braces"),
    # values
    "a wide number": Case(in_net("conv3-(in.channels/3)"), "E0308", "in.channels/3", "`5.33333`", "`//` divides and rounds down"),
    "text for a number": Case(in_net('conv3-16(groups="many")'), "E0308", '"many"', 'gets `"many"`'),
    "an operator for a number": Case(in_net("conv3-relu"), "E0308", "relu", "gets the operator relu"),
    "a number for an operator": Case(in_net("conv3-16(act=3)"), "E0205", "3", "expected an activation such as `relu`"),
    "zero": Case(in_net("conv3-0"), "E0302", "0", "0 is below 1"),
    "a probability": Case(in_net("dropout(1.5)"), "E0302", "1.5", "1.5 is above 1"),
    "a list for a number": Case("let w = [1]\n" + in_net("conv3-(2*w)"), "E0205", "w", "expected a number, found a list of 1"),
    "a number for a list": Case(in_net("[conv3-c for c in 3]"), "E0205", "3", "expected a list"),
    "an item beyond the end": Case("let w = [1, 2]\n" + in_net("conv3-(w[2])"), "E0206", "w[2]", "2 items, counted from 0"),
    "a division": Case(in_net("conv3-(8/0)"), "E0206", "8/0", "divides by zero"),
    "a power": Case("let a = 9**9**9\n" + in_net("relu"), "E0206", "9**9**9", "too large"),
    "a range without end": Case("let a = range(1, 9, 0)\n" + in_net("relu"), "E0206", "range(1, 9, 0)", "never ends"),
    "names and values": Case("let a, b = [1, 2, 3]\n" + in_net("relu"), "E0210", "[1, 2, 3]", "2 names for 3 values"),
    "names and tensors": Case(in_net("a, b = relu"), "E0210", "relu", "2 names for 1 value"),
    "a shape without size": Case("INPUT[0x8x3] -> relu", "E0205", "0x8x3", "positive sizes"),
    "a stated shape": Case(in_net("pool : 16x16x17"), "E0601", "16x16x17", "16x16x16 comes out"),
    "a hyper-parameter": Case("INPUT[8x8x3] -> [relu]*N", "E0203", "N", "`N` is not set", "`--set N=2`"),
    # tensors
    "an image is wanted": Case(in_net("fc-10 -> conv3-16"), "E0306", "conv3", "gets the vector 10", "make a vector"),
    "a sequence": Case("net n {\n  input (5, 8)\n  pool\n}", "E0306", "pool", "gets the sequence 5x8"),
    "tokens": Case("net n {\n  input tokens(5)\n  relu\n}", "E0306", "relu", "works on features, and gets 5 tokens"),
    "nothing comes in": Case("net n {\n  relu\n}", "E0403", "relu", help="`input 224x224x3`"),
    "an input inside": Case(in_net("relu -> INPUT[8x8x3]"), "E0407", "INPUT[8x8x3]"),
    "a tensor inside": Case(in_net("x = relu\n  tanh -> x"), "E0407", "x", "can only start a chain", "`add { ... }`"),
    "a tensor from outside": Case(in_net("x = relu\n  tanh -> [x -> relu]*2"), "E0409", "x", help="as a branch"),
    "weights of another shape": Case(in_net("share s = conv3-16\n  s -> conv3-8 -> s"), "E0410", "s", also=("s",)),
    "no output": Case("net n {\n}", "E0407", "n", "gives nothing back"),
    "an unknown output": Case(in_net("x = relu\n  output y"), "E0202", "y"),
    "an output for what": Case(in_net("x = relu\n  output x (trian)"), "E0205", "trian", "expected `train`"),
    "an optional group": Case(in_net("[relu]?"), "E0413", "?"),
    "a definition inside": Case(in_net("block b = relu"), "E0407", "b", "inside another definition"),
    # repeats
    "a negative repeat": Case(in_net("[relu]*-1"), "E0402", "-1", "from 0 on, and gets the number -1"),
    "a broken repeat": Case(in_net("[relu]*1.5"), "E0402", "1.5", "gets the number 1.5"),
    "a repeat of text": Case(in_net('[relu]*("3")'), "E0402", '"3"', 'gets the text "3"'),
    "a true repeat": Case(in_net("[relu]*true"), "E0402", "true", "gets `true`"),
    # names
    "a method": Case(in_net("relu as forward"), "E0211", "forward", "`nn.Module`", "`forward_`"),
    "an attribute": Case(in_net("relu as training"), "E0211", "training"),
    "a type": Case(in_net("relu as float"), "E0211", "float"),
    "a word of Python": Case(in_net("relu as class"), "E0211", "class"),
    "a soft word of Python": Case(in_net("relu as match"), "E0211", "match"),
    "a block with a method's name": Case("block train = relu\n" + in_net("train"), "E0211", "train"),
    "a pattern that makes a method": Case(in_net('[relu as {n} for n in ["eval"]]'), "E0211", "{n}", "`eval`"),
    "a label with a digit": Case(in_net("relu as 1st"), "E0212", "1st", "cannot be the name of a layer"),
    "a wide letter": Case('let s = "ａ"\n' + in_net("relu as {s}"), "E0212", "{s}"),
    "a superscript": Case('let s = "²"\n' + in_net("relu as {s}"), "E0212", "{s}"),
    "a list as a label": Case("let s = [1, 2]\n" + in_net("relu as {s}"), "E0205", "{s}", "a list of 2"),
    "a label twice": Case(in_net("relu as a -> tanh as a"), "E0408", "a", also=("relu",)),
    "an operator's name": Case("block conv(c) = conv3-c\n" + in_net("conv(3)"), "E0208", "conv", "would hide the operator"),
    "an operator with a window": Case("block Pool3 = relu\n" + in_net("relu"), "E0208", "Pool3", "operator `pool`"),
    "two of a name": Case("block b = relu\nblock b = tanh\n" + in_net("b"), "E0209", "b", also=("b",)),
    # places
    "a chain of two lines": Case(in_net("a, b = conv3-4\n    -> relu\n  a -> add { b | }"), "E0210", "conv3-4\n    -> relu", "2 names for 1"),
    "a branch of two lines": Case(
        in_net("concat { pool | conv3-4\n    -> relu }"), "E0304", "concat", also=("pool", "conv3-4\n    -> relu")
    ),
    # circles
    "recursion": Case("block a = relu -> b\nblock b = a\n" + in_net("a"), "E0404", "a", "a -> b -> a", "repeat", ("b", "a")),
    "recursion of one": Case("block a = a\n" + in_net("a"), "E0404", "a", "a -> a"),
    "recursion by an argument": Case("block a(f) = f(f)\n" + in_net("a(a)"), "E0404", "f", "a -> a"),
    "recursion behind a call": Case(
        "block z = a\nblock a = relu -> b\nblock b = a\n" + in_net("z"), "E0404", "a", "a block uses itself: a -> b -> a", "repeat",
        ("b", "a", "z"),
    ),
    "functions in a circle": Case(
        "let z(n) = a(n)\nlet a(n) = b(n)\nlet b(n) = a(n)\n" + in_net("conv3-(z(1))"), "E0404", "a", "uses itself: a -> b -> a",
    ),
    "networks in a circle behind another": Case(
        "net text = a\nnet a = b\nnet b = a\n", "E0404", "a", "a network uses itself: a -> b -> a"
    ),
    "networks in a circle": Case("net text = b\nnet b = text\n", "E0404", "text", "a network uses itself: text -> b -> text"),
    # files
    "an unknown file": Case("use resnest\n" + in_net("relu"), "E0501", "resnest", help="`resnet`"),
    "a name that a file lacks": Case("use resnet (basik)\n" + in_net("basik(4)"), "E0505", "basik", help="`basic`"),
    "a file above": Case("use ../resnet\n" + in_net("relu"), "E0504", "../resnet"),
    "an absolute file": Case("use etc/../../passwd\n" + in_net("relu"), "E0504", "etc/../../passwd"),
    # texts
    "two words": Case(in_net("conv3 64 -> relu"), "E0101", "64", "unexpected `64`", "`conv3-64`"),
    "a window apart": Case(in_net("pool 2 -> relu"), "E0101", "2", help="`pool2`"),
    "a forgotten arrow": Case(in_net("conv3-64 relu"), "E0101", "relu", help="`conv3-64 -> relu`"),
    "two arrows": Case(in_net("relu -> -> relu"), "E0101", "->", "unexpected `->`, expected a name"),
    "an arrow at the end": Case("INPUT[8x8x3] -> relu ->", "E0101", ">", "unexpected end of the text"),
    "a half arrow": Case(in_net("relu > relu"), "E0101", ">"),
    "an arrow first": Case("-> relu", "E0106", "relu"),
    "an en dash": Case(in_net("conv3–16"), "E0102", "–", "`–` (U+2013)", "hyphen"),
    "a pretty arrow": Case(in_net("relu → relu"), "E0102", "→", help="`->`"),
    "a semicolon": Case(in_net("relu; relu"), "E0102", ";"),
    "an open bracket": Case(in_net("[relu -> tanh"), "E0104", "}", "`}` cannot close `[`"),
    "a bracket that is never closed": Case("INPUT[8x8x3] -> [relu", "E0103", "["),
    "a bracket too many": Case("INPUT[8x8x3] -> relu]", "E0104", "]"),
    "an open string": Case(in_net('upsample2(mode="nearest)'), "E0108", '"'),
    "a NUL": Case("INPUT[8x8x3] -> relu\0", "E0107", "\0", "NUL byte at byte 20"),
    "a turn of direction": Case("# ü \u202e\nINPUT[8x8x3] -> relu", "E0107", "\u202e", "U+202E at byte 5"),
    "5,000 digits": Case(f"INPUT[8x8x3] -> fc-{'7' * 5000}", "E0105", "7" * 5000, "5,000 digits; at most 18"),
    "5,000 digits in a window": Case(f"INPUT[8x8x3] -> conv{'7' * 5000}-3", "E0110", f"conv{'7' * 5000}", "5,004 characters"),
    "5,000 digits in a size": Case(f"INPUT[{'7' * 5000}x8x3] -> relu", "E0105", f"{'7' * 5000}x8x3"),
    "an endless exponent": Case(in_net("leaky_relu(1e999)"), "E0109", "1e999"),
    # limits
    "brackets": Case("[" * 10_000 + "relu" + "]" * 10_000, "E0191", "[", "more than 48 deep"),
    "a large tensor": Case(in_net("[concat { | }]*80"), "E0312", "concat", "10^18"),
    "a large map": Case(in_net("upsample1000*6"), "E0312", "upsample1000", "`upsample` makes a tensor of about 10^19 along one axis"),
    "a large list": Case("let a = [1]*1000000\n" + in_net("relu"), "E0901", "[1]*1000000", "1,000,000, and the limit is 100,000"),
    "lists in lists by name": Case(
        "let a0 = [1]\n" + "".join(f"let a{i + 1} = [a{i}]\n" for i in range(60)) + in_net("relu"), "E0901", "[a47]",
        "nested too deeply: 49, and the limit is 48", "`Limits(nesting=...)`",
    ),
    "blocks in blocks by name": Case(
        "block b(f) = relu\nlet a0 = b\n" + "".join(f"let a{i + 1} = b(a{i})\n" for i in range(60)) + in_net("relu"), "E0901",
        "(a47)", "nested too deeply: 49, and the limit is 48", "`Limits(nesting=...)`",
    ),
    "a deep row of blocks": Case(
        "".join(f"block b{i} = b{i + 1}\n" for i in range(60)) + "block b60 = relu\n" + in_net("b0"), "E0901", "b49",
        "nested too deeply", "`Limits(nesting=...)`", ("b48", "b47", "b46"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_found_once_at_its_place_in_clear_words(name: str) -> None:
    case = CASES[name]
    found = diagnosed(case.text)
    assert [each.code for each in found] == [case.code]
    (only,) = found
    assert only.place is not None
    assert only.place.text == case.at
    assert case.words in only.message
    assert case.help in (only.fault.help or "")
    assert case.note in "; ".join(only.fault.notes)
    assert tuple(place.text for place, _ in only.also)[: len(case.also)] == case.also
    assert_speaks_well(only)


def test_every_fault_has_a_case_or_a_test_of_its_own() -> None:
    elsewhere = {
        "E0604", "E0605", "E0606", "E0607",  # test_open_sizes.py
        "E0192", "E0204", "E0412", "E0414", "E0411", "E0502", "E0503", "E0602", "W0603",  # below
        "E0506",  # test_files.py
    }  # fmt: skip
    tested = {case.code for case in CASES.values()} | elsewhere
    own = {code for code, cls in faults().items() if cls.__module__.split(".")[1] in {"syntax", "ops", "graph"}}
    assert own <= tested, own - tested


def test_nothing_near_is_nothing_said() -> None:
    (found,) = diagnosed(in_net("xyzzy"))
    assert found.fault.help is None


# --- faults that need more than a text --------------------------------------------------------------------------------


def only(found: tuple[Diagnostic, ...]) -> Diagnostic:
    (one,) = found
    assert_speaks_well(one)
    return one


def raised(act: Callable[[], object]) -> Diagnostic:
    with pytest.raises(ArchError) as error:
        act()
    return only(error.value.diagnostics)


def test_a_stride_that_does_not_divide_is_a_fault_only_if_exactness_is_asked_for() -> None:
    text = in_net("conv7-64/2 -> pool3/2", "224x224x3")
    assert diagnosed(text) == ()
    found = diagnosed(text, Options(exact=True))
    assert [(each.code, each.place and each.place.text) for each in found] == [
        ("E0602", "conv7-64/2"),
        ("E0602", "pool3/2"),
    ]
    first = found[0]
    assert first.fault.notes == ("(224 - 7 + 2*3)/2 + 1 = 112.5 -> 112",)
    assert first.fault.help is not None
    assert "a height of 223 or 225" in first.fault.help
    assert_speaks_well(first)


def test_the_paddings_and_sizes_that_exactness_proposes_fit() -> None:
    (found,) = diagnosed(in_net("conv4-8/3(p=0)", "12x13x3"), Options(exact=True))
    fault = found.fault
    paddings, sizes = (getattr(fault, name) for name in ("paddings", "sizes"))
    assert paddings
    assert sizes
    assert all((12 - 4 + 2 * padding) % 3 == 0 for padding in paddings)
    assert all((size - 4) % 3 == 0 for size in sizes)


def test_a_proposed_name_is_spelt_as_it_was_defined() -> None:
    found = only(diagnosed("let outWidth = 3\n" + in_net("conv3-(outwidht)")))
    assert found.fault.help == "did you mean `outWidth`?"


def test_the_use_of_files_in_a_circle_is_shown_as_a_path() -> None:
    texts = {"one": "use two (b)\nblock a = b\n", "two": "use one (a)\nblock b = relu\n"}
    found = only(diagnosed("use one (a)\n" + in_net("a"), Options(texts=texts)))
    assert (found.code, found.place and found.place.text) == ("E0503", "one")
    assert found.message == "files use each other: one -> two -> one"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert raised(lambda: archdsl.load(tmp_path / "nothing.arch")).code == "E0501"
    found = raised(lambda: archdsl.load("resnet81"))
    assert (found.code, found.fault.help) == ("E0501", "did you mean `resnet18`?")


def test_what_is_no_file_cannot_be_read(tmp_path: Path) -> None:
    found = raised(lambda: archdsl.load(f"{tmp_path}/"))
    assert found.code in {"E0501", "E0502"}
    folder = tmp_path / "folder.arch"
    folder.mkdir()
    assert raised(lambda: archdsl.load(folder)).code == "E0502"


def test_invalid_utf8_is_refused_with_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "bad.arch"
    path.write_bytes("# ü\nINPUT[8x8x3] -> relu".encode() + b" # \xff\xfe")
    found = raised(lambda: archdsl.load(path))
    assert (found.code, found.message) == ("E0107", "invalid UTF-8 at byte 28")


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "bom.arch"
    path.write_bytes(b"\xef\xbb\xbfINPUT[8x8x3] -> relu\r\n")
    assert archdsl.load(path).params == 0


def test_a_text_beyond_the_limit() -> None:
    found = raised(lambda: archdsl.parse("# " + "x" * 100, limits=Limits(text=50)))
    assert (found.code, found.severity) == ("E0192", Severity.LIMIT)
    assert "102 characters, and the limit is 50" in found.message


def test_a_hyper_parameter_that_is_not_there() -> None:
    found = raised(lambda: archdsl.parse("net n(classes=3) {\n  input 8x8x3\n  fc-classes\n}", clases=4))
    assert (found.code, found.fault.help) == ("E0204", "did you mean `classes`?")


def test_which_of_several_networks() -> None:
    text = "net a = INPUT[8x8x3] -> relu\nnet b = INPUT[8x8x3] -> tanh\n"
    found = raised(lambda: archdsl.parse(text))
    assert (found.code, found.fault.help) == ("E0412", "name one, as in `file.arch:a`")
    found = raised(lambda: archdsl.parse(text.replace("net b", "net resnet"), net="resnt"))
    assert (found.code, found.fault.help) == ("E0412", "did you mean `resnet`?")
    assert archdsl.parse(text, net="b").name == "b"


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n", "let a = 3", "block b = relu"])
def test_a_text_without_a_network(text: str) -> None:
    assert raised(lambda: archdsl.parse(text)).code == "E0411"


def test_one_input_size_for_two_inputs() -> None:
    text = "net n {\n  input a: 8x8x3\n  input b: 8x8x3\n  add { a | b }\n}"
    assert raised(lambda: archdsl.parse(text, input=(3, 9, 9))).code == "E0414"


def test_a_layer_for_nothing_is_a_warning() -> None:
    net = archdsl.parse(in_net("x = conv3-8\n  y = x -> conv3-9\n  x -> relu"))
    found = only(net.warnings)
    assert (found.code, found.severity, found.place and found.place.text) == ("W0603", Severity.WARNING, "conv3-9")


@pytest.mark.parametrize("ask", [lambda net: net.graph, lambda net: net.to_torch()], ids=["graph", "module"])
def test_a_repeat_bomb_is_summed_and_only_writing_it_out_is_refused(ask: Callable[[archdsl.Network], object]) -> None:
    net = archdsl.parse("INPUT[8x8x64] -> [[[conv3-64]*1000]*1000]*1000")
    assert net.params == 10**9 * (64 * 64 * 9 + 64)
    found = raised(lambda: ask(net))
    assert (found.code, found.severity) == ("E0901", Severity.LIMIT)
    assert "1,000,000,000, and the limit is 200,000" in found.message


# a text with a figure, and the limit of it
REACHED = {
    "brackets": ("nesting", 4, in_net("[[[relu]]]")),
    "lists in lists": ("nesting", 5, "let a = [[1]]\nlet b = [[a]]\nlet c = [b]\n" + in_net("relu")),
    "files": ("files", 2, "use resnet18 (resnet18)\n" + in_net("relu")),
    "items": ("items", 8, "let w = [1, [2, 3]]*2 + []\n" + in_net("relu")),
    "characters": ("text", len(in_net("relu")), in_net("relu")),
}


@pytest.mark.parametrize("what", REACHED)
def test_a_limit_may_be_reached_and_not_passed(what: str) -> None:
    name, figure, text = REACHED[what]
    assert diagnosed(text, Options(limits=Limits(**{name: figure}))) == ()
    found = only(diagnosed(text, Options(limits=Limits(**{name: figure - 1}))))
    assert found.severity is Severity.LIMIT
    assert f"{figure - 1}" in found.message


# what stands in a block, and what the block is given
GIVEN = {
    "itself": ("conv3-3(bias=f)", "{}"),
    "in a list": ("conv3-3(bias=f[0])", "[{}]"),
    "to a block": ("f", "inner({})"),
    "to an operator": ("f", "conv(3, 3, bias={})"),
    "to one of several blocks": ("[each for each in f]", "[inner({}), relu]"),
}


@pytest.mark.parametrize("values", [("true", "1"), ("1", "true"), ("true", "1.0"), ("1.0", "true")])
@pytest.mark.parametrize("way", GIVEN)
def test_a_block_called_with_what_is_right_excuses_no_call_with_what_is_equal(
    way: str, values: tuple[str, str]
) -> None:
    body, given = GIVEN[way]
    calls = [f"outer({given.replace('{}', value)})" for value in values]
    text = f"block inner(f) = conv3-3(bias=f)\nblock outer(f) = {body}\nINPUT[8x8x3] -> {' -> '.join(calls)}"
    assert [code for code, _ in said(text)] == ["E0308"]


def test_limits_are_told_from_errors() -> None:
    with pytest.raises(ArchError) as limit:
        archdsl.parse("[" * 99 + "]" * 99)
    assert limit.value.is_limit
    with pytest.raises(ArchError) as fault:
        archdsl.parse("relu")
    assert not fault.value.is_limit


# --- several faults, and no cascades ----------------------------------------------------------------------------------


def test_all_faults_of_a_text_in_one_run() -> None:
    text = (
        "use nowhere_at_all\n"
        "let big = 9**99\n"
        "block a(c) = cnov3-c -> relu\n"
        "block unused(c) = conv3-c(gruops=2)\n"
        "net n {\n"
        "  input 32x32x3\n"
        "  conv3-16(strides=2) -> a(4) -> pool\n"
        "  rleu -> conv3-(widht)\n"
        "}\n"
        "net m = INPUT[4x4x3] -> pool9\n"
    )
    report, networks = check_source(Source("text.arch", text))
    found = [(each.code, each.place and each.place.text) for each in report.errors]
    assert found == [
        ("E0501", "nowhere_at_all"), ("E0206", "9**99"), ("E0201", "cnov3"), ("E0307", "gruops"),
        ("E0307", "strides"), ("E0201", "rleu"), ("E0202", "widht"), ("E0301", "9"),
    ]  # fmt: skip
    assert networks == []
    for each in report.errors:
        assert_speaks_well(each)


CASCADES = {
    "what comes after an unknown layer": (in_net("cnov3-16 -> pool99 -> fc-10 -> conv3-16"), ["cnov3"]),
    "a wrong value in many places": ("let w = nosuch\n" + in_net("conv3-w -> conv3-(2*w) -> [conv3-w]*w"), ["nosuch"]),
    "a wrong block called often": ("block b = nosuch\n" + in_net("b -> b -> [b]*3 -> b"), ["nosuch"]),
    "a wrong block on many sizes": ("block b = conv3-8(grops=1)\n" + in_net("b -> pool -> b -> pool -> b"), ["grops"]),
    "a binding that failed": (in_net("x = nosuch\n  add { x | relu } -> conv3-3\n  x -> fc-10"), ["nosuch"]),
    "a tuple that failed": (in_net("a, b = relu\n  add { a | b }"), ["relu"]),
    "a branch that failed": (in_net("concat { nosuch | conv3-3/2 | pool }"), ["nosuch"]),
    "a shape that is not": (in_net("conv3-16/2 : 32x32x16 -> conv3-16 : 16x16x16"), ["32x32x16"]),
    "an unknown input": ("net n {\n  input (3, nosuch + 1, 4)\n  conv3-3 -> pool -> fc-(in.channels)\n}", ["nosuch"]),
    "a line that cannot be read": ("block b = conv3 64\n" + in_net("b -> relu -> b"), ["64"]),
    "a let that cannot be read": ("let c = = 3\n" + in_net("conv3-c -> conv3-c"), ["="]),
    "a line of a net that cannot be read": (in_net("conv3-16 16\n  -> pool99 -> fc-10 : 3x3x3"), ["16"]),
    "a use that fails": ("use nosuch_file (basic, other)\n" + in_net("basic(16) -> other"), ["nosuch_file"]),
    "a reserved parameter": ("net n(float=3) {\n  input 8x8x3\n  conv3-float -> fc-float\n}", ["float"]),
    "a name defined twice": ("let a = 3\nlet a = 4\n" + in_net("conv3-a"), ["a"]),
    "a share that does not fit": (in_net("share s = conv3-16\n  s -> conv3-8 -> s -> s -> fc-3"), ["s"]),
    "a block with a wrong call": ("block b(c) = conv3-c\n" + in_net("b -> b(1, 2) -> pool99"), ["b", "2"]),
    "two nets, one block": ("block b = nosuch\nnet n = INPUT[8x8x3] -> b\nnet text = INPUT[9x9x3] -> b", ["nosuch"]),
    "networks in a circle": ("net a = b\nnet b = a\nnet c = INPUT[8x8x3] -> a\n", ["a"]),
    "an operator hidden": ("let pool = 3\n" + in_net("pool -> conv3-pool"), ["pool"]),
    "a chain through a gap": (in_net("relu -> ... -> conv3-(in.channels) -> fc-10 -> pool"), ["..."]),
    "a limit among the definitions": (
        "let w = [1]*1000000\nlet c = 3\n" + in_net("conv3-c -> [conv3-c]*w[0] -> nosuch"),
        ["[1]*1000000"],
    ),
    "a broken condition": (in_net("[conv3-8 if nosuch] -> [conv3-8 if nosuch else pool99]"), ["nosuch", "nosuch"]),
}


@pytest.mark.parametrize("name", CASCADES)
def test_what_depends_on_a_fault_stays_silent(name: str) -> None:
    text, places = CASCADES[name]
    report, _ = check_source(Source("text.arch", text))
    assert [each.place and each.place.text for each in report.errors] == places
    for each in report.errors:
        assert_speaks_well(each)


@pytest.mark.parametrize("use", ["use lib", "use lib (a)"])
@pytest.mark.parametrize(
    "lib", ["block a = conv3 64", "block a = [conv3-64", "block a = nosuch", "block a = relu\nblock b = = 3"]
)
def test_a_file_that_cannot_be_read_is_told_of_once(use: str, lib: str) -> None:
    (found,) = diagnosed(f"{use}\nINPUT[8x8x3] -> a -> relu", Options(texts={"lib": lib}))
    assert found.place is not None
    assert found.place.source.name == "lib"


def test_several_unreadable_lines_are_all_found() -> None:
    text = "let a = = 1\nlet b = 2 2\nblock c = relu relu\nINPUT[8x8x3] -> conv3-b\n"
    assert said(text) == [("E0101", "="), ("E0101", "2"), ("E0101", "relu")]


def test_one_run_tells_of_a_hundred_faults_at_most() -> None:
    text = "INPUT[8x8x3] -> " + " -> ".join(f"cnov{i}-3(a=1)" for i in range(5_000))
    assert len(diagnosed(text)) <= Limits().faults
    assert (
        len(diagnosed("\n".join(f"let a{i} = b{i}" for i in range(5_000)) + "\nINPUT[8x8x3] -> relu"))
        == Limits().faults
    )


# --- suggestions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("cnov", "conv"),
        ("CONVV", "conv"),
        ("rleu", "relu"),
        ("pol", "pool"),
        ("bnn", "bn"),
        ("xyzzy", None),
        ("", None),
    ],
)
def test_the_nearest_name_or_silence(word: str, near: str | None) -> None:
    assert nearest(word, ["conv", "relu", "pool", "bn", "residual", "dwconv"]) == near


def test_the_nearest_of_very_many_names_is_found() -> None:
    many = [f"{'abcdefghij'[i % 10] * 3}{i}" for i in range(20_000)]
    assert nearest("bottelneck", [*many, "bottleneck"]) == "bottleneck"


def test_a_fault_is_only_facts() -> None:
    """A fault holds what was found, and its class the words; so that it can be pickled, compared and sent."""
    for cls in faults().values():
        assert issubclass(cls, Fault)
        assert all(each.init for each in fields(cls))  # type: ignore[arg-type]
