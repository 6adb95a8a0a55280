"""`archdsl compare`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.given import Given, Named, complete_network, settings_options, sorts
from archdsl.cli.outputs import output_kind
from archdsl.cli.screen import has_colour, put, say, width, write


@click.command()
@click.argument("names", nargs=-1, required=True, shell_complete=complete_network)
@settings_options
@click.option("--sort", type=Named(sorts), help="The smallest first; else in the order given.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("-o", "--output", metavar="FILE", help="Plot parameters against MACs: a file of .svg.")
def compare(names: tuple[str, ...], given: Given, sort: str | None, as_json: bool, output: str | None) -> None:
    """Show networks side by side, one line each.

    `sees` is the receptive field: what a position of the last map sees of the input.
    """
    from archdsl.comparing import compare as compared

    if output is not None:
        output_kind(output, ("svg",), "a plot")
    found = compared([given.network(name) for name in names], sort=sort)
    text = found.to_json() if as_json else found.text(width(), colour=has_colour(sys.stdout))
    put(text)
    if output is not None:
        write({output: _plot(found)}, names)
        say(f"wrote {output}", err=as_json)


def _plot(found: object) -> bytes:
    from archdsl.comparing import scatter_of
    from archdsl.report.compare import Comparison

    assert isinstance(found, Comparison)
    try:
        return scatter_of(found).encode()
    except ValueError as error:
        raise click.UsageError(str(error)) from None
