"""The long programme of the law of emission: thousands of random programs, a hundred at a time, each round kept in a file.

    python tests/laws/emission_programme.py --from 0 --to 20000 --state emission.json

It goes on where the file ends. `--smallest SEED` prints a program, what is wrong with it, and the smallest text that has
the same fault.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from laws.emission import LARGE, Difference, failure, hold
from laws.smallest import smallest
from laws.writer import Text, program

import archdsl
from archdsl import ArchError, Network

ROUND = 100


@dataclass
class Round:
    """What came of some programs: how many were compared, refused, quiet (nothing came out of them that tells inputs
    apart), were networks on images of any size too, were too large to be run, had a class that unlike instances share,
    and failed; how often each construct occurred."""

    programs: int = 0
    refused: int = 0
    quiet: int = 0
    opened: int = 0
    large: int = 0
    sharing: int = 0
    shared_classes: int = 0
    classes: int = 0
    blocks: int = 0
    seconds: float = 0.0
    constructs: Counter[str] = field(default_factory=Counter)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def take(self, seed: int) -> None:
        """Hold one program to the law. Anything but ArchError out of the compiler is a failure."""
        written = program(seed)
        about = {"seed": seed, "text": written.text, "settings": written.settings}
        try:
            net = archdsl.parse(written.text, **written.settings)
        except ArchError as refusal:
            self.refused += 1
            self.refusals.append({"seed": seed, "why": str(refusal)})
            return
        except Exception as error:  # noqa: BLE001 - a bug of the compiler, which the report shows
            self.failures.append({**about, "kind": f"no network, {type(error).__name__}", "detail": str(error)})
            return
        self.programs += 1
        self.constructs.update({tag: count for tag, count in written.seen.items() if count})
        self.constructs.update(f"program with {tag}" for tag, count in written.seen.items() if count)
        try:
            found = hold(net, seed)
            self.open(written, net, seed)
        except Difference as difference:
            self.failures.append({**about, "kind": difference.kind, "detail": difference.detail})
            return
        self.quiet += not found.lively
        self.large += net.params > LARGE
        self.sharing += bool(found.shared)
        self.shared_classes += len(found.shared)
        self.classes += found.classes
        self.blocks += found.blocks

    def open(self, written: Text, net: Network, seed: int) -> None:
        """Hold some programs to the law on images of any size too, where they are networks on such."""
        text = written.opened
        if text is None or seed % 2:
            return
        try:
            opened = archdsl.parse(text, **written.settings)
        except ArchError:
            return
        if (opened.params, opened.module.layers) != (net.params, net.module.layers):
            # sizes that agree for one image and not for all have a projection
            return
        self.opened += 1
        try:
            hold(net, seed, opened)
        except Difference as difference:
            raise Difference(f"on any size, {difference.kind}", difference.detail) from difference

    def as_json(self) -> dict[str, Any]:
        """As plain data, constructs by how often they occur."""
        return {**vars(self), "constructs": dict(self.constructs.most_common())}


def say(*words: object) -> None:
    """A line on the screen, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def rounds(begin: int, end: int, state: Path) -> dict[str, Any]:
    """Run the rounds that a file has not yet, and keep each in it."""
    done: dict[str, Any] = json.loads(state.read_text()) if state.exists() else {}
    for first in range(begin, end, ROUND):
        if str(first) in done:
            continue
        made, started = Round(), time.perf_counter()
        for seed in range(first, min(first + ROUND, end)):
            made.take(seed)
        made.seconds = round(time.perf_counter() - started, 2)
        done[str(first)] = made.as_json()
        written = state.with_suffix(".new")
        written.write_text(json.dumps(done, indent=1))
        written.replace(state)
        say(f"{first}: {made.programs} programs, {made.refused} refused, {len(made.failures)} failed, {made.seconds} s")
    return done


def together(done: dict[str, Any]) -> Round:
    """All rounds as one."""
    whole = Round()
    for each in done.values():
        whole.constructs.update(each["constructs"])
        for name, value in each.items():
            if name != "constructs":
                setattr(whole, name, getattr(whole, name) + value)
    return whole


def show(seed: int) -> None:
    """A program, what is wrong with it, and the smallest text of the same fault."""
    written = program(seed)
    say(written.text, written.settings)
    found = failure(written.text, written.settings, seed)
    say(found)
    if found is not None:
        say(smallest(written.text, lambda text: _sort(failure(text, written.settings))))


def _sort(found: Difference | None) -> str | None:
    return found and found.sort


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="begin", type=int, default=0)
    parser.add_argument("--to", dest="end", type=int, default=20_000)
    parser.add_argument("--state", type=Path, default=Path("emission.json"))
    parser.add_argument("--smallest", type=int)
    given = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    if given.smallest is not None:
        show(given.smallest)
        return
    whole = together(rounds(given.begin, given.end, given.state))
    for name in (
        "programs",
        "refused",
        "quiet",
        "opened",
        "large",
        "sharing",
        "shared_classes",
        "classes",
        "blocks",
        "seconds",
    ):
        say(f"{name}: {getattr(whole, name)}")
    say("failures:", dict(Counter(each["kind"] for each in whole.failures).most_common()))
    say("constructs:", dict(whole.constructs.most_common()))


if __name__ == "__main__":
    main()
