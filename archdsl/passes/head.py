"""Another head."""

from __future__ import annotations

from typing import Any, final

from typing_extensions import override

from archdsl.algebra.tensors import Shape
from archdsl.base.records import record
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.passes.a_pass import Change
from archdsl.passes.ends import EndRules, head_of
from archdsl.passes.options import whole
from archdsl.passes.origins import New, Origin, Rewritten
from archdsl.passes.rewrite import Visit, new_where_changed, rewritten

MOST = 1_000_000_000


@final
@record
class Head(Change):
    """Gives the last layers another number of classes. Their weights are new, and those of norms after them; the others
    stay."""

    word = "head"
    example = "head(10)"

    classes: int = whole(1, MOST)

    @override
    def rewritten(self, root: Module) -> Rewritten:
        if not head_of(root):
            raise self.refusal("", root.place, reason="it has no layer with a number of classes")
        return rewritten(root, _Rules(self.classes), self)


class _Rules(EndRules):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        if not at.context:
            return at.kept
        made = at.kept.with_width(self.classes) if at.kept.matrix else None
        if made is None:
            raise at.refusal(f"the network ends with it, and `{at.kept.word}` has no number of classes")
        return made

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        return New() if at.context else new_where_changed(at, tensor, shape)
