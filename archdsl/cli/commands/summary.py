"""`archdsl summary`."""

from __future__ import annotations

import sys

import click

from archdsl.cli.given import Given, Named, batch_options, columns, name_argument, need, network_options
from archdsl.cli.screen import has_colour, put, width


@click.command()
@name_argument
@network_options
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to show, 0 for all; else one page full.")
@click.option(
    "--column",
    "columns",
    type=Named(columns),
    multiple=True,
    help="Show this fact of each layer, in place of the usual ones; several times for several.",
)
@click.option("--symbolic", is_flag=True, help="Leave the sizes of the inputs open: shapes and MACs are formulas.")
@click.option("--memory", "as_memory", is_flag=True, help="Show what it needs in memory instead.")
@batch_options
@click.option(
    "--optimizer",
    type=click.Choice(["sgd", "momentum", "adam"]),
    default="adam",
    show_default=True,
    help="What moves the weights in training.",
)
@click.option("--fit", metavar="SIZE", help="Also the largest batches that fit: 24GB, 16GiB.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with everything opened unless --depth says less.")
def summary(
    name: str | None,
    given: Given,
    depth: int | None,
    columns: tuple[str, ...],
    symbolic: bool,
    as_memory: bool,
    batch: int,
    dtype: str,
    optimizer: str,
    fit: str | None,
    as_json: bool,
) -> None:
    """Show a network as a table.

    A repeat is one row, inside it one repetition is shown. `sees` is the receptive field, shown where there is room.
    --memory shows bytes: of the weights, of the activations that are made in training, and of those that are kept for
    the backward pass; --batch, --dtype, --optimizer and --fit go with it.
    """
    if not as_memory:
        need("--memory", "batch", "dtype", "optimizer", "fit")
    net = given.network(name)
    if symbolic:
        net = net.symbolic()
    if as_memory and columns:
        raise click.UsageError("--memory has columns of its own, and takes no --column")
    levels = (depth or 0) if as_json else depth
    needs = net.memory(batch, dtype, optimizer, depth=levels, fit=_bytes(fit)) if as_memory else None
    table = needs or net.summary(levels).showing(*columns)
    put(table.to_json() if as_json else table.text(width(), colour=has_colour(sys.stdout)))


def _bytes(text: str | None) -> int | None:
    from archdsl.facts.devices import bytes_of

    if text is None:
        return None
    try:
        return bytes_of(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--fit") from None
