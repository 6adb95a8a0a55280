"""Which newlines end a statement. The others are space, and are dropped on their way from the lexer to the parser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from lark import Token

_NEWLINE = "_NL"
_OPEN = {"LPAR", "LSQB", "BRANCH_OPEN"}
_CLOSE = {"RPAR", "RSQB", "RBRACE"}
_BODY = "BODY_OPEN"
_GOES_ON = {"->", "=", ",", "|", "{"}


class Newlines:
    """A filter over tokens that lark calls between lexer and parser. It looks back, never ahead."""

    always_accept: ClassVar[tuple[str, ...]] = (_NEWLINE,)

    def process(self, stream: Iterable[Token]) -> Iterator[Token]:
        """The tokens without the newlines that are space."""
        opened: list[str] = []
        previous = "{"
        for token in stream:
            kind = token.type
            if kind == _NEWLINE:
                if (opened and opened[-1] != _BODY) or previous in _GOES_ON:
                    continue
                previous = "{"
                yield token
                continue
            if kind in _OPEN or kind == _BODY:
                opened.append(kind)
            elif kind in _CLOSE and opened:
                opened.pop()
            previous = str(token)
            yield token
