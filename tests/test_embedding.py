"""archdsl inside another program: networks that are copied, sent and made in threads; calls with the wrong things."""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import archdsl
from archdsl import ArchError, Limits, Network
from archdsl.ops import BUILTIN, collect

TEXT = "block b(c) = conv3-c -> relu\nnet n(classes=2) { input 8x8x3\n b(4) -> b(8) -> fc-classes }"


def equal(one: Network, other: Network) -> bool:
    """Whether two networks are the same in everything that is told of them."""
    return (one.structure(), one.source(), one.hyperparameters, one.doc, one.limits, str(one.summary())) == (
        other.structure(),
        other.source(),
        other.hyperparameters,
        other.doc,
        other.limits,
        str(other.summary()),
    )


def networks(folder: Path) -> dict[str, Network]:
    """Networks that were made in each way that there is."""
    (folder / "sub").mkdir()
    (folder / "sub" / "inner.arch").write_text("block q = relu")
    (folder / "part.arch").write_text("use sub/inner (q)\nblock b(c) = conv3-c -> q")
    (folder / "whole.arch").write_text("use part (b)\nnet whole { input 8x8x3\n b(4) }")
    net = archdsl.parse(TEXT, name="n", classes=3, input=(3, 9, 7), limits=Limits(steps=500))
    return {
        "a text": net,
        "the zoo": archdsl.load("resnet18", classes=5),
        "files": archdsl.load(folder / "whole.arch"),
        "passes": net.apply("widen(2)", "head(7)"),
        "open sizes": archdsl.parse("input (3, H, W)\nconv3-4/2 -> gap -> fc-2"),
        "opened sizes": net.symbolic(),
        "operators of one's own": archdsl.parse(TEXT, operators=collect(*BUILTIN)),
    }


@pytest.mark.parametrize("copied", [lambda net: pickle.loads(pickle.dumps(net)), copy.deepcopy, copy.copy])
def test_a_copy_of_a_network_is_the_same(tmp_path: Path, copied: Callable[[Network], Network]) -> None:
    for name, net in networks(tmp_path).items():
        other = copied(net)
        assert other is not net, name
        assert equal(net, other), name
        assert other == net, name
        assert hash(other) == hash(net), name
        assert equal(other, copied(other)), name
        assert equal(net.symbolic(), other.symbolic()), name
        assert not net.diff(other), name


def test_what_is_pickled_needs_no_file(tmp_path: Path) -> None:
    net = networks(tmp_path)["files"]
    data = pickle.dumps(net)
    for each in tmp_path.rglob("*.arch"):
        each.unlink()
    assert equal(pickle.loads(data), net)


def test_a_pickle_holds_the_text_and_no_graph() -> None:
    assert len(pickle.dumps(archdsl.load("resnet152"))) < 10_000


def test_live_modules_are_made_in_threads() -> None:
    """Each of its own text, so that each is written and imported; all start at once."""
    nets = [archdsl.parse(f"INPUT[4x4x3] -> conv3-{width} -> fc-2", name=f"threads{width}") for width in range(1, 65)]
    barrier = threading.Barrier(16)
    made: list[int] = []
    failed: list[BaseException] = []

    def make(some: list[Network]) -> None:
        barrier.wait()
        try:
            made.extend(sum(each.numel() for each in net.to_torch().parameters()) - net.params for net in some)
        except BaseException as error:  # noqa: BLE001 - shown below
            failed.append(error)

    threads = [threading.Thread(target=make, args=(nets[start::16],)) for start in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert failed == []
    assert made == [0] * 64


# --- calls ------------------------------------------------------------------------------------------------------------

NET = archdsl.parse(TEXT, name="n")
_DEEP: Any = ()
for _ in range(100_000):
    _DEEP = (_DEEP,)
_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)
_WIDE: list[Any] = []
_WIDE += [_WIDE, _WIDE]

