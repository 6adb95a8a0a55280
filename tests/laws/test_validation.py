"""The law of the check of emitted files: what behaves in another way than its network is never accepted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from unittest.mock import patch

import pytest
import torch
from hypothesis import given, note
from hypothesis import strategies as st
from laws import corruption
from laws.corruption import Corrupted, corrupted
from laws.emission import Difference, emitted, hold
from laws.test_emission import ONCE_WRONG
from laws.test_pass_laws import small
from laws.writer import program
from programme import examples

import archdsl
from archdsl import ArchError, Network
from archdsl.emit.torch import source
from archdsl.emit.torch.validate import Miscompiled, validate

SHARDS = 4
IN_CI = 60
"""Corruptions for each text of a shard."""

NETWORKS = (
    "convnext",
    "densenet",
    "gpt2",
    "mobilenet_v3_small",
    "resnet",
    "seq2seq_attention",
    "swin",
    "transformer",
    "unet",
)

# constructs of files that are rare in random programs
TEXTS = {
    **ONCE_WRONG,
    "outputs in training": """
block b(c, n) = [conv3-c -> relu]*n as body
net n {
  init kaiming
  input 12x10x3
  conv3-4 -> bn -> relu -> [conv3-4 -> relu]*70 as long -> b(8, 3) -> b(8, 70)
  a = conv3-4
  c = a -> gap -> fc-3
  a -> gap -> fc-5
  output c (train)
}""",
    "layers with names": """
net n {
  input 9x8x3
  [conv3-c as layer{i} -> relu for i, c in [(1, 4), (2, 6), (3, 8)]] as stage
  [dwconv3 -> bn]*80 as long
}""",
    "stretches": """
net n {
  input 32x24x3
  [conv3-8 -> relu -> conv3-8 -> relu -> pool -> conv3-16 -> relu -> conv3-16 -> relu -> conv3-24 -> relu -> pool
    -> conv3-24 -> relu -> conv3-24 -> relu -> conv3-24 -> relu -> conv3-32 -> relu -> conv3-32 -> relu -> pool] as features
}""",
    "layers that take a memory": """
block layer(d, memory, k) = residual { attention(2, memory) } -> residual { fc-(k*d) -> relu -> fc-d }
net n {
  input src: (5, 8)
  input (6, 8)
  [layer(8, src, 2)*3 -> layer(8, src, 3)] as layers
  layer(8, src, 1)*2
}""",
    "part of a list": """
block b(k) = conv-4(window=(k[0], k[1])) -> conv3-(k[2])
net n {
  input 9x8x3
  b([3, 1, 8]) -> b([1, 3, 6])
}""",
    "two activations": """
block b(a, d) = [conv3-4 -> d -> conv3-4 -> a] as body
net n {
  input 9x8x3
  b(relu, relu) -> b(relu, gelu) -> b(gelu, relu)
}""",
    "choice by a flag": """
block b(c, f) = [conv3-c -> [relu if f else gelu] -> conv3-c] as body
block u(c, f) = [conv3-c -> [tanh if f else relu6] -> conv3-c] as body
net n {
  input 9x8x3
  b(4, false) -> b(4, true) -> b(6, false) -> b(6, true) -> u(4, true) -> u(4, false) -> u(6, true) -> u(6, false)
}""",
    "choice by a word": """
block b(c, m) = [conv3-c -> [relu if m == "x" else gelu]] as body
block u(c, m) = [conv3-c -> [gelu if m == "x" else relu]] as body
net n {
  input 9x8x3
  b(4, "y") -> b(4, "z") -> b(4, "x") -> u(4, "y") -> u(4, "z") -> u(4, "x")
}""",
    "shortcut by a number": """
block b(c, n) = conv1-c -> [residual { conv3-c } if n != 3 else conv3-c]
block u(s) = residual(project=false) { conv3-8/s }
net n {
  input 9x8x3
  b(8, 3) -> b(8, 4) -> b(8, 5) -> u(1) -> u(2)
}""",
    "shortcut by all numbers but one": """
