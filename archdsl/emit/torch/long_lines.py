"""Lines of `forward` that are wider than the page: how they are broken."""

from __future__ import annotations

import re

from archdsl.base.python_text import INDENT, WIDTH


def wrapped(line: str, indent: str) -> list[str]:
    """A line of `forward`, broken at its outermost brackets where it is too long, or if it has none at the signs of its
    sum or product."""
    if len(indent) + len(line) <= WIDTH:
        return [indent + line]
    if not re.search(r"[(\[]", line):
        return _wrapped_sum(line, indent)
    head, bracket, rest = line.partition("(" if "[" not in line or line.index("(") < line.index("[") else "[")
    end = rest.rindex({"(": ")", "[": "]"}[bracket])
    inner = [each for part in _arguments(rest[:end]) for each in wrapped(f"{part},", indent + INDENT)]
    return [f"{indent}{head}{bracket}", *inner, f"{indent}{rest[end:]}"]


def _wrapped_sum(line: str, indent: str) -> list[str]:
    found = re.fullmatch(r"(return|\S+ =) (\S+(?: [+*] \S+)+)", line)
    if found is None:
        return [indent + line]
    sign = "+" if " + " in line else "*"
    operands = re.split(rf" (?=[{sign}] )", found[2])
    return [f"{indent}{found[1]} (", *(f"{indent}{INDENT}{each}" for each in operands), f"{indent})"]


def _arguments(text: str) -> list[str]:
    """What stands between the commas of a text, those in brackets left alone."""
    parts: list[str] = []
    depth = start = 0
    for position, character in enumerate(text):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(text[start:position].strip())
            start = position + 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
