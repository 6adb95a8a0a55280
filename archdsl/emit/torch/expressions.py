"""Expressions of constructors, each as a function of what its names stand for. A loop over a billion equal layers is
one run, as in the text."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast

from archdsl.base.records import record
from archdsl.emit.torch.parts import MOST, Part, Run
from archdsl.emit.torch.terms import Name
from archdsl.emit.torch.unreadable import Unreadable

Env = dict[str, Any]
Evaluated = Callable[[Env], Any]

_SIGNS: Mapping[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Mod: operator.mod,
    ast.FloorDiv: cast("Any", operator).floordiv,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
_SPELLED_OUT = 64


@record
class Expressions:
    """Reads expressions. called: what comes of a call, given its function, arguments and keyword arguments."""

    called: Callable[[Any, list[Any], dict[str, Any]], Any]

    def of(self, node: ast.expr) -> Evaluated:
        """The value of an expression."""
        match node:
            case ast.Constant(value):
                return lambda _: value
            case ast.Name(name):
                return lambda env: env[name] if name in env else Name(name)
            case ast.Attribute():
                whole = Name(dotted(node))
                return lambda _: whole
            case ast.Call():
                return self._call(node)
            case ast.BinOp(left, sign, right) | ast.Compare(left, [sign], [right]) if type(sign) in _SIGNS:
                one, other, operation = self.of(left), self.of(right), _SIGNS[type(sign)]
                return lambda env: operation(_plain(one(env)), _plain(other(env)))
            case ast.UnaryOp(ast.USub(), operand):
                negated = self.of(operand)
                return lambda env: -negated(env)
            case ast.UnaryOp(ast.Not(), operand):
                denied = self.of(operand)
                return lambda env: not denied(env)
            case ast.BoolOp(sign, operands):
                parts = [self.of(each) for each in operands]
                if isinstance(sign, ast.And):
                    return lambda env: all(each(env) for each in parts)
                return lambda env: any(each(env) for each in parts)
            case ast.IfExp(test, body, orelse):
                condition, then, otherwise = map(self.of, (test, body, orelse))
                return lambda env: then(env) if condition(env) else otherwise(env)
            case ast.Tuple(items):
                held = self.arguments(items)
                return lambda env: tuple(held(env))
            case ast.List(items):
                return self.arguments(items)
            case ast.Subscript(whole, index):
                of, at = self.of(whole), self.of(index)
                return lambda env: of(env)[at(env)]
            case ast.JoinedStr(parts):
                return self._label(parts)
            case ast.GeneratorExp(element, loops) | ast.ListComp(element, loops):
                return self._comprehension(element, loops)
            case _:
                raise Unreadable(ast.unparse(node))

    def arguments(self, nodes: Sequence[ast.expr]) -> Callable[[Env], list[Any]]:
        """The values of arguments or items, with those that a star spreads among them."""
        parts = [
            (isinstance(each, ast.Starred), self.of(each.value if isinstance(each, ast.Starred) else each))
            for each in nodes
        ]

        def evaluated(env: Env) -> list[Any]:
            found: list[Any] = []
            for is_spread, part in parts:
                if is_spread:
                    found.extend(part(env))
                else:
                    found.append(part(env))
            return found

        return evaluated

    def _label(self, parts: Sequence[ast.expr]) -> Evaluated:
        texts = [self.of(each.value if isinstance(each, ast.FormattedValue) else each) for each in parts]
        return lambda env: "".join(str(text(env)) for text in texts)

    def _call(self, node: ast.Call) -> Evaluated:
        if any(each.arg is None for each in node.keywords):
            raise Unreadable(ast.unparse(node))
        function = self.of(node.func)
        args = self.arguments(node.args)
        kwargs = [(str(each.arg), self.of(each.value)) for each in node.keywords]

        def called(env: Env) -> Any:
            return self.called(function(env), args(env), {name: value(env) for name, value in kwargs})

        return called

    # --- loops --------------------------------------------------------------------------------------------------------

    def _comprehension(self, element: ast.expr, loops: Sequence[ast.comprehension]) -> Evaluated:
        if any(each.ifs or each.is_async for each in loops):
            raise Unreadable("a loop with a condition")
        made = self.of(element)
        iterables = [self.of(each.iter) for each in loops]
        targets = [_bound_names(each.target) for each in loops]
        used = [
            frozenset[str]().union(names_in(element), *(names_in(inner.iter) for inner in loops[index + 1 :]))
            for index in range(len(loops))
        ]

        inner = ([element, *(each.iter for each in loops[index + 1 :])] for index in range(len(loops)))
        even = [len(names) == 1 and _is_in_labels(names[0], nodes) for names, nodes in zip(targets, inner, strict=True)]

        def rounds(env: Env, index: int) -> list[Any]:
            if index == len(loops):
                return [made(env)]
            over, names = iterables[index](env), targets[index]
            if not isinstance(over, range):
                if any(map(_has_parts, over)) and not (index + 1 == len(loops) and isinstance(element, ast.Name)):
                    raise Unreadable("a loop that makes several layers of one")
                return [each for item in over for each in rounds({**env, **_unpacked(names, item)}, index + 1)]
            (name,) = names
            if not over:
                return []
            if name not in used[index]:
                return [Run(len(over), rounds(env, index + 1))]
            if len(over) > _SPELLED_OUT and even[index]:
                run = _evenly(over, lambda at: rounds({**env, name: at}, index + 1))
                if run:
                    return [run]
            if len(over) > MOST:
                raise Unreadable("a loop of too many layers that differ")
            return [each for at in over for each in rounds({**env, name: at}, index + 1)]

        return lambda env: rounds(env, 0)


def _has_parts(item: Any) -> bool:
    return isinstance(item, Part | Run) or (isinstance(item, tuple) and any(map(_has_parts, cast("Any", item))))


def _is_in_labels(name: str, nodes: Iterable[ast.expr]) -> bool:
    """Whether a name stands only in f-strings, and only in sums, differences and products there."""
    inside = outside = 0
    for node in (each for whole in nodes for each in ast.walk(whole)):
        if isinstance(node, ast.JoinedStr):
            sums = [each for each in ast.walk(node) if isinstance(each, ast.operator)]
            if not all(isinstance(each, ast.Add | ast.Sub | ast.Mult) for each in sums):
                return False
            inside += sum(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))
        outside += isinstance(node, ast.Name) and node.id == name
    return inside == outside


def _evenly(over: range, members: Callable[[int], list[Any]]) -> Run | None:
    """Rounds of a loop that differ in nothing but names that go on evenly."""
    first, second, last = members(0), members(1), members(over[-1])
    steps: set[int] = set()
    for one, two, end in zip(first, second, last, strict=True):
        if not all(isinstance(each, tuple) and cast("str", each[0]).isdigit() for each in (one, two, end)):
            return None
        start, after, final = (int(each[0]) for each in (one, two, end))
        if one[1].term != end[1].term or final - start != (after - start) * over[-1]:
            return None
        steps.add(after - start)
    return Run(len(over), first, *steps) if len(steps) == 1 else None


def _plain(value: Any) -> int | float | str:
    """A number or word, which alone can be reckoned with: a list that is multiplied would hold one layer many times."""
    if not isinstance(value, int | float | str):
        raise Unreadable(f"{value} where a number is wanted")
    return value


def dotted(node: ast.expr) -> str:
    """A name with what stands before its dots: `nn.Module`."""
    match node:
        case ast.Name(name):
            return name
        case ast.Attribute(value, name):
            return f"{dotted(value)}.{name}"
        case _:
            raise Unreadable(ast.unparse(node))


def _bound_names(target: ast.expr) -> tuple[str, ...]:
    return tuple(dotted(each) for each in target.elts) if isinstance(target, ast.Tuple) else (dotted(target),)


def _unpacked(names: tuple[str, ...], item: Any) -> Env:
    return {names[0]: item} if len(names) == 1 else dict(zip(names, item, strict=True))


def names_in(node: ast.AST) -> frozenset[str]:
    """All names that stand in an expression."""
    return frozenset(each.id for each in ast.walk(node) if isinstance(each, ast.Name))
