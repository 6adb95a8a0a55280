"""A hierarchy of modules that no text made: whoever can build one gets everything that a network has."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import archdsl
from archdsl import ArchError, Diagnostic, Network, TensorType
from archdsl.base.faults import LimitPassed
from archdsl.graph.build import Builder
from archdsl.graph.module import INPUT, Module, Wire
from archdsl.graph.verify import Malformed, verify
from archdsl.ops.activation import Relu
from archdsl.ops.conv import Conv
from archdsl.ops.dense import FullyConnected
from archdsl.ops.merge import Add
from archdsl.ops.norm import BatchNorm
from archdsl.ops.pool import GlobalAveragePool, MaxPool


def basic_block(kind: TensorType, channels: int, stride: int) -> Module:
    """The block of ResNet-18 and ResNet-34 (He et al. 2015), with a projection where shapes differ."""
    block = Builder("basic_block")
    x = y = block.add_input(kind, "x")
    y = block.apply(Conv(channels, 3, stride=stride, p=1, bias=False), y, name="conv1")
    y = block.apply(Relu(), block.apply(BatchNorm(), y, name="bn1"))
    y = block.apply(Conv(channels, 3, p=1, bias=False), y, name="conv2")
    y = block.apply(BatchNorm(), y, name="bn2")
    if y.type != kind:
        row = Builder("downsample", indexed=True)
        z = row.apply(Conv(channels, 1, stride=stride, bias=False), row.add_input(kind, "x"))
        z = row.apply(BatchNorm(), z)
        x = block.call(row.finish((z,)), x, name="downsample")
    return block.finish((block.apply(Relu(), block.apply(Add(), y, x)),), is_block=True)


def resnet18() -> Module:
    """ResNet-18, step by step."""
    net = Builder("resnet18")
    x = net.add_input(TensorType.image(3, 224, 224), "x")
    x = net.apply(Conv(64, 7, stride=2, p=3, bias=False), x, name="conv1")
    x = net.apply(Relu(), net.apply(BatchNorm(), x, name="bn1"))
    x = net.apply(MaxPool(3, stride=2, p=1), x)
    for stage, channels in enumerate((64, 128, 256, 512), start=1):
        row = Builder("row", indexed=True)
        y = row.add_input(x.type, "x")
        for stride in (1 if stage == 1 else 2, 1):
            y = row.call(basic_block(y.type, channels, stride), y)
        x = net.call(row.finish((y,)), x, name=f"layer{stage}")
    x = net.apply(FullyConnected(1000), net.apply(GlobalAveragePool(), x), name="fc")
    return net.finish((x,), is_block=True, is_network=True)


@pytest.fixture(scope="module")
def made() -> Network:
    return Network(resnet18())


@pytest.fixture(scope="module")
def written() -> Network:
    return archdsl.load("resnet18")


def test_it_has_the_facts_of_the_text(made: Network, written: Network) -> None:
    assert (made.params, made.macs) == (written.params, written.macs) == (11_689_512, 1_814_073_344)
    assert made.outputs["y"] == TensorType.vector(1000)
    assert made.receptive_field() == written.receptive_field()
    assert made.memory(8).needs == written.memory(8).needs
    assert made.time("h100").work == written.time("h100").work
    assert made.im2col("conv1") == written.im2col("conv1")


def test_it_has_a_table_a_picture_and_a_page(made: Network, written: Network) -> None:
    table = str(made.summary())
    assert "11,689,512 parameters" in table
    assert "layer4" in table
    assert "7×7 conv, 64, /2" in str(made.draw())
    assert re.search(r"\bline \d", str(written.draw()))
    assert not re.search(r"\bline \d", str(made.draw()))
    assert "<svg" in str(made.draw_volumes())
    assert "layer4" in made.page().html
    assert "11,689,512" in made.explain()
    assert made.structure()["modules"]


def test_its_file_is_python_that_carries_no_text(made: Network, written: Network) -> None:
    assert made.source().startswith('"""resnet18, a network.\n\nMade by archdsl')
    assert "ARCH" not in made.source()
    model, other = made.to_torch().eval(), written.to_torch().eval()
    model.load_state_dict(other.state_dict())
    x = torch.randn(1, 3, 64, 64)
    assert torch.equal(model(x), other(x))


def test_passes_change_it_and_differences_are_told(made: Network, written: Network) -> None:
    headed = made.apply("head(10)")
    assert headed.outputs["y"] == TensorType.vector(10)
    assert "10" in str(made.diff(headed))
    assert not made.diff(made)
    told = str(made.diff(written))
    assert "basic_block -> basic" in told
    assert re.search(r"parameters +11,689,512 -> +11,689,512", told)


