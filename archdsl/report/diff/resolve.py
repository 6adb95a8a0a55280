"""From what became of nodes to what is said of the steps of two networks: with paths, each distinct change once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from archdsl.algebra.symbolic import at_example
from archdsl.algebra.tensors import TensorType
from archdsl.base.records import record
from archdsl.facts.counts import PARAMS
from archdsl.facts.table import counts
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.report.diff.edits import Edit, Edits
from archdsl.report.diff.finder import Finder
from archdsl.report.diff.form import Node
from archdsl.report.diff.formulas import Trace
from archdsl.report.diff.model import About, Aspect, Change, Kind, Side, Whole
from archdsl.report.diff.table import Diff
from archdsl.report.diff.values import call_arguments
from archdsl.report.structure import plain
from archdsl.report.walk import label

MOST: Final = 5_000


@record(slots=True)
class _Spot:
    """Where a module stands in one of the networks: what stands before the names inside it, and from where its
    positions count."""

    prefix: str = ""
    base: int = 0

    def path(self, node: Node, *, last: bool = False) -> str:
        position = self.base + node.position + (node.slots - 1 if last else 0)
        return f"{self.prefix}{node.name or position}"

    def inside(self, node: Node) -> _Spot:
        if isinstance(node.what, Module) and node.what.transparent:
            return _Spot(self.prefix, self.base + node.position)
        return _Spot(f"{self.path(node)}.")


def difference(
    old: Module, new: Module, traces: tuple[Trace, Trace] = (None, None), *, everywhere: bool = False
) -> Diff:
    """The difference of two networks. traces: each worked out once more with numbers that remember where they come
    from, without which what follows from a block's arguments counts as changed. everywhere: whether the same change
    inside several blocks is told in each of them, up to 5,000 steps."""
    finder = Finder(old, new, traces)
    whole = finder.whole()
    resolver = _Resolver(finder, MOST if everywhere else 0)
    resolver.places(whole, (_Spot(), _Spot()))
    changes = resolver.changes(whole, (_Spot(), _Spot()))
    resolver.name_pairs(whole, (_Spot(), _Spot()))
    return Diff(
        _whole(old),
        _whole(new),
        tuple(changes),
        (*_interface(old, new), *whole.outputs),
        tuple(resolver.renamed),
    )


def _whole(module: Module) -> Whole:
    inputs = dict(zip(module.input_names, module.inputs, strict=True))
    outputs = dict(zip(module.result_names, module.output_types, strict=True))
    figures = {fact: fact.over(module) for fact in counts()}
    facts = {fact: at_example(each.inference) for fact, each in figures.items()}
    training = {fact: at_example(each.training) for fact, each in figures.items()}
    return Whole(module.name, inputs, outputs, facts, training, module.layers)


def _interface(old: Module, new: Module) -> Iterator[Aspect]:
    """What is different about what a network takes and gives, and about how its weights start."""
    yield from _named(
        About.INPUT, [*zip(old.input_names, old.inputs, strict=True)], [*zip(new.input_names, new.inputs, strict=True)]
    )
    for one, other in zip(old.result_names, new.result_names, strict=False):
        if one != other and len(old.outputs) == len(new.outputs):
            yield Aspect(About.OUTPUT, "name of an output", one, other)
    if old.init is not new.init:
        yield Aspect(About.ARGUMENT, "init", str(old.init), str(new.init))


def _named(about: About, old: list[tuple[str, TensorType]], new: list[tuple[str, TensorType]]) -> Iterator[Aspect]:
    for index in range(max(len(old), len(new))):
        one = old[index] if index < len(old) else None
        other = new[index] if index < len(new) else None
        if one != other:
            name = (other or one or ("", None))[0]
            shown = [
                each and (str(each[1]) if one and other and one[0] == other[0] else f"{each[0]} {each[1]}")
                for each in (one, other)
            ]
            yield Aspect(about, "input" if name == "x" else f"input {name}", *shown)


@dataclass
class _Resolver:
    """room: how many steps may still be told that were told before. renamed: see `Diff.names`."""

    finder: Finder
    room: int
    renamed: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    _said: dict[int | None, list[str]] = field(default_factory=dict[int | None, list[str]])
    _told: set[int] = field(default_factory=set[int])
    _named: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])

    def places(self, edits: Edits, spots: tuple[_Spot, _Spot]) -> None:
        """Find where the same was changed inside several modules."""
        for edit in edits.edits:
            if edit.inside is None:
                continue
            if (key := _key(edit)) is not None:
                if key in self._said:
                    self._said[key].append(_span(edit, spots))
                    continue
                self._said[key] = []
            self.places(edit.inside, self._within(edit, spots))

    def changes(self, edits: Edits, spots: tuple[_Spot, _Spot]) -> Iterator[Change]:
        """What is said of the nodes of a module."""
        for edit in edits.edits:
            change = self._change(edit, spots)
            key = _key(edit)
            is_told = key is not None and key in self._told
            if is_told and self.room <= 0:
                # the blocks of the network itself stand there all the same, with what they cost
                if edit.kind is Kind.CHANGED or not spots[1].prefix:
                    yield change
                continue
            if edit.inside is None:
                yield change
                continue
            if key is not None:
                self._told.add(key)
            inside = tuple(self.changes(edit.inside, self._within(edit, spots)))
            self.room -= len(inside)
            yield replace(change, inside=inside, also=tuple(self._said.get(key, ())), is_told=is_told)

    def _within(self, edit: Edit, spots: tuple[_Spot, _Spot]) -> tuple[_Spot, _Spot]:
        old = spots[0].inside(edit.old) if edit.old is not None else spots[0]
        new = spots[1].inside(edit.new) if edit.new is not None else spots[1]
        return old, new

    def _change(self, edit: Edit, spots: tuple[_Spot, _Spot]) -> Change:
        old = None if edit.old is None else _side(edit.old, spots[0])
        new = None if edit.new is None else _side(edit.new, spots[1])
        spot = spots[0] if edit.kind is Kind.WRAPPED else spots[1]
        others = tuple(_side(node, spot) for node in edit.others)
        before, after = ("" if node is None else spots[1].path(node) for node in edit.between)
        between = (before, after)
        return Change(edit.kind, old, new, edit.aspects, edit.follows, (), (), others, edit.implied, between)

    def name_pairs(self, edits: Edits, spots: tuple[_Spot, _Spot]) -> None:
        """Find the weights whose names are others now. Of a pair of modules that stands in several places, the names
        inside are told at the first."""
        waiting = [(edits, spots, ("", ""))]
        while waiting:
            now, (old_spot, new_spot), implied = waiting.pop()
            wraps = ((edit.inside, self._within(edit, (old_spot, new_spot))) for edit in now.edits if edit.others)
            later = [(inside, within, ("", "")) for inside, within in wraps if inside is not None]
            for old, new, inside in now.matched:
                one, other = old_spot.path(old), new_spot.path(new)
                below = implied
                if old.counts[PARAMS] and new.counts[PARAMS] and one != other:
                    if implied != ("", "") and _rest(one, implied[0]) == _rest(other, implied[1]) is not None:
                        pass
                    else:
                        below = (one, other)
                        last = (old_spot.path(old, last=True), new_spot.path(new, last=True))
                        self.renamed.append((_range(one, last[0]), _range(other, last[1])))
                if inside is not None and (id(old.what), id(new.what)) not in self._named:
                    self._named.add((id(old.what), id(new.what)))
                    later.append((inside, (old_spot.inside(old), new_spot.inside(new)), below))
            waiting.extend(reversed(later))


def _rest(path: str, prefix: str) -> str | None:
    return path[len(prefix) :] if path.startswith(f"{prefix}.") else None


def _range(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last.rpartition('.')[2]}"


def _key(edit: Edit) -> int | None:
    """What modules have in common in which the same was changed."""
    is_wrap = edit.kind in {Kind.WRAPPED, Kind.UNWRAPPED}
    return None if is_wrap or edit.inside is None else edit.inside.signature


def _span(edit: Edit, spots: tuple[_Spot, _Spot]) -> str:
    node = edit.new or edit.old
    assert node is not None
    spot = spots[0] if edit.new is None else spots[1]
    return _range(spot.path(node), spot.path(node, last=True))


def _side(node: Node, spot: _Spot) -> Side:
    step, what = node.step, node.what
    is_operator = isinstance(what, Operator)
    return Side(
        path=spot.path(node),
        last=spot.path(node, last=True),
        label=label(replace(step, count=node.count)),
        word=what.word if is_operator else what.name,
        is_module=not is_operator,
        arguments=plain(what.arguments() if is_operator else call_arguments(step)),
        count=node.count,
        inputs=step.input_types,
        outputs=step.outputs,
        facts={fact: at_example(value) for fact, value in node.counts.items()},
        line=step.place.line,
        is_quiet=is_operator and what.style.is_quiet,
    )
