"""Nobody outside of the operators knows one by its class or word, and nobody but the torch back end asks for its call."""

from __future__ import annotations

import ast
import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import pytest
import torch
from typing_extensions import override

import archdsl
from archdsl import ArchError, Network
from archdsl.algebra.tensors import TensorType
from archdsl.draw import graphviz
from archdsl.graph.marks import Mark
from archdsl.ops import BUILTIN, OPERATORS, collect
from archdsl.ops.arguments import SharedLayer
from archdsl.ops.faults import BadArgument, Reject
from archdsl.ops.operator import Unary
from archdsl.ops.torchcall import Apply, Layer, X
from archdsl.ops.traits import Style
from archdsl.report import manual

ROOT = Path(__file__).resolve().parents[1]
ASKED = ("alexnet", "resnet18", "unet", "vit_b_16")
PASSES = ("fold-norm", "drop-dropout", "prune-dead", "widen(0.5)", "head(10)", "input-channels(1)")


def all_of(net: Network) -> list[str]:
    """What is told of a network without a back end."""
    told = [net.summary(), net.summary().to_json(), net.draw(), net.draw(detail="op"), net.draw_volumes()]
    return [*map(str, told), str(net.time("h100")), net.explain(), str(net.structure()), str(net.receptive_field())]


@pytest.mark.parametrize("name", ASKED)
def test_what_needs_no_back_end_asks_no_operator_for_its_torch_call(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = all_of(archdsl.load(name))

    def asked(_self: object, _x: object) -> Layer:
        raise AssertionError("its torch call is asked for")

    for each in OPERATORS.classes:
        monkeypatch.setattr(each, "torch", asked)
    net = archdsl.load(name)
    assert all_of(net) == wanted
    changed: list[str] = []
    for each in PASSES:
        try:
            changed.append(str(net.apply(each).summary()))
        except ArchError:
            continue
    assert len(set(changed)) > 1
    assert net.diff(net.apply("head(10)"))
    with pytest.raises(AssertionError, match="asked for"):
        net.source()


# --- an operator that PyTorch has nothing for -------------------------------------------------------------------------


@dataclass(frozen=True)
class Elsewhere(Unary):
    """An operator of another back end."""

    word = "elsewhere"
    style = Style.POOL

    @override
    def output(self, x: TensorType) -> TensorType:
        return x

    @override
    def torch(self, x: TensorType) -> Layer:
        raise Reject(BadArgument("elsewhere", "PyTorch has nothing for it"))

    @override
    def label(self, x: TensorType) -> str:
        return "something else"


def _elsewhere() -> Network:
    module = ModuleType(Elsewhere.__module__)
    module.__dict__["Elsewhere"] = Elsewhere
    text = "INPUT[8x8x3] -> conv3-4 -> [elsewhere -> relu]*2 -> fc-5"
    return archdsl.parse(text, operators=collect(*BUILTIN, module))


def test_an_operator_that_pytorch_does_not_have_is_told_of_in_all_else() -> None:
    net = _elsewhere()
    assert sum("something else" in each for each in all_of(net)) > 3
    assert "something else" in net.page().html
    assert net.apply("head(7)").outputs["y"] == TensorType.vector(7)
    assert "In PyTorch" not in manual.operator_page(Elsewhere)
    with pytest.raises(ArchError) as caught:
        net.source()
    (found,) = caught.value.diagnostics
    assert "PyTorch has nothing for it" in found.message
    assert found.place.source.text[found.place.span.start : found.place.span.end] == "elsewhere"


# --- operators of one's own that say no more than they must ------------------------------------------------------------


@dataclass(frozen=True)
class Square(Elsewhere):
    """The square of each number, which is an expression in PyTorch."""

    word = "square"

    @override
    def torch(self, x: TensorType) -> Apply:
        return Apply.of("torch.square", X)


@dataclass(frozen=True)
class Softer(Elsewhere):
    """A layer that does not say that it is one."""

    word = "softer"

    @override
    def torch(self, x: TensorType) -> Layer:
        return Layer.of("nn.Softplus")


@dataclass(frozen=True, slots=True)
class Borrower(Elsewhere):
    """An operator with the weights of a layer, whose fields are slots."""

    word = "borrower"
    layer: SharedLayer | None = None


@pytest.mark.parametrize(
    "row", ["[conv3-4 -> {0}] as a", "[{0} -> conv3-4]*3", "{0}", "[{0}]*2 as b", "[conv3-4 -> {0} -> bn]*2"]
)
@pytest.mark.parametrize(("operator", "function"), [(Square, torch.square), (Softer, torch.nn.functional.softplus)])
def test_an_operator_of_ones_own_may_stand_in_a_row(row: str, operator: type[Elsewhere], function: Any) -> None:
    module = ModuleType(Elsewhere.__module__)
    module.__dict__[operator.__name__] = operator
    known = collect(*BUILTIN, module)
    mine = archdsl.parse(f"INPUT[8x8x4] -> {row.format(operator.word)} -> gap", operators=known)
    model = mine.to_torch(dtype=torch.float64).eval()
    theirs = archdsl.parse(f"INPUT[8x8x4] -> {row.format('sigmoid')} -> gap").to_torch(dtype=torch.float64).eval()
    for value, other in zip(theirs.parameters(), model.parameters(), strict=True):
        value.data = other.data
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    with patch("torch.nn.Sigmoid.forward", lambda _self, x: function(x)):
        assert torch.allclose(model(x), theirs(x), rtol=0, atol=1e-12)


def test_a_layer_that_is_used_is_known_among_fields_that_are_slots() -> None:
    layer = SharedLayer("w", (("weight", (2, 3)),))
    assert dict(Borrower(layer).borrowed()) == {"layer": layer}
    assert not Borrower().borrowed()


# --- what the rules of layers hold ------------------------------------------------------------------------------------


def contract(name: str) -> dict[str, Any]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (found,) = [each for each in contracts if each["name"] == name]
    return found


def rooms() -> set[str]:
    """All of the package but what operators stand on, and what starts it."""
    below = {"ops", "algebra", "base", "syntax", "boundary", "__init__", "__main__", "server"}
    parts = {
        path.stem for path in (ROOT / "archdsl").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    return {f"archdsl.{each}" for each in parts - below}


def test_the_families_of_operators_are_closed_to_all_rooms() -> None:
    found = contract("outside of the operators nobody knows one by its class")
    assert set(found["forbidden_modules"]) == {each.__name__ for each in BUILTIN}
    assert set(found["source_modules"]) == rooms()


def test_what_pytorch_calls_is_closed_to_all_rooms_but_two() -> None:
    found = contract("what PyTorch calls is for the back end, and for the pages that show it")
    assert set(found["source_modules"]) == rooms() - {"archdsl.emit", "archdsl.report"}


def test_no_operator_is_known_by_its_word() -> None:
    """No comparison of `operator.word` with a text, and no match of it against some."""
    found: list[str] = []
    for path in (ROOT / "archdsl").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "ops" not in path.parts and re.search(r"\.(word|layer_name|kind\(\))", text):
            found += [f"{path}:{node.lineno}" for node in ast.walk(ast.parse(text)) if _goes_by_word(node)]
    assert not found


def _goes_by_word(node: ast.AST) -> bool:
    match node:
        case ast.Compare(left, _, others):
            sides = [left, *others]
            texts = [each for side in sides for each in ast.walk(side) if isinstance(each, ast.Constant)]
            return any(map(_is_word, sides)) and any(isinstance(each.value, str) and each.value for each in texts)
        case ast.Match(subject):
            return _is_word(subject)
        case _:
            return False


def _is_word(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(_, "word" | "layer_name") | ast.Call(ast.Attribute(_, "kind")):
            return True
        case _:
            return False


@pytest.mark.parametrize(
    ("table", "members"),
    [
        (manual._FAMILIES, Style),
        *[(each.fill, Style) for each in (graphviz.LIGHT, graphviz.DARK)],
        *[(each.marked, Mark) for each in (graphviz.LIGHT, graphviz.DARK)],
    ],
)
def test_tables_over_closed_sets_have_all_members(table: dict[Any, str], members: type[StrEnum]) -> None:
    """No type checker says which are missing."""
    assert set(table) - {None} == set(members)
