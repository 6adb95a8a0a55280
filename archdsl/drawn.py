"""What is drawn of a network as its doors give it: the options are checked, and the file is written if one is named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from archdsl.base.carried import Carried
from archdsl.base.wanted import WrongValue, require_file
from archdsl.compiled import Compiled
from archdsl.draw.drawing import PAGE, Drawing
from archdsl.draw.look import OF_PAGE, OF_PICTURE, OF_SKETCH, OF_VOLUMES, Look, look_of
from archdsl.draw.picture import picture
from archdsl.draw.volumes import scene
from archdsl.graph.marks import Marks
from archdsl.graph.module import Module
from archdsl.report.walk import Tour

if TYPE_CHECKING:
    from archdsl.page.document import Page
    from archdsl.report.summary import Summary

_NO_PAGE: Final = "a page shows no differences, and takes no focus or dark: a picture does"

FileName = Path | str | None
Options = Mapping[str, Any]
_Made = TypeVar("_Made", "Drawing", "Page")


def boxes(
    made: Compiled, path: FileName, options: Options, marks: Marks | None, table: Callable[[], Summary]
) -> Drawing:
    """The picture; in a file of a page the page. marks: what became of steps since another network. table: what a page
    has for a table."""
    _require(path)
    look = look_of("draw", OF_PICTURE, options, marks)
    is_page = path is not None and Path(path).suffix.lower() == f".{PAGE}"
    if is_page and look.besides(OF_PAGE):
        raise WrongValue(_NO_PAGE)
    tour = Tour(made.module)
    for part in (*look.expand, *filter(None, [look.focus])):
        tour.at(part)
    drawing = Drawing(picture(made.module, look), made.carried, made.source.path)
    if is_page:
        _saved(_page(made, table(), look), path)
        return drawing
    return _saved(drawing, path)


def blanks(module: Module, errors: int, carried: Carried, path: FileName, options: Options) -> Drawing:
    """The picture of a text that is wrong. errors: how many it has. carried: what it is."""
    _require(path)
    look = look_of("draw", OF_SKETCH, options)
    return _saved(Drawing(picture(module, look, errors=errors), carried, module.place.source.path), path)


def volumes(made: Compiled, path: FileName, options: Options) -> Drawing:
    """The picture of the feature maps along the main path, as volumes in a row."""
    _require(path)
    look = look_of("draw_volumes", OF_VOLUMES, options)
    return _saved(Drawing(scene(made.module, look), made.carried, made.source.path), path)


def whole_page(made: Compiled, path: FileName, options: Options, table: Callable[[], Summary]) -> Page:
    """The network as one file for a browser."""
    _require(path)
    look = look_of("page", OF_PAGE, options)
    return _saved(_page(made, table(), look), path)


def _page(made: Compiled, table: Summary, look: Look) -> Page:
    from archdsl.page.document import page

    return page(made.module, made.source, table, look, carried=made.carried)


def _require(path: object) -> None:
    """Refuse what is no name of a file before anything is drawn."""
    if path is not None:
        require_file("the name of a file", path=path)


def _saved(made: _Made, path: FileName) -> _Made:
    """What was drawn, after it was written into a file if one is named."""
    if path is not None:
        made.save(path)
    return made
