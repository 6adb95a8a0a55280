"""The law of injection: whatever stands in a name, a comment, a string or the name of a file stays text in everything
that is made of it, as the sink's own parser reads it.

| what is hostile | where it goes |
|---|---|
| comments, comments of networks and blocks, strings as arguments, defaults and in lists, settings | every sink of a network |
| names of networks, blocks, parameters, inputs, outputs, tensors, shares, labels, open sizes, files | every sink of a network |
| any of these where the text is refused for it; unknown words; anything at all | messages: with carets, in a line, JSON, annotations of GitHub |
| names of files and folders, paths of layers, settings, sizes, devices, passes, kinds of output | commands, on a terminal with colours and without |
| names of tensors in checkpoints, metadata of files of weights | messages, and commands |

| sinks of a network | read by |
|---|---|
| Python source | `ast`, `tokenize`, and archdsl, which reads its text back |
| tables: summary, memory, time, sizes, explain, diff, compare | a terminal emulator, pyte |
| JSON: structure, summary, sizes, diff, compare | `json` |
| tables of notebooks, pages | `html.parser`, and `json` for what the script of a page reads |
| SVG: volumes, scatter, picture of a notebook | an XML parser |
| DOT: picture, picture of a difference, volumes | Graphviz, and an XML parser for labels |
| Mermaid | the reader in `test_mermaid` |
| ONNX | `onnx`, of one text in a hundred, since it takes seconds |
"""

from __future__ import annotations

import ast
import io
import json
import re
import tempfile
import tokenize
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import pygraphviz
from laws.damaged import Escaped
from laws.emulated import hold_screen
from laws.hostile import PLACES, Text, built, harmless, payload, whole
from test_mermaid import read as read_mermaid
from typing_extensions import override

import archdsl
from archdsl import ArchError, Network
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.text import Source
from archdsl.comparing import scatter_of
from archdsl.compiler import Options, check_source, compile_source
from archdsl.draw.mermaid import mermaid
from archdsl.draw.picture import picture
from archdsl.report.messages import concise, full, github, to_json
from archdsl.report.structure import to_json as structure_json

Pairs = Counter[str]


# --- one hostile thing in a text --------------------------------------------------------------------------------------


def hold_injected(seed: int) -> Pairs:
    """Put something somewhere and look at every sink; how many pairs there were, by place and sink. Escaped where one
    reads as anything but text."""
    random = Random(seed)
    place = random.choice(list(PLACES))
    what = payload(place, random)
    text, name, settings = built(place, what)
    seen: Pairs = Counter()
    net = _compiled(Source(name, text), settings, seen, f"{place}, {what!r}")
    if net is not None:
        _hold_sinks(net, _harmless(place), seen, f"{place}, {what!r}")
    return Counter({f"{place} / {sink}": count for sink, count in seen.items()})


def _compiled(source: Source, settings: dict[str, object], seen: Pairs, about: str) -> Network | None:
    """The network of a text; what is said about it is held to the law."""
    try:
        report, _ = check_source(source, Options(settings))
        hold_messages(report.diagnostics, seen)
        return compile_source(source, None, Options(settings))
    except ArchError as error:
        hold_messages(error.diagnostics, seen)
    except Exception as error:
        raise Escaped(f"{about}: {type(error).__name__}: {str(error)[:300]}") from error
    return None


def _hold_sinks(net: Network, other: Network, seen: Pairs, about: str, *, with_onnx: bool = False) -> None:
    """Hold everything that is made of a network to the law. other: what is made of the same text without harm."""
    for sink, check in SINKS.items():
        if sink == "onnx" and not with_onnx:
            continue
        try:
            check(net, other)
        except ArchError as error:
            hold_messages(error.diagnostics, seen)
        except Exception as error:
            raise Escaped(f"{about}, {sink}: {type(error).__name__}: {str(error)[:300]}") from error
        seen[sink] += 1


@cache
def _harmless(place: str) -> Network:
    text, name, settings = built(place, PLACES[place][1])
    try:
        return compile_source(Source(name, text), None, Options(settings))
    except ArchError:
        return archdsl.parse("INPUT[8x8x3] -> conv3-4 -> relu")


# --- texts in which everything is hostile -----------------------------------------------------------------------------


