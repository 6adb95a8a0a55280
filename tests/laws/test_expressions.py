"""Arithmetic is Python's, but that an exact division stays whole and nothing grows without end."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from programme import examples

from archdsl.base.diagnostics import Report
from archdsl.base.limits import LARGEST, Limits
from archdsl.base.text import Source
from archdsl.elaborate.evaluate import Evaluator
from archdsl.elaborate.values import Scope, Unknown, Value
from archdsl.ops import OPERATORS
from archdsl.syntax.parser import parse
from archdsl.syntax.tree import Let


def value(expression: str, **names: Value) -> Value | str:
    """The value of an expression, or the code of what is wrong with it."""
    report = Report()
    source = Source("text.arch", f"let a = {expression}\n")
    file = parse(source, report, Limits())
    assert not report.errors, report.errors
    (statement,) = file.statements
    assert isinstance(statement, Let)
    found = Evaluator(OPERATORS, {}, Limits(), report).value(statement.value, Scope(source, names=dict(names)))
    if isinstance(found, Unknown):
        (error,) = report.errors
        return error.code
    return found


_UNITS = [("k", 10**3), ("M", 10**6), ("G", 10**9)]
_NUMBERS = st.one_of(st.integers(0, 20).map(str), st.sampled_from(["0.5", "1.25", "c", "d"]))


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    signs = st.sampled_from(["+", "-", "*", "/", "//", "%", "**"])
    tests = st.builds("{} {} {}".format, inner, st.sampled_from(["<", "<=", "==", "!=", ">", ">="]), inner)
    chained = st.builds("{} < {} <= {}".format, inner, inner, inner)
    logic = st.builds(
        "{} {} {} {}".format,
        st.sampled_from(["", "not"]),
        tests,
        st.sampled_from(["and", "or"]),
        st.one_of(tests, chained),
    )
    return st.one_of(
        st.builds("{} {} {}".format, inner, signs, inner),
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("({} if {} else {})".format, inner, logic, inner),
        st.builds("[{}, {}][{} < {}]".format, inner, inner, inner, inner).map(lambda text: f"({text})"),
        st.builds("{}({}, {})".format, st.sampled_from(["min", "max"]), inner, inner),
        st.builds("abs({})".format, inner),
        st.builds("len([{} for i in range(3)])".format, inner),
        st.builds("sum([i*{} for i in range(4) if i != {}])".format, inner, inner),
    )


@examples(600, 50_000)
@given(st.recursive(_NUMBERS, _joined, max_leaves=12))
def test_expressions_mean_what_they_mean_in_python(expression: str) -> None:
    note(expression)
    names = {"c": 64, "d": 7}
    found = value(expression, **names)
    try:
        wanted = eval(
            expression,
            {"__builtins__": {}, "min": min, "max": max, "abs": abs, "len": len, "range": range, "sum": sum, **names},
        )
    except ZeroDivisionError:
        assert found == "E0206"
        return
    except (OverflowError, ValueError, TypeError):
        # a power of a negative number to a fraction is complex in Python
        assert found in {"E0206", "E0205"}
        return
    if isinstance(found, str):
        # somewhere inside something was too large, or complex
        assert found in {"E0206", "E0205"}
        assert "**" in expression or "*" in expression
        return
    assert math.isclose(float(found), float(wanted), rel_tol=1e-9, abs_tol=1e-9)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("64/4", 16), ("64/5", 12.8), ("-64/4", -16), ("7//2", 3), ("-7//2", -4), ("7 % 4", 3), ("2**10", 1024),
        ("-2**2", -4), ("2**-1", 0.5), ("2**3**2", 512), ("1 - 2 - 3", -4), ("8/2/2", 2), ("not 0", True), ("not not 0", False),
        ("1 < 2 < 3", True), ("1 < 3 < 2", False), ("1 == 1 and 2", True), ("0 or 0", False), ("1 if 0 else 2 if 0 else 3", 3),
        ("round(2.5)", 3), ("round(-2.5)", -3), ("round(0.4)", 0), ("ceil(1.2)", 2), ("floor(-1.2)", -2), ("abs(-3)", 3),
        ("[1, 2] + [3]", (1, 2, 3)), ("[1, 2]*2", (1, 2, 1, 2)), ("[1, 2][-1]", 2), ("(1, 2)[0]", 1), ("range(3)", (0, 1, 2)),
        ("range(5, 1, -2)", (5, 3)), ("[i*j for i in [1, 2] for j in [3, 4] if i != j]", (3, 4, 6, 8)), ("len(range(7))", 7),
        ("[a for a, b in [(1, 2), (3, 4)]]", (1, 3)), ("min([4, 2])", 2), ("max(1, 2)", 2), ("sum([])", 0), ("sum([1, 2])", 3),
        ("true", True), ("false", False), ('"a\\"b\\\\c\\n"', 'a"b\\c\n'), ("1.5e3", 1500.0), ("1e3", 1000.0), ('"a" == "a"', True),
        ("[1] == [1]", True), ("[1] != [2]", True),
    ],
)  # fmt: skip
def test_the_value_of_an_expression(expression: str, wanted: object) -> None:
    found = value(expression)
    assert found == wanted
    assert type(found) is type(wanted)


@examples(200, 20_000)
@given(st.integers(0, 9_999), st.integers(0, 6), st.sampled_from(_UNITS))
def test_a_number_with_a_unit_is_as_exact_as_it_is_written(digits: int, decimals: int, unit: tuple[str, int]) -> None:
    letter, factor = unit
    text = f"{digits // 10**decimals}.{digits % 10**decimals:0{decimals}}" if decimals else f"{digits}"
    wanted = Fraction(digits, 10**decimals) * factor
    found = value(f"{text}{letter}")
    assert found == (int(wanted) if wanted.denominator == 1 else float(wanted))
    assert isinstance(found, int) == (wanted.denominator == 1)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("1/0", "E0206"), ("1 % 0", "E0206"), ("1//0", "E0206"), ("0**(0-1)", "E0206"), ("(-8)**0.5", "E0206"), ("9**99", "E0206"),
        ("1e308*10", "E0206"), ("[1][1]", "E0206"), ("[1][-2]", "E0206"), ("range(1, 2, 0)", "E0206"),
        ("[1] + 1", "E0205"), ("1 + [1]", "E0205"), ('"a" + "b"', "E0205"), ("true + 1", "E0205"), ("-[1]", "E0205"), ("1[0]", "E0205"),
        ("[1][0.5]", "E0205"), ("len(1)", "E0205"), ("max()", "E0205"), ("abs(1, 2)", "E0205"), ("3(4)", "E0205"), ("min(a=1)", "E0205"),
        ("nosuch", "E0202"), ("nosuch(1)", "E0202"), ("in.channels", "E0403"), ("relu.channels", "E0207"), ("sum([1, [2]])", "E0205"),
        (f"{LARGEST - 1} + 2", "E0206"),
    ],
)  # fmt: skip
def test_an_expression_without_a_value(expression: str, code: str) -> None:
    assert value(expression) == code
