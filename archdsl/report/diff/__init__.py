"""The difference of two networks: what an author changed, and what follows from it."""

from archdsl.report.diff.marking import marks
from archdsl.report.diff.model import About, Aspect, Change, Kind, Side, Whole
from archdsl.report.diff.resolve import difference
from archdsl.report.diff.table import Diff

__all__ = ["About", "Aspect", "Change", "Diff", "Kind", "Side", "Whole", "difference", "marks"]
