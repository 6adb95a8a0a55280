"""The laws of networks: one random program, and all that is said of it held to what is so.

What is said comes from the hierarchy of modules. What is so comes from torch, which is asked about each layer and run; from the same
program in other words; from the steps added up one by one; and from the text, of which places are parts. Each law is a
function of a case, and any exception of it is a mismatch. What costs much is held to of a share of the programs, by
their seeds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from random import Random
from typing import Any

import test_memory
import torch
from laws.gradients import hold_fields
from laws.interpreter import BATCH
from laws.measured import Measured, Spec
from laws.reference import Reference, inputs_of, scattered
from laws.rewritten import apart, unrolled
from laws.test_formulas import agree, at, holds_at
from laws.test_memory_laws import is_exact
from laws.test_networks import meaning
from laws.writer import Text, program
from laws.wrong import Wrong, planted
from torch import Tensor

import archdsl
from archdsl import ArchError, Network, TensorType
from archdsl.base.diagnostics import Diagnostic
from archdsl.base.dtypes import Dtype
from archdsl.base.text import Place, Source
from archdsl.compiler import Options, check_source
from archdsl.facts.devices import device_of
from archdsl.facts.memory import Sizes, buffers
from archdsl.facts.roofline import Roofline, Work
from archdsl.graph.blanks import Blank
from archdsl.graph.module import Step
from archdsl.ops import OPERATORS
from archdsl.ops.arguments import bind
from archdsl.ops.operator import Operator
from archdsl.ops.recurrent import Recurrent
from archdsl.passes.moving import names

NEAR = 1e-10
_DEVICE = "1e12 FLOP/s, 1e11 B/s"
# those that promise the same numbers first
EQUAL = ("inference", "fold-norm", "drop-dropout", "prune-dead", "init(xavier)", "fully-convolutional")
OTHERS = ("widen(2)", "widen(0.5)", "head(7)", "input-channels(5)", "truncate")


class Mismatch(AssertionError):
    """A law that does not hold of a program: which, and what was found."""

    def __init__(self, law: str, detail: str) -> None:
        super().__init__(f"{law}: {detail}")
        self.law = law
        self.detail = detail


@dataclass
class Case:
    """A random program, its network, and what torch says of it."""

    seed: int
    written: Text
    net: Network

    @property
    def random(self) -> Random:
        """What a law chooses by, the same each time."""
        return Random(f"laws {self.seed}")

    @cached_property
    def measured(self) -> Measured:
        """The network as torch says it is."""
        return Measured(self.net.module)

    @cached_property
    def meaning(self) -> tuple[Any, ...]:
        """All there is to the network but names and places."""
        return meaning(self.net)

    def parse(self, text: str, **more: Any) -> Network:
        """The network of another text, with the settings of this one."""
        return archdsl.parse(text, **self.written.settings, **more)


# --- against torch ----------------------------------------------------------------------------------------------------


def sizes_and_counts(case: Case) -> None:
    """The size of every tensor, what is learned and what is multiplied are those of torch, in training and after."""
    hold_counts(case.net, case.measured)


def hold_counts(net: Network, measured: Measured) -> None:
    """That a network's sizes and counts are torch's."""
    evaluated, trained = measured.run(training=False), measured.run(training=True)
    same("parameters", trained.params, net.params)
    same("names", set(trained.holds), set(names(net.module)))
    same("parameters at inference", evaluated.params, net.inference_params)
    same("MACs", evaluated.flops, 2 * BATCH * net.macs)
    same("MACs in training", trained.flops, 2 * BATCH * net.train_macs)
    same("layers", len(trained.ran), net.module.layers)


def same(what: str, found: object, said: object) -> None:
    """That what is so is what is said."""
    assert found == said, f"{what}: {found}, and not {said}"


def receptive_fields(case: Case) -> str:
    """What a position sees is what its gradient reaches."""
    return "" if hold_fields(case.net.module, case.seed) else "without positions"


def memory(case: Case) -> str:
    """What lives at once and what autograd keeps, to the byte, where torch does not do as it likes.

    What linear layers, group norms and flattens copy since it is not laid out in order, as after a `transpose` or a
    `slice`, is not counted, as `docs/memory.md` says: where they do, the figures are held to within these copies.
    """
    steps = [step for module in case.net.modules for step in module.steps if isinstance(step.what, Operator)]
    if not all(map(_is_exact, steps)):
        return "only about known"
    needs, model = case.net.memory(test_memory.BATCH).needs, case.net.to_torch()
    most, kept, held = test_memory.measured(case.net, model)
    copied = test_memory.copied(case.net, model)
    same("buffers", held, needs.buffers)
    if not copied.copied:
        same("peak and kept", (most, kept), (needs.peak, needs.kept))
        return ""
    for what, found, said, twice in (("peak", most, needs.peak, copied.twice), ("kept", kept, needs.kept, 0)):
        assert -copied.spared <= found - said <= copied.copied + twice, f"{what}: {found}, and not about {said}"
    return "within copies"


def _is_exact(step: Step) -> bool:
    what = step.what
    assert isinstance(what, Operator)
    return not isinstance(what, Recurrent) and is_exact(what, step.input_types) and what.arguments().get("dropout") != 1


def work(case: Case) -> None:
    """Time and buffers are the sums over the steps, one by one."""
    device, sizes = device_of(_DEVICE, Dtype.FLOAT32), Sizes(BATCH, 4)
    found, held = Work(), dict[str, int]()
    for each in case.measured.run(training=False).ran:
        what, step = each.step.what, each.step
        assert isinstance(what, Operator)
        operand = what.operand(step.input_types)
        held[each.path] = sizes.own(made.own for made in what.buffers(operand).values())
        if what.shares(operand, training=False):
            continue
        read_ = dict(zip(each.inputs, step.input_types, strict=True))
        read_ = {each.inputs[0]: step.input_types[0]} if what.sized_like else read_
        moved = sum(_bytes(Spec.of(kind)) for kind in (*read_.values(), *step.outputs)) + 4 * what.reads(operand)
        bound = each.flops * device.bandwidth >= moved * device.peak[Dtype.FLOAT32]
        found += Work(each.flops, moved, each.flops if bound else 0, 0 if bound else moved)
    same("work", found, Roofline(device, Dtype.FLOAT32, BATCH).of(case.net.module))
    same("buffers", sum(held.values()), buffers(case.net.module, sizes, training=False))


def _bytes(spec: Spec) -> int:
    return spec.empty.nbytes


# --- in other words ---------------------------------------------------------------------------------------------------


def other_words(case: Case) -> None:
    """Repeats written out, and each call of a block one of a block of its own, are the same network.

    Not asked: that a layer which no batch norm of its own module follows has as few biases as where the repeat around
    it, or behind it, is written out. A repeat is a module of its own, and biases are decided module by module.
    """
    text = case.written.text
    for how in (unrolled, apart):
        before, text = text, how(text)
        if text == before:
            continue
        other = case.parse(text)
        found = meaning(other)
        # where nothing differs no bias is missing
        assert found == case.meaning or found == with_fewer_biases(case.net, other), f"{how.__name__}:\n{text}"
        assert other.receptive_field() == case.net.receptive_field(), f"sees other things {how.__name__}:\n{text}"


def with_fewer_biases(net: Network, other: Network) -> tuple[Any, ...]:
    """The meaning of a network without the biases that another one leaves out since only batch norms read them."""
    params, macs, outputs, nodes, edges = meaning(net)
    left: list[Any] = []
    for node, one, two in zip(nodes, net.graph.nodes.values(), other.graph, strict=False):
        biases = _cancelled(one, other, two)
        params -= biases
        if biases:
            arguments = repr({**one["arguments"], "bias": False})
            left.append((*node[:2], arguments, node[3], node[4] - biases, node[5]))
        else:
            left.append(node)
    return params, macs, outputs, (*left, *nodes[len(left) :]), edges


def _cancelled(layer: dict[str, Any], other: Network, node: str) -> int:
    """How many biases a layer has that the same one of another network has not, for only batch norms read it there."""
    graph = other.graph
    has, had = (facts.get("arguments", {}).get("bias") for facts in (layer, graph.nodes[node]))
    if not has or had is not False:
        return 0
    readers = [graph.nodes[each].get("operator") for each in graph.successors(node)]
    if not readers or not all(each and OPERATORS[each].absorbs_bias for each in readers):
        return 0
    types = tuple(TensorType.of(each["shape"]) for *_, each in graph.in_edges(node, data=True))
    operator = bind(OPERATORS[layer["operator"]], layer["arguments"])
    return prod(operator.weights(operator.operand(types))["bias"])


def formulas(case: Case) -> str:
    """Formulas are, at other sizes, what the network of these sizes has: outputs and costs, and every step."""
    if len(case.net.inputs) != 1 or (opened := case.net.symbolic()).open_sizes is None:
        return "without open sizes"
    example = opened.open_sizes.example
    agree(opened, case.net, dict(example))
    _hold_steps(opened, case.net, dict(example))
    sizes = {name: max(1, size + case.random.randint(-3, 9)) for name, size in example.items()}
    holds_at(lambda **more: case.parse(case.written.text, **more) if more else case.net, sizes)
    return ""


def _hold_steps(opened: Network, concrete: Network, sizes: dict[str, int]) -> None:
    """Each step of the networks written out: what is one repeat at some sizes may be several steps at any."""
    pairs = zip(opened.graph.nodes(data=True), concrete.graph.nodes(data=True), strict=True)
    for (node, facts), (_, known) in pairs:
        same(node, tuple(at(size, sizes) for size in facts["shape"]), known["shape"])
        same(f"MACs of {node}", at(facts.get("macs", 0), sizes), known.get("macs", 0))


# --- passes -----------------------------------------------------------------------------------------------------------


def a_pass(case: Case) -> str:
    """What a pass makes has the sizes and counts of torch, and each of its tensors is moved or new."""
    word = chosen_pass(case)
    try:
        changed = case.net.apply(word)
    except ArchError as error:
        hold_refusal(error)
        return f"{word.partition('(')[0]} refused"
    hold_counts(changed, Measured(changed.module))
    return ""


def chosen_pass(case: Case, words: tuple[str, ...] = (*EQUAL, *OTHERS)) -> str:
    """A pass for a program."""
    word = case.random.choice(words)
    return f"truncate({case.random.choice(case.net.module.names() or ['x'])})" if word == "truncate" else word


def hold_refusal(error: ArchError) -> None:
    """That a pass that refuses says where it cannot."""
    for each in error.diagnostics:
        assert each.code in {"E0802", "E0803", "E0804"}, each.concise
        assert each.place is not None, each.concise


def the_numbers_of_a_pass(case: Case) -> str:
    """A pass that promises the same numbers gives them, with random weights."""
    word = chosen_pass(case, EQUAL)
    try:
        changed = case.net.apply(word)
    except ArchError as error:
        hold_refusal(error)
        return f"{word} refused"
    draw = torch.Generator().manual_seed(case.seed)
    old, new = Reference(case.net.module), Reference(changed.module)
    state = scattered(old.state(), draw)
    moved = case.net.moved(state, word)
    same("tensors", ({*moved.weights}, set(moved.new)), (set(new.names), set[str]()))
    old.load(state)
    new.load(dict(moved.weights))
    xs = inputs_of(case.net.module, draw)
    with torch.no_grad():
        pairs = zip(old(*(x.clone() for x in xs)), new(*(x.clone() for x in xs)), strict=True)
        for one, other in pairs:
            assert _are_near(one, other), f"{word}: {one.flatten()[:4]} and {other.flatten()[:4]}"
    return ""


def _are_near(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape:
        return False
    one, other = one.double(), other.double()
    known = one[one.isfinite()].abs()
    scale = max(1.0, float(known.max()) if known.numel() else 1.0)
    return torch.allclose(one, other, rtol=0, atol=NEAR * scale, equal_nan=True)


# --- texts ------------------------------------------------------------------------------------------------------------


def places(case: Case) -> None:
    """A step's place is whole words of the text with all their brackets."""
    for module in case.net.modules:
        for step in module.steps:
            hold_place(step.place)