# what is called, and what the TypeError says that is wanted
WRONG: dict[str, tuple[Callable[[Any], object], str]] = {
    "text": (archdsl.parse, "`text` is a text, not "),
    "name of a text": (lambda x: archdsl.parse(TEXT, name=x), "`name` is what a network is called, not "),
    "net": (lambda x: archdsl.parse(TEXT, net=[x]), "`net` is the name of a network, not list"),
    "input": (lambda x: archdsl.parse(TEXT, input=[x]), "`input` is a tuple of whole numbers in torch's order"),
    "size": (lambda x: archdsl.parse(TEXT, input=(3, 8, x)), "`input` is a tuple of whole numbers in torch's order"),
    "limits": (lambda x: archdsl.parse(TEXT, limits=x), "`limits` is `archdsl.Limits`, not "),
    "operators": (lambda x: archdsl.parse(TEXT, operators=x), "`operators` is a registry of operators"),
    "setting": (lambda x: archdsl.parse(TEXT, classes=[x]), "a hyper-parameter is a number, text, boolean or list"),
    "file": (archdsl.load, "`name` is the name of a file or network, not "),
    "limits of a file": (lambda x: archdsl.load("lenet5", limits=x), "`limits` is `archdsl.Limits`, not "),
    "sketch": (archdsl.sketch, "`name` is the name of a file or network, not "),
    "text of a sketch": (lambda x: archdsl.sketch(text=[x]), "`text` is a text, not list"),
    "depth": (lambda x: NET.summary([x]), "`depth` is a number of levels, not list"),
    "batch": (NET.memory, "`batch` is a number of samples, not "),
    "fit": (lambda x: NET.memory(fit=[x]), "`fit` is a number of bytes, not list"),
    "dtype": (lambda x: NET.memory(dtype=x), "the dtype is one of float64, float32, bfloat16, float16, not "),
    "optimizer": (lambda x: NET.memory(optimizer=x), "the optimizer is one of sgd, momentum, adam, not "),
    "memory": (NET.largest_batch, "`memory` is a number of bytes, not "),
    "device": (NET.time, "`device` is the name of a device, or its figures, not "),
    "path": (lambda x: NET.explain([x]), "`path` is the path of a layer, such as `layer1.0.conv1`, not list"),
    "path of a convolution": (NET.im2col, "`path` is the path of a layer, not "),
    "field of a path": (lambda x: NET.receptive_field([x]), "`path` is the path of a layer"),
    "another network": (NET.diff, "`other` is a network, such as `archdsl.load` gives, not "),
    "older network": (lambda x: NET.draw(since=[x]), "`since` is a network, such as `archdsl.load` gives, not list"),
    "networks": (lambda x: archdsl.compare([x]), "`networks` is a network, such as `archdsl.load` gives, not "),
    "sort": (
        lambda x: archdsl.compare([], sort=[x]),
        "the sort is one of params, macs, name, receptive-field, not list",
    ),
    "picture": (lambda x: NET.draw([x]), "`path` is the name of a file, not list"),
    "volumes": (lambda x: NET.draw_volumes([x]), "`path` is the name of a file, not list"),
    "detail": (lambda x: NET.draw(detail=[x]), "the detail is one of stage, block, layer, op, not list"),
    "direction": (lambda x: NET.draw(direction=x), "the direction is one of TB, LR, not "),
    "colour": (lambda x: NET.draw(color=[x]), "the cost is one of macs, params, memory, rf, kept, not list"),
    "focus": (lambda x: NET.draw(focus=[x]), "`focus` is the path of a layer, such as `layer1.0.conv1`, not list"),
    "expand": (lambda x: NET.draw(expand=x), "`expand` is a list of paths of blocks, not "),
    "one of expand": (lambda x: NET.page(expand=[x]), "`expand` is a list of paths of blocks, and one of them is "),
    "near": (lambda x: NET.sizes({"H": x}), "`near` is a mapping of names to whole numbers, not "),
    "pass": (NET.apply, "`passes` is a pass, such as `head(10)`, not "),
    "new weights": (NET.new_weights, "`passes` is a pass, such as `head(10)`, not "),
    "head": (lambda x: NET.to_torch(weights="x", head=[x]), "`head` is a list of names of layers, and one of them is "),
    "weights": (lambda x: NET.load_weights(torch.nn.Identity(), x), "`path` is the name of a file, not "),
}
THINGS = (b"bytes", None, object(), 1.5j)


@pytest.mark.parametrize("name", WRONG)
def test_what_is_of_the_wrong_type_is_refused_with_what_is_wanted(name: str) -> None:
    call, said = WRONG[name]
    for thing in THINGS:
        with pytest.raises(TypeError) as raised:
            call(thing)
        assert said in str(raised.value)


