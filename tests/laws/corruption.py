"""Emitted files with one thing wrong in them: what their check has to notice.

A corruption changes one place of the syntax tree: another number, name, class or sign, lines dropped, doubled or in
another order, branches exchanged. Some change nothing that matters; whoever uses them has to tell.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

Mend = Callable[[], Any]
"""Makes one change to a tree."""

Place = tuple[object, Mend]
"""What is changed, and what changes it."""


@dataclass(frozen=True)
class Corrupted:
    """A file with one thing wrong: of what kind, and where."""

    kind: str
    detail: str
    code: str


def corrupted(code: str, draw: random.Random) -> Corrupted:
    """One corruption of a file, any kind as likely as any other."""
    tree = _bare(code)
    kinds = list(KINDS)
    draw.shuffle(kinds)
    for kind in kinds:
        if places := list(KINDS[kind](tree)):
            what, change = draw.choice(places)
            detail = str(what)
            change()
            ast.fix_missing_locations(tree)
            return Corrupted(kind, detail, ast.unparse(tree))
    raise AssertionError("a file that nothing can be done to")


def every(code: str) -> Iterator[Corrupted]:
    """All corruptions of a file."""
    for kind, found in KINDS.items():
        for number in range(len(list(found(_bare(code))))):
            tree = _bare(code)
            what, change = list(found(tree))[number]
            detail = str(what)
            change()
            ast.fix_missing_locations(tree)
            yield Corrupted(kind, detail, ast.unparse(tree))


def plain(code: str) -> str:
    """A file as its syntax tree has it, without the text that it carries and without docstrings."""
    return ast.unparse(_bare(code))


def _bare(code: str) -> ast.Module:
    tree = ast.parse(code)
    tree.body = [each for each in tree.body if not isinstance(each, ast.Assign)]
    return tree


# --- places -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Slot:
    """Where an expression stands in what is around it."""

    parent: ast.AST
    name: str
    index: int | None
    node: ast.expr

    def put(self, new: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.name, new)
        else:
            getattr(self.parent, self.name)[self.index] = new


def _slots(tree: ast.AST) -> Iterator[_Slot]:
    for parent in ast.walk(tree):
        if isinstance(parent, ast.Expr) and isinstance(parent.value, ast.Constant):
            continue  # a docstring
        for name, held in ast.iter_fields(parent):
            if isinstance(held, ast.expr):
                yield _Slot(parent, name, None, held)
            elif isinstance(held, list):
                for index, each in enumerate(held):
                    if isinstance(each, ast.expr):
                        yield _Slot(parent, name, index, each)


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for each in ast.walk(tree):
        for name in ("body", "orelse"):
            held = getattr(each, name, None)
            if isinstance(held, list) and held and not isinstance(each, ast.Module):
                yield held


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (each for each in ast.walk(tree) if isinstance(each, ast.Call))


@dataclass(frozen=True)
class _At:
    """What is changed of a node, in words that are made only where they are needed."""

    what: str
    node: ast.AST

    def __str__(self) -> str:
        return f"{self.what} in `{ast.unparse(self.node)[:60]}`"


def _at(node: ast.AST, became: object) -> _At:
    return _At(f"-> {became}", node)


# --- kinds ------------------------------------------------------------------------------------------------------------


def numbers(tree: ast.Module) -> Iterator[Place]:
    for slot in _slots(tree):
        match slot.node:
            case ast.Constant(bool() as value):
                yield _at(slot.node, not value), partial(slot.put, ast.Constant(not value))
            case ast.Constant(int() as value):
                for other in {value + 1, value - 1, 2 * value, -value, float(value)}:
                    if (type(other), other) != (int, value):
                        yield _at(slot.node, other), partial(slot.put, ast.Constant(other))
            case ast.Constant(float() as value):
                for other in (value / 2, -value, 0.0):
                    if other != value:
                        yield _at(slot.node, other), partial(slot.put, ast.Constant(other))


def words(tree: ast.Module) -> Iterator[Place]:
    for slot in _slots(tree):
        match slot.node:
            case ast.Constant(str() as value):
                for other in {value + "x", value[:-1], "0"} - {value}:
                    yield _at(slot.node, other), partial(slot.put, ast.Constant(other))
            case ast.Constant(None):
                yield _at(slot.node, 1), partial(slot.put, ast.Constant(1))


def names(tree: ast.Module) -> Iterator[Place]:
    """A name in the place of another that is known there."""
    for function in _functions(tree):
        known = {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
        known |= {each.arg for each in ast.walk(function) if isinstance(each, ast.arg)}
        for slot in _slots(function):
            if isinstance(slot.node, ast.Name):
                for other in sorted(known - {slot.node.id}):
                    yield _at(slot.node, other), partial(slot.put, ast.Name(other))


def arguments_for_numbers(tree: ast.Module) -> Iterator[Place]:
    """A number where a name is, and a name where a number is."""
    for function in _functions(tree):
        given = [each.arg for each in function.args.args[1:]]
        for slot in _slots(function):
            match slot.node:
                case ast.Constant(int()):
                    for other in given:
                        yield _at(slot.node, other), partial(slot.put, ast.Name(other))
                case ast.Name(name) if name in given:
                    yield _at(slot.node, 1), partial(slot.put, ast.Constant(1))


def children(tree: ast.Module) -> Iterator[Place]:
    """Another child, or another tensor of one."""
    for made in (each for each in tree.body if isinstance(each, ast.ClassDef)):
        found = [each for each in ast.walk(made) if isinstance(each, ast.Attribute)]
        own = [each for each in found if isinstance(each.value, ast.Name) and each.value.id == "self"]
        known = sorted({each.attr for each in own} | {"training"})
        for each in own:
            for other in known:
                if other != each.attr:
                    yield _at(each, other), partial(setattr, each, "attr", other)


_TORCH = (
    "Conv1d", "Conv2d", "Conv3d", "ConvTranspose2d", "Linear", "Identity", "ReLU", "GELU", "SiLU", "Sequential",
    "ModuleList", "ModuleDict", "Module", "BatchNorm1d", "BatchNorm2d", "MaxPool2d", "AvgPool2d", "Dropout", "zeros",
    "ones", "cat", "stack", "flatten", "permute", "split", "expand", "mean", "amax",
)  # fmt: skip


def layers(tree: ast.Module) -> Iterator[Place]:
    """Another class or function of torch."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Attribute) and (each.attr in _TORCH or _root(each) in {"nn", "torch"}):
            for other in _TORCH:
                if other != each.attr:
                    yield _at(each, other), partial(setattr, each, "attr", other)


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def classes(tree: ast.Module) -> Iterator[Place]:
    """Another class of the file."""
    made = [each for each in tree.body if isinstance(each, ast.ClassDef)]
    for each in ast.walk(tree):
        if isinstance(each, ast.Name) and each.id in {other.name for other in made}:
            for other in made:
                if other.name != each.id:
                    yield _at(each, other.name), partial(setattr, each, "id", other.name)
    for one in made:
        for other in made:
            if one is not other:
                yield f"class {one.name} -> {other.name}", partial(setattr, one, "name", other.name)


