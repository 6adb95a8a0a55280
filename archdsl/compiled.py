"""What a network is made from: the hierarchy of modules, and all that is known of how it came about."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from archdsl.algebra.symbolic import Assumptions
from archdsl.base.carried import Carried
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.text import NOWHERE, Source
from archdsl.base.wanted import WrongType
from archdsl.graph.module import Module

if TYPE_CHECKING:
    from archdsl.passes.a_pass import Pass

# a variable of the environment, set to hold each network to what every hierarchy is, as it is made
_VERIFY = "ARCHDSL_VERIFY"


class Compiled(NamedTuple):
    """What a network is made from.

    module: the root of its hierarchy. source: the text with its name and path, empty where there was none. carried:
    what it was compiled from, which files made of it carry. hyperparameters: their values. warnings: what is odd but
    not wrong. open_sizes: what is known of sizes that are left open, None where none is.

    trace: the hierarchy once more, with numbers that remember the argument they come from. reopen: the same with the
    sizes of its inputs left open. recompile: what is made anew of what is carried, and can be pickled. None of a
    hierarchy without a text.
    """

    module: Module
    source: Source
    carried: Carried
    hyperparameters: Mapping[str, Any] = MappingProxyType({})
    warnings: tuple[Diagnostic, ...] = ()
    limits: Limits = DEFAULT_LIMITS
    open_sizes: Assumptions | None = None
    trace: Callable[[], Module] | None = None
    reopen: Callable[[], Compiled] | None = None
    recompile: Callable[[Carried], Compiled] | None = None

    @classmethod
    def of(cls, module: Module, source: Source = NOWHERE.source, limits: Limits = DEFAULT_LIMITS) -> Compiled:
        """A hierarchy by itself: one that was made without a text, or a part of a network with the text of that."""
        return cls(
            module, source, Carried(module.name, {source.name: source.text} if source.text else {}, {}), limits=limits
        )

    def verify(self) -> None:
        """Check the hierarchy with `graph.verify` where it has no text, or the environment asks for it."""
        if not self.source.text or _is_verifying():
            _verify(self.module)

    def traced(self) -> Module:
        """The hierarchy for what writes numbers as expressions of arguments: traced, where there is a text."""
        module = self.trace() if self.trace else self.module
        if _is_verifying():
            _verify(module)
        return module

    def after(self, passes: Sequence[Pass]) -> Compiled:
        """The `Compiled` after some passes. ArchError where one cannot do what it is asked."""
        from archdsl.passes.a_pass import all_changes, applied

        changes = all_changes(passes)

        def changed(module: Module) -> Module:
            for each in changes:
                module = applied(module, each).module
            return module

        trace, reopen = self.trace, self.reopen
        return self._replace(
            module=changed(self.module),
            carried=self.carried.after(map(str, passes)),
            trace=(lambda: changed(trace())) if trace else None,
            reopen=(lambda: reopen().after(passes)) if reopen else None,
        )

    def __reduce__(self) -> tuple[object, ...]:
        """How it is pickled and copied: what it was compiled from is compiled anew."""
        if self.recompile is None:
            lacks = "is known without what it was compiled from" if self.source.text else "has no text"
            raise WrongType(f"{self.module.name} {lacks}, from which alone it could be made anew")
        return self.recompile, (self.carried,)


def _is_verifying() -> bool:
    return os.environ.get(_VERIFY, "0") not in {"", "0"}


def _verify(module: Module) -> None:
    """Hold a hierarchy to what every one is."""
    from archdsl.graph.verify import verify

    verify(module)
