"""What comes out at the public doors: a planted bug as what it is, with a note, and kept for a report only with leave;
a package that is missing, and a wrong argument, in words."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch

import archdsl
from archdsl import Network, cli
from archdsl.base.wanted import Missing
from archdsl.boundary import BUG, Answer, Broken, Done, Refused, Wrong, answered
from archdsl.cli.codes import INTERNAL, USAGE
from archdsl.ops import OPERATORS

TEXT = "use part (b)\nnet n(classes=2) { input 8x8x3\n b(4)*2 -> fc-classes }\n"
PART = "block b(c) = conv3-c -> relu\n"
WHOLE = f"{PART}{TEXT.partition(chr(10))[2]}"


class Planted(Exception):
    """A bug that was planted."""


def planted(*_: object, **__: object) -> Any:
    raise Planted("nobody expects this")


@pytest.fixture
def bug() -> Iterator[pytest.MonkeyPatch]:
    """An operator with a bug; `undo` mends it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(OPERATORS.get("relu"), "output", planted)
        yield patched


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a text that uses another."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "part.arch").write_text(PART)
    (tmp_path / "whole.arch").write_text(TEXT)
    return tmp_path


def noted(call: Callable[[], object]) -> Broken:
    """The bug that comes out of a door as what it is, with one note that says so."""
    with pytest.raises(Planted) as raised:
        call()
    assert raised.value.__notes__ == [BUG]
    return Broken(raised.value)


# --- Python -----------------------------------------------------------------------------------------------------------

FUNCTIONS: dict[str, Callable[[], object]] = {
    "load": lambda: archdsl.load("whole.arch", classes=5, input=(3, 9, 7)),
    "parse": lambda: archdsl.parse(WHOLE, classes=5, input=(3, 9, 7)),
    "sketch": lambda: archdsl.sketch("whole.arch", classes=5, input=(3, 9, 7)),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_bug_comes_out_of_a_function_as_what_it_is(folder: Path, bug: pytest.MonkeyPatch, name: str) -> None:
    broken = noted(FUNCTIONS[name])
    (folder / "bug.py").write_text(broken.report("a test"))
    bug.undo()
    (folder / "part.arch").unlink()
    net = archdsl.load(folder / "bug.py")
    assert (net.inputs["x"].shape, net.outputs["y"].shape) == ((3, 9, 7), (5,))


def test_a_bug_of_a_sketch_holds_the_text_as_it_was_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archdsl.elaborate.sketch.Sketching.element", planted)
    wrong = WHOLE.replace("fc-", "nosuch -> [fc-")
    carried = noted(lambda: archdsl.sketch(text=wrong, net="n", classes=5)).carried
    assert carried is not None
    assert (carried.net, dict(carried.texts), dict(carried.settings)) == ("n", {"network.arch": wrong}, {"classes": 5})


class _Broken:
    """Stands for the hierarchy of a network, and fails at whatever it is asked; or for what a network is made from, and
    fails at whatever else it is asked."""

    def __init__(self, **known: object) -> None:
        vars(self).update(known)

    __getattr__ = planted


def broken_network() -> Network:
    net = archdsl.parse(WHOLE, name="n", classes=5)
    vars(net)["compiled"] = _Broken(module=_Broken(), carried=net.carried)
    return net


OTHER = archdsl.parse(WHOLE, name="n")
METHODS: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("summary", "symbolic", "sizes", "memory", "explain", "receptive_field", "structure"), ()),
    **dict.fromkeys(
        ("draw", "page", "draw_volumes", "source", "to_torch", "_repr_html_", "_repr_svg_", "__repr__"), ()
    ),
    **dict.fromkeys(
        ("to_inference", "to_onnx", "to_onnxruntime", "convert", "compile_regions"), (torch.nn.Identity(),)
    ),
    **dict.fromkeys(("diff", "marks"), (OTHER,)),
    **dict.fromkeys(("apply", "new_weights"), ("widen(2)",)),
    "im2col": ("b1.conv1",),
    "largest_batch": (10**9,),
    "time": ("t4",),
    "moved": ({}, "widen(2)"),
}
# these look at nothing that can fail, the last but one fails when a fact is asked for, and the last looks at its file
# before it looks at the network
_APART = {"__reduce__", "carried", "module", "facts", "load_weights"}


def _called() -> set[str]:
    """What others call of a network, and what Python and notebooks do."""
    own = (property, cached_property)
    return {
        name
        for name, each in vars(Network).items()
        if (callable(each) or isinstance(each, own)) and (name[0] != "_" or name.startswith(("_repr", "__re")))
    }


