"""Every public door of a network, on random programs: what comes out is a result or an ArchError, whatever the network.

A door is a name and what is done at it. Nothing is looked at but whether it escapes: laws of their own say what is right.
"""

from __future__ import annotations

import io
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from laws.writer import Text, program

import archdsl
from archdsl import ArchError, Network, cli
from archdsl.cli.codes import INTERNAL
from archdsl.draw.model import Detail, Direction
from archdsl.facts.table import colours, sort_names
from archdsl.report import messages
from archdsl.report.walk import Tour

_PATHS = 5
_DETAILS = (None, *map(str, Detail))


@dataclass(frozen=True)
class Escape:
    """What came out of a door that should not: which door, the kind of the exception and where it was raised."""

    door: str
    kind: str
    detail: str


Door = tuple[str, Callable[[], object]]


def paths_of(net: Network) -> list[str]:
    """Some of the paths of layers and modules of a network, the same ones each time."""
    paths = [spot.path for spot, _ in Tour(net.module).folded() if spot.path]
    return random.Random(len(paths)).sample(paths, min(_PATHS, len(paths)))


def pictures(net: Network) -> Iterator[Door]:
    """Boxes and lines in every style, and the feature maps as volumes."""
    paths = paths_of(net)
    for detail, direction in product(_DETAILS, Direction):
        yield (
            f"draw {detail} {direction}",
            lambda d=detail, r=direction: str(net.draw(detail=d, direction=r, dark=True)),
        )
        yield f"mermaid {detail} {direction}", lambda d=detail, r=direction: _mermaid(net, d, r)
    for detail, cost in product(_DETAILS, colours()):
        yield f"draw {detail} by {cost}", lambda d=detail, c=cost: str(net.draw(detail=d, color=c, legend=False))
    for path in paths:
        yield f"draw focus {path}", lambda p=path: str(net.draw(focus=p))
        yield f"draw focus {path} op", lambda p=path: str(net.draw(focus=p, detail="op", color="rf"))
        yield f"draw expand {path}", lambda p=path: str(net.draw(expand=[p], detail="stage"))
    yield "draw several expanded", lambda: str(net.draw(expand=paths))
    for detail in _DETAILS:
        yield f"volumes {detail}", lambda d=detail: str(net.draw_volumes(detail=d, legend=d is None, dark=d is None))
        yield f"volumes as dot {detail}", lambda d=detail: net.draw_volumes(detail=d).dot


def _mermaid(net: Network, detail: str | None, direction: str) -> str:
    return net.draw(detail=detail, direction=direction).mermaid


def reports(net: Network) -> Iterator[Door]:
    """Tables, arithmetic, memory, time, sizes and what tools read."""
    for depth in (None, 0, 1, 2):
        yield f"summary {depth}", lambda d=depth: _both(net.summary(d))
        yield f"memory {depth}", lambda d=depth: _both(net.memory(3, "bfloat16", "momentum", depth=d, fit=10**9))
        yield f"time {depth}", lambda d=depth: _both(net.time("h100", 2, "float16", depth=d))
    yield "time of figures", lambda: str(net.time("1e12 FLOP/s, 1e11 B/s"))
    yield "largest batch", lambda: (net.largest_batch(10**9), net.largest_batch(10**3, optimizer="sgd"))
    yield "html", net._repr_html_
    yield "sizes", lambda: _both(net.sizes())
    yield "symbolic", lambda: _opened(net.symbolic())
    yield "structure", net.structure
    yield "graph", lambda: net.graph
    yield "explain", net.explain
    yield "receptive field", net.receptive_field
    for path in paths_of(net):
        yield f"explain {path}", lambda p=path: net.explain(p)
        yield f"receptive field {path}", lambda p=path: net.receptive_field(p)
        yield f"im2col {path}", lambda p=path: net.im2col(p)
    yield "repr", lambda: (repr(net), net.doc, net.outputs, net.train_outputs, net.train_macs, net.inference_params)


def _both(table: Any) -> None:
    str(table)
    table.text(40)
    table.to_json()


def _opened(net: Network) -> None:
    str(net.summary())
    str(net.draw())
    net.explain()
    str(net.draw_volumes())
    net.structure()


def pairs(net: Network, other: Network) -> Iterator[Door]:
    """A network and a neighbour: what is different, in words and as a picture, and both side by side."""
    yield "diff", lambda: _difference(net, other)
    yield "diff back", lambda: _difference(other, net)
    yield "diff of itself", lambda: _difference(net, net)
    for detail in _DETAILS:
        yield f"draw since {detail}", lambda d=detail: str(net.draw(since=other, detail=d))
    for sort in (None, *sort_names()):
        yield f"compare {sort}", lambda s=sort: _both(archdsl.compare([net, other, net], sort=s))


def _difference(old: Network, new: Network) -> None:
    found = old.diff(new)
    str(found)
    found.text(60, everything=True)
    found.to_json()


