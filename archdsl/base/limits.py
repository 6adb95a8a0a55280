"""What a host allows. Limits are set by the program that embeds the compiler, never by a text."""

from __future__ import annotations

from typing import Final

from archdsl.base.records import record

# the largest size, count or value of an expression: exact in a 64-bit word, and far beyond any network
LARGEST: Final = 10**18


@record(slots=True)
class Limits:
    """Bounds on what one text may ask for. Passing one is always an error that names it.

    nesting: brackets inside brackets, blocks that call blocks, and both together.
    text: characters of one file.
    files: files that one text may pull in through `use`.
    steps: steps that elaboration may work out; repeats of equal blocks count once.
    items: elements of one list, those of the lists in it included.
    values: values that expressions may work out, elements of lists included.
    terms: terms that the formula of a size may have, where the text leaves sizes open.
    faults: faults that one run tells of; the rest waits until these are mended.
    layers: layers of the flat graph or of a live module, every repeat written out.
    weights: bytes that the parameters of a live module may take.
    header: bytes that say which tensors a file of weights has, without their numbers.
    """

    nesting: int = 48
    text: int = 4_000_000
    files: int = 200
    steps: int = 10_000
    items: int = 100_000
    values: int = 400_000
    terms: int = 500
    faults: int = 100
    layers: int = 200_000
    weights: int = 64 * 2**30
    header: int = 8_000_000


DEFAULT_LIMITS = Limits()
