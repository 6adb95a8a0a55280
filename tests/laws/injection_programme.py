"""The long programme of injection: hostile names, comments and strings, each into every sink, parsed back.

    python tests/laws/injection_programme.py --from 0 --to 2500 --state injection.json

It goes on where the file ends. `--show SEED` says what becomes of one. Of ten seeds eight are texts in which everything is
hostile, some hundred pairs of a place and a sink each; one has one hostile thing, which the language may refuse; and one is
of commands. The docstring of `laws.injected` says what goes where.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.commanded import hold_commands
from laws.damaged import Escaped
from laws.injected import Pairs, hold_injected, hold_whole
from laws.long_run import Figures, guarded, main

# as many seeds as take some minutes
ROUND = 50


def pairs_of(seed: int) -> Pairs:
    """Hold what belongs to a seed to the law; the pairs that were looked at."""
    match seed % 10:
        case 0:
            return hold_commands(seed)
        case 1:
            return hold_injected(seed)
        case _:
            return hold_whole(seed, with_onnx=seed % 100 == 2)


def take(seed: int, figures: Figures) -> None:
    """Hold one text and all its sinks to the law."""
    started = time.process_time()
    try:
        with guarded(60):
            pairs = pairs_of(seed)
    except (Escaped, AssertionError, TimeoutError) as error:
        figures.escaped(seed, "", str(error)[-500:])
        return
    figures.inputs += 1
    figures.slowest = max(figures.slowest, (round(time.process_time() - started, 3), seed))
    figures.outcomes.update(pairs)
    figures.outcomes["pairs"] += pairs.total()


if __name__ == "__main__":
    main(__doc__ or "", take, 2_500, ROUND)
