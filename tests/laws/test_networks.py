"""Laws of whole networks, on random ones: their shapes are torch's, and what does not change the meaning changes nothing."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import networkx as nx
import pytest
import torch
from hypothesis import assume, given, note
from hypothesis import strategies as st
from laws.generators import AS_MADE, PROGRAMS, Program, Writing, programs, text
from laws.interpreter import BATCH, applied, module, sizes
from programme import examples
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import archdsl
from archdsl import ArchError, Network, TensorType
from archdsl.algebra.fields import Field
from archdsl.algebra.windows import Window
from archdsl.facts.receptive import ReceptiveFields, start
from archdsl.graph.module import Module
from archdsl.ops import OPERATORS
from archdsl.ops.arguments import bind
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import Layer


def compiled(program: Program, how: Writing = AS_MADE) -> Network:
    written = text(program, how)
    note(written)
    return archdsl.parse(written)


# --- against torch ----------------------------------------------------------------------------------------------------


class Flat(nn.Module):
    """The flat graph of a network as a module that runs it, node by node."""

    def __init__(self, graph: nx.MultiDiGraph[str]) -> None:
        super().__init__()
        self.graph = graph
        self.layers: dict[str, Any] = {}
        for node, facts in graph.nodes(data=True):
            if facts["kind"] == "operator":
                call = self.call(node)
                self.layers[node] = module(call) if isinstance(call, Layer) else call
        self.kept = nn.ModuleList(each for each in self.layers.values() if isinstance(each, nn.Module))

    def call(self, node: str) -> Any:
        operator, types = self.operator(node)
        return operator.torch(operator.operand(types))

    def operator(self, node: str) -> tuple[Operator[Any], tuple[TensorType, ...]]:
        facts = self.graph.nodes[node]
        types = tuple(TensorType.of(each["shape"]) for *_, each in self.graph.in_edges(node, data=True))
        return bind(OPERATORS[facts["operator"]], facts["arguments"]), types

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for node in nx.topological_sort(self.graph):
            incoming = [values[source] for source, _ in self.graph.in_edges(node)]
            layer = self.layers.get(node)
            if layer is None:
                (values[node],) = incoming or [x]
            else:
                values[node] = layer(*incoming) if isinstance(layer, nn.Module) else applied(layer, incoming)
        return values


@pytest.mark.parametrize("form", PROGRAMS)
@examples(350, 35_000)
@given(st.data())
def test_every_shape_and_count_is_that_of_torch(form: str, data: st.DataObject) -> None:
    program = data.draw(PROGRAMS[form]())
    net = compiled(program)
    graph = net.graph
    assert [each.shape for each in net.outputs.values()] == [program.output]
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        flat = Flat(graph)
        values = flat(torch.zeros(BATCH, *program.size))
    for node, facts in graph.nodes(data=True):
        assert sizes(values[node]) == facts["shape"], node
        layer = flat.layers.get(node)
        made = sum(each.numel() for each in layer.parameters()) if isinstance(layer, nn.Module) else 0
        assert made == facts.get("params", 0), node
    assert sum(each.numel() for each in flat.parameters()) == net.params == net.inference_params
    assert counter.get_total_flops() == 2 * BATCH * net.macs
    assert net.macs == net.train_macs == sum(facts.get("macs", 0) for _, facts in graph.nodes(data=True))
    assert len(flat.layers) == net.module.layers


# --- what does not change the meaning ---------------------------------------------------------------------------------


def meaning(net: Network) -> tuple[Any, ...]:
    """All there is to a network but names and places: its facts and its flat graph."""
    graph = net.graph
    number = {node: index for index, node in enumerate(graph)}
    nodes = tuple(
        (
            facts["kind"],
            facts.get("operator"),
            repr(facts.get("arguments")),
            facts["shape"],
            facts.get("params"),
            facts.get("macs"),
        )
        for _, facts in graph.nodes(data=True)
    )
    edges = tuple((number[a], number[b], facts["shape"]) for a, b, facts in graph.edges(data=True))
    return net.params, net.macs, tuple(net.outputs.values()), nodes, edges


@examples(300, 5_000)
@given(programs())
def test_a_repeat_is_what_it_writes_out(program: Program) -> None:
    assert meaning(compiled(program)) == meaning(compiled(program, Writing(unrolled=True)))


@examples(300, 5_000)
@given(PROGRAMS["hierarchies"]())
def test_a_block_is_what_stands_in_it(program: Program) -> None:
    assert meaning(compiled(program)) == meaning(compiled(program, Writing(inlined=True)))
    assert meaning(compiled(program)) == meaning(compiled(program, Writing(inlined=True, unrolled=True)))


@examples(300, 5_000)
@given(programs())
def test_names_mean_nothing(program: Program) -> None:
    assert meaning(compiled(program)) == meaning(compiled(program, Writing(renamed="other_")))


@examples(300, 5_000)
@given(PROGRAMS["hierarchies"](), st.data())
def test_the_order_of_definitions_means_nothing(program: Program, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(len(program.blocks) + 1)))
    net, other = compiled(program), compiled(program, Writing(order=tuple(order)))
    assert meaning(net) == meaning(other)
    assert list(net.graph) == list(other.graph)


@examples(300, 5_000)
@given(programs(), st.booleans())
def test_comments_and_line_ends_mean_nothing(program: Program, comments: bool) -> None:
    net = compiled(program)
    other = compiled(program, Writing(line="\r\n", comments=comments))
    assert meaning(net) == meaning(other)
    assert list(net.graph) == list(other.graph)


_LINES = """let a, b = [4, 8]
block u(c, s) = conv3-c/s -> relu
net n {
  input 8x8x4
  x, y = split(2)
  z = add { x | y -> identity } -> u(a, s=1)
  output x, z
}
"""
_BREAKS = [found.end() for found in re.finditer(r"->|[=,|{\[(]", _LINES)]


@pytest.mark.parametrize("breaks", [*([each] for each in _BREAKS), _BREAKS], ids=str)
def test_a_line_may_end_behind_what_asks_for_more(breaks: list[int]) -> None:
    written = "".join(f"{each}\n  " if at in breaks else each for at, each in enumerate(_LINES, 1))
    assert meaning(archdsl.parse(written)) == meaning(archdsl.parse(_LINES))


@examples(300, 5_000)
@given(programs())
def test_the_hierarchy_says_what_the_flat_graph_says(program: Program) -> None:
    """Facts are combined from distinct modules; the flat graph adds them up one by one."""
    net = compiled(program)
    facts = [each for _, each in net.graph.nodes(data=True) if each["kind"] == "operator"]
    assert net.params == sum(each["params"] for each in facts)
    assert net.macs == sum(each["macs"] for each in facts)
    assert net.module.layers == len(facts)


@examples(300, 5_000)
@given(programs(), st.integers(1, 3))
def test_a_shape_that_is_stated_is_checked(program: Program, more: int) -> None:
    """A wrong promise is found, and the right one is kept."""
    right = "x".join(map(str, (*program.output[1:], program.output[0])))
    wrong = "x".join(map(str, (*program.output[1:], program.output[0] + more)))
    written = text(program)
    body, end = written.rsplit("\n}", 1)
    assert archdsl.parse(f"{body} -> identity : {right}\n}}{end}").params == archdsl.parse(written).params
    with pytest.raises(ArchError) as raised:
        archdsl.parse(f"{body} -> identity : {wrong}\n}}{end}")
    (found,) = raised.value.diagnostics
    assert (found.code, found.place and found.place.text) == ("E0601", wrong)


@examples(100, 5_000)
@given(programs())
def test_a_block_called_twice_is_one_module(program: Program) -> None:
    """What the text shares, the compiler shares: twice the network is the same modules, and one call more."""
    assume(len(program.output) == 3)
    net = compiled(program)
    body = text(replace(program, name="whole")).replace("net whole {\n  input ", "block whole {\n  # input ")
    size = "x".join(map(str, (*program.size[1:], program.size[0])))
    written = f"{body}net both {{\n  input {size}\n  add {{ whole | whole }}\n}}\n"
    note(written)
    both = archdsl.parse(written)
    assert both.params == 2 * net.params
    assert both.macs == 2 * net.macs
    assert len(both.modules) == len(net.modules) + 1


# what is called, with the names of what it takes, and what stands before
CALLS = {
    "a block": ("b({})", ("c", "s", "g"), "block b(c, s, g) = conv3-c/s(groups=g)\n"),
    "a block with a default": ("b({})", ("c", "s", "g"), "block b(c, s, g=4) = conv3-c/s(groups=g)\n"),
    "a block that is a value": ("u(b({}))", ("c", "s", "g"), "block b(c, s, g) = conv3-c/s(groups=g)\nblock u(f) = f\n"),
    "an operator": ("lrn({})", ("size", "alpha", "beta", "k"), ""),
    "an operator that is a value": ("u(lrn({}))", ("size", "alpha", "beta", "k"), "block u(f) = f\n"),
    "a function": ("conv3-(f({}))", ("a", "b", "c"), "let f(a, b, c) = 6*a - 3*b + c - 6\n"),
}  # fmt: skip


@pytest.mark.parametrize("what", CALLS)
@examples(30, 1_000)
@given(st.data())
def test_a_call_means_the_same_however_it_is_written(what: str, data: st.DataObject) -> None:
    """Arguments by place and by name, in any order: one by place is for the first parameter that has none yet."""
    form, names, before = CALLS[what]
    values = dict(zip(names, (4, 1, 2, 3), strict=False))
    stated: list[str] = []
    given: list[str] = []
    for name in data.draw(st.permutations(names)):
        by_place = name == next(each for each in names if each not in given) and data.draw(st.booleans())
        stated.append(f"{values[name]}" if by_place else f"{name}={values[name]}")
        given.append(name)
    plain = form.replace("{}", ", ".join(f"{each}" for each in values.values()))
    written = f"{before}INPUT[8x8x4] -> {plain} -> {form.replace('{}', ', '.join(stated))}"
    note(written)
    one, other = archdsl.parse(written).module.steps
    assert one.what is other.what if isinstance(one.what, Module) else one.what == other.what


# --- receptive fields -------------------------------------------------------------------------------------------------

_SLIDING = (
    "conv3-1", "conv5-1/2", "conv1x3-1", "conv2-1(p=0)", "pool", "avgpool3/1(p=1)", "pool3/2(p=1)", "conv3-1(dilation=2)",
)  # fmt: skip


@st.composite
def slid(draw: st.DrawFn) -> str:
    """Windows after each other, some repeated and some in a residual connection."""
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 4))):
        word = draw(st.sampled_from(_SLIDING))
        parts.append(
            draw(st.sampled_from([word, f"[{word}]*2", "residual { conv3-1 -> conv1x3-1 }", "[conv3-1 -> relu]*2"]))
        )
    return " -> ".join(parts)


def positive(operator: Operator[Any], x: TensorType) -> nn.Module | None:
    """An operator with positive weights and means for maxima; None where it looks at nothing else than its position."""
    windows = operator.windows(operator.operand((x,)))
    if not windows:
        return None
    assert all(isinstance(each, Window) for each in windows)
    shape = [each.size for each in windows]
    made = nn.Conv2d(
        1, 1, (shape[0], shape[1]),
        stride=(windows[0].stride, windows[1].stride),
        padding=(windows[0].padding, windows[1].padding),
        dilation=(getattr(windows[0], "dilation", 1), getattr(windows[1], "dilation", 1)),
        bias=False,
    )  # fmt: skip
    nn.init.ones_(made.weight)
    return made


def gradient(net: Network, x: TensorType) -> tuple[set[int], set[int], tuple[int, int]]:
    """The rows and columns that the middle of the output depends on, and where that middle is."""
    graph = net.graph
    data = torch.ones(1, *x.shape, requires_grad=True, dtype=torch.float64)
    values: dict[str, Tensor] = {}
    flat = Flat(graph)
    for node in nx.topological_sort(graph):
        incoming = [values[source] for source, _ in graph.in_edges(node)]
        if graph.nodes[node]["kind"] != "operator":
            (values[node],) = incoming or [data]
            continue
        operator, types = flat.operator(node)
        if operator.variadic:
            values[node] = sum(incoming)  # type: ignore[assignment]
        else:
            made = positive(operator, types[0])
            values[node] = made.double()(incoming[0]) if made else incoming[0]
    result = values["output:y"]
    middle = (result.shape[2] // 2, result.shape[3] // 2)
    (found,) = torch.autograd.grad(result[(0, 0, *middle)], data)
    touched = found[0, 0].nonzero()
    return set(touched[:, 0].tolist()), set(touched[:, 1].tolist()), middle


@examples(60, 3_000)
@given(slid())
def test_the_receptive_field_is_the_support_of_the_gradient(chain: str) -> None:
    x = TensorType.image(1, 90, 111)
    note(chain)
    net = archdsl.parse(f"INPUT[90x111x1] -> {chain}")
    *touched, middle = gradient(net, x)
    ((fields),) = ReceptiveFields().module(net.module, (start(x),))
    for rows, field, unit, length in zip(touched, fields, middle, x.grid, strict=True):
        assert isinstance(field, Field)
        low, high = field.low + unit * field.jump, field.high + unit * field.jump
        assert low <= min(rows)
        assert max(rows) <= high
        # windows that hang over an end see less
        if low >= 0 and high < length:
            assert (min(rows), max(rows)) == (low, high)
            assert field.size == high - low + 1


def test_what_only_training_needs_is_counted_apart_at_any_depth() -> None:
    """A head inside a block inside a repeat: 4 to 8 channels, on maps of 8x8."""
    body, head = 4 * 4 * 9 + 4, 4 * 8 * 9 + 8
    net = archdsl.parse("""
        block headed {
          x = conv3-4
          a = x -> conv3-8
          y = x -> relu
          output y
          output a (train)
        }
        block twice {
          y, a = headed
          z, b = y -> headed
          output z
          output b (train)
        }
        net n {
          input 8x8x4
          y, a = twice
          output y
          output a (train)
        }
    """)
    assert net.params == 2 * (body + head)
    assert net.inference_params == 2 * body
    assert net.macs == 2 * 64 * 4 * 4 * 9
    assert net.train_macs == net.macs + 2 * 64 * 4 * 8 * 9
