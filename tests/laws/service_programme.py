"""The long programme of a service: one process that loads, parses, builds and copies networks for a long time.

    python tests/laws/service_programme.py --state service.json
    python tests/laws/service_programme.py --part parses --times 100000

What is asked for again gives what it gave before, also in threads, and the process holds no more objects at the end than
after it was warm. What it holds after each round is kept in the file.
"""

from __future__ import annotations

import argparse
import copy
import gc
import hashlib
import json
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from laws.long_run import say
from laws.writer import program

import archdsl
from archdsl import ArchError, Network

THREADS = 16
ROUNDS = 10
# what a process may hold more after its last round than after its first: what Python keeps for itself
OBJECTS, KILOBYTES = 1_000, 16_384
_ZOO = ("lenet5", "tiny_vgg", "textbook_conv", "resnet20", "rnn_classifier")
_BUILT = _ZOO[:-1]
_WRONG = (
    "INPUT[8x8x3] -> conv3-4 -> pol2 -> fc-{number}",
    "INPUT[8x8x3] -> add {{ conv3-4 | identity }} -> fc-{number}",
    "INPUT[8x8x3] -> [conv3-4 -> fc-{number}",
)
_RIGHT = (
    "INPUT[8x8x3] -> [conv3-{number} -> relu]*2 -> pool -> fc-10",
    "block b(c) = residual {{ conv3-c }} -> relu\nnet n{number} {{ input 8x8x3\n conv1-4 -> b(4)*3 -> gap -> fc-2 }}",
    "input x: tokens(S)\nembedding-8({number}) -> lstm-4 -> fc-2",
)


@dataclass(frozen=True)
class Held:
    """What a process holds: objects that Python counts, and kilobytes of memory."""

    objects: int
    kilobytes: int

    @classmethod
    def now(cls) -> Held:
        """What it holds when everything that nobody needs is gone."""
        while gc.collect():
            pass
        return cls(len(gc.get_objects()), _resident())


@dataclass(frozen=True)
class Told:
    """What a part of the programme tells: how much was done, what differed, and what was held after each round."""

    done: int
    differs: tuple[str, ...]
    held: tuple[Held, ...]

    @property
    def growth(self) -> Held:
        """What is held more after the last round than after the first."""
        first, last = self.held[0], self.held[-1]
        return Held(last.objects - first.objects, last.kilobytes - first.kilobytes)


