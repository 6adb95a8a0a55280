"""Networks of the operators on sequences: traced, exported, built on the meta device, and with what they start from."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import archdsl
from archdsl.algebra.tensors import Kind
from archdsl.network import Network

NETS = {
    "embedding": "INPUT[tokens(9)] -> embedding-8(30) -> fc-4",
    "tied": "input tokens(9)\nshare words = embedding-8(30)\nwords -> fc-8 -> tied(words)",
    "position_embedding": "INPUT[(9, 8)] -> position_embedding",
    "positional_encoding": "INPUT[(9, 8)] -> positional_encoding",
    "param": 'input (9, 8)\nx = fc-8\nt = x -> param((1, 8), mean=1, deviation=0.5) as t\nconcat("positions") { t | x }',
    "rnn": "INPUT[(9, 8)] -> rnn-6(act=relu)",
    "gru": "input (9, 8)\ny, h = gru-6(states=true)\nh -> final",
    "lstm": "input (9, 8)\ny, h, c = lstm-6(layers=2, states=true)\ny -> fc-8 -> lstm-6(h, c, layers=2)",
    "final": "input (9, 8)\ny, h = gru-6(bidirectional=true, states=true)\nh -> final(bidirectional=true)",
    "attention": "INPUT[(9, 8)] -> attention(2, causal=true)",
    "cross": "input x: (9, 8)\ninput y: (7, 8)\ny -> attention(x, heads=2, causal=true)",
    "mask": "input t: tokens(9)\np = t -> padding_mask(29)\nt -> embedding-8(30) -> attention(2, mask=p, causal=true)",
    "dot_attention": "input q: (9, 8)\ninput k: (7, 8)\ninput v: (7, 4)\nq -> dot_attention(k, v, heads=2)",
    "window_attention": "INPUT[sequence(9, 6, 8)] -> window_attention(2, window=4, shift=2)",
    "space_to_depth": "INPUT[sequence(9, 6, 8)] -> space_to_depth -> ln",
    "map": "INPUT[4x6x8] -> space_to_depth -> roll(1) -> channels_last -> fc-8 -> channels_first -> reshape((8, 6))",
    "row": "INPUT[4x6x8] -> to_sequence -> transpose -> fc-24 -> transpose -> to_image(4) -> to_sequence -> select(-1)",
    "split": "input (9, 8)\na, b = fc-8 -> split(2)\na -> mul { a | b }",
    "group": "input x: (9, 8)\ninput y: (7, 8)\nm = y -> ln\nx -> [residual { attention(m, heads=2) }]*3 -> ln",
}


def inputs(net: Network, device: str = "cpu") -> tuple[Tensor, ...]:
    def one(kind: Any) -> Tensor:
        if kind.kind is Kind.TOKENS:
            return torch.randint(0, 30, (2, *kind.shape), device=device)
        return torch.randn(2, *kind.shape, device=device)

    return tuple(map(one, net.inputs.values()))


@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights")  # of torch's own recurrent layers
@pytest.mark.parametrize("name", NETS)
def test_networks_on_sequences_are_traced_exported_and_made_without_memory(name: str) -> None:
    net = archdsl.parse(NETS[name])
    torch.manual_seed(0)
    model, xs = net.to_torch().eval(), inputs(net)
    with torch.no_grad():
        wanted = model(*xs)
        assert tuple(wanted.shape) == (2, *next(iter(net.outputs.values())).shape)
        assert torch.equal(torch.fx.symbolic_trace(model)(*xs), wanted)
        exported = torch.export.export(model, xs).module()
        torch.testing.assert_close(exported(*xs), wanted, rtol=0, atol=1e-6)
        empty = net.to_torch(device="meta").eval()
        assert empty(*inputs(net, "meta")).shape == wanted.shape
    assert sum(each.numel() for each in empty.parameters()) == net.params
    # a model that was made without memory starts like any other
    filled = empty.to_empty(device="cpu")
    for each in filled.modules():
        if hasattr(each, "reset_parameters"):
            each.reset_parameters()
    for name_, buffer in model.named_buffers():
        assert torch.equal(filled.get_buffer(name_), buffer)


def test_dropout_of_attention_leaves_its_weights_out_while_training() -> None:
    for text in ("attention(2, dropout=1)", "attention(2, dropout=1, causal=true)"):
        model = archdsl.parse(f"INPUT[(9, 8)] -> {text} -> relu").to_torch()
        x = torch.randn(2, 9, 8)
        assert not model.train()(x).any()  # and the bias is zero
        assert model.eval()(x).any()
    model = archdsl.parse("input q: (9, 8)\nq -> dot_attention(q, dropout=1)").to_torch()
    assert not model.train()(torch.randn(2, 9, 8)).any()


# what works by chance while training
CHANCE = {
    "attention": "attention(2, dropout=0.5)",
    "attention to another": "attention(x, heads=2, dropout=0.5)",
    "dot attention": "dot_attention(x, dropout=0.5)",
    "causal dot attention": "dot_attention(x, heads=2, causal=true, dropout=0.5)",
    "a recurrent layer": "gru-8(layers=2, dropout=0.5)",
    "numbers": "dropout(0.5)",
    "channels": "dropout(0.5, channels=true)",
    "samples": "drop_path(0.5)",
    "noise": "sample { | x }",
}


@pytest.mark.parametrize("what", CHANCE)
def test_nothing_is_left_to_chance_but_in_training(what: str) -> None:
    torch.manual_seed(0)
    model = archdsl.parse(f"net n {{\n input sequence(6, 8)\n x = fc-8\n x -> {CHANCE[what]}\n}}").to_torch()
    x = torch.randn(4, 6, 8)
    assert not torch.equal(model.train()(x), model(x))
    assert torch.equal(model.eval()(x), model(x))


def test_dropout_of_a_recurrent_layer_is_between_its_layers() -> None:
    model = archdsl.parse("INPUT[(9, 8)] -> lstm-6(layers=2, dropout=0.25) as body").to_torch()
    assert next(model.children()).dropout == 0.25


def test_a_learned_tensor_starts_from_its_distribution() -> None:
    torch.manual_seed(0)
    net = archdsl.parse("INPUT[3] -> param((100, 100), mean=2, deviation=0.5) as t")
    weight = dict(net.to_torch().named_parameters())["t"]
    assert weight.mean().item() == pytest.approx(2, abs=0.03)
    assert weight.std().item() == pytest.approx(0.5, abs=0.03)


IN_ROWS = {
    "a row of layers that start from a state": "input (5, 8)\n y, h, c = lstm-8(states=true)\n y -> [lstm-8(h, c)]*3",
    "a state in a row": "input (5, 8)\n y, h = gru-8(states=true)\n h -> [final -> fc-3] as top",
    "tokens in a row": "input t: tokens(5)\n m = t -> [padding_mask] as mask\n t -> embedding-8(20) -> attention(2, mask=m)",
    "rows in rows": "input (5, 8)\n m = fc-8\n [[attention(m) as a -> relu] as b -> relu -> attention(m)] as c",
    "an output of training": "input (5, 8)\n a = fc-4\n y = a -> lstm-8\n z = a -> fc-3\n output z\n output y (train)",
}


@pytest.mark.parametrize("name", IN_ROWS)
def test_what_is_no_module_stands_in_rows_all_the_same(name: str) -> None:
    net = archdsl.parse(f"net n {{\n {IN_ROWS[name]}\n}}")
    x = torch.randn(2, 5, 8) if "tokens" not in IN_ROWS[name] else torch.randint(0, 20, (2, 5))
    results = net.to_torch().train()(x)
    kinds = [*net.outputs.values(), *net.train_outputs.values()]
    found = results if isinstance(results, tuple) else (results,)
    assert [tuple(each.shape[1:]) for each in found] == [kind.shape for kind in kinds]


@pytest.mark.parametrize(
    "text",
    [
        "block head(e) = tied(e)\nnet n {\n input t: tokens(5)\n share w = embedding-8(20)\n t -> w -> head(w)\n}",
        "net n {\n input t: tokens(5)\n share w = embedding-8(20)\n t -> w -> [dropout -> tied(w)] as head\n}",
    ],
)
def test_shared_weights_are_used_in_the_class_that_has_them(text: str) -> None:
    with pytest.raises(archdsl.ArchError, match="E0409"):
        archdsl.parse(text)


def test_a_repeat_that_takes_other_tensors_sees_as_far_as_what_is_written_out() -> None:
    repeated, written = (
        archdsl.parse(f"net n {{\n input 64x64x8\n m = conv1-8\n m -> {body}\n}}")
        for body in (
            "[residual { conv3-8 | m }]*6",
            "[" + " -> ".join(["residual { conv3-8 | m }"] * 6) + "] as r",
        )
    )
    assert (
        [row.seen for row in repeated.summary(1).rows] == [row.seen for row in written.summary(1).rows] == ["1", "13"]
    )


SMALL = {"vocabulary": 20, "length": 5, "depth": 2, "width": 16, "heads": 2}
EXPORTED = {
    "transformer": {**SMALL, "mlp": 32},
    "gpt2": SMALL,
    "seq2seq_attention": {"vocabulary": 20, "length": 5, "width": 8, "layers": 2},
    "swin": {"input": (3, 64, 96), "width": 12, "depths": [2, 2, 2, 2], "heads": [1, 2, 2, 2], "classes": 5},
}


@pytest.mark.parametrize("name", [*list(EXPORTED)[:-1], pytest.param("swin", marks=pytest.mark.long)])
def test_onnx_of_sequences_gives_the_same_numbers(name: str) -> None:
    import onnxruntime

    torch.manual_seed(0)
    net = archdsl.load(name, **EXPORTED[name])
    model = net.to_torch().eval()
    xs = [
        torch.randint(1, 20, (3, *kind.shape)) if kind.kind is Kind.TOKENS else torch.randn(3, *kind.shape)
        for kind in net.inputs.values()
    ]
    session = onnxruntime.InferenceSession(net.to_onnx(model))
    given = {each.name: x.numpy() for each, x in zip(session.get_inputs(), xs, strict=True)}
    (found,) = session.run(None, given)
    with torch.no_grad():
        assert torch.allclose(torch.from_numpy(found), model(*xs), rtol=1e-5, atol=1e-5)
