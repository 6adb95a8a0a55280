"""What operators say of themselves is so in PyTorch: passes, pictures and back ends go by it and know no class."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archdsl
from archdsl.algebra.tensors import Kind
from archdsl.graph.module import Step
from archdsl.ops import OPERATORS, OperatorClass
from archdsl.ops.torchcall import Apply, Layer
from archdsl.ops.traits import Joining
from archdsl.report.manual import example, sample

CLASSES = OPERATORS.classes


def step_of(operator: OperatorClass) -> Step:
    step = sample(operator)
    assert step is not None
    return step


def small(step: Step) -> str:
    """A text with the operator, with fewer numbers than its manual page has."""
    text = example(step)
    for much, few in (("56x56", "8x8"), ("30000", "40"), ("768", "24"), ("4096", "64")):
        text = text.replace(much, few)
    return text


def live(text: str) -> nn.Module:
    """The module of a text with weights and statistics that are not those of a fresh one, in double precision."""
    torch.manual_seed(0)
    model = archdsl.parse(text).to_torch(dtype=torch.float64)
    for each in model.parameters():
        nn.init.normal_(each)
    for name, each in model.named_buffers():
        if each.is_floating_point():
            each.copy_(torch.rand_like(each) + 0.5 if name.endswith("var") else torch.randn_like(each))
    return model


def inputs(text: str) -> list[Tensor]:
    torch.manual_seed(1)
    return [
        torch.randint(0, 9, (2, *kind.shape)) if kind.kind is Kind.TOKENS else torch.randn(2, *kind.shape).double()
        for kind in archdsl.parse(text).inputs.values()
    ]


def those(said: str) -> Any:
    """The operators that say something of themselves."""
    return pytest.mark.parametrize(
        "operator", [each for each in CLASSES if getattr(each, said)], ids=lambda each: each.word
    )


@pytest.mark.parametrize("operator", CLASSES, ids=lambda each: each.word)
def test_a_layer_is_what_a_row_can_hold(operator: OperatorClass) -> None:
    step = step_of(operator)
    call = step.what.torch(step.what.operand(step.input_types))
    assert operator.is_layer is (isinstance(call, Layer) or (isinstance(call, Apply) and call.layer is not None))


@those("overwritable")
def test_what_may_be_overwritten_is_written_over_and_gradients_stay(operator: OperatorClass) -> None:
    """The first of both goes through the activation in place, which the second has as it is."""
    text = f"{small(step_of(operator))} -> relu"
    model = live(text)
    (activation,) = [each for each in model.modules() if isinstance(each, nn.ReLU)]
    assert activation.inplace
    gradients: list[list[Tensor]] = []
    for activation.inplace in (True, False):
        model.zero_grad()
        xs = [each.requires_grad_() if each.is_floating_point() else each for each in inputs(text)]
        before = [each.detach().clone() for each in xs]
        # a sum of squares needs what comes out
        model(*xs).square().sum().backward()
        assert all(torch.equal(one, other) for one, other in zip(xs, before, strict=True))
        gradients.append([each.grad for each in (*xs, *model.parameters()) if each.grad is not None])
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("operator", CLASSES, ids=lambda each: each.word)
def test_what_shares_memory_or_is_needed_is_not_overwritten(operator: OperatorClass) -> None:
    step = step_of(operator)
    what, x = step.what, step.what.operand(step.input_types)
    spoken_for = what.keeps(x).output or what.shares(x, training=True) or what.shares(x, training=False)
    assert not (operator.overwritable and spoken_for)


@those("elementwise")
def test_what_works_on_each_number_by_itself_is_the_same_wherever_that_stands(operator: OperatorClass) -> None:
    text = example(step_of(operator)).partition("-> ")[2]
    on_a_map, on_a_vector = (live(f"INPUT[{size}] -> {text}").eval() for size in ("4x5x6", "120"))
    x = torch.randn(2, 6, 4, 5).double()
    order = torch.randperm(120)
    assert torch.equal(on_a_map(x).flatten(1), on_a_vector(x.flatten(1)))
    assert torch.equal(on_a_map(x).flatten(1)[:, order], on_a_vector(x.flatten(1)[:, order]))


@those("inert")
def test_what_is_inert_does_nothing_at_inference(operator: OperatorClass) -> None:
    text = example(step_of(operator))
    (x,) = inputs(text)
    assert torch.equal(live(text).eval()(x), x)
    drops = bool((live(text).train()(x) == 0).any())
    assert drops or not operator.drops


@those("ignores_input")
def test_what_ignores_its_input_gives_the_same_whatever_comes_in(operator: OperatorClass) -> None:
    text = example(step_of(operator))
    (x,) = inputs(text)
    model = live(text)
    assert torch.equal(model(x), model(x + 1))
    assert torch.equal(model(x)[0], model(x)[1])


@those("matrix")
def test_what_is_a_matrix_gives_weighted_sums_with_a_bias_of_each_channel(operator: OperatorClass) -> None:
    step = step_of(operator)
    text = small(step).partition("-> ")
    channels = step.outputs[0].channels
    assert operator.matrix is not None
    with_bias, without = (f"{text[0]}-> {_with_bias(text[2], word)}" for word in ("true", "false"))
    model, bare = live(with_bias), live(without)
    state = {name.rpartition(".")[2]: each for name, each in model.state_dict().items()}
    assert state.keys() == {"weight", "bias"}
    assert state["bias"].shape == (channels,)
    assert channels % state["weight"].shape[operator.matrix.outputs] == 0
    (x,) = inputs(with_bias)
    assert x.shape[1] % state["weight"].shape[operator.matrix.inputs] == 0
    bare.load_state_dict({name: each for name, each in model.state_dict().items() if not name.endswith("bias")})
    shape = (-1, *[1] * (model(x).dim() - 2))
    torch.testing.assert_close(bare(x) + state["bias"].view(shape), model(x))
    torch.testing.assert_close(bare(x - 2 * x.flip(0)), bare(x) - 2 * bare(x.flip(0)))


def _with_bias(text: str, word: str) -> str:
    head, opening, rest = text.partition("(")
    return f"{head}(bias={word}{', ' if opening else ''}{rest or ')'}"


@pytest.mark.parametrize("affine", [True, False])
def test_a_norm_rescales_each_channel_by_the_tensors_that_it_names(affine: bool) -> None:
    for operator in CLASSES:
        step = step_of(operator)
        if step.what.rescaling is None:
            continue
        text = f"INPUT[4x5x6] -> {operator.word}(eps=0.1, affine={str(affine).lower()})"
        what = archdsl.parse(text).module.steps[0].what.rescaling
        model = live(text).eval()
        state = {name.rpartition(".")[2]: each for name, each in model.state_dict().items()}
        mean, variance = state[what.mean], state[what.variance]
        x = torch.randn(2, 6, 4, 5).double()
        by_channel = x.movedim(1, -1)
        wanted = (by_channel - mean) / (variance + what.eps).sqrt()
        if affine:
            wanted = wanted * state[what.gain] + state[what.shift]
        torch.testing.assert_close(model(x), wanted.movedim(-1, 1))


@those("absorbs_bias")
def test_what_absorbs_a_bias_says_how_it_rescales(operator: OperatorClass) -> None:
    assert step_of(operator).what.rescaling is not None


def test_operators_that_join_do_it_as_they_say() -> None:
    x, y = (torch.randn(2, 3, 4, 5).double() for _ in range(2))
    wanted = {
        Joining.SUM: x + y,
        Joining.PRODUCT: x * y,
        Joining.CONCATENATION: torch.cat([x, y], 1),
    }
    found = {each.joins for each in CLASSES}
    assert found == {*wanted, Joining.OTHER}
    for operator in CLASSES:
        if operator.joins is not Joining.OTHER:
            text = f"input a: 4x5x3\ninput b: 4x5x3\n{operator.word} {{ a | b }}"
            torch.testing.assert_close(live(text)(x, y), wanted[operator.joins])


def test_a_vocabulary_is_as_large_as_it_says() -> None:
    sizes = {each.word: step_of(each).what.vocabulary_size for each in CLASSES}
    words = [word for word, size in sizes.items() if size is not None]
    assert words
    for word in words:
        model = live(f"input tokens(3)\n{word}-4(7)")
        assert model(torch.tensor([[0, 3, 6]])).shape == (1, 3, 4)
        with pytest.raises(IndexError):
            model(torch.tensor([[0, 3, 7]]))


@those("chooses_channels")
def test_what_chooses_its_channels_has_as_many_whatever_comes_in(operator: OperatorClass) -> None:
    """Attention gives as many as come in, through weights of its own."""
    step = step_of(operator)
    text = example(step)
    wider = re.sub(r"^(INPUT\[.*?)(\d+)(\)?\])", lambda found: f"{found[1]}{2 * int(found[2])}{found[3]}", text)
    (one,), (other,) = (archdsl.parse(each).outputs.values() for each in (text, wider))
    assert one.channels == other.channels or step.what.mixes
