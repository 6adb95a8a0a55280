"""A text that fails, as small as it can be had: parts are taken away as long as it fails in the same way."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator


def smallest(text: str, fails: Callable[[str], str | None], tries: int = 4_000) -> str:
    """A text that fails as the given one does, from which nothing more can be taken away; `fails` says how one does."""
    wanted = fails(text)
    assert wanted is not None
    order = random.Random(0)
    while tries > 0:
        candidates = sorted(set(_smaller(text)), key=len)
        short = candidates[: len(candidates) // 2]
        order.shuffle(short)
        for candidate in (*short, *candidates[len(short) :]):
            tries -= 1
            if fails(candidate) == wanted:
                text = candidate
                break
        else:
            return text
    return text


def _smaller(text: str) -> Iterator[str]:
    """Texts with a part less: a line, an element, an argument, a bracket, a count, a condition, a smaller number."""
    lines = text.split("\n")
    for index in range(len(lines)):
        yield "\n".join(lines[:index] + lines[index + 1 :])
    ends = _closed(text)
    for begin, end in ends.items():
        if end - begin > 1:
            yield text[: begin + 1] + text[end:]
        yield text[:begin] + text[end + 1 :]
        yield text[:begin] + text[begin + 1 : end] + text[end + 1 :]
    cuts = _cuts(text)
    for first, begin in enumerate(cuts):
        for end in cuts[first + 1 : first + 14]:
            yield text[:begin] + text[end:]
            if text.startswith("->", end):
                yield text[:begin] + text[end + 2 :]
    yield from _shorter_words(text)


def _cuts(text: str) -> list[int]:
    """Where an element or an argument may begin or end."""
    around = [place for each in re.finditer(r"[\[{(|,)}\]=\n]", text) for place in each.span()]
    return sorted({0, len(text), *around, *(each.start() for each in re.finditer("->", text))})


def _shorter_words(text: str) -> Iterator[str]:
    for each in re.finditer(r" as \w+|\*\d+|\*\w+| if [^\]|,]+|\?| else [^\]|]+|/\d|-\([^()]*\)", text):
        yield text[: each.start()] + text[each.end() :]
    for each in re.finditer(r"\b\d+\b", text):
        for number in (1, 2, 3, 4, 8):
            if number < int(each[0]):
                yield text[: each.start()] + str(number) + text[each.end() :]


def _closed(text: str) -> dict[int, int]:
    """Where each bracket ends."""
    waiting: list[int] = []
    found: dict[int, int] = {}
    for index, letter in enumerate(text):
        if letter in "([{":
            waiting.append(index)
        elif letter in ")]}" and waiting:
            found[waiting.pop()] = index
    return found