def hold_whole(seed: int, *, with_onnx: bool = False) -> Pairs:
    """A text whose names, comments and strings are all hostile, in every sink; how many pairs there were, by kind of
    place and sink. Names that the language refuses are left out, after what is said about them was looked at."""
    random = Random(seed)
    text = whole(random)
    net, made = None, Counter[str]()
    while net is None:
        found: Pairs = Counter()
        net = _compiled(Source(text.file, text.text), text.settings, found, repr(text))
        made += _each(text.hostile(), found)
        if net is None:
            text = _accepted(text)
    found = Counter[str]()
    _hold_sinks(net, _harmless_whole(text.form), found, repr(text), with_onnx=with_onnx)
    return made + _each(text.hostile(), found)


def _each(kinds: list[str], found: Pairs) -> Pairs:
    """The pairs of each of some kinds of places with each of some sinks."""
    return Counter(
        {f"{kind} / {sink}": times * held for kind, times in Counter(kinds).items() for sink, held in found.items()}
    )


def _accepted(text: Text) -> Text:
    """The text with what means no harm wherever the language takes nothing else."""
    tame = harmless(text.form)
    kept = {hole: what for hole, what in text.holes.items() if _is_taken(tame, hole, what)}
    if kept == text.holes:
        # what is taken alone is not taken together, or what is set is not
        return Text(text.form, tame.holes, text.file)
    settings = text.settings if not text.settings or "<parameter3>" in kept else {}
    return Text(text.form, {**tame.holes, **kept}, text.file, settings)


def _is_taken(tame: Text, hole: str, what: str) -> bool:
    alone = Text(tame.form, {**tame.holes, hole: what})
    try:
        compile_source(Source(alone.file, alone.text))
    except ArchError:
        return False
    return True


@cache
def _harmless_whole(form: str) -> Network:
    return compile_source(Source("text.arch", harmless(form).text))


# --- terminals and logs -----------------------------------------------------------------------------------------------

_COMMAND = re.compile(r"::(error|warning|notice) ([a-zA-Z]+=[^,:\n]*)(,[a-zA-Z]+=[^,:\n]*)*::[^\n]*")


def hold_messages(found: Iterable[Diagnostic], seen: Pairs) -> None:
    """Messages in all their forms."""
    found = list(found)
    if not found:
        return
    hold_screen(full(found), full(found, colour=True), "full")
    hold_screen(concise(found), form="concise")
    annotated = github(found)
    lines = annotated.removesuffix("\n").split("\n")
    if len(lines) != len(found) or not all(map(_COMMAND.fullmatch, lines)):
        raise Escaped(f"annotations of GitHub: {lines}")
    hold_screen(annotated, form="github")
    held = to_json(found)
    hold_screen(held, form="json")
    told = json.loads(held)["diagnostics"]
    assert [each["message"] for each in told] == [each.message for each in found]
    seen.update(("full", "concise", "github", "json of messages"))


def _tables(net: Network, other: Network) -> dict[str, Callable[[], Any]]:
    """The tables of a network, by name."""
    return {
        "summary": net.summary,
        "memory": lambda: net.memory(fit=10**9),
        "time": lambda: net.time("t4"),
        "sizes": net.sizes,
        "diff": lambda: net.diff(other),
        "compare": lambda: archdsl.compare([net, other]),
    }


def _terminal(net: Network, other: Network) -> None:
    for name, make in _tables(net, other).items():
        table = make()
        coloured = None if name == "sizes" else table.text(72, colour=True)
        hold_screen(table.text(72), coloured, name)
    hold_screen(net.explain(), form="explain")
    paths = [path for path in (step["path"] for step in json.loads(net.summary().to_json())["rows"]) if path]
    for path in paths[:3]:
        hold_screen(net.explain(path), form=f"explain {path}")


def _json(net: Network, other: Network) -> None:
    for name, make in _tables(net, other).items():
        table = make()
        hold_screen(table.to_json(), form=f"JSON of {name}")
        told = json.loads(table.to_json())
        assert name != "summary" or told["name"] == net.name
    assert json.loads(structure_json(net.module)) == net.structure()


# --- Python -----------------------------------------------------------------------------------------------------------


