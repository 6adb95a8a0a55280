"""The table of a network. How it looks stands in tests/cases/language; here are its laws."""

import json
import re
from html.parser import HTMLParser

import pytest
from programme import zoo
from work import growth

import archdsl
from archdsl.elaborate.library import zoo_names
from archdsl.facts.seen import field_of
from archdsl.graph.flat import layers
from archdsl.graph.module import Module
from archdsl.report import structure
from archdsl.report.summary import share
from archdsl.report.terminal import cells
from archdsl.report.walk import Tour


def of(text, **settings):
    return archdsl.parse(text, **settings)


@pytest.mark.parametrize("name", zoo())
def test_rows_add_up_to_the_totals(name):
    net = archdsl.load(name)
    for depth in range(1, 5):
        rows = net.summary(depth).rows
        # a row without rows of its own below it stands for all that is in it
        assert _total(rows, "params") == net.params
        assert _total(rows, "macs") == net.train_macs


def _total(rows, fact):
    """The sum over the leaves, each counted as often as the repeats around it, from top to bottom."""
    total, times, opened_at = 0, [], {}
    for index, row in enumerate(rows):
        del times[row.depth :]
        has_rows = index + 1 < len(rows) and rows[index + 1].depth > row.depth
        if has_rows:
            times.append(row.count)
            opened_at[row.path] = row
            continue
        product = 1
        for count in times:
            product *= count
        total += getattr(row, fact) * product
    return total


