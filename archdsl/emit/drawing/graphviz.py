"""Colours, and text as Graphviz takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style

FILL: Final[Mapping[Style | None, str]] = {
    None: "#E6E6E6",
    Style.CONV: "#A6CEE3",
    Style.PROJECTION: "#C9E2F0",
    Style.LINEAR: "#CAB2D6",
    Style.NORM: "#FFF2AE",
    Style.ACTIVATION: "#FDDBC7",
    Style.POOL: "#B2DF8A",
    Style.ATTENTION: "#FDBF6F",
    Style.EMBEDDING: "#FB9A99",
    Style.RECURRENT: "#B3E2CD",
    Style.MERGE: "#F0F0F0",
    Style.OTHER: "#F0F0F0",
}
BORDER: Final = "#555555"
BLOCK_FILL: Final = "#F6F7FB"
BLOCK_BORDER: Final = "#9999BB"
CLOSED_FILL: Final = "#E4E7F5"
GREY: Final = "#666666"
LINE: Final = "#444444"
RED: Final = "#B2182B"
FONT: Final = "Helvetica,Arial,sans-serif"

# what became of a step since another network: fill and border
MARKED: Final[Mapping[Mark | None, tuple[str, str]]] = {
    None: ("#F4F4F4", "#AAAAAA"),
    Mark.ADDED: ("#BFE5BF", "#1A7F37"),
    Mark.CHANGED: ("#FFE38A", "#9A6700"),
    Mark.REMOVED: ("#FFFFFF", "#CF222E"),
}

_ESCAPES: Final = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
    "\\": "&#92;&#92;",
    "{": "&#123;",
    "}": "&#125;",
    "\n": "&#10;",
}


def escape(text: str) -> str:
    """Text as it may stand inside any label, quoted or HTML: what Graphviz would take for markup becomes an entity."""
    return "".join(_ESCAPES.get(each, each if each.isprintable() else "\N{REPLACEMENT CHARACTER}") for each in text)


def quoted(text: str) -> str:
    """A string of DOT."""
    return f'"{escape(text)}"'
