"""Facts: one list, from which tables, JSON, pages, colours, comparisons, requirements and `Network.facts` come."""

from __future__ import annotations

import ast
import copy
import json
import pickle
import re
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from programme import zoo
from work import growth

import archdsl
from archdsl import Network, cli
from archdsl.base.wanted import Refusal
from archdsl.draw.look import Look
from archdsl.draw.model import Kind
from archdsl.draw.picture import picture
from archdsl.facts import table
from archdsl.facts.counts import MACS
from archdsl.facts.fact import Fact, Known, View, total
from archdsl.facts.memory import Sizes
from archdsl.facts.training_memory import KEPT, kept, made, weights
from archdsl.graph.module import Step
from archdsl.graph.sums import Sum
from archdsl.ops import BUILTIN
from archdsl.report.walk import Tour
from archdsl.report.zoo import Entry, Zoo

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# --- a new one --------------------------------------------------------------------------------------------------------


def _biases(step: Step) -> int:
    return sum(shape[0] for name, shape in step.facts.weights.items() if name.endswith("bias"))


BIASES = total("biases", "biases", "biases of all kinds", Sum(_biases, once=True, training=True))

SHARED = """block b(c) = conv3-c -> relu
net n(most=10k) {
  input 8x8x4
  share t = conv1-4
  u = in -> t
  v = u -> t
  x = v -> b(4)*3
  y = x -> gap -> fc-2
  aux = x -> conv1-5 -> gap
  output y
  output aux (train)
  require biases < most
}"""


PLAIN = SHARED.replace("  require biases < most\n", "")


@pytest.fixture
def biases(monkeypatch: pytest.MonkeyPatch) -> Fact[int]:
    """A fact in one line of the list."""
    monkeypatch.setattr(table, "FACTS", (*table.FACTS, BIASES))
    return BIASES


@pytest.fixture
def net() -> Network:
    return archdsl.parse(SHARED, net="n")


@pytest.mark.usefixtures("biases")
def test_a_fact_of_a_few_lines_composes_as_it_says(net: Network) -> None:
    """4 of `t`, which stands there twice; 4 in each of three blocks; 2 of the head, and 5 in training only."""
    assert net.facts["biases"] == 4 + 3 * 4 + 2 + 5
    assert [row.facts["biases"] for row in net.summary(1).rows] == [4, 0, 12, 0, 2, 5, 0]
    deep = archdsl.parse("INPUT[8x8x4] -> [[[conv3-4]*1000]*1000]*1000")
    assert deep.facts["biases"] == 4 * 10**9


@pytest.mark.usefixtures("biases")
def test_a_fact_of_a_few_lines_is_in_the_table_and_its_json(net: Network) -> None:
    made = net.summary(1)
    head = next(line for line in made.text(None).split("\n") if line.startswith("layer"))
    assert head.split() == ["layer", "operator", "output", "parameters", "MACs", "sees", "biases"]
    document = json.loads(made.to_json())
    assert (document["biases"], document["train_biases"]) == (18, 23)
    assert [row["biases"] for row in document["rows"]] == [row.facts["biases"] for row in made.rows]
    assert ">biases</th>" in made.html()


@pytest.mark.usefixtures("biases")
def test_a_fact_of_a_few_lines_is_on_the_page(net: Network) -> None:
    page = net.page().html
    assert '<th scope="col" colspan="2">biases</th>' in page
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data = json.loads(found)
    assert data["costs"]["biases"] == data["sums"]["biases"] == "biases of all kinds"
    assert [each for each in data["steps"]["biases"] if each][:2] == ["4", "12"]
    assert "17%" in data["steps"]["biasesShare"]


@pytest.mark.usefixtures("biases")
def test_a_fact_of_a_few_lines_is_in_pictures(net: Network) -> None:
    made = picture(net.module, Look.of(detail="block", color="biases"))
    assert made.legend[0].text == "biases of all kinds: 0"
    (hottest,) = [node for node in made.nodes if node.fill == made.theme.hottest]
    assert (hottest.kind, "12 biases of all kinds" in list(hottest.facts[0].lines())) == (Kind.BOX, True)
    assert "23 biases of all kinds" in made.caption


