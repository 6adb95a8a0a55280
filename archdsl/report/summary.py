"""The table of a network, folded as the network is: a repeat is one row with a count, a block is opened once.

First the rows, as data; then the printers, for the screen, for a pipe, for notebooks and for tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, fields, replace
from functools import partial
from itertools import islice
from types import NoneType
from typing import Any, TypeVar

from archdsl.algebra.figures import short_bytes
from archdsl.algebra.tensors import TensorType
from archdsl.base.escaped import Markup
from archdsl.base.records import record
from archdsl.base.wanted import require
from archdsl.facts.counts import MACS, PARAMS
from archdsl.facts.fact import Fact, Known, View
from archdsl.facts.receptive import ReceptiveField
from archdsl.facts.seen import RECEPTIVE_FIELD, field_of
from archdsl.facts.table import by_name, columns, shown_in
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator
from archdsl.report.columns import Column, printed, width_of
from archdsl.report.structure import kind_of, kinds_of, plain
from archdsl.report.terminal import Ink, Shown, cells, cut, visible
from archdsl.report.walk import Spots, Tour, bare_label, name_of, times

FORMAT = "archdsl.summary"
VERSION = 2
WIDTH = 80
PAGE = 60
_ALL = 10**9
_NARROW = 16
_NARROWEST = 12
_MARK = " †"
_V = TypeVar("_V")


@record(slots=True)
class Row:
    """One step, or one repeat of equal steps, inside one repetition of the block around it. Equal blocks in a row whose
    names count up, as `layer_0` to `layer_11`, are a repeat too.

    path: of its layer in PyTorch, `last` of its last repetition. places: the steps that it stands for, mostly one.
    known: the facts of the network. same_as: the path where its block was opened.

    Two are equal where they say the same of steps that have the same figures, in one network or in two.
    """

    depth: int
    path: str
    last: str
    name: str
    label: str
    word: str
    arguments: Mapping[str, Any]
    count: int
    outputs: tuple[TensorType, ...]
    is_module: bool
    is_quiet: bool
    training_only: bool
    shared: bool
    same_as: str
    places: Spots = field(repr=False, compare=False)
    known: Known = field(repr=False, compare=False)
    _values: dict[Fact[Any], Any] = field(default_factory=dict[Fact[Any], Any], init=False, repr=False, compare=False)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Row):
            return NotImplemented
        says = all(getattr(self, each.name) == getattr(other, each.name) for each in fields(self) if each.compare)
        return says and all(self.value(fact) == other.value(fact) for fact in shown_in(View.TABLE))

    def __hash__(self) -> int:
        return hash((self.path, self.last, self.label))

    def value(self, fact: Fact[_V]) -> _V:
        """What is known of all its repetitions."""
        if fact not in self._values:
            self._values[fact] = self.known[fact].of(self.places)
        return self._values[fact]

    @property
    def facts(self) -> Mapping[str, Any]:
        """What is known of all its repetitions, by the names of facts."""
        return by_name(self.value)

    @property
    def params(self) -> int:
        """Learned numbers; weights that were counted above count 0."""
        return self.value(PARAMS)

    @property
    def macs(self) -> int:
        """Multiply-accumulates at inference, for one sample."""
        return self.value(MACS)

    @property
    def seen(self) -> str:
        """Its receptive field in short."""
        return field_of(self.value(RECEPTIVE_FIELD).seen)

    @property
    def receptive_field(self) -> tuple[ReceptiveField, ...]:
        """Its receptive field along each axis of the input, after all its repetitions."""
        return self.value(RECEPTIVE_FIELD).axes

    @property
    def shown(self) -> str:
        """The label with what there is to say about the row."""
        again = f" (as {self.same_as})" if self.same_as else ""
        return f"{self.label}{again}{' (shared)' if self.shared else ''}{_MARK if self.training_only else ''}"

    @property
    def ink(self) -> Ink | None:
        """How it stands out: what is large, and what is small."""
        return Ink.STRONG if self.is_module and not self.depth else Ink.FAINT if self.is_quiet else None

    @property
    def shapes(self) -> str:
        """The shapes that come out, as papers write them."""
        return ", ".join(map(str, self.outputs))

    @property
    def short_shapes(self) -> str:
        """The shape that comes out, or how many do."""
        return self.shapes if len(self.outputs) == 1 else f"{len(self.outputs)} tensors"


@record
class Summary:
    """The rows down to a depth, and the totals. `params` and `train_macs` include what only training needs.

    depth: how many levels the rows have. more: how many rows the next level would add. example: of the sizes that are
    left open. known: the facts of the network. facts: those that it shows.
    """

    name: str
    doc: str
    inputs: Mapping[str, TensorType]
    outputs: Mapping[str, TensorType]
    train_outputs: Mapping[str, TensorType]
    rows: tuple[Row, ...]
    depth: int
    more: int
    example: Mapping[str, int]
    known: Known = field(repr=False, compare=False)
    facts: tuple[Fact[Any], ...] = field(repr=False)

    def showing(self, *names: str) -> Summary:
        """The table with other facts as its columns, by their names: `table.showing("params", "kept")`. As it is where
        none are named."""
        return replace(self, facts=columns(names)) if names else self

    @property
    def params(self) -> int:
        """Learned numbers."""
        return self.known[PARAMS].training

    @property
    def inference_params(self) -> int:
        """Learned numbers without those that only training needs."""
        return self.known[PARAMS].inference

    @property
    def macs(self) -> int:
        """Multiply-accumulates at inference, for one sample."""
        return self.known[MACS].inference

    @property
    def train_macs(self) -> int:
        """Multiply-accumulates in training, for one sample."""
        return self.known[MACS].training

    def __str__(self) -> str:
        return self.text()

    def text(self, width: int | None = WIDTH, *, colour: bool = False) -> Shown:
        """The table for the screen, within a width where that is possible."""
        columns, is_short = _fitting(self, width)
        inks = [row.ink for row in self.rows]
        return printed(columns, inks, self.heading, self.footers(short=is_short), width, colour=colour)

    @property
    def heading(self) -> list[str]:
        """The title, and what the text says about the network."""
        return [self.title, visible(self.doc.split("\n", 1)[0].strip())]

    @property
    def title(self) -> str:
        """The name with what goes in and what comes out."""
        return f"{visible(self.name)}: {_listed(self.inputs)} -> {_listed(self.outputs)}"

    @property
    def at_example(self) -> str:
        """` at H = 224, W = 224`: the sizes that numbers are for where sizes are left open."""
        sizes = ", ".join(f"{name} = {value:,}" for name, value in self.example.items())
        return f" at {sizes}" if sizes else ""

    def footers(self, *, short: bool = False) -> list[str]:
        """The totals, and what a reader has to know about the rows. short: whether they have MACs as short numbers."""
        size = short_bytes(4 * self.inference_params)
        lines = [f"{self.inference_params:,} parameters ({size} in float32), {self.macs:,} MACs"]
        if self.example:
            shown = "MACs" if short else "per cents"
            lines.append(f"{int(self.macs):,} MACs{self.at_example}; the {shown} in the table are for these sizes")
        if self.train_outputs:
            lines.append(
                f"{self.params:,} parameters, {self.train_macs:,} MACs in training,"
                f" with {', '.join(self.train_outputs)} (†)"
            )
        told = (fact for fact in self.facts if fact.footer)
        lines += (f"{fact.footer.format(fact.text(self.known[fact].whole))}{self.at_example}" for fact in told)
        counted = {row.depth for row in self.rows if row.count > 1 and row.is_module}
        if any(row.depth - 1 in counted for row in self.rows):
            lines.append("inside a repeat (×), one repetition is shown")
        if self.more:
            lines.append(f"{self.more:,} more row{'s' * (self.more != 1)} at depth {self.depth + 1}")
        return lines

    def to_json(self) -> Shown:
        """The table as JSON. `params` and `macs` of a row are those of all its repetitions."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "name": self.name,
            "doc": self.doc,
            "inputs": kinds_of(self.inputs),
            "outputs": kinds_of(self.outputs),
            "train_outputs": kinds_of(self.train_outputs),
            **self._totals(),
            "rows": [_record(row, self.facts) for row in self.rows],
        }
        return Shown.json(document)

    def _totals(self) -> dict[str, Any]:
        """What steps have parts of, at inference and, where that is told apart, in training."""
        whole = [fact for fact in self.facts if fact.shares]
        inference = {fact.name: plain(fact.data(self.known[fact].inference)) for fact in whole}
        training = {f"train_{each.name}": plain(each.data(self.known[each].training)) for each in whole if each.summed}
        return {**inference, **training}

    def html(self) -> Markup:
        """The table for a notebook."""
        columns = [*_leading(self.rows), *_figures(self)]
        head = '<th style="text-align:{}">{}</th>'
        heads = Markup.joined(Markup.filled(head, _side(each), Markup.of(each.title)) for each in columns)
        rows = (_html_row(row, index, columns) for index, row in enumerate(self.rows))
        body = Markup.joined(Markup.filled("<tr>{}</tr>", row) for row in rows)
        doc = Markup.filled("<p>{}</p>", Markup.of(self.doc)) if self.doc else Markup()
        foot = Markup.joined(map(Markup.of, self.footers()), "<br>")
        table = Markup.filled("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", heads, body)
        title = Markup.of(self.title)
        return Markup.filled("<div><p><b>{}</b></p>{}{}<p>{}</p></div>", title, doc, table, foot)


