"""Memory: what a network's tensors take, what lives at once at inference, what training keeps for the backward pass.

Every fact is worked out once for each distinct module and composed: n equal blocks make n times as many tensors, keep n
times as many for the backward pass, and at inference need what one of them needs. Sizes are bytes, in whole numbers.

At inference a tensor lives as long as something holds it: its name in the Python function that runs, or a call that it
was given to. So what goes into a module lives until that returns. Which names there are is a fact of a back end, which
gives it as a `Schedule`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.records import record
from archdsl.graph.module import INPUT, Module, Step, Wire
from archdsl.ops.operator import Operator
from archdsl.ops.storage import INDEX, NOTHING, Own

_ITEMSIZE = {Kind.TOKENS: INDEX, Kind.MASK: 1}


def overwrites(step: Step, module: Module) -> bool:
    """Whether a step may write its result over its input: nothing else reads the input, neither in the forward pass
    nor, as far as what made it goes, in the backward pass."""
    if not isinstance(step.what, Operator) or not step.what.overwrites or step.count > 1 or step.shared:
        return False
    (wire,) = step.inputs
    if wire.step == INPUT or wire in module.outputs:
        return False
    maker = module.steps[wire.step].what
    needs_none = isinstance(maker, Operator) and maker.overwritable
    return needs_none and module.reads[wire] == 1


def is_list(step: Step) -> bool:
    """Whether a step is a row whose layers take other tensors besides the one that goes through."""
    return isinstance(step.what, Module) and not step.what.is_named and step.what.is_list


# --- schedules --------------------------------------------------------------------------------------------------------


@record(slots=True)
class Statement:
    """A line of a function: the step whose results get names, one for each of its outputs."""

    step: int
    targets: tuple[str, ...]


@record(slots=True)
class Schedule:
    """The order in which the steps of a named module run at inference, and how long their results have a name.

    nested: the steps whose calls stand inside the call that reads them.
    """

    statements: tuple[Statement, ...]
    nested: frozenset[int]
    input_names: tuple[str, ...]


Scheduler = Callable[[Module], Schedule]


# --- sizes ------------------------------------------------------------------------------------------------------------


@record(slots=True)
class Sizes:
    """How many bytes tensors take: samples in a batch, and bytes of a number of the activations."""

    batch: int
    itemsize: int

    def of(self, kind: TensorType) -> int:
        """The bytes of a tensor."""
        return kind.size * self.batch * _ITEMSIZE.get(kind.kind, self.itemsize)

    def own(self, tensors: Iterable[Own]) -> int:
        """The bytes of what an operator makes for itself."""
        return sum((each.numbers * self.batch + each.fixed) * (each.itemsize or self.itemsize) for each in tensors)


# --- inference --------------------------------------------------------------------------------------------------------

Source = int | None  # the input whose memory a result lies in; None for memory of its own


@record(slots=True)
class Call:
    """What a call of a module takes at inference besides what goes in: the most that lives at once, and its results.

    results: for each the input whose memory it lies in, or the memory that it takes; those of one memory come once.
    """

    peak: int
    results: tuple[tuple[Source, int], ...]


@record(slots=True)
class _Row:
    """Layers in a row, besides what goes in: the most that lives while the first input is held by the row itself, and
    after that. result: as that of a call."""

    held: int
    after: int
    result: tuple[Source, int]

    @property
    def call(self) -> Call:
        """The row as one call."""
        return Call(max(self.held, self.after), (self.result,))

    def times(self, count: int) -> _Row:
        """The row that many times, each on the result of the one before."""
        source, size = self.result
        if count == 1 or source is not None:
            return self
        return _Row(self.held, max(self.after, size + self.held), self.result)

    def then(self, other: _Row) -> _Row:
        """This row and another after it."""
        source, size = self.result
        result = self.result if other.result[0] is not None else other.result
        if source is not None:
            return _Row(max(self.held, other.held), max(self.after, other.after), result)
        return _Row(self.held, max(self.after, size + other.held, other.after), result)


class Inference:
    """What lives at once at inference. A module is worked out once."""

    def __init__(self, sizes: Sizes, scheduler: Scheduler) -> None:
        self.sizes = sizes
        self.scheduler = scheduler
        self._calls: dict[int, Call] = {}
        self._rows: dict[int, _Row] = {}

    def peak(self, root: Module) -> int:
        """The most bytes of tensors that live at once, with the network's inputs, which its caller holds."""
        for module in root.distinct():
            self._work_out(module)
        return sum(map(self.sizes.of, root.inputs)) + self._calls[id(root)].peak

    def _work_out(self, module: Module) -> None:
        if not module.indexed:
            self._calls[id(module)] = _Frame(self, module).run()
            return
        row = self._rows[id(module)] = self._row(module)
        self._calls[id(module)] = row.call

    def _row(self, module: Module) -> _Row:
        """The layers of a row; what they take besides the tensor that goes through is held outside."""
        made = _Row(0, 0, (0, 0))
        for step in module.steps:
            made = made.then(self.row_of(step, module))
        return made

    def row_of(self, step: Step, module: Module) -> _Row:
        """A step of a row."""
        is_row = isinstance(step.what, Module) and (step.what.transparent or is_list(step))
        if is_row:
            one = self._rows[id(step.what)]
        else:
            call = self.call(step, module)
            # a row goes on with one tensor; the memory of another input would be held outside
            one = _Row(call.peak, 0, call.results[0])
        return one.times(step.count)

    def call(self, step: Step, module: Module) -> Call:
        """The `Call` of one repetition of a step."""
        what = step.what
        if isinstance(what, Module):
            return self._calls[id(what)]
        operand = what.operand(step.input_types)
        if what.shares(operand, training=False) or overwrites(step, module):
            # a learned tensor lies in its weights, and not in what goes in
            source = None if what.weights(operand) else 0
            return Call(0, tuple((source, 0) for _ in step.outputs))
        made = tuple((None, self.sizes.of(kind)) for kind in step.outputs)
        working = self.sizes.own(what.working(operand))
        return Call(sum(size for _, size in made) + working, made)


