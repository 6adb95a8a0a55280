"""What helps inference, together."""

from __future__ import annotations

from typing import final

from typing_extensions import override

from archdsl.base.records import record
from archdsl.passes.a_pass import Change, Pass
from archdsl.passes.drop_dropout import DropDropout
from archdsl.passes.fold_norm import FoldNorm
from archdsl.passes.prune_dead import PruneDead


@final
@record
class Inference(Pass):
    """What helps inference together: dropout left out, batch norms folded, steps that nothing needs left out."""

    word = "inference"
    example = "inference"

    @property
    @override
    def changes(self) -> tuple[Change, ...]:
        return (DropDropout(), FoldNorm(), PruneDead())
