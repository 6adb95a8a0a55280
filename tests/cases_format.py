"""Cases in Markdown: prose that says what is shown and why, a text, and below it what the stages make of the text.

    ## A heading is a case

    Prose.

    ```arch N=2 exact
    INPUT[32x32x3] -> [CONV3-16]*N
    ```

    ```summary
    what comes out of the stage `summary`
    ```

After `arch` stand hyper-parameters (`N=2`), `exact`, `net=NAME`, `input=28x28x1`; with a file name (`arch blocks.arch`)
the block is a file that the text can `use`. The first word of the other blocks names a stage, the rest are its options.
A stage is a function in this file, decorated with `@stage("name")`, from a case and the options to text.
`UPDATE=1 pytest` writes what comes out into the pages; look at the difference.
"""

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from archdsl import ArchError, Network
from archdsl.base.text import Source
from archdsl.compiler import Options, check_source, compile_source
from archdsl.draw.dot import dot
from archdsl.draw.look import Look
from archdsl.draw.mermaid import mermaid
from archdsl.draw.model import Cluster, Node, Picture
from archdsl.draw.picture import picture
from archdsl.graph.flat import layers
from archdsl.report import messages
from archdsl.request import input_size, setting

_FENCE = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_PROSE = {"text", "python", "console"}
WIDTH = 80


@dataclass
class Case:
    """One text and what is expected of it. `results`: each block's stage, options, body and place in the page."""

    title: str
    text: str
    words: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    results: list[tuple[str, str, str, int, int]] = field(default_factory=list)

    @property
    def source(self) -> Source:
        return Source("case.arch", self.text)

    @property
    def options(self) -> Options:
        given = dict(setting(word) for word in self.words if "=" in word and not word.startswith(("net=", "input=")))
        return Options(given, exact="exact" in self.words, texts=self.files)

    @cached_property
    def network(self) -> Network:
        """The network of the text; a text with faults fails the case."""
        chosen = dict(word.split("=", 1) for word in self.words if word.startswith(("net=", "input=")))
        options = self.options
        if size := chosen.get("input"):
            own = compile_source(self.source, chosen.get("net"), options).module.inputs[0]
            options = replace(options, size=input_size(size, lambda: own))
        return compile_source(self.source, chosen.get("net"), options)


Stage = Callable[[Case, str], str]
STAGES: dict[str, Stage] = {}


def stage(name: str) -> Callable[[Stage], Stage]:
    """Register a stage under the first word of its blocks."""

    def register(function: Stage) -> Stage:
        assert name not in STAGES
        STAGES[name] = function
        return function

    return register


def read(path: Path) -> list[Case]:
    """The cases of a page, in order."""
    page = path.read_text(encoding="utf-8")
    headings = [(found.start(), found[1]) for found in _HEADING.finditer(page)]
    cases: list[Case] = []
    files: dict[str, str] = {}
    for fence in _FENCE.finditer(page):
        name, *words = fence["info"].split()
        title = next((text for start, text in reversed(headings) if start < fence.start()), path.stem)
        if name == "arch" and words and words[0].endswith(".arch"):
            files[words[0].removesuffix(".arch")] = fence["body"]
        elif name == "arch":
            cases.append(Case(title, fence["body"], tuple(words), dict(files)))
            files = {}
        elif name not in _PROSE:
            assert cases, f"{path.name}: a block `{name}` before any text"
            assert name in STAGES, f"{path.name}: no stage `{name}`; there are {', '.join(STAGES)}"
            cases[-1].results.append((name, " ".join(words), fence["body"], fence.start("body"), fence.end("body")))
    return cases


def actual(case: Case, name: str, options: str) -> str:
    """What a stage makes of a case, as it stands in a page."""
    made = STAGES[name](case, options)
    lines = [line.rstrip() for line in made.strip("\n").split("\n")]
    return "".join(f"{line}\n" for line in lines) if made.strip() else ""


def updated(path: Path) -> str:
    """The page with what the stages make of its texts now."""
    page = path.read_text(encoding="utf-8")
    results = [(case, *result) for case in read(path) for result in case.results]
    for case, name, options, _, start, end in reversed(results):
        page = page[:start] + actual(case, name, options) + page[end:]
    return page


# --- stages -----------------------------------------------------------------------------------------------------------


@stage("diagnostics")
def _diagnostics(case: Case, options: str) -> str:
    """Everything that is wrong with the text, or else with the network that is asked for."""
    report, _ = check_source(case.source, case.options)
    if found := [*report.errors, *report.warnings]:
        return messages.full(found, width=WIDTH)
    try:
        return messages.full(case.network.warnings, width=WIDTH) or "no faults"
    except ArchError as error:
        return messages.full(error.diagnostics, width=WIDTH)