def lines(tree: ast.Module) -> Iterator[Place]:
    """A line dropped, doubled, or exchanged with the next."""
    for body in _bodies(tree):
        for index, line in enumerate(body):
            if isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant):
                continue
            kept = [*body[:index], *body[index + 1 :]] or [ast.Pass()]
            yield _At("without", line), partial(body.__setitem__, slice(None), kept)
            yield _At("twice", line), partial(body.insert, index, line)
            if index + 1 < len(body):
                both = [body[index + 1], line]
                yield _At("later", line), partial(body.__setitem__, slice(index, index + 2), both)


def definitions(tree: ast.Module) -> Iterator[Place]:
    """An import, class, method or function less, or in another place."""
    for body in (tree.body, *(each.body for each in tree.body if isinstance(each, ast.ClassDef))):
        for index, each in enumerate(body):
            if not isinstance(each, ast.Expr):
                yield _At("without", each), partial(body.pop, index)
                yield _At("last", each), lambda body=body, index=index: body.append(body.pop(index))


def signs(tree: ast.Module) -> Iterator[Place]:
    sums = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Div)
    compared = (ast.Eq, ast.NotEq, ast.Lt, ast.GtE, ast.Is)
    for each in ast.walk(tree):
        match each:
            case ast.BinOp(left, sign, right):
                for other in sums:
                    if not isinstance(sign, other):
                        yield _at(each, other.__name__), partial(setattr, each, "op", other())
                yield _At("turned", each), partial(_exchange, each, "left", "right")
                for part in (left, right):
                    yield _At("without a part", each), partial(_become, tree, each, part)
            case ast.Compare(_, [sign], _):
                for other in compared:
                    if not isinstance(sign, other):
                        yield _at(each, other.__name__), partial(setattr, each, "ops", [other()])
            case ast.BoolOp(sign):
                other = ast.Or() if isinstance(sign, ast.And) else ast.And()
                yield _At("and, or", each), partial(setattr, each, "op", other)
            case ast.UnaryOp(operand=operand):
                yield _At("without the sign", each), partial(_become, tree, each, operand)