@pytest.mark.parametrize("name", sorted(_called() - _APART))
def test_a_bug_comes_out_of_a_network_as_what_it_is(name: str) -> None:
    net = broken_network()
    is_method = callable(vars(Network)[name])
    broken = noted(lambda: getattr(net, name)(*METHODS[name]) if is_method else getattr(net, name))
    assert broken.carried == net.carried


@pytest.mark.parametrize("name", OTHER.facts)
def test_a_bug_comes_out_of_a_fact_as_what_it_is(name: str) -> None:
    noted(lambda: broken_network().facts[name])


def test_a_bug_comes_out_of_what_was_drawn_as_what_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, sketched = OTHER.draw(), archdsl.sketch(text=WHOLE).draw()
    monkeypatch.setattr("archdsl.draw.drawing.dot", planted)
    for call in (lambda: made.dot, lambda: str(made), made.svg, lambda: made.written("png"), made._repr_svg_):
        assert noted(call).carried == OTHER.carried
    assert noted(lambda: made.save("x.dot")).carried == OTHER.carried
    assert not (folder / "x.dot").exists()
    assert noted(lambda: str(sketched)).carried is not None


def test_a_network_is_known_wherever_it_is_given() -> None:
    assert noted(lambda: archdsl.diff(OTHER, broken_network())).carried == OTHER.carried
    assert noted(lambda: archdsl.compare([broken_network()])).carried is not None
    sketch = archdsl.sketch(text=WHOLE, classes=5)
    object.__setattr__(sketch, "module", _Broken())
    assert dict(noted(sketch.draw).carried.settings) == {"classes": 5}  # type: ignore[union-attr]


def test_a_bug_in_a_pass_says_what_it_was_to_change(bug: pytest.MonkeyPatch) -> None:
    bug.undo()
    net = archdsl.parse(WHOLE, name="n", classes=5)
    bug.setattr(OPERATORS.get("fc"), "output", planted)
    assert noted(lambda: net.apply("widen(2)")).carried == net.carried


