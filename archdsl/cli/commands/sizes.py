"""`archdsl sizes`: which sizes of its input a network takes, and the nearest to a given one."""

from __future__ import annotations

import click

from archdsl.cli.given import Given, name_argument, network_options
from archdsl.cli.screen import put, width

_LARGEST = 10**9


@click.command()
@name_argument
@network_options
@click.option("--near", "near", metavar="SIZE", multiple=True, help="The size to look near to: 300 for all, or H=300.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def sizes(name: str | None, given: Given, near: tuple[str, ...], as_json: bool) -> None:
    """Show which sizes of its input a network takes.

    Valid sizes are those that it works with, its weights as they are; at exact ones every stride divides, and no row
    of the input is left over.
    """
    from archdsl.report.sizes import WIDTH

    net = given.network(name).symbolic()
    assert net.open_sizes is not None
    found = net.sizes(_near(near, tuple(net.open_sizes.example)))
    put(found.to_json() if as_json else found.text(min(width(), WIDTH)))


def _near(given: tuple[str, ...], names: tuple[str, ...]) -> dict[str, int]:
    """The sizes by name; a bare number is for all that are not named."""
    wanted: dict[str, int] = {}
    for each in given:
        name, _, size = (part.strip() for part in each.rpartition("="))
        fault = _fault(name, size, names)
        if name in wanted:
            fault = f"{name or 'a size for all'} is given twice"
        if fault:
            raise click.UsageError(f"--near {each}: {fault}")
        wanted[name] = int(size)
    return {name: size for name in names if (size := wanted.get(name) or wanted.get("")) is not None}


def _fault(name: str, size: str, names: tuple[str, ...]) -> str:
    """What is wrong with a size, if anything is."""
    if not names:
        return "the input takes no other size"
    if name and name not in names:
        return f"there is no size {name}, but {' and '.join(names)}"
    if not (size.isascii() and size.isdecimal() and 1 <= int(size[:20]) <= _LARGEST):
        return f"write a size from 1 to {_LARGEST:,}, such as 300 or {names[0]}=300"
    return ""
