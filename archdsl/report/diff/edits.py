"""What became of the steps of a module: the edits that the finder finds, wherever the module stands."""

from __future__ import annotations

from typing import Final

from archdsl.base.records import record
from archdsl.report.diff.form import Node
from archdsl.report.diff.model import Aspect, Kind


@record(eq=False)
class Edit:
    """What became of a node, wherever its module stands. inside: of the modules that both sides are, or of what was
    wrapped and the module around it. signature: equal for edits that a person would call the same. implied: whether
    the text does not say so: a projection or a flattening that shapes make necessary. between: of what was removed, the
    nodes of the second network that it stood between."""

    kind: Kind
    old: Node | None
    new: Node | None
    signature: int
    aspects: tuple[Aspect, ...] = ()
    follows: tuple[Aspect, ...] = ()
    inside: Edits | None = None
    others: tuple[Node, ...] = ()
    implied: bool = False
    between: tuple[Node | None, Node | None] = (None, None)

    @property
    def is_authored(self) -> bool:
        """Whether it, or something inside it, is what somebody changed."""
        return self.kind is not Kind.FOLLOWS and not self.implied


@record(eq=False)
class Edits:
    """What became of the nodes of a module. matched: the nodes that belong together, with what became of their
    insides. outputs: what is different about what comes out. signature: equal for insides in which a person would say
    that the same was changed; None where nothing was. told: how many changes there are, also inside."""

    edits: tuple[Edit, ...]
    matched: tuple[tuple[Node, Node, Edits | None], ...]
    outputs: tuple[Aspect, ...]
    signature: int | None
    told: int


NOTHING: Final = Edits((), (), (), None, 0)
