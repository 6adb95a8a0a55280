"""What an operator is in PyTorch, as data that a back end prints: `Layer` for what `__init__` builds, `Apply` for
what `forward` writes, `Learned` for a tensor of the class itself and what `forward` does with it."""

from __future__ import annotations

from typing import Any, Final, cast

from archdsl.base.records import record


@record(slots=True)
class Slot:
    """Stands for an incoming tensor among the arguments of an `Apply`; `ALL` for the list of all of them."""

    index: int


@record(slots=True)
class Grid:
    """Stands for the sizes of an incoming image's grid among the arguments of an `Apply`."""

    index: int


@record(slots=True)
class Passed:
    """An argument of a call that is passed by its name: `mask=mask`."""

    name: str
    slot: Slot


@record(slots=True)
class Weight:
    """A learned tensor of another layer of the same class among the arguments of an `Apply`: `self.wte.weight`."""

    path: str


X: Final = Slot(0)
ALL: Final = Slot(-1)
INFIX: Final = frozenset({"+", "*", "=="})


@record(slots=True)
class Option:
    """The value of a keyword argument, and torch's default for it."""

    value: Any
    default: Any


@record(slots=True)
class Layer:
    """A module that `__init__` builds and `forward` calls with the incoming tensor.

    `target` is a class such as `nn.Conv2d`, or the name of a class in `archdsl/ops/modules` whose source the back end
    copies (then `copied` is the name of its file). `options` are the keyword arguments that have a default of torch's,
    whether they are at it or not; `kwargs` are those that must be written.

    `takes` are the arguments of the call where they are not just the incoming tensors, `gives` is what comes out where
    that is not just the tensors that the operator gives: slots in tuples, as in `(Slot(0), (Slot(1), Slot(2)))`; None
    is thrown away. `row` is the layer that takes and gives one tensor, for `nn.Sequential`.
    """

    target: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    copied: str | None = None
    options: tuple[tuple[str, Option], ...] = ()
    takes: tuple[Any, ...] = ()
    gives: tuple[Any, ...] = ()
    row: Layer | None = None

    @staticmethod
    def of(
        target: str,
        *args: Any,
        copied: str | None = None,
        takes: tuple[Any, ...] = (),
        gives: tuple[Any, ...] = (),
        row: Layer | None = None,
        **kwargs: Any,
    ) -> Layer:
        """A layer, written like the call itself."""
        options = tuple((name, value) for name, value in kwargs.items() if isinstance(value, Option))
        written = tuple(
            (name, value.value if isinstance(value, Option) else value)
            for name, value in kwargs.items()
            if not isinstance(value, Option) or value.value != value.default
        )
        return Layer(target, args, written, copied, options, takes, gives, row)


@record(slots=True)
class Apply:
    """An expression that `forward` writes.

    `function` is `torch.cat`, an infix such as `+`, a method of the first argument such as `.chunk`, or `[]`, which
    takes a part of the first argument: the others are numbers, `slice(2, 5)` or `...`. An argument may be an `Apply`.

    `layer` is the module that does the same, for places where only a module can stand (inside `nn.Sequential`).
    """

    function: str
    args: tuple[Any, ...] = ()
    kwargs: tuple[tuple[str, Any], ...] = ()
    layer: Layer | None = None

    @staticmethod
    def of(function: str, *args: Any, layer: Layer | None = None, **kwargs: Any) -> Apply:
        """An expression, written like the call itself."""
        return Apply(function, args, tuple(kwargs.items()), layer)


@record(slots=True)
class Learned:
    """A learned tensor that `__init__` makes, a parameter of the class that it stands in under the layer's name.

    `function` is the infix by which `forward` joins it with the incoming tensor, `self.layer_scale * x`, or `expand`,
    which makes one of it for each sample. It starts from `fill`, or from a normal distribution around it.
    """

    function: str
    shape: tuple[int, ...]
    fill: float
    deviation: float = 0.0


def subscript(part: Any) -> str:
    """One of the numbers and ranges between the brackets of `[]`, as Python writes it."""
    match part:
        case slice():
            ends = cast("slice[int | None, int | None]", part)
            return ":".join("" if end is None else str(end) for end in (ends.start, ends.stop))
        case _:
            return "..." if part is ... else str(part)


def changed(**given: tuple[Any, Any]) -> dict[str, Any]:
    """Keyword arguments that are written only where they differ from torch's default: `name=(value, default)`."""
    return {name: Option(value, default) for name, (value, default) in given.items()}