@pytest.mark.usefixtures("biases")
def test_a_fact_of_a_few_lines_is_compared_and_sorted_by(net: Network) -> None:
    other = archdsl.parse("INPUT[8x8x3] -> conv3-400(bias=true)", name="other")
    found = archdsl.compare([other, net], sort="biases")
    assert [entry.name for entry in found.entries] == ["n", "other"]
    assert [row["biases"] for row in json.loads(found.to_json())["networks"]] == [18, 400]
    assert "biases" in found.text(None).split("\n", 1)[0]


@pytest.mark.usefixtures("biases")
def test_a_text_can_require_something_of_a_fact_of_a_few_lines() -> None:
    with pytest.raises(archdsl.ArchError, match="biases < most"):
        archdsl.parse(SHARED, net="n", most=18)
    assert archdsl.parse(SHARED, net="n", most=19)


def test_a_fact_that_is_only_asked_for_shows_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert not KEPT.views
    net = archdsl.load("resnet18")
    assert "kept" not in str(net.summary())
    assert "kept" not in json.loads(net.summary().to_json())
    shown = net.summary().showing("macs", "kept")
    assert "kept" in str(shown)
    document = json.loads(shown.to_json())
    assert document["kept"] == net.facts["kept"] == net.memory().needs.kept
    assert {"macs", "kept"} <= document["rows"][0].keys()
    assert "params" not in document["rows"][0]
    assert cli.main(["summary", "resnet18", "--column", "macs", "--column", "kept"]) == 0
    assert capsys.readouterr().out == shown.text(80)
    assert "activations kept" in str(net.draw(color="kept"))
    assert cli.main(["summary", "resnet18", "--memory", "--column", "kept"]) == cli.codes.USAGE


def test_a_fact_that_is_none_is_refused_with_all_there_are() -> None:
    net = archdsl.load("lenet5")
    with pytest.raises(ValueError, match=r"'beauty' is no column: it is one of params, macs, .*, kept"):
        net.summary().showing("beauty")
    with pytest.raises(TypeError, match=r"the column is one of params, .*, not list") as refused:
        net.summary().showing(["params"])  # pyright: ignore[reportArgumentType]
    assert isinstance(refused.value, Refusal)
    for facts in (net.facts, net.summary().rows[0].facts, archdsl.compare([net]).entries[0].facts):
        for name, said in (("beauty", "'beauty'"), (["params"], "list"), (3, "int 3")):
            with pytest.raises(KeyError) as refused:
                facts[name]  # pyright: ignore[reportArgumentType]
            assert isinstance(refused.value, Refusal)
            assert str(refused.value) == f"{said} is no fact: it is one of {', '.join(facts)}"
        assert "beauty" not in facts
        assert facts.get("beauty") is None


# --- what facts are in ------------------------------------------------------------------------------------------------

HOLDERS: dict[str, Callable[[Network], Any]] = {
    "summary": lambda net: net.summary(),
    "other columns": lambda net: net.summary().showing("kept"),
    "memory": lambda net: net.memory(),
    "time": lambda net: net.time("h100"),
    "diff": lambda net: net.diff(archdsl.parse(PLAIN.replace("fc-2", "fc-3"), net="n")),
    "picture": lambda net: net.draw(),
    "dark picture": lambda net: net.draw(dark=True),
    "coloured picture": lambda net: net.draw(color="kept"),
    "volumes": lambda net: net.draw_volumes(),
    "compare": lambda net: archdsl.compare([net]),
    "zoo": lambda net: Zoo((Entry.of("n", net.module, net.compiled.source),)),
}


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize("copied", [_pickled, copy.deepcopy, copy.copy], ids=["pickled", "deep", "flat"])
@pytest.mark.parametrize("holder", HOLDERS)
def test_what_facts_are_in_is_copied_as_it_is(holder: str, copied: Callable[[Any], Any]) -> None:
    """Before and after its text was made, which may be kept."""
    value, again = (HOLDERS[holder](archdsl.parse(PLAIN, net="n")) for _ in range(2))
    early = copied(value)
    assert early == value
    assert str(early) == str(value)
    late = copied(value)
    assert late == value == again
    assert str(late) == str(value)


