"""What Graphviz makes of the pictures of every network of the zoo at every level of detail: boxes and words lie beside
each other and clear of the lines, the main path is straight, and nothing is wider than it must be."""

import re
from itertools import combinations, pairwise
from xml.etree import ElementTree as ET

import pytest
from layouts import Laid, overlap, svg_of, tag
from programme import zoo

import archdsl
from archdsl.draw.dot import dot, laid_out
from archdsl.draw.excerpt import side_by_side
from archdsl.draw.look import Look
from archdsl.draw.model import Detail, Kind
from archdsl.draw.picture import picture

ZOO = [name if isinstance(name, str) else name.values[0] for name in zoo()]
# a network of each kind; the others differ in numbers, and are laid out when `-m long` asks for them
SOME = (
    "alexnet",
    "bert",
    "fcn16s",
    "googlenet",
    "googlenet_bn",
    "densenet121",
    "mlp_mixer",
    "mobilenet_v2",
    "resnet18",
    "seq2seq",
    "transformer",
    "unet",
    "vgg16",
)
WIDEST = 8.0
COLUMN = 2.5
DOTS = 72


@pytest.fixture(autouse=True)
def no_fonts(monkeypatch):
    """Graphviz measures words in the fonts of the machine, and without any by tables of its own, which are the same
    everywhere. In DejaVu, which is wider than what the pictures ask for, a line of the Transformer strikes a box."""
    monkeypatch.setenv("FONTCONFIG_FILE", "/nonexistent")


def cases():
    return [
        pytest.param(name, detail, id=f"{name}-{detail}", marks=() if name in SOME else pytest.mark.long)
        for name in ZOO
        for detail in Detail
    ]


def laid(name, detail):
    made = picture(archdsl.load(name).module, Look.of(detail=detail))
    return laid_out(made), Laid(dot(made))


@pytest.mark.parametrize(("name", "detail"), cases())
def test_a_layout(name, detail):
    made, where = laid(name, detail)
    assert lying_on_each_other(where) == []
    assert list(where.struck()) == []
    assert crooked(made, where) == []
    left, right = min(box[0] for box in where.nodes.values()), max(box[2] for box in where.nodes.values())
    assert right - left < max(WIDEST * DOTS, COLUMN * DOTS * made.columns, 2 * widest_row(made, where))


def lying_on_each_other(where):
    """Pairs of boxes and words that overlap."""
    things = [*where.nodes.items(), *((f"label {at}", box) for at, box in enumerate(where.labels)), *where.titles]
    return [(one, other) for (one, box), (other, another) in combinations(things, 2) if overlap(box, another)]


def crooked(made, where):
    """Main paths that are not straight."""
    middles = {}
    for node in made.nodes:
        if node.spine:
            left, _, right, _ = where.nodes[node.id]
            middles.setdefault(node.spine, []).append((left + right) / 2)
    return [spine for spine, each in middles.items() if max(each) - min(each) >= 2]


def widest_row(made, where):
    """How wide the boxes are that stand side by side, with what must be between them."""
    rows = {}
    for node in made.nodes:
        if node.kind is not Kind.DOT:
            left, top, right, _ = where.nodes[node.id]
            rows.setdefault(round(top), []).append(right - left + 40)
    return max(sum(row) for row in rows.values())


def test_a_u_is_found_by_its_sizes():
    """The same network under other names, with padding or without, is a U; without its skips it is none."""
    text = re.sub(r"\b(unet|expand\d?|bottom|level\d|pair)\b", lambda found: f"z{found[0].encode().hex()}", UNET)
    for each in (UNET, text):
        made = laid_out(picture(archdsl.parse(each).module, Look.of(detail="layer")))
        assert made.rising
        assert len(made.level) == 2
    without = UNET.replace("concat { skip | }", "bn")
    assert not laid_out(picture(archdsl.parse(without).module, Look.of(detail="layer"))).rising


def test_maps_that_are_halved_along_one_axis_make_a_u():
    text = UNET.replace("pool -> pair", "pool(window=(1, 2), stride=(1, 2)) -> pair")
    text = text.replace("deconv2-c/2", "deconv(window=(1, 2), stride=(1, 2), width=c)")
    made = laid_out(picture(archdsl.parse(text).module, Look.of(detail="layer")))
    assert made.rising
    assert len(made.level) == 2


