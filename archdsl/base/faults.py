"""What can be wrong anywhere: a number that there is not, and more than the host allows. E02, E09."""

from __future__ import annotations

from typing import ClassVar, final

from archdsl.base.diagnostics import Fault, Severity
from archdsl.base.records import record


@final
@record
class Uncomputable(Fault):
    """An expression has no value: a division by zero, an item beyond the end of a list, a number too large."""

    code = "E0206"
    title = "an expression without a value"
    example = "let widths = [16, 32]\nINPUT[32x32x3] -> CONV3-(widths[2])"

    reason: str

    @property
    def message(self) -> str:
        return self.reason

    @property
    def label(self) -> str:
        return "has no value"


@final
@record
class LimitPassed(Fault):
    """A text asks for more than the host allows. The message says how much, and how to raise the limit.

    Limits protect a program that compiles texts of others. Nothing is expanded or allocated before it is priced, so
    a repeat of a billion layers is summed in a moment; only writing it out is refused.
    """

    code = "E0901"
    title = "a limit that was passed"
    example = "net n {\n  input 32x32x3\n  [relu for i in range(1000000)]\n}"
    severity: ClassVar[Severity] = Severity.LIMIT

    what: str
    figure: int
    limit: int
    name: str

    @property
    def message(self) -> str:
        return f"{self.what}: {_short(self.figure)}, and the limit is {_short(self.limit)}"

    @property
    def label(self) -> str:
        return "over the limit"

    @property
    def help(self) -> str | None:
        return f"raise the limit: `Limits({self.name}=...)`"


def _short(number: int) -> str:
    return f"{number:,}" if number <= 10**18 else f"about 10^{len(str(number)) - 1}"
