"""`archdsl draw`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.cli.codes import FINE, WRONG
from archdsl.cli.given import Given, name_argument, network_options
from archdsl.cli.screen import file_name, progress, write

if TYPE_CHECKING:
    from archdsl.graph.marks import Marks
    from archdsl.network import Network

_OUTPUT = (
    "NAME.svg if not given; .svg, .png, .pdf, .dot or .html, several times if wanted, - for DOT on standard output."
)
PICTURES = ("svg", "png", "pdf", "dot")


def picture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how a network is drawn."""
    made = click.option("--legend/--no-legend", default=True, help="Whether the colours are explained.")(command)
    opened = "Open the block at a path, whatever the detail."
    made = click.option("--expand", metavar="PATH", multiple=True, help=opened)(made)
    directions = click.Choice(["TB", "LR"])
    made = click.option("--dir", "direction", type=directions, default="TB", show_default=True, help="Direction.")(made)
    details = click.Choice(["stage", "block", "layer", "op"])
    return click.option("--detail", type=details, help="How much is one box.")(made)


@click.command()
@name_argument
@network_options
@click.option("-o", "--output", "outputs", metavar="FILE", multiple=True, help=_OUTPUT)
@picture_options
def draw(name: str | None, given: Given, outputs: tuple[str, ...], **style: Any) -> int:
    """Draw a network, by default into NAME.svg; into .html as a page to click through."""
    kinds = kinds_of(outputs)
    net = given.network(name)
    failed = drawn(net, kinds or {file_name(net, "svg"): "svg"}, **style)
    return WRONG if failed and outputs else FINE


def kinds_of(outputs: tuple[str, ...], allowed: tuple[str, ...] = (*PICTURES, "html")) -> dict[str, str]:
    """The kind of picture that each file is to hold."""
    kinds = {output: "dot" if output == "-" else Path(output).suffix[1:].lower() for output in outputs}
    for output, kind in kinds.items():
        if kind not in allowed:
            raise click.UsageError(f"{output}: a picture is a file of .{', .'.join(allowed)}")
    return kinds


def drawn(net: Network, kinds: dict[str, str], marks: Marks | None = None, **style: Any) -> bool:
    """Write the pictures and pages, and say so; whether one of them could not be made. Only pictures show marks."""
    pages = [output for output, kind in kinds.items() if kind == "html"]
    files, remarks = _pictures(net, {each: kind for each, kind in kinds.items() if each not in pages}, marks, **style)
    for output in pages:
        made = net.page(**style)
        files[output] = made.html.encode()
        remarks += made.remarks
    write(files)
    for output in files:
        if output != "-":
            click.echo(f"wrote {output}", err="-" in files)
    for remark in dict.fromkeys(remarks):
        click.echo(f"note: {remark}", err=True)
    return bool(set(kinds) - set(files))


def _pictures(
    net: Network,
    kinds: dict[str, str],
    marks: Marks | None,
    detail: str | None,
    direction: str,
    expand: tuple[str, ...],
    legend: bool,
) -> tuple[dict[str, bytes], list[str]]:
    """The pictures by file, DOT in place of those that cannot be made; and what there is to say about them."""
    from archdsl.emit.dot import dot
    from archdsl.emit.picture import picture
    from archdsl.emit.render import CannotRender, has_fonts, render

    if not kinds:
        return {}, []
    made = picture(net.module, detail, direction=direction, legend=legend, expand=expand, marks=marks)
    text, remarks = dot(made), list(made.remarks)
    files: dict[str, bytes] = {}
    for output, kind in kinds.items():
        try:
            with progress(f"drawing {output}"):
                files[output] = text.encode() if kind == "dot" else render(text, kind)
        except CannotRender as error:
            files[str(Path(output).with_suffix(".dot"))] = text.encode()
            remarks.append(f"{output} could not be drawn: {error}")
    if set(kinds.values()) & {"png", "pdf"} and not has_fonts():
        remarks.append("there are no fonts on this machine, so letters may come out as empty squares")
    return files, remarks
