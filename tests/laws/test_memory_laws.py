"""Laws of memory that every operator keeps, against real torch: what lives while it runs, what autograd keeps of it, and
the buffers that it holds, to the byte. Where torch does as it likes, the reason is given and what is known is a bound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.interpreter import BATCH, applied, called, module, tensor
from laws.test_operators import drawn, shared
from laws.watched import held, kept, peak
from programme import examples
from torch import Tensor, nn

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.text import Place, Source, Span
from archdsl.emit.torch.forward import schedule
from archdsl.facts.memory import Inference, Sizes, Training, buffers
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops import OPERATORS, OperatorClass
from archdsl.ops.attention import Attention, DotAttention, WindowAttention
from archdsl.ops.conv import Deconv
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator
from archdsl.ops.recurrent import Recurrent
from archdsl.ops.torchcall import Layer, Learned

SIZES = Sizes(BATCH, 4)
# a recurrent layer is a loop of small operators, or of oneDNN with memory of its own: see `test_recurrent_layers`
LAWFUL = tuple(each for each in OPERATORS.classes if not issubclass(each, Recurrent))
_NOWHERE = Place(Source("law.arch", ""), Span(0, 0))


def is_exact(operator: Operator[Any], xs: tuple[TensorType, ...]) -> bool:
    """Whether torch takes just what the figures say, and not more, nor less.

    Values that are not as wide as keys go another way, and so does a single head with dropout; masks are made in
    several steps, and a transposed convolution of three axes may be laid out anew. Whole networks with masks and shifted windows are in `tests/test_memory.py`.
    """
    match operator:
        case Attention() | DotAttention():
            return not {"values", "mask"} & {*operator.given} and not (operator.dropout and operator.heads == 1)
        case WindowAttention():
            return operator.heads > 1 and not operator.shift
        case Deconv():
            return xs[0].rank < 3
        case _:
            return True


def alone(operator: Operator[Any], xs: tuple[TensorType, ...], outputs: tuple[TensorType, ...]) -> Module:
    """A network of one operator."""
    wires = tuple(Wire(INPUT, port) for port in range(len(xs)))
    names = tuple(f"x{port}" for port in range(len(xs)))
    step = Step("layer", operator, wires, xs, outputs, _NOWHERE)
    ends = tuple(Wire(0, port) for port in range(len(outputs)))
    return Module("law", xs, (step,), ends, _NOWHERE, {}, is_network=True, input_names=names)


def runner(
    operator: Operator[Any], xs: tuple[TensorType, ...]
) -> tuple[Callable[[list[Tensor]], object], list[Tensor]]:
    """What runs an operator in training mode or out of it, and its weights and buffers."""
    call = operator.torch(operator.operand(xs))
    others = {name: nn.Parameter(each) for name, each in shared(operator).items()}
    if isinstance(call, Layer):
        made = module(call)
        return (lambda tensors: called(made.train(torch.is_grad_enabled()), call, tensors)), held(made)
    if isinstance(call, Learned):
        learned = nn.Parameter(torch.full(call.shape, call.fill))
        if call.function == "expand":
            return (lambda tensors: learned.expand(tensors[0].shape[0], *call.shape[1:])), [learned]
        return (lambda tensors: learned * tensors[0]), [learned]
    return (lambda tensors: applied(call, tensors, others)), list(others.values())


def known(case: tuple[Operator[Any], tuple[TensorType, ...]]) -> tuple[Operator[Any], tuple[TensorType, ...], Module]:
    """A case that the operator takes, as a network."""
    operator, xs = case
    note(f"{operator} on {', '.join(f'{each.kind} {each}' for each in xs)}")
    try:
        outputs = operator.results(xs)
    except Reject:
        assume(False)
        raise
    return operator, xs, alone(operator, xs, outputs)


@pytest.mark.parametrize("cls", LAWFUL, ids=lambda cls: cls.word)
@examples(6, 1_000)
@given(st.data())
def test_what_lives_at_once_is_what_torch_holds(cls: OperatorClass, data: st.DataObject) -> None:
    operator, xs, network = known(data.draw(drawn(cls)))
    assume(is_exact(operator, xs))
    run, weights = runner(operator, xs)
    tensors = [tensor(each) for each in xs]
    assert Inference(SIZES, schedule).peak(network) == peak(lambda: run(tensors), tensors, weights)


@pytest.mark.parametrize("cls", LAWFUL, ids=lambda cls: cls.word)
@examples(6, 1_000)
@given(st.data())
def test_what_is_kept_is_what_autograd_keeps(cls: OperatorClass, data: st.DataObject) -> None:
    operator, xs, network = known(data.draw(drawn(cls)))
    assume(is_exact(operator, xs))
    given_arguments = operator.arguments()
    # torch refuses to train without eps, and takes a short cut where all is dropped
    assume(given_arguments.get("eps") != 0)
    assume(given_arguments.get("dropout") != 1)
    run, weights = runner(operator, xs)
    facts = Training(SIZES)
    given_ = facts.of(network, tuple(each.kind not in {Kind.TOKENS, Kind.MASK} for each in xs))
    needed = sum(SIZES.of(kind) for kind, read in zip(xs, given_.reads, strict=True) if read)
    ours = needed + given_.inside + sum(each.size for each in given_.results if each.kept)
    tensors = [each.requires_grad_(each.is_floating_point()) for each in map(tensor, xs)]
    assert ours == kept(lambda: run(tensors), weights)


@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
@examples(3, 100)
@given(st.data())
def test_buffers_are_those_of_the_layer(cls: OperatorClass, data: st.DataObject) -> None:
    operator, xs, network = known(data.draw(drawn(cls)))
    call = operator.torch(operator.operand(xs))
    made = list(module(call).buffers()) if isinstance(call, Layer) else []
    assert buffers(network, SIZES, training=True) == sum(each.nbytes for each in made)


@pytest.mark.parametrize("word", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(("length", "features"), [(50, 64), (20, 8)])
def test_recurrent_layers(word: str, layers: int, bidirectional: bool, length: int, features: int) -> None:
    """What lives at once within a tenth. What an Elman or a gated layer keeps, to the byte; of an LSTM oneDNN keeps more
    than the gates and states that there are, in a form of its own."""
    operator = OPERATORS[word](width=32, layers=layers, bidirectional=bidirectional)  # type: ignore[call-arg]
    xs = (TensorType.sequence(length, features),)
    network = alone(operator, xs, operator.results(xs))
    run, weights = runner(operator, xs)
    (x,) = tensors = [torch.rand(BATCH, length, features)]
    assert Inference(SIZES, schedule).peak(network) == pytest.approx(peak(lambda: run([x]), tensors, weights), rel=0.1)
    ours, real = Training(SIZES).kept(network), kept(lambda: run(tensors), weights)
    assert real / 5 < ours < real if word == "lstm" else ours == real
