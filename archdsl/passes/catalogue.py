"""Every pass, and what a user's words mean among them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.wanted import require
from archdsl.passes.a_pass import Change, Pass, all_changes
from archdsl.passes.drop_dropout import DropDropout
from archdsl.passes.faults import UnknownPass
from archdsl.passes.fold_norm import FoldNorm
from archdsl.passes.fully_convolutional import FullyConvolutional
from archdsl.passes.head import Head
from archdsl.passes.inference import Inference
from archdsl.passes.initialise import Initialise
from archdsl.passes.input_channels import InputChannels
from archdsl.passes.options import BadOption, quoted, read
from archdsl.passes.prune_dead import PruneDead
from archdsl.passes.resize_positions import ResizePositions
from archdsl.passes.truncate import Truncate
from archdsl.passes.widen import Widen

PASSES: tuple[type[Pass], ...] = (
    DropDropout,
    FoldNorm,
    FullyConvolutional,
    Head,
    Inference,
    Initialise,
    InputChannels,
    PruneDead,
    ResizePositions,
    Truncate,
    Widen,
)
_WRITTEN = re.compile(r"\s*([\w-]{1,40})\s*(?:\(([^()]*)\))?\s*")


def pass_of(text: str) -> Pass:
    """The pass that a user names: `fold-norm`, `widen(0.5)`, `truncate(layer2, layer4)`. ArchError if there is none, or
    if its options are not such as it takes."""
    known = {each.word: each for each in PASSES}
    found = _WRITTEN.fullmatch(text)
    kind = known.get(found[1]) if found else None
    if found is None or kind is None:
        raise ArchError([Diagnostic(UnknownPass(quoted(text.strip()), tuple(known)))])
    inside = found[2]
    words = [each.strip() for each in inside.split(",")] if inside and inside.strip() else []
    try:
        return kind(**read(kind, words))
    except BadOption as error:
        raise kind.bad(str(error)) from None


def passes_of(given: Iterable[Pass | str]) -> tuple[Pass, ...]:
    """Passes that are given as they are or as words. TypeError where something else is."""
    given = tuple(given)
    for each in given:
        require((Pass, str), "a pass, such as `head(10)`", passes=each)
    return tuple(pass_of(each) if isinstance(each, str) else each for each in given)


def changes_of(given: Iterable[Pass | str]) -> tuple[Change, ...]:
    """The changes that passes consist of, which are given as they are or as words."""
    return all_changes(passes_of(given))
