"""Feature maps as volumes: what is drawn, how large, and that nothing lies on anything else."""

from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from layouts import overlap, tag
from programme import zoo
from work import growth

import archdsl
from archdsl.draw.render import CannotRender, NoGraphviz, render
from archdsl.draw.scene import Polygon, Text, placed_dot, svg
from archdsl.draw.volumes import READABLE, scene, volumes

ZOO = zoo()


def row(name, detail=None):
    return volumes(archdsl.load(name).module, detail)[0]


def test_alexnet_is_the_row_of_its_figure():
    """Figure 2 of the paper: 55×55×96, 27×27×256, three of 13×13, two of 4096 and 1000."""
    shown = [(str(each.kind), each.label) for each in row("alexnet")]
    assert shown == [
        ("227x227x3", "input"),
        ("55x55x96", "11×11 conv, 96, /4"),
        ("27x27x96", "3×3 max pool, /2"),
        ("27x27x256", "5×5 conv, 256, 2 groups"),
        ("13x13x256", "3×3 max pool, /2"),
        ("13x13x384", "3×3 conv, 384"),
        ("13x13x384", "3×3 conv, 384, 2 groups"),
        ("13x13x256", "3×3 conv, 256, 2 groups"),
        ("6x6x256", "3×3 max pool, /2"),
        ("4096", "linear, 4096"),
        ("4096", "linear, 4096"),
        ("1000", "linear, 1000"),
    ]


def test_vgg_repeats_its_convolutions():
    counts = [each.count for each in row("vgg16") if "conv" in each.label]
    assert counts == [2, 2, 3, 3, 3]


def test_blocks_with_branches_are_one_volume():
    assert [(each.label, each.note, each.count) for each in row("resnet18") if each.block] == [
        ("layer1, basic, 64", "", 2),
        ("layer2, 128, /2", "basic ×2", 1),
        ("layer3, 256, /2", "basic ×2", 1),
        ("layer4, 512, /2", "basic ×2", 1),
    ]


def test_depth_costs_nothing():
    assert len(row("resnet152")) == len(row("resnet50"))
    deep = archdsl.parse("INPUT[32x32x64] -> [[[conv3-64]*1000]*1000]*1000")
    assert [each.count for each in volumes(deep.module)[0]] == [1, 1_000_000_000]


def test_a_row_without_end_is_cut_and_says_so():
    def row_of(length):
        return archdsl.parse("INPUT[8x8x9] -> " + " -> ".join(f"conv3-{8 + index}" for index in range(length))).module

    # with all pairs of four times the boxes it would be 16 times as much
    assert growth(lambda length: scene(row_of(length)), 375, 1500, first=374) < 6
    made = scene(row_of(1500))
    assert made.remarks == ("of 1,501 boxes the first 1,000 are drawn: blocks and repeats would make it shorter",)
    assert len(made.groups) == 1000 + 2


def test_skips_lead_from_the_way_down_to_the_way_up():
    made = row("unet")
    skips = [(str(made[source].kind), str(each.kind)) for each in made for source in each.also]
    assert skips == [
        ("64x64x512", "56x56x1024"),
        ("136x136x256", "104x104x512"),
        ("280x280x128", "200x200x256"),
        ("568x568x64", "392x392x128"),
    ]


@pytest.mark.parametrize("name", ZOO)
def test_every_network_is_a_row_that_can_be_taken_in(name):
    made, remarks = volumes(archdsl.load(name).module)
    assert 2 <= len(made) <= READABLE
    assert [each.id for each in made if each.id.startswith("input:")] == [made[0].id]
    assert len({each.id for each in made}) == len(made)
    for index, each in enumerate(made):
        assert all(source < index for source in each.also)
    assert all("not drawn" in remark for remark in remarks)


@pytest.mark.parametrize("name", ZOO)
def test_no_words_lie_on_each_other_or_on_a_box(name):
    made = scene(archdsl.load(name).module)
    texts = [(shape.text, shape.box) for group in made.groups for shape in group.shapes if isinstance(shape, Text)]
    for (one, box), (other, another) in combinations(texts, 2):
        assert not overlap(box, another), (one, other)
    solids = [
        (
            min(x for x, _ in s.points),
            min(y for _, y in s.points),
            max(x for x, _ in s.points),
            max(y for _, y in s.points),
        )
        for group in made.groups
        for s in group.shapes
        if isinstance(s, Polygon)
    ]
    for text, box in texts:
        assert not any(overlap(box, solid) for solid in solids), text
        assert box[0] >= 0
        assert box[2] <= made.width
        assert box[3] <= made.height


def sizes(name):
    """Width and height of the front of each volume, by its id."""
    made = scene(archdsl.load(name).module)
    fronts = {}
    for group in made.groups[1:-1]:
        (x0, y0), (x1, _), (_, y1), _ = next(s for s in group.shapes if isinstance(s, Polygon)).points
        fronts[group.id] = (x1 - x0, y1 - y0)
    return fronts