def test_a_text_that_is_not_there_is_in_no_file(made: Network, tmp_path: Path) -> None:
    file = tmp_path / "made.svg"
    assert "digraph" in str(made.draw(tmp_path / "made.dot"))
    assert str(made.draw_volumes(file)) == file.read_text(encoding="utf-8")


# --- what a hierarchy must be -----------------------------------------------------------------------------------------


def _pair() -> Module:
    """Two layers, a block of one layer twice, and a row."""
    net = Builder("pair")
    x = net.add_input(TensorType.image(3, 8, 8), "x")
    x = net.apply(Conv(4, 3), x, name="conv1")
    block = Builder("block")
    block_x = block.add_input(x.type, "x")
    part = block.finish((block.apply(Conv(4, 3), block_x, name="conv"),), is_block=True)
    x = net.call(part, x, name="twice", count=2)
    return net.finish((net.apply(Relu(), x),), is_block=True, is_network=True)


def _block(root: Module) -> Module:
    what = root.steps[1].what
    assert isinstance(what, Module)
    return what


def _with_step(root: Module, at: int, **values: object) -> Module:
    steps = list(root.steps)
    steps[at] = replace(steps[at], **values)  # pyright: ignore[reportArgumentType]
    return replace(root, steps=tuple(steps))


_OTHER = TensorType.image(5, 8, 8)
WRONG: dict[str, Callable[[Module], Module]] = {
    "its order": lambda root: replace(root, steps=root.steps[::-1]),
    "a wire to nothing": lambda root: _with_step(root, 1, inputs=(Wire(7),)),
    "a port that is not there": lambda root: _with_step(root, 1, inputs=(Wire(0, 1),)),
    "an input that is not there": lambda root: _with_step(root, 0, inputs=(Wire(INPUT, 1),)),
    "what it reads": lambda root: _with_step(root, 0, input_types=(_OTHER,)),
    "what it gives": lambda root: _with_step(root, 2, outputs=(_OTHER,)),
    "what a block gives": lambda root: _with_step(root, 1, outputs=(_OTHER,)),
    "a count of none": lambda root: _with_step(root, 1, count=0),
    "a count of what changes shape": lambda root: _with_step(root, 0, count=2),
    "two of a name": lambda root: _with_step(root, 1, name="conv1"),
    "no name": lambda root: _with_step(root, 1, name=""),
    "weights of two shapes": lambda root: _with_step(
        _with_step(root, 0, shared=True, name="a"), 1, shared=True, name="a"
    ),
    "arguments of an operator": lambda root: _with_step(root, 0, arguments=(("c", 3),)),
    "an output that is not there": lambda root: replace(root, outputs=(Wire(9),)),
    "a name for nothing": lambda root: replace(root, bindings={Wire(9): "y"}),
    "names of outputs": lambda root: replace(root, output_names=("a", "b")),
    "names of inputs": lambda root: replace(root, input_names=("a", "b")),
    "outputs for training": lambda root: replace(root, train_outputs=2),
    "a body of a repeat": lambda root: replace(root, transparent=True),
    "a body of a repeat without a row": lambda root: _with_step(root, 1, what=replace(_block(root), transparent=True)),
    "one of a name shares": lambda root: _with_step(root, 1, name="conv1", shared=True),
    "a name of nn.Module": lambda root: _with_step(root, 0, name="forward"),
    "a name with a space": lambda root: _with_step(root, 0, name="a b"),
    "fewer types than tensors": lambda root: _with_step(root, 0, input_types=()),
    "what no operator takes": lambda root: _with_step(root, 0, what=Conv(4, 99, p=0)),
    "a network without names of inputs": lambda root: replace(root, input_names=()),
    "a network in a network": lambda root: _with_step(root, 1, what=_pair()),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_no_hierarchy_can_be_is_told(what: str) -> None:
    verify(_pair())
    with pytest.raises(Malformed):
        verify(WRONG[what](_pair()))


def test_each_network_of_a_test_is_verified() -> None:
    with pytest.raises(Malformed, match="conv1: it is there 2 times, and makes 8x8x4 of 8x8x3"):
        Network(WRONG["a count of what changes shape"](_pair()))


def test_a_hierarchy_without_a_text_is_always_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCHDSL_VERIFY", "0")
    with pytest.raises(Malformed, match="conv1: two steps have this name"):
        Network(WRONG["two of a name"](_pair()))


def test_what_needs_a_text_says_so(made: Network) -> None:
    for asked in (made.sizes, lambda: pickle.dumps(made)):
        with pytest.raises(TypeError, match="text, from which alone"):
            asked()
    fault = ArchError([Diagnostic(LimitPassed("too many", 2, 1, "layers"), made.module.place)])
    assert fault.diagnostics[0].concise.startswith("E0901 ")
