"""How weights start that are not loaded."""

from __future__ import annotations

from dataclasses import replace
from typing import final

from typing_extensions import override

from archdsl.base.records import record
from archdsl.graph.module import Init, Module
from archdsl.passes.a_pass import Change
from archdsl.passes.options import choice
from archdsl.passes.origins import Rewritten, unchanged


@final
@record
class Initialise(Change):
    """Says how the weights of a module start that is made of the network: `default`, as torch does it, `kaiming` or
    `xavier`. Weights that are there stay as they are."""

    word = "init"
    example = "init(kaiming)"

    method: str = choice(*Init)

    @override
    def rewritten(self, root: Module) -> Rewritten:
        made = replace(root, init=Init(self.method))
        origins = unchanged(root)
        return Rewritten(made, origins | {made: origins[root]})
