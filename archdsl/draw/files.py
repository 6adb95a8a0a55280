"""Pictures as files: which kinds there are, and what is written for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from archdsl.base.files import kind_of, write_atomically
from archdsl.draw import render
from archdsl.draw.dot import dot
from archdsl.draw.mermaid import mermaid
from archdsl.draw.model import Picture
from archdsl.draw.scene import Scene, placed_dot, svg

TEXTS: Final = ("dot", "mmd")
KINDS: Final = (*render.Format, *TEXTS)
NOUN: Final = "a picture"


@dataclass(frozen=True)
class Drawn:
    """A picture as texts. kinds: the texts that need no Graphviz, by the kind of file; what else can be is rendered
    from the one of kind `dot`."""

    kinds: dict[str, Callable[[], str]]

    def written(self, kind: str) -> bytes:
        """What a file of this kind has in it. CannotRender where Graphviz does not make it."""
        return self.kinds[kind]().encode() if kind in self.kinds else render.render(self.kinds["dot"](), kind)


def drawn(picture: Picture) -> Drawn:
    """Boxes and lines as texts."""
    return Drawn({"dot": cache(lambda: dot(picture)), "mmd": cache(lambda: mermaid(picture))})


def drawn_scene(scene: Scene) -> Drawn:
    """A drawing in which everything has its place as texts; its SVG needs no Graphviz."""
    return Drawn({"dot": cache(lambda: placed_dot(scene)), "svg": cache(lambda: svg(scene))})


def kept(made: Drawn, path: Path | str | None, kind: str, read: str | None = None) -> str:
    """The text of a kind; the picture is written into a file if a path is given. read: the file that it is made of."""
    if path is not None:
        write_atomically({Path(path): made.written(kind_of(path, KINDS, NOUN))}, [read])
    return made.kinds[kind]()


def in_notebook(text: str) -> str | None:
    """The SVG of a DOT text for a notebook, where Graphviz is there to make one."""
    try:
        return render.render(text, render.Format.SVG).decode()
    except render.CannotRender:
        return None