def summary(
    module: Module,
    depth: int | None = None,
    doc: str = "",
    named: tuple[Mapping[str, TensorType], ...] = ({}, {}, {}),
    example: Mapping[str, int] | None = None,
) -> Summary:
    """The table of a network, `depth` levels of it: 0 for all, None for as many as fit on a page.

    named: the inputs, the outputs and the outputs of training by name. example: of the sizes that are left open.
    """
    require((int, NoneType), "a number of levels", depth=depth)
    tour, known = Tour(module), Known(module)
    most = max((spots[0].depth for spots, _ in tour.rows()), default=0) + 1
    chosen = _levels(tour, most) if depth is None else min(depth or most, most)
    rows = tuple(_row(spots, opened, known) for spots, opened in tour.rows(chosen))
    inputs, outputs, training = named
    return Summary(
        module.name,
        doc,
        inputs,
        outputs,
        training,
        rows,
        chosen,
        sum(1 for _ in tour.rows(chosen + 1)) - len(rows),
        example or {},
        known,
        shown_in(View.TABLE),
    )


def _levels(tour: Tour, most: int) -> int:
    """The most levels whose rows together fit on a page, and at least one."""
    # a module is opened where it stands first, which depends on how deep the walk goes
    fitting = (depth for depth in range(1, most) if sum(1 for _ in islice(tour.rows(depth + 1), PAGE + 1)) > PAGE)
    return next(fitting, most)


