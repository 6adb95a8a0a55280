"""Laws of passes, on the networks of the zoo and on random ones: what promises equality gives it, and no tensor is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.changed import Changed, assert_same, sample
from laws.generators import PROGRAMS, text
from laws.interpreter import module
from laws.test_operators import OPERATORS, inputs, operators
from programme import examples, zoo
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

import archdsl
from archdsl import ArchError, Network
from archdsl.graph.library import zoo_names
from archdsl.ops import OperatorClass
from archdsl.ops.faults import Reject
from archdsl.ops.torchcall import Layer, Learned
from archdsl.passes.ends import head_of

# small instances of the families of the zoo: all that they are made of, in little
SMALL: dict[str, dict[str, Any]] = {
    "bert": {"vocabulary": 20, "length": 6, "depth": 2, "width": 8, "heads": 2, "mlp": 12},
    "convnext": {"input": (3, 32, 32), "widths": [8, 12, 16, 20], "depths": [1, 1, 2, 1]},
    "densenet": {"input": (3, 32, 32), "k": 4, "depths": [2, 2, 1, 2], "stem": 8},
    "gpt2": {"vocabulary": 20, "length": 6, "depth": 2, "width": 8, "heads": 2},
    "lenet5": {},
    "mlp_mixer": {"input": (3, 32, 48), "depth": 2, "width": 8, "tokens_hidden": 5, "channels_hidden": 12},
    "mobilenet_v3_small": {"input": (3, 32, 48)},
    "resnet20": {},
    "resnet": {"input": (3, 32, 48), "depths": [1, 1, 2, 1]},
    "seq2seq_attention": {"vocabulary": 20, "width": 8, "layers": 2, "length": 6},
    "shufflenet_v2_x0_5": {"input": (3, 32, 32)},
    "swin": {"input": (3, 64, 96), "width": 12, "depths": [2, 1, 1, 1], "heads": [1, 2, 3, 4]},
    "transformer": {"vocabulary": 20, "length": 6, "depth": 2, "width": 8, "heads": 2, "mlp": 12},
    "unet": {"input": (1, 32, 48), "width": 4, "padding": 1},
    "vit": {"input": (3, 32, 48), "patch": 16, "depth": 2, "width": 8, "heads": 2, "mlp": 12},
}
EQUAL = ("drop-dropout", "fold-norm", "inference", "prune-dead", "init(xavier)", "fully-convolutional")
# what of these does in training what it does at inference, since it was left out or folded; all else is equal there too
RESTING: dict[str, tuple[type[nn.Module], ...]] = {
    "drop-dropout": (_DropoutNd,),
    "fold-norm": (_BatchNorm,),
    "inference": (_DropoutNd, _BatchNorm),
}
ANY = (
    *EQUAL,
    "head(7)",
    "widen(0.5)",
    "widen(3)",
    "input-channels(1)",
    "input-channels(5)",
    "resize-positions(64, 96)",
)


def small(name: str) -> Network:
    return archdsl.load(name, **SMALL[name])


def middle(net: Network) -> str:
    """A layer in the middle of a network that gives a tensor of one type."""
    names = net.module.names()
    return names[len(names) // 2]


# --- operators --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
@examples(4, 200)
@given(st.data())
def test_an_operator_names_all_tensors_of_its_state(cls: OperatorClass, data: st.DataObject) -> None:
    x = data.draw(inputs(cls))
    operator = data.draw(operators(cls, x))
    xs = (x,) * (2 if cls.variadic else 1) + tuple(x for _ in getattr(operator, "given", ()))
    try:
        operator.results(xs)
    except Reject:
        assume(False)
    call = operator.torch(operator.operand(xs))
    match call:
        case Layer():
            with torch.device("meta"):
                found = {name: tuple(value.shape) for name, value in module(call).state_dict().items()}
        case Learned(shape=shape):
            found = {"": tuple(shape)}
        case _:
            found = {}
    assert dict(operator.state(xs)) == found


# --- networks of the zoo ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("word", EQUAL)
def test_what_promises_equality_gives_it(name: str, word: str, tmp_path: Path) -> None:
    made = Changed(small(name), word)
    made.assert_tells()
    made.assert_accounted()
    made.assert_equal()
    made.assert_equal(training=True, resting=made.left_out(*RESTING.get(word, ())))
    made.assert_read_back(tmp_path)


@pytest.mark.parametrize("name", SMALL)
def test_a_backbone_gives_what_the_network_has_there(name: str, tmp_path: Path) -> None:
    net = small(name)
    made = Changed(net, f"truncate({middle(net)})")
    assert not net.new_weights(*made.passes)
    made.assert_accounted()
    made.assert_read_back(tmp_path)
    assert_gives_what_is_there(made, middle(net), training=False)
    assert_gives_what_is_there(made, middle(net), training=True)


def assert_gives_what_is_there(made: Changed, path: str, *, training: bool) -> None:
    """That a truncated network gives the tensor that the layer at a path of the whole one gives."""
    wires = [index for index, name in enumerate(made.net.module.names()) if name == path]
    rest = made.net.module.steps[wires[-1]]
    seen: list[Any] = []
    layer = dict(made.model.named_modules()).get(path)
    if layer is None or len(rest.outputs) > 1:
        return  # what is no module of its own in PyTorch has no place to look at
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    torch.manual_seed(1)
    with torch.no_grad():
        made.model.train(training)(*made.xs)
        torch.manual_seed(1)
        found = made.made.train(training)(*made.xs)
    handle.remove()
    assert torch.allclose(seen[-1] if torch.is_tensor(seen[-1]) else seen[-1][0], found, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", SMALL)
def test_another_head_leaves_everything_else(name: str, tmp_path: Path) -> None:
    net = small(name)
    if name in {"bert", "gpt2", "transformer"}:
        with pytest.raises(ArchError, match="E0804"):
            net.apply("head(7)")
        return
    made = Changed(net, "head(7)")
    made.assert_accounted()
    made.assert_read_back(tmp_path)
    new = net.new_weights("head(7)")
    assert {each.rpartition(".")[0] for each in new} == set(head_of(net.module))
    old, state = made.model.state_dict(), made.made.state_dict()
    assert all(torch.equal(old[each], state[each]) for each in state if each not in new)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("word", ["widen(0.5)", "widen(2)", "input-channels(1)", "input-channels(5)"])
def test_what_makes_other_shapes_makes_a_network_or_says_where_it_cannot(name: str, word: str, tmp_path: Path) -> None:
    net = small(name)
    try:
        made = Changed(net, word)
    except ArchError as error:
        assert_says_where(error)
        return
    made.assert_accounted()
    made.assert_read_back(tmp_path)
    with torch.no_grad():
        made.made.eval()(*map(sample, made.changed.inputs.values()))


def assert_says_where(error: ArchError) -> None:
    """That a refusal is one that a person can do something with."""
    for each in error.diagnostics:
        assert each.code in {"E0802", "E0803", "E0804"}
        assert each.place is not None
        assert each.place.text


@pytest.mark.parametrize("name", zoo())
@pytest.mark.parametrize("word", ANY)
def test_every_pass_on_every_network_accounts_for_every_tensor(name: str, word: str, tmp_path: Path) -> None:
    """Without numbers: names and shapes are those of the emitted module, and its file is read back as it is."""
    net = archdsl.load(name)
    try:
        changed = net.apply(word)
    except ArchError as error:
        assert_says_where(error)
        return
    with torch.device("meta"):
        state = changed.to_torch(device="meta").state_dict()
        moved = net.moved(net.to_torch(device="meta").state_dict(), word)
    assert {*moved.weights, *moved.new} == state.keys()
    for each, value in moved.weights.items():
        assert value.shape == state[each].shape
    (tmp_path / "back.py").write_text(changed.source(), encoding="utf-8")
    assert_same(archdsl.load(tmp_path / "back.py"), changed)


@pytest.mark.long
@pytest.mark.parametrize("name", zoo_names())
@pytest.mark.parametrize("word", EQUAL)
def test_what_promises_equality_gives_it_everywhere(name: str, word: str, tmp_path: Path) -> None:
    net = small(name) if name in SMALL else archdsl.load(name)
    made = Changed(net, word)
    made.assert_accounted()
    made.assert_equal()
    made.assert_read_back(tmp_path)


# --- random networks --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("word", EQUAL)
@examples(5, 2_000)
@given(st.data())
def test_what_promises_equality_gives_it_on_random_networks(form: str, word: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    made = refused_or(lambda: Changed(net, word))
    if made is None:
        assert word == "fully-convolutional"
        return
    made.assert_accounted()
    assert max(made.differences()) < 1e-11
    assert max(made.differences(training=True, resting=made.left_out(*RESTING.get(word, ())))) < 1e-11


@pytest.mark.parametrize("form", PROGRAMS)
@examples(20, 4_000)
@given(st.data())
def test_other_passes_account_for_every_tensor_of_random_networks(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    names = net.module.names()
    cut = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(
        lambda each: f"truncate({', '.join(each)})"
    )
    word = data.draw(st.one_of(st.sampled_from(ANY), cut))
    note(word)
    made = refused_or(lambda: Changed(net, word))
    if made is not None:
        made.assert_accounted()


@pytest.mark.parametrize("form", PROGRAMS)
@examples(8, 2_000)
@given(st.data())
def test_passes_one_after_the_other_are_passes_together(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    words = data.draw(st.lists(st.sampled_from(ANY), min_size=2, max_size=3))
    note(str(words))
    try:
        together = net.apply(*words)
    except ArchError as error:
        assert_says_where(error)
        return
    apart = net
    for word in words:
        apart = apart.apply(word)
    assert_same(apart, together)
    model = net.to_torch()
    moved = net.moved(model.state_dict(), *words)
    for word in words:
        model, net = net.convert(model, word), net.apply(word)
    state = model.state_dict()
    assert {*moved.weights, *moved.new} == state.keys()
    for name, value in moved.weights.items():
        assert torch.equal(value, state[name]), name


def drawn(form: str, data: st.DataObject) -> Network:
    written = text(data.draw(PROGRAMS[form]()))
    note(written)
    return archdsl.parse(written)


def refused_or(make: Callable[[], Changed]) -> Changed | None:
    """What is made, or None where a pass says why it cannot."""
    try:
        return make()
    except ArchError as error:
        assert_says_where(error)
        return None
