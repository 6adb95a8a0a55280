"""The nearest known name to a misspelt one, or silence."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one known name that `word` most likely meant, or None where no name is near."""
    names = {name.lower(): name for name in sorted(known)}
    cutoff = 0.6 if len(word) > 3 else 0.66
    found = get_close_matches(word.lower()[:64], names, n=1, cutoff=cutoff)
    return names[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The help line that proposes the nearest known name, or None."""
    return f"did you mean `{name}`?" if (name := nearest(word, known)) else None
