"""Rows of layers that differ in numbers that go on evenly are loops in Python, and nothing else is."""

from __future__ import annotations

import pytest
import torch
from emitted import code_lines
from hypothesis import assume, given
from hypothesis import strategies as st
from programme import examples

import archdsl
from archdsl.algebra.traced import (
    Derived,
    Expression,
    Named,
    Traced,
    difference,
    evaluate,
    expression_of,
    progression,
    python,
)
from archdsl.emit.torch.print import flat_text
from archdsl.emit.torch.program import Hole, Label
from archdsl.graph.flat import layers

DENSE = """
    block layer(k) = concat {{ | bn -> relu -> conv3-k }}
    net n {{
      input 8x8x4
      conv3-{first} -> {row} -> gap -> fc-10
    }}
"""


def expected(net: archdsl.Network) -> dict[str, tuple[int, ...]]:
    """The weights that the hierarchy has, by name."""
    return {
        f"{layer.path}.{weight}": shape
        for layer in layers(net.module)
        for weight, shape in layer.step.facts.weights.items()
    }


def emitted(net: archdsl.Network) -> dict[str, tuple[int, ...]]:
    """The weights that the emitted file has, by name."""
    return {name: tuple(each.shape) for name, each in net.to_torch(device="meta").named_parameters()}


@pytest.mark.parametrize(
    ("row", "line"),
    [
        ("[layer(3) as dense{i} for i in range(1, 8)] as row", '(f"dense{i + 1}", Layer(6 + 3 * i, 3))'),
        ("layer(3)*7 as row", "*(Layer(6 + 3 * i, 3) for i in range(7))"),
        ("[layer(k) for k in range(2, 12, 2)] as row", ""),
    ],
)
def test_a_row_of_layers_that_grow_evenly_is_one_loop(row: str, line: str) -> None:
    net = archdsl.parse(DENSE.format(first=6, row=row))
    code = net.source().partition("\nARCH = ")[0]
    assert line in code
    assert (" in range(" in code) == bool(line)
    assert emitted(net) == expected(net)


def test_the_length_of_a_dense_network_follows_the_text() -> None:
    lengths = {len(code_lines(archdsl.load(f"densenet{depth}"))) for depth in (121, 161, 169, 201)}
    assert max(lengths) - min(lengths) < 20
    assert max(lengths) < 130


def test_a_template_with_free_sizes_keeps_them_in_its_loops() -> None:
    source = archdsl.load("densenet").source()
    assert 'f"denselayer{i + 1}", DenseLayer(stem + k * i, k)' in source
    assert "Transition(stem + 6 * k)" in source


def test_what_several_elements_of_the_text_made_is_no_loop() -> None:
    net = archdsl.parse("INPUT[8x8x4] -> [conv3-8 -> conv3-12 -> conv3-16 -> conv3-20 -> conv3-24] as row")
    assert " in range(" not in net.source().partition("\nARCH = ")[0]


def test_the_index_has_another_name_where_a_block_has_a_parameter_of_its_name() -> None:
    text = DENSE.format(first=6, row="layer(3)*7 as row").replace("layer(k)", "layer(i)").replace("conv3-k", "conv3-i")
    net = archdsl.parse(text)
    assert "*(Layer(6 + 3 * index, 3) for index in range(7))" in net.source()
    assert emitted(net) == expected(net)


def test_a_repeat_among_named_layers_is_a_loop_over_its_positions() -> None:
    row = "[conv3-4 as stem -> conv3-4*{} -> [conv3-4 -> relu]*{}] as row"
    few, many = (archdsl.parse(f"INPUT[8x8x4] -> {row.format(*counts)}") for counts in ((5, 4), (50_000, 40_000)))
    # longer numbers break a line or two more
    assert len(code_lines(many)) - len(code_lines(few)) < 6
    assert emitted(few) == expected(few)
    assert few.to_torch()(torch.randn(1, 4, 8, 8)).shape == (1, 4, 8, 8)


@examples(40, 400)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=9), st.integers(1, 3), st.booleans(), st.booleans())
def test_any_comprehension_gives_the_weights_of_its_hierarchy(
    widths: list[int], step: int, named: bool, pair: bool
) -> None:
    chain = "conv1-(c) as a{c} -> bn as b{c}" if named else "conv1-(c) -> bn"
    several = [10 * place * step + width for place, width in enumerate(widths)]
    row = f"[{chain if pair else chain.partition(' -> ')[0]} for c in {several}] as row"
    net = archdsl.parse(f"INPUT[8x8x4] -> {row}")
    assert emitted(net) == expected(net)


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 9), st.integers(0, 9))
def test_terms_that_both_have_leave_a_difference(a: int, k: int, first: int, second: int) -> None:
    start, growth = Traced(a, Named("a")), Traced(k, Named("k"))
    one = sum([growth] * (first + second + 1), start)
    other = sum([growth] * first, start)
    found = difference(one, other)
    assert found == (second + 1) * k
    assert python(expression_of(found)) == ("k" if second == 0 else f"{second + 1} * k")


_EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    st.one_of(st.integers(-9, 9), st.sampled_from("ab").map(Named)),
    lambda inner: st.builds(Derived, st.sampled_from(["+", "-", "*", "//", "%"]), inner, inner, st.just(3)),
    max_leaves=5,
)


@examples(150, 20_000)
@given(_EXPRESSIONS)
def test_an_expression_has_the_brackets_that_it_needs(expression: Expression) -> None:
    names = {"a": 7, "b": 5}
    value = evaluate(expression, names)
    assume(value is not None)
    assert eval(python(expression), {"__builtins__": {}}, names) == value


@pytest.mark.parametrize(
    ("start", "step", "text"),
    [(64, 32, "64 + 32 * i"), (0, 3, "3 * i"), (1, 1, "i + 1"), (0, 1, "i"), (9, -2, "9 - 2 * i")],
)
def test_a_progression_is_as_short_as_it_goes(start: int, step: int, text: str) -> None:
    assert python(progression(start, step, "i")) == text


@given(st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True))
def test_a_label_is_the_name_that_it_was_made_of(name: str) -> None:
    assert flat_text(Label.of(name)) == f'"{name}"'
    assert not any(part.steps for part in Label.of(name).parts if isinstance(part, Hole))


def test_slices_whose_ends_differ_between_instances_make_one_class() -> None:
    text = """
        block part(c) = concat { slice(0, c) | slice(c) -> conv1-c -> relu }
        net n { input 8x8x16
          part(3) -> part(4) -> part(5) -> gap -> fc-10 }
    """
    net = archdsl.parse(text)
    source = net.source()
    assert source.count("class Part") == 1
    assert "self.slice1 = Slice(0, c)" in source
    assert emitted(net) == expected(net)
    assert net.to_torch()(torch.randn(2, 16, 8, 8)).shape == (2, 10)


def test_a_slice_that_is_the_same_in_all_instances_is_an_expression() -> None:
    text = "block part(c) = concat { slice(0, 3) -> relu | slice(3) -> conv1-c }\nINPUT[8x8x16] -> part(5) -> part(7)"
    source = archdsl.parse(text).source()
    assert "self.relu1(x[:, :3])" in source
    assert "x[:, 3:]" in source


def test_layers_that_do_not_go_on_evenly_are_compared_once() -> None:
    """A row of hundreds of different layers is looked through in time that grows with it."""
    net = archdsl.parse("INPUT[8x8x3] -> [[conv1-(i*i % 97 + 1) for i in range(1500)]] as g")
    model = net.to_torch(device="meta")
    assert len(model.g) == 1500
    assert sum(each.numel() for each in model.parameters()) == net.params
