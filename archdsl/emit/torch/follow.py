"""`forward` of an emitted class, followed with symbols for its tensors: what it calls and what it gives back."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from archdsl.base.records import record
from archdsl.emit.torch.parts import Part, at
from archdsl.emit.torch.terms import Terms, member, previous
from archdsl.emit.torch.unreadable import Unreadable

_SIGNS: Mapping[type[ast.AST], str] = {ast.Add: "+", ast.Mult: "*", ast.Eq: "=="}


@record(slots=True)
class _Child:
    """A child as `forward` has it: its path, and what it is, if that is known."""

    path: int
    part: Part | None = None


@record(slots=True)
class _Stretch:
    """Some of the layers of a list, from a position to before another; to the end if `stop` is None."""

    path: int
    start: int
    stop: int
    part: Part | None = None


@record(slots=True)
class _Many:
    """Tensors that a module gives back together."""

    tensors: tuple[int, ...]


class Forwards:
    """Follows the `forward` of each class for each kind of instance that there is of it, once."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._followed: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def module(
        self, node: ast.FunctionDef, children: Mapping[str, Part], parameters: Mapping[str, int], flags: dict[str, bool]
    ) -> Part:
        """A module of a class with this `forward`: its tensors, its children, what it calls and what it gives back."""
        kinds = tuple((name, _kind(each)) for name, each in children.items())
        key = (id(node), kinds, tuple(parameters), tuple(flags.items()))
        if key not in self._followed:
            rest = _Follower(self.terms, node, children, parameters, flags, training=False)
            training = _Follower(self.terms, node, children, parameters, flags, training=True)
            followed = (*rest.followed(), *training.followed())
            self._followed[key] = (*followed, rest.called | training.called)
        at_rest, calls, in_training, training_calls, called = self._followed[key]
        # a layer without numbers that is never called is nothing: a class has it for other instances
        held = tuple(
            (name, each.term)
            for name, each in children.items()
            if not each.is_identity and (name in called or not each.is_stateless)
        )
        learned = tuple(parameters.items())
        inputs = len(node.args.args) - 1
        term = self.terms.of("module", learned, held, inputs, at_rest, calls, in_training, training_calls)
        return Part(term, outputs=(len(at_rest), len(in_training)))


def _kind(part: Part) -> object:
    """What `forward` can tell of a part: of a list also what its members are."""
    told = (part.is_identity, part.overwrites, part.is_fresh, part.outputs)
    return (*told, part.term) if part.is_list else told


