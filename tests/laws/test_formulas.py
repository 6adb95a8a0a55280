"""Laws of formulas, of the sizes that meet conditions, and of networks whose sizes are left open: at every size they are
what the network of that size is, and the sizes that they are said to take are those at which there is such a network."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import assume, example, given, note
from hypothesis import strategies as st
from laws.generators import PROGRAMS, text
from programme import examples, zoo
from work import counted

import archdsl
from archdsl import ArchError, Network
from archdsl.algebra.conditions import Condition, implied, meeting
from archdsl.algebra.formulas import Formula, constant, symbol
from archdsl.algebra.solutions import Relation
from archdsl.algebra.symbolic import formula_of

SIZE = st.integers(1, 70)


# --- formulas ---------------------------------------------------------------------------------------------------------


def formulas(names: str) -> st.SearchStrategy[tuple[Formula, Callable[[dict[str, int]], int]]]:
    """A formula, and the same as a function of numbers."""

    def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        number = st.integers(1, 7)
        return st.one_of(
            st.tuples(inner, inner).map(lambda p: (p[0][0] + p[1][0], lambda s: p[0][1](s) + p[1][1](s))),
            st.tuples(inner, inner).map(lambda p: (p[0][0] - p[1][0], lambda s: p[0][1](s) - p[1][1](s))),
            st.tuples(inner, inner).map(lambda p: (p[0][0] * p[1][0], lambda s: p[0][1](s) * p[1][1](s))),
            st.tuples(inner, number).map(lambda p: (p[0][0] // p[1], lambda s: p[0][1](s) // p[1])),
            st.tuples(inner, number).map(lambda p: (p[0][0] % p[1], lambda s: p[0][1](s) % p[1])),
            st.tuples(inner, number).map(lambda p: (constant(-1) * (constant(-1) * p[0][0] // p[1]), lambda s: -(-p[0][1](s) // p[1]))),
        )  # fmt: skip

    atom = st.one_of(
        st.sampled_from(names).map(lambda name: (symbol(name), lambda s: s[name])),
        st.integers(-9, 9).map(lambda value: (constant(value), lambda s: value)),
    )
    return st.recursive(atom, combined, max_leaves=6)


@examples(200, 20_000)
@given(formulas("HW"), st.fixed_dictionaries({"H": SIZE, "W": SIZE}))
def test_a_formula_is_worth_what_its_parts_are(made: Any, sizes: dict[str, int]) -> None:
    formula, value = made
    note(str(formula))
    assert formula.at(sizes) == value(sizes)
    if formula.symbols and (bound := formula.never_below()) is not None:
        assert formula.at(sizes) >= bound
    put = formula.put({"H": symbol("W") * constant(2) + constant(1)})
    assert put.at({"W": sizes["W"]}) == value({"H": 2 * sizes["W"] + 1, "W": sizes["W"]})


# a floor of two floors
NESTED = (symbol("H") // 2 + symbol("H") // 3) // 4


@examples(100, 10_000)
@example((NESTED, None))
@given(formulas("H"))
def test_with_one_remainder_a_formula_is_a_polynomial(made: Any) -> None:
    formula, _ = made
    assume(formula.period < 10_000)
    for rest in (1, 2, 7):
        values = [formula.at({"H": rest + k * formula.period}) for k in range(formula.degree + 4)]
        for _ in range(formula.degree + 1):
            values = [after - before for before, after in pairwise(values)]
        assert set(values) == {0}


@examples(100, 5_000)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=3), st.integers(-9, 9), st.integers(1, 9))
def test_the_bound_of_a_floor_is_its_least_value(slopes: list[int], start: int, by: int) -> None:
    top = constant(start)
    for name, slope in zip("ABC", slopes, strict=False):
        top += symbol(name) * constant(slope)
    bound = (top // by).never_below()
    assert bound is not None
    assert math.ceil(bound) == (top // by).at(dict.fromkeys("ABC", 1))


@examples(100, 5_000)
@given(st.integers(-40, 40), st.lists(st.tuples(st.integers(1, 5), st.integers(-5, 5)), min_size=1, max_size=5))
def test_floors_of_floors_become_one(start: int, rounds: list[tuple[int, int]]) -> None:
    made = symbol("H") + constant(start)
    top, by = made, 1
    for divisor, more in rounds:
        made = made // divisor + constant(more)
        by *= divisor
        top += constant(more * by)
    assert made == top // by


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        ((symbol("H") - constant(1)) // 32 + constant(1), "ceil(H/32)"),
        (constant(-1) * (constant(-1) * symbol("H") // 2) // 2, "floor((H + 1)/4)"),
        ((symbol("H") * constant(4) + constant(3)) // 4, "H"),
        ((symbol("H") * constant(2) + constant(1)) // 4, "floor(H/2)"),
        (symbol("H") % 8, "H - 8*floor(H/8)"),
        ((symbol("H") + constant(1)) * (symbol("H") - constant(1)), "H^2 - 1"),
    ],
)
def test_formulas_are_written_as_people_write_them(made: Formula, shown: str) -> None:
    assert str(made) == shown


# --- conditions -------------------------------------------------------------------------------------------------------


@examples(200, 20_000)
@given(
    formulas("HW"),
    st.sampled_from(list(Relation)),
    st.integers(1, 6),
    st.integers(-9, 9),
    st.fixed_dictionaries({"H": SIZE, "W": SIZE}),
)
def test_a_condition_is_met_in_every_form(
    made: Any, relation: Relation, times: int, more: int, sizes: dict[str, int]
) -> None:
    formula, value = made
    condition = Condition.of(formula * constant(times) + constant(more), relation)
    note(str(condition))
    wanted = relation.holds(value(sizes) * times + more)
    assert condition.holds(sizes) is wanted
    assert condition.negated.holds(sizes) is not wanted


# even sizes from 20 on
EVEN_FROM_20 = (constant(1) - symbol("H") % 2) * (symbol("H") // 20)


@examples(100, 10_000)
@example((EVEN_FROM_20, None), Relation.POSITIVE)
@given(formulas("H"), st.sampled_from(list(Relation)))
def test_a_condition_holds_where_its_words_do(made: Any, relation: Relation) -> None:
    condition = Condition.of(made[0], relation)
    assume(condition.symbols)
    shown = str(condition)
    note(shown)
    assume("..." not in shown)
    test = re.sub(r"(?<=\d),(?=\d{3})", "", shown).replace("/", "//").replace("^", "**")
    rounding = {"floor": lambda value: value, "ceil": lambda value: value}
    # ceil(a/b) is written with a whole number above it
    test = re.sub(r"ceil\((.+?)//(\d+)\)", r"(-(-(\1)//\2))", test)
    assume("ceil" not in test)
    for size in range(1, 130):
        assert eval(test, {**rounding, "H": size}) is condition.holds({"H": size}), size


CONDITIONS = st.lists(st.tuples(formulas("H"), st.sampled_from(list(Relation))), min_size=1, max_size=3)


@examples(60, 5_000)
@given(CONDITIONS)
def test_the_sizes_that_meet_conditions_are_found(made: Any) -> None:
    conditions = [Condition.of(formula, relation) for (formula, _), relation in made]
    conditions = [each for each in conditions if each.symbols]
    note(str([str(each) for each in conditions]))
    found = meeting(conditions)
    assume(found is not None)
    wanted = [size for size in range(1, 200) if all(each.holds({"H": size}) for each in conditions)]
    assert [size for size in range(1, 200) if size in found] == wanted
    assert all(each.negated.holds({"H": size}) is not each.holds({"H": size}) for each in conditions for size in (1, 9))
    if (stated := found.stated("H")) is not None:
        assert all(size in wanted for size in range(1, 200) if eval(stated, {"H": size})), stated
    if wanted:
        assert found.smallest == wanted[0]
        nearest = min(wanted, key=lambda size: abs(size - 50))
        assert wanted[-1] < 100 or abs(nearest - 50) == min(abs(each - 50) for each in found.nearest(50))
    assert str(found)


@examples(60, 5_000)
@given(st.integers(2, 40), st.integers(-20, 60), formulas("H"), st.sampled_from(list(Relation)))
def test_the_sizes_of_a_coarse_grid_are_found(by: int, shift: int, made: Any, relation: Relation) -> None:
    """What is asked of a size far down a network: of `floor((H + shift)/by)`, as deep strides leave it."""
    point = (symbol("H") + constant(shift)) // by
    condition = Condition.of(made[0].put({"H": point * point + point if shift % 5 == 0 else point}), relation)
    note(str(condition))
    assume(condition.symbols)
    found = condition.sizes
    assume(found is not None)
    assert [size for size in range(1, 400) if size in found] == [s for s in range(1, 400) if condition.holds({"H": s})]
    far = range(10**6, 10**6 + 50)
    assert [size for size in far if size in found] == [size for size in far if condition.holds({"H": size})]


def test_what_is_asked_of_deep_strides_is_told_at_once() -> None:
    """Each of forty conditions on `ceil(H/8192)` and the like was looked for among 8,192 remainders, again for each pair."""
    halved = [symbol("H")]
    for _ in range(20):
        halved.append((halved[-1] + constant(1)) // 2)
    with counted(450_000):
        conditions = [Condition.of(one - two, relation) for one, two in pairwise(halved) for relation in Relation]
        kept = [each for each in conditions if not any(implied(each, [other]) for other in conditions if other != each)]
    assert [str(each) for each in kept] == ["H == 1"]
    assert str(conditions[-3].sizes) == "1 to 524,288"
    assert str(conditions[-3]) == "1 <= H <= 524,288"


@examples(40, 3_000)
@given(CONDITIONS, formulas("H"), st.sampled_from(list(Relation)))
def test_what_is_implied_holds(made: Any, wanted: Any, relation: Relation) -> None:
    stated = [Condition.of(formula, relation) for (formula, _), relation in made]
    condition = Condition.of(wanted[0], relation)
    if implied(condition, stated):
        for size in range(1, 300):
            assert condition.holds({"H": size}) or not all(each.holds({"H": size}) for each in stated)


@pytest.mark.parametrize(
    ("formula", "relation", "shown", "sizes"),
    [
        (symbol("H") % 16, Relation.ZERO, "H % 16 == 0", "from 16 on, H % 16 == 0"),
        ((symbol("H") + constant(1)) // 2 - symbol("H") // 2, Relation.ZERO, "H % 2 == 0", "from 2 on, H % 2 == 0"),
        (symbol("H") // 32 - constant(7), Relation.ZERO, "224 <= H <= 255", "224 to 255"),
        (symbol("H") - constant(40), Relation.POSITIVE, "H >= 41", "from 41 on"),
        (symbol("H") * symbol("H") - constant(196), Relation.ZERO, "H == 14", "14"),
        (symbol("H") - constant(7), Relation.NOT_ZERO, "H != 7", "1 to 6 and from 8 on"),
        ((symbol("H") - constant(1)) % 32, Relation.ZERO, "H % 32 == 1", "from 1 on, H % 32 == 1"),
    ],
)
def test_conditions_are_written_as_people_write_them(
    formula: Formula, relation: Relation, shown: str, sizes: str
) -> None:
    condition = Condition.of(formula, relation)
    assert str(condition) == shown
    found = meeting([condition])
    assert found is not None
    assert found.shown("H") == sizes


# --- networks ---------------------------------------------------------------------------------------------------------


def at(value: int, sizes: dict[str, int]) -> int:
    return formula_of(value).at(sizes)


def agree(opened: Network, concrete: Network, sizes: dict[str, int]) -> None:
    """The formulas of a network are, at some sizes, what the network of these sizes has."""
    shapes = [tuple(at(size, sizes) for size in kind.shape) for kind in opened.module.output_types]
    assert shapes == [kind.shape for kind in concrete.module.output_types]
    assert at(opened.macs, sizes) == concrete.macs
    assert opened.params == concrete.params


def of_size(make: Callable[..., Network], opened: Network, sizes: dict[str, int]) -> Network | None:
    """The network of these sizes; None where there is none."""
    (kind,) = opened.module.inputs
    try:
        return make(input=archdsl.TensorType(tuple(at(size, sizes) for size in kind.shape), kind.kind))
    except ArchError:
        return None


def holds_at(make: Callable[..., Network], sizes: dict[str, int]) -> None:
    """That the formulas of a network hold at some sizes, or what it needs of its sizes does not.

    Not asked: that there is no network where the text makes other layers, as a shortcut that is a projection at these
    sizes only. What is needed is what the layers need that there are at the example.
    """
    opened = make().symbolic()
    concrete = of_size(make, opened, sizes)
    known = opened.open_sizes.decisions.values()
    broken = [each for each in known if not each.condition.holds(sizes)]
    why = f"{sizes} breaks {[str(each.condition) for each in broken]}"
    if not broken:
        assert concrete is not None, why
        agree(opened, concrete, sizes)
    elif any(each.asking.needed and not each.asking.weights for each in broken) and all(
        each.asking.needed for each in broken
    ):
        assert concrete is None or layers(concrete) != layers(make()), why
    elif all(each.asking.weights for each in broken):
        assert concrete is None or concrete.params != opened.params or weights(concrete) != weights(opened), why


def layers(network: Network) -> list[Any]:
    return [(facts.get("operator"), facts.get("arguments")) for _, facts in network.graph.nodes(data=True)]


def weights(network: Network) -> list[Any]:
    return [
        step.facts.weights for module in network.modules for step in module.steps if not hasattr(step.what, "steps")
    ]


@pytest.mark.parametrize("kind", PROGRAMS)
@examples(20, 1_500)
@given(data=st.data())
def test_random_networks(kind: str, data: st.DataObject) -> None:
    written = text(data.draw(PROGRAMS[kind]()))
    note(written)
    network = archdsl.parse(written)
    assume(len(network.inputs) == 1)
    names = network.symbolic().open_sizes
    assume(names is not None and names.example)
    for _ in range(3):
        sizes = {name: data.draw(st.integers(max(1, size - 9), size + 9)) for name, size in names.example.items()}
        holds_at(lambda **more: archdsl.parse(written, **more), sizes)


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        # the first use of a shared layer is like any other
        ("input sequence(6, 8)\nshare w = transpose -> fc-3\nw", ["T == 6"]),
        ("input sequence(6, 8)\nshare w = fc-8 -> transpose -> fc-6 -> transpose\nw\nw", ["T == 6"]),
        # what is 1 at these sizes stretches at no others
        ("input 2x2x8\nmul { | conv3-8 | pool2 }", ["2 <= H <= 3", "2 <= W <= 3"]),
        ("input 1x4x8\nmul { | conv3-8 }", []),
    ],
)
def test_what_is_needed_of_sizes(text: str, needed: list[str]) -> None:
    opened = archdsl.parse(text).symbolic().open_sizes
    assert opened is not None
    told = [str(each.condition) for each in opened.decisions.values()]
    assert [each for each in told if ">=" not in each] == needed
    for sizes in ((2, 2), (2, 3), (3, 3), (4, 2), (6, 6), (8, 1)):
        holds_at(lambda **more: archdsl.parse(text, **more), dict(zip(opened.example, sizes, strict=False)))


@pytest.mark.parametrize("name", zoo())
def test_networks_of_the_zoo(name: str) -> None:
    network = archdsl.load(name)
    if len(network.inputs) != 1 or network.symbolic().open_sizes is None:
        pytest.skip("its inputs have no grid, or it has several")
    chosen = random.Random(name)
    example = network.symbolic().open_sizes.example
    agree(network.symbolic(), network, dict(example))
    for spread in (2, 16, 64):
        sizes = {each: max(1, size + chosen.randint(-spread, spread)) for each, size in example.items()}
        holds_at(lambda **more: archdsl.load(name, **more), sizes)


def test_the_receptive_field_of_everything_is_at_least_any_number() -> None:
    assert archdsl.parse("INPUT[8x8x3] -> gap -> fc-10\nrequire receptive_field >= 1G").macs == 30
    assert math.inf > 10**9
