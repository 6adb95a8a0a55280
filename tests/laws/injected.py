"""The law of injection: whatever stands in a name, a comment, a string or the name of a file stays text in everything
that is made of it, as the sink's own parser reads it."""

from __future__ import annotations

import ast
import io
import json
import re
import tempfile
import tokenize
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from random import Random

import pygraphviz
from laws.damaged import Escaped
from test_mermaid import read as read_mermaid
from typing_extensions import override

import archdsl
from archdsl import ArchError, Network
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.emit.mermaid import mermaid
from archdsl.emit.picture import picture
from archdsl.graph.reserved import MODULE_NAMES
from archdsl.report.messages import concise, full, github, to_json

_FRAGMENTS = (
    '"', "'", '"""', "'''", "\\", "\\\\", '\\"', "\\N{BULLET}", "\\x1b", "\\u202e", "{", "}", "{0}", "{x!r}", "{{7*7}}", "%s", "%n", "$(id)", "`id`",
    "${HOME}", "#", "# -*- coding: utf-7 -*-", "coding: latin-1", "vim: set fileencoding=utf-16 :", "+AG4-", "\nimport os", "\r", "\r\n", "\n",
    "\t", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2J", "\x1b]0;title\x07", "\x1b[31m", "\x9b1m", "\x07", "\x08", "\x7f", "\ufeff",
    "\u200b", "\u00ad", "\u202e", "\u2066", "\0", "\ud800", "\ufffe", "\uffff", "\ufdd0", "e\u0301", "ｆｌｏａｔ", "𝐟𝐥𝐨𝐚𝐭", "ﬁ", "é", "×", "中文", "👩‍👩‍👧",
    "<script>alert(1)</script>", "</script>", "<!--", "-->", "]]>", "<![CDATA[", "&amp;", "&#x3c;", "<img src=x onerror=alert(1)>", "</style>",
    "</svg>", "</text>", "</td>", "</template>", "<?xml", "<!DOCTYPE x [<!ENTITY a 'b'>]>", "javascript:alert(1)", '" onload="x', "' onclick='x",
    "\\l", "\\N", "\\G", "<<table>>", "];", "}; digraph", "-> n0", "n0 -- n1", "[label=x]", "//", "/* */", "*/", "subgraph", "end", "%%{init: {}}%%",
    'click n0 "javascript:x"', ":::c", "style n0", "---", "flowchart TB", "::error::x", "::set-output name=a::b", "%0A", "%25", "::stop-commands::x",
    "\\input{x}", "\\write18{id}", "$x$", "_", "^", "~", "&", "None", "self", "a", "b c", "x" * 200, "()", ")", "(", "=", ";", ",", ".", "..", "/",
    "../x", "|", "*", "?", "!", "@", "\\\n", "\\", "0",
)  # fmt: skip
_WORDS = (
    *sorted(MODULE_NAMES), "class", "def", "lambda", "None", "True", "match", "type", "print", "float", "len", "super", "self", "torch", "nn",
    "Tensor", "x", "_", "__class__", "__init__", "range", "F", "math", "Network", "N", "n", "Sequential", "ModuleList", "functional", "cast", "Any",
    "init_weights", "archdsl", "ARCH", "exec", "eval", "open", "os", "annotations", "a" * 300, "A", "int", "str", "tuple", "list", "zip", "reversed",
    "constructor", "prototype", "hasOwnProperty", "toString", "node", "edge", "graph", "digraph", "strict", "subgraph", "end", "default_", "l0", "O",
)  # fmt: skip