def _row(spots: Spots, opened: str, known: Known) -> Row:
    spot, last = spots[0], spots[-1]
    step, count = spot.step, spot.step.count * len(spots)
    what = step.what
    is_operator = isinstance(what, Operator)
    return Row(
        depth=spot.depth,
        path=spot.path,
        last=last.last,
        name=name_of(spots),
        label=f"{bare_label(step)}{times(count)}",
        word=what.word if is_operator else what.name,
        arguments=plain(what.arguments() if is_operator else what.arguments),
        count=count,
        outputs=step.outputs,
        is_module=not is_operator,
        is_quiet=is_operator and what.style.is_quiet,
        training_only=spot.training_only,
        shared=spot.again,
        same_as=opened,
        places=spots,
        known=known,
    )


# --- columns ----------------------------------------------------------------------------------------------------------


def _figures(
    table: Summary, *, yielding: bool = True, shapes: bool = True, shares: int = _ALL, short: bool = False
) -> list[Column]:
    """What the table says of each layer. yielding: whether also what a reader misses least. shares: of how many facts,
    the last ones, it shows the part of the whole. short: whether numbers are short that need not be exact."""
    rows = table.rows
    wanted = [Column("output", tuple(row.shapes if shapes else row.short_shapes for row in rows))]
    shared = [fact for fact in table.facts if fact.shares]
    shown = shared[max(len(shared) - shares, 0) :]
    for fact in table.facts:
        if fact.yields and not yielding:
            continue
        wanted.append(column_of(fact, rows, short=short and not fact.exact))
        if fact in shown:
            whole = table.known[fact].training
            wanted.append(Column("", tuple(share(row.value(fact), whole) for row in rows), right=True, gap=" "))
    return wanted