def test_a_copy_knows_what_the_original_knows() -> None:
    net = archdsl.parse(PLAIN, net="n")
    for copied in map(_pickled, (net.summary(0), net.memory(batch=3, depth=0).table)):
        for row, original in zip(copied.rows, net.summary(0).rows, strict=True):
            assert dict(row.facts) == dict(original.facts)
    assert _pickled(net.memory(batch=3, dtype="float16")).rows == net.memory(batch=3, dtype="float16").rows


@pytest.mark.usefixtures("biases")
def test_facts_are_values() -> None:
    two = Sizes(2, 4)
    for fact in (*table.FACTS, weights(two), made(two), kept(two)):
        for copied in (_pickled(fact), copy.deepcopy(fact)):
            assert copied == fact
            assert {fact: 1}[copied] == 1
    assert all(_pickled(fact) is fact for fact in table.FACTS)
    assert kept(two) == kept(Sizes(2, 4))
    assert kept(two) not in {kept(Sizes(3, 4)), kept(Sizes(2, 2)), KEPT}
    assert _pickled(BIASES.summed) == BIASES.summed != MACS.summed


def test_a_fact_that_is_not_in_the_list_is_copied_by_its_parts() -> None:
    assert BIASES not in table.FACTS
    net = archdsl.parse(PLAIN, net="n")
    assert _pickled(BIASES) == BIASES
    assert Known(net.module)[_pickled(BIASES)].whole == 23


def test_tables_differ_where_figures_do() -> None:
    """Two equal blocks by their names, of which one has no biases inside."""
    text = "block b = conv3-4(bias={})\nnet n {{ input 8x8x4\n b }}"
    plain, other, again = (archdsl.parse(text.format(bias), net="n") for bias in ("false", "true", "false"))
    assert plain.summary(1) == again.summary(1)
    assert plain.summary(1) != other.summary(1)
    assert plain.memory(depth=1) == again.memory(depth=1)
    assert plain.memory(depth=1) != other.memory(depth=1)
    assert plain.memory(batch=1) != plain.memory(batch=2)


def test_a_line_of_many_networks_has_facts_by_name() -> None:
    net = archdsl.load("googlenet")
    line = Entry.of("googlenet", net.module, net.compiled.source)
    (compared,) = archdsl.compare([net]).entries
    assert (line.params, line.macs) == (net.inference_params, net.macs) == (compared.params, compared.macs)
    assert line.facts == {fact.name: compared.facts[fact.name] for fact in table.totals()}
    assert list(compared.facts) == list(net.facts)


# --- laws of all that there are ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo())
def test_what_steps_have_adds_up_to_what_the_network_has(name: str) -> None:
    net = archdsl.load(name)
    known = Known(net.module)
    rows = net.summary(1).rows
    inputs = net.memory().needs.kept - sum(row.value(KEPT) for row in rows)
    for fact in table.FACTS:
        if fact.shares:
            besides = inputs if fact is KEPT else 0
            assert sum(row.value(fact) for row in rows) + besides == known[fact].training, fact.name
    # of what is kept, the network's own inputs are no step's
    sizes = [Sizes(1, 4).of(kind) for kind in net.module.inputs]
    assert inputs in {sum(some) for count in range(len(sizes) + 1) for some in combinations(sizes, count)}


@pytest.mark.parametrize("fact", table.FACTS, ids=lambda fact: fact.name)
def test_cost_follows_the_text(fact: Fact[object]) -> None:
    def deep(count: int) -> object:
        net = archdsl.parse(f"INPUT[32x32x3] -> [[[conv3-64 -> relu]*{count}]*{count}]*{count}")
        return net.facts[fact.name], [row.value(fact) for row in net.summary(0).rows]

    # a power of n takes log(n) steps
    assert growth(deep, 10, 1000, first=9) < 2


