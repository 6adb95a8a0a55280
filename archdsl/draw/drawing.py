"""What is drawn, as a value: a picture of boxes and lines or of volumes, in each kind that a file of it can have."""

from __future__ import annotations

from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Final

from archdsl.base.carried import Carried
from archdsl.base.escaped import visible
from archdsl.base.files import kind_of, write_atomically
from archdsl.base.records import record
from archdsl.base.wanted import WrongValue, require, require_file
from archdsl.boundary import doors
from archdsl.draw import render
from archdsl.draw.dot import dot
from archdsl.draw.mermaid import mermaid
from archdsl.draw.model import Picture
from archdsl.draw.scene import Scene, placed_dot, svg

KINDS: Final = (*render.Format, "dot", "mmd")
NOUN: Final = "a picture"
# the kind of a file in place of which a page is made
PAGE: Final = "html"


@doors
@record(repr=False)
class Drawing:
    """A picture as a value: equal where the same is drawn. `str()` is its text: DOT of boxes and lines, SVG of volumes,
    in which everything has its place. A notebook shows it.

    shown: what is drawn, as data. carried: what it is a picture of; read: the file that was read for it.
    """

    shown: Picture | Scene
    carried: Carried | None = field(default=None, compare=False)
    read: str | None = field(default=None, compare=False)

    @cached_property
    def dot(self) -> str:
        """The picture as DOT: the same bytes on every machine."""
        return dot(self.shown) if isinstance(self.shown, Picture) else placed_dot(self.shown)

    @cached_property
    def mermaid(self) -> str:
        """The picture as Mermaid. ValueError of volumes: Mermaid draws boxes and lines only."""
        if isinstance(self.shown, Scene):
            raise WrongValue("Mermaid draws boxes and lines only")
        return mermaid(self.shown)

    def svg(self) -> str:
        """The picture as SVG. Raises `archdsl.draw.render.NoGraphviz` where that is missing, which volumes do not
        need."""
        return self.written("svg").decode()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader should know about the picture itself, such as why it is coarser than was asked for."""
        return self.shown.remarks

    def written(self, kind: str) -> bytes:
        """What a file of this kind has in it: `svg`, `png`, `pdf`, `dot` or `mmd`. `archdsl.draw.render.CannotRender`
        where Graphviz does not make it."""
        require(str, f"one of {', '.join(KINDS)}", kind=kind)
        if kind not in KINDS:
            raise WrongValue(f"{kind[:40]!a} is no kind of picture: it is one of {', '.join(KINDS)}")
        match kind:
            case "dot":
                return self.dot.encode()
            case "mmd":
                return self.mermaid.encode()
            case "svg" if isinstance(self.shown, Scene):
                return svg(self.shown).encode()
            case _:
                return render.render(self.dot, kind)

    def save(self, path: Path | str) -> None:
        """Write the picture into a file whose kind is its ending: `.svg`, `.png`, `.pdf`, `.dot` or `.mmd`. It is
        replaced whole or not at all. FileExistsError where that is the file that the picture is made of, or a text."""
        require_file("the name of a file", path=path)
        write_atomically({Path(path): self.written(kind_of(path, KINDS, NOUN))}, [self.read])

    def __str__(self) -> str:
        return self.dot if isinstance(self.shown, Picture) else self.svg()

    def __hash__(self) -> int:
        return hash(str(self))

    def __repr__(self) -> str:
        return f"<Drawing of {visible(self.shown.name)}>"

    def _repr_svg_(self) -> str | None:
        return in_notebook(self)


def in_notebook(drawing: Drawing) -> str | None:
    """The SVG of a drawing for a notebook, where it can be made."""
    try:
        return drawing.svg()
    except render.CannotRender:
        return None
