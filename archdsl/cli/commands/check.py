"""`archdsl check`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from archdsl.base.diagnostics import ArchError, Diagnostic, Severity
from archdsl.cli.codes import FINE, LIMIT, WRONG
from archdsl.cli.given import Given, complete_network, network_options
from archdsl.cli.screen import put, say, show

if TYPE_CHECKING:
    from archdsl.request import Request


@click.command()
@click.argument("names", metavar="FILE...", nargs=-1, shell_complete=complete_network)
@network_options
@click.option("--exact", is_flag=True, help="Make a stride that does not divide an error, as textbooks do.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "concise", "json", "github"]),
    default="full",
    show_default=True,
    help="How faults are written.",
)
def check(names: tuple[str, ...], given: Given, exact: bool, style: str) -> int:
    """Report every fault of texts."""
    requests = [replace(given, text=None).request(name) for name in names]
    if given.text is not None:
        requests.append(given.request(None))
    if not requests:
        raise click.UsageError("name a file to check")
    found = [each for request in requests for each in _faults(request, exact=exact)]
    _print_faults(found, style)
    errors = [each for each in found if each.severity is not Severity.WARNING]
    _say_count(len(errors), len(found) - len(errors), len(requests))
    if not errors:
        return FINE
    return LIMIT if all(each.severity is Severity.LIMIT for each in errors) else WRONG


def _faults(request: Request, *, exact: bool) -> list[Diagnostic]:
    """Everything that is wrong with a text, in its order."""
    from archdsl.compiler import check_source, compile_source

    try:
        source, net = request.source()
        options = request.sized(request.options(exact=exact), source, net)
        if net is not None:
            return list(compile_source(source, net, options).warnings)
        report, _ = check_source(source, options)
    except ArchError as error:
        return list(error.diagnostics)
    return [*report.errors, *report.warnings]


def _print_faults(found: list[Diagnostic], style: str) -> None:
    from archdsl.report import messages

    if style == "full":
        show(found, err=False)
    else:
        put(messages.FORMATS[style](found))


def _say_count(errors: int, warnings: int, texts: int) -> None:
    def counted(number: int, noun: str) -> str:
        return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

    warned = f", {counted(warnings, 'warning')}" if warnings else ""
    say(f"{counted(texts, 'text')} checked: {counted(errors, 'error')}{warned}", err=True)
