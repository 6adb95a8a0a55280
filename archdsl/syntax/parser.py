"""Text to syntax tree, with every syntax fault of the text in one run."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedToken
from lark.exceptions import VisitError

from archdsl.base.diagnostics import Report
from archdsl.base.limits import Limits
from archdsl.base.resources import folder
from archdsl.base.text import Place, Source, Span
from archdsl.syntax import faults
from archdsl.syntax.build import Builder, Rejected
from archdsl.syntax.newlines import Newlines
from archdsl.syntax.tree import File, Statement

_MOST_FAULTS = 20
_BRACKETS = re.compile(r'"(?:[^"\\\n]|\\.)*"|#[^\n]*|[()\[\]{}]')
_CLOSER = {"(": ")", "[": "]", "{": "}"}
_FORBIDDEN = re.compile("[\x00\u202a-\u202e\u2066-\u2069]")
_SHOWN = {
    "NAME": "a name",
    "NUMBER": "a number",
    "STRING": "a string",
    "LABEL": "a name",
    "SIZES": "a shape",
    "_NL": "a new line",
    "$END": "the end of the text",
    "PATH": "a file",
    "BODY_OPEN": "`{`",
    "BRANCH_OPEN": "`{`",
    "RBRACE": "`}`",
    "RPAR": "`)`",
    "LPAR": "`(`",
    "RSQB": "`]`",
    "LSQB": "`[`",
    "OPTIONAL": "`?`",
    "COMPARE": "a comparison",
    "ELLIPSIS": "`...`",
    "MINUS": "`-`",
    "NOT": "`not`",
    "IN": "`in`",
}
_FIRST = ("`->`", "a name", "a number", "`)`", "`]`", "`}`", "`|`", "`,`", "`=`", "a shape")


def parse(source: Source, report: Report, limits: Limits) -> File:
    """The syntax tree of a text. What cannot be read is reported; the tree then holds what could."""
    if len(source.text) > limits.text:
        report.add(faults.TextTooLong(len(source.text), limits.text), Place(source, Span(0, 0)))
        return File(source, ())
    if found := _FORBIDDEN.search(source.text):
        offset = len(source.text[: found.start()].encode())
        what = "a NUL byte" if found[0] == "\0" else f"the invisible character U+{ord(found[0]):04X}"
        report.add(faults.UnreadableText(what, offset), Place(source, Span(*found.span())))
        return File(source, ())
    if not _brackets_match(source, report, limits):
        return File(source, ())
    return File(source, _statements(source, report))


def decode(data: bytes, name: str, report: Report) -> str:
    """The text that bytes hold, without a byte-order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = Source(name, data.decode("utf-8", "replace"))
        at = len(data[: error.start].decode("utf-8", "replace"))
        report.add(faults.UnreadableText("invalid UTF-8", error.start), Place(shown, Span(at, at + 1)))
        return ""


def _statements(source: Source, report: Report) -> tuple[Statement, ...]:
    """The statements of a text; a line with a fault is left out and the rest is read again, for the next fault."""
    text = source.text
    for _ in range(_MOST_FAULTS):
        try:
            with _collector_paused():
                return cast(tuple[Statement, ...], cast(Any, _lark()).parse(text))
        except UnexpectedToken as error:
            fault, span = _unexpected(error, len(text.rstrip()))
        except UnexpectedCharacters as error:
            span = Span(error.pos_in_stream or 0, (error.pos_in_stream or 0) + 1)
            character = text[span.start]
            fault = faults.UnfinishedText() if character == '"' else faults.UnexpectedCharacter(character)
        except VisitError as error:
            if not isinstance(error.orig_exc, Rejected):
                raise
            fault, span = error.orig_exc.fault, error.orig_exc.span
        except Rejected as error:
            fault, span = error.fault, error.span
        report.add(fault, Place(source, span))
        text = _without_line(text, span)
        if not _balanced(text):
            break
    return ()


@cache
def _lark() -> Lark:
    grammar = (folder("grammar") / "arch.lark").read_text(encoding="utf-8")
    return Lark(
        grammar,
        parser="lalr",
        lexer="contextual",
        transformer=Builder(),
        postlex=cast(Any, Newlines()),
        maybe_placeholders=True,
        propagate_positions=False,
    )


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Parsing makes many small objects and no cycles; the collector would take half the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _unexpected(error: UnexpectedToken, end: int) -> tuple[faults.SyntaxFault, Span]:
    token: Token = error.token
    expected = _expected(error.accepts or error.expected)
    if token.type == "$END":
        return faults.UnexpectedWord("end of the text", expected), Span(max(end - 1, 0), end)
    if token.type == "_NL":
        start = token.start_pos or 0
        return faults.UnexpectedWord("end of the line", expected), Span(max(start - 1, 0), start)
    span = Span(token.start_pos or 0, token.end_pos or 0)
    return faults.UnexpectedWord(f"`{str(token)[:40]}`", expected), span


def _expected(names: Iterable[str]) -> tuple[str, ...]:
    """A few of the things that could stand there, the most telling first, in an order that no hash seed changes."""
    patterns = {terminal.name: terminal.pattern.value for terminal in _lark().terminals}
    shown = {_SHOWN.get(name) or f"`{patterns.get(name, name).split('(')[0]}`" for name in names}
    ranked = sorted(shown, key=lambda word: (_FIRST.index(word) if word in _FIRST else len(_FIRST), word))
    return tuple(ranked[:4])


def _without_line(text: str, span: Span) -> str:
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", max(span.end - 1, start))
    end = len(text) if end < 0 else end
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _balanced(text: str) -> bool:
    return _brackets_match(Source("", text), Report(), Limits(nesting=len(text)))


def _brackets_match(source: Source, report: Report, limits: Limits) -> bool:
    """Whether brackets pair up, and no deeper than allowed. One clear fault beats what a parser makes of it."""
    opened: list[int] = []
    text = source.text
    for found in _BRACKETS.finditer(text):
        character, at = found[0], found.start()
        if character in _CLOSER:
            opened.append(at)
            if len(opened) > limits.nesting:
                report.add(faults.TooDeep(limits.nesting), Place(source, Span(at, at + 1)))
                return False
        elif character in ")]}":
            if not opened or _CLOSER[text[opened[-1]]] != character:
                last = text[opened[-1]] if opened else None
                report.add(faults.StrayBracket(character, last), Place(source, Span(at, at + 1)))
                return False
            opened.pop()
    if opened:
        report.add(faults.UnclosedBracket(text[opened[-1]]), Place(source, Span(opened[-1], opened[-1] + 1)))
        return False
    return True
