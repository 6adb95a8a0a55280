"""What can be wrong with a question about a network. E07."""

from __future__ import annotations

import re
from typing import final

from archdsl.base.diagnostics import Fault
from archdsl.base.records import record
from archdsl.base.suggest import nearest
from archdsl.report.terminal import cut

_LISTED = 12
_DIGITS = re.compile(r"\d+")


@final
@record
class UnknownLayer(Fault):
    """A path that leads to no layer of the network.

    A layer's path is its name in PyTorch: the names of the modules around it and its own, with dots between them, as in
    `layer1.0.conv1`. `archdsl summary` lists the names; `0-2` there stands for the layers 0, 1 and 2.
    """

    code = "E0701"
    title = "an unknown layer"
    example = ""

    part: str
    inside: str
    siblings: tuple[str, ...]
    paths: tuple[str, ...]
    path: str

    @property
    def message(self) -> str:
        where = f"`{self.inside}`" if self.inside else "the network"
        return f"{where} has no layer `{cut(self.part, 40)}`"

    @property
    def notes(self) -> tuple[str, ...]:
        if not self.siblings:
            return ("it is a single layer",)
        shown = ", ".join(f"`{name}`" for name in self.siblings[:_LISTED])
        more = f" and {len(self.siblings) - _LISTED} more" if len(self.siblings) > _LISTED else ""
        return (f"it has {shown}{more}",)

    @property
    def help(self) -> str | None:
        # the numbers that are there have been listed, and one is as near as another
        near = nearest(self.path, self.paths)
        is_number = near is not None and _DIGITS.sub("", near) == _DIGITS.sub("", self.path)
        return None if near is None or is_number else f"did you mean `{near}`?"
