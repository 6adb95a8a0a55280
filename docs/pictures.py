"""The pictures of the pages, drawn anew into docs/images: `python docs/pictures.py`.

A page shows a picture by its name, `![Swin-T](../images/swin_t.svg)`; every one that is shown is drawn. One whose
name ends with `_volumes` is of that style. Of two names, `images/vgg16-vgg19.svg`, it is the difference. One of the
name that a command `archdsl draw -e` writes is of that text, and the plot of `docs/compare.md` is made by the command
that stands there.
"""

from __future__ import annotations

import re
from pathlib import Path

import archdsl

DOCS = Path(__file__).resolve().parent
_SHOWN = re.compile(r"\((?:\.\./)?images/([\w-]+)\.svg\)")
_PLOTTED = re.compile(r"^archdsl compare ((?:[^`]|\n)*?) -o (\w+)\.svg$", re.MULTILINE)
_TEXT = re.compile(r"^\$ archdsl draw -e '([^'\n]*)' -o (\w+)\.dot$", re.MULTILINE)
_VOLUMES = "_volumes"


def main() -> None:
    """Draw every picture that a page shows."""
    pages = [page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md")]
    shown = {name for page in pages for name in _SHOWN.findall(page)}
    for page in pages:
        for names, plot in _PLOTTED.findall(page):
            networks = names.replace("\\", " ").split()
            archdsl.compare(map(archdsl.load, networks), plot=DOCS / "images" / f"{plot}.svg")
            shown.discard(plot)
        for text, name in _TEXT.findall(page):
            if name in shown:
                archdsl.sketch(text=text).draw(DOCS / "images" / f"{name}.svg")
                shown.discard(name)
    for name in sorted(shown):
        path = DOCS / "images" / f"{name}.svg"
        *before, after = map(archdsl.load, name.removesuffix(_VOLUMES).split("-"))
        if name.endswith(_VOLUMES):
            after.draw_volumes(path)
        else:
            after.draw(path, since=before[0] if before else None)
        print(name)


if __name__ == "__main__":
    main()
