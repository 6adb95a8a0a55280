"""Dropout left out."""

from __future__ import annotations

from typing import Any, final

from typing_extensions import override

from archdsl.base.records import record
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.origins import Rewritten
from archdsl.passes.rewrite import Rules, Visit, rewritten


@final
@record
class DropDropout(Change):
    """Leaves dropout out, which does nothing at inference. Weights stay as they are, and so do `drop_path` and the
    dropout of attention and recurrent layers."""

    word = "drop-dropout"
    example = "drop-dropout"

    @override
    def rewritten(self, root: Module) -> Rewritten:
        return rewritten(root, _Rules(), self)


class _Rules(Rules):
    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        return None if at.kept.drops else at.kept
