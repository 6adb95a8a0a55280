"""`archdsl sizes`."""

from __future__ import annotations

import click

from archdsl.cli.given import Given, name_argument, network_options


@click.command()
@name_argument
@network_options
@click.option("--near", "near", metavar="SIZE", multiple=True, help="Whose neighbours are wanted: 300, or H=300.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def sizes(name: str | None, given: Given, near: tuple[str, ...], as_json: bool) -> None:
    """Show which sizes of its input a network takes.

    Valid sizes are those that it works with, its weights as they are; at exact ones every stride divides, and no row
    of the input is left over.
    """
    net = given.network(name).symbolic()
    assert net.open_sizes is not None
    found = net.sizes(_near(near, tuple(net.open_sizes.example)))
    click.echo(found.to_json() if as_json else str(found), nl=False)


def _near(given: tuple[str, ...], names: tuple[str, ...]) -> dict[str, int]:
    """The sizes by name; a bare number is for all of them."""
    wanted: dict[str, int] = {}
    for each in given:
        name, equals, size = each.rpartition("=")
        if not size.isdecimal() or not 0 < int(size) <= 10**9:
            raise click.UsageError(f"--near {each}: write a size such as 300, or H=300")
        if equals and name not in names:
            raise click.UsageError(f"--near {each}: the sizes are {', '.join(names)}")
        wanted |= dict.fromkeys((name,) if equals else names, int(size))
    return wanted
