"""What a network needs in memory, at inference and in training, step by step and in all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from archdsl.algebra.figures import short_bytes
from archdsl.base.dtypes import Dtype
from archdsl.base.records import record
from archdsl.base.wanted import Choice
from archdsl.facts.fact import Fact
from archdsl.facts.memory import Inference, Scheduler, Sizes, Training, buffers
from archdsl.facts.training_memory import kept, made, weights
from archdsl.graph.module import Module
from archdsl.report.columns import Column, printed
from archdsl.report.structure import plain
from archdsl.report.summary import WIDTH, Row, Summary, column_of, place_record, with_figures
from archdsl.report.terminal import Shown

FORMAT = "archdsl.memory"
VERSION = 1
_MASTER = Dtype.FLOAT32


class Optimizer(Choice):
    """What moves the weights, and how many numbers it holds for each of them."""

    SGD = "sgd"
    MOMENTUM = "momentum"
    ADAM = "adam"

    @property
    def states(self) -> int:
        """Numbers for each weight."""
        return {Optimizer.SGD: 0, Optimizer.MOMENTUM: 1, Optimizer.ADAM: 2}[self]


@record(slots=True)
class Needs:
    """Bytes in all. weights, gradients, states: of what is learned; states are those of the optimiser, with a copy of
    the weights of its own where they have less than 32 bits. buffers: what layers hold besides. peak: the most bytes of
    activations that live at once at inference, with the input. activations: of all tensors that a forward pass in
    training makes; kept: of those that autograd keeps until the backward pass, with the input if it is needed.
    """

    inference_weights: int
    inference_buffers: int
    peak: int
    weights: int
    buffers: int
    gradients: int
    states: int
    activations: int
    kept: int

    @property
    def inference(self) -> int:
        """What inference needs."""
        return self.inference_weights + self.inference_buffers + self.peak

    @property
    def training(self) -> int:
        """What lives when the backward pass begins, with the gradients of the weights, which it is to make, and at
        least what the forward pass needs."""
        return self.weights + self.buffers + self.states + max(self.gradients + self.kept, self.peak)


class Measure:
    """Works out what one network needs, for any batch. How its modules run is found out once."""

    def __init__(self, root: Module, scheduler: Scheduler, dtype: Dtype, optimizer: Optimizer) -> None:
        self.root = root
        known = {id(module): scheduler(module) for module in root.distinct() if not module.indexed}
        self.scheduler: Scheduler = lambda module: known[id(module)]
        self.dtype = dtype
        self.optimizer = optimizer

    def needs(self, batch: int) -> Needs:
        """What a batch of so many samples needs."""
        root, sizes, itemsize = self.root, Sizes(batch, self.dtype.itemsize), self.dtype.itemsize
        training = Training(sizes)
        is_narrow = itemsize < _MASTER.itemsize
        states = (self.optimizer.states + is_narrow) * max(itemsize, _MASTER.itemsize)
        return Needs(
            root.inference_params * itemsize,
            buffers(root, sizes, training=False),
            Inference(sizes, self.scheduler).peak(root),
            root.params * itemsize,
            buffers(root, sizes, training=True),
            root.params * itemsize,
            root.params * states,
            training.of(root, training.start(root)).made,
            training.kept(root),
        )

    def largest_batch(self, memory: int, *, training: bool) -> int:
        """The largest batch that fits; 0 where none does."""

        def fits(batch: int) -> bool:
            needs = self.needs(batch)
            return (needs.training if training else needs.inference) <= memory

        # what a batch needs grows with it, by at least its input
        fitting, above = 0, 1
        while fits(above):
            fitting, above = above, 2 * above
        while above - fitting > 1:
            middle = (fitting + above) // 2
            fitting, above = (middle, above) if fits(middle) else (fitting, middle)
        return fitting


@record(slots=True)
class MemoryRow:
    """A row of the table, all its repetitions: bytes of weights, of what it makes in training, and of what is kept of
    that for the backward pass."""

    row: Row
    weights: int
    activations: int
    kept: int


@record
class Fit:
    """The largest batches that fit a memory of so many bytes."""

    memory: int
    inference: int
    training: int


@record
class Memory:
    """The table of what a network needs in memory."""

    table: Summary
    batch: int
    dtype: Dtype
    optimizer: Optimizer
    needs: Needs
    fit: Fit | None = None

    @property
    def facts(self) -> tuple[Fact[int], ...]:
        """What its rows say, for its batch and type of numbers."""
        sizes = Sizes(self.batch, self.dtype.itemsize)
        return weights(sizes), made(sizes), kept(sizes)

    @cached_property
    def rows(self) -> tuple[MemoryRow, ...]:
        """The rows of the table with their figures."""
        return tuple(MemoryRow(row, *map(row.value, self.facts)) for row in self.table.rows)

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = WIDTH, *, colour: bool = False) -> Shown:
        """The table for the screen, within a width where that is possible."""
        title, doc = self.table.heading
        head = [f"{title}, batch of {self.batch:,} in {self.dtype}", doc]
        inks = [row.ink for row in self.table.rows]
        return printed(self._columns(width), inks, head, self.footers(), width, colour=colour)

    def _columns(self, width: int | None) -> list[Column]:
        output = Column("output", tuple(row.short_shapes for row in self.table.rows))
        figures = [column_of(fact, self.table.rows) for fact in self.facts]
        return with_figures(self.table, ([output, *figures], figures), width)

    def footers(self) -> list[str]:
        """The totals."""
        needs = self.needs
        weights, held = short_bytes(needs.inference_weights), short_bytes(needs.inference_buffers)
        lines = [
            f"inference: {short_bytes(needs.inference)}{self.table.at_example}",
            f"  {weights} weights, {held} buffers, {short_bytes(needs.peak)} activations at once",
            f"training with {self.optimizer}: {short_bytes(needs.training)}{self.table.at_example}",
            f"  {', '.join(self._parts_of_training())}",
            f"  {short_bytes(needs.activations)} activations are made in the forward pass",
        ]
        if self.table.example:
            lines += (
                f"{word}: {count} bytes" for word, count in (("activations", needs.activations), ("kept", needs.kept))
            )
        if self.fit is not None:
            inference, training = (
                f"{batch:,}" if batch else "none" for batch in (self.fit.inference, self.fit.training)
            )
            room = short_bytes(self.fit.memory)
            lines.append(f"largest batch that fits {room}: {inference} at inference, {training} in training")
        return lines

    def _parts_of_training(self) -> Iterator[str]:
        """What training needs, part by part: either what lives as the backward pass begins, or in the forward pass."""
        needs = self.needs
        yield f"{short_bytes(needs.weights)} weights"
        yield f"{short_bytes(needs.buffers)} buffers"
        if needs.gradients + needs.kept >= needs.peak:
            yield f"{short_bytes(needs.gradients)} gradients"
            yield f"{short_bytes(needs.states)} optimiser"
            yield f"{short_bytes(needs.kept)} activations kept"
        else:
            yield f"{short_bytes(needs.states)} optimiser"
            yield f"{short_bytes(needs.peak)} activations at once in the forward pass, with the input"

    def to_json(self) -> Shown:
        """The table as JSON, sizes in bytes."""
        needs = self.needs
        document: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.table.name,
            "batch": self.batch,
            "dtype": str(self.dtype),
            "optimizer": str(self.optimizer),
            "inference": {
                "total": int(needs.inference),
                "weights": needs.inference_weights,
                "buffers": needs.inference_buffers,
                "peak_activations": int(needs.peak),
            },
            "training": {
                "total": plain(needs.training),
                "weights": needs.weights,
                "buffers": needs.buffers,
                "gradients": needs.gradients,
                "optimizer": needs.states,
                "kept_activations": plain(needs.kept),
                "all_activations": plain(needs.activations),
            },
            "rows": [self._record(row) for row in self.table.rows],
        }
        if self.fit is not None:
            document["fit"] = {
                "memory": self.fit.memory,
                "inference_batch": self.fit.inference,
                "training_batch": self.fit.training,
            }
        return Shown.json(document)

    def _record(self, row: Row) -> dict[str, Any]:
        figures = {fact.name: plain(row.value(fact)) for fact in self.facts}
        return {**place_record(row), **figures, "same_as": row.same_as}


def memory(table: Summary, measure: Measure, batch: int, fitting: int | None = None) -> Memory:
    """What a batch needs. table: the rows to show. fitting: a memory for which to find the largest batches."""
    fit = None
    if fitting is not None:
        batches = (measure.largest_batch(fitting, training=training) for training in (False, True))
        fit = Fit(fitting, *batches)
    return Memory(table, batch, measure.dtype, measure.optimizer, measure.needs(batch), fit)
