"""`archdsl zoo`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.screen import has_colour, progress, put, width


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def zoo(as_json: bool) -> None:
    """List the networks that come along."""
    from archdsl import compiler

    with progress("reading the zoo"):
        found = compiler.zoo()
    put(found.to_json() if as_json else found.text(width(), colour=has_colour(sys.stdout)))
