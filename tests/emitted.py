"""An emitted file without the text that it carries at its end, which is as long as it is."""

from __future__ import annotations

from archdsl import Network


def code_lines(net: Network) -> list[str]:
    """The lines of a network's file before its text."""
    return net.source().partition("\nARCH = ")[0].rstrip("\n").splitlines()
