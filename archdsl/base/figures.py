"""Large numbers in few letters, for tables and pictures."""

from __future__ import annotations


def short_number(value: int) -> str:
    """A number to three digits: `1.81 G`. Below ten thousand it is exact."""
    if value < 10_000:
        return f"{value:,}"
    for power, unit in enumerate("kMGTPE", start=1):
        if value < 999.5 * 1000**power:
            return f"{value / 1000**power:.3g} {unit}"
    return f"{value:.2e}" if value < 10**300 else f"about 10^{len(str(value)) - 1}"
