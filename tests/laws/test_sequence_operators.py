"""The operators on sequences against torch's own layers, torchvision's, and formulas written out, in float64."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
import torch
from laws.interpreter import called, module, results, run
from torch import Tensor, nn

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.ops import OPERATORS
from archdsl.ops.arguments import SharedLayer, bind
from archdsl.ops.torchcall import Layer

ROW = TensorType.sequence
N, T, S, D = 3, 7, 5, 24
PRECISE = {"rtol": 0.0, "atol": 1e-12}


def random(kind: TensorType) -> Tensor:
    """A batch of numbers; of a state, whose batch is its second axis."""
    if kind.kind is Kind.STATE:
        return torch.randn(kind.shape[0], N, kind.shape[1], dtype=torch.float64)
    return torch.randn(N, *kind.shape, dtype=torch.float64)


def made(
    word: str, x: TensorType, operands: Mapping[str, TensorType] | None = None, **arguments: object
) -> tuple[nn.Module, Layer]:
    """The layer of an operator with random weights, and its call."""
    operator = bind(OPERATORS[word], arguments, frozenset(operands or ()))
    call = operator.torch(operator.operand((x, *(operands or {}).values())))
    assert isinstance(call, Layer)
    torch.manual_seed(0)
    layer = module(call).double()
    for each in layer.parameters():
        nn.init.normal_(each, std=0.5)
    return layer, call


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    torch.manual_seed(1)
    with torch.no_grad():
        yield


# --- attention --------------------------------------------------------------------------------------------------------


def padding(length: int) -> Tensor:
    """Which positions are padding: another number at the end of each sample, at least one is not."""
    return torch.arange(length) >= torch.tensor([[length], [length - 1], [2]])


@pytest.mark.parametrize("heads", [1, 4])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("crossing", [True, False])
def test_attention_is_that_of_torch(heads: int, bias: bool, causal: bool, masked: bool, crossing: bool) -> None:
    length = S if crossing else T
    operands = {"memory": ROW(S, D)} if crossing else {}
    if masked:
        operands["mask"] = TensorType((length,), Kind.MASK)
    layer, call = made("attention", ROW(T, D), operands, heads=heads, bias=bias, causal=causal)
    theirs = nn.MultiheadAttention(D, heads, bias=bias, batch_first=True).double().eval()
    theirs.load_state_dict(layer.state_dict())

    x, memory, mask = random(ROW(T, D)), random(ROW(S, D)), padding(length)
    xs = [x, *([memory] if crossing else []), *([mask] if masked else [])]
    seen = memory if crossing else x
    later = torch.ones(T, length, dtype=torch.bool).triu(1) if causal else None
    wanted, _ = theirs(x, seen, seen, key_padding_mask=mask if masked else None, attn_mask=later, need_weights=True)
    (actual,) = called(layer, call, xs)
    torch.testing.assert_close(actual, wanted, **PRECISE)


@pytest.mark.parametrize("heads", [1, 3])
@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize("masked", [True, False])
def test_dot_attention_is_a_weighted_mean_of_the_values(heads: int, causal: bool, valued: bool, masked: bool) -> None:
    kinds = {"keys": ROW(S, D)}
    if valued:
        kinds["values"] = ROW(S, 9)
    if masked:
        kinds["mask"] = TensorType((S,), Kind.MASK)
    layer, call = made("dot_attention", ROW(T, D), kinds, heads=heads, causal=causal)
    q, k = random(ROW(T, D)), random(ROW(S, D))
    v = random(ROW(S, 9)) if valued else k
    mask = padding(S)

    heads_out: list[Tensor] = []
    for a, b, c in zip(q.chunk(heads, -1), k.chunk(heads, -1), v.chunk(heads, -1), strict=True):
        scores = a @ b.transpose(1, 2) / math.sqrt(D / heads)
        if causal:
            scores[:, torch.ones(T, S, dtype=torch.bool).triu(1)] = -torch.inf
        if masked:
            scores.masked_fill_(mask[:, None], -torch.inf)
        heads_out.append(scores.softmax(-1) @ c)
    (actual,) = called(layer, call, [q, k, *([v] if valued else []), *([mask] if masked else [])])
    torch.testing.assert_close(actual, torch.cat(heads_out, -1), **PRECISE)


_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


@pytest.fixture(scope="module")
def swin() -> Any:
    """torchvision's Swin Transformer. Its wheel is made for CUDA; with these two schemas it imports on a CPU torch."""
    for name in ("nms", "qnms"):
        with suppress(RuntimeError):  # already there
            _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return pytest.importorskip("torchvision.models.swin_transformer")


