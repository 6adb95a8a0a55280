"""The value of an expression in a scope. No loop is unbounded and no number grows without end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, assert_never

from archdsl.algebra.symbolic import Assumptions, at_example, fixed
from archdsl.algebra.tensors import Kind, TensorType
from archdsl.base.diagnostics import Fault, Report
from archdsl.base.faults import Uncomputable
from archdsl.base.limits import LARGEST, Limits
from archdsl.base.settings import is_whole
from archdsl.base.text import Place, Span
from archdsl.elaborate import faults
from archdsl.elaborate.arithmetic import ARITHMETIC, COMPARISONS, FUNCTIONS, Number
from archdsl.elaborate.ledger import Ledger
from archdsl.elaborate.measures import Measures
from archdsl.elaborate.recorder import Recorder
from archdsl.elaborate.values import UNKNOWN, Function, Scope, Template, Unknown, Value, is_true, kind_of, signature
from archdsl.graph.arguments import NOTHING, Partial
from archdsl.graph.build import Tensor
from archdsl.graph.reserved import is_reserved_variable
from archdsl.ops import Operators
from archdsl.ops.arguments import arguments
from archdsl.ops.faults import TwiceGiven, UnknownArgument
from archdsl.syntax import tree

_GRID_AXES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}

INCOMING = "in"
TOO_MANY: Final = "gets more arguments than it has parameters"


class Evaluator:
    """Works out expressions. All that one depends on is its scope; what is wrong with it is reported, and its value is
    then unknown.

    settings: the hyper-parameters that were set from outside. used: the names that asked for one. switches: the names
    of optional layers. known_block: finds the blocks that every text knows. open_sizes: what is known of sizes that are
    left open.
    """

    def __init__(
        self,
        operators: Operators,
        settings: dict[str, Value],
        limits: Limits,
        report: Report,
        recorder: Recorder | None = None,
    ) -> None:
        self.operators = operators
        self.settings = settings
        self.ledger = Ledger(limits, report)
        self.recorder = recorder
        self.used: set[str] = set()
        self.switches: set[str] = set()
        self.known_block: Callable[[str], Value | None] = lambda _: None
        self.open_sizes: Assumptions | None = None
        self._applying: list[tree.Function] = []
        self.measures = Measures(self.ledger)

    def fault(self, fault: Fault, scope: Scope, span: Span, also: tuple[tuple[Place, str], ...] = ()) -> Unknown:
        """Report a fault at a span; the value of what failed."""
        self.ledger.fault(fault, scope.place(span), also)
        return UNKNOWN

    def value(self, node: tree.Expression, scope: Scope) -> Value:
        """The value of an expression."""
        self.ledger.count(1, scope, node.span)
        match node:
            case tree.Number(_, value) | tree.Text(_, value):
                return value
            case tree.Name(span, text):
                value = self.name(text, scope, span)
            case tree.Incoming(span):
                value = self._incoming(scope, span)
            case _:
                self.ledger.enter(scope, node.span)
                try:
                    value = self._of_parts(node, scope)
                finally:
                    self.ledger.depth -= 1
        if self.recorder is not None:
            self.recorder.value(scope.place(node.span), value)
        return value

    def _of_parts(self, node: tree.Compound, scope: Scope) -> Value:
        match node:
            case tree.Sequence(_, items):
                return self._list(tuple([self.value(item, scope) for item in items]), scope, node.span)
            case tree.SequenceComprehension(_, item, loops, condition):
                made = [self.value(item, inner) for inner in self.iterations(loops, condition, scope)]
                return self._list(tuple(made), scope, node.span)
            case tree.Operation():
                return self._operation(node, scope)
            case tree.Prefix():
                return self._prefix(node, scope)
            case tree.Conditional(_, cases, otherwise):
                for value, condition in cases:
                    if (truth := self.truth(condition, scope)) is None:
                        return UNKNOWN
                    if truth:
                        return self.value(value, scope)
                return self.value(otherwise, scope)
            case tree.Attribute():
                return self._attribute(node, scope)
            case tree.Item():
                return self._item(node, scope)
            case tree.Call():
                return self._call(node, scope)
            case _:
                assert_never(node)

    def name(self, text: str, scope: Scope, span: Span) -> Value:
        """What a name stands for: something defined, a word of the language, an operator, or a hyper-parameter."""
        if (value := scope.find(text)) is not None:
            return value
        if text == INCOMING:
            return self._incoming(scope, span)
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if (found := self.operators.get(text.lower())) is not None:
            return Partial(found)
        if (block := self.known_block(text)) is not None:
            return block
        if any(each.free for each in scope.outward()):
            return self.setting(text, scope, span)
        known = tuple(sorted(scope.known() | set(FUNCTIONS) | set(_CONSTANTS)))
        return self.fault(faults.UnknownName(text, known), scope, span)

    def _incoming(self, scope: Scope, span: Span) -> Value:
        if scope.incoming is None:
            return self.fault(faults.NothingComesIn(INCOMING), scope, span)
        return scope.incoming

    def setting(self, name: str, scope: Scope, span: Span) -> Value:
        """The value that was set for a hyper-parameter from outside."""
        self.used.add(name)
        if is_reserved_variable(name):
            return self.fault(faults.ReservedName(name), scope, span)
        if name in self.settings:
            return self.settings[name]
        return self.fault(faults.NotSet(name, tuple(scope.known())), scope, span)

    def truth(self, node: tree.Expression, scope: Scope) -> bool | None:
        """Whether a condition holds, or None where that cannot be told."""
        value = self.value(node, scope)
        return None if isinstance(value, Unknown) else is_true(value)

    def integer(self, node: tree.Expression, scope: Scope) -> int | None:
        """A whole number, or None where that failed."""
        value = self.value(node, scope)
        if is_whole(value):
            return value
        if not isinstance(value, Unknown):
            self.fault(faults.WrongValue("a whole number", kind_of(value)), scope, node.span)
        return None

    def iterations(
        self, loops: tuple[tree.Loop, ...], condition: tree.Expression | None, scope: Scope
    ) -> Iterator[Scope]:
        """A scope for each iteration of nested loops."""
        if not loops:
            if condition is None or self.truth(condition, scope):
                yield scope
            return
        if len(loops) > self.ledger.limits.nesting:
            self.ledger.limit("too many loops inside loops", len(loops), "nesting", scope, loops[0].span)
        loop, *inner = loops
        items = self.value(loop.source, scope)
        if not isinstance(items, tuple):
            if not isinstance(items, Unknown):
                self.fault(faults.WrongValue("a list", kind_of(items)), scope, loop.source.span)
            return
        for item in items:
            self.ledger.count(1, scope, loop.span)
            child = scope.child()
            if self._unpack(loop, item, child):
                yield from self.iterations(tuple(inner), condition, child)

    def _unpack(self, loop: tree.Loop, item: Value, scope: Scope) -> bool:
        if len(loop.names) == 1:
            scope.names[loop.names[0].text] = item
            return True
        values = item if isinstance(item, tuple) else (item,)
        if len(values) != len(loop.names):
            self.fault(faults.Unpacked(len(loop.names), len(values)), scope, loop.span)
            return False
        scope.names.update((name.text, value) for name, value in zip(loop.names, values, strict=True))
        return True

    # --- operations -------------------------------------------------------------------------------------------------

    def _operation(self, node: tree.Operation, scope: Scope) -> Value:
        sign = node.rest[0][0]
        if sign in {"and", "or"}:
            return self._logic(node, scope)
        left = self.value(node.first, scope)
        span = node.first.span
        result: Value = left
        for sign, operand in node.rest:
            right = self.value(operand, scope)
            if isinstance(left, Unknown) or isinstance(right, Unknown):
                return UNKNOWN
            result = self._binary(sign, (left, span), (right, operand.span), node, scope)
            span = span.to(operand.span)
            if sign in COMPARISONS:
                if result is not True:
                    return result
                left = right
            else:
                left = result
        return result

    def _logic(self, node: tree.Operation, scope: Scope) -> Value:
        wanted = node.rest[0][0] == "or"
        for operand in (node.first, *(operand for _, operand in node.rest)):
            truth = self.truth(operand, scope)
            if truth is None:
                return UNKNOWN
            if truth is wanted:
                return wanted
        return not wanted

    def _binary(
        self, sign: str, first: tuple[Value, Span], second: tuple[Value, Span], node: tree.Operation, scope: Scope
    ) -> Value:
        (left, _), (right, _) = first, second
        if sign in {"==", "!="}:
            self.ledger.count(min(self.measures.size(left), self.measures.size(right)), scope, node.span)
            return (left == right) is (sign == "==")
        if sign == "+" and isinstance(left, tuple) and isinstance(right, tuple):
            return self._list(left + right, scope, node.span)
        if sign == "*" and isinstance(left, tuple) and is_whole(right):
            right = fixed(right)
            self.measures.require_items((self.measures.size(left) - 1) * right, scope, node.span)
            return self._list(left * right, scope, node.span)
        for value, span in (first, second):
            if not isinstance(value, (int, float)) or isinstance(value, bool):
                return self.fault(faults.WrongValue("a number", kind_of(value)), scope, span)
        assert isinstance(left, (int, float))
        assert isinstance(right, (int, float))
        if sign in COMPARISONS:
            return COMPARISONS[sign](left, right)
        return self._number(ARITHMETIC[sign], (left, right), scope, node.span)

    def _number(self, function: Callable[..., Number], values: tuple[Number, ...], scope: Scope, span: Span) -> Value:
        """The result of an arithmetic function, or a fault where it has none or is too large."""
        try:
            result = function(*values)
        except ZeroDivisionError:
            return self.fault(Uncomputable("this divides by zero"), scope, span)
        except (OverflowError, ValueError):
            return self.fault(Uncomputable("this number is too large"), scope, span)
        # beyond any network: an open size is judged by its example alone
        if not -LARGEST <= at_example(result) <= LARGEST:
            return self.fault(Uncomputable("this number is too large"), scope, span)
        return result

    def _prefix(self, node: tree.Prefix, scope: Scope) -> Value:
        if node.sign == "not":
            truth = self.truth(node.operand, scope)
            return UNKNOWN if truth is None else truth is (node.times % 2 == 0)
        value = self.value(node.operand, scope)
        if isinstance(value, Unknown):
            return UNKNOWN
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            return self.fault(faults.WrongValue("a number", kind_of(value)), scope, node.span)
        return -value if node.times % 2 else value

    def _attribute(self, node: tree.Attribute, scope: Scope) -> Value:
        value = self.value(node.value, scope)
        # in a sketch there are tensors of which nothing is known
        if isinstance(value, Unknown) or (isinstance(value, Tensor) and not value.type.is_known):
            return UNKNOWN
        known = properties(value.type) if isinstance(value, Tensor) else {}
        if node.name.text not in known:
            fault = faults.NoSuchProperty(node.name.text, kind_of(value), tuple(known))
            return self.fault(fault, scope, node.name.span)
        return known[node.name.text]

    def _item(self, node: tree.Item, scope: Scope) -> Value:
        value, index = self.value(node.value, scope), self.value(node.index, scope)
        if isinstance(value, Unknown) or isinstance(index, Unknown):
            return UNKNOWN
        if not isinstance(value, tuple):
            return self.fault(faults.WrongValue("a list", kind_of(value)), scope, node.value.span)
        if not isinstance(index, int):
            return self.fault(faults.WrongValue("a whole number", kind_of(index)), scope, node.index.span)
        if not -len(value) <= index < len(value):
            reason = f"the list has {len(value)} items, counted from 0, and item {index} is asked for"
            return self.fault(Uncomputable(reason), scope, node.span)
        return value[fixed(index)]

    # --- functions --------------------------------------------------------------------------------------------------

    def _call(self, node: tree.Call, scope: Scope) -> Value:
        if isinstance(node.function, tree.Name) and scope.find(node.function.text) is None:
            word = node.function.text
            if word in FUNCTIONS:
                return self._builtin(word, node, scope)
            if word.lower() not in self.operators and self.known_block(word) is None:
                known = tuple(sorted(set(FUNCTIONS) | scope.known()))
                return self.fault(faults.UnknownName(word, known), scope, node.function.span)
        function = self.value(node.function, scope)
        if isinstance(function, Partial):
            return self._partial(function, node.arguments, scope)
        if isinstance(function, Function):
            return self._applied(function, node, scope)
        if isinstance(function, Template) and not function.definition.is_net:
            return self._block(function, node, scope)
        if not isinstance(function, Unknown):
            self.fault(faults.WrongValue("a function", kind_of(function)), scope, node.function.span)
        return UNKNOWN

    def _partial(self, function: Partial, given: tree.Arguments, scope: Scope) -> Value:
        """An operator with arguments, as in `act=leaky_relu(0.1)`."""
        declared = arguments(function.operator)
        values = dict(function.arguments)
        for argument in given.items:
            free = (name for name in declared if name not in values)
            name = argument.name.text if argument.name else next(free, None)
            value = self.value(argument.value, scope)
            if name is None or name in values:
                return self.fault(TwiceGiven(function.operator.word, name), scope, argument.span)
            if name not in declared:
                fault = UnknownArgument(function.operator.word, name, tuple(declared))
                return self.fault(fault, scope, argument.span)
            values[name] = value
        made = Partial(function.operator, _in_order(declared, values))
        self.measures.require(made, scope, given.span)
        return made

    def _given(
        self,
        definition: tree.Definition | tree.Function,
        home: Scope,
        arguments: tree.Arguments,
        scope: Scope,
        given: dict[str, Value],
    ) -> bool:
        """Put the arguments of a call into `given`, by parameter; whether all of them fit."""
        names = [each.name.text for each in definition.parameters]
        for argument in arguments.items:
            free = (each for each in names if each not in given)
            name = argument.name.text if argument.name else next(free, "")
            if name not in names or name in given:
                again = f"gets `{name}` twice" if name in given else f"has no parameter `{name}`"
                self.misfit(definition, home, again if name else TOO_MANY, argument.span, scope)
                return False
            given[name] = self.value(argument.value, scope)
        return True

    def _block(self, template: Template, node: tree.Call, scope: Scope) -> Value:
        """A block with some of its arguments, as in `resnet(bottleneck(groups=32), [3, 4, 6, 3])`."""
        given: dict[str, Value] = dict(template.arguments)
        if not self._given(template.definition, template.scope, node.arguments, scope, given):
            return UNKNOWN
        if any(isinstance(value, Unknown) for value in given.values()):
            return UNKNOWN
        names = (each.name.text for each in template.definition.parameters)
        made = Template(template.definition, template.scope, _in_order(names, given))
        self.measures.require(made, scope, node.arguments.span)
        return made

    def _applied(self, function: Function, node: tree.Call, scope: Scope) -> Value:
        """The value of a function that the text defines, at what its parameters are given."""
        definition = function.definition
        inner = Scope(function.scope.source, function.scope)
        if not self._given(definition, function.scope, node.arguments, scope, inner.names):
            return UNKNOWN
        for parameter in definition.parameters:
            if (name := parameter.name.text) not in inner.names:
                if parameter.default is None:
                    reason = f"has no value for `{name}`"
                    return self.misfit(definition, function.scope, reason, node.span, scope)
                inner.names[name] = self.value(parameter.default, inner)
        if any(isinstance(value, Unknown) for value in inner.names.values()):
            return UNKNOWN
        if definition in self._applying:
            path = [each.name.text for each in (*self._applying[self._applying.index(definition) :], definition)]
            return self.fault(faults.Recursion(tuple(path), "function"), scope, node.function.span)
        self._applying.append(definition)
        self.ledger.calls.append((scope.place(node.span), definition.name.text))
        try:
            return self.value(definition.value, inner)
        finally:
            self._applying.pop()
            self.ledger.calls.pop()

    def misfit(
        self,
        definition: tree.Definition | tree.Function,
        home: Scope,
        reason: str,
        span: Span,
        scope: Scope,
        near: str | None = None,
    ) -> Unknown:
        """Report an argument of a block or function that does not fit. near: the parameter that may have been meant."""
        defined = (home.place(definition.name.span), "defined here")
        fault = faults.BlockArguments(definition.name.text, reason, signature(definition, home), near)
        return self.fault(fault, scope, span, (defined,))

    def _builtin(self, word: str, node: tree.Call, scope: Scope) -> Value:
        values: list[Value] = []
        for argument in node.arguments.items:
            if argument.name is not None:
                fault = faults.WrongValue(f"a plain argument of `{word}`", "a named one")
                return self.fault(fault, scope, argument.span)
            values.append(self.value(argument.value, scope))
        if any(isinstance(value, Unknown) for value in values):
            return UNKNOWN
        if word == "len":
            return self._length(values, node, scope)
        if word == "range":
            return self._range(values, node, scope)
        if word in {"min", "max", "sum"} and len(values) == 1 and isinstance(values[0], tuple):
            values = list(values[0])
        numbers = [value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
        function, low, high = FUNCTIONS[word]
        if len(numbers) != len(values) or not low <= len(numbers) <= high:
            wants = "one number" if high == 1 else "numbers"
            return self.fault(faults.WrongValue(f"{wants} for `{word}`", _listed(values)), scope, node.span)
        return self._number(function, tuple(numbers), scope, node.span)

    def _length(self, values: list[Value], node: tree.Call, scope: Scope) -> Value:
        if len(values) == 1 and isinstance(values[0], tuple):
            return len(values[0])
        return self.fault(faults.WrongValue("one list for `len`", _listed(values)), scope, node.span)

    def _range(self, values: list[Value], node: tree.Call, scope: Scope) -> Value:
        numbers = [fixed(value) for value in values if is_whole(value)]
        if numbers[2:] == [0]:
            return self.fault(Uncomputable("a `range` with steps of 0 never ends"), scope, node.span)
        if len(numbers) != len(values) or not 1 <= len(numbers) <= 3:
            wants = "one to three whole numbers for `range`"
            return self.fault(faults.WrongValue(wants, _listed(values)), scope, node.span)
        made = range(*numbers)
        # a range of 10**18 numbers has no length that Python will tell
        first, last = made.start, made.stop
        self.measures.require_items(abs(last - first) // abs(made.step), scope, node.span)
        return self._list(tuple(made), scope, node.span)

    def _list(self, items: tuple[Value, ...], scope: Scope, span: Span) -> Value:
        """A list that was made, if it is neither too large nor too deep."""
        self.ledger.count(len(items), scope, span)
        self.measures.require(items, scope, span)
        return items


def _in_order(names: Iterable[str], given: Mapping[str, Value]) -> tuple[tuple[str, Value], ...]:
    """Arguments in the order of what takes them: what is given the same is equal, however it is written."""
    return tuple((name, given[name]) for name in names if name in given)


def properties(x: TensorType) -> dict[str, int]:
    """What an expression may ask a tensor for."""
    known = {"channels": x.channels, "rank": x.rank}
    if x.kind is Kind.IMAGE and x.rank in _GRID_AXES:
        known |= dict(zip(_GRID_AXES[x.rank], x.grid, strict=True))
        known["size"] = x.grid[0]
    if x.rank == 1:
        known["length"] = x.grid[0]
    if x.kind in {Kind.SEQUENCE, Kind.VECTOR}:
        known["features"] = x.channels
    return known


def _listed(values: list[Value]) -> str:
    return " and ".join(map(kind_of, values)) or "nothing"


_CONSTANTS: Final[dict[str, Value]] = {"true": True, "false": False, "none": NOTHING}
