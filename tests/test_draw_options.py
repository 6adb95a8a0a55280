"""What `draw` can be told: one part of a network, colours by cost, a dark page, several networks, the style of volumes."""

import re

import pytest
from layouts import Laid

import archdsl
from archdsl.cli import main
from archdsl.draw.dot import dot
from archdsl.draw.excerpt import side_by_side
from archdsl.draw.look import Look
from archdsl.draw.model import Detail, Direction, Kind
from archdsl.draw.picture import picture
from archdsl.facts.counts import MACS, PARAMS
from archdsl.facts.seen import RECEPTIVE_FIELD
from archdsl.facts.table import colours

RESNET = archdsl.load("resnet18").module


def labels(made):
    return [node.label for node in made.nodes if node.kind is not Kind.DOT]


# --- one part ---------------------------------------------------------------------------------------------------------


def test_a_block_is_shown_open_between_its_neighbours():
    made = picture(RESNET, Look.of(focus="layer2.0"))
    assert labels(made) == ["layer1, 64", "3×3 conv, 128, /2", "3×3 conv, 128", "1×1 conv, 128, /2", "+", "basic, 128"]
    assert made.name == "resnet18, layer2.0"
    assert made.caption == "64×56×56 → 128×28×28 · 230 k parameters · 180 M MACs"
    assert [cluster.id for cluster in made.clusters] == ["layer2", "layer2.0"]


def test_a_layer_is_shown_with_what_it_is_joined_to():
    made = picture(RESNET, Look.of(focus="layer2.0.conv2"))
    assert labels(made) == ["3×3 conv, 128, /2", "3×3 conv, 128", "+"]


def test_a_norm_is_shown_where_it_was_taken_in():
    assert "3×3 conv, 128" in labels(picture(RESNET, Look.of(focus="layer2.0.bn2")))


def test_where_nothing_is_all_is_drawn():
    made = picture(RESNET, Look.of(focus="layer9"))
    assert made.remarks == ("there is nothing at `layer9`: all of the network is drawn",)
    assert made.nodes[0].kind is Kind.INPUT


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "densenet121", "transformer", "unet"])
def test_every_open_block_can_be_shown_alone(name):
    module = archdsl.load(name).module
    for cluster in picture(module, Look.of(detail="layer")).clusters:
        path = cluster.facts[0].path if cluster.facts else ""
        if path and ":" not in cluster.id:
            made = picture(module, Look.of(focus=path))
            assert not made.remarks, path
            ids = {node.id for node in made.nodes}
            assert all({edge.source, edge.target} <= ids for edge in made.edges)


# --- colours ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", ["macs", "params", "memory", "rf"])
def test_the_dearest_box_is_the_hottest_and_a_free_one_is_cold(cost):
    made = picture(RESNET, Look.of(color=cost))
    value = {
        "macs": lambda facts: facts.known[MACS],
        "params": lambda facts: facts.known[PARAMS],
        "memory": lambda facts: facts.output and facts.count * facts.output[0] * max(1, facts.output[-1]) ** 2,
        "rf": lambda facts: facts.known[RECEPTIVE_FIELD].seen[0].size % 10**6,
    }[cost]
    boxes = [node for node in made.nodes if node.kind is Kind.BOX]
    hottest = [node for node in boxes if node.fill == made.theme.hottest]
    assert hottest
    if cost in {"macs", "params"}:
        highest = max(sum(map(value, node.facts)) for node in boxes)
        assert all(sum(map(value, node.facts)) == highest for node in hottest)
        (pool,) = [node for node in boxes if node.label == "3×3 max pool, /2"]
        assert pool.fill == made.theme.coldest
    if cost == "rf":
        assert [node.label for node in hottest] == ["3×3 conv, 512", "global avg pool", "linear, 1000"]


def test_the_scale_is_the_legend():
    scale = [sample.text for sample in picture(RESNET, Look.of(color="macs")).legend]
    assert scale == ["MACs: 0", "7.38 M", "29.5 M", "66.4 M", "118 M", "shortcut"]
    assert not picture(RESNET, Look.of(color="macs", legend=False)).legend


def test_what_sees_all_of_the_input_is_the_darkest():
    made = picture(archdsl.load("vit_b_16").module, Look.of(color="rf"))
    fills = {node.label: node.fill for node in made.nodes if node.fill}
    assert fills["linear, 1000"] == made.theme.hottest != fills["16×16 conv, 768, /16"]
    assert [sample.text for sample in made.legend][:5] == ["receptive field: 0", "14", "56", "126", "224"]
    # with the padding the last blocks see more than there is, and the average after them does not see less
    made = picture(RESNET, Look.of(color="rf"))
    assert [node.fill for node in made.nodes if node.fill][-2:] == [made.theme.hottest] * 2
    assert made.legend[4].text == "435"


@pytest.mark.parametrize("cost", ["macs", "params", "memory"])
def test_equal_branches_cost_what_all_of_them_do(cost):
    net = archdsl.parse(
        "net n {\n input 8x6x4\n a = in -> concat { conv3-8 | conv3-8 | conv3-8 }\n b = in -> conv3-24\n output a, b\n}"
    )
    made = picture(net.module, Look.of(color=cost))
    fills = {(node.label, node.copies): node.fill for node in made.nodes if "conv" in node.label}
    assert fills == {("3×3 conv, 8", 3): made.theme.hottest, ("3×3 conv, 24", 1): made.theme.hottest}


def test_the_whole_input_along_one_axis_is_as_much_as_there_is_to_see_along_it():
    """Of 16 rows the convolution sees 31 with its padding, the pool after it all that there are."""
    net = archdsl.parse("INPUT[16x8x3] -> conv(window=(31, 1), width=4) -> adaptiveavgpool((1, 8))")
    made = picture(net.module, Look.of(color="rf"))
    assert [node.fill for node in made.nodes if node.fill] == [made.theme.hottest] * 2