def test_a_bug_in_reading_weights_says_for_which_network(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = OTHER.to_torch()
    torch.save(model.state_dict(), folder / "weights.pt")
    monkeypatch.setattr("archdsl.emit.torch.checkpoints.pickled", _Broken())
    assert noted(lambda: OTHER.load_weights(model, folder / "weights.pt")).carried == OTHER.carried


def test_a_noted_bug_can_be_sent_to_another_process(bug: pytest.MonkeyPatch) -> None:
    error = noted(FUNCTIONS["parse"]).error
    for sent in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert sent.__notes__ == [BUG]
        assert Broken(sent).carried == Broken(error).carried


# --- answers ----------------------------------------------------------------------------------------------------------


def _answer(call: Callable[[], object]) -> Answer[object]:
    return answered(call)


def test_an_answer_says_what_came_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _answer(lambda: OTHER.params) == Done(OTHER.params)
    wrong = _answer(lambda: archdsl.parse("INPUT[8x8x3] -> nosuch"))
    assert isinstance(wrong, Wrong)
    assert [each.code for each in wrong.error.diagnostics] == ["E0201"]
    for call, message in (
        (lambda: archdsl.parse(3), "`text` is a text, not int 3"),  # type: ignore[arg-type]
        (lambda: OTHER.draw("x.doc"), "x.doc: a picture is a file of"),
        (lambda: OTHER.draw("no/such/x.dot"), "x.dot: no such file or directory"),
        (lambda: OTHER.time("abacus"), "`abacus` is none of"),
    ):
        refused = _answer(call)
        assert isinstance(refused, Refused)
        assert message in refused.message
    monkeypatch.setattr("archdsl.report.summary.summary", lambda *_: bytearray(2**62))
    refused = _answer(OTHER.summary)
    assert isinstance(refused, Refused)
    assert refused.message == "there is not enough memory for it"


def test_a_call_with_other_arguments_than_a_function_takes_is_no_bug() -> None:
    for call in (lambda: OTHER.draw(nosuch=1), archdsl.parse, lambda: OTHER.to_torch(1, 2, 3)):  # type: ignore[call-arg]
        with pytest.raises(TypeError, match=r"\(\)") as raised:
            call()
        assert not hasattr(raised.value, "__notes__")
        assert isinstance(answered(call), Refused)


def test_an_answer_lets_go_through_what_is_no_error() -> None:
    def stopped() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        answered(stopped)


def test_a_bug_is_no_answer_of_the_text(bug: pytest.MonkeyPatch) -> None:
    broken = _answer(FUNCTIONS["parse"])
    assert isinstance(broken, Broken)
    assert isinstance(broken.error, Planted)
    assert "nobody expects this" in broken.report("a test")


# --- the command line -------------------------------------------------------------------------------------------------

COMMANDS = (
    "check whole.arch",
    "summary whole.arch",
    "explain whole.arch",
    "sizes whole.arch",
    "time whole.arch --device t4",
    "diff whole.arch whole.arch",
    "compare whole.arch -o out.svg",
    "draw whole.arch -o out.dot -o out.svg",
    "draw whole.arch -o out.html",
    "compile whole.arch -o out.py",
    "json whole.arch -o out.json",
    "zoo",
)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[[str], tuple[int, str, str]]:
    """Runs a command; its exit code, output and errors."""

    def run(line: str) -> tuple[int, str, str]:
        code = cli.main(line.split())
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


Run = Callable[[str], tuple[int, str, str]]


@pytest.mark.parametrize("line", COMMANDS)
def test_a_bug_ends_a_command_and_nothing_is_written(
    folder: Path, bug: pytest.MonkeyPatch, run: Run, line: str
) -> None:
    before = sorted(folder.iterdir())
    code, out, err = run(line)
    assert (code, out) == (INTERNAL, "")
    assert err.startswith("archdsl failed: Planted: nobody expects this\nSorry, this is a bug of archdsl ")
    assert "archdsl --keep-input bug.py ..." in err
    assert sorted(folder.iterdir()) == before


def test_what_failed_is_kept_with_leave_and_compiled_again(folder: Path, bug: pytest.MonkeyPatch, run: Run) -> None:
    for number, line in enumerate(COMMANDS[:-1]):
        settings = "" if line.startswith("zoo") else " --set classes=5 --input (3,9,7)"
        code, out, err = run(f"--keep-input bug{number}.py {line}{settings}")
        assert (code, out) == (INTERNAL, "")
        assert f"archdsl failed: Planted: nobody expects this; the input is kept in bug{number}.py\n" in err
    bug.undo()
    for each in ("whole.arch", "part.arch"):
        (folder / each).unlink()
    for number in range(len(COMMANDS[:-1])):
        net = archdsl.load(f"bug{number}.py")
        assert (net.inputs["x"].shape, net.outputs["y"].shape) == ((3, 9, 7), (5,))
        assert run(f"check bug{number}.py")[0] == 0


def test_what_a_bug_is_kept_in_is_a_new_file_of_python(folder: Path, bug: pytest.MonkeyPatch, run: Run) -> None:
    (folder / "old.py").write_text("mine")
    for file, said in (("old.py", "it is there already"), ("bug.txt", "is a file of .py"), ("-", "is a file of .py")):
        code, _, err = run(f"--keep-input {file} summary whole.arch")
        assert code == USAGE
        assert said in err
    code, _, err = run("--keep-input no/such/bug.py summary whole.arch")
    assert code == INTERNAL
    assert "; the input cannot be kept in no/such/bug.py: no such file or directory" in err
    assert (folder / "old.py").read_text() == "mine"


def test_nothing_is_kept_where_nothing_failed(folder: Path, run: Run) -> None:
    for line in ("check whole.arch", "check nosuch.arch"):
        run(f"--keep-input bug.py {line}")
        assert not (folder / "bug.py").exists()


def test_a_bug_before_there_was_a_text_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    monkeypatch.setattr("archdsl.base.carried.format_of_file", planted)
    assert run("--keep-input bug.py check whole.arch")[0] == INTERNAL
    kept = (folder / "bug.py").read_text()
    assert "asked: archdsl --keep-input bug.py check whole.arch" in kept
    assert "it failed before there was a text" in kept


def test_what_is_kept_is_plain_python_whatever_it_says(folder: Path, bug: pytest.MonkeyPatch) -> None:
    name = "evil\n'''\"\"\"\x1b[31m\udc80é.arch"
    error = noted(lambda: archdsl.parse(f'# """ \\ {chr(0x1F600)}\n{WHOLE}', name="n"))
    kept = error.report(name)
    found: dict[str, Any] = {}
    exec(compile(kept.encode(), "bug.py", "exec"), found)
    assert error.carried is not None
    assert found["ARCH"]["texts"] == error.carried.texts
    assert all(each.isprintable() or each == "\n" for each in kept)


# --- packages that are missing ----------------------------------------------------------------------------------------


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """As if some packages were not installed."""
    for each in packages:
        monkeypatch.setitem(sys.modules, each, None)


@pytest.mark.parametrize(
    ("line", "packages", "said"),
    [
        ("compile whole.arch -o out.onnx", "torch", "torch is missing: `pip install archdsl[torch]`"),
        (
            "compile whole.arch -o out.onnx",
            "torch onnx onnxscript",
            "torch, onnx and onnxscript are missing: `pip install",
        ),
        ("compile whole.arch -o out.onnx", "onnxscript", "onnxscript is missing: `pip install archdsl[onnx]`"),
        (
            "compile whole.arch -o out.safetensors",
            "safetensors",
            "safetensors is missing: `pip install archdsl[torch]`",
        ),
        ("compile whole.arch -o out.py --weights w.pt", "torch", "torch is missing: `pip install archdsl[torch]`"),
    ],
)
def test_a_command_says_which_package_is_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run, line: str, packages: str, said: str
) -> None:
    without(monkeypatch, *packages.split())
    before = sorted(folder.iterdir())
    code, out, err = run(line)
    assert (code, out) == (USAGE, "")
    assert err.startswith(f"error: {said}")
    assert sorted(folder.iterdir()) == before


