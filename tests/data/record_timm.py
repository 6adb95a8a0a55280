"""Records what timm makes of weights for other input channels and of positions for another grid, in timm.json."""

import json
from pathlib import Path

import timm
import torch
from timm.layers.pos_embed import resample_abs_pos_embed
from timm.models._manipulate import adapt_input_conv

torch.manual_seed(0)
weight = torch.randn(2, 3, 2, 1).round(decimals=2)
channels = [
    {"channels": many, "weight": weight.tolist(), "made": adapt_input_conv(many, weight.clone()).tolist()}
    for many in (1, 2, 3, 4, 7)
]
grids = []
for before, old, new in ((1, (2, 3), (4, 5)), (0, (4, 4), (2, 3)), (2, (3, 2), (3, 2)), (1, (3, 3), (5, 5))):
    positions = torch.randn(1, before + old[0] * old[1], 2).round(decimals=2)
    made = resample_abs_pos_embed(positions, list(new), list(old), num_prefix_tokens=before)
    grids.append({"before": before, "old": old, "new": new, "positions": positions.tolist(), "made": made.tolist()})
recorded = {"timm": timm.__version__, "input_conv": channels, "positions": grids}
Path(__file__).with_name("timm.json").write_text(json.dumps(recorded))
