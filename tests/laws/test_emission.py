"""The law of emission on random programs, and on the texts that it failed for."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from laws.emission import hold
from laws.emission_programme import Round
from laws.smallest import smallest
from laws.writer import program
from programme import examples

import archdsl
from archdsl import ArchError
from archdsl.ops import OPERATORS

SHARDS = 8
IN_CI = 56
"""Programs of one shard; the long programme is `python tests/laws/emission_programme.py`."""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_an_emitted_file_is_what_its_text_says(shard: int) -> None:
    made = Round()
    for seed in range(shard, SHARDS * IN_CI, SHARDS):
        made.take(seed)
    assert made.failures == []
    assert made.refused <= 3
    assert made.programs > 50
    # the generator does what it is for
    assert made.quiet < 10
    assert made.sharing > 8


@examples(10, 2_000)
@given(st.integers(100_000, 2**40))
def test_an_emitted_file_is_what_its_text_says_of_any_number(seed: int) -> None:
    written = program(seed)
    note(f"{written.text}\n{written.settings}")
    try:
        net = archdsl.parse(written.text, **written.settings)
    except ArchError:
        return
    hold(net, seed)


def test_programs_have_every_operator_and_every_construct() -> None:
    seen = Counter[str]()
    for seed in range(400):
        seen.update(program(seed).seen)
    words = {each.removeprefix("operator ") for each in seen if each.startswith("operator ")}
    known = {OPERATORS[word].word for word in words if word in OPERATORS}
    assert {each.word for each in OPERATORS.classes} - known == set()
    assert set(CONSTRUCTS) - set(seen) == set()


CONSTRUCTS = (
    "parameter: width", "parameter: stride", "parameter: window", "parameter: count", "parameter: flag", "parameter: act",
    "parameter: norm", "parameter: p", "parameter: list", "parameter: table", "parameter: mode", "parameter: inner",
    "parameter: tensor", "default", "default over a parameter", "parameter of a network", "arithmetic", "ceil", "round",
    "max", "min", "function", "choice of numbers", "item of a list", "sum of a list", "length of a list",
    "size of what comes in", "let", "condition", "condition with else", "comparison", "not", "and, or", "text compared",
    "optional layer", "group", "labelled group", "repeat", "repeat by a parameter", "labelled repeat", "repeat in a repeat",
    "repeat of a block", "comprehension", "comprehension over a parameter", "labelled comprehension",
    "repeat of a comprehension", "loops in a row", "concat of branches", "add of branches", "mul of branches", "empty branch",
    "tensor in a branch", "captured tensor", "residual", "residual(project=false)", "residual(drop=)",
    "residual(project=false, drop=)", "residual(c, s)", "residual of branches", "squeeze_excite", "inception", "share",
    "shared layer, used", "binding", "several names", "block called", "block called by a block",
    "block called several times", "blocks three deep", "block that is a chain", "block that is a row", "block as argument",
    "block as argument, called", "block with some arguments", "operator as argument, used", "text as argument, used",
    "output of a block", "block of several outputs", "several inputs", "several outputs", "output in training mode",
    "default of a scope", "default of a file", "act= or norm=", "label", "init", "statements without a net", "bare chain",
    "family", "stated shape", "tokens", "mask", "states", "state as operand", "tensor as operand", "sample",
)  # fmt: skip

ONCE_WRONG = {
    "activation as argument": """
block b(c, act) = [conv3-c -> act] as p -> conv3-c
net n {
  input 8x8x3
  b(8, relu) -> b(8, gelu)
}""",
    "rounds that are written out": """
block b(c) = [conv3-c -> relu]*2 -> pool
net n {
  input 32x32x3
  b(8) -> b(16) -> b(16)
}""",
    "rounding in a block in a block": """
block inner(c) = conv1-(ceil(c/2)) -> conv3-c
block outer(c) = inner(c) -> conv3-c
net n {
  input 8x9x3
  outer(16) -> outer(32)
}""",
    "two projections in one block": """
block b(c) = residual { conv3-c -> bn } -> residual { conv3-(2*c)/2 }
net n {
  input 8x8x3
  b(4) -> b(8) -> b(16)
}""",
    "shortcut by a flag": """