block u(n) = residual(project=false) { conv3-8/(2 if n == 3 else 1) }
block v(k) = residual(project=false) { conv-8(window=k, p=0) }
net n {
  input 13x12x8
  u(1) -> u(2) -> u(3) -> v(1) -> v(3) -> v(1)
}""",
    "widths that go on": """
block b(c, g) = [conv3-(c + g*i) for i in range(5)]
net n {
  input 9x8x3
  b(4, 2) -> b(4, 3) -> b(6, 1)
}""",
    "first values": """
net n {
  input 8x9x4
  add { | param((4, 8, 9), mean=1) } -> layer_scale(1) -> add { | param((4, 8, 9), mean=2, deviation=0.5) } -> conv3-4
}""",
    "loops between names": """
net n {
  input 8x9x4
  [dwconv3 as begin -> [dwconv3 -> bn]*8 -> dwconv3 -> [[dwconv3]*8 -> bn]*9 -> dwconv3 as end] as body
}""",
    "two blocks handed on": """
block u(c) = conv3-c -> relu
block v(c) = conv1-c -> gelu
block stage(f, g, c) = [f(c) -> g(c)] as body
net n {
  input 8x9x4
  stage(u, v, 4) -> stage(v, u, 4) -> stage(u, u, 6) -> stage(v, v, 6)
}""",
    "a tensor that two read": """
net n {
  input 8x9x4
  a = conv3-4
  a -> relu -> add { | a } -> maxpool3(p=1, stride=1) -> relu6 -> tanh -> relu -> conv3-2
}""",
    "stretches that differ": """
net n {
  input 8x9x4
  [conv3-8 -> dropout(0.1) -> conv3-8 -> dropout(0.2) -> conv3-16 -> dropout(0.1) -> conv3-16 -> dropout(0.3)
    -> conv3-24 -> dropout(0.1) -> conv3-24 -> dropout(0.2) -> conv3-8 -> dropout(0.1) -> conv3-16 -> dropout(0.2)
    -> conv3-8 -> dropout(0.1) -> conv3-24 -> dropout(0.2) -> conv3-12 -> dropout(0.4)] as features
}""",
    "shared twice": """
net n {
  input 8x9x4
  share w = conv3-4 -> relu
  share v = conv3-4
  w -> w -> v -> v
}""",
    "class token": """
net n {
  input (6, 8)
  a = fc-8
  concat(along="positions") { param((1, 8)) | a } -> fc-3
}""",
    "a layer before a residual": """
net n {
  input 8x9x4
  conv3-4 -> residual { bn -> relu -> conv3-4 } -> residual { relu -> conv3-4 }
}""",
    "a sum where a flag is off": """
block b(c, f) = [conv3-c if f else residual { conv3-c }] -> relu
net n {
  input 8x9x4
  b(4, true) -> b(4, false) -> b(4, true)
}""",
    "a long way to an output in training": """
net n {
  input 12x10x3
  a = conv3-4 -> bn -> relu
  aside = a -> conv3-5/2 -> bn -> relu -> residual { conv3-5 } -> conv3-6 -> bn
  answer = a -> conv3-6
  output answer
  output aside (train)
}""",
    "projection by stride or width": """
block b(c, s) = residual { conv3-c/s -> bn } -> relu
net n {
  input 12x10x8
  b(8, 1) -> b(8, 2) -> b(12, 1) -> b(16, 2)
}""",
    "sums in products and slices": """
net n {
  input 9x8x4
  a = conv3-4
  b = a -> conv3-4
  mul { a | add { b | a } } -> slice(1) -> add { | mul { | conv3-3 } } -> conv3-4
  add { | a | b }
}""",
    "loops over loops": """
net n {
  input 8x8x6
  [[conv3-c as layer{i}{c} for c in [6, 8, 10, 12]] -> conv3-6 as last{i} for i in range(4)] as names
  [[conv3-c for c in [6, 8, 10, 12]] -> conv3-6]*7
}""",
    "several outputs": """