@pytest.mark.parametrize("name", zoo())
def test_every_layer_can_be_found_by_its_path(name):
    net = archdsl.load(name)
    tour = Tour(net.module)
    flat = list(layers(net.module))
    for layer in flat[:: max(1, len(flat) // 60)]:
        spot = tour.find(layer.path)
        assert spot is not None, layer.path
        assert spot.path == layer.path
        assert spot.step.facts.params == layer.step.facts.params
        assert spot.step.outputs == layer.step.outputs
        assert spot.training_only == layer.training_only


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16", "googlenet", "lenet5"])
def test_receptive_fields_are_those_of_the_flat_graph(name):
    """A second derivation: along every path of the flat graph, size + (F - 1)*jump, the largest over all paths."""
    import networkx as nx

    net = archdsl.load(name)
    tour = Tour(net.module)
    by_path = {layer.path: layer.step for layer in layers(net.module)}
    seen = {}
    for node in nx.topological_sort(net.graph):
        before = [seen[each] for each in net.graph.predecessors(node)]
        if not before:
            seen[node] = (1, 1)
            continue
        size, jump = max(before)
        if node in by_path:
            step = by_path[node]
            windows = step.what.windows(step.what.operand(step.input_types))
            if step.what.sees_all or size is None:
                size = None
            elif windows:
                size, jump = size + (windows[0].extent - 1) * jump, jump * windows[0].stride
        seen[node] = (size, jump)
        if size is None:
            break
        if node in by_path:
            (after, *_) = tour.find(node).after
            assert (after[0].size, after[0].jump) == (size, jump), node


@pytest.mark.parametrize(
    ("name", "path", "seen"),
    [
        ("resnet18", "conv1", "7"),
        ("resnet18", "pool1", "11"),
        ("resnet18", "layer1", "43"),
        ("resnet18", "layer2", "99"),
        ("resnet18", "layer3", "211"),
        ("resnet18", "layer4", "435"),
        ("vgg16", "features.30", "212"),
    ],
)
def test_published_receptive_fields(name, path, seen):
    rows = {row.path: row.seen for row in archdsl.load(name).summary(0).rows}
    assert rows[path] == seen


def test_a_repeat_is_one_row_however_long():
    small = of("INPUT[32x32x64] -> [conv3-64 -> relu]*2 as body").summary(0)
    large = of("INPUT[32x32x64] -> [conv3-64 -> relu]*1000000 as body").summary(0)
    assert len(small.rows) == len(large.rows) == 4
    assert large.rows[0].params == 500_000 * small.rows[0].params


def expanded(row):
    """The paths that a row of numbered blocks stands for."""
    stem = row.path.rstrip("0123456789")
    first, last = (int(path.removeprefix(stem)) for path in (row.path, row.last))
    assert last - first + 1 == row.count
    return [f"{stem}{number}" for number in range(first, last + 1)]


@pytest.mark.parametrize("name", ["vit_b_16", "vit_l_16"])
def test_numbered_blocks_that_are_equal_are_one_row(name):
    net = archdsl.load(name)
    table = net.summary(0)
    (row,) = (row for row in table.rows if ".." in row.name)
    every = [spot for spot, _ in Tour(net.module).folded() if spot.module is Tour(net.module).at(row.path).module]
    assert expanded(row) == [spot.path for spot in every]
    assert (row.name, row.label) == (f"encoder_layer_0..{row.count - 1}", f"encoder_layer ×{row.count}")
    assert row.params == sum(spot.step.params for spot in every)
    assert row.macs == sum(spot.step.macs for spot in every)
    assert row.receptive_field == net.receptive_field(row.last)
    assert "inside a repeat (×), one repetition is shown" in table.text()
    record = next(each for each in json.loads(table.to_json())["rows"] if each["path"] == row.path)
    assert (record["last"], record["count"], record["params"]) == (row.last, row.count, row.params)
    for path in expanded(row):
        assert net.explain(f"{path}.mlp.0").startswith(f"{path}.mlp.0: linear")
    for figures in (net.memory(depth=0), net.time("h100", depth=0)):
        assert [each.row for each in figures.rows] == list(table.rows)
    (bytes_,) = (each for each in net.memory(2, depth=0).rows if each.row.path == row.path)
    whole = next(each for each in net.memory(2, depth=2).rows if each.row.path == row.path.rpartition(".")[0])
    assert (bytes_.weights, bytes_.activations, bytes_.kept) == (whole.weights, whole.activations, whole.kept)


@pytest.mark.parametrize(
    ("body", "rows"),
    [
        ("[layer(4) as stage_{i} for i in range(5)]", ["stage_0..4"]),
        ("[layer(4) as stage_{i} for i in range(8, 12)]", ["stage_8..11"]),
        # another number, another block, something between
        ("layer(4) as a1 -> layer(4) as a3 -> layer(4) as a4", ["a1", "a3..4"]),
        ("layer(4) as a1 -> layer(8) as a2 -> layer(8) as a3", ["a1", "a2", "a3"]),
        ("layer(4) as a1 -> relu -> layer(4) as a2", ["a1", "relu1", "a2"]),
        ("layer(4) as b1 -> layer(4) as a2", ["b1", "a2"]),
        ("layer(4) as a -> layer(4) as b", ["a", "b"]),
        # side by side, and not one after another
        ("x = relu\n add { x -> layer(4) as a1 | x -> layer(4) as a2 }", ["relu1", "a1", "a2", "add1"]),
        # what others read too has a row, since its facts are its own
        ("x = layer(4) as a1\n y = layer(4) as a2\n add { x | y }", ["a1", "a2", "add1"]),
        # equal groups, and repeats that are equal blocks
        (
            "[relu -> conv1-4] as a1 -> [relu -> conv1-4] as a2 -> layer(4)*2 as b1 -> layer(4)*2 as b2",
            ["a1..2", "b1..2"],
        ),
    ],
)
def test_which_blocks_are_numbered(body, rows):
    text = f"block layer(c) = residual {{ conv3-c -> bn }} -> relu\nnet n {{\n input 8x8x4\n {body}\n}}"
    table = of(text).summary(1)
    assert [row.name for row in table.rows] == rows
    assert sum(row.params for row in table.rows) == table.params
    for row in table.rows:
        last = Tour(of(text).module).at(row.last)
        assert row.seen == field_of(last.after[0])


def test_a_share_has_two_digits_where_it_has_as_much():
    for part in range(1, 100_001, 7):
        shown = share(part, 100_000)
        assert re.fullmatch(r"<\.1%|\d\.\d%|\d\d%|100%", shown), (part, shown)
        assert shown == "<.1%" or abs(float(shown[:-1]) - part / 1000) <= (0.05001 if "." in shown else 0.50001)


def test_cost_follows_the_text():
    def deep(count):
        return of(f"INPUT[32x32x3] -> [[[conv3-64]*{count}]*{count}]*{count}").summary()

    # a power of n takes log(n) steps
    assert growth(lambda count: str(deep(count)), 10, 1000, first=9) < 2
    table = deep(1000)
    assert table.params == (3 * 9 * 64 + 64) + (10**9 - 1) * (64 * 9 * 64 + 64)
    assert "36,927,999,964,864" in str(table)


def test_blocks_that_call_blocks_twice_are_opened_once():
    """2**20 layers behind twenty lines: the table is as long as the text."""
    lines = ["block b0 = relu"] + [f"block b{n} = b{n - 1} -> b{n - 1}" for n in range(1, 21)]
    table = of("\n".join([*lines, "net n { input 8x8x1", "b20 }"]), net="n").summary(0)
    assert len(table.rows) < 100
    assert any(row.same_as for row in table.rows)


def test_the_default_depth_fits_on_a_page():
    for name in zoo_names():
        net = archdsl.load(name)
        table = net.summary()
        assert len(table.rows) <= 60
        assert len(net.summary(table.depth).rows) == len(table.rows)
        finer = net.summary(table.depth + 1)
        assert len(finer.rows) == len(table.rows) + table.more


@pytest.mark.parametrize("name", zoo())
def test_the_table_fits_into_eighty_columns(name):
    net = archdsl.load(name)
    for depth in (None, 1, 0):
        assert max(map(cells, net.summary(depth).text(80).split("\n"))) <= 80


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "unet", "lenet5"])
def test_the_table_fits_into_sixty_columns(name):
    net = archdsl.load(name)
    for table in (net.summary(1), net.memory(depth=1), net.time("h100", depth=1)):
        assert max(map(cells, table.text(60).split("\n"))) <= 60


