"""`python -m archdsl`."""

from __future__ import annotations

import sys

from archdsl.cli import main

sys.exit(main())
