"""`archdsl compile`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import click

from archdsl.base.wanted import need
from archdsl.cli.given import Given, name_argument, network_options
from archdsl.cli.outputs import output_kind
from archdsl.cli.screen import file_name, progress, say, totals, write

if TYPE_CHECKING:
    from archdsl.network import Network

# the kinds of files, with the packages that each needs
_KINDS: Final[dict[str, tuple[str, ...]]] = {
    "py": (),
    "onnx": ("torch", "onnx", "onnxscript"),
    "safetensors": ("torch", "safetensors"),
}


@click.command(name="compile")
@name_argument
@network_options
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
    given: Given,
    outputs: tuple[str, ...],
    passes: tuple[str, ...],
    weights: str | None,
    head: tuple[str, ...],
) -> None:
    """Write a network as one self-contained PyTorch file.

    With --weights the weights of a safetensors or torch file are compared with the network, changed as the passes say,
    and written beside the code as NAME.safetensors. A name that ends in .onnx gets an ONNX file.
    """
    if head and weights is None:
        raise click.UsageError("--head goes with --weights")
    kinds = {output: output_kind(output, _KINDS, "a compiled network", "py") for output in outputs}
    wanted = {*kinds.values(), *(("safetensors",) if weights is not None else ())}
    need(*dict.fromkeys(package for kind, packages in _KINDS.items() if kind in wanted for package in packages))
    net = given.network(name)
    changed = net.apply(*passes)
    with progress(f"compiling {net.name}"):
        code = changed.source()
    if not kinds:
        kinds = {file_name(net, kind): kind for kind in ("py", *(("safetensors",) if weights else ()))}
    made = _Made(net, changed, passes, weights, head)
    files = {output: code.encode() if kind == "py" else made.file(kind) for output, kind in kinds.items()}
    if weights is not None and set(kinds.values()) == {"py"}:
        made.compare()
    write(files, [name, weights])
    for line in "\n".join(made.remarks).splitlines():
        say(line, err=True)
    for output, kind in kinds.items():
        if output != "-":
            lines = f"{code.count(chr(10)):,} lines, " if kind == "py" else ""
            say(f"wrote {output}: {lines}{totals(changed)}", err="-" in files)


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
        from archdsl.emit.torch.weights import safetensors_file

        with progress(f"making the {kind} file of {self.net.name}"):
            if kind == "onnx":
                return self.changed.to_onnx(self.model)
            return safetensors_file(self.model, self.changed.carried.to_json())

    def compare(self) -> None:
        """Compare the weights of the file with the network where no output holds them."""
        with progress(f"comparing the weights with {self.net.name}"):
            self._loaded()
        self.remarks.append("no output holds them: name one of .safetensors or .onnx to write them")

    @cached_property
    def model(self) -> Any:
        """The live module with the weights of the file, or new ones, changed as the passes say."""
        model = self._loaded()
        if not self.passes:
            return model
        if self.weights is not None and (new := self.net.new_weights(*self.passes)):
            self.remarks.append(f"new after the passes: {', '.join(new)}")
        return self.net.convert(model, *self.passes)

    def _loaded(self) -> Any:
        """The live module of the text, with the weights of the file or new ones."""
        model = self.net.to_torch()
        if self.weights is not None:
            self.remarks.append(str(self.net.load_weights(model, self.weights, head=self.head)))
        return model
