"""The colours of pictures as rules of a style sheet: those of the light theme, and of the dark one on a dark screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from archdsl.draw.graphviz import DARK, LIGHT, Theme


def _fills(theme: Theme) -> Mapping[str, str]:
    """The colours of boxes by their class."""
    families = {f"of-{style or 'io'}": colour for style, colour in theme.fill.items()}
    return {**families, "of-block": theme.closed_fill, "of-circle": theme.circle}


CLASS: Final[Mapping[str, str]] = {
    **{colour.lower(): name for name, colour in _fills(LIGHT).items()},
    LIGHT.red.lower(): "red",
}


def rules() -> str:
    """The rules: each class gives its boxes a `--fill`, the root has the colours of all else."""
    light, dark = "".join(_rules(LIGHT, "")), "".join(_rules(DARK, '[data-theme="dark"]'))
    return f"{light}@media screen{{{dark}}}\n"


def _rules(theme: Theme, scope: str) -> Iterator[str]:
    named = {
        "letters": theme.text,
        "border": theme.border,
        "cluster": theme.block_fill,
        "cluster-border": theme.block_border,
        "label": theme.grey,
        "wire": theme.line,
        "skip": theme.red,
        "coldest": theme.coldest,
        "hottest": theme.hottest,
    }
    yield f":root{scope}{{{';'.join(f'--{name}:{colour}' for name, colour in named.items())}}}\n"
    for name, colour in _fills(theme).items():
        yield f"{scope} .{name}{{--fill:{colour}}}\n".lstrip()
