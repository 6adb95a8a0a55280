"""The page for a browser: what stands in it, and, in a real browser where there is one, how it behaves."""

import json
import re
import shutil
import subprocess
from functools import cache
from html.parser import HTMLParser

import pytest
from browser import Browser
from work import HANGS, growth

import archdsl
from archdsl import cli
from archdsl.draw import render as rendering
from archdsl.draw.graphviz import DARK, LIGHT, mixed
from archdsl.draw.render import NoGraphviz, render_all
from archdsl.elaborate.library import zoo_names
from archdsl.facts.fact import View
from archdsl.facts.table import colours
from archdsl.page import steps, views
from archdsl.report.walk import Tour

HOSTILE = "</script></style></template><img src=x onerror=alert(1)> {{7*7}} ${1} & \"quoted\" 'single'"
STRANGE = f"""## {HOSTILE}
block odd(c) = conv3-c -> bn -> relu -> conv3-c
net strange {{
  input 32x32x3
  odd(8)*3 as stage -> gap -> fc-10  # {HOSTILE}
}}
"""


OPEN = """net sizes {
  input (3, H, W)
  conv7-64/2 as conv -> relu -> conv3-64 -> gap -> fc-10
}
"""


@pytest.fixture(autouse=True)
def time_for_all_pictures(monkeypatch):
    """Which pictures there are must not depend on how busy the machine is."""
    monkeypatch.setattr(views, "SECONDS", HANGS)


