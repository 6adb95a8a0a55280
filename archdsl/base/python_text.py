"""How the Python files that archdsl makes are written: their width, and the texts in them."""

from __future__ import annotations

WIDTH = 88
INDENT = "    "


def literal(text: str) -> str:
    """A text as Python writes it, in plain letters and the quotes that need the fewest escapes."""
    body = _escaped(text)
    single = "'" + body.replace("'", "\\'") + "'"
    double = '"' + body.replace('"', '\\"') + '"'
    return single if len(single) < len(double) else double


def long_literal(text: str) -> str:
    """A text between quotes of three, its first line below them, where it can be read and comes back as it is: what
    cannot be seen is escaped."""
    shown = "".join(
        each if each in "\n\t" or (each.isprintable() and each != "\\") else _escaped(each)
        for each in text.removesuffix('"')
    )
    # a quote at the end would be one of those that close
    end = '\\"' if text.endswith('"') else ""
    return '"""\\\n' + shown.replace('"""', '\\"\\"\\"') + end + '"""'


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode("ascii")
