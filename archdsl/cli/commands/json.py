"""`archdsl json`."""

from __future__ import annotations

import click

from archdsl.cli.given import Given, name_argument, network_options
from archdsl.cli.outputs import output_kind
from archdsl.cli.screen import say, totals, write


@click.command(name="json")
@name_argument
@network_options
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to; standard output if not given.")
def json_(name: str | None, given: Given, output: str) -> None:
    """Write the hierarchy of modules as JSON."""
    from archdsl.report.structure import to_json

    output_kind(output, ("json",), "the hierarchy", "json")
    net = given.network(name)
    write({output: to_json(net.module).encode()}, [name])
    if output != "-":
        say(f"wrote {output}: {len(net.modules):,} modules, {totals(net)}")