# where something can stand, `{}` for what; the second of two is what a text has there that means no harm
PLACES: dict[str, tuple[str, str]] = {
    "comment": ("# {}\nnet n {\n  input 8x8x3\n  conv3-4 -> relu  # {}\n}\n", "words"),
    "header": ("# {}\n# {}\n\nINPUT[8x8x3] -> conv3-4 -> gap -> fc-10\n", "words"),
    "doc of a net": ("## {}\nnet n {\n  input 8x8x3\n  conv3-4 -> relu\n}\n", "words"),
    "doc of a block": ("## {}\n## {}\nblock b(c) = conv3-c -> relu\nINPUT[8x8x3] -> b(4) -> b(8) -> gap\n", "words"),
    "string in a condition": ('block b(c, k) = conv3-c -> [relu if k == "{}"]\nINPUT[8x8x3] -> b(4, "{}") -> b(8, "x") -> gap\n', "words"),
    "string by default": ('block b(c, k="{}") = conv3-c -> [relu if k == "q" else gelu]\nINPUT[8x8x3] -> b(4) -> b(8, "q")\n', "words"),
    "string in a let": ('let s = ["{}", "{}"]\nINPUT[8x8x3] -> [relu if s[0] == "q"] -> conv3-4\n', "words"),
    "string as an argument": ('INPUT[8x8x3] -> upsample2(mode="{}")\n', "nearest"),
    "string as a width": ('INPUT[8x8x3] -> conv3-("{}")\n', "words"),
    "name of a net": ("net {} {{\n  input 8x8x3\n  conv3-4 -> relu\n}}\n", "word"),
    "name of a block": ("block {}(c) = conv3-c -> relu\nINPUT[8x8x3] -> {}(4) -> {}(8)\n", "word"),
    "name of a parameter": ("block b({}) = conv3-{} -> relu\nINPUT[8x8x3] -> b(4) -> b({}=8)\n", "word"),
    "name of an input": ("net n {{\n  input {}: 8x8x3\n  {} -> conv3-4 -> relu\n}}\n", "word"),
    "name of a tensor": ("net n {{\n  input 8x8x3\n  {} = conv3-4\n  y = {} -> relu\n  add {{ {} | y }}\n}}\n", "word"),
    "name of a share": ("net n {{\n  input 8x8x3\n  share {} = conv3-3\n  {} -> relu -> {}\n}}\n", "word"),
    "label": ("INPUT[8x8x3] -> conv3-4 as {} -> [relu -> conv3-4]*2 as q{}\n", "word"),
    "label with a number": ("INPUT[8x8x3] -> [conv3-4 as {}{{i}} for i in range(3)]\n", "word"),
    "open size": ("net n {{\n  input (3, {}, W)\n  conv3-4 -> relu\n}}\n", "word"),
    "unknown word": ("INPUT[8x8x3] -> {} -> relu\n", "word"),
    "anything": ("INPUT[8x8x3] -> conv3-4 {} -> relu\n", ""),
    "name of the file": ("INPUT[8x8x3] -> conv3-4 -> relu\n", "words"),
    "name of a faulty file": ("INPUT[8x8x3] -> conv3-4 -> nosuch\n", "words"),
    "setting": ("INPUT[8x8x3] -> [relu if k == 1] -> conv3-4\n", "words"),
}  # fmt: skip


def payload(place: str, random: Random) -> str:
    """What is put in: words where the grammar takes nothing else, else fragments that mean something to some sink."""
    if "{}" in PLACES[place][0] and PLACES[place][1] == "word" and random.random() < 0.85:
        return random.choice(_WORDS) + random.choice(("", "", "", "_", "1", random.choice(_WORDS)))
    return "".join(random.choices(_FRAGMENTS, k=random.choice((1, 1, 2, 3, 5))))


def built(place: str, what: str) -> tuple[str, str, dict[str, object]]:
    """The text with something put in, the name of its file, and its settings."""
    form = PLACES[place][0]
    named = place.startswith("name of") and place.endswith("file")
    if place.startswith("string"):
        what = re.sub(r'(["\\])', r"\\\1", what)
    text = form if "{}" not in form else form.replace("{{", "\1").replace("}}", "\2").replace("{}", what)
    return (
        text.replace("\1", "{").replace("\2", "}"),
        what if named else "text.arch",
        {"k": what} if place == "setting" else {},
    )


def hold_injected(seed: int) -> Counter[str]:
    """Put something somewhere and look at every sink; how many pairs there were, by place and sink. Escaped where one
    reads as anything but text."""
    random = Random(seed)
    place = random.choice(list(PLACES))
    what = payload(place, random)
    text, name, settings = built(place, what)
    source = Source(name, text)
    seen: Counter[str] = Counter()
    try:
        report, _ = check_source(source, Options(settings))
        _hold_messages(report.diagnostics, seen)
        net = compile_source(source, None, Options(settings))
    except ArchError as error:
        _hold_messages(error.diagnostics, seen)
    except Exception as error:
        raise Escaped(f"{place}, {what!r}: {type(error).__name__}: {error}") from error
    else:
        for sink, check in SINKS.items():
            try:
                check(net, _harmless(place))
            except ArchError as error:
                _hold_messages(error.diagnostics, seen)
            except Exception as error:
                raise Escaped(f"{place}, {sink}, {what!r}: {type(error).__name__}: {str(error)[:300]}") from error
            seen[sink] += 1
    return Counter({f"{place} / {sink}": count for sink, count in seen.items()})


@cache
def _harmless(place: str) -> Network:
    text, name, settings = built(place, PLACES[place][1])
    try:
        return compile_source(Source(name, text), None, Options(settings))
    except ArchError:
        return archdsl.parse("INPUT[8x8x3] -> conv3-4 -> relu")


# --- terminals and logs -----------------------------------------------------------------------------------------------

_COMMAND = re.compile(r"::(error|warning|notice) ([a-zA-Z]+=[^,:\n]*)(,[a-zA-Z]+=[^,:\n]*)*::[^\n]*")


