"""Devices, as a roofline sees them: how fast they calculate at best, how fast their memory is, and how much there is.

Peaks are those of dense matrix products, from the makers' data sheets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from archdsl.base.dtypes import Dtype
from archdsl.base.records import record
from archdsl.base.wanted import WrongValue

_T, _G = 10**12, 10**9
_PREFIX = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "p": 10**15}
_BINARY = {"ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_FIGURE = re.compile(r"(\d+)(?:\.(\d+))?(?:e\+?(\d{1,2}))? *([kmgtp]i?)?(flop/s|flops|b/s|b)", re.IGNORECASE)


@record(slots=True)
class Device:
    """peak: floating-point operations a second, by the type of the numbers. bandwidth: bytes a second between memory
    and processor. memory: bytes; 0 if not said. source: where the figures are from."""

    name: str
    peak: Mapping[Dtype, int]
    bandwidth: int
    memory: int = 0
    source: str = ""


def _device(name: str, source: str, bandwidth: int, memory: int, *peaks: int) -> Device:
    """The peaks of float64, float32, bfloat16 and float16; 0 where there is none."""
    return Device(
        name, {dtype: peak for dtype, peak in zip(Dtype, peaks, strict=True) if peak}, bandwidth, memory, source
    )


DEVICES: Mapping[str, Device] = {
    "a100": _device(
        "A100 SXM 80 GB",
        "NVIDIA A100 Tensor Core GPU data sheet (1758950), 2021; float64 on tensor cores",
        2_039 * _G,
        80 * _G,
        *(19_500 * _G, 19_500 * _G, 312 * _T, 312 * _T),
    ),
    "h100": _device(
        "H100 SXM",
        "NVIDIA H100 Tensor Core GPU data sheet, 2023; half of the figures with sparsity, float64 on tensor cores",
        3_350 * _G,
        80 * _G,
        *(67 * _T, 67 * _T, 989_500 * _G, 989_500 * _G),
    ),
    "rtx4090": _device(
        "GeForce RTX 4090",
        "NVIDIA Ada GPU Architecture white paper, 2022, table 2",
        1_008 * _G,
        24 * _G,
        *(1_290 * _G, 82_600 * _G, 165_200 * _G, 165_200 * _G),
    ),
    "t4": _device("T4", "NVIDIA T4 product page, 2018", 320 * _G, 16 * _G, *(0, 8_100 * _G, 0, 65 * _T)),
    "cpu": _device(
        "8 AVX2 cores of 3 GHz, two channels of DDR4-3200",
        "two fused multiply-adds a cycle on 4 or 8 numbers each; 2 * 8 bytes * 3.2e9 a second",
        51_200 * 10**6,
        0,
        *(384 * _G, 768 * _G, 0, 0),
    ),
}


def device_of(text: str, dtype: Dtype) -> Device:
    """A device by its name, or by its figures: `312e12 FLOP/s, 2.0e12 B/s, 80e9 B`. ValueError says what is wrong."""
    if (known := DEVICES.get(text.strip().lower())) is not None:
        if dtype not in known.peak:
            have = ", ".join(known.peak)
            raise WrongValue(f"of {known.name} no peak is known in {dtype}, but in {have}")
        return known
    found = dict(figure for part in text.split(",") if (figure := _figure(part)) is not None)
    if not {"FLOP/s", "B/s"} <= found.keys() or len(found) != text.count(",") + 1:
        raise WrongValue(f"`{text}` is none of {', '.join(DEVICES)}, and no `312e12 FLOP/s, 2.0e12 B/s, 80e9 B`")
    return Device(text.strip(), {dtype: found["FLOP/s"]}, found["B/s"], found.get("B", 0))


def bytes_of(text: str) -> int:
    """A size of memory: `24GB`, `16 GiB`, `80e9 B`. ValueError where it is none."""
    match _figure(text):
        case "B", value:
            return value
        case _:
            raise WrongValue(f"`{text}` is no size of memory such as `24GB`")


def _figure(text: str) -> tuple[str, int] | None:
    """A unit with how many of it there are, in whole numbers; None where that is none, or cannot be told."""
    found = _FIGURE.fullmatch(text.strip())
    if found is None:
        return None
    whole, decimals, exponent, prefix, unit = found.groups(default="")
    factor = (_PREFIX | _BINARY)[prefix.lower()] * 10 ** int(exponent or 0)
    value = int(whole + decimals) * factor // 10 ** len(decimals)
    return ({"b": "B", "b/s": "B/s"}.get(unit.lower(), "FLOP/s"), value) if value else None
