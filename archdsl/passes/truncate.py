"""A backbone: a network cut off after some layers."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, final

from typing_extensions import override

from archdsl.base.diagnostics import ArchError, Diagnostic
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.passes.a_pass import Change
from archdsl.passes.faults import NoSuchPath
from archdsl.passes.options import paths
from archdsl.passes.origins import Origins, Path, Rewritten, Round, unchanged
from archdsl.passes.prune_dead import PruneDead, needed

_LONGEST_ROW = 10_000
_SHARED = "it shares its weights with another place, so it cannot be opened"


@final
@record
class Truncate(Change):
    """A backbone: gives back the tensors after some layers, and leaves out what comes after, with its weights.

    at: paths of layers or blocks of the network itself (`layer4`), or of the rows in it (`features.15`).
    """

    word = "truncate"
    example = "truncate(layer2, layer4)"

    at: tuple[str, ...] = paths()

    @property
    @override
    def changes(self) -> tuple[Change, ...]:
        return (self, PruneDead())

    @override
    def rewritten(self, root: Module) -> Rewritten:
        rows: dict[str, list[str]] = {}
        for path in self.at:
            name, _, inner = path.partition(".")
            wanted = rows.setdefault(name, [])
            wanted += [inner] if inner else []
        cut = _Cut(self, root, list(root.steps), unchanged(root))
        for name, wanted in rows.items():
            if wanted:
                cut.open(name, tuple(wanted))
        return cut.made(self.at)


class _Member(NamedTuple):
    """A step of a row that is written out: its name is its position, and its path the way to it in the row."""

    step: Step
    path: Path


@record
class _Cut:
    """The network's own steps while rows among them are opened. ports: the output of a step that gives what it gave
    before, where that is not the first; inner: those that give what members of a row give, by path."""

    pass_: Truncate
    root: Module
    steps: list[Step]
    origins: dict[Module, Origins]

    def open(self, name: str, wanted: tuple[str, ...]) -> None:
        """Make a row into a module that gives back its own tensor, then those after some of its members."""
        index = self._index(name)
        step = self.steps[index]
        row = step.what
        if not isinstance(row, Module) or not row.indexed:
            raise _unknown(f"{name}.{wanted[0]}", self.root.names())
        if step.shared:
            raise self.pass_.refusal(name, self.root.place, step.place, reason=_SHARED)
        if row.slots > _LONGEST_ROW:
            reason = f"it has {row.slots:,} members, and a row is opened up to {_LONGEST_ROW:,}"
            raise self.pass_.refusal(name, self.root.place, step.place, reason=reason)
        members = _members(row, 0, ())
        known = tuple(member.step.name for member in members)
        for each in wanted:
            if each not in known:
                raise _unknown(f"{name}.{each}", tuple(f"{name}.{each}" for each in known))
        steps = tuple(
            replace(member.step, inputs=(Wire(number - 1) if number else Wire(INPUT),))
            for number, member in enumerate(members)
        )
        outputs = (Wire(len(steps) - 1), *(Wire(known.index(each)) for each in wanted))
        opened = replace(
            row, name=name, steps=steps, outputs=outputs, indexed=False, input_names=("x",), place=step.place
        )
        self.origins[opened] = Origins(row)
        for number, member in enumerate(members):
            self.origins[opened].add(number, member.step, member.path)
        self.steps[index] = replace(step, what=opened, outputs=opened.output_types)

    def made(self, at: tuple[str, ...]) -> Rewritten:
        """The network that gives back the tensors at some paths. Opened rows give back no more than what is read."""
        wires = {path: self._wire(path, at) for path in at}
        cut = replace(self.root, steps=tuple(self.steps), outputs=tuple(wires.values()), train_outputs=0)
        names = tuple(path.replace(".", "_") for path in at)
        steps, outputs = self._without_unread(cut)
        made = replace(cut, steps=steps, outputs=outputs, output_names=names)
        self.origins[made] = self.origins[self.root]
        return Rewritten(made, self.origins)

    def _without_unread(self, cut: Module) -> tuple[tuple[Step, ...], tuple[Wire, ...]]:
        """The steps and outputs, where rows no longer give back what nothing reads."""
        alive = needed(cut)
        read = {wire for index in alive for wire in cut.steps[index].inputs} | set(cut.outputs)
        steps, moved = list(cut.steps), dict[Wire, Wire]()
        for index, step in enumerate(cut.steps):
            if index not in alive or step is self.root.steps[index]:
                continue
            assert isinstance(step.what, Module)
            ports = [port for port in range(len(step.outputs)) if Wire(index, port) in read]
            opened = replace(step.what, outputs=tuple(step.what.outputs[port] for port in ports))
            self.origins[opened] = self.origins[step.what]
            steps[index] = replace(step, what=opened, outputs=opened.output_types)
            moved |= {Wire(index, port): Wire(index, number) for number, port in enumerate(ports)}
        for index, step in enumerate(steps):
            if index in alive and any(wire in moved for wire in step.inputs):
                steps[index] = replace(step, inputs=tuple(moved.get(wire, wire) for wire in step.inputs))
        return tuple(steps), tuple(moved.get(wire, wire) for wire in cut.outputs)

    def _wire(self, path: str, at: tuple[str, ...]) -> Wire:
        name, _, inner = path.partition(".")
        members = [each.partition(".")[2] for each in at if each.startswith(f"{name}.")]
        return Wire(self._index(name), 1 + members.index(inner) if inner else 0)

    def _index(self, name: str) -> int:
        """The last step of a name."""
        names = self.root.names()
        if name not in names:
            raise _unknown(name, names)
        return len(names) - 1 - names[::-1].index(name)


def _unknown(path: str, known: tuple[str, ...]) -> ArchError:
    return ArchError([Diagnostic(NoSuchPath(path, known))])


def _members(row: Module, start: int, outer: Path) -> list[_Member]:
    """The steps of a row with their positions as names, repeats written out."""
    members: list[_Member] = []
    position = start
    for index, step in enumerate(row.steps):
        for number in range(step.count):
            path = (*outer, Round(index, number))
            if isinstance(step.what, Module) and step.what.transparent:
                members += _members(step.what, position, path)
            else:
                members.append(_Member(replace(step, name=step.name or str(position), count=1), path))
            position += step.slots // step.count
    return members
