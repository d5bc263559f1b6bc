#!/usr/bin/env python3
"""Write further sliding-window goldens: batches, padding modes, overlaps, several outputs.

Usage: make_windows.py OUTDIR [SEED]      (needs torch, monai, numpy)
OUTDIR/cases.json              case -> arguments of SlidingWindowInferer, "shape" of the input, number of "outputs"
OUTDIR/<case>.input.npy        the input [N, C, ...], float32
OUTDIR/<case>.output.npy       the inferer's first output; .output1.npy the second, where there are two
"""
import json, os, sys
import numpy as np
import torch
from monai.inferers import SlidingWindowInferer

out = sys.argv[1]
seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
os.makedirs(out, exist_ok=True)


def ramp(x):
    return torch.arange(x[0, 0].numel(), dtype=torch.float32).reshape(x.shape[2:]) / x[0, 0].numel()


def f(x):  # the window function of make_transforms.py: its value depends on the position within the window
    n = ramp(x)
    return torch.cat([x * (1 + n), x.mean(dim=tuple(range(2, x.dim())), keepdim=True) + n.expand(x.shape)], 1)


def f2(x):  # a second output with one channel
    return f(x), 2 * x.sum(dim=1, keepdim=True) - ramp(x)


cases = {
    "batch_of_two": ((2, 1, 18, 20, 14), dict(roi_size=12, overlap=0.5, mode="gaussian", sw_batch_size=5)),
    "no_overlap": ((1, 1, 20, 17, 24), dict(roi_size=[8, 8, 8], overlap=0, sw_batch_size=3)),
    "asymmetric": ((1, 2, 17, 21, 13), dict(roi_size=[8, 12, 6], overlap=[0, 0.5, 0.9], sw_batch_size=2)),
    "interval_one": ((1, 1, 9, 10, 11), dict(roi_size=[6, 6, 6], overlap=0.95, mode="gaussian", sw_batch_size=7)),
    "large_batch": ((1, 1, 16, 20, 12), dict(roi_size=[12, 12, 12], overlap=0.25, sw_batch_size=50)),
    "defaults": ((1, 1, 20, 24, 16), dict(roi_size=[12, 12, 12])),
    "fill_value": ((1, 1, 9, 20, 12), dict(roi_size=[14, 12, 15], overlap=0.5, cval=-1.5, mode="gaussian")),
    "reflect": ((1, 1, 9, 14, 11), dict(roi_size=[14, 8, 20], padding_mode="reflect", mode="gaussian")),
    "circular": ((1, 2, 9, 14, 11), dict(roi_size=[14, 8, 20], padding_mode="circular", overlap=0.5)),
    "replicate_far": ((1, 1, 3, 4, 30), dict(roi_size=[16, 13, 16], padding_mode="replicate", mode="gaussian")),
    "plane_reflect": ((2, 2, 13, 40), dict(roi_size=[24, 24], padding_mode="reflect", overlap=0.5, sw_batch_size=3)),
    "plane_gaussian": ((1, 3, 33, 29), dict(roi_size=[16, 12], sigma_scale=[0.2, 0.1], mode="gaussian", overlap=0.6)),
    "line": ((1, 2, 50), dict(roi_size=[16], overlap=0.5, mode="gaussian", sw_batch_size=4)),
    "whole_axis": ((1, 1, 12, 15, 18), dict(roi_size=[None, -1, 8], overlap=0.5, sw_batch_size=2)),
    "two_outputs": ((1, 2, 14, 18, 16), dict(roi_size=[10, 10, 18], overlap=0.5, mode="gaussian", sw_batch_size=3)),
    "buffered": ((1, 1, 20, 16, 14), dict(roi_size=[8, 8, 8], overlap=0.5, mode="gaussian", sw_batch_size=3,
                                          buffer_steps=2, buffer_dim=0)),
}
index = {}
generator = torch.Generator().manual_seed(seed)
for name, (shape, arguments) in cases.items():
    x = torch.randn(*shape, generator=generator)
    y = SlidingWindowInferer(**arguments)(x, f2 if name == "two_outputs" else f)
    ys = [y] if isinstance(y, torch.Tensor) else list(y)
    np.save(f"{out}/{name}.input.npy", x.numpy())
    for i, output in enumerate(ys):
        np.save(f"{out}/{name}.output{i or ''}.npy", output.contiguous().numpy())
    index[name] = {"shape": list(shape), "outputs": len(ys), "arguments": arguments}
json.dump(index, open(f"{out}/cases.json", "w"), indent=1)
print(len(index), "window cases")