def test_a_single_text_is_no_list_of_texts() -> None:
    for call in (lambda: NET.draw(expand="b1"), lambda: NET.to_torch(weights="x", head="fc1")):
        with pytest.raises(TypeError, match=r"not str 'b1'|not str 'fc1'"):
            call()


def test_a_word_that_is_none_of_the_choices_is_refused_with_all_of_them() -> None:
    with pytest.raises(ValueError, match="'fine' is no detail: it is one of stage, block, layer, op"):
        NET.draw(detail="fine")
    with pytest.raises(ValueError, match="'int8' is no dtype: it is one of float64, float32, bfloat16, float16"):
        NET.time("t4", dtype="int8")


@pytest.mark.parametrize(
    "value", [_DEEP, _CYCLE, _WIDE, [0] * 100_001, [[0] * 1000] * 1000], ids=["deep", "cycle", "wide", "long", "square"]
)
def test_a_list_without_end_passes_a_limit(value: Any) -> None:
    with pytest.raises(ArchError) as raised:
        archdsl.parse(TEXT, classes=value)
    assert raised.value.is_limit


@pytest.mark.parametrize("number", [10**400, -(10**400), 10**18 + 1, float("inf"), float("nan")])
def test_a_number_that_is_too_large_is_refused(number: float) -> None:
    with pytest.raises(ArchError, match="too large"):
        archdsl.parse(TEXT, classes=number)


@pytest.mark.parametrize("size", [(3, 8, 10**400), (3, 8, 0), (3, -8, 8), (), (1,) * 5])
def test_a_size_that_is_none_is_refused_as_what_was_given(size: tuple[int, ...]) -> None:
    with pytest.raises(ArchError, match=r"E0414 \(.*\) is no size: one to four sizes from 1 on") as raised:
        archdsl.parse(TEXT, input=size)
    (found,) = raised.value.diagnostics
    assert found.place is not None
    assert found.place.text == "input 8x8x3"


def test_a_path_where_nothing_stands_is_refused_by_pictures_too() -> None:
    for call in (
        lambda: NET.draw(focus="nope"),
        lambda: NET.draw(expand=["b1", "b1.nope"]),
        lambda: NET.explain("nope"),
    ):
        with pytest.raises(ArchError, match="nope"):
            call()


# --- hyper-parameters -------------------------------------------------------------------------------------------------

COLLIDING = "net n(name=3, text=2, net=1, c=4) { input 8x8x3\n conv3-(name + text + net) -> conv3-c }"


def test_hyperparameters_are_given_by_keyword_or_as_a_mapping() -> None:
    assert archdsl.load("lenet5", settings={"classes": 7}).params == archdsl.load("lenet5", classes=7).params
    both = archdsl.parse(COLLIDING, settings={"name": 5, "net": 2}, c=2)
    assert both.outputs["y"].channels == 2
    assert both.module.steps[0].outputs[0].channels == 9
    assert pickle.loads(pickle.dumps(both)).params == both.params
    assert archdsl.sketch(text=COLLIDING, settings={"text": 7}).module.steps[0].outputs[0].channels == 11


@pytest.mark.parametrize(
    "call",
    [
        lambda: archdsl.parse(COLLIDING, name="x"),
        lambda: archdsl.parse(COLLIDING, net="n"),
        lambda: archdsl.sketch(text=COLLIDING),
        lambda: archdsl.parse("net n(limits=3) { input 8x8x3\n conv3-limits }", limits=archdsl.Limits(layers=9)),
        lambda: archdsl.parse("net n(input=3) { input 8x8x3\n conv3-input }", input=(3, 9, 9)),
    ],
)
def test_a_keyword_that_is_a_hyperparameter_too_is_not_taken_for_one_of_them(call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="is a keyword of this call, and a hyper-parameter of the network: give"):
        call()


def test_a_hyperparameter_is_given_once() -> None:
    with pytest.raises(ValueError, match="`c` is given twice, by keyword and in `settings`"):
        archdsl.parse(COLLIDING, c=1, settings={"c": 2})
    with pytest.raises(TypeError, match="`settings` is a mapping of names to values"):
        archdsl.parse(COLLIDING, settings=[("c", 2)])  # pyright: ignore[reportArgumentType]
