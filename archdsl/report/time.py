"""How long a network takes at least on a device, step by step and in all: the roofline as a table."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from archdsl.algebra.figures import short_bytes, short_number, short_seconds
from archdsl.base.dtypes import Dtype
from archdsl.base.records import record
from archdsl.facts.devices import Device
from archdsl.facts.roofline import Roofline, Work, Works
from archdsl.graph.module import Module
from archdsl.report.columns import Column, printed
from archdsl.report.summary import WIDTH, Row, Summary, place_record, share, with_figures
from archdsl.report.terminal import Shown

FORMAT = "archdsl.time"
VERSION = 1


@record(slots=True)
class TimeRow:
    """A row of the table: the work of all its repetitions."""

    row: Row
    work: Work


@record
class Time:
    """The table of lower bounds of the times of a forward pass at inference."""

    table: Summary
    device: Device
    batch: int
    dtype: Dtype
    work: Work
    rows: tuple[TimeRow, ...]

    @property
    def seconds(self) -> float:
        """The lower bound of the whole pass; infinity where no float holds it."""
        return self._seconds(self.work)

    def _seconds(self, work: Work) -> float:
        try:
            return self.ticks(work) / self._second
        except OverflowError:
            return math.inf

    @property
    def _second(self) -> int:
        return self.device.peak[self.dtype] * self.device.bandwidth

    def ticks(self, work: Work) -> int:
        """A time in whole numbers: operations over the peak and bytes over the bandwidth, on one denominator."""
        return work.calculating * self.device.bandwidth + work.moving * self.device.peak[self.dtype]

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = WIDTH, *, colour: bool = False) -> Shown:
        """The table for the screen, within a width where that is possible."""
        title, doc = self.table.heading
        head = [f"{title}, batch of {self.batch:,} in {self.dtype}", doc]
        inks = [each.row.ink for each in self.rows]
        return printed(self._columns(width), inks, head, self.footers(), width, colour=colour)

    def _columns(self, width: int | None) -> list[Column]:
        rows, whole = self.rows, self.ticks(self.work)
        sums = [
            Column("FLOP", tuple(_or_nothing(short_number, each.work.flops) for each in rows), right=True),
            Column("moved", tuple(_or_nothing(short_bytes, each.work.moved) for each in rows), right=True),
        ]
        figures = [
            Column("FLOP/B", tuple(_intensity(each.work) for each in rows), right=True),
            Column("at least", tuple(self._shown(each.work) for each in rows), right=True),
            Column("", tuple(share(self.ticks(each.work), whole) for each in rows), right=True, gap=" "),
            Column("bound by", tuple(bound(each.work) for each in rows)),
        ]
        return with_figures(self.table, ([*sums, *figures], figures), width)

    def _shown(self, work: Work) -> str:
        return short_seconds(self.ticks(work), self._second) if self.ticks(work) else ""

    def footers(self) -> list[str]:
        """The totals, and what they assume."""
        device, work, whole = self.device, self.work, self.ticks(self.work)
        peak, bandwidth = device.peak[self.dtype], device.bandwidth
        lines = [f"at least {self._shown(work) or '0 s'} for the batch{self.table.at_example}"]
        if whole:
            lines[0] += f", at most {_rate(self.batch * self._second, whole)} samples a second"
        arithmetic, memory = work.calculating * bandwidth, work.moving * peak
        by_arithmetic = short_seconds(arithmetic, self._second) if arithmetic else "0 s"
        by_memory = short_seconds(memory, self._second) if memory else "0 s"
        speed = f"{short_number(peak)}FLOP/s, {short_number(bandwidth)}B/s"
        lines += [
            f"{by_arithmetic} bound by arithmetic, {by_memory} by memory",
            f"{device.name}: {speed}; they meet at {_fraction(peak, bandwidth)} FLOP/B",
            "a bound for steps that run one by one and move their tensors once",
        ]
        return lines

    def to_json(self) -> Shown:
        """The table as JSON; times in seconds, sizes in bytes."""
        device = self.device
        document = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.table.name,
            "batch": self.batch,
            "dtype": str(self.dtype),
            "device": {
                "name": device.name,
                "flops_per_second": device.peak[self.dtype],
                "bytes_per_second": device.bandwidth,
                "memory": device.memory,
                "source": device.source,
            },
            "seconds": _finite(self.seconds),
            "flops": self.work.flops,
            "moved": self.work.moved,
            "rows": [self._record(each) for each in self.rows],
        }
        return Shown.json(document)

    def _record(self, each: TimeRow) -> dict[str, Any]:
        row = each.row
        return {
            **place_record(row),
            "flops": each.work.flops,
            "moved": each.work.moved,
            "seconds": _finite(self._seconds(each.work)),
            "bound": bound(each.work),
            "same_as": row.same_as,
        }


def time(table: Summary, root: Module, device: Device, dtype: Dtype, batch: int) -> Time:
    """The lower bounds of a network's times. table: the rows to show. device: one that has a peak of this type."""
    works = Works(root, Roofline(device, dtype, batch))
    rows = tuple(TimeRow(row, works.of(row.places)) for row in table.rows)
    return Time(table, device, batch, dtype, works.whole, rows)


def bound(work: Work) -> str:
    """What bounds the steps: `arithmetic`, `memory`, `both` where some are bound by this and some by that."""
    if work.calculating and work.moving:
        return "both"
    return "arithmetic" if work.calculating else "memory" if work.moving else ""


def _or_nothing(shown: Callable[[int], str], count: int) -> str:
    return shown(count) if count else ""


def _intensity(work: Work) -> str:
    return _fraction(work.flops, work.moved) if work.flops and work.moved else ""


def _fraction(one: int, other: int) -> str:
    tenths = 10 * one // other
    return f"{tenths // 10:,}" if tenths >= 1000 else f"{tenths // 10}.{tenths % 10}"


def _rate(count: int, whole: int) -> str:
    return f"{count // whole:,}" if count >= 10 * whole else f"{count / whole:.2g}"


def _finite(seconds: float) -> float | None:
    """A time as JSON has it, which knows no infinity."""
    return seconds if math.isfinite(seconds) else None
