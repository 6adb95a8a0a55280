"""Brackets in a text, and what is none of them: comments and strings."""

from __future__ import annotations

import re
from typing import Final

# a string that is not closed ends with its line, so that no text makes the search start over and over
BRACKETS: Final = re.compile(r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+(?P<end>")?|#[^\n]*|[()\[\]{}]')
CLOSER: Final = {"(": ")", "[": "]", "{": "}"}


def masked(text: str) -> str:
    """A text of the same length with spaces for comments and for what stands in strings."""
    return BRACKETS.sub(lambda found: found[0] if len(found[0]) == 1 else _mask(found[0]), text)


def _mask(words: str) -> str:
    return " " * len(words) if words.startswith("#") else f'"{"_" * (len(words) - 2)}"'