@pytest.mark.parametrize("fact", table.FACTS, ids=lambda fact: fact.name)
def test_a_module_is_worked_out_once(fact: Fact[object]) -> None:
    """2**n layers behind n lines, of vectors, which have no map at all."""

    def doubled(count: int) -> object:
        blocks = "\n".join(f"block b{n} = b{n - 1} -> b{n - 1}" for n in range(1, count))
        net = archdsl.parse(f"block b0 = fc-8 -> relu\n{blocks}\nnet n {{ input (8)\n b{count - 1} }}", net="n")
        return Known(net.module)[fact].whole, Known(net.module)[fact].line, picture(net.module, facts=[fact])

    assert growth(doubled, 10, 20, first=9) < 4


def test_what_is_kept_is_that_of_the_place() -> None:
    """The same block before and behind the first weights. A convolution needs what the max pool gives; the indices of the
    pool, of 8 bytes, are needed only where the backward pass goes through it."""
    text = "block b = pool -> conv1-4\nnet n {\n input 16x16x4\n b as one -> b as two\n}"
    net = archdsl.parse(text, net="n")
    known, tour = Known(net.module), Tour(net.module)
    one, two = (known[KEPT].of((tour.at(f"{name}.pool1"),)) for name in ("one", "two"))
    assert (one, two) == (4 * 8 * 8 * 4, (4 + 8) * 4 * 4 * 4)
    rows = {row.path: row.value(KEPT) for row in net.summary(1).rows}
    assert sum(known[KEPT].of((tour.at(f"two.{name}"),)) for name in ("pool1", "conv1")) == rows["two"]
    boxes = [
        node.facts[0].known[KEPT]
        for node in picture(net.module, Look.of(detail="op", color="kept")).nodes
        if node.facts[0].known
    ]
    assert boxes == [known[KEPT].of((tour.at(path),)) for path in ("one.pool1", "one.conv1", "two.pool1", "two.conv1")]


def test_what_training_and_inference_share_is_there_at_inference() -> None:
    """A batch norm that the text names first in a branch for training: its weights, and the statistics that it holds."""
    text = """net n {
 input 8x8x3
 share t = bn
 aux = in -> t -> conv1-2
 y = in -> t -> conv1-4
 output y
 output aux (train)
}"""
    needs = archdsl.parse(text, net="n").memory().needs
    assert needs.inference_weights == 4 * (2 * 3 + 3 * 4 + 4)
    assert needs.inference_buffers == needs.buffers == 4 * 2 * 3 + 8


def test_facts_are_those_of_the_attributes() -> None:
    net = archdsl.load("googlenet")
    assert (net.facts["params"], net.facts["macs"], net.facts["layers"]) == (net.params, net.macs, net.module.layers)
    assert net.params != net.inference_params
    assert net.facts is net.facts
    assert net.facts["receptive_field"].axes == net.receptive_field()
    assert list(net.facts) == [fact.name for fact in table.FACTS]
    known = Known(net.module)
    assert (known[MACS].inference, known[MACS].training) == (net.macs, net.train_macs)


def test_names_of_facts_are_those_of_nothing_else() -> None:
    names = [fact.name for fact in table.FACTS]
    assert len({*names}) == len(names)
    assert len(table.colours()) == sum(fact.shade is not None for fact in table.FACTS)
    keys = {"depth", "path", "last", "label", "operator", "module", "arguments", "count", "outputs", "training_only"}
    assert not {*names} & {*keys, "shared", "same_as"}


def test_the_numbers_that_come_out_are_no_memory() -> None:
    net = archdsl.parse(PLAIN, net="n")
    assert "memory" not in net.facts
    assert net.facts["output_numbers"] == 2
    shown = json.loads(net.summary(1).showing("output_numbers").to_json())["rows"]
    assert [row["output_numbers"] for row in shown][:2] == [8 * 8 * 4, 8 * 8 * 4]
    assert shown[0]["outputs"] == json.loads(net.summary(1).to_json())["rows"][0]["outputs"]
    assert table.colours()["memory"].name == "output_numbers"


