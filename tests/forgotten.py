# pyright: strict, reportUnnecessaryTypeIgnoreComment=true
"""Every way to forget escaping, for each sink: pyright fails on this file if one of them is no error of types."""

from __future__ import annotations

from archdsl.base.escaped import Markup
from archdsl.cli.screen import put
from archdsl.draw.graphviz import Dot, Label
from archdsl.draw.mermaid import Mermaid
from archdsl.page.document import Page
from archdsl.report.messages import FORMATS
from archdsl.report.terminal import Ink, Shown, paint, visible


def on_a_terminal(name: str) -> None:
    put(visible(name))
    put(name)  # pyright: ignore[reportArgumentType]
    put(f"{name}\n")  # pyright: ignore[reportArgumentType]
    put(f"{visible(name)}\n")  # pyright: ignore[reportArgumentType]
    put(Shown(name))  # pyright: ignore[reportArgumentType]
    put(Shown.filled("{}\n", name))  # pyright: ignore[reportArgumentType]
    put(Shown.joined([name]))  # pyright: ignore[reportArgumentType]
    put(paint(name, Ink.ERROR, colour=True))  # pyright: ignore[reportArgumentType]
    put(Markup.of(name))  # pyright: ignore[reportArgumentType]


def in_an_annotation(name: str) -> None:
    FORMATS["mine"] = lambda found: visible(name)
    FORMATS["mine"] = lambda found: f"::error::{name}"  # pyright: ignore[reportArgumentType]


def on_a_page(name: str) -> None:
    Page(Markup.of(name))
    Page(name)  # pyright: ignore[reportArgumentType]
    Page(visible(name))  # pyright: ignore[reportArgumentType]
    Page(Markup.filled("<b>{}</b>", name))  # pyright: ignore[reportArgumentType]
    Page(Markup.filled(name))  # pyright: ignore[reportArgumentType]
    Page(Markup(f"<b>{name}</b>"))  # pyright: ignore[reportArgumentType]
    Page("<b>" + Markup.of(name))  # pyright: ignore[reportArgumentType]


def in_dot(name: str, own: dict[str, Dot]) -> None:
    own["label"] = Dot.of(name)
    own["label"] = name  # pyright: ignore[reportArgumentType]
    own["label"] = f'"{name}"'  # pyright: ignore[reportArgumentType]
    own["label"] = Label.of(name)  # pyright: ignore[reportArgumentType]
    own["label"] = Dot.quoted(name)  # pyright: ignore[reportArgumentType]
    own["label"] = Dot.html(Markup.of(name))  # pyright: ignore[reportArgumentType]


def in_mermaid(name: str) -> list[Mermaid]:
    return [
        Mermaid.filled('n1["{}"]', Mermaid.of(name)),
        Mermaid.filled('n1["{}"]', name),  # pyright: ignore[reportArgumentType]
        f'n1["{Mermaid.of(name)}"]',  # pyright: ignore[reportReturnType]
    ]
