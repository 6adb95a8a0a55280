"""What a person asks for in words: a network by name or text, the values of its hyper-parameters, the input's size."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from archdsl.algebra.tensors import TensorType
from archdsl.base.diagnostics import ArchError, Diagnostic, Report
from archdsl.base.faults import LimitPassed
from archdsl.base.formats import HEAD, format_of
from archdsl.base.limits import DEFAULT_LIMITS
from archdsl.base.records import record
from archdsl.base.text import Source
from archdsl.base.wanted import WrongValue
from archdsl.compiler import Options, compile_source, source_of
from archdsl.elaborate import faults
from archdsl.network import Network
from archdsl.syntax import tree
from archdsl.syntax.parser import decode, parse

if TYPE_CHECKING:
    from archdsl.sketching import Sketch

STDIN = "-"
_WORDS = {"true": True, "false": False, "none": False}
_BARE = re.compile(r"[A-Za-z_][\w.\-]*")
_SIZES = re.compile(r"\d{1,18}(x\d{1,18}){0,3}")
_TUPLE = re.compile(r"\(\s*(\d{1,18}\s*(,\s*\d{1,18}\s*){0,3}),?\s*\)")


class Unclear(WrongValue):
    """A request that cannot be understood. The message says why."""


@record
class Request:
    """A network as it is asked for: its name, or a text in place of it, with settings and the input's size."""

    name: str | None
    text: str | None = None
    settings: tuple[str, ...] = ()
    size: str | None = None

    def source(self) -> tuple[Source, str | None]:
        """The text, and which of its networks is meant."""
        if self.text is not None:
            if self.name is not None:
                raise Unclear("give a network by its name or with -e, not both")
            return Source("<expression>", self.text), None
        if self.name is None:
            raise Unclear("name a network: a file, `file.arch:net`, a name of the zoo, `-`, or -e 'INPUT[...] -> ...'")
        return (_standard_input(), None) if self.name == STDIN else source_of(self.name)

    def options(self, *, exact: bool = False) -> Options:
        """What the compilation is told besides the text, but for the input's size."""
        return Options(dict(map(setting, self.settings)), exact=exact)

    def network(self) -> Network:
        """The network. ArchError says what is wrong with its text, Unclear what is wrong with the request."""
        source, net = self.source()
        return compile_source(source, net, self.sized(self.options(), source, net))

    def network_or_sketch(self) -> Network | Sketch:
        """The network, or what could be worked out of one whose text is wrong. ArchError where that is nothing."""
        from archdsl.sketching import network_or_sketch

        source, net = self.source()
        return network_or_sketch(source, net, self.sized(self.options(), source, net))

    def sized(self, options: Options, source: Source, net: str | None) -> Options:
        """The options with the input's size, if one is asked for."""
        if self.size is None:
            return options
        return replace(options, size=input_size(self.size, lambda: _declared(source, net, options)))


def setting(text: str) -> tuple[str, object]:
    """`classes=10` as name and value: a number, `true`, `false`, a list, or a string; a bare word is a string."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not equals or not name.isidentifier():
        raise Unclear(f"`{text[:60]}` does not set anything: write name=value")
    return name, _literal(value)


def _literal(text: str) -> object:
    report = Report()
    file = parse(Source("setting", f"let value = {text}"), report, DEFAULT_LIMITS)
    if not report.diagnostics and len(file.statements) == 1 and isinstance(file.statements[0], tree.Let):
        try:
            return _value(file.statements[0].value)
        except Unclear:
            pass
    if _BARE.fullmatch(text):
        return text
    raise Unclear(f"`{text[:60]}` is no value: write a number, true, false, a list such as [2, 2], or a word")


def _value(node: tree.Expression) -> object:
    match node:
        case tree.Number(_, value) | tree.Text(_, value):
            return value
        case tree.Name(_, text):
            return _WORDS.get(text, text)
        case tree.Sequence(_, items):
            return tuple(map(_value, items))
        case tree.Prefix(_, "-", times, tree.Number(_, value)):
            return -value if times % 2 else value
        case _:
            raise Unclear("no literal")


def input_size(text: str, declared: Callable[[], TensorType | None]) -> TensorType:
    """The type that a size means: `28x28x1` as papers write it, or `(1, 28, 28)` in torch's order.

    People also write `1x28x28`. Where the first size, and not the last, is the number of channels that the network
    declares, the order is torch's.
    """
    text = text.strip().lower().replace("×", "x")
    if found := _TUPLE.fullmatch(text):
        return _positive(TensorType.of(tuple(int(size) for size in found[1].rstrip(", ").split(","))), text)
    if not _SIZES.fullmatch(text):
        raise Unclear(f"`{text[:60]}` is no size: write 28x28x1, or (1, 28, 28) in PyTorch's order")
    sizes = tuple(map(int, text.split("x")))
    if len(sizes) == 1:
        return _positive(TensorType.vector(sizes[0]), text)
    known = declared()
    if known is not None and sizes[0] == known.channels != sizes[-1]:
        return _positive(TensorType.image(*sizes), text)
    return _positive(TensorType.image(sizes[-1], *sizes[:-1]), text)


def _positive(kind: TensorType, text: str) -> TensorType:
    if not all(kind.shape):
        raise Unclear(f"`{text}` is no size: every size is at least 1")
    return kind


def _declared(source: Source, net: str | None, options: Options) -> TensorType | None:
    """The type of the input that the text itself declares, where it can be worked out."""
    try:
        inputs = compile_source(source, net, options).module.inputs
    except ArchError:
        return None
    return inputs[0] if inputs else None


def _standard_input() -> Source:
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - of a stream that is closed Python makes none
        raise Unclear("standard input is closed")
    most = 4 * DEFAULT_LIMITS.text
    data = sys.stdin.buffer.read(most + 1)
    if (kind := format_of(data[:HEAD])) is not None:
        raise ArchError([Diagnostic(faults.ForeignFile("<stdin>", kind))])
    if len(data) > most:
        fault = LimitPassed("the text has too many bytes", len(data), most, "text")
        raise ArchError([Diagnostic(fault)])
    report = Report()
    text = decode(data, "<stdin>", report)
    report.raise_errors()
    return Source("<stdin>", text)
