"""The table of a network, folded as the network is: a repeat is one row with a count, a block is opened once.

First the rows, as data; then the printers, for the screen, for a pipe, for notebooks and for tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from archdsl.algebra.figures import short_bytes, short_number
from archdsl.algebra.tensors import TensorType
from archdsl.base.escaped import Markup
from archdsl.facts.receptive import ReceptiveField, described
from archdsl.graph.module import Module
from archdsl.ops.operator import Operator, Style
from archdsl.report.columns import Column, printed, width_of
from archdsl.report.structure import kind_of, kinds_of, plain
from archdsl.report.terminal import Ink, Shown, cells, cut, visible
from archdsl.report.walk import Spots, Tour, bare_label, field_of, name_of, times

FORMAT = "archdsl.summary"
VERSION = 2
WIDTH = 80
PAGE = 60
_ALL = 10**9
_NARROW = 16
_NARROWEST = 12
_MARK = " †"
QUIET = {Style.NORM, Style.ACTIVATION, Style.OTHER}


@dataclass(frozen=True, slots=True)
class Row:
    """One step, or one repeat of equal steps, inside one repetition of the block around it. Equal blocks in a row whose
    names count up, as `layer_0` to `layer_11`, are a repeat too.

    path: of its layer in PyTorch, `last` of its last repetition. params, macs: of all its repetitions; weights that
    were counted above count 0. same_as: the path where its block was opened. seen: its receptive field in short;
    receptive_field: along each axis of the input, after all its repetitions.
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
    params: int
    macs: int
    seen: str
    receptive_field: tuple[ReceptiveField, ...]
    is_module: bool
    is_quiet: bool
    training_only: bool
    shared: bool
    same_as: str

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


@dataclass(frozen=True)
class Summary:
    """The rows down to a depth, and the totals. `params` and `train_macs` include what only training needs.

    depth: how many levels the rows have. more: how many rows the next level would add. example: of the sizes that are
    left open.
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
    params: int
    inference_params: int
    macs: int
    train_macs: int

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
            "params": self.inference_params,
            "macs": plain(self.macs),
            "train_params": self.params,
            "train_macs": plain(self.train_macs),
            "rows": [_record(row) for row in self.rows],
        }
        return Shown.json(document)

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
    tour = Tour(module)
    most = max((spots[0].depth for spots, _ in tour.rows()), default=0) + 1
    chosen = _levels(tour, most) if depth is None else min(depth or most, most)
    rows = tuple(_row(spots, opened, module.inputs) for spots, opened in tour.rows(chosen))
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
        module.params,
        module.inference_params,
        module.macs,
        module.train_macs,
    )


def _levels(tour: Tour, most: int) -> int:
    """The most levels whose rows together fit on a page, and at least one."""
    # a module is opened where it stands first, which depends on how deep the walk goes
    fitting = (depth for depth in range(1, most) if sum(1 for _ in islice(tour.rows(depth + 1), PAGE + 1)) > PAGE)
    return next(fitting, most)


def _row(spots: Spots, opened: str, inputs: tuple[TensorType, ...]) -> Row:
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
        params=0 if spot.again else step.params * count,
        macs=step.macs * count,
        seen=field_of(last.after[0]),
        receptive_field=described(last.after[0], inputs),
        is_module=not is_operator,
        is_quiet=is_operator and what.style in QUIET,
        training_only=spot.training_only,
        shared=spot.again,
        same_as=opened,
    )


# --- columns ----------------------------------------------------------------------------------------------------------


def _figures(
    table: Summary, *, field: bool = True, shapes: bool = True, shares: int = 2, short: bool = False
) -> list[Column]:
    """What the table says of each layer. shares: of how many of MACs and parameters it shows the part of the whole."""
    rows = table.rows
    macs = _short if short else _number
    wanted = [
        Column("output", tuple(row.shapes if shapes else row.short_shapes for row in rows)),
        Column("parameters", tuple(_number(row.params) for row in rows), right=True),
    ]
    if shares > 1:
        wanted.append(Column("", tuple(share(row.params, table.params) for row in rows), right=True, gap=" "))
    wanted.append(Column("MACs", tuple(macs(row.macs) for row in rows), right=True))
    if shares:
        wanted.append(Column("", tuple(share(row.macs, table.train_macs) for row in rows), right=True, gap=" "))
    if field:
        wanted.append(Column("sees", tuple(row.seen for row in rows), right=True))
    return wanted


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
    if width_of(made := [*_leading(table.rows), *_figures(table, field=False)]) <= (width or _ALL):
        return made, False
    leaner = partial(_figures, table, field=False, short=True)
    for figures in (leaner(), leaner(shapes=False)):
        if width_of(made := [*_leading(table.rows), *figures]) <= (width or _ALL):
            return made, True
    leanest = (leaner(shapes=False, shares=shares) for shares in (1, 0))
    return with_figures(table, leanest, width), True


def _side(column: Column) -> Markup:
    return Markup("right") if column.right else Markup("left")


def _number(value: int) -> str:
    return f"{value:,}" if value else ""


def _short(value: int) -> str:
    return short_number(value) if value else ""


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


def _record(row: Row) -> dict[str, Any]:
    return {
        "depth": row.depth,
        "path": row.path,
        "last": row.last,
        "label": row.label,
        "module" if row.is_module else "operator": row.word,
        "arguments": row.arguments,
        "count": row.count,
        "outputs": [kind_of(kind) for kind in row.outputs],
        "params": row.params,
        "macs": plain(row.macs),
        "receptive_field": {each.axis: each.to_json() for each in row.receptive_field},
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