@pytest.mark.parametrize(
    ("grid", "window", "shift"),
    [
        ((8, 12), 4, 0),
        ((8, 12), 4, 2),
        ((8, 12), 4, 1),
        ((9, 6), 4, 0),  # does not divide
        ((9, 6), 4, 2),
        ((4, 9), 4, 2),  # one window covers an axis
        ((3, 3), 4, 2),  # or all of it
    ],
)
def test_window_attention_is_that_of_torchvision(swin: Any, grid: tuple[int, int], window: int, shift: int) -> None:
    kind = TensorType((*grid, D), Kind.SEQUENCE)
    layer, call = made("window_attention", kind, heads=3, window=window, shift=shift)
    theirs = swin.ShiftedWindowAttention(D, [window] * 2, [shift] * 2, 3).double().eval()
    assert {name: each.shape for name, each in theirs.state_dict().items()} == {
        name: each.shape for name, each in layer.state_dict().items()
    }
    assert torch.equal(theirs.relative_position_index, layer.relative_position_index)
    theirs.load_state_dict(layer.state_dict())
    x = random(kind)
    (actual,) = called(layer, call, [x])
    torch.testing.assert_close(actual, theirs(x), **PRECISE)


@pytest.mark.parametrize("grid", [(6, 8), (5, 8), (6, 7), (5, 7)])
def test_space_to_depth_merges_patches_as_torchvision_does(swin: Any, grid: tuple[int, int]) -> None:
    kind = TensorType((*grid, 5), Kind.SEQUENCE)
    layer, _ = made("space_to_depth", kind)
    x = random(kind)
    theirs = swin._patch_merging_pad(x)
    assert torch.equal(layer(x), theirs)


# --- recurrent layers -------------------------------------------------------------------------------------------------

_RECURRENT = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


@pytest.mark.parametrize("word", _RECURRENT)
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("started", [True, False])
def test_recurrent_layers_are_those_of_torch(
    word: str, layers: int, bidirectional: bool, bias: bool, started: bool
) -> None:
    state = TensorType((layers * (1 + bidirectional), 6), Kind.STATE)
    names = ("h", "c") if word == "lstm" else ("h",)
    operands = dict.fromkeys(names, state) if started else {}
    options = {"bidirectional": bidirectional, "bias": bias}
    layer, call = made(word, ROW(T, D), operands, width=6, layers=layers, states=True, **options)
    theirs = _RECURRENT[word](D, 6, layers, batch_first=True, **options).double()
    theirs.load_state_dict(layer.state_dict())

    x, states = random(ROW(T, D)), [random(state) for _ in names]
    wanted, last = theirs(x, (tuple(states) if word == "lstm" else states[0]) if started else None)
    actual = called(layer, call, [x, *(states if started else [])])
    assert len(actual) == 1 + len(names)
    for ours, other in zip(actual, (wanted, *(last if word == "lstm" else (last,))), strict=True):
        torch.testing.assert_close(ours, other, **PRECISE)

    # what the last layer holds in the end, of both ways
    final = bind(OPERATORS["final"], {"bidirectional": bidirectional})
    forwards, backwards = wanted[:, -1, :6], wanted[:, 0, 6:]
    held = torch.cat([forwards, backwards], -1) if bidirectional else forwards
    torch.testing.assert_close(run(final.torch(state), [actual[1]]), held, **PRECISE)


def test_a_recurrent_layer_with_relu_is_one_in_a_row_too() -> None:
    operator = bind(OPERATORS["rnn"], {"width": 6, "act": "relu", "layers": 2})
    (y,) = results(operator.torch((ROW(T, D),)), [torch.randn(N, T, D)])
    assert y.min() == 0


