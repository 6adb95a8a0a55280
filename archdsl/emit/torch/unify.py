"""One expression for those of several modules.

Where they agree it is what they have, where they differ in a number it is the formula that gives each its own, where
they differ in a flag, word or activation the argument that this is. Where they differ otherwise there is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never, cast

from archdsl.algebra.traced import Expression, progression, python
from archdsl.base.records import record
from archdsl.emit.torch.lower import Lowering
from archdsl.emit.torch.program import (
    Argument,
    Call,
    Choice,
    Formula,
    Given,
    Hole,
    Items,
    Label,
    Literal,
    Node,
    Reference,
    Rows,
    Steps,
    children,
    holes,
    skeleton,
)
from archdsl.emit.torch.solve import Arguments, Rejected
from archdsl.graph.arguments import Defined


@record
class Unification:
    """Makes one expression of those of several modules, which are given in the order of the modules.

    given: the arguments of their class. lowering: knows the classes that they call.
    """

    given: Arguments
    lowering: Lowering

    def only(self, indices: Sequence[int]) -> Unification:
        """The unification of some of the modules."""
        return replace(self, given=self.given.only(indices))

    def node(self, nodes: Sequence[Node]) -> Node:
        """One expression for those of all modules; Rejected where there is none."""
        first = nodes[0]
        match first:
            case Hole(_, steps) if all(isinstance(each, Hole) and _goes_on_as(each, steps) for each in nodes):
                return Formula(self._number(cast("Sequence[Hole]", nodes)))
            case Call() if all(isinstance(each, Call) for each in nodes):
                return self._call(cast("Sequence[Call]", nodes))
            case Items(_, is_list) if all(isinstance(each, Items) and each.is_list == is_list for each in nodes):
                return self._items(cast("Sequence[Items]", nodes))
            case Label() if len({skeleton(each) for each in nodes}) == 1:
                return self._label(cast("Sequence[Label]", nodes))
            case Rows() if all(isinstance(each, Rows) for each in nodes):
                return self._rows(cast("Sequence[Rows | None]", nodes))
            case Literal() | Reference():
                return first if len({skeleton(each) for each in nodes}) == 1 else Argument(self.given.word(nodes))
            case Formula() | Argument():
                assert all(each == first for each in nodes)
                return first
            case Hole() | Call() | Items() | Label() | Rows() | Choice():
                raise self.given.rejected([(type(each), len(children(each))) for each in nodes])
            case _:
                assert_never(first)

    def _number(self, numbers: Sequence[Hole]) -> Expression:
        """The expression of a number; inside loops it may use their indices."""
        made = self.given.number([each.value for each in numbers])
        for position, (index, _) in enumerate(numbers[0].steps):
            made = progression(made, self.given.number([each.steps[position][1] for each in numbers]), index)
        return made

    def _label(self, labels: Sequence[Label]) -> Label:
        parts: list[str | Hole | Formula] = []
        for column in zip(*(each.parts for each in labels), strict=True):
            first = column[0]
            parts.append(first if isinstance(first, str) else Formula(self._number(cast("Sequence[Hole]", column))))
        return Label(tuple(parts))

    # --- calls --------------------------------------------------------------------------------------------------------

    def _call(self, nodes: Sequence[Call]) -> Node:
        first = nodes[0]
        if len({each.target for each in nodes}) > 1:
            return self._other_calls(nodes)
        nodes = _at_rest(nodes)
        words = [tuple(keyword.name for keyword in each.keywords) for each in nodes]
        if len(set(words)) > 1:
            raise self.given.rejected(words)
        args = self.members([each.args for each in nodes])
        keywords = tuple(
            replace(keyword, value=self.node([each.keywords[index].value for each in nodes]))
            for index, keyword in enumerate(nodes[0].keywords)
        )
        return replace(first, args=args, keywords=keywords, wide=any(each.wide for each in nodes))

    def _other_calls(self, nodes: Sequence[Call]) -> Node:
        """Calls of different classes: of an activation or block that is an argument, or one of two by a condition."""
        if all(map(_is_bare, nodes)):
            try:
                chosen = Argument(self.given.word([each.target for each in nodes]))
                # of bare calls what matters is whether all overwrite what comes in
                keywords = (each for each in _at_rest(nodes)[0].keywords if each.name == "inplace")
                return Call(chosen, keywords=tuple(keywords))
            except Rejected:
                pass
        elif made := self._block_that_is_given(nodes):
            return made
        targets = list(dict.fromkeys(each.target for each in nodes))
        if len(targets) == 2 and all(_is_layer(each) for each in targets):
            truths = [each.target == targets[0] for each in nodes]
            condition = self.given.condition(truths)
            if isinstance(condition, Given):
                parts = [[index for index, truth in enumerate(truths) if truth is wanted] for wanted in (True, False)]
                then, otherwise = (self.only(part).node([nodes[index] for index in part]) for part in parts)
                if condition.is_on:
                    return Choice(condition, then, otherwise)
                return Choice(replace(condition, is_on=True), otherwise, then)
        raise self.given.rejected([each.target for each in nodes])

    def _block_that_is_given(self, nodes: Sequence[Call]) -> Node | None:
        """The call of a class that is an argument: that of a block which the modules are given."""
        modules, chosen = self.given.modules, self.lowering.classes
        targets = [cast("Reference", each.target).name for each in nodes]
        of_class = {each.name: each.module.name for each in self.lowering.of_module.values()}
        if not all(each in of_class for each in targets):
            return None
        for name in modules[0].arguments:
            blocks = [module.arguments.get(name) for module in modules]
            if not all(isinstance(each, Defined) and each.is_block for each in blocks):
                continue
            before = [chosen.get((id(module), name)) for module in modules]
            fits = all(one in (None, other) for one, other in zip(before, targets, strict=True))
            named = (cast("Defined", each).name for each in blocks)
            if fits and all(of_class[one] == block for one, block in zip(targets, named, strict=True)):
                made = cast("Call", self._call([replace(each, target=Reference("")) for each in nodes]))
                self.given.used.add(name)
                for module, target in zip(modules, targets, strict=True):
                    chosen[(id(module), name)] = target
                return replace(made, target=Argument(name))
        return None

    # --- rows ---------------------------------------------------------------------------------------------------------

    def members(self, rows: Sequence[tuple[Node, ...]]) -> tuple[Node, ...]:
        """The members of a row or the arguments of a call. A loop that a module does not have runs no time there."""
        pattern = max(rows, key=len)
        aligned = [_aligned(pattern, row) for row in rows]
        if not all(each is not None for each in aligned):
            raise self.given.rejected([tuple(isinstance(each, Rows) for each in row) for row in rows])
        columns = zip(*(each for each in aligned if each is not None), strict=True)
        return tuple(self._column(column) for column in columns)

    def _column(self, column: tuple[Node | None, ...]) -> Node:
        if None not in column:
            return self.node(cast("tuple[Node, ...]", column))
        return self._rows(cast("tuple[Rows | None, ...]", column))

    def _rows(self, column: Sequence[Rows | None]) -> Node:
        having = [index for index, each in enumerate(column) if each is not None]
        loops = [each for each in column if each is not None]
        if len({(each.index, each.alone) for each in loops}) > 1:
            raise self.given.rejected([each and (each.index, each.alone) for each in column])
        body = self.only(having).members([each.body for each in loops])
        counts = [cast("Hole", each.count).value if each else 0 for each in column]
        count = self.given.number(counts, [each is None for each in column])
        return replace(loops[0], body=body, count=Formula(count))

    def _items(self, nodes: Sequence[Items]) -> Node:
        items = self.members([each.items for each in nodes])
        texts = [python(each.expression) if isinstance(each, Formula) else "" for each in items]
        if not nodes[0].is_list and (whole := self.given.whole(texts)):
            return Argument(whole)
        return replace(nodes[0], items=items)


def _aligned(pattern: tuple[Node, ...], row: tuple[Node, ...]) -> list[Node | None] | None:
    """The members of a row beside those of another that has more loops; None where they are not alike."""
    made: list[Node | None] = []
    position = 0
    for each in pattern:
        there = row[position] if position < len(row) else None
        if there is not None and isinstance(each, Rows) == isinstance(there, Rows):
            made.append(there)
            position += 1
        elif isinstance(each, Rows):
            made.append(None)
        else:
            return None
    return made if position == len(row) else None


def _goes_on_as(node: Hole, steps: Steps) -> bool:
    return [name for name, _ in node.steps] == [name for name, _ in steps]


def _at_rest(nodes: Sequence[Call]) -> Sequence[Call]:
    """Calls of which none overwrites what comes in unless all do."""
    inplace = [any(each.name == "inplace" for each in node.keywords) for node in nodes]
    if all(inplace) or not any(inplace):
        return nodes
    kept = (tuple(each for each in node.keywords if each.name != "inplace") for node in nodes)
    return [replace(node, keywords=keywords) for node, keywords in zip(nodes, kept, strict=True)]


def _is_bare(node: Call) -> bool:
    """Whether a call has no arguments but defaults."""
    others = (each for each in node.keywords if each.name != "inplace")
    at_defaults = (each.default is not None and skeleton(each.value) == skeleton(each.default) for each in others)
    return not node.args and not node.copied and not any(holes(node)) and all(at_defaults)


def _is_layer(target: Reference | Argument) -> bool:
    return target.name.startswith("nn.")