@dataclass
class _Frame:
    """A function that runs: which memory its names and calls hold. Memory is numbered; what goes in takes none here."""

    facts: Inference
    module: Module
    size: list[int] = field(default_factory=list[int])
    holders: dict[int, int] = field(default_factory=dict[int, int])
    source: dict[int, int] = field(default_factory=dict[int, int])
    names: dict[str, int] = field(default_factory=dict[str, int])
    of: dict[Wire, int] = field(default_factory=dict[Wire, int])
    now: int = 0
    peak: int = 0

    def run(self) -> Call:
        """What the call takes."""
        schedule = self.facts.scheduler(self.module)
        for port, _ in enumerate(self.module.inputs):
            memory = self.of[Wire(INPUT, port)] = self._take(0)
            self.source[memory] = port
            self._hold(memory)  # by the caller
        names = dict(zip(schedule.input_names, range(len(self.module.inputs)), strict=True))
        for name, memory in names.items():
            self._name(name, memory)
        for statement in schedule.statements:
            self._execute(statement, schedule.nested)
        seen: set[int] = set()
        results: list[tuple[Source, int]] = []
        for wire in self.module.outputs[: len(self.module.outputs) - self.module.train_outputs]:
            memory = self.of[wire]
            results.append((self.source.get(memory), 0 if memory in seen else self.size[memory]))
            seen.add(memory)
        results += [(None, 0)] * self.module.train_outputs
        return Call(self.peak, tuple(results))

    def _execute(self, statement: Statement, nested: frozenset[int]) -> None:
        step = self.module.steps[statement.step]
        if is_list(step):
            self._through(statement, step)
            return
        memory = self._evaluate(statement.step, nested)
        for name, each in zip(statement.targets, memory, strict=True):
            if name:
                self._name(name, each)
            self._let_go(each)

    def _evaluate(self, index: int, nested: frozenset[int]) -> tuple[int, ...]:
        """Run a step with the calls nested in it. The results are held by the expression they stand in."""
        step = self.module.steps[index]
        held: list[int] = []
        for wire in step.inputs:
            if wire.step in nested:
                held += self._evaluate(wire.step, nested)
            else:
                self._hold(self.of[wire])
                held.append(self.of[wire])
        several = step.count > 1
        call = self.facts.row_of(step, self.module).call if several else self.facts.call(step, self.module)
        self.peak = max(self.peak, self.now + call.peak)
        results: list[int] = []
        for port, (source, size) in enumerate(call.results):
            memory = self._take(size) if source is None else held[source]
            self._hold(memory)
            self.of[Wire(index, port)] = memory
            results.append(memory)
        for memory in held:
            self._let_go(memory)
        return tuple(results)

    def _through(self, statement: Statement, step: Step) -> None:
        """A loop over layers: `x = layer(x, memory)`."""
        row = self.facts.row_of(step, self.module)
        before = self.of[step.inputs[0]]
        (target,) = statement.targets
        self._name(target, before)
        source, size = row.result
        self.peak = max(self.peak, self.now + row.held)
        if source is not None:
            self.of[Wire(statement.step)] = before
            return
        self._name(target, after := self._take(0))
        self.peak = max(self.peak, self.now + row.after)
        self.size[after] = size
        self.now += size
        self.of[Wire(statement.step)] = after

    def _take(self, size: int) -> int:
        self.size.append(size)
        self.now += size
        self.holders[len(self.size) - 1] = 0
        return len(self.size) - 1

    def _name(self, name: str, memory: int) -> None:
        self._hold(memory)
        before = self.names.get(name)
        self.names[name] = memory
        if before is not None:
            self._let_go(before)

    def _hold(self, memory: int) -> None:
        self.holders[memory] += 1

    def _let_go(self, memory: int) -> None:
        self.holders[memory] -= 1
        if not self.holders[memory]:
            self.now -= self.size[memory]


