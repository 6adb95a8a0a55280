"""Networks side by side: the table, and the plot of parameters against MACs."""

import json
import re
import xml.etree.ElementTree as ET
from itertools import combinations

import pytest
from work import growth

import archdsl
from archdsl import cli
from archdsl.draw.columns import text_width
from archdsl.draw.scatter import Point, placed, scatter
from archdsl.elaborate.library import zoo_names

NAMES = ("resnet50", "vgg16", "mobilenet_v2", "googlenet", "resnet18")


def of(*names, **options):
    return archdsl.compare(map(archdsl.load, names), **options)


@pytest.fixture
def run(capsys):
    def run(*arguments):
        code = cli.main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_line_has_the_facts_of_its_network():
    for name, entry in zip(NAMES, of(*NAMES).entries, strict=True):
        net = archdsl.load(name)
        assert (entry.name, entry.params, entry.macs) == (name, net.inference_params, net.macs)
        assert (entry.inputs, entry.outputs, entry.layers) == (net.inputs, net.outputs, net.module.layers)


@pytest.mark.parametrize(
    ("name", "seen"),
    # what the summary has at the last map: layer4, features, features, layer4; a gate sees everything
    [("resnet18", "435"), ("vgg16", "212"), ("mobilenet_v2", "491"), ("resnet50", "427"), ("se_resnet50", "all")],
)
def test_the_receptive_field_is_that_of_the_last_map(name, seen):
    assert of(name).entries[0].field == seen


def test_the_last_map_is_one_that_inference_computes():
    text = """net n {
 input 32x32x3
 a = conv3-4
 y = a -> gap -> fc-2
 aux = a -> conv5-4 -> gap -> fc-2
 output y
 output aux (train)
}"""
    assert archdsl.compare([archdsl.parse(text)]).entries[0].field == "3"


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        (None, NAMES),
        ("params", ("mobilenet_v2", "googlenet", "resnet18", "resnet50", "vgg16")),
        ("macs", ("mobilenet_v2", "googlenet", "resnet18", "resnet50", "vgg16")),
        ("name", ("googlenet", "mobilenet_v2", "resnet18", "resnet50", "vgg16")),
        ("receptive-field", ("vgg16", "resnet50", "resnet18", "mobilenet_v2", "googlenet")),
    ],
)
def test_lines_are_sorted(sort, order):
    assert tuple(entry.name for entry in of(*NAMES, sort=sort).entries) == order