def test_what_needs_no_package_works_without(folder: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> None:
    without(monkeypatch, "torch", "safetensors", "onnx", "onnxscript", "onnxruntime", "pygraphviz", "numpy")
    for line in (*COMMANDS[:6], "draw whole.arch -o out.dot", *COMMANDS[-3:-1], "compile whole.arch --pass widen(2)"):
        assert run(line)[0] == 0, line


def test_a_function_says_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = OTHER.to_torch()
    with monkeypatch.context() as hidden:
        without(hidden, "onnxruntime")
        with pytest.raises(Missing, match=r"onnxruntime is missing: `pip install archdsl\[onnx\]`"):
            OTHER.to_onnxruntime(model)
        without(hidden, "onnx")
        with pytest.raises(Missing, match=r"onnx is missing: `pip install archdsl\[onnx\]`"):
            OTHER.to_onnx(model)
        without(hidden, "torch")
        for call in (OTHER.to_torch, lambda: OTHER.convert(model), lambda: OTHER.to_inference(model)):
            with pytest.raises(ImportError, match=r"torch is missing: `pip install archdsl\[torch\]`"):
                call()
        assert isinstance(answered(OTHER.to_torch), Refused)


def test_a_module_of_ones_own_that_is_missing_is_no_package_of_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        import nosuch  # type: ignore[import-not-found] # noqa: F401

    monkeypatch.setattr("archdsl.report.summary.summary", broken)
    with pytest.raises(ModuleNotFoundError, match="nosuch") as raised:
        OTHER.summary()
    assert raised.value.__notes__ == [BUG]


# --- arguments --------------------------------------------------------------------------------------------------------

MODEL = OTHER.to_torch()
_STATE = MODEL.state_dict()
# each public function with each of its arguments, and the value of that which is wrong
ARGUMENTS: dict[str, Callable[[Any], object]] = {
    "load name": archdsl.load,
    "load input": lambda x: archdsl.load("lenet5", input=x),
    "load limits": lambda x: archdsl.load("lenet5", limits=x),
    "load operators": lambda x: archdsl.load("lenet5", operators=x),
    "load classes": lambda x: archdsl.load("lenet5", classes=x),
    "parse text": archdsl.parse,
    "parse net": lambda x: archdsl.parse(WHOLE, net=x),
    "parse name": lambda x: archdsl.parse(WHOLE, name=x),
    "parse input": lambda x: archdsl.parse(WHOLE, input=x),
    "parse limits": lambda x: archdsl.parse(WHOLE, limits=x),
    "parse operators": lambda x: archdsl.parse(WHOLE, operators=x),
    "parse classes": lambda x: archdsl.parse(WHOLE, classes=x),
    "sketch name": lambda x: archdsl.sketch(x, text=WHOLE),
    "sketch text": lambda x: archdsl.sketch(text=x),
    "sketch net": lambda x: archdsl.sketch(text=WHOLE, net=x),
    "sketch input": lambda x: archdsl.sketch(text=WHOLE, input=x),
    "sketch classes": lambda x: archdsl.sketch(text=WHOLE, classes=x),
    "compare networks": archdsl.compare,
    "compare sort": lambda x: archdsl.compare([OTHER], sort=x),
    "compare plot": lambda x: archdsl.compare([OTHER], plot=x),
    "diff old": lambda x: archdsl.diff(x, OTHER),
    "diff new": lambda x: archdsl.diff(OTHER, x),
    "freeze model": archdsl.freeze,
    "freeze until": lambda x: archdsl.freeze(MODEL, x),
    "summary depth": OTHER.summary,
    "sizes near": OTHER.sizes,
    "memory batch": OTHER.memory,
    "memory dtype": lambda x: OTHER.memory(dtype=x),
    "memory optimizer": lambda x: OTHER.memory(optimizer=x),
    "memory depth": lambda x: OTHER.memory(depth=x),
    "memory fit": lambda x: OTHER.memory(fit=x),
    "largest_batch memory": OTHER.largest_batch,
    "largest_batch optimizer": lambda x: OTHER.largest_batch(10**9, optimizer=x),
    "time device": OTHER.time,
    "time batch": lambda x: OTHER.time("t4", x),
    "explain path": OTHER.explain,
    "receptive_field path": OTHER.receptive_field,
    "im2col path": OTHER.im2col,
    "marks since": OTHER.marks,
    "draw path": OTHER.draw,
    "draw detail": lambda x: OTHER.draw(detail=x),
    "draw direction": lambda x: OTHER.draw(direction=x),
    "draw legend": lambda x: OTHER.draw(legend=x),
    "draw expand": lambda x: OTHER.draw(expand=x),
    "draw since": lambda x: OTHER.draw(since=x),
    "draw focus": lambda x: OTHER.draw(focus=x),
    "draw color": lambda x: OTHER.draw(color=x),
    "draw dark": lambda x: OTHER.draw(dark=x),
    "page path": OTHER.page,
    "page legend": lambda x: OTHER.page(legend=x),
    "page color": lambda x: OTHER.page(color=x),
    "draw_volumes path": OTHER.draw_volumes,
    "draw_volumes detail": lambda x: OTHER.draw_volumes(detail=x),
    "draw_volumes dark": lambda x: OTHER.draw_volumes(dark=x),
    "to_torch device": OTHER.to_torch,
    "to_torch dtype": lambda x: OTHER.to_torch(dtype=x),
    "to_torch weights": lambda x: OTHER.to_torch(weights=x),
    "to_torch init": lambda x: OTHER.to_torch(init=x),
    "compile_regions model": OTHER.compile_regions,
    "compile_regions options": lambda x: OTHER.compile_regions(MODEL, nosuch=x),
    "to_inference model": OTHER.to_inference,
    "to_inference dtype": lambda x: OTHER.to_inference(MODEL, dtype=x, compiled=False),
    "to_inference compiled": lambda x: OTHER.to_inference(MODEL, compiled=x),
    "to_inference options": lambda x: OTHER.to_inference(MODEL, options=x),
    "to_onnx model": OTHER.to_onnx,
    "to_onnxruntime model": OTHER.to_onnxruntime,
    "load_weights model": lambda x: OTHER.load_weights(x, "weights.pt"),
    "load_weights path": lambda x: OTHER.load_weights(MODEL, x),
    "load_weights head": lambda x: OTHER.load_weights(MODEL, "weights.pt", head=x),
    "apply passes": OTHER.apply,
    "new_weights passes": OTHER.new_weights,
    "convert model": OTHER.convert,
    "moved state": OTHER.moved,
}
THINGS = (
    *(None, 3, -1, 10**400, float("nan"), float("inf"), 1.5, True, b"bytes", "", "nosuch", "\ud800", "a\0b", "x" * 300),
    *([], [1], ["x"], {}, {"a": object()}, {1}, object(), torch.zeros(2), range(3), archdsl.Limits, planted),
)
# of what a text says is wrong its message speaks, and these say which of several things it is in their own words
_SAID = {
    "time device": "312e12 FLOP/s",
    "draw path": "a picture is a file of",
    "draw_volumes path": "a picture is a file of",
    "page path": "a page is a file of",
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_wrong_argument_is_named(folder: Path, name: str) -> None:
    argument = name.partition(" ")[2]
    refused = 0
    for thing in THINGS:
        answer = answered(lambda given=thing: ARGUMENTS[name](given))
        assert not isinstance(answer, Broken), f"{thing!r:.80}: {answer.error!r}"
        if isinstance(answer, Refused) and not isinstance(answer.error, OSError):
            refused += 1
            assert isinstance(answer.error, (TypeError, ValueError))
            assert argument in answer.message or _SAID.get(name, "\0") in answer.message, answer.message
    assert refused > 5
