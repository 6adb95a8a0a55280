"""How wide an emitted file is."""

from __future__ import annotations

WIDTH = 88
INDENT = "    "
