"""What is put into names, comments and strings, where something can stand, and texts in which all of it is hostile."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from random import Random

from archdsl.graph.reserved import MODULE_NAMES

_FRAGMENTS = (
    '"', "'", '"""', "'''", "\\", "\\\\", '\\"', "\\N{BULLET}", "\\x1b", "\\u202e", "{", "}", "{0}", "{x!r}", "{{7*7}}", "%s", "%n", "$(id)", "`id`",
    "${HOME}", "#", "# -*- coding: utf-7 -*-", "coding: latin-1", "vim: set fileencoding=utf-16 :", "+AG4-", "\nimport os", "\r", "\r\n", "\n",
    "\t", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\x1b[2J", "\x1b]0;title\x07", "\x1b[31m", "\x9b1m", "\x07", "\x08", "\x7f", "\ufeff",
    "\u200b", "\u00ad", "\u3164", "\ufe0f", "\u034f", "\u115f", "\ue000", "\u202e", "\u2066", "\0", "\ud800", "\ufffe", "\uffff", "\ufdd0", "e\u0301", "ｆｌｏａｔ", "𝐟𝐥𝐨𝐚𝐭", "ﬁ", "é", "×", "中文", "👩‍👩‍👧",
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


WHOLE = (
    """# <comment1>
# <comment2>

## <doc1>
block <block1>(<parameter1>, <parameter2>="<string1>") = conv3-<parameter1> -> [relu if <parameter2> == "<string2>" else gelu] as <label1>   # <comment3>

## <doc2>
## <doc3>
net <net1>(<parameter3>="<string3>", <parameter4>=8) {
  input <input1>: 8x8x3
  share <share1> = conv3-3  # <comment4>
  <tensor1> = <input1> -> conv3-4 as <label2>
  <tensor2> = <tensor1> -> <block1>(4) as <label3> -> [<block1>(<parameter1>=<parameter4>)]*2 as <label4>
    -> [conv3-4 as <label5>{i} for i in range(2)] -> relu -> conv1-3 -> <share1> -> relu -> <share1>
  add { <tensor2> -> conv1-4 | <tensor1> } -> gap -> fc-10
}
# <comment5>
""",
    """# <comment1>
let <value1> = ["<string1>", "<string2>"]
INPUT[8x8x3] -> [relu if <value1>[0] == "q" else gelu] -> conv3-4 as <label1> -> [relu -> conv3-4]*2 as <label2>  # <comment2>
""",
    """## <doc1>
block <block1>(<parameter1>) = residual { conv3-<parameter1> -> bn as <label1> }  # <comment1>
net <net1> {
  input <input1>: (3, <size1>, <size2>)
  conv3-4 as <label2> -> <block1>(4)*2 as <label3> -> pool -> <block1>(8) -> relu as <label4>
}
""",
    """net <net1> {
  input <input1>: 8x8x3
  input <input2>: 8x8x3
  <tensor1> = <input1> -> conv3-4 -> bn as <label1>
  <tensor2>, <tensor3> = concat { <tensor1> | <input2> -> conv3-4 as <label2> } -> split(2)
  <tensor4> = add { <tensor2> | <tensor3> }
  output <tensor4>, <tensor1>
}
""",
)  # fmt: skip
_HOLE = re.compile(r"<([a-z]+)\d>")
_TEXTS = {"comment", "doc", "string"}
# a name that other names of the text do not have, and that means nothing
_TAME = {hole[0]: f"tame{hole[0][1:-1]}" for form in WHOLE for hole in _HOLE.finditer(form)}


@dataclass(frozen=True)
class Text:
    """A text with something put in at each of its holes. holes: what stands there, by hole; file: the name of its file;
    settings: of its hyper-parameters."""

    form: str
    holes: dict[str, str]
    file: str = "text.arch"
    settings: dict[str, object] = field(default_factory=dict[str, object])

    @property
    def text(self) -> str:
        return _HOLE.sub(lambda found: _written(found[1], self.holes[found[0]]), self.form)

    def tame(self, hole: str) -> Text:
        """The same text with what means no harm at a hole."""
        return Text(self.form, {**self.holes, hole: _TAME[hole]}, self.file, self.settings)

    def hostile(self) -> list[str]:
        """What is put somewhere, each by the kind of place."""
        kinds = [_HOLE.fullmatch(hole)[1] for hole, what in self.holes.items() if what != _TAME[hole]]  # type: ignore[index]
        return [*kinds, *["file"] * (self.file != "text.arch"), *["setting"] * bool(self.settings)]


def _written(kind: str, what: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", what) if kind == "string" else what


def whole(random: Random) -> Text:
    """A text in which each name, comment and string, and the name of its file, are hostile."""
    form = random.choice(WHOLE)
    holes: dict[str, str] = {}
    for found in _HOLE.finditer(form):
        if found[0] in holes:
            continue
        if found[1] in _TEXTS:
            # two strings that are equal would decide a condition
            what = re.sub("[\r\n\v\f\x1c\x85\u2028\u2029]", " ", pieces(random))
            holes[found[0]] = f"{what}{len(holes)}" if found[1] == "string" else what
            continue
        what = word(random)
        while what in holes.values():
            what += "_"
        holes[found[0]] = what
    settings: dict[str, object] = {holes["<parameter3>"]: pieces(random)} if "<parameter3>" in holes else {}
    return Text(form, holes, f"{pieces(random)}.arch", settings)


def harmless(form: str) -> Text:
    """A text with nothing hostile in it."""
    return Text(form, {found[0]: _TAME[found[0]] for found in _HOLE.finditer(form)})


def word(random: Random) -> str:
    """A name that some sink has for itself."""
    return random.choice(_WORDS) + random.choice(("", "", "", "_", "1", random.choice(_WORDS)))


def pieces(random: Random) -> str:
    """Fragments that mean something to some sink."""
    return "".join(random.choices(_FRAGMENTS, k=random.choice((1, 1, 2, 3, 5))))


def payload(place: str, random: Random) -> str:
    """What is put in at a place: words where the grammar takes nothing else, else fragments."""
    return word(random) if PLACES[place][1] == "word" and random.random() < 0.85 else pieces(random)


def built(place: str, what: str) -> tuple[str, str, dict[str, object]]:
    """The text with something put in, the name of its file, and its settings."""
    form = PLACES[place][0]
    named = place.startswith("name of") and place.endswith("file")
    if place.startswith("string"):
        what = _written("string", what)
    text = form if "{}" not in form else form.replace("{{", "\1").replace("}}", "\2").replace("{}", what)
    return (
        text.replace("\1", "{").replace("\2", "}"),
        what if named else "text.arch",
        {"k": what} if place == "setting" else {},
    )
