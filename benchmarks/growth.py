"""How time grows with the length of a text and with the depth of a network.

    python benchmarks/growth.py

The peer is archdsl itself with less to do, in turns. Four times the text takes about four times as long (16 times where
each part looks at all others, as labels of a plot do), and a million times the layers of the same text as long as
before. Tests hold it to the same in calls, which do not show what C does in one of them: searching, copying, matching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import TypeVar

from measure import HEAD, Times, in_turns, machine

import archdsl
from archdsl.draw.dot import dot
from archdsl.draw.picture import picture
from archdsl.draw.volumes import scene
from archdsl.elaborate.library import zoo_names

T = TypeVar("T")
INPUT = "INPUT[8x8x4] -> relu"
TEXTS: dict[str, tuple[int, Callable[[int], str]]] = {
    "layers": (4_000, lambda count: INPUT + " -> relu*0" * count),
    "labels": (1_000, lambda count: INPUT + "".join(f" -> relu as a{index}" for index in range(count))),
    "branches": (10_000, lambda count: "INPUT[8x8x4] -> concat {" + "|" * count + "}"),
    "blocks": (1_500, lambda count: "".join(f"block b{index} = relu\n" for index in range(count))),
    "lets": (1_500, lambda count: "".join(f"let a{index} = {index}\n" for index in range(count))),
    "sums": (5_000, lambda count: "let a = " + "+".join(["1"] * count)),
    "texts": (5_000, lambda count: "let a = [" + ",".join(['"x"'] * count) + "]"),
    "comments": (20_000, lambda count: "#x\n" * count),
    "open quotes": (50_000, lambda count: 'let a = "' + '\\"' * count),
    "one name": (50_000, lambda count: f"{INPUT} -> {'a' * count}"),
    "one number": (50_000, lambda count: f"{INPUT} -> fc-{'1' * count}"),
}


def read(text: str) -> None:
    with suppress(archdsl.ArchError):
        archdsl.parse(text)


def row_of(length: int, changed: str = "") -> archdsl.Network:
    """A network of convolutions in a row, one of them perhaps another layer."""
    layers = [f"conv3-{8 + index % 7}" for index in range(length)]
    layers[length // 2] = changed or layers[length // 2]
    return archdsl.parse(f"INPUT[8x8x9] -> {' -> '.join(layers)}")


def deep(count: int) -> archdsl.Network:
    return archdsl.parse(f"INPUT[32x32x64] -> [[[conv3-64]*{count}]*{count}]*{count}")


def beside(work: Callable[[T], object], more: T, less: T, *, budget: float = 3) -> Times:
    """The same work on two things, timed in turns."""
    return in_turns(partial(work, more), partial(work, less), budget=budget)


def four_times() -> Iterator[tuple[str, Times]]:
    """What is four times as long, beside what is not."""
    for name, (count, form) in TEXTS.items():
        yield f"{4 * count:,} {name}", beside(read, form(4 * count), form(count))
    more, less = ((row_of(length), row_of(length, "pool3/1(p=1)")) for length in (400, 100))
    yield "difference of 400 layers", beside(lambda pair: archdsl.diff(*pair), more, less)
    yield "volumes of 1,000 layers", beside(scene, row_of(1_000).module, row_of(250).module)
    zoo = [archdsl.load(name) for name in zoo_names()]
    all_of_it, a_quarter = archdsl.compare(zoo), archdsl.compare(zoo[::4])
    yield "plot of the zoo", beside(archdsl.network.scatter_of, all_of_it, a_quarter)


def a_million_times() -> Iterator[tuple[str, Times]]:
    """A billion layers, beside a thousand."""
    works: dict[str, Callable[[archdsl.Network], object]] = {
        "summary": lambda net: str(net.summary()),
        "receptive field": lambda net: (net.receptive_field(), net.explain()),
        "picture": lambda net: dot(picture(net.module)),
        "comparison": lambda net: archdsl.compare([net]),
        "PyTorch file": lambda net: net.source(),
    }
    for name, work in works.items():
        yield name, beside(lambda count, work=work: work(deep(count)), 1000, 10)


def main() -> None:
    print(f"{machine()}\n\n{HEAD.replace('theirs', '  less')}")
    for name, times in four_times():
        print(times.row(f"{name}, beside a quarter"), flush=True)
    for name, times in a_million_times():
        print(times.row(f"{name} of a billion layers, beside a thousand"), flush=True)


if __name__ == "__main__":
    main()
