"""Whether an emitted file builds and computes what its network says, checked each time that a file is made.

The hierarchy says what must be built, each distinct module looked at once; the file is read back by `instantiate`,
which shares nothing with what wrote it. Both come out in one normal form (`terms`), and the file is right if they are
equal: the names, kinds, arguments and order of all layers, the tensors of each class, what `forward` calls on what, and
what it gives back, in evaluation and in training.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, assert_never, cast

from archdsl.emit.torch.calls import call_of, operator_call
from archdsl.emit.torch.instantiate import Program
from archdsl.emit.torch.surroundings import INITIALISATION, MODULES, require_surroundings
from archdsl.emit.torch.terms import Row, Terms, member, previous
from archdsl.emit.torch.unreadable import Unreadable
from archdsl.facts.memory import is_list
from archdsl.graph.module import INPUT, Init, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.torchcall import ALL, INFIX, Apply, Grid, Layer, Learned, Passed, Slot, Weight

Layered = Mapping[int, frozenset[str]]
"""The steps of a module, by its identity, that are layers although `forward` could write an expression for them."""


class Miscompiled(Exception):
    """A file that is not what its network says: a fault of the emitter, and no file for a user. The message says where
    it differs."""


def validate(root: Module, traced: Module, code: str, name: str, layered: Layered) -> None:
    """Miscompiled where the class `name` of a file is not the network `root`.

    traced: the same network as the emitter had it, whose modules are the keys of `layered`.
    """
    terms = Terms()
    if _structure(root, terms) != _structure(traced, terms):
        raise Miscompiled("it was worked out in another way with traces")
    meant = Meaning(terms, layered)
    wanted = meant.of(traced)
    try:
        tree = ast.parse(code)
        require_surroundings(tree, [*map(_copied, sorted(set(meant.copied.values()))), *_initialisation(root)])
        program = Program(tree, terms, frozenset(meant.copied))
        made = program.part(name).term
    except Unreadable as error:
        raise Miscompiled(str(error)) from error
    except (TypeError, ValueError, LookupError, ArithmeticError, SyntaxError, RecursionError) as error:
        # what Python itself would say of such a file
        raise Miscompiled(f"{type(error).__name__}: {error}") from error
    if program.initialising != ({name} if _initialisation(root) else set()):
        raise Miscompiled("how its weights start")
    if made != wanted:
        raise Miscompiled(_difference(terms, wanted, made, name))


def _copied(file: str) -> Path:
    return MODULES / f"{file}.py"


def _initialisation(root: Module) -> list[Path]:
    """The file with the function that gives the weights of a network their first values, if it is not torch's way."""
    return [] if root.init is Init.DEFAULT else [INITIALISATION / f"{root.init}.py"]


def _structure(root: Module, terms: Terms) -> int:
    """What a network is, operators as they are, in normal form: rows may be written out or not."""
    of: dict[int, int] = {}
    rows: dict[int, Row] = {}
    for module in root.distinct():
        if module.indexed:
            row = Row()
            for step in module.steps:
                if isinstance(step.what, Module) and step.what.transparent:
                    body = rows[id(step.what)]
                else:
                    body = Row.of(terms.of(step.name, _operator(step, of), _sources(step)))
                row = row.then(body.times(int(step.count)) if step.count > 1 else body)
            rows[id(module)] = row
            of[id(module)] = terms.of("row", row.length, row.digest)
        else:
            steps = tuple([(step.name, _operator(step, of), step.inputs, step.shared) for step in module.steps])
            of[id(module)] = terms.of("steps", steps, module.outputs, module.train_outputs, module.init)
    return of[id(root)]


def _operator(step: Step, of: dict[int, int]) -> object:
    if isinstance(step.what, Module):
        return of[id(step.what)]
    shapes = tuple([tuple(map(int, kind.shape)) for kind in step.input_types])
    return type(step.what), tuple(map(_plain, vars(step.what).values())), shapes


