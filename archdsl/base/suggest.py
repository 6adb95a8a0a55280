"""The nearest known name to a misspelt one, or silence."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import nsmallest

_LONGEST = 64
_COMPARED = 500


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one known name that `word` most likely meant, or None where no name is near."""
    from difflib import get_close_matches

    names = {name.lower(): name for name in sorted(known) if len(name) <= _LONGEST}
    # a text may define thousands of names, and comparing is slow: those of about the same length are compared
    near = nsmallest(_COMPARED, names, key=lambda name: abs(len(name) - len(word))) if len(names) > _COMPARED else names
    cutoff = 0.6 if len(word) > 3 else 0.66
    found = get_close_matches(word.lower()[:_LONGEST], near, n=1, cutoff=cutoff)
    return names[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The help line that proposes the nearest known name, or None."""
    return f"did you mean `{name}`?" if (name := nearest(word, known)) else None
