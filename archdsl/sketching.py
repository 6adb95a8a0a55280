"""A text that may be wrong, as far as it can be drawn: for people who look for what is wrong, and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Unpack

from archdsl.algebra.tensors import TensorType
from archdsl.base.carried import Carried
from archdsl.base.diagnostics import ArchError, Diagnostic, Severity
from archdsl.base.escaped import visible
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.records import record
from archdsl.base.text import Source
from archdsl.base.wanted import require
from archdsl.boundary import door, doors
from archdsl.compiler import Options, carried_by, compile_source, options_of, sketch_source, source_of
from archdsl.elaborate import faults
from archdsl.elaborate.library import SUFFIX
from archdsl.elaborate.program import UNNAMED
from archdsl.graph.module import Module
from archdsl.network import Network
from archdsl.ops import OPERATORS, Operators

if TYPE_CHECKING:
    from archdsl.draw.drawing import Drawing
    from archdsl.draw.look import SketchOptions

_PASSES = "E08"  # the faults of passes, which a file carries and no text has


@doors
@record(eq=False, repr=False)
class Sketch:
    """What could be worked out of a text, and what is wrong with it.

    module: the network, with a blank (`archdsl.graph.blanks.Blank`) for each step that is wrong or depends on one.
    errors: none of a text that is right. carried: what it was worked out of.
    """

    module: Module
    errors: tuple[Diagnostic, ...]
    carried: Carried

    @property
    def name(self) -> str:
        """The network's name."""
        return self.module.name

    def draw(self, path: str | Path | None = None, **options: Unpack[SketchOptions]) -> Drawing:
        """The picture, and in a file if a path is given: what is right as always, what is wrong red with its message,
        what depends on it dashed. The options are those of `Network.draw`: detail, direction, legend, expand, focus,
        dark."""
        from archdsl.drawn import blanks

        return blanks(self.module, len(self.errors), self.carried, path, options)

    def __repr__(self) -> str:
        count = len(self.errors)
        return f"<Sketch {visible(self.name)}: {count or 'no'} error{'' if count == 1 else 's'}>"

    def _repr_svg_(self) -> str | None:
        """The picture for a notebook, where Graphviz is there to make one."""
        from archdsl.draw.drawing import in_notebook

        return in_notebook(self.draw())


@door
def sketch(
    name: str | Path = "",
    /,
    *,
    text: str | None = None,
    net: str | None = None,
    input: TensorType | tuple[int, ...] | None = None,  # noqa: A002 - the word of the language
    limits: Limits = DEFAULT_LIMITS,
    operators: Operators = OPERATORS,
    settings: Mapping[str, object] | None = None,
    **hyperparameters: object,
) -> Sketch:
    """What could be worked out of a network that may be wrong.

    name: a file or a network of the zoo, as for `load`, or with `text` what the text is called. The other arguments are
    those of `load` and `parse`. Raises ArchError where there is nothing to draw, as in a text without a network.
    """
    require((str, PathLike), "the name of a file or network", name=name)
    require((str, NoneType), "a text", text=text)
    require((str, NoneType), "the name of a network", net=net)
    require(Limits, "`archdsl.Limits`", limits=limits)
    source, chosen = (
        source_of(str(name), limits) if text is None else (Source(f"{name or UNNAMED}{SUFFIX}", text), None)
    )
    named = {"text": text is not None, "net": net is not None}
    options = options_of(input, limits, operators, hyperparameters, settings, named)
    found = network_or_sketch(source, net or chosen, options)
    return found if isinstance(found, Sketch) else Sketch(found.module, (), found.carried)


def network_or_sketch(source: Source, net: str | None, options: Options) -> Network | Sketch:
    """The network of a text, or what could be worked out of one that is wrong. ArchError if there is nothing to draw,
    and if a limit is passed."""
    try:
        return compile_source(source, net, options)
    except ArchError as error:
        # what is wrong with the request is no fault of the text
        asked = {faults.InputSize.code, faults.NoSuchHyperparameter.code}
        of_the_text = not any(
            each.severity is Severity.LIMIT or each.code in asked or each.code.startswith(_PASSES)
            for each in error.diagnostics
        )
        module = sketch_source(source, net, options, error.diagnostics) if of_the_text else None
        if module is None:
            raise
        return Sketch(module, error.diagnostics, carried_by(source, net, options))