def test_an_unknown_order_is_refused():
    with pytest.raises(ValueError, match="beauty"):
        of(*NAMES, sort="beauty")


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_lines_fit_the_screen(width, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, _ = run("compare", *zoo_names())
    assert code == 0
    assert max(map(len, out.splitlines())) <= width
    assert len(out.splitlines()) == 2 + len(zoo_names())


def test_networks_are_needed(run):
    code, out, err = run("compare")
    assert (code, out) == (2, "")
    assert "NAMES" in err


def test_settings_are_those_of_all(run):
    _, out, _ = run("compare", "resnet18", "resnet50", "--set", "classes=10", "--input", "32x32x3", "--json")
    document = json.loads(out)
    assert (document["format"], document["version"]) == ("archdsl.compare", 1)
    for row in document["networks"]:
        assert (row["inputs"]["x"]["shape"], row["outputs"]["y"]["shape"]) == ([3, 32, 32], [10])


def test_a_billion_layers_cost_as_much_as_a_thousand():
    def deep(count):
        return archdsl.compare([archdsl.parse(f"INPUT[32x32x64] -> [[[conv3-64]*{count}]*{count}]*{count}")]).entries

    # a power of n takes log(n) steps
    assert growth(deep, 10, 1000, first=9) < 2
    (entry,) = deep(1000)
    assert (entry.layers, entry.field) == (10**9, str(1 + 2 * 10**9))


# --- the plot ---------------------------------------------------------------------------------------------------------

SVG = "{http://www.w3.org/2000/svg}"
MANY = [
    "alexnet",
    "vgg11",
    "vgg16",
    "vgg19",
    "googlenet",
    "inception_v3",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "densenet121",
    "densenet201",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "squeezenet1_1",
    "shufflenet_v2_x1_0",
    "efficientnet_b0",
    "swin_t",
]


def test_twenty_labels_do_not_overlap(tmp_path):
    of(*MANY, plot=tmp_path / "x.svg")
    root = ET.parse(tmp_path / "x.svg").getroot()
    labels = [each for each in root.iter(f"{SVG}text") if each.text in MANY]
    assert sorted(each.text for each in labels) == sorted(MANY)
    boxes = []
    for each in labels:
        half = text_width(each.text, 11) * 72 / 2
        x, y = float(each.get("x")), float(each.get("y"))
        boxes.append((x - half, y - 8, x + half, y + 1))
    for (a, b, c, d), (e, f, g, h) in combinations(boxes, 2):
        assert min(c, g) <= max(a, e) or min(d, h) <= max(b, f)
    assert all(left > 0 and right < 760 for left, _, right, _ in boxes)


def test_points_stand_where_their_numbers_say():
    made = scatter([Point("a", 10**6, 10**8), Point("b", 10**8, 10**10), Point("c", 10**7, 10**9)])
    (ax, ay), (bx, by), (cx, cy) = [
        tuple(map(float, each)) for each in re.findall(r'translate\(([\d.]+) ([\d.]+)\)" fill', made)
    ]
    assert (cx, cy) == (pytest.approx((ax + bx) / 2, abs=0.2), pytest.approx((ay + by) / 2, abs=0.2))
    assert ax < bx
    assert ay > by
    ticks = {each.text for each in ET.fromstring(made).iter(f"{SVG}text")}
    assert {"1 M", "10 M", "100 M"} <= ticks


def test_ticks_are_round():
    made = scatter([Point("a", 3_000_000, 10), Point("b", 4_000_000, 10**12)])
    texts = [each.text for each in ET.fromstring(made).iter(f"{SVG}text")]
    numbers = [each for each in texts if each and each[0].isdigit()]
    assert numbers
    assert {each[0] for each in numbers} <= set("125")
    assert all(set(each.split()[0][1:]) <= {"0"} for each in numbers)


def test_every_digit_of_a_decade_has_its_tick():
    """On axes from 6.9 to 1,445: 7, 8, 9, then all that have one digit before noughts."""
    made = scatter([Point("a", 10, 10), Point("b", 1000, 1000)])
    down, left = (re.findall(rf'd="M([\d.]+) ([\d.]+){way}"', made) for way in ("v[53]", "h-[53]"))
    assert len(down) == len(left) == 3 + 9 + 9 + 1
    # as far apart as the logarithms of 8, 9 and 10 are
    eight, nine, ten = (float(x) for x, _ in down[1:4])
    assert (nine - eight) / (ten - nine) == pytest.approx(1.118, abs=0.02)


def test_labels_of_one_place_stand_apart():
    boxes = placed([60.0] * 6, [(300.0, 300.0)] * 6)
    for one, other in combinations(boxes, 2):
        assert not one.overlap(other)


def test_names_cannot_break_the_plot():
    made = scatter([Point('<a>&"', 5, 5)])
    assert any(each.text == '<a>&"' for each in ET.fromstring(made).iter(f"{SVG}text"))


def test_many_labels_are_placed_in_a_few_rounds():
    """Each label looks at the others beside it in some rounds: 16 times the work for four times the labels. With the
    cube of them it would be 64 times."""

    def plot(count):
        scatter([Point(f"n{index}", 10**6 + index**3, 10**8 + index**2 * 10**4) for index in range(1, count + 1)])

    assert growth(plot, 20, 80, first=10) < 32


def test_the_command_plots(run, tmp_path):
    code, out, _ = run("compare", *NAMES, "-o", tmp_path / "x.svg")
    assert (code, "wrote" in out) == (0, True)
    assert run("compare", *NAMES, "-o", tmp_path / "x.gif")[0] == 2
    relu = tmp_path / "relu.arch"
    relu.write_text("INPUT[4x4x3] -> relu\n")
    code, _, err = run("compare", relu, "-o", tmp_path / "y.svg")
    assert (code, "no network" in err) == (2, True)
