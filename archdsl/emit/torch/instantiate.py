"""What Python would build of an emitted file and what it would compute, worked out from the text of the file alone.

The file is read as a syntax tree and never run, and torch is not needed. A constructor is followed with the arguments
that it is given, once for each distinct set of them; `forward` is followed with symbols for its tensors, for evaluation
and for training. A loop over a billion equal layers is one step, as in the text. Anything that no emitted file has is
`Unreadable`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, cast

from archdsl.base.records import record
from archdsl.emit.torch.expressions import Env, Evaluated, Expressions, dotted, names_in
from archdsl.emit.torch.follow import Forwards
from archdsl.emit.torch.parts import Member, Part, Run, at, listed
from archdsl.emit.torch.terms import Name, Row, Terms
from archdsl.emit.torch.unreadable import Unreadable

_ROWS = {"nn.Sequential": "row", "nn.ModuleList": "list", "nn.ModuleDict": "list"}
_IN_DEFAULTS = frozenset({"nn", "float"})


@record
class _Learned:
    """A tensor that a constructor makes, or one that is a parameter of the class: its shape and how it starts."""

    shape: tuple[int, ...]
    fill: object
    deviation: float = 0.0
    is_parameter: bool = False


class _Pairs(list[Member]):
    """An `OrderedDict` of layers by name."""


@dataclass
class _Object:
    """What a constructor has set so far."""

    children: dict[str, Part] = field(default_factory=dict[str, Part])
    parameters: dict[str, int] = field(default_factory=dict[str, int])
    flags: dict[str, bool] = field(default_factory=dict[str, bool])
    row: Part | None = None


@record
class _Class:
    """A class of the file: its arguments with their defaults, and what its constructor and `forward` do."""

    base: str
    arguments: tuple[str, ...]
    defaults: Mapping[str, Evaluated]
    body: tuple[Callable[[Env, _Object], None], ...]
    forward: ast.FunctionDef | None


class Program:
    """An emitted file, read. `part(name)` is what the class of this name builds if it is given nothing.

    copied: the classes whose source the file has from elsewhere; each of them counts as one layer. initialising: the
    classes that end with giving all weights their first values.
    """

    def __init__(self, tree: ast.Module, terms: Terms, copied: frozenset[str]) -> None:
        self.terms = terms
        self.copied = copied
        self.initialising: set[str] = set()
        self._classes: dict[str, _Class] = {}
        self._functions: dict[str, tuple[ast.FunctionDef, Evaluated]] = {}
        self._parts: dict[tuple[Any, ...], Part] = {}
        self._forwards = Forwards(terms)
        self._read = Expressions(self._called)
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and node.name not in copied:
                self._classes[node.name] = self._class(node)
            elif isinstance(node, ast.FunctionDef) and node.name != "init_weights":
                self._functions[node.name] = self._function(node)

    def part(self, name: str) -> Part:
        """What a class builds if it is given nothing."""
        return self._instance(name, [], {})

    # --- definitions --------------------------------------------------------------------------------------------------

    def _class(self, node: ast.ClassDef) -> _Class:
        match node:
            case ast.ClassDef(bases=[base], keywords=[], decorator_list=[]):
                methods = [each for each in node.body if not _is_docstring(each)]
            case _:
                raise Unreadable(f"class {node.name}")
        match methods:
            case [ast.FunctionDef("__init__") as made]:
                forward = None
            case [ast.FunctionDef("__init__") as made, ast.FunctionDef("forward") as forward] if _is_plain(forward):
                pass
            case _:
                raise Unreadable(f"class {node.name}")
        names = tuple(each.arg for each in made.args.args[1:])
        given = made.args.defaults
        if (
            not _is_plain(made)
            or len(given) > len(names)
            or not frozenset().union(*map(names_in, given)) <= _IN_DEFAULTS
        ):
            raise Unreadable(f"the constructor of {node.name}")
        defaults = dict(zip(names[len(names) - len(given) :], map(self._read.of, given), strict=True))
        return _Class(dotted(base), names, defaults, self._constructor(node.name, dotted(base), made.body), forward)

    def _constructor(
        self, name: str, base: str, lines: Sequence[ast.stmt]
    ) -> tuple[Callable[[Env, _Object], None], ...]:
        """What a constructor does: torch's own is the first that it calls, and first values of weights are the last."""
        match lines[-1]:
            case ast.Expr(ast.Call(ast.Attribute(ast.Name("self"), "apply"), [ast.Name("init_weights")], [])):
                self.initialising.add(name)
                lines = lines[:-1]
            case _:
                pass
        match lines:
            case [ast.Expr(ast.Call(ast.Attribute(ast.Call(ast.Name("super"), [], []), "__init__"), args, [])), *rest]:
                own = [self._members_given(base, args)] if args else []
            case _:
                raise Unreadable(f"{name} does not begin with super().__init__()")
        return (*own, *(each for line in rest for each in self._statement(line)))

    def _members_given(self, base: str, args: Sequence[ast.expr]) -> Callable[[Env, _Object], None]:
        """What hands the members of a row to torch's own class, from which that of the file is made."""
        if base not in _ROWS:
            raise Unreadable(f"{base} with members")
        members = self._read.arguments(args)

        def whole(env: Env, made: _Object) -> None:
            made.row = self._row(base, members(env))

        return whole

    def _function(self, node: ast.FunctionDef) -> tuple[ast.FunctionDef, Evaluated]:
        lines = [each for each in node.body if not _is_docstring(each)]
        match node.args, lines:
            case ast.arguments([], [], ast.arg(), [], [], None, []), [ast.Return(ast.expr() as value)]:
                return node, self._read.of(value)
            case _:
                raise Unreadable(f"function {node.name}")

    def _statement(self, node: ast.stmt) -> Iterator[Callable[[Env, _Object], None]]:
        """What a line of a constructor does."""
        match node:
            case ast.Assign([ast.Attribute(ast.Name("self"), name)], value):
                yield self._setting(name, self._read.of(value))
            case ast.Expr(
                ast.Call(
                    ast.Attribute(ast.Name("self"), "add_module" | "register_parameter"),
                    [ast.Constant(str() as name), value],
                )
            ):
                yield self._setting(name, self._read.of(value))
            case ast.If(test, body, orelse):
                condition = self._read.of(test)
                then = [each for line in body for each in self._statement(line)]
                otherwise = [each for line in orelse for each in self._statement(line)]

                def chosen(env: Env, made: _Object) -> None:
                    for each in then if condition(env) else otherwise:
                        each(env, made)

                yield chosen
            case _:
                raise Unreadable(ast.unparse(node))

    def _setting(self, name: str, value: Evaluated) -> Callable[[Env, _Object], None]:
        def assign(env: Env, made: _Object) -> None:
            match value(env):
                case Part() as part:
                    if not made.children.get(name, part).is_identity and name in made.children:
                        raise Unreadable(f"self.{name} is set twice")
                    made.children[name] = part
                case _Learned(shape, fill, deviation, True):
                    made.parameters[name] = self.terms.of("learned", shape, self.terms.value(fill), deviation)
                case bool() as flag:
                    made.flags[name] = flag
                case other:
                    raise Unreadable(f"self.{name} = {other}")

        return assign

    # --- instances ----------------------------------------------------------------------------------------------------

    def _instance(self, name: str, args: list[Any], kwargs: Mapping[str, Any]) -> Part:
        found = self._classes[name]
        key = (name, tuple(map(self._key, args)), tuple((each, self._key(value)) for each, value in kwargs.items()))
        if key not in self._parts:
            env = self._bound(name, found, args, kwargs)
            made = _Object()
            for line in found.body:
                line(env, made)
            self._parts[key] = self._finished(found, made, name)
        return self._parts[key]

    def _bound(self, name: str, found: _Class, args: list[Any], kwargs: Mapping[str, Any]) -> Env:
        if len(args) > len(found.arguments) or not kwargs.keys() <= set(found.arguments[len(args) :]):
            raise Unreadable(f"the arguments of {name}")
        env: Env = {**dict(zip(found.arguments, args, strict=False)), **kwargs}
        for each in found.arguments:
            if each not in env:
                if each not in found.defaults:
                    raise Unreadable(f"{name} without {each}")
                env[each] = found.defaults[each]({})
        return env

    def _finished(self, found: _Class, made: _Object, name: str) -> Part:
        match found.base:
            case "nn.Sequential" if not made.children and not found.forward:
                return made.row or self._row(found.base, [])
            case "nn.ModuleList" | "nn.ModuleDict" if made.row is not None and found.forward:
                labels = {position: label for label, position in made.row.names.items()}
                members = enumerate(listed(made.row.members))
                children = {labels.get(position, str(position)): each for position, each in members}
            case "nn.Module" if made.row is None:
                children = made.children
            case _:
                raise Unreadable(f"class {name}")
        if found.forward is None:
            raise Unreadable(f"{name} without forward")
        return self._forwards.module(found.forward, children, made.parameters, made.flags)

    def _key(self, value: Any) -> object:
        return ("part", value.term) if isinstance(value, Part) else self.terms.value(value)

    def _row(self, target: str, args: list[Any]) -> Part:
        """A row of layers, whose names are their positions unless they have others."""
        kind, members = _ROWS[target], _listed(target, args)
        row, names = self._members(members, 0)
        first = at(members, 0)
        if first is not None and first.overwrites:
            raise Unreadable("the first layer of a row overwrites what comes in")
        term = self.terms.row(kind, row)
        return Part(term, length=row.length, names=names, members=tuple(members), is_list=kind == "list")

    def _members(self, members: Sequence[Member], position: int) -> tuple[Row, dict[str, int]]:
        row, names = Row(), dict[str, int]()
        before: Part | None = None
        for each in members:
            if isinstance(each, Run):
                body, labels = self._members(each.members, position)
                if each.stride and (labels or each.stride != body.length):
                    raise Unreadable("names of a loop that are no positions")
                if each.count > 1 and not each.stride and _has_names(each.members):
                    raise Unreadable("a loop gives several layers one name")
                row = row.then(body.times(each.count))
                before = self._checked(before, each.members, each.count)
                position += body.length * each.count
                continue
            name, part = each if isinstance(each, tuple) else (str(position), each)
            if not isinstance(part, Part) or not name:  # pyright: ignore[reportUnnecessaryIsInstance]
                raise Unreadable(f"{part} in a row")
            shown = "" if name == str(position) else name
            if shown:
                names[shown] = position
            row = row.then(Row.of(self.terms.of("member", shown, part.term)))
            before = self._checked(before, [part], 1)
            position += 1
        return row, names

    def _checked(self, before: Part | None, members: Sequence[Member], count: int) -> Part | None:
        """The last of some members, none of which overwrites what others need. before: the one before them."""
        for _ in range(min(count, 2)):
            for each in members:
                if isinstance(each, Run):
                    before = self._checked(before, each.members, each.count)
                    continue
                part: Part = each[1] if isinstance(each, tuple) else each
                if part.overwrites and before is not None and not before.is_fresh:
                    raise Unreadable("a layer of a row overwrites what others need")
                before = part
        return before

    # --- what constructors call ---------------------------------------------------------------------------------------

    def _called(self, function: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        match function:
            case Name(name) if name in self._classes:
                return self._instance(name, args, kwargs)
            case Name(name) if name in self._functions:
                node, body = self._functions[name]
                if kwargs:
                    raise Unreadable(f"{name} with {', '.join(kwargs)}")
                assert node.args.vararg is not None
                return body({node.args.vararg.arg: args})
            case Name("range" | "pairwise" | "float" | "OrderedDict") if kwargs:
                raise Unreadable(f"{function.text} with {', '.join(kwargs)}")
            case Name("range"):
                (count,) = args
                return range(count)
            case Name("pairwise"):
                (items,) = args
                return list(pairwise(items))
            case Name("float"):
                return float(*args)
            case Name("OrderedDict"):
                (pairs,) = args
                return _Pairs(pairs)
            case Name("torch.zeros" | "torch.ones" | "torch.full" | "torch.empty" | "nn.Parameter" | "nn.init.normal_"):
                return _learned(function.text, args, kwargs)
            case Name(name) if name in _ROWS and not kwargs:
                return self._row(name, args)
            case Name(name) if (name.startswith("nn.") and name not in _ROWS) or name in self.copied:
                return self._layer(name, args, kwargs)
            case _:
                raise Unreadable(f"{function} is called")

    def _layer(self, name: str, args: list[Any], kwargs: dict[str, Any]) -> Part:
        overwrites = kwargs.get("inplace", False)
        if not isinstance(overwrites, bool) or ("inplace" in kwargs and name not in self.terms.overwriting):
            raise Unreadable(f"{name} with inplace={overwrites}")
        values = [("part", each.term) if isinstance(each, Part) else each for each in args]
        term = self.terms.layer(name, values, kwargs)
        return Part(
            term,
            is_identity=name == "nn.Identity",
            overwrites=overwrites,
            is_fresh=name in self.terms.overwritable,
            is_stateless=name in self.terms.stateless,
        )


def _sizes(given: Sequence[Any]) -> tuple[int, ...]:
    if not all(isinstance(each, int) and not isinstance(each, bool) for each in given):
        raise Unreadable(f"a tensor of the shape {given}")
    return tuple(int(each) for each in given)


def _listed(target: str, args: list[Any]) -> Sequence[Member]:
    """The members that a row of torch's is given: one by one or by name, as a list, or as pairs."""
    match target, args:
        case "nn.Sequential", [_Pairs()]:
            members, is_named = cast("list[Member]", args[0]), True
        case "nn.Sequential", _:
            members, is_named = args, False
        case "nn.ModuleList" | "nn.ModuleDict", [list()]:
            members, is_named = cast("list[Member]", args[0]), target == "nn.ModuleDict"
        case _:
            raise Unreadable(f"what {target} is given")
    if _has_names(members, all if is_named else any) is not is_named and members:
        raise Unreadable(f"names of what {target} is given")
    return members


def _has_names(members: Sequence[Member], of: Callable[[Iterable[bool]], bool] = any) -> bool:
    return of(_has_names(each.members, of) if isinstance(each, Run) else isinstance(each, tuple) for each in members)


def _learned(function: str, args: list[Any], kwargs: dict[str, Any]) -> _Learned:
    match function, args, tuple(kwargs):
        case "torch.zeros", sizes, ():
            return _Learned(_sizes(sizes), 0.0)
        case "torch.ones", sizes, ():
            return _Learned(_sizes(sizes), 1.0)
        case "torch.empty", sizes, ():
            return _Learned(_sizes(sizes), None)
        case "torch.full", [tuple(), fill], ():
            return _Learned(_sizes(args[0]), fill)
        case "nn.init.normal_", [_Learned(shape, None)], ("std",) | ("mean", "std"):
            return _Learned(shape, float(kwargs.get("mean", 0.0)), kwargs["std"])
        case "nn.Parameter", [_Learned() as held], ():
            return replace(held, is_parameter=True)
        case _:
            raise Unreadable(f"{function} with {args}")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_plain(function: ast.FunctionDef) -> bool:
    """Whether a method takes itself and arguments that can be given by name or in their order, and nothing else."""
    match function:
        case ast.FunctionDef(args=ast.arguments([], [ast.arg("self"), *_], None, [], [], None, _), decorator_list=[]):
            return True
        case _:
            return False
