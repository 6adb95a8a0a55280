"""Python expressions as data, with holes where whole numbers stand, and how they are laid out on a page.

Two instances of a block make one class if their expressions are equal but for the numbers in the holes, and each hole
has one expression over the constructor's arguments that gives every instance its number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from archdsl.base.traced import plain

WIDTH = 88
INDENT = "    "


@dataclass(frozen=True, slots=True)
class Hole:
    """A number; a whole one may remember the expression that it comes from.

    Inside `Rows` it may go on with the index: it is then `value + step * i`.
    """

    value: int | float
    step: int = 0


@dataclass(frozen=True, slots=True)
class Label:
    """`"layer1"`: a string whose numbers are holes, and which is an f-string where they are not plain."""

    parts: tuple[str | Hole, ...]

    @staticmethod
    def of(name: str) -> Label:
        """The label of a name."""
        parts = re.findall(r"[1-9][0-9]*|0(?![0-9])|[^0-9]+|0", name)
        return Label(tuple(Hole(int(part)) if part.isdigit() else part for part in parts))


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
    """`*(...)`: modules made `count` times over, inside a call, of which they may be the only argument.

    index: what the loop counts with, from 0.
    """

    body: tuple[Node, ...]
    count: Hole
    index: str = "_"
    alone: bool = False

    @property
    def brackets(self) -> tuple[str, str]:
        """What stands around the loop."""
        return ("", "") if self.alone else ("*(", ")")


@dataclass(frozen=True, slots=True)
class Argument:
    """A constructor argument that stands as it is: the class of an activation."""

    name: str


Node = str | Hole | Label | Items | Call | Rows | Argument
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
        case Label(parts):
            yield from (part for part in parts if isinstance(part, Hole))
        case str() | Argument():
            return


def skeleton(node: Node) -> object:
    """The expression without its numbers: equal for instances that can share a class."""
    match node:
        case Hole(_, step):
            return "#i" if step else "#"
        case Label(parts):
            return ("label", *(skeleton(part) for part in parts))
        case Items(items, is_list):
            return ("items", is_list, *map(skeleton, items))
        case Call(target, args, keywords, wide):
            named = tuple((each.name, skeleton(each.value)) for each in keywords)
            return (target, tuple(map(skeleton, args)), named, wide)
        case Rows(body, _, _, alone):
            return ("rows", alone, tuple(map(skeleton, body)))
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
        case Rows():
            return _broken_rows(node, fill, prefix, indent, suffix)
        case Items(items, _):
            opening, closing = node.brackets
            inner = [line for item in items for line in laid_out(item, fill, "", indent + INDENT, ",")]
            return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing}{suffix}"]
        case Hole() if not prefix:
            return [f"{indent}{line}" for line in _broken_expression(f"{fill(node)}{suffix}", WIDTH - len(indent))]
        case _:
            return [flat]


def _broken_expression(text: str, width: int) -> list[str]:
    """The lines of a long expression, each but the first with the sign that it begins with: sums are broken first."""
    for signs in (r"[+\-]", r"\*|//|%"):
        lines = _split(text, signs)
        if len(lines) > 1:
            return [
                part for line in lines for part in ([line] if len(line) <= width else _broken_expression(line, width))
            ]
    return [text]


def _split(text: str, signs: str) -> list[str]:
    """An expression in pieces that begin with one of some signs, those in brackets left alone."""
    places = (found.start() for found in re.finditer(rf"(?<= )(?:{signs})(?= )", text))
    ends = [place for place in places if text.count("(", 0, place) == text.count(")", 0, place)]
    starts = [0, *ends]
    return [text[start:end].strip() for start, end in zip(starts, [*ends, None], strict=True)]


def _broken_call(
    head: str, args: tuple[Node, ...], keywords: tuple[Keyword, ...], fill: Fill, indent: str, suffix: str
) -> list[str]:
    # Python allows no comma behind a loop that stands alone
    comma = "" if args and isinstance(args[0], Rows) and args[0].alone else ","
    inner = [line for arg in args for line in laid_out(arg, fill, "", indent + INDENT, comma)]
    for keyword in _written(keywords, fill):
        inner += laid_out(keyword.value, fill, f"{keyword.name}=", indent + INDENT, ",")
    return [f"{indent}{head}(", *inner, f"{indent}){suffix}"]


def _broken_rows(rows: Rows, fill: Fill, prefix: str, indent: str, suffix: str) -> list[str]:
    opening, closing = rows.brackets
    inner = indent if rows.alone else indent + INDENT
    loop = f"for {rows.index} in range({fill(rows.count)})"
    if len(rows.body) == 1:
        lines = [*laid_out(rows.body[0], fill, "", inner), f"{inner}{loop}"]
    else:
        body = [line for each in rows.body for line in laid_out(each, fill, "", inner + INDENT, ",")]
        lines = [f"{inner}layer", f"{inner}{loop}", f"{inner}for layer in (", *body, f"{inner})"]
    return lines if rows.alone else [f"{indent}{prefix}{opening}", *lines, f"{indent}{closing}{suffix}"]


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
        case Label(parts):
            return _label_text(parts, fill)
        case Rows(body, count, index):
            opening, closing = node.brackets
            loop = f"for {index} in range({fill(count)})"
            if len(body) == 1:
                return f"{opening}{flat_text(body[0], fill)} {loop}{closing}"
            inner = ", ".join(flat_text(each, fill) for each in body)
            return f"{opening}layer {loop} for layer in ({inner}){closing}"


def _label_text(parts: tuple[str | Hole, ...], fill: Fill) -> str:
    texts = [fill(part) if isinstance(part, Hole) else part for part in parts]
    if all(text.isdigit() for part, text in zip(parts, texts, strict=True) if isinstance(part, Hole)):
        return f'"{"".join(texts)}"'
    filled = (f"{{{text}}}" if isinstance(part, Hole) else text for part, text in zip(parts, texts, strict=True))
    return f'f"{"".join(filled)}"'


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
        case Rows(body):
            return any(map(_is_wide, body)) or len(body) > 1
        case _:
            return False