net n {
  input 12x10x3
  init xavier
  a = conv3-4
  b = a -> conv3-5/2
  c = b -> conv3-6
  e = a -> gap -> fc-2
  f = b -> gap -> fc-3
  output c, b
  output e, f (train)
}""",
    "mask and states": """
net n {
  input src: tokens(6)
  input tgt: tokens(6)
  mask = src -> padding_mask
  memory, h, c = src -> embedding-8(9) -> lstm-8(states=true)
  tgt -> embedding-8(9) -> lstm-8(h, c) -> attention(2, memory, mask=mask) -> fc-9
}""",
}  # fmt: skip


@dataclass
class Case:
    """A network and its file. judge: raises Miscompiled for a file that is another network's. seen: how many
    corruptions of each kind were tried, and how many of them accepted."""

    net: Network
    code: str
    judge: Callable[[str], None]
    seen: Counter[str] = field(default_factory=Counter)

    @staticmethod
    def of(net: Network) -> Case:
        with patch.object(source, "validate", wraps=validate) as called:
            code = net.source()
        assert net.emitted.apart == ""
        root, traced, _, name, layered = called.call_args.args
        return Case(net, code, lambda text: validate(root, traced, text, name, layered))

    def slip(self, wrong: Corrupted) -> str | None:
        """How a corrupted file that is accepted behaves in another way than the network; None if it does not, or is
        not accepted."""
        self.seen[wrong.kind] += 1
        try:
            self.judge(wrong.code)
        except Miscompiled:
            return None
        self.seen["accepted"] += 1
        try:
            hold(self.net, code=wrong.code)
        except Difference as difference:
            return f"{wrong.kind}: {wrong.detail}: {difference}"
        one, other = (self._first_values(code) for code in (self.code, wrong.code))
        same = all(torch.equal(one[name], other[name]) for name in one)
        return None if same else f"{wrong.kind}: {wrong.detail}: other first values"

    def _first_values(self, code: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return emitted(code, self.net.emitted.class_name).state_dict()

    def slips(self, count: int, seed: int) -> Iterator[str]:
        """Slips among so many corruptions. The file itself, without what stands around the program, is accepted."""
        self.judge(corruption.plain(self.code))
        draw = random.Random(seed)
        for _ in range(count):
            if (found := self.slip(corrupted(self.code, draw))) is not None:
                yield found


def case_of(seed: int) -> Case | None:
    written = program(seed)
    try:
        return Case.of(archdsl.parse(written.text, **written.settings))
    except ArchError:
        return None


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_corrupted_file_that_behaves_in_another_way_is_accepted(shard: int) -> None:
    seen = Counter[str]()
    for seed in range(5_000 + shard, 5_000 + SHARDS * 6, SHARDS):
        if (case := case_of(seed)) is not None:
            assert list(case.slips(IN_CI, seed)) == []
            seen += case.seen
    assert seen["accepted"] < seen.total() / 6
    assert set(corruption.KINDS) <= set(seen)


@examples(4, 400)
@given(st.integers(100_000, 2**40))
def test_no_corrupted_file_of_any_program_is_accepted(seed: int) -> None:
    if (case := case_of(seed)) is not None:
        note(case.code)
        assert list(case.slips(IN_CI // 2, seed)) == []


@pytest.mark.parametrize("name", TEXTS)
def test_no_corrupted_file_of_what_is_rare_is_accepted(name: str) -> None:
    assert list(Case.of(archdsl.parse(TEXTS[name])).slips(IN_CI // 4, len(name))) == []


@pytest.mark.long
@pytest.mark.parametrize("name", NETWORKS)
def test_no_corrupted_file_of_the_zoo_is_accepted(name: str) -> None:
    assert list(Case.of(small(name)).slips(500, 0)) == []


@pytest.mark.long
@pytest.mark.parametrize("name", TEXTS)
def test_no_corruption_at_all_of_what_is_rare_is_accepted(name: str) -> None:
    case = Case.of(archdsl.parse(TEXTS[name]))
    assert [slip for wrong in corruption.every(case.code) if (slip := case.slip(wrong)) is not None] == []
