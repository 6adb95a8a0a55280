"""Summaries of networks by archdsl and by torchinfo, in the same run: whole processes, and in process.

A process does what a user does: import, make the network, print its table. Its Python files are compiled beforehand, as
they are after an installation. In process, archdsl's parser is warm and torchinfo's model is already built; each works
out every shape, parameter and MAC anew. The best of several runs counts.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import archdsl
from archdsl.base.diagnostics import Report
from archdsl.base.text import Source
from archdsl.compiler import compile_source, source_of
from archdsl.elaborate.elaborator import Elaborator
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.library import Library
from archdsl.graph.module import Module
from archdsl.ops import OPERATORS

NETWORKS = ("vgg16", "resnet152")
BILLION = "INPUT[32x32x3] -> [[[conv3-64]*1000]*1000]*1000"
PROCESSES = 3
CALLS = 100

IMPORT = "import archdsl"
OURS = "from archdsl.cli import main; main(['summary', {name!r}])"
REPEAT = f"import archdsl; net = archdsl.parse({BILLION!r}); print(net.params, net.macs, net.outputs)"
# torchvision without its compiled operators: no classifier needs them, but their names must be known
TORCHVISION = (
    "import torch; library = torch.library.Library('torchvision', 'DEF');"
    "library.define('nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor');"
    "library.define('qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor');"
    "import torchvision;"
)
THEIRS = TORCHVISION + (
    "import torchinfo; model = torchvision.models.{name}();"
    "print(torchinfo.summary(model, (1, 3, 224, 224), col_names=('output_size', 'num_params', 'mult_adds'), verbose=0))"
)


def process(code: str, environment: Mapping[str, str]) -> tuple[float, float]:
    """Wall-clock seconds and peak megabytes of a Python process: the best of several, after one that compiles."""
    times: list[float] = []
    memory: list[float] = []
    for _ in range(1 + PROCESSES):
        began = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        times.append(time.perf_counter() - began)
        memory.append(usage.ru_maxrss / 1024)
        if child.returncode:
            raise SystemExit(f"failed: {code}")
    return min(times[1:]), min(memory[1:])


def best(work: Callable[[], object], calls: int) -> float:
    """Milliseconds of the fastest of several calls."""
    times: list[float] = []
    gc.collect()
    for _ in range(calls):
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def facts_of(module: Module) -> list[tuple[object, ...]]:
    """The shapes, parameters and MACs of every distinct module."""
    return [(each.output_types, each.params, each.macs) for each in module.distinct()]


def archdsl_in_process(source: Source) -> tuple[float, float]:
    """Milliseconds for elaboration and all facts alone, and with the parse."""
    limits, report = archdsl.Limits(), Report()
    library = Library(limits, report)
    file = library.parse(source)

    def elaborated() -> None:
        elaborator = Elaborator(Evaluator(OPERATORS, {}, limits, report), library)
        program = elaborator.programs.program(file)
        module = elaborator.network(next(iter(program.nets.values())), program.stem)
        assert module is not None
        facts_of(module)

    elaborated()  # the files that it uses are now parsed and kept
    return best(elaborated, CALLS), best(lambda: facts_of(compile_source(source).module), CALLS)


@cache
def torchvision_models() -> Any:
    """The models of torchvision, prepared as in the other processes."""
    names: dict[str, Any] = {}
    exec(TORCHVISION, names)
    return names["torchvision"].models


def torch_in_process(name: str) -> tuple[float, float]:
    """Milliseconds for torchinfo, and for torch's FlopCounterMode on the meta device."""
    models = torchvision_models()
    import torch
    import torchinfo
    from torch.utils.flop_counter import FlopCounterMode

    model = getattr(models, name)()

    def count() -> None:
        with FlopCounterMode(display=False), torch.no_grad():
            model(torch.empty(1, 3, 224, 224, device="meta"))

    summary = best(lambda: torchinfo.summary(model, (1, 3, 224, 224), verbose=0), 3)
    model.to("meta").eval()
    return summary, best(count, 3)


def row(what: str, ours: float, theirs: float, digits: int) -> str:
    """A line of the table: both figures, and how many times ours is the smaller."""
    return f"{what:<36}{ours:>10.{digits}f}{theirs:>10.{digits}f}{theirs / ours:>9.1f}"


def processes(environment: Mapping[str, str]) -> Iterator[str]:
    """The lines about whole processes."""
    for name in NETWORKS:
        ours, our_memory = process(OURS.format(name=name), environment)
        theirs, their_memory = process(THEIRS.format(name=name), environment)
        yield row(f"summary of {name}, seconds", ours, theirs, 2)
        yield row(f"summary of {name}, peak MB", our_memory, their_memory, 0)
    _, imported = process(IMPORT, environment)
    seconds, memory = process(REPEAT, environment)
    yield f"a billion layers: {seconds:.2f} s, peak {memory:.1f} MB, of which {imported:.1f} MB for `{IMPORT}` alone"


def in_process() -> Iterator[str]:
    """The lines about calls in this process."""
    for name in NETWORKS:
        facts, parsed = archdsl_in_process(source_of(name)[0])
        theirs, flops = torch_in_process(name)
        yield row(f"{name}, ms, torchinfo", facts, theirs, 2)
        yield row(f"{name}, ms, torchinfo, parse too", parsed, theirs, 2)
        yield row(f"{name}, ms, FlopCounterMode", facts, flops, 2)
    facts, parsed = archdsl_in_process(Source("billion.arch", BILLION))
    net = archdsl.parse(BILLION)
    yield f"a billion layers: {facts:.2f} ms, with the parse {parsed:.2f} ms"
    yield f"its totals: {net.params:,} parameters, {net.macs:,} MACs"


def main() -> None:
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "torchvision", "torchinfo"))
    print(f"Python {sys.version.split()[0]}, {packages}, {os.cpu_count()} processors\n")
    print(f"{'':<36}{'archdsl':>10}{'peer':>10}{'ratio':>9}")
    with tempfile.TemporaryDirectory() as compiled:
        environment = {
            **os.environ,
            "PYTHONPYCACHEPREFIX": compiled,
            "PYTHONPATH": str(Path(archdsl.__file__).parents[1]),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for line in processes(environment):
            print(line, flush=True)
    for line in in_process():
        print(line, flush=True)


if __name__ == "__main__":
    main()