# --- weights ----------------------------------------------------------------------------------------------------------


def buffers(root: Module, sizes: Sizes, *, training: bool) -> int:
    """The bytes of what layers hold besides what is learned."""
    found: dict[int, int] = {}
    for module in root.distinct():
        total = 0
        for step in module.counted(once=True, training=training):
            what = step.what
            if isinstance(what, Module):
                total += step.count * found[id(what)]
            else:
                held = what.buffers(what.operand(step.input_types)).values()
                total += step.count * sizes.own(each.own for each in held)
        found[id(module)] = total
    return found[id(root)]


# --- training ---------------------------------------------------------------------------------------------------------


@record(slots=True)
class Result:
    """What comes out in training: the input whose memory it lies in, or the bytes that it takes; whether the backward
    pass goes through it; whether it needs its values."""

    source: Source
    size: int
    learns: bool
    kept: bool


@record(slots=True)
class Forward:
    """The memory of a module's forward pass in training: what the backward pass needs of it, and all that it makes.

    reads: whether the backward pass needs each input. inside: the bytes kept of what it makes, without what comes out.
    made: the bytes of all that it makes.
    """

    reads: tuple[bool, ...]
    inside: int
    made: int
    results: tuple[Result, ...]


_Key = tuple[int, tuple[bool, ...]]


class Training:
    """What autograd keeps. A module is worked out once for each set of inputs that weights stand before."""

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self._known: dict[_Key, Forward] = {}

    def kept(self, root: Module) -> int:
        """The bytes of all that is kept for the backward pass, of the network's inputs too where they are needed."""
        given = self.of(root, self.start(root))
        inputs = sum(self.sizes.of(kind) for kind, read in zip(root.inputs, given.reads, strict=True) if read)
        seen = sum(each.size for each in given.results if each.kept)
        return inputs + given.inside + seen

    def start(self, root: Module) -> tuple[bool, ...]:
        """For each input of the network whether weights stand before it: none do."""
        return (False,) * len(root.inputs)

    def of(self, module: Module, learns: tuple[bool, ...]) -> Forward:
        """The `Forward` of a module, given which inputs weights stand before."""
        key = (id(module), learns)
        if key not in self._known:
            self._known[key] = Tape(self, module, learns).forward()
        return self._known[key]

    def once(self, step: Step, module: Module, learns: tuple[bool, ...]) -> Forward:
        """The `Forward` of one repetition of a step."""
        what = step.what
        if isinstance(what, Module):
            return self.of(what, learns)
        operand = what.operand(step.input_types)
        has_weights = bool(what.weights(operand)) or what.reads(operand) > 0
        through = any(learns) or has_weights
        kept = what.keeps(operand).given(learns) if through else NOTHING
        reads = tuple(index in kept.inputs for index in range(len(step.inputs)))
        own = self.sizes.own(kept.own)
        is_view = what.shares(operand, training=True)
        if is_view or overwrites(step, module):
            if is_view and has_weights:  # a learned tensor, for each sample the same
                return Forward(reads, own, 0, (Result(None, 0, learns=True, kept=False),))
            if not is_view:  # the backward pass of what is overwritten goes by the result
                own += self.sizes.of(step.input_types[0]) if what.copies and through else 0
                reads = (through and not what.copies,)
            return Forward(reads, own, 0, tuple(Result(0, 0, through, kept=False) for _ in step.outputs))
        sizes = [self.sizes.of(kind) for kind in step.outputs]
        results = tuple(Result(None, size, through, kept.output) for size in sizes)
        return Forward(reads, own, sum(sizes), results)

    def step(self, step: Step, module: Module, learns: tuple[bool, ...]) -> Forward:
        """The `Forward` of all repetitions of a step."""
        first = self.once(step, module, learns)
        if step.count == 1:
            return first
        (end,) = first.results
        others = learns[1:]
        after = self.once(step, module, (end.learns, *others))
        (last,) = after.results
        many = step.count - 1
        reads = tuple(one or other for one, other in zip(first.reads, (False, *after.reads[1:]), strict=True))
        made = first.made + many * after.made
        inside = first.inside + many * after.inside
        if end.source is not None:
            return Forward((reads[0] or after.reads[0], *reads[1:]), inside, made, after.results)
        if last.source is not None:
            kept = end.kept or after.reads[0]
            return Forward(reads, inside, made, (Result(None, end.size, last.learns, kept),))
        # between two repetitions is what one gives and the next one may need
        inside += end.size * (end.kept or after.reads[0])
        inside += (many - 1) * last.size * (last.kept or after.reads[0])
        return Forward(reads, inside, made, after.results)


