"""`archdsl zoo`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.screen import has_colour, progress, put, width


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def zoo(as_json: bool) -> None:
    """List the networks that come along."""
    from archdsl import load
    from archdsl.elaborate.library import zoo_names
    from archdsl.report import zoo as table

    with progress("reading the zoo"):
        nets = [(name, load(name)) for name in table.by_name(zoo_names())]
        entries = [table.Entry.of(name, net.module, net.text) for name, net in nets]
    if as_json:
        put(table.to_json(entries))
        return
    put(table.text(entries, width(), colour=has_colour(sys.stdout)))
