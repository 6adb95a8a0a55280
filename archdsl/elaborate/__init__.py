"""From the syntax tree to the hierarchy of modules: values, scopes, words, chains, blocks, files, sizes left open."""

from typing import TYPE_CHECKING

from archdsl.base.later import Later

if TYPE_CHECKING:
    from archdsl.elaborate import faults as faults
else:
    # making these classes takes a tenth of a short run, and only a text with a fault needs them
    faults = Later("archdsl.elaborate.faults")
