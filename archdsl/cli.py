"""The command line. What a command needs beyond its arguments is imported when it runs, so that help is quick."""

from __future__ import annotations

import codecs
import errno
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem, get_completion_class
from typing_extensions import override

from archdsl import __version__
from archdsl.base.diagnostics import ArchError, Diagnostic, Severity

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.request import Request

FINE, WRONG, USAGE, LIMIT, INTERNAL = 0, 1, 2, 3, 70
INTERRUPTED, PIPE_CLOSED = 130, 141
PROGRAM = "archdsl"
TRACEBACK = "ARCHDSL_TRACEBACK"
_COMPLETE = "_ARCHDSL_COMPLETE"
_PLAIN = {"─": "-", "×": "x", "†": "+", "…": "~"}
_PATIENCE = 1.0
_SHELLS = ("bash", "zsh", "fish")
_OUTPUT = "NAME.svg if not given; .svg, .png, .pdf or .dot, several times if wanted, - for DOT on standard output."
_PICTURES = ("svg", "png", "pdf", "dot")


class _PipeClosed(Exception):
    """Whoever reads the output has enough."""


class _Commands(click.Group):
    """The group of all commands."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        # click would end a broken pipe with the code that here means a fault in the text
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise _PipeClosed from None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code: 0 fine, 1 errors in the spec, 2 usage, 3 a limit, 70 internal error."""
    codecs.register_error(PROGRAM, _spelled_out)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors=PROGRAM)  # type: ignore[union-attr]
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except (_PipeClosed, BrokenPipeError):
        # nothing more can be written, and Python would try at exit
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return code


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    """What a terminal that does not know some character gets in its place."""
    assert isinstance(error, UnicodeEncodeError)
    shown = "".join(_PLAIN.get(each, ascii(each)[1:-1]) for each in error.object[error.start : error.end])
    return shown, error.end


def _run(arguments: list[str]) -> int:
    from archdsl.request import Unclear

    try:
        code: object = archdsl.main(arguments, prog_name=PROGRAM, standalone_mode=False, complete_var=_COMPLETE)
    except click.ClickException as error:
        error.show(sys.stderr)
        return USAGE
    except Unclear as error:
        _complain(str(error))
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except ArchError as error:
        _show(error.diagnostics, sys.stderr)
        return LIMIT if error.is_limit else WRONG
    except (_PipeClosed, BrokenPipeError):
        raise
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise _PipeClosed from None
        _complain(f"{error.filename or 'input or output'}: {(error.strerror or str(error)).lower()}")
        return USAGE
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        click.echo(
            f"{PROGRAM} failed: {type(error).__name__}: {str(error)[:200]}\n"
            f"Sorry, this is a bug of {PROGRAM} {__version__}, not of your text. Please report it with the text, the"
            f" command and what\nthe command says with {TRACEBACK}=1.",
            err=True,
        )
        return INTERNAL
    return code if isinstance(code, int) else FINE


# --- what comes out ---------------------------------------------------------------------------------------------------


def _is_terminal(stream: IO[str]) -> bool:
    return stream.isatty()


def _has_colour(stream: IO[str]) -> bool:
    return _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _complain(text: str) -> None:
    """Say what is wrong with a request."""
    from archdsl.report.terminal import visible

    click.echo(f"error: {visible(text)}", err=True)


def _show(diagnostics: Iterable[Diagnostic], stream: IO[str]) -> None:
    """Diagnostics with carets."""
    found = list(diagnostics)
    if found:
        from archdsl.report import messages

        width = min(_width(), messages.WIDTH)
        click.echo(messages.full(found, colour=_has_colour(stream), width=width), file=stream, nl=False)


def _print_page(text: str) -> None:
    """Prose and arithmetic; on a terminal what stands at the margin is a title."""
    from archdsl.report.terminal import Ink, paint

    colour = _has_colour(sys.stdout)
    for line in text.splitlines():
        click.echo(paint(line, Ink.STRONG if line[:1].strip() else None, colour=colour))


@contextmanager
def _progress(what: str) -> Generator[None]:
    """Says on a terminal what is being done, if it takes over a second."""
    if not _is_terminal(sys.stderr):
        yield
        return
    shown: list[Any] = []

    def show() -> None:
        from rich.console import Console

        status = Console(stderr=True).status(what)
        shown.append(status)
        status.start()

    timer = threading.Timer(_PATIENCE, show)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        for status in shown:
            status.stop()


