"""The gallery: a picture of every network of the zoo. Made when the manual is built, and stored nowhere.

`python docs/gallery.py FOLDER` writes the pictures into a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import archdsl
from archdsl.draw.render import NoGraphviz
from archdsl.elaborate.library import zoo_names

AS_VOLUMES: Final = ("lenet5", "alexnet", "zfnet", "vgg16", "resnet18", "unet")
_INTRODUCTION: Final = """Every network of the zoo as `archdsl draw NAME` draws it; some also with `--style volumes`.
How it is told what to draw stands under [pictures](drawing.md)."""
_STYLE: Final = """<style>
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: 0.6rem; }
.gallery a { text-align: center; font-size: 0.7rem; overflow-wrap: anywhere; }
.gallery img { display: block; width: 100%; height: 9rem; object-fit: contain; background: white; }
</style>"""


def pictures() -> Iterator[tuple[str, str]]:
    """Each picture, by the name of its file. Without Graphviz only those that need none."""
    for name in zoo_names():
        net = archdsl.load(name)
        if name in AS_VOLUMES:
            yield f"{name}_volumes.svg", net.draw_volumes().svg()
        try:
            yield f"{name}.svg", net.draw().svg()
        except NoGraphviz:
            continue


def page(files: list[str]) -> str:
    """The page that shows the pictures: all of them small, each a link to where it is large."""
    shown = {name: [file for file in (f"{name}_volumes.svg", f"{name}.svg") if file in files] for name in zoo_names()}
    small = "\n".join(_small(name, drawn[-1]) for name, drawn in shown.items() if drawn)
    parts = [
        "# Gallery",
        _INTRODUCTION,
        _STYLE,
        f'<div class="gallery">\n{small}\n</div>',
    ]
    for name, drawn in shown.items():
        if drawn:
            parts.append(f"## {name} {{ #{name} }}")
            parts.extend(f"![{name}](gallery/{file})" for file in drawn)
    return "\n\n".join(parts) + "\n"


def _small(name: str, file: str) -> str:
    return f'<a href="#{name}"><img src="gallery/{file}" alt="" loading="lazy">{name}</a>'


def main() -> None:
    """Write the pictures into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in pictures():
        (folder / file).write_text(content, encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