def column_of(fact: Fact[Any], rows: Iterable[Row], *, short: bool = False) -> Column:
    """What is known of each row."""
    return Column(fact.title, tuple(fact.shown(row.value(fact), short=short) for row in rows), right=True)


def _leading(rows: Sequence[Row], operator: int = _ALL) -> tuple[Column, Column]:
    """The columns that each table of a network begins with."""
    return (
        Column("layer", tuple("  " * row.depth + row.name for row in rows), gap=""),
        Column("operator", tuple(cut(row.shown, operator) for row in rows)),
    )


def with_figures(table: Summary, choices: Iterable[list[Column]], width: int | None) -> list[Column]:
    """The layers of a table with the first figures that leave room for them, their labels cut where there is little."""
    most = width or _ALL
    longest = max((cells(row.shown) for row in table.rows), default=0)
    room, figures = 0, list[Column]()
    for figures in choices:
        made = [*_leading(table.rows), *figures]
        room = longest + most - width_of(made)
        if room >= min(longest, _NARROW):
            break
    return [*_leading(table.rows, max(room, _NARROWEST)), *figures]


def place_record(row: Row) -> dict[str, Any]:
    """Which row it is, as JSON has it."""
    return {"depth": row.depth, "path": row.path, "last": row.last, "label": row.label, "count": row.count}


def _fitting(table: Summary, width: int | None) -> tuple[list[Column], bool]:
    """The columns that fit into a width, and whether MACs are short in them: first what the reader misses least goes,
    at last the labels are cut."""
    if width_of(made := [*_leading(table.rows), *_figures(table)]) <= (width or _ALL):
        return made, False
    if width_of(made := [*_leading(table.rows), *_figures(table, yielding=False)]) <= (width or _ALL):
        return made, False
    leaner = partial(_figures, table, yielding=False, short=True)
    for figures in (leaner(), leaner(shapes=False)):
        if width_of(made := [*_leading(table.rows), *figures]) <= (width or _ALL):
            return made, True
    most = sum(fact.shares for fact in table.facts)
    leanest = (leaner(shapes=False, shares=shares) for shares in range(max(most - 1, 0), -1, -1))
    return with_figures(table, leanest, width), True


def _side(column: Column) -> Markup:
    return Markup("right") if column.right else Markup("left")


def share(value: int, whole: int) -> str:
    """A part of a whole in per cent."""
    if not value or not whole:
        return ""
    percent = 100 * value / whole
    return "<.1%" if percent < 0.1 else f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def _listed(kinds: Mapping[str, TensorType]) -> str:
    if len(kinds) == 1:
        return str(next(iter(kinds.values())))
    return ", ".join(f"{name} {kind}" for name, kind in kinds.items()) or "nothing"


# --- for tools and notebooks ------------------------------------------------------------------------------------------


def _record(row: Row, facts: Iterable[Fact[Any]]) -> dict[str, Any]:
    return {
        "depth": row.depth,
        "path": row.path,
        "last": row.last,
        "label": row.label,
        "module" if row.is_module else "operator": row.word,
        "arguments": row.arguments,
        "count": row.count,
        "outputs": [kind_of(kind) for kind in row.outputs],
        **{fact.name: plain(fact.data(row.value(fact))) for fact in facts},
        "training_only": row.training_only,
        "shared": row.shared,
        "same_as": row.same_as,
    }


def _html_row(row: Row, index: int, columns: list[Column]) -> Markup:
    pieces: list[Markup] = []
    weight = Markup(";font-weight:bold") if row.is_module and not row.depth else Markup()
    for column in columns:
        text = Markup.of(column.values[index].strip())
        in_tree = column.title == "layer"
        indent = Markup.filled(";padding-left:{:g}em", row.depth + 0.5) if in_tree else Markup()
        pieces.append(Markup.filled('<td style="text-align:{}{}{}">{}</td>', _side(column), indent, weight, text))
    return Markup.joined(pieces)
