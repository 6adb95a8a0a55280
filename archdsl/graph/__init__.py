"""Syntax tree to modules: values and scopes, elaboration, the hierarchy of modules and the facts about it."""

from typing import TYPE_CHECKING

from archdsl.base.later import Later

if TYPE_CHECKING:
    from archdsl.graph import faults as faults
else:
    # making these classes takes a tenth of a short run, and only a text with a fault needs them
    faults = Later("archdsl.graph.faults")
