"""Summaries of networks by archdsl and by torchinfo, in the same run: whole processes, and in process.

A process does what a user does: import, make the network, print its table. In process, archdsl's parser is warm and
torchinfo's model is already built; each works out every shape, parameter and MAC anew. The best of several runs counts.
"""

from __future__ import annotations

import gc
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial

import archdsl
from archdsl.base.text import Source
from archdsl.compiler import compile_source, source_of

NETWORKS = ("vgg16", "resnet152")
BILLION = "INPUT[32x32x3] -> [[[conv3-64]*1000]*1000]*1000"
RUNS = 7

OURS = "import sys; from archdsl.cli import main; sys.argv[1:] = ['summary', {name!r}]; main()"
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


def process(code: str) -> tuple[float, float]:
    """Wall-clock seconds and peak megabytes of a Python process: the best of three runs."""
    times: list[float] = []
    memory: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        times.append(time.perf_counter() - began)
        memory.append(usage.ru_maxrss / 1024)
        if child.returncode:
            raise SystemExit(f"failed: {code}")
    return min(times), min(memory)


def best(work: Callable[[], object], runs: int = RUNS) -> float:
    """Milliseconds of the fastest of several calls."""
    times: list[float] = []
    for _ in range(runs):
        gc.collect()
        began = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - began))
    return min(times)


def all_facts(net: archdsl.Network) -> tuple[int, int, int]:
    """Every fact that a summary shows, of every distinct module."""
    for module in net.modules:
        _ = module.params, module.macs, module.output_types
    return net.params, net.macs, net.module.layers


def archdsl_in_process(source: Source, runs: int = 50) -> tuple[float, float]:
    """Milliseconds for parse, elaboration and all facts, and for elaboration and all facts alone."""
    from archdsl.base.diagnostics import Report
    from archdsl.graph.elaborate import Elaborator
    from archdsl.graph.evaluate import Evaluator
    from archdsl.graph.library import Library
    from archdsl.ops import OPERATORS

    whole = best(lambda: all_facts(compile_source(source)), runs)
    limits, report = archdsl.Limits(), Report()
    library = Library(limits, report)
    file = library.parse(source)
    times: list[float] = []
    for _ in range(runs):
        elaborator = Elaborator(Evaluator(OPERATORS, {}, limits, report), library)
        elaborator.programs.program(library.parse(source))  # the files it uses are now parsed and kept
        began = time.perf_counter()
        elaborator = Elaborator(Evaluator(OPERATORS, {}, limits, report), library)
        program = elaborator.programs.program(file)
        module = elaborator.network(next(iter(program.nets.values())), program.stem)
        assert module is not None
        for each in module.distinct():
            _ = each.params, each.macs, each.output_types
        times.append(1000 * (time.perf_counter() - began))
    return whole, min(times)


def main() -> None:
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} processors\n")
    print("whole process".ljust(34), "archdsl", "torchinfo", "ratio", sep="\t")
    for name in NETWORKS:
        ours, our_memory = process(OURS.format(name=name))
        theirs, their_memory = process(THEIRS.format(name=name))
        print(f"summary {name}, seconds".ljust(34), f"{ours:.2f}", f"{theirs:.2f}", f"{theirs / ours:.1f}", sep="\t")
        print(
            f"summary {name}, megabytes".ljust(34),
            f"{our_memory:.0f}",
            f"{their_memory:.0f}",
            f"{their_memory / our_memory:.1f}",
            sep="\t",
        )

    exec(TORCHVISION)
    import torch
    import torchinfo
    import torchvision
    from torch.utils.flop_counter import FlopCounterMode

    print("\n" + "in process, milliseconds".ljust(34), "archdsl", "peer", "ratio", sep="\t")
    for name in NETWORKS:
        whole, facts = archdsl_in_process(source_of(name)[0])
        model = getattr(torchvision.models, name)()
        theirs = best(partial(torchinfo.summary, model, (1, 3, 224, 224), verbose=0), 3)
        meta = getattr(torchvision.models, name)().to("meta").eval()

        def count(meta: torch.nn.Module = meta) -> None:
            with FlopCounterMode(display=False), torch.no_grad():
                meta(torch.empty(1, 3, 224, 224, device="meta"))

        flops = best(count, 3)
        print(f"{name}: facts, torchinfo".ljust(34), f"{facts:.2f}", f"{theirs:.0f}", f"{theirs / facts:.0f}", sep="\t")
        print(
            f"{name}: parse too, torchinfo".ljust(34),
            f"{whole:.2f}",
            f"{theirs:.0f}",
            f"{theirs / whole:.0f}",
            sep="\t",
        )
        print(
            f"{name}: facts, FlopCounterMode".ljust(34),
            f"{facts:.2f}",
            f"{flops:.0f}",
            f"{flops / facts:.0f}",
            sep="\t",
        )
    whole, facts = archdsl_in_process(Source("billion.arch", BILLION))
    net = archdsl.parse(BILLION)
    print(
        f"a billion layers: {facts:.2f} ms, with the parse {whole:.2f} ms; {net.params:,} parameters, {net.macs:,} MACs"
    )
    print(f"peak of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