block b(c, f) = [residual { conv3-c } if f else conv3-c] -> relu
net n {
  input 8x8x3
  b(4, true) -> b(4, false) -> b(4, true) -> b(6, true)
}""",
    "condition in a labelled group": """
block b(c, f) = [conv3-c -> [bn if f] -> relu] as body -> conv1-c
net n {
  input 8x8x3
  b(4, true) -> b(4, false) -> b(6, true)
}""",
    "condition in a repeat": """
block b(c, f) = [conv3-c -> [bn if f else relu]]*2
net n {
  input 8x8x4
  b(4, true) -> b(4, false) -> b(6, true)
}""",
    "condition in a residual": """
block b(c, f) = residual { conv3-c -> [bn if f] -> relu }
net n {
  input 8x8x4
  b(4, true) -> b(4, false) -> b(6, true) -> b(6, false)
}""",
    "count as parameter": """
block stage(n, c) = [conv3-c -> relu]*n
net n {
  input 8x8x3
  stage(1, 8) -> stage(2, 16)
}""",
    "count that may be nothing": """
block u(n) = [[conv3-3]*n -> relu]
net n {
  input 8x8x3
  u(0) -> u(2)
}""",
    "repeat of a comprehension": """
net n {
  input 8x8x6
  [conv3-6 -> bn for i in range(3)]*2
}""",
    "repeat of a comprehension in a block": """
block b { [dwconv3 for i in range(2)]*2 }
net n {
  input 4x5x3
  b -> b
}""",
    "gate": """
net n {
  input 10x17x1
  squeeze_excite(1) -> conv3-4
}""",
    "whole number of a learned factor": """
net n {
  input 8x9x3
  layer_scale(20) -> conv3-16 -> add { | param((16, 8, 9), mean=2) }
}""",
    "sums of slices": """
block layer(r) = concat { slice(0, r) -> conv3-r | conv3-(in.channels - r) }
net n {
  input 8x9x12
  layer(2) -> layer(3) -> layer(4) -> layer(5) -> layer(6)
}""",
    "activation with another number": """
block b(act) = act -> conv1-4
net n {
  input 4x5x3
  b(leaky_relu(0.3)) -> b(relu) -> b(leaky_relu(0.1))
}""",
    "operator or none": """
block b(c, a=none, f=bn) = conv3-c(act=a, norm=f) -> conv3-c
net n {
  input 8x8x3
  b(4) -> b(4, gelu, gn(2)) -> b(4, a=none, f=none) -> b(4, f=ln)
}""",
    "activation in what is shared": """
block b(c, act=gelu) {
  share w = residual { conv5-c -> act } -> conv1-(in.channels)
  w
}
net n {
  input 5x4x4
  b(4) -> b(3, hardsigmoid) -> b(3, relu)
}""",
    "number of an activation": """
block b(p) {
  share w = concat { leaky_relu(p) | }
  w
}
net n {
  input 5x4x2
  b(0.25) -> b(0.5)
}""",
    "condition on what comes in": """
block b(c) { [relu if in.channels == c else conv3-c] }
net n {
  input 5x4x2
  b(4) -> b(4) -> b(2)
}""",
    "text as argument": """
block up(m="nearest") = upsample2(mode=m)
net n {
  input 5x4x2
  up -> up("bilinear")
}""",
    "nothing by a flag": """
block b(flag) = [relu if flag]
net n {
  input 5x4x2
  b(true) -> b(false) -> conv3-4
}""",
    "sum of a list": """
block a(ws=[4, 8, 4]) { residual { fc-(sum(ws)) } -> residual { roll(1) } }
net n {
  input (7, 4)
  a -> a -> a([4])
}""",
    "shortcut where shapes agree": """
block u(s=2) = pool3/s(p=1) -> residual(project=false) { conv1-16/s }
net n {
  input 9x8x16
  u(1) -> u(2) -> u(1)
}""",
    "residuals in residuals": """
block k = residual(project=false, drop=0.1) { add { | } -> residual(project=false) { slice(0, 3) } }
net n {
  input (5, 4)
  k -> k
}""",
    "incoming tensor in a row": """