# --- tokens and positions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [2, 6, 512])
def test_positional_encoding_is_that_of_the_paper(width: int) -> None:
    operator = bind(OPERATORS["positional_encoding"], {"length": 50})
    call = operator.torch(ROW(T, width))
    assert isinstance(call, Layer)
    layer = module(call)
    layer = layer.double()
    layer.reset_parameters()
    x = random(ROW(T, width))
    added = layer(x) - x
    for position in range(T):
        for i in range(width // 2):
            angle = position / 10_000 ** (2 * i / width)
            assert added[0, position, 2 * i].item() == pytest.approx(math.sin(angle), abs=1e-12)
            assert added[0, position, 2 * i + 1].item() == pytest.approx(math.cos(angle), abs=1e-12)


def test_a_position_embedding_adds_the_vector_of_each_position() -> None:
    layer, _ = made("position_embedding", ROW(T, D), length=T + 2)
    x = random(ROW(T, D))
    weight = layer.get_parameter("weight")
    assert torch.equal(layer(x), torch.stack([x[:, t] + weight[t] for t in range(T)], 1))


def test_tied_weights_give_a_score_for_each_token() -> None:
    weight = torch.randn(11, D, dtype=torch.float64)
    operator = bind(OPERATORS["tied"], {"layer": SharedLayer("words", (("weight", (11, D)),))})
    x = random(ROW(T, D))
    (actual,) = results(operator.torch(ROW(T, D)), [x], {"words.weight": weight})
    torch.testing.assert_close(actual, torch.einsum("ntd,vd->ntv", x, weight), **PRECISE)


def test_an_embedding_looks_up_and_a_padding_mask_compares() -> None:
    tokens = torch.tensor([[0, 4, 2], [2, 0, 0]])
    kind = TensorType((3,), Kind.TOKENS)
    layer, call = made("embedding", kind, vocabulary=5, width=D)
    assert torch.equal(called(layer, call, [tokens])[0], layer.get_parameter("weight")[tokens])
    mask = bind(OPERATORS["padding_mask"], {"token": 2})
    assert run(mask.torch(kind), [tokens]).tolist() == [[False, False, True], [True, False, False]]


# --- rearranging ------------------------------------------------------------------------------------------------------

_MAP = TensorType.image(6, 4, 5)
_GRID = TensorType((4, 5, 6), Kind.SEQUENCE)


@pytest.mark.parametrize(
    ("word", "kind", "arguments", "wanted"),
    [
        ("channels_last", _MAP, {}, lambda x: x.permute(0, 2, 3, 1)),
        ("channels_first", _GRID, {}, lambda x: x.permute(0, 3, 1, 2)),
        ("channels_first", ROW(4, 6), {}, lambda x: x.permute(0, 2, 1)),
        ("to_sequence", _MAP, {}, lambda x: x.reshape(N, 6, 20).permute(0, 2, 1)),
        ("to_sequence", _GRID, {}, lambda x: x.reshape(N, 20, 6)),
        ("to_image", ROW(20, 6), {"height": 4}, lambda x: x.permute(0, 2, 1).reshape(N, 6, 4, 5)),
        ("transpose", ROW(20, 6), {}, lambda x: x.permute(0, 2, 1)),
        ("reshape", _MAP, {"shape": (3, 40)}, lambda x: x.reshape(N, 3, 40)),
        ("reshape", _MAP, {"shape": 120}, lambda x: x.reshape(N, 120)),
        ("roll", _MAP, {"by": (1, -2)}, lambda x: x[:, :, [3, 0, 1, 2]][:, :, :, [2, 3, 4, 0, 1]]),
        ("roll", _GRID, {"by": 1}, lambda x: x[:, [3, 0, 1, 2]][:, :, [4, 0, 1, 2, 3]]),
        ("select", ROW(20, 6), {"position": 3}, lambda x: x[:, 3]),
        ("select", ROW(20, 6), {"position": -1}, lambda x: x[:, 19]),
        ("space_to_depth", TensorType.image(2, 4, 6), {}, lambda x: nn.functional.pixel_unshuffle(x, 2)),
    ],
)
def test_rearranging_is_what_a_person_would_write(word: str, kind: TensorType, arguments: Any, wanted: Any) -> None:
    x = random(kind)
    assert torch.equal(run(bind(OPERATORS[word], arguments).torch(kind), [x]), wanted(x))


@pytest.mark.parametrize("kind", [_MAP, _GRID, ROW(5, 6)])
def test_split_gives_the_parts_in_order(kind: TensorType) -> None:
    x = random(kind)
    parts = results(bind(OPERATORS["split"], {"parts": 3}).torch(kind), [x])
    channels = [slice(2 * part, 2 * part + 2) for part in range(3)]
    wanted = [x[:, each] if kind.kind is Kind.IMAGE else x[..., each] for each in channels]
    assert all(torch.equal(a, b) for a, b in zip(parts, wanted, strict=True))