class _Follower:
    def __init__(
        self,
        terms: Terms,
        node: ast.FunctionDef,
        children: Mapping[str, Part],
        parameters: Mapping[str, int],
        flags: Mapping[str, bool],
        *,
        training: bool,
    ) -> None:
        self.terms = terms
        self.node = node
        self.children = children
        self.parameters = parameters
        self.flags = {**flags, "training": training}
        self.training = training
        self.env: dict[str, Any] = {each.arg: terms.of("input", index) for index, each in enumerate(node.args.args[1:])}
        self.calls: list[int] = []
        self.uses: Counter[int] = Counter()
        self.overwritten: list[int] = []
        self.fresh: set[int] = set()
        self.called: set[str] = set()
        self.depth = 0  # of loops

    def followed(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What it gives back, and which layers and modules it calls on what, in any order."""
        returned = self._lines(self.node.body)
        if returned is None:
            raise Unreadable("forward without a return")
        outputs = returned.tensors if isinstance(returned, _Many) else (self._tensor(returned),)
        self.uses.update(outputs)
        for each in self.overwritten:
            if self.uses[each] > 1 or each not in self.fresh:
                raise Unreadable("a layer overwrites a tensor that others need")
        return outputs, tuple(sorted(self.calls))

    # --- statements ---------------------------------------------------------------------------------------------------

    def _lines(self, lines: Sequence[ast.stmt]) -> Any:
        """What a return among some lines gives back; None if there is none."""
        for line in lines:
            if (returned := self._line(line)) is not None:
                return returned
        return None

    def _line(self, node: ast.stmt) -> Any:
        match node:
            case ast.Return(ast.Tuple([_, _, *_] as items)):
                return _Many(tuple(self._tensor(self._value(each)) for each in items))
            case ast.Return(ast.expr() as value):
                return self._value(value)
            case ast.Assign([target], value):
                self._assign(target, self._value(value))
            case ast.AnnAssign(ast.Name(name), _, ast.List([])):
                self.env[name] = []
            case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append"), [value], [])) if isinstance(
                self.env.get(name), list
            ):
                cast("list[int]", self.env[name]).append(self._tensor(self._value(value)))
            case ast.If(test, body, orelse):
                return self._lines(body if self._flag(test) else orelse)
            case ast.Expr(ast.Call() as call):
                self._value(call)
            case ast.For(ast.Name(name), over, body, []):
                self._loop(name, self._stretch(over), body)
            case _:
                raise Unreadable(ast.unparse(node))
        return None

    def _assign(self, target: ast.expr, value: Any) -> None:
        match target:
            case ast.Name(name):
                self.env[name] = value
            case ast.Tuple(items):
                if isinstance(value, _Many):
                    if len(value.tensors) != len(items):
                        raise Unreadable(f"{len(items)} names for {len(value.tensors)} tensors")
                    parts: Sequence[int] = value.tensors
                else:
                    parts = [self.terms.port(value, index, len(items)) for index in range(len(items))]
                for item, part in zip(items, parts, strict=True):
                    self._assign(item, part)
            case _:
                raise Unreadable(ast.unparse(target))

    def _loop(self, name: str, over: _Stretch, body: Sequence[ast.stmt]) -> None:
        """A loop that takes a tensor through the layers of a list."""
        target = _target_of(body)
        x = self._tensor(self._value(ast.Name(target)))
        if over.part is None:
            # a class that is a list itself: its layers are those of any class
            for position in range(over.start, over.stop):
                self.env[name] = self._attribute(list(self.children)[position])
                self._run(body)
            del self.env[name]
            return
        outside = dict(self.env)
        first = at(over.part.members, over.start)
        layer = _Child(member(self.terms, self.depth), first if first and first.is_list else None)
        self.env |= {target: previous(self.terms, self.depth), name: layer}
        calls = len(self.calls)
        self.depth += 1
        self._run(body)
        self.depth -= 1
        made = self._tensor(self.env[target])
        # what comes out of a loop says which calls there are in it
        del self.calls[calls:]
        self.env = {**outside, target: self.terms.through(over.path, over.start, over.stop, x, made)}

    def _run(self, body: Sequence[ast.stmt]) -> None:
        """The lines of one round of a loop."""
        for line in body:
            match line:
                case ast.Assign([target], value):
                    self._assign(target, self._value(value))
                case ast.For(ast.Name(name), over, lines, []):
                    self._loop(name, self._stretch(over), lines)
                case ast.Assert(ast.Call(ast.Name("isinstance"))):
                    # says of a member that it is a list, which its use says too
                    continue
                case _:
                    raise Unreadable(ast.unparse(line))

    def _stretch(self, node: ast.expr) -> _Stretch:
        match node:
            case ast.Name("self"):
                return _Stretch(self.terms.of("self"), 0, len(self.children))
            case ast.Subscript(whole, ast.Slice(ast.Constant(int() as start), ast.Constant(int() as stop), None)):
                held = self._stretch(whole)
                # torch makes a list of a part of a list, which a class of its own cannot make, and views have no parts
                is_sliced = ast.unparse(whole) != "self" and not ast.unparse(whole).endswith(".values()")
                if not is_sliced or not start < stop <= held.stop:
                    raise Unreadable(ast.unparse(node))
                return _Stretch(held.path, start, stop, held.part)
            case ast.Call(ast.Name("list"), [values], []):
                return self._stretch(values)
            case ast.Call(ast.Attribute(whole, "values"), [], []):
                return self._stretch(whole)
            case _:
                child = self._value(node)
                if not isinstance(child, _Child) or child.part is None:
                    raise Unreadable(ast.unparse(node))
                return _Stretch(child.path, 0, child.part.length, child.part)

    # --- expressions --------------------------------------------------------------------------------------------------

    def _flag(self, node: ast.expr) -> bool:
        match node:
            case ast.Attribute(ast.Name("self"), name) if name in self.flags:
                return self.flags[name]
            case ast.UnaryOp(ast.Not(), operand):
                return not self._flag(operand)
            case _:
                raise Unreadable(ast.unparse(node))

    def _tensor(self, value: Any) -> int:
        if not isinstance(value, int):
            raise Unreadable(f"{type(value).__name__} where a tensor is wanted")
        return value

    def _operand(self, node: ast.expr) -> int:
        """A tensor, number or word that a call or operation takes."""
        value = self._value(node)
        term = self._tensor(value)
        self.uses[term] += 1
        return term

    def _value(self, node: ast.expr) -> Any:
        terms = self.terms
        match node:
            case ast.Name("self"):
                return _Child(terms.of("self"))
            case ast.Name(name):
                if name not in self.env:
                    raise Unreadable(f"{name} is not set")
                return self.env[name]
            case ast.Constant(value):
                return terms.of("constant", "..." if value is ... else terms.value(value))
            case ast.UnaryOp(ast.USub(), ast.Constant(value)):
                return terms.of("constant", terms.value(-cast("Any", value)))
            case ast.Tuple(items) | ast.List(items):
                kind = "tuple" if isinstance(node, ast.Tuple) else "list"
                return terms.of(kind, *map(self._operand, items))
            case ast.Attribute(ast.Name("self"), name):
                return self._attribute(name)
            case ast.Attribute(value, "shape"):
                return terms.of("shape", self._tensor(self._value(value)))
            case ast.Attribute(ast.Attribute(ast.Name("self"), layer), name):
                return terms.of("attribute", f"{layer}.{name}")
            case ast.Call(ast.Name("getattr"), [ast.Name("self"), ast.Constant(str() as name)], []):
                return self._attribute(name)
            case ast.Call():
                return self._call(node)
            case ast.BinOp(left, sign, right) | ast.Compare(left, [sign], [right]) if type(sign) in _SIGNS:
                made = terms.apply(_SIGNS[type(sign)], self._operand(left), self._operand(right))
                self.fresh.add(made)
                return made
            case ast.IfExp(test, body, orelse):
                return self._value(body if self._flag(test) else orelse)
            case ast.Subscript(ast.Name(name), ast.Constant(int() as index)) if isinstance(self.env.get(name), list):
                return self.env[name][index]
            case ast.Subscript(whole, index):
                return self._subscript(self._value(whole), index)
            case _:
                raise Unreadable(ast.unparse(node))

    def _attribute(self, name: str) -> Any:
        if name in self.children:
            self.called.add(name)
            return _Child(self.terms.of("child", name), self.children[name])
        if name in self.parameters:
            return self.terms.of("attribute", name)
        raise Unreadable(f"self.{name} is not set")

    def _subscript(self, value: Any, index: ast.expr) -> Any:
        terms = self.terms
        match value, index:
            case _Child(path), ast.Constant(int() as position) if terms.keys[path] == ("self",):
                return self._attribute(list(self.children)[position])
            case _Child(path), ast.Constant(str() as name) if terms.keys[path] == ("self",):
                return self._attribute(name)
            case _Child(path, Part() as part), ast.Constant(int() as position) if position < part.length:
                return _Stretch(path, position, position + 1, part)
            case _Child(path, Part() as part), ast.Constant(str() as name):
                position = part.names[name] if name in part.names else int(name) if name.isdigit() else part.length
                if position < part.length:
                    return _Stretch(path, position, position + 1, part)
                raise Unreadable(f"no layer {name}")
            case int(), _:
                self.uses[value] += 1
                parts = index.elts if isinstance(index, ast.Tuple) else [index]
                return terms.of("part", value, *map(self._position, parts))
            case _:
                raise Unreadable(ast.unparse(index))

    def _position(self, node: ast.expr) -> object:
        if isinstance(node, ast.Slice):
            if node.step is not None:
                raise Unreadable(ast.unparse(node))
            ends = [None if end is None else self._value(end) for end in (node.lower, node.upper)]
            return ("slice", *ends)
        return self._value(node)

    def _call(self, node: ast.Call) -> Any:
        terms = self.terms
        match node.func:
            case ast.Attribute(value, name) if not self._is_child(node.func) and not _is_module(node.func):
                return self._method(self._operand(value), name, node)
            case ast.Attribute() if _is_module(node.func):
                args, kwargs = self._arguments(node)
                made = terms.of("function", ast.unparse(node.func), args, kwargs)
                self.fresh |= {made} if ast.unparse(node.func) in terms.overwritable else set()
                return made
            case _:
                return self._child_call(self._value(node.func), node)

    def _is_child(self, node: ast.Attribute) -> bool:
        match node:
            case ast.Attribute(ast.Name("self"), name):
                return name in self.children
            case _:
                return False

    def _method(self, value: int, name: str, node: ast.Call) -> int:
        args, kwargs = self._arguments(node)
        keys = self.terms.keys
        if name == "expand" and not kwargs and keys[value][0] == "attribute":
            first, *others = args
            sizes = tuple(keys[each] for each in others)
            is_batch = keys[first][0] == "part" and keys[first][2:] == (self.terms.of("constant", 0),)
            if is_batch and set(sizes) <= {("constant", -1)}:
                return self.terms.of("expand", value, keys[first][1], len(sizes))
        return self.terms.of("method", name, value, args, kwargs)

    def _arguments(self, node: ast.Call) -> tuple[tuple[int, ...], tuple[tuple[str, int], ...]]:
        args = tuple(map(self._operand, node.args))
        return args, tuple(sorted((str(each.arg), self._operand(each.value)) for each in node.keywords))

    def _child_call(self, child: Any, node: ast.Call) -> Any:
        terms = self.terms
        args, kwargs = self._arguments(node)
        if isinstance(child, _Stretch):
            x, *others = args
            body = terms.of("call", member(terms, self.depth), (previous(terms, self.depth), *others), kwargs)
            return terms.through(child.path, child.start, child.stop, x, body)
        if not isinstance(child, _Child):
            raise Unreadable(f"{ast.unparse(node.func)} is called")
        part = child.part
        if part is not None and part.is_identity:
            (x,) = args
            if kwargs:
                raise Unreadable(ast.unparse(node))
            self.uses[x] -= 1
            return x
        made = terms.of("call", child.path, args, kwargs)
        self.calls.append(made)
        if part is not None and part.overwrites:
            self.overwritten.append(args[0])
        if part is not None and part.is_fresh:
            self.fresh.add(made)
        many = part.outputs[self.training] if part is not None and part.outputs else 1
        return _Many(tuple(terms.port(made, index, many) for index in range(many))) if many > 1 else made


def _is_module(node: ast.Attribute) -> bool:
    """Whether a name is one of torch's, such as `torch.cat` or `nn.functional.interpolate`."""
    value: ast.expr = node
    while isinstance(value, ast.Attribute):
        value = value.value
    return isinstance(value, ast.Name) and value.id in {"torch", "nn"}


def _target_of(lines: Sequence[ast.stmt]) -> str:
    """The tensor that goes through the innermost of some loops."""
    match lines[-1]:
        case ast.Assign([ast.Name(name)], _):
            return name
        case ast.For(_, _, body):
            return _target_of(body)
        case _:
            raise Unreadable(ast.unparse(lines[-1]))
