"""Refuses a built site that fetches anything from elsewhere: scripts, styles, fonts and pictures all lie inside it.

python docs/check_offline.py site
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

_FETCHING = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
    "link": "href",
}
_PASSIVE_LINKS = {"canonical", "next", "prev", "alternate", "edit"}
_STYLE_URL = re.compile(r"""(?:url\(\s*|@import\s+)['"]?((?:https?:)?//[^'")\s]+)""")


class _Fetches(HTMLParser):
    """Collects the addresses that a browser loads with a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "link" and given.get("rel") in _PASSIVE_LINKS:
            return
        address = given.get(_FETCHING.get(tag, ""), "")
        if re.match(r"(https?:)?//", address):
            self.found.append(address)


def foreign(site: Path) -> Iterator[str]:
    """The addresses outside a site that its pages and styles load, each with its file."""
    for path in sorted(site.rglob("*.html")):
        page = _Fetches()
        page.feed(path.read_text(encoding="utf-8"))
        yield from (f"{path.relative_to(site)}: {address}" for address in page.found)
    for path in sorted(site.rglob("*.css")):
        for address in _STYLE_URL.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)}: {address}"


def main(site: Path) -> int:
    """Say what a site fetches from elsewhere; the exit code."""
    if not (site / "index.html").is_file():
        print(f"there is no site in {site}")
        return 1
    fetched = list(foreign(site))
    print("\n".join(fetched) or "the site fetches nothing from elsewhere")
    return int(bool(fetched))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
