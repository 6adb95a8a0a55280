"""Networks beside each other: what is different in one of two, and a line for each of several."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from archdsl.base.files import write_atomically
from archdsl.base.wanted import WrongType, given, require, require_file
from archdsl.boundary import door
from archdsl.network import Network, require_network
from archdsl.report.compare import Comparison, comparison, entry_of

if TYPE_CHECKING:
    from archdsl.report.diff import Diff


@door
def diff(old: Network, new: Network) -> Diff:
    """What is different in the network `new`: see `Network.diff`."""
    require_network(old=old, new=new)
    return old.diff(new)


@door
def compare(networks: Iterable[Network], *, sort: str | None = None, plot: str | Path | None = None) -> Comparison:
    """Networks side by side: `str()` prints a line for each, `.entries` are their data, `.to_json()` is for tools.

    sort: a fact, such as `params`, or `name`, the smallest first; else they stay in their order. plot: an SVG file of
    parameters against MACs.
    """
    require(Iterable, "networks", networks=networks)
    if isinstance(networks, str):
        raise WrongType(f"`networks` are networks, not {given(networks)}: `archdsl.load` makes one of a name")
    networks = tuple(networks)
    for each in networks:
        require_network(networks=each)
    if plot is not None:
        require_file("the name of a file", plot=plot)
    found = comparison((entry_of(net.module, net.name, net.inputs, net.outputs) for net in networks), sort)
    if plot is not None:
        write_atomically({Path(plot): scatter_of(found).encode()}, [net.compiled.source.path for net in networks])
    return found


def scatter_of(compared: Comparison) -> str:
    """The SVG of networks side by side: parameters against MACs."""
    from archdsl.draw.scatter import Point, scatter

    return scatter([Point(entry.name, entry.params, entry.macs) for entry in compared.entries])
