"""The roofline: its arithmetic by hand, how it composes, devices, and the command."""

from __future__ import annotations

import json
import re
from fractions import Fraction

import pytest

import archdsl
from archdsl.base.dtypes import Dtype
from archdsl.cli import main
from archdsl.facts.devices import DEVICES, Device, bytes_of, device_of

ROUND = "1e12 FLOP/s, 1e9 B/s"


def test_a_step_takes_its_arithmetic_or_its_memory_whichever_is_longer() -> None:
    """3x3x64x64 weights at 32x32 positions for a batch of 2, by hand."""
    net = archdsl.parse("INPUT[32x32x64] -> conv3-64(bias=false) -> relu")
    made = net.time(ROUND, 2, "float16")
    conv, relu = (row.work for row in made.rows)
    maps, weights = 2 * 32 * 32 * 64 * 2, 9 * 64 * 64 * 2
    assert conv.flops == 2 * 2 * 32 * 32 * 9 * 64 * 64
    assert conv.moved == 2 * maps + weights
    assert (relu.flops, relu.moved) == (0, 2 * maps)
    assert conv.moving == conv.moved  # 0.30 ms of arithmetic, 0.60 ms of memory
    assert made.seconds == pytest.approx((2 * maps + weights + 2 * maps) / 1e9)
    faster = net.time("1e12 FLOP/s, 1e12 B/s", 2, "float16")
    assert faster.rows[0].work.calculating == conv.flops
    assert faster.seconds == pytest.approx(conv.flops / 1e12 + relu.moved / 1e12)


def test_what_meets_at_the_ridge_is_bound_by_arithmetic() -> None:
    net = archdsl.parse("INPUT[(1, 4)] -> fc-4(bias=false)")
    ((row,),) = (net.time("32 FLOP/s, 96 B/s").rows,)
    assert (row.work.flops, row.work.moved) == (32, 96)
    assert row.work.calculating == 32


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("INPUT[8x8x4] -> flatten", 0),
        ("INPUT[8x8x4] -> dropout", 0),
        ("INPUT[8x8x4] -> channels_last -> channels_first", 0),
        ("INPUT[8x8x4] -> conv1-4(bias=false) -> relu", 4 * (4 * 256 + 16)),  # written over what it reads, but moved
        ("net n {\n input x: 8x8x4\n add { x | x }\n}", 4 * 2 * 256),  # read once although it comes in twice
        ("net n {\n input x: 9x9x4\n input y: 8x8x4\n resize { x | y }\n}", 4 * (324 + 256)),
        ("net n {\n input tokens(6)\n embedding-8(1000)\n}", 6 * 8 + 4 * (48 + 48)),  # the rows that are looked up
        # the sequence and both states, and the weights and biases of four gates
        (
            "net n {\n input (5, 4)\n a, h, c = lstm-3(states=true)\n output a, h, c\n}",
            4 * (5 * 4 + 4 * 3 * (4 + 3 + 2) + 5 * 3 + 3 + 3),
        ),
        # of positions those that are there
        ("net n {\n input sequence(6, 8)\n position_embedding(1000)\n}", 4 * 3 * 48),
    ],
)
def test_what_is_moved(text: str, moved: int) -> None:
    assert archdsl.parse(text).time(ROUND).work.moved == moved


def test_a_tied_matrix_is_read_where_it_is_used() -> None:
    tied = archdsl.load("gpt2", length=16).time("h100", dtype="bfloat16", depth=1).rows[-1]
    assert tied.work.moved == 2 * (16 * 768 + 50257 * 768 + 16 * 50257)


def test_n_blocks_take_n_times_as_long() -> None:
    one = archdsl.parse("INPUT[32x32x64] -> conv3-64").time("t4").work
    many = archdsl.parse("INPUT[32x32x64] -> [[[conv3-64]*1000]*1000]*1000").time("t4").work
    assert many == one.times(10**9)


@pytest.mark.parametrize("name", ["resnet50", "googlenet", "gpt2"])
def test_the_rows_add_up(name: str) -> None:
    made = archdsl.load(name).time("a100", 8, "bfloat16", depth=1)
    assert sum(row.work.flops for row in made.rows) == made.work.flops == 2 * 8 * archdsl.load(name).macs
    assert sum(map(made.ticks, (row.work for row in made.rows))) == made.ticks(made.work)