class Document(HTMLParser):
    """The elements of a page, each with its attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], {}
        self._open = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "input", "img", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if self._open:
            self.text[self._open[-1]] = self.text.get(self._open[-1], "") + data


def data_of(html):
    """What the script works with, with what it puts back itself."""
    (found,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    data = json.loads(found)
    columns = data["steps"]
    data["steps"] = [
        {name: values[index] for name, values in columns.items() if values[index] != ""}
        for index in range(len(columns["path"]))
    ]
    for index, step in enumerate(data["steps"]):
        usual = {"last": step["path"], "row": index, "output": "", "params": "", "macs": "", "receptive_field": ""}
        field = data["fields"][step["field"]] if "field" in step else None
        lines = [data["lines"][line] for line in step["lines"]]
        called = {"field": field, "lines": lines, "text": data["places"][step["text"]]}
        data["steps"][index] = {**usual, **step, **called}
    for view in data["views"]:
        view["legend"] = data["legends"][view["legend"]]
        view["scales"] = dict(zip(data["costs"], (data["scales"][each] for each in view["scales"]), strict=True))
    return data


# --- what stands in it ------------------------------------------------------------------------------------------------


IN_CI = {"lenet5", "unet", "googlenet", "gpt2"}


@pytest.mark.parametrize(
    "name", [name if name in IN_CI else pytest.param(name, marks=pytest.mark.long) for name in zoo_names()]
)
def test_a_page_has_the_whole_table_and_pictures_that_point_at_its_steps(name):
    net = archdsl.load(name)
    html = net.page().html
    data = data_of(html)
    rows = [spot.path for spot, _ in Tour(net.module).folded()]
    assert [step["path"] for step in data["steps"][: data["rows"]]] == rows
    assert html.count('<th scope="row"') == len(rows)
    shown = {int(index) for found in re.findall(r'data-steps="([\d ]+)"', html) for index in found.split()}
    assert shown <= set(range(len(data["steps"])))
    # each view is drawn, and what is drawn is marked with the step that it stands for
    pictures = re.findall(r'<template id="view(\d+)"><svg.*?</svg></template>', html, re.DOTALL)
    own = [index for index, view in enumerate(data["views"]) if "like" not in view]
    assert list(map(int, pictures)) == own
    assert {view["like"] for view in data["views"] if "like" in view} <= set(own)
    for picture in re.findall(r"<template.*?</template>", html, re.DOTALL):
        boxes = (
            picture.count("<rect") - picture.count('<rect class="of-io"') - picture.count('<rect class="of-io dashed"')
        )
        assert picture.count("data-steps") >= boxes > 0


def test_the_arithmetic_is_that_of_explain():
    net = archdsl.load("alexnet")
    conv1 = next(step for step in data_of(net.page().html)["steps"] if step["path"] == "conv1")
    said = net.explain("conv1")
    lines = dict(conv1["lines"])
    assert lines["height, width"] == "(227 - 11 + 2*0)/4 + 1 = 55"
    assert all(re.sub(r"\s+", " ", line) in re.sub(r"\s+", " ", said) for line in lines.values())
    assert conv1["call"] == "nn.Conv2d(3, 96, 11, stride=4)"


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "unet", "lstm_lm"])
def test_the_field_of_a_step_is_as_wide_as_its_row_says(name):
    for step in data_of(archdsl.load(name).page().html)["steps"]:
        field = step["field"]
        if field is None or any(axis["status"] == "whole" for axis in field["axes"]):
            continue
        sizes = [
            ("<=" if axis["status"] == "bound" else "")
            + ("all" if axis["jump"] == 0 and axis["size"] == axis["length"] else str(axis["size"]))
            for axis in field["axes"]
        ]
        assert step["receptive_field"] == (sizes[0] if len(set(sizes)) == 1 else "x".join(sizes))
        for axis in field["axes"]:
            if axis["low"] is not None:
                assert int(axis["high"] - axis["low"]) + 1 == axis["size"]


@pytest.mark.parametrize("name", ["alexnet", "resnet18", "googlenet"])
def test_a_field_that_does_not_move_ends_within_the_input(name):
    found = [
        axis
        for step in data_of(archdsl.load(name).page().html)["steps"]
        for axis in (step["field"] or {"axes": ()})["axes"]
        if axis["jump"] == 0 and axis["low"] is not None
    ]
    assert found
    for axis in found:
        assert axis["high"] - axis["low"] + 1 == axis["size"]


HEADS = """
block head(c) = conv3-20 -> pool -> conv3-c -> relu -> gap -> fc-c
net heads {
  input 8x8x3
  x = conv3-4 -> relu
  aside = x -> head(5) as side
  answer = x -> head(7) as main
  output answer
  output aside (train)
}
"""


def test_what_only_training_has_is_drawn_so_inside_too_and_counts_for_its_share():
    made = steps.Steps(archdsl.parse(HEADS).module)
    drawn, _ = views.views(made)
    inside = {
        made.entries[each.view.block].spot.path: each.view.picture for each in drawn if each.view.block is not None
    }
    assert inside.keys() == {"side", "main"}
    for path, picture in inside.items():
        boxes = [node.training for node in picture.nodes if node.style is not None]
        assert boxes == [path == "side"] * len(boxes) != []
    shares = [
        record["macsShare"] for record, entry in zip(made.records(), made.entries, strict=True) if entry.parent is None
    ]
    assert sum(float(share.removesuffix("%")) for share in shares if share) == pytest.approx(100, abs=0.5)


@pytest.mark.parametrize("direction", ["TB", "LR"])
def test_every_line_of_a_picture_is_seen(direction):
    pytest.importorskip("pygraphviz")
    html = archdsl.parse("INPUT[16x16x4] -> conv3-4 -> pool -> fc-2").page(direction=direction).html
    paths = re.findall(r'<path[^>]* d="M[\d.]+[ -][\d.]+([a-z])([\d. -]+)"', html)
    assert paths
    for _, numbers in paths:
        assert any(map(float, re.findall(r"-?[\d.]+", numbers)))


def test_sizes_that_are_left_open_stand_as_formulas():
    data = data_of(archdsl.parse(OPEN).page().html)
    conv, *_, last = data["steps"]
    assert conv["output"] == "ceil(H/2)xceil(W/2)x64"
    assert conv["macs"] == "9,408*ceil(H/2)*ceil(W/2)"
    assert conv["field"]["sizes"] == ["H", "W"]
    assert conv["field"]["grid"] == ["ceil(H/2)", "ceil(W/2)"]
    assert [axis["status"] for axis in last["field"]["axes"]] == ["whole", "whole"]


def test_each_step_points_at_its_own_text():
    net = archdsl.load("resnet50")
    html = net.page().html
    data = data_of(html)
    pieces = {}
    for number, text in re.findall(r'<span data-piece="(\d+)">(.*?)</span>', html):
        pieces[int(number)] = pieces.get(int(number), "") + text
    by_path = {step["path"]: step for step in data["steps"]}

    def text_of(path):
        start, end, _, _ = by_path[path]["text"]
        return "".join(pieces.get(piece, "") for piece in range(start, end))

    lines = dict(re.findall(r'<span class="line" id="(text\d+-\d+)">(.*)', html))
    for path, step in by_path.items():
        start, _, text, line = step["text"]
        assert f'data-piece="{start}"' in lines[f"text{text}-{line}"], path
    assert text_of("conv1") == "conv7-64/2"
    assert text_of("layer1").split() == ["block(64)*n2", "as", "layer1"]
    assert text_of("layer1.0.conv2") == "conv3-c/s(dilation=dilation)"


def test_equal_networks_make_equal_pages(monkeypatch):
    """But for where Graphviz puts things, which is not always the same for the same text."""
    drawn = {}

    def once(texts, *, seconds):
        made = tuple(texts)
        return drawn[made] if made in drawn else drawn.setdefault(made, render_all(texts, seconds=seconds))

    monkeypatch.setattr(views, "render_all", once)
    assert archdsl.load("alexnet").page().html == archdsl.load("alexnet").page().html


def test_nothing_in_a_page_points_anywhere():
    page = Document(archdsl.parse(STRANGE).page().html)
    for tag, attributes in page.elements:
        assert tag not in {"img", "iframe", "object", "embed", "base", "audio", "video"}
        assert not {each for each in attributes if each.startswith("on") or each == "style"}, tag
        for name in ("src", "href", "action", "data"):
            assert attributes.get(name, "data:,").startswith(("data:,", "#")), (tag, attributes)
    (policy,) = [a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    # the heads of arrows stand in the page itself
    assert page.text["style"].count("url(") == len(re.findall(r'url\("#(red-)?head"\)', page.text["style"])) == 2


def test_hostile_texts_stay_text():
    html = archdsl.parse(STRANGE, name=f"{HOSTILE}.arch").page().html
    assert html.count("<script") == html.count("</script>") == 2
    assert html.count("<style") == html.count("</style>") == 1
    assert "<img" not in html


def test_what_repeats_costs_nothing():
    def deep(count):
        return archdsl.parse(f"INPUT[32x32x64] -> [[[[conv3-64]*{count}]*{count}]*{count}]*2 -> gap -> fc-10")

    # a power of n takes log(n) steps
    assert growth(lambda count: deep(count).page(), 10, 1000, first=9) < 2
    page = deep(1000).page()
    assert "2,000,000,000" in page.html
    assert len(page.html) < 200_000
    deeper, shallower = (len(archdsl.load(name).page().html) for name in ("resnet152", "resnet50"))
    assert deeper < 1.05 * shallower < 400_000


def test_what_a_block_adds_to_is_a_shortcut_around_it():
    """As in BERT, where the sum stands in a block of its own."""
    net = archdsl.parse("""
