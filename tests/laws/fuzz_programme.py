"""The long programme of texts: many thousands with something wrong in them, each through the doors that take a text.

    python tests/laws/fuzz_programme.py --from 0 --to 1000000 --state fuzz.json

It goes on where the file ends. `--show SEED` says what becomes of one.
"""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from random import Random

from laws.damaged import Escaped
from laws.fuzzed import fuzzed, hold
from laws.long_run import SECONDS, Figures, guarded, main

_TEXT = 4_000


def take(seed: int, figures: Figures) -> None:
    """Hold one text to the law."""
    taken(fuzzed(seed), f"doors {seed}", seed, figures)


def taken(text: str, doors: str, number: int, figures: Figures) -> None:
    """Send a text through the doors that follow from a word, and count what becomes of it."""
    try:
        with guarded(20):
            found = hold(text, Random(doors))
        if found.seconds > SECONDS:
            # what was imported or collected on the way is not the text's
            with guarded(20):
                found = hold(text, Random(doors))
    except (Escaped, TimeoutError) as error:
        figures.escaped(number, text[:_TEXT], str(error))
        return
    figures.count(found.said, found.seconds, found.megabytes, len(text), number, text[:_TEXT])


if __name__ == "__main__":
    main(__doc__ or "", take, 1_000_000)
