"""The pictures of the pages on the zoo, drawn anew into docs/images: `python docs/pictures.py`.

A page shows a picture by its name, `![Swin-T](../images/swin_t.svg)`; every one that is shown is drawn.
"""

from __future__ import annotations

import re
from pathlib import Path

import archdsl

DOCS = Path(__file__).resolve().parent
_SHOWN = re.compile(r"\(\.\./images/(\w+)\.svg\)")


def main() -> None:
    """Draw every picture that a page shows."""
    pages = (page.read_text(encoding="utf-8") for page in DOCS.rglob("*.md"))
    shown = {name for page in pages for name in _SHOWN.findall(page)}
    for name in sorted(shown):
        archdsl.load(name).draw(DOCS / "images" / f"{name}.svg")
        print(name)


if __name__ == "__main__":
    main()
