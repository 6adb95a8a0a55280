"""Large numbers in few letters, for tables and pictures."""

from __future__ import annotations

from archdsl.algebra.symbolic import at_example

_UNITS = "kMGTPE"
_LARGEST = 10**300  # what a float can hold


def short_number(value: int) -> str:
    """A number to three digits: `1.81 G`. Below ten thousand it is exact; an open size is shown as at its example."""
    value = at_example(value)
    if value < 10_000:
        return f"{value:,}"
    for power, unit in enumerate(_UNITS, start=1):
        if value < 999.5 * 1000**power:
            return f"{value / 1000**power:.3g} {unit}"
    return f"{value:.2e}" if value < _LARGEST else f"about 10^{len(str(value)) - 1}"


def count_shown(count: int) -> str:
    """A count, exact below a million."""
    return f"{count:,}" if count < 10**6 else short_number(count)


def short_bytes(count: int) -> str:
    """A number of bytes to three digits: `102 MB`."""
    return f"{short_number(count)}B" if count >= 10_000 else f"{count:,} B"


def short_seconds(count: int, a_second: int) -> str:
    """The time that so many of something take, of which so many are done in a second: `1.27 ms`."""
    for unit, parts in (("s", 1), ("ms", 10**3), ("µs", 10**6)):
        if count * parts >= a_second:
            whole = count * parts // a_second
            shown = f"{count * parts / a_second:.3g}" if whole < _LARGEST else f"about 10^{len(str(whole)) - 1}"
            return f"{shown} {unit}"
    return f"{count * 10**9 / a_second:.3g} ns"
