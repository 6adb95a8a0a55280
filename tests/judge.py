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
from laws.test_pass_laws import (
    assert_another_head,
    assert_gives_what_is_there,
    assert_positions,
    assert_same_effect,
    small,
)
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

# what passes that promise no equal outputs have to do: texts, and passes that apply there
HELD = {
    """
net n {
  input 8x6x4
  share h = conv3-4
  h -> relu -> h -> [[conv3-4 -> relu]*2 -> conv3-5 -> relu] as f -> gap -> fc-7
}""": ("truncate(h)", "truncate(f.3, f.0)", "truncate(f.2, f)", "head(7)"),
    "INPUT[10] -> [fc-10]*3": ("head(7)",),
    "INPUT[10] -> fc-10 -> [residual { fc-10 }]*2": ("head(7)",),
    "INPUT[8x6x4] -> add { conv3-5 | conv1-5 } -> gap": ("head(7)",),
    "INPUT[6x7x4] -> relu -> conv3-5 -> bn": ("input-channels(1)", "input-channels(8)"),
}
# and where they do not apply
REFUSED = {"INPUT[6x7x4] -> lrn -> conv3-5": "input-channels(8)"}


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
    for text, words in HELD.items():
        for word in words:
            if found := found_out(lambda text=text, word=word: hold_pass(archdsl.parse(text), word)):
                return f"{word} on {text}: {found}"[:300]
    for text, word in REFUSED.items():
        if not (found_out(lambda text=text, word=word: archdsl.parse(text).apply(word)) or "").startswith("ArchError"):
            return f"{word} on {text} is not refused"
    if found := found_out(lambda: assert_positions(small("vit"), 64, 96)):
        return f"positions: {found}"[:300]
    with tempfile.TemporaryDirectory() as folder:
        for name in (*PASSED, "lenet5", "resnet", "vit"):
            for word in (*EQUAL, "head(7)", "widen(0.5)", "input-channels(1)", "input-channels(5)"):
                if found := _changed(name, word, Path(folder)):
                    return f"{word} on {name}: {found}"[:300]
    return None


def found_out(holds: Callable[[], object]) -> Found:
    """What goes wrong, whatever it is."""
    try:
        holds()
    except Exception as error:  # noqa: BLE001 - whatever it is, it has been found out
        return f"{type(error).__name__}: {error}"
    return None


def hold_pass(net: Network, word: str) -> None:
    """Hold a pass to what it promises of a network on which it works."""
    made = Changed(net, word)
    made.assert_accounted()
    kind, _, given = word.removesuffix(")").partition("(")
    options = given.split(", ")
    match kind:
        case "truncate":
            assert assert_gives_what_is_there(made, *options, training=False) == len(options)
        case "head":
            assert {each.channels for each in made.changed.outputs.values()} == {int(given)}
            assert_another_head(made)
        case _:
            assert_same_effect(made, int(given))


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
