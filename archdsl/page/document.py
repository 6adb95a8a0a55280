"""The page itself: its data put into the template beside this file, with nothing in it that a browser would fetch."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from itertools import starmap
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from archdsl.base.version import __version__
from archdsl.emit.drawing.model import Direction
from archdsl.emit.drawing.shading import WORDS, Cost
from archdsl.emit.drawing.words import caption
from archdsl.page.colours import rules
from archdsl.page.data import as_json, legend, steps_data, views_data
from archdsl.page.steps import Steps
from archdsl.page.texts import Texts
from archdsl.page.views import views
from archdsl.report.summary import Summary
from archdsl.report.terminal import visible

if TYPE_CHECKING:
    from archdsl.base.text import Source
    from archdsl.graph.module import Module

_HERE = Path(__file__).parent
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Page:
    """A page, and what there is to say about it."""

    html: str
    remarks: tuple[str, ...] = ()


def page(
    root: Module,
    source: Source,
    table: Summary,
    *,
    detail: str | None = None,
    direction: Direction | str = Direction.TB,
    show_legend: bool = True,
    expand: Iterable[str] = (),
    color: Cost | str | None = None,
) -> Page:
    """The page of a network. table: its summary; detail, direction, expand: of its first picture, as `picture` takes
    them; color: the cost that colours say at first."""
    cost = Cost(color) if color else None
    steps = Steps(root)
    drawn, remarks = views(steps, detail, Direction(direction), expand, show_legend=show_legend)
    texts = Texts(source, [entry.spot.step.place for entry in steps.entries])
    records = steps.records()
    if steps.more:
        remarks.append(f"{steps.more:,} more rows are left out of the table")
    style, script = f"{rules()}{_file('page.css')}", _file("page.js")
    pictures, svgs = views_data(drawn)
    data = {
        "name": visible(root.name),
        "color": cost,
        "costs": WORDS,
        **steps_data(steps, records, texts),
        **pictures,
    }
    first = next(each for each in drawn if each.view.first)
    title, *doc = (visible(line) for line in (table.title, *table.doc.splitlines()))
    html = Template(_file("template.html")).substitute(
        title=escape(visible(root.name)),
        policy=_policy(style, script),
        style=style,
        script=script,
        heading=escape(title),
        caption=escape(caption(root)),
        doc="".join(f"<p>{escape(each)}</p>" for each in _paragraphs(doc)),
        footers="".join(f"<p>{escape(visible(each))}</p>" for each in table.footers()),
        remarks="".join(f"<p>{escape(visible(each))}</p>" for each in remarks),
        picture=first.svg or _NO_PICTURE,
        legend="".join(f'<li><span class="sample {kind}"></span>{escape(text)}</li>' for kind, text in legend(first)),
        rows="".join(_row(index, records[index], steps) for index in range(steps.rows)),
        texts="".join(starmap(_text, texts.html())),
        templates="".join(f'<template id="view{index}">{svg}</template>' for index, svg in svgs.items()),
        data=as_json(data),
        version=__version__,
    )
    return Page(html, tuple(remarks))


_NO_PICTURE = '<p class="none">There is no picture. The table and the text have everything that it would say.</p>'


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the page may do: run its own script and style, told by their hashes, and nothing else."""
    hashes = [f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for text in (style, script)]
    allowed = f"style-src {hashes[0]}; script-src {hashes[1]}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _paragraphs(lines: list[str]) -> list[str]:
    return [" ".join(each.split()) for each in "\n".join(lines).split("\n\n") if each.strip()]


def _row(index: int, record: dict[str, Any], steps: Steps) -> str:
    """A row of the table."""
    entry = steps.entries[index]
    same = f" (as {record['same']})" if record["same"] else ""
    shown = f"{record['label']}{same}{' (shared)' if record['again'] else ''}{' †' if record['training'] else ''}"
    outputs = entry.spot.step.outputs
    shapes = record["output"] if len(outputs) == 1 else f"{len(outputs)} tensors"
    cells = "".join(f"<td>{escape(text)}</td>" for text in (shown, shapes))
    names = ("params", "paramsShare", "macs", "macsShare", "sees")
    cells += "".join(f"<td>{escape(record[name])}</td>" for name in names)
    depth = min(entry.spot.depth, _DEEPEST)
    name = escape(visible(entry.spot.name))
    return f'<tr><th scope="row" class="depth{depth}">{name}</th>{cells}</tr>\n'


def _text(name: str, lines: str) -> str:
    return f'<details open><summary>{escape(name)}</summary><pre class="code">{lines}</pre></details>'
