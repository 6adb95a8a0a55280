"""The page itself: its data put into the template beside this file, with nothing in it that a browser would fetch."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import field
from hashlib import sha256
from itertools import starmap
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final, LiteralString

from archdsl.base.escaped import Markup
from archdsl.base.files import kind_of, write_atomically
from archdsl.base.records import record
from archdsl.base.version import __version__
from archdsl.base.wanted import require_file
from archdsl.boundary import doors
from archdsl.draw.drawing import PAGE
from archdsl.draw.look import PLAIN, Look
from archdsl.draw.words import caption
from archdsl.facts.fact import Fact, View
from archdsl.facts.table import colours, shown_in
from archdsl.page.colours import rules
from archdsl.page.data import as_json, legend, steps_data, views_data
from archdsl.page.steps import Steps, share_name
from archdsl.page.texts import Texts
from archdsl.page.views import views
from archdsl.report.summary import Summary
from archdsl.report.terminal import visible

if TYPE_CHECKING:
    from archdsl.base.carried import Carried
    from archdsl.base.text import Source
    from archdsl.graph.module import Module

_HERE = Path(__file__).parent
_DEEPEST = 8
NOUN: Final = "a page"


@doors
@record(repr=False)
class Page:
    """A page as a value: equal where the same stands on it. `str()` is its HTML.

    remarks: what there is to say about it. carried: what it is a page of; read: the file that was read for it.
    """

    html: Markup
    remarks: tuple[str, ...] = ()
    carried: Carried | None = field(default=None, compare=False)
    read: str | None = field(default=None, compare=False)

    def save(self, path: Path | str) -> None:
        """Write the page into a file of `.html`, replaced whole or not at all. FileExistsError where that is the file
        that the page is made of."""
        require_file("the name of a file", path=path)
        kind_of(path, (PAGE,), NOUN)
        write_atomically({Path(path): self.html.encode()}, [self.read])

    def __str__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<Page of {len(self.html):,} characters>"


def page(root: Module, source: Source, table: Summary, look: Look = PLAIN, *, carried: Carried | None = None) -> Page:
    """The page of a network. table: its summary, whose facts the page has; look: of its first picture, and the cost
    that colours say at first. carried: what it is a page of."""
    shown = shown_in(View.COLOURS)
    costs = {
        name: fact for name, fact in colours().items() if fact in shown or fact in table.facts or name == look.color
    }
    steps = Steps(root, table.known, table.facts)
    drawn, remarks = views(steps, look, costs=costs.values())
    texts = Texts(source, [entry.spot.step.place for entry in steps.entries])
    records = steps.records()
    if steps.more:
        remarks.append(f"{steps.more:,} more rows are left out of the table")
    style, script = Markup.joined([Markup.trusted(rules()), _file("page.css")]), _file("page.js")
    pictures, svgs = views_data(drawn)
    data = {
        "name": visible(root.name),
        "color": look.color,
        "costs": {name: fact.words for name, fact in costs.items()},
        "sums": {fact.name: fact.words for fact in table.facts if fact.shares},
        **steps_data(steps, records, texts),
        **pictures,
    }
    first = next(each for each in drawn if each.view.first)
    title, *doc = (visible(line) for line in (table.title, *table.doc.splitlines()))
    html = _filled(
        _file("template.html"),
        title=_shown(root.name),
        policy=_policy(style, script),
        style=style,
        script=script,
        heading=Markup.of(title),
        caption=Markup.of(caption(root)),
        doc=_written(_paragraphs(doc)),
        footers=_written(table.footers()),
        remarks=_written(remarks),
        picture=first.svg or _NO_PICTURE,
        legend=Markup.joined(starmap(_sample, legend(first))),
        heads=Markup.joined(map(_head, table.facts)),
        rows=Markup.joined(_row(index, records[index], steps) for index in range(steps.rows)),
        texts=Markup.joined(starmap(_text, texts.html())),
        templates=Markup.joined(Markup.filled('<template id="view{}">{}</template>', *view) for view in svgs.items()),
        data=as_json(data),
        version=Markup.of(__version__),
    )
    return Page(html, tuple(remarks), carried, source.path)


_NO_PICTURE = Markup(
    '<p class="none">There is no picture. The table and the text have everything that it would say.</p>'
)


def _file(name: LiteralString) -> Markup:
    return Markup.trusted((_HERE / name).read_text(encoding="utf-8"))


def _filled(template: Markup, **parts: Markup) -> Markup:
    return Markup.trusted(Template(template).substitute(parts))


def _shown(text: str) -> Markup:
    return Markup.of(visible(text))


def _written(paragraphs: Iterable[str]) -> Markup:
    return Markup.joined(Markup.filled("<p>{}</p>", _shown(each)) for each in paragraphs)


def _sample(kind: str, text: str) -> Markup:
    """A line of the legend."""
    return Markup.filled('<li><span class="sample {}"></span>{}</li>', Markup.of(kind), Markup.of(text))


def _policy(style: Markup, script: Markup) -> Markup:
    """What the page may do: run its own script and style, told by their hashes, and nothing else."""
    hashes = (Markup.of(b64encode(sha256(text.encode()).digest()).decode()) for text in (style, script))
    allowed = Markup.filled("style-src 'sha256-{}'; script-src 'sha256-{}'; img-src data:", *hashes)
    return Markup.filled("default-src 'none'; {}; base-uri 'none'; form-action 'none'", allowed)


def _paragraphs(lines: Iterable[str]) -> list[str]:
    return [" ".join(each.split()) for each in "\n".join(lines).split("\n\n") if each.strip()]


def _head(fact: Fact[Any]) -> Markup:
    """The head of the columns of a fact."""
    about = Markup.filled('<abbr title="{}">{}</abbr>', Markup.of(fact.about), Markup.of(fact.title))
    span = Markup(' colspan="2"') if fact.shares else Markup()
    return Markup.filled('<th scope="col"{}>{}</th>', span, about if fact.about else Markup.of(fact.title))


def _row(index: int, record: dict[str, Any], steps: Steps) -> Markup:
    """A row of the table."""
    entry = steps.entries[index]
    same = f" (as {record['same']})" if record["same"] else ""
    shown = f"{record['label']}{same}{' (shared)' if record['again'] else ''}{' †' if record['training'] else ''}"
    outputs = entry.spot.step.outputs
    shapes = record["output"] if len(outputs) == 1 else f"{len(outputs)} tensors"
    names = (name for fact in steps.facts for name in (fact.name, *([share_name(fact)] if fact.shares else [])))
    texts = (shown, shapes, *(record[name] for name in names))
    cells = Markup.joined(Markup.filled("<td>{}</td>", Markup.of(text)) for text in texts)
    row = '<tr><th scope="row" class="depth{}">{}</th>{}</tr>\n'
    return Markup.filled(row, min(entry.spot.depth, _DEEPEST), _shown(entry.spot.name), cells)


def _text(name: Markup, lines: Markup) -> Markup:
    text = '<details open><summary>{}</summary><pre class="code">{}</pre></details>'
    return Markup.filled(text, name, lines)
