"""What commands are told about the network that is meant: the options that they share, and how names are completed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource
from click.shell_completion import CompletionItem
from typing_extensions import override

from archdsl.base.diagnostics import ArchError
from archdsl.base.records import record
from archdsl.cli.screen import show

if TYPE_CHECKING:
    from archdsl.network import Network
    from archdsl.request import Request

    _Choice = click.Choice[str]
else:
    _Choice = click.Choice


class Named(_Choice):
    """One of some names, which are looked up when they are needed, so that other commands need not wait for them."""

    def __init__(self, names: Callable[[], Iterable[str]]) -> None:
        # click's own `__init__` would ask for the names at once
        self.case_sensitive = True
        self._names = names

    @property
    def choices(self) -> Sequence[str]:  # type: ignore[override]
        # of a member of an enum click would take the name that Python code has for it
        return tuple(map(str, self._names()))


def details() -> Iterable[str]:
    """How much can be one box."""
    from archdsl.draw.model import Detail

    return list(Detail)


def directions() -> Iterable[str]:
    """The directions in which a picture can be read."""
    from archdsl.draw.model import Direction

    return list(Direction)


class Explained(click.Option):
    """An option whose help goes on with the names that it takes, each with what it is; looked up when it is shown."""

    def __init__(self, *args: Any, explained: Callable[[], str], **more: Any) -> None:
        super().__init__(*args, **more)
        self._explained = explained

    @override
    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        return record and (record[0], f"{record[1]} {self._explained()}")


def columns() -> Iterable[str]:
    """The facts that a table can show."""
    from archdsl.facts.table import column_names

    return column_names()


def colours() -> Iterable[str]:
    """The costs that boxes can be shaded by."""
    from archdsl.facts.table import colours

    return colours()


def colours_explained() -> str:
    """What each of them is."""
    from archdsl.facts.table import colours

    return f"{', '.join(f'{word}: {fact.words}' for word, fact in colours().items())}."


def sorts() -> Iterable[str]:
    """What networks can be sorted by."""
    from archdsl.facts.table import sort_names

    return sort_names()


def complete_network(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The names of the zoo, and files."""
    from archdsl.elaborate.library import zoo_names

    names = [CompletionItem(name) for name in zoo_names() if name.startswith(incomplete)]
    return [*names, CompletionItem(incomplete, type="file")]


def complete_explained(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """What `explain` can be asked: first a network, an operator or a code, then a path."""
    given: tuple[str, ...] = ctx.params.get("words") or ()
    if not given:
        from archdsl.ops import OPERATORS
        from archdsl.report.catalogue import faults
        from archdsl.report.manual import known_pages

        pages = known_pages(OPERATORS, faults())
        words = [CompletionItem(word) for word in pages if word.startswith(incomplete)]
        return [*complete_network(ctx, param, incomplete), *words]
    return _paths(given[0], incomplete)


def _paths(name: str, incomplete: str) -> list[CompletionItem]:
    from archdsl import load
    from archdsl.report.walk import Tour

    try:
        spots = Tour(load(name).module).folded()
    except ArchError:
        return []
    return [CompletionItem(spot.path) for spot, _ in spots if spot.path.startswith(incomplete)]


@record
class Given:
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
        show(net.warnings)
        return net


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say which network is meant and how it is set; the command gets them as `given`."""

    @wraps(command)
    def with_given(text: str | None, given: Given, **others: Any) -> Any:
        return command(given=replace(given, text=text), **others)

    made = click.option(
        "-e",
        "--expression",
        "text",
        metavar="TEXT",
        multiple=True,
        callback=_only,
        help="The text of a network, in place of NAME.",
    )(with_given)
    return settings_options(made)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how networks are set; the command gets them as `given`."""

    @wraps(command)
    def with_given(settings: tuple[str, ...], size: str | None, **others: Any) -> Any:
        return command(given=Given(None, settings, size), **others)

    made = click.option(
        "--set",
        "settings",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_each_name_once,
        help="Set a hyper-parameter: a number, true, false, a list such as [2, 2], or a word.",
    )(with_given)
    return click.option(
        "--input",
        "size",
        metavar="SIZE",
        multiple=True,
        callback=_only,
        help="Another input size, as papers write it: 28x28x1 is height, width, channels. 1x28x28 is read as"
        " channels first where the network's own input has 1 channel. (1, 28, 28) always is PyTorch's order.",
    )(made)


def _only(_ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    """The value of an option, which is given once at most."""
    if len(values) > 1:
        raise click.UsageError(f"{option.opts[-1]} is given {len(values)} times: {', '.join(values)}")
    return values[0] if values else None


def _each_name_once(_ctx: click.Context, option: click.Parameter, settings: tuple[str, ...]) -> tuple[str, ...]:
    """Settings `name=value`, of each name one at most."""
    by_name: dict[str, list[str]] = {}
    for each in settings:
        by_name.setdefault(each.partition("=")[0].strip(), []).append(each)
    for name, same in by_name.items():
        if len(same) > 1:
            raise click.UsageError(f"{option.opts[-1]} {name} is given {len(same)} times: {', '.join(same)}")
    return settings


def need(option: str, *dependent: str) -> None:
    """Refuse options, by the names of their parameters, that mean nothing without another."""
    source = click.get_current_context().get_parameter_source
    given = [f"--{name}" for name in dependent if source(name) is ParameterSource.COMMANDLINE]
    if given:
        raise click.UsageError(f"{' and '.join(given)} {'goes' if len(given) == 1 else 'go'} with {option}")


def batch_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the size of a batch, and the type of its numbers."""
    from archdsl.base.dtypes import Dtype

    made = click.option(
        "--dtype",
        type=click.Choice([str(each) for each in Dtype]),
        default=str(Dtype.FLOAT32),
        show_default=True,
        help="The type of weights and activations.",
    )(command)
    return click.option(
        "--batch", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Samples in a batch."
    )(made)


def name_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the name of the network that is meant."""
    return click.argument("name", required=False, shell_complete=complete_network)(command)