def hold_place(place: Place) -> None:
    """That the text at a place is whole words with all their brackets."""
    source, (start, end) = place.source.text, place.span
    assert place.text.strip() == place.text, f"{place.text!r} has space about it"
    for at_ in (start, end):
        around = source[max(at_ - 1, 0) : at_ + 1]
        # a window stands in the name of its operator: `conv3`
        is_whole = len(around) < 2 or not all(each.isalnum() or each == "_" for each in around)
        assert is_whole or (around[0].isalpha() and around[1].isdigit()), f"{place.text!r} is cut out of a word"
    assert _is_balanced(place.text), f"{place.text!r} has not all its brackets"


@lru_cache(4_000)
def _is_balanced(text: str) -> bool:
    waiting: list[str] = []
    pairs = {")": "(", "]": "[", "}": "{"}
    for each in text:
        if each in "([{":
            waiting.append(each)
        elif each in pairs and (not waiting or waiting.pop() != pairs[each]):
            return False
    return not waiting


def one_fault(case: Case) -> str:
    """Of a text with a fault `check` says what `parse` says, at the words that are wrong, with its sizes open too."""
    settings = case.written.settings
    opened = case.written.opened if case.seed % 3 == 0 else None
    if opened and agreed(opened, settings):
        return "wrong on any size"
    wrong = planted(opened or case.written.text, case.seed, any_size=opened is not None)
    if wrong is None:
        return "without a place for a fault"
    said = agreed(wrong.text, settings)
    if not said:
        return "a fault that nothing reaches"
    for each in said:
        assert each.place is not None, each.concise
        if not each.code.startswith("E01"):
            hold_place(each.place)
    where = [each.place.text for each in said if each.place]
    assert any(wrong.at in each for each in where), f"{wrong.kind}: {where}, and not {wrong.at}\n{wrong.text}"
    _hold_sketch(wrong, settings, said)
    return f"{wrong.kind}{' on any size' if opened else ''}"