def test_a_larger_batch_takes_longer_and_less_for_a_sample() -> None:
    times = [Fraction(archdsl.load("vgg16").time("h100", batch, "bfloat16").seconds) for batch in (1, 4, 16, 64)]
    assert times == sorted(times)
    each = [time / batch for time, batch in zip(times, (1, 4, 16, 64), strict=True)]
    assert each == sorted(each, reverse=True)


@pytest.mark.parametrize("batch", [1, 8, 1000])
def test_the_samples_of_a_second_are_those_of_a_batch_in_its_time(batch: int) -> None:
    made = archdsl.load("vgg16").time("h100", batch, "bfloat16")
    (shown,) = re.findall(r", at most ([\d,]+) samples a second", made.text())
    assert int(shown.replace(",", "")) == pytest.approx(batch / made.seconds, abs=0.51)


# --- devices ----------------------------------------------------------------------------------------------------------


def test_a_device_by_its_figures() -> None:
    found = device_of("312e12 FLOP/s, 2.0e12 B/s, 80e9 B", Dtype.BFLOAT16)
    assert found == Device(found.name, {Dtype.BFLOAT16: 312 * 10**12}, 2 * 10**12, 80 * 10**9)
    assert device_of("2.5 TFLOP/s, 51.2GB/s", Dtype.FLOAT32).peak[Dtype.FLOAT32] == 2_500 * 10**9


@pytest.mark.parametrize(
    ("text", "size"), [("24GB", 24 * 10**9), ("16 GiB", 2**34), ("1.5kB", 1500), ("80e9 B", 80 * 10**9)]
)
def test_sizes_of_memory(text: str, size: int) -> None:
    assert bytes_of(text) == size


@pytest.mark.parametrize(
    "text",
    [
        *("", "fast", "1e12 FLOP/s", "3 B, 4 B/s", "0 FLOP/s, 1 B/s", "1e9999 B/s, 1 FLOP/s"),
        *("1e12 FLOP/s, 1e12 B/s, 80 apples", "1e12 FLOP/s, 1e12 B/s, 2e12 FLOP/s", "1e12 FLOP/s, 1e12 B/s,"),
    ],
)
def test_what_is_no_device(text: str) -> None:
    with pytest.raises(ValueError, match=f"^`{re.escape(text)}` is none of a100, h100, .*, and no `312e12 FLOP/s"):
        device_of(text, Dtype.FLOAT32)


@pytest.mark.parametrize(
    ("name", "memory", "bandwidth", "peaks"),
    [
        ("a100", 80 * 10**9, 2_039 * 10**9, {"float64": 19.5, "float32": 19.5, "bfloat16": 312, "float16": 312}),
        ("h100", 80 * 10**9, 3_350 * 10**9, {"float64": 67, "float32": 67, "bfloat16": 1979 / 2, "float16": 1979 / 2}),
    ],
)
def test_published_figures(name: str, memory: int, bandwidth: int, peaks: dict[str, float]) -> None:
    device = DEVICES[name]
    assert (device.memory, device.bandwidth) == (memory, bandwidth)
    assert {str(dtype): peak / 10**12 for dtype, peak in device.peak.items()} == peaks


def test_each_device_says_where_its_figures_are_from() -> None:
    for device in DEVICES.values():
        assert device.source
        assert device.bandwidth < min(device.peak.values())


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_table_fits_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", "resnet50", "--device", "h100", "--batch", "32", "--dtype", "bfloat16"]) == 0
    said = capsys.readouterr().out
    assert max(map(len, said.splitlines())) <= 80
    assert "at least" in said
    assert "H100" in said


def test_json_has_the_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", "resnet18", "--device", "t4", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert (made["format"], made["version"]) == ("archdsl.time", 1)
    assert made["seconds"] == archdsl.load("resnet18").time("t4").seconds > 0
    assert {row["bound"] for row in made["rows"]} >= {"arithmetic", "memory"}


@pytest.mark.parametrize(("device", "said"), [("t5", "t4"), ("t4", "bfloat16")])
def test_a_device_that_is_not_known_is_refused(device: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["time", "resnet18", "--device", device, "--dtype", "bfloat16"]) == 2
    assert said in capsys.readouterr().err


def test_a_time_that_no_float_holds_is_still_told(capsys) -> None:
    text = "INPUT[8x8x3] -> " + "[" * 40 + "CONV3-3" + "]*100000000" * 40
    assert main(["time", "-e", text, "--device", "h100"]) == 0
    assert "about 10^" in capsys.readouterr().out
    assert main(["time", "-e", text, "--device", "h100", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] is None
