"""`archdsl time`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.given import Given, batch_options, name_argument, network_options
from archdsl.cli.screen import has_colour, put, width
from archdsl.facts.devices import DEVICES


@click.command()
@name_argument
@network_options
@click.option(
    "--device",
    required=True,
    metavar="DEVICE",
    help=f"One of {', '.join(DEVICES)}, or figures: '312e12 FLOP/s, 2.0e12 B/s'.",
)
@batch_options
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to show, 0 for all; else one page full.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with everything opened unless --depth says less.")
def time(name: str | None, given: Given, device: str, batch: int, dtype: str, depth: int | None, as_json: bool) -> None:
    """Show how long a network takes at least on a device.

    Each step takes as long as its arithmetic at the device's peak, or as moving its inputs, weights and outputs once
    between memory and processor, whichever is longer. Real times are longer than this bound.
    """
    net = given.network(name)
    try:
        table = net.time(device, batch, dtype, depth=(depth or 0) if as_json else depth)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--device") from None
    put(table.to_json() if as_json else table.text(width(), colour=has_colour(sys.stdout)))