def _plain(value: Any) -> object:
    """An argument without its trace or formula; comparing one that has a formula would be remembered as a condition."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if not isinstance(value, tuple):
        return value
    items = tuple(map(_plain, cast("tuple[Any, ...]", value)))
    # numbers that are equal by chance stay apart where they have formulas
    return items[0] if len(items) > 1 and len(set(map(repr, items))) == 1 else items


def _sources(step: Step) -> tuple[int, ...]:
    """Which of the tensors around a row one of its layers takes besides the one that goes through."""
    return tuple([wire.port for wire in step.inputs[1:]])


class Meaning:
    """What must be built for each distinct module, in normal form.

    layered: the steps that are layers although `forward` could write an expression. copied: the classes met whose
    source comes from elsewhere, each with its file.
    """

    def __init__(self, terms: Terms, layered: Layered | None = None) -> None:
        self.terms = terms
        self.layered = layered or {}
        self.copied: dict[str, str] = {}
        self._of: dict[int, int] = {}
        self._rows: dict[int, Row] = {}

    def of(self, root: Module) -> int:
        """The term of a network."""
        for module in root.distinct():
            self.terms.overwriting.update(_overwriting(module))
            self.terms.overwritable.update(_overwritable(module))
            if not module.indexed:
                self._of[id(module)] = self._module(module)
            elif module.is_named and module.is_list:
                self._of[id(module)] = self._list(module)
            else:
                self._rows[id(module)] = self._row(module)
        return self._part(root)

    def _part(self, module: Module, kind: str = "row") -> int:
        return self._of[id(module)] if id(module) in self._of else self.terms.row(kind, self._rows[id(module)])

    def _inner(self, step: Step) -> int:
        assert isinstance(step.what, Module)
        return self._part(step.what, "list" if is_list(step) else "row")

    # --- what is built ------------------------------------------------------------------------------------------------

    def _row(self, module: Module) -> Row:
        row = Row()
        for step in module.steps:
            if isinstance(step.what, Module) and step.what.transparent:
                body = self._rows[id(step.what)]
            else:
                name = "" if step.name == str(row.length) else step.name
                body = Row.of(self.terms.of("member", name, self._member(step)))
            row = row.then(body.times(int(step.count)) if step.count > 1 else body)
        return row

    def _list(self, module: Module) -> int:
        """A block that is a row whose layers take other tensors: its `forward` calls them one by one."""
        terms, x = self.terms, self.terms.of("input", 0)
        others = tuple(terms.of("input", port) for port in range(len(module.inputs)))
        children: list[tuple[str, int]] = []
        calls: list[int] = []
        for step, name in _written_out(module):
            match call_of(step):
                case Layer(target="nn.Identity"):
                    continue
                case _:
                    pass
            if is_list(step):
                assert isinstance(step.what, Module)
                children.append((name, self._inner(step)))
                taken = tuple([others[wire.port] for wire in step.inputs[1:]])
                x = self._through(step.what, terms.of("child", name), x, taken, 0)
                continue
            children.append((name, self._member(step)))
            given = (x, *(others[wire.port] for wire in step.inputs[1:]))
            x = terms.of("call", terms.of("child", name), *self._row_arguments(step, given))
            calls.append(x)
        at_rest = ((x,), tuple(sorted(calls)))
        return terms.of("module", (), tuple(children), len(module.inputs), *at_rest, *at_rest)

    def _member(self, step: Step) -> int:
        """What stands for a step in a row, which holds modules only."""
        if isinstance(step.what, Module):
            return self._inner(step)
        call = call_of(step)
        layer = (call.row or call) if isinstance(call, Layer) else call.layer if isinstance(call, Apply) else None
        if layer is None:
            raise Miscompiled(f"{step.what.word} in a row")
        return self._layer(layer)

    def _layer(self, layer: Layer) -> int:
        if layer.copied:
            self.copied[layer.target] = layer.copied
        if layer.target == "nn.Sequential":
            row = Row()
            for each in layer.args:
                row = row.then(Row.of(self.terms.of("member", "", self._layer(each))))
            return self.terms.row("row", row)
        for name, option in layer.options:
            self.terms.defaults.setdefault((layer.target, name), self.terms.value(option.default))
        args = [("part", self._layer(each)) if isinstance(each, Layer) else each for each in layer.args]
        return self.terms.layer(layer.target, args, dict(layer.kwargs))

    def _module(self, module: Module) -> int:
        terms, layered = self.terms, self.layered.get(id(module), frozenset())
        learned: list[tuple[str, int]] = []
        children: list[tuple[str, int]] = []
        for _, step in module.owned_with_index():
            match step.what:
                case Module():
                    children.append((step.name, self._inner(step)))
                case Operator():
                    call = call_of(step)
                    if isinstance(call, Learned):
                        shape, fill = tuple(map(int, call.shape)), terms.value(float(call.fill))
                        learned.append((step.name, terms.of("learned", shape, fill, float(call.deviation))))
                    elif isinstance(call, Layer) and call.target != "nn.Identity":
                        children.append((step.name, self._layer(call)))
                        if not step.facts.weights and not step.what.buffers(step.what.operand(step.input_types)):
                            terms.stateless.add(call.target)
                    elif isinstance(call, Apply) and step.name in layered and call.layer:
                        children.append((step.name, self._layer(call.layer)))
        at_rest = self._followed(module, layered, training=False)
        is_same = not module.train_outputs and not any(_gives_more(step) for step in module.steps)
        in_training = at_rest if is_same else self._followed(module, layered, training=True)
        return terms.of("module", tuple(learned), tuple(children), len(module.inputs), *at_rest, *in_training)

    # --- what is computed ---------------------------------------------------------------------------------------------

    def _followed(
        self, module: Module, layered: frozenset[str], *, training: bool
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What a module gives back, and what it calls on what."""
        tensors = {Wire(INPUT, port): self.terms.of("input", port) for port in range(len(module.inputs))}
        calls: list[int] = []
        for index, step in enumerate(module.steps):
            if index in module.train_only and not training:
                continue
            given = tuple([tensors[wire] for wire in step.inputs])
            if is_list(step):
                assert isinstance(step.what, Module)
                made = (self._through(step.what, self.terms.of("child", step.name), given[0], given[1:], 0),)
            else:
                made = self._called(step, given, calls, training=training, is_layer=step.name in layered)
            tensors |= {Wire(index, port): term for port, term in enumerate(made)}
        count = len(module.outputs) - (0 if training else module.train_outputs)
        return tuple(tensors[wire] for wire in module.outputs[:count]), tuple(sorted(calls))

    def _called(
        self, step: Step, given: tuple[int, ...], calls: list[int], *, training: bool, is_layer: bool
    ) -> tuple[int, ...]:
        """What comes out of a step. Calls of layers and modules are added to `calls`."""
        terms = self.terms
        if isinstance(step.what, Module):
            made = terms.of("call", terms.of("child", step.name), given, ())
            calls.append(made)
            many = len(step.outputs) - (0 if training else step.what.train_outputs)
            return tuple(terms.port(made, port, many) for port in range(many)) if many > 1 else (made,)
        call = operator_call(step)
        match call:
            case Learned(function, shape):
                held = terms.of("attribute", step.name)
                if function in INFIX:
                    return (terms.apply(function, held, *given),)
                return (terms.of("expand", held, terms.of("shape", given[0]), len(shape) - 1),)
            case Apply():
                if is_layer:
                    made = terms.of("call", terms.of("child", step.name), given, ())
                    calls.append(made)
                else:
                    made = self._applied(call, given)
            case Layer(target="nn.Identity"):
                return given
            case Layer():
                made = terms.of("call", terms.of("child", step.name), *self._taken(call, given))
                calls.append(made)
                if call.gives:
                    return self._given(call.gives, made, len(step.outputs))
            case _:
                assert_never(call)
        ports = range(len(step.outputs))
        return tuple(terms.port(made, port, len(ports)) for port in ports) if len(ports) > 1 else (made,)

    def _taken(self, call: Layer, given: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[str, int], ...]]:
        """The arguments of a layer's call."""
        if not call.takes:
            return given, ()
        named = sorted((each.name, given[each.slot.index]) for each in call.takes if isinstance(each, Passed))
        plain = (self._argument(each, given) for each in call.takes if not isinstance(each, Passed))
        return tuple(plain), tuple(named)

    def _given(self, pattern: tuple[Any, ...], made: int, count: int) -> tuple[int, ...]:
        """The tensors of an operator, by what its layer gives."""
        found: dict[int, int] = {}
        waiting: list[tuple[int, tuple[Any, ...]]] = [(made, pattern)]
        while waiting:
            whole, parts = waiting.pop()
            for position, each in enumerate(parts):
                port = self.terms.port(whole, position, len(parts))
                if isinstance(each, tuple):
                    waiting.append((port, cast("tuple[Any, ...]", each)))
                elif isinstance(each, Slot):
                    found[each.index] = port
        return tuple(found[index] for index in range(count))

    def _argument(self, value: Any, given: tuple[int, ...]) -> int:
        if isinstance(value, tuple):
            return self.terms.of("tuple", *(self._argument(each, given) for each in cast("tuple[Any, ...]", value)))
        return given[cast("Slot", value).index]

    def _row_arguments(self, step: Step, given: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[tuple[str, int], ...]]:
        """The arguments of the call of a member of a row."""
        call = call_of(step)
        return self._taken(call, given) if isinstance(call, Layer) else (given, ())

    def _through(self, row: Module, path: int, x: int, others: tuple[int, ...], depth: int) -> int:
        """A tensor after a row of layers that take others besides, or what came into the row."""
        terms, position, entry = self.terms, 0, x
        before, each = previous(terms, depth), member(terms, depth)
        for step in row.steps:
            taken = tuple([(entry, *others)[wire.port] for wire in step.inputs[1:]])
            if is_list(step):
                assert isinstance(step.what, Module)
                body = self._through(step.what, each, before, taken, depth + 1)
            else:
                body = terms.of("call", each, *self._row_arguments(step, (before, *taken)))
            x = terms.through(path, position, position + step.slots, x, body)
            position += step.slots
        return x

    def _applied(self, call: Apply, given: tuple[int, ...]) -> int:
        terms = self.terms

        def term(value: Any) -> int:
            match value:
                case Slot(index):
                    return terms.of("list", *given) if value == ALL else given[index]
                case Grid(index):
                    return terms.of("part", terms.of("shape", given[index]), ("slice", terms.of("constant", 2), None))
                case Weight(path):
                    return terms.of("attribute", path)
                case Apply():
                    return self._applied(value, given)
                case tuple():
                    return terms.of("tuple", *map(term, cast("tuple[Any, ...]", value)))
                case _:
                    return terms.of("constant", terms.value(value))

        def position(value: Any) -> object:
            if isinstance(value, slice):
                ends = cast("slice[Any, Any, Any]", value)
                return ("slice", *(None if end is None else term(end) for end in (ends.start, ends.stop)))
            return terms.of("constant", "..." if value is ... else terms.value(value))

        if call.function == "[]":
            whole, *parts = call.args
            return terms.of("part", term(whole), *map(position, parts))
        if call.function in INFIX:
            return terms.apply(call.function, *(given if call.args == (ALL,) else map(term, call.args)))
        kwargs = tuple(sorted((name, term(value)) for name, value in call.kwargs))
        if call.function.startswith("."):
            first, *args = map(term, call.args)
            return terms.of("method", call.function[1:], first, tuple(args), kwargs)
        return terms.of("function", call.function, tuple(map(term, call.args)), kwargs)


