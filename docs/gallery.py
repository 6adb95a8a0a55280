"""The gallery: a picture of every network of the zoo. Made when the manual is built, and stored nowhere.

`python docs/gallery.py FOLDER` writes the pictures into a folder.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import archdsl
from archdsl.emit.render import NoGraphviz, render
from archdsl.graph.library import zoo_names

AS_VOLUMES = ("lenet5", "alexnet", "zfnet", "vgg16", "resnet18", "unet")


def pictures() -> Iterator[tuple[str, str]]:
    """Each picture, by the name of its file. Without Graphviz only those that need none."""
    for name in zoo_names():
        net = archdsl.load(name)
        if name in AS_VOLUMES:
            yield f"{name}_volumes.svg", net.draw_volumes()
        try:
            yield f"{name}.svg", render(net.draw(), "svg").decode()
        except NoGraphviz:
            continue


def page(files: list[str]) -> str:
    """The page that shows the pictures."""
    parts = [
        "# Gallery",
        "Every network of the zoo as `archdsl draw NAME` draws it; some also with `--style volumes`.",
        "How it is told what to draw stands under [pictures](drawing.md).",
    ]
    for name in zoo_names():
        shown = [file for file in (f"{name}_volumes.svg", f"{name}.svg") if file in files]
        if shown:
            parts.append(f"## {name}")
            parts.extend(f"![{name}](gallery/{file})" for file in shown)
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the pictures into the folder that is named."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in pictures():
        (folder / file).write_text(content, encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
