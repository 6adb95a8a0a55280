"""Published networks whose blocks take counts, flags and widths: their files are what their texts say.

Counts are those that ultralytics and torchvision print, and of GhostNet that of timm's `ghostnet_100`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from laws.emission import hold

import archdsl
from archdsl import Network

DATA = Path(__file__).parent / "data"

COUNTS = {
    "vgg11.arch:vgg11": 132_863_336,
    "ghostnet.arch:ghostnet": 5_182_508,
    # without the 16 numbers of its head that are not learned
    "yolov8.arch:yolov8n": 3_157_184,
    "yolov8.arch:yolov8s": 11_166_544,
    "yolov8.arch:yolov8m": 25_902_624,
    "yolov8.arch:yolov8l": 43_691_504,
    "yolov8.arch:yolov8x": 68_229_632,
}
RUN: dict[str, dict[str, Any]] = {
    # narrow and small, so that numbers in float64 fit a test
    "vgg11.arch:vgg11": {"input": (3, 32, 64), "classes": 7},
    "ghostnet.arch:ghostnet": {"input": (3, 32, 64)},
    "yolov8.arch:yolov8n": {"input": (3, 64, 96)},
}


def network(name: str, **given: Any) -> Network:
    """A network of one of the files."""
    return archdsl.load(f"{DATA}/{name}", **given)


@pytest.mark.parametrize("name", COUNTS)
def test_it_has_as_many_parameters_as_is_published(name: str) -> None:
    net = network(name)
    assert net.params == COUNTS[name]
    assert sum(each.numel() for each in net.to_torch("meta").parameters()) == COUNTS[name]


@pytest.mark.parametrize("name", RUN)
def test_its_file_is_what_its_text_says(name: str) -> None:
    found = hold(network(name, **RUN[name]))
    assert found.lively
    assert found.shared


def test_depth_and_width_are_arguments() -> None:
    text = (DATA / "yolov8.arch").read_text()
    hold(archdsl.parse(f"{text}\nnet slim = yolov8(1, 0.125, 512)\n", net="slim", input=(3, 64, 32)))