def test_lengths_go_with_square_roots():
    fronts = sizes("vgg16")
    # 224 and 56 positions, 64 and 256 channels, 4096 and 1000 features
    assert fronts["features.0"][1] == pytest.approx(2 * fronts["features.10"][1])
    assert 2 * fronts["features.0"][0] == pytest.approx(fronts["features.10"][0])
    assert fronts["classifier.0"][1] / fronts["classifier.6"][1] == pytest.approx((4096 / 1000) ** 0.5)


def test_a_front_is_as_high_as_the_map_and_its_back_as_deep_as_the_map_is_wide():
    for height, width in ((64, 16), (16, 64), (36, 36)):
        made = scene(archdsl.parse(f"INPUT[{height}x{width}x4] -> conv3-4 -> pool -> fc-2").module)
        front, lid, _ = (shape.points for shape in made.groups[1].shapes if isinstance(shape, Polygon))
        high, deep = front[2][1] - front[1][1], lid[1][0] - lid[0][0]
        # the back is drawn shorter by a third
        assert high / deep == pytest.approx((height / width) ** 0.5 / 0.32)


def test_arrows_of_skips_share_a_line_unless_they_are_beside_each_other():
    def lines(chain):
        made = scene(archdsl.parse(f"net n {{\n input 8x8x4\n {chain}\n}}").module)
        (arrows,) = [group.shapes for group in made.groups if group.id == "all:arrows"]
        return sorted(shape.points[1][1] for shape in arrows if len(shape.points) == 4)

    body = "conv3-8 -> conv3-4"
    in_a_row = lines(f"a = conv3-4\n b = a -> {body}\n c = add {{ a | b }}\n d = c -> {body}\n add {{ c | d }}")
    inner = f"b = a -> conv3-8\n c = b -> {body} -> conv3-8\n add {{ b | c }} -> conv3-4"
    around = lines(f"a = conv3-4\n {inner} -> add {{ a | }}")
    assert len(in_a_row) == len(around) == 2
    assert in_a_row[0] == in_a_row[1]
    assert around[0] < around[1]


def test_a_volume_never_vanishes():
    assert all(
        width >= 3 and height >= 3 for name in ("lenet5", "vgg16", "unet") for width, height in sizes(name).values()
    )


def test_the_svg_is_one_and_says_what_is_where():
    net = archdsl.load("alexnet")
    root = ET.fromstring(str(net.draw_volumes()))
    assert root.find(tag("title")).text == "alexnet"
    words = [each.text for each in root.iter(tag("text"))]
    assert "55×55×96" in words
    tips = [each.text for each in root.iter(tag("title"))]
    assert any(tip.startswith("conv1: 11×11 conv, 96, /4 (width=96") and "34,944 parameters" in tip for tip in tips)
    assert str(net.draw_volumes()) == str(net.draw_volumes())


def test_hostile_names_stay_text():
    name = 'a "b" <c>&d; \\N {e} \x1b'
    net = archdsl.parse("INPUT[8x8x3] -> conv3-4", name=name)
    made = scene(net.module)
    assert ET.fromstring(svg(made)).find(tag("title")).text == name.replace("\x1b", "\N{REPLACEMENT CHARACTER}")
    placed = rendered(placed_dot(made), "svg")
    assert any((each.text or "").startswith('a "b" <c>&d; \\N {e}') for each in ET.fromstring(placed).iter(tag("text")))


def rendered(text, kind):
    try:
        return render(text, kind)
    except NoGraphviz:
        pytest.skip("there is no Graphviz here")


def test_graphviz_makes_of_it_what_the_svg_shows():
    made = scene(archdsl.load("alexnet").module)
    root = ET.fromstring(rendered(placed_dot(made), "svg"))
    width, height = (float(root.get(side).removesuffix("pt")) for side in ("width", "height"))
    assert (width, height) == pytest.approx((made.width, made.height), abs=3)
    shown = sum(isinstance(shape, Polygon) for group in made.groups for shape in group.shapes)
    # every polygon, the heads of the arrows and the background
    heads = len(row("alexnet")) - 1
    assert len(list(root.iter(tag("polygon")))) == shown + heads + 1


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_pictures_other_than_svg_need_graphviz(tmp_path, kind, start):
    path = tmp_path / f"lenet5.{kind}"
    try:
        archdsl.load("lenet5").draw_volumes(path)
    except CannotRender:
        pytest.skip("there is no Graphviz here")
    assert path.read_bytes().startswith(start)


def test_a_dark_page_has_light_words():
    net = archdsl.load("lenet5")
    light, dark = str(net.draw_volumes()), str(net.draw_volumes(dark=True))
    assert 'fill="#FFFFFF"/>' in light
    assert 'fill="#1E1E22"/>' in dark
    assert light.count("<polygon") == dark.count("<polygon")


def test_a_u_goes_down_and_up_again():
    made = scene(archdsl.load("unet").module)
    middles = []
    for group in made.groups[1:-1]:
        ys = [y for shape in group.shapes if isinstance(shape, Polygon) for _, y in shape.points]
        middles.append((min(ys) + max(ys)) / 2)
    steps = [round(after - before) for before, after in pairwise(middles) if abs(after - before) > 1]
    assert [step > 0 for step in steps] == [True] * 4 + [False] * 4
    assert sum(steps) == pytest.approx(0, abs=4)