def agreed(text: str, settings: dict[str, Any]) -> list[Diagnostic]:
    """What `parse` says of a text; `check` must say all of that."""
    said, checked = told(text, settings), set(map(_key, found_by_check(text, settings)))
    for each in said:
        assert _key(each) in checked, f"check does not say {each.concise}\n{text}"
    return said


def told(text: str, settings: dict[str, Any]) -> list[Diagnostic]:
    """What `parse` says of a text."""
    try:
        archdsl.parse(text, **settings)
    except ArchError as error:
        return list(error.diagnostics)
    return []


def found_by_check(text: str, settings: dict[str, Any]) -> list[Diagnostic]:
    """What `check` says of a text."""
    given = {name: value for name, value in settings.items() if name != "net"}
    report, _ = check_source(Source("network.arch", text), Options(given))
    return report.errors


def _key(each: Diagnostic) -> tuple[object, ...]:
    return each.code, each.message, each.place and each.place.span


def _hold_sketch(wrong: Wrong, settings: dict[str, Any], said: list[Diagnostic]) -> None:
    """That a sketch of a text says what `parse` says, and has the first fault at a step, or none of a text of which
    nothing can be drawn.

    Not asked: that it shows a sign that cannot be read in words that the network leaves out, as by `*0`. The text is
    wrong there as everywhere, but nothing is drawn of them, and no blank.
    """
    try:
        sketch = archdsl.sketch(text=wrong.text, **settings)
    except ArchError as error:
        same("what a sketch says", list(map(_key, error.diagnostics)), list(map(_key, said)))
        return
    same("what a sketch says", list(map(_key, sketch.errors)), list(map(_key, said)))
    blanks = {
        step.what.fault for module in sketch.module.distinct() for step in module.steps if isinstance(step.what, Blank)
    }
    if wrong.readable is not None and not told(wrong.readable, settings):
        # what surrounds a sign that cannot be read may be drawn, and then says it
        others = blanks - {"", *(each.message for each in said)}
        same("other faults than that of what is left out", others, set[str]())
        return
    unsaid = {each.message for each in said} - blanks
    assert len(unsaid) < len(said), f"no blank says {unsaid}\n{wrong.text}"


