"""Pictures: what is drawn (the pages in `cases/draw` have the rules one by one), that the text is sound and always the
same, that any network is drawn in no time, and that what Graphviz makes of it looks as it should."""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from xml.etree import ElementTree as ET

import pytest
from layouts import Laid, overlap, svg_of, tag
from programme import zoo
from work import growth

import archdsl
from archdsl.draw import render as rendering
from archdsl.draw.columns import in_columns
from archdsl.draw.dot import dot, laid_out
from archdsl.draw.look import Look
from archdsl.draw.model import Detail, Direction, Kind, Role
from archdsl.draw.picture import picture
from archdsl.draw.render import CannotRender, NoGraphviz, render
from archdsl.facts.counts import MACS, PARAMS

ZOO = zoo()
HOSTILE = 'a "b" <c>&d; \\N \\l {e|f} &amp; [td] é ×'
UNET = """
block two(c) = conv3-c -> relu -> conv3-c -> relu
block up(skip, c) = deconv2-c/2 -> concat { skip | } -> two(c)
net unet {
  input 64x64x1
  a = two(16)
  b = a -> pool -> two(32)
  b -> pool -> two(64) -> up(b, 32) -> up(a, 16) -> conv1-2
}
"""


# --- what is drawn ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("name", ZOO)
def test_a_picture_is_whole(name, detail):
    """Every edge has its ends, every id is there once, blocks nest twice at most, and everything on the way from the
    input to the output is drawn."""
    made = picture(archdsl.load(name).module, Look.of(detail=detail))
    ids = [node.id for node in made.nodes] + [cluster.id for cluster in made.clusters]
    assert len(ids) == len(set(ids))
    nodes = {node.id: node for node in made.nodes}
    parent_of = {cluster.id: cluster.parent for cluster in made.clusters}
    for edge in made.edges:
        assert edge.source in nodes
        assert edge.target in nodes
    for node in made.nodes:
        assert node.cluster == "" or node.cluster in parent_of
        assert parent_of.get(parent_of.get(node.cluster, ""), "") == ""
    fed = {edge.target for edge in made.edges}
    read = {edge.source for edge in made.edges}
    sources = {node.id for node in made.nodes if node.kind is Kind.INPUT or node.label == "learned"}
    assert {node.id for node in made.nodes if node.id not in fed} == sources
    assert {node.id for node in made.nodes if node.id not in read} == {
        n.id for n in made.nodes if n.kind is Kind.OUTPUT
    }


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("name", ZOO)
def test_the_tooltips_add_up_to_the_network(name, detail):
    """Whatever is folded or closed: parameters and MACs of all boxes, times the counts around them, are the totals."""
    net = archdsl.load(name)
    made = picture(net.module, Look.of(detail=detail))
    clusters = {cluster.id: cluster for cluster in made.clusters}
    params = macs = 0
    for node in made.nodes:
        times, around = node.copies, node.cluster
        while around:
            times *= clusters[around].count * clusters[around].copies
            around = clusters[around].parent
        params += times * sum(facts.known.get(PARAMS, 0) for facts in node.facts)
        macs += times * sum(facts.known.get(MACS, 0) for facts in node.facts)
    assert (params, macs) == (net.params, net.train_macs)


def test_a_network_that_is_one_group_is_drawn_open():
    made = picture(archdsl.load("densenet201").module)
    blocks = [(node.label, node.note) for node in made.nodes if node.label.startswith("denseblock")]
    assert blocks == [
        ("denseblock1, 256", "dense_layer ×6"),
        ("denseblock2, 512", "dense_layer ×12"),
        ("denseblock3, 1792", "dense_layer ×48"),
        ("denseblock4, 1920", "dense_layer ×32"),
    ]


def test_the_stride_of_a_closed_block_is_that_of_its_windows():
    # 35 positions become 17, and 73 become 71
    labels = [node.label for node in picture(archdsl.load("inception_v4").module).nodes]
    assert "reduction_a, 1024, /2" in labels
    assert "mixed_4a, 192" in labels