def _resident() -> int:
    """Kilobytes of memory of this process."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def _rounds(times: int, run: Callable[[int], Iterator[str]], rounds: int) -> Told:
    """Run something so many times, with numbers from 0 on, in rounds of which the first only warms up."""
    size = max(1, times // rounds)
    differs: list[str] = []
    held: list[Held] = []
    for begin in range(0, times, size):
        for number in range(begin, min(begin + size, times)):
            differs.extend(run(number))
        held.append(Held.now())
        say(f"{begin + size:,} of {times:,}: {held[-1].objects:,} objects, {held[-1].kilobytes:,} kB")
    return Told(times, tuple(differs[:100]), tuple(held))


# --- parses -----------------------------------------------------------------------------------------------------------


def text_of(number: int) -> tuple[str, dict[str, object]]:
    """A text that has not been parsed before, with its settings: one of twenty is random, one of four is wrong."""
    if number % 20 == 0:
        written = program(number)
        return written.text, dict(written.settings)
    texts = _WRONG if number % 4 == 0 else _RIGHT
    return texts[number % len(texts)].format(number=number % 9_973 + 1), {}


def answer(text: str, settings: dict[str, object]) -> str:
    """What is said of a text, in short."""
    try:
        net = archdsl.parse(text, **settings)
    except ArchError as error:
        return f"refused: {error}"
    return f"{net!r} {hashlib.sha256(json.dumps(net.structure()).encode()).hexdigest()}"


def parses(times: int, rounds: int = ROUNDS) -> Told:
    """Texts, one after another, and between them again the first ones."""
    first = [answer(*text_of(number)) for number in range(40)]

    def run(number: int) -> Iterator[str]:
        answer(*text_of(number))
        again = number % len(first)
        if number % 25 == 0 and answer(*text_of(again)) != first[again]:
            yield f"the text {again} gives something else after {number:,}"

    return _rounds(times, run, rounds)


# --- copies -----------------------------------------------------------------------------------------------------------


def told(net: Network) -> tuple[object, ...]:
    """Everything that two equal networks share."""
    warnings = [each.concise for each in net.warnings]
    return net.structure(), net.source(), net.hyperparameters, warnings, net.limits, str(net.summary())


def copies(times: int, rounds: int = ROUNDS) -> Told:
    """Networks of the zoo and of random programs, pickled and copied."""
    kinds: tuple[Callable[[Network], Network], ...] = (
        lambda net: pickle.loads(pickle.dumps(net)),
        copy.deepcopy,
        copy.copy,
    )

    def run(number: int) -> Iterator[str]:
        net = _network(number)
        if net is not None and told(kinds[number % len(kinds)](net)) != told(net):
            yield f"a copy of the network {number} differs"

    return _rounds(times, run, rounds)


def _network(number: int) -> Network | None:
    """A network of the zoo, or every other time of a random program; None of one that is refused."""
    if number % 2:
        return archdsl.load(_ZOO[number // 2 % len(_ZOO)])
    written = program(number)
    try:
        return archdsl.parse(written.text, **written.settings)
    except ArchError:
        return None


# --- threads ----------------------------------------------------------------------------------------------------------


def threads(times: int, rounds: int = ROUNDS, count: int = THREADS) -> Told:
    """So many loads in each of some threads, that start at once; each is built with the same weights, and is run."""
    wanted = {name: _Wanted.of(name) for name in _BUILT}

    def run(_round: int) -> Iterator[str]:
        differs: list[str] = []
        barrier = threading.Barrier(count)
        each = max(1, times // rounds)
        running = [threading.Thread(target=_serve, args=(barrier, at, each, wanted, differs)) for at in range(count)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        yield from differs

    made = _rounds(rounds, run, rounds)
    return Told(count * max(1, times // rounds) * rounds, made.differs, made.held)


@dataclass(frozen=True)
class _Wanted:
    """What the network of a name gives: what is told of it, some weights, and what comes out with these."""

    told: tuple[object, ...]
    weights: dict[str, torch.Tensor]
    x: torch.Tensor
    y: torch.Tensor

    @classmethod
    def of(cls, name: str) -> _Wanted:
        """What it gives when nothing else runs."""
        net = archdsl.load(name)
        model = net.to_torch().eval()
        x = torch.randn(2, *net.inputs["x"].shape)
        with torch.no_grad():
            return cls(told(net), model.state_dict(), x, model(x))


def _serve(barrier: threading.Barrier, at: int, times: int, wanted: dict[str, _Wanted], differs: list[str]) -> None:
    """What one thread does: loads and builds the networks in turn."""
    barrier.wait()
    for number in range(at, at + times):
        name = _BUILT[number % len(_BUILT)]
        try:
            fault = _fault(name, wanted[name])
        except Exception as error:  # noqa: BLE001 - what escapes is what is looked for
            fault = f"{type(error).__name__}: {error}"
        if fault:
            differs.append(f"{name}, {number} in thread {at}: {fault}")


def _fault(name: str, wanted: _Wanted) -> str:
    net = archdsl.load(name)
    if told(net) != wanted.told:
        return "the network differs"
    model = net.to_torch().eval()
    model.load_state_dict(wanted.weights)
    with torch.no_grad():
        return "" if torch.equal(model(wanted.x), wanted.y) else "other numbers come out"


# --- all of them ------------------------------------------------------------------------------------------------------

PARTS: dict[str, tuple[Callable[[int], Told], int]] = {
    "parses": (parses, 100_000),
    "threads": (threads, 1_000),
    "copies": (copies, 3_000),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=PARTS, action="append", help="one part alone")
    parser.add_argument("--times", type=int, help="how often, in place of the whole programme")
    parser.add_argument("--state", type=Path, default=Path("service.json"))
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    kept = json.loads(given.state.read_text()) if given.state.exists() else {}
    failed = False
    for name in given.part or PARTS:
        part, times = PARTS[name]
        started = time.process_time()
        found = part(given.times or times)
        grew = found.growth
        failed |= bool(found.differs) or grew.objects > OBJECTS or grew.kilobytes > KILOBYTES
        seconds = round(time.process_time() - started, 1)
        kept[name] = {**asdict(found), "growth": asdict(grew), "seconds": seconds}
        given.state.write_text(json.dumps(kept, indent=1))
        say(f"{name}: {found.done:,} done in {seconds} s, {len(found.differs)} differ, growth {grew}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
