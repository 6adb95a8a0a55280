"""What stands in `examples/`: a back end that is not PyTorch, made of the hierarchy alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from math import prod
from pathlib import Path
from typing import Any

import pytest

import archdsl
from archdsl.elaborate.library import zoo_names

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))

from keras_layers import NotPlain, keras_text  # noqa: E402 - from a folder of its own

PLAIN = ("alexnet_owt", "lenet5", "nin_d2l", "textbook_conv", "tiny_vgg", "vgg11", "vgg13", "vgg16", "vgg19")


def counted(text: str) -> int:
    """The parameters of the layers that a text makes, worked out by the rules of Keras from its calls alone."""
    made = next(each for each in ast.walk(ast.parse(text)) if isinstance(each, ast.List))
    shape: tuple[int, ...] = ()
    params = 0
    for call in made.elts:
        assert isinstance(call, ast.Call)
        assert isinstance(call.func, ast.Attribute)
        given: list[Any] = [ast.literal_eval(each) for each in call.args]
        named: dict[str, Any] = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
        kind = call.func.attr.rstrip("D").rstrip("123")
        bias = named.get("use_bias", True)
        match kind:
            case "Input":
                (shape,) = given
            case "ZeroPadding":
                shape = (*(side + sum(pair) for side, pair in zip(shape, given[0], strict=False)), shape[-1])
            case "Conv":
                width, sizes = given
                params += prod(sizes) * shape[-1] // named.get("groups", 1) * width + bias * width
                shape = (*_slid(shape, sizes, named["strides"]), width)
            case "MaxPooling" | "AveragePooling":
                shape = (*_slid(shape, given[0], named["strides"]), shape[-1])
            case "GlobalAveragePooling" | "GlobalMaxPooling":
                shape = shape[-1:]
            case "Permute":
                assert given == [(3, 1, 2)]
                shape = (shape[2], *shape[:2])
            case "Flatten":
                shape = (prod(shape),)
            case "Dense":
                params += (shape[0] + bias) * given[0]
                shape = (given[0],)
            case _:
                assert kind in {"Activation", "Dropout"}
    return params


def _slid(shape: tuple[int, ...], sizes: tuple[int, ...], strides: tuple[int, ...]) -> tuple[int, ...]:
    return tuple((side - size) // stride + 1 for side, size, stride in zip(shape, sizes, strides, strict=False))


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_chain_is_layers_of_keras_with_as_many_parameters(name: str) -> None:
    net = archdsl.load(name)
    assert counted(keras_text(net)) == net.params


def test_what_is_no_plain_chain_is_refused_and_nothing_else_happens() -> None:
    plain: set[str] = set()
    for name in zoo_names():
        try:
            keras_text(archdsl.load(name))
        except NotPlain:
            continue
        plain.add(name)
    assert set(PLAIN) <= plain
    assert not {"resnet18", "googlenet", "bert", "unet", "vit_b_16"} & plain
    branching = "a = conv3-8\nb = a -> relu\nc = a -> tanh\n"
    for end in ("output b, c", "output c"):
        with pytest.raises(NotPlain):
            keras_text(archdsl.parse(f"net n {{\ninput 8x8x3\n{branching}{end}\n}}"))
    with pytest.raises(NotPlain):
        keras_text(archdsl.parse("input (5, 4)\nfc-7"))
    for wrong in ("conv3-4 -> lrn", "add { relu | identity }", "pool3/2(p=1)", "prelu"):
        with pytest.raises(NotPlain):
            keras_text(archdsl.parse(f"INPUT[8x8x3] -> {wrong}"))


def test_a_back_end_needs_no_torch() -> None:
    code = "import sys, keras_layers; sys.argv[1:] = ['lenet5']\n"
    code += "import archdsl; text = keras_layers.keras_text(archdsl.load('lenet5')); print(text)\n"
    code += "assert not {'torch', 'archdsl.emit.torch.source'} & sys.modules.keys()"
    made = subprocess.run([sys.executable, "-c", code], cwd=EXAMPLES, capture_output=True, text=True, check=True)
    assert 'layers.Conv2D(6, (5, 5), strides=(1, 1), dilation_rate=(1, 1), name="c1"),' in made.stdout
