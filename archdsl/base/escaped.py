"""Text that a sink takes as it is, a kind for each sink: what stands in the program, and anything else only escaped.

`Markup("<b>")` takes the words of the program, and the type checker refuses any other. `Markup.of(name)` takes anything
and escapes it; `filled` and `joined` put such pieces together. An f-string, `+` or `join` gives a `str` again, which no
sink takes, so forgetting to escape is an error of the type checker.
"""

from __future__ import annotations

import json
import unicodedata
from abc import abstractmethod
from collections.abc import Iterable
from html import escape
from typing import LiteralString, Self, final

from typing_extensions import override

_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# letters and marks that are not shown, or change how the one before is
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0") | frozenset(
    map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)


class Escaped(str):
    """Text that some sink takes as it is."""

    __slots__ = ()

    def __new__(cls, written: LiteralString = "") -> Self:
        return super().__new__(cls, written)

    @classmethod
    @abstractmethod
    def of(cls, text: str) -> Self:
        """Any text, escaped."""

    @classmethod
    def filled(cls, form: LiteralString, *parts: Self | float) -> Self:
        """A form, as `format` takes it, with pieces and numbers in its places."""
        return cls.trusted(form.format(*parts))

    @classmethod
    def joined(cls, parts: Iterable[Self], between: LiteralString = "") -> Self:
        """Pieces one after another."""
        return cls.trusted(between.join(parts))

    @classmethod
    def trusted(cls, text: str) -> Self:
        """What is escaped already, or made of nothing that anybody named: the escape functions themselves, a file of
        the package, what Graphviz drew of escaped DOT. A test lists who calls this."""
        return super().__new__(cls, text)


@final
class Markup(Escaped):
    """HTML and SVG: elements, and text inside them or inside the quotes of an attribute."""

    __slots__ = ()

    @override
    @classmethod
    def of(cls, text: str) -> Self:
        shown = (each if each in "\n\t\xa0" else seen(each) for each in text)
        return cls.trusted(escape(text if text.isprintable() else "".join(shown)))


def seen(character: str) -> str:
    """A character of a picture or page, or a sign in place of one that would not be seen."""
    return character if character.isprintable() else "\N{REPLACEMENT CHARACTER}"


@final
class Shown(Escaped):
    """Text that a terminal shows as it is: nothing in it acts there but our colours and the ends of our lines."""

    __slots__ = ()

    @override
    @classmethod
    def of(cls, text: str) -> Self:
        plain = text.isascii() and text.isprintable()
        return cls.trusted(text if plain else "".join(map(visible_character, text)))

    @classmethod
    def json(cls, document: object, indent: int = 1) -> Self:
        """A document as JSON, in ASCII."""
        return cls.trusted(json.dumps(document, indent=indent) + "\n")


def visible(text: str) -> Shown:
    """The text with every character that a terminal would act on, or not show, written out: `<U+001B>`."""
    return Shown.of(text)


def visible_character(character: str) -> str:
    """A character of a line, written out if a terminal would act on it or not show it."""
    acts = unicodedata.category(character) in _UNSAFE or character in _HIDDEN
    return f"<U+{ord(character):04X}>" if acts else character
