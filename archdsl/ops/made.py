"""Operators that passes put where the text has none."""

from __future__ import annotations

from typing import Final

from archdsl.ops.pool import GlobalAveragePool
from archdsl.ops.regular import Identity

IDENTITY: Final = Identity()
MEAN_OF_MAP: Final = GlobalAveragePool()
