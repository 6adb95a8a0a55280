"""Learned positions for another size of image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never, cast, final

from typing_extensions import override

from archdsl.algebra.tensors import Kind, Shape, TensorType
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.traits import Joining, Positions
from archdsl.passes.a_pass import Change
from archdsl.passes.options import whole
from archdsl.passes.origins import Formula, Kept, Made, Origin, Rewritten, Round
from archdsl.passes.rewrite import Part, Rules, Visit, rewritten

if TYPE_CHECKING:
    import torch

_LARGEST = 1_000_000
_AXES = 2  # of an image


@final
@record
class ResizePositions(Change):
    """Gives the image another size, and interpolates the learned positions of its patches to the new grid. Those of
    tokens before the patches, such as a class token, stay.

    Bicubic with antialiasing, as Vision Transformers are used at other sizes than they were trained at.
    """

    word = "resize-positions"
    example = "resize-positions(384, 384)"

    height: int = whole(1, _LARGEST)
    width: int = whole(1, _LARGEST)

    @override
    def rewritten(self, root: Module) -> Rewritten:
        if len(root.inputs) != 1 or root.inputs[0].kind is not Kind.IMAGE or root.inputs[0].rank != 2:
            raise self.refusal("", root.place, reason="it does not take one image of height and width")
        rules = _Rules(root.inputs[0].replace(root.inputs[0].channels, (self.height, self.width)))
        made = rewritten(root, rules, self)
        if not rules.found:
            reason = "none of its layers has learned positions of patches"
            raise self.refusal("", root.place, reason=reason, notes=("`--input` gives it another size without a pass",))
        return made


class Layout(NamedTuple):
    """How a sequence lies in the image: so many tokens, then the positions of the grid that a step puts in a row."""

    before: int
    rows: Step


class _Rules(Rules):
    """What is known of a place is how the tensors that come in lie in the image, None where that is not known.

    found: whether there are learned positions. grids: what each step now puts in a row.
    """

    def __init__(self, image: TensorType) -> None:
        self.image = image
        self.found = False
        self.grids: dict[Step, Shape] = {}
        self._layouts: dict[tuple[Module, Hashable], dict[Wire, Layout | None]] = {}

    @override
    def start(self, root: Module) -> tuple[tuple[TensorType, ...], Hashable]:
        return (self.image,), (None,)

    @override
    def parts(self, module: Module, index: int, context: Hashable) -> tuple[Part, ...]:
        known, step = self._of(module, context), module.steps[index]
        return (Part(0, step.count, tuple(known[wire] for wire in step.inputs)),)

    def _of(self, module: Module, inputs: Hashable) -> dict[Wire, Layout | None]:
        """How each tensor of a module lies in the image, given how those lie that come in."""
        assert isinstance(inputs, tuple)
        key = (module, cast("Hashable", inputs))
        if key in self._layouts:
            return self._layouts[key]
        given = cast("tuple[Layout | None, ...]", inputs)
        known = {Wire(INPUT, port): each for port, each in enumerate(given)}
        for index, step in enumerate(module.steps):
            incoming = tuple(known[wire] for wire in step.inputs)
            if isinstance(step.what, Module):
                inner = self._of(step.what, incoming)
                results = [inner[wire] for wire in step.what.outputs]
            else:
                results = [_layout(step, step.what, incoming), *[None] * (len(step.outputs) - 1)]
            known |= {Wire(index, port): each for port, each in enumerate(results)}
        self._layouts[key] = known
        return known

    @override
    def change(self, at: Visit) -> Operator[Any] | None:
        what = at.kept
        if what.positions is Positions.IN_ROWS:
            self.grids[at.step] = at.x.grid
        if not _has_positions(at):
            return what
        self.found = True
        if at.types == at.step.input_types:
            return what
        self._layout_of(at)
        return what.with_positions(at.x)

    @override
    def origin(self, at: Visit, tensor: str, shape: Shape) -> Origin:
        kept = Kept((Round(at.index),), tensor)
        if at.step.state[tensor] == shape:
            return kept
        if not _has_positions(at):
            raise at.refusal("its weights depend on the size of the image, and are no positions")
        layout = self._layout_of(at)
        return Made(
            Interpolated(layout.before, layout.rows.input_types[0].grid, self.grids[layout.rows]), {"positions": kept}
        )

    def _layout_of(self, at: Visit) -> Layout:
        """How what comes in lies in the image, before and now."""
        (layout, *_) = cast("tuple[Layout | None, ...]", at.context)
        if layout is None or layout.before + prod(self.grids[layout.rows]) != at.x.grid[0]:
            raise at.refusal("its positions cannot be told to be those of patches, row by row")
        return layout


def _layout(step: Step, operator: Operator[Any], given: tuple[Layout | None, ...]) -> Layout | None:
    """How what an operator gives lies in the image."""
    x, output = step.input_types[0], step.outputs[0]
    match operator.positions:
        case Positions.IN_ROWS:
            return Layout(0, step) if x.rank == _AXES else None
        case Positions.MOVED:
            return None
        case Positions.KEPT if operator.in_turn:
            *others, last = given
            before = sum(each.grid[0] for each in step.input_types[:-1])
            return None if last is None or any(others) else Layout(before + last.before, last.rows)
        case Positions.KEPT:
            known = {each for each in given if each is not None}
            stays = output.kind is Kind.SEQUENCE and output.grid == x.grid and len(known) == 1
            return next(iter(known)) if stays else None
        case _:
            assert_never(operator.positions)


def _has_positions(at: Visit) -> bool:
    """Whether the layer is a learned vector for each position: one that adds them itself, or a tensor as large as what
    comes in that is added to something."""
    if not at.kept.has_positions(at.step.input_types[0]):
        return False
    readers = [step.what for step in at.module.steps if Wire(at.index) in step.inputs]
    are_added = all(isinstance(each, Operator) and each.joins is Joining.SUM for each in readers)
    return not at.kept.ignores_input or (bool(readers) and are_added)


@final
@record(slots=True)
class Interpolated(Formula):
    """Positions of a grid for another grid, those of tokens before it as they are: `resample_abs_pos_embed` of timm."""

    before: int
    old: Shape
    new: Shape

    @override
    def shape(self, sources: Mapping[str, Shape]) -> Shape | None:
        *outer, length, features = sources["positions"]
        fits = length == self.before + prod(self.old)
        return (*outer, self.before + prod(self.new), features) if fits else None

    @override
    def value(self, sources: Mapping[str, torch.Tensor]) -> torch.Tensor:
        import torch

        positions = sources["positions"]
        *outer, length, features = positions.shape
        rows = positions.reshape(-1, length, features)
        grid = rows[:, self.before :].reshape(-1, *self.old, features).permute(0, 3, 1, 2)
        # half precision is not interpolated on every device
        exact = grid if grid.dtype is torch.float64 else grid.float()
        made = torch.nn.functional.interpolate(exact, size=self.new, mode="bicubic", antialias=True)
        resized = made.to(grid.dtype).permute(0, 2, 3, 1).flatten(1, 2)
        return torch.cat([rows[:, : self.before], resized], dim=1).reshape(*outer, -1, features)