# --- what is said of the list -----------------------------------------------------------------------------------------


def test_docs_name_all_that_networks_are_sorted_and_coloured_by(capsys: pytest.CaptureFixture[str]) -> None:
    compare, drawing = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("compare.md", "drawing.md"))
    (sorts,) = re.findall(r"`--sort` takes ([^.]*)\.", compare)
    assert re.findall(r"`([\w-]+)`", sorts) == list(table.sort_names())
    (costs,) = re.findall(r"`--color (macs`.*?)\nshades", drawing, re.DOTALL)
    assert re.findall(r"(\w+)`", costs) == list(table.colours())
    assert cli.main(["draw", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    for word, fact in table.colours().items():
        assert f"{word}: {fact.words}" in shown


@pytest.mark.usefixtures("biases")
def test_help_names_a_new_fact(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["draw", "--help"]) == 0
    assert "biases: biases of all kinds" in " ".join(capsys.readouterr().out.split())


# --- the guide --------------------------------------------------------------------------------------------------------


def _tables() -> Iterator[tuple[str, str]]:
    """The files that the guide lists, each with what it says about it."""
    for row in re.findall(r"^\| `([\w./]+)` \| (.*) \|$", GUIDE, re.MULTILINE):
        yield row[0], row[1]


def test_the_files_that_the_guide_names_have_what_it_says() -> None:
    rows = list(_tables())
    assert len(rows) > 25
    for file, said in rows:
        assert (ROOT / file).is_file(), file
        text = (ROOT / file).read_text(encoding="utf-8")
        for code in re.findall(r"`([^`]+)`", said):
            assert (ROOT / code).is_file() or code.startswith("python -m") or code in text, (file, code)
    parts = re.findall(r"^## Adding (.*)$", GUIDE, re.MULTILINE)
    assert parts == [
        "an operator",
        "a fact",
        "a pass",
        "a statement of the language",
        "a style of picture",
        "a back end",
    ]


def _imported(code: str) -> set[str]:
    """The modules that code imports, and what it imports of them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(code)):
        match node:
            case ast.Import(names):
                found |= {each.name for each in names}
            case ast.ImportFrom(str(module), names):
                found |= {module, *(f"{module}.{each.name}" for each in names)}
    return found


def test_the_fact_of_the_guide_works_as_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (walk,) = re.findall(r"^## Adding a fact\n(.*?)^## ", GUIDE, re.DOTALL | re.MULTILINE)
    *methods, code = re.findall(r"```python\n(.*?)```", walk, re.DOTALL)
    # no family of operators is imported, as import-linter has it
    assert not [name for name in _imported(code) for family in BUILTIN if f"{name}.".startswith(f"{family.__name__}.")]
    for method in methods:
        file, name = re.findall(r"^# (archdsl/[\w/]+)\.py, in (\w+)$", method, re.MULTILINE)[0]
        room = import_module(file.replace("/", "."))
        made: dict[str, Any] = {}
        exec(f"from __future__ import annotations\n{method}", dict(vars(room)), made)
        monkeypatch.setattr(getattr(room, name), "caches", made["caches"], raising=False)
    module = ModuleType("archdsl.facts.cache")
    exec(code, module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    cache = module.__dict__["CACHE"]
    monkeypatch.setattr(table, "FACTS", (*table.FACTS, cache))
    net = archdsl.load("gpt2")
    assert net.facts["cache"] == 12 * 2 * 1024 * 768
    (shown,) = re.findall(r"\$ archdsl (summary gpt2 .*)\n((?:.*\n)*?)```", GUIDE)
    assert cli.main(shown[0].split()) == 0
    assert capsys.readouterr().out == shown[1]
    assert cache.views == {View.REQUIREMENTS}
    assert "cache" not in str(net.summary())
    assert "cached keys and values" in str(net.draw(color="cache"))
    with pytest.raises(archdsl.ArchError, match="cache < 1k"):
        archdsl.parse(
            "net n {\n input tokens(9)\n embedding(10, 64) -> attention(4, causal=true)\n require cache < 2M\n require cache < 1k\n}"
        )