UNET = """
block pair(c) = conv3-c -> relu -> conv3-c -> relu
block expand(skip, c) = deconv2-c/2 -> concat { skip | } -> pair(c)
net unet {
  input 64x64x1
  level1 = pair(16)
  level2 = level1 -> pool -> pair(32)
  level2 -> pool -> pair(64) -> expand(level2, 32) -> expand(level1, 16) -> conv1-2
}
"""


def test_in_a_u_the_way_up_is_on_the_right_and_skips_are_level():
    made, where = laid("unet", "layer")
    down = [where.nodes[node.id] for node in made.nodes if node.spine == "spine"]
    up = [where.nodes[node.id] for node in made.nodes if node.spine == "spine:up"]
    assert max(box[2] for box in down) < min(box[0] for box in up)
    assert [box[1] for box in down] == sorted(box[1] for box in down)
    assert [box[1] for box in up] == sorted((box[1] for box in up), reverse=True)
    assert len(made.level) == 4
    for level in made.level:
        heights = [(where.nodes[name][1] + where.nodes[name][3]) / 2 for name in level]
        assert max(heights) - min(heights) < 1


def test_an_encoder_stands_beside_the_decoder_that_reads_it():
    made, where = laid("transformer", "layer")
    assert made.pair
    (level,) = made.level
    encoder, decoder = (where.nodes[name] for name in level)
    assert encoder[2] < decoder[0]
    assert encoder[1] == pytest.approx(decoder[1], abs=1)
    left = [where.nodes[node.id] for node in made.nodes if node.spine == "left"]
    right = [where.nodes[node.id] for node in made.nodes if node.spine == "spine"]
    assert len(left) >= 5
    assert max(box[2] for box in left) < min(box[0] for box in right)


def test_a_sum_of_two_inputs_is_no_pair():
    assert not laid_out(picture(archdsl.load("bert").module)).pair
    text = "net n {\n input a: 8x8x4\n input b: 8x8x4\n x = a -> conv3-4 -> conv3-4\n b -> conv3-4 -> conv3-4\n add { | x }\n}"
    assert not laid_out(picture(archdsl.parse(text).module)).pair


def gaps(where, names):
    """The distances between boxes that stand one below the other."""
    boxes = [where.nodes[name] for name in names]
    return [below[1] - above[3] for above, below in pairwise(boxes)]


def test_networks_side_by_side_are_each_as_they_are_alone():
    """The gaps of VGG-19 do not depend on what stands beside it; both begin at the top."""
    vgg, resnet = (picture(archdsl.load(name).module, Look.of(detail="layer")) for name in ("vgg19", "resnet34"))
    alone, beside = Laid(dot(vgg)), Laid(dot(side_by_side([vgg, resnet])))
    names = [node.id for node in vgg.nodes if not node.cluster]
    assert gaps(beside, [f"1:{name}" for name in names]) == pytest.approx(gaps(alone, names), abs=2)
    assert beside.nodes["1:input:x"][1] == pytest.approx(beside.nodes["2:input:x"][1], abs=1)
    assert beside.nodes["1:input:x"][2] < beside.nodes["2:input:x"][0]
    assert len(beside.labels) > 20
    assert {"1:classifier", "2:layer2", "2:layer2.0"} < beside.clusters.keys()


@pytest.mark.parametrize(("name", "direction"), [("resnet18", "TB"), ("resnet18", "LR"), ("vgg16_c", "TB")])
def test_columns_stand_beside_each_other_in_order(name, direction):
    """Whether there are blocks in all of them or only in the last."""
    drawn = picture(archdsl.load(name).module, Look.of(detail="layer", direction=direction))
    made, where = laid_out(drawn), Laid(dot(drawn))
    assert made.columns > 1
    starts = [where.nodes[f"sign:{sign}:start"] for sign in "ABC"[: made.columns - 1]]
    firsts = [where.nodes["input:x"], *starts]
    across, along = (0, 1) if direction == "TB" else (1, 0)
    assert [box[across] for box in firsts] == sorted(box[across] for box in firsts)
    assert max(box[along] for box in firsts) - min(box[along] for box in firsts) < 30


def test_a_legend_is_as_wide_as_its_words():
    text = dot(picture(archdsl.load("textbook_linear").module))
    svg = ET.fromstring(svg_of(text))
    fills = [shape for shape in svg.iter(tag("path")) if shape.get("fill", "").lower() == "#cab2d6"]
    legend, box = map(Laid.box, fills)
    assert legend[2] - legend[0] < box[2] - box[0]
