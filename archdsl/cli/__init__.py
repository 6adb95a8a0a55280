"""The command line. What a command needs beyond its arguments is imported when it runs, so that help is quick."""

from __future__ import annotations

import codecs
import errno
import io
import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, assert_never

import click
from click.shell_completion import get_completion_class
from typing_extensions import override

from archdsl import __version__
from archdsl.base.reading import reason
from archdsl.boundary import Broken, Done, Refused, Wrong, answered
from archdsl.cli.codes import FINE, INTERNAL, INTERRUPTED, LIMIT, PIPE_CLOSED, USAGE, WRONG
from archdsl.cli.outputs import output_kind
from archdsl.cli.screen import complain, put, say, show

PROGRAM = "archdsl"
TRACEBACK = "ARCHDSL_TRACEBACK"
_KEEP = "--keep-input"
_COMPLETE = "_ARCHDSL_COMPLETE"
_PLAIN = {"─": "-", "×": "x", "†": "+", "…": "~"}
_SHELLS = ("bash", "zsh", "fish")
# the commands with a file of their own, each imported when it is run or told about
_COMMANDS = ("check", "compare", "compile", "diff", "draw", "explain", "json", "sizes", "summary", "time", "zoo")


@dataclass
class _Keeping:
    """Where what a command was given is kept if it fails, with leave."""

    file: str | None = None


class _PipeClosed(BaseException):
    """Whoever reads the output has enough. Like an interrupt it is no failure of anything."""


class _Commands(click.Group):
    """The group of all commands."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_COMMANDS})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _COMMANDS and cmd_name not in self.commands:
            module = import_module(f"{__name__}.commands.{cmd_name}")
            # two have the names of what Python has itself
            self.add_command(getattr(module, cmd_name, None) or getattr(module, f"{cmd_name}_"))
        return super().get_command(ctx, cmd_name)

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
    # of a stream that is closed Python makes none
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors=PROGRAM)  # type: ignore[union-attr]
    try:
        code = _run(sys.argv[1:] if arguments is None else list(arguments))
        sys.stdout.flush()
    except (_PipeClosed, BrokenPipeError):
        _give_up()
        return PIPE_CLOSED
    except OSError as error:
        _give_up()
        complain(f"input or output: {reason(error)}")
        return USAGE
    return code


def _nowhere() -> TextIO:
    """A stream that takes everything and keeps nothing."""
    return Path(os.devnull).open("w", encoding="utf-8")


def _give_up() -> None:
    """Nothing more can be written to standard output, and Python would try at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _spelled_out(error: UnicodeError) -> tuple[str, int]:
    """What a terminal that does not know some character gets in its place."""
    assert isinstance(error, UnicodeEncodeError)
    shown = "".join(_PLAIN.get(each, ascii(each)[1:-1]) for each in error.object[error.start : error.end])
    return shown, error.end


def _run(arguments: list[str]) -> int:
    """Run one command, and say what came of it."""
    keeping = _Keeping()
    try:
        answer = answered(lambda: _code_of(arguments, keeping))
    except KeyboardInterrupt:
        return INTERRUPTED
    match answer:
        case Done(code):
            return code
        case Wrong(error):
            show(error.diagnostics)
            return LIMIT if error.is_limit else WRONG
        case Refused(message, error):
            if isinstance(error, OSError) and error.errno == errno.EPIPE:
                raise _PipeClosed from None
            complain(message)
            return USAGE
        case Broken():
            _apologise(answer, arguments, keeping.file)
            return INTERNAL
        case _:
            assert_never(answer)


def _code_of(arguments: list[str], keeping: _Keeping) -> int:
    """Run one command: its exit code. What click says of the arguments is said here."""
    from archdsl.report.terminal import visible

    try:
        code: object = archdsl.main(
            arguments, prog_name=PROGRAM, standalone_mode=False, complete_var=_COMPLETE, obj=keeping
        )
    except click.ClickException as error:
        told = io.StringIO()
        # what a user gave stands in it, and it is one line of those that are shown
        vars(error)["message"] = visible(error.message)
        error.show(told)
        for line in told.getvalue().splitlines():
            say(line, err=True)
        return USAGE
    except click.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else FINE


def _apologise(broken: Broken, arguments: list[str], file: str | None) -> None:
    """Say that archdsl failed, and how to report it. file: where what it was given is to be kept for that."""
    error = broken.error
    kept, told = _kept(broken, arguments, file)
    said = " ".join(f"{type(error).__name__}: {str(error)[:200]}".split())
    say(f"{PROGRAM} failed: {said}{told}", err=True)
    sorry = f"Sorry, this is a bug of {PROGRAM} {__version__}, not of your text. Please report it"
    if kept:
        say(f"{sorry} with that file. It holds your text:", err=True)
        say("look through it before.", err=True)
    else:
        say(f"{sorry}. This keeps what it was given,", err=True)
        say(f"for the report: {PROGRAM} {_KEEP} bug.py ...", err=True)
    if os.environ.get(TRACEBACK):
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            say(line, err=True)


def _kept(broken: Broken, arguments: list[str], file: str | None) -> tuple[bool, str]:
    """Keep what archdsl was given in a file, if one is named: whether it is there, and what there is to say of it."""
    from archdsl.base.files import write_atomically

    if file is None:
        return False, ""
    try:
        write_atomically({Path(file): broken.report(shlex.join([PROGRAM, *arguments])).encode()})
    except OSError as error:
        return False, f"; the input cannot be kept in {file}: {reason(error)}"
    return True, f"; the input is kept in {file}"


@click.group(PROGRAM, cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name=PROGRAM)
@click.option(_KEEP, "file", metavar="FILE", help="If archdsl fails, keep what it was given in this .py for a report.")
@click.pass_obj
def archdsl(keeping: _Keeping, file: str | None) -> None:
    """Neural-network architectures: one short text, and from it shapes, costs, pictures and PyTorch code.

    A NAME is a file, `file.arch:net`, a network of the zoo (see `archdsl zoo`), `-` for standard input, or in its
    place -e 'INPUT[32x32x3] -> CONV3-16 -> RELU -> FC-10'.

    Exit codes: 0 fine, 1 errors in the text, 2 usage, 3 a limit, 70 internal error.
    """
    if file is not None:
        output_kind(file, ("py",), "what is kept for a report")
        if os.path.lexists(file):
            raise click.UsageError(f"{_KEEP} {file}: it is there already, and nothing is written over it")
        keeping.file = file


@archdsl.command()
@click.argument("shell", type=click.Choice(_SHELLS))
def completion(shell: str) -> None:
    """Write the completion script of a shell.

    \b
    bash   eval "$(archdsl completion bash)"        in ~/.bashrc
    zsh    eval "$(archdsl completion zsh)"         in ~/.zshrc
    fish   archdsl completion fish | source         in ~/.config/fish/config.fish
    """
    from archdsl.report.terminal import Shown

    made = get_completion_class(shell)
    assert made is not None
    put(Shown.trusted(made(archdsl, {}, PROGRAM, _COMPLETE).source() + "\n"))
