"""Mermaid: the text keeps to the grammar of flowcharts, says what the picture says, and is always the same."""

import json
import re
import subprocess
import sys

import pytest
from programme import zoo

import archdsl
from archdsl.draw.excerpt import side_by_side
from archdsl.draw.look import Look
from archdsl.draw.mermaid import mermaid, too_large
from archdsl.draw.model import Detail, Kind, Role
from archdsl.draw.picture import picture

ZOO = zoo()
HOSTILE = 'end "b" <c>&d; style:x#y; \\N {e|f} &amp; [td] --> click %% é ×'

# the subset of https://mermaid.js.org/syntax/flowchart.html that is written, a statement a line
LABEL = r'"(?P<label>(?:[^\W_]|[ ,./]|[^\x00-\x7f]|#\d+;|<br/>)*)"'
SHAPES = (r"\(\[", r"\]\)"), (r"\[\[", r"\]\]"), (r"\(\(", r"\)\)"), (r"\(", r"\)")
STATEMENTS = {
    "subgraph": re.compile(rf"subgraph (?P<id>g\d+) \[{LABEL}\]"),
    "end": re.compile(r"end"),
    "edge": re.compile(rf"(?P<source>n\d+) (?P<line>-->|---|-\.->|-\.-)(?:\|{LABEL}\|)? (?P<target>n\d+)"),
    "classDef": re.compile(r"classDef (?P<id>[a-z]\w*) (?:[a-z-]+:[#\w. ]+)(?:,[a-z-]+:[#\w. ]+)*"),
    "class": re.compile(r"class (?P<ids>[ng]\d+(?:,[ng]\d+)*) (?P<id>[a-z]\w*)"),
    "linkStyle": re.compile(r"linkStyle (?P<numbers>\d+(?:,\d+)*) stroke:#[0-9A-F]{6}"),
    "accDescr": re.compile(r"accDescr: [^\n{}]+"),
}
NODE = re.compile(
    "|".join(rf"(?P<id{at}>n\d+){a}{LABEL.replace('label', f'label{at}')}{b}" for at, (a, b) in enumerate(SHAPES))
)


def read(text):
    """Nodes by name with label and the groups around them, edges, and the edges by number that are coloured. A line
    that is no statement fails the test."""
    head, title, foot, kind, *lines = text.splitlines()
    assert (head, foot) == ("---", "---")
    assert json.loads(title.removeprefix("title: "))
    assert re.fullmatch("flowchart (TB|LR)", kind)
    nodes, edges, coloured, around, defined, used = {}, [], [], [], set(), set()
    for line in map(str.strip, lines):
        if found := NODE.fullmatch(line):
            name = next(value for key, value in found.groupdict().items() if key.startswith("id") and value)
            label = next(
                value for key, value in found.groupdict().items() if key.startswith("label") and value is not None
            )
            assert name not in nodes
            nodes[name] = (plain(label), tuple(around))
            continue
        statement, found = next((name, found) for name, each in STATEMENTS.items() if (found := each.fullmatch(line)))
        match statement:
            case "subgraph":
                around.append(found["id"])
            case "end":
                around.pop()
            case "edge":
                assert found["source"] in nodes
                assert found["target"] in nodes
                edges.append((found["source"], found["target"], plain(found["label"] or "")))
            case "classDef":
                defined.add(found["id"])
            case "class":
                used.add(found["id"])
            case "linkStyle":
                coloured = list(map(int, found["numbers"].split(",")))
    assert not around
    assert defined == used
    return nodes, edges, coloured


def plain(label):
    return re.sub(r"#(\d+);", lambda found: chr(int(found[1])), label.replace("<br/>", "\n"))


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("name", ZOO)
def test_the_text_says_what_the_picture_says(name, detail):
    made = picture(archdsl.load(name).module, Look.of(detail=detail))
    nodes, edges, coloured = read(mermaid(made))
    assert len(nodes) == len(made.nodes)
    for number, node in enumerate(made.nodes, 1):
        label, around = nodes[f"n{number}"]
        assert node.kind is Kind.DOT or label.startswith(node.label)
        assert bool(around) == bool(node.cluster)
    assert [label for _, _, label in edges] == [edge.label for edge in made.edges]
    assert coloured == [at for at, edge in enumerate(made.edges) if edge.role is Role.RESIDUAL]


def test_hostile_names_stay_text():
    net = archdsl.parse("INPUT[8x8x3] -> conv3-4", name=HOSTILE)
    made = picture(net.module)
    read(mermaid(made))
    several = mermaid(side_by_side([made, made]))
    read(several)
    assert HOSTILE in plain(several)


def test_the_text_is_the_same_for_any_hash_seed():
    code = "import archdsl, sys\nfrom archdsl.draw.picture import picture\nfrom archdsl.draw.mermaid import mermaid\n"
    code += "from archdsl.draw.look import Look\n"
    code += "print(mermaid(picture(archdsl.load('googlenet').module, Look.of(detail='layer'))))"
    made = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4711")
    }
    assert len(made) == 1


def test_what_mermaid_refuses_is_said():
    small = picture(archdsl.load("resnet18").module)
    assert too_large(small, mermaid(small)) == ""
    text = "INPUT[8x8x9] -> " + " -> ".join(f"conv3-{8 + index}" for index in range(600))
    large = picture(archdsl.parse(text).module)
    assert "500 edges and 50,000 letters" in too_large(large, mermaid(large))


def test_a_file(tmp_path):
    net = archdsl.load("lenet5")
    net.draw(tmp_path / "lenet5.mmd")
    assert (tmp_path / "lenet5.mmd").read_text(encoding="utf-8") == mermaid(picture(net.module))