class Tape:
    """The forward pass of one module in training: which memory there is, and whether it is kept."""

    def __init__(self, facts: Training, module: Module, learns: tuple[bool, ...]) -> None:
        self.facts = facts
        self.module = module
        count = len(module.inputs)
        self.learns = {Wire(INPUT, port): each for port, each in enumerate(learns)}
        self.memory = {Wire(INPUT, port): port for port in range(count)}
        self.size = [0] * count
        self.kept = [False] * count
        self.maker: list[int] = [INPUT] * count
        self.steps: list[Forward] = []
        for index, step in enumerate(module.steps):
            self.steps.append(given := facts.step(step, module, tuple(self.learns[wire] for wire in step.inputs)))
            self._record(index, step, given)

    def _record(self, index: int, step: Step, given: Forward) -> None:
        for wire, read in zip(step.inputs, given.reads, strict=True):
            self.kept[self.memory[wire]] |= read
        for port, result in enumerate(given.results):
            wire = Wire(index, port)
            self.learns[wire] = result.learns
            if result.source is None:
                self.memory[wire] = len(self.size)
                self.size.append(result.size)
                self.kept.append(result.kept)
                self.maker.append(index)
            else:
                self.memory[wire] = self.memory[step.inputs[result.source]]
                self.kept[self.memory[wire]] |= result.kept

    def forward(self) -> Forward:
        """The `Forward` of the pass."""
        count = len(self.module.inputs)
        results: list[Result] = []
        out: set[int] = set()
        for wire in self.module.outputs:
            memory = self.memory[wire]
            source = memory if memory < count else None
            size = 0 if memory in out or source is not None else self.size[memory]
            results.append(Result(source, size, self.learns[wire], self.kept[memory] and source is None))
            out.add(memory)
        inside = sum(given.inside for given in self.steps)
        inside += sum(
            size
            for memory, (size, kept) in enumerate(zip(self.size, self.kept, strict=True))
            if kept and memory not in out
        )
        made = sum(given.made for given in self.steps)
        return Forward(tuple(self.kept[:count]), inside, made, tuple(results))

    def each(self, outside: tuple[bool, ...]) -> list[int]:
        """The bytes kept of what each step makes, where `outside` are the results that are needed outside."""
        kept = self._with(outside)
        found = [given.inside for given in self.steps]
        for memory, maker in enumerate(self.maker):
            if maker != INPUT and kept[memory]:
                found[maker] += self.size[memory]
        return found

    def inside(self, index: int, outside: tuple[bool, ...]) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
        """How the first repetition of a step that is a module stands: which inputs weights stand before, and which
        results are needed by what comes after it."""
        step = self.module.steps[index]
        learns = tuple(self.learns[wire] for wire in step.inputs)
        if step.count > 1:
            following = self.facts.once(step, self.module, (self.steps[index].results[0].learns, *learns[1:]))
            return learns, following.reads[:1]
        kept = self._with(outside)
        return learns, tuple(kept[self.memory[Wire(index, port)]] for port in range(len(step.outputs)))

    def _with(self, outside: tuple[bool, ...]) -> list[bool]:
        """Which memory is kept where some results are needed outside."""
        kept = list(self.kept)
        for wire, needed in zip(self.module.outputs, outside, strict=True):
            kept[self.memory[wire]] |= needed
        return kept