def _python(net: Network, other: Network) -> None:
    code = net.source()
    raw = code.encode()
    tree = ast.parse(raw)
    compile(tree, "made", "exec")
    assert ast.dump(tree) == ast.dump(ast.parse(code)), "bytes and text differ"
    assert _nodes(tree) == _nodes_of(other), "other nodes"
    assert list(tokenize.generate_tokens(io.StringIO(code).readline))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.py"
        path.write_bytes(raw)
        back = archdsl.load(path)
    assert (back.params, back.macs, back.text) == (net.params, net.macs, net.text), "read back as another"


@cache
def _nodes_of(net: Network) -> Counter[str]:
    return _nodes(ast.parse(net.source()))


def _nodes(tree: ast.Module) -> Counter[str]:
    """The nodes of code by kind, without strings that stand alone and without what it says it was made of."""
    body = [each for each in tree.body if not (isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "ARCH")]
    kinds: Counter[str] = Counter()
    for each in ast.walk(ast.Module(body, [])):
        kinds[type(each).__name__] += 1
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant):
            kinds["Expr"] -= 1
            kinds["Constant"] -= 1
        if isinstance(each, ast.Import | ast.ImportFrom):
            kinds[ast.unparse(each)] += 1
    return +kinds


# --- pages and notebooks ----------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    """The elements of a page, each with the names of its attributes; its title; and what is in its scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, ...]] = Counter()
        self.comments = 0
        self.title = ""
        self.scripts: list[str] = []
        self._inside = ""

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[(tag, *sorted(name for name, _ in attrs))] += 1
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    @override
    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    @override
    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title" and not any(tag[0] == "svg" for tag in self.seen):
            self.title += data

    @override
    def handle_comment(self, data: str) -> None:
        self.comments += 1


_RARE = {"script", "style", "template", "svg", "meta", "link", "iframe", "img", "body", "html", "head", "title", "form"}
# a text without words has no paragraph
_KNOWN_TAGS: set[tuple[str, ...]] = {("p",), ("br",), ("b",), ("span",), ("span", "class")}


def _tags(html: str) -> _Tags:
    read = _Tags()
    read.feed(html)
    read.close()
    return read


def _hold_html(made: str, other: _Tags) -> _Tags:
    one = _tags(made)
    assert not (new := one.seen.keys() - other.seen.keys() - _KNOWN_TAGS), f"new elements {new}"
    rare = [Counter({key: n for key, n in each.seen.items() if key[0] in _RARE}) for each in (one, other)]
    assert rare[0] == rare[1], f"other scripts, styles or frames: {rare}"
    assert one.comments == other.comments, "another comment"
    odd = [each for each in made if not each.isprintable() and each not in "\n\t\xa0"]
    assert not odd, f"{odd[0]!r} on a page"
    made.encode()
    return one


def _table(net: Network, other: Network) -> None:
    _hold_html(net.summary().html(), _table_of(other))


@cache
def _table_of(net: Network) -> _Tags:
    return _tags(net.summary().html())


def _page(net: Network, other: Network) -> None:
    read = _hold_html(_page_html(net), _page_of(other))
    assert read.title == _shown(net.name), "another title"
    (data,) = [each for each in read.scripts if each.lstrip().startswith("{")]
    assert json.loads(data)["name"] == _shown(net.name)


def _page_html(net: Network) -> str:
    with patch("archdsl.page.views.render_all", lambda texts, **_: list(map(_laid_out, texts))):
        return net.page().html


@cache
def _page_of(net: Network) -> _Tags:
    return _tags(_page_html(net))


def _shown(name: str) -> str:
    """A name as the tables and pages have it, said once more."""
    return "".join(each if each.isprintable() and not _hides(each) else f"<U+{ord(each):04X}>" for each in name)


def _hides(each: str) -> bool:
    return (
        each in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0"
        or "\ufe00" <= each <= "\ufe0f"
        or "\u180b" <= each <= "\u180f"
    )


# --- pictures ---------------------------------------------------------------------------------------------------------

_SVG = "http://www.w3.org/2000/svg"
# what XML keeps besides letters
_SPACES = "\n\t\xa0"


def _laid_out(text: str) -> bytes:
    """The SVG of a DOT text, as Graphviz draws it in this process."""
    return pygraphviz.AGraph(string=text).draw(format="svg", prog="dot")


def _elements(svg: str | bytes) -> set[tuple[str, ...]]:
    return {(each.tag, *sorted(each.attrib)) for each in ET.fromstring(svg).iter()}


