"""A right program with one thing wrong in it, and the words at which that has to be said."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from laws.rewritten import read

from archdsl.syntax import tree

_NONE = "nosuchthing"


@dataclass(frozen=True)
class Wrong:
    """A text that is wrong, what kind of fault it has, and the words of it that are at fault.

    readable: where the fault is a sign that cannot be read, the text with an element there that nothing knows, which is
    wrong only if the network has an element there.
    """

    text: str
    kind: str
    at: str
    readable: str | None = None


@dataclass(frozen=True)
class _Put:
    """Words in the place of others."""

    start: int
    end: int
    words: str
    at: str


Kind = Callable[[str, list[object]], Iterable[_Put]]


def planted(text: str, seed: int, *, any_size: bool = False) -> Wrong | None:
    """One fault in a text that is right; None where the kind that was chosen has no place in it. any_size: the sizes of
    the inputs are open, so that no window is too large for them."""
    random = Random(f"wrong {seed}")
    nodes = list(tree.walk(read(text).statements))
    kind = random.choice([each for each in KINDS if not (any_size and each == large_windows.__name__)])
    places = list(KINDS[kind](text, nodes))
    if not places:
        return None
    put = random.choice(places)
    before, after = text[: put.start], text[put.end :]
    readable = f"{before}{_NONE} -> {after}" if kind == stray_signs.__name__ else None
    return Wrong(f"{before}{put.words}{after}", kind, put.at, readable)


def unknown_elements(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """An operator, block or tensor that there is none of."""
    for each in nodes:
        if isinstance(each, tree.Mention):
            yield _Put(*each.name.span, _NONE, _NONE)


def unknown_arguments(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """An argument that an operator or a block does not have."""
    for each in nodes:
        match each:
            case tree.Mention(arguments=tree.Arguments(span, [_, *_])):
                yield _Put(span.end - 1, span.end - 1, f", {_NONE}=1", _NONE)


def other_shapes(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """A shape that does not come out; not of `net b = a(1)`, which with a shape is no instance of `a` but a chain."""
    instances = [
        element for each in nodes if isinstance(each, tree.Definition) and each.is_net for element in _only(each.body)
    ]
    for each in nodes:
        is_element = isinstance(each, tree.Element) and each.shape is None and isinstance(each.item, tree.Mention)
        if is_element and not any(each is instance for instance in instances):
            yield _Put(each.span.end, each.span.end, " : 97x89x83", "97x89x83")


def _only(body: tuple[tree.Statement, ...]) -> tuple[tree.Element, ...]:
    """The element of a body that is a single one."""
    match body:
        case (tree.Run(_, tree.Chain(_, (element,))),):
            return (element,)
        case _:
            return ()


def unknown_names(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """A name of a number that there is none of."""
    for each in nodes:
        match each:
            case tree.Mention(width=tree.Number(span)) | tree.Mention(stride=tree.Number(span)):
                yield _Put(*span, f"({_NONE} + 1)", _NONE)


def divisions(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """A number divided by nothing."""
    for each in nodes:
        match each:
            case tree.Mention(width=tree.Number(span)):
                yield _Put(*span, "(7//0)", "7//0")


def impossible_values(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """A number of groups that no number of channels has."""
    for each in nodes:
        match each:
            case tree.Mention(name=name, arguments=None, branches=None) if name.text.startswith("conv"):
                yield _Put(each.span.end, each.span.end, "(groups=97)", "97")


def large_windows(_text: str, nodes: list[object]) -> Iterable[_Put]:
    """A window that is larger than what it looks at."""
    for each in nodes:
        match each:
            case tree.Mention(name=name, arguments=None, branches=None) if name.text.startswith(("conv", "pool")):
                yield _Put(*each.span, "avgpool999", "999")


def stray_signs(text: str, nodes: list[object]) -> Iterable[_Put]:
    """A sign where none can stand."""
    for each in nodes:
        if isinstance(each, tree.Chain) and each.elements:
            yield _Put(each.span.start, each.span.start, "= ", "=")


KINDS: dict[str, Kind] = {
    each.__name__: each
    for each in (
        unknown_elements,
        unknown_arguments,
        other_shapes,
        unknown_names,
        divisions,
        impossible_values,
        large_windows,
        stray_signs,
    )
}