def test_what_numbers_are_for_where_sizes_are_open():
    table = archdsl.load("resnet18").symbolic().summary(1)
    at = "1,814,073,344 MACs at H = 224, W = 224; the {} in the table are for these sizes"
    for width, shown in ((80, "MACs"), (None, "per cents")):
        assert at.format(shown) in table.text(width).replace("\n  ", " ")
    footer = archdsl.load("resnet18").symbolic().time("h100").footers()[0]
    assert re.fullmatch(
        r"at least [\d.]+ µs for the batch at H = 224, W = 224, at most [\d,]+ samples a second", footer
    )


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200, None])
def test_columns_are_aligned_at_any_width(width):
    lines = archdsl.load("resnet50").summary(2).text(width).split("\n")
    head = next(line for line in lines if line.startswith("layer "))
    column = head.index("operator")
    body = lines[lines.index(head) + 2 : lines.index("", lines.index(head))]
    assert len(body) > 10
    assert all(line[column - 1] == " " != line[column] for line in body)


def test_training_heads_are_marked_and_totals_given_both_ways():
    table = archdsl.load("googlenet").summary(1)
    assert [row.path for row in table.rows if row.training_only] == ["aux1", "aux2"]
    assert (table.inference_params, table.params) == (6_998_552, 13_378_280)
    assert "6,998,552 parameters" in str(table)
    assert "13,378,280 parameters" in str(table)


def test_shared_weights_count_once():
    table = of(
        "net n {\n input a: 8x8x3\n input b: 8x8x3\n share t = conv3-4\n u = a -> t\n v = b -> t\n add { u | v }\n}"
    ).summary()
    assert [row.params for row in table.rows] == [112, 0, 0]
    assert [row.shared for row in table.rows] == [False, True, False]
    assert table.params == 112


def test_json_is_complete_and_stable():
    net = archdsl.load("resnet18")
    document = json.loads(net.summary(0).to_json())
    assert document["params"] == 11_689_512
    paths = [row["path"] for row in document["rows"]]
    assert "layer2.0.downsample.0" in paths
    assert net.summary(0).to_json() == archdsl.load("resnet18").summary(0).to_json()


class Text(HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.words = [], []

    def handle_starttag(self, tag, attrs):
        assert not any(value and "<" in value for _, value in attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_html_is_well_formed_and_escaped():
    net = of("## <script>alert(1)</script> & more\nnet n { input 8x8x3\n conv3-4 }", net="n")
    page = Text()
    page.feed(net._repr_html_())
    assert not page.open
    assert "<script>alert(1)</script> & more" in page.words
    assert "3×3 conv, 4" in page.words


# --- structure --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", zoo())
def test_structure_refers_only_to_what_it_holds(name):
    net = archdsl.load(name)
    document = net.structure()
    known = {}
    for module in document["modules"]:
        for step in module["steps"]:
            assert "module" not in step or step["module"] in known
            for source, port in step["inputs"]:
                assert port < (len(module["inputs"]) if source < 0 else len(module["steps"][source]["outputs"]))
        known[module["id"]] = module
    assert len(known) == len(document["modules"]) == len(net.modules)
    root = known[document["network"]]
    assert (root["params"], root["macs"]) == (net.params, net.macs)


@pytest.mark.parametrize("name", ["googlenet", "fcn_resnet50", "resnet18"])
def test_structure_says_which_outputs_are_for_training(name):
    net = archdsl.load(name)
    flags = [each["training_only"] for each in net.structure()["modules"][-1]["outputs"]]
    assert flags == [False] * len(net.outputs) + [True] * len(net.train_outputs)


def test_structure_as_text_is_stable_and_plain():
    text = structure.to_json(archdsl.load("googlenet").module)
    assert text == structure.to_json(archdsl.load("googlenet").module)
    assert text.isascii()
    assert json.loads(text)["version"] == structure.VERSION


def test_depth_of_nesting_costs_no_stack():
    """Modules inside modules as deep as the limits let them be built."""
    lines = ["block b0 = conv3-4"] + [f"block b{n} = b{n - 1} -> relu" for n in range(1, 47)]
    net = of("\n".join([*lines, "net n { input 8x8x4", "b46 }"]), net="n")
    assert isinstance(net.modules[0], Module)
    table = net.summary(0)
    assert max(row.depth for row in table.rows) == 47
    assert net.explain(table.rows[-2].path if table.rows[-2].depth else None)