def _overwriting(module: Module) -> Iterator[str]:
    """The classes of layers of a module that can write over what comes in."""
    for step in module.steps:
        if isinstance(step.what, Operator) and step.what.overwrites and isinstance(call := call_of(step), Layer):
            yield call.target


def _overwritable(module: Module) -> Iterator[str]:
    """The classes of layers, and the functions, of a module that give what may be written over."""
    for step in module.steps:
        if isinstance(step.what, Operator) and step.what.overwritable:
            call = operator_call(step)
            match call:
                case Layer(name) | Apply(name):
                    yield name
                case Learned():
                    pass
                case _:
                    assert_never(call)


def _written_out(row: Module) -> Iterator[tuple[Step, str]]:
    """Every member of a row with its name, repeats written out."""
    waiting = [(step, False) for step in reversed(row.steps)]
    position = 0
    while waiting:
        step, is_one = waiting.pop()
        if not is_one:
            waiting += [(step, True)] * int(step.count)
        elif isinstance(step.what, Module) and step.what.transparent:
            waiting += [(inner, False) for inner in reversed(step.what.steps)]
        else:
            yield step, step.name or str(position)
            position += 1


def _gives_more(step: Step) -> bool:
    """Whether a step gives more in training than in evaluation."""
    return isinstance(step.what, Module) and step.what.train_outputs > 0


