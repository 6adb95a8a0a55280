"""What the script of a page works with: steps, pictures and their legends, each fact once.

Much in a network is equal: fields, lines of arithmetic, legends, shapes of pictures. What is equal stands there once
and is called by its number, so a page is as long as what is different in it. `restored` in the script is the inverse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from html import unescape
from typing import Any, Final, assert_never

from archdsl.base.escaped import Markup
from archdsl.draw.model import Kind, Role
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style
from archdsl.page.steps import Steps
from archdsl.page.texts import Texts
from archdsl.page.views import Drawn

# in a picture: the steps of a group, how dark it is, and text
_WORDS: Final = re.compile(r'(?<=data-steps=")[^"]*|(?<=data-heat=")[^"]*|(?<=>)[^<]*(?=</text>)')
_JSON_IN_HTML: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)


def as_json(value: object) -> Markup:
    """JSON as it may stand in a script element: nothing in it ends the element."""
    return Markup.trusted(json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_JSON_IN_HTML))


class _Pool:
    """Values that stand there once, and are called by their number."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, value: object) -> int:
        return self._numbers.setdefault(json.dumps(value), len(self._numbers))

    def values(self) -> list[Any]:
        return list(map(json.loads, self._numbers))


def steps_data(steps: Steps, records: Iterable[Mapping[str, Any]], texts: Texts) -> dict[str, Any]:
    """The steps by columns. Nothing, and what follows from the rest of a step, is an empty string."""
    fields, lines, places = _Pool(), _Pool(), _Pool()
    columns: dict[str, list[Any]] = {}
    for index, (record, entry) in enumerate(zip(records, steps.entries, strict=True)):
        usual = {"key": record["path"], "last": record["path"], "title": record["label"], "row": index, "count": 1}
        own = {
            **record,
            "field": record["field"] and fields.number(record["field"]),
            "lines": list(map(lines.number, record["lines"])),
            "text": places.number(texts.stretch(entry.spot.step.place)),
        }
        for name, value in own.items():
            is_said = value is not None and value is not False and value != usual.get(name)
            columns.setdefault(name, []).append(value if is_said else "")
    return {
        "rows": steps.rows,
        "steps": {name: values for name, values in columns.items() if any(value != "" for value in values)},
        "fields": fields.values(),
        "lines": lines.values(),
        "places": places.values(),
    }


def views_data(drawn: Iterable[Drawn]) -> tuple[dict[str, Any], dict[int, Markup]]:
    """The pictures, and their SVGs by the number of the view. Where nothing but words and numbers is different, the
    SVG is that of an earlier view, `like`, and `words` are what it says instead."""
    legends, scales = _Pool(), _Pool()
    views: list[dict[str, Any]] = []
    svgs: dict[int, Markup] = {}
    same: dict[str, int] = {}
    for index, each in enumerate(drawn):
        view = each.view
        shown = {
            "block": view.block,
            "detail": view.picture.detail,
            "first": view.first,
            "legend": legends.number(legend(each)),
            "scales": [scales.number(shading.scale) for shading in view.shadings.values()],
        }
        like = same.setdefault(_WORDS.sub("", each.svg), index)
        if like == index:
            svgs[index] = each.svg
        else:
            shown |= {"like": like, "words": list(map(unescape, _WORDS.findall(each.svg)))}
        views.append(shown)
    return {"views": views, "legends": legends.values(), "scales": scales.values()}, svgs


def legend(drawn: Drawn) -> list[tuple[str, str]]:
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
        case Style():
            return f"of-{style}"
        case _:
            assert_never(style)