def _write(files: dict[str, bytes]) -> None:
    """Write outputs, all or none; `-` is standard output."""
    from archdsl.base.files import write_atomically

    write_atomically({Path(name): data for name, data in files.items() if name != "-"})
    if "-" in files:
        sys.stdout.buffer.write(files["-"])
        sys.stdout.buffer.flush()


def _totals(net: Network) -> str:
    return f"{net.inference_params:,} parameters, {net.macs:,} MACs"


def _file_name(net: Network, suffix: str) -> str:
    """A name in the current folder for what is made of a network."""
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', net.name).lstrip('.-') or 'network'}.{suffix}"


# --- what goes in -----------------------------------------------------------------------------------------------------


def _complete_network(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from archdsl.graph.library import zoo_names

    names = [CompletionItem(name) for name in zoo_names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def _complete_explained(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `explain` can be asked: first a network, an operator or a code, then a path."""
    given: tuple[str, ...] = ctx.params.get("words") or ()
    if not given:
        from archdsl.ops import OPERATORS
        from archdsl.report.catalogue import faults
        from archdsl.report.manual import known_pages

        pages = known_pages(OPERATORS, faults())
        words = [CompletionItem(word) for word in pages if word.startswith(incomplete)]
        return [*_complete_network(ctx, param, incomplete), *words]
    return _paths(given[0], incomplete)


def _paths(name: str, incomplete: str) -> list[CompletionItem]:
    from archdsl import load
    from archdsl.report.walk import Tour

    try:
        spots = Tour(load(name).module).folded()
    except ArchError:
        return []
    return [CompletionItem(spot.path) for spot, _ in spots if spot.path.startswith(incomplete)]


@dataclass(frozen=True)
class _Given:
    """What the options say about the network that is meant."""

    text: str | None
    settings: tuple[str, ...]
    size: str | None

    def request(self, name: str | None) -> Request:
        """The network of this name, or of the text that was given."""
        from archdsl.request import Request

        return Request(name, self.text, self.settings, self.size)

    def network(self, name: str | None) -> Network:
        """The network itself, its warnings shown."""
        net = self.request(name).network()
        _show(net.warnings, sys.stderr)
        return net


def _network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say which network is meant and how it is set; the command gets them as `given`."""

    @wraps(command)
    def with_given(text: str | None, settings: tuple[str, ...], size: str | None, **others: Any) -> Any:
        return command(given=_Given(text, settings, size), **others)

    made = click.option("-e", "--expression", "text", metavar="TEXT", help="The text of a network, in place of NAME.")(
        with_given
    )
    made = click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        help="Set a hyper-parameter: a number, true, false, a list such as [2, 2], or a word.",
    )(made)
    return click.option(
        "--input",
        "size",
        metavar="SIZE",
        help="Another input size, as papers write it: 28x28x1 is height, width, channels. 1x28x28 is read as"
        " channels first where the network's own input has 1 channel. (1, 28, 28) always is PyTorch's order.",
    )(made)


def _name_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("name", required=False, shell_complete=_complete_network)(command)


# --- commands ---------------------------------------------------------------------------------------------------------


@click.group(PROGRAM, cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=PROGRAM)
def archdsl() -> None:
    """Neural-network architectures: one short text, and from it shapes, costs, pictures and PyTorch code.

    A NAME is a file, `file.arch:net`, a network of the zoo (see `archdsl zoo`), `-` for standard input, or in its
    place -e 'INPUT[32x32x3] -> CONV3-16 -> RELU -> FC-10'.

    Exit codes: 0 fine, 1 errors in the text, 2 usage, 3 a limit, 70 internal error.
    """


@archdsl.command()
@click.argument("names", metavar="FILE...", nargs=-1, shell_complete=_complete_network)
@_network_options
@click.option("--exact", is_flag=True, help="Make a stride that does not divide an error, as textbooks do.")
@click.option(
    "--format",
    "style",
    type=click.Choice(["full", "concise", "json", "github"]),
    default="full",
    show_default=True,
    help="How faults are written.",
)
def check(names: tuple[str, ...], given: _Given, exact: bool, style: str) -> int:
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
        _show(found, sys.stdout)
    else:
        click.echo(messages.FORMATS[style](found), nl=False)


def _say_count(errors: int, warnings: int, texts: int) -> None:
    def counted(number: int, noun: str) -> str:
        return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"

    warned = f", {counted(warnings, 'warning')}" if warnings else ""
    click.echo(f"{counted(texts, 'text')} checked: {counted(errors, 'error')}{warned}", err=True)


@archdsl.command()
@_name_argument
@_network_options
@click.option("--depth", type=click.IntRange(min=0), metavar="N", help="Levels to show, 0 for all; else one page full.")
@click.option("--json", "as_json", is_flag=True, help="Write JSON, with everything opened unless --depth says less.")
def summary(name: str | None, given: _Given, depth: int | None, as_json: bool) -> None:
    """Show a network as a table.

    A repeat is one row, inside it one repetition is shown. `sees` is the receptive field, shown where there is room.
    """
    net = given.network(name)
    if as_json:
        click.echo(net.summary(depth or 0).to_json(), nl=False)
        return
    click.echo(net.summary(depth).text(_width(), colour=_has_colour(sys.stdout)), nl=False)


@archdsl.command()
@click.argument("words", metavar="NAME [PATH]", nargs=-1, shell_complete=_complete_explained)
@_network_options
def explain(words: tuple[str, ...], given: _Given) -> None:
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
        _print_page(page)
        return
    _print_page(given.network(name).explain(*path))


def _page(word: str) -> str | None:
    """The manual page that a word names, or None where it must be a network."""
    from archdsl.graph.library import zoo_names
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


@archdsl.command()
@_name_argument
@_network_options
@click.option("-o", "--output", "outputs", metavar="FILE", multiple=True, help=_OUTPUT)
@click.option("--detail", type=click.Choice(["stage", "block", "layer", "op"]), help="How much is one box.")
@click.option("--dir", "direction", type=click.Choice(["TB", "LR"]), default="TB", show_default=True, help="Direction.")
@click.option("--expand", metavar="PATH", multiple=True, help="Open the block at a path, whatever the detail.")
@click.option("--legend/--no-legend", default=True, help="Whether the colours are explained.")
def draw(name: str | None, given: _Given, outputs: tuple[str, ...], **style: Any) -> int:
    """Draw a network, by default into NAME.svg."""
    kinds = {output: "dot" if output == "-" else Path(output).suffix[1:].lower() for output in outputs}
    for output, kind in kinds.items():
        if kind not in _PICTURES:
            raise click.UsageError(f"{output}: a picture is a file of .{', .'.join(_PICTURES)}")
    net = given.network(name)
    kinds = kinds or {_file_name(net, "svg"): "svg"}
    files, remarks = _pictures(net, kinds, **style)
    _write(files)
    for output in files:
        if output != "-":
            click.echo(f"wrote {output}", err="-" in files)
    for remark in remarks:
        click.echo(f"note: {remark}", err=True)
    return WRONG if outputs and set(outputs) - set(files) else FINE


def _pictures(
    net: Network,
    kinds: dict[str, str],
    detail: str | None,
    direction: str,
    expand: tuple[str, ...],
    legend: bool,
) -> tuple[dict[str, bytes], list[str]]:
    """The pictures by file, DOT in place of those that cannot be made; and what there is to say about them."""
    from archdsl.emit.dot import dot
    from archdsl.emit.picture import picture
    from archdsl.emit.render import CannotRender, has_fonts, render

    made = picture(net.module, detail, direction=direction, legend=legend, expand=expand)
    text, remarks = dot(made), list(made.remarks)
    files: dict[str, bytes] = {}
    for output, kind in kinds.items():
        try:
            with _progress(f"drawing {output}"):
                files[output] = text.encode() if kind == "dot" else render(text, kind)
        except CannotRender as error:
            files[str(Path(output).with_suffix(".dot"))] = text.encode()
            remarks.append(f"{output} could not be drawn: {error}")
    if set(kinds.values()) & {"png", "pdf"} and not has_fonts():
        remarks.append("there are no fonts on this machine, so letters may come out as empty squares")
    return files, remarks


@archdsl.command(name="compile")
@_name_argument
@_network_options
@click.option(
    "-o",
    "--output",
    "outputs",
    metavar="FILE",
    multiple=True,
    help="Where to: .py, .onnx or .safetensors, also several times; NAME.py if not given, - for standard output.",
)
@click.option(
    "--pass", "passes", metavar="PASS", multiple=True, help="Change the network, such as fold-norm or head(10)."
)
@click.option("--weights", metavar="FILE", help="Weights to check and to write, changed as the passes say.")
@click.option("--head", metavar="LAYER", multiple=True, help="A layer whose weights may differ from those in the file.")
def compile_(
    name: str | None,
    given: _Given,
    outputs: tuple[str, ...],
    passes: tuple[str, ...],
    weights: str | None,
    head: tuple[str, ...],
) -> None:
    """Write a network as one self-contained PyTorch file.

    With --weights the weights of a safetensors or torch file are compared with the network, changed as the passes say,
    and written beside the code as NAME.safetensors. A name that ends in .onnx gets an ONNX file.
    """
    net = given.network(name)
    changed = net.apply(*passes)
    with _progress(f"compiling {net.name}"):
        code = changed.source()
    paths = outputs or (_file_name(net, "py"), *((_file_name(net, "safetensors"),) if weights else ()))
    files: dict[str, bytes] = {}
    made = _Made(net, changed, passes, weights, head)
    for path in paths:
        kind = Path(path).suffix
        files[path] = code.encode() if kind not in {".onnx", ".safetensors"} else made.file(kind)
    _write(files)
    for remark in made.remarks:
        click.echo(remark, err=True)
    for path in paths:
        if path != "-":
            lines = f"{code.count(chr(10)):,} lines, " if files[path] == code.encode() else ""
            click.echo(f"wrote {path}: {lines}{_totals(changed)}")


class _Made:
    """The live module behind `compile`, made when a file needs it."""

    def __init__(
        self, net: Network, changed: Network, passes: tuple[str, ...], weights: str | None, head: tuple[str, ...]
    ) -> None:
        self.net = net
        self.changed = changed
        self.passes = passes
        self.weights = weights
        self.head = head
        self.remarks: list[str] = []

    def file(self, kind: str) -> bytes:
        """The bytes of an ONNX or safetensors file."""
        from archdsl.emit.onnx import NoOnnx
        from archdsl.emit.torch.weights import safetensors_file

        try:
            with _progress(f"making the {kind[1:]} file of {self.net.name}"):
                if kind == ".onnx":
                    return self.changed.to_onnx(self.model)
                return safetensors_file(self.model, self.net.carried.to_json())
        except NoOnnx as error:
            raise click.ClickException(str(error)) from error

    @cached_property
    def model(self) -> Any:
        """The live module with the weights of the file, or new ones, changed as the passes say."""
        model = self.net.to_torch()
        if self.weights is not None:
            self.remarks.append(str(self.net.load_weights(model, self.weights, head=self.head)))
        return self.net.convert(model, *self.passes) if self.passes else model


@archdsl.command(name="json")
@_name_argument
@_network_options
@click.option("-o", "--output", metavar="FILE", default="-", help="Where to; standard output if not given.")
def json_(name: str | None, given: _Given, output: str) -> None:
    """Write the hierarchy of modules as JSON."""
    from archdsl.report.structure import to_json

    net = given.network(name)
    _write({output: to_json(net.module).encode()})
    if output != "-":
        click.echo(f"wrote {output}: {len(net.modules):,} modules, {_totals(net)}")


@archdsl.command()
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def zoo(as_json: bool) -> None:
    """List the networks that come along."""
    from archdsl import load
    from archdsl.graph.library import zoo_names
    from archdsl.report import zoo as table

    with _progress("reading the zoo"):
        nets = [(name, load(name)) for name in table.by_name(zoo_names())]
        entries = [table.Entry.of(name, net.module, net.text) for name, net in nets]
    if as_json:
        click.echo(table.to_json(entries), nl=False)
        return
    click.echo(table.text(entries, _width(), colour=_has_colour(sys.stdout)), nl=False)


@archdsl.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Write the completion script of a shell.

    \b
    bash   eval "$(archdsl completion bash)"        in ~/.bashrc
    zsh    eval "$(archdsl completion zsh)"         in ~/.zshrc
    fish   archdsl completion fish | source         in ~/.config/fish/config.fish
    """
    made = get_completion_class(shell)
    assert made is not None
    click.echo(made(archdsl, {}, PROGRAM, _COMPLETE).source())
