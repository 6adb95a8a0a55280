"""What a file defines: its blocks, nets, lets and defaults, and what it takes from other files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from archdsl.base.diagnostics import Fault
from archdsl.base.records import record
from archdsl.base.text import Place
from archdsl.elaborate import faults
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.ledger import Stop
from archdsl.elaborate.library import Library
from archdsl.elaborate.values import UNKNOWN, Function, Scope, Template, Unknown, Value
from archdsl.elaborate.words import DECORATIONS, split, switch
from archdsl.graph.build import Tensor
from archdsl.graph.reserved import is_reserved_variable
from archdsl.ops import Operators
from archdsl.ops.arguments import arguments
from archdsl.ops.faults import UnknownArgument
from archdsl.syntax import tree

UNNAMED: Final = "network"  # what a network is called that nobody named
# the statements that only define names, and so may stand outside a net
Defining = tree.Use | tree.Let | tree.Function | tree.Default


@record(eq=False)
class Program:
    """A file with its names worked out. `nets` are the networks in it; a bare chain is one named after the file."""

    file: tree.File
    scope: Scope
    nets: dict[str, Template]
    blocks: dict[str, Template]

    @property
    def stem(self) -> str:
        """The name that a bare chain gets."""
        name = self.file.source.name.rsplit("/", 1)[-1]
        # a text that is no file is shown as `<stdin>`
        return UNNAMED if name.startswith("<") else name.removesuffix(".arch") or UNNAMED


class Programs:
    """The programs of all files that take part, each worked out once.

    cut_short: whether a limit ended that, so that of what the rest defines nothing is known.
    """

    def __init__(self, evaluator: Evaluator, library: Library) -> None:
        self.evaluator = evaluator
        self.library = library
        self._programs: dict[int, Program] = {}
        self._open: list[tree.File] = []
        self.cut_short = False
        evaluator.known_block = self.known_block

    def program(self, file: tree.File) -> Program:
        """The program of a file."""
        if id(file) not in self._programs:
            self._open.append(file)
            self._programs[id(file)] = self._worked_out(file)
            self._open.pop()
        return self._programs[id(file)]

    def prelude(self) -> Program:
        """The blocks that every text knows."""
        return self.program(self.library.prelude)

    def _worked_out(self, file: tree.File) -> Program:
        scope = Scope(file.source)
        lost = (name for name in file.lost if split(name, self.evaluator.operators) is None)
        scope.names.update(dict.fromkeys(lost, Unknown()))
        nets: dict[str, Template] = {}
        blocks: dict[str, Template] = {}
        try:
            for statement in file.statements:
                if isinstance(statement, tree.Definition) and self.define(statement.name, scope):
                    template = Template(statement, scope)
                    scope.names[statement.name.text] = template
                    (nets if statement.is_net else blocks)[statement.name.text] = template
            for statement in file.statements:
                if isinstance(statement, Defining):
                    self.statement(statement, scope)
        except Stop:
            self.cut_short = True
        program = Program(file, scope, nets, blocks)
        if bare := self._bare(file, program):
            nets.setdefault(program.stem, bare)
        return program

    def known_block(self, word: str) -> Template | None:
        """A block that every text knows."""
        return self.prelude().blocks.get(word.lower())

    def known_words(self, scope: Scope) -> tuple[str, ...]:
        """Every word that could stand in a chain."""
        return tuple(sorted({*self.evaluator.operators, *scope.known(), *self.prelude().blocks, "residual"}))

    def statement(self, statement: Defining, scope: Scope) -> None:
        """Work out a statement that only defines names."""
        match statement:
            case tree.Use():
                self._use(statement, scope)
            case tree.Let():
                self._let(statement, scope)
            case tree.Function(_, name):
                if self.define(name, scope):
                    scope.names[name.text] = Function(statement, scope)
            case tree.Default():
                self._default(statement, scope)
            case _:
                assert_never(statement)

    def _bare(self, file: tree.File, program: Program) -> Template | None:
        """The statements of a file that stand in no definition, as a network of their own."""
        body = tuple(each for each in file.statements if not isinstance(each, Defining | tree.Definition))
        if not body:
            return None
        span = body[0].span.to(body[-1].span)
        name = tree.Word(span, program.stem)
        free = Scope(file.source, program.scope, free=True)
        return Template(tree.Definition(span, is_net=True, name=name, parameters=(), body=body), free)

    def define(self, name: tree.Word, scope: Scope) -> bool:
        """Whether a name may be defined here; what forbids it is reported."""
        found = split(name.text, self.evaluator.operators)
        there = scope.names.get(name.text, UNKNOWN)
        fault: Fault | None = None
        also: tuple[tuple[Place, str], ...] = ()
        if found is not None:
            fault = faults.Shadows(name.text, found[0].word)
        elif is_reserved_variable(name.text):
            fault = faults.ReservedName(name.text)
        elif not isinstance(there, Tensor | Unknown):
            fault = faults.DefinedTwice(name.text)
            if isinstance(there, Template):
                also = ((there.scope.place(there.definition.name.span), "first defined here"),)
        if fault is not None:
            # the word may be used as if this had been allowed, and nothing is said about that
            scope.names.setdefault(name.text, UNKNOWN)
            self.evaluator.fault(fault, scope, name.span, also)
        return fault is None

    def _let(self, statement: tree.Let, scope: Scope) -> None:
        """`let a, b = ...`."""
        value = self.evaluator.value(statement.value, scope)
        names = statement.names
        if len(names) == 1:
            values: Iterable[Value] = (value,)
        elif isinstance(value, tuple) and len(value) == len(names):
            values = value
        else:
            if not isinstance(value, Unknown):
                count = len(value) if isinstance(value, tuple) else 1
                self.evaluator.fault(faults.Unpacked(len(names), count), scope, statement.value.span)
            values = (Unknown(),) * len(names)
        for name, each in zip(names, values, strict=True):
            if self.define(name, scope):
                scope.names[name.text] = each

    def _default(self, statement: tree.Default, scope: Scope) -> None:
        """`default conv(act=relu)`."""
        found = self.evaluator.operators.get(statement.name.text.lower())
        if found is None:
            known = tuple(self.evaluator.operators)
            self.evaluator.fault(faults.UnknownElement(statement.name.text, known), scope, statement.name.span)
            return
        known = (*arguments(found), *(DECORATIONS if found.decorated else ()))
        given = dict(scope.defaults.get(found, {}))
        for argument in statement.arguments.items:
            name = argument.name.text if argument.name else ""
            if name not in known:
                self.evaluator.fault(UnknownArgument(found.word, name, known), scope, argument.span)
                continue
            given[name] = self.evaluator.value(argument.value, scope)
        scope.defaults = {**scope.defaults, found: given}

    def _use(self, statement: tree.Use, scope: Scope) -> None:
        """`use resnet (basic)`."""
        path = statement.path
        found = self.library.used(path.text, scope.source)
        if isinstance(found, Fault):
            self._unusable(found, statement, scope)
            return
        if found in self._open:
            names = tuple(each.source.name for each in (*self._open[self._open.index(found) :], found))
            self.evaluator.fault(faults.UseCycle(names), scope, path.span)
            return
        program = self.program(found)
        offered = {**program.scope.names}
        wanted = statement.names or tuple(tree.Word(path.span, name) for name in offered)
        for name in wanted:
            if name.text not in offered:
                known = tuple(sorted(offered))
                if found.statements:
                    self.evaluator.fault(faults.NotInFile(name.text, path.text, known), scope, name.span)
                scope.names.setdefault(name.text, Unknown())
            elif self.define(name, scope):
                scope.names[name.text] = offered[name.text]

    def _unusable(self, fault: Fault, statement: tree.Use, scope: Scope) -> None:
        self.evaluator.fault(fault, scope, statement.path.span)
        for name in statement.names or ():
            scope.names.setdefault(name.text, Unknown())


def settable(template: Template, operators: Operators) -> set[str]:
    """The hyper-parameters that stand in a net's text, also in parts that are left out: free names, and the switches of
    optional layers."""
    nodes = tuple(tree.walk(template.definition.body))
    names = {
        switch(node.item, operators)
        for node in nodes
        if isinstance(node, tree.Element) and node.optional and isinstance(node.item, tree.Mention)
    }
    if template.scope.free:
        bound = {name.text for node in nodes if isinstance(node, tree.Loop) for name in node.names}
        free = {node.text for node in nodes if isinstance(node, tree.Name)} - bound
        names |= {name for name in free if template.scope.find(name) is None and name.lower() not in operators}
    return names