@pytest.mark.parametrize(("size", "after"), [(15, 8), (16, 8), (17, 9), (7, 4), (3, 2)])
def test_the_stride_of_a_closed_block_that_sees_all_is_that_of_its_sizes(size, after):
    gate = "mul { | gap(keep=true) -> conv1-(in.channels) -> sigmoid }"
    net = archdsl.parse(f"block b(c) = {gate} -> conv3-c/2 -> conv3-c\nINPUT[{size}x{size}x4] -> b(8)")
    (box,) = [node for node in picture(net.module, Look.of(detail=Detail.STAGE)).nodes if node.kind is Kind.BLOCK]
    assert box.label == "b, 8, /2"
    assert box.facts[-1].output == (8, after, after)


def test_only_branches_that_start_from_one_tensor_stand_for_each_other():
    chain = "a = conv3-6\n b = {} -> conv1-8\n c = {} -> conv1-8\n d = a -> conv3-2\n concat {{ b | c | d }} -> conv3-3"
    for starts, copies in ((("a", "a"), [1, 2, 1, 1]), (("a", "in"), [1, 1, 1, 1, 1])):
        net = archdsl.parse(f"net n {{\n input 8x8x6\n {chain.format(*starts)}\n}}")
        boxes = [node for node in picture(net.module).nodes if node.kind is Kind.BOX]
        assert [node.copies for node in boxes if "conv" in node.label] == copies


def test_open_blocks_with_different_inputs_stay_apart():
    text = (
        "block fire(s, e) = conv1-s -> relu -> concat { conv1-e | conv3-e }\nINPUT[8x8x4] -> fire(4, 8) -> fire(4, 8)"
    )
    made = picture(archdsl.parse(text + " -> fire(4, 8)").module, Look.of(detail=Detail.LAYER))
    assert [cluster.count for cluster in made.clusters] == [1, 2]


@pytest.mark.parametrize("name", ZOO)
def test_without_a_detail_a_picture_can_be_taken_in(name):
    made = picture(archdsl.load(name).module)
    assert made.size <= 40
    assert made.remarks == ()


def test_depth_costs_nothing():
    """ResNet-152 is drawn with as many boxes as ResNet-50."""
    small, large = (picture(archdsl.load(name).module) for name in ("resnet50", "resnet152"))
    assert len(small.nodes) == len(large.nodes)
    assert [node.label for node in small.nodes] == [node.label for node in large.nodes]


def test_every_shortcut_starts_at_a_dot_in_its_block():
    for name in ("resnet18", "resnet50", "resnet20"):
        made = picture(archdsl.load(name).module)
        nodes = {node.id: node for node in made.nodes}
        arcs = [edge for edge in made.edges if edge.role is Role.RESIDUAL and edge.bends]
        assert arcs
        for edge in arcs:
            assert nodes[edge.source].kind is Kind.DOT
            assert nodes[edge.source].cluster == nodes[edge.target].cluster != ""


def test_a_long_picture_is_cut_into_columns_and_nothing_is_lost():
    made = picture(archdsl.load("resnet50").module)
    cut = in_columns(made)
    signs = [node for node in cut.nodes if node.kind is Kind.SIGN]
    assert sorted(node.label for node in signs) == ["A", "A"]
    assert [(n.id, n.label) for n in cut.nodes if n.kind is not Kind.SIGN] == [(n.id, n.label) for n in made.nodes]
    ends = {edge.source: edge.target for edge in cut.edges if edge.target.startswith("sign:")}
    starts = {edge.source: edge.target for edge in cut.edges if edge.source.startswith("sign:")}
    joined = {(source, starts[target.replace("end", "start")]) for source, target in ends.items()}
    plain = {(edge.source, edge.target) for edge in cut.edges if "sign:" not in edge.source + edge.target}
    assert joined | plain == {(edge.source, edge.target) for edge in made.edges}


def test_a_short_picture_is_not_cut():
    made = picture(archdsl.load("lenet5").module)
    assert in_columns(made) == made


# --- the text ---------------------------------------------------------------------------------------------------------