block b(c) = [slice(1) -> concat { slice(0, 2) | slice(1) -> identity } -> concat { | in }]
net n {
  input 4x5x4
  b(1) -> conv1-4 -> b(2)
}""",
    "incoming tensor in a group in a row": """
block b = [identity -> [concat { in | }] as body]
net n {
  input 4x5x4
  b -> b
}""",
    "incoming tensor given from a row": """
block a(c, other) = add { | other } -> fc-c
block b(c) = [a(c, in) -> a(8, in)]
net n {
  input (5, 6)
  b(6) -> fc-6 -> b(6)
}""",
    "gate of a width that is rounded": """
block b(c) = [mul { | conv1-(round(0.5*c)) }]
net n {
  input 3x6x1
  [b(2)] as t -> b(16) -> b(16)
}""",
    "projection of a width that is rounded": """
block b(c) = [residual { conv3-(ceil(c/2)) }]
net n {
  input 5x6x8
  [b(4) -> b(8)] as u
}""",
    "what is doubled, shared": """
block b = [[fc-8] -> concat { | fc-(2*in.channels) }] as s
net n {
  input 8
  share w = b -> b
  w
}""",
    "parts without a width": """
block a = [concat { | } -> fc-3 -> sample { fc-(2*in.features) | fc-(2*in.features) }]
block p(c) { residual { a } }
net n {
  input (7, 4)
  p(4) -> p(8)*2
}""",
    "condition in a block in a repeat": """
