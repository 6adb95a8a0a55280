"""The page itself: its data put into the template beside this file, with nothing in it that a browser would fetch."""

from __future__ import annotations

import json
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
from archdsl.emit.drawing.model import Direction, Kind, Role
from archdsl.emit.drawing.shading import WORDS, Cost
from archdsl.emit.drawing.words import caption
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style
from archdsl.page.colours import rules
from archdsl.page.steps import Steps
from archdsl.page.texts import Texts
from archdsl.page.views import Drawn, views
from archdsl.report.summary import Summary
from archdsl.report.terminal import visible

if TYPE_CHECKING:
    from archdsl.base.text import Source
    from archdsl.graph.module import Module

_HERE = Path(__file__).parent
_DEEPEST = 8
_JSON_IN_HTML = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


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
        legend="".join(f'<li><span class="sample {kind}"></span>{escape(text)}</li>' for kind, text in _legend(first)),
        rows="".join(_row(index, records[index], steps) for index in range(steps.rows)),
        texts="".join(starmap(_text, texts.html())),
        templates="".join(f'<template id="view{index}">{each.svg}</template>' for index, each in enumerate(drawn)),
        data=_json({"name": visible(root.name), "color": cost, "costs": WORDS, **_data(steps, records, texts, drawn)}),
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


def _json(value: object) -> str:
    """JSON as it may stand in a script element: nothing in it ends the element."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_JSON_IN_HTML)


def _data(steps: Steps, records: list[dict[str, Any]], texts: Texts, drawn: list[Drawn]) -> dict[str, Any]:
    """What the script of the page works with. What a step has none of is left out, and so is what follows: `restored`
    in the script puts it back. Receptive fields are numbered, as many steps have the same."""
    fields: dict[str, int] = {}
    shown: list[dict[str, Any]] = []
    for index, (record, entry) in enumerate(zip(records, steps.entries, strict=True)):
        own = {**record, "text": texts.stretch(entry.spot.step.place)}
        if record["field"] is not None:
            own["field"] = fields.setdefault(_json(record["field"]), len(fields))
        usual = {"key": record["path"], "last": record["path"], "title": record["label"], "row": index, "count": 1}
        shown.append({word: value for word, value in own.items() if not _is_none(value) and usual.get(word) != value})
    return {
        "rows": steps.rows,
        "steps": shown,
        "fields": list(map(json.loads, fields)),
        "views": list(map(_view, drawn)),
    }


def _is_none(value: object) -> bool:
    return value is None or value is False or value == ""


def _view(drawn: Drawn) -> dict[str, Any]:
    view = drawn.view
    return {
        "block": view.block,
        "detail": view.picture.detail,
        "first": view.first,
        "legend": _legend(drawn),
        "scales": {cost: shading.scale for cost, shading in view.shadings.items()},
    }


def _paragraphs(lines: list[str]) -> list[str]:
    return [" ".join(each.split()) for each in "\n".join(lines).split("\n\n") if each.strip()]


def _legend(drawn: Drawn) -> list[tuple[str, str]]:
    """The legend of a picture: the class of the style sheet that has the colour, and what it means. A page
    marks no differences."""
    samples = ((each.style, each.text) for each in drawn.view.picture.legend)
    return [(_class(style), text) for style, text in samples if style is not None and not isinstance(style, Mark)]


def _class(style: Style | Kind | Role) -> str:
    match style:
        case Role():
            return "red"
        case Kind.BLOCK:
            return "of-block"
        case Kind():
            return "dashed"
        case family:
            return f"of-{family}"


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
    name = f'<button class="name">{escape(visible(entry.spot.name))}</button>'
    return f'<tr data-step="{index}"><th scope="row" class="depth{depth}">{name}</th>{cells}</tr>\n'


def _text(name: str, lines: str) -> str:
    return f'<details open><summary>{escape(name)}</summary><pre class="code">{lines}</pre></details>'
