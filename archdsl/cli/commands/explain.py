"""`archdsl explain`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from archdsl.base.diagnostics import ArchError
from archdsl.cli.given import Given, complete_explained, network_options
from archdsl.cli.screen import print_page, width

if TYPE_CHECKING:
    from archdsl.network import Network


@click.command()
@click.argument("words", metavar="NAME [PATH]", nargs=-1, shell_complete=complete_explained)
@network_options
def explain(words: tuple[str, ...], given: Given) -> None:
    r"""Show the arithmetic of a network or a layer.

    \b
    archdsl explain vgg16                    every distinct layer
    archdsl explain resnet50 layer1.0.conv1  one layer
    archdsl explain conv                     the page of an operator
    archdsl explain operators                all of them
    archdsl explain E0304                    the page of a diagnostic
    """
    name = words[0] if words and given.text is None else None
    path = words if given.text is not None else words[1:]
    if len(path) > 1 or (name is None and given.text is None):
        raise click.UsageError("give a NAME and at most one PATH")
    if name is not None and not path and (page := _page(name)) is not None:
        print_page(page)
        return
    print_page(_arithmetic(given.network(name), *path))


def _arithmetic(net: Network, path: str | None = None) -> str:
    from archdsl.report.explain import WIDTH
    from archdsl.report.explain import explain as explained

    return explained(net.module, path, net.doc, min(width(), WIDTH))


def _page(word: str) -> str | None:
    """The manual page that a word names, or None where it must be a network."""
    from archdsl.elaborate.library import zoo_names
    from archdsl.ops import OPERATORS
    from archdsl.report import manual

    if Path(word).is_file() or word in zoo_names():
        return None
    if manual.is_code(word):
        return _fault_page(word.upper())
    if word.lower() == "operators":
        return manual.operator_list(OPERATORS)
    if (operator := OPERATORS.get(word.lower())) is not None:
        return manual.operator_page(operator)
    return manual.block_page(word.lower())


def _fault_page(code: str) -> str:
    from archdsl.base.suggest import did_you_mean
    from archdsl.report.catalogue import faults
    from archdsl.report.manual import fault_page

    if (fault := faults().get(code)) is None:
        near = did_you_mean(code, faults())
        raise click.UsageError(f"there is no diagnostic {code}{f'; {near}' if near else ''}")
    return fault_page(fault, lambda example: said_about(example, code))


def said_about(text: str, code: str) -> str:
    """What the compiler says about the example of a diagnostic."""
    from archdsl.base.text import Source
    from archdsl.compiler import Options, check_source, compile_source
    from archdsl.report import messages

    source = Source("example.arch", text)
    report, _ = check_source(source, Options())
    found = [*report.errors, *report.warnings]
    if code not in {each.code for each in found}:
        try:
            compile_source(source)
        except ArchError as error:
            found = list(error.diagnostics)
    return messages.full(found, width=76)