block a(c) {
  [fc-(round(0.5*c)) -> [ln if in.channels == c]]
}
block p(c) { [a(max(in.channels//2, 2))] -> fc-8 }
net n(n=2) {
  input 4
  fc-8 -> p(12)*n -> p(2)
}""",
    "the identity among layers that one loop calls": """
block c(n) = conv1-2 -> [identity -> relu -> add { in -> conv1-2 | in -> conv1-2 }]*1
net n {
  input 5x4x3
  c(1)
}""",
    "layers of a list that are called in different ways": """
net n {
  input (4, 8)
  input other: (4, 8)
  x = fc-8 -> [[dropout(0.1) -> dot_attention(other, heads=2) -> attention(other, heads=1)] as inner] as outer
}""",
    "a learned tensor that scales a sum": """
net n {
  input (6, 4)
  add { | param((6, 4), mean=2) }
  a, b = layer_scale(0.5) -> split(2)
  a -> concat { | b }
}""",
    "what only training gives, in a block in a block": """
block headed {
  x = conv3-4
  a = x -> conv3-8
  y = x -> relu
  output y
  output a (train)
}
block twice {
  y, a = headed
  z, b = y -> headed
  output z
  output b (train)
}
net n {
  input 8x7x4
  y, a = twice
  output y
  output a (train)
}""",
    "rounds of a repeat that take what came into the block": """
block a = [add { conv3-(in.channels) | in } -> relu]*3
block b = [add { conv3-(in.channels) | in }]*3
block c { [[add { conv3-(in.channels) | in }]*3 as k -> tanh] as q }
net n {
  input 4x5x4
  a -> b -> c
}""",
    "a row whose layers take what came in": """
block first(c) = [slice(1) -> concat { | in }]
block second(c, other) { add { conv3-c | other -> conv1-c } }
block third(c) = [second(c, in) -> second(8, in) -> relu -> second(8, in)]
block fourth(c) = [identity -> [concat { in | }] as body -> conv3-c]
net n {
  input 4x5x4
  first(1) -> first(2) -> third(1) -> third(2) -> fourth(3) -> fourth(5)
}""",
    "an activation that is shared and used where its input is needed": """
net n {
  input 8
  share act = relu
  fc-8 -> act
  residual { act }
  residual { act }
}""",
    "an activation behind a tied layer": """
net n {
  input tokens(5)
  share words = embedding-4(9)
  words -> ln -> tied(words) -> relu
}""",
    "names that a copied class has from elsewhere": """
block b(F) = conv3-F -> ln
net n {
  input F: 7x8x3
  math = F -> conv3-4 -> ln
  b(4) -> b(5)
}""",
    "a part of a list in a block that is a list": """
block b(c) = [fc-c -> [dropout(0.1) -> relu -> add { in -> fc-c | } -> tanh] as inner -> add { | in -> fc-c }]
net n {
  input 6
  b(4) -> b(5)
}""",
    "a copied class that only a function calls": """
net n {
  input 3
  [fc-8 -> prelu(8) -> slice(5, 7) -> fc-8 -> prelu(8) -> slice(5, 7) -> fc-8 -> prelu(8) -> slice(5, 7) -> fc-8 -> prelu(8) -> slice(5, 7) -> fc-8 -> prelu(8) -> slice(5, 7) -> fc-9 -> prelu(9) -> fc-8 -> prelu(8) -> slice(5, 7)] as row
}""",
    "one of several names": """
net n {
  input 4
  a, b = split(2)
  a
}""",
    "list as argument": """
block r(ws) = [[conv3-w -> relu for w in ws]]
net n {
  input 8x8x3
  r([4, 8]) -> r([4]) -> r([8, 4])
}""",
    "table as argument": """
block r(t) = [conv3-w/s for w, s in t]
net n {
  input 8x8x3
  r([(4, 1), (8, 2)]) -> r([(4, 1)]) -> r([])
}""",
    "activation handed on": """
block inner(act) = [act -> conv3-4]
block outer(a) = inner(a) -> a
net n {
  input 8x8x3
  outer(relu) -> outer(gelu) -> outer(leaky_relu(0.3))
}""",
    "block handed on": """
block u(c, k=3) = conv-c(window=k) -> relu
block v(c) = residual { conv3-c -> bn }
block stage(inner, c, n) = inner(c)*n
net n {
  input 8x8x3
  stage(u, 8, 2) -> stage(u(k=5), 4, 1) -> stage(inner=v, c=2, n=3) -> stage(v, 2, 0)
}""",
    "tensors called as loops call layers": """
net n {
  input layer: 8x8x3
  input x: 8x8x3
  a = layer -> conv3-4
  b = add { a | x -> conv3-4 } -> [conv3-4 -> relu -> add { | a }]*3
  layer2 = b -> [[conv3-4 -> add { | b }]*8 -> relu]*8
  layer2 -> relu
}""",
    "names of a loop that are divided by its length": """
block b(n, c) = [[conv3-c -> relu]*n -> conv3-c as last -> [conv3-c -> relu]*(n + 2) -> conv3-c as very_last]
net n {
  input 8x8x4
  b(2, 4) -> b(9, 5) -> b(0, 5) -> b(1, 6)
}""",
    "layers that nothing reads": """
net n {
  input 8x8x3
  x = conv3-4 -> bn
  y = x -> conv3-8 -> bn
  a, b = x -> split(2)
  output b
}""",
    "whole number that is the default": """
block b(heads, p=0) = residual { attention(heads, dropout=p) }
net n {
  input (9, 32)
  b(2) -> b(4, 0.1) -> attention(2, dropout=0)
}""",
    "whole number that is the default in some": """
block b(c, a, k=1) = conv3-c -> elu(a) -> lrn(k=k)
net n {
  input 8x8x3
  b(4, 1) -> b(5, 2) -> b(5, 0.5, 2) -> b(6, 1, 1.5)
}""",
}


def test_a_text_is_made_small_as_long_as_it_fails() -> None:
    text = "block b(c, act) = [conv3-c -> act]*2 -> bn\nnet n {\n  input 8x8x3\n  b(8, relu) -> [pool -> b(8, gelu)] as s\n}"

    def fails(text: str) -> str | None:
        try:
            net = archdsl.parse(text)
        except ArchError:
            return None
        return (
            "gelu"
            if any(getattr(step.what, "word", "") == "gelu" for each in net.modules for step in each.steps)
            else None
        )

    made = smallest(text, fails)
    assert fails(made)
    assert not re.search("relu|conv|pool|bn| as ", made)


@pytest.mark.parametrize("name", ONCE_WRONG)
def test_what_was_wrong_once_is_right(name: str) -> None:
    hold(archdsl.parse(ONCE_WRONG[name]))