@stage("concise")
def _concise(case: Case, options: str) -> str:
    report, _ = check_source(case.source, case.options)
    return messages.concise([*report.errors, *report.warnings])


@stage("summary")
def _summary(case: Case, options: str) -> str:
    """The table; with a number, that many levels of it."""
    return case.network.summary(int(options) if options else None).text(WIDTH)


@stage("explain")
def _explain(case: Case, options: str) -> str:
    return case.network.explain(options or None)


@stage("shapes")
def _shapes(case: Case, options: str) -> str:
    """Every layer, repeats written out, with its shape and parameters."""
    rows = [
        (each.path, str(each.step.outputs[0]), f"{each.step.params:,}" if each.step.params else "")
        for each in layers(case.network.module)
    ]
    widths = [max(len(row[index]) for row in rows) for index in range(2)]
    return "\n".join(f"{path:<{widths[0]}}  {shape:<{widths[1]}}  {params}" for path, shape, params in rows)


@stage("torch")
def _torch(case: Case, options: str) -> str:
    """The classes of the emitted file, without blank lines and docstrings; those named, or all that are not copied."""
    code = case.network.source().partition("\nclass ")
    tree = ast.parse("".join(code[1:]).partition("\nARCH = ")[0])
    wanted = options.split()
    shown: list[str] = []
    for each in tree.body:
        assert isinstance(each, ast.ClassDef)
        if wanted and each.name not in wanted:
            continue
        text = ast.get_source_segment("".join(code[1:]), each) or ""
        text = re.sub(r'\n +"""(?:.|\n)*?"""', "", text, count=1)
        shown.append(re.sub(r"\n\n+", "\n", text))
    return "\n\n".join(shown)


def _picture(case: Case, options: str) -> Picture:
    """The picture, with options such as `detail=block direction=LR expand=layer1,layer2`; no legend unless `legend`."""
    words = options.split()
    given = dict(word.split("=", 1) for word in words if "=" in word)
    expand = tuple(filter(None, given.pop("expand", "").split(",")))
    return picture(case.network.module, Look.of(legend="legend" in words, expand=expand, **given))


@stage("dot")
def _dot(case: Case, options: str) -> str:
    return dot(_picture(case, options))


@stage("mermaid")
def _mermaid(case: Case, options: str) -> str:
    return mermaid(_picture(case, options))


@stage("picture")
def _outline(case: Case, options: str) -> str:
    """What is drawn, for reading: first what stands in which block, then where the tensors go.

    `( )` are inputs and outputs, `[ ]` boxes, `< >` closed blocks, `•` is a dot, `|` what stands on the straight line.
    """
    made = _picture(case, options)
    lines: list[str] = []
    parent_of = {cluster.id: cluster.parent for cluster in made.clusters}
    depth_of: dict[str, int] = {"": 0}
    for cluster in made.clusters:
        depth_of[cluster.id] = depth_of[cluster.parent] + 1
    titled = {cluster.id: cluster for cluster in made.clusters}
    open_now: list[str] = [""]
    for node in made.nodes:
        around: list[str] = []
        cluster = node.cluster
        while cluster:
            around.append(cluster)
            cluster = parent_of[cluster]
        for each in reversed(around):
            if each not in open_now:
                mark = titled[each]
                training = " (training)" if mark.training else ""
                lines.append(f"{'    ' * (depth_of[each] - 1)}  {mark.title or '-'}{_times(mark)}{training}:")
        open_now = ["", *around]
        lines.append(f"{'    ' * depth_of[node.cluster]}{'|' if node.spine else ' '} {_shown(node)}")
    lines.append("")
    for edge in made.edges:
        label = f"  {edge.label}" if edge.label else ""
        role = f"  ({edge.role})" if edge.role != "main" else ""
        training = "  (training)" if edge.training else ""
        lines.append(f"{edge.source} -> {edge.target}{label}{role}{training}")
    lines.extend(f"remark: {remark}" for remark in made.remarks)
    return "\n".join(lines)


def _shown(node: Node) -> str:
    left, right = {"input": "()", "output": "()", "block": "<>", "dot": ("•", ""), "merge": "()"}.get(node.kind, "[]")
    note = f"  {node.note}" if node.note else ""
    style = f"  {node.style}" if node.style == "projection" else ""
    return f"{left}{node.label}{right}{_times(node)}{style}{note}{' (training)' if node.training else ''}"


def _times(each: Node | Cluster) -> str:
    times = f" ×{each.count}" if each.count > 1 else ""
    return times + (f" ×{each.copies} in parallel" if each.copies > 1 else "")
