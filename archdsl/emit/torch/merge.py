"""One class for the modules of a block, or as few as can be.

The drafts of all modules are put together at once. Where no constructor can be made that serves them all, what differs
tells them apart, and each kind gets a class of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from archdsl.emit.torch.constructor import class_of
from archdsl.emit.torch.lower import Draft, Drafted, Lowering, layers_by_choice
from archdsl.emit.torch.program import Class, Function, Program
from archdsl.emit.torch.residuals import optional_role
from archdsl.emit.torch.solve import Rejected
from archdsl.emit.torch.stretches import Functions, folded
from archdsl.graph.module import Module, StepRole

_INDICES = ("i", "j", "k", "m", "n")
_FEW = 8


def merged(root: Module, name: str, taken: Iterable[str], *, apart: bool = False) -> Program:
    """The classes of a network that was elaborated with traces; that of the network itself is called `name`.

    taken: names that no class can have. apart: whether each module gets a class of its own.
    """
    return _Merging(root, name, {name, *taken}, apart=apart).program()


class _Merging:
    def __init__(self, root: Module, name: str, taken: set[str], *, apart: bool) -> None:
        self.root = root
        self.name = name
        self.apart = apart
        self.taken = taken
        arguments = {each for module in root.distinct() for each in module.arguments}
        self.lowering = Lowering(_indices(arguments))
        self.classes: list[Class] = []
        self.functions: Functions = dict[str, Function]()

    def program(self) -> Program:
        """All classes, those that others use first."""
        waiting = _definitions(self.root)
        while waiting:
            ready = next((group for group in waiting if all(map(self._is_ready, group))), None)
            if ready is None:
                # blocks that are given each other: what of one can be made has a class of its own
                whole = next(group for group in waiting if any(map(self._is_ready, group)))
                ready = [module for module in whole if self._is_ready(module)]
                waiting.append([module for module in whole if not self._is_ready(module)])
                waiting.remove(whole)
            else:
                waiting.remove(ready)
            self._add(ready)
        return Program(tuple(self.classes), tuple(self.functions.values()), dict(self.lowering.layered))

    def _is_ready(self, module: Module) -> bool:
        """Whether all modules that a module calls have their classes."""
        waiting = [module]
        while waiting:
            for step in waiting.pop().steps:
                if not isinstance(step.what, Module):
                    continue
                if not step.what.is_named:
                    waiting.append(step.what)
                elif id(step.what) not in self.lowering.of_module:
                    return False
        return True

    # --- classes ------------------------------------------------------------------------------------------------------

    def _add(self, modules: list[Module]) -> None:
        """The classes of a block."""
        if modules[0] is self.root:
            draft = self._folded(self.lowering.draft(self.root))
            self._keep(class_of([draft], StepRole.NONE, self.lowering), self.name, modules)
            return
        if self.apart:
            parts = [[module] for module in modules]
        else:
            self.lowering.layered |= dict.fromkeys(map(id, modules), layers_by_choice(modules))
            parts = self._parted(modules)
        base = camel(modules[0].name)
        order = {id(module): index for index, module in enumerate(modules)}
        for part in sorted(parts, key=lambda part: (-len(part), order[id(part[0])])):
            suffix = _telling(part, parts) if len(parts) > 1 else ""
            optional = optional_role(part)
            drafts = [self.lowering.draft(module, optional) for module in part]
            self._keep(class_of(drafts, optional, self.lowering), self._free(base + suffix), part)

    def _keep(self, made: Class, name: str, modules: list[Module]) -> None:
        made = replace(made, name=name)
        self.classes.append(made)
        for module in modules:
            self.lowering.of_module[id(module)] = made

    def _folded(self, draft: Draft) -> Draft:
        """The draft of the network with its stretches as calls of functions."""
        fields: list[Drafted] = []
        for each in draft.fields:
            assert each.node is not None
            node, self.functions = folded(each.node, self.functions, self.taken | {*draft.module.arguments})
            fields.append(replace(each, node=node))
        return replace(draft, fields=tuple(fields))

    def _parted(self, modules: list[Module]) -> list[list[Module]]:
        """The modules by class."""
        waiting, parts = [modules], list[list[Module]]()
        while waiting:
            part = waiting.pop(0)
            try:
                self._unified(part)
            except Rejected as rejected:
                waiting += _by_kind(part, rejected)
            else:
                parts.append(part)
        return self._joined(parts, modules) if 2 < len(parts) <= _FEW else parts

    def _joined(self, parts: list[list[Module]], modules: list[Module]) -> list[list[Module]]:
        """Parts of which some were told apart only because of others: these together, where their class needs no
        argument that none of them needs alone."""
        order = {id(module): index for index, module in enumerate(modules)}
        made: list[list[Module]] = []
        for part in parts:
            for index, other in enumerate(made):
                both = sorted((*other, *part), key=lambda each: order[id(each)])
                if self._needed(both) <= self._needed(part) | self._needed(other):
                    made[index] = both
                    break
            else:
                made.append(part)
        return made

    def _needed(self, modules: list[Module]) -> set[str]:
        """The arguments of the class of some modules; an empty name where there is no such class."""
        try:
            return {each.name for each in self._unified(modules).parameters}
        except Rejected:
            return {""}

    def _unified(self, modules: list[Module]) -> Class:
        """The class of some modules; Rejected where they need several."""
        optional = optional_role(modules)
        drafts = [self.lowering.draft(module, optional) for module in modules]
        if len({draft.frame for draft in drafts}) > 1:
            raise Rejected(modules, [draft.frame for draft in drafts])
        if len({draft.forward for draft in drafts if draft.without}) > 1:
            raise Rejected(modules, [draft.forward for draft in drafts])
        return class_of(drafts, optional, self.lowering)

    def _free(self, name: str) -> str:
        wanted, number = name, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}{number}"
        self.taken.add(name)
        return name


# --- modules by definition --------------------------------------------------------------------------------------------


def _indices(taken: set[str]) -> tuple[str, ...]:
    """Names that loops count with, the outermost first, none of which a block has as a parameter."""
    letters = [] if _INDICES[0] in taken else [each for each in _INDICES if each not in taken]
    words = ("index", *(f"index{number}" for number in range(2, 64)))
    return (*letters, *(each for each in words if each not in taken))


def _by_kind(modules: list[Module], rejected: Rejected) -> list[list[Module]]:
    """The modules by what tells them apart, each by itself where nothing does."""
    parts: dict[object, list[Module]] = {}
    for module in modules:
        parts.setdefault(rejected.kinds.get(id(module)), []).append(module)
    return list(parts.values()) if len(parts) > 1 else [[module] for module in modules]


def _definitions(root: Module) -> list[list[Module]]:
    """The named modules of a network by definition, those that others use first; those of one in the order of the
    text."""
    groups: dict[tuple[int, int, str], list[Module]] = {}
    for module in root.distinct():
        if module.is_named:
            groups.setdefault((id(module.place.source), module.place.span.start, module.name), []).append(module)
    order = _first_uses(root)
    return [sorted(group, key=lambda each: order[id(each)]) for group in groups.values()]


def _first_uses(root: Module) -> dict[int, int]:
    """How many modules are used before each, by its identity."""
    order: dict[int, int] = {}
    waiting = [root]
    while waiting:
        module = waiting.pop()
        if id(module) not in order:
            order[id(module)] = len(order)
            waiting += [step.what for step in reversed(module.steps) if isinstance(step.what, Module)]
    return order


def camel(name: str) -> str:
    """A class name for a name of the language: `dense_layer` makes `DenseLayer`."""
    made = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]", name)) or "Block"
    return made if made[0].isalpha() else f"Net{made}"


def _telling(part: list[Module], parts: list[list[Module]]) -> str:
    """What sets this class apart from the others of its block, as the end of a name: an argument that all its modules
    have and no other has."""
    others = [module.arguments for each in parts if each is not part for module in each]
    for name, value in part[0].arguments.items():
        if all(each.arguments.get(name) == value for each in part) and all(
            other.get(name) != value for other in others
        ):
            if isinstance(value, bool):
                return f"With{camel(name)}" if value else f"Without{camel(name)}"
            if isinstance(value, int):
                return f"{camel(name)}{int(value)}"
            if isinstance(value, str):
                return camel(value)
    return ""