def hold_screen(shown: str, form: str) -> None:
    """A terminal prints all of it and acts on none."""
    odd = [each for each in shown if not each.isprintable() and each != "\n"]
    assert not odd, f"{odd[0]!r} on a terminal, {form}"
    shown.encode()


def _hold_messages(found: list[Diagnostic] | tuple[Diagnostic, ...], seen: Counter[str]) -> None:
    """Messages in all their forms."""
    if not found:
        return
    hold_screen(full(found), "full")
    hold_screen(concise(found), "concise")
    annotated = github(found)
    lines = annotated.removesuffix("\n").split("\n")
    if len(lines) != len(found) or not all(map(_COMMAND.fullmatch, lines)):
        raise Escaped(f"annotations of GitHub: {lines}")
    hold_screen(annotated, "github")
    held = to_json(found)
    hold_screen(held, "json")
    json.loads(held)
    seen.update(("full", "concise", "github", "json of messages"))


# --- Python -----------------------------------------------------------------------------------------------------------


def _python(net: Network, harmless: Network) -> None:
    code = net.source()
    raw = code.encode()
    compile(raw, "made", "exec")
    tree, other = ast.parse(raw), ast.parse(harmless.source())
    assert ast.dump(tree) == ast.dump(ast.parse(code)), "bytes and text differ"
    assert _nodes(tree) == _nodes(other), "other nodes"
    assert list(tokenize.generate_tokens(io.StringIO(code).readline))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.py"
        path.write_bytes(raw)
        back = archdsl.load(path)
    assert (back.params, back.macs, back.text.text) == (net.params, net.macs, net.text.text), "read back as another"


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


# --- pictures and pages -----------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    """The elements of a page, each with the names of its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, ...]] = Counter()
        self.comments = 0

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[(tag, *sorted(name for name, _ in attrs))] += 1

    @override
    def handle_comment(self, data: str) -> None:
        self.comments += 1


_RARE = {"script", "style", "template", "svg", "meta", "link", "iframe", "img", "body", "html", "head", "title", "form"}


def _tags(html: str) -> _Tags:
    read = _Tags()
    read.feed(html)
    read.close()
    return read


def _hold_html(made: str, harmless: str) -> None:
    one, other = _tags(made), _tags(harmless)
    assert not (new := one.seen.keys() - other.seen.keys() - _KNOWN_TAGS), f"new elements {new}"
    rare = [Counter({key: n for key, n in each.seen.items() if key[0] in _RARE}) for each in (one, other)]
    assert rare[0] == rare[1], "other scripts, styles or frames"
    assert one.comments == other.comments, "another comment"
    made.encode()


# a text without words has no paragraph
_KNOWN_TAGS: set[tuple[str, ...]] = {("p",), ("br",), ("b",), ("span",), ("span", "class")}


def _svg(net: Network, harmless: Network) -> None:
    tree, other = ET.fromstring(net.draw_volumes()), ET.fromstring(harmless.draw_volumes())
    kinds = [{(each.tag, *sorted(each.attrib)) for each in one.iter()} for one in (tree, other)]
    assert kinds[0] <= kinds[1] | {(f"{{{_SVG}}}title",)}, "new elements"


_SVG = "http://www.w3.org/2000/svg"


def _dot(net: Network, harmless: Network) -> None:
    one, other = (pygraphviz.AGraph(string=each.draw()) for each in (net, harmless))
    assert len(one.nodes()) == len(other.nodes()), "other nodes"
    assert sorted(map(one.degree, one.nodes())) == sorted(map(other.degree, other.nodes())), "other edges"
    assert set(one.graph_attr) == set(other.graph_attr), "other attributes"
    for node in one.nodes():
        label = node.attr["label"] or ""
        if label.startswith("<") and label.endswith(">"):
            ET.fromstring(f"<x>{label[1:-1]}</x>")


def _mermaid(net: Network, harmless: Network) -> None:
    (nodes, edges, _), (others, more, _) = (read_mermaid(mermaid(picture(each.module))) for each in (net, harmless))
    assert nodes.keys() == others.keys(), "other nodes"
    assert [each[:2] for each in edges] == [each[:2] for each in more], "other edges"


def _json(net: Network, harmless: Network) -> None:
    assert json.loads(json.dumps(net.structure())) == net.structure()
    net.summary().to_json()


SINKS: dict[str, Callable[[Network, Network], None]] = {
    "python": _python,
    "terminal": lambda net, _: hold_screen(str(net.summary()), "summary"),
    "html of a table": lambda net, other: _hold_html(net.summary().html(), other.summary().html()),
    "page": lambda net, other: _hold_html(net.page().html, _page_of(other)),
    "svg": _svg,
    "dot": _dot,
    "mermaid": _mermaid,
    "json": _json,
}


@cache
def _page_of(net: Network) -> str:
    return net.page().html
