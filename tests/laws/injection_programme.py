"""The long programme of injection: hostile names, comments and strings, each into every sink, parsed back.

    python tests/laws/injection_programme.py --from 0 --to 50000 --state injection.json

It goes on where the file ends. `--show SEED` says what becomes of one. A seed is a dozen pairs of a place and a sink.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.damaged import Escaped
from laws.injected import hold_injected
from laws.long_run import Figures, guarded, main


def take(seed: int, figures: Figures) -> None:
    """Hold one text and all its sinks to the law."""
    started = time.process_time()
    try:
        with guarded(20):
            pairs = hold_injected(seed)
    except (Escaped, AssertionError, TimeoutError) as error:
        figures.escaped(seed, "", str(error))
        return
    figures.count("texts", time.process_time() - started, 0, 0, seed)
    figures.outcomes.update(pairs)
    figures.outcomes["pairs"] += pairs.total()


if __name__ == "__main__":
    main(__doc__ or "", take, 50_000)
