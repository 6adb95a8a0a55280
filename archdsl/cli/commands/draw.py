"""`archdsl draw`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from archdsl.base.diagnostics import Diagnostic
from archdsl.cli.codes import FINE, WRONG
from archdsl.cli.given import (
    Explained,
    Given,
    Named,
    colours,
    colours_explained,
    complete_network,
    details,
    directions,
    network_options,
)
from archdsl.cli.outputs import output_kind
from archdsl.cli.screen import file_name, progress, say, show, write

if TYPE_CHECKING:
    from archdsl.draw.drawing import Drawing
    from archdsl.draw.look import Look
    from archdsl.network import Network
    from archdsl.sketching import Sketch

_OUTPUT = (
    "NAME.svg if not given; .svg, .png, .pdf, .dot, .mmd or .html, several times if wanted, - for DOT on standard"
    " output."
)
# what an option is called on the command line where that is not its name
_FLAGS = {"direction": "dir"}
_STYLE = "Boxes and lines, or the feature maps as volumes."
_FOCUS = "Show one block or layer, open, with what it is joined to."
_COLOR = "Shade boxes by a cost."


def picture_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how a network is drawn."""
    made = click.option("--legend/--no-legend", default=True, help="Whether the colours are explained.")(command)
    made = click.option("--dark", is_flag=True, help="For a dark page.")(made)
    made = click.option("--focus", metavar="PATH", help=_FOCUS)(made)
    opened = "Open the block at a path, whatever the detail."
    made = click.option("--expand", metavar="PATH", multiple=True, help=opened)(made)
    reading = Named(directions)
    made = click.option("--dir", "direction", type=reading, default="TB", show_default=True, help="Direction.")(made)
    return click.option("--detail", type=Named(details), help="How much is one box.")(made)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=complete_network)
@network_options
@click.option("-o", "--output", "outputs", metavar="FILE", multiple=True, help=_OUTPUT)
@click.option("--style", type=click.Choice(["boxes", "volumes"]), default="boxes", show_default=True, help=_STYLE)
@click.option("--color", cls=Explained, explained=colours_explained, type=Named(colours), help=_COLOR)
@picture_options
def draw(names: tuple[str, ...], given: Given, outputs: tuple[str, ...], style: str, **options: Any) -> int:
    """Draw a network, by default into NAME.svg; several networks side by side; into .html as a page to click.

    Of a text that is wrong a picture shows what is right as always, what is wrong in red, and what depends on it
    dashed.
    """
    from archdsl.draw.drawing import PAGE
    from archdsl.draw.look import OF_PAGE, Look

    kinds = kinds_of(outputs, pages=True)
    look = Look.of(**options)
    _require_sense(names, style, kinds, look)
    if style == "boxes" and PAGE not in kinds.values():
        return _draw_boxes(names, [_network_or_sketch(given, name) for name in names or (None,)], kinds, look)
    net = given.network(names[0] if names else None)
    kinds = kinds or {file_name(net, "svg"): "svg"}
    pictures = {output: kind for output, kind in kinds.items() if kind != PAGE}
    files: dict[str, bytes] = {}
    remarks: list[str] = []
    if pictures:
        made, remarks = _volumes(net, look) if style == "volumes" else _boxes([net], pictures, look)
        files = _files(made, pictures, remarks)
    if pages := [output for output in kinds if output not in pictures]:
        page = net.page(**{name: value for name, value in options.items() if name in OF_PAGE})
        files.update(dict.fromkeys(pages, page.html.encode()))
        remarks = [*page.remarks, *remarks]
    failed = _written(files, kinds, remarks, read=names)
    return WRONG if failed and outputs else FINE


def _draw_boxes(names: Sequence[str], nets: list[Network | Sketch], kinds: dict[str, str], look: Look) -> int:
    """Draw networks, those among them that are wrong as far as they go."""
    failed = drawn(nets, kinds or {file_name(nets[0], "svg"): "svg"}, look, read=names)
    return WRONG if any(map(_errors, nets)) or (failed and kinds) else FINE


def _network_or_sketch(given: Given, name: str | None) -> Network | Sketch:
    """The network, or what there is of it; what is to be said about its text is said."""
    from archdsl.sketching import Sketch

    found = given.request(name).network_or_sketch()
    show(found.errors if isinstance(found, Sketch) else found.warnings)
    return found