def _exchange(node: ast.AST, one: str, other: str) -> None:
    a, b = getattr(node, one), getattr(node, other)
    setattr(node, one, b)
    setattr(node, other, a)


def _become(tree: ast.Module, node: ast.expr, part: ast.expr) -> None:
    next(slot for slot in _slots(tree) if slot.node is node).put(part)


def branches(tree: ast.Module) -> Iterator[Place]:
    for each in ast.walk(tree):
        match each:
            case ast.IfExp(test, body, orelse):
                yield _At("exchanged", each), partial(_exchange, each, "body", "orelse")
                yield _At("always", each), partial(_become, tree, each, body)
                yield _At("never", each), partial(_become, tree, each, orelse)
                yield _At("not", each), partial(setattr, each, "test", ast.UnaryOp(ast.Not(), test))
            case ast.If(test, body, orelse):
                if orelse:
                    yield _At("exchanged", each), partial(_exchange, each, "body", "orelse")
                    yield _At("no else", each), partial(setattr, each, "orelse", [])
                yield _At("not", each), partial(setattr, each, "test", ast.UnaryOp(ast.Not(), test))
                for value in (True, False):
                    yield _At(f"{value}", each), partial(setattr, each, "test", ast.Constant(value))


def arguments(tree: ast.Module) -> Iterator[Place]:
    """What a call is given."""
    for call in _calls(tree):
        for index, each in enumerate(call.args):
            yield _At("one less", call), partial(call.args.pop, index)
            yield _At("one twice", call), partial(call.args.insert, index, each)
            if index:
                yield _At("turned", call), partial(_swap, call.args, index - 1, index)
            if isinstance(each, ast.Starred):
                yield _At("no star", call), partial(call.args.__setitem__, index, each.value)
            else:
                named = ast.keyword("bias", each)
                yield _At("named", call), partial(_renamed, call, index, named)
        for index, keyword in enumerate(call.keywords):
            yield _At(f"without {keyword.arg}", call), partial(call.keywords.pop, index)
            yield _At(f"not named {keyword.arg}", call), partial(_unnamed, call, index)
            for other in ("bias", "padding", "stride", "groups", "inplace", "dim"):
                if other != keyword.arg:
                    yield _At(f"{keyword.arg} -> {other}", call), partial(setattr, keyword, "arg", other)


def _swap(held: list[Any], one: int, other: int) -> None:
    held[one], held[other] = held[other], held[one]


def _renamed(call: ast.Call, index: int, keyword: ast.keyword) -> None:
    call.args.pop(index)
    call.keywords.append(keyword)


def _unnamed(call: ast.Call, index: int) -> None:
    call.args.append(call.keywords.pop(index).value)


def keywords(tree: ast.Module) -> Iterator[Place]:
    """One keyword more."""
    more = (
        ("inplace", True), ("bias", False), ("padding", 0), ("stride", 1), ("affine", False), ("eps", 0.1), ("dim", 0),
        ("groups", 1), ("batch_first", False), ("ceil_mode", True), ("device", "meta"), ("requires_grad", False),
    )  # fmt: skip
    for call in _calls(tree):
        for name, value in more:
            if all(each.arg != name for each in call.keywords):
                keyword = ast.keyword(name, ast.Constant(value))
                yield _At(f"{name}={value}", call), partial(call.keywords.append, keyword)


