"""How a network is drawn: the options of a picture, declared and checked here for every door and command.

Volumes, pages and the picture of a text that is wrong take fewer of them than a picture does. Each has a type with the
options that it takes, as its callers write them; `Look` has them all, checked, with what they are if they are not
given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from functools import partial
from types import NoneType
from typing import Any, Final, TypedDict, Unpack

from archdsl.base.records import record
from archdsl.base.wanted import WrongType, WrongValue, require, texts
from archdsl.draw.model import Detail, Direction
from archdsl.facts.table import colour
from archdsl.graph.marks import Marks


class _Options(TypedDict, total=False):
    """What everything that is drawn takes."""

    detail: Detail | str | None
    legend: bool


class VolumesOptions(_Options, total=False):
    """What volumes take."""

    dark: bool


class _BoxesOptions(_Options, total=False):
    """What boxes and lines take."""

    expand: Iterable[str]
    direction: Direction | str


class PageOptions(_BoxesOptions, total=False):
    """What a page takes, for what it shows first."""

    color: str | None


class SketchOptions(_BoxesOptions, total=False):
    """What the picture of a text that is wrong takes."""

    focus: str | None
    dark: bool


class PictureOptions(PageOptions, SketchOptions, total=False):
    """What the picture of a network takes."""


OF_VOLUMES: Final = VolumesOptions.__optional_keys__
OF_PAGE: Final = PageOptions.__optional_keys__
OF_SKETCH: Final = SketchOptions.__optional_keys__
OF_PICTURE: Final = PictureOptions.__optional_keys__


@record(slots=True)
class Look:
    """How a network is drawn.

    detail: how much is one box; None for as fine as a page holds. expand: paths of blocks that are opened whatever the
    detail. focus: the path of the one block or layer that is shown, open, with what it is joined to. color: the cost
    that boxes are shaded by, one of `facts.table.colours`. legend: whether colours are explained. dark: whether it is
    for a dark page. marks: what became of steps since another network: the colours then say that, and a block in which
    something changed is open where there is room.
    """

    detail: Detail | None = None
    expand: tuple[str, ...] = ()
    focus: str | None = None
    color: str | None = None
    direction: Direction = Direction.TB
    legend: bool = True
    dark: bool = False
    marks: Marks | None = None

    def __post_init__(self) -> None:
        if self.marks is not None and self.color:
            raise WrongValue("colours say either what became of a step or what it costs")

    @classmethod
    def of(cls, marks: Marks | None = None, **options: Unpack[PictureOptions]) -> Look:
        """The look that options ask for as callers write them, each checked; the message names the one at fault."""
        checked: dict[str, Any] = {name: _CHECKS[name](value) for name, value in options.items()}
        return cls(**checked, marks=marks)

    def besides(self, taken: frozenset[str]) -> list[str]:
        """The options that differ from their defaults and are not in `taken`, by name."""
        return [
            each.name for each in fields(self) if each.name not in taken and getattr(self, each.name) != each.default
        ]


PLAIN: Final = Look()


def look_of(call: str, taken: frozenset[str], options: Mapping[str, Any], marks: Marks | None = None) -> Look:
    """The look that the options of a call ask for. WrongType where there is one that it does not take."""
    for name in options:
        if name not in taken:
            raise WrongType(f"{call}() takes no `{name}`: its options are {', '.join(sorted(taken))}")
    return Look.of(marks, **options)


def _detail(value: Any) -> Detail | None:
    return None if value is None else Detail(value)


def _expand(value: object) -> tuple[str, ...]:
    return texts("expand", value, "paths of blocks")


def _focus(value: Any) -> str | None:
    require((str, NoneType), "the path of a layer, such as `layer1.0.conv1`", focus=value)
    return value or None


def _color(value: Any) -> str | None:
    try:
        _ = value is None or colour(value)
    except (WrongType, WrongValue) as error:
        raise type(error)(f"`color`: {error}") from None
    return value


def _flag(name: str, value: Any) -> bool:
    require(bool, "true or false", **{name: value})
    return value


_CHECKS: Final[Mapping[str, Callable[[Any], object]]] = {
    "detail": _detail,
    "expand": _expand,
    "focus": _focus,
    "color": _color,
    "direction": Direction,
    "legend": partial(_flag, "legend"),
    "dark": partial(_flag, "dark"),
}