def test_the_text_is_the_same_for_any_hash_seed():
    code = (
        "import archdsl\n"
        "for name in ('resnet18', 'googlenet', 'nin'):\n"
        "    print(archdsl.load(name).draw(), archdsl.load(name).draw(detail='op', direction='LR'))\n"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(made) == 1
    assert len(made.pop()) > 50_000


def test_drawing_imports_nothing_that_is_slow_or_optional():
    code = (
        "import sys, archdsl\n"
        "str(archdsl.load('resnet18').draw())\n"
        "print({'torch', 'pygraphviz', 'graphviz', 'networkx', 'numpy', 'rich'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout.strip() == b"set()"


def test_hostile_names_stay_text():
    """The name of a file is the only text that is not an identifier. An XML parser gets back what was put in."""
    net = archdsl.parse("INPUT[8x8x3] -> conv3-4", name=HOSTILE)
    assert net.name == HOSTILE
    svg = ET.fromstring(svg_of(str(net.draw())))
    assert HOSTILE in [text.text for text in svg.iter(tag("text"))]
    titles = [each.get("{http://www.w3.org/1999/xlink}title") for each in svg.iter(tag("a"))]
    assert any(title and title.startswith(HOSTILE) for title in titles)


def test_control_characters_are_shown_as_such():
    text = archdsl.parse("INPUT[8x8x3] -> conv3-4", name="a\x1bb\x00c\u202e").draw().dot
    assert not set(text) & {"\x1b", "\x00", "\u202e"}


def test_ids_are_the_paths_of_the_layers():
    text = str(archdsl.load("resnet18").draw())
    assert 'id="layer1.0.conv1"' in text
    assert 'id="layer2.0.downsample.0"' in text
    assert "layer2.0.conv1: 3×3 conv, 128, /2 (width=128, window=3, stride=2, bias=false)" in text
    assert "64×56×56 → 128×28×28&#10;73,728 parameters&#10;57,802,752 MACs&#10;receptive field 51×51" in text


def test_the_legend_can_be_left_out():
    net = archdsl.load("resnet18")
    assert "convolution + norm + activation" in str(net.draw())
    assert "convolution + norm + activation" not in str(net.draw(legend=False))


# --- any size ---------------------------------------------------------------------------------------------------------


def repeats(size):
    return f"INPUT[32x32x64] -> [[[conv3-64]*{size}]*{size}]*{size}"


def repeats_of_several(size):
    return f"INPUT[32x32x64] -> [[[conv3-64 -> relu -> pool3/1(p=1)]*{size} -> relu]*{size}]*{size}"


def doubling_blocks(size, first="conv3-64 -> pool3/1(p=1)", between=" -> tanh"):
    lines = [f"block b{i} = b{i - 1}{between} -> b{i - 1}" for i in range(1, size)]
    return "\n".join([f"block b0 = {first}", *lines, "net doubled {", " input 8x8x64", f" b{size - 1}", "}"])


def doubling_boxes(size):
    return doubling_blocks(size, "conv3-64", "")


@pytest.mark.parametrize(
    ("bomb", "small", "large"),
    [(repeats, 10, 1000), (repeats_of_several, 10, 1000), (doubling_blocks, 10, 40), (doubling_boxes, 10, 40)],
)
@pytest.mark.parametrize("detail", [None, *Detail])
def test_bombs_are_drawn_at_once(bomb, small, large, detail):
    """A million times the layers with the same text, and 2**30 times with four times the text."""

    def drawn(size):
        made = picture(archdsl.parse(bomb(size)).module, Look.of(detail=detail))
        return made.size, len(dot(made))

    assert growth(drawn, small, large, first=small - 1) < 6
    boxes, letters = drawn(large)
    assert boxes <= 40
    assert letters < 50_000


def test_a_picture_that_would_be_too_large_is_made_coarser_and_says_so():
    layers = " -> ".join(f"conv3-{8 + index % 2}" for index in range(90))
    middle = f"block inner = {layers}\nblock outer = " + " -> pool3/1(p=1) -> ".join(["inner"] * 80)
    net = archdsl.parse(f"{middle}\nINPUT[8x8x9] -> outer -> gap")
    made = picture(net.module, Look.of(detail="op"))
    assert made.detail is Detail.BLOCK
    assert made.remarks == ("drawn at detail `block`: `op` would have 7,280 boxes, and 5,000 is the most",)


def test_a_long_flat_network_says_what_would_help():
    net = archdsl.parse("INPUT[8x8x9] -> " + " -> ".join(f"conv3-{8 + index}" for index in range(300)))
    made = picture(net.module)
    assert made.remarks == ("the picture has 300 boxes: blocks and repeats in the text would make it shorter",)


def test_what_is_dear_to_lay_out_is_drawn_with_straight_lines():
    branches = "".join(
        f" x{i} = concat {{ {' | '.join(f'x{j}' for j in range(i))} }} -> conv3-8\n" for i in range(2, 26)
    )
    net = archdsl.parse(f"net every {{\n input 8x8x16\n x0 = conv3-8\n x1 = x0 -> conv3-8\n{branches} output x25\n}}")
    text = str(net.draw())
    assert "splines=false" in text
    assert "nslimit=2" in text
    assert b"</svg>" in svg_of(text)


# --- rendering --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small():
    return str(archdsl.load("lenet5").draw())


@pytest.mark.parametrize(("kind", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_every_format_comes_out(small, kind, start):
    svg_of(small)
    assert render(small, kind).startswith(start)


def test_an_unknown_format_is_refused(small):
    with pytest.raises(ValueError, match="jpeg"):
        render(small, "jpeg")


def test_without_graphviz_a_message_says_what_to_install(small, monkeypatch):
    monkeypatch.setattr(rendering.shutil, "which", lambda _: None)
    monkeypatch.setattr(rendering, "find_spec", lambda _: None)
    with pytest.raises(NoGraphviz, match=r"pip install archdsl\[draw\]"):
        render(small, "svg")


def test_a_layout_that_takes_too_long_is_stopped(small, monkeypatch):
    endless = [sys.executable, "-c", "import time; time.sleep(600)"]
    monkeypatch.setattr(rendering, "_commands", lambda wanted: iter([endless]))
    with pytest.raises(CannotRender, match=r"longer than 0\.001 seconds"):
        render(small, "svg", seconds=0.001)


def test_what_graphviz_refuses_is_said(small):
    svg_of(small)
    with pytest.raises(CannotRender, match="gives no PNG"):
        render("digraph {", "png")


def test_a_graphviz_that_fails_is_not_the_last_word(small, monkeypatch, tmp_path):
    svg_of(small)
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho no such plugin >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(rendering.shutil, "which", lambda _: str(broken))
    if rendering.find_spec("pygraphviz"):
        assert render(small, "svg").startswith(b"<?xml")
    monkeypatch.setattr(rendering, "find_spec", lambda _: None)
    with pytest.raises(CannotRender, match="no such plugin"):
        render(small, "svg")


def test_a_file_in_the_current_folder_is_not_taken_for_graphviz(small, monkeypatch, tmp_path):
    svg_of(small)
    (tmp_path / "pygraphviz.py").write_text("raise SystemExit('taken in')")
    monkeypatch.chdir(tmp_path)
    assert render(small, "svg").startswith(b"<?xml")


def test_several_pictures_at_a_time(small):
    svg_of(small)
    with ThreadPoolExecutor(4) as pool:
        assert all(each.startswith(b"<?xml") for each in pool.map(lambda _: render(small, "svg"), range(8)))


# --- how it looks -----------------------------------------------------------------------------------------------------

FAMILIES = ["alexnet", "googlenet", "lenet5", "nin", "resnet18", "resnet20", "resnet50", "vgg16"]


@pytest.fixture(params=[*FAMILIES, "unet"])
def network(request):
    return archdsl.parse(UNET) if request.param == "unet" else archdsl.load(request.param)


@pytest.mark.parametrize("detail", [None, "op", "block"])
@pytest.mark.parametrize("direction", Direction)
def test_the_main_path_is_a_straight_line(network, detail, direction):
    made = picture(network.module, Look.of(detail=detail, direction=direction))
    laid, made = Laid(dot(made)), laid_out(made)
    middles = {}
    for node in made.nodes:
        if node.spine:
            left, top, right, bottom = laid.nodes[node.id]
            middles.setdefault(node.spine, []).append((left + right) / 2 if direction == "TB" else (top + bottom) / 2)
    assert max(map(len, middles.values())) >= 3
    for each in middles.values():
        assert max(each) - min(each) < 2


@pytest.mark.parametrize("detail", [None, "op", "block"])
@pytest.mark.parametrize("direction", Direction)
def test_nothing_lies_on_anything_else(network, detail, direction):
    made = picture(network.module, Look.of(detail=detail, direction=direction))
    laid, made = Laid(dot(made)), laid_out(made)
    boxes = list(laid.nodes.values())
    texts = [*laid.labels, *(line for _, line in laid.titles)]
    for index, box in enumerate(boxes):
        assert not any(overlap(box, other) for other in boxes[index + 1 :])
        assert not any(overlap(box, line) for line in texts)
    for index, line in enumerate(texts):
        assert not any(overlap(line, other) for other in texts[index + 1 :])


def test_no_title_lies_on_the_main_path(network):
    made = picture(network.module)
    laid, made = Laid(dot(made)), laid_out(made)
    middle = {node.cluster: sum(laid.nodes[node.id][0::2]) / 2 for node in made.nodes if node.spine}
    for name, (left, _, right, _) in laid.titles:
        if name in middle:
            assert not left < middle[name] < right


@pytest.mark.parametrize("name", FAMILIES)
def test_a_column_is_at_most_about_four_times_as_high_as_wide(name):
    svg = ET.fromstring(svg_of(str(archdsl.load(name).draw())))
    width, height = (float(svg.get(side).removesuffix("pt")) for side in ("width", "height"))
    assert height < 5 * width


def test_branches_stand_side_by_side_in_the_order_of_the_text():
    net = archdsl.parse("INPUT[28x28x192] -> inception(64, (96, 128), (16, 32), 32)")
    laid = Laid(str(net.draw()))
    first = [laid.nodes[f"inception1.{name}"] for name in ("conv1", "conv2", "conv4", "pool1")]
    assert [box[0] for box in first] == sorted(box[0] for box in first)
    assert len({round(box[1]) for box in first}) == 1
    fork = sum(laid.nodes["inception1:in"][0::2]) / 2
    assert sum(sum(box[0::2]) / 2 - fork for box in first) == pytest.approx(0, abs=60)


def test_a_shortcut_is_on_the_right_and_inside_its_block():
    block = "block basic(c) = residual { conv3-c -> bn -> relu -> conv3-c -> bn } -> relu"
    net = archdsl.parse(f"{block}\nINPUT[56x56x64] -> basic(64)*2")
    svg = ET.fromstring(svg_of(str(net.draw(legend=False))))
    (red,) = [each for each in svg.iter(tag("path")) if (each.get("stroke") or "").lower() == "#b2182b"]
    xs = along(list(map(float, re.findall(r"-?\d+\.?\d*", red.get("d"))[0::2])))
    (cluster,) = [each for each in svg.iter(tag("g")) if each.get("class") == "cluster"]
    left, _, right, _ = Laid.box(cluster)
    assert left < xs[0] < right
    assert min(xs) > xs[0] - 1
    assert max(xs) < right - 2


def along(points):
    """One coordinate of the points along a path of cubic curves."""
    curves = [points[start : start + 4] for start in range(0, len(points) - 3, 3)]
    steps = [step / 20 for step in range(21)]
    return [
        a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
        for a, b, c, d in curves
        for t in steps
    ]


@pytest.mark.parametrize("kind", ["bmp", "", "SVG", None, 3])
def test_a_kind_that_no_picture_has_is_refused(kind):
    with pytest.raises((ValueError, TypeError), match="one of svg, png, pdf, dot, mmd") as refused:
        archdsl.load("lenet5").draw().written(kind)
    assert not hasattr(refused.value, "__notes__")
