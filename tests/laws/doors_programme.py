"""The long programme of the doors: thousands of random programs through every public door, ten at a time, each round
kept in a file.

    python tests/laws/doors_programme.py --from 0 --to 5000 --state doors.json

It goes on where the file ends. `--seed SEED` prints a program and what escapes from it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.doors import escapes
from laws.emission_programme import say
from laws.writer import program

ROUND = 10
_PAGES, _COMMANDS = 11, 5


def round_of(seeds: range, share: int) -> dict[str, Any]:
    """What came of some programs: how many doors were tried, how many gave an ArchError, and what escaped."""
    made: dict[str, Any] = {"programs": len(seeds), "doors": 0, "refused": 0, "escapes": []}
    started = time.perf_counter()
    for seed in seeds:
        found, doors, refused = escapes(
            seed, with_pages=seed % _PAGES == 0, with_commands=seed % _COMMANDS == 0, share=share
        )
        made["doors"] += doors
        made["refused"] += refused
        made["escapes"] += [{"seed": seed, **asdict(each)} for each in found]
    return {**made, "seconds": round(time.perf_counter() - started, 2)}


def rounds(begin: int, end: int, state: Path, share: int) -> dict[str, Any]:
    """Run the rounds that a file has not yet, and keep each in it."""
    done: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    for first in range(begin, end, ROUND):
        if str(first) in done:
            continue
        made = done[str(first)] = round_of(range(first, min(first + ROUND, end)), share)
        written = state.with_suffix(".new")
        written.write_text(json.dumps(done, indent=1))
        written.replace(state)
        say(f"{first}: {made['doors']} doors, {len(made['escapes'])} escapes, {made['seconds']} s")
    return done


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--to", dest="end", type=int, default=5_000)
    parser.add_argument("--state", type=Path, default=Path("doors.json"))
    parser.add_argument("--share", type=int, default=1, help="try one of so many doors of each program")
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.seed is not None:
        written = program(given.seed)
        say(written.text, written.settings)
        for escape in escapes(given.seed, with_pages=True)[0]:
            say(escape)
        return
    done = rounds(given.begin, given.end, given.state, given.share)
    for name in ("programs", "doors", "refused", "seconds"):
        say(f"{name}: {sum(each[name] for each in done.values())}")
    found = [each for made in done.values() for each in made["escapes"]]
    say("escapes:", dict(Counter(f"{each['kind']} {each['detail'].split(':')[:2]}" for each in found).most_common()))


if __name__ == "__main__":
    main()
