"""Colours, and text as Graphviz takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Self, final

from typing_extensions import override

from archdsl.base.escaped import Escaped, seen
from archdsl.base.records import record
from archdsl.graph.marks import Mark
from archdsl.ops.operator import Style


@record(slots=True)
class Theme:
    """The colours of a picture. fill: of boxes by their family, None for inputs and outputs. coldest, hottest: of boxes
    that are shaded by what they cost. marked: fill and border by mark."""

    fill: Mapping[Style | None, str]
    text: str
    border: str
    background: str
    block_fill: str
    block_border: str
    closed_fill: str
    circle: str
    grey: str
    line: str
    red: str
    coldest: str
    hottest: str
    marked: Mapping[Mark | None, tuple[str, str]]


LIGHT: Final = Theme(
    fill={
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
    },
    text="#000000",
    border="#555555",
    background="#FFFFFF",
    block_fill="#F6F7FB",
    block_border="#9999BB",
    closed_fill="#E4E7F5",
    circle="white",
    grey="#666666",
    line="#444444",
    red="#B2182B",
    coldest="#FFFFFF",
    hottest="#F16913",
    marked={
        None: ("#F4F4F4", "#AAAAAA"),
        Mark.ADDED: ("#BFE5BF", "#1A7F37"),
        Mark.CHANGED: ("#FFE38A", "#9A6700"),
        Mark.REMOVED: ("#FFFFFF", "#CF222E"),
        Mark.WRONG: ("#FBDAD7", "#B2182B"),
        Mark.UNKNOWN: ("#FFFFFF", "#777777"),
    },
)

DARK: Final = Theme(
    fill={
        None: "#4A4A4F",
        Style.CONV: "#2B5F7D",
        Style.PROJECTION: "#24485C",
        Style.LINEAR: "#5C4470",
        Style.NORM: "#6B6224",
        Style.ACTIVATION: "#744A35",
        Style.POOL: "#41682A",
        Style.ATTENTION: "#855217",
        Style.EMBEDDING: "#7F3A3D",
        Style.RECURRENT: "#2F6450",
        Style.MERGE: "#3A3A3F",
        Style.OTHER: "#3A3A3F",
    },
    text="#F0F0F0",
    border="#A8A8AD",
    background="#1E1E22",
    block_fill="#27272E",
    block_border="#6A6A8C",
    closed_fill="#33364A",
    circle="#1E1E22",
    grey="#A6A6AB",
    line="#C0C0C4",
    red="#F0717D",
    coldest="#2A2A30",
    hottest="#B5520B",
    marked={
        None: ("#333338", "#6E6E73"),
        Mark.ADDED: ("#1F5A2E", "#57C26E"),
        Mark.CHANGED: ("#6B5312", "#E0B23C"),
        Mark.REMOVED: ("#1E1E22", "#F0717D"),
        Mark.WRONG: ("#5A2328", "#F0717D"),
        Mark.UNKNOWN: ("#1E1E22", "#9A9A9F"),
    },
)


def theme(*, dark: bool) -> Theme:
    """The colours for a light or a dark page."""
    return DARK if dark else LIGHT


FONT: Final = "Helvetica,Arial,sans-serif"

_ESCAPES: Final = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\\": "&#92;&#92;",
        "{": "&#123;",
        "}": "&#125;",
        "\n": "&#10;",
    }
)


@final
class Label(Escaped):
    """Text inside a label, quoted or HTML: what Graphviz would take for markup becomes an entity."""

    __slots__ = ()

    @override
    @classmethod
    def of(cls, text: str) -> Self:
        return cls.trusted("\n".join(map(visible, text.split("\n"))).translate(_ESCAPES))


@final
class Dot(Escaped):
    """Text of DOT: values of attributes, statements."""

    __slots__ = ()

    @override
    @classmethod
    def of(cls, text: str) -> Self:
        return cls.quoted(Label.of(text))

    @classmethod
    def quoted(cls, label: Label) -> Self:
        """A string."""
        return cls.trusted(f'"{label}"')

    @classmethod
    def html(cls, label: Label) -> Self:
        """A label with markup."""
        return cls.trusted(f"<{label}>")

    @classmethod
    def attribute(cls, name: str, value: Self) -> Self:
        """The value of an attribute, with its name, which is a word."""
        assert name.isidentifier(), name
        return cls.trusted(f"{name}={value}")


def visible(text: str) -> str:
    """Text with a sign in place of every letter that would not be seen."""
    return text if text.isprintable() else "".join(map(seen, text))


def mixed(colour: str, other: str, part: float) -> str:
    """A colour with a part of another in it."""
    pairs = ((int(each[at : at + 2], 16) for each in (colour, other)) for at in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * part):02X}" for a, b in pairs)
