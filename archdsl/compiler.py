"""The pipeline: from what a user names to a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from types import MappingProxyType, NoneType
from typing import TYPE_CHECKING, cast

from archdsl.algebra.conditions import told
from archdsl.algebra.tensors import TensorType
from archdsl.base.carried import Carried
from archdsl.base.diagnostics import ArchError, Diagnostic, Fault, Report, Severity
from archdsl.base.limits import DEFAULT_LIMITS, Limits
from archdsl.base.records import record
from archdsl.base.resources import folder
from archdsl.base.settings import of_python
from archdsl.base.text import Place, Source, Span
from archdsl.base.wanted import WrongType, WrongValue, require
from archdsl.boundary import Door, door
from archdsl.compiled import Compiled
from archdsl.elaborate import faults
from archdsl.elaborate.elaborator import Elaborator
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.library import SUFFIX, Library, read_text, zoo_names
from archdsl.elaborate.open_sizes import Example, settle
from archdsl.elaborate.program import UNNAMED, Program, settable
from archdsl.elaborate.recorder import Recorder
from archdsl.elaborate.values import Template, Value, traced_argument
from archdsl.graph.module import Module
from archdsl.network import Network
from archdsl.ops import OPERATORS, Operators
from archdsl.passes.checks import dead_steps, exactness

if TYPE_CHECKING:
    from archdsl.report.zoo import Zoo


@record(eq=False, repr=False)
class Options:
    """What a compilation is told besides the text.

    settings: hyper-parameters by name. size: the type that replaces the one that the input declares. exact: whether a
    stride that does not divide is an error. texts: texts by name that `use` finds before files. opens_all: whether the
    sizes of inputs are left open, and become formulas. keywords: those of the call in Python that were given, which
    are no hyper-parameters of the network. recorder: of what the parts of the text come to.
    """

    settings: Mapping[str, object] = field(default_factory=dict[str, object])
    size: TensorType | None = None
    exact: bool = False
    limits: Limits = DEFAULT_LIMITS
    operators: Operators = OPERATORS
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    opens_all: bool = False
    keywords: frozenset[str] = frozenset()
    recorder: Recorder | None = None


_AS_WRITTEN = Options()
_EXAMPLES = 16
_SYNTAX = "E01"


def compile_source(source: Source, net: str | None = None, options: Options = _AS_WRITTEN) -> Network:
    """The network of a text, changed by the passes that came with it. ArchError says everything that is wrong with
    it."""
    with Door(lambda: carried_by(source, net, options)):
        made = _as_written(source, net, options)
        return Network(made).apply(*source.passes) if source.passes else Network(made)


def _as_written(source: Source, net: str | None, options: Options) -> Compiled:
    """What is compiled of a text without passes."""
    options = _with_its_own(source, options)
    report, elaborator, template, module = _elaborated(source, net, options)
    library = elaborator.programs.library
    if template and module:
        with Door(lambda: carried_by(source, net, options, library)):
            _check_settings(template, elaborator.evaluator, report, options.keywords)
            _run_checks(module, options, report)
    report.raise_errors()
    assert module is not None
    assert template is not None
    open_sizes = elaborator.evaluator.open_sizes
    example = Example(open_sizes.example) if open_sizes else None
    carried = carried_by(source, module.name, options, library)
    # files may change after they were read
    read = replace(source, along={**source.along, **carried.texts})
    return Compiled(
        module,
        source,
        carried,
        {name: value for name, value in module.arguments.items() if isinstance(value, (int, float, str, bool))},
        tuple(report.warnings),
        options.limits,
        open_sizes,
        trace=lambda: _traced(read, net, options, example),
        reopen=lambda: _as_written(read, net, replace(options, opens_all=True)),
        recompile=partial(recompiled, options=replace(options, settings={}, size=None, texts={})),
    )


def recompiled(carried: Carried, options: Options) -> Compiled:
    """What was compiled from what is carried of it, compiled anew. options: what nothing carries, such as limits and
    operators."""
    return compile_source(_source_of(carried), carried.net or None, options).compiled


def _source_of(carried: Carried) -> Source:
    (main, text), *_ = carried.texts.items()
    return Source(main, text, None, carried.texts, carried.settings, carried.shape, carried.passes)


def _elaborated(
    source: Source, net: str | None, options: Options
) -> tuple[Report, Elaborator, Template | None, Module | None]:
    """The root module of a network, with what was said on the way.

    Sizes that are left open are worked out with an example; where it turns out to be a bad one, with another.
    """
    example, first = Example(opens_all=options.opens_all), None
    for _ in range(_EXAMPLES):
        report = Report()
        elaborator, template, module = _root(source, net, options, report, example=example)
        result = report, elaborator, template, module
        first = first or result
        open_sizes = elaborator.evaluator.open_sizes
        if open_sizes is None or open_sizes.wanted is None:
            if open_sizes and module:
                settle(module, open_sizes, report, example)
            return result
        better = example.better(open_sizes)
        if better is None:
            if not report.errors:
                wanted = open_sizes.wanted
                report.add(faults.NoSizeFits(told([wanted.condition])[0]), wanted.asking.place)
            return result
        example = better
    assert first is not None
    return first


def sketch_source(source: Source, net: str | None, options: Options, errors: Sequence[Diagnostic]) -> Module | None:
    """The root module of a text that is wrong, with blanks for what could not be worked out; None if nothing could, or
    not within the limits. errors: what was found to be wrong with it."""
    from archdsl.syntax.mending import mended

    options = _with_its_own(source, options)
    with Door(lambda: carried_by(source, net, options)):
        mended_source = replace(source, text=mended(source.text))
        # each element has to know its own
        report = Report(once=False)
        sketcher, program = _worked_out(mended_source, options, report, errors=errors)
        with Door(lambda: carried_by(source, net, options, sketcher.programs.library)):
            template = _chosen(program, net, report)
            module = sketcher.network(template, _name(program, template)) if template else None
    return None if any(each.severity is Severity.LIMIT for each in report.diagnostics) else module


def _with_its_own(source: Source, options: Options) -> Options:
    """The options with the settings that belong to a text, where no others are given."""
    if not source.settings and source.shape is None:
        return options
    size = options.size or (TensorType.of(source.shape) if source.shape else None)
    return replace(options, settings={**source.settings, **options.settings}, size=size)


def carried_by(source: Source, net: str | None, options: Options, library: Library | None = None) -> Carried:
    """What a network is compiled from, for what is made of it to carry. net: None where nobody chose it yet. library:
    with the files that the text uses."""
    used = source.along if library is None else {each.name: each.text for each in library.sources}
    texts = {source.name: source.text, **{name: text for name, text in used.items() if name != source.name}}
    shape = options.size.shape if options.size else source.shape
    return Carried(net or "", texts, {**source.settings, **options.settings}, shape)


def _root(
    source: Source,
    net: str | None,
    options: Options,
    report: Report,
    *,
    tracing: bool = False,
    example: Example | None = None,
) -> tuple[Elaborator, Template | None, Module | None]:
    """The root module of a network, worked out once."""
    elaborator, program = _worked_out(source, options, report, tracing=tracing, example=example)
    with Door(lambda: carried_by(source, net, options, elaborator.programs.library)):
        template = _chosen(program, net, report)
        return elaborator, template, elaborator.network(template, _name(program, template)) if template else None


def _traced(source: Source, net: str | None, options: Options, example: Example | None) -> Module:
    """The root module of a text that is right, once more, with numbers that remember where they come from. example: the
    one that it is right with, where it leaves sizes open."""
    report = Report()
    _, _, module = _root(source, net, options, report, tracing=True, example=example)
    report.raise_errors()
    assert module is not None
    return module


def check_source(source: Source, options: Options = _AS_WRITTEN) -> tuple[Report, list[Network]]:
    """Every fault of a text in one run, and the networks that are right."""
    report = Report()
    with Door(lambda: carried_by(source, None, options)):
        elaborator, program = _worked_out(source, options, report)
        with Door(lambda: carried_by(source, None, options, elaborator.programs.library)):
            return report, _right_networks(source, options, report, elaborator, program)


def types_by_span(source: Source, options: Options = _AS_WRITTEN) -> dict[Span, tuple[tuple[TensorType, ...], ...]]:
    """The types of the tensors after each element of the chains of a text that may be wrong, by the element's span:
    several where calls of a block differ, and none where it failed."""
    recorder = Recorder()
    check_source(source, replace(options, recorder=recorder))
    return {place.span: types for place, types in recorder.types.items() if place.source is source}


def _right_networks(
    source: Source, options: Options, report: Report, elaborator: Elaborator, program: Program
) -> list[Network]:
    """The networks of a text that are right; what is wrong with the others is reported."""
    if not program.nets and not program.blocks and not report.errors:
        report.add(faults.NoNetwork(), Place(source, Span(0, 0)))
    networks: list[Network] = []
    for name, template in program.nets.items():
        if _is_open(template, options):
            continue
        said = report.mark()
        module = elaborator.network(template, name)
        if elaborator.evaluator.open_sizes is not None:
            # with other sizes as an example it may be right
            report.back_to(said)
            elaborator.evaluator.open_sizes = None
            more, _, _, module = _elaborated(source, name, options)
            report.add_all(more)
        if module is not None:
            _run_checks(module, options, report)
            networks.append(Network(Compiled.of(module, source, options.limits)))
    elaborator.check(program)
    return networks


@door
def source_of(name: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Source, str | None]:
    """The text that a user names, and which of its networks: a file, `file.arch:net`, a name of the zoo, or what was
    made of a network and carries its text: an emitted Python file, or weights."""
    made = Carried.in_file(Path(name), limits)
    if made is not None:
        return _source_of(made), made.net or None
    path, net = _split_net(name)
    zoo = folder("specs") / f"{path}{SUFFIX}"
    found = Path(path)
    if not _is_there(found) and not _looks_like_path(path) and _is_there(zoo):
        found = zoo
    report = Report()
    text = read_text(found, limits, report)
    if isinstance(text, Fault):
        if isinstance(text, faults.UnknownFile):
            text = faults.UnknownFile(path, tuple(zoo_names()))
        raise ArchError([Diagnostic(text)])
    report.raise_errors()
    shown = found.name if found == zoo else path
    return Source(shown, text, str(found)), net


@door
def load(
    name: str | Path,
    /,
    *,
    input: TensorType | tuple[int, ...] | None = None,  # noqa: A002 - the word of the language
    limits: Limits = DEFAULT_LIMITS,
    operators: Operators = OPERATORS,
    settings: Mapping[str, object] | None = None,
    **hyperparameters: object,
) -> Network:
    """The network that `name` means: a file, `file.arch:net`, or a network of the zoo.

    input: the input's shape in torch's order without the batch, instead of the one in the text. hyperparameters: by
    name, as `classes=10`; settings: the same as a mapping, also of names that are keywords here. Raises ArchError with
    every fault of the text, ValueError where a keyword is also the name of a hyper-parameter of the network.
    """
    require((str, PathLike), "the name of a file or network", name=name)
    require(Limits, "`archdsl.Limits`", limits=limits)
    source, net = source_of(str(name), limits)
    return compile_source(source, net, options_of(input, limits, operators, hyperparameters, settings))


@door
def parse(
    text: str,
    /,
    *,
    net: str | None = None,
    name: str = UNNAMED,
    input: TensorType | tuple[int, ...] | None = None,  # noqa: A002 - the word of the language
    limits: Limits = DEFAULT_LIMITS,
    operators: Operators = OPERATORS,
    settings: Mapping[str, object] | None = None,
    **hyperparameters: object,
) -> Network:
    """The network that a text describes. `net` chooses one of several; `name` is what a bare chain is called. The other
    arguments are those of `load`."""
    require(str, "a text", text=text)
    require(str, "what a network is called", name=name)
    require((str, NoneType), "the name of a network", net=net)
    source = Source(f"{name}{SUFFIX}", text)
    named = {"net": net is not None, "name": name != UNNAMED}
    return compile_source(source, net, options_of(input, limits, operators, hyperparameters, settings, named))


@door
def zoo() -> Zoo:
    """The networks that come along, each loaded for its figures."""
    from archdsl.report.zoo import Entry, Zoo, by_name

    nets = [(name, load(name)) for name in by_name(zoo_names())]
    return Zoo(tuple(Entry.of(name, net.module, net.compiled.source) for name, net in nets))


def options_of(
    size: TensorType | tuple[int, ...] | None,
    limits: Limits,
    operators: Operators,
    hyperparameters: Mapping[str, object],
    settings: Mapping[str, object] | None,
    named: Mapping[str, bool] = MappingProxyType({}),
) -> Options:
    """The options of a compilation from the arguments of a call. named: other keywords, and whether they were given."""
    require(Limits, "`archdsl.Limits`", limits=limits)
    require(Operators, "a registry of operators, such as `collect` gives", operators=operators)
    require((Mapping, NoneType), "a mapping of names to values", settings=settings)
    for name in settings or {}:
        require(str, "a mapping of names to values", settings=name)
        if name in hyperparameters:
            raise WrongValue(f"`{name}` is given twice, by keyword and in `settings`")
    given = {
        **named,
        "input": size is not None,
        "settings": settings is not None,
        "limits": limits != DEFAULT_LIMITS,
        "operators": operators != OPERATORS,
    }
    return Options(
        {**hyperparameters, **(settings or {})},
        None if size is None else _input_type(size),
        limits=limits,
        operators=operators,
        keywords=frozenset(name for name, is_given in given.items() if is_given),
    )


def _input_type(size: object) -> TensorType:
    """The type of an input from the argument of a call."""
    kind = TensorType.of(cast("tuple[int, ...]", size)) if isinstance(size, tuple) else size
    wanted = "a tuple of whole numbers in torch's order, such as (3, 224, 224), or a `TensorType`"
    require(TensorType, wanted, input=kind)
    assert isinstance(kind, TensorType)
    for each in kind.shape:
        require(int, wanted, input=each)
    return kind


def _worked_out(
    source: Source,
    options: Options,
    report: Report,
    *,
    errors: Sequence[Diagnostic] | None = None,
    tracing: bool = False,
    example: Example | None = None,
) -> tuple[Elaborator, Program]:
    settings = {name: _setting(name, value, options.limits) for name, value in options.settings.items()}
    if tracing:
        settings = {name: traced_argument(name, value) for name, value in settings.items()}
    library = Library(options.limits, report, options.texts, gaps=errors is not None)
    evaluator = Evaluator(options.operators, settings, options.limits, report, options.recorder)
    recovery = None
    if errors is not None:
        from archdsl.elaborate.sketch import Sketching

        recovery = Sketching(report, errors)
    elaborator = Elaborator(evaluator, library, options.size, tracing=tracing, example=example, recovery=recovery)
    # a sketch is one of another text than that which was given
    with Door((lambda: carried_by(source, None, options, library)) if errors is None else None):
        return elaborator, elaborator.programs.program(library.parse(source))


def _setting(name: str, value: object, limits: Limits) -> Value:
    """The value of a hyper-parameter. TypeError says which one has none."""
    try:
        return of_python(value, limits)
    except WrongType as error:
        raise WrongType(f"`{name}`: {error}") from None


def _chosen(program: Program, net: str | None, report: Report) -> Template | None:
    """The network that is meant: the one named, the only one, or the one named as the file."""
    nets = program.nets
    whole = Place(program.file.source, Span(0, 0))
    if net is not None:
        # of a text that cannot be read nobody knows what it defines
        if net not in nets and not _is_unread(report):
            report.add(faults.WhichNetwork(net, tuple(nets)), whole)
        return nets.get(net)
    if not nets:
        if not report.errors:
            report.add(faults.NoNetwork(), whole)
        return None
    if len(nets) > 1 and program.stem not in nets:
        report.add(faults.WhichNetwork(None, tuple(nets)), whole)
        return None
    return nets.get(program.stem) or next(iter(nets.values()))


def _name(program: Program, template: Template) -> str:
    return next(name for name, each in program.nets.items() if each is template)


def _is_open(template: Template, options: Options) -> bool:
    """Whether a net has parameters that only a user can set, as the template of a family has."""
    return any(
        parameter.default is None and parameter.name.text not in options.settings
        for parameter in template.definition.parameters
    )


def _check_settings(template: Template, evaluator: Evaluator, report: Report, keywords: frozenset[str]) -> None:
    if _is_unread(report):
        return
    known = evaluator.used | evaluator.switches | settable(template, evaluator.operators)
    for name in sorted(keywords & known - evaluator.settings.keys()):
        advice = f'give the hyper-parameter as `settings={{"{name}": ...}}`'
        raise WrongValue(f"`{name}` is a keyword of this call, and a hyper-parameter of the network: {advice}")
    for name in evaluator.settings:
        if name not in known:
            place = Place(template.scope.source, template.definition.name.span)
            report.add(faults.NoSuchHyperparameter(name, tuple(sorted(known))), place)


def _is_unread(report: Report) -> bool:
    """Whether something of a text could not be read."""
    return any(each.code.startswith(_SYNTAX) for each in report.errors)


def _run_checks(module: Module, options: Options, report: Report) -> None:
    dead_steps(module, report)
    if options.exact:
        exactness(module, report)


def file_of(name: str) -> Path:
    """The file that a user names with `file.arch` or `file.arch:net`, if there is one."""
    return Path(_split_net(name)[0])


def _split_net(name: str) -> tuple[str, str | None]:
    path, colon, net = name.rpartition(":")
    return (path, net) if colon and net.isidentifier() and not _is_there(Path(name)) else (name, None)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for the system
        return False


def _looks_like_path(name: str) -> bool:
    return name.endswith(SUFFIX) or "/" in name
