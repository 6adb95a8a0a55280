"""Python expressions as data, with holes where whole numbers stand, and how they are laid out on a page.

Two instances of a block make one class if their expressions are equal but for the numbers in the holes, and each hole
has one expression over the constructor's arguments that gives every instance its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archdsl.base.traced import plain

WIDTH = 88
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Hole:
    """A number; a whole one may remember the expression that it comes from."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Items:
    """`(a, b)`, or `[a, b]` where `is_list`."""

    items: tuple[Node, ...]
    is_list: bool = False

    @property
    def brackets(self) -> str:
        """The opening and the closing bracket."""
        return "[]" if self.is_list else "()"


@dataclass(frozen=True, slots=True)
class Keyword:
    """`name=value`; left out where the value is `default` in every instance."""

    name: str
    value: Node
    default: Node | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """`target(a, b, name=c)`. A wide call stands on several lines however short it is, as a row of layers does."""

    target: str | Argument
    args: tuple[Node, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """`*(...)`: modules made `count` times over, inside a call."""

    body: tuple[Node, ...]
    count: Hole


@dataclass(frozen=True, slots=True)
class Argument:
    """A constructor argument that stands as it is: the class of an activation."""

    name: str


Node = str | Hole | Items | Call | Rows | Argument
Fill = Callable[[Hole], str]


def holes(node: Node) -> Iterator[Hole]:
    """Every hole, in the order of the text."""
    match node:
        case Hole():
            yield node
        case Items(items, _):
            for item in items:
                yield from holes(item)
        case Call(_, args, keywords, _):
            for arg in args:
                yield from holes(arg)
            for keyword in keywords:
                yield from holes(keyword.value)
        case Rows(body, count):
            for each in body:
                yield from holes(each)
            yield count
        case str() | Argument():
            return


def skeleton(node: Node) -> object:
    """The expression without its numbers: equal for instances that can share a class."""
    match node:
        case Hole():
            return "#"
        case Items(items, is_list):
            return ("items", is_list, *map(skeleton, items))
        case Call(target, args, keywords, wide):
            named = tuple((each.name, skeleton(each.value)) for each in keywords)
            return (target, tuple(map(skeleton, args)), named, wide)
        case Rows(body, _):
            return ("rows", tuple(map(skeleton, body)))
        case str() | Argument():
            return node


def laid_out(node: Node, fill: Fill, prefix: str, indent: str, suffix: str = "") -> list[str]:
    """The lines of `prefix` and the expression and `suffix`: on one line where it fits, else an argument a line."""
    flat = f"{indent}{prefix}{flat_text(node, fill)}{suffix}"
    if len(flat) <= WIDTH and not _is_wide(node):
        return [flat]
    match node:
        case Call(target, args, keywords, _):
            return _broken_call(f"{prefix}{_target(target)}", args, keywords, fill, indent, suffix)
        case Rows(body, count):
            return _broken_rows(body, count, fill, prefix, indent, suffix)
        case Items(items, _):
            opening, closing = node.brackets
            inner = [line for item in items for line in laid_out(item, fill, "", indent + INDENT, ",")]
            return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing}{suffix}"]
        case _:
            return [flat]


def _broken_call(
    head: str, args: tuple[Node, ...], keywords: tuple[Keyword, ...], fill: Fill, indent: str, suffix: str
) -> list[str]:
    inner = [line for arg in args for line in laid_out(arg, fill, "", indent + INDENT, ",")]
    for keyword in _written(keywords, fill):
        inner += laid_out(keyword.value, fill, f"{keyword.name}=", indent + INDENT, ",")
    return [f"{indent}{head}(", *inner, f"{indent}){suffix}"]


def _broken_rows(body: tuple[Node, ...], count: Hole, fill: Fill, prefix: str, indent: str, suffix: str) -> list[str]:
    inner = indent + INDENT
    loop = f"for _ in range({fill(count)})"
    if len(body) == 1:
        lines = laid_out(body[0], fill, "", inner)
        return [f"{indent}{prefix}*(", *lines, f"{inner}{loop}", f"{indent}){suffix}"]
    lines = [line for each in body for line in laid_out(each, fill, "", inner + INDENT, ",")]
    head = [f"{indent}{prefix}*(", f"{inner}layer", f"{inner}{loop}", f"{inner}for layer in ("]
    return [*head, *lines, f"{inner})", f"{indent}){suffix}"]


def flat_text(node: Node, fill: Fill) -> str:
    """The expression on one line."""
    match node:
        case str():
            return node
        case Argument(name):
            return name
        case Hole():
            return fill(node)
        case Items((only,), False):
            return f"({flat_text(only, fill)},)"
        case Items(items, _):
            opening, closing = node.brackets
            return f"{opening}{', '.join(flat_text(item, fill) for item in items)}{closing}"
        case Call(target, args, keywords, _):
            parts = [flat_text(arg, fill) for arg in args]
            parts += [f"{each.name}={flat_text(each.value, fill)}" for each in _written(keywords, fill)]
            return f"{_target(target)}({', '.join(parts)})"
        case Rows(body, count):
            loop = f"for _ in range({fill(count)})"
            if len(body) == 1:
                return f"*({flat_text(body[0], fill)} {loop})"
            inner = ", ".join(flat_text(each, fill) for each in body)
            return f"*(layer {loop} for layer in ({inner}))"


def _target(target: str | Argument) -> str:
    return target if isinstance(target, str) else target.name


def _written(keywords: tuple[Keyword, ...], fill: Fill) -> list[Keyword]:
    """The keywords that are not at their default."""
    return [
        each
        for each in keywords
        if each.default is None or flat_text(each.value, fill) != flat_text(each.default, str_of_hole)
    ]


def str_of_hole(hole: Hole) -> str:
    """A hole as the plain number in it."""
    return str(plain(hole.value))


def _is_wide(node: Node) -> bool:
    """Whether something in it stands on several lines however short it is."""
    match node:
        case Call(_, args, _, wide):
            return wide or any(map(_is_wide, args))
        case Items(items, _):
            return any(map(_is_wide, items))
        case Rows(body, _):
            return any(map(_is_wide, body)) or len(body) > 1
        case _:
            return False
