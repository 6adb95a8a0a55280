"""`archdsl diff`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from archdsl.base.diagnostics import ArchError
from archdsl.cli.codes import FINE, LIMIT, USAGE, WRONG
from archdsl.cli.given import Given, complete_network, settings_options
from archdsl.cli.screen import has_colour, show, width

if TYPE_CHECKING:
    from archdsl.report.diff import Diff


@click.command()
@click.argument("old", shell_complete=complete_network)
@click.argument("new", shell_complete=complete_network)
@settings_options
@click.option("--all", "everything", is_flag=True, help="Also what only follows from other changes.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def diff(old: str, new: str, given: Given, everything: bool, as_json: bool) -> int:
    """Show what is different in the network NEW: steps that were added, removed or changed.

    The exit code is that of diff: 0 for no difference, 1 for some, 2 for trouble.
    """
    try:
        first, second = given.network(old), given.network(new)
    except ArchError as error:
        show(error.diagnostics, sys.stderr)
        return LIMIT if error.is_limit else USAGE
    found = first.diff(second)
    _print(found, everything=everything, as_json=as_json)
    return WRONG if found else FINE


def _print(found: Diff, *, everything: bool, as_json: bool) -> None:
    if as_json:
        click.echo(found.to_json(), nl=False)
        return
    click.echo(found.text(width(), colour=has_colour(sys.stdout), everything=everything), nl=False)