def nesting(tree: ast.Module) -> Iterator[Place]:
    """A call left out, or made twice."""
    for slot in _slots(tree):
        if isinstance(slot.node, ast.Call):
            for each in slot.node.args:
                if not isinstance(each, ast.Starred):
                    yield _At("without the call", slot.node), partial(slot.put, each)
            if len(slot.node.args) == 1 and not isinstance(slot.node.args[0], ast.Starred):
                twice = ast.Call(slot.node.func, [slot.node], [])
                yield _At("called twice", slot.node), partial(slot.put, twice)


def items(tree: ast.Module) -> Iterator[Place]:
    """Items of lists and tuples."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Tuple | ast.List):
            for index, item in enumerate(each.elts):
                yield _At("one less", each), partial(each.elts.pop, index)
                yield _At("one twice", each), partial(each.elts.insert, index, item)
                if index:
                    yield _At("turned", each), partial(_swap, each.elts, index - 1, index)
    for slot in _slots(tree):
        match slot.node:
            case ast.Tuple([only]) if not isinstance(slot.parent, ast.Subscript):
                yield _At("no tuple", slot.node), partial(slot.put, only)
            case ast.Tuple(elts) if not _is_target(slot):
                yield _At("a list", slot.node), partial(slot.put, ast.List(elts))
            case ast.List(elts) if not _is_target(slot):
                yield _At("a tuple", slot.node), partial(slot.put, ast.Tuple(elts))


def _is_target(slot: _Slot) -> bool:
    return slot.name in {"targets", "target"} or isinstance(getattr(slot.node, "ctx", None), ast.Store)


def loops(tree: ast.Module) -> Iterator[Place]:
    for each in ast.walk(tree):
        if isinstance(each, ast.GeneratorExp | ast.ListComp):
            for index in range(len(each.generators)):
                if len(each.generators) > 1:
                    yield _At("one loop less", each), partial(each.generators.pop, index)
                    yield _At("loops turned", each), partial(each.generators.reverse)
                more = ast.comprehension(ast.Name("_"), _range(2), [], 0)
                yield _At("one loop more", each), partial(each.generators.insert, index, more)
                condition = ast.Compare(each.generators[index].target, [ast.NotEq()], [ast.Constant(1)])
                yield _At("a condition", each), partial(each.generators[index].ifs.append, condition)
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name) and each.func.id == "range":
            yield _At("from 1", each), partial(each.args.insert, 0, ast.Constant(1))
            yield _At("by 2", each), partial(_by_two, each)
    for body in _bodies(tree):
        for index, line in enumerate(body):
            if isinstance(line, ast.For):
                yield _At("once", line), partial(body.__setitem__, slice(index, index + 1), line.body)
                yield _At("broken off", line), partial(line.body.append, ast.Break())
                yield _At("more after", line), partial(setattr, line, "orelse", list(line.body))
            elif not isinstance(line, ast.Expr | ast.If | ast.Return):
                again = ast.For(ast.Name("_"), _range(2), [line], [])
                yield _At("in a loop", line), partial(body.__setitem__, index, again)


def _range(count: int) -> ast.Call:
    return ast.Call(ast.Name("range"), [ast.Constant(count)], [])


def _by_two(call: ast.Call) -> None:
    call.args = [ast.Constant(0), *call.args, ast.Constant(2)]


def signatures(tree: ast.Module) -> Iterator[Place]:
    """Arguments of functions and their defaults."""
    for function in _functions(tree):
        args = function.args
        for index in range(1, len(args.args)):
            yield f"turned arguments of {function.name}", partial(_swap, args.args, index - 1, index)
        for index, each in enumerate(args.args):
            yield f"{each.arg} renamed in {function.name}", partial(setattr, each, "arg", f"{each.arg}_")
            yield f"without {each.arg} in {function.name}", partial(args.args.pop, index)
        for index in range(len(args.defaults)):
            yield f"one default less in {function.name}", partial(args.defaults.pop, index)
            yield f"another default in {function.name}", partial(args.defaults.__setitem__, index, ast.Constant(3))
        if function.decorator_list == []:
            static = partial(function.decorator_list.append, ast.Name("staticmethod"))
            yield f"static {function.name}", static
        yield f"{function.name} renamed", partial(setattr, function, "name", f"{function.name}_")
    for made in (each for each in tree.body if isinstance(each, ast.ClassDef)):
        for line in ("training = False", "def train(self, mode=True):\n    return self", "forward = None"):
            held = ast.parse(line).body[0]
            yield f"{line} in {made.name}", partial(made.body.append, held)
        yield f"a base more of {made.name}", partial(made.bases.append, ast.Name("object"))
    for line in ("nn = None", "import math as nn"):
        yield f"{line} at the end", partial(tree.body.extend, ast.parse(line).body)


def subscripts(tree: ast.Module) -> Iterator[Place]:
    for slot in _slots(tree):
        match slot.node:
            case ast.Subscript(value):
                yield _At("whole", slot.node), partial(slot.put, value)
    for each in ast.walk(tree):
        if isinstance(each, ast.Slice):
            yield _At("ends turned", each), partial(_exchange, each, "lower", "upper")
            yield _At("by 2", each), partial(setattr, each, "step", ast.Constant(2))
            for name in ("lower", "upper"):
                yield _At(f"no {name}", each), partial(setattr, each, name, None)
        if isinstance(each, ast.Subscript):
            yield _At("another part", each), partial(setattr, each, "slice", ast.Constant(1))


def assignments(tree: ast.Module) -> Iterator[Place]:
    for body in _bodies(tree):
        for index, line in enumerate(body):
            match line:
                case ast.Assign([target], value):
                    yield _At("not kept", line), partial(body.__setitem__, index, ast.Expr(value))
                    for sign in (ast.Add(), ast.Mult()):
                        changed = ast.AugAssign(target, sign, value)
                        yield _At("added", line), partial(body.__setitem__, index, changed)
                    if isinstance(target, ast.Attribute):
                        local = ast.Assign([ast.Name(target.attr)], value, lineno=0)
                        yield _At("local", line), partial(body.__setitem__, index, local)
                    returned = ast.Return(value)
                    yield _At("returned", line), partial(body.__setitem__, index, returned)
                    both = ast.Assign([target, ast.Name("other")], value, lineno=0)
                    yield _At("two names", line), partial(body.__setitem__, index, both)
                case ast.Return(ast.expr() as value):
                    yield _At("not given back", line), partial(body.__setitem__, index, ast.Expr(value))
                    yield _At("nothing given back", line), partial(setattr, line, "value", None)
                    yield _At("a tuple given back", line), partial(setattr, line, "value", ast.Tuple([value]))


def moments(tree: ast.Module) -> Iterator[Place]:
    """Lines of `forward` in training or evaluation only, tensors detached, and calls behind the back of a layer."""
    for function in (each for each in _functions(tree) if each.name == "forward"):
        body = function.body
        for index, line in enumerate(body):
            for name in ("self.training", "not self.training"):
                if not isinstance(line, ast.Expr):
                    test = ast.parse(name, mode="eval").body
                    yield _At(f"if {name}", line), partial(body.__setitem__, index, ast.If(test, [line], []))
        for slot in _slots(function):
            match slot.node:
                case ast.Name(name, ast.Load()) if name in {each.arg for each in function.args.args[1:]}:
                    for method in ("detach", "neg", "contiguous"):
                        called = ast.Call(ast.Attribute(slot.node, method), [], [])
                        yield _At(f"{method}", slot.node), partial(slot.put, called)
                case ast.Call(ast.Attribute(ast.Name("self"), _), _) as call:
                    yield _At(".forward", call), partial(setattr, call, "func", ast.Attribute(call.func, "half"))


KINDS: dict[str, Callable[[ast.Module], Iterator[Place]]] = {
    each.__name__: each
    for each in (
        numbers, words, names, arguments_for_numbers, children, layers, classes, lines, definitions, signs, branches,
        arguments, keywords, nesting, items, loops, signatures, subscripts, assignments, moments,
    )
}  # fmt: skip
