"""What operators have so and so many of: parameters, multiply-accumulates, and layers, which they are themselves."""

from __future__ import annotations

from archdsl.algebra.figures import count_shown
from archdsl.facts.fact import Shade, View, total
from archdsl.graph import sums

PARAMS = total("params", "parameters", "parameters", sums.PARAMS)
MACS = total("macs", "MACs", "MACs", sums.MACS, exact=False, shade=Shade(first=True))
LAYERS = total(
    "layers",
    "layers",
    "layers",
    sums.LAYERS,
    apart=False,
    views=frozenset({View.COMPARISON, View.REQUIREMENTS}),
    text=count_shown,
    short=None,
    shares=False,
    sort=None,
    shade=None,
)