block added(before) = add { fc-64 | before } -> ln
block layer {
  fc-256 -> relu -> added(in)
}
INPUT[64] -> layer as first -> layer as second -> fc-10
""")
    data = data_of(net.page(detail="layer").html)
    assert ["red", "shortcut"] in next(view["legend"] for view in data["views"] if view["first"])
    assert "red" in net.page(detail="layer").html.partition("<template")[0].partition('id="stage"')[2]
    red = re.findall(r'"[^"]+" -> "[^"]+\.add1" \[color="#B2182B"', str(net.draw(detail="layer")))
    assert len(red) == 2


def test_boxes_are_as_dark_as_in_a_picture_that_is_shaded():
    net = archdsl.load("resnet18")
    html = net.page().html
    data = data_of(html)
    (first,) = [index for index, view in enumerate(data["views"]) if view["first"] and view["block"] is None]
    (drawn,) = re.findall(rf'<template id="view{first}">(.*?)</template>', html, re.DOTALL)
    heat = re.search(r'data-steps="0 1 2" data-heat="([\d ]+)"', drawn)
    coldest, hottest = (255, 255, 255), (0xF1, 0x69, 0x13)
    for place, cost in enumerate(data["costs"]):
        dot = str(net.draw(color=cost))
        (conv1,) = re.findall(r'"conv1" \[[^\]]*?fillcolor="#(\w+)"', dot)
        shade = [int(conv1[at : at + 2], 16) for at in (0, 2, 4)]
        part = int(heat[1].split()[place]) / 100
        mixed = [cold + (hot - cold) * part for cold, hot in zip(coldest, hottest, strict=True)]
        assert shade == pytest.approx(mixed, abs=2)
        for text in filter(None, data["views"][first]["scales"][cost][1:]):
            assert text in dot


def luminance(colour):
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(colour, other):
    low, high = sorted(map(luminance, (colour, other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_letters_can_be_read(theme):
    shades = [mixed(theme.coldest, theme.hottest, step / 4) for step in range(5)]
    for fill in (*theme.fill.values(), theme.closed_fill, theme.block_fill, *shades):
        assert contrast(theme.text, fill) > 4.4, fill
    style = Document(archdsl.load("lenet5").page().html).text["style"]
    light, _, dark = style.partition("@media screen {\n")
    page = dict(re.findall(r"--(\w+): (#\w+);", light if theme is LIGHT else dark.partition("\n}\n")[0]))
    for letters in (page["ink"], page["faint"]):
        for ground in (page["paper"], page["panel"], page["near"]):
            assert contrast(letters, ground) > 4.4, (letters, ground)
    assert contrast(theme.grey, page["paper"]) > 4.4
    assert contrast(theme.grey, theme.block_fill) > 4.4


def test_a_long_text_is_cut_with_a_remark(monkeypatch):
    monkeypatch.setattr(steps, "MOST", 20)
    page = archdsl.load("vgg16").page()
    assert "21 more rows are left out of the table" in page.remarks
    assert page.html.count('<th scope="row"') == 20


def test_without_graphviz_there_is_all_but_the_pictures(monkeypatch):
    monkeypatch.setattr(rendering, "_commands", lambda wanted: iter(()))
    page = archdsl.load("lenet5").page()
    assert any("there is no Graphviz here" in each for each in page.remarks)
    assert "There is no picture." in page.html
    assert page.html.count('<th scope="row"') > 5


def test_the_pictures_that_time_allows_are_there(monkeypatch):
    endless = "import sys; sys.stdout.write('<svg>1</svg><svg>'); sys.stdout.flush(); import time; time.sleep(600)"
    monkeypatch.setattr(rendering, "_commands", lambda wanted: iter([[shutil.which("python3"), "-c", endless]]))
    # however long a Python takes to start
    assert any(render_all(["a", "b"], seconds=seconds) == [b"<svg>1</svg>"] for seconds in (0.5, 5, 50))
    monkeypatch.setattr(rendering, "_commands", lambda wanted: iter(()))
    with pytest.raises(NoGraphviz):
        render_all(["a"])


def test_options_choose_the_first_picture():
    net = archdsl.load("resnet18")

    def first(**options):
        return next(view for view in data_of(net.page(**options).html)["views"] if view["first"])

    assert first()["detail"] == "layer"
    assert first(detail="stage")["detail"] == "stage"
    assert first(legend=False)["legend"] == []
    assert "there is no block `layer9` to open" in net.page(expand=["layer9"]).remarks


def test_a_page_begins_with_the_colours_that_are_asked_for(tmp_path):
    net = archdsl.load("lenet5")
    assert data_of(net.page().html)["color"] is None
    assert data_of(net.page(color="rf").html)["color"] == "rf"
    assert cli.main(["draw", "lenet5", "--color", "macs", "-o", str(tmp_path / "x.html")]) == 0
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == net.page(color="macs").html
    with pytest.raises(ValueError, match="finest"):
        net.page(color="finest")


def test_draw_writes_a_page(tmp_path):
    net = archdsl.load("lenet5")
    net.draw(tmp_path / "x.html")
    assert (tmp_path / "x.html").read_text(encoding="utf-8") == net.page().html


def test_a_page_shows_no_differences(tmp_path):
    net = archdsl.load("lenet5")
    with pytest.raises(ValueError, match="a page shows no differences"):
        net.draw(tmp_path / "x.html", since=archdsl.load("alexnet"))
    assert not list(tmp_path.iterdir())


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


def loaded(net):
    return archdsl.load(net) if isinstance(net, str) else net


@cache
def page_of(name):
    """The page of a network of the zoo as it comes; many tests open the same."""
    return archdsl.load(name).page().html


@pytest.fixture
def opened(browser, tmp_path):
    """Opens the page of a network in the browser; afterwards, that nothing was asked of anyone and nothing went wrong."""

    def open_page(net, fragment="", options=None):
        path = tmp_path / "page.html"
        made = page_of(net) if isinstance(net, str) and not options else loaded(net).page(**(options or {})).html
        path.write_text(made, encoding="utf-8")
        browser.open(path, fragment)
        return browser

    browser.size(1280, 800)
    browser.emulate()
    browser.console.clear()
    browser.requests.clear()
    yield open_page
    assert browser.console == []
    assert {url.split("#")[0] for url in browser.requests} == {(tmp_path / "page.html").as_uri()}
    browser.value("localStorage.clear()")


def texts(browser, selector):
    return browser.value(f"[...document.querySelectorAll({json.dumps(selector)})].map((each) => each.textContent)")


def trail(browser):
    return texts(browser, "#trail button")


def panel(browser):
    return browser.value("document.querySelector('#panel').innerText")


def detail(browser, word):
    place = texts(browser, "#details button").index(word) + 1
    browser.click(f"#details button:nth-child({place})")


@pytest.mark.parametrize(
    "name",
    ["vgg16", "unet", "transformer", "lstm_lm"]
    + [pytest.param(name, marks=pytest.mark.long) for name in ("googlenet", "gpt2", "densenet121")],
)
def test_it_opens(opened, name):
    browser = opened(name)
    assert texts(browser, "h1") == [name]
    assert browser.value("document.querySelectorAll('#stage .node').length") > 4
    net = archdsl.load(name)
    assert f"{net.inference_params:,} parameters" in panel(browser)
    # nothing is wider than the window
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")


def test_a_click_on_a_step_shows_its_arithmetic(opened):
    browser = opened("alexnet")
    browser.click("#stage .of-conv")
    shown = panel(browser)
    for line in (
        "(227 - 11 + 2*0)/4 + 1 = 55",
        "96*(11*11*3) + 96 = 34,944",
        "55*55 positions * 34,848 weights = 105,415,200",
    ):
        assert line in shown
    assert "nn.Conv2d(3, 96, 11, stride=4)" in shown
    # the centre of 55×55, counted from 1, sees 11 positions from 27*4 on
    assert "Position 28, 28 of 55×55 sees rows 109–119, columns 109–119 of the input, 227×227." in shown
    assert texts(browser, "tr.chosen th") == ["conv1", "relu1"]
    browser.click("#panel .line-button")
    assert browser.value("document.querySelector('#tab-text').ariaSelected") == "true"
    assert any("conv" in each for each in texts(browser, ".code .chosen"))


def test_the_field_of_a_whole_input_is_all_of_it(opened):
    browser = opened("alexnet", "#/flatten1")
    assert "Sees all of the input, 227×227." in panel(browser)


def test_the_field_on_an_open_input_is_told_in_words(opened):
    browser = opened(archdsl.parse(OPEN), "#/conv")
    assert "Each position sees 7 rows, 7 columns of the input, H×W." in panel(browser)
    browser.click("tbody tr:last-child .name")
    assert "Sees all of the input, H×W." in panel(browser)
    assert not browser.value("document.querySelectorAll('figure svg').length")


def test_the_field_of_positions_in_a_row_is_told_in_words(opened):
    sequence = archdsl.parse("INPUT[32x32x3] -> conv4-8/4 as patches -> to_sequence as row -> fc-8")
    browser = opened(sequence, "#/row")
    assert "Each position sees 4 rows, 4 columns of the input, 32×32." in panel(browser)


def test_a_field_with_gaps_says_so(opened):
    browser = opened(
        archdsl.parse("INPUT[64x64x3] -> conv1-8/4 as sparse -> conv3-8 as still -> conv1-8 as end"), "#/still"
    )
    assert "sees" in panel(browser)
    assert "of the input, 64×64, with gaps." in panel(browser)
    assert browser.value("document.querySelectorAll('figure .gaps').length") == 1
    browser = opened("alexnet", "#/conv2")
    assert "gaps" not in panel(browser)
    assert not browser.value("document.querySelectorAll('figure .gaps').length")


def test_arrows_move_the_position_of_a_field(opened):
    browser = opened("alexnet", "#/conv1")
    browser.value("document.querySelector('figure svg').focus()")
    browser.key("ArrowLeft")
    browser.key("ArrowDown")
    assert "Position 29, 27 of 55×55 sees rows 113–123, columns 105–115" in panel(browser)
    assert browser.value("document.querySelector('#said').textContent").startswith("Position 29, 27")
    # the step is still the chosen one
    assert panel(browser).startswith("conv1")


def test_the_field_at_the_border_is_cut(opened):
    browser = opened("vgg16", "#/features.0")
    left, top = browser.value(
        "(({ left, top }) => [left + 2, top + 2])(document.querySelector('figure svg').getBoundingClientRect())"
    )
    browser.call("Input.dispatchMouseEvent", type="mouseMoved", x=left, y=top)
    browser.settle()
    assert "Position 1, 1 of 224×224 sees rows 1–2, columns 1–2 of the input, 224×224 and padding." in panel(browser)


def test_a_click_on_a_block_opens_it_and_escape_goes_back(opened):
    browser = opened("resnet50")
    detail(browser, "block")
    browser.click("#stage .opens")
    assert trail(browser) == ["resnet50", "layer1", "0"]
    assert "1×1 conv, 64" in texts(browser, "#stage .node")
    assert "bottleneck(c=64" in panel(browser)
    assert "Open layer1.0" not in panel(browser)
    browser.click("#stage .of-conv")
    assert "56*56 positions * 4,096 weights = 12,845,056" in panel(browser)
    browser.key("Escape")
    assert trail(browser) == ["resnet50", "layer1"]
    browser.key("Escape")
    assert trail(browser) == ["resnet50"]
    browser.click("#stage .opens")
    browser.click("#trail button")
    assert trail(browser) == ["resnet50"]


def test_a_block_that_the_table_opens_elsewhere_has_its_own_field(opened):
    block = "block two(c) = conv3-c -> conv3-c"
    net = archdsl.parse(f"{block}\nINPUT[64x64x16] -> two(16) as a -> conv5-16 -> two(16) as b")
    browser = opened(net, "#/b")
    assert texts(browser, "tr.chosen td:nth-child(2)") == ["two (as a)"]
    assert "9 -> 13" in panel(browser)
    detail(browser, "layer")
    browser.key("Escape")
    known = data_of(net.page().html)["steps"]
    last = next(step for step in known if step["path"] == "b.conv2")
    assert last["receptive_field"] == "13"
    assert known[last["row"]]["path"] == "a.conv2"


def test_hovering_links_picture_table_and_text(opened):
    browser = opened("resnet50")
    browser.hover("#stage .of-conv")
    assert texts(browser, "tr.near th") == ["conv1", "bn1", "relu1"]
    assert "conv7-64/2" in texts(browser, ".code .near")
    assert "7×7 conv" in browser.value("document.querySelector('#tip').innerText")
    browser.hover("tbody tr:nth-child(4)")
    assert texts(browser, "#stage .near") == ["3×3 max pool, /2"]
    assert texts(browser, ".code .near") == ["pool3/2(p=1)"]
    # a step that this picture does not show: the block that it is in
    detail(browser, "stage")
    browser.hover("tbody tr:nth-child(6)")
    assert [each[:6] for each in texts(browser, "#stage .near")] == ["layer1"]
    browser.click("#tab-text")
    place = browser.value(
        "[...document.querySelectorAll('[data-piece]')].find((each) => each.textContent == 'conv7-64/2').dataset.piece"
    )
    browser.hover(f"[data-piece='{place}']")
    assert texts(browser, "tr.near th") == ["conv1"]


def test_hovering_what_is_folded_away_marks_the_block_around_it(opened):
    browser = opened("resnet50")
    browser.value("document.querySelector('#table').scrollTop = 40")
    browser.hover("#stage .cluster ~ .node .of-projection")
    # its own row is hidden, and so are those around it up to the bottleneck
    assert texts(browser, "tr.near th") == ["▸0"]
    assert browser.value("document.querySelector('#table').scrollTop") <= 40


def test_pictures_of_one_shape_say_each_its_own(opened):
    block = "block grow(k) = concat { | bn -> relu -> conv1-(4*k) -> bn -> relu -> conv3-k }"
    net = archdsl.parse(f"{block}\nINPUT[32x32x128] -> grow(32) as a -> grow(32) as b -> grow(32) as c -> gap -> fc-10")
    data = data_of(net.page().html)
    assert len([view for view in data["views"] if "like" in view]) == 2
    for name, shape in (("a", "128×32×32"), ("b", "160×32×32"), ("c", "192×32×32")):
        browser = opened(net, f"#{name}")
        assert texts(browser, "#stage .edge text")[0].strip() == shape
        browser.click("#stage .of-conv")
        assert panel(browser).startswith(f"{name}.")


def test_search_finds_and_goes_there(opened):
    browser = opened("resnet50")
    browser.key("/")
    browser.type("3×3 conv, 512")
    assert texts(browser, "#found span:first-child") == ["layer4.0.conv2", "layer4.1.conv2"]
    browser.key("ArrowDown")
    browser.key("Enter")
    assert "layer4.1.conv2" in panel(browser)
    assert texts(browser, "tr.chosen th") == ["conv2"]
    browser.key("/")
    browser.value("document.querySelector('#search').select()")
    browser.type("nothing like it")
    assert texts(browser, "#found li") == ["nothing found"]
    browser.key("Escape")
    assert browser.value("document.querySelector('#found').hidden")
    assert browser.value("document.activeElement.id") == "stage"


def test_keys_move_open_and_go_back(opened):
    browser = opened("resnet50")
    browser.value("document.querySelector('#stage').focus()")
    for _ in range(2):
        browser.key("ArrowDown")
    assert "3×3 max pool" in panel(browser)
    browser.key("ArrowUp")
    assert panel(browser).startswith("conv1")
    browser.key("d")
    assert texts(browser, "#details [aria-pressed=true]") == ["op"]
    for _ in range(2):
        browser.key("D", shift=True)
    assert texts(browser, "#details [aria-pressed=true]") == ["block"]
    # from the pooling down into layer1
    for _ in range(3):
        browser.key("ArrowDown")
    browser.key("Enter")
    assert trail(browser)[1:2] == ["layer1"]
    assert browser.value("document.querySelector('#said').textContent").endswith("is open")
    browser.key("?", shift=True)
    assert browser.value("document.querySelector('#help').open")
    browser.key("Escape")
    assert not browser.value("document.querySelector('#help').open")
    assert trail(browser)[1:2] == ["layer1"]


def test_keys_move_in_the_table(opened):
    browser = opened("resnet50")
    browser.value("document.querySelector('tbody tr:nth-child(5) .name').focus()")
    browser.key("ArrowLeft")
    assert browser.value("document.querySelector('tbody tr:nth-child(6)').hidden")
    browser.key("ArrowDown")
    assert panel(browser).startswith("layer2")
    browser.key("ArrowUp")
    browser.key("ArrowRight")
    assert not browser.value("document.querySelector('tbody tr:nth-child(6)').hidden")
    browser.key("Enter")
    assert trail(browser) == ["resnet50", "layer1"]


def width(browser):
    return float(browser.value("document.querySelector('#stage svg').getAttribute('viewBox')").split()[2])


def corner(browser):
    return list(map(float, browser.value("document.querySelector('#stage svg').getAttribute('viewBox')").split()))[:2]


def test_the_picture_moves_and_zooms(opened):
    browser = opened("resnet50")
    start = width(browser)
    browser.wheel("#stage", -100)
    assert width(browser) < start
    browser.key("-")
    browser.key("-")
    assert width(browser) > start
    x, y = corner(browser)
    browser.drag(browser.place("#stage"), (60, 40))
    assert corner(browser)[0] < x
    assert corner(browser)[1] < y
    # what was dragged was not clicked
    assert panel(browser).startswith("resnet50")
    browser.key("0")
    whole = browser.value(
        "(({ height }) => { const [, y, , h] = document.querySelector('#stage svg').getAttribute('viewBox').split(' ').map(Number);"
        " return [y, h, height] })(document.querySelector('#stage g').getBBox())"
    )
    assert whole[1] >= whole[2]


def fill(browser, selector):
    return browser.value(f"getComputedStyle(document.querySelector({json.dumps(selector)})).fill")


def test_colours_say_what_boxes_cost(opened):
    browser = opened("alexnet")
    kind = fill(browser, "#stage .of-linear")
    assert texts(browser, "#color option") == [
        "kind",
        *(fact.words for fact in colours().values() if View.COLOURS in fact.views),
    ]
    browser.key("c")
    assert browser.value("document.querySelector('#color').value") == "macs"
    assert browser.value("location.hash") == "#?color=macs"
    # the scale begins with none of it, and ends with what the costliest has
    assert texts(browser, "#legend li")[0] == "0"
    assert texts(browser, "#legend li")[-1] == "224 M"
    light, dark = fill(browser, "#stage .of-linear"), fill(browser, "#stage [data-heat^='100 '] rect")
    assert len({kind, light, dark}) == 3
    browser.key("c")
    assert fill(browser, "#stage [data-heat^='100 '] rect") != dark
    browser.reload()
    assert browser.value("document.querySelector('#color').value") == "params"
    browser.key("C", shift=True)
    browser.key("C", shift=True)
    assert fill(browser, "#stage .of-linear") == kind
    assert browser.value("location.hash") == ""
    browser.value("document.querySelector('#color').focus()")
    browser.key("r")
    assert browser.value("document.querySelector('#color').value") == "rf"
    assert texts(browser, "#legend li")[-1] == "227"


def test_the_first_colours_need_no_word_in_the_address(opened):
    browser = opened("lenet5", options={"color": "macs"})
    assert browser.value("document.querySelector('#color').value") == "macs"
    assert browser.value("location.hash") == ""
    browser.key("C", shift=True)
    assert browser.value("location.hash") == "#?color=kind"
    browser.reload()
    assert browser.value("document.querySelector('#color').value") == "kind"


def test_the_picture_has_room(opened):
    browser = opened("resnet50", "#/layer2")
    wide = "document.querySelector('#stage').clientWidth"
    before = browser.value(wide)
    browser.key("f")
    assert browser.value(wide) > 1.4 * before
    # letters for those who sit at the back
    assert browser.value("document.querySelector('#stage .node text').getBoundingClientRect().height") > 14
    assert panel(browser).startswith("layer2")
    assert browser.value("document.querySelector('#large').ariaPressed") == "true"
    browser.key("f")
    assert browser.value(wide) == before


def test_dark_and_light(opened):
    browser = opened("vgg16")
    paper = "getComputedStyle(document.body).backgroundColor"
    light = browser.value(paper)
    browser.emulate(dark=True)
    browser.settle()
    dark = browser.value(paper)
    assert light == "rgb(255, 255, 255)" != dark
    browser.key("t")
    assert browser.value(paper) == light
    # the choice stays, also against the system
    browser.reload()
    assert browser.value(paper) == light


def test_a_phone_has_one_column_and_fingers(opened):
    browser = opened("resnet50")
    browser.size(390, 844, phone=True)
    browser.settle()
    tops = browser.value(
        "['.picture', '#panel', '#table', '#text'].map((each) => document.querySelector(each).getBoundingClientRect().top)"
    )
    assert tops == sorted(tops)
    assert len(set(tops)) == 4
    assert browser.value("document.documentElement.scrollWidth <= innerWidth")
    before = width(browser)
    browser.touch([(150, 400), (200, 400)], [(120, 400), (230, 400)], [(90, 400), (260, 400)])
    assert width(browser) < before
    browser.click("#whole")
    x, y = browser.place("#stage .of-conv")
    browser.touch([(x, y)])
    browser.wait("document.querySelector('#panel').innerText.startsWith('conv1')")
    browser.call("Emulation.setTouchEmulationEnabled", enabled=False)


def test_a_printed_page_has_picture_and_table(opened, tmp_path):
    browser = opened("resnet18")
    made = browser.pdf()
    assert made.startswith(b"%PDF")
    if shutil.which("pdftotext") is None:
        pytest.skip("nothing reads a PDF here")
    (tmp_path / "page.pdf").write_bytes(made)
    printed = subprocess.run(["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, check=True)
    picture, table, *others = printed.stdout.decode().split("\f")
    assert "7×7 conv, 64, /2" in picture
    assert "linear, 1000" in picture
    assert re.search(r"conv1 +7×7 conv, 64, /2 +112x112x64 +9,408", table)
    assert "11,689,512 parameters" in table
    assert "block basic(c, s=1)" in "".join(others)


def test_readers_of_the_screen_get_the_table(opened):
    browser = opened("resnet18")
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    by_role = {}
    for node in nodes:
        if not node.get("ignored"):
            by_role.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
    assert by_role["table"] == ["resnet18: 224x224x3 -> 1000"]
    assert {"layer", "operator", "output", "parameters", "MACs"} <= set(by_role["columnheader"])
    assert "conv1" in by_role["rowheader"]
    assert any(each.startswith("Picture of resnet18") for each in by_role["image"])
    # every button says what it does
    assert all(by_role["button"])


def test_hostile_texts_stay_text_in_the_browser(opened):
    browser = opened(archdsl.parse(STRANGE))
    assert browser.value("document.querySelectorAll('img, script').length") == 2
    assert "<img src=x onerror=alert(1)>" in browser.value("document.querySelector('#text').textContent")
    browser.click("#stage .cluster text")
    assert "</template><img src=x onerror=alert(1)>" in panel(browser)
    browser.key("/")
    browser.type("<img src=x onerror=alert(1)>")
    assert texts(browser, "#found li") == ["nothing found"]
    assert browser.value("document.querySelectorAll('img, script').length") == 2


def test_a_hostile_file_name_stays_text(opened, tmp_path):
    path = tmp_path / "<img src=x onerror=alert(1)>.arch"
    path.write_text("INPUT[8x8x3] -> conv3-4 -> relu -> gap -> fc-2", encoding="utf-8")
    browser = opened(archdsl.load(str(path)))
    assert texts(browser, "#text summary")[0].endswith("<img src=x onerror=alert(1)>.arch")
    assert browser.value("document.querySelectorAll('img').length") == 0


def test_the_address_tells_what_is_open(opened):
    browser = opened("resnet50", "#layer3.0/layer3.0.conv2")
    assert trail(browser) == ["resnet50", "layer3", "0"]
    assert panel(browser).startswith("layer3.0.conv2")
    browser.click("#trail button")
    browser.click("tbody tr:nth-child(1)")
    assert browser.value("location.hash") == "#/conv1"


def test_the_address_tells_how_it_looks(opened):
    browser = opened("resnet50", "#?detail=block&color=rf")
    assert texts(browser, "#details [aria-pressed=true]") == ["block"]
    assert browser.value("document.querySelector('#color').value") == "rf"
    detail(browser, "layer")
    assert browser.value("location.hash") == "#?color=rf"
    detail(browser, "stage")
    browser.click("tbody tr:nth-child(1)")
    assert browser.value("location.hash") == "#/conv1?detail=stage&color=rf"


def test_the_keyboard_alone_reaches_all(opened):
    browser = opened("resnet50", "#layer1/layer1.0")
    reached = []
    browser.key("Tab")
    assert browser.value("document.activeElement.id") == "skip"
    for _ in range(40):
        browser.key("Tab")
        reached.append(browser.value("document.activeElement.id || document.activeElement.className"))
    for each in ("search", "theme", "keys", "in", "large", "stage", "color", "tab-table", "table"):
        assert each in reached
    assert "tab-text" not in reached
    # a button that is pressed keeps the keyboard
    browser.value("document.querySelector('#details button:last-child').focus()")
    browser.key("Enter")
    assert browser.value("document.activeElement.textContent") == "op"
    browser.value("document.querySelector('#trail button').focus()")
    browser.key("Enter")
    assert browser.value("document.activeElement.textContent") == "resnet50"
    browser.value("document.querySelector('.actions button').focus()")
    browser.key("Enter")
    assert trail(browser) == ["resnet50", "layer1"]
    assert browser.value("document.activeElement.id") == "stage"
    browser.value("document.querySelector('#tab-table').focus()")
    browser.key("ArrowRight")
    assert browser.value("document.activeElement.id") == "tab-text"
    assert browser.value("document.querySelector('#tab-text').ariaSelected") == "true"
    # the way to the table leaves what is open as it is
    browser.key("ArrowLeft")
    browser.value("document.querySelector('#skip').focus()")
    browser.key("Enter")
    assert browser.value("document.activeElement.id") == "table"
    assert trail(browser) == ["resnet50", "layer1"]


@pytest.mark.parametrize(
    "fragment",
    ["#?detail=finest&color=__proto__", "#%E0%A4%A", "#nothing/here", "#constructor/__proto__", "#<img src=x>"],
)
def test_an_odd_address_does_no_harm(opened, fragment):
    browser = opened("lenet5", fragment)
    assert trail(browser) == ["lenet5"]
    assert panel(browser).startswith("lenet5")
