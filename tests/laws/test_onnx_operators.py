"""Every operator through ONNX: onnxruntime gives PyTorch's numbers, or a diagnostic names the layer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from laws.test_operators import drawn

import archdsl
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.text import Place, Source, Span
from archdsl.compiled import Compiled
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.network import Network
from archdsl.ops import OPERATORS, OperatorClass
from archdsl.ops.arguments import SharedLayer
from archdsl.ops.faults import Reject
from archdsl.ops.operator import Operator

runtime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

_TRIED = 4
_SOURCE = Source("operator.arch", "operator")
_PLACE = Place(_SOURCE, Span(0, 8))
Case = tuple[Operator[Any], tuple[TensorType, ...]]


def cases(cls: OperatorClass) -> list[Case]:
    """Some forms of an operator that it takes."""
    found: list[Case] = []

    @settings(
        max_examples=200,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn(cls))
    def look(case: Case) -> None:
        operator, xs = case
        # what uses the weights of another layer does not stand alone, and one word says nothing
        if any(isinstance(each, SharedLayer) for each in operator.arguments().values()):
            return
        if operator.arguments().get("vocabulary", 2) < 2:
            return
        with suppress(Reject):
            operator.results(xs)
            found.append(case)

    look()
    return found[:: max(1, len(found) // _TRIED)][:_TRIED]


def network(case: Case) -> Network:
    """The network of one layer."""
    operator, xs = case
    outputs = operator.results(xs)
    step = Step("layer", operator, tuple(Wire(INPUT, index) for index in range(len(xs))), xs, outputs, _PLACE)
    given_back = tuple(Wire(0, index) for index in range(len(outputs)))
    names = tuple(f"x{index}" for index in range(len(xs)))
    module = Module("operator", xs, (step,), given_back, _PLACE, {}, is_network=True, input_names=names)
    return Network(Compiled.of(module, _SOURCE))


def batch_of(kind: TensorType, batch: int) -> torch.Tensor:
    match kind.kind:
        case Kind.TOKENS:
            return torch.randint(2, (batch, *kind.shape))
        case Kind.MASK:
            return torch.arange(kind.shape[0]).expand(batch, -1) >= torch.randint(1, 9, (batch, 1))
        case Kind.STATE:
            return torch.randn(kind.shape[0], batch, kind.shape[1])
        case _:
            return torch.randn(batch, *kind.shape)


@pytest.mark.long
@pytest.mark.parametrize("cls", OPERATORS.classes, ids=lambda cls: cls.word)
def test_an_operator_has_the_same_numbers_in_onnx_or_is_named(cls: OperatorClass) -> None:
    torch.manual_seed(0)
    for case in cases(cls):
        net = network(case)
        model = net.to_torch().eval()
        try:
            data = net.to_onnx(model)
        except archdsl.ArchError as refused:
            (found,) = refused.diagnostics
            assert (found.code, found.fault.path, found.place) == ("E0831", "layer", _PLACE)  # type: ignore[attr-defined]
            continue
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        xs = [batch_of(kind, 5) for kind in case[1]]
        with torch.no_grad():
            made = model(*xs)
        wanted = made if isinstance(made, tuple) else (made,)
        names = {each.name for each in session.get_inputs()}
        given_ = {name: x.numpy() for name, x in zip(net.inputs, xs, strict=True) if name in names}
        for one, other in zip(wanted, session.run(None, given_), strict=True):
            # a norm over one number divides by nearly nothing
            torch.testing.assert_close(torch.as_tensor(other), one, rtol=1e-4, atol=1e-3, equal_nan=True)
