"""The long programme of the laws of networks: many thousands of random programs, and what is said of each.

    python tests/laws/networks_programme.py --from 0 --to 50000 --state networks.json

It goes on where the file ends. `--show SEED` says what becomes of one. The slowest is recorded, but no network is too slow:
torch takes what it takes.
"""

from __future__ import annotations

import sys
import time
from math import inf
from pathlib import Path

import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.long_run import Figures, main
from laws.networks import case_of, mismatches


def take(seed: int, figures: Figures) -> None:
    """Hold one network to the laws. The outcomes are the laws, each as often as it was held to."""
    begun = time.process_time()
    try:
        case = case_of(seed)
    except Exception as error:  # noqa: BLE001 - a bug of the compiler, which the report shows
        figures.escaped(seed, "no network", f"{type(error).__name__}: {error}")
        return
    if case is None:
        figures.count("refused", time.process_time() - begun, 0, 0, seed, limit=inf)
        return
    wrong = False
    for name, mismatch in mismatches(case):
        if mismatch is None:
            figures.outcomes[name] += 1
        else:
            wrong = True
            figures.escapes.append({"seed": seed, "what": mismatch.law, "why": mismatch.detail[:1_000]})
    if wrong:
        figures.inputs += 1
    else:
        figures.count("networks", time.process_time() - begun, 0, len(case.written.text), seed, limit=inf)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(__doc__ or "", take, 50_000)
