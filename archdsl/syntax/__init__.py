"""Text to syntax tree. The only package that knows lark."""

from typing import TYPE_CHECKING

from archdsl.base.later import Later

if TYPE_CHECKING:
    from archdsl.syntax import faults as faults
else:
    # made when a text has a fault
    faults = Later("archdsl.syntax.faults")
