"""The pictures of the pages on the zoo, drawn anew into docs/images: `python docs/pictures.py`.

A page shows a picture by its name, `![Swin-T](../images/swin_t.svg)`; every one that is shown is drawn. One whose name
ends with `_volumes` is of that style.
"""

from __future__ import annotations

import re
from pathlib import Path

import archdsl

DOCS = Path(__file__).resolve().parent
_SHOWN = re.compile(r"\((?:\.\./)?images/(\w+)\.svg\)")
_VOLUMES = "_volumes"


def main() -> None:
    """Draw every picture that a page shows."""
    pages = (page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    shown = {name for page in pages for name in _SHOWN.findall(page)}
    for name in sorted(shown):
        path = DOCS / "images" / f"{name}.svg"
        net = archdsl.load(name.removesuffix(_VOLUMES))
        if name.endswith(_VOLUMES):
            net.draw_volumes(path)
        else:
            net.draw(path)
        print(name)


if __name__ == "__main__":
    main()