def _volumes(net: Network, other: Network) -> None:
    made = str(net.draw_volumes())
    assert _elements(made) <= _volumes_of(other), "new elements"
    assert ET.fromstring(made).findtext(f"{{{_SVG}}}title") == _seen_in_picture(net.name, _SPACES)
    pygraphviz.AGraph(string=net.draw_volumes().dot)


@cache
def _volumes_of(net: Network) -> set[tuple[str, ...]]:
    return _elements(str(net.draw_volumes())) | {(f"{{{_SVG}}}title",)}


def _scatter(net: Network, other: Network) -> None:
    root = ET.fromstring(scatter_of(archdsl.compare([net, other])))
    titles = [each.text or "" for each in root.iter(f"{{{_SVG}}}title")]
    assert titles[1].startswith(f"{_seen_in_picture(net.name, _SPACES)}: "), "another name"
    assert {each.tag.removeprefix(f"{{{_SVG}}}") for each in root.iter()} == {"svg", "title", "rect", "path", "text"}


def _notebook(net: Network, other: Network) -> None:
    made = _laid_out(str(net.draw()))
    assert _elements(made) <= _notebook_of(other), "new elements"


@cache
def _notebook_of(net: Network) -> set[tuple[str, ...]]:
    return _elements(_laid_out(str(net.draw())))


def _seen_in_picture(name: str, kept: str = "\n") -> str:
    return "".join(each if each in kept or each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in name)


def _dot(net: Network, other: Network) -> None:
    one, two = _graph(str(net.draw())), _graph_of(other)
    assert len(one.nodes()) == len(two.nodes()), "other nodes"
    assert _degrees(one) == _degrees(two), "other edges"
    assert set(one.graph_attr) == set(two.graph_attr), "other attributes"
    _hold_labels(one)
    words = "".join(_markup(one.graph_attr["label"]).itertext()).replace("\\\\", "\\")
    assert words.startswith(_seen_in_picture(net.name)), "another name"
    _hold_labels(_graph(str(net.draw(since=other, detail="op"))))


def _graph(text: str) -> Any:
    return pygraphviz.AGraph(string=text)


@cache
def _graph_of(net: Network) -> Any:
    return _graph(str(net.draw()))


def _degrees(graph: Any) -> list[int]:
    return sorted(map(graph.degree, graph.nodes()))


def _hold_labels(graph: Any) -> None:
    """Labels that are markup are well-formed, and have the elements that Graphviz has."""
    for node in graph.nodes():
        tags = {each.tag for each in _markup(node.attr["label"] or "").iter()}
        assert tags <= {"x", "b", "br", "font", "table", "tr", "td"}, f"new elements {tags}"


def _markup(label: str) -> ET.Element:
    """A label that Graphviz has read, with its markup."""
    return ET.fromstring(f"<x>{label}</x>")


def _mermaid(net: Network, other: Network) -> None:
    text = mermaid(picture(net.module))
    nodes, edges, _ = read_mermaid(text)
    others, more = _mermaid_of(other)
    assert nodes.keys() == others, "other nodes"
    assert [each[:2] for each in edges] == more, "other edges"
    title = json.loads(text.splitlines()[1].removeprefix("title: "))
    assert not set(title) & set("<>&\n")
    assert len(title) == len(net.name)


@cache
def _mermaid_of(net: Network) -> tuple[set[str], list[Any]]:
    nodes, edges, _ = read_mermaid(mermaid(picture(net.module)))
    return set(nodes), [each[:2] for each in edges]


# --- ONNX -------------------------------------------------------------------------------------------------------------


def _onnx(net: Network, other: Network) -> None:
    import onnx

    made = onnx.load_from_string(net.to_onnx(net.to_torch()))
    assert [each.name for each in made.graph.input] == list(net.module.input_names)
    assert [each.name for each in made.graph.output] == list(net.outputs)
    data = made.SerializeToString()
    assert net.compiled.source.name.encode("utf-8", "surrogatepass") not in data, "the name of the file is in it"


SINKS: dict[str, Callable[[Network, Network], None]] = {
    "python": _python,
    "terminal": _terminal,
    "json": _json,
    "html of a table": _table,
    "page": _page,
    "svg of volumes": _volumes,
    "svg of a plot": _scatter,
    "svg of a notebook": _notebook,
    "dot": _dot,
    "mermaid": _mermaid,
    "onnx": _onnx,
}