# --- all of them ------------------------------------------------------------------------------------------------------

Law = Callable[[Case], str | None]

# each with the share of programs that it is held to of: one of so many
LAWS: dict[Law, int] = {
    sizes_and_counts: 1,
    work: 1,
    places: 1,
    one_fault: 1,
    other_words: 1,
    formulas: 2,
    a_pass: 2,
    receptive_fields: 4,
    the_numbers_of_a_pass: 8,
    memory: 10,
}


def case_of(seed: int) -> Case | None:
    """A random program; None where it is refused."""
    written = program(seed)
    try:
        return Case(seed, written, archdsl.parse(written.text, **written.settings))
    except ArchError:
        return None


def mismatches(case: Case, laws: dict[Law, int] = LAWS) -> Iterator[tuple[str, Mismatch | None]]:
    """What becomes of each law of a program: its name, with what it found, and the mismatch if there is one."""
    for law, share in laws.items():
        if case.seed % share:
            continue
        try:
            note = law(case)
        except Exception as error:  # noqa: BLE001 - a law that cannot be told to hold does not
            yield law.__name__, Mismatch(law.__name__, f"{type(error).__name__}: {error}")
        else:
            yield f"{law.__name__}{f': {note}' if note else ''}", None


def held(case: Case) -> Counter[str]:
    """The laws that were held to, by name. Mismatch where one does not hold."""
    found = Counter[str]()
    for name, mismatch in mismatches(case):
        if mismatch is not None:
            raise mismatch
        found[name] += 1
    return found
