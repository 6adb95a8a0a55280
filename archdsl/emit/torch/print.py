"""The text of expressions, and how it is laid out on a page: on one line where it fits, else an argument a line."""

from __future__ import annotations

import math
import re
from typing import Any, assert_never

from archdsl.algebra.traced import python
from archdsl.base.python_text import INDENT, WIDTH, literal
from archdsl.emit.torch.program import (
    Argument,
    Call,
    Choice,
    Compared,
    Condition,
    Field,
    Formula,
    Given,
    Hole,
    Items,
    Joined,
    Keyword,
    Label,
    Literal,
    Node,
    Reference,
    Rows,
    as_number,
)


def field_lines(field: Field) -> list[str]:
    """The lines of a constructor that set something."""
    node = field.node
    if isinstance(node, Compared | Given | Joined):
        return [f"self.{field.name} = {condition_text(node)}"]
    if field.condition is None:
        return _assigned(field.name, node, "")
    inner = _assigned(field.name, node, INDENT)
    return [f"self.{field.name} = nn.Identity()", f"if {condition_text(field.condition)}:", *inner]


def _assigned(name: str, node: Node, indent: str) -> list[str]:
    indent = INDENT * 2 + indent
    if name.isidentifier():
        lines = laid_out(node, f"self.{name} = ", indent)
    else:
        is_tensor = isinstance(node, Call) and node.target == Reference("nn.Parameter")
        method = "register_parameter" if is_tensor else "add_module"
        lines = laid_out(Call(Reference(f"self.{method}"), (Literal(name), node)), "", indent)
    return [line[len(INDENT * 2) :] for line in lines]


def constructed(fields: tuple[Field, ...], *, is_list: bool) -> list[str]:
    """The line of a constructor that gives the members of a row to torch's own."""
    nodes = tuple(each.node for each in fields if isinstance(each.node, Node))
    if is_list:
        node = Call(Reference("super().__init__"), (Items(nodes, is_list=True),))
    else:
        (node,) = nodes
    return [line[len(INDENT * 2) :] for line in laid_out(node, "", INDENT * 2)]


def laid_out(node: Node, prefix: str, indent: str, suffix: str = "") -> list[str]:
    """The lines of `prefix` and the expression and `suffix`: on one line where it fits, else an argument a line."""
    flat = f"{indent}{prefix}{flat_text(node)}{suffix}"
    if len(flat) <= WIDTH and not _is_wide(node):
        return [flat]
    match node:
        case Call(target, args, keywords):
            return _broken_call(f"{prefix}{flat_text(target)}", args, keywords, indent, suffix)
        case Rows():
            return _broken_rows(node, prefix, indent, suffix)
        case Items(items):
            opening, closing = node.brackets
            inner = [line for item in items for line in laid_out(item, "", indent + INDENT, ",")]
            return [f"{indent}{prefix}{opening}", *inner, f"{indent}{closing}{suffix}"]
        case Choice(condition, then, otherwise):
            inner = indent + INDENT
            return [
                f"{indent}{prefix}(" if prefix else f"{indent}(",
                *laid_out(then, "", inner),
                f"{inner}if {condition_text(condition)}",
                *laid_out(otherwise, "else ", inner),
                f"{indent}){suffix}",
            ]
        case Formula() if not prefix:
            return [f"{indent}{line}" for line in _broken_expression(f"{flat_text(node)}{suffix}", WIDTH - len(indent))]
        case Formula() | Hole() | Literal() | Reference() | Argument() | Label():
            return [flat]
        case _:
            assert_never(node)


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
    head: str, args: tuple[Node, ...], keywords: tuple[Keyword, ...], indent: str, suffix: str
) -> list[str]:
    # Python allows no comma behind a loop that stands alone
    comma = "" if args and isinstance(args[0], Rows) and args[0].alone else ","
    inner = [line for arg in args for line in laid_out(arg, "", indent + INDENT, comma)]
    for keyword in _written(keywords):
        inner += laid_out(keyword.value, f"{keyword.name}=", indent + INDENT, ",")
    return [f"{indent}{head}(", *inner, f"{indent}){suffix}"]


def _loops(rows: Rows) -> tuple[list[str], tuple[Node, ...]]:
    """The loops that stand one inside the other, and what the innermost makes: a loop that holds nothing but another
    one is both in one."""
    loops = [f"for {rows.index} in range({flat_text(rows.count)})"]
    body = rows.body
    while len(body) == 1 and isinstance(inner := body[0], Rows):
        loops.append(f"for {inner.index} in range({flat_text(inner.count)})")
        body = inner.body
    return loops, body


