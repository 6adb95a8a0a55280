"""Who finds a planted bug: run with the path of a package that has it.

    PYTHONPATH=COPY:tests python tests/judge.py emission 100

Says as JSON what the check of emitted files found, what the law of emission found without that check, and for passes
what their proof and their law found; each with the text that showed it, or null.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from laws.changed import Changed
from laws.emission import Difference, hold
from laws.test_emission import ONCE_WRONG
from laws.test_pass_laws import small
from laws.test_validation import TEXTS, Case
from laws.writer import program

import archdsl
from archdsl import ArchError, Network
from archdsl.emit.torch import source

Found = str | None
EQUAL = ("drop-dropout", "fold-norm", "inference", "prune-dead", "fully-convolutional")

# a norm beside a shortcut, repeats, two outputs, layers with and without bias, maps of unlike sides
PASSED = {
    "shared": """
block f(c) = conv3-c -> bn -> relu -> dwconv3 -> bn(affine=false) -> dropout(0.2)
net n {
  input 12x10x4
  a = conv3-4(bias=true)
  a -> bn -> add { | a } -> [conv3-4(bias=false) -> bn]*3 -> f(6)*2 -> relu
  b = deconv2-8(stride=2, groups=2) -> bn
  b -> [fc-5 -> relu -> dropout -> fc-3] as classifier
  c = a -> fc-2
  output b
}""",
    "outputs": """
net n {
  input 12x10x4
  a = conv3-4 -> bn -> relu
  b = a -> conv1-3
  c = a -> conv3-5 -> bn
  d = c -> conv1-2
  output b, c
}""",
}


def networks(programs: int) -> Iterator[tuple[str, Callable[[], Network]]]:
    """What a bug is looked for in: texts that were wrong once, texts of what is rare, and random programs."""
    for name, text in {**ONCE_WRONG, **TEXTS}.items():
        yield name, lambda text=text: archdsl.parse(text)
    for seed in range(programs):
        written = program(seed)
        yield f"program {seed}", lambda written=written: archdsl.parse(written.text, **written.settings)


def by_check(net: Network) -> Found:
    """What the check of a file says, which each emission makes."""
    emitted = net.emitted
    return f"a class for each module, {emitted.apart}" if emitted.apart else None


def by_law(net: Network) -> Found:
    """What the law says of a file that nothing has checked."""
    with patch.object(source, "validate"):
        try:
            hold(net)
        except Difference as difference:
            return str(difference)
    return None


def first(judge: Callable[[Network], Found], programs: int) -> Found:
    """What is found first, and in which text."""
    for name, made in networks(programs):
        try:
            net = made()
        except ArchError:
            continue
        try:
            found = judge(net)
        except Exception as error:  # noqa: BLE001 - a compiler that stops has been found out
            found = f"{type(error).__name__}: {error}"
        if found:
            return f"{name}: {found}"[:300]
    return None


def corruptions() -> Found:
    """What the law of the check says: a corrupted file that is accepted and behaves in another way."""
    for seed, (name, made) in enumerate(networks(10)):
        try:
            case = Case.of(made())
            slips = list(itertools.islice(case.slips(40, seed), 1))
        except ArchError:
            continue
        except Exception as error:  # noqa: BLE001 - a right file that is not accepted
            return f"{name}: {type(error).__name__}: {error}"[:300]
        if slips:
            return f"{name}: {slips[0]}"[:300]
    return None


def passes() -> Found:
    """What the laws of passes say, and first of all their proof."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (*PASSED, "lenet5", "resnet", "vit"):
            for word in (*EQUAL, "head(7)", "widen(0.5)", "input-channels(1)", "input-channels(5)"):
                if found := _changed(name, word, Path(folder)):
                    return f"{word} on {name}: {found}"[:300]
    return None


def _changed(name: str, word: str, folder: Path) -> Found:
    try:
        made = Changed(archdsl.parse(PASSED[name]) if name in PASSED else small(name), word)
        made.assert_accounted()
        if word in EQUAL:
            made.assert_equal()
        made.assert_read_back(folder)
    except ArchError:
        return None
    except Exception as error:  # noqa: BLE001 - whatever it is, it has been found out
        return f"{type(error).__name__}: {error}"
    return None


def main(what: str, programs: int) -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    found: dict[str, Any]
    if what == "passes":
        found = {"law": passes()}
    elif what == "corruption":
        found = {"law": corruptions()}
    else:
        found = {"check": first(by_check, programs), "law": first(by_law, programs)}
    sys.stdout.write(json.dumps({**found, "package": archdsl.__file__}) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
