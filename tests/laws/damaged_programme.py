"""The long programme of damaged files: thousands of them, each through a door that reads it, a round at a time.

    python tests/laws/damaged_programme.py --from 0 --to 50000 --state damaged.json

It goes on where the file ends. `--show SEED` says what becomes of one. Files that escape are written to `escaped/`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.damage import damaged
from laws.damaged import Escaped, door_of, hold
from laws.long_run import Figures, guarded, main

_KEPT = Path("escaped")


def take(seed: int, figures: Figures) -> None:
    """Hold one file to the law."""
    with tempfile.TemporaryDirectory() as folder:
        suffix, data = damaged(seed)
        try:
            with guarded(20):
                found = hold(seed, Path(folder))
        except (Escaped, TimeoutError) as error:
            figures.escaped(seed, door_of(seed, suffix), str(error))
            _KEPT.mkdir(exist_ok=True)
            (_KEPT / f"{seed}{suffix}").write_bytes(data)
            return
    figures.count(f"{found.door}: {found.said}", found.seconds, found.megabytes, len(data), seed)


if __name__ == "__main__":
    main(__doc__ or "", take, 50_000)