# --- what is different ------------------------------------------------------------------------------------------------

_MADE_OF_TERMS = frozenset({"call", "port", "list", "tuple", "shape"})
_FIELDS = ("what it is", "its learned tensors", "its layers", "its inputs", "what it gives", "its calls",
           "what it gives in training", "its calls in training")  # fmt: skip


def _difference(terms: Terms, wanted: int, made: int, path: str) -> str:
    """Where a module that was made is not what is wanted: the first part that differs, as deep as it can be told."""
    one, other = terms.keys[wanted], terms.keys[made]
    if one[0] == other[0] == "row" and one[1:3] == other[1:3]:
        pairs = enumerate(zip(terms.first[wanted], terms.first[made], strict=True))
        if found := next(((index, part, other) for index, (part, other) in pairs if part != other), None):
            (_, name, part), (_, other_name, found_there) = terms.keys[found[1]], terms.keys[found[2]]
            if name != other_name:
                return f"{path} has {other_name or found[0]} instead of {name or found[0]}"
            return _difference(terms, part, found_there, f"{path}.{name or found[0]}")
    if one[0] != "module" or other[0] != "module":
        return f"{path} is {_shown(terms, made)} instead of {_shown(terms, wanted)}"
    index = next(index for index, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
    parts, others = one[index], other[index]
    if index in {1, 2} and [name for name, _ in parts] == [name for name, _ in others]:
        pairs = zip(parts, others, strict=True)
        name, part, found = next((name, part, found) for (name, part), (_, found) in pairs if part != found)
        return _difference(terms, part, found, f"{path}.{name}")
    shown = ", ".join(name for name, _ in others) if index in {1, 2} else _shown(terms, others)
    expected = ", ".join(name for name, _ in parts) if index in {1, 2} else _shown(terms, parts)
    return f"{path}: {_FIELDS[index]} differ: {shown} instead of {expected}"


def _shown(terms: Terms, value: Any, depth: int = 3) -> str:
    """A term in words, with what it is made of as deep as `depth`."""
    if isinstance(value, tuple):
        return ", ".join(_shown(terms, each, depth) for each in cast("tuple[Any, ...]", value))
    key: tuple[Any, ...] = terms.keys[cast("int", value)]
    if key[0] not in _MADE_OF_TERMS or not depth:
        return " ".join(map(str, key))
    shown = [_shown(terms, each, depth - 1) if isinstance(each, int) else str(each) for each in key[1:]]
    return f"{key[0]}({', '.join(shown)})"
