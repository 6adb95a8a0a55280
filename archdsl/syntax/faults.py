"""What can be wrong with a text before anything in it has a meaning. E01 and the limits on reading it."""

from __future__ import annotations

from typing import ClassVar, final

from archdsl.base.diagnostics import Fault, Severity
from archdsl.base.records import record

LONGEST_NAME = 100


class SyntaxFault(Fault):
    """A text that does not follow the grammar."""


@final
@record
class UnexpectedWord(SyntaxFault):
    """Something stands where the grammar has no place for it.

    The message names what was found and the few things that could stand there. Often the cause is just before: a
    forgotten `->`, a bracket that was closed too early, or a width without its hyphen (`conv3 64` for `conv3-64`).
    """

    code = "E0101"
    title = "a word where none can stand"
    example = "INPUT[32x32x3] -> CONV3 64"

    found: str
    expected: tuple[str, ...]
    advice: str | None = None

    @property
    def message(self) -> str:
        if not self.expected:
            return f"unexpected {self.found}"
        return f"unexpected {self.found}, expected {_either(self.expected)}"

    @property
    def label(self) -> str:
        return "not expected here"

    @property
    def help(self) -> str | None:
        return self.advice


@final
@record
class UnexpectedCharacter(SyntaxFault):
    """A character that the language does not use.

    Names are made of the letters a to z, digits and underscores. A dash must be the hyphen `-`; text copied from a PDF
    often brings another one.
    """

    code = "E0102"
    title = "a character the language does not use"
    example = "INPUT[32x32x3] -> CONV3–16"

    character: str

    @property
    def message(self) -> str:
        code = f"U+{ord(self.character):04X}"
        shown = f"`{self.character}` ({code})" if self.character.isprintable() and self.character != "`" else code
        return f"unexpected character {shown}"

    @property
    def label(self) -> str:
        return "not part of the language"

    @property
    def help(self) -> str | None:
        if self.character in "‐‑‒–—−":
            return "write the hyphen `-`"
        if self.character in "→⟶➔":
            return "write the arrow as `->`"
        if self.character in "×∗":
            return "write `x` between sizes and `*` for a repeat"
        if self.character in "“”„'‘’":
            return 'write strings in straight double quotes: `"nearest"`'
        return None


@final
@record
class UnclosedBracket(SyntaxFault):
    """A bracket was opened and never closed, or closed by one of another kind."""

    code = "E0103"
    title = "an unclosed bracket"
    example = "INPUT[32x32x3] -> [CONV3-16 -> RELU"

    opened: str

    @property
    def message(self) -> str:
        return f"`{self.opened}` is never closed"

    @property
    def label(self) -> str:
        return "opened here"


@final
@record
class StrayBracket(SyntaxFault):
    """A bracket closes something that was not opened, or that was opened by a bracket of another kind."""

    code = "E0104"
    title = "a bracket that closes nothing"
    example = "INPUT[32x32x3] -> CONV3-16)"

    found: str
    opened: str | None

    @property
    def message(self) -> str:
        if self.opened is None:
            return f"`{self.found}` closes nothing"
        return f"`{self.found}` cannot close `{self.opened}`"

    @property
    def label(self) -> str:
        return "closes nothing" if self.opened is None else f"`{self.opened}` is still open"


@final
@record
class NumberTooLong(SyntaxFault):
    """A number of more digits than any size, count or width can need. The largest has 18."""

    code = "E0105"
    title = "a number that is too long"
    example = "INPUT[32x32x3] -> FC-1000000000000000000000"

    digits: int

    @property
    def message(self) -> str:
        return f"a number of {self.digits:,} digits; at most 18 are read"

    @property
    def label(self) -> str:
        return "too long"


@final
@record
class NumberTooLarge(SyntaxFault):
    """A number with an exponent that is beyond what a computer's floating-point numbers hold, about 1.8e308."""

    code = "E0109"
    title = "a number that is too large"
    example = "INPUT[32x32x3] -> CONV3-16 -> LEAKY_RELU(1e999)"

    @property
    def message(self) -> str:
        return "this number is beyond 1.8e308, the largest that can be held"

    @property
    def label(self) -> str:
        return "too large"


@final
@record
class NameTooLong(SyntaxFault):
    """A name of more characters than anybody would read. The longest has 100."""

    code = "E0110"
    title = "a name that is too long"
    example = "INPUT[32x32x3] -> CONV3-16 as " + "stem_" * 30

    length: int

    @property
    def message(self) -> str:
        return f"a name of {self.length:,} characters; at most {LONGEST_NAME} are read"

    @property
    def label(self) -> str:
        return "too long"


@final
@record
class NothingToContinue(SyntaxFault):
    """A line that starts with `->` goes on with the chain of the statement above, and there is none."""

    code = "E0106"
    title = "an arrow with nothing before it"
    example = "-> CONV3-16"

    @property
    def message(self) -> str:
        return "a line that starts with `->` goes on with the chain above, and there is none"

    @property
    def label(self) -> str:
        return "nothing to go on with"


@final
@record
class UnreadableText(SyntaxFault):
    """The bytes are not text that can be shown safely.

    A specification is UTF-8. NUL bytes, and the invisible characters that turn the direction of writing, are refused,
    so that what a reader sees is what the compiler reads.
    """

    code = "E0107"
    title = "bytes that are not text"
    example = "INPUT[32x32x3] -> CONV3-16 # \u202e hidden"

    what: str
    offset: int

    @property
    def message(self) -> str:
        return f"{self.what} at byte {self.offset}"

    @property
    def label(self) -> str:
        return "cannot be shown"


@final
@record
class UnfinishedText(SyntaxFault):
    """A string is opened and not closed on its line."""

    code = "E0108"
    title = "an unfinished string"
    example = 'INPUT[32x32x3] -> upsample2(mode="nearest)'

    @property
    def message(self) -> str:
        return "a string is not closed on its line"

    @property
    def label(self) -> str:
        return "opened here"


@final
@record
class TooDeep(SyntaxFault):
    """Brackets inside brackets beyond what the host allows (`Limits.nesting`)."""

    code = "E0191"
    title = "nested too deeply"
    example = "[" * 100 + "RELU" + "]" * 100
    severity: ClassVar[Severity] = Severity.LIMIT

    limit: int

    @property
    def message(self) -> str:
        return f"brackets are nested more than {self.limit} deep"

    @property
    def label(self) -> str:
        return "one too many"

    @property
    def help(self) -> str | None:
        return "name the inner parts as blocks, or raise the limit: `Limits(nesting=...)`"


@final
@record
class TextTooLong(SyntaxFault):
    """A file of more characters than the host allows (`Limits.text`)."""

    code = "E0192"
    title = "a text that is too long"
    example = ""
    severity: ClassVar[Severity] = Severity.LIMIT

    length: int
    limit: int

    @property
    def message(self) -> str:
        return f"the text has {self.length:,} characters, and the limit is {self.limit:,}"

    @property
    def help(self) -> str | None:
        return "raise the limit: `Limits(text=...)`"


def _either(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