def _errors(net: Network | Sketch) -> tuple[Diagnostic, ...]:
    """What is wrong with a text."""
    from archdsl.sketching import Sketch

    return net.errors if isinstance(net, Sketch) else ()


def kinds_of(outputs: tuple[str, ...], *, pages: bool = False) -> dict[str, str]:
    """The kind of picture that each file is to hold. pages: whether it may be a page."""
    from archdsl.draw.drawing import KINDS, NOUN, PAGE

    kinds, noun = ((*KINDS, PAGE), "a picture or page") if pages else (KINDS, NOUN)
    return {output: output_kind(output, kinds, noun, "dot") for output in outputs}


def drawn(
    nets: Sequence[Network | Sketch],
    kinds: dict[str, str],
    look: Look,
    *,
    read: Sequence[str],
    quiet: bool = False,
) -> bool:
    """Write the pictures of networks, and say so; whether one of them could not be made. read: the names that the
    networks were given by. quiet: whether standard output is taken."""
    made, remarks = _boxes(nets, kinds, look)
    return _written(_files(made, kinds, remarks), kinds, remarks, read=read, quiet=quiet)


def _written(
    files: dict[str, bytes], kinds: dict[str, str], remarks: list[str], *, read: Sequence[str], quiet: bool = False
) -> bool:
    """Write the pictures and pages, and say so; whether one of them could not be made."""
    write(files, read)
    for output in files:
        if output != "-":
            say(f"wrote {output}", err=quiet or "-" in files)
    for remark in dict.fromkeys(remarks):
        say(f"note: {remark}", err=True)
    return bool(set(kinds) - set(files))


def _require_sense(names: tuple[str, ...], style: str, kinds: dict[str, str], look: Look) -> None:
    """Refuse what does not go together."""
    from archdsl.draw.drawing import PAGE
    from archdsl.draw.look import OF_PAGE, OF_VOLUMES

    if len(names) > 1 and look.focus:
        raise click.UsageError("--focus is a path in one network, and there are several")
    if PAGE in kinds.values():
        if len(names) > 1:
            raise click.UsageError("a page is for one network")
        refused = look.besides(OF_PAGE)
        if refused or style == "volumes":
            raise click.UsageError(f"a page takes no --{refused[0] if refused else 'style volumes'}")
    if style != "volumes":
        return
    if len(names) > 1:
        raise click.UsageError("--style volumes draws one network")
    if "mmd" in kinds.values():
        raise click.UsageError("--style volumes: Mermaid draws boxes and lines only")
    if boxes_only := look.besides(OF_VOLUMES):
        raise click.UsageError(f"--style volumes takes no --{_FLAGS.get(boxes_only[0], boxes_only[0])}")


def _boxes(nets: Sequence[Network | Sketch], kinds: dict[str, str], look: Look) -> tuple[Drawing, list[str]]:
    from archdsl.draw.drawing import Drawing
    from archdsl.draw.excerpt import side_by_side
    from archdsl.draw.mermaid import too_large
    from archdsl.draw.picture import picture

    shown = side_by_side([picture(net.module, look, errors=len(_errors(net))) for net in nets])
    made, remarks = Drawing(shown), list(shown.remarks)
    if "mmd" in kinds.values():
        remarks.extend(filter(None, [too_large(shown, made.mermaid)]))
    return made, remarks


def _volumes(net: Network, look: Look) -> tuple[Drawing, list[str]]:
    from archdsl.draw.drawing import Drawing
    from archdsl.draw.volumes import scene

    made = Drawing(scene(net.module, look))
    return made, list(made.remarks)


def _files(made: Drawing, kinds: dict[str, str], remarks: list[str]) -> dict[str, bytes]:
    """The pictures by file, DOT in place of those that cannot be made; adds what there is to say about them."""
    from archdsl.draw.render import CannotRender, has_fonts

    files: dict[str, bytes] = {}
    for output, kind in kinds.items():
        try:
            with progress(f"drawing {output}"):
                files[output] = made.written(kind)
        except CannotRender as error:
            files[str(Path(output).with_suffix(".dot"))] = made.written("dot")
            remarks.append(f"{output} could not be drawn: {error}")
    if set(kinds.values()) & {"png", "pdf"} and not has_fonts():
        remarks.append("there are no fonts on this machine, so letters may come out as empty squares")
    return files
