"""Coverage-guided fuzzing: texts that reach something new in the compiler are kept, changed and sent through the doors
again.

    pip install -e '.[fuzz]'
    python tests/laws/coverage_fuzz.py --seconds 1200 --corpus corpus --state coverage.json

It begins with the zoo and the cases, and goes on with the corpus of the last run. `--show FILE` says what becomes of
one text.
"""

from __future__ import annotations

import argparse
import pkgutil
import resource
import sys
import time
import warnings
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import atheris

# what the doors do not reach, or imports torch
_LEFT_OUT = (
    "archdsl.__main__", "archdsl.cli", "archdsl.emit.torch.initialisation", "archdsl.emit.torch.session",
    "archdsl.ops.modules",
)  # fmt: skip

with atheris.instrument_imports(include=["archdsl"]):
    import archdsl

    for _each in pkgutil.walk_packages(archdsl.__path__, "archdsl."):
        if not _each.name.startswith(_LEFT_OUT):
            import_module(_each.name)
    import test_robustness as robustness
    from laws import fuzzed
    from laws.fuzz_programme import taken
    from laws.long_run import ADDRESSES, Figures, keep, kept, say

    from archdsl import ArchError
    from archdsl.base.diagnostics import Report
    from archdsl.syntax.parser import decode

ROUND = 100
LONGEST = 2_000
_PROGRAMS = 200


def text_of(data: bytes) -> str:
    """The text that bytes are, without those of them that are none; the reader has to bear these too."""
    report = Report()
    decode(data, "text.arch", report)
    try:
        report.raise_errors()
    except ArchError as error:
        fuzzed.hold_messages(error.diagnostics)
    return data.decode(errors="ignore")


def changed(data: bytes, longest: int, seed: int) -> bytes:
    """Other bytes: with some of them changed, as libFuzzer does, or some of the words that they are."""
    random = Random(seed)
    if random.random() < 0.4:
        return atheris.Mutate(data, longest)
    change = random.choice((robustness.mutated, fuzzed.exchanged))
    return change(data.decode(errors="ignore"), random).encode(errors="ignore")[:longest]


class Rounds:
    """Takes texts one by one, and keeps what became of them in a file, so many at a time."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.done: dict[str, Any] = kept(state)
        self.number = sum(each["inputs"] for each in self.done.values())
        self._begin()

    def _begin(self) -> None:
        self._first, self._made, self._started = self.number, Figures(), time.process_time()

    def __call__(self, data: bytes) -> None:
        text = text_of(data)
        taken(text, text, self.number, self._made)
        self.number += 1
        if self._made.inputs == ROUND:
            self._made.seconds = round(time.process_time() - self._started, 2)
            keep(self.done, self._first, self._made, self.state)
            self._begin()


def fill(corpus: Path) -> None:
    """The texts to begin with: the zoo, the cases and some random programs."""
    corpus.mkdir(exist_ok=True)
    begun = (*robustness.TEXTS, *map(fuzzed.written, range(_PROGRAMS)))
    for number, text in enumerate(each for each in begun if len(each.encode()) <= LONGEST):
        (corpus / f"begun{number}").write_text(text, encoding="utf-8")


def words(path: Path) -> None:
    """The words of the language, as libFuzzer reads them."""
    found = dict.fromkeys((*robustness.TERMINALS, *fuzzed.OTHERS))
    quoted = ("".join(f"\\x{byte:02x}" for byte in each.encode()) for each in found)
    path.write_text("".join(f'"{each}"\n' for each in quoted), encoding="ascii")


def fuzz(state: Path, corpus: Path, seconds: int, seed: int) -> None:
    """Fuzz for some seconds. libFuzzer ends the process."""
    fill(corpus)
    with TemporaryDirectory() as folder:
        words(dictionary := Path(folder) / "words")
        options = {
            "max_total_time": seconds, "max_len": LONGEST, "seed": seed, "timeout": 3_600, "rss_limit_mb": 4096,
            "dict": dictionary, "artifact_prefix": f"{folder}/", "print_final_stats": 1,
        }  # fmt: skip
        flags = [f"-{name}={value}" for name, value in options.items()]
        take: Callable[[bytes], None] = Rounds(state)
        atheris.Setup([sys.argv[0], *flags, str(corpus)], take, custom_mutator=changed)
        atheris.Fuzz()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=1_200)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--state", type=Path, default=Path("coverage_fuzz.json"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=Path, metavar="FILE", help="what becomes of one text")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, resource.RLIM_INFINITY))
    if given.show is not None:
        whole, text = Figures(), text_of(given.show.read_bytes())
        taken(text, text, 0, whole)
        say(vars(whole))
        return
    fuzz(given.state, given.corpus, given.seconds, given.seed)


if __name__ == "__main__":
    main()
