"""One class for the modules of a block, or as few as can be.

The drafts of all modules are put together at once: where they agree the class has what they have, where they differ in
a number it has an expression that gives each its own, where they differ in a flag, word or activation it has the
argument that this is. What differs otherwise tells the modules apart, and each kind gets a class of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, cast

from archdsl.base.tensors import TensorType
from archdsl.base.traced import Expression, Traced, dimension_names, progression, python
from archdsl.emit.torch import lower
from archdsl.emit.torch.lower import GATE, Draft, Drafted, Lowering, layers_by_choice, optional_role
from archdsl.emit.torch.program import (
    Argument,
    Call,
    Choice,
    Class,
    Compared,
    Condition,
    Field,
    Formula,
    Function,
    Given,
    Hole,
    Items,
    Joined,
    Keyword,
    Label,
    Literal,
    Node,
    Parameter,
    Program,
    Reference,
    Rows,
    children,
    holes,
    skeleton,
)
from archdsl.emit.torch.solve import Arguments, Rejected
from archdsl.emit.torch.stretches import Functions, folded
from archdsl.graph.chains import DOWNSAMPLE, RESIDUAL, SHORTCUT
from archdsl.graph.module import INPUT, Module, Step
from archdsl.graph.values import Partial, Template

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
            self._keep(self._class([self._folded(self.lowering.draft(self.root))], ""), self.name, modules)
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
            self._keep(self._class(drafts, optional), self._free(base + suffix), part)

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
        return self._class(drafts, optional)

    def _free(self, name: str) -> str:
        wanted, number = name, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}{number}"
        self.taken.add(name)
        return name

    # --- one class ----------------------------------------------------------------------------------------------------

    def _class(self, drafts: list[Draft], optional: str) -> Class:
        modules = [draft.module for draft in drafts]
        arguments = Arguments.of(modules)
        fields = self._fields(drafts, arguments, optional)
        if needed := arguments.used - arguments.values[0].keys() & arguments.known[0].keys():
            # what is an argument after all is written wherever it stands
            arguments = Arguments.of(modules, needed)
            fields = self._fields(drafts, arguments, optional)
        first = next((draft for draft in drafts if draft.without), drafts[0])
        used = _ordered(modules[0], arguments.used)
        parameters = tuple(_parameter(modules, each) for each in used)
        required_first = tuple(sorted(parameters, key=lambda each: each.default is not None))
        return Class("", modules[0], first.base, required_first, fields, first.forward)

    def _fields(self, drafts: list[Draft], arguments: Arguments, optional: str) -> tuple[Field, ...]:
        """What the constructor sets."""
        first = next((draft for draft in drafts if draft.without), drafts[0])
        found = [{each.name: each for each in draft.fields} for draft in drafts]
        made: list[Field] = []
        for each in first.fields:
            having = [index for index, fields in enumerate(found) if _has(fields, each.name)]
            nodes = [cast("Node", found[index][each.name].node) for index in having]
            if each.role == DOWNSAMPLE:
                condition, stride = _projection(drafts, arguments)
                nodes = [_with_stride(node, stride) for node in nodes]
                made.append(Field(each.name, self._node(nodes, arguments.only(having)), condition))
                continue
            given = arguments if len(having) == len(drafts) else arguments.only(having)
            made.append(Field(each.name, self._node(nodes, given)))
        if optional == SHORTCUT and first.without:
            name = lower.free_name(first.module, GATE)
            made.append(Field(name, _agreement([draft.module for draft in drafts], arguments)))
        return tuple(made)

    # --- one expression -----------------------------------------------------------------------------------------------

    def _node(self, nodes: Sequence[Node], given: Arguments) -> Node:
        """One expression for those of all modules; Rejected where there is none."""
        match nodes[0]:
            case Hole(_, steps) if all(isinstance(each, Hole) and _goes_on_as(each, steps) for each in nodes):
                return Formula(_number(cast("Sequence[Hole]", nodes), given))
            case Call() if all(isinstance(each, Call) for each in nodes):
                return self._call(cast("Sequence[Call]", nodes), given)
            case Items(_, is_list) if all(isinstance(each, Items) and each.is_list == is_list for each in nodes):
                return self._items(cast("Sequence[Items]", nodes), given)
            case Label() if len({skeleton(each) for each in nodes}) == 1:
                return _label(cast("Sequence[Label]", nodes), given)
            case Rows() if all(isinstance(each, Rows) for each in nodes):
                return self._rows(cast("Sequence[Rows | None]", nodes), given)
            case Literal() | Reference():
                return nodes[0] if len({skeleton(each) for each in nodes}) == 1 else Argument(given.word(nodes))
            case Formula() | Argument():
                assert all(each == nodes[0] for each in nodes)
                return nodes[0]
            case _:
                raise given.rejected([(type(each), len(children(each))) for each in nodes])

    def _items(self, nodes: Sequence[Items], given: Arguments) -> Node:
        items = self._members([each.items for each in nodes], given)
        texts = [python(each.expression) if isinstance(each, Formula) else "" for each in items]
        if not nodes[0].is_list and (whole := given.whole(texts)):
            return Argument(whole)
        return replace(nodes[0], items=items)

    def _call(self, nodes: Sequence[Call], given: Arguments) -> Node:
        first = nodes[0]
        if len({each.target for each in nodes}) > 1:
            return self._other_calls(nodes, given)
        nodes = _at_rest(nodes)
        words = [tuple(keyword.name for keyword in each.keywords) for each in nodes]
        if len(set(words)) > 1:
            raise given.rejected(words)
        args = self._members([each.args for each in nodes], given)
        keywords = tuple(
            replace(keyword, value=self._node([each.keywords[index].value for each in nodes], given))
            for index, keyword in enumerate(nodes[0].keywords)
        )
        return replace(first, args=args, keywords=keywords, wide=any(each.wide for each in nodes))

    def _other_calls(self, nodes: Sequence[Call], given: Arguments) -> Node:
        """Calls of different classes: of an activation or block that is an argument, or one of two by a condition."""
        if all(map(_is_bare, nodes)):
            try:
                return Call(Argument(given.word([each.target for each in nodes])))
            except Rejected:
                pass
        elif made := self._block_that_is_given(nodes, given):
            return made
        targets = list(dict.fromkeys(each.target for each in nodes))
        if len(targets) == 2 and all(_is_layer(each) for each in targets):
            truths = [each.target == targets[0] for each in nodes]
            condition = given.condition(truths)
            if isinstance(condition, Given):
                parts = [[index for index, truth in enumerate(truths) if truth is wanted] for wanted in (True, False)]
                then, otherwise = (self._node([nodes[i] for i in part], given.only(part)) for part in parts)
                if condition.is_on:
                    return Choice(condition, then, otherwise)
                return Choice(replace(condition, is_on=True), otherwise, then)
        raise given.rejected([each.target for each in nodes])

    def _block_that_is_given(self, nodes: Sequence[Call], given: Arguments) -> Node | None:
        """The call of a class that is an argument: that of a block which the modules are given."""
        targets = [cast("Reference", each.target).name for each in nodes]
        of_class = {each.name: each.module.name for each in self.classes}
        if not all(each in of_class for each in targets):
            return None
        for name in given.modules[0].arguments:
            blocks = [module.arguments.get(name) for module in given.modules]
            if not all(isinstance(each, Template) for each in blocks):
                continue
            chosen = [self.lowering.classes.get((id(module), name)) for module in given.modules]
            fits = all(one in (None, other) for one, other in zip(chosen, targets, strict=True))
            named = (cast("Template", each).definition.name.text for each in blocks)
            if fits and all(of_class[one] == block for one, block in zip(targets, named, strict=True)):
                bare = [replace(each, target=Reference("")) for each in nodes]
                made = cast("Call", self._call(bare, given))
                given.used.add(name)
                for module, target in zip(given.modules, targets, strict=True):
                    self.lowering.classes[(id(module), name)] = target
                return replace(made, target=Argument(name))
        return None

    # --- members of rows ----------------------------------------------------------------------------------------------

    def _members(self, rows: Sequence[tuple[Node, ...]], given: Arguments) -> tuple[Node, ...]:
        """The members of a row or the arguments of a call. A loop that a module does not have runs no time there."""
        pattern = max(rows, key=len)
        aligned = [_aligned(pattern, row) for row in rows]
        if not all(each is not None for each in aligned):
            raise given.rejected([tuple(isinstance(each, Rows) for each in row) for row in rows])
        columns = zip(*(each for each in aligned if each is not None), strict=True)
        return tuple(self._column(column, given) for column in columns)

    def _column(self, column: tuple[Node | None, ...], given: Arguments) -> Node:
        if None not in column:
            return self._node(cast("tuple[Node, ...]", column), given)
        return self._rows(cast("tuple[Rows | None, ...]", column), given)

    def _rows(self, column: Sequence[Rows | None], given: Arguments) -> Node:
        having = [index for index, each in enumerate(column) if each is not None]
        loops = [each for each in column if each is not None]
        if len({(each.index, each.alone) for each in loops}) > 1:
            raise given.rejected([each and (each.index, each.alone) for each in column])
        body = self._members([each.body for each in loops], given.only(having))
        counts = [cast("Hole", each.count).value if each else 0 for each in column]
        return replace(loops[0], body=body, count=Formula(given.number(counts, [each is None for each in column])))


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


def _goes_on_as(node: Hole, steps: tuple[tuple[str, int], ...]) -> bool:
    return [name for name, _ in node.steps] == [name for name, _ in steps]


def _number(holes: Sequence[Hole], given: Arguments) -> Expression:
    """The expression of a number, one for all modules; inside loops it may use their indices."""
    made = given.number([hole.value for hole in holes])
    for position, (index, _) in enumerate(holes[0].steps):
        made = progression(made, given.number([hole.steps[position][1] for hole in holes]), index)
    return made


def _label(labels: Sequence[Label], given: Arguments) -> Label:
    """One label for those of all modules."""
    parts: list[str | Hole | Formula] = []
    for column in zip(*(each.parts for each in labels), strict=True):
        first = column[0]
        parts.append(first if isinstance(first, str) else Formula(_number(cast("Sequence[Hole]", column), given)))
    return Label(tuple(parts))


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


def _has(fields: dict[str, Drafted], name: str) -> bool:
    return name in fields and fields[name].node is not None


# --- what is there under a condition ----------------------------------------------------------------------------------


def _projection(drafts: list[Draft], given: Arguments) -> tuple[Condition | None, Expression]:
    """The condition under which a `residual` projects: its stride is not 1, or its channels change. And its stride."""
    modules = [draft.module for draft in drafts]
    projecting = [any(_has({each.name: each}, DOWNSAMPLE) for each in draft.fields) for draft in drafts]
    ends = [next(step for step in each.steps if step.role == RESIDUAL) for each in modules]
    after = [step.outputs[0].channels for step in ends]
    before = [_before_projection(module, step).channels for module, step in zip(modules, ends, strict=True)]
    strides = [_stride(module) for module in modules]
    stride = given.number(strides, projecting) if len(set(map(int, strides))) > 1 else int(strides[0])
    if all(projecting):
        return None, stride
    one, other = given.number(before, projecting), given.number(after, projecting)
    parts: list[Compared] = []
    if len(set(map(int, strides))) > 1:
        parts.append(Compared(stride, "!=", 1))
    if python(one) != python(other):
        parts.append(Compared(one, "!=", other))
    holds = [
        (len(set(map(int, strides))) > 1 and int(by) != 1) or (python(one) != python(other) and int(a) != int(b))
        for by, a, b in zip(strides, before, after, strict=True)
    ]
    if holds != projecting:
        return _or_else(given, projecting), stride
    return parts[0] if len(parts) == 1 else Joined("or", tuple(parts)), stride


def _or_else(given: Arguments, truths: list[bool]) -> Condition:
    """The condition over the arguments that holds in some modules; Rejected where there is none."""
    condition = given.condition(truths)
    if condition is None:
        raise given.rejected(truths)
    return condition


def _agreement(modules: list[Module], given: Arguments) -> Condition:
    """The condition under which a `residual` without projections has its shortcut: nothing changes the shape."""
    joined = [bool(lower.joins(module)) for module in modules]
    ends = [_end(module) for module in modules]
    starts = [module.inputs[0] for module in modules]
    strides = [
        max((-(-int(was) // int(now)) for was, now in zip(start.grid, end.grid, strict=True)), default=1)
        for start, end in zip(starts, ends, strict=True)
    ]
    before = given.number([each.channels for each in starts], joined)
    after = given.number([each.channels for each in ends], joined)
    parts: list[Compared] = []
    holds = [True] * len(modules)
    if len(set(strides)) > 1:
        by = _found(given, strides)
        if by is None:
            return _or_else(given, joined)
        parts.append(Compared(by, "==", 1))
        holds = [stride == 1 for stride in strides]
    if before != after:
        parts.append(Compared(before, "==", after))
        pairs = zip(holds, starts, ends, strict=True)
        holds = [held and int(start.channels) == int(end.channels) for held, start, end in pairs]
    if holds != joined or not parts:
        return _or_else(given, joined)
    return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))


def _found(given: Arguments, numbers: list[int]) -> Expression | None:
    try:
        return given.number(numbers)
    except Rejected:
        return None


def _end(module: Module) -> TensorType:
    """The type that the body of a `residual` without projections gives."""
    sums = (step for step in module.steps if step.role in {SHORTCUT, lower.ALONE})
    return next(sums).outputs[0]


def _with_stride(node: Node, stride: Expression) -> Node:
    """A projection whose stride is written as the expression that the condition has, not as its value."""
    match node:
        case Call(_, args, keywords):
            named = tuple(
                Keyword(each.name, Hole(Traced(int(each.value.value), stride)), each.default)
                if each.name == "stride" and isinstance(each.value, Hole)
                else each
                for each in keywords
            )
            return replace(node, args=tuple(_with_stride(arg, stride) for arg in args), keywords=named)
        case _:
            return node


def _before_projection(module: Module, end: Step) -> TensorType:
    wire = end.inputs[1]
    if wire.step != INPUT and module.steps[wire.step].role == DOWNSAMPLE:
        return module.steps[wire.step].input_types[0]
    return module.type_of(wire)


def _stride(module: Module) -> int:
    """The stride of the projection, 1 where there is none."""
    for step in module.steps:
        if step.role == DOWNSAMPLE and isinstance(step.what, Module):
            operator = step.what.steps[0].what
            stride = getattr(operator, "stride", 1)
            return stride if isinstance(stride, int) else max(stride)
    return 1


# --- arguments --------------------------------------------------------------------------------------------------------


def _ordered(module: Module, used: set[str]) -> list[str]:
    """Names of constructor arguments in order: sizes of the inputs, then the block's parameters."""
    names: list[str] = []
    for kind, name in zip(module.inputs, ("in", *module.input_names[1:]), strict=True):
        names += sorted(dimension_names(kind, name), key=lambda each: not each.endswith(("channels", "features")))
    names += module.arguments
    needed = {name.partition("[")[0] for name in used}
    return [name for name in dict.fromkeys(names) if name in needed]


def _parameter(modules: list[Module], name: str) -> Parameter:
    default: Any = modules[0].defaults.get(name)
    node = None if default is None or isinstance(default, Template) else lower.value_node(default)
    return Parameter(name, _annotation([module.arguments.get(name) for module in modules]), node)


def _annotation(values: list[Any]) -> str:
    """The type of an argument that has these values."""
    match values[0]:
        case Partial() | Template():
            return "type[nn.Module]"
        case bool():
            return "bool"
        case str():
            return "str"
        case tuple():
            lists = cast("list[tuple[Any, ...]]", values)
            kind = "float" if any(isinstance(each, float) for items in lists for each in items) else "int"
            lengths = {len(items) for items in lists}
            return f"tuple[{', '.join([kind] * lengths.pop())}]" if len(lengths) == 1 else f"tuple[{kind}, ...]"
        case _:
            return "float" if any(isinstance(each, float) for each in values) else "int"


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
