"""`archdsl summary`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.given import Given, name_argument, network_options
from archdsl.cli.screen import has_colour, width


@click.command()
@name_argument
@network_options
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to show, 0 for all; else one page full.")
@click.option("--symbolic", is_flag=True, help="Leave the sizes of the inputs open: shapes and MACs are formulas.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with everything opened unless --depth says less.")
def summary(name: str | None, given: Given, depth: int | None, symbolic: bool, as_json: bool) -> None:
    """Show a network as a table.

    A repeat is one row, inside it one repetition is shown. `sees` is the receptive field, shown where there is room.
    """
    net = given.network(name)
    if symbolic:
        net = net.symbolic()
    if as_json:
        click.echo(net.summary(depth or 0).to_json(), nl=False)
        return
    click.echo(net.summary(depth).text(width(), colour=has_colour(sys.stdout)), nl=False)
