"""The law of injection at the command line: whatever a file, a folder, a tensor or an argument is called, and whatever a
text says, a terminal with colours shows what a command prints, and does nothing else."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from unittest.mock import patch

from laws.damaged import Escaped
from laws.emulated import hold_screen, uncoloured
from laws.hostile import pieces
from test_terminal import COMMANDS
from typing_extensions import override

from archdsl import cli
from archdsl.base.carried import METADATA
from archdsl.cli.codes import INTERNAL

READING = (
    "compile NAME --weights WEIGHTS -o OUT.py",
    "compile NAME --weights WEIGHTS --head NAME -o OUT.py",
    "summary WEIGHTS",
    "explain WEIGHTS",
    "check WEIGHTS --format concise",
    "draw NAME -o OUT.mmd",
    "draw NAME -o OUT.nosuch/a.dot",
    "draw NAME --style volumes -o OUT.svg",
    "diff NAME WRONG",
    "compare NAME WEIGHTS -o OUT.svg",
    "json WRONG",
    "summary FOLDER",
    "draw WRONG -o OUT.dot",
    "check NAME --exact --format json",
)
_LETTERS = re.compile(r"[A-Z]{2,}")
_FEW = 6


class _Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def hold_commands(seed: int) -> Counter[str]:
    """Run a few commands on hostile names; how many pairs of something hostile and a command there were."""
    random = Random(seed)
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as root:
        names = _names(random, Path(root))
        with contextlib.chdir(names["FOLDER"]):
            for command in random.sample((*COMMANDS, *READING), _FEW):
                words = [_LETTERS.sub(lambda found: names.get(found[0], found[0]), each) for each in command.split(" ")]
                try:
                    _hold(words)
                except Exception as error:
                    raise Escaped(f"{words}: {type(error).__name__}: {str(error)[:300]}") from error
                # what the words name, and what stands in the texts
                seen[f"{command} / terminal"] += len(_LETTERS.findall(command)) + 1
    return seen


def _names(random: Random, root: Path) -> dict[str, str]:
    """Files with hostile names and contents, in a folder with a hostile name; what each is called."""
    folder = root / f"{_name(random)}4"
    folder.mkdir()
    name, wrong, out, weights = (f"{_name(random)}{number}" for number in range(4))
    said = re.sub("[\r\n\0\ud800\u202a-\u202e\u2066-\u2069]", " ", pieces(random))
    good = f"## {said}\nINPUT[8x8x3] -> conv3-4 as q -> relu -> fc-2\n"
    (folder / f"{name}.arch").write_text(good)
    (folder / f"{wrong}.arch").write_text(f"# {said}\nINPUT[8x8x3] -> nosuch -> conv3-4(q=1)  # {said}\n")
    (folder / f"{weights}.safetensors").write_bytes(_weights(random, good))
    return {
        "FOLDER": str(folder),
        "NAME": f"{name}.arch",
        "WRONG": f"{wrong}.arch",
        "MISSING": f"{name}3.arch",
        "WEIGHTS": f"{weights}.safetensors",
        "OUT": out,
    }


def _name(random: Random) -> str:
    """A name that a file can have."""
    return re.sub("[/\0\ud800]", "_", pieces(random))[:60]


def _weights(random: Random, text: str) -> bytes:
    """A safetensors file with hostile names of tensors, which carries a hostile text."""
    carried = json.dumps({"net": pieces(random), "texts": {pieces(random): text}, "set": {}, "input": None})
    tensors = {pieces(random): {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for _ in range(3)}
    header = json.dumps({"__metadata__": {METADATA: carried}, **tensors}).encode()
    return len(header).to_bytes(8, "little") + header


def _hold(words: list[str]) -> None:
    """Run a command as on a terminal, and look at what it prints."""
    out, err = _Terminal(), _Terminal()
    quiet = patch("archdsl.cli.screen._PATIENCE", 10**6)
    looks = patch.dict(os.environ, {"TERM": "xterm", "COLUMNS": "90"})
    with quiet, looks, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main(words)
    assert code != INTERNAL, err.getvalue()
    for stream in (out, err):
        printed = stream.getvalue()
        hold_screen(uncoloured(printed), printed, "standard output" if stream is out else "standard error")
