"""Laws of passes, on the networks of the zoo and on random ones: what promises equality gives it, and no tensor is lost."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.changed import NEAR, Changed, as_coloured, assert_same, difference, run, sample, seen
from laws.generators import PROGRAMS, text
from laws.interpreter import module
from laws.test_operators import OPERATORS, inputs, operators
from programme import examples, zoo
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

import archdsl
from archdsl import ArchError, Network
from archdsl.elaborate.library import zoo_names
from archdsl.graph.module import Module
from archdsl.ops import OperatorClass
from archdsl.ops.faults import Reject
from archdsl.ops.torchcall import Layer, Learned
from archdsl.passes.ends import head_of
from archdsl.passes.moving import names
from archdsl.passes.resize_positions import Interpolated

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
# multiplications and additions from which on a network of the zoo is run on small images
LARGE = 500_000_000
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


def modest(name: str) -> Network:
    """A network of the zoo in its own size, but a large one on images that are as small as it takes."""
    if name in SMALL:
        return small(name)
    if name == "seq2seq":  # its words and widths are gigabytes
        return archdsl.load(name, source=20, target=15, width=8, layers=2, length=6)
    net = archdsl.load(name)
    height, width = next(iter(net.inputs.values())).grid or (1, 1)
    for size in ((64, 96), (128, 160)) if net.macs > LARGE and height * width > 128 * 160 else ():
        with suppress(ArchError):
            return archdsl.load(name, input=(3, *size))
    return net


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


@pytest.mark.parametrize(
    "between",
    [
        "relu", "gelu", "scale(0.5)", "dropout", "drop_path", "identity", "pool", "avgpool", "gap(keep=true)", "gmp(keep=true)",
        "adaptiveavgpool(3)", "adaptivemaxpool(3)", "upsample2", 'upsample2(mode="bilinear")', "pad(1)", "roll(1)",
        "channels_last -> channels_first", "to_sequence -> to_image(6)", "[relu -> pool2/1]*2", "residual(project=false) { relu }",
    ],
)  # fmt: skip
@pytest.mark.parametrize("wanted", [1, 4, 8, 12])
def test_what_treats_each_channel_alike_may_stand_before_a_convolution(between: str, wanted: int) -> None:
    net = archdsl.parse(f"INPUT[6x7x4] -> {between} -> conv3-5 -> bn -> relu")
    made = refused_or(lambda: Changed(net, f"input-channels({wanted})"))
    if made is None:
        assert between.startswith("residual")
    else:
        assert_same_effect(made, wanted)


@pytest.mark.parametrize(
    "between",
    ["softmax", "log_softmax", "lrn", "ln(affine=false)", "gn(2, affine=false)", "channel_shuffle(2)"],
)
@pytest.mark.parametrize("wanted", [1, 8])
def test_what_works_across_channels_may_not(between: str, wanted: int) -> None:
    net = archdsl.parse(f"INPUT[6x7x4] -> {between} -> conv3-5")
    with pytest.raises(ArchError) as refused:
        net.apply(f"input-channels({wanted})")
    assert_says_where(refused.value)


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
    for training in (False, True):
        assert_gives_what_is_there(made, middle(net), training=training)


def assert_gives_what_is_there(made: Changed, *paths: str, training: bool) -> int:
    """That a truncated network gives the tensors that the layers at some paths of the whole one give; of how many that
    can be seen. What is no module of its own in PyTorch, or gives several tensors, has no place to look at."""
    parts = dict(made.model.named_modules())
    calls: dict[str, list[Any]] = {path: [] for path in paths}
    handles = [
        parts[path].register_forward_hook(lambda _layer, _given, output, at=calls[path]: at.append(copied(output)))
        for path in paths
        if path in parts
    ]
    resting = [name for name, each in parts.items() if isinstance(each, _DropoutNd)]
    run(made.model, made.xs, training=training, resting=resting)
    found = run(made.made, made.xs, training=training, resting=resting).outputs
    for each in handles:
        each.remove()
    told = [
        (each[-1], output) for each, output in zip(calls.values(), found, strict=True) if each and each[-1] is not None
    ]
    assert all(one.shape == other.shape and difference(one, other) < NEAR for one, other in told)
    return len(told)


def copied(output: Any) -> torch.Tensor | None:
    """What a layer gives, before another one overwrites it."""
    return output.clone() if isinstance(output, torch.Tensor) else None


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
def test_what_comes_into_another_head_is_what_came_into_the_old_one(name: str) -> None:
    net = small(name)
    made = refused_or(lambda: Changed(net, "head(7)"))
    if made is None:
        assert name in {"bert", "gpt2", "transformer"}
        return
    assert {kind.channels for kind in made.changed.outputs.values()} == {7}
    assert_another_head(made)


def assert_another_head(made: Changed) -> None:
    """That the last layers are new, and all that comes into them is what it was."""
    heads, new = head_of(made.net.module), made.net.new_weights(*made.passes)
    assert {name.rpartition(".")[0] for name in new} >= set(heads)
    for training in (False, True):
        before, now = (seen(each, heads, made.xs, training=training) for each in (made.model, made.made))
        # what comes into a head that follows another is not what it was
        state = made.model.state_dict()
        made.model.load_state_dict({name: value + 1 if name in new else value for name, value in state.items()})
        other = seen(made.model, heads, made.xs, training=training)
        made.model.load_state_dict(state)
        pairs = [
            (one, each)
            for path in heads
            for one, two, each in zip(before[path], other[path], now[path], strict=True)
            if torch.equal(one, two)
        ]
        assert pairs
        assert all(one.shape == each.shape and difference(one, each) < NEAR for one, each in pairs)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("channels", [1, 2, 5, 6])
def test_an_image_of_other_channels_has_the_effect_that_timm_gives_it(name: str, channels: int) -> None:
    net = small(name)
    made = refused_or(lambda: Changed(net, f"input-channels({channels})"))
    if made is None:
        assert name in {"bert", "gpt2", "seq2seq_attention", "transformer"}
        return
    x = sample(*made.changed.inputs.values())
    assert x.shape[1] == channels
    coloured = as_coloured(x, net.module.inputs[0].channels)
    assert max(made.differences(old=[coloured], new=[x])) < NEAR
    assert max(made.differences(old=[coloured], new=[x], training=True)) < NEAR


@pytest.mark.parametrize("name", SMALL)
def test_a_network_widened_by_one_is_the_same_network(name: str, tmp_path: Path) -> None:
    made = Changed(small(name), "widen(1)")
    made.assert_read_back(tmp_path)
    assert_same_when_loaded(made)


def assert_same_when_loaded(made: Changed) -> None:
    """That a network whose weights a pass made new is the old one once it has the old weights."""
    assert made.net.new_weights(*made.passes) == tuple(dict.fromkeys(names(made.net.module)))
    assert (made.changed.params, made.changed.macs) == (made.net.params, made.net.macs)
    assert made.changed.outputs == made.net.outputs
    made.made.load_state_dict(made.model.state_dict())
    made.assert_equal()
    made.assert_equal(training=True)


@pytest.mark.parametrize("name", ["vit", "swin", "resnet"])
def test_positions_of_the_grid_that_is_there_stay_as_they_are(name: str, tmp_path: Path) -> None:
    net = small(name)
    height, width = net.module.inputs[0].grid
    made = refused_or(lambda: Changed(net, f"resize-positions({height}, {width})"))
    if made is None:
        assert name in {"swin", "resnet"}
        return
    assert not net.new_weights(*made.passes)
    assert all(torch.equal(value, made.made.state_dict()[name]) for name, value in made.model.state_dict().items())
    made.assert_equal()
    made.assert_equal(training=True)
    made.assert_read_back(tmp_path)


def test_positions_that_are_alike_along_an_axis_stay_so() -> None:
    for height, width in ((64, 96), (16, 32), (80, 48)):
        assert_positions(small("vit"), height, width)


def assert_positions(net: Network, height: int, width: int, patch: int = 16) -> None:
    """That learned positions which differ along one axis of the grid alone still do after another size, and those of
    tokens before the grid are what they were."""
    word = f"resize-positions({height}, {width})"
    model = net.to_torch(dtype=torch.float64)
    state = model.state_dict()
    (name,) = (name for name, value in net.moved(state, word).weights.items() if value.shape != state[name].shape)
    old, new = (tuple(size // patch for size in each) for each in (net.module.inputs[0].grid, (height, width)))
    *_, length, features = state[name].shape
    before = length - prod(old)
    for axis in (0, 1):
        along = torch.randn(1 if axis else old[0], old[1] if axis else 1, features, dtype=torch.float64)
        tokens = torch.randn(before, features, dtype=torch.float64)
        positions = torch.cat([tokens, along.expand(*old, features).flatten(0, 1)]).view_as(state[name])
        made = net.moved({**state, name: positions}, word).weights[name].flatten(0, -2)
        assert torch.equal(made[:before], tokens)
        grid = made[before:].unflatten(0, new)
        other = grid.narrow(1 - axis, 0, 1)
        assert torch.allclose(grid, other.expand_as(grid), rtol=0, atol=NEAR)
        assert new[axis] == 1 or not torch.allclose(grid, grid.narrow(axis, 0, 1).expand_as(grid))
    same = Interpolated(before, old, old).value({"positions": state[name]})
    assert torch.allclose(same, state[name], rtol=0, atol=NEAR)


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
    made = Changed(modest(name), word)
    made.assert_accounted()
    made.assert_equal()
    made.assert_equal(training=True, resting=made.left_out(*RESTING.get(word, ())))
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
@examples(5, 2_000)
@given(st.data())
def test_what_comes_into_another_head_of_a_random_network_is_what_it_was(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    made = refused_or(lambda: Changed(net, "head(7)"))
    if made is not None:
        assert_another_head(made)


@pytest.mark.parametrize("form", PROGRAMS)
@examples(5, 2_000)
@given(st.data())
def test_an_image_of_other_channels_has_the_same_effect_on_a_random_network(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    channels = net.module.inputs[0].channels
    wanted = data.draw(st.sampled_from([1, channels, 2 * channels, 3 * channels]))
    made = refused_or(lambda: Changed(net, f"input-channels({wanted})"))
    if made is None or made.changed.outputs != net.outputs:
        return  # without a convolution the other channels come out
    assert_same_effect(made, wanted)


def assert_same_effect(made: Changed, wanted: int) -> None:
    """That an image in one channel, or several times in many, does what it did in the channels that there were."""
    (old,), channels = made.xs, made.net.module.inputs[0].channels
    x = old[:, :1] if wanted == 1 else old.repeat(1, wanted // channels, *[1] * (old.dim() - 2))
    coloured = old[:, :1].expand_as(old) if wanted == 1 else old
    resting = [name for name, each in made.model.named_modules() if isinstance(each, _DropoutNd)]
    for training in (False, True):
        assert max(made.differences(old=[coloured], new=[x], training=training, resting=resting)) < 1e-11


@pytest.mark.parametrize("form", PROGRAMS)
@examples(5, 2_000)
@given(st.data())
def test_a_random_network_widened_by_one_is_the_same_network(form: str, data: st.DataObject) -> None:
    assert_same_when_loaded(Changed(drawn(form, data), "widen(1)"))


@pytest.mark.parametrize("form", PROGRAMS)
@examples(12, 2_000)
@given(st.data())
def test_other_passes_account_for_every_tensor_of_random_networks(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    word = data.draw(st.sampled_from(ANY))
    note(word)
    made = refused_or(lambda: Changed(net, word))
    if made is not None:
        made.assert_accounted()


@pytest.mark.parametrize("form", PROGRAMS)
@examples(8, 2_000)
@given(st.data())
def test_a_backbone_of_a_random_network_gives_what_is_there(form: str, data: st.DataObject) -> None:
    net = drawn(form, data)
    paths = [*net.module.names(), *members(net)]
    at = data.draw(st.lists(st.sampled_from(paths), min_size=1, max_size=3, unique=True))
    note(str(at))
    made = Changed(net, f"truncate({', '.join(at)})")
    made.assert_accounted()
    for training in (False, True):
        assert_gives_what_is_there(made, *at, training=training)


def members(net: Network) -> list[str]:
    """The paths of the members of a network's rows."""
    rows = [step.name for step in net.module.steps if isinstance(step.what, Module) and step.what.indexed]
    model = net.to_torch(device="meta")
    return [f"{row}.{name}" for row in rows if row for name, _ in model.get_submodule(row).named_children()]


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
    assert moved.new == net.new_weights(*words)
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