def _broken_rows(rows: Rows, prefix: str, indent: str, suffix: str) -> list[str]:
    opening, closing = rows.brackets
    inner = indent if rows.alone else indent + INDENT
    loops, members = _loops(rows)
    shown = [f"{inner}{loop}" for loop in loops]
    if len(members) == 1:
        lines = [*laid_out(members[0], "", inner), *shown]
    else:
        body = [line for each in members for line in laid_out(each, "", inner + INDENT, ",")]
        lines = [f"{inner}layer", *shown, f"{inner}for layer in (", *body, f"{inner})"]
    return lines if rows.alone else [f"{indent}{prefix}{opening}", *lines, f"{indent}{closing}{suffix}"]


def flat_text(node: Node) -> str:
    """The expression on one line."""
    match node:
        case Reference(name) | Argument(name):
            return name
        case Literal(value):
            return _literal_text(value)
        case Hole():
            return as_number(node)
        case Formula(expression):
            return python(expression)
        case Items((only,), False):
            return f"({flat_text(only)},)"
        case Items(items):
            opening, closing = node.brackets
            return f"{opening}{', '.join(map(flat_text, items))}{closing}"
        case Call(target, args, keywords):
            parts = [flat_text(arg) for arg in args]
            parts += [f"{each.name}={flat_text(each.value)}" for each in _written(keywords)]
            return f"{flat_text(target)}({', '.join(parts)})"
        case Label(parts):
            return _label_text(parts)
        case Choice(condition, then, otherwise):
            return f"{flat_text(then)} if {condition_text(condition)} else {flat_text(otherwise)}"
        case Rows():
            opening, closing = node.brackets
            loops, body = _loops(node)
            if len(body) == 1:
                return f"{opening}{flat_text(body[0])} {' '.join(loops)}{closing}"
            inner = ", ".join(map(flat_text, body))
            return f"{opening}layer {' '.join(loops)} for layer in ({inner}){closing}"
        case _:
            assert_never(node)


def condition_text(condition: Condition) -> str:
    """A condition as Python writes it."""
    match condition:
        case Compared(left, sign, right):
            return f"{python(left)} {sign} {python(right)}"
        case Given(name, is_on, word):
            if word is not None:
                return f"{name} {'==' if is_on else '!='} {literal(word)}"
            return name if is_on else f"not {name}"
        case Joined(sign, parts):
            return f" {sign} ".join(map(condition_text, parts))
        case _:
            assert_never(condition)


def _literal_text(value: Any) -> str:
    match value:
        case str():
            return literal(value)
        case float() if not math.isfinite(value):
            return f'float("{value}")'
        case _:
            return repr(value)


def _label_text(parts: tuple[str | Hole | Formula, ...]) -> str:
    texts = [part if isinstance(part, str) else flat_text(part) for part in parts]
    if all(text.isdigit() for part, text in zip(parts, texts, strict=True) if not isinstance(part, str)):
        return f'"{"".join(texts)}"'
    filled = (text if isinstance(part, str) else f"{{{text}}}" for part, text in zip(parts, texts, strict=True))
    return f'f"{"".join(filled)}"'


def _written(keywords: tuple[Keyword, ...]) -> list[Keyword]:
    """The keywords that are not at their default."""
    return [each for each in keywords if each.default is None or not _is_same(each.value, each.default)]


def _is_same(value: Node, default: Node) -> bool:
    """Whether a value is the default. 0 is the same as 0.0."""
    match value, default:
        case Formula(int() | float() as number) | Hole(number), Formula(int() | float() as other) | Hole(other):
            return number == other
        case _:
            return flat_text(value) == flat_text(default)


def _is_wide(node: Node) -> bool:
    """Whether something in it stands on several lines however short it is."""
    match node:
        case Call(_, args, _, wide):
            return wide or any(map(_is_wide, args))
        case Items(items):
            return any(map(_is_wide, items))
        case Rows():
            _, body = _loops(node)
            return any(map(_is_wide, body)) or len(body) > 1
        case Choice(_, then, otherwise):
            return _is_wide(then) or _is_wide(otherwise)
        case Formula() | Hole() | Literal() | Reference() | Argument() | Label():
            return False
        case _:
            assert_never(node)