def test_what_costs_nothing_has_no_scale():
    net = archdsl.parse("INPUT[8x8x3] -> relu -> pool")
    assert [sample.text for sample in picture(net.module, Look.of(color="macs")).legend] == ["MACs: 0"]


def test_a_dark_page_has_no_light_colours_left():
    text = dot(picture(RESNET, Look.of(dark=True)))
    # of three components of a colour the sum: a fill is darker than a letter
    fills = {sum(bytes.fromhex(each)) for each in re.findall(r'(?:fillcolor|bgcolor)="#([0-9A-F]{6})"', text)}
    inks = {sum(bytes.fromhex(each)) for each in re.findall(r'fontcolor="#([0-9A-F]{6})"', text)}
    assert max(fills) < 350
    assert min(inks) > 450


# --- several networks -------------------------------------------------------------------------------------------------


def test_networks_side_by_side_begin_at_one_height():
    pictures = [picture(archdsl.load(name).module) for name in ("vgg16", "resnet34")]
    made = side_by_side(pictures)
    assert len(made.nodes) == sum(len(each.nodes) for each in pictures)
    text = dot(made)
    assert "vgg16" in text
    assert "input 3×224×224 · 21.8 M parameters · 3.66 G MACs" in text
    where = Laid(text)
    one, other = where.nodes["1:input:x"], where.nodes["2:input:x"]
    assert one[1] == pytest.approx(other[1], abs=1)
    assert max(box[2] for name, box in where.nodes.items() if name.startswith("1:")) < min(
        box[0] for name, box in where.nodes.items() if name.startswith("2:")
    )


def test_the_legend_of_several_says_each_colour_once():
    made = side_by_side([picture(archdsl.load(name).module) for name in ("vgg16", "resnet34")])
    assert [sample.text for sample in made.legend] == [
        "convolution + norm + activation",
        "linear + activation",
        "pooling, resampling",
        "depthwise or projection + norm",
        "shortcut",
    ]


def test_the_same_network_twice():
    made = picture(RESNET)
    ids = [node.id for node in side_by_side([made, made]).nodes]
    assert len(ids) == len(set(ids))


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_texts_need_no_graphviz(here, capsys):
    assert main(["draw", "vgg16", "resnet18", "-o", "two.mmd", "-o", "two.dot"]) == 0
    assert main(["draw", "alexnet", "--style", "volumes", "--dark", "-o", "a.svg"]) == 0
    assert (here / "two.mmd").read_text(encoding="utf-8").startswith('---\ntitle: "vgg16, resnet18"\n')
    assert "<svg" in (here / "a.svg").read_text(encoding="utf-8")
    assert capsys.readouterr().out == "wrote two.mmd\nwrote two.dot\nwrote a.svg\n"


def test_remarks_are_written(here, capsys):
    assert main(["draw", "bert", "--style", "volumes", "-o", "b.svg"]) == 0
    assert "not drawn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vgg16", "resnet18", "--focus", "layer1"], "--focus is a path in one network"),
        (["vgg16", "resnet18", "--style", "volumes"], "--style volumes draws one network"),
        (["vgg16", "--style", "volumes", "-o", "x.mmd"], "Mermaid draws boxes and lines only"),
        (["vgg16", "--style", "volumes", "--color", "macs"], "--style volumes takes no --color"),
        (["vgg16", "--style", "volumes", "--dir", "LR"], "--style volumes takes no --dir"),
        (["vgg16", "-o", "x.jpeg"], "x.jpeg: a picture or page is a file of .svg, .png, .pdf, .dot, .mmd, .html"),
    ],
)
def test_what_does_not_go_together_is_said(here, capsys, arguments, message):
    assert main(["draw", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not list(here.iterdir())


def test_one_part_in_colour_on_a_dark_page_is_a_picture():
    assert archdsl.load("resnet50").draw(focus="layer3.0", color="params", dark=True).svg().startswith("<?xml")


def test_a_network_beside_a_u_net_stands_upright():
    made = dot(side_by_side([picture(archdsl.load(name).module) for name in ("unet", "resnet18")]))
    upside_down = re.findall(r'^ *"(\d):[^\n]*dir=back', made, re.MULTILINE)
    assert set(upside_down) == {"1"}


def test_a_page_is_light_or_dark_by_itself(tmp_path):
    with pytest.raises(ValueError, match="a page"):
        archdsl.load("lenet5").draw(tmp_path / "x.html", dark=True)
    assert not list(tmp_path.iterdir())


# --- the same on the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "word"),
    [*(("detail", each.value) for each in Detail), *(("direction", each.value) for each in Direction)]
    + [("color", word) for word in colours()],
)
def test_a_word_for_a_picture_is_the_same_on_the_command_line(option, word, tmp_path, capsys):
    written, flag = tmp_path / "x.dot", "--dir" if option == "direction" else f"--{option}"
    assert main(["draw", "lenet5", flag, word, "-o", str(written)]) == 0
    assert written.read_text(encoding="utf-8") == str(archdsl.load("lenet5").draw(**{option: word}))
    assert main(["draw", "lenet5", flag, f"{word}x", "-o", str(written)]) == 2
    assert f"'{word}'" in capsys.readouterr().err


def test_the_help_has_the_words_as_they_are_written(capsys):
    main(["draw", "--help"])
    shown = capsys.readouterr().out
    assert f"[{'|'.join(each.value for each in Detail)}]" in shown
    assert f"[{'|'.join(each.value for each in Direction)}]" in shown
