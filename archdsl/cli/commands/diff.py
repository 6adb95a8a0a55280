"""`archdsl diff`."""

from __future__ import annotations

import sys
from typing import Any

import click

from archdsl.base.diagnostics import ArchError
from archdsl.cli.codes import FINE, USAGE, WRONG
from archdsl.cli.commands.draw import drawn, kinds_of, picture_options
from archdsl.cli.given import Given, complete_network, settings_options
from archdsl.cli.screen import has_colour, put, show, width

_OUTPUT = (
    "A picture of NEW, what is different in colour: .svg, .png, .pdf, .dot or .mmd; - for DOT in place of the table."
)


@click.command()
@click.argument("old", shell_complete=complete_network)
@click.argument("new", shell_complete=complete_network)
@settings_options
@click.option("--all", "everything", is_flag=True, help="Also what only follows from other changes.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
@click.option("-o", "--output", "outputs", metavar="FILE", multiple=True, help=_OUTPUT)
@picture_options
def diff(
    old: str, new: str, given: Given, everything: bool, as_json: bool, outputs: tuple[str, ...], **style: Any
) -> int:
    """Show what is different in the network NEW: steps that were added, removed or changed.

    The exit code is that of diff: 0 for no difference, 1 for some, 2 for trouble.
    """
    from archdsl.draw.look import Look

    kinds = kinds_of(outputs)
    if as_json and "-" in kinds:
        raise click.UsageError("--json and -o - both go to standard output")
    try:
        first, second = given.network(old), given.network(new)
    except ArchError as error:
        show(error.diagnostics)
        return USAGE
    found = first.diff(second)
    if as_json:
        put(found.to_json())
    elif "-" not in kinds:
        put(found.text(width(), colour=has_colour(sys.stdout), everything=everything))
    if kinds and drawn([second], kinds, Look.of(second.marks(first), **style), read=(old, new), quiet=as_json):
        return USAGE
    return WRONG if found else FINE
