"""Everything that can be wrong, by code."""

from __future__ import annotations

from functools import cache

import archdsl.elaborate.faults as text_faults
import archdsl.passes.faults as pass_faults
import archdsl.syntax.faults as syntax_faults
from archdsl.base import faults as limit_faults
from archdsl.base.diagnostics import Fault, catalogue
from archdsl.ops import faults as operator_faults
from archdsl.report import faults as question_faults

MODULES = (syntax_faults, text_faults, operator_faults, question_faults, pass_faults, limit_faults)


@cache
def faults() -> dict[str, type[Fault]]:
    """Every class of faults, by its code."""
    return catalogue(each for module in MODULES for each in vars(module).values())