def compiled(net: Network) -> Iterator[Door]:
    """The PyTorch file, and passes that every network may be asked for."""
    yield "source", net.source
    for each in ("inference", "widen(2)", "head(7)", "prune-dead", "fully-convolutional", "input-channels(5)"):
        yield f"pass {each}", lambda p=each: _opened(net.apply(p))


def pages(net: Network) -> Iterator[Door]:
    """The page for a browser; it starts Graphviz."""
    yield "page", lambda: net.page().html
    yield "page of layers", lambda: net.page(detail="op", direction="LR", color="memory", legend=False).html


def sketches(text: str, settings: dict[str, Any], seed: int) -> Iterator[Door]:
    """The same text with some of its letters gone, as far as it can be drawn."""
    r = random.Random(seed)
    for number in range(3):
        words = text.split(" ")
        at = r.randrange(len(words))
        wrong = " ".join([*words[:at], *r.choice([(), ("nosuch",), ("7",), ("->",)]), *words[at + 1 :]])
        yield f"sketch {number}", lambda t=wrong, n=number: _sketched(t, settings, _DETAILS[n])
        yield f"parse of a sketch {number}", lambda t=wrong: _told(t, settings)


def _sketched(text: str, settings: dict[str, Any], detail: str | None) -> None:
    found = archdsl.sketch(text=text, **settings)
    found.draw(detail=detail)
    found.draw(detail="op", direction="LR", dark=True)
    for spot, _ in list(Tour(found.module).folded())[:5]:
        found.draw(focus=spot.path, expand=[spot.path])


def _told(text: str, settings: dict[str, Any]) -> None:
    try:
        archdsl.parse(text, **settings)
    except ArchError as error:
        for style in messages.FORMATS.values():
            style(error.diagnostics)


def commands(text: str, settings: dict[str, Any]) -> Iterator[Door]:
    """The command line, with the files that it writes."""
    given = ["-e", text, *(word for name, value in settings.items() for word in ("--set", f"{name}={_set(value)}"))]
    for line in (
        "summary",
        "summary --json --depth 1",
        "summary --memory --fit 16GiB",
        "summary --symbolic",
        "time --device t4",
        "explain",
        "json",
        "check --format github",
        "check --exact --format json",
        "draw -o OUT/a.dot -o OUT/a.mmd --color macs",
        "draw -o - --detail op --dir LR",
        "draw -o OUT/v.dot --style volumes",
        "compile -o -",
        "compile -o OUT/m.py --pass fold-norm",
    ):
        yield f"archdsl {line}", lambda words=line: _command(words, given)


def _set(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _command(line: str, given: list[str]) -> None:
    said = io.StringIO()
    with TemporaryDirectory() as folder:
        name, *options = line.replace("OUT", folder).split()
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(written), redirect_stderr(said):
            code = cli.main([name, *given, *options])
        if left := [each.name for each in Path(folder).iterdir() if ".tmp" in each.name]:
            raise AssertionError(f"temporary files are left: {left}")
    if code == INTERNAL:
        raise AssertionError(said.getvalue())


def escapes(
    seed: int, *, with_pages: bool = False, with_commands: bool = True, share: int = 1
) -> tuple[list[Escape], int, int]:
    """What escapes at the doors of one program: the escapes, how many doors were tried, and how many of them gave an
    ArchError. Of a program that is refused only sketches are tried. share: one of so many doors is tried, another of
    the next seed."""
    (written, net), (_, other) = _taken(seed), _taken(seed + 1)
    doors: list[Door] = list(sketches(written.text, written.settings, seed))
    if net is not None:
        doors += [*pictures(net), *reports(net), *compiled(net)]
        doors += pairs(net, other) if other is not None else ()
        doors += pages(net) if with_pages else ()
        doors += commands(written.text, written.settings) if with_commands else ()
    found: list[Escape] = []
    refused = 0
    doors = doors[seed % share :: share]
    for name, door in doors:
        try:
            door()
        except ArchError:
            refused += 1
        except Exception as error:  # noqa: BLE001 - what escapes is what is looked for
            found.append(_escape(name, error))
    return found, len(doors), refused


@lru_cache(maxsize=2)
def _taken(seed: int) -> tuple[Text, Network | None]:
    """A program and its network, None where it is refused. The neighbour of one is the next one."""
    written = program(seed)
    try:
        return written, archdsl.parse(written.text, **written.settings)
    except ArchError:
        return written, None


def _escape(door: str, error: Exception) -> Escape:
    where = traceback.extract_tb(error.__traceback__)[-1]
    return Escape(door, type(error).__name__, f"{Path(where.filename).name}:{where.lineno}: {str(error)[:400]}")


if __name__ == "__main__":
    for escape in escapes(int(sys.argv[1]), with_pages=True)[0]:
        sys.stdout.write(f"{escape}\n")
