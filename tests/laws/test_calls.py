"""What an argument does, against the call that a person would write: no law can tell an argument that is ignored
everywhere from one that has no effect."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import permutations

import pytest
import torch
from laws.interpreter import module, run
from torch import Tensor, nn
from torch.nn import functional as F

import archdsl
from archdsl import ArchError, TensorType
from archdsl.ops import OPERATORS
from archdsl.ops.arguments import arguments
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Layer

IMAGE = "INPUT[9x12x6]"
ROW = "INPUT[11x6]"
SOLID = "INPUT[5x6x7x6]"
MEAN, STD = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)

CALLS: dict[str, tuple[str, Callable[[], nn.Module] | Callable[[Tensor], Tensor]]] = {
    "conv3-8": (IMAGE, lambda: nn.Conv2d(6, 8, 3, padding=1)),
    "conv1x3-8/2": (IMAGE, lambda: nn.Conv2d(6, 8, (1, 3), stride=2, padding=(0, 1))),
    "conv4-8": (IMAGE, lambda: nn.Conv2d(6, 8, 4)),
    "conv5x3-8(stride=(2, 3), p=(0, 2), dilation=(1, 2), groups=2, bias=false)": (
        IMAGE,
        lambda: nn.Conv2d(6, 8, (5, 3), (2, 3), (0, 2), (1, 2), 2, bias=False),
    ),
    "conv5-4(dilation=2)": (ROW, lambda: nn.Conv1d(6, 4, 5, padding=4, dilation=2)),
    "conv1x3x2-4(stride=(1, 2, 1))": (SOLID, lambda: nn.Conv3d(6, 4, (1, 3, 2), (1, 2, 1), (0, 1, 0))),
    "dwconv3/2(multiplier=2)": (IMAGE, lambda: nn.Conv2d(6, 12, 3, 2, 1, groups=6)),
    "dwconv3(p=0, dilation=(2, 1), bias=false)": (
        IMAGE,
        lambda: nn.Conv2d(6, 6, 3, dilation=(2, 1), groups=6, bias=False),
    ),
    "deconv3-4/2(p=1, output_padding=1, groups=2)": (IMAGE, lambda: nn.ConvTranspose2d(6, 4, 3, 2, 1, 1, 2)),
    "deconv2x3-4(stride=(1, 3), dilation=2, bias=false)": (
        IMAGE,
        lambda: nn.ConvTranspose2d(6, 4, (2, 3), (1, 3), dilation=2, bias=False),
    ),
    "pool": (IMAGE, lambda: nn.MaxPool2d(2, 2)),
    "pool3/2(p=1, ceil=true)": (IMAGE, lambda: nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
    "pool3x2(dilation=2)": (IMAGE, lambda: nn.MaxPool2d((3, 2), (3, 2), dilation=2)),
    "avgpool3": (IMAGE, lambda: nn.AvgPool2d(3)),
    "avgpool3/2(p=1)": (IMAGE, lambda: nn.AvgPool2d(3, 2, 1)),
    "avgpool3/2(p=1, count_include_pad=false)": (IMAGE, lambda: nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "avgpool2/2(ceil=true)": (IMAGE, lambda: nn.AvgPool2d(2, 2, ceil_mode=True)),
    "adaptiveavgpool((2, 5))": (IMAGE, lambda: nn.AdaptiveAvgPool2d((2, 5))),
    "adaptivemaxpool(4)": (IMAGE, lambda: nn.AdaptiveMaxPool2d(4)),
    "gap": (IMAGE, lambda x: x.mean((2, 3))),
    "gap(keep=true)": (IMAGE, lambda x: x.mean((2, 3), keepdim=True)),
    "gmp": (IMAGE, lambda x: x.amax((2, 3))),
    "gmp(keep=true)": (IMAGE, lambda x: x.amax((2, 3), keepdim=True)),
    "fc-4": ("INPUT[6]", lambda: nn.Linear(6, 4)),
    "fc-5(bias=false)": ("INPUT[6]", lambda: nn.Linear(6, 5, bias=False)),
    "flatten": (IMAGE, lambda x: x.flatten(1)),
    "bn(eps=0.5)": (IMAGE, lambda: nn.BatchNorm2d(6, eps=0.5)),
    "bn(momentum=0.3, affine=false)": (IMAGE, lambda: nn.BatchNorm2d(6, momentum=0.3, affine=False)),
    "ln(eps=0.5)": ("INPUT[6]", lambda: nn.LayerNorm(6, eps=0.5)),
    "ln(affine=false)": ("INPUT[6]", lambda: nn.LayerNorm(6, elementwise_affine=False)),
    "ln": (IMAGE, lambda x: F.layer_norm(x.permute(0, 2, 3, 1), (6,)).permute(0, 3, 1, 2)),
    "gn(groups=3, eps=0.5)": (IMAGE, lambda: nn.GroupNorm(3, 6, eps=0.5)),
    "gn(groups=2, affine=false)": (IMAGE, lambda: nn.GroupNorm(2, 6, affine=False)),
    "lrn": (IMAGE, lambda: nn.LocalResponseNorm(5)),
    "lrn(size=3, alpha=0.5, beta=0.6, k=2.5)": (IMAGE, lambda: nn.LocalResponseNorm(3, 0.5, 0.6, 2.5)),
    f"normalize({MEAN}, {STD})": (IMAGE, lambda x: (x - _channels(MEAN)) / _channels(STD)),
    "relu": (IMAGE, F.relu),
    "relu6": (IMAGE, F.relu6),
    "leaky_relu": (IMAGE, F.leaky_relu),
    "leaky_relu(0.3)": (IMAGE, lambda x: F.leaky_relu(x, 0.3)),
    "prelu": (IMAGE, nn.PReLU),
    "prelu(6)": (IMAGE, lambda: nn.PReLU(6)),
    "prelu(slopes=6)": ("INPUT[6]", lambda: nn.PReLU(6)),
    "elu(0.7)": (IMAGE, lambda x: F.elu(x, 0.7)),
    "selu": (IMAGE, F.selu),
    "gelu": (IMAGE, F.gelu),
    "scale(2.5)": (IMAGE, lambda x: 2.5 * x),
    'gelu(approximate="tanh")': (IMAGE, lambda x: F.gelu(x, approximate="tanh")),
    "silu": (IMAGE, F.silu),
    "mish": (IMAGE, F.mish),
    "hardswish": (IMAGE, F.hardswish),
    "hardsigmoid": (IMAGE, F.hardsigmoid),
    "sigmoid": (IMAGE, torch.sigmoid),
    "tanh": (IMAGE, torch.tanh),
    "softplus": (IMAGE, F.softplus),
    "softmax": (IMAGE, lambda x: x.softmax(1)),
    "log_softmax": (IMAGE, lambda x: x.log_softmax(1)),
    "identity": (IMAGE, lambda x: x),
    "layer_scale(0.25)": (IMAGE, lambda x: 0.25 * x),
    "channels_last": (IMAGE, lambda x: x.permute(0, 2, 3, 1)),
    "upsample2": (IMAGE, lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3)),
    "upsample2x3": (IMAGE, lambda x: x.repeat_interleave(2, 2).repeat_interleave(3, 3)),
    "upsample(size=(13, 7))": (IMAGE, lambda x: F.interpolate(x, (13, 7))),
    'upsample2(mode="linear")': (IMAGE, lambda x: F.interpolate(x, scale_factor=2, mode="bilinear")),
    'upsample(size=(13, 17), mode="bicubic", align_corners=true)': (
        IMAGE,
        lambda x: F.interpolate(x, (13, 17), mode="bicubic", align_corners=True),
    ),
    "pad((1, 3))": (IMAGE, lambda x: F.pad(x, (3, 3, 1, 1))),
    "pad((1, 2, 3))": (SOLID, lambda x: F.pad(x, (3, 3, 2, 2, 1, 1))),
    "pad(before=2)": (ROW, lambda x: F.pad(x, (2, 0))),
    "pad(1, before=(0, 3), after=(2, 4))": (IMAGE, lambda x: F.pad(x, (3, 4, 0, 2))),
    "pad_channels(1, 4)": (IMAGE, lambda x: F.pad(x, (0, 0, 0, 0, 1, 4))),
    "pad_channels(after=2)": (SOLID, lambda x: F.pad(x, (0, 0, 0, 0, 0, 0, 0, 2))),
    "slice(1, 5)": (IMAGE, lambda x: x[:, 1:5]),
    "slice(3)": (IMAGE, lambda x: x.chunk(2, dim=1)[1]),
    "slice(stop=4, start=2)": (IMAGE, lambda x: x.chunk(3, dim=1)[1]),
    # channels 0, 2 and 4 are the first of each group
    "channel_shuffle(groups=3)": (IMAGE, lambda x: x[:, [0, 2, 4, 1, 3, 5]]),
}

# on two images, of 9x12 and 5x7 positions
PAIRS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "crop": lambda x, _: x[:, :, 2:7, 2:9],
    "crop(offset=3)": lambda x, _: x[:, :, 3:8, 3:10],
    "resize": lambda x, y: F.interpolate(x, y.shape[2:]),
    'resize(mode="linear")': lambda x, y: F.interpolate(x, y.shape[2:], mode="bilinear"),
    'resize(mode="bicubic", align_corners=true)': lambda x, y: F.interpolate(
        x, y.shape[2:], mode="bicubic", align_corners=True
    ),
}


def test_sequences_come_one_after_the_other_along_their_positions() -> None:
    cls, kinds = OPERATORS["concat"], (TensorType.sequence(2, 6), TensorType.sequence(3, 6))
    a, b = torch.rand(2, 2, 6), torch.rand(2, 3, 6)
    assert torch.equal(run(cls(along="positions").torch(kinds), [a, b]), torch.cat([a, b], 1))


def _channels(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values)[:, None, None]


def layer(text: str, size: str) -> tuple[Operator[object], TensorType]:
    """The one operator of a text, and what comes into it."""
    (step,) = archdsl.parse(f"{size} -> {text}", input=_size(size)).module.steps
    assert isinstance(step.what, Operator)
    return step.what, step.input_types[0]


def merge(text: str) -> tuple[Operator[object], tuple[TensorType, ...]]:
    """The one operator of a text on two images, and what comes into it."""
    net = archdsl.parse(f"net n {{ input x: 9x12x6\n input y: 5x7x2\n {text} {{ x | y }} }}")
    (step,) = net.module.steps
    assert isinstance(step.what, Operator)
    return step.what, step.input_types


def _size(text: str) -> TensorType:
    *grid, channels = map(int, text.removeprefix("INPUT[").removesuffix("]").split("x"))
    return TensorType.image(channels, *grid) if grid else TensorType.vector(channels)


@pytest.mark.parametrize("text", CALLS)
def test_the_call_is_the_one_that_a_person_would_write(text: str) -> None:
    size, reference = CALLS[text]
    operator, kind = layer(text, size)
    torch.manual_seed(0)
    x = torch.randn(2, *kind.shape)
    call = operator.torch(operator.operand((kind,)))
    wanted = reference if _is_function(reference) else reference()  # type: ignore[call-arg]
    if not isinstance(wanted, nn.Module):
        assert torch.allclose(run(call, [x]), wanted(x), atol=1e-6)  # type: ignore[operator]
        return
    assert isinstance(call, Layer)
    made, wanted = module(call), wanted.eval()
    for each in wanted.state_dict().values():
        each.copy_(torch.rand_like(each) + 0.5 if each.is_floating_point() else each)
    made.load_state_dict(wanted.state_dict())
    with torch.no_grad():
        assert torch.equal(made(x), wanted(x))
    assert made.extra_repr() == wanted.extra_repr()


@pytest.mark.parametrize("text", PAIRS)
def test_the_call_on_two_images_is_the_one_that_a_person_would_write(text: str) -> None:
    operator, kinds = merge(text)
    xs = [torch.randn(2, *kind.shape) for kind in kinds]
    assert torch.equal(run(operator.torch(operator.operand(kinds)), xs), PAIRS[text](*xs))


def _is_function(reference: object) -> bool:
    """Whether a reference is applied to a tensor; the others make a module."""
    code = getattr(reference, "__code__", None)
    return not isinstance(reference, type) and (code is None or code.co_argcount > 0)


def test_every_argument_of_every_operator_is_used_in_a_call() -> None:
    """An argument that nobody tries out here could be ignored for ever."""
    tried: dict[str, set[str]] = {}
    for text, (size, _) in CALLS.items():
        operator, _ = layer(text, size)
        tried.setdefault(operator.word, set()).update(operator.arguments())
    for text in PAIRS:
        operator, _ = merge(text)
        tried.setdefault(operator.word, set()).update(operator.arguments())
    shown_elsewhere = {("concat", "along"), ("dropout", "p"), ("dropout", "channels"), ("drop_path", "p")}
    # test_sequence_operators.py tries these, and tests/test_sequences.py
    sequential = ("split", "embedding", "attention", "dot_attention", "window_attention", "padding_mask", "param")
    sequential += ("rnn", "gru", "lstm", "final", "tied", "position_embedding", "positional_encoding")
    sequential += ("to_image", "reshape", "roll", "select", "space_to_depth")
    for cls in OPERATORS.classes:
        if cls.word in sequential:
            continue
        missing = {(cls.word, name) for name in arguments(cls)} - {(cls.word, name) for name in tried.get(cls.word, ())}
        assert missing <= shown_elsewhere, missing


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("dropout", nn.Dropout(0.5)),
        ("dropout(0.2)", nn.Dropout(0.2)),
        ("dropout(0.1, channels=true)", nn.Dropout2d(0.1)),
    ],
)
def test_what_dropout_does_while_training(text: str, wanted: nn.Module) -> None:
    operator, kind = layer(text, IMAGE)
    call = operator.torch(operator.operand((kind,)))
    assert isinstance(call, Layer)
    made = module(call).train()
    x = torch.rand(2, *kind.shape)
    torch.manual_seed(3)
    first = made(x)
    torch.manual_seed(3)
    assert torch.equal(first, wanted.train()(x))
    assert type(made) is type(wanted)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [("add", lambda a, b: a + b), ("mul", lambda a, b: a * b), ("concat", lambda a, b: torch.cat([a, b], 1))],
)
def test_branches_meet_in_their_order(word: str, wanted: Callable[[Tensor, Tensor], Tensor]) -> None:
    cls = OPERATORS[word]
    kind = TensorType.image(6, 3, 4)
    a, b = torch.rand(2, 6, 3, 4), torch.rand(2, 6, 3, 4)
    assert torch.equal(run(cls().torch((kind, kind)), [a, b]), wanted(a, b))


@pytest.mark.parametrize("shapes", [*permutations([(6, 3, 4), (6, 1, 1), (1, 3, 1)]), ((1, 3, 4), (6, 1, 1))], ids=str)
def test_a_size_of_one_stretches_whichever_branch_has_it(shapes: tuple[tuple[int, ...], ...]) -> None:
    kinds = tuple(TensorType.image(*shape) for shape in shapes)
    operator, xs = OPERATORS["mul"](), [torch.rand(2, *shape) for shape in shapes]
    wanted = reduce(torch.mul, xs)
    assert operator.result(kinds).shape == wanted.shape[1:]
    assert torch.equal(run(operator.torch(kinds), xs), wanted)


@pytest.mark.parametrize("p", [0.0, 0.25, 1.0])
def test_drop_path_leaves_out_whole_samples_and_scales_the_others(p: float) -> None:
    torch.manual_seed(0)
    operator, kind = layer(f"drop_path({p})", IMAGE)
    call = operator.torch(operator.operand((kind,)))
    assert isinstance(call, Layer)
    made, x = module(call), torch.ones(4_000, *kind.shape)
    assert torch.equal(made(x), x)
    dropped = made.train()(x)
    samples = dropped.flatten(1)
    assert torch.equal(samples.amin(1), samples.amax(1))
    assert {round(each, 6) for each in samples[:, 0].tolist()} <= {0.0, round(1 / (1 - p), 6) if p < 1 else 0.0}
    assert (samples[:, 0] == 0).float().mean().item() == pytest.approx(p, abs=0.03)


def test_sample_gives_the_mean_and_while_training_a_normal_number_around_it() -> None:
    cls, kind = OPERATORS["sample"], TensorType.vector(2)
    mean = torch.tensor([3.0, -1.0]).repeat(40_000, 1).requires_grad_()
    log_variance = torch.tensor([4.0, 0.25]).log().repeat(40_000, 1).requires_grad_()
    call = cls().torch((kind, kind))
    assert isinstance(call, Layer)
    made = module(call)
    assert torch.equal(made(mean, log_variance), mean)
    torch.manual_seed(0)
    drawn = made.train()(mean, log_variance)
    assert drawn.mean(0).tolist() == pytest.approx([3.0, -1.0], abs=0.05)
    assert drawn.var(0).tolist() == pytest.approx([4.0, 0.25], rel=0.05)
    drawn.sum().backward()
    assert mean.grad is not None
    assert log_variance.grad is not None
    # mean + exp(v/2)*noise has the derivatives 1 and (what was drawn - mean)/2
    assert torch.equal(mean.grad, torch.ones_like(mean))
    assert torch.allclose(log_variance.grad, (drawn - mean).detach() / 2, atol=1e-6)


def test_channels_come_last_and_first_again() -> None:
    net = archdsl.parse("INPUT[5x6x7x6] -> channels_last -> channels_first")
    x = torch.randn(2, 6, 5, 6, 7)
    assert [step.outputs[0].shape for step in net.module.steps] == [(5, 6, 7, 6), (6, 5, 6, 7)]
    assert torch.equal(net.to_torch()(x), x)


# --- arguments that no hierarchy can hold -----------------------------------------------------------------------------

FAILING = {
    "net n(c) { input 8x8x3\n relu }": "E0203",
    "net n(c=zz) { input 8x8x3\n relu }": "E0202",
    "block f(xs) = relu\nnet n { input 8x8x3\n f([zz]) }": "E0202",
    "block f(xs) = relu\nnet n { input 8x8x3\n f([1, [1/0]]) }": "E0206",
    "block g(m) = relu\nblock f(b) = relu\nnet n { input 8x8x3\n f(g(m=zz)) }": "E0202",
    "block f(b) = relu\nnet n { input 8x8x3\n f(leaky_relu(zz)) }": "E0202",
}
HOLDING_TENSORS = (
    "block f(xs) = relu\nnet n { input 8x8x3\n f([in]) -> conv3-4 }",
    "block f(xs) = relu\nnet n { input 8x8x3\n f([1, [in]]) -> conv3-4 }",
    "block g(m) = relu\nblock f(b) = relu\nnet n { input 8x8x3\n f(g(m=in)) -> conv3-4 }",
    "block f(op) = relu\nnet n { input 8x8x3\n share h = conv3-3\n f(tied(h)) -> conv3-4 }",
)


@pytest.mark.parametrize(("text", "code"), FAILING.items())
def test_an_argument_that_fails_deep_inside_is_one_fault(text: str, code: str) -> None:
    with pytest.raises(ArchError) as caught:
        archdsl.parse(text)
    assert [each.code for each in caught.value.diagnostics] == [code]
    assert archdsl.sketch(text=text).errors


@pytest.mark.parametrize("text", HOLDING_TENSORS)
def test_an_argument_that_holds_a_tensor_is_none_of_the_module(text: str) -> None:
    net = archdsl.parse(text)
    assert net.params == 112
    assert net.source()
    assert net.structure()
    assert not net.diff(archdsl.parse(text))
